"""Stored columns: a column of obs or var as it stands in a file, made one that a table can hold."""

from typing import Any

import numpy as np
import pandas as pd

from core.data.nodes import Node


def legacy_categorical(codes: Node, labels: Node) -> pd.Categorical:
    """A categorical of AnnData before 0.7: codes here, labels elsewhere."""
    return pd.Categorical.from_codes(np.asarray(codes[...], np.int64), decoded(labels[()]))


def decoded(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Text instead of bytes; other values as they are."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8").astype(object)
    if values.dtype.kind == "O":
        return np.array([v.decode() if isinstance(v, bytes) else v for v in values], object)
    return values


def plain_column(values: Any, n: int) -> Any:
    """Column that a table can hold: one number, truth value or text a row.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if getattr(values, "ndim", 0) != 1 or len(values) != n:
        raise ValueError(f"not one value a row: {type(values).__name__} of shape {getattr(values, 'shape', '?')}")
    if isinstance(values, np.ndarray):
        values = decoded(values)
        if values.dtype.kind not in "biufOUTMm":
            raise ValueError(f"values of type {values.dtype}")
        if values.dtype.kind == "O" and pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
            raise ValueError("values that are not text")
    return values
