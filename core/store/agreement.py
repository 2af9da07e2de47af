"""Agreement: whether a target's guides, and its batches, tell the same story."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.schema import MEASURABLE_MEAN
from core.stats.groups import Groups
from core.store.files import letting_go
from core.store.group_sums import GroupSums
from core.store.table_inputs import TableInputs

MIN_GUIDE_CELLS = 10


def guide_agreement(
    inputs: TableInputs,
    groups: Groups,
    sums: Mapping[str, GroupSums],
    guides: pd.DataFrame,
    control_mean: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Median correlation between a target's guides, and each guide's median with its fellows; own gene left out.

    Deltas of two guides share their controls, whose sampling noise alone makes them agree. Its variance is taken out of
    their covariance, as if every guide had controls of its own.
    """
    t, n = groups.n_targets, groups.target_cells
    expressed = _expressed(control_mean)
    control = sums["target"].row("sum_log", t) / max(n[t], 1)
    squares = sums["target"].row("sum_log_squared", t) / max(n[t], 1)
    noise = (squares - control**2) / max(n[t] - 1, 1)
    of_target, of_guide = np.full(t, np.nan), np.full(len(guides), np.nan)
    row_of_guide, n_cells = guides["row"].to_numpy(), guides["n_cells"].to_numpy()
    numbers = guides.groupby("target", sort=False).indices
    for k, target in enumerate(letting_go(inputs.cells.targets, sums["guide"].maps)):
        rows = numbers.get(target, np.zeros(0, int))
        rows = rows[n_cells[rows] >= MIN_GUIDE_CELLS]
        keep = expressed[expressed != inputs.own_gene[k]]
        if len(rows) < 2 or n[t] < 2 or keep.size < 3:
            continue
        means = sums["guide"].rows("sum_log", row_of_guide[rows]) / n_cells[rows, None]
        covariance = np.cov(np.take(means - control, keep, axis=1))
        covariance -= noise[keep].mean() * (1 - np.eye(len(rows)))
        sd = np.sqrt(np.diag(covariance))
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.clip(covariance / np.outer(sd, sd), -1, 1)
        of_guide[rows] = [_median(np.delete(r_with, own)) for own, r_with in enumerate(r)]
        of_target[k] = _median(r[np.triu_indices(len(rows), 1)])
    return of_target, of_guide


def _median(r: np.ndarray) -> float:
    """Median of what is known; NaN where nothing is."""
    known = r[~np.isnan(r)]
    return float(np.median(known)) if known.size else np.nan


def batch_agreement(
    inputs: TableInputs, groups: Groups, sums: Mapping[str, GroupSums], control_mean: np.ndarray
) -> np.ndarray:
    """Correlation of the deltas in the even and the odd folds of batches, each against its own controls."""
    t, folds = groups.n_targets, groups.n_folds
    result = np.full(t, np.nan)
    if folds < 2:
        return result
    cells = np.zeros((t + 1, folds))
    np.add.at(cells.T, groups.fold_of_batch, groups.batches.table(t, groups.n_batches).T)
    expressed = _expressed(control_mean)

    def half(target: int, parity: int) -> tuple[np.ndarray, float]:
        every_other = slice(target * folds + parity, (target + 1) * folds, 2)
        return sums["fold"].rows("sum_log", every_other).sum(axis=0, dtype=float), cells[target, parity::2].sum()

    controls = [half(t, parity) for parity in (0, 1)]
    for k in letting_go(range(t), sums["fold"].maps):
        halves = [half(k, parity) for parity in (0, 1)]
        if min(n for _, n in (*controls, *halves)) < MIN_GUIDE_CELLS:
            continue
        keep = expressed[expressed != inputs.own_gene[k]]
        a, b = ((h / n - c / m)[keep] for (h, n), (c, m) in zip(halves, controls, strict=True))
        if keep.size >= 3 and a.std() > 0 and b.std() > 0:
            result[k] = np.corrcoef(a, b)[0, 1]
    return result


def _expressed(control_mean: np.ndarray) -> np.ndarray:
    """Genes whose profile says something: at least 0.05 counts a control cell, or all if hardly any reaches that."""
    expressed = np.flatnonzero(control_mean >= MEASURABLE_MEAN)
    return expressed if expressed.size >= 10 else np.arange(control_mean.size)
