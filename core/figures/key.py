"""Keys: entries for under a figure on the page; on paper inside the plot or above it, and "simulated"."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.figures import colors
from core.figures.labels import text_width
from core.figures.sheet import Paper, Sheet, sheet
from core.figures.spec import Spec, px

STEP = 7.8  # points between the key's rows
INDENT = 8.0  # from a row's shape to its words
MARGIN = 4.0
SIMULATED = "Simulated data"

Box = tuple[float, float, float, float]
Key = tuple[tuple[str, str, str], ...]
"""Entries as (shape, role, words), for the page."""


@dataclass(frozen=True)
class Row:
    """One entry of the key: a shape (dot, ring, line, bar, diamond, cross or none), its color, and words."""

    shape: str
    color: str
    words: str


def of_roles(entries: Key, roles: Iterable[str]) -> Key:
    """The entries of the roles that are drawn."""
    drawn = set(roles)
    return tuple(entry for entry in entries if entry[1] in drawn)


def printed(entries: Key) -> list[Row]:
    """The same entries for paper."""
    return [Row(shape, colors.LIGHT[role], words) for shape, role, words in entries]


def note_height(view: Any, paper: bool | Paper) -> float:
    """Room for the line that says the data are simulated."""
    return 9.0 if paper and simulated(view) else 0.0


def simulated(view: Any) -> bool:
    """Whether the view says so."""
    return bool(view.simulated)


def note(view: Any, on: Sheet) -> list[Spec]:
    """The line that says the data are simulated: above the plot at the right, where no data can hide it."""
    if not simulated(view):
        return []
    return [_text(SIMULATED, on.plot_width + on.right - 2, 6.5 - on.top, "right", bold=True)]


def free_corner(
    x: NDArray[np.float64], y: NDArray[np.float64], colored: NDArray[np.bool_], rows: Sequence[Row], on: Sheet
) -> Box | None:
    """A corner of the plot in which the key covers nothing that matters, or None.

    Nothing colored may lie under it, and of the others at most one in two hundred.
    """
    w, h = _size(rows)
    right, bottom = on.plot_width - w - MARGIN, on.plot_height - h - MARGIN
    if right < MARGIN or bottom < MARGIN:
        return None
    for left, top in ((MARGIN, 0.0), (right, bottom), (right, 0.0), (MARGIN, bottom)):
        inside = (x > left - 3) & (x < left + w + 3) & (y > top - 3) & (y < top + h + 3)
        if not (inside & colored).any() and inside.sum() <= 0.005 * len(x):
            return (left, top, left + w, top + h)
    return None


def _size(rows: Sequence[Row]) -> tuple[float, float]:
    return INDENT + max((text_width(r.words, 6.0) for r in rows), default=0.0), STEP * len(rows) + 2


def strip_height(rows: Sequence[Row], on: Sheet) -> float:
    """Height of the key as lines of text above a plot."""
    return STEP * len(_lines(rows, on.width - on.left)) + 2 if rows else 0.0


def _lines(rows: Sequence[Row], width: float) -> list[list[tuple[float, Row]]]:
    """Rows set one after another, broken where the line is full: (x, row)."""
    lines: list[list[tuple[float, Row]]] = []
    x = width
    for row in rows:
        w = INDENT + text_width(row.words, 6.0) + 8
        if x + w > width + 8 or not lines:
            lines.append([])
            x = 0.0
        lines[-1].append((x, row))
        x += w
    return lines


def sheet_with_strip(
    view: Any, paper: bool | Paper, width: float | None, y_labels: Sequence[str], rows: Sequence[Row], *, height: float
) -> Sheet:
    """A sheet with room for the key above the plot; ``height`` is that on screen, on paper the shape decides."""
    note_room, tall = note_height(view, paper), None if paper else height
    on = sheet(paper, width, y_labels=y_labels, strip=note_room, height=tall)
    if not on.paper:
        return on
    return sheet(paper, width, y_labels=y_labels, strip=note_room + strip_height(rows, on), height=tall)


def inside(rows: Sequence[Row], on: Sheet, spot: Box | None, view: Any) -> list[Spec]:
    """The key's layers, in the free corner or above the plot."""
    if spot is None:
        return above(rows, on, view)
    left, top = spot[:2]
    return [s for i, row in enumerate(rows) for s in _entry(row, left + 2, top + STEP * (i + 0.5))]


def above(rows: Sequence[Row], on: Sheet, view: Any) -> list[Spec]:
    """The key's layers at the top of the sheet, under the line that says "simulated"."""
    first = note_height(view, on.paper is not None) - on.top + 0.5 * STEP
    lines = _lines(rows, on.width - on.left)
    return [s for i, line in enumerate(lines) for x, row in line for s in _entry(row, x + 2, first + STEP * i)]


_SHAPES = {"dot": "circle", "ring": "circle", "bar": "square", "diamond": "diamond", "cross": "cross"}


def _entry(row: Row, x: float, y: float) -> list[Spec]:
    if row.shape == "none":
        return [_text(row.words, x - 2, y, "left")]
    if row.shape == "line":
        mark: Spec = {"type": "rule", "color": row.color, "strokeWidth": 1.0}
        encoding = {"x": px(x - 2.5), "x2": px(x + 3), "y": px(y)}
    else:
        filled = row.shape != "ring"
        mark = {"type": "point", "shape": _SHAPES[row.shape], "size": 9 if filled else 12, "opacity": 1}
        mark |= {"filled": filled, "color": row.color, "strokeWidth": 0.75 if not filled else 0}
        encoding = {"x": px(x), "y": px(y)}
    shape: Spec = {"data": {"values": [{}]}, "mark": mark, "encoding": encoding}
    return [shape, _text(row.words, x + INDENT - 2, y, "left")]


def _text(words: str, x: float, y: float, align: str, *, bold: bool = False) -> Spec:
    mark = {"type": "text", "align": align, "baseline": "middle", "fontSize": 6, "color": colors.INK}
    return {
        "data": {"values": [{"words": words}]},
        "mark": mark | ({"fontWeight": "bold"} if bold else {}),
        "encoding": {"x": px(x), "y": px(y), "text": {"field": "words", "type": "nominal"}},
    }
