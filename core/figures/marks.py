"""Marks that several figures have: dashed lines, smooth curves and rings."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.figures import colors
from core.figures.axes import Axis
from core.figures.sheet import Sheet
from core.figures.spec import Floats, Spec, records


def dashed(ends: Mapping[str, Sequence[float]], x: Axis, y: Axis, on: Sheet) -> Spec:
    """A thin dashed line through the given points: identity, zero or a threshold."""
    return {
        "data": {"values": records(x=ends["x"], y=ends["y"])},
        "mark": {
            "type": "line",
            "strokeDash": on.dash,
            "strokeWidth": on.line,
            "clip": True,
            "tooltip": None,
            "color": colors.INK if on.paper else colors.paint("neutral"),
        },
        "encoding": {"x": x.encoding("x"), "y": y.encoding("y")},
    }


def upright(at: float, x: Axis, on: Sheet, **axis: Any) -> Spec:
    """A thin dashed upright line through the whole plot; keywords go to the Vega-Lite axis."""
    return {
        "data": {"values": [{"at": at}]},
        "mark": {
            "type": "rule",
            "strokeDash": on.dash,
            "strokeWidth": on.line,
            "tooltip": None,
            "color": colors.INK if on.paper else colors.paint("neutral"),
        },
        "encoding": {"x": x.encoding("at", **axis)},
    }


def curve(at: Floats, share: Floats, x: Axis, y: Axis, on: Sheet, role: str) -> Spec:
    """A smooth line in the color of a role."""
    mark: Spec = {"type": "line", "interpolate": "monotone", "strokeWidth": 1.0 if on.paper else 2.0, "tooltip": None}
    return {
        "data": {"values": records(x=at, y=share)},
        "mark": mark | {"color": colors.color(role, on)},
        "encoding": {"x": x.encoding("x"), "y": y.encoding("y")},
    }


def rings(values: list[Spec], x: Axis, y: Axis, on: Sheet, *, size: float, tooltip: Sequence[Spec]) -> list[Spec]:
    """A ring in ink round each highlighted dot, of that area on screen; it works over every color."""
    if not values:
        return []
    mark: Spec = {
        "type": "point",
        "filled": False,
        "size": 14 if on.paper else size,
        "strokeWidth": 0.75 if on.paper else 2,
        "opacity": 1,
        "stroke": colors.ink(on),
    }
    encoding: Spec = {"x": x.encoding("x"), "y": y.encoding("y")}
    encoding |= {} if on.paper else {"tooltip": list(tooltip)}
    return [{"name": "rings", "data": {"values": values}, "mark": mark, "encoding": encoding}]
