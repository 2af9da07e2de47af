"""Effect sizes: standard errors of deltas, fold changes, what is left of a transcript."""

from dataclasses import dataclass

import numpy as np

from core.schema import MEASURABLE_MEAN, PSEUDOCOUNT

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
