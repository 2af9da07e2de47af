"""Where names go beside their dots: greedy, on the side with room, and no name at all where there is none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_LABEL = 24
"""Longer names are cut."""

# Advance widths of Arial (and of Liberation Sans, made to the same measure) in thousandths of the size, ASCII 32-126.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

BLOCKED = 1000.0
"""The cost from which on a place is not free."""

NEARER = 0.8
"""Another dot nearer to a name than this share of its own dot's distance takes the name over."""

BOLD = 1.08
"""Bold letters are about so much wider."""


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of Arial in the unit of ``size``; characters beyond ASCII count as wide as an M."""
    widths = (
        _WIDTHS[ord(c) - 32] if 32 <= ord(c) < 127 else 833 if ord(c) > 127 and c not in "−…–" else 584 for c in text
    )
    return sum(widths) * size / 1000 * (BOLD if bold else 1.0)


@dataclass(frozen=True)
class Label:
    """A name hung on its dot: ``item`` says which, ``dx`` and ``dy`` how far away, in pixels (y down)."""

    item: int
    align: str
    dx: float
    dy: float
    rank: int


@dataclass(frozen=True, eq=False)
class Crowd:
    """How many points lie where, summed up so that any rectangle's count is four look-ups."""

    sums: NDArray[np.float64]
    width: float
    height: float

    @classmethod
    def of(
        cls, x: NDArray[np.float64], y: NDArray[np.float64], width: float, height: float, cells: int = 96
    ) -> "Crowd":
        """Count points given in pixels of a plot."""
        grid, _, _ = np.histogram2d(x, y, bins=cells, range=((0, width), (0, height)))
        return cls(np.pad(grid.cumsum(0).cumsum(1), ((1, 0), (1, 0))), width, height)

    def inside(self, left: float, top: float, right: float, bottom: float) -> float:
        """About how many points lie in a rectangle."""
        n = self.sums.shape[0] - 1
        i0, i1 = (min(max(round(v / self.width * n), 0), n) for v in (left, right))
        j0, j1 = (min(max(round(v / self.height * n), 0), n) for v in (top, bottom))
        s = self.sums
        return float(s[i1, j1] - s[i0, j1] - s[i1, j0] + s[i0, j0])


def place_labels(
    names: Sequence[str],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    size: tuple[float, float],
    text: float,
    dot: float,
    dots: tuple[NDArray[np.float64], NDArray[np.float64]],
    crowd: Crowd | None = None,
    sides: Sequence[str] | None = None,
    always: int = 0,
    ring: float = 0.0,
    most: int = 18,
    wider: float = 1.0,
    above: bool = False,
    taken: Sequence[Box] = (),
) -> list[Label]:
    """Hang names on dots, the first ones first.

    A name takes the free place with the fewest points under it. A place is free where it covers no other name, no
    dot and not the edge of the plot. The first ``always`` names are drawn in bold, and even where nothing is free.

    Parameters
    ----------
    names, x, y
        What may be named, most important first; positions in pixels, y down.
    size
        Width and height of the plot.
    text, dot
        Size of letters; diameter of a dot.
    dots
        Positions of all dots that a name must not cover.
    crowd
        The many points that a name should rather not cover.
    sides
        For each name ``"left"`` or ``"right"``: where to look first.
    always
        How many of the first names must be drawn.
    ring
        Radius of the ring round those, which other names keep clear of.
    most
        At most so many names besides those.
    wider
        Letters wider than Arial's by this factor.
    above
        Look over the dot before looking beside it.
    taken
        Rectangles (left, top, right, bottom) that are occupied already.

    Returns
    -------
    list of Label
        In the order of ``names``; ranks count the names that may be left out on a narrow screen from 0.
    """
    width, height = size
    blocked = [(float(a), float(b), float(c), float(d)) for a, b, c, d in taken]
    blocked += [(x[i] - ring, y[i] - ring, x[i] + ring, y[i] + ring) for i in range(always if ring else 0)]
    placed: list[Box] = []
    out: list[Label] = []
    optional = 0
    for i, name in enumerate(names):
        if i >= always and optional >= most:
            break
        bold = i < always
        w, h = text_width(name, text, bold=bold) * wider + 1, text * 1.05
        spots = _spots((ring if bold else dot / 2) + 0.3 * text, h, sides[i] if sides is not None else "right")
        if above:
            spots = sorted(spots, key=lambda spot: spot[0] != "center" or spot[2] > 0)
        best: tuple[float, int] | None = None
        for order, spot in enumerate(spots):
            box = _box(x[i], y[i], spot, w, h)
            if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
                continue
            cost = _cost(box, placed, blocked, dots, dot, crowd) + _mistaken(box, x[i], y[i], dots)
            if cost < BLOCKED or bold:
                best = min(best or (math.inf, 0), (cost + order * 0.3, order))
        if best is None:
            continue
        align, dx, dy = spots[best[1]]
        placed.append(_box(x[i], y[i], spots[best[1]], w, h))
        out.append(Label(i, align, round(dx, 2), round(dy, 2), 0 if bold else optional))
        optional += 0 if bold else 1
    return out


def _box(x: float, y: float, spot: tuple[str, float, float], w: float, h: float) -> Box:
    """The rectangle of a name hung at a place round its dot."""
    align, dx, dy = spot
    left = float(x) + dx - {"left": 0.0, "center": w / 2, "right": w}[align]
    return (left, float(y) + dy - h / 2, left + w, float(y) + dy + h / 2)


def _spots(reach: float, h: float, side: str) -> list[tuple[str, float, float]]:
    """Places round a dot, the preferred side first: beside, obliquely, above and below."""
    first, second = (("left", reach), ("right", -reach)) if side == "right" else (("right", -reach), ("left", reach))
    spots: list[tuple[str, float, float]] = []
    for align, dx in (first, second):
        spots += [(align, dx, 0.0), (align, dx * 0.8, -0.62 * h), (align, dx * 0.8, 0.62 * h)]
    spots += [("center", 0.0, -(reach + h / 2)), ("center", 0.0, reach + h / 2)]
    return spots + [(align, dx * 0.5, dy * h) for dy in (-1.1, 1.1) for align, dx in (first, second)]


def _cost(
    box: Box,
    placed: Sequence[Box],
    blocked: Sequence[Box],
    dots: tuple[NDArray[np.float64], NDArray[np.float64]],
    dot: float,
    crowd: Crowd | None,
) -> float:
    """How bad a place is: by the points under the name, worse with a dot or something else there, worst on a name."""
    left, top, right, bottom = box
    margin = 0.4 * dot
    px, py = dots
    covered = (px > left - margin) & (px < right + margin) & (py > top - margin) & (py < bottom + margin)
    cost = float(np.log1p(crowd.inside(left, top, right, bottom))) if crowd else 0.0
    cost += BLOCKED * int(covered.sum()) + BLOCKED * sum(_meet(box, other) for other in blocked)
    return cost + 1000 * BLOCKED * sum(_meet(box, other) for other in placed)


def _mistaken(box: Box, x: float, y: float, dots: tuple[NDArray[np.float64], NDArray[np.float64]]) -> float:
    """The cost of a place where the name would be read as that of another dot, much nearer than its own."""
    left, top, right, bottom = box
    px, py = dots
    if not len(px):
        return 0.0
    away = np.hypot(np.maximum(np.maximum(left - px, px - right), 0), np.maximum(np.maximum(top - py, py - bottom), 0))
    own = math.hypot(max(left - x, x - right, 0.0), max(top - y, y - bottom, 0.0))
    return BLOCKED if float(away.min()) < NEARER * own else 0.0


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]
