"""Volcano: significance against fold change, one point a gene."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.figures.axes import linear_axis
from core.figures.cloud import Cloud, make_cloud, once
from core.figures.cloud_drawing import draw_cloud
from core.figures.cloud_words import describe, dots_sentence
from core.figures.drawing import Drawing
from core.figures.options import one_of
from core.figures.perturbation import PerturbationLike, gene_table, what_is_done
from core.figures.scatter import edge_sentence, fold_axis, fold_lines
from core.figures.sheet import Paper
from core.figures.spec import Floats
from core.views.text import MINUS, plural, threshold

HEIGHTS = ("fdr", "p")
HIGHEST = 300
"""A p value below 1e-300 is no number of a computer's any more; such genes are drawn at 300."""


def volcano(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    height: str = "fdr",
    every: bool = False,
) -> Drawing:
    """Minus log10 of FDR or p against log2 fold change.

    Parameters
    ----------
    view
        The perturbation.
    highlight
        Symbols to ring and name.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    height
        ``"fdr"`` or ``"p"``: what the vertical axis measures.
    every
        Draw every gene as a dot instead of tiles.

    Raises
    ------
    OptionError
        If the height is neither.
    """
    cloud = volcano_cloud(view, height=height)
    return draw_cloud(view, cloud, highlight=highlight, width=width, paper=paper, every=every)


@once
def volcano_cloud(view: PerturbationLike, *, height: str = "fdr", **_: Any) -> Cloud:
    """Where each gene lies in the volcano."""
    one_of("height", height, HEIGHTS)
    genes = gene_table(view)
    change = genes["log2_fold_change"].to_numpy(dtype=float)
    level = (
        -log10_of(genes["fdr"].to_numpy(dtype=float)) if height == "fdr" else -genes["log10_p"].to_numpy(dtype=float)
    )
    keep = np.isfinite(change) & ~np.isnan(level)
    level = np.clip(level, 0, None)
    capped = bool((level[keep] > HIGHEST).any())
    level = np.minimum(level, HIGHEST)
    x = fold_axis(f"log2 FC, {what_is_done(view, 22)} over control", change[keep])
    largest = max(float(np.max(level[keep], initial=0.0)), 2.0)
    word = "FDR" if height == "fdr" else "p"
    title = f"{MINUS}log10 {word} (capped at {HIGHEST})" if capped else f"{MINUS}log10 {word}"
    y = linear_axis(title, 0.0, 1.04 * largest)
    bound = math.floor(x.high)
    shown = np.clip(change, -bound, bound)
    weight = np.abs(shown) / bound + level / largest
    dashes = [{"x": (v, v), "y": (y.low, y.high)} for v in fold_lines(view)]
    dashes.append({"x": (x.low, x.high), "y": (cut,) * 2} if (cut := _cut(view, genes, height)) is not None else {})
    return make_cloud(
        view,
        shown,
        level,
        weight,
        (x, y),
        keep=keep,
        dashes=[d for d in dashes if d],
        left=shown < 0,
        at_edge=int((np.abs(change[keep]) > bound).sum()),
    )


def log10_of(p: Floats) -> Floats:
    """Log10, minus infinity for 0, silently."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(p))


def _cut(view: PerturbationLike, genes: Any, height: str) -> float | None:
    """Where the FDR threshold lies; among p values half way to the first that fails. None where nothing passes."""
    if height == "fdr":
        return -math.log10(view.fdr)
    passed = genes["fdr"].to_numpy(dtype=float) < view.fdr
    level = -genes["log10_p"].to_numpy(dtype=float)
    if not passed.any():
        return None
    worst = float(np.min(level[passed]))
    failed = level[~passed & np.isfinite(level)]
    return (worst + float(np.max(failed, initial=0.0))) / 2


def volcano_caption(view: PerturbationLike, *, height: str = "fdr", every: bool = False, **_: Any) -> str:
    """What the volcano shows, in sentences."""
    cloud = volcano_cloud(view, height=height)
    fold = f" and {threshold(view.fold)}-fold" if view.fold > 1 else ""
    sentences = [dots_sentence(view, cloud, every=every), f"Dashed: FDR {threshold(view.fdr)}{fold}."]
    if cloud.not_drawn:
        verb = "is" if cloud.not_drawn == 1 else "are"
        sentences.append(f"{plural(cloud.not_drawn, 'gene')} without a test {verb} not drawn.")
    capped = int((cloud.genes["y"].to_numpy() >= HIGHEST).sum())
    if capped:
        sentences.append(f"{plural(capped, 'gene')} {'stands' if capped == 1 else 'stand'} at the cap of {HIGHEST}.")
    return " ".join(sentences + edge_sentence(cloud, math.floor(cloud.x.high)))


def volcano_drawn(view: PerturbationLike, *, height: str = "fdr", **_: Any) -> str:
    """What the volcano draws, for a methods section."""
    level = "FDR" if height == "fdr" else "p"
    return f"{MINUS}log10 {level} against log2 fold change of mean normalized counts, {plural(len(view.genes), 'gene')}"


def volcano_alt(view: PerturbationLike, *, height: str = "fdr", **_: Any) -> str:
    """The volcano in words."""
    return describe(view, "Volcano", volcano_cloud(view, height=height))
