"""Figures: a view's table in, a figure out, the same for screen and paper.

``FIGURES`` names them all. Each draws a Vega-Lite specification without browser, server or matrix; colors are roles,
so the page's theme decides between light and dark, and paper has its own configuration.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import OptionError
from core.figures import (
    cell_state,
    cells_per_target,
    changed_against_cells,
    cloud_selection,
    cloud_words,
    delta_distribution,
    gene_cells,
    gene_mean_distribution,
    genes,
    guides,
    heatmap,
    movers,
    pair,
    pathways,
    percent_left,
    qq,
    responders,
    scatter,
    top_deltas,
    totals,
    volcano,
)
from core.figures.cloud_selection import started_with
from core.figures.drawing import Drawing
from core.figures.registry import Figure
from core.figures.sheet import Paper

_BOTH = (False, True)

_FIGURES = (
    Figure(
        "scatter", "Control against perturbed, one dot a gene", "perturbation", scatter.scatter, scatter.gene_data,
        scatter.scatter_caption, scatter.scatter_alt, scatter.scatter_drawn,
        key=cloud_words.key_for(scatter.scatter_cloud, cloud_words.KEY), cloud=True,
        selections=("pick", "box"), options=(("scale", scatter.SCALES), ("every", _BOTH)),
    ),
    Figure(
        "volcano", "Significance against fold change", "perturbation", volcano.volcano, scatter.gene_data,
        volcano.volcano_caption, volcano.volcano_alt, volcano.volcano_drawn,
        key=cloud_words.key_for(volcano.volcano_cloud, cloud_words.KEY), cloud=True,
        selections=("pick", "box"), options=(("height", volcano.HEIGHTS), ("every", _BOTH)),
    ),
    Figure(
        "ma", "Fold change against mean expression", "perturbation", scatter.ma, scatter.gene_data, scatter.ma_caption,
        scatter.ma_alt, scatter.ma_drawn, key=cloud_words.key_for(scatter.ma_cloud, cloud_words.KEY), cloud=True,
        selections=("pick", "box"), options=(("every", _BOTH),),
    ),
    Figure(
        "top_deltas", "Largest changes", "perturbation", top_deltas.top_deltas, top_deltas.top_genes,
        top_deltas.top_caption, top_deltas.top_alt, top_deltas.top_drawn, "test", key=top_deltas.top_key,
        selections=("pick",), options=(("by", top_deltas.ORDERS), ("n", ())), shapes=False,
    ),
    Figure(
        "delta_distribution", "Distribution of deltas", "perturbation", delta_distribution.delta_distribution,
        delta_distribution.delta_data, delta_distribution.delta_caption, delta_distribution.delta_alt,
        delta_distribution.delta_drawn, key=delta_distribution.delta_key,
    ),
    Figure(
        "guides", "Transcript left, by guide", "perturbation", guides.guides, guides.guide_table, guides.guides_caption,
        guides.guides_alt, guides.guides_drawn, "normalized", key=guides.guides_key, shapes=False,
    ),
    Figure(
        "qq", "p values against chance and controls", "qq", qq.qq, qq.qq_data, qq.qq_caption, qq.qq_alt, qq.qq_drawn,
        "test", key=qq.qq_key,
    ),
    Figure(
        "pathways", "Pathways, one dot a gene set", "pathways", pathways.pathways, pathways.pathways_data,
        pathways.pathways_caption, pathways.pathways_alt, pathways.pathways_drawn, "changed", key=pathways.pathways_key,
        options=(("test", pathways.TESTS), ("n", ())), shapes=False,
    ),
    Figure(
        "cell_state", "Cell state against controls", "cell_state", cell_state.cell_state, cell_state.cell_state_data,
        cell_state.cell_state_caption, cell_state.cell_state_alt, cell_state.cell_state_drawn, "cells",
        key=cell_state.cell_state_key, shapes=False,
    ),
    Figure(
        "responders", "Responders, by score along the effect", "responders", responders.responders,
        responders.responders_data, responders.responders_caption, responders.responders_alt,
        responders.responders_drawn, "changed", key=responders.KEY,
    ),
    Figure(
        "changed_against_cells", "Genes changed against cells, one dot a target", "study",
        changed_against_cells.changed_against_cells, changed_against_cells.changed_data,
        changed_against_cells.changed_caption, changed_against_cells.changed_alt, changed_against_cells.changed_drawn,
        "test", key=changed_against_cells.changed_key, selections=("pick",),
    ),
    Figure(
        "percent_left", "Transcript left, by target", "study", percent_left.percent_left, percent_left.left_data,
        percent_left.left_caption, percent_left.left_alt, percent_left.left_drawn, "normalized",
        key=percent_left.left_key, selections=("pick",), options=(("layout", percent_left.LAYOUTS),), shapes=False,
    ),
    Figure(
        "cells_per_target", "Cells of each target", "study", cells_per_target.cells_per_target,
        cells_per_target.cells_data, cells_per_target.cells_caption, cells_per_target.cells_alt,
        cells_per_target.cells_drawn, "cells", options=(("layout", cells_per_target.CELL_LAYOUTS),), shapes=False,
    ),
    Figure(
        "totals", "Total counts of control and perturbed cells", "study", totals.totals,
        totals.totals_data, totals.totals_caption, totals.totals_alt, totals.totals_drawn,
        "cells", key=totals.TOTALS_KEY, options=(("quantity", totals.QUANTITIES),),
    ),
    Figure(
        "gene_mean_distribution", "Distribution of the genes' means", "study",
        gene_mean_distribution.gene_mean_distribution, gene_mean_distribution.mean_data,
        gene_mean_distribution.mean_caption, gene_mean_distribution.mean_alt, gene_mean_distribution.mean_drawn,
        "cells", options=(("scale", gene_mean_distribution.MEAN_SCALES),),
    ),
    Figure(
        "mean_dispersion", "Normalized dispersion against mean, one dot a gene", "genes", genes.mean_dispersion,
        genes.genes_data, genes.mean_dispersion_caption, genes.mean_dispersion_alt, genes.mean_dispersion_drawn,
        "normalized", key=genes.mean_dispersion_key, cloud=True, selections=("pick", "box"),
        options=(("every", _BOTH),),
    ),
    Figure(
        "gene_distribution", "Distribution in the cells", "gene_cells", gene_cells.gene_distribution,
        gene_cells.cells_data, gene_cells.cells_caption, gene_cells.cells_alt, gene_cells.cells_drawn, "values",
        key=gene_cells.cells_key, options=(("by", gene_cells.GROUPINGS),), shapes=False,
    ),
    Figure(
        "gene_movers", "What moves it most", "gene", movers.gene_movers, movers.movers_shown, movers.movers_caption,
        movers.movers_alt, movers.movers_drawn, key=movers.movers_key, selections=("pick",), options=(("n", ()),),
        shapes=False,
    ),
    Figure(
        "effect_map", "Effects of targets, clustered", "map", heatmap.profiles, heatmap.profiles_data,
        heatmap.profiles_caption, heatmap.profiles_alt, heatmap.profiles_drawn, "values", key=heatmap.profiles_key,
        shapes=False,
    ),
    Figure(
        "correlation_map", "Correlation of targets, clustered", "map", heatmap.correlation_map,
        heatmap.correlation_data, heatmap.correlation_caption, heatmap.correlation_alt, heatmap.correlation_drawn,
        "values", key=heatmap.correlation_key, shapes=False,
    ),
    *(
        Figure(
            name, title, name, pair.pair, pair.pair_data, pair.pair_caption, pair.pair_alt, pair.pair_drawn,
            key=cloud_words.key_for(pair.pair_cloud, keys, "no change"), cloud=True, selections=("pick", "box"),
            options=(("every", _BOTH),),
        )
        for name, title, keys in (
            ("pair", "Two targets against each other, one dot a gene", pair.PAIR_KEY),
            ("combination", "Observed against added up, one dot a gene", pair.COMBINATION_KEY),
            ("studies", "One target in two studies, one dot a gene", pair.PAIR_KEY),
        )
    ),
)  # fmt: skip
FIGURES: dict[str, Figure] = {figure.name: figure for figure in _FIGURES}
"""Every figure by its name."""

_CLOUDS = {
    "scatter": scatter.scatter_cloud,
    "volcano": volcano.volcano_cloud,
    "ma": scatter.ma_cloud,
    "mean_dispersion": genes.mean_dispersion_cloud,
} | dict.fromkeys(("pair", "combination", "studies"), pair.pair_cloud)


def figure_named(name: str) -> Figure:
    """The figure of this name.

    Raises
    ------
    OptionError
        If there is none.
    """
    if name not in FIGURES:
        raise OptionError(f"No figure is called {str(name)[:40]!r}. Take one of {', '.join(FIGURES)}.")
    return FIGURES[name]


def genes_in_box(view: Any, figure_name: str, ranges: Mapping[str, Sequence[float]], **options: Any) -> list[str]:
    """Symbols of the genes inside a box that was drawn over a cloud, the most outlying first.

    Parameters
    ----------
    view
        The view that the figure takes.
    figure_name
        ``"scatter"``, ``"volcano"``, ``"ma"`` or ``"mean_dispersion"``.
    ranges
        What Streamlit reports of the selection "box": ``{"x": [from, to], "y": [from, to]}``; empty gives nothing.
    options
        The options that the figure was drawn with.

    Raises
    ------
    OptionError
        If the figure is no cloud.
    """
    if figure_name not in _CLOUDS:
        raise OptionError(f"{str(figure_name)[:40]!r} takes no box. Take one of {', '.join(_CLOUDS)}.")
    return cloud_selection.genes_in(_CLOUDS[figure_name](view, **options), ranges) if ranges else []


__all__ = ["FIGURES", "Drawing", "Figure", "Paper", "figure_named", "genes_in_box", "started_with"]
