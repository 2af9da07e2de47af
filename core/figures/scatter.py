"""Control against perturbed, one point a gene; and the same as fold change against mean (MA plot)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.figures.axes import Axis, linear_axis, log_axis, nice_step
from core.figures.cloud import Cloud, make_cloud, once
from core.figures.cloud_drawing import draw_cloud
from core.figures.cloud_words import describe, dots_sentence
from core.figures.drawing import Drawing
from core.figures.options import one_of
from core.figures.perturbation import PerturbationLike, gene_table, what_is_done
from core.figures.sheet import Paper
from core.figures.spec import Floats
from core.views.text import number, plural, threshold

SCALES = ("log-normalized", "counts")
LOWEST_MEAN = 0.001
"""Mean counts a cell at which the logarithmic axes begin."""
WIDEST_FOLD = 4
"""Log2 fold changes beyond this are drawn at the edge."""


def scatter(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    scale: str = "log-normalized",
    every: bool = False,
) -> Drawing:
    """Mean of every gene in control and in perturbed cells.

    Parameters
    ----------
    view
        The perturbation.
    highlight
        Symbols to ring and name.
    width
        Width on screen in px, where it is known: names are placed for it.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    scale
        ``"log-normalized"``, or ``"counts"`` on logarithmic axes.
    every
        Draw every gene as a dot instead of tiles.

    Raises
    ------
    OptionError
        If the scale is unknown, or the study holds no counts.
    """
    cloud = scatter_cloud(view, scale=scale)
    return draw_cloud(view, cloud, highlight=highlight, width=width, paper=paper, every=every)


@once
def scatter_cloud(view: PerturbationLike, *, scale: str = "log-normalized", **_: Any) -> Cloud:
    """Where each gene lies in the scatter."""
    one_of("scale", scale, SCALES)
    genes = gene_table(view)
    if scale == "counts":
        return _counts_cloud(view, genes)
    x, y = (genes[c].to_numpy(dtype=float) for c in ("ctrl_mean", "pert_mean"))
    keep = np.isfinite(x) & np.isfinite(y)
    largest = max(float(np.max(x[keep], initial=0)), float(np.max(y[keep], initial=0)), 0.5)
    step = nice_step(largest / 6)
    high = step * math.ceil(largest / step + 1e-9)
    axes = (
        linear_axis("Control, log-normalized mean", 0.0, high),
        linear_axis(f"{what_is_done(view, 24)}, log-normalized mean", 0.0, high),
    )
    delta = genes["delta"].to_numpy(dtype=float)
    ends = {"x": (0.0, high), "y": (0.0, high)}
    return make_cloud(view, x, y, np.abs(delta), axes, keep=keep, dashes=[ends], left=delta > 0)


def _counts_cloud(view: PerturbationLike, genes: pd.DataFrame) -> Cloud:
    x, y = (genes[c].to_numpy(dtype=float) for c in ("ctrl_mean_counts", "pert_mean_counts"))
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        raise OptionError("This study holds log-normalized values, no counts. Take the scale log-normalized.")
    keep = finite & ((x >= LOWEST_MEAN) | (y >= LOWEST_MEAN))
    edge = keep & ((x < LOWEST_MEAN) | (y < LOWEST_MEAN))
    high = 10.0 ** math.ceil(
        math.log10(max(float(np.max(x[keep], initial=1)), float(np.max(y[keep], initial=1)))) - 1e-9
    )
    low, high = LOWEST_MEAN, max(high, 1.0)
    axes = (
        log_axis("Control, mean counts a cell", low, high),
        log_axis(f"{what_is_done(view, 24)}, mean counts a cell", low, high),
    )
    ends = {"x": (low, high), "y": (low, high)}
    change = genes["log2_fold_change"].to_numpy(dtype=float)
    return make_cloud(
        view,
        np.maximum(x, low),
        np.maximum(y, low),
        np.abs(change),
        axes,
        keep=keep,
        dashes=[ends],
        left=change > 0,
        at_edge=int(edge.sum()),
    )


def scatter_caption(view: PerturbationLike, *, scale: str = "log-normalized", every: bool = False, **_: Any) -> str:
    """What the scatter shows, in sentences."""
    cloud = scatter_cloud(view, scale=scale)
    sentences = [
        f"Mean of {number(len(cloud.genes))} genes in control and perturbed cells.",
        dots_sentence(view, cloud, every=every),
        "On the dashed line nothing changed.",
        *_left_out(cloud),
    ]
    return " ".join(sentences)


def _left_out(cloud: Cloud) -> list[str]:
    sentences = []
    if cloud.not_drawn:
        verb = "is" if cloud.not_drawn == 1 else "are"
        why = f"below {LOWEST_MEAN:g}" if cloud.x.log else "without a mean"
        sentences.append(f"{plural(cloud.not_drawn, 'gene')} {why} {verb} not drawn.")
    if cloud.at_edge:
        verb = "stands" if cloud.at_edge == 1 else "stand"
        sentences.append(f"{plural(cloud.at_edge, 'gene')} below {LOWEST_MEAN:g} on one side {verb} at the edge.")
    return sentences


def scatter_drawn(view: PerturbationLike, *, scale: str = "log-normalized", **_: Any) -> str:
    """What the scatter draws, for a methods section."""
    genes = plural(len(view.genes), "gene")
    if scale == "counts":
        return f"mean counts a cell of {genes}, not normalized, on logarithmic axes from {LOWEST_MEAN:g}"
    return f"mean log-normalized expression of {genes}"


def scatter_alt(view: PerturbationLike, *, scale: str = "log-normalized", **_: Any) -> str:
    """The scatter in words."""
    return describe(view, "Scatter", scatter_cloud(view, scale=scale))


# ------------------------------------------------------------------------------------------------------ MA plot


def ma(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    every: bool = False,
) -> Drawing:
    """Log2 fold change of every gene against its mean expression.

    Parameters are those of :func:`scatter`.
    """
    return draw_cloud(view, ma_cloud(view), highlight=highlight, width=width, paper=paper, every=every)


@once
def ma_cloud(view: PerturbationLike, **_: Any) -> Cloud:
    """Where each gene lies in the MA plot: on normalized counts where the study has them."""
    genes = gene_table(view)
    change = genes["log2_fold_change"].to_numpy(dtype=float)
    mean = mean_of(genes, "ctrl_mean_normalized", "pert_mean_normalized")
    counts = bool(np.isfinite(mean).any())
    if not counts:
        mean = mean_of(genes, "ctrl_mean", "pert_mean")
    keep = np.isfinite(mean) & np.isfinite(change) & ((mean >= LOWEST_MEAN) if counts else True)
    y = fold_axis(f"log2 FC, {what_is_done(view, 22)} over control", change[keep])
    largest = float(np.max(mean[keep], initial=1.0))
    if counts:
        x = log_axis("Mean of both groups, normalized counts", LOWEST_MEAN, _half_decade(largest))
    else:
        step = nice_step(max(largest, 0.5) / 6)
        x = linear_axis("Mean of both groups, log-normalized", 0.0, step * math.ceil(largest / step + 1e-9))
    bound = math.floor(y.high)
    flat = [{"x": (x.low, x.high), "y": (v, v)} for v in fold_lines(view)]
    edge = int((np.abs(change[keep]) > bound).sum())
    shown = np.clip(change, -bound, bound)
    return make_cloud(view, mean, shown, np.abs(change), (x, y), keep=keep, dashes=flat, left=shown < 0, at_edge=edge)


def mean_of(genes: pd.DataFrame, control: str, perturbed: str) -> Floats:
    """Mean of the two groups' means, so that neither group's size tells."""
    if control not in genes.columns or perturbed not in genes.columns:
        return np.full(len(genes), np.nan)
    return np.asarray((genes[control].to_numpy(dtype=float) + genes[perturbed].to_numpy(dtype=float)) / 2)


def _half_decade(largest: float) -> float:
    """The next 1, 3, 10, 30, ... at or above the largest mean."""
    power = 10.0 ** math.floor(math.log10(max(largest, 1.0)))
    return next(m * power for m in (1, 3, 10) if m * power >= largest)


def fold_axis(title: str, changes: Floats) -> Axis:
    """A symmetric axis of log2 fold changes, at most 4 to each side."""
    largest = float(np.max(np.abs(changes[np.isfinite(changes)]), initial=0.0))
    bound = min(WIDEST_FOLD, max(1, math.ceil(largest)))
    return linear_axis(title, -1.03 * bound, 1.03 * bound, about=8, form="~g")


def fold_lines(view: PerturbationLike) -> list[float]:
    """Where the fold threshold lies; the zero line where there is none."""
    return [-math.log2(view.fold), math.log2(view.fold)] if view.fold > 1 else [0.0]


def edge_sentence(cloud: Cloud, bound: int = WIDEST_FOLD) -> list[str]:
    """That fold changes were cut, where they were."""
    return (
        [f"Fold changes beyond ±{bound} are drawn at the edge ({plural(cloud.at_edge, 'gene')})."]
        if cloud.at_edge
        else []
    )


def ma_caption(view: PerturbationLike, *, every: bool = False, **_: Any) -> str:
    """What the MA plot shows, in sentences."""
    cloud = ma_cloud(view)
    rule = f"Dashed: {threshold(view.fold)}-fold up and down." if view.fold > 1 else "Dashed: no change."
    sentences = [f"{number(len(cloud.genes))} genes.", dots_sentence(view, cloud, every=every), rule]
    if cloud.not_drawn:
        verb = "is" if cloud.not_drawn == 1 else "are"
        sentences.append(f"{plural(cloud.not_drawn, 'gene')} below {LOWEST_MEAN:g} {verb} not drawn.")
    return " ".join(sentences + edge_sentence(cloud, math.floor(cloud.y.high)))


def ma_drawn(view: PerturbationLike, **_: Any) -> str:
    """What the MA plot draws, for a methods section."""
    mean = "mean normalized counts" if ma_cloud(view).x.log else "mean log-normalized expression"
    genes = plural(len(view.genes), "gene")
    return f"log2 fold change of mean normalized counts against the {mean} of both groups, {genes}"


def ma_alt(view: PerturbationLike, **_: Any) -> str:
    """The MA plot in words."""
    return describe(view, "MA plot", ma_cloud(view))


GENE_COLUMNS = (
    "gene", "ctrl_mean", "pert_mean", "delta", "delta_low", "delta_high", "ctrl_mean_counts", "pert_mean_counts",
    "ctrl_mean_normalized", "pert_mean_normalized", "log2_fold_change", "p_value", "log10_p", "fdr", "pct_control",
    "pct_target", "changed", "role",
)  # fmt: skip
"""Columns of the data behind a figure of genes, always in this order; those the study lacks are left out."""


def gene_data(view: PerturbationLike, **_: Any) -> pd.DataFrame:
    """All genes behind a cloud, the largest |delta| first."""
    genes = gene_table(view)
    order = np.argsort(-np.abs(np.nan_to_num(genes["delta"].to_numpy(dtype=float))), kind="stable")
    return genes[[c for c in GENE_COLUMNS if c in genes.columns]].iloc[order].reset_index(drop=True)
