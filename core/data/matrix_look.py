"""Matrix look: whether a matrix holds counts or log-normalized values, judged by a sample of them."""

from typing import Any

import numpy as np

from core.data.source import MatrixLook
from core.schema import Values

LOG_LIMIT = 20.0
"""No log1p of a normalized count comes near it (e^20 is 5e8); fractions above it are not on a log scale."""


def judge(values: np.ndarray[Any, np.dtype[np.float64]]) -> MatrixLook:
    """Whether non-zero sampled values are counts or log-normalized.

    Parameters
    ----------
    values
        Non-zero values, in any order.
    """
    finite = bool(np.isfinite(values).all())
    values = values[np.isfinite(values)]
    if not values.size:
        return MatrixLook(Values.COUNTS, "no values other than zero in the sample", 0.0, True, False, finite)
    maximum, lowest = float(values.max()), float(values.min())
    whole, n = bool((values == np.rint(values)).all()), f"{values.size:,} sampled values"
    negative = lowest < 0
    if whole:
        evidence, note, kind = f"whole numbers, largest {maximum:,.0f} in {n}", "", Values.COUNTS
    elif maximum <= LOG_LIMIT:
        evidence, note, kind = f"fractions, largest {maximum:.3g} in {n}: log1p", "", Values.LOG_NORMALIZED
    else:
        evidence, kind = f"fractions, largest {maximum:,.4g} in {n}", Values.LOG_NORMALIZED
        note = (
            f"The values are fractions of up to {maximum:,.4g}: normalized perhaps, but not on a log scale. "
            "Choose another matrix, or take log1p before."
        )
    if negative:
        evidence = f"negative values, lowest {lowest:.3g}, in {n}"
        note = "Negative values are neither counts nor log-normalized: scaled data? Choose another matrix."
    return MatrixLook(kind, evidence, maximum, whole, negative, finite, note)
