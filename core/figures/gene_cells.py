"""A gene in the cells: curves of those that show it, by target, guide, batch or stratum."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import dashed
from core.figures.options import one_of
from core.figures.rows import rows_that_fit, unique_names
from core.figures.sheet import Paper, Sheet, paper_of, sheet
from core.figures.spec import Floats, Spec, px, records
from core.views.text import NBSP, number, percent, plain, plural

GROUPINGS = ("target", "guide", "batch", "stratum")
CELLS_KEY = (
    ("bar", "neutral", "controls"),
    ("bar", "down", "falls"),
    ("bar", "up", "rises"),
    ("bar", "observed", "not moved, or a guide"),
    ("dot", "observed", "mean of all cells"),
)
ROW_PX, ROW_PT = 36.0, 17.0
FOOT, CURVE = 0.08, 0.84
"""Where a curve stands in its row, and how high the highest rises."""
FAINTEST = 0.004
"""Below this share of the highest curve nothing is drawn."""
EVERY_ON_SCREEN = 2
"""A curve of 256 points is drawn with half of them on a plot of 400 pixels."""
ROW_NAMES = "rowNames"
SECOND_LINE_PT = 7.0
"""Below its first line a row's second one stands so many points on paper."""


def gene_distribution(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    by: str = "target",
) -> Drawing:
    """Curves of a gene's log-normalized values among cells that show it, one row a group.

    Under each group's name stands how many of its cells show the gene; a dot is the mean over all of them. Fewer than
    20 cells make no curve: their values are drawn one by one.

    Parameters
    ----------
    view
        The gene in the cells (see :class:`core.views.gene_cells.GeneCellsView`).
    highlight
        Nothing is highlighted.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    by
        ``"target"``, ``"guide"``, ``"batch"`` or ``"stratum"``.

    Raises
    ------
    OptionError
        If the grouping is unknown, or the study has none of its kind.
    """
    one_of("by", by, GROUPINGS)
    found, page = view.by(by), paper_of(paper)
    n = len(found.rows) if not page else rows_that_fit(len(found.rows), ROW_PT)
    rows = found.rows.head(n)
    names = row_names(rows)
    entries = _key_rows(rows) if page else []
    on = _sheet(view, paper, width, names, entries)
    high = max(float(found.at[-1]) if len(found.at) else 1.0, 1e-3)
    x = linear_axis(f"{plain(view.gene, 20)}, log-normalized", 0.0, high, about=6)
    y = _rows_axis(len(rows))
    reference = float(view.by("target").rows["mean"].iloc[0])
    layers = [
        *([dashed({"x": (reference, reference), "y": (0.0, len(rows))}, x, y, on)] if reference == reference else []),
        *_curves(found.density[:n], found.at, rows, x, y, on),
        *_few(found.ticks[found.ticks["row"] < n], rows, x, y, on),
        _means(rows, names, x, y, on),
    ]
    for layer in layers:
        _name_rows(layer, len(rows), on, italic=by == "target")
    if page:
        layers += _second_lines(names, on) + key.above(entries, on, view) + key.note(view, on)
    return compose(layers, on, params=[{"name": ROW_NAMES, "value": [list(pair) for pair in names]}])


def row_names(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Two lines a row: the group, and the share of its cells that show the gene."""
    first = unique_names(rows["group"])
    return [
        (name, f"{percent(share) if share else f'0{NBSP}%'} of {number(n)} cells" if n else "no cell")
        for name, share, n in zip(first, rows["share"], rows["n"], strict=True)
    ]


def _sheet(
    view: Any, paper: bool | Paper, width: float | None, names: Sequence[tuple[str, str]], entries: Sequence[key.Row]
) -> Sheet:
    lines = [line for pair in names for line in pair]
    note = key.note_height(view, paper)
    on = sheet(paper, width, y_labels=lines, y_title=False, strip=note, height=1.0)
    strip = key.strip_height(entries, on) if on.paper else 0.0
    row = ROW_PT if on.paper else ROW_PX
    return replace(on, top=on.top + strip, height=on.top + strip + on.bottom + max(len(names), 1) * row)


def _rows_axis(n: int) -> Axis:
    return Axis("", 0.0, float(max(n, 1)), tuple(n - i - 0.5 for i in range(n)))


def _name_rows(layer: Spec, n: int, on: Sheet, *, italic: bool) -> None:
    """Give the y axis of a layer the rows' names, by a parameter: no name becomes part of an expression."""
    for part in layer.get("layer", [layer]):
        look = part["encoding"]["y"]["axis"]
        look |= {"title": None, "ticks": False, "domain": False, "labelExpr": f"{ROW_NAMES}[floor({n} - datum.value)]"}
        look |= {"labelLimit": on.left, "labelLineHeight": 7 if on.paper else 13, "labelPadding": 3 if on.paper else 6}
        if on.paper:  # its first line alone, which may be italic; the second is a text of its own
            look |= {"labelExpr": f"{ROW_NAMES}[floor({n} - datum.value)][0]", "labelOffset": -SECOND_LINE_PT / 2}
        if on.paper and italic:
            test = f"datum.value < {n - 1}"  # all but the controls
            look["labelFontStyle"] = {"condition": {"test": test, "value": "italic"}, "value": "normal"}
        part["encoding"]["y"] |= {"title": None}


def _second_lines(names: Sequence[tuple[str, str]], on: Sheet) -> list[Spec]:
    """Under each name, on paper, how many of its cells show the gene."""
    middle = (np.arange(len(names)) + 0.5) * on.plot_height / max(len(names), 1) + SECOND_LINE_PT / 2
    mark = {"type": "text", "align": "right", "baseline": "middle", "fontSize": on.text, "color": colors.INK}
    return [
        {
            "data": {"values": [{"words": words}]},
            "mark": mark,
            "encoding": {"x": px(-3), "y": px(y), "text": {"field": "words", "type": "nominal"}},
        }
        for (_, words), y in zip(names, middle, strict=True)
    ]


def _base(rows: pd.DataFrame) -> Floats:
    return np.arange(len(rows), dtype=np.float64)[::-1] + FOOT


def _curves(density: Floats, at: Floats, rows: pd.DataFrame, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    most = float(density.max(initial=0.0))
    if most <= 0:
        return []
    step = 1 if on.paper else EVERY_ON_SCREEN
    height = density[:, ::step] / most
    row, point = np.nonzero(height > FAINTEST)
    base = _base(rows)[row]
    values = records(
        row=row,
        x=at[::step][point],
        base=base,
        top=base + CURVE * height[row, point],
        role=rows["role"].to_numpy(dtype=object)[row],
    )
    mark: Spec = {"type": "area", "opacity": 0.75, "tooltip": None, "line": False}
    return [
        {
            "data": {"values": values},
            "mark": mark,
            "encoding": {
                "x": x.encoding("x"), "y": y.encoding("top"), "y2": {"field": "base"},
                "color": colors.roles(), "detail": {"field": "row", "type": "nominal"},
            },
        }
    ]  # fmt: skip


def _few(ticks: pd.DataFrame, rows: pd.DataFrame, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    if ticks.empty:
        return []
    row = ticks["row"].to_numpy(dtype=int)
    base = _base(rows)[row]
    values = records(
        x=ticks["value"].to_numpy(dtype=float), base=base, top=base + 0.5 * CURVE,
        role=rows["role"].to_numpy(dtype=object)[row],
    )  # fmt: skip
    encoding = {"x": x.encoding("x"), "y": y.encoding("top"), "y2": {"field": "base"}, "color": colors.roles()}
    mark: Spec = {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None}
    return [{"data": {"values": values}, "mark": mark, "encoding": encoding}]


def _means(rows: pd.DataFrame, names: Sequence[tuple[str, str]], x: Axis, y: Axis, on: Sheet) -> Spec:
    values = records(
        name=np.array([name for name, _ in names], dtype=object),
        x=rows["mean"].to_numpy(dtype=float),
        y=_base(rows),
        **{c: rows[c].to_numpy() for c in ("n", "n_shown", "share", "share_low", "share_high")},
    )
    tooltip = [
        {"field": "name", "type": "nominal", "title": "Group"},
        {"field": "x", "type": "quantitative", "format": ".3f", "title": "Mean, log-normalized"},
        {"field": "n", "type": "quantitative", "format": ",d", "title": "Cells"},
        {"field": "share", "type": "quantitative", "format": ".1%", "title": "Show it"},
        {"field": "share_low", "type": "quantitative", "format": ".1%", "title": f"95{NBSP}% from"},
        {"field": "share_high", "type": "quantitative", "format": ".1%", "title": "to"},
    ]
    return {
        "name": "means",
        "data": {"values": values},
        "mark": {
            "type": "point", "filled": True, "opacity": 1, "size": 11 if on.paper else 50, "fill": colors.ink(on),
            "stroke": colors.color("paper", on), "strokeWidth": 0.5 if on.paper else 1.5,
        },
        "encoding": {"x": x.encoding("x"), "y": y.encoding("y")} | ({} if on.paper else {"tooltip": tooltip}),
    }  # fmt: skip


def _key_rows(rows: pd.DataFrame) -> list[key.Row]:
    words = {"neutral": "controls", "down": "falls", "up": "rises", "observed": "not moved"}
    found = [role for role in words if (rows["role"] == role).any()]
    return [
        *(key.Row("bar", colors.LIGHT[role], words[role]) for role in found),
        key.Row("dot", colors.INK, "mean of all cells"),
    ]


def cells_key(view: Any, *, by: str = "target", **_: Any) -> key.Key:
    """The key on the page, of the curves that are drawn."""
    *curves, mean = CELLS_KEY
    return (*key.of_roles(tuple(curves), view.by(by).rows["role"]), mean)


def cells_data(view: Any, *, by: str = "target", **_: Any) -> pd.DataFrame:
    """The curves, long: group, role, n, n_shown, share with interval, mean, then value and density at 256 points."""
    found = view.by(by)
    table = found.rows.loc[found.rows.index.repeat(len(found.at))].reset_index(drop=True)
    return table.assign(value=np.tile(found.at, len(found.rows)), density=found.density.ravel())


def cells_caption(view: Any, *, by: str = "target", **_: Any) -> str:
    """What the curves show, in sentences."""
    found = view.by(by)
    few = int(((found.rows["n_shown"] < 20) & (found.rows["n_shown"] > 0)).sum())
    sentences = [
        found.note,
        "Curves: density among cells that show the gene, the same area each; their share stands under the name.",
        "Dots: mean over all cells, zeros included; dashed: that of the controls.",
    ]
    if few:
        sentences.append(f"Fewer than 20 cells make no curve: in {plural(few, 'row')} each is a stroke.")
    return " ".join(sentences)


def cells_drawn(view: Any, *, by: str = "target", **_: Any) -> str:
    """What the curves are, for a methods section."""
    return (
        f"kernel density (Gaussian, Silverman's width) of log-normalized values above 0 by {by}, share of cells above "
        "0 and mean over all cells"
    )


def cells_alt(view: Any, *, by: str = "target", **_: Any) -> str:
    """The curves in words."""
    rows = view.by(by).rows
    said = ", ".join(
        f"{plain(g, LONGEST_LABEL)} {percent(float(s))} of {number(n)}"
        for g, s, n in zip(rows["group"].head(5), rows["share"].head(5), rows["n"].head(5), strict=True)
    )
    return f"Curves of {plain(view.gene)} in {plural(len(rows), 'group')} by {by}. Cells that show it: {said}."
