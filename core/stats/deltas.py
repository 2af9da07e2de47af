"""Effect sizes: deltas pooled and within batch, fold changes, what is left of a transcript."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from core.schema import MEASURABLE_MEAN, PSEUDOCOUNT
from core.stats._kernels import within_differences

NORMAL_95 = 1.959963984540054


def log2_fold_change(mean_target: np.ndarray, mean_control: np.ndarray, pseudocount: float = PSEUDOCOUNT) -> np.ndarray:
    """log2 ratio of mean normalized counts, shrunk by a pseudocount: never infinite.

    Examples
    --------
    >>> float(log2_fold_change(np.array(0.0), np.array(0.03)))
    -2.0
    """
    return np.log2((mean_target + pseudocount) / (mean_control + pseudocount))


def standard_error(
    variance_a: np.ndarray, n_a: np.ndarray, variance_b: np.ndarray, n_b: np.ndarray | float
) -> np.ndarray:
    """Standard error of a difference of two means (unequal variances), NaN for fewer than 2 cells."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(variance_a / n_a + variance_b / n_b)


@dataclass(frozen=True)
class Within:
    """Which (target, batch) pairs are compared with which controls, and what that weighs; one for all genes.

    Parameters
    ----------
    share
        1 / cells of every pair, shape ``(pairs,)``.
    pair, control_pair, weight
        The pairs of all targets, a target's standing together; the pair of the same batch's controls; and
        ``n_t n_c / (n_t + n_c)``.
    first
        Where a target's pairs begin, shape ``(n_targets + 1,)``.
    """

    share: np.ndarray
    pair: np.ndarray
    control_pair: np.ndarray
    weight: np.ndarray
    first: np.ndarray

    @classmethod
    def of_pairs(cls, target: np.ndarray, batch: np.ndarray, n: np.ndarray, n_targets: int) -> Self:
        """Pair every (target, batch) with the controls of that batch; ``target == n_targets`` marks controls."""
        control_of_batch = np.full(int(batch.max(initial=0)) + 1, -1)
        controls = np.flatnonzero((target == n_targets) & (n > 0))
        control_of_batch[batch[controls]] = controls
        used = np.flatnonzero((target < n_targets) & (n > 0) & (control_of_batch[batch] >= 0))
        used = used[np.argsort(target[used], kind="stable")]
        control = control_of_batch[batch[used]]
        first = np.searchsorted(target[used], np.arange(n_targets + 1))
        return cls(1 / np.maximum(n, 1.0), used, control, n[used] * n[control] / (n[used] + n[control]), first)

    def delta(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the deltas within batches (or strata), weighted by ``n_t n_c / (n_t + n_c)``.

        Parameters
        ----------
        sums
            PAIR_FIELDS of every pair, shape ``(genes, pairs, 3)``.

        Returns
        -------
        delta, standard_error
            Shape ``(genes, n_targets)``, log-normalized; NaN where no batch holds both. The variance is pooled
            within batches, so that batches of a single cell count too.
        """
        delta, error = np.empty((2, sums.shape[0], self.first.size - 1))
        weights, free, free_control, spread, spread_control = self._by_target
        within_differences(
            sums, self.share, self.pair, self.control_pair, self.weight,
            weights, free, free_control, spread, spread_control, self.first, delta, error,
        )  # fmt: skip
        return delta, error

    @cached_property
    def _by_target(self) -> np.ndarray:
        """Of every target: sum of weights, degrees of freedom and spread of the weights, of target and control."""
        share, control_share = self.share[self.pair], self.share[self.control_pair]
        squares = self.weight**2
        return self._add(
            np.stack([self.weight, 1 / share - 1, 1 / control_share - 1, squares * share, squares * control_share])
        )

    def fold_change(self, sums: np.ndarray) -> np.ndarray:
        """log2 fold change of mean normalized counts, both sides averaged over strata with the same weights."""
        weights = self._add(self.weight[None])
        weights[weights == 0] = np.nan
        mean = sums[:, self.pair, 0] * self.share[self.pair]
        control_mean = sums[:, self.control_pair, 0] * self.share[self.control_pair]
        return log2_fold_change(
            self._add(mean * self.weight) / weights, self._add(control_mean * self.weight) / weights
        )

    def _add(self, values: np.ndarray) -> np.ndarray:
        """Sum over each target's pairs."""
        running = np.concatenate([np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1)], axis=1)
        return running[:, self.first[1:]] - running[:, self.first[:-1]]


@dataclass(frozen=True)
class PercentLeft:
    """What is left of a transcript: share of the control mean, 95 % interval, and whether it is measurable."""

    left: np.ndarray
    low: np.ndarray
    high: np.ndarray
    measurable: np.ndarray


def percent_left(
    mean: np.ndarray,
    variance: np.ndarray,
    n: np.ndarray,
    control_mean: np.ndarray,
    control_variance: np.ndarray,
    n_control: np.ndarray | int,
) -> PercentLeft:
    """Ratio of mean normalized counts, target over control.

    The interval is the delta method's for the ratio of two means, on the plain scale and cut at 0: on the log scale
    it would not exist for a target without a single count. Such a target's variance is taken as if one count had been
    seen: its own, 0, would claim certainty.

    Parameters
    ----------
    mean, variance, n
        Of the target's normalized counts.
    control_mean, control_variance, n_control
        Of the controls'.

    Returns
    -------
    PercentLeft
        Shares of 1, NaN without a count in the controls. Under a control mean of 0.05 counts it is not measurable: the
        number stands, and nobody should lean on it.
    """
    mean, n, control_mean = np.asarray(mean, float), np.asarray(n, float), np.asarray(control_mean, float)
    measurable = (control_mean >= MEASURABLE_MEAN) & (n > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where((control_mean > 0) & (n > 0), mean / control_mean, np.nan)
        # a target of one cell, or of none with a count, has no variance of its own: take the counts' own, Poisson
        own = np.where((n > 1) & (variance > 0), variance, np.maximum(mean, 1 / np.maximum(n, 1)))
        relative = own / n / control_mean**2 + left**2 * control_variance / np.maximum(n_control, 1) / control_mean**2
        half = NORMAL_95 * np.sqrt(relative)
    return PercentLeft(left, np.maximum(left - half, 0), left + half, measurable)
