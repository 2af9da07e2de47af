"""Targets that need care: what a biologist should know of some targets before believing any number about them."""

from dataclasses import dataclass

import pandas as pd

from core.views import text
from core.views.parts import Care
from core.views.power import FEW_CELLS
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, Outcome, split_combination

MOST = 8
"""Lines on the page."""

ONE_BY_ONE = 3
"""More targets of a lesser kind than this share one line."""

FEW_NOTE = (
    "Fewer than 100 cells and many genes changed: the perturbation may kill cells, or the few that are left may differ "
    "in other ways."
)


@dataclass(frozen=True)
class Cares:
    """What is shown, how many targets or groups more there are, and whether few cells show many changes."""

    shown: tuple[Care, ...]
    n_more: int
    has_few_yet_many: bool


def needing_care(targets: pd.DataFrame, modality: Modality, n_genes: int, stratum: str) -> Cares:
    """Targets that need care, the gravest kind first.

    Parameters
    ----------
    targets
        One row a target: ``n_cells``, ``n_significant``, ``outcome``, ``percent_left`` with its interval,
        ``stratum_warning``.
    modality
        What the screen does: a knock-out need not lower its transcript.
    n_genes
        Measured genes.
    stratum
        The stratum's name as a word, "" where there is none.
    """
    few_yet_many = _few_yet_many(targets, n_genes)
    unknown = f": {modality} not measurable"
    lines = [
        *few_yet_many,
        *_failed(targets, modality),
        *_grouped(_too_few(targets, few_yet_many), "have fewer than 100 cells"),
        *_grouped(_confounded(targets, stratum), f"differ from the controls in {name(stratum)}" if stratum else ""),
        *_grouped(_hardly_expressed(targets, modality), "are hardly expressed in controls", unknown),
        *_grouped(_not_measured(targets, modality), "are not among the measured genes", unknown),
    ]
    return Cares(tuple(lines[:MOST]), max(len(lines) - MOST, 0), bool(few_yet_many))


def _few_yet_many(targets: pd.DataFrame, n_genes: int) -> list[Care]:
    """RNF20: 47 cells, yet 2,588 genes changed."""
    many = min(100, max(n_genes // 10, 2))
    found = targets[(targets["n_cells"] < FEW_CELLS) & (targets["n_significant"] > many)].sort_values("n_cells")
    return [
        _care(t, f"{text.plural(row.n_cells, 'cell')}, yet {text.plural(row.n_significant, 'gene')} changed")
        for t, row in _rows(found)
    ]


def _failed(targets: pd.DataFrame, modality: Modality) -> list[Care]:
    """The interval of what is left includes all of it, although the gene is expressed and the cells suffice."""
    wrong = {
        Modality.KNOCK_DOWN: (Outcome.UNCHANGED, Outcome.RISES),
        Modality.ACTIVATION: (Outcome.UNCHANGED, Outcome.FALLS),
    }.get(modality, ())
    found = targets[targets["outcome"].isin([o.value for o in wrong]) & (targets["n_cells"] >= FEW_CELLS)]
    found = found.sort_values("percent_left", ascending=modality is Modality.ACTIVATION)
    return [_care(t, _failure(row, modality)) for t, row in _rows(found)]


def _failure(row: pd.Series, modality: Modality) -> str:
    interval = text.percent_range(row.percent_left_low, row.percent_left_high)
    return f"no {modality} in {text.plural(row.n_cells, 'cell')}: {text.percent(row.percent_left)} left ({interval})"


def _too_few(targets: pd.DataFrame, named: list[Care]) -> list[Care]:
    found = targets[(targets["n_cells"] < FEW_CELLS) & ~targets["target"].isin([c.target for c in named])]
    rows = _rows(found.sort_values("n_cells"))
    return [_care(t, f"{text.plural(row.n_cells, 'cell')}: too few to tell a small effect") for t, row in rows]


def _confounded(targets: pd.DataFrame, stratum: str) -> list[Care]:
    if not stratum or "stratum_warning" not in targets:
        return []
    found = targets[targets["stratum_warning"].astype(bool)]
    return [_care(t, f"its cells and the controls differ in {name(stratum)}") for t, _ in _rows(found)]


def _hardly_expressed(targets: pd.DataFrame, modality: Modality) -> list[Care]:
    found = targets[targets["outcome"] == Outcome.HARDLY_EXPRESSED.value]
    return [
        _care(t, f"hardly expressed in controls ({text.counts(row.control_mean)} counts): {modality} not measurable")
        for t, row in _rows(found)
    ]


def _not_measured(targets: pd.DataFrame, modality: Modality) -> list[Care]:
    found = targets[targets["outcome"] == Outcome.NOT_MEASURED.value]
    single = [str(t) for t in found["target"] if len(split_combination(str(t), False)) == 1]
    return [_care(t, f"not among the measured genes: {modality} not measurable") for t in single]


def _grouped(cares: list[Care], they: str, consequence: str = "") -> list[Care]:
    if len(cares) <= ONE_BY_ONE:
        return cares
    names = text.enumerate_words([name(c.target, 20) for c in cares], at_most=3)
    return [Care("", text.plural(len(cares), "target"), f"{they} ({names}){consequence}")]


def _care(target: str, sentence: str) -> Care:
    return Care(target, name(target), sentence)


def _rows(table: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    return [(str(target), row) for target, row in zip(table["target"], (r for _, r in table.iterrows()), strict=True)]
