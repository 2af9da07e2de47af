"""One gene in the cells: its distribution by target, guide, batch and stratum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.schema import CONTROL
from core.stats.curves import N_POINTS, group_curves, share_interval
from core.views import text
from core.views.gene import GeneView
from core.views.methods import Methods
from core.views.strata import stratum_word

if TYPE_CHECKING:
    from core.store.one_gene import OneGene

GROUPINGS = ("target", "guide", "batch", "stratum")
CONTROLS = "controls"
MOST_MOVERS = 8
MOST_ROWS = 24
MOST_CHOSEN = 20
FEW_SHOW = 20
"""Fewer cells than this make no curve: their values are drawn one by one."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """A gene's values in some groups of cells, one row a group.

    Parameters
    ----------
    rows
        Columns ``group`` (its name), ``role`` (``down``, ``up``, ``neutral``, ``observed``), ``n`` and ``n_shown``
        (cells, and those that show the gene), ``share``, ``share_low``, ``share_high`` (with 95 % interval), ``mean``
        (log-normalized, over all cells of the group).
    at, density
        The curves: values, shape ``(256,)``, and density among cells that show the gene, shape ``(rows, 256)``; 0
        throughout where fewer than 20 do.
    ticks
        Values of those few cells: columns ``row`` (position in ``rows``) and ``value``.
    note
        Which groups these are, as a sentence without names.
    """

    rows: pd.DataFrame
    at: np.ndarray
    density: np.ndarray
    ticks: pd.DataFrame
    note: str


@dataclass(frozen=True, eq=False)
class GeneCellsView:
    """What the figure of a gene's distributions needs.

    Parameters
    ----------
    study_name, fingerprint, simulated, gene, n_cells
        Of which study and gene; all compared cells.
    fdr, fold, stratified, chosen
        What decides which targets are shown.
    stratum
        The stratum column as a word; empty where there is none.
    distributions
        By grouping; those the study lacks are not in it.
    methods
        What a paper should say.
    """

    study_name: str
    fingerprint: str
    simulated: bool
    gene: str
    n_cells: int
    fdr: float
    fold: float
    stratified: bool
    chosen: tuple[str, ...]
    stratum: str
    distributions: dict[str, Distribution]
    methods: Methods

    def by(self, grouping: str) -> Distribution:
        """The distribution by one grouping.

        Raises
        ------
        OptionError
            If the study has none of this kind.
        """
        if grouping not in self.distributions:
            known = ", ".join(self.distributions)
            raise OptionError(f"This study has no distribution by {str(grouping)[:40]!r}. Take one of {known}.")
        return self.distributions[grouping]


def gene_cells_view(study: Any, view: GeneView, chosen: Sequence[str] = ()) -> GeneCellsView:
    """A gene's values in the cells, by every grouping that the study has.

    Parameters
    ----------
    study
        An opened study.
    view
        What is known of the gene: it decides which targets are shown.
    chosen
        Targets to show beside those that move it most, at most 20.
    """
    cells = study.one_gene(view.gene)
    chosen = tuple(dict.fromkeys(t for t in chosen if t in view.movers.index))[:MOST_CHOSEN]
    found = {
        "target": _by_target(study, cells, view, chosen),
        "guide": _by_guide(study, cells, view, chosen),
        "batch": _in_controls(study, cells, "batches", cells.batch, "batch"),
        "stratum": _in_controls(study, cells, "strata", cells.stratum, stratum_word(study)),
    }
    return GeneCellsView(
        study_name=view.study_name,
        fingerprint=view.fingerprint,
        simulated=view.simulated,
        gene=view.gene,
        n_cells=view.n_cells,
        fdr=view.fdr,
        fold=view.fold,
        stratified=view.stratified,
        chosen=chosen,
        stratum=stratum_word(study),
        distributions={grouping: table for grouping, table in found.items() if table is not None},
        methods=view.methods,
    )


# --------------------------------------------------------------------------------------------- which groups, why


def _by_target(study: Any, cells: "OneGene", view: GeneView, chosen: tuple[str, ...]) -> Distribution:
    """Controls, the gene's own perturbation, the targets that move it most, those that were chosen."""
    moved = [str(t) for t in view.others.index[view.others["role"] != "neutral"][:MOST_MOVERS]]
    own = [view.own_target] if view.own_target else []
    targets = list(dict.fromkeys([*own, *moved, *chosen]))
    place = {name: k for k, name in enumerate(study.part_names("targets"))}
    row_of = np.full(len(place) + 2, -1)
    row_of[CONTROL] = 0  # the codes below 0 count from the end
    for row, target in enumerate(targets, start=1):
        row_of[place[target]] = row
    roles = ["neutral", *(str(view.movers.at[t, "role"]).replace("neutral", "observed") for t in targets)]
    parts = ["controls", *(["its own perturbation"] if own else [])]
    if moved:
        most = f"the {len(moved)} targets that move it most" if len(moved) > 1 else "the target that moves it"
        parts.append(most)
    parts += ["the chosen targets"] if set(chosen) - set(moved) - set(own) else []
    note = f"{text.capitalized(text.enumerate_words(parts))}{'' if moved else '; no other target moves it'}."
    return _distribution(cells, row_of[cells.target], [CONTROLS, *targets], roles, note)


def _by_guide(study: Any, cells: "OneGene", view: GeneView, chosen: tuple[str, ...]) -> Distribution | None:
    """Controls and the guides of one target: chosen, the gene itself, or the one that moves it most."""
    names = study.part_names("guides")
    moved = [str(t) for t in view.others.index[:1]]
    target = next(iter([*chosen[-1:], *([view.own_target] if view.own_target else []), *moved]), None)
    if not names or target is None:
        return None
    mine = cells.target == study.part_names("targets").index(target)
    codes = np.unique(cells.guide[mine & (cells.guide >= 0)])[: MOST_ROWS - 1]
    if not codes.size:
        return None
    row_of = np.full(len(names) + 1, -1)
    row_of[codes] = np.arange(1, codes.size + 1)
    group = np.where(mine, row_of[cells.guide], np.where(cells.target == CONTROL, 0, -1))
    whose = "the gene's own perturbation" if target == view.own_target else "one target"
    note = f"Controls and the {text.plural(codes.size, 'guide')} of {whose}."
    return _distribution(
        cells, group, [CONTROLS, *(names[c] for c in codes)], ["neutral"] + ["observed"] * codes.size, note
    )


def _in_controls(study: Any, cells: "OneGene", part: str, codes: np.ndarray, word: str) -> Distribution | None:
    """Control cells by batch or stratum; of many those with the lowest and the highest means."""
    names = study.part_names(part)
    if len(names) < 2:
        return None
    group = np.where(cells.target == CONTROL, codes, -1)
    n = np.bincount(group[group >= 0], minlength=len(names))
    sums = np.bincount(group[group >= 0], cells.values[group >= 0], minlength=len(names))
    present = np.flatnonzero(n)
    kept = present
    if present.size > MOST_ROWS:
        order = present[np.argsort(sums[present] / n[present], kind="stable")]
        half = MOST_ROWS // 2
        kept = np.sort(np.concatenate([order[:half], order[-half:]]))
    row_of = np.full(len(names) + 1, -1)
    row_of[kept] = np.arange(kept.size)
    many = f"{text.number(present.size)} {'batches' if part == 'batches' else f'{word} groups'}"
    note = f"Control cells of {many}."
    if kept.size < present.size:
        note = f"Control cells of the {MOST_ROWS} of {many} with the lowest and the highest means."
    return _distribution(cells, row_of[group], [names[c] for c in kept], ["neutral"] * kept.size, note)


def _distribution(
    cells: "OneGene", group: np.ndarray, names: Sequence[str], roles: Sequence[str], note: str
) -> Distribution:
    curves = group_curves(cells.values, group, len(names), N_POINTS)
    low, high = share_interval(curves.n_shown, curves.n)
    few = curves.n_shown < FEW_SHOW
    seen = np.flatnonzero((cells.values > 0) & (group >= 0))
    seen = seen[few[group[seen]]]
    rows = pd.DataFrame(
        {
            "group": list(names),
            "role": list(roles),
            "n": curves.n,
            "n_shown": curves.n_shown,
            "share": curves.n_shown / np.where(curves.n > 0, curves.n, np.nan),
            "share_low": low,
            "share_high": high,
            "mean": curves.mean,
        }
    )
    ticks = pd.DataFrame({"row": group[seen], "value": cells.values[seen]})
    return Distribution(rows, curves.at, np.where(few[:, None], 0.0, curves.density), ticks, note)
