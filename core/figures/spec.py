"""Parts of a Vega-Lite specification, as plain dicts: rows of data and positions in pixels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Spec = dict[str, Any]
Floats = NDArray[np.float64]


def px(value: float) -> Spec:
    """A position in pixels of the plot."""
    return {"value": round(float(value), 2)}


def records(**columns: ArrayLike) -> list[Spec]:
    """Rows out of columns; numbers with five digits, and null where there is none."""
    lists = [_json_ready(np.asarray(c)) for c in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _json_ready(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind != "f":
        return list(column.tolist())
    rounded: list[Any] = significant(column).tolist()
    for i in np.flatnonzero(~np.isfinite(column)).tolist():
        rounded[i] = None
    return rounded


def significant(values: ArrayLike, digits: int = 5) -> Floats:
    """Values with so many significant digits: less to send, and nobody sees more."""
    v = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(v))))
        rounded = np.round(v * power) / power
    return np.where(np.isfinite(rounded), rounded, v)
