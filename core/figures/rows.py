"""Rows: a figure with a name a row, as high as its rows need."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from core.figures import key
from core.figures.labels import LONGEST_LABEL
from core.figures.sheet import MM_PER_PT, Paper, Sheet, sheet
from core.figures.spec import Spec
from core.views.text import plain

ROW_PX, ROW_PT = 13.0, 7.4
HIGHEST_MM = 230.0
"""A figure of rows is as high as its rows, but no higher than a page; more rows are left out, and it says so."""


def row_sheet(
    view: Any,
    paper: bool | Paper,
    width: float,
    names: Sequence[str],
    rows: Sequence[key.Row],
    row: float,
    *,
    x_top: bool = True,
) -> Sheet:
    """A sheet as high as its rows need, with a strip for the key above the plot and its axis."""
    note = key.note_height(view, paper)
    on = sheet(paper, width, y_labels=names, y_title=False, x_top=x_top, strip=note, height=1.0)
    strip = key.strip_height(rows, on) + (2 if rows else 0)
    return replace(on, top=on.top + strip, height=on.top + strip + on.bottom + max(len(names), 1) * row)


def rows_that_fit(n: int, row: float = ROW_PT, taken: float = 50.0) -> int:
    """How many rows a printed page takes."""
    return min(n, int((HIGHEST_MM / MM_PER_PT - taken) / row))


def unique_names(genes: Iterable[Any], longest: int = LONGEST_LABEL) -> list[str]:
    """Names as drawn, cut where too long, and still all different: each is a row."""
    names: list[str] = []
    seen: set[str] = set()
    for gene in genes:
        name = base = plain(gene, longest)
        i = 2
        while name in seen:
            name, i = f"{base} ({i})", i + 1
        names.append(name)
        seen.add(name)
    return names


def row_axis(names: Sequence[str], on: Sheet, **axis: Any) -> Spec:
    """A channel that gives each name a row, in the order given."""
    look: Spec = {"title": None, "ticks": False, "domain": False, "labelPadding": 3 if on.paper else 6}
    return {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": list(names), "paddingInner": 0.25, "paddingOuter": 0.12},
        "axis": look | {"labelOverlap": False, "labelLimit": on.left} | axis,
        "title": None,
    }


def name_look(on: Sheet) -> Spec:
    """How gene symbols stand at their rows: italic on paper, bold where the parameter ``highlighted`` lists them."""
    bold = {"condition": {"test": "indexof(highlighted, datum.value) >= 0", "value": "bold"}, "value": "normal"}
    return {"labelFontWeight": bold} | ({"labelFontStyle": "italic"} if on.paper else {})
