"""What is left of a transcript: rows of dots with intervals, for guides and for targets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors
from core.figures.axes import Axis, linear_axis
from core.figures.marks import upright
from core.figures.rows import row_axis
from core.figures.sheet import Sheet
from core.figures.spec import Floats, Spec, records

WIDEST_LEFT = 2.0
"""Intervals reach at most to twice the largest estimate, or 200 %; beyond they are cut at the edge."""


def left_axis(left: Floats, high: Floats, title: str, *, about: int = 5) -> Axis:
    """An axis of fractions left, from 0 to beyond 100 %, at most to :data:`WIDEST_LEFT` times the largest estimate."""
    estimates = left[np.isfinite(left)]
    largest = float(np.max(estimates, initial=0.0))
    reach = float(np.max(high[np.isfinite(high)], initial=0.0))
    return linear_axis(
        title,
        0.0,
        max(1.1, min(1.05 * reach, WIDEST_LEFT * max(largest, 1.0)), largest),
        about=about,
        form=",.0f",
        percent=True,
    )


def left_layers(table: pd.DataFrame, axis: Axis, on: Sheet, *, on_top: bool, **look: Any) -> list[Spec]:
    """Rows of dots with intervals and the dashed line of 100 %.

    ``table`` has ``name, role, percent_left, low, high``; a row without an estimate says so in words. Rows of role
    "neutral" have hollow dots. Keywords go to the axis of names.
    """
    orient = {"orient": "top"} if on_top else {}
    names = list(table["name"])
    y = row_axis(names, on, **look)
    cut = np.clip(table[["percent_left", "low", "high"]].to_numpy(dtype=float), axis.low, axis.high)
    extra = {c: table[c].to_numpy(dtype=object) for c in ("target", "guide") if c in table.columns}
    if "n_cells" in table.columns:
        extra["n_cells"] = table["n_cells"].to_numpy()
    values = records(
        name=np.array(names, dtype=object),
        role=table["role"].to_numpy(dtype=object),
        left=cut[:, 0],
        low=cut[:, 1],
        high=cut[:, 2],
        **extra,
    )
    some = [v for v in values if v["left"] is not None]
    none = [
        v | {"said": str(w)}
        for v, w in zip(values, table.get("said", ["not measurable"] * len(table)), strict=True)
        if v["left"] is None
    ]
    return [
        upright(1.0, axis, on, **orient),
        {"data": {"values": some}, "layer": _interval_and_dot(axis, y, on, orient, _tooltip(extra))},
        *([_why_none(none, y, on)] if none else []),
    ]


def _tooltip(extra: Mapping[str, Any]) -> list[Spec]:
    """What a dot says; ``extra`` holds the columns that not every table has."""
    return [
        {"field": "name", "type": "nominal", "title": "Guide" if "guide" in extra else "Target"},
        *(
            [{"field": "n_cells", "type": "quantitative", "format": ",d", "title": "Cells"}]
            if "n_cells" in extra
            else []
        ),
        {"field": "left", "type": "quantitative", "format": ".0%", "title": "Transcript left"},
        {"field": "low", "type": "quantitative", "format": ".0%", "title": "95 % from"},
        {"field": "high", "type": "quantitative", "format": ".0%", "title": "to"},
    ]


def _interval_and_dot(axis: Axis, y: Spec, on: Sheet, orient: Mapping[str, str], tooltip: list[Spec]) -> list[Spec]:
    """The marks of a row with an estimate."""
    lines: Spec = {
        "mark": {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None},
        "encoding": {"x": axis.encoding("low", **orient), "x2": {"field": "high"}, "y": y, "color": colors.roles()},
    }
    dots: Spec = {
        "name": "dots",
        "mark": {
            "type": "point",
            "opacity": 1,
            "strokeWidth": 0.75 if on.paper else 1.5,
            "size": 9 if on.paper else 46,
        },
        "encoding": {
            "x": axis.encoding("left", **orient),
            "y": y,
            "color": colors.roles(),
            "fill": {
                "condition": {
                    "test": "datum.role !== 'observed'",
                    "value": colors.color("paper", on),
                },
                "value": colors.ink(on),
            },
        }
        | ({} if on.paper else {"tooltip": tooltip}),
    }
    return [lines, dots]


def _why_none(rows: list[Spec], y: Spec, on: Sheet) -> Spec:
    """Words in the rows without an estimate."""
    return {
        "data": {"values": rows},
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "middle",
            "dx": 4,
            "fontSize": on.text,
            "tooltip": None,
            "opacity": 1 if on.paper else 0.75,  # quiet; neutral grey is too faint for letters
            "color": colors.ink(on),
        },
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "said", "type": "nominal"}},
    }
