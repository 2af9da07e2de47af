"""Effects of one target as its page shows them: which test, which genes changed, which way and how surely."""

import math
from typing import Any

import numpy as np
import pandas as pd

from core.data.neighbours import distances
from core.errors import OptionError
from core.stats.fdr import benjamini_hochberg

EFFECT_COLUMNS = {
    **{column: f"{column}_stratified" for column in ("delta", "log2_fold_change", "auc", "p_value", "log10_p", "fdr")},
    "delta_se": "delta_stratified_se",
}
"""Columns of an effect, and their twins within strata."""


def check_thresholds(study: Any, fdr: float, fold: float, stratified: bool | None) -> None:
    """Refuse thresholds that make no sense.

    Raises
    ------
    OptionError
        If one is out of its range, or the study has no strata to compare within.
    """
    if not 0 < fdr <= 1:
        raise OptionError(f"The FDR threshold is {fdr:g}; it must lie between 0 and 1, for example 0.05.")
    if not (math.isfinite(fold) and fold >= 1):
        raise OptionError(f"The fold threshold is {fold:g}; it must be 1 or more, for example 1.4.")
    if stratified and not study.has_strata:
        raise OptionError("This study names no stratum, so effects cannot be compared within one.")


def has_changed(fdr: Any, log2_fold_change: Any, below: float, fold: float) -> Any:
    """Which effects (arrays or columns alike) have an FDR below a threshold and are at least so many fold."""
    return (fdr < below) & (np.abs(log2_fold_change) >= math.log2(fold) - 1e-12)


def over_genes_seen(effects: pd.DataFrame, least: int, n_target: int, n_control: int) -> pd.DataFrame:
    """Effects with the FDR over the genes that at least so many cells of either group show; NaN for the others.

    A gene that a cell or two show can pass a test of few cells against many by chance, and takes part in the correction
    of all others.
    """
    cells = np.maximum(effects["pct_target"] * n_target, effects["pct_control"] * n_control)
    seen = np.rint(cells.to_numpy(float)) >= least
    twins = [suffix for suffix in ("", "_stratified") if f"fdr{suffix}" in effects]
    return effects.assign(
        **{f"fdr{suffix}": benjamini_hochberg(np.where(seen, effects[f"log10_p{suffix}"], np.nan)) for suffix in twins}
    )


def gene_table(effects: pd.DataFrame, genes: pd.DataFrame, fdr: float, fold: float, stratified: bool) -> pd.DataFrame:
    """A target's effects with direction, interval and variability, the largest |delta| first.

    Parameters
    ----------
    effects
        One row a gene, as ``Study.effects`` gives them.
    genes
        The study's gene table.
    fdr, fold
        A gene has changed at an FDR below ``fdr`` and a mean normalized count at least ``fold`` times higher or
        lower, the pseudocount of ``log2_fold_change`` included.
    stratified
        Take effect and test from the columns within strata; the means stay those of all cells.

    Returns
    -------
    pandas.DataFrame
        Index and column ``gene``: symbol; the columns of ``effects``; ``role`` (``down``, ``up``, ``neutral``),
        ``changed``, ``delta_low`` and ``delta_high`` (95 % interval), ``highly_variable``.
    """
    columns = {name: effects[name].to_numpy() for name in effects}
    twins = EFFECT_COLUMNS if stratified else {}
    columns |= {column: columns[twin] for column, twin in twins.items() if twin in columns}
    delta, error = columns["delta"], columns["delta_se"]
    changed = has_changed(columns["fdr"], columns["log2_fold_change"], fdr, fold)
    table = {"gene": effects.index.to_numpy(dtype=object)} | columns
    table |= {
        "role": np.where(~changed, "neutral", np.where(delta < 0, "down", "up")).astype(object),
        "changed": changed,
        "delta_low": delta - 1.96 * error,
        "delta_high": delta + 1.96 * error,
        "highly_variable": genes["highly_variable"].reindex(effects.index).eq(True).to_numpy(),
    }
    order = np.argsort(-np.nan_to_num(np.abs(delta), nan=-1.0), kind="stable")  # one copy, in its order
    return pd.DataFrame(
        {name: column[order] for name, column in table.items()}, index=effects.index[order].rename(None)
    )


def next_door(own: tuple[str, ...], genes: pd.Index) -> np.ndarray:
    """Base pairs from each gene's transcription start to the nearest perturbed gene's, NaN beyond 100 kb."""
    near: dict[str, int] = {}
    for gene in own:
        for name, distance in distances(gene).items():
            near[name] = min(distance, near.get(name, distance))
    found = np.full(len(genes), math.nan)
    known = np.flatnonzero(genes.isin(list(near)))
    found[known] = [near[gene] for gene in genes[known]]
    return found
