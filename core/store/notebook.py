"""The notebook: notes on a gene or a target of a study, and gene lists by name. Nothing that was written is lost.

Each save keeps what stood there before under ``earlier``: two windows that write to one note both keep their words.
"""

from typing import Any

from pydantic import BaseModel

from core.errors import OptionError
from core.store.kept import Kept, Shelf, now, readable_id
from core.store.study_ref import StudyRef

LONGEST_NOTE = 20_000
LONGEST_LIST_NAME = 80
MOST_GENES = 20_000


class Earlier(BaseModel):
    """A text or a list of genes that stood here before."""

    saved_at: str
    text: str = ""
    genes: list[str] = []


class NotedText(Kept):
    """A note.

    Parameters
    ----------
    about
        The gene or target that it is about.
    study
        In which study.
    text
        The words, as typed.
    earlier
        What stood there before, the oldest first.
    """

    about: str
    study: StudyRef
    text: str = ""
    earlier: list[Earlier] = []


class GeneList(Kept):
    """Genes under a name.

    Parameters
    ----------
    name
        As the user calls it.
    genes
        Symbols in the user's order, each once.
    source
        Where they come from, in words.
    earlier
        What the list held before, the oldest first.
    """

    name: str
    genes: list[str] = []
    source: str = ""
    earlier: list[Earlier] = []


NOTES, LISTS = Shelf("notes", NotedText), Shelf("gene-lists", GeneList)


# ------------------------------------------------------------------------------------------------------- notes


def note(study: Any, about: str) -> NotedText | None:
    """The note on a gene or target of a study, if there is one."""
    return NOTES.get(_note_id(study.id, about))


def save_note(study: Any, about: str, text: str) -> NotedText:
    """Keep a note; what stood there before is kept as well.

    Parameters
    ----------
    study
        The opened study.
    about
        The gene or target.
    text
        The words; none to empty the note.

    Raises
    ------
    OptionError
        If the note is longer than 20,000 characters.
    StorageError
        If the data root cannot be written.
    """
    return keep_note(NotedText(about=about, study=StudyRef.of(study), text=text))


def keep_note(new: NotedText) -> NotedText:
    """Keep a note as :func:`save_note` does, its study by reference.

    Raises
    ------
    OptionError
        If the note is longer than 20,000 characters.
    """
    if len(new.text) > LONGEST_NOTE:
        raise OptionError(
            f"The note has {len(new.text):,} characters; at most {LONGEST_NOTE:,} are kept. Shorten it, or put the "
            "rest into a note of its own."
        )

    def change(before: NotedText | None) -> NotedText | None:
        if before is None:
            return new.model_copy(update={"saved_at": now()})
        if before.text == new.text:
            return None
        return before.model_copy(update={"saved_at": now(), "text": new.text, "earlier": _with_earlier(before)})

    kept = NOTES.change(_note_id(new.study.id, new.about), change)
    return kept or new


def notes(search: str = "") -> dict[str, NotedText]:
    """All notes that say something, by id, the newest first; those that hold a word, in whatever capitals."""
    return {
        id: note
        for id, note in NOTES.items().items()
        if note.text and _found(search, note.about, note.text, note.study.name)
    }


def notes_elsewhere(study: Any, about: str) -> list[NotedText]:
    """Notes on the same gene in other studies."""
    return [n for n in notes().values() if n.about.casefold() == about.casefold() and n.study.id != study.id]


# -------------------------------------------------------------------------------------------------- gene lists


def keep_list(name: str, genes: list[str], source: str = "") -> GeneList:
    """Keep genes under a name; what the list held before is kept as well.

    Parameters
    ----------
    name
        What the list is called; capitals and spaces at its ends make no other list.
    genes
        Symbols; each is kept once.
    source
        Where they come from, in words.

    Raises
    ------
    OptionError
        If the name is empty or too long, or there are no genes or too many.
    StorageError
        If the data root cannot be written.
    """
    name = " ".join(name.split())
    unique = list(dict.fromkeys(" ".join(gene.split()) for gene in genes if gene.strip()))
    if not 1 <= len(name) <= LONGEST_LIST_NAME:
        raise OptionError(f"A gene list needs a name of 1 to {LONGEST_LIST_NAME} characters; this has {len(name)}.")
    if not 1 <= len(unique) <= MOST_GENES:
        raise OptionError(f"A gene list holds 1 to {MOST_GENES:,} genes; {name!r} would hold {len(unique):,}.")
    new = GeneList(name=name, genes=unique, source=source)

    def change(before: GeneList | None) -> GeneList | None:
        if before is None:
            return new.model_copy(update={"saved_at": now()})
        if before.genes == unique:
            return None
        update = {"saved_at": now(), "genes": unique, "source": source, "earlier": _with_earlier(before)}
        return before.model_copy(update=update)

    return LISTS.change(_list_id(name), change) or new


def gene_lists(search: str = "") -> dict[str, GeneList]:
    """All gene lists by id, the newest first; those whose name or genes hold a word, in whatever capitals."""
    return {id: kept for id, kept in LISTS.items().items() if _found(search, kept.name, *kept.genes)}


def remove_list(id: str) -> None:
    """Take a gene list off; :func:`restore_list` brings it back."""
    LISTS.remove(id)


def restore_list(id: str) -> None:
    """Bring back a gene list that was removed."""
    LISTS.restore(id)


def _with_earlier(before: Any) -> list[Earlier]:
    was = Earlier(saved_at=before.saved_at, text=getattr(before, "text", ""), genes=getattr(before, "genes", []))
    return [*before.earlier, was]


def _found(search: str, *words: str) -> bool:
    return not search.strip() or any(search.strip().casefold() in word.casefold() for word in words)


def _note_id(study_id: str, about: str) -> str:
    return readable_id(about, study_id, about)


def _list_id(name: str) -> str:
    return readable_id(name.casefold(), name.casefold())
