"""Histograms: bars from the foot of the axis, and names hung over them."""

from typing import Any

import numpy as np

from core.figures import colors
from core.figures.axes import Axis, log_axis
from core.figures.hung_names import hung_texts
from core.figures.labels import LONGEST_LABEL, place_labels
from core.figures.sheet import Sheet
from core.figures.spec import Floats, Spec, records
from core.views.text import plain

LOWEST_COUNT = 0.7
"""Where a logarithmic axis of numbers of genes begins, so that a single gene has a bar."""

NAMES_A_TAIL = 4


def count_axis(title: str, most: float) -> Axis:
    """A logarithmic axis of numbers of things, from below 1."""
    axis = log_axis(title, LOWEST_COUNT, 1.3 * max(most, 2.0))
    return Axis(axis.title, axis.low, axis.high, axis.ticks, log=True, form=",.0f")


def histogram(edges: Floats, counts: Floats, x: Axis, y: Axis, on: Sheet, role: str, *, noun: str = "Genes") -> Spec:
    """Bars of a histogram, from the foot of the y axis."""
    some = np.flatnonzero(counts > 0)
    values = records(x=edges[some], x2=edges[some + 1], n=counts[some].astype(float))
    tooltip = [
        {"field": "n", "type": "quantitative", "format": ",d", "title": noun},
        {"field": "x", "type": "quantitative", "format": ".3~g", "title": "from"},
        {"field": "x2", "type": "quantitative", "format": ".3~g", "title": "to"},
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "opacity": 1, "color": colors.color(role, on)},
        "encoding": {
            "x": x.encoding("x"),
            "x2": {"field": "x2"},
            "y": y.encoding("n"),
            "y2": {"datum": y.low},
        }
        | ({} if on.paper else {"tooltip": tooltip}),
    }


def names_over_bars(
    symbols: Any, values: Floats, n_bold: int, edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet
) -> list[Spec]:
    """Names hung over the bars in which their values lie, the first ``n_bold`` of them in bold and always."""
    bin_of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(total) - 1)
    middle = (edges[bin_of] + edges[bin_of + 1]) / 2
    height = np.maximum(total[bin_of], 1).astype(float)
    px, py = x.share(middle) * on.plot_width, (1 - y.share(height)) * on.plot_height
    labels = place_labels(
        [plain(symbol, LONGEST_LABEL) for symbol in symbols],
        px,
        py - on.text * 0.4,
        size=(on.plot_width, on.plot_height),
        text=on.text,
        dot=0.0,
        dots=(px[:0], py[:0]),
        always=n_bold,
        most=2 * NAMES_A_TAIL,
        above=True,
        wider=1.0 if on.paper else 1.07,
        taken=_bar_boxes(edges, total, x, y, on),
    )
    layers: list[Spec] = []
    for bold in (False, True):
        some = [label for label in labels if (label.item < n_bold) == bold]
        if not some:
            continue
        rows = records(
            name=np.array([plain(symbols[s.item], LONGEST_LABEL) for s in some], dtype=object),
            x=middle[[s.item for s in some]],
            y=height[[s.item for s in some]],
            align=np.array([s.align for s in some], dtype=object),
            dx=np.array([s.dx for s in some]),
            dy=np.array([s.dy - on.text * 0.4 for s in some]),
            rank=np.array([s.rank for s in some]),
        )
        layers += hung_texts(rows, x, y, on, weight="bold" if bold else "normal")
    return layers


def _bar_boxes(edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet) -> list[tuple[float, float, float, float]]:
    lefts, rights = x.share(edges[:-1]) * on.plot_width, x.share(edges[1:]) * on.plot_width
    tops = (1 - y.share(np.maximum(total, LOWEST_COUNT).astype(float))) * on.plot_height
    return [
        (float(a), float(t), float(b), on.plot_height)
        for a, b, t, n in zip(lefts, rights, tops, total, strict=True)
        if n > 0
    ]
