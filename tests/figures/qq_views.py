"""Views of QQ plots, made by hand for the tests of figures."""

import numpy as np
import pandas as pd

from core.stats.calibration import ranks_kept
from core.views.qq import QQView, expected
from tests.figures.cell_views import ABOUT, METHODS


def make_qq(n: int = 18_079, strongest: float = 120.0, n_sets: int = 20, **changes) -> QQView:
    """A target among ``n`` genes, far above its control sets."""
    rank = ranks_kept(n)
    chance = expected(rank, n)
    points = pd.DataFrame(
        {"rank": rank, "expected": chance, "observed": chance * strongest / chance[0], "gene": [f"G{r}" for r in rank]}
    )
    controls = pd.DataFrame({"rank": rank, "expected": chance, "low": 0.8 * chance, "median": chance})
    controls = (
        controls.assign(high=1.2 * chance, worst=1.5 * chance) if n_sets else controls.assign(high=np.nan, worst=np.nan)
    )
    fields = ABOUT | {
        "fingerprint": "x", "simulated": False, "fdr": 0.05, "fold": 1.4, "stratified": False,
        "left_out_of_totals": "", "seen_in": 0, "methods": METHODS,
        "points": points, "controls": controls, "n_genes": n, "n_sets": n_sets, "smallest_set": 500, "largest_set": 500,
        "worst_guide": "nt_17" if n_sets else "", "worst_calls": 23 if n_sets else 0,
    }  # fmt: skip
    return QQView(**(fields | changes))
