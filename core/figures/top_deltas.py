"""The largest changes of a perturbation as signed bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, signed_axis
from core.figures.cloud import TOOLTIP
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.options import one_of
from core.figures.perturbation import PerturbationLike, gene_table, what_is_done
from core.figures.rows import ROW_PT, ROW_PX, name_look, row_axis, row_sheet, rows_that_fit, unique_names
from core.figures.scatter import GENE_COLUMNS
from core.figures.sheet import Paper, Sheet, paper_of
from core.figures.spec import Floats, Spec, records
from core.schema import PSEUDOCOUNT
from core.views.text import number, p_value, plain, plural, threshold

ORDERS = ("delta", "log2_fold_change", "fdr")
TOP_KEY = (("bar", "down", "falls"), ("bar", "up", "rises"), ("bar", "neutral", "not significant"))


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
        True or a :class:`~core.figures.sheet.Paper` for print.
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
    page = paper_of(paper)
    if page:
        top = top.head(rows_that_fit(len(top)))
    names = unique_names(top["gene"].to_numpy())
    columns = bar_columns(top, by)
    rows = _key_rows(top) if page else []
    on = row_sheet(view, paper, width or 430.0, names, rows, ROW_PT if page else ROW_PX)
    title = "log2 fold change, over control" if by == "log2_fold_change" else "delta, log-normalized"
    layers = _bar_layers(top, names, columns, signed_axis(title, np.concatenate(columns), 0.03), on)
    if page:
        layers += key.above(rows, on, view) + key.note(view, on)
    return compose(layers, on, params=[{"name": "highlighted", "value": _bold(top, names, highlight)}])


def top_genes(view: PerturbationLike, *, by: str = "delta", n: int = 50, **_: Any) -> pd.DataFrame:
    """The table behind the bars, in their order.

    By fold change only significant genes compete: among genes hardly expressed a large ratio is noise.
    """
    one_of("by", by, ORDERS)
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


def bar_columns(top: pd.DataFrame, by: str) -> tuple[Floats, Floats, Floats]:
    """The bars' values and intervals; NaN where there is no interval."""
    if by == "log2_fold_change":
        value = top["log2_fold_change"].to_numpy(dtype=float)
        nothing = np.full(len(top), np.nan)
        return value, nothing, nothing
    delta, low, high = (top[c].to_numpy(dtype=float) for c in ("delta", "delta_low", "delta_high"))
    return delta, low, high


def _bold(top: pd.DataFrame, names: Sequence[str], highlight: Sequence[str]) -> list[str]:
    wanted = set(highlight)
    return [name for name, gene in zip(names, top["gene"], strict=True) if gene in wanted]


def _bar_layers(
    top: pd.DataFrame,
    names: Sequence[str],
    columns: tuple[Floats, Floats, Floats],
    axis: Axis,
    on: Sheet,
) -> list[Spec]:
    value, low, high = columns
    y = row_axis(names, on, **name_look(on))
    x = axis.encoding("value", orient="top")
    values = records(
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
        "encoding": {"x": x, "y": y, "color": colors.roles()} | ({} if on.paper else {"tooltip": list(TOOLTIP)}),
    }
    whiskers: Spec = {
        "mark": {"type": "rule", "strokeWidth": on.line, "tooltip": None, "color": colors.ink(on)},
        "encoding": {"x": axis.encoding("low", orient="top"), "x2": {"field": "high"}, "y": y},
    }
    zero: Spec = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeWidth": on.line, "tooltip": None, "color": colors.ink(on)},
        "encoding": {"x": axis.encoding("zero", orient="top")},
    }
    rows = [bars if on.paper else bars | pick, *([whiskers] if np.isfinite(low).any() else [])]
    return [{"data": {"values": values}, "layer": rows}, zero]


def _key_rows(top: pd.DataFrame) -> list[key.Row]:
    role = top["role"].to_numpy()
    up, down, rest = (int((role == r).sum()) for r in ("up", "down", "neutral"))
    rows = [
        key.Row("bar", colors.LIGHT["up"], f"{plural(up, 'gene')} {'rises' if up < 2 else 'rise'}"),
        key.Row("bar", colors.LIGHT["down"], f"{plural(down, 'gene')} {'falls' if down < 2 else 'fall'}"),
    ]
    return rows + ([key.Row("bar", colors.LIGHT["neutral"], f"{number(rest)} not significant")] if rest else [])


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
    names = ", ".join(plain(g, LONGEST_LABEL) for g in top["gene"].head(5))
    quantity = "log2 fold changes" if by == "log2_fold_change" else "deltas"
    return f"Bars of {len(top)} {quantity}, {what_is_done(view)} against control. First: {names or 'none'}."
