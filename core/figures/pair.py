"""Two profiles against each other, one point a gene: two targets, a combination and its parts, two studies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures.axes import linear_axis
from core.figures.cloud import MOST_DOTS, Cloud, once
from core.figures.cloud_drawing import draw_cloud
from core.figures.drawing import Drawing
from core.figures.labels import LONGEST_LABEL
from core.figures.sheet import Paper
from core.figures.spec import Floats, Spec
from core.views.text import correlation, number, plain, plural

PAIR_KEY = (
    ("dot", "up", "rise in both"),
    ("dot", "down", "fall in both"),
    ("dot", "accent", "rise in one, fall in the other"),
    ("dot", "neutral", "change in one"),
)
COMBINATION_KEY = (
    ("dot", "up", "rises in the combination"),
    ("dot", "down", "falls in the combination"),
    ("dot", "neutral", "changes in a part alone"),
)
_PAIR_WORDS = (
    ("up", "gene rises in both", "genes rise in both"),
    ("down", "gene falls in both", "genes fall in both"),
    ("accent", "gene goes opposite ways", "genes go opposite ways"),
    ("neutral", "gene changes in one", "genes change in one"),
)
_COMBINATION_WORDS = (
    ("up", "gene rises", "genes rise"),
    ("down", "gene falls", "genes fall"),
    ("neutral", "gene changes in a part alone", "genes change in a part alone"),
)
SHORTEST = 0.1
"""The axes reach at least so far, so that noise alone does not fill the plot."""


def pair(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    every: bool = False,
) -> Drawing:
    """Delta of every gene on one side against the other, with zero and identity lines.

    Parameters
    ----------
    view
        What is compared (:class:`core.views.compared.Compared`).
    highlight
        Symbols to ring and name.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    every
        Draw every gene as a dot instead of tiles.
    """
    return draw_cloud(view, pair_cloud(view), highlight=highlight, width=width, paper=paper, every=every)


@once
def pair_cloud(view: Any, **_: Any) -> Cloud:
    """Where each gene lies: both axes have the same limits, those of all genes but the perturbed ones."""
    genes = view.genes
    x, y = (genes[c].to_numpy(dtype=float) for c in ("x", "y"))
    keep = np.isfinite(x) & np.isfinite(y)
    rest = keep & ~np.isin(genes["gene"].to_numpy(dtype=object), list(view.own_genes))
    low, high = _limits(np.concatenate([x[rest], y[rest]]))
    axis_x, axis_y = (linear_axis(title, low, high, about=6, form="~g") for title in (view.x_title, view.y_title))
    inside_x, inside_y = np.clip(x, low, high), np.clip(y, low, high)
    drawn = pd.DataFrame(
        {
            "gene": genes["gene"].to_numpy(dtype=object),
            "x": inside_x,
            "y": inside_y,
            "fdr_x": genes["fdr_x"].to_numpy(dtype=float),
            "fdr_y": genes["fdr_y"].to_numpy(dtype=float),
            "role": genes["role"].to_numpy(dtype=object),
            "changed": genes["changed"].to_numpy(dtype=bool),
            "weight": np.nan_to_num(np.hypot(x, y)),
        }
    )[keep]
    lines = [{"x": (low, high), "y": (0.0, 0.0)}, {"x": (0.0, 0.0), "y": (low, high)}]
    lines += [{"x": (low, high), "y": (low, high)}] if view.identity else []
    words = _COMBINATION_WORDS if view.modality == "combined" else _PAIR_WORDS
    return Cloud(
        drawn.reset_index(drop=True),
        axis_x,
        axis_y,
        tuple(lines),
        frozenset(view.own_genes),
        np.where(x < 0, "left", "right")[keep],
        int((~keep).sum()),
        int(((inside_x != x) | (inside_y != y))[keep].sum()),
        tuple(_tooltip(view)),
        words,
    )


def _limits(values: Floats) -> tuple[float, float]:
    low, high = float(np.min(values, initial=0.0)), float(np.max(values, initial=0.0))
    low, high = min(low, -SHORTEST), max(high, SHORTEST)
    room = 0.04 * (high - low)
    return low - room, high + room


def _tooltip(view: Any) -> list[Spec]:
    sides = ((view.x_name, "x"), (view.y_name, "y"))
    deltas = [{"field": f, "type": "quantitative", "format": "+.2f", "title": f"delta, {n}"} for n, f in sides]
    tests = [{"field": f"fdr_{f}", "type": "nominal", "title": f"FDR, {n}"} for n, f in sides]
    return [{"field": "gene", "type": "nominal", "title": "Gene"}, *deltas, *tests]


def pair_data(view: Any, **_: Any) -> pd.DataFrame:
    """The genes with both deltas, FDRs and what changes, the most moved first."""
    names = [view.x_name, view.y_name] if view.x_name != view.y_name else [f"{view.x_name} 1", f"{view.y_name} 2"]
    kinds = {"": "delta", "fdr_": "fdr", "changed_": "changed"}
    columns = {f"{k}{side}": f"{word}_{n}" for k, word in kinds.items() for side, n in zip("xy", names, strict=True)}
    return pd.DataFrame(view.genes.drop(columns="changed").rename(columns=columns))


def pair_caption(view: Any, *, every: bool = False, **_: Any) -> str:
    """What it shows, in sentences."""
    cloud = pair_cloud(view)
    dots = int(cloud.genes["changed"].sum())
    said = [f"{number(len(cloud.genes))} genes.", view.said]
    if every:
        said.append("Every gene is a dot.")
    elif dots > MOST_DOTS:
        said.append(f"The {MOST_DOTS} largest of {number(dots)} are drawn as dots.")
    r = getattr(view, "r_drawn", None)
    if r is not None and np.isfinite(r):
        said.append(f"The dots' own correlation is {correlation(r)}, perturbed genes left out.")
    if cloud.at_edge:
        verb = "stands" if cloud.at_edge == 1 else "stand"
        said.append(f"{plural(cloud.at_edge, 'perturbed gene')} {verb} at the edge.")
    return " ".join(said)


def pair_drawn(view: Any, **_: Any) -> str:
    """What it draws, for a methods section."""
    return f"deltas of {plural(len(view.genes), 'gene')}, {view.y_name} against {view.x_name}"


def pair_alt(view: Any, **_: Any) -> str:
    """It in words."""
    cloud = pair_cloud(view)
    dots = cloud.genes[cloud.genes["changed"]].sort_values("weight", ascending=False, kind="stable")
    top = ", ".join(plain(gene, LONGEST_LABEL) for gene in dots["gene"].head(5))
    return (
        f"Scatter of the deltas of {number(len(cloud.genes))} genes, {view.y_name} against {view.x_name}: "
        f"{plural(len(dots), 'gene')} changed.{f' Largest: {top}.' if top else ''}"
    )
