"""Heatmaps: effect profiles of targets x genes, and correlation of targets x targets, clustered both ways."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.drawing import Drawing, compose
from core.figures.labels import text_width
from core.figures.rows import unique_names
from core.figures.sheet import MM_PER_PT, Paper, Sheet, paper_of, sheet
from core.figures.spec import Spec, px, records
from core.views.text import MINUS, number, p_value, plain, plural, signed

CELL_PX, CELL_PT = 11.0, 6.2
LABEL_PX, LABEL_PT = 10.0, 5.0
TALLEST_PX, TALLEST_MM = 900.0, 230.0
GROUP_ROOM_PX, GROUP_ROOM_PT = 18.0, 9.0
KEY_ROOM_PX = 22.0
KEY_STEPS = 41
LONGEST = 18

HEATMAP_KEY = (("bar", "down", "falls"), ("bar", "up", "rises"))
CORRELATION_KEY = (("bar", "down", "opposite"), ("bar", "up", "alike"))
GROUP_KEY = ("line", "observed", "group of targets")


def profiles(
    view: Any, *, highlight: Sequence[str] = (), width: float | None = None, paper: bool | Paper = False
) -> Drawing:
    """Deltas of genes (rows) by target (columns), with the groups of targets marked above.

    Parameters
    ----------
    view
        The map (:class:`core.views.compare_map.MapView`).
    highlight
        Genes or targets to set in bold.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    """
    t, g = len(view.targets), len(view.genes)
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(g), np.arange(t), indexing="ij"))
    cells = {
        "gene": np.array(view.genes, dtype=object)[row],
        "target": np.array(view.targets, dtype=object)[column],
        "v": view.delta[column, row],
        "fdr": np.array([p_value(p) for p in view.fdr[column, row]], dtype=object),
    }
    tooltip = [
        {"field": "target", "type": "nominal", "title": "Target"},
        {"field": "gene", "type": "nominal", "title": "Gene"},
        {"field": "v", "type": "quantitative", "format": "+.2f", "title": "delta"},
        {"field": "fdr", "type": "nominal", "title": "FDR"},
    ]
    words = (f"falls, to {signed(-view.limit)}", f"rises, to {signed(view.limit)}")
    look = _Look(view.genes, "Genes", view.limit, words, highlight)
    return _draw(view, cells, (row, column), look, tooltip, width, paper)


def correlation_map(
    view: Any, *, highlight: Sequence[str] = (), width: float | None = None, paper: bool | Paper = False
) -> Drawing:
    """Correlation of the profiles of all pairs of targets; parameters as of :func:`profiles`."""
    t = len(view.targets)
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(t), np.arange(t), indexing="ij"))
    names = np.array(view.targets, dtype=object)
    cells = {"gene": names[row], "target": names[column], "v": view.r[row, column]}
    tooltip = [
        {"field": "target", "type": "nominal", "title": "Target"},
        {"field": "gene", "type": "nominal", "title": "and"},
        {"field": "v", "type": "quantitative", "format": ".2f", "title": "r"},
    ]
    look = _Look(view.targets, "Targets", 1.0, (f"r {MINUS}1, opposite", "r 1, alike"), highlight)
    return _draw(view, cells, (row, column), look, tooltip, width, paper)


class _Look:
    """What tells one heatmap from the other."""

    def __init__(
        self, rows: Sequence[str], title: str, limit: float, words: tuple[str, str], highlight: Sequence[str]
    ) -> None:
        self.rows, self.title, self.limit, self.words, self.highlight = rows, title, limit, words, highlight


def _draw(
    view: Any,
    cells: dict[str, Any],
    at: tuple[Any, Any],
    look: _Look,
    tooltip: list[Spec],
    width: float | None,
    paper: bool | Paper,
) -> Drawing:
    names_y, names_x = unique_names(look.rows, LONGEST), unique_names(view.targets, LONGEST)
    on = heat_sheet(view, paper, width, names_y, names_x, look)
    row, column = at
    values = records(y=np.array(names_y, object)[row], x=np.array(names_x, object)[column], **cells)
    x = _band("x", names_x, "Targets", on) | {"field": "x"}
    y = _band("y", names_y, look.title, on) | {"field": "y"}
    fill = {
        "field": "v",
        "type": "quantitative",
        "legend": None,
        "scale": {
            "domain": [-look.limit, look.limit],
            "domainMid": 0,
            "range": "diverging",
            "interpolate": "rgb",
            "clamp": True,
        },
    }
    tiles: Spec = {
        "name": "cells",
        "data": {"values": values},
        "mark": {"type": "rect", "aria": False} | ({"tooltip": None} if on.paper else {}),
        "encoding": {"x": x, "y": y, "fill": fill} | ({} if on.paper else {"tooltip": tooltip}),
    }
    layers = [tiles, *group_marks(view, names_x, x, on)]
    layers += color_key(look, fill, view, on)
    if on.paper:
        layers += key.note(view, on)
    marked = {*view.marked, *look.highlight}
    bold = [shown for shown, name in zip(names_x, view.targets, strict=True) if name in marked]
    bold += [shown for shown, name in zip(names_y, look.rows, strict=True) if name in marked]
    params = [{"name": "highlighted", "value": bold}]
    return compose(layers, on, params=params, many=True)


def key_rows(look: _Look) -> list[key.Row]:
    """The printed key: the ends of the colors."""
    return [
        key.Row("bar", colors.DIVERGING[1], look.words[0]),
        key.Row("bar", colors.DIVERGING[-2], look.words[1]),
    ]


def color_key(look: _Look, fill: Spec, view: Any, on: Sheet) -> list[Spec]:
    """A strip of the colors above the plot, with the values at its ends and 0 in its middle."""
    unit = on.text / 11.0
    wide, tall = 90 * unit, 10 * unit
    start = text_width(look.words[0], on.text) + 6 * unit
    middle = key.note_height(view, True) - on.top + 0.5 * key.STEP if on.paper else -GROUP_ROOM_PX - 0.5 * KEY_ROOM_PX
    edges = start + np.linspace(0, wide, KEY_STEPS + 1)
    # each step reaches to the end, under those after it: side by side, their edges would show as lines
    right = np.full(KEY_STEPS, edges[-1])
    values = records(v=np.linspace(-look.limit, look.limit, KEY_STEPS), left=edges[:-1], right=right)
    strip: Spec = {
        "name": "color-key",
        "data": {"values": values},
        "mark": {"type": "rect", "tooltip": None},
        "encoding": {
            "x": {"field": "left", "type": "quantitative", "scale": None},
            "x2": {"field": "right"},
            "y": px(middle - tall / 2),
            "y2": px(middle + tall / 2),
            "fill": fill,
        },
    }
    ink = colors.ink(on)
    words = (
        (look.words[0], 0.0, "left"),
        ("0", start + wide / 2, "center"),
        (look.words[1], start + wide + 6 * unit, "left"),
    )
    return [strip, *(_key_text(*word, middle, ink, on) for word in words)]


def _key_text(words: str, x: float, align: str, y: float, ink: Any, on: Sheet) -> Spec:
    mark = {"type": "text", "align": align, "baseline": "middle", "fontSize": on.text, "color": ink, "tooltip": None}
    at = {"x": px(x), "y": px(y)}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": at | {"text": {"value": words}}}


def heat_sheet(
    view: Any, paper: bool | Paper, width: float | None, names_y: Sequence[str], names_x: Sequence[str], look: _Look
) -> Sheet:
    """A sheet as high as the rows need, with room for upright names under the plot and for groups above it."""
    page = paper_of(paper)
    label, cell, groups = (LABEL_PT, CELL_PT, GROUP_ROOM_PT) if page else (LABEL_PX, CELL_PX, GROUP_ROOM_PX)
    note = key.note_height(view, paper)
    on = sheet(paper, width or 800.0, y_labels=names_y, strip=note, right=6.0, height=1.0)
    strip = key.strip_height(key_rows(look), on) if page else 0.0
    below = max(text_width(name, label) for name in names_x) + (16.0 if page else 30.0)
    tallest = TALLEST_MM / MM_PER_PT - 60 if page else TALLEST_PX
    plot = min(cell * len(names_y), tallest)
    top = on.top + strip + groups
    return replace(on, top=top, bottom=below, height=top + below + plot)


def _band(channel: str, names: Sequence[str], title: str, on: Sheet) -> Spec:
    label = LABEL_PT if on.paper else LABEL_PX
    axis: Spec = {
        "title": f"{title}, clustered",
        "domain": False,
        "ticks": False,
        "labelPadding": 2,
        "labelFontSize": label_size(len(names), label, channel, on),
        "labelOverlap": True,
        "labelSeparation": -0.3 * label,  # names may come close; beyond, every other one is left out
        "labelFontWeight": {
            "condition": {"test": "indexof(highlighted, datum.value) >= 0", "value": "bold"},
            "value": "normal",
        },
        **({"labelAngle": -90, "labelLimit": 120} if channel == "x" else {}),
    }
    if on.paper and title == "Genes":
        axis["labelFontStyle"] = "italic"
    return {"type": "nominal", "scale": {"domain": list(names), "padding": 0}, "sort": None, "axis": axis}


def label_size(n: int, label: float, channel: str, on: Sheet) -> Any:
    """Size of names so that ``n`` of them fit side by side; on screen it follows the plot."""
    smallest = 0.7 * label
    if on.paper:
        size = (on.plot_width if channel == "x" else on.plot_height) / max(n, 1)
        return round(min(label, max(0.95 * size, smallest)), 2)
    side = "width" if channel == "x" else "height"
    return {"expr": f"min({label}, max({smallest:g}, 0.95 * {side} / {max(n, 1)}))"}


def group_marks(view: Any, names: Sequence[str], x: Spec, on: Sheet) -> list[Spec]:
    """A line and a letter above every group of targets."""
    spans = []
    for letter in dict.fromkeys(letter for letter in view.group if letter):
        at = [k for k, group in enumerate(view.group) if group == letter]
        spans.append(
            {"first": names[at[0]], "last": names[at[-1]], "middle": names[at[len(at) // 2]], "letter": letter}
        )
    if not spans:
        return []
    ink = colors.ink(on)
    unit = on.text / 11.0
    band = {k: v for k, v in x.items() if k != "field"}
    line: Spec = {
        "data": {"values": spans},
        "mark": {"type": "rule", "strokeWidth": 1.0 if on.paper else 2.0, "color": ink, "tooltip": None},
        "encoding": {
            "x": band | {"field": "first", "bandPosition": 0.08},
            "x2": {"field": "last", "bandPosition": 0.92},
            "y": {"value": -4 * unit},
        },
    }
    letters: Spec = {
        "data": {"values": spans},
        "mark": {
            "type": "text",
            "baseline": "bottom",
            "fontSize": on.text,
            "fontWeight": "bold",
            "color": ink,
            "tooltip": None,
        },
        "encoding": {
            "x": band | {"field": "middle"},
            "y": {"value": -5 * unit},
            "text": {"field": "letter", "type": "nominal"},
        },
    }
    return [line, letters]


# --------------------------------------------------------------------------------------------------------- words


def profiles_key(view: Any, **_: Any) -> key.Key:
    """The key on the page: lines only where there are groups."""
    return (*HEATMAP_KEY, GROUP_KEY) if any(view.group) else HEATMAP_KEY


def correlation_key(view: Any, **_: Any) -> key.Key:
    """The key of correlations."""
    return (*CORRELATION_KEY, GROUP_KEY) if any(view.group) else CORRELATION_KEY


def profiles_data(view: Any, **_: Any) -> pd.DataFrame:
    """One row a target and gene, in the order of the map."""
    t, g = len(view.targets), len(view.genes)
    return pd.DataFrame(
        {
            "target": np.repeat(np.array(view.targets, dtype=object), g),
            "group": np.repeat(np.array(view.group, dtype=object), g),
            "gene": np.tile(np.array(view.genes, dtype=object), t),
            "delta": view.delta.ravel(),
            "fdr": view.fdr.ravel(),
        }
    )


def correlation_data(view: Any, **_: Any) -> pd.DataFrame:
    """The correlation of every two targets, as a square table."""
    table = pd.DataFrame(view.r, columns=list(view.targets))
    table.insert(0, "target", list(view.targets))
    table.insert(1, "group", list(view.group))
    return table


def profiles_caption(view: Any, **_: Any) -> str:
    """What the map of profiles shows."""
    beyond = int((np.abs(view.delta) > view.limit).sum())
    cut = f" {plural(beyond, 'value')} beyond have the outermost color." if beyond else ""
    return (
        f"Delta of the {number(len(view.genes))} genes that {_which(view)} move most; colors end at "
        f"{signed(-view.limit)} and {signed(view.limit)}.{cut} {_order(view)}"
    )


def correlation_caption(view: Any, **_: Any) -> str:
    """What the map of correlations shows."""
    left_out = "genes that either was perturbed in left out"
    return f"Pearson's r of the effect profiles of {_which(view)}, {left_out}. {_order(view)}"


def _which(view: Any) -> str:
    n = len(view.targets)
    return f"{number(n)} targets" if n == view.n_all else f"the {number(n)} strongest of {number(view.n_all)} targets"


def _order(view: Any) -> str:
    groups = len({letter for letter in view.group if letter})
    marked = f"Lines above: {plural(groups, 'group')} of targets that look alike." if groups else ""
    return f"Clustered by 1 − r, average linkage. {marked}".strip()


def profiles_drawn(view: Any, **_: Any) -> str:
    """What the map draws, for a methods section."""
    return f"deltas ({view.scale}) of {plural(len(view.genes), 'gene')} in {_which(view)}, {_method(view)}"


def correlation_drawn(view: Any, **_: Any) -> str:
    """What the map of correlations draws, for a methods section."""
    return f"correlation of {_which(view)}, {_method(view)}"


def _method(view: Any) -> str:
    definition = view.definition.rstrip(".")
    return f"clustered by 1 - r, average linkage; r: {definition}"


def profiles_alt(view: Any, **_: Any) -> str:
    """The map in words."""
    return f"Heatmap of the deltas of {number(len(view.genes))} genes in {_which(view)}.{_group_words(view)}"


def correlation_alt(view: Any, **_: Any) -> str:
    """The map of correlations in words."""
    return f"Heatmap of the correlation of {_which(view)}.{_group_words(view)}"


def _group_words(view: Any) -> str:
    said = [
        f"group {row.group}: {', '.join(plain(t, LONGEST) for t in row.targets[:5])}"
        for row in view.groups.head(5).itertuples()
    ]
    return f" {'; '.join(said)}." if said else " No two look alike."
