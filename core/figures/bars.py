"""Rows: the largest changes as signed bars, and each guide's knock-down as a dot with its interval."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.figures import key, theme
from core.figures.cloud import TOOLTIP, PerturbationLike, gene_table, what_is_done
from core.figures.scatter import GENE_COLUMNS
from core.figures.theme import Axis, Drawing, Paper, Sheet, Spec
from core.schema import PSEUDOCOUNT
from core.views.text import enumerate_words, number, p_value, percent, plain, plural, threshold

ORDERS = ("delta", "log2_fold_change", "fdr")
TOP_KEY = (("bar", "down", "falls"), ("bar", "up", "rises"), ("bar", "neutral", "not significant"))
ROW_PX, ROW_PT = 13.0, 7.4
HIGHEST_MM = 230.0
"""A figure of rows is as high as its rows, but no higher than a page; more rows are left out, and it says so."""


def top_deltas(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    by: str = "delta",
    n: int = 50,
) -> Drawing:
    r"""The largest changes as signed bars, largest first, both directions mixed.

    Parameters
    ----------
    view
        The perturbation.
    highlight
        Symbols to set in bold.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.theme.Paper` for print.
    by
        ``"delta"`` (largest \|delta\|), ``"log2_fold_change"`` (largest among significant genes) or ``"fdr"``.
    n
        How many.

    Raises
    ------
    OptionError
        If the order is unknown.
    """
    top = top_genes(view, by=by, n=n)
    page = theme.paper_of(paper)
    if page:
        top = top.head(rows_that_fit(len(top)))
    names = unique_names(top["gene"].to_numpy())
    columns = bar_columns(top, by)
    rows = _key_rows(top) if page else []
    on = row_sheet(view, paper, width or 430.0, names, rows, ROW_PT if page else ROW_PX)
    title = "log2 fold change, over control" if by == "log2_fold_change" else "delta, log-normalized"
    layers = _bar_layers(top, names, columns, theme.signed_axis(title, np.concatenate(columns), 0.03), on)
    if page:
        layers += key.above(rows, on, view) + key.note(view, on)
    return theme.compose(layers, on, params=[{"name": "highlighted", "value": _bold(top, names, highlight)}])


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
    on = theme.sheet(paper, width, y_labels=names, y_title=False, x_top=x_top, strip=note, height=1.0)
    strip = key.strip_height(rows, on) + (2 if rows else 0)
    return replace(on, top=on.top + strip, height=on.top + strip + on.bottom + max(len(names), 1) * row)


def rows_that_fit(n: int, row: float = ROW_PT, taken: float = 50.0) -> int:
    """How many rows a printed page takes."""
    return min(n, int((HIGHEST_MM / theme.MM_PER_PT - taken) / row))


def top_genes(view: PerturbationLike, *, by: str = "delta", n: int = 50, **_: Any) -> pd.DataFrame:
    """The table behind the bars, in their order.

    By fold change only significant genes compete: among genes hardly expressed a large ratio is noise.
    """
    theme.one_of("by", by, ORDERS)
    genes = gene_table(view)
    delta = genes["delta"].to_numpy(dtype=float)
    change = genes["log2_fold_change"].to_numpy(dtype=float)
    fdr = genes["fdr"].to_numpy(dtype=float)
    size = np.abs(np.nan_to_num(delta))
    if by == "delta":
        order = np.argsort(-size, kind="stable")
        order = order[np.isfinite(delta[order])]
    elif by == "log2_fold_change":
        chosen = np.flatnonzero((fdr < view.fdr) & np.isfinite(change))
        order = chosen[np.argsort(-np.abs(change[chosen]), kind="stable")]
    else:
        log10_p = genes["log10_p"].to_numpy(dtype=float)
        order = np.lexsort((-size, np.nan_to_num(log10_p, nan=1.0)))  # FDR follows p; p tells apart what FDR ties
        order = order[np.isfinite(log10_p[order])]
    top = genes.iloc[order[: max(int(n), 0)]]
    significant = top["fdr"].to_numpy(dtype=float) < view.fdr
    signs = np.where(top["delta" if by != "log2_fold_change" else by].to_numpy(dtype=float) < 0, "down", "up")
    top = top.assign(role=np.where(significant, signs, "neutral"))
    return top[[c for c in GENE_COLUMNS if c in top.columns]].reset_index(drop=True)


def bar_columns(top: pd.DataFrame, by: str) -> tuple[theme.Floats, theme.Floats, theme.Floats]:
    """The bars' values and intervals; NaN where there is no interval."""
    if by == "log2_fold_change":
        value = top["log2_fold_change"].to_numpy(dtype=float)
        nothing = np.full(len(top), np.nan)
        return value, nothing, nothing
    delta, low, high = (top[c].to_numpy(dtype=float) for c in ("delta", "delta_low", "delta_high"))
    return delta, low, high


def unique_names(genes: Iterable[Any], longest: int = theme.LONGEST_LABEL) -> list[str]:
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


def _bold(top: pd.DataFrame, names: Sequence[str], highlight: Sequence[str]) -> list[str]:
    wanted = set(highlight)
    return [name for name, gene in zip(names, top["gene"], strict=True) if gene in wanted]


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


def _bar_layers(
    top: pd.DataFrame,
    names: Sequence[str],
    columns: tuple[theme.Floats, theme.Floats, theme.Floats],
    axis: Axis,
    on: Sheet,
) -> list[Spec]:
    value, low, high = columns
    y = row_axis(names, on, **name_look(on))
    x = axis.encoding("value", orient="top")
    values = theme.records(
        gene=top["gene"].to_numpy(),
        name=np.array(names, dtype=object),
        value=value,
        low=low,
        high=high,
        role=top["role"].to_numpy(),
        ctrl_mean=top["ctrl_mean"].to_numpy(dtype=float),
        pert_mean=top["pert_mean"].to_numpy(dtype=float),
        delta=top["delta"].to_numpy(dtype=float),
        log2_fold_change=top["log2_fold_change"].to_numpy(dtype=float),
        fdr=np.array([p_value(p) for p in top["fdr"].to_numpy(dtype=float)], dtype=object),
    )
    pick: Spec = {
        "params": [{"name": "pick", "select": {"type": "point", "fields": ["gene"], "on": "@bars_marks:click"}}]
    }
    bars: Spec = {
        "name": "bars",
        "mark": {"type": "bar", "opacity": 1},
        "encoding": {"x": x, "y": y, "color": theme.roles()} | ({} if on.paper else {"tooltip": list(TOOLTIP)}),
    }
    whiskers: Spec = {
        "mark": {"type": "rule", "strokeWidth": on.line, "tooltip": None, "color": ink(on)},
        "encoding": {"x": axis.encoding("low", orient="top"), "x2": {"field": "high"}, "y": y},
    }
    zero: Spec = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeWidth": on.line, "tooltip": None, "color": ink(on)},
        "encoding": {"x": axis.encoding("zero", orient="top")},
    }
    rows = [bars if on.paper else bars | pick, *([whiskers] if np.isfinite(low).any() else [])]
    return [{"data": {"values": values}, "layer": rows}, zero]


def ink(on: Sheet) -> Any:
    """The color of lines and letters."""
    return theme.color("observed", on)


def _key_rows(top: pd.DataFrame) -> list[key.Row]:
    role = top["role"].to_numpy()
    up, down, rest = (int((role == r).sum()) for r in ("up", "down", "neutral"))
    rows = [
        key.Row("bar", theme.LIGHT["up"], f"{plural(up, 'gene')} {'rises' if up < 2 else 'rise'}"),
        key.Row("bar", theme.LIGHT["down"], f"{plural(down, 'gene')} {'falls' if down < 2 else 'fall'}"),
    ]
    return rows + ([key.Row("bar", theme.LIGHT["neutral"], f"{number(rest)} not significant")] if rest else [])


def top_key(view: PerturbationLike, *, by: str = "delta", n: int = 50, **_: Any) -> key.Key:
    """The key on the page, of the bars that are drawn."""
    return key.of_roles(TOP_KEY, top_genes(view, by=by, n=n)["role"])


def top_caption(
    view: PerturbationLike, *, by: str = "delta", n: int = 50, paper: bool | Paper = False, **_: Any
) -> str:
    """What the bars show, in sentences."""
    top = top_genes(view, by=by, n=n)
    role = top["role"].to_numpy()
    up, down, rest = (int((role == r).sum()) for r in ("up", "down", "neutral"))
    if not len(top):
        return f"No gene at FDR < {threshold(view.fdr)}."
    what = {
        "delta": "largest by |delta|",
        "log2_fold_change": f"largest by |log2 fold change| among genes at FDR < {threshold(view.fdr)}",
        "fdr": "smallest by FDR, bars show delta",
    }[by]
    counted = f"{number(down)} {'falls' if down == 1 else 'fall'} and {number(up)} {'rises' if up == 1 else 'rise'}"
    sentences = [f"The {len(top)} {what}, {counted}."]
    if rest:
        sentences.append(f"{rest} in grey: FDR at least {threshold(view.fdr)}.")
    if by != "log2_fold_change":
        sentences.append("Lines: 95 % interval.")
    return " ".join(sentences)


def top_drawn(view: PerturbationLike, *, by: str = "delta", n: int = 50, **_: Any) -> str:
    """What the bars draw, for a methods section."""
    rows = len(top_genes(view, by=by, n=n))
    color = f"in color FDR < {threshold(view.fdr)}"
    if by == "log2_fold_change":
        return f"the {rows} largest log2 fold changes of mean normalized counts (pseudocount {PSEUDOCOUNT}), {color}"
    which = f"the {rows} largest deltas" if by == "delta" else f"delta of the {rows} genes of smallest FDR"
    return f"{which} (difference of {view.scale_name} means) with 95 % intervals (1.96 standard errors), {color}"


def top_alt(view: PerturbationLike, *, by: str = "delta", n: int = 50, **_: Any) -> str:
    """The bars in words."""
    top = top_genes(view, by=by, n=n)
    names = ", ".join(plain(g, theme.LONGEST_LABEL) for g in top["gene"].head(5))
    quantity = "log2 fold changes" if by == "log2_fold_change" else "deltas"
    return f"Bars of {len(top)} {quantity}, {what_is_done(view)} against control. First: {names or 'none'}."


# ------------------------------------------------------------------------------------------------------- guides

GUIDE_KEY = (("dot", "observed", "transcript left, with its 95 % interval"),)
GUIDE_COLUMNS = ("target", "guide", "n_cells", "percent_left", "low", "high", "r_with_rest")
LONGEST_GUIDE = 32
WIDEST_LEFT = 2.0
"""Intervals reach at most to twice the largest estimate, or 200 %; beyond they are cut at the edge."""


def guides(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
) -> Drawing:
    """What each guide leaves of the target's transcript: one row a guide, with its interval.

    Parameters are those of :func:`top_deltas`; nothing is highlighted.
    """
    table = guide_table(view)
    page = theme.paper_of(paper)
    names = unique_names(
        [
            f"{plain(g, LONGEST_GUIDE)}, {plural(n, 'cell')}"
            for g, n in zip(table["guide"], table["n_cells"], strict=True)
        ],
        60,
    )
    left = table["percent_left"].to_numpy(dtype=float)
    axis = left_axis(left, table["high"].to_numpy(dtype=float), "Transcript left, control = 100 %")
    on = row_sheet(view, paper, width or 560.0, names, [], 11.0 if page else 27.0, x_top=False)
    measured = np.isfinite(left)
    role = np.where(measured, "observed", "neutral")
    layers = left_layers(table.assign(name=names, role=role), axis, on, on_top=False)
    return theme.compose(layers + (key.note(view, on) if page else []), on)


def guide_table(view: PerturbationLike, **_: Any) -> pd.DataFrame:
    """The view's guides by name."""
    table = view.guides[[c for c in GUIDE_COLUMNS if c in view.guides.columns]]
    return table.sort_values("guide", kind="stable").reset_index(drop=True)


def left_axis(left: theme.Floats, high: theme.Floats, title: str, *, about: int = 5) -> Axis:
    """An axis of fractions left, from 0 to beyond 100 %, at most to :data:`WIDEST_LEFT` times the largest estimate."""
    estimates = left[np.isfinite(left)]
    largest = float(np.max(estimates, initial=0.0))
    reach = float(np.max(high[np.isfinite(high)], initial=0.0))
    return theme.linear_axis(
        title,
        0.0,
        max(1.1, min(1.05 * reach, WIDEST_LEFT * max(largest, 1.0)), largest),
        about=about,
        form=",.0f",
        percent=True,
    )


def left_layers(table: pd.DataFrame, axis: Axis, on: Sheet, *, on_top: bool, **look: Any) -> list[Spec]:
    """Rows of dots with intervals and the dashed line of 100 %.

    ``table`` has ``name, role, percent_left, low, high``; a row without an estimate says so in words. Rows of role
    "neutral" have hollow dots. Keywords go to the axis of names.
    """
    orient = {"orient": "top"} if on_top else {}
    names = list(table["name"])
    y = row_axis(names, on, **look)
    cut = np.clip(table[["percent_left", "low", "high"]].to_numpy(dtype=float), axis.low, axis.high)
    extra = {c: table[c].to_numpy(dtype=object) for c in ("target", "guide") if c in table.columns}
    if "n_cells" in table.columns:
        extra["n_cells"] = table["n_cells"].to_numpy()
    values = theme.records(
        name=np.array(names, dtype=object),
        role=table["role"].to_numpy(dtype=object),
        left=cut[:, 0],
        low=cut[:, 1],
        high=cut[:, 2],
        **extra,
    )
    some = [v for v in values if v["left"] is not None]
    none = [
        v | {"said": str(w)}
        for v, w in zip(values, table.get("said", ["not measurable"] * len(table)), strict=True)
        if v["left"] is None
    ]
    tooltip = [
        {"field": "name", "type": "nominal", "title": "Guide" if "guide" in extra else "Target"},
        *(
            [{"field": "n_cells", "type": "quantitative", "format": ",d", "title": "Cells"}]
            if "n_cells" in extra
            else []
        ),
        {"field": "left", "type": "quantitative", "format": ".0%", "title": "Transcript left"},
        {"field": "low", "type": "quantitative", "format": ".0%", "title": "95 % from"},
        {"field": "high", "type": "quantitative", "format": ".0%", "title": "to"},
    ]
    lines: Spec = {
        "mark": {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None},
        "encoding": {"x": axis.encoding("low", **orient), "x2": {"field": "high"}, "y": y, "color": theme.roles()},
    }
    dots: Spec = {
        "name": "dots",
        "mark": {
            "type": "point",
            "opacity": 1,
            "strokeWidth": 0.75 if on.paper else 1.5,
            "size": 9 if on.paper else 46,
        },
        "encoding": {
            "x": axis.encoding("left", **orient),
            "y": y,
            "color": theme.roles(),
            "fill": {
                "condition": {
                    "test": "datum.role !== 'observed'",
                    "value": theme.color("paper", on),
                },
                "value": ink(on),
            },
        }
        | ({} if on.paper else {"tooltip": tooltip}),
    }
    words: Spec = {
        "data": {"values": none},
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "middle",
            "dx": 4,
            "fontSize": on.text,
            "tooltip": None,
            "opacity": 1 if on.paper else 0.75,  # quiet; neutral grey is too faint for letters
            "color": ink(on),
        },
        "encoding": {"x": {"value": 0}, "y": y, "text": {"field": "said", "type": "nominal"}},
    }
    return [
        theme.upright(1.0, axis, on, **orient),
        {"data": {"values": some}, "layer": [lines, dots]},
        *([words] if none else []),
    ]


def guides_key(view: PerturbationLike, **_: Any) -> key.Key:
    """The key, where a guide has an estimate."""
    return GUIDE_KEY if np.isfinite(guide_table(view)["percent_left"].to_numpy(dtype=float)).any() else ()


def guides_caption(view: PerturbationLike, **_: Any) -> str:
    """What the guides' rows show, in sentences."""
    table = guide_table(view)
    missing = int((~np.isfinite(table["percent_left"].to_numpy(dtype=float))).sum())
    sentences = ["Dots: mean share of control; lines: 95 % interval. Dashed: 100 %, no change."]
    if not len(table):
        return "No guides are named."
    if missing == len(table):
        sentences = ["What is left of the transcript cannot be measured."]
    elif missing:
        sentences.append(f"{plural(missing, 'guide')} without a measurable transcript.")
    if getattr(view, "left_out_of_totals", ""):
        sentences.append("Shares of totals of all genes, the target's own among them.")
    return " ".join(sentences)


def guides_drawn(view: PerturbationLike, **_: Any) -> str:
    """What the guides' rows draw, for a methods section."""
    cells = [number(n) for n in guide_table(view)["n_cells"]]
    sizes = f"{plural(len(cells), 'guide')} ({enumerate_words(cells, at_most=8)} cells)" if cells else "no guide"
    return (
        f"mean normalized count of the target's own gene in cells of {sizes} over that in controls, with 95 % "
        "intervals by the delta method"
    )


def guides_alt(view: PerturbationLike, **_: Any) -> str:
    """The guides in words."""
    table = guide_table(view)
    rows = zip(table["guide"].head(5), table["percent_left"].head(5), strict=True)
    said = ", ".join(f"{plain(g, theme.LONGEST_LABEL)} {percent(float(left))}" for g, left in rows)
    return f"Transcript left by guide, {what_is_done(view)}, {plural(len(table), 'guide')}: {said or 'none'}."
