"""Cells of each target, as rows where targets are few and else as a histogram."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import linear_axis, log_axis
from core.figures.drawing import Drawing, compose
from core.figures.histogram import histogram
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import upright
from core.figures.options import one_of
from core.figures.rows import ROW_PT, ROW_PX, name_look, row_axis, row_sheet, rows_that_fit, unique_names
from core.figures.sheet import Paper, paper_of, sheet
from core.figures.spec import Floats, Spec, records
from core.figures.targets import target_table
from core.views.power import FEW_CELLS
from core.views.text import number, plain, plural

MOST_CELL_ROWS = 60
CELL_LAYOUTS = ("auto", "rows", "histogram")


def cells_per_target(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    layout: str = "auto",
) -> Drawing:
    """How many cells each target has: a row each where they are few, else a histogram.

    Parameters
    ----------
    view
        The study.
    highlight
        Targets to set in bold.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    layout
        ``"rows"``, ``"histogram"``, or ``"auto"``: rows for up to 60 targets.

    Raises
    ------
    OptionError
        If the layout is none of these.
    """
    one_of("layout", layout, CELL_LAYOUTS)
    table = cells_data(view)
    if layout == "histogram" or (layout == "auto" and len(table) > MOST_CELL_ROWS):
        return _cells_histogram(view, table, width, paper)
    return _cells_rows(view, table, highlight, width, paper)


def cells_data(view: Any, **_: Any) -> pd.DataFrame:
    """Targets with their cells, most first: target, n_cells, n_guides, n_batches."""
    table = target_table(view)
    columns = [c for c in ("target", "n_cells", "n_guides", "n_batches") if c in table.columns]
    return table[columns].sort_values("n_cells", ascending=False, kind="stable").reset_index(drop=True)


def _cells_rows(
    view: Any, table: pd.DataFrame, highlight: Sequence[str], width: float | None, paper: bool | Paper
) -> Drawing:
    page = paper_of(paper)
    if page:
        table = table.head(rows_that_fit(len(table)))
    names = unique_names(table["target"])
    on = row_sheet(view, paper, width or 430.0, names, [], ROW_PT if page else ROW_PX)
    n = table["n_cells"].to_numpy(dtype=float)
    x = linear_axis(
        "Cells with a guide against the target", 0.0, 1.04 * float(n.max(initial=1.0)), about=4, form=",.0f"
    )
    y = row_axis(names, on, **name_look(on))
    values = records(name=np.array(names, dtype=object), target=table["target"].to_numpy(dtype=object), n=n)
    tooltip = [
        {"field": "target", "type": "nominal", "title": "Target"},
        {"field": "n", "type": "quantitative", "format": ",d", "title": "Cells"},
    ]
    bars: Spec = {
        "name": "bars",
        "data": {"values": values},
        "mark": {"type": "bar", "color": colors.color("neutral", on)},
        "encoding": {"x": x.encoding("n", orient="top"), "y": y} | ({} if on.paper else {"tooltip": tooltip}),
    }
    pick = {"params": [{"name": "pick", "select": {"type": "point", "fields": ["target"], "on": "@bars_marks:click"}}]}
    few = [upright(float(FEW_CELLS), x, on, orient="top")] if FEW_CELLS < x.high else []
    layers = [bars if on.paper else bars | pick, *few]
    chosen = [name for name, target in zip(names, table["target"], strict=True) if target in set(highlight)]
    layers += key.note(view, on) if on.paper else []
    return compose(layers, on, params=[{"name": "highlighted", "value": chosen}])


def _cells_histogram(view: Any, table: pd.DataFrame, width: float | None, paper: bool | Paper) -> Drawing:
    edges, counts = cells_bins(table)
    x = log_axis("Cells with a guide against the target", float(edges[0]), float(edges[-1]))
    y = linear_axis("Targets", 0.0, 1.06 * max(float(counts.max(initial=1)), 1.0), about=4, form=",.0f")
    on = sheet(paper, width, y_labels=y.labels(), strip=key.note_height(view, paper), height=None if paper else 300.0)
    few = [upright(float(FEW_CELLS), x, on)] if x.low < FEW_CELLS < x.high else []
    layers = [histogram(edges, counts.astype(float), x, y, on, "neutral", noun="Targets"), *few]
    return compose(layers + (key.note(view, on) if on.paper else []), on)


def cells_bins(table: pd.DataFrame) -> tuple[Floats, Any]:
    """Bins of equal width on a log axis, and targets in each."""
    n = np.maximum(table["n_cells"].to_numpy(dtype=float), 1.0)
    low, high = float(n.min(initial=1e9)) if len(n) else 1.0, float(n.max(initial=1.0))
    low, high = min(low, high) * 0.97, max(high, low) * 1.03
    edges = np.geomspace(low, max(high, low * 1.5), 31)
    return edges, np.histogram(n, edges)[0]


def cells_caption(view: Any, *, layout: str = "auto", paper: bool | Paper = False, **_: Any) -> str:
    """What it shows, in sentences."""
    n = cells_data(view)["n_cells"].to_numpy(dtype=float)
    if not len(n):
        return "The study has no targets."
    few = int((n < FEW_CELLS).sum())
    rows = layout == "rows" or (layout == "auto" and len(n) <= MOST_CELL_ROWS)
    shown = rows_that_fit(len(n)) if paper and rows else len(n)
    start = f"The {shown} targets with most cells of {number(len(n))}" if shown < len(n) else plural(len(n), "target")
    return (
        f"{start}, {number(np.median(n))} cells in the middle one. Dashed: {FEW_CELLS} cells; "
        f"{plural(few, 'target')} {'has' if few < 2 else 'have'} fewer."
    )


def cells_drawn(view: Any, **_: Any) -> str:
    """What is counted, for a methods section."""
    return f"number of cells with a guide against each of {plural(len(view.targets), 'target')}"


def cells_alt(view: Any, **_: Any) -> str:
    """Cells a target in words."""
    table = cells_data(view)
    top = zip(table["target"].head(5), table["n_cells"].head(5), strict=True)
    most = ", ".join(f"{plain(t, LONGEST_LABEL)} {number(n)}" for t, n in top)
    return f"Cells of {plural(len(table), 'target')}. Most: {most or 'none'}."
