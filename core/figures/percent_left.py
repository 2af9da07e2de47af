"""Transcript left of every target of a study: a row each, or side by side by rank."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import dashed, rings
from core.figures.options import one_of
from core.figures.rows import ROW_PX, name_look, row_sheet, rows_that_fit, unique_names
from core.figures.sheet import Paper, Sheet, paper_of
from core.figures.spec import Floats, Spec, records
from core.figures.targets import RING_PX, target_names, target_table, with_pick
from core.figures.transcript_left import left_axis, left_layers
from core.views.power import FEW_CELLS
from core.views.text import number, percent, plain, plural

LEFT_KEY = (
    ("dot", "observed", "transcript left, with its 95 % interval"),
    ("ring", "neutral", f"fewer than {FEW_CELLS} cells, or too few counts"),
)
LAYOUTS = ("auto", "rows", "ranks")
ROW_PT = 7.0
LEFT_COLUMNS = (
    "target", "own_gene", "n_cells", "control_mean", "target_mean", "percent_left", "percent_left_low",
    "percent_left_high", "percent_left_p", "measurable", "outcome",
)  # fmt: skip
RANK_TOOLTIP: list[Spec] = [
    {"field": "target", "type": "nominal", "title": "Target"},
    {"field": "y", "type": "quantitative", "format": ".0%", "title": "Transcript left"},
]


def percent_left(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    layout: str = "auto",
) -> Drawing:
    """What is left of every target's transcript, least first, with intervals.

    Targets with few cells have hollow grey dots; those whose transcript cannot be measured stand at the end, in words.

    Parameters
    ----------
    view
        The study.
    highlight
        Targets to set in bold, or to ring and name where there are no rows.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    layout
        ``"rows"``: a row a target (on the page in a frame that scrolls); ``"ranks"``: side by side, without names;
        ``"auto"``: rows, but ranks where a printed page cannot hold the rows.

    Raises
    ------
    OptionError
        If the layout is none of these.
    """
    one_of("layout", layout, LAYOUTS)
    table = left_data(view)
    if _side_by_side(table, layout, paper):
        return _ranks(view, table, highlight, width, paper)
    page = paper_of(paper)
    if page:
        table = table.head(rows_that_fit(len(table), ROW_PT))
    table = table.assign(name=unique_names(table["target"]))
    axis = left_axis(*_estimates(table), "Transcript left, control = 100 %", about=4)
    rows = _left_key(table, "ring") if page else []
    on = row_sheet(view, paper, width or 430.0, list(table["name"]), rows, ROW_PT if page else ROW_PX)
    shown = table.rename(columns={"percent_left_low": "low", "percent_left_high": "high"})
    layers = left_layers(shown.assign(role=_roles(table), said=_why_not(table)), axis, on, on_top=True, **name_look(on))
    if page:
        layers += key.above(rows, on, view) + key.note(view, on)
    else:
        layers = with_pick(layers)
    chosen = [name for name, target in zip(table["name"], table["target"], strict=True) if target in set(highlight)]
    return compose(layers, on, params=[{"name": "highlighted", "value": chosen}])


def _side_by_side(table: pd.DataFrame, layout: str, paper: bool | Paper) -> bool:
    """Whether targets stand by rank, without rows and names."""
    return layout == "ranks" or (layout == "auto" and bool(paper) and rows_that_fit(len(table), ROW_PT) < len(table))


def left_data(view: Any, **_: Any) -> pd.DataFrame:
    """Targets, least transcript left first; those that cannot be measured at the end."""
    table = target_table(view)
    table = table[[c for c in LEFT_COLUMNS if c in table.columns]]
    left = table["percent_left"].to_numpy(dtype=float)
    order = np.lexsort(
        (-table["n_cells"].to_numpy(dtype=float), np.where(np.isfinite(left), left, np.inf), ~np.isfinite(left))
    )
    return table.iloc[order].reset_index(drop=True)


def _estimates(table: pd.DataFrame) -> tuple[Floats, Floats]:
    left = table["percent_left"].to_numpy(dtype=float)
    high = table["percent_left_high"].to_numpy(dtype=float)
    return left, np.where(_is_unsure(table), np.nan, high)  # wide intervals must not stretch the axis


def _roles(table: pd.DataFrame) -> Any:
    return np.where(_is_unsure(table), "neutral", "observed").astype(object)


def _is_unsure(table: pd.DataFrame) -> Any:
    """Whether an estimate rests on few cells, or on too few counts in the controls."""
    return (table["n_cells"].to_numpy() < FEW_CELLS) | _has_few_counts(table)


def _has_few_counts(table: pd.DataFrame) -> Any:
    estimated = np.isfinite(table["percent_left"].to_numpy(dtype=float))
    return estimated & ~table.get("measurable", pd.Series(True, table.index)).to_numpy(dtype=bool)


def _why_not(table: pd.DataFrame) -> list[str]:
    """Why there is no estimate, in words."""
    said = table.get("outcome", pd.Series([""] * len(table)))
    return [str(word) if word not in ("", "falls", "rises", "unchanged") else "not measurable" for word in said]


def _numbers(table: pd.DataFrame) -> tuple[int, int, int]:
    """Targets with a sure estimate, with an unsure one, and without any."""
    measured = np.isfinite(table["percent_left"].to_numpy(dtype=float))
    unsure = _is_unsure(table)
    return int((measured & ~unsure).sum()), int((measured & unsure).sum()), int((~measured).sum())


def left_key(view: Any, *, layout: str = "auto", **_: Any) -> key.Key:
    """The key on the page: what is estimated surely and what is not; side by side the latter is grey, not hollow."""
    enough, few, _none = _numbers(left_data(view))
    sure, (ring, role, words) = LEFT_KEY
    unsure = ("dot" if layout == "ranks" else ring, role, words)
    return (*((sure,) if enough else ()), *((unsure,) if few else ()))


def _unsure_words(table: pd.DataFrame) -> str:
    """Why estimates are unsure."""
    counts = " or too few counts in controls" if _has_few_counts(table).any() else ""
    return f"fewer than {FEW_CELLS} cells{counts}"


def _left_key(table: pd.DataFrame, unsure: str) -> list[key.Row]:
    enough, few, none = _numbers(table)
    rows = [key.Row("dot", colors.INK, f"{plural(enough, 'target')}, 95 % interval")] if enough else []
    rows += [key.Row(unsure, colors.LIGHT["neutral"], f"{number(few)} with {_unsure_words(table)}")] if few else []
    return rows + ([key.Row("none", colors.INK, f"{number(none)} not measurable")] if none else [])


def _ranks(
    view: Any, table: pd.DataFrame, highlight: Sequence[str], width: float | None, paper: bool | Paper
) -> Drawing:
    """All targets side by side by rank; a few at both ends, and the highlighted ones, are named."""
    rows = _left_key(table, "dot")
    measured = table[np.isfinite(table["percent_left"].to_numpy(dtype=float))].reset_index(drop=True)
    n = max(len(measured), 1)
    y = left_axis(*_estimates(measured), "Transcript left, control = 100 %", about=5)
    x = linear_axis("Targets, least transcript left first", 0.0, n + 1.0, about=5, form=",.0f")
    x = replace(x, ticks=tuple(t for t in x.ticks if t >= 1))
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=400.0)
    cut = np.clip(
        measured[["percent_left", "percent_left_low", "percent_left_high"]].to_numpy(dtype=float), y.low, y.high
    )
    rank = np.arange(1.0, len(measured) + 1)
    role = _roles(measured)
    values = records(
        target=measured["target"].to_numpy(dtype=object), x=rank, y=cut[:, 0], low=cut[:, 1], high=cut[:, 2], role=role
    )
    full = dashed({"x": (x.low, x.high), "y": (1.0, 1.0)}, x, y, on)
    ends = pd.DataFrame({"target": measured["target"], "n_significant": _end_weight(len(measured))})
    ringed = np.isin(measured["target"].to_numpy(dtype=object), list(highlight))
    at = (rank, cut[:, 0])
    both = _rank_marks(len(measured), x, y, on)
    layers = [
        full,
        {"data": {"values": values}, "layer": both if on.paper else with_pick(both)},
        *rings([v for v, r in zip(values, ringed, strict=True) if r], x, y, on, size=RING_PX, tooltip=RANK_TOOLTIP),
        *target_names(ends, at, ringed, x, y, on, values, RANK_TOOLTIP),
    ]
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def _rank_marks(n: int, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    """Intervals and dots of ``n`` targets side by side, the smaller the more there are."""
    room = on.plot_width / max(n, 1)
    size = min(44.0 if not on.paper else 6.0, 3 * room**2 + (3 if not on.paper else 1.5))
    width_of_line = min(on.line, 0.7 * room)
    lines: Spec = {
        "mark": {
            "type": "rule",
            "strokeWidth": round(width_of_line, 3),
            "tooltip": None,
            "color": colors.color("neutral", on),
        },
        "encoding": {"x": x.encoding("x"), "y": y.encoding("low"), "y2": {"field": "high"}},
    }
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "color": colors.roles()}
    dots: Spec = {
        "name": "dots",
        "mark": {"type": "circle", "size": round(size, 2), "opacity": 1},
        "encoding": encoding if on.paper else encoding | {"tooltip": RANK_TOOLTIP},
    }
    return [lines, dots]


def _end_weight(n: int, named: int = 5) -> Any:
    """Weights by which the first and the last few of a ranking are named."""
    distance = np.minimum(np.arange(n), np.arange(n)[::-1])
    return np.where(distance < named, 100.0 - distance, 0.0)


def left_caption(view: Any, *, layout: str = "auto", paper: bool | Paper = False, **_: Any) -> str:
    """What it shows, in sentences."""
    table = left_data(view)
    enough, few, none = _numbers(table)
    left, high = table["percent_left"].to_numpy(dtype=float), table["percent_left_high"].to_numpy(dtype=float)
    if not enough + few:
        return (
            f"None of {plural(none, 'target')} can be measured: its own gene is not in the file, or hardly expressed."
        )
    axis = left_axis(*_estimates(table), "")
    sentences = [
        f"Transcript left of {plural(enough + few, 'target')}, least first; lines: 95 % interval. Dashed: 100 %."
    ]
    if few:
        look = "Grey" if _side_by_side(table, layout, paper) else "Hollow"
        sentences.append(f"{look}: {plural(few, 'target')} with {_unsure_words(table)}.")
    if none:
        sentences.append(f"{plural(none, 'target')} cannot be measured (not among the genes, or hardly expressed).")
    cut = int((np.isfinite(left) & (np.nan_to_num(high) > axis.high)).sum())
    if cut:
        sentences.append(
            f"{plural(cut, 'interval')} beyond {percent(axis.high)} {'is' if cut == 1 else 'are'} cut at the edge."
        )
    if paper and layout == "rows" and (fits := rows_that_fit(len(table), ROW_PT)) < len(table):
        sentences.append(f"The first {fits} of {number(len(table))} are shown.")
    return " ".join(sentences)


def left_drawn(view: Any, **_: Any) -> str:
    """What the dots are, for a methods section."""
    enough, few, _none = _numbers(left_data(view))
    return (
        f"mean normalized count of the own gene of {plural(enough + few, 'target')} over that in controls, with 95 % "
        "intervals by the delta method"
    )


def left_alt(view: Any, **_: Any) -> str:
    """The knock-downs in words."""
    table = left_data(view)
    enough, few, none = _numbers(table)
    if not enough + few:
        return f"Transcript left: not measurable for any of {plural(none, 'target')}."
    left = table["percent_left"].to_numpy(dtype=float)
    middle = percent(float(np.median(left[np.isfinite(left)])))
    top = zip(table["target"].head(5), left[:5], strict=True)
    least = ", ".join(f"{plain(t, LONGEST_LABEL)} {percent(float(v))}" for t, v in top if math.isfinite(v))
    rest = f"; {plural(none, 'target')} not measurable" if none else ""
    start = f"Transcript left of {plural(enough + few, 'target')}, {middle} in the middle{rest}."
    return f"{start} Least: {least}."
