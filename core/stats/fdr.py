"""False discovery rate after Benjamini and Hochberg, from log10 p so that nothing underflows before the ranking."""

import numpy as np


def benjamini_hochberg(log10_p: np.ndarray) -> np.ndarray:
    """Adjusted p values (FDR) of one family of tests.

    Parameters
    ----------
    log10_p
        log10 of the p values, shape ``(n_tests,)``; NaN marks a test that was not made and takes no part.

    Returns
    -------
    numpy.ndarray
        FDR in the order given, NaN where no test was made; 0 only below 1e-308.

    References
    ----------
    Benjamini & Hochberg, J. R. Stat. Soc. B 57, 289 (1995).

    Examples
    --------
    >>> benjamini_hochberg(np.log10([0.01, 0.04, 0.03, 0.5])).round(4)
    array([0.04  , 0.0533, 0.0533, 0.5   ])
    """
    fdr = np.full(log10_p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(log10_p))
    order = made[np.argsort(log10_p[made])]  # ties in any order: they get the same value
    scaled = log10_p[order] + np.log10(order.size / np.arange(1, order.size + 1))
    smallest_from_here = np.minimum.accumulate(scaled[::-1])[::-1]
    fdr[order] = 10.0 ** np.minimum(smallest_from_here, 0)
    return fdr


def count_below(log10_p: np.ndarray, threshold: float) -> np.ndarray:
    """How many tests of every family have an FDR below a threshold.

    Parameters
    ----------
    log10_p
        log10 of the p values, shape ``(families, tests)``; NaN marks a test that was not made.
    threshold
        On the FDR after Benjamini and Hochberg.

    Returns
    -------
    numpy.ndarray
        As counting :func:`benjamini_hochberg` of every row, without putting values back in place; shape
        ``(families,)``.
    """
    ranked = np.sort(log10_p, axis=1)  # NaN last
    made = (~np.isnan(ranked)).sum(axis=1, keepdims=True)
    rank = np.arange(1, log10_p.shape[1] + 1)
    with np.errstate(divide="ignore"):
        below = ranked + np.log10(made / rank) < np.log10(threshold)
    return np.where(below, rank, 0).max(axis=1, initial=0)
