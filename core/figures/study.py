"""A study at a glance: what its targets change, and what is left of their transcripts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.figures import key, theme
from core.figures.bars import ROW_PX, ink, left_axis, left_layers, name_look, row_sheet, rows_that_fit, unique_names
from core.figures.cloud import hung_texts, place_records
from core.figures.distributions import target_table
from core.figures.labels import place_labels
from core.figures.theme import Axis, Drawing, Paper, Sheet, Spec
from core.views.power import FEW_CELLS
from core.views.text import number, percent, plain, plural

STRENGTHS = {"strong": "observed", "subtle": "neutral", "negligible": "faint"}
STRENGTH_CUTS = {"strong": " (> 100 genes)", "subtle": " (10 to 100)", "negligible": " (< 10)"}
STRENGTH_KEY = (
    ("dot", "observed", "strong, more than 100 genes"),
    ("dot", "neutral", "subtle, 10 to 100"),
    ("dot", "faint", "negligible, fewer than 10"),
)
CROSS_KEY = ("cross", "neutral", "random sets of controls")
NOUGHT = 0.5
"""Where a logarithmic axis shows targets that change no gene."""
MOST_LABELS = 18


def changed_against_cells(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
) -> Drawing:
    """Genes changed against cells, one dot a target, shaded by strength.

    Parameters
    ----------
    view
        The study.
    highlight
        Targets to ring and name.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.theme.Paper` for print.
    """
    table = changed_data(view)
    sets = sets_in_reach(view, table)
    x, y = changed_axes(table, sets)
    rows = [key.Row("dot", _paper_color(s), f"{n} {s}{STRENGTH_CUTS[s]}") for s, n in strength_numbers(table) if n]
    crosses = key.Row("cross", theme.LIGHT["neutral"], f"{plural(len(sets), 'random set')} of controls")
    rows += [crosses] if len(sets) else []
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=400.0)
    ringed = np.isin(table["target"].to_numpy(dtype=object), list(highlight))
    at = (np.maximum(table["n_cells"].to_numpy(dtype=float), x.low), _at_foot(table))
    few = [theme.upright(float(FEW_CELLS), x, on)] if x.low < FEW_CELLS < x.high else []
    values = target_records(table, *at)
    layers = [
        *few,
        *_control_crosses(sets, x, y, on),
        _target_dots(values, x, y, on),
        *_rings(values, ringed, x, y, on, TOOLTIP),
    ]
    layers += _target_names(table, at, ringed, x, y, on, values, TOOLTIP)
    return theme.compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def _control_crosses(sets: pd.DataFrame, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    """Random sets of controls against the other controls: what counts are held against."""
    if sets.empty:
        return []
    shown = sets.drop_duplicates()
    at = theme.records(x=shown["n_cells"].to_numpy(dtype=float), y=_at_foot(shown))
    mark: Spec = {"type": "point", "shape": "cross", "filled": True, "size": 7 if on.paper else 30, "opacity": 0.7}
    mark |= {"color": theme.color("neutral", on), "tooltip": None}
    encoding = {"x": x.encoding("x"), "y": y.encoding("y")}
    return [{"name": "crosses", "data": {"values": at}, "mark": mark, "encoding": encoding}]


def _at_foot(table: pd.DataFrame) -> theme.Floats:
    """Genes changed as the logarithmic axis shows them: none at its foot."""
    return np.maximum(table["n_significant"].to_numpy(dtype=float), NOUGHT)


def sets_in_reach(view: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Cells and genes at FDR < 0.05 of the random sets of controls to whose size the targets' axis reaches."""
    sets = view.control_sets
    low, high = _cells_reach(table)
    of_size = (sets["kind"] == "random") & (sets["n_cells"] >= low) & (sets["n_cells"] <= high)
    return sets.loc[of_size, ["n_cells", "n_significant"]]


def _cells_reach(table: pd.DataFrame) -> tuple[float, float]:
    """From where to where the axis of cells reaches."""
    cells = np.maximum(table["n_cells"].to_numpy(dtype=float), 1.0)
    low, high = (float(cells.min()), float(cells.max())) if len(cells) else (10.0, 1000.0)
    return 0.85 * low, max(1.2 * high, 3 * low)


def changed_axes(table: pd.DataFrame, sets: pd.DataFrame) -> tuple[Axis, Axis]:
    """Logarithmic axes of cells and of genes changed; where a target or a set changes none, 0 stands at the foot."""
    x = theme.log_axis("Cells with a guide against the target", *_cells_reach(table), about=4)
    found = np.concatenate([part["n_significant"].to_numpy(dtype=float) for part in (table, sets)])
    nought = bool((found == 0).any())
    y = theme.log_axis(
        "Genes changed (FDR < 0.05)", 0.4 if nought else 0.8, 1.5 * max(float(found.max(initial=1.0)), 20.0)
    )
    ticks = (NOUGHT, *(t for t in y.ticks if t >= 1)) if nought else tuple(t for t in y.ticks if t >= 1)
    return x, Axis(y.title, y.low, y.high, ticks, log=True, form=",.0f", words=((NOUGHT, "0"),) if nought else ())


def changed_key(view: Any, **_: Any) -> key.Key:
    """The key on the page: the strengths that targets have, and crosses where there are any."""
    table = changed_data(view)
    dots = key.of_roles(STRENGTH_KEY, [STRENGTHS[s] for s, n in strength_numbers(table) if n])
    return (*dots, CROSS_KEY) if len(sets_in_reach(view, table)) else dots


def _paper_color(strength: str) -> str:
    return theme.LIGHT[STRENGTHS[strength]]


def strength_numbers(table: pd.DataFrame) -> list[tuple[str, int]]:
    """How many targets are of each strength."""
    return [(s, int((table["strength"] == s).sum())) for s in STRENGTHS]


ON_CLICK = "@dots_marks:click, @names_marks:click, @bold_names_marks:click, @rings_marks:click"
TOOLTIP: list[Spec] = [
    {"field": "target", "type": "nominal", "title": "Target"},
    {"field": "n_cells", "type": "quantitative", "format": ",d", "title": "Cells"},
    {"field": "n_significant", "type": "quantitative", "format": ",d", "title": "Genes changed"},
    {"field": "left", "type": "nominal", "title": "Transcript left"},
]


def target_records(table: pd.DataFrame, x: Any, y: Any) -> list[Spec]:
    """Rows for dots of targets, with all that the tooltip says."""
    return theme.records(
        target=table["target"].to_numpy(dtype=object),
        x=x,
        y=y,
        role=np.array([STRENGTHS.get(str(s), "neutral") for s in table["strength"]], dtype=object),
        n_cells=table["n_cells"].to_numpy(),
        n_significant=table["n_significant"].to_numpy(),
        left=np.array([percent(float(v)) for v in table["percent_left"]], dtype=object),
    )


def _target_dots(values: list[Spec], x: Axis, y: Axis, on: Sheet) -> Spec:
    mark: Spec = {"type": "circle", "size": 6 if on.paper else 44, "opacity": 0.9}
    mark |= {} if on.paper else {"stroke": "transparent", "strokeWidth": 5, "cursor": "pointer"}
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "color": theme.roles()}
    dots: Spec = {"name": "dots", "data": {"values": values}, "mark": mark, "encoding": encoding}
    return dots if on.paper else _with_pick([dots | {"encoding": encoding | {"tooltip": TOOLTIP}}])[0]


def _rings(values: list[Spec], ringed: Any, x: Axis, y: Axis, on: Sheet, tooltip: list[Spec]) -> list[Spec]:
    if not ringed.any():
        return []
    mark = {"type": "point", "filled": False, "size": 14 if on.paper else 120, "strokeWidth": 0.75 if on.paper else 2}
    encoding: Spec = {"x": x.encoding("x"), "y": y.encoding("y")}
    return [
        {
            "name": "rings",
            "data": {"values": [v for v, r in zip(values, ringed, strict=True) if r]},
            "mark": mark | {"opacity": 1, "stroke": ink(on)},
            "encoding": encoding if on.paper else encoding | {"tooltip": tooltip},
        }
    ]


def _target_names(
    table: pd.DataFrame,
    at: tuple[Any, Any],
    ringed: Any,
    x: Axis,
    y: Axis,
    on: Sheet,
    values: list[Spec],
    tooltip: list[Spec],
) -> list[Spec]:
    """Names of highlighted targets, then of those that change most; of the many that change little none."""
    px, py = x.share(at[0]) * on.plot_width, (1 - y.share(at[1])) * on.plot_height
    found = table["n_significant"].to_numpy(dtype=float)
    rest = np.flatnonzero(~ringed & (found >= 10))
    rest = rest[np.argsort(-found[rest], kind="stable")[: 3 * MOST_LABELS]]
    order = np.concatenate([np.flatnonzero(ringed), rest]).astype(int)
    name = [plain(t, theme.LONGEST_LABEL) for t in table["target"]]
    labels = place_labels(
        [name[i] for i in order],
        px[order],
        py[order],
        size=(on.plot_width, on.plot_height),
        text=on.text,
        dot=on.dot * 1.3,
        dots=(px, py),
        always=int(ringed.sum()),
        ring=on.ring,
        most=MOST_LABELS,
        wider=1.0 if on.paper else 1.07,
    )
    layers: list[Spec] = []
    for bold in (False, True):
        some = [label for label in labels if bool(ringed[order[label.item]]) == bold]
        if some:
            at_row = [int(order[s.item]) for s in some]
            rows = [
                values[i] | place
                for i, place in zip(at_row, place_records([name[i] for i in at_row], some), strict=True)
            ]
            layers += hung_texts(rows, x, y, on, weight="bold" if bold else "normal", tooltip=tooltip)
    return layers


CHANGED_COLUMNS = (
    "target", "n_cells", "n_significant", "n_changed", "n_up", "n_down", "strength", "percent_left", "controls_give",
)  # fmt: skip


def changed_data(view: Any, **_: Any) -> pd.DataFrame:
    """Targets, most changed genes first."""
    table = target_table(view)
    columns = [c for c in CHANGED_COLUMNS if c in table.columns]
    return table[columns].sort_values("n_significant", ascending=False, kind="stable").reset_index(drop=True)


def changed_caption(view: Any, **_: Any) -> str:
    """What it shows, in sentences."""
    table = changed_data(view)
    nought = int((table["n_significant"] == 0).sum())
    sentences = ["One dot a target."]
    if (table["n_cells"] < FEW_CELLS).any():
        sentences.append(f"Left of the dashed line, {FEW_CELLS} cells, effects are uncertain.")
    if nought:
        stand = "changes no gene and stands" if nought == 1 else "change no gene and stand"
        sentences.append(f"{plural(nought, 'target')} {stand} at 0, at the foot of the logarithmic axis.")
    sets = sets_in_reach(view, table)
    if len(sets):
        most = plural(int(sets["n_significant"].max()), "gene")
        sentences.append(
            f"Crosses: {plural(len(sets), 'random set')} of control cells of such sizes against the other controls, "
            f"at most {most} changed."
        )
    return " ".join(sentences)


def changed_drawn(view: Any, **_: Any) -> str:
    """What the dots are, for a methods section."""
    return f"number of genes at FDR < 0.05 against cells, of {plural(len(view.targets), 'target')}"


def changed_alt(view: Any, **_: Any) -> str:
    """The dots in words."""
    table = changed_data(view)
    strengths = ", ".join(f"{number(n)} {s}" for s, n in strength_numbers(table))
    top = zip(table["target"].head(5), table["n_significant"].head(5), strict=True)
    most = ", ".join(f"{plain(t, theme.LONGEST_LABEL)} {number(n)}" for t, n in top)
    return f"Genes changed against cells of {plural(len(table), 'target')}: {strengths}. Most: {most or 'none'}."


# --------------------------------------------------------------------------------------------------- percent left

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
        True or a :class:`~core.figures.theme.Paper` for print.
    layout
        ``"rows"``: a row a target (on the page in a frame that scrolls); ``"ranks"``: side by side, without names;
        ``"auto"``: rows, but ranks where a printed page cannot hold the rows.

    Raises
    ------
    OptionError
        If the layout is none of these.
    """
    theme.one_of("layout", layout, LAYOUTS)
    table = left_data(view)
    if _side_by_side(table, layout, paper):
        return _ranks(view, table, highlight, width, paper)
    page = theme.paper_of(paper)
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
        layers = _with_pick(layers)
    chosen = [name for name, target in zip(table["name"], table["target"], strict=True) if target in set(highlight)]
    return theme.compose(layers, on, params=[{"name": "highlighted", "value": chosen}])


def _side_by_side(table: pd.DataFrame, layout: str, paper: bool | Paper) -> bool:
    """Whether targets stand by rank, without rows and names."""
    return layout == "ranks" or (layout == "auto" and bool(paper) and rows_that_fit(len(table), ROW_PT) < len(table))


def _with_pick(layers: list[Spec]) -> list[Spec]:
    """The layers, the dots among them answering to a click."""
    pick = {"name": "pick", "select": {"type": "point", "fields": ["target"], "on": ON_CLICK}}
    nested = [layer | {"layer": _with_pick(layer["layer"])} if "layer" in layer else layer for layer in layers]
    return [layer | {"params": [pick]} if layer.get("name") == "dots" else layer for layer in nested]


def left_data(view: Any, **_: Any) -> pd.DataFrame:
    """Targets, least transcript left first; those that cannot be measured at the end."""
    table = target_table(view)
    table = table[[c for c in LEFT_COLUMNS if c in table.columns]]
    left = table["percent_left"].to_numpy(dtype=float)
    order = np.lexsort(
        (-table["n_cells"].to_numpy(dtype=float), np.where(np.isfinite(left), left, np.inf), ~np.isfinite(left))
    )
    return table.iloc[order].reset_index(drop=True)


def _estimates(table: pd.DataFrame) -> tuple[theme.Floats, theme.Floats]:
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
    rows = [key.Row("dot", theme.INK, f"{plural(enough, 'target')}, 95 % interval")] if enough else []
    rows += [key.Row(unsure, theme.LIGHT["neutral"], f"{number(few)} with {_unsure_words(table)}")] if few else []
    return rows + ([key.Row("none", theme.INK, f"{number(none)} not measurable")] if none else [])


def _ranks(
    view: Any, table: pd.DataFrame, highlight: Sequence[str], width: float | None, paper: bool | Paper
) -> Drawing:
    """All targets side by side by rank; a few at both ends, and the highlighted ones, are named."""
    rows = _left_key(table, "dot")
    measured = table[np.isfinite(table["percent_left"].to_numpy(dtype=float))].reset_index(drop=True)
    n = max(len(measured), 1)
    y = left_axis(*_estimates(measured), "Transcript left, control = 100 %", about=5)
    x = theme.linear_axis("Targets, least transcript left first", 0.0, n + 1.0, about=5, form=",.0f")
    x = replace(x, ticks=tuple(t for t in x.ticks if t >= 1))
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=400.0)
    cut = np.clip(
        measured[["percent_left", "percent_left_low", "percent_left_high"]].to_numpy(dtype=float), y.low, y.high
    )
    rank = np.arange(1.0, len(measured) + 1)
    role = _roles(measured)
    values = theme.records(
        target=measured["target"].to_numpy(dtype=object), x=rank, y=cut[:, 0], low=cut[:, 1], high=cut[:, 2], role=role
    )
    size = min(44.0 if not on.paper else 6.0, 3 * (on.plot_width / n) ** 2 + (3 if not on.paper else 1.5))
    width_of_line = min(on.line, 0.7 * on.plot_width / n)
    tooltip = [
        {"field": "target", "type": "nominal", "title": "Target"},
        {"field": "y", "type": "quantitative", "format": ".0%", "title": "Transcript left"},
    ]
    lines: Spec = {
        "mark": {
            "type": "rule",
            "strokeWidth": round(width_of_line, 3),
            "tooltip": None,
            "color": theme.color("neutral", on),
        },
        "encoding": {"x": x.encoding("x"), "y": y.encoding("low"), "y2": {"field": "high"}},
    }
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "color": theme.roles()}
    dots: Spec = {
        "name": "dots",
        "mark": {"type": "circle", "size": round(size, 2), "opacity": 1},
        "encoding": encoding if on.paper else encoding | {"tooltip": tooltip},
    }
    full = theme.dashed({"x": (x.low, x.high), "y": (1.0, 1.0)}, x, y, on)
    ends = pd.DataFrame({"target": measured["target"], "n_significant": _end_weight(len(measured))})
    ringed = np.isin(measured["target"].to_numpy(dtype=object), list(highlight))
    at = (rank, cut[:, 0])
    both = [lines, dots] if on.paper else _with_pick([lines, dots])
    layers = [
        full,
        {"data": {"values": values}, "layer": both},
        *_rings(values, ringed, x, y, on, tooltip),
        *_target_names(ends, at, ringed, x, y, on, values, tooltip),
    ]
    return theme.compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


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
    least = ", ".join(f"{plain(t, theme.LONGEST_LABEL)} {percent(float(v))}" for t, v in top if math.isfinite(v))
    rest = f"; {plural(none, 'target')} not measurable" if none else ""
    start = f"Transcript left of {plural(enough + few, 'target')}, {middle} in the middle{rest}."
    return f"{start} Least: {least}."
