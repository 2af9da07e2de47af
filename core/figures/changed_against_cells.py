"""Genes changed against cells, one dot a target, beside random sets of controls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, log_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import rings, upright
from core.figures.sheet import Paper, Sheet
from core.figures.spec import Floats, Spec, records
from core.figures.targets import RING_PX, target_names, target_table, with_pick
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

TOOLTIP: list[Spec] = [
    {"field": "target", "type": "nominal", "title": "Target"},
    {"field": "n_cells", "type": "quantitative", "format": ",d", "title": "Cells"},
    {"field": "n_significant", "type": "quantitative", "format": ",d", "title": "Genes changed"},
    {"field": "left", "type": "nominal", "title": "Transcript left"},
]
CHANGED_COLUMNS = (
    "target", "n_cells", "n_significant", "n_changed", "n_up", "n_down", "strength", "percent_left", "controls_give",
)  # fmt: skip


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
        True or a :class:`~core.figures.sheet.Paper` for print.
    """
    table = changed_data(view)
    sets = sets_in_reach(view, table)
    x, y = changed_axes(table, sets)
    rows = [key.Row("dot", _paper_color(s), f"{n} {s}{STRENGTH_CUTS[s]}") for s, n in strength_numbers(table) if n]
    crosses = key.Row("cross", colors.LIGHT["neutral"], f"{plural(len(sets), 'random set')} of controls")
    rows += [crosses] if len(sets) else []
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=400.0)
    ringed = np.isin(table["target"].to_numpy(dtype=object), list(highlight))
    at = (np.maximum(table["n_cells"].to_numpy(dtype=float), x.low), _at_foot(table))
    few = [upright(float(FEW_CELLS), x, on)] if x.low < FEW_CELLS < x.high else []
    values = target_records(table, *at)
    layers = [
        *few,
        *_control_crosses(sets, x, y, on),
        _target_dots(values, x, y, on),
        *rings([v for v, r in zip(values, ringed, strict=True) if r], x, y, on, size=RING_PX, tooltip=TOOLTIP),
    ]
    layers += target_names(table, at, ringed, x, y, on, values, TOOLTIP)
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def _control_crosses(sets: pd.DataFrame, x: Axis, y: Axis, on: Sheet) -> list[Spec]:
    """Random sets of controls against the other controls: what counts are held against."""
    if sets.empty:
        return []
    shown = sets.drop_duplicates()
    at = records(x=shown["n_cells"].to_numpy(dtype=float), y=_at_foot(shown))
    mark: Spec = {"type": "point", "shape": "cross", "filled": True, "size": 7 if on.paper else 30, "opacity": 0.7}
    mark |= {"color": colors.color("neutral", on), "tooltip": None}
    encoding = {"x": x.encoding("x"), "y": y.encoding("y")}
    return [{"name": "crosses", "data": {"values": at}, "mark": mark, "encoding": encoding}]


def _at_foot(table: pd.DataFrame) -> Floats:
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
    x = log_axis("Cells with a guide against the target", *_cells_reach(table), about=4)
    found = np.concatenate([part["n_significant"].to_numpy(dtype=float) for part in (table, sets)])
    nought = bool((found == 0).any())
    y = log_axis("Genes changed (FDR < 0.05)", 0.4 if nought else 0.8, 1.5 * max(float(found.max(initial=1.0)), 20.0))
    ticks = (NOUGHT, *(t for t in y.ticks if t >= 1)) if nought else tuple(t for t in y.ticks if t >= 1)
    return x, Axis(y.title, y.low, y.high, ticks, log=True, form=",.0f", words=((NOUGHT, "0"),) if nought else ())


def changed_key(view: Any, **_: Any) -> key.Key:
    """The key on the page: the strengths that targets have, and crosses where there are any."""
    table = changed_data(view)
    dots = key.of_roles(STRENGTH_KEY, [STRENGTHS[s] for s, n in strength_numbers(table) if n])
    return (*dots, CROSS_KEY) if len(sets_in_reach(view, table)) else dots


def _paper_color(strength: str) -> str:
    return colors.LIGHT[STRENGTHS[strength]]


def strength_numbers(table: pd.DataFrame) -> list[tuple[str, int]]:
    """How many targets are of each strength."""
    return [(s, int((table["strength"] == s).sum())) for s in STRENGTHS]


def target_records(table: pd.DataFrame, x: Any, y: Any) -> list[Spec]:
    """Rows for dots of targets, with all that the tooltip says."""
    return records(
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
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "color": colors.roles()}
    dots: Spec = {"name": "dots", "data": {"values": values}, "mark": mark, "encoding": encoding}
    return dots if on.paper else with_pick([dots | {"encoding": encoding | {"tooltip": TOOLTIP}}])[0]


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
    most = ", ".join(f"{plain(t, LONGEST_LABEL)} {number(n)}" for t, n in top)
    return f"Genes changed against cells of {plural(len(table), 'target')}: {strengths}. Most: {most or 'none'}."
