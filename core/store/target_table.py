"""The table of targets: their cells, what is left of their transcript, what they change, and what to beware of."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.data.neighbours import neighbours
from core.schema import ALL_PERTURBED, FDR_THRESHOLD, FOLD_THRESHOLD, MEASURABLE_MEAN
from core.stats.groups import Groups
from core.stats.moments import FIELDS
from core.stats.strata import association
from core.store.agreement import batch_agreement
from core.store.files import letting_go
from core.store.group_sums import GroupSums
from core.store.guide_table import transcript_left
from core.store.sweep import Swept
from core.store.table_inputs import TableInputs

FALLS_AS_FAR = 0.2
STRONG, SUBTLE = 100, 10


def target_table(
    inputs: TableInputs,
    groups: Groups,
    swept: Swept,
    effects: dict[str, np.ndarray],
    sums: Mapping[str, GroupSums],
    control_mean: np.ndarray,
    guide_r: np.ndarray,
) -> pd.DataFrame:
    """One row a target.

    Parameters
    ----------
    inputs, groups, swept
        What went into the sweep and came out of it.
    effects
        Layers of the effects, false discovery rates among them.
    sums
        Of every kind of group: ``target``, ``guide``, ``fold``.
    control_mean
        Mean of every gene in the controls, normalized counts.
    guide_r
        How well each target's guides agree, as of :func:`core.store.agreement.guide_agreement`.
    """
    t, n_cells = groups.n_targets, groups.target_cells
    measured = inputs.own_gene >= 0
    own = np.where(measured, inputs.own_gene, 0)
    left = transcript_left(swept.own_target, n_cells[:t], swept.own_control, groups)
    in_batch = groups.batches.table(t, groups.n_batches)
    rows, named = np.arange(t), groups.guide_target
    table = pd.DataFrame(
        {
            "n_cells": n_cells[:t],
            "n_guides": np.bincount(named[(named >= 0) & (named < t)], minlength=t),
            "n_batches": (in_batch[:t] > 0).sum(axis=1) if inputs.cells.batches else 0,
            "in_genes": measured,
            "own_gene": np.where(measured, inputs.symbols[own], "") if t else np.array([], object),
            "control_mean": swept.own_control[:, FIELDS.index("sum_normalized")] / max(n_cells[t], 1),
            "target_mean": swept.own_target[:, FIELDS.index("sum_normalized")] / np.maximum(n_cells[:t], 1),
            "percent_left": left.left,
            "percent_left_low": left.low,
            "percent_left_high": left.high,
            "percent_left_p": np.where(measured, effects["p_value"][rows, own], np.nan),
            "measurable": left.measurable,
        },
        index=pd.Index(inputs.cells.targets, name="target", dtype=object),
    )
    table = table.join(_changed(effects, table.index))
    table["guide_r"] = guide_r
    table["batch_r"] = batch_agreement(inputs, groups, sums, control_mean)
    table["stratum_p"], table["stratum_warning"] = _association(groups)
    table["falls_as_far"] = _falls_as_far(effects, sums["target"], groups, inputs, table, control_mean)
    table["neighbours"] = _neighbours_that_fall(effects, inputs)
    table["strength"] = _strength(table["n_significant"])
    return table


def pooled_table(groups: Groups, effects: dict[str, np.ndarray]) -> pd.DataFrame:
    """The row of all perturbed cells together; ``effects`` are their layers."""
    table = pd.DataFrame(
        {"n_cells": [int(groups.target_cells[: groups.n_targets].sum())]},
        index=pd.Index([ALL_PERTURBED], name="target", dtype=object),
    )
    table = table.join(_changed(effects, table.index))
    table["strength"] = _strength(table["n_significant"])
    return table


def _strength(n_significant: pd.Series) -> np.ndarray:
    """VCC's cuts: more than 100 genes strong, 10 to 100 subtle, fewer negligible."""
    return np.select([n_significant > STRONG, n_significant >= SUBTLE], ["strong", "subtle"], "negligible")


def _changed(effects: dict[str, np.ndarray], index: pd.Index) -> pd.DataFrame:
    """Genes at FDR < 0.05, those among them that change at least 1.4-fold, down and up."""
    rows = []
    for target in letting_go(range(len(index)), effects):
        row: dict[str, int] = {}
        for suffix in ("", "_stratified"):
            if f"fdr{suffix}" in effects:
                change = np.asarray(effects[f"log2_fold_change{suffix}"][target])
                significant = np.asarray(effects[f"fdr{suffix}"][target]) < FDR_THRESHOLD
                large = significant & (np.abs(change) >= np.log2(FOLD_THRESHOLD))
                row |= {
                    f"n_significant{suffix}": int(significant.sum()),
                    f"n_changed{suffix}": int(large.sum()),
                    f"n_down{suffix}": int((large & (change < 0)).sum()),
                    f"n_up{suffix}": int((large & (change > 0)).sum()),
                }
        rows.append(row)
    columns = ["n_significant", "n_changed", "n_down", "n_up"]
    return pd.DataFrame(rows, index=index, columns=None if rows else columns)


def _association(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    cells = groups.strata.table(groups.n_targets, groups.n_strata)
    found = [association(row, cells[groups.n_targets]) for row in cells[: groups.n_targets]]
    return np.array([p for p, _ in found], float), np.array([warn for _, warn in found], bool)


def _falls_as_far(
    effects: dict[str, np.ndarray],
    sums: GroupSums,
    groups: Groups,
    inputs: TableInputs,
    table: pd.DataFrame,
    control_mean: np.ndarray,
) -> list[str]:
    """Other genes of which as little is left as of the target's own: off-target, next door, or real."""
    found = []
    for k in letting_go(range(groups.n_targets), sums.maps, effects):
        mean = sums.row("sum_normalized", k) / max(groups.target_cells[k], 1)
        left = mean / np.where(control_mean >= MEASURABLE_MEAN, control_mean, np.nan)
        own = table["percent_left"].iat[k]
        limit = max(FALLS_AS_FAR, own) if np.isfinite(own) and own < 0.5 else FALLS_AS_FAR
        falls = (left <= limit) & (np.asarray(effects["fdr"][k]) < FDR_THRESHOLD)
        if inputs.own_gene[k] >= 0:
            falls[inputs.own_gene[k]] = False
        genes = np.flatnonzero(falls)
        genes = genes[np.argsort(left[genes])][:5]
        found.append(", ".join(f"{inputs.symbols[g]} ({left[g]:.0%} left)" for g in genes))
    return found


def _neighbours_that_fall(effects: dict[str, np.ndarray], inputs: TableInputs) -> list[str]:
    """Genes next door on the genome that fall with a target."""
    place = {symbol: g for g, symbol in enumerate(inputs.symbols)}
    found = []
    for k, own in enumerate(inputs.own_gene):
        near = neighbours(str(inputs.symbols[own])) if own >= 0 else []
        measured = [(name, place[name]) for name in near if name in place]
        falls = [n for n, g in measured if effects["fdr"][k, g] < FDR_THRESHOLD and effects["delta"][k, g] < 0]
        found.append(", ".join(falls))
    return found
