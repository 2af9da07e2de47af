"""My figures: what was exported or put aside, with all that is needed to draw it again and to reopen its view."""

from typing import Any

from pydantic import JsonValue

from core import __version__
from core.store.kept import Kept, Shelf, now, readable_id
from core.store.study_ref import StudyRef


class KeptFigure(Kept):
    """A figure that is kept.

    Parameters
    ----------
    figure, options
        Its name in the registry of figures, and what it was drawn with (highlights, scale).
    subject
        The kind of view that it takes: ``"perturbation"``, ``"study"`` and so on.
    about
        What the view is about in a word: the target, or the study.
    choices
        What the view was made with: target, thresholds, stratum.
    study
        Of which study.
    page, query
        The address that reopens the view: the page and its query, pair by pair.
    width_mm, shape
        As it was last exported.
    version
        Of Perturbscope.
    note
        What the user says of it.
    """

    figure: str
    title: str
    subject: str
    about: str
    study: StudyRef
    choices: dict[str, JsonValue] = {}
    options: dict[str, JsonValue] = {}
    page: str = ""
    query: list[tuple[str, str]] = []
    width_mm: float = 85.0
    shape: str = "square"
    version: str = __version__
    note: str = ""

    @property
    def drawn_with(self) -> dict[str, Any]:
        """The options as figures take them: lists are tuples there."""
        return {name: tuple(v) if isinstance(v, list) else v for name, v in self.options.items()}


SHELF = Shelf("figures", KeptFigure)


def keep_figure(figure: KeptFigure, preview: bytes | None = None) -> str:
    """Keep a figure; its id. The same figure of the same view is kept once: its date is then the last one.

    Parameters
    ----------
    figure
        What is kept.
    preview
        A small PNG of it.

    Raises
    ------
    StorageError
        If the data root cannot be written.
    """
    identity = (figure.figure, figure.study.fingerprint, figure.choices, figure.options)
    id = readable_id(f"{figure.about}_{figure.figure}", *identity)
    dated = figure.model_copy(update={"saved_at": now()})
    SHELF.change(id, lambda before: dated.model_copy(update={"note": before.note}) if before else dated)
    if preview:
        SHELF.put_picture(id, preview)
    return id


def figures() -> dict[str, KeptFigure]:
    """All kept figures by id, the newest first."""
    return SHELF.items()


def preview(id: str) -> bytes | None:
    """The small picture of a kept figure, as it was when it was kept."""
    return SHELF.picture(id)


def note_figure(id: str, note: str) -> None:
    """Write a note to a kept figure; nothing where it was removed meanwhile."""
    SHELF.change(id, lambda before: before.model_copy(update={"note": note}) if before else None)


def remove_figure(id: str) -> None:
    """Take a figure off the page; :func:`restore_figure` brings it back."""
    SHELF.remove(id)


def restore_figure(id: str) -> None:
    """Bring back a figure that was removed."""
    SHELF.restore(id)
