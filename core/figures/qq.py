"""QQ plot: ordered p values of a target's genes against chance, beside those of control sets of its size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import dashed
from core.figures.sheet import Paper, Sheet
from core.figures.spec import Spec, records, significant
from core.views.qq import QQView, set_words
from core.views.text import number, plain, plural

KEY = (
    ("dot", "observed", "genes of the target"),
    ("bar", "neutral", "range of control sets of its size"),
    ("line", "neutral", "their median"),
    ("line", "accent", "the control guide that calls most"),
)
LEAST_TOP = 6.0
"""The vertical axis reaches at least this -log10 p."""
ROOM = 1.5
"""How far above the highest control the axis reaches: what lies beyond is drawn on its upper edge."""


def qq(
    view: QQView, *, highlight: Sequence[str] = (), width: float | None = None, paper: bool | Paper = False
) -> Drawing:
    """Observed against expected -log10 p: the target's genes, the band of control sets, the line of chance.

    Parameters are those of :func:`core.figures.guides.guides`; nothing is highlighted.
    """
    x, y = axes(view)
    rows = _key_rows(view)
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=320.0)
    reach = min(x.high, y.high)
    layers = [*_band(view, x, y, on), dashed({"x": (0.0, reach), "y": (0.0, reach)}, x, y, on)]
    layers += [_line(view.controls, "median", x, y, on, "neutral")] if view.n_sets else []
    layers += [_line(view.controls, "worst", x, y, on, "accent", dash=True)] if view.worst_guide else []
    layers += [_dots(view, x, y, on)]
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def axes(view: QQView) -> tuple[Axis, Axis]:
    """Both begin at 0; the vertical one reaches well above all controls, so that these can be seen."""
    right = max(float(view.points["expected"].max()), float(view.controls["expected"].max()))
    controls = view.controls[["high", "worst"]].to_numpy(dtype=float)
    highest = float(np.nanmax(controls)) if np.isfinite(controls).any() else 0.0
    seen = float(view.points["observed"].max())
    top = min(max(seen, highest, 1.0), max(ROOM * highest, 1.5 * right, LEAST_TOP))
    x = linear_axis("Expected -log10 p, by chance", 0.0, 1.03 * right, about=5)
    return x, linear_axis("Observed -log10 p", 0.0, 1.06 * top, about=5)


def beyond(view: QQView) -> int:
    """Genes whose p is too small for the axis, which are drawn on its edge; counted by rank, not by dots."""
    top = axes(view)[1].high
    over = view.points[view.points["observed"] > top]
    return int(over["rank"].max()) if len(over) else 0


def _key_rows(view: QQView) -> list[key.Row]:
    gray, guide = colors.LIGHT["neutral"], colors.LIGHT["accent"]
    rows = [key.Row("dot", colors.LIGHT["observed"], f"{plain(view.target, 16)} {view.modality}")]
    rows += [key.Row("bar", gray, set_words(view))] if view.n_sets else []
    rows += [key.Row("line", guide, f"{plain(view.worst_guide, 24)}, a control guide")] if view.worst_guide else []
    return rows


def qq_key(view: QQView, **_: Any) -> key.Key:
    """The key on the page: controls only where there are any."""
    dot, band, median, guide = KEY
    return (dot, *((band, median) if view.n_sets else ()), *((guide,) if view.worst_guide else ()))


def _band(view: QQView, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    if not view.n_sets:
        return []
    table = view.controls
    low, high = (np.minimum(table[c].to_numpy(dtype=float), y.high) for c in ("low", "high"))
    values = records(x=significant(table["expected"]), y=significant(low), y2=significant(high))
    mark: Spec = {"type": "area", "opacity": 0.3, "tooltip": None, "line": False}
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "y2": {"field": "y2"}}
    return [{"data": {"values": values}, "mark": mark | {"color": colors.color("neutral", on)}, "encoding": encoding}]


def _line(table: pd.DataFrame, column: str, x: Axis, y: Axis, on: Sheet, role: str, *, dash: bool = False) -> Spec:
    at = np.minimum(table[column].to_numpy(dtype=float), y.high)
    mark: Spec = {
        "type": "line",
        "strokeWidth": 0.75 if on.paper else 1.5,
        "tooltip": None,
        "color": colors.color(role, on),
    }
    mark |= {"strokeDash": [3, 2]} if dash else {}
    values = records(x=significant(table["expected"]), y=significant(at))
    return {"data": {"values": values}, "mark": mark, "encoding": {"x": x.encoding("x"), "y": y.encoding("y")}}


def _dots(view: QQView, x: Axis, y: Axis, on: Sheet) -> Spec:
    table = view.points
    values = records(
        x=significant(table["expected"]),
        y=significant(np.minimum(table["observed"].to_numpy(dtype=float), y.high)),
        gene=np.array([plain(gene, LONGEST_LABEL) for gene in table["gene"]], dtype=object),
        p=significant(table["observed"], 3),
    )
    mark: Spec = {
        "type": "circle",
        "size": 6 if on.paper else 30,
        "opacity": 0.9,
        "color": colors.ink(on),
    }
    encoding: Spec = {"x": x.encoding("x"), "y": y.encoding("y")}
    tooltip = [
        {"field": "gene", "type": "nominal", "title": "Gene"},
        {"field": "p", "type": "quantitative", "title": "-log10 p"},
    ]
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": encoding if on.paper else encoding | {"tooltip": tooltip},
    }


def qq_data(view: QQView, **_: Any) -> pd.DataFrame:
    """The dots and the curves of controls in one table, by whose p values they are."""
    of_target = view.points.assign(whose="target")[["whose", "rank", "expected", "observed", "gene"]]
    names = {"low": "lowest control set", "median": "median control set", "high": "highest control set"}
    names |= {"worst": "worst control guide"}
    curves = [
        view.controls[["rank", "expected", column]].rename(columns={column: "observed"}).assign(whose=whose, gene="")
        for column, whose in names.items()
        if view.controls[column].notna().any()
    ]
    return pd.concat([of_target, *curves], ignore_index=True)[["whose", "rank", "expected", "observed", "gene"]]


def qq_caption(view: QQView, **_: Any) -> str:
    """What it shows, in sentences."""
    n, own = plural(view.n_genes, "gene"), ", own gene left out"
    sentences = [f"Ordered p values of {n} in {plural(view.n_target, 'cell')}{own}. Dashed straight: chance alone."]
    if view.n_sets:
        sentences.append(f"Band: {set_words(view)}, each against the other controls.")
    if view.worst_guide:
        sentences.append(f"Dashed curve: the control guide that calls most genes, {number(view.worst_calls)}.")
    if view.stratified:
        sentences.append("Target and controls are tested within strata.")
    if view.left_out_of_totals:
        sentences.append("Controls are compared with totals of all genes.")
    if over := beyond(view):
        sentences.append(f"{plural(over, 'gene')} with smaller p {'lies' if over == 1 else 'lie'} on the upper edge.")
    return " ".join(sentences)


def qq_drawn(view: QQView, **_: Any) -> str:
    """What is drawn, for a methods section."""
    beside = f", beside {set_words(view)} against the other controls" if view.n_sets else ""
    return f"ordered -log10 p of {plural(view.n_genes, 'gene')} against (rank - 0.5) / genes{beside}"


def qq_alt(view: QQView, **_: Any) -> str:
    """The plot in words."""
    most = f"-log10 p up to {view.points['observed'].max():.3g}" if len(view.points) else "no p value"
    controls = f"{set_words(view)} up to {view.controls['high'].max():.3g}" if view.n_sets else "no control sets"
    return f"QQ plot of {plural(view.n_genes, 'gene')} of {plain(view.target)}: {most}; {controls}."
