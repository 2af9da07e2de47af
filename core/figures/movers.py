"""What moves a gene: the perturbations that move it most, as dots with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, signed_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.rows import name_look, row_axis, row_sheet, rows_that_fit, unique_names
from core.figures.sheet import Paper, Sheet, paper_of
from core.figures.spec import Spec, records
from core.views.text import NBSP, capitalized, number, p_value, plain, plural, threshold

MOVERS_KEY = (("dot", "down", "falls"), ("dot", "up", "rises"), ("dot", "neutral", "not moved at these thresholds"))
ROW_PX, ROW_PT = 18.0, 8.4
MOST = 15
NEXT_DOOR = " (next door)"
ORDER = ("target", "n_cells", "delta", "delta_low", "delta_high", "log2_fold_change", "p_value", "log10_p", "fdr",
         "ctrl_mean", "pert_mean", "pct_control", "pct_target", "role", "next_door")  # fmt: skip


def gene_movers(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    n: int = MOST,
) -> Drawing:
    """The perturbations that move a gene most: falls on top, rises at the bottom, each with its 95 % interval.

    Parameters
    ----------
    view
        The gene (see :class:`core.views.gene.GeneView`).
    highlight
        Targets to set in bold.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    n
        How many.
    """
    page = paper_of(paper)
    table = movers_shown(view, n=n)
    if page:
        table = table.head(rows_that_fit(len(table), ROW_PT))
    near = table["next_door"].to_numpy(dtype=bool)
    cut = [plain(t, LONGEST_LABEL) + (NEXT_DOOR if k else "") for t, k in zip(table["target"], near, strict=True)]
    names = unique_names(cut, 60)
    rows = _key_rows(table) if page else []
    on = row_sheet(view, paper, width or 430.0, names, rows, ROW_PT if page else ROW_PX)
    layers = _layers(table, names, _axis(table, view.gene), on)
    layers += key.above(rows, on, view) + key.note(view, on) if page else []
    bold = [name for name, target in zip(names, table["target"], strict=True) if target in set(highlight)]
    return compose(layers, on, params=[{"name": "highlighted", "value": bold}])


def movers_shown(view: Any, *, n: int = MOST, **_: Any) -> pd.DataFrame:
    """The rows of the figure: the strongest perturbations of other genes, sorted by delta."""
    table = view.others
    table = table[np.isfinite(table["delta"].to_numpy(dtype=float))].head(max(int(n), 0))
    return table[list(ORDER)].sort_values("delta", kind="stable").reset_index(drop=True)


def _axis(table: pd.DataFrame, gene: str) -> Axis:
    title = f"delta of {plain(gene, 24)}, log-normalized"
    return signed_axis(title, table[["delta", "delta_low", "delta_high"]], 0.04, least=1e-3)


def _layers(table: pd.DataFrame, names: Sequence[str], axis: Axis, on: Sheet) -> list[Spec]:
    y = row_axis(names, on, **name_look(on))
    values = records(
        target=table["target"].to_numpy(dtype=object),
        name=np.array(names, dtype=object),
        role=table["role"].to_numpy(dtype=object),
        n=table["n_cells"].to_numpy(),
        fdr=np.array([p_value(p) for p in table["fdr"].to_numpy(dtype=float)], dtype=object),
        **{c: table[c].to_numpy(dtype=float) for c in ("delta", "delta_low", "delta_high", "log2_fold_change")},
    )
    lines: Spec = {
        "mark": {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None},
        "encoding": {
            "x": axis.encoding("delta_low", orient="top"), "x2": {"field": "delta_high"}, "y": y,
            "color": colors.roles(),
        },
    }  # fmt: skip
    dots: Spec = {
        "name": "dots",
        "mark": {"type": "circle", "opacity": 1, "size": 9 if on.paper else 60} | ({} if on.paper else HAND),
        "encoding": {"x": axis.encoding("delta", orient="top"), "y": y, "color": colors.roles()}
        | ({} if on.paper else {"tooltip": TOOLTIP}),
    }
    zero: Spec = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeWidth": on.line, "tooltip": None, "color": colors.ink(on)},
        "encoding": {"x": axis.encoding("zero", orient="top")},
    }
    return [zero, {"data": {"values": values}, "layer": [lines, dots if on.paper else dots | PICK]}]


HAND: Spec = {"cursor": "pointer"}
PICK: Spec = {
    "params": [{"name": "pick", "select": {"type": "point", "fields": ["target"], "on": "@dots_marks:click"}}]
}
TOOLTIP: list[Spec] = [
    {"field": "target", "type": "nominal", "title": "Target"},
    {"field": "n", "type": "quantitative", "format": ",d", "title": "Cells"},
    {"field": "delta", "type": "quantitative", "format": "+.2f", "title": "delta"},
    {"field": "delta_low", "type": "quantitative", "format": "+.2f", "title": f"95{NBSP}% from"},
    {"field": "delta_high", "type": "quantitative", "format": "+.2f", "title": "to"},
    {"field": "log2_fold_change", "type": "quantitative", "format": "+.2f", "title": "log2 FC"},
    {"field": "fdr", "type": "nominal", "title": "FDR"},
]


def _counts(table: pd.DataFrame) -> tuple[int, int, int]:
    role = table["role"].to_numpy()
    return int((role == "down").sum()), int((role == "up").sum()), int((role == "neutral").sum())


def _key_rows(table: pd.DataFrame) -> list[key.Row]:
    down, up, rest = _counts(table)
    rows = [
        key.Row("dot", colors.LIGHT["down"], f"falls in {down}"),
        key.Row("dot", colors.LIGHT["up"], f"rises in {up}"),
    ]
    return rows + ([key.Row("dot", colors.LIGHT["neutral"], f"{rest} do not move it")] if rest else [])


def _rule(view: Any) -> str:
    least = f", at least {threshold(view.fold)}-fold" if view.fold > 1 else ""
    return f"FDR < {threshold(view.fdr)}{least}"


def movers_key(view: Any, *, n: int = MOST, **_: Any) -> key.Key:
    """The key on the page, of the dots that are drawn."""
    return key.of_roles(MOVERS_KEY, movers_shown(view, n=n)["role"])


def movers_caption(view: Any, *, n: int = MOST, **_: Any) -> str:
    """What the dots show, in sentences."""
    table = movers_shown(view, n=n)
    if not len(table):
        return "No perturbation of another gene is known here."
    moved = min(view.n_moved_by, len(table))
    n_moved, of = view.n_moved_by, f"of {number(len(view.others))}"
    verb = "moves" if n_moved < 2 else "move"
    sentences = [f"{capitalized(plural(n_moved, view.modality))} {of} {verb} it ({_rule(view)})."]
    if n_moved > len(table):
        sentences.append(f"The {len(table)} of largest |delta| are shown.")
    if len(table) > moved:
        sentences.append(f"In grey the next {len(table) - moved}: by |delta| if they pass the FDR, else by p.")
    sentences.append("Lines: 95 % interval; FDR within each target, over all genes.")
    own = int(view.movers["own"].sum())
    if own:
        targets = "1 target that perturbs" if own == 1 else f"{own} targets that perturb"
        sentences.append(f"{targets} the gene itself {'is' if own == 1 else 'are'} left out.")
    return " ".join(sentences)


def movers_drawn(view: Any, *, n: int = MOST, **_: Any) -> str:
    """What the dots are, for a methods section."""
    rows = len(movers_shown(view, n=n))
    return f"delta of the gene (difference of {view.scale_name} means) in {plural(rows, 'target')} with 95 % intervals"


def movers_alt(view: Any, *, n: int = MOST, **_: Any) -> str:
    """The dots in words."""
    table = movers_shown(view, n=n)
    order = np.argsort(-np.abs(table["delta"].to_numpy(dtype=float)), kind="stable")[:5]
    rows = zip(table["target"].to_numpy()[order], table["delta"].to_numpy()[order], strict=True)
    largest = ", ".join(f"{plain(t, LONGEST_LABEL)} {d:+.2f}" for t, d in rows)
    down, up, _rest = _counts(table)
    return (
        f"Dots with intervals: delta of {plain(view.gene)} in {plural(len(table), 'target')}; it falls in {down} and "
        f"rises in {up} at {_rule(view)}. Largest: {largest or 'none'}."
    )
