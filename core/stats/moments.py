"""Sums of every group of cells, gene by gene, and the means and variances that follow from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from core.stats._kernels import nonzeros_in_order, roll_up, slice_sums

FIELDS = (
    "n_nonzero",
    "sum_counts",
    "sum_normalized",
    "sum_normalized_squared",
    "sum_log",
    "sum_log_squared",
    "maximum",
)


@dataclass(frozen=True)
class Moments:
    """Sums over the cells of each group.

    Parameters
    ----------
    n_cells
        Cells of every group, shape ``(n_groups,)``.
    n_nonzero
        Cells with a count, shape ``(genes, n_groups)`` as all that follow.
    sum_counts, maximum
        Of the values as they are in the file.
    sum_normalized, sum_normalized_squared
        Of counts divided by the cell's size factor.
    sum_log, sum_log_squared
        Of log1p of normalized counts.
    """

    n_cells: np.ndarray
    n_nonzero: np.ndarray
    sum_counts: np.ndarray
    sum_normalized: np.ndarray
    sum_normalized_squared: np.ndarray
    sum_log: np.ndarray
    sum_log_squared: np.ndarray
    maximum: np.ndarray

    @classmethod
    def from_sums(cls, sums: np.ndarray, n_cells: np.ndarray) -> Self:
        """Name the last axis of the kernel's sums, shape ``(genes, groups, len(FIELDS))``."""
        return cls(n_cells, *(sums[..., k] for k in range(len(FIELDS))))

    @property
    def mean_counts(self) -> np.ndarray:
        """Mean of the file's values in every group, NaN for an empty group."""
        return _divide(self.sum_counts, self.n_cells)

    @property
    def mean_normalized(self) -> np.ndarray:
        """Mean normalized count in every group, NaN for an empty group."""
        return _divide(self.sum_normalized, self.n_cells)

    @property
    def mean_log(self) -> np.ndarray:
        """Mean log-normalized expression in every group, NaN for an empty group."""
        return _divide(self.sum_log, self.n_cells)

    @property
    def variance_log(self) -> np.ndarray:
        """Variance (n - 1) of log-normalized expression, NaN for fewer than 2 cells."""
        return _variance(self.sum_log, self.sum_log_squared, self.n_cells)

    @property
    def variance_normalized(self) -> np.ndarray:
        """Variance (n - 1) of the normalized count, NaN for fewer than 2 cells."""
        return _variance(self.sum_normalized, self.sum_normalized_squared, self.n_cells)

    @property
    def share_nonzero(self) -> np.ndarray:
        """Share of cells with a count, NaN for an empty group."""
        return _divide(self.n_nonzero, self.n_cells)


def add_up(sums: np.ndarray, into: np.ndarray, n: int) -> np.ndarray:
    """Add groups up to coarser ones.

    Parameters
    ----------
    sums
        Sums of fine groups, shape ``(genes, fine, len(FIELDS))``.
    into
        The coarse group of every fine one, shape ``(fine,)``.
    n
        How many coarse groups there are; one that nothing belongs to gets zeros.

    Returns
    -------
    numpy.ndarray
        Shape ``(genes, n, len(FIELDS))``; the maximum is the largest, all others are sums.
    """
    coarse = np.zeros((sums.shape[0], n, sums.shape[2]))
    roll_up(sums, into, coarse)
    return coarse


def group_moments(counts: np.ndarray, scale: np.ndarray, group: np.ndarray, n_groups: int) -> Moments:
    """Moments of every group of cells.

    The sweep does the same with the arrays of one block; this is the plain face of its kernels.

    Parameters
    ----------
    counts
        Values of the file, shape ``(genes, cells)``.
    scale
        1 / size factor of every cell, shape ``(cells,)``.
    group
        Group of every cell, shape ``(cells,)``.
    n_groups
        How many groups there are.

    Returns
    -------
    Moments
    """
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], np.arange(n_groups + 1))
    n_genes, n_cells = counts.shape
    where, nonzero_start = np.empty((n_genes, n_cells), np.int32), np.empty((n_genes, n_groups + 1), np.int64)
    value, ratio, logged = np.zeros((3, n_genes, n_cells))
    nonzeros_in_order(counts, order.astype(np.uint32), start, 1 / scale[order], where, value, ratio, nonzero_start)
    for k, m in enumerate(nonzero_start[:, -1]):
        np.log1p(ratio[k, :m], out=logged[k, :m])
    sums, unused = np.zeros((n_genes, n_groups, len(FIELDS))), np.zeros((n_genes, 1, len(FIELDS)))
    groups, nobody = np.arange(n_groups), np.zeros(n_groups, np.int64)
    slice_sums(value, ratio, 1.0, logged, nonzero_start, groups, nobody, sums, unused, np.empty((n_genes, 4)))
    return Moments.from_sums(sums, np.diff(start))


def _divide(sums: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    return sums / np.where(n_cells > 0, n_cells, np.nan)


def _variance(total: np.ndarray, squares: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    n = np.where(n_cells > 1, n_cells, np.nan)
    return np.maximum(squares - total * total / n, 0) / (n - 1)
