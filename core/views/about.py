"""About: what every view of one target says of it alike, and the crumb that says where on a page one is."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from core.views.methods import Methods
from core.views.subset import of_subset
from core.views.text import escape_markdown


@dataclass(frozen=True, eq=False)
class AboutTarget:
    """Of which target a view is, in which study, at which thresholds.

    Parameters
    ----------
    study_name, fingerprint, simulated
        Of which study; whether a program made it.
    target
        The target's name as in the file.
    modality
        ``knock-down``, ``knock-out``, ``activation`` or ``perturbation``.
    n_target, n_control
        Cells on either side.
    fdr, fold
        Thresholds of "changed".
    stratified
        Whether the test compares within the stratum.
    left_out_of_totals
        The own gene where the totals are without it; else empty.
    seen_in
        Cells of either group that must show a gene for it to be tested; 0: all measured genes are.
    methods
        What a paper should say.
    """

    study_name: str
    fingerprint: str
    simulated: bool
    target: str
    modality: str
    n_target: int
    n_control: int
    fdr: float
    fold: float
    stratified: bool
    left_out_of_totals: str
    seen_in: int
    methods: Methods


def about_target(view: AboutTarget) -> dict[str, Any]:
    """These fields of a view, for another one of the same target."""
    return {field.name: getattr(view, field.name) for field in fields(AboutTarget)}


def crumb(study: Any, parts: Sequence[str], within: Sequence[str] = (), *, simulated: bool | None = None) -> str:
    """Where we are, in markdown: what is shown, whether it is simulated, which cells, what else changes every number.

    Parameters
    ----------
    study
        The study, whose subset of cells is named.
    parts
        What is shown, names escaped.
    within
        What comparisons are within, and other choices.
    simulated
        Whether a program made the data, where a second study is shown too.
    """
    made = ["simulated"] if (study.simulated if simulated is None else simulated) else []
    subset = of_subset(study)
    cells = [f"**{escape_markdown(subset, longest=160)}**"] if subset else []
    return " · ".join([*parts, *made, *cells, *within])
