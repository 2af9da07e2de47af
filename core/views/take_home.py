"""Take home: what the page of kept figures, lists, notes and sessions says. Strings are markdown, names escaped."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core import __version__
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD
from core.store import StudyRecord
from core.store.my_figures import KeptFigure
from core.store.notebook import GeneList, NotedText
from core.store.session import Session, SessionStudy, SessionView
from core.store.study_ref import Standing, StudyRef
from core.views.text import enumerate_words, escape_markdown, number, plain, plural

COMPUTING = ("numpy", "scipy", "pandas", "numba")


def headline(n_figures: int, n_lists: int, n_notes: int) -> str:
    """What is kept, in a sentence."""
    if not n_figures + n_lists + n_notes:
        return "**Nothing is kept yet.** A figure that you export is kept here, with the view it came from."
    counted = ((n_figures, "figure"), (n_lists, "gene list"), (n_notes, "note"))
    words = [plural(n, one) for n, one in counted if n]
    verb = "is" if n_figures + n_lists + n_notes == 1 else "are"
    return f"**{enumerate_words(words)}** {verb} kept on this machine."


def day(saved_at: str) -> str:
    """The day and minute at which something was kept, in the machine's time.

    Examples
    --------
    >>> day("not a time")
    ''
    """
    try:
        return datetime.fromisoformat(saved_at).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""


def figure_line(figure: KeptFigure) -> str:
    """Where a kept figure comes from and when it was kept."""
    simulated = ["simulated"] if figure.study.simulated else []
    return " · ".join([escape_markdown(figure.study.name), *simulated, day(figure.saved_at)])


def figure_label(figure: KeptFigure) -> str:
    """A kept figure in a few words, as plain text: ``ACAT2: Largest changes``."""
    return f"{plain(figure.about)}: {plain(figure.title.partition(',')[0], 60)}"


def standing_words(study: StudyRef, standing: Standing) -> str:
    """What is to be known of a kept thing's study where it is not as it was; nothing where it is."""
    name, file = escape_markdown(study.name), escape_markdown(study.file or study.name)
    match standing:
        case Standing.SAME:
            return ""
        case Standing.OTHER_TABLES:
            return f"The tables of {name} have changed since: drawn again, this is another figure."
        case Standing.OTHER_FILE:
            return f"The {name} that is here is of a file with other content; this was of {file} ({study.id})."
        case Standing.UNFINISHED:
            return f"{name} cannot be shown now: its tables are not finished."
        case Standing.GONE:
            return f"{name} is no longer here. Open {file} to see this view again."


# ------------------------------------------------------------------------------------------------------ session


@dataclass(frozen=True)
class Reopening:
    """Whether a study of a session file is here, and what is to be known of it."""

    study: SessionStudy
    standing: Standing
    sentence: str
    warn: bool


def session_of(
    views: Sequence[SessionView],
    studies: Sequence[Any],
    lists: Sequence[GeneList] = (),
    notes: Sequence[NotedText] = (),
) -> Session:
    """The session of these views.

    Parameters
    ----------
    views
        Pages with their queries.
    studies
        The opened studies that they show.
    lists, notes
        What goes along of the notebook.
    """
    return Session(
        versions=versions(),
        views=list(views),
        studies=[SessionStudy.of(study) for study in studies],
        gene_lists=list(lists),
        notes=list(notes),
    )


def versions() -> dict[str, str]:
    """Versions of the packages that compute."""
    return {package: importlib.metadata.version(package) for package in COMPUTING}


def view_choices(query: Mapping[str, str]) -> dict[str, Any]:
    """The thresholds that a view's address means, also where it does not say them."""
    found: dict[str, Any] = {}
    for key, default in (("fdr", FDR_THRESHOLD), ("fold", FOLD_THRESHOLD)):
        try:
            found[key] = float(query.get(key, default))
        except ValueError:
            found[key] = default
    return found


def reopenings(session: Session, records: list[StudyRecord]) -> list[Reopening]:
    """For each study of a session whether it is here, by the fingerprint of its file."""
    return [_reopening(study, study.standing(records)) for study in session.studies]


def _reopening(study: SessionStudy, standing: Standing) -> Reopening:
    name = f"**{escape_markdown(study.name)}**"
    size = f"{number(study.n_cells)} cells, {plural(study.n_genes, 'gene')}"
    wanted = f"`{_file(study)}` ({size}, fingerprint {escape_markdown(study.id)})"
    sentence = {
        Standing.SAME: f"{name} is here, the same file with the same roles.",
        Standing.OTHER_TABLES: f"{name} is here, but its tables are others: {_roles_differ(study)}",
        Standing.OTHER_FILE: f"{name} is here with other content. The session is of {wanted}.",
        Standing.UNFINISHED: f"{name} is here, but its tables are not finished.",
        Standing.GONE: f"{name} is not here. Open {wanted} first; it is known by its content, not its name.",
    }[standing]
    return Reopening(study, standing, sentence, standing is not Standing.SAME)


def _file(study: SessionStudy) -> str:
    return plain(Path(study.file or study.name).name, 60).replace("`", "'")


def _roles_differ(study: SessionStudy) -> str:
    roles = study.roles
    said = [f"{key.replace('_', ' ')} {value}" for key, value in roles.items() if isinstance(value, str)]
    return f"the session read it with {escape_markdown(', '.join(said), 300)}." if said else "roles or version differ."


def version_words(session: Session) -> str:
    """What is to be known of the versions of a session; nothing where they are the same."""
    now = {"Perturbscope": __version__} | versions()
    then = {"Perturbscope": session.perturbscope} | session.versions
    other = [
        f"{name} {escape_markdown(then[name])} (here {here})"
        for name, here in now.items()
        if then.get(name, here) != here
    ]
    return f"Written with {enumerate_words(other)}: numbers may differ in their last digits." if other else ""
