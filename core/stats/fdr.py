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
