"""Two-sided Mann-Whitney tests of every target against the controls: exact U, exact ties, log10 p."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.special import log_ndtr

from core.stats._kernels import CODE_BITS, rank_genes


@dataclass(frozen=True)
class RankGroups:
    """Who is ranked against whom.

    Parameters
    ----------
    group
        Row of the tie terms for every code: a target, or ``n_groups - 1`` for controls, shape ``(codes,)``.
    stratum
        Stratum of every code.
    n_cells
        Cells of every code.
    n_groups
        Targets + 2: all perturbed cells together come second to last, the controls last.
    n_strata
        How many strata there are.
    """

    group: np.ndarray
    stratum: np.ndarray
    n_cells: np.ndarray
    n_groups: int
    n_strata: int

    def __post_init__(self) -> None:
        if self.group.size >= 1 << CODE_BITS:
            raise ValueError(f"{self.group.size} rank groups; a sort key has room for {1 << CODE_BITS}")

    @cached_property
    def group_cells(self) -> np.ndarray:
        """Cells of every group in every stratum, shape ``(n_groups, n_strata)``."""
        cells = np.zeros((self.n_groups, self.n_strata))
        np.add.at(cells, (self.group, self.stratum), self.n_cells)
        cells[-2] = cells[:-2].sum(axis=0)
        return cells


@dataclass(frozen=True)
class Ranks:
    """What ranking some genes gives, pooled and within strata.

    Parameters
    ----------
    u, u_within
        U of every code against all controls, and against those of its stratum, shape ``(genes, codes)``.
    tie, tie_within
        Sums of t**3 - t over a group's ties with the controls, shapes ``(genes, groups, 1)`` and
        ``(genes, groups, strata)``; the controls' own row is over the controls alone.
    """

    u: np.ndarray
    tie: np.ndarray
    u_within: np.ndarray
    tie_within: np.ndarray

    @classmethod
    def empty(cls, n_genes: int, groups: RankGroups) -> Self:
        """Room for some genes; nothing within strata where there is only one."""
        codes, rows, strata = groups.group.size, groups.n_groups, groups.n_strata
        within = n_genes if strata > 1 else 0
        return cls(
            np.empty((n_genes, codes)),
            np.empty((n_genes, rows, 1)),
            np.empty((within, codes)),
            np.empty((within, rows, strata)),
        )


class Ranker:
    """Ranks genes with scratch space of its own; one a thread.

    Parameters
    ----------
    n_cells
        Room for that many values.
    exact_floats
        The values are float32 (log-normalized) rather than ratios of counts and totals.
    """

    def __init__(self, n_cells: int, *, exact_floats: bool = False) -> None:
        self._keys, self._spare = np.empty((2, n_cells), np.uint64)
        self._exact_floats = exact_floats

    def rank(
        self, values: np.ndarray, where: np.ndarray, m: np.ndarray, code: np.ndarray, groups: RankGroups, genes: slice,
        into: Ranks,
    ) -> None:  # fmt: skip
        """Rank some genes.

        Parameters
        ----------
        values, where
            Their non-zeros and the places of these in the visiting order, shape ``(genes, cells)``.
        m
            How many of each gene's non-zeros take a rank: the left-out cells come last.
        code
            Rank code of every cell in visiting order.
        groups
            Who is ranked against whom.
        genes, into
            Which rows to fill of what.
        """
        rank_genes(
            values, where, m, code, self._exact_floats, self._keys, self._spare, groups.group, groups.stratum,
            groups.n_cells, groups.n_strata, into.u[genes], into.tie[genes], into.u_within[genes],
            into.tie_within[genes],
        )  # fmt: skip


def log10_p(u: np.ndarray, n: np.ndarray, n_control: np.ndarray | float, tie: np.ndarray) -> np.ndarray:
    """log10 of the two-sided p value, normal approximation with ties and continuity correction.

    Parameters
    ----------
    u
        Mann-Whitney U of a group against the controls.
    n, n_control
        Cells of either.
    tie
        Sum of t**3 - t over all runs of tied values of the two together.

    Returns
    -------
    numpy.ndarray
        0 where all values are tied, NaN where a group is empty. Equal to
        ``log10(scipy.stats.mannwhitneyu(..., method="asymptotic").pvalue)``, and finite where that underflows.
    """
    total = n + n_control
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(n * n_control / 12 * ((total + 1) - tie / (total * (total - 1))))
        distance = np.abs(u - n * n_control / 2) - 0.5
        z = np.where(sd > 0, distance / sd, 0.0)
    p = np.minimum((np.log(2) + log_ndtr(-np.maximum(z, 0))) / np.log(10), 0)
    return np.where((n > 0) & (n_control > 0), p, np.nan)


def auc(u: np.ndarray, n: np.ndarray, n_control: np.ndarray) -> np.ndarray:
    """Chance that a target's cell shows more than a control cell (ties count half), NaN for an empty group."""
    pairs = n * n_control
    return u / np.where(pairs > 0, pairs, np.nan)
