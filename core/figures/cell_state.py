"""Cell state as rows: how often a target's cell shows more than a control cell, with the values in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.marks import upright
from core.figures.rows import row_axis, row_sheet, unique_names
from core.figures.sheet import Paper, paper_of
from core.figures.spec import Spec, records
from core.views.cell_state import CellStateView, how_compared, how_phased, sentence
from core.views.text import p_value, plain, plural

KEY = (("dot", "down", "lower"), ("dot", "up", "higher"), ("dot", "neutral", "FDR at least 0.01"))
ROW_PX, ROW_PT = 30.0, 12.0
LEAST_REACH = 0.12


def cell_state(
    view: CellStateView, *, highlight: Sequence[str] = (), width: float | None = None, paper: bool | Paper = False
) -> Drawing:
    """One row a quantity: the chance that a cell of the target shows more than a control cell, with its interval.

    Parameters are those of :func:`core.figures.guides.guides`; nothing is highlighted.
    """
    table = view.rows
    names = unique_names([sentence(row) for row in table.itertuples()], 70)
    page = paper_of(paper)
    rows = key.printed(cell_state_key(view)) if page else []
    on = row_sheet(view, paper, width or 560.0, names, rows, ROW_PT if page else ROW_PX, x_top=False)
    ends = table[["low", "high"]].to_numpy(dtype=float) - 0.5
    reach = min(max(1.15 * float(np.abs(ends).max(initial=0.0)), LEAST_REACH), 0.5)
    axis = linear_axis("Chance to exceed a control cell", 0.5 - reach, 0.5 + reach, about=4, form=",.0f", percent=True)
    # the page's letters are wider than those that the sheet was measured with
    y = row_axis(names, on, **({} if on.paper else {"labelLimit": round(1.25 * on.left)}))
    values = records(
        name=np.array(names, dtype=object),
        auc=table["auc"].to_numpy(dtype=float),
        low=np.clip(table["low"].to_numpy(dtype=float), axis.low, axis.high),
        high=np.clip(table["high"].to_numpy(dtype=float), axis.low, axis.high),
        role=table["role"].to_numpy(dtype=object),
        fdr=np.array([p_value(p) for p in table["fdr"].to_numpy(dtype=float)], dtype=object),
    )
    tooltip = [
        {"field": "name", "type": "nominal", "title": "Quantity"},
        {"field": "auc", "type": "quantitative", "format": ".0%", "title": "Chance to show more"},
        {"field": "fdr", "type": "nominal", "title": "FDR"},
    ]
    lines: Spec = {
        "mark": {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None},
        "encoding": {"x": axis.encoding("low"), "x2": {"field": "high"}, "y": y, "color": colors.roles()},
    }
    dots: Spec = {
        "name": "dots",
        "mark": {"type": "circle", "opacity": 1, "size": 9 if on.paper else 56},
        "encoding": {"x": axis.encoding("auc"), "y": y, "color": colors.roles()}
        | ({} if on.paper else {"tooltip": tooltip}),
    }
    layers = [upright(0.5, axis, on), {"data": {"values": values}, "layer": [lines, dots]}]
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if page else []), on)


def cell_state_key(view: CellStateView, **_: Any) -> key.Key:
    """The key, of the dots that are drawn."""
    return key.of_roles(KEY, view.rows["role"])


def cell_state_data(view: CellStateView, **_: Any) -> pd.DataFrame:
    """The view's rows."""
    return view.rows


def cell_state_caption(view: CellStateView, **_: Any) -> str:
    """What the rows show, in sentences."""
    if not len(view.rows):
        return "Too few cells to compare."
    return (
        "How often a cell of the target shows more than a control cell; lines: 95 % interval; dashed: as often as not. "
        f"{how_compared(view)}"
    )


def cell_state_drawn(view: CellStateView, **_: Any) -> str:
    """What the rows draw, for a methods section."""
    has_phases = view.rows["quantity"].str.startswith("In ").any()
    return (
        "chance that a cell of the target shows more than a control cell, with 95 % interval (1.96 standard errors "
        f"under no shift). {how_compared(view).rstrip('.')}{'; ' + how_phased() if has_phases else ''}"
    )


def cell_state_alt(view: CellStateView, **_: Any) -> str:
    """The rows in words."""
    said = "; ".join(sentence(row) for row in view.rows.itertuples())
    return f"Dots of {plural(len(view.rows), 'quantity', 'quantities')}, {plain(view.target)}: {said or 'none'}."
