"""Size factors: the total of every cell by the chosen recipe, by which its counts are normalized."""

import numpy as np
import pandas as pd

from core.errors import RolesError
from core.schema import LARGE_SHARE, Roles, Values
from core.store.sweep import SizeFactors, gene_sums
from core.store.values import GeneMajor

NOTHING_LEFT = 1e-6
"""Of a cell's total: less than this, once genes are left out, is what rounding leaves of fractional counts."""


def size_factors(
    values: GeneMajor, obs: pd.DataFrame, roles: Roles, threads: int, inside: np.ndarray | None = None
) -> SizeFactors:
    """Totals of every cell by the chosen recipe; of a subset those of its own cells, 0 for all others.

    Raises
    ------
    RolesError
        If the named obs column is not there or holds no positive numbers.
    """
    mine = np.ones(values.n_cells, bool) if inside is None else inside
    if roles.values is Values.LOG_NORMALIZED:
        return SizeFactors((mine & (values.genes_seen > 0)).astype(np.float64), 1.0)
    recipe = roles.size_factors
    totals = values.totals
    if recipe == "no-dominant":
        sums = gene_sums(values, threads, inside)
        for g in np.flatnonzero(sums > LARGE_SHARE * sums.sum()):
            totals = totals_without(totals, values.gene(int(g)))
    elif recipe.startswith("obs:"):
        totals = _totals_from_obs(obs, recipe.removeprefix("obs:"), mine & (values.genes_seen > 0))
    elif recipe != "all":
        raise RolesError(f"Unknown size factors {recipe!r}: expected all, no-dominant or obs:COLUMN.")
    totals = np.where(mine, totals, 0)
    positive = totals[totals > 0]
    return SizeFactors(totals, float(np.median(positive)) if positive.size else 1.0)


def totals_without(totals: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Totals of cells without one gene's counts; 0 where nothing else is in a cell, shape ``(n_cells,)``."""
    rest = totals - counts
    return np.where(rest > NOTHING_LEFT * totals, rest, 0.0)


def _totals_from_obs(obs: pd.DataFrame, column: str, counted: np.ndarray) -> np.ndarray:
    if column not in obs:
        known = ", ".join(map(str, obs))[:300]
        raise RolesError(f"There is no obs column {column!r} for size factors; obs has {known}.")
    totals = pd.to_numeric(obs[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = counted & ~(np.isfinite(totals) & (totals > 0))
    if bad.any():
        raise RolesError(
            f"obs[{column!r}] has no positive number in {int(bad.sum()):,} cells with counts; size factors are totals, "
            "one positive number a cell."
        )
    return np.where(counted, totals, 0.0)
