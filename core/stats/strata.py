"""Comparisons within strata: van Elteren's test, and whether a target is spread over strata as the controls are."""

import numpy as np
from scipy.special import chdtrc, log_ndtr

ASSOCIATION_P = 0.01
ASSOCIATION_SHARE = 0.1


def van_elteren(u: np.ndarray, n: np.ndarray, n_control: np.ndarray, tie: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stratified Mann-Whitney test with van Elteren's weights 1 / (N_s + 1).

    Parameters
    ----------
    u
        U in every stratum, last axis strata; likewise the cells ``n``, ``n_control`` and the ``tie`` sums.

    Returns
    -------
    log10_p
        Two-sided, normal approximation, with half the smallest step of the statistic as continuity correction (so
        that one stratum gives the plain test); NaN where no stratum holds both.
    auc
        Mean of the strata's AUCs, weighted by ``n * n_control / (N_s + 1)``: 0.5 means no shift.

    References
    ----------
    van Elteren, Bull. Inst. Int. Stat. 37, 351 (1960).
    """
    shift, sd, step, pairs = _weighted_shift(u, n, n_control, tie)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sd > 0, (np.abs(shift) - 0.5 * step) / sd, 0.0)
        auc = 0.5 + shift / pairs
    p = np.minimum((np.log(2) + log_ndtr(-np.maximum(z, 0))) / np.log(10), 0)
    tested = ((n > 0) & (n_control > 0)).any(axis=-1)
    return np.where(tested, p, np.nan), np.where(tested, auc, np.nan)


def auc_error(u: np.ndarray, n: np.ndarray, n_control: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """Standard error of :func:`van_elteren`'s AUC where there is no shift; NaN where no stratum holds both."""
    _, sd, _, pairs = _weighted_shift(u, n, n_control, tie)
    return sd / np.where(pairs > 0, pairs, np.nan)


def _weighted_shift(
    u: np.ndarray, n: np.ndarray, n_control: np.ndarray, tie: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The weighted sum of U beyond its expectation, its standard deviation, its smallest step, its weighted pairs."""
    both = (n > 0) & (n_control > 0)
    total = np.where(both, n + n_control, 2.0)
    weight = np.where(both, 1 / (total + 1), 0.0)
    variance = n * n_control / 12 * ((total + 1) - tie / (total * (total - 1)))
    shift = (weight * (u - n * n_control / 2)).sum(axis=-1)
    sd = np.sqrt(np.maximum((weight**2 * variance).sum(axis=-1), 0))
    step = np.min(np.where(both, weight, np.inf), axis=-1)
    return shift, sd, step, (weight * n * n_control).sum(axis=-1)


def association(cells: np.ndarray, control_cells: np.ndarray) -> tuple[float, bool]:
    """Whether a target's cells are spread over strata unlike the controls.

    Parameters
    ----------
    cells, control_cells
        Cells of the target and of the controls in every stratum, shape ``(n_strata,)``.

    Returns
    -------
    p
        Of the chi-square test, NaN where it cannot be made.
    warn
        p below 0.01 and the share of some stratum differs by more than 0.1: then a pooled comparison mixes the
        effect of the stratum into that of the target.
    """
    table = np.stack([cells, control_cells]).astype(float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return float("nan"), False
    share = table / table.sum(axis=1, keepdims=True)
    p = _chi_square_p(table)
    return p, p < ASSOCIATION_P and float(np.abs(share[0] - share[1]).max()) > ASSOCIATION_SHARE


def _chi_square_p(table: np.ndarray) -> float:
    """P of Pearson's chi-square test, with Yates' correction for 2 x 2, as ``scipy.stats.chi2_contingency``.

    Written out, since ``scipy.stats`` takes half a second to import and the server needs nothing else of it.
    """
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    distance = np.abs(table - expected)
    if freedom == 1:
        distance = distance - np.minimum(0.5, distance)
    return float(chdtrc(freedom, (distance**2 / expected).sum()))
