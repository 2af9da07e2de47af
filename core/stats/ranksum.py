"""Two-sided Mann-Whitney tests of every target against the controls: exact U, exact ties, log10 p."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from core.stats._kernels import CODE_BITS, keys_of_floats, keys_of_ratios, radix_sort, rank_walk, sorted_keys


@dataclass(frozen=True)
class RankGroups:
    """Who is ranked against whom.

    Parameters
    ----------
    group
        Row of U's table for every code: a target, or ``n_groups - 1`` for controls, shape ``(codes,)``.
    stratum
        Stratum of every code; zeros for the pooled test.
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

    @property
    def group_cells(self) -> np.ndarray:
        """Cells of every group in every stratum, shape ``(n_groups, n_strata)``."""
        cells = np.zeros((self.n_groups, self.n_strata))
        np.add.at(cells, (self.group, self.stratum), self.n_cells)
        cells[-2] = cells[:-2].sum(axis=0)
        return cells


class Ranker:
    """Ranks one gene after another with scratch space of its own; one a thread.

    Parameters
    ----------
    n_cells
        Room for that many values.
    exact_floats
        The values are float32 (log-normalized) rather than ratios of counts and totals.
    """

    def __init__(self, n_cells: int, *, exact_floats: bool = False) -> None:
        self._keys = np.empty(n_cells, np.uint64)
        self._spare = np.empty(n_cells, np.uint64)
        self._make_keys = keys_of_floats if exact_floats else keys_of_ratios

    def sort(self, values: np.ndarray, where: np.ndarray, m: int, code: np.ndarray) -> np.ndarray:
        """Sorted keys of one gene's first ``m`` non-zeros.

        Parameters
        ----------
        values, where
            The non-zeros and their places in the visiting order.
        m
            How many of them take a rank: the left-out cells come last.
        code
            Rank code of every cell in visiting order.
        """
        if self._make_keys(values, where, m, code, self._keys):
            return radix_sort(self._keys, self._spare, m)
        # beyond 2**-14 to 2**49 times the median: corrected counts of next to nothing, totals from far apart
        sorted_keys(values, where, m, code, self._keys)
        return self._keys

    def walk(self, keys: np.ndarray, m: int, nonzero: np.ndarray, groups: RankGroups) -> tuple[np.ndarray, np.ndarray]:
        """U of every code against the controls of its stratum, and tie terms ``(n_groups, n_strata)``.

        ``nonzero`` are the non-zeros of every code.
        """
        u, tie = np.empty(groups.group.size), np.empty((groups.n_groups, groups.n_strata))
        rank_walk(
            keys, m, groups.group, groups.stratum, groups.n_cells, groups.n_groups, groups.n_strata,
            nonzero, u, tie,
        )  # fmt: skip
        return u, tie


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
