"""Cell state in words: what no shift, a small and a notable one are called."""

import math

import numpy as np

from core.stats.cell_state import Shift
from core.views.cell_state import _table, _title, shifts


def test_a_median_share_is_a_median_and_a_share_a_mean():
    """Of a skewed quantity the mean lies far from the median."""
    skewed = np.tile(np.repeat([0.0, 1.0], [60, 40]), 2)
    target = np.arange(200) < 100
    compared = [("Mitochondrial", "median share", skewed), ("In S", "share", skewed)]

    median, mean = (found for _, _, found in shifts(compared, target, ~target, np.zeros(200, np.int64)))

    assert (median.target, median.control) == (0.0, 0.0)
    assert (mean.target, mean.control) == (0.4, 0.4)


def shifted(auc: float, p: float) -> Shift:
    """A shift of 200 cells against 1,000."""
    return Shift(200, 1000, 110.0, 100.0, auc, 0.01, math.log10(p))


def title(auc: float, p: float) -> str:
    return _title(_table([("Total counts", "median", shifted(auc, p))]))


def test_no_shift_found_is_not_said_to_be_none_and_names_test_and_fdr():
    assert title(0.53, 0.03) == "Cell state not shown to differ (rank sum test, FDR at least 0.01)"


def test_a_sure_but_small_shift_is_said_to_be_slight():
    assert title(0.53, 1e-6).startswith("Cell state differs slightly (FDR < 0.01")


def test_a_notable_shift_is_named():
    assert title(0.62, 1e-6) == "Higher total counts"
