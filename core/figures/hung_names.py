"""Names hung on their dots by pixels, as text layers."""

from collections.abc import Sequence

from core.figures import colors
from core.figures.axes import Axis
from core.figures.labels import Label
from core.figures.sheet import Sheet
from core.figures.spec import Spec

LABELS_IF_NARROW = 6


def place_records(names: Sequence[str], labels: Sequence[Label]) -> list[Spec]:
    """Rows that hang names on their dots: ``name, align, dx, dy, rank``."""
    return [
        {"name": name, "align": label.align, "dx": label.dx, "dy": label.dy, "rank": label.rank}
        for name, label in zip(names, labels, strict=True)
    ]


def hung_texts(
    values: list[Spec],
    x: Axis,
    y: Axis,
    on: Sheet,
    *,
    weight: str = "normal",
    tooltip: list[Spec] | None = None,
) -> list[Spec]:
    """Text layers of rows with ``name, x, y, align, dx, dy, rank``; with a tooltip they take clicks too."""
    mark: Spec = {
        "type": "text",
        "align": {"expr": "datum.align"},
        "dx": {"expr": "datum.dx"},
        "dy": {"expr": "datum.dy"},
        "baseline": "middle",
        "fontSize": on.text,
        "fontWeight": weight,
        "tooltip": None,
        "color": colors.ink(on),
        **on.italic,
    }
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "text": {"field": "name", "type": "nominal"}}
    base: Spec = {"mark": mark, "encoding": encoding}
    data: Spec = {"data": {"values": values}}
    if on.paper:
        return [data | base]
    mark["opacity"] = {"expr": f"datum.rank < (width < 400 ? {LABELS_IF_NARROW} : 99) ? 1 : 0"}
    halo = base | {"mark": mark | {"stroke": colors.paint("paper"), "strokeWidth": 3, "strokeJoin": "round"}}
    if tooltip:
        base = base | {"mark": mark | {"cursor": "pointer"}, "encoding": encoding | {"tooltip": tooltip}}
    top = base | {"name": "names" if weight == "normal" else "bold_names"}
    return [data | {"layer": [halo, top]}]
