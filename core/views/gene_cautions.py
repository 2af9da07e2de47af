"""What makes the numbers of one gene doubtful, as sentences, the gravest first."""

from typing import Any

import numpy as np
import pandas as pd

from core.schema import CONTROL, LARGE_SHARE, MEASURABLE_MEAN
from core.views import text
from core.views.strata import stratum_word
from core.views.text import escape_markdown as name

FEW_SHOW = 10
"""Control cells that show a gene; below, hardly any change of it can be seen."""

STRATA_DIFFER = 1.4
"""Fold between the strata's control means from which on a gene is said to differ."""


def cautions(study: Any, gene: str, movers: pd.DataFrame, stratified: bool) -> tuple[str, ...]:
    """Why to read this gene's numbers with care.

    Parameters
    ----------
    study
        An opened study.
    gene
        A measured gene.
    movers
        What every target does to it.
    stratified
        Whether those effects are within the stratum.

    Returns
    -------
    tuple of str
        Markdown with names escaped: what is so, in bold, and what follows from it.
    """
    found = [
        _dominant(study, gene),
        _barely_detected(study, gene),
        _next_door(gene, movers),
        _strata(study, gene, stratified),
    ]
    return tuple(sentence for sentence in found if sentence)


def control_share(study: Any, gene: str) -> float:
    """The gene's fraction of all control counts (of all normalized ones where the file holds no counts)."""
    column = study.controls["ctrl_mean_counts" if study.has_counts else "ctrl_mean_normalized"]
    total = float(column.sum())
    return float(column[gene]) / total if total > 0 else 0.0


def _dominant(study: Any, gene: str) -> str:
    share = control_share(study, gene)
    if share <= LARGE_SHARE:
        return ""
    start = f"**{name(gene)} is {text.percent(share)} of all control counts.**"
    if study.roles.size_factors == "no-dominant":
        return f"{start} The totals here are without it, so its moves do not shift other genes."
    return f"{start} When it falls, every other gene looks raised; when it rises, lowered."


def _barely_detected(study: Any, gene: str) -> str:
    row = study.controls.loc[gene]
    n, mean = round(float(row["pct_control"]) * study.n_control), float(row["ctrl_mean_normalized"])
    if n >= FEW_SHOW and (mean >= MEASURABLE_MEAN or not study.has_counts):
        return ""
    cells = f"{text.plural(n, 'control cell')} of {text.number(study.n_control)} {'shows' if n < 2 else 'show'} it"
    average = f", {text.counts(mean)} counts a cell" if study.has_counts else ""
    start = f"**{name(gene)} is barely detected**: {cells}{average}."
    return f"{start} A fall cannot be measured, and only a large rise can be seen."


def _next_door(gene: str, movers: pd.DataFrame) -> str:
    near = movers[movers["next_door"] & ~movers["own"]]
    if near.empty:
        return ""
    moved = [str(t) for t in near.index[near["role"] != "neutral"]]
    who = text.enumerate_words([name(t) for t in near["target"]], at_most=3)
    start = f"**{name(gene)} lies next door to {who}** on the genome, within 100 kb."
    if not moved:
        return f"{start} Guides there could reach its promoter; here it is not seen to move with them."
    listed = text.enumerate_words([name(t) for t in moved], at_most=3)
    return f"{start} It moves with {listed}: the guides may reach its promoter, with no regulation behind it."


def _strata(study: Any, gene: str, stratified: bool) -> str:
    targets = study.targets
    if not study.has_strata or "stratum_warning" not in targets or not targets["stratum_warning"].any():
        return ""
    low, high, fold = _strata_means(study, gene)
    if not fold >= STRATA_DIFFER:
        return ""
    word, n = name(stratum_word(study)), int(targets["stratum_warning"].sum())
    start = (
        f"**{name(gene)} differs between {word} groups in controls** ({low:.2f} to {high:.2f}, log-normalized means), "
        f"and so do the cells of {text.plural(n, 'target')}."
    )
    if stratified:
        return f"{start} So effects are compared within {word}."
    return f"{start} What differs between groups looks like an effect here; test within {word}."


def _strata_means(study: Any, gene: str) -> tuple[float, float, float]:
    """Lowest and highest log-normalized mean of the strata's controls, and the fold between them (of expm1 + 0.01)."""
    cells = study.one_gene(gene)
    control = (cells.target == CONTROL) & (cells.stratum >= 0)
    n = np.bincount(cells.stratum[control])
    sums = np.bincount(cells.stratum[control], cells.values[control])
    means = sums[n >= FEW_SHOW] / n[n >= FEW_SHOW]
    if means.size < 2:
        return 0.0, 0.0, 1.0
    low, high = float(means.min()), float(means.max())
    return low, high, float((np.expm1(high) + 0.01) / (np.expm1(low) + 0.01))
