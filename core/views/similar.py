"""Similar: which perturbations of a study look alike, which opposite, by which genes, and how far replicates agree."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.gene_names import resolve_all
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD, MEASURABLE_MEAN
from core.stats import similarity
from core.stats.similarity import Profiles
from core.views import text
from core.views.effects import has_changed
from core.views.power import TOO_FEW_CELLS
from core.views.strata import stratum_word
from core.views.strength import strength_counts
from core.views.text import escape_markdown as name
from core.views.transcript import split_combination

MIN_EXPRESSED = 10
"""Where fewer genes than this are expressed all are taken, as for the agreement of guides and batches."""

AGREEMENTS = {"batch_r": "batch halves", "guide_r": "guides"}
"""Columns of the targets' table that say how far replicates agree, the first that is known first."""

CHANGED = f"FDR < {FDR_THRESHOLD:g}, at least {FOLD_THRESHOLD:g}-fold"
"""What "changes" means wherever targets are compared, in words: beside every number of genes that change."""

SMALL = f" (FDR < {FDR_THRESHOLD:g}, under {FOLD_THRESHOLD:g}-fold)"
"""Said of genes that move in both without a change, where none changes: of a panel they may be all that is shared."""

LOOKS_ALIKE = 0.3
"""Below this r two profiles are not said to look alike (or opposite)."""

MOST_SAID = 4

COLUMNS = ("target", "r", "n_genes", "n_cells", "n_significant", "agreement", "agreement_of", "shared", "words")


@dataclass(frozen=True, eq=False)
class StudyProfiles:
    """All effect profiles of a study, ready to be correlated.

    Parameters
    ----------
    profiles
        One a target, in the order of the study's table.
    targets, genes
        Names of the targets, and of the genes that are correlated over.
    own
        Places among the study's genes of those that each target was perturbed in.
    layer, fdr_layer
        Layers of the effects that deltas and FDR come from.
    scale
        What the deltas are, in words: ``log-normalized, within batch``.
    definition
        How r is computed, as sentences for a help text; plain.
    """

    profiles: Profiles
    targets: pd.Index
    genes: pd.Index
    own: list[list[int]]
    layer: str
    fdr_layer: str
    scale: str
    definition: str

    @property
    def stratified(self) -> bool:
        """Whether effects are those within strata."""
        return self.fdr_layer != "fdr"

    def own_of(self, target: str) -> list[int]:
        """Places of the genes that a target was perturbed in."""
        return self.own[self.targets.get_loc(target)]


@dataclass(frozen=True, eq=False)
class SimilarView:
    """The perturbations most like one target and most opposite to it.

    Strings but ``target`` and ``definition`` are markdown with names escaped.

    Parameters
    ----------
    target
        The target, as in the file.
    similar, opposite
        One row a perturbation, the nearest first: ``target``; ``r`` and over how many genes (``n_genes``); ``n_cells``;
        ``n_significant``; ``agreement``, the correlation of its replicates, and whose (``agreement_of``); ``shared``,
        the genes that add most to r and change in both (a tuple of symbols); ``words``, what these do.
    all
        ``r`` with every other target, nearest first, NaN where there is none.
    sentence
        The answer in one or two sentences.
    doubt
        How far this target's replicates agree, and how far r goes with the other targets.
    definition, scale
        As in :class:`StudyProfiles`.
    """

    target: str
    similar: pd.DataFrame
    opposite: pd.DataFrame
    all: pd.Series
    sentence: str
    doubt: str
    definition: str
    scale: str


def study_profiles(study: Any) -> StudyProfiles:
    """The effect profiles of all targets, ready to be correlated: at VCC size 0.2 s, to be kept.

    Profiles are the deltas within batches where there are batches, within strata where that is the study's default,
    else pooled. They are correlated over the genes that controls express (0.05 counts a cell), those that agreement of
    batches and guides is taken over: what is hardly seen has noise to add and no more. Targets of fewer than ten cells
    have no say in the typical profile.
    """
    layer, fdr_layer, within = layers(study)
    expressed = study.genes["control_mean"].to_numpy() >= MEASURABLE_MEAN
    if expressed.sum() < MIN_EXPRESSED:
        expressed = np.ones_like(expressed)
    enough = study.targets["n_cells"].to_numpy() >= TOO_FEW_CELLS
    own = own_places(study)
    profiles = similarity.prepare(study.layer(layer), own, keep=expressed, typical_of=enough)
    return StudyProfiles(
        profiles,
        study.targets.index,
        study.genes.index[profiles.keep],
        own,
        layer,
        fdr_layer,
        f"log-normalized, {f'within {within}' if within else 'pooled'}",
        definition(profiles, within),
    )


def similarity_table(study: Any, threads: int = 1) -> pd.DataFrame:
    """Pearson's r of all pairs of targets, as a square table with the column ``target`` in front."""
    ready = study_profiles(study)
    table = pd.DataFrame(similarity.all_by_all(ready.profiles, threads), columns=ready.targets.astype(str))
    table.insert(0, "target", ready.targets.astype(str), allow_duplicates=True)
    return table


def layers(study: Any) -> tuple[str, str, str]:
    """Layers of delta and FDR that profiles are compared by, and within what ("" where pooled)."""
    if study.stratified_default:
        return "delta_stratified", "fdr_stratified", text.plain(stratum_word(study))
    if len(study.batches) > 1:
        known = np.isfinite(study.layer("delta_within_batch")[:, 0])
        if 2 * known.sum() > known.size:  # else hardly a target shares a batch with controls
            return "delta_within_batch", "fdr", "batch"
    return "delta", "fdr", ""


def own_places(study: Any) -> list[list[int]]:
    """Places of the measured genes that each target was perturbed in; of a combination all that are measured."""
    place = {gene: g for g, gene in enumerate(study.genes.index)}
    parts = [
        [str(own)] if own else list(split_combination(str(target), False))
        for target, own in zip(study.targets.index, study.targets["own_gene"], strict=True)
    ]
    names = sorted({part for several in parts for part in several})
    found = dict(
        zip(names, resolve_all(names, study.genes.index.to_numpy(), study.genes["gene_id"].to_numpy()), strict=True)
    )
    return [[place[gene] for part in several if (gene := found[part])] for several in parts]


def definition(profiles: Profiles, within: str) -> str:
    """How r is computed, in sentences."""
    deltas = f"deltas within {within}" if within else "pooled deltas"
    typical = (
        f"The typical profile (the median over {text.plural(profiles.n_typical, 'target')}, gene by gene) is taken "
        "out of each as far as it holds it: what all share, such as the noise of the same controls, would make all "
        "look alike."
        if profiles.n_typical
        else f"With fewer than {similarity.MIN_TYPICAL} targets no typical profile is taken out, so what all share, "
        "such as the noise of the same controls, makes all look alike."
    )
    return (
        f"Pearson's r of two effect profiles: {deltas} of log-normalized means, over "
        f"{text.plural(profiles.keep.size, 'gene')} with at least {MEASURABLE_MEAN:g} counts a control cell, the genes "
        f"that either was perturbed in left out. {typical}"
    )


# ---------------------------------------------------------------------------------------------------- one target


def similar_view(study: Any, target: str, ready: StudyProfiles | None = None, n: int = 5) -> SimilarView:
    """The ``n`` perturbations most like a target, and the ``n`` most opposite, of those with ten cells or more.

    Parameters
    ----------
    study
        An opened study.
    target
        One of its targets.
    ready
        What :func:`study_profiles` gives, where it is at hand.
    n
        How many of either.

    Raises
    ------
    UnknownTargetError
        If the study does not perturb the target.
    """
    study.effects(target)  # says so where there is no such target
    ready = ready or study_profiles(study)
    i = ready.targets.get_loc(target)
    r = similarity.correlate(ready.profiles, [i], np.arange(len(ready.targets)))[0]
    r[(study.targets["n_cells"].to_numpy() < TOO_FEW_CELLS) | (np.arange(r.size) == i)] = math.nan
    order = np.argsort(np.where(np.isfinite(r), -r, np.inf), kind="stable")
    known = order[: int(np.isfinite(r).sum())]
    like, unlike = known[r[known] > 0][:n], known[r[known] < 0][::-1][:n]
    similar, opposite = (neighbors(study, ready, i, [int(j) for j in found], r) for found in (like, unlike))
    rest = np.delete(order, np.flatnonzero(order == i))
    return SimilarView(
        target,
        similar,
        opposite,
        pd.Series(r[rest], index=ready.targets[rest], name="r"),
        sentence(target, similar, opposite),
        doubt(study, target, r[known]),
        ready.definition,
        ready.scale,
    )


def neighbors(study: Any, ready: StudyProfiles, i: int, others: list[int], r: np.ndarray) -> pd.DataFrame:
    """One row for each of some other targets; see :class:`SimilarView`."""
    rows = []
    for j in others:
        genes = shared_genes(study, ready, i, j)
        small = "" if len(genes) else SMALL
        genes = genes if len(genes) else shared_genes(study, ready, i, j, fold=1.0)
        row = study.targets.iloc[j]
        agreement, whose = replicates(study, str(ready.targets[j]))
        rows.append(
            {
                "target": str(ready.targets[j]),
                "r": float(r[j]),
                "n_genes": n_genes(ready.profiles, i, j),
                "n_cells": int(row["n_cells"]),
                "n_significant": int(strength_counts(study, ready.stratified).iloc[j]),
                "agreement": agreement,
                "agreement_of": whose,
                "shared": tuple(genes["gene"]),
                "words": shared_words(genes.head(MOST_SAID)) + (small if len(genes) else ""),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def shared_genes(
    study: Any, ready: StudyProfiles, i: int, j: int, n: int = 6, fold: float = FOLD_THRESHOLD
) -> pd.DataFrame:
    """The genes that add most to the correlation of two targets and change in both, at least ``fold``-fold.

    Returns
    -------
    pandas.DataFrame
        At most ``n`` rows, the most telling first: ``gene``; ``share``, what it adds to r; ``delta_a``, ``delta_b``;
        ``fdr_a``, ``fdr_b``. Only genes that change in both (FDR < 0.05 and at least so many fold), whose deltas have
        the same sign where r is positive and opposite ones where it is negative.
    """
    share, keep = similarity.contributions(ready.profiles, i, j), ready.profiles.keep
    delta_a, delta_b = (np.asarray(study.layer(ready.layer)[k])[keep] for k in (i, j))
    fdr_a, fdr_b = (np.asarray(study.layer(ready.fdr_layer)[k])[keep] for k in (i, j))
    sign = np.sign(np.nansum(share))
    both = changed(study, ready, i, fold)[keep] & changed(study, ready, j, fold)[keep]
    telling = both & (share * sign > 0) & (delta_a * delta_b * sign > 0)
    order = np.flatnonzero(telling)
    order = order[np.argsort(-np.abs(share[order]), kind="stable")[:n]]
    columns = {"share": share, "delta_a": delta_a, "delta_b": delta_b, "fdr_a": fdr_a, "fdr_b": fdr_b}
    return pd.DataFrame({"gene": ready.genes[order].astype(str)} | {c: v[order] for c, v in columns.items()})


def changed(study: Any, ready: StudyProfiles, i: int, fold: float = FOLD_THRESHOLD) -> np.ndarray:
    """Which genes a target changes: FDR < 0.05 and at least ``fold``-fold, by default as on every page."""
    folds = ready.fdr_layer.replace("fdr", "log2_fold_change", 1)
    found, change = (np.asarray(study.layer(layer)[i]) for layer in (ready.fdr_layer, folds))
    return np.asarray(has_changed(found, change, FDR_THRESHOLD, fold))


def shared_words(genes: pd.DataFrame, here: str = "here", there: str = "there") -> str:
    """What shared genes do: ``HBG1 and HBG2 rise in both``; ``HBZ rises here, falls there``.

    ``here`` and ``there`` may be other words, in markdown, for the first and the second target.
    """
    cases = {
        (True, True): ("rises in both", "rise in both"),
        (False, False): ("falls in both", "fall in both"),
        (True, False): (f"rises {here}, falls {there}", f"rise {here}, fall {there}"),
        (False, True): (f"falls {here}, rises {there}", f"fall {here}, rise {there}"),
    }
    words = []
    for (up_a, up_b), (one, many) in cases.items():
        some = genes[(genes["delta_a"] > 0).eq(up_a) & (genes["delta_b"] > 0).eq(up_b)]
        if len(some):
            listed = text.enumerate_words([name(gene) for gene in some["gene"]])
            words.append(f"{listed} {one if len(some) == 1 else many}")
    return "; ".join(words) or "no gene changes in both that way"


def n_genes(profiles: Profiles, i: int, j: int) -> int:
    """Genes that two profiles are correlated over."""
    own = np.union1d(profiles.own[i], profiles.own[j])
    return int(profiles.keep.size - (own >= 0).sum())


def replicates(study: Any, target: str) -> tuple[float, str]:
    """How far a target's replicates agree, and which replicates they are; NaN and "" where it is not known.

    Replicates are compared pooled over strata. Where effects are within strata what strata share would pass for
    agreement, so that it is not known there.
    """
    row = study.targets.loc[target]
    for column, whose in () if study.stratified_default else AGREEMENTS.items():
        if column in row and math.isfinite(row[column]):
            return float(row[column]), whose
    return math.nan, ""


def sentence(target: str, similar: pd.DataFrame, opposite: pd.DataFrame) -> str:
    """Who looks alike and who opposite."""
    if similar.empty and opposite.empty:
        return f"**{name(target)} can be compared with no other target**: its profile, or all others, are constant."
    said: list[str] = []
    for rows, sign, words in ((similar, 1, "looks most like"), (opposite, -1, "is most opposite to")):
        first = rows.iloc[0] if len(rows) else pd.Series({"target": "", "r": 0.0})
        if sign * first["r"] >= LOOKS_ALIKE:
            who = f"{name(target)} {words}" if not said else f"It {words}"
            said.append(
                f"**{who} {name(first['target'])}** (r {text.correlation(first['r'])} over "
                f"{text.plural(first['n_genes'], 'gene')}): {named(first['words'])}."
            )
        elif sign > 0:
            nearest = (
                f" (the nearest, {name(first['target'])}, at r {text.correlation(first['r'])})" if len(rows) else ""
            )
            said.append(f"**{name(target)} looks like no other target**{nearest}.")
    return " ".join(said)


def named(words: str) -> str:
    """What genes do in both, with what "changes" means."""
    return words if not words or CHANGED in words or words.endswith(SMALL) else f"{words} ({CHANGED})"


def doubt(study: Any, target: str, others: np.ndarray) -> str:
    """How far replicates agree, and how far r goes with the other targets: what r can be, and what is usual."""
    agreement, whose = replicates(study, target)
    within = f" within {name(stratum_word(study))}" if study.stratified_default else ""
    known = (
        f"Its {whose} agree at r {text.correlation(agreement)}"
        if whose
        else f"How far its replicates agree{within} is not known"
    )
    if not others.size:
        return f"{known}."
    half = text.correlation(float(np.median(np.abs(others))))
    return f"{known}; with half of {text.plural(others.size, 'other target')} r lies within ±{half}."
