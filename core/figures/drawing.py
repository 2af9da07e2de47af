"""Drawing: layers put together on their sheet, with the configuration of screen or paper.

A figure is a Vega-Lite specification. Its parts are written as plain dicts: building the same ten layers out of
Altair's classes costs 250 ms, as dicts 10 ms. :class:`Drawing` gives the result Altair's face, so that it can be
validated, changed with ``.properties`` and shown in a notebook.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from core.figures import colors
from core.figures.hover import with_words
from core.figures.sheet import Sheet
from core.figures.spec import Spec

PAPER_FONT = "Arial, Liberation Sans, sans-serif"  # a list: with one font that is missing, vl-convert draws no text

ANCHOR: Spec = {
    "data": {"values": [{"role": r} for r in colors.ROLES]},
    "mark": {"type": "point", "opacity": 0, "size": 0, "tooltip": None},
    "encoding": {"color": colors.roles()},
}
"""An invisible layer that pins the domain of the color scale, so that ``scale('color', role)`` is always known."""


class Drawing(alt.LayerChart):
    """A finished Vega-Lite specification with Altair's face."""

    def __init__(self, **spec: Any) -> None:
        alt.SchemaBase.__init__(self, **spec)  # LayerChart would rebuild each layer, row by row

    def to_dict(self, validate: bool = False, **options: Any) -> Spec:
        """The specification; checked against Vega-Lite's schema if asked to (0.2 s)."""
        plain = all(isinstance(v, str | int | float | bool | list | dict) for v in self._kwds.values())
        if validate or options or not plain:
            return dict(super().to_dict(validate=validate, **options))
        return {"$schema": alt.SCHEMA_URL, **self._kwds}


def compose(layers: Sequence[Spec], on: Sheet, *, params: Sequence[Spec] = (), many: bool = False) -> Drawing:
    """The layers on their sheet, with the configuration of screen or paper.

    ``many``: thousands of marks, which a browser paints as pixels (but for the words) rather than keeping each.
    """
    stack = [ANCHOR, *(layers if on.paper else with_words(layers))]
    more: Spec = {"params": list(params)} if params else {}
    if many and not on.paper:
        more["usermeta"] = {"embedOptions": {"renderer": "hybrid"}}
    if on.paper:
        edges = {"left": on.left, "top": on.top, "right": on.right, "bottom": on.bottom}
        return Drawing(
            layer=stack,
            width=on.plot_width,
            height=on.plot_height,
            padding=edges,
            autosize="none",
            background=colors.LIGHT["paper"],
            config=print_config() | title_limits(on),
            **more,
        )
    edges = {"left": 4, "top": 4, "right": 12, "bottom": 2}
    return Drawing(
        layer=stack,
        width="container",
        height=on.height,
        padding=edges,
        autosize={"type": "fit", "contains": "padding"},
        config=screen_config(),
        **more,
    )


def title_limits(on: Sheet) -> Spec:
    """Where axis titles are cut so that they end on the sheet; they are centered on the plot."""
    return {
        "axisX": {"titleLimit": on.plot_width + 2 * min(on.left, on.right)},
        "axisY": {"titleLimit": on.plot_height + 2 * min(on.top, on.bottom)},
    }


def screen_config() -> Spec:
    """Axes for the page; the colors are Streamlit's theme's, by role."""
    return {
        "axis": {
            "grid": False,
            "domain": True,
            "ticks": True,
            "tickSize": 5,
            "labelFlush": False,
            "labelFontSize": 11.5,
            "titleFontSize": 12,
            "labelPadding": 4,
            "titlePadding": 8,
            "labelLimit": 170,
            "labelColor": colors.paint("observed"),
            "titleColor": colors.paint("observed"),
            "domainColor": colors.paint("neutral"),
            "tickColor": colors.paint("neutral"),
        },
        "view": {"stroke": None},
        "text": {"fontSize": 11},
    }


def print_config() -> Spec:
    """Axes for paper, as journals take them: Arial 7 and 6 pt, lines of 0.5 pt, no grid, one ink."""
    return {
        "font": PAPER_FONT,
        "aria": False,
        "axis": {
            "grid": False,
            "domain": True,
            "ticks": True,
            "domainWidth": 0.5,
            "tickWidth": 0.5,
            "tickSize": 2.5,
            "tickRound": False,  # whole pixels are for screens; here they would be off by half a point
            "translate": 0,
            "labelFlush": False,
            "labelFont": PAPER_FONT,
            "titleFont": PAPER_FONT,
            "labelFontSize": 6,
            "titleFontSize": 7,
            "titleFontWeight": "normal",
            "labelPadding": 2,
            "titlePadding": 3,
            "labelLimit": 200,
            "labelColor": colors.INK,
            "titleColor": colors.INK,
            "domainColor": colors.INK,
            "tickColor": colors.INK,
        },
        "view": {"stroke": None},
        "text": {"font": PAPER_FONT, "fontSize": 6, "color": colors.INK},
        "range": {
            "category": list(colors.LIGHT.values()),
            "heatmap": colors.RAMP,
            "ramp": colors.RAMP,
            "diverging": colors.DIVERGING,
        },
    }
