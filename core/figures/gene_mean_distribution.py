"""Distribution of the genes' means over all cells."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.figures import key
from core.figures.axes import Axis, linear_axis, log_axis
from core.figures.drawing import Drawing, compose
from core.figures.histogram import histogram, names_over_bars
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import upright
from core.figures.options import one_of
from core.figures.sheet import Paper, Sheet, sheet
from core.figures.spec import Floats, Spec
from core.schema import MEASURABLE_MEAN
from core.views.text import number, plain, plural, threshold

MEAN_SCALES = ("counts", "log-normalized")
LOWEST_GENE_MEAN = 1e-4
MOST_NAMED = 24


def gene_mean_distribution(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    scale: str = "counts",
) -> Drawing:
    """How many genes have which mean over all cells.

    Parameters
    ----------
    view
        Anything with ``genes`` (columns ``mean``, ``mean_log``) and ``simulated``: a study or its view.
    highlight
        Symbols to name over the bars in which they lie.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    scale
        ``"counts"`` or ``"log-normalized"``, both on a logarithmic axis with real numbers.

    Raises
    ------
    OptionError
        If the scale is unknown, or the study holds no counts.
    """
    edges, counts = mean_bins(view, scale)
    what = "Mean count a cell" if scale == "counts" else "Mean log-normalized expression"
    x = log_axis(f"{what}, all cells", float(edges[0]), float(edges[-1]))
    y = linear_axis("Genes", 0.0, 1.06 * max(float(counts.max(initial=1)), 1.0), about=5, form=",.0f")
    on = sheet(paper, width, y_labels=y.labels(), strip=key.note_height(view, paper), height=None if paper else 300.0)
    layers = [histogram(edges, counts.astype(float), x, y, on, "neutral")]
    if scale == "counts" and x.low < MEASURABLE_MEAN < x.high:
        layers.append(upright(MEASURABLE_MEAN, x, on))
    layers += _named_means(view, scale, highlight, edges, counts, x, y, on)
    return compose(layers + (key.note(view, on) if on.paper else []), on)


def _named_means(
    view: Any, scale: str, highlight: Sequence[str], edges: Floats, counts: Any, x: Axis, y: Axis, on: Sheet
) -> list[Spec]:
    """Names of highlighted genes over their bars."""
    means = pd.Series(gene_means(view, scale), index=view.genes.index)
    named = means[[gene for gene in highlight if gene in means.index]][:MOST_NAMED]
    named = named[named >= LOWEST_GENE_MEAN]
    return names_over_bars(named.index, named.to_numpy(), len(named), edges, counts, x, y, on) if len(named) else []


def gene_means(view: Any, scale: str) -> Floats:
    """The genes' means on a scale."""
    one_of("scale", scale, MEAN_SCALES)
    column = "mean" if scale == "counts" else "mean_log"
    means: Floats = view.genes[column].to_numpy(dtype=float)
    if not np.isfinite(means).any() and scale == "counts":
        raise OptionError("This study holds log-normalized values, no counts. Take the scale log-normalized.")
    return means


def mean_bins(view: Any, scale: str = "counts") -> tuple[Floats, Any]:
    """Bins of the genes' means, of equal width on a logarithmic axis from 0.0001 on, and genes in each."""
    means = gene_means(view, scale)
    shown = means[np.isfinite(means) & (means >= LOWEST_GENE_MEAN)]
    high = 10.0 ** math.ceil(math.log10(max(float(shown.max(initial=1.0)), 1.0)) - 1e-9)
    edges = np.geomspace(LOWEST_GENE_MEAN, max(high, 10.0), 71)
    return edges, np.histogram(shown, edges)[0]


def mean_data(view: Any, *, scale: str = "counts", **_: Any) -> pd.DataFrame:
    """Genes in each bin: left, right, genes."""
    edges, counts = mean_bins(view, scale)
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "genes": counts})


def mean_caption(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """What the distribution shows, in sentences."""
    means = gene_means(view, scale)
    means = means[np.isfinite(means)]
    n_cells = getattr(view, "n_cells", None)
    sentences = [f"Mean of {plural(len(means), 'gene')} over all {f'{number(n_cells)} ' if n_cells else ''}cells."]
    hidden, zero = int((means < LOWEST_GENE_MEAN).sum()), int((means == 0).sum())
    if scale == "counts":
        below = int((means < MEASURABLE_MEAN).sum())
        sentences.append(
            f"Left of the dashed line, {threshold(MEASURABLE_MEAN)} counts a cell, lie {number(below)}: a fall "
            "cannot be measured there."
        )
    if hidden:
        sentences.append(
            f"{plural(hidden, 'gene')} below 0.0001 {'is' if hidden == 1 else 'are'} not drawn"
            f"{f' ({number(zero)} never seen)' if zero else ''}."
        )
    return " ".join(sentences)


def mean_drawn(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """What the histogram of means draws, for a methods section."""
    counts = "mean counts a cell, not normalized, on a logarithmic axis"
    kind = counts if scale == "counts" else f"mean of {view.methods.values}, on a logarithmic axis"
    return f"number of genes by {kind}; {plural(len(view.genes), 'gene')} over all {plural(view.n_cells, 'cell')}"


def mean_alt(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """The distribution in words."""
    means = pd.Series(gene_means(view, scale), index=view.genes.index.astype(str)).sort_values(ascending=False)
    names = ", ".join(plain(g, LONGEST_LABEL) for g in means.index[:5])
    return f"Histogram of the means of {plural(int(means.notna().sum()), 'gene')} ({scale}). Highest: {names}."
