"""Distribution of the deltas of a perturbation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import Axis, linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.histogram import NAMES_A_TAIL, count_axis, histogram, names_over_bars
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import upright
from core.figures.perturbation import PerturbationLike, change_rule, gene_table, what_is_done
from core.figures.sheet import Paper, Sheet
from core.figures.spec import Floats, Spec
from core.views.text import number, plain, plural

DELTA_KEY = (("bar", "neutral", "all genes"), ("bar", "down", "changed, falls"), ("bar", "up", "changed, rises"))
DELTA_BINS = 61


def delta_distribution(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
) -> Drawing:
    """How many genes have which delta, on a logarithmic count axis that shows the tails.

    Colored bars are the genes that changed, drawn over all genes of the same bin. The genes furthest out are named.
    Parameters are those of :func:`core.figures.top_deltas.top_deltas`; highlighted genes are named as well.
    """
    edges, table = delta_bins(view)
    total = table[["neutral", "down", "up"]].sum(axis=1).to_numpy()
    reach = float(edges[-1])
    y = count_axis("Genes", float(total.max(initial=1)))
    x = linear_axis(f"delta of {what_is_done(view, 22)}, log-normalized", -reach, reach, about=7)
    form = x.form.replace(",", "+")
    x = Axis(x.title, x.low, x.high, x.ticks, form=form, words=((0.0, "0"),))
    rows = [
        key.Row("bar", colors.LIGHT["neutral"], f"{plural(int(total.sum()), 'gene')}"),
        key.Row("bar", colors.LIGHT["down"], f"{number(table['down'].sum())} changed, fall"),
        key.Row("bar", colors.LIGHT["up"], f"{number(table['up'].sum())} changed, rise"),
    ]
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=300.0)
    bars = [histogram(edges, total.astype(float), x, y, on, "neutral")]
    bars += [histogram(edges, table[r].to_numpy(dtype=float), x, y, on, r) for r in ("down", "up")]
    layers = [*bars, upright(0.0, x, on), *_tail_names(view, edges, total, x, y, on, highlight)]
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def delta_bins(view: PerturbationLike) -> tuple[Floats, pd.DataFrame]:
    """Symmetric bins of delta, zero in the middle of one, and genes by role in each."""
    genes = gene_table(view)
    delta = genes["delta"].to_numpy(dtype=float)
    finite = np.isfinite(delta)
    reach = max(float(np.max(np.abs(delta[finite]), initial=0.0)), 1e-3) * 1.04
    edges = np.linspace(-reach, reach, DELTA_BINS + 1)
    role = np.where(genes["changed"].to_numpy(dtype=bool), genes["role"].to_numpy(dtype=object).astype(str), "neutral")
    counts = {r: np.histogram(delta[finite & (role == r)], edges)[0] for r in ("neutral", "down", "up")}
    return edges, pd.DataFrame({"left": edges[:-1], "right": edges[1:], **counts})


def _tail_names(
    view: PerturbationLike, edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet, highlight: Sequence[str]
) -> list[Spec]:
    """Names over the bars of the genes furthest out."""
    genes = gene_table(view)
    delta = np.nan_to_num(genes["delta"].to_numpy(dtype=float))
    symbol = genes["gene"].to_numpy(dtype=object)
    order = np.argsort(delta, kind="stable")
    out = [*order[:NAMES_A_TAIL], *order[::-1][:NAMES_A_TAIL]]
    out = [i for i in out if genes["changed"].to_numpy(dtype=bool)[i]]
    ringed = [int(i) for i in np.flatnonzero(np.isin(symbol, list(highlight)))]
    chosen = np.array([*ringed, *(i for i in dict.fromkeys(out) if i not in ringed)], dtype=int)
    if not len(chosen):
        return []
    return names_over_bars(symbol[chosen], delta[chosen], len(ringed), edges, total, x, y, on)


def delta_key(view: PerturbationLike, **_: Any) -> key.Key:
    """The key on the page, of the bars that are drawn."""
    table = delta_bins(view)[1]
    return key.of_roles(DELTA_KEY, ["neutral", *(role for role in ("down", "up") if table[role].any())])


def delta_data(view: PerturbationLike, **_: Any) -> pd.DataFrame:
    """Genes in each bin of delta: left, right, neutral, down, up."""
    return delta_bins(view)[1]


def delta_caption(view: PerturbationLike, **_: Any) -> str:
    """What the distribution of deltas shows, in sentences."""
    table = delta_bins(view)[1]
    n = int(table[["neutral", "down", "up"]].to_numpy().sum())
    missing = len(gene_table(view)) - n
    sentences = [
        f"Deltas of {plural(n, 'gene')}; the count axis is logarithmic, so that single genes show.",
        f"In color: {plural(int(table['down'].sum() + table['up'].sum()), 'change')} at {change_rule(view)}.",
    ]
    return " ".join(sentences + ([f"{plural(missing, 'gene')} without a delta are left out."] if missing else []))


def delta_drawn(view: PerturbationLike, **_: Any) -> str:
    """What the histogram of deltas draws, for a methods section."""
    genes = plural(len(view.genes), "gene")
    return f"number of genes by delta, the difference of {view.scale_name} means, {genes}, on a logarithmic axis"


def delta_alt(view: PerturbationLike, **_: Any) -> str:
    """The distribution of deltas in words."""
    table = delta_bins(view)[1]
    genes = gene_table(view)
    order = np.argsort(-np.abs(np.nan_to_num(genes["delta"].to_numpy(dtype=float))), kind="stable")[:5]
    names = ", ".join(plain(g, LONGEST_LABEL) for g in genes["gene"].to_numpy()[order])
    return (
        f"Histogram of deltas, {what_is_done(view)} against control: {number(table['down'].sum())} genes fall, "
        f"{number(table['up'].sum())} rise at {change_rule(view)}. Furthest out: {names}."
    )
