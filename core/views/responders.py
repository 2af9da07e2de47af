"""Responders: how many of a target's cells answer, and how many look like controls."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.neighbours import neighbours
from core.schema import ALL_PERTURBED, CONTROL
from core.stats.responders import Share, cross_fitted_scores, responding_share
from core.store.responders import expression_of_cells
from core.views import text
from core.views.about import AboutTarget, about_target
from core.views.cell_state import parts_to_compare_in, target_cells
from core.views.perturbation import PerturbationView
from core.views.text import escape_markdown

FEWEST_CELLS, FEWEST_GENES, MOST_GENES = 50, 10, 100
"""Cells on either side, and genes that answer, that are needed; so many genes at most make the score."""

FEWEST_BINS, MOST_BINS = 16, 60
GUIDE_CELLS = 20


@dataclass(frozen=True, eq=False)
class RespondersView(AboutTarget):
    """How many of a target's cells answer; ``n_target`` and ``n_control`` are the cells that were scored.

    Parameters
    ----------
    share
        The share of cells that must respond.
    guides
        One row a guide of at least 20 cells: guide, n_cells, at_least, low, high.
    histogram
        Bins of the score: left, right, control, target (shares of either group).
    median
        The controls' median score.
    n_genes
        Genes in the score.
    title, why_not
        What the card says; why nothing can be told ("" where it can).
    """

    share: Share
    guides: pd.DataFrame
    histogram: pd.DataFrame
    median: float
    n_genes: int
    title: str
    why_not: str


def responders_view(study: Any, view: PerturbationView) -> RespondersView:
    """How many cells of a target answer; with a reason instead where that cannot be told."""
    why_not = why_not_told(study, view)
    codes = study.cell_codes
    genes = answering_genes(study, view) if not why_not else np.zeros(0, int)
    if not why_not and genes.size < FEWEST_GENES:
        why_not = (
            f"{text.capitalized(text.plural(genes.size, 'other gene'))} at FDR < {text.threshold(view.fdr)}; at least "
            f"{FEWEST_GENES} are needed to tell cell by cell who answers."
        )
    if why_not:
        return _result(view, why_not=why_not)
    has_total = codes["total"] > 0
    target, control = target_cells(study, view.target) & has_total, (codes["target"] == CONTROL) & has_total
    part, _ = parts_to_compare_in(study, target, control)
    target &= np.isin(part, part[control])  # a cell without controls of its batch cannot be placed
    cells, x = expression_of_cells(study, target, control, genes)
    is_target = target[cells]
    _, code = np.unique(part[cells], return_inverse=True)
    score = cross_fitted_scores(x, is_target, code)
    share = responding_share(score[is_target], score[~is_target])
    guides = _by_guide(study, view.target, codes["guide"][cells], score, is_target)
    return _result(view, score=score, is_target=is_target, share=share, guides=guides, n_genes=int(genes.size))


def why_not_told(study: Any, view: PerturbationView) -> str:
    """Why responders cannot be told from escapers; "" where there is no reason."""
    if view.target == ALL_PERTURBED:
        return "The cells of many targets are mixed: there is no one effect along which to place them."
    few = min(view.n_target, view.n_control)
    if few < FEWEST_CELLS:
        who = "target" if view.n_target < view.n_control else "control"
        return f"{text.capitalized(text.plural(few, f'{who} cell'))}; at least {FEWEST_CELLS} are needed."
    if view.is_like_controls:
        return "No more genes change than control sets of cells give: there is no effect to answer to."
    return ""


def answering_genes(study: Any, view: PerturbationView) -> np.ndarray:
    """Places of the genes that make the score: the surest changes, without own genes and genes next door."""
    own = set(view.own_genes)
    left_out = own | {name for gene in own for name in neighbours(gene)}
    table = view.genes[(view.genes["fdr"] < view.fdr) & ~view.genes["gene"].isin(left_out)]
    surest = table.sort_values("log10_p", kind="stable").index[:MOST_GENES]
    return np.sort(study.genes.index.get_indexer(surest))


def _by_guide(study: Any, target: str, guide: np.ndarray, score: np.ndarray, is_target: np.ndarray) -> pd.DataFrame:
    names = study.part_names("guides")
    rows = []
    for code in np.unique(guide[is_target & (guide >= 0)]):
        mine = is_target & (guide == code)
        if mine.sum() >= GUIDE_CELLS:
            s = responding_share(score[mine], score[~is_target])
            rows.append((names[code], s.n, s.at_least, s.low, s.high))
    return pd.DataFrame(rows, columns=["guide", "n_cells", "at_least", "low", "high"]).sort_values(
        "guide", ignore_index=True
    )


def _result(
    view: PerturbationView,
    *,
    score: np.ndarray | None = None,
    is_target: np.ndarray | None = None,
    share: Share | None = None,
    guides: pd.DataFrame | None = None,
    n_genes: int = 0,
    why_not: str = "",
) -> RespondersView:
    none = np.zeros(0)
    score, is_target = (none, none.astype(bool)) if score is None or is_target is None else (score, is_target)
    share = share or Share(0, math.nan, math.nan, math.nan)
    return RespondersView(
        **about_target(view)
        | {"n_target": share.n or view.n_target, "n_control": int((~is_target).sum()) or view.n_control},
        share=share,
        guides=guides if guides is not None else pd.DataFrame(columns=["guide", "n_cells", "at_least", "low", "high"]),
        histogram=_histogram(score, is_target),
        median=float(np.median(score[~is_target])) if score.size else math.nan,
        n_genes=n_genes,
        title=_title(share),
        why_not=why_not,
    )


def _histogram(score: np.ndarray, is_target: np.ndarray) -> pd.DataFrame:
    low, high = (-3.0, 3.0) if not score.size else (float(np.quantile(score, q)) for q in (0.002, 0.998))
    n_bins = int(np.clip(2 * math.sqrt(is_target.sum()), FEWEST_BINS, MOST_BINS))
    edges = np.linspace(low - 0.2, high + 0.2, n_bins + 1)
    inside = np.clip(score, edges[0], edges[-1])
    table = {"left": edges[:-1], "right": edges[1:]}
    for name, mask in (("control", ~is_target), ("target", is_target)):
        table[name] = np.histogram(inside[mask], edges)[0] / max(int(mask.sum()), 1)
    return pd.DataFrame(table)


# ----------------------------------------------------------------------------------------------------- the words


def _title(share: Share) -> str:
    if not share.n:
        return "Responders"
    if share.low <= 0:
        return "Responders cannot be told from escapers"
    return f"At least {text.percent(share.low)} of the cells respond"


def share_words(share: Share) -> str:
    """The share with its interval: ``62 % (95 % interval 58 to 66 %)``."""
    return f"{text.percent(share.at_least)} (95{text.NBSP}% interval {text.percent_range(share.low, share.high)})"


def sentence(view: RespondersView, name: Callable[[str], str] = escape_markdown) -> str:
    """What the scores say, in sentences; ``name`` makes names out of files fit for where they stand."""
    if view.why_not:
        return view.why_not
    if view.share.low <= 0:
        return (
            f"By {text.plural(view.n_genes, 'gene')} that change, single cells of {name(view.target)} "
            "cannot be told from controls: the effect is too shallow a cell, or few cells carry it."
        )
    return (
        f"Of {text.plural(view.share.n, 'cell')} {share_words(view.share)} must respond, by "
        f"{text.plural(view.n_genes, 'gene')} that change (own gene left out). The others score like controls: they "
        f"escaped, or answer too weakly to be told.{_guide_words(view.guides, name)}"
    )


def _guide_words(guides: pd.DataFrame, name: Callable[[str], str]) -> str:
    if len(guides) < 2:
        return ""
    said = [
        f"{name(row.guide)} {text.percent(row.at_least)} of {text.number(row.n_cells)}" for row in guides.itertuples()
    ]
    return f" By guide, at least: {text.enumerate_words(said, at_most=4)}."


def how_told(view: RespondersView) -> str:
    """How cells were scored, for methods."""
    genes = f"the {text.plural(view.n_genes, 'gene')} of smallest p at FDR < {text.threshold(view.fdr)}"
    return (
        f"each cell's score: the sum over {genes} (own gene and genes next door left out) of delta over variance times "
        "expression, weights from the other half of the cells, in standard deviations of controls; responders: one "
        "minus twice the share of cells below the controls' median"
    )
