"""Cell state: scores of the cell cycle, and comparisons of any number a cell within parts such as batches."""

from dataclasses import dataclass

import numpy as np

from core.stats.strata import auc_error, van_elteren

REFERENCES = 5
"""Genes of like expression that each listed gene is compared with."""

G1, S, G2M = 0, 1, 2
"""Codes of the phases."""


@dataclass(frozen=True)
class Shift:
    """How a number a cell differs between a target and the controls.

    Parameters
    ----------
    n_target, n_control
        Cells that could be compared: those of parts that hold both.
    target, control
        Median or mean; that of the controls weighted to the target's parts.
    auc, auc_se
        Chance that a cell of the target shows more than a control cell of its part, and its standard error.
    log10_p
        Of van Elteren's test within the parts; NaN where no part holds both.
    """

    n_target: int
    n_control: int
    target: float
    control: float
    auc: float
    auc_se: float
    log10_p: float


def reference_genes(listed: np.ndarray, candidates: np.ndarray, means: np.ndarray) -> np.ndarray:
    """For each listed gene the candidates nearest in mean, so that a score does not follow a cell's depth.

    Parameters
    ----------
    listed, candidates
        Places of genes; a candidate may stand for several listed genes.
    means
        Mean expression of all genes.

    Returns
    -------
    numpy.ndarray
        Shape ``(listed, REFERENCES)``, fewer columns where there are fewer candidates.

    Examples
    --------
    >>> reference_genes(np.array([0]), np.array([1, 2, 3]), np.array([1.0, 5.0, 1.1, 0.8]))
    array([[2, 3, 1]])
    """
    distance = np.abs(means[listed][:, None] - means[candidates][None, :])
    return candidates[np.argsort(distance, axis=1, kind="stable")[:, :REFERENCES]]


def score_weights(listed: np.ndarray, references: np.ndarray, n_genes: int) -> np.ndarray:
    """Weights that make a score: the mean over the listed genes minus the mean over their references."""
    weights = np.zeros(n_genes)
    weights[listed] = 1 / max(listed.size, 1)
    np.subtract.at(weights, references.ravel(), 1 / max(references.size, 1))
    return weights


def phases(s_score: np.ndarray, g2m_score: np.ndarray) -> np.ndarray:
    """The phase of every cell: G1 where neither score is above 0, else the larger one's.

    Examples
    --------
    >>> phases(np.array([-1.0, 2.0, 0.1]), np.array([-0.5, 1.0, 0.2]))
    array([0, 1, 2], dtype=int8)
    """
    phase = np.where(g2m_score > s_score, G2M, S)
    return np.where((s_score <= 0) & (g2m_score <= 0), G1, phase).astype(np.int8)


def shift(values: np.ndarray, target: np.ndarray, control: np.ndarray, part: np.ndarray, *, median: bool) -> Shift:
    """Compare the cells of a target with the controls of the same parts.

    Parameters
    ----------
    values
        One number a cell; for "is in S phase" 0 or 1. NaN cells are left out.
    target, control
        Whether a cell belongs to either, shape ``(n_cells,)``.
    part
        Code of each cell's batch (and stratum).
    median
        Tell medians; means where False.
    """
    known = np.isfinite(values)
    chosen = (target | control) & known
    value, is_target = values[chosen].astype(float), target[chosen]
    _, code = np.unique(part[chosen], return_inverse=True)
    n = np.bincount(code[is_target], minlength=code.max(initial=-1) + 1).astype(float)
    n_control = np.bincount(code[~is_target], minlength=n.size).astype(float)
    usable = (n > 0) & (n_control > 0)
    if not usable.any():
        return Shift(0, 0, np.nan, np.nan, np.nan, np.nan, np.nan)
    keep = usable[code]
    value, is_target, code = value[keep], is_target[keep], code[keep]
    u, tie = _ranks_within(value, is_target, code, n.size)
    u -= np.where(usable, n * (n + 1) / 2, 0)
    log10_p, auc = van_elteren(u, n, n_control, tie)
    weight = np.where(is_target, 1.0, (n / np.where(usable, n_control, 1))[code])
    middle = _weighted_median if median else np.average
    return Shift(
        int(n[usable].sum()),
        int(n_control[usable].sum()),
        float(middle(value[is_target], weights=weight[is_target])),
        float(middle(value[~is_target], weights=weight[~is_target])),
        float(auc),
        float(auc_error(u, n, n_control, tie)),
        float(log10_p),
    )


def _ranks_within(
    value: np.ndarray, is_target: np.ndarray, code: np.ndarray, n_parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the target cells' mid-ranks within every part, and of t**3 - t over its ties."""
    order = np.lexsort((value, code))
    v, c, t = value[order], code[order], is_target[order]
    new = np.r_[True, (v[1:] != v[:-1]) | (c[1:] != c[:-1])]
    run = np.cumsum(new) - 1
    length = np.bincount(run)
    first_of_part = np.searchsorted(c, np.arange(n_parts))
    middle = np.flatnonzero(new) + (length + 1) / 2
    rank = middle[run] - first_of_part[c]
    ties = np.bincount(c[new], length.astype(float) ** 3 - length, minlength=n_parts)
    return np.bincount(c[t], rank[t], minlength=n_parts), ties


def _weighted_median(value: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(weights[order])
    at = np.searchsorted(reached, reached[-1] / 2 * (1 - 1e-12))
    upper = min(at + (abs(reached[at] - reached[-1] / 2) < 1e-9 * reached[-1]), value.size - 1)
    return float((value[order[at]] + value[order[upper]]) / 2)
