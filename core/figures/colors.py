"""Colors: roles instead of colors, to which the page's theme or the print configuration gives one each."""

from typing import Any

from core.figures.sheet import Sheet
from core.figures.spec import Spec

ROLES = ("down", "up", "neutral", "observed", "predicted", "baseline", "accent", "faint", "paper")
"""The fixed domain of the color scale; the page's theme and the print configuration give them colors."""

LIGHT = dict(
    zip(
        ROLES,
        ("#0072B2", "#D55E00", "#8C96A1", "#22303C", "#7A4FB8", "#A87900", "#0B6B6B", "#CBD3DA", "#FFFFFF"),
        strict=True,
    )
)
INK = LIGHT["observed"]
CLOUD = "#C3CBD2"
"""The many genes that did not change, on paper."""
RAMP = ["#EDF1F4", "#E1E7EC", "#D4DCE2", "#C6D0D8", "#B7C3CD", "#A7B5C0", "#96A5B2", "#8494A2", "#728391", "#5F7180"]
DIVERGING = [
    "#00507F", "#0072B2", "#4C9CCB", "#96C4E0", "#DCE9F1", "#F7E6DA", "#F0BC96", "#E48E50", "#D55E00", "#9A4300",
]  # fmt: skip


def roles(field: str = "role") -> Spec:
    """Color by a column of roles."""
    return {"field": field, "type": "nominal", "scale": {"domain": list(ROLES)}, "legend": None}


def paint(name: str) -> Spec:
    """The color of a role as an expression, for axes and marks."""
    return {"expr": f"scale('color', '{name}')"}


def color(name: str, on: Sheet) -> Any:
    """The color of a role on this sheet."""
    return LIGHT[name] if on.paper else paint(name)


def ink(on: Sheet) -> Any:
    """The color of lines and letters."""
    return color("observed", on)
