"""What moves one gene: every target's effect on it, the strongest first."""

from typing import Any

import numpy as np
import pandas as pd

from core.data.neighbours import neighbours
from core.views.effects import EFFECT_COLUMNS, check_thresholds, has_changed
from core.views.transcript import split_combination

MOVER_COLUMNS = (
    "target", "n_cells", "ctrl_mean", "pert_mean", "delta", "delta_low", "delta_high", "log2_fold_change", "p_value",
    "log10_p", "fdr", "pct_control", "pct_target", "role", "own", "next_door",
)  # fmt: skip
"""Columns of the table, always in this order."""

BLOCK_VALUES = 4_000_000
"""Effects read at once where all targets are asked."""


def movers_table(study: Any, gene: str, fdr: float, fold: float, stratified: bool) -> pd.DataFrame:
    r"""What every target does to one gene.

    Parameters
    ----------
    study
        An opened study.
    gene
        A measured gene.
    fdr, fold
        A target moves the gene at an FDR (within that target, over all genes) below ``fdr`` and a mean normalized count
        at least ``fold`` times higher or lower.
    stratified
        Take effect and test from within strata.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`MOVER_COLUMNS`, indexed by target: those that move the gene first, by \|delta\|; then those
        that pass the FDR alone; then the others by p. ``role`` is ``down``, ``up`` or ``neutral``; ``own`` marks
        targets that perturb the gene itself, ``next_door`` those that lie beside it on the genome.

    Raises
    ------
    OptionError
        If the stratified effect is asked of a study without strata, or a threshold makes no sense.
    UnknownGeneError
        If the study does not measure the gene.
    """
    check_thresholds(study, fdr, fold, stratified)
    effects = study.gene_effects(gene)
    if stratified:
        twins = {twin: column for column, twin in EFFECT_COLUMNS.items() if twin in effects}
        effects = effects.drop(columns=list(twins.values())).rename(columns=twins)
    moved = has_changed(effects["fdr"], effects["log2_fold_change"], fdr, fold)
    near = set(neighbours(gene))
    parts = [_genes_of(str(target), str(own)) for target, own in study.targets["own_gene"].items()]
    table = effects.assign(
        target=effects.index.astype(str),
        n_cells=study.targets["n_cells"].to_numpy(),
        delta_low=effects["delta"] - 1.96 * effects["delta_se"],
        delta_high=effects["delta"] + 1.96 * effects["delta_se"],
        role=np.where(~moved, "neutral", np.where(effects["delta"] < 0, "down", "up")),
        own=[gene in genes for genes in parts],
        next_door=[bool(near.intersection(genes)) for genes in parts],
    )
    size, p = -table["delta"].abs().fillna(0.0), table["log10_p"].fillna(1.0)
    rank = np.select([moved, table["fdr"] < fdr], [0, 1], 2)
    order = np.lexsort((np.where(rank < 2, size, p), rank))
    return table[list(MOVER_COLUMNS)].iloc[order].rename_axis(None)


def n_moved_by(study: Any, fdr: float, fold: float, stratified: bool) -> pd.Series:
    """How many targets move each gene, those that perturb it left out; read by blocks of targets.

    Parameters
    ----------
    study, fdr, fold, stratified
        As of :func:`movers_table`, which tells of one gene which targets these are.

    Returns
    -------
    pandas.Series
        Targets by gene, in the study's order.

    Raises
    ------
    OptionError
        If the stratified effect is asked of a study without strata, or a threshold makes no sense.
    """
    check_thresholds(study, fdr, fold, stratified)
    names = (EFFECT_COLUMNS[c] if stratified else c for c in ("fdr", "log2_fold_change"))
    layers = [study.layer(name) for name in names]
    n_targets, n_genes = layers[0].shape
    rows = max(1, BLOCK_VALUES // max(n_genes, 1))
    count = np.zeros(n_genes, np.int64)
    for start in range(0, n_targets, rows):
        found, change = (np.asarray(layer[start : start + rows]) for layer in layers)
        moved = has_changed(found, change, fdr, fold)
        moved[_own_places(study, start, len(moved))] = False
        count += moved.sum(axis=0)
    return pd.Series(count, index=study.genes.index, name="n_moved_by")


def _own_places(study: Any, start: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every gene that a block's targets perturb themselves."""
    pairs = [
        (row, gene)
        for row, (target, own) in enumerate(study.targets["own_gene"].iloc[start : start + n].items())
        for gene in _genes_of(str(target), str(own))
    ]
    columns = study.genes.index.get_indexer([gene for _, gene in pairs])
    rows = np.array([row for row, _ in pairs], dtype=int)
    return rows[columns >= 0], columns[columns >= 0]


def _genes_of(target: str, own_gene: str) -> tuple[str, ...]:
    """The genes that a target perturbs, by the names the file measures them under where it does."""
    return (own_gene,) if own_gene else split_combination(target, in_genes=False)
