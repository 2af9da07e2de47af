"""All genes of a study: mean against normalized dispersion, cut into four quadrants."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.figures import colors, key
from core.figures.axes import Axis, linear_axis, log_axis
from core.figures.cloud import MOST_DOTS, Cloud, once
from core.figures.cloud_drawing import draw_cloud
from core.figures.cloud_words import key_of
from core.figures.drawing import Drawing
from core.figures.labels import LONGEST_LABEL
from core.figures.sheet import Paper
from core.figures.spec import Floats, Spec
from core.views.genes import tells_variable_genes
from core.views.text import counts, number, plain, plural, signed

GENES_KEY = (("dot", "accent", "highly variable"),)
LOWEST_MEAN = 0.001
"""Mean normalized counts at which the logarithmic axis begins."""
FEW_GENES = 300
"""A panel of so few genes has a dot for each: tiles would hide what can be picked."""
GENE_COLUMNS = ("gene", "gene_id", "mean", "mean_log", "mean_normalized", "means", "dispersions", "dispersions_norm",
                "highly_variable", "nonzero_fraction", "ctrl_mean", "ctrl_mean_normalized", "pct_control",
                "count_share", "quadrant")  # fmt: skip
"""Columns of the table behind the figure, always in this order; those the study lacks are left out."""
HOVER: tuple[Spec, ...] = (
    {"field": "gene", "type": "nominal", "title": "Gene"},
    {"field": "mean_normalized", "type": "quantitative", "format": ".3~g", "title": "Mean normalized count"},
    {"field": "dispersions_norm", "type": "quantitative", "format": "+.2f", "title": "Normalized dispersion"},
    {"field": "pct_control", "type": "quantitative", "format": ".1%", "title": "Controls that show it"},
    {"field": "quadrant", "type": "nominal", "title": "Quadrant"},
)


def mean_dispersion(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    every: bool = False,
) -> Drawing:
    """Normalized dispersion of every gene against its mean over all cells; the highly variable ones are dots.

    Parameters
    ----------
    view
        The genes (see :class:`core.views.genes.GenesView`).
    highlight
        Symbols to ring and name.
    width
        Width on screen in px, where it is known: names are placed for it.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    every
        Draw every gene as a dot instead of tiles.
    """
    cloud = mean_dispersion_cloud(view)
    rows = _key_rows(cloud, highlight)
    every = every or _has_a_dot_each(cloud)
    return draw_cloud(view, cloud, highlight=highlight, width=width, paper=paper, every=every, rows=rows)


@once
def mean_dispersion_cloud(view: Any, **_: Any) -> Cloud:
    """Where each gene lies; the highly variable ones stand out, if they are told from the others at all."""
    genes = view.genes
    mean, dispersion = (genes[c].to_numpy(dtype=float) for c in ("mean_normalized", "dispersions_norm"))
    keep = np.isfinite(dispersion) & (mean >= LOWEST_MEAN)
    variable = genes["highly_variable"].to_numpy(dtype=bool) & tells_variable_genes(genes)
    x, y = _axes(mean[keep], dispersion[keep])
    drawn = genes[["gene", *(item["field"] for item in HOVER[1:])]].assign(
        x=mean, y=dispersion, role=np.where(variable, "accent", "neutral"), changed=variable,
        weight=np.nan_to_num(dispersion, nan=-np.inf),
    )  # fmt: skip
    cuts = (
        {"x": (view.mean_cut, view.mean_cut), "y": (y.low, y.high)},
        {"x": (x.low, x.high), "y": (view.dispersion_cut, view.dispersion_cut)},
    )
    return Cloud(
        drawn[keep].reset_index(drop=True),
        x,
        y,
        tuple(cut for cut in cuts if x.low <= cut["x"][1] <= x.high and y.low <= cut["y"][0] <= y.high),
        frozenset(),
        np.full(int(keep.sum()), "right"),
        int((~keep).sum()),
        tooltip=HOVER,
    )


def _has_a_dot_each(cloud: Cloud) -> bool:
    """Whether every gene is a dot: where they are few, or none stands out as highly variable (at most 2,000 then)."""
    return len(cloud.genes) <= FEW_GENES or not cloud.genes["changed"].any()


def _axes(mean: Floats, dispersion: Floats) -> tuple[Axis, Axis]:
    high = 10.0 ** (0.5 * math.ceil(2 * math.log10(1.05 * float(mean.max(initial=1.0)))))
    low_y, high_y = float(dispersion.min(initial=-1.0)), float(dispersion.max(initial=1.0))
    room = 0.04 * (high_y - low_y)
    x = log_axis("Mean normalized count, all cells (log axis)", LOWEST_MEAN, high)
    return x, linear_axis("Normalized dispersion, all cells", low_y - room, high_y + room)


def _key_rows(cloud: Cloud, highlight: Sequence[str]) -> list[key.Row]:
    n = int(cloud.genes["changed"].sum())
    rows = [key.Row("dot", colors.LIGHT["accent"], f"{number(n)} highly variable")] if n else []
    rows.append(key.Row("dot", colors.CLOUD, f"{number(len(cloud.genes) - n)} {'others' if n else 'genes'}"))
    ringed = np.isin(cloud.genes["gene"].to_numpy(), list(highlight)).any()
    return rows + ([key.Row("ring", colors.INK, "highlighted")] if ringed else [])


def mean_dispersion_key(view: Any, *, highlight: Sequence[str] = (), every: bool = False, **_: Any) -> key.Key:
    """The key on the page: highly variable genes and tiles only where they are drawn."""
    cloud = mean_dispersion_cloud(view)
    other = "other genes" if cloud.genes["changed"].any() else "genes"
    return key_of(cloud, GENES_KEY, highlight=highlight, every=every or _has_a_dot_each(cloud), other=other)


def genes_data(view: Any, **_: Any) -> Any:
    """All genes with their quadrant, the most dispersed first."""
    return view.genes[[c for c in GENE_COLUMNS if c in view.genes.columns]].reset_index(drop=True)


def mean_dispersion_caption(view: Any, *, every: bool = False, paper: bool | Paper = False, **_: Any) -> str:
    """What the cloud shows, in sentences."""
    cloud = mean_dispersion_cloud(view)
    n = int(cloud.genes["changed"].sum())
    if every or paper or _has_a_dot_each(cloud):
        first = f"{number(len(cloud.genes))} genes, each a dot{f'; {number(n)} highly variable' if n else ''}."
    elif n > MOST_DOTS:
        first = f"Dots: the {MOST_DOTS} most dispersed of {number(n)} highly variable genes."
    else:
        first = f"Dots: {plural(n, 'highly variable gene')}."
    cuts = f"mean {counts(view.mean_cut)}, dispersion {signed(view.dispersion_cut)}"
    medians = "" if view.moved_cuts else ", the medians of the genes that are seen"
    sentences = [first, f"Dashed: the limits of the four quadrants ({cuts}{medians})."]
    sentences.append(f"Both are taken over all {number(view.n_cells)} cells, as scanpy does.")
    if cloud.not_drawn:
        verb = "is" if cloud.not_drawn == 1 else "are"
        hidden = int(view.genes["highly_variable"].sum()) - n if n else 0
        of_them = f", {number(hidden)} of them highly variable" if hidden > 0 else ""
        rare = f"below {LOWEST_MEAN:g} counts a cell or never seen"
        sentences.append(f"{plural(cloud.not_drawn, 'gene')} {rare} {verb} not drawn{of_them}.")
    alone = int((view.genes["dispersions_norm"] == 1).sum())  # scanpy's value where there is nothing to compare with
    if alone:
        stand, mean = ("stands", "its") if alone == 1 else ("stand", "their")
        sentences.append(f"{plural(alone, 'gene')} {stand} at 1 for want of others of {mean} mean, not by dispersion.")
    return " ".join(sentences)


def mean_dispersion_drawn(view: Any, **_: Any) -> str:
    """What the cloud draws, for a methods section."""
    return (
        f"normalized dispersion (scanpy, flavor seurat) of {plural(len(view.genes), 'gene')} against the mean "
        f"normalized count, over all {plural(view.n_cells, 'cell')}, on a logarithmic axis from {LOWEST_MEAN:g}"
    )


def mean_dispersion_alt(view: Any, **_: Any) -> str:
    """The cloud in words."""
    cloud = mean_dispersion_cloud(view)
    first = ", ".join(plain(g, LONGEST_LABEL) for g in cloud.genes["gene"].head(5))
    n = int(cloud.genes["changed"].sum())
    return (
        f"Cloud of {number(len(cloud.genes))} genes, normalized dispersion against mean; {number(n)} highly variable. "
        f"Most dispersed: {first or 'none'}."
    )
