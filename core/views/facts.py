"""What is known of one target, gathered once: the headline, the vitals and the checks only word it."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.data.neighbours import distances
from core.errors import OptionError
from core.schema import ALL_PERTURBED, FDR_THRESHOLD
from core.stats.fdr import benjamini_hochberg
from core.views import text
from core.views.power import FEW_CELLS, TOO_FEW_CELLS, detectable_fold
from core.views.transcript import (
    Modality,
    Outcome,
    Transcript,
    own_transcript,
    split_combination,
    transcript_in_effects,
)

_SHARE = re.compile(r"\s*\([^()]*% left\)$")

DOMINANT_SHARE = 0.2
"""A gene that holds more of all control counts than this dominates the library."""

NOTABLE_SHIFT = 0.1
NOTABLE_BY_CHANCE = 0.25
"""Of the genes that a target calls: what control sets call beyond this share is said where the number is."""
"""A gene dominates an effect too if its change moves a tenth of all counts: all others seem to shift by as much."""

LARGE_ENOUGH = 1.5
"""A control set stands for a target of up to so many times its cells."""

EFFECT_COLUMNS = {
    **{column: f"{column}_stratified" for column in ("delta", "log2_fold_change", "auc", "p_value", "log10_p", "fdr")},
    "delta_se": "delta_stratified_se",
}
"""Columns of an effect, and their twins within strata."""


@dataclass(frozen=True)
class Dominance:
    """The gene with most of the control counts, and what its change does to all others.

    Parameters
    ----------
    gene
        Symbol.
    share
        Its fraction of all counts in controls.
    left
        Mean count in the target's cells over controls.
    changed
        Whether the gene passes the FDR threshold.
    """

    gene: str
    share: float
    left: float
    changed: bool

    @property
    def is_moved(self) -> bool:
        """Whether its change alone shifts every other gene's share notably."""
        return self.changed and abs(1 - self.left) * self.share >= NOTABLE_SHIFT


@dataclass(frozen=True)
class Calibration:
    """How many genes control cells give against other control cells.

    Parameters
    ----------
    n_sets, set_size, smallest_set
        Random control sets nearest in size, the largest where none is large enough, and their cells.
    median, maximum
        Genes that they call.
    n_guides, worst_guide, worst_cells, worst
        Control guides, and the one that calls most genes.
    """

    n_sets: int = 0
    set_size: int = 0
    smallest_set: int = 0
    median: float = math.nan
    maximum: int = 0
    n_guides: int = 0
    worst_guide: str = ""
    worst_cells: int = 0
    worst: int = 0


@dataclass(frozen=True, eq=False)
class Facts:
    """All that the page about one target words.

    ``row`` is the target's line in the study's table (for :data:`ALL_PERTURBED` the pooled one), ``genes`` its
    effects with direction and interval, sorted by |delta|. ``left_out_of_totals`` is the target's own gene where the
    effects are of totals without it, else empty. ``seen_in`` is the number of cells of either group in which a gene
    must be seen to be tested, 0 where all measured genes are.
    """

    study: Any
    target: str
    modality: Modality
    fdr: float
    fold: float
    stratified: bool
    row: pd.Series
    genes: pd.DataFrame
    parts: tuple[str, ...]
    transcripts: tuple[Transcript, ...]
    left_out_of_totals: str = ""
    seen_in: int = 0

    @property
    def is_pooled(self) -> bool:
        """Whether all perturbed cells are meant."""
        return self.target == ALL_PERTURBED

    @property
    def is_combination(self) -> bool:
        """Whether several genes were perturbed in the same cells."""
        return len(self.parts) > 1

    @property
    def transcript(self) -> Transcript:
        """The own transcript; of several the first that can be measured, since one that fails is named elsewhere."""
        if self.is_pooled:
            return Transcript("", Outcome.SEVERAL)
        measured = [t for t in self.transcripts if t.is_measured]
        return (measured or list(self.transcripts))[0]

    @property
    def n_target(self) -> int:
        """Cells with a guide against the target."""
        return int(self.row["n_cells"])

    @property
    def n_control(self) -> int:
        """Control cells."""
        return int(self.study.n_control)

    @property
    def n_genes(self) -> int:
        """Measured genes."""
        return len(self.genes)

    @property
    def n_batches(self) -> int:
        """Batches in which the target has cells; 0 where the study names none."""
        n_all = len(self.study.batches)
        return min(_whole(self.row.get("n_batches", n_all)), n_all)

    @property
    def n_targets(self) -> int:
        """Targets of the study."""
        return len(self.study.targets)

    @cached_property
    def n_significant(self) -> int:
        """Genes at FDR below the threshold."""
        return int((self.genes["fdr"] < self.fdr).sum())

    @cached_property
    def n_changed(self) -> int:
        """Genes that pass the FDR and change at least the given fold."""
        return int(self.genes["changed"].sum())

    @cached_property
    def n_down(self) -> int:
        """Changed genes that fall."""
        return int((self.genes["role"] == "down").sum())

    @cached_property
    def n_up(self) -> int:
        """Changed genes that rise."""
        return int((self.genes["role"] == "up").sum())

    @cached_property
    def n_changed_others(self) -> int:
        """Changed genes other than the perturbed ones."""
        own = {t.gene for t in self.transcripts}
        return int((self.genes["changed"] & ~self.genes["gene"].isin(own)).sum())

    @cached_property
    def n_shifted_others(self) -> int:
        """Genes other than the perturbed ones that pass the FDR but change less than the fold."""
        own = {t.gene for t in self.transcripts}
        passed = (self.genes["fdr"] < self.fdr) & ~self.genes["changed"]
        return int((passed & ~self.genes["gene"].isin(own)).sum())

    @property
    def has_too_few_cells(self) -> bool:
        """Whether no verdict can be given."""
        return self.n_target < TOO_FEW_CELLS

    @property
    def has_few_cells(self) -> bool:
        """Whether the effect is uncertain for want of cells."""
        return self.n_target < FEW_CELLS

    @cached_property
    def detectable(self) -> float:
        """Smallest fold change that these cells could show in a gene of median expression."""
        return detectable_fold(self.study.genes, self.n_target, self.n_control, self.fdr)

    @property
    def stratum_word(self) -> str:
        """The stratum column as a word; empty where there is none."""
        return stratum_word(self.study)

    @property
    def is_confounded(self) -> bool:
        """Whether the target's cells and the controls differ in their strata."""
        return self.study.has_strata and bool(self.row.get("stratum_warning", False))

    @cached_property
    def guides(self) -> pd.DataFrame:
        """One row a guide of this target."""
        guides = self.study.guides
        return guides[guides["target"] == self.target].reset_index(drop=True)

    @cached_property
    def failed_guides(self) -> list[str]:
        """Guides that leave the transcript as it is (the interval includes 100 %), worse than the target as a whole."""
        if self.transcript.outcome is not Outcome.FALLS or len(self.guides) < 2:
            return []
        told = self.guides[(self.guides["n_cells"] >= TOO_FEW_CELLS) & self.guides["high"].notna()]
        failed = told[(told["high"] >= 1) & (told["low"] > self.transcript.left)]
        return [str(g) for g in failed["guide"]] if len(failed) < len(told) else []

    @cached_property
    def dominance(self) -> Dominance | None:
        """The gene that holds most control counts; None where no counts are known."""
        for kind in ("counts", "normalized"):
            control = self.genes[f"ctrl_mean_{kind}"].to_numpy(dtype=float)
            if np.isfinite(control).any() and np.nansum(control) > 0:
                at = int(np.nanargmax(control))
                row = self.genes.iloc[at]
                left = float(row[f"pert_mean_{kind}"]) / control[at]
                return Dominance(
                    str(row["gene"]), float(control[at] / np.nansum(control)), left, bool(row["fdr"] < self.fdr)
                )
        return None

    @cached_property
    def falls_as_far(self) -> list[tuple[str, float]]:
        """Other genes of which as little is left, with the fraction left, lowest first."""
        names = [name for name in _names(self.row.get("falls_as_far", "")) if self.passes_fdr(name)]
        limit = self.transcript.left if self.transcript.outcome is Outcome.FALLS else 0.0
        found = [(name, self.fraction_left(name)) for name in names]
        return sorted(((n, f) for n, f in found if not f > max(0.2, limit)), key=lambda pair: pair[1])

    @cached_property
    def neighbours(self) -> list[str]:
        """Genes next door on the chromosome that fall too."""
        return [name for name in _names(self.row.get("neighbours", "")) if self.passes_fdr(name)]

    def passes_fdr(self, gene: str) -> bool:
        """Whether a gene changes by the test that is shown; the study's table names genes by the pooled one."""
        return gene in self.genes.index and bool(self.genes["fdr"][gene] < self.fdr)

    def fraction_left(self, gene: str) -> float:
        """Mean normalized count of a gene, target over control."""
        if gene not in self.genes.index:
            return math.nan
        row = self.genes.loc[gene]
        control = float(row["ctrl_mean_normalized"])
        return float(row["pert_mean_normalized"]) / control if control > 0 else math.nan

    @cached_property
    def calibration(self) -> Calibration:
        """What control sets of about this size give."""
        return calibration(self.study.control_sets, self.n_target)

    @property
    def significant_here(self) -> int:
        """Genes at FDR < 0.05, the number that control sets are compared with."""
        if self.left_out_of_totals or self.seen_in:
            return int((self.genes["fdr"] < FDR_THRESHOLD).sum())
        column = "n_significant_stratified" if self.stratified else "n_significant"
        return _whole(self.row.get(column, self.row["n_significant"]))

    @property
    def significant_others_here(self) -> int:
        """The same without the perturbed genes: that they change is what was done."""
        own = self.genes["gene"].isin([t.gene for t in self.transcripts])
        return max(self.significant_here - int((own & (self.genes["fdr"] < FDR_THRESHOLD)).sum()), 0)

    @property
    def controls_give_as_many(self) -> bool:
        """Whether some random set of control cells calls as many genes as this target does beside its own.

        Control sets are counted over all genes: where only some are tested nothing can be said.
        """
        found = self.calibration
        return found.n_sets > 0 and not self.seen_in and 0 < self.significant_others_here <= found.maximum

    @property
    def controls_give_many(self) -> bool:
        """Whether random sets of control cells call a notable share of what this target does.

        Few cells against many make the test call genes that a cell or two show: chance, not the perturbation.
        """
        found, own = self.calibration, self.significant_others_here
        return found.n_sets > 0 and own > 0 and not self.seen_in and found.median >= NOTABLE_BY_CHANCE * own

    @property
    def n_tested(self) -> int:
        """Genes that took part in the test."""
        return int(self.genes["fdr"].notna().sum()) if self.seen_in else self.n_genes

    @property
    def moves_no_more_than_controls(self) -> bool:
        """Whether no other gene changes than its own, or no more than control sets of cells give."""
        return self.significant_others_here == 0 or self.controls_give_as_many

    @property
    def is_transcript_moved(self) -> bool:
        """Whether the perturbation is seen in an own transcript."""
        return any(t.outcome in (Outcome.FALLS, Outcome.RISES) for t in self.transcripts)

    @property
    def shows_nothing(self) -> bool:
        """Whether neither an own transcript moves nor more genes than controls give against one another."""
        if self.is_transcript_moved or strength_class(self.significant_here) != "negligible":
            return False
        return self.moves_no_more_than_controls

    @property
    def changes_as_many_as_controls(self) -> bool:
        """Whether genes change, and no more of them than controls give; control sets are known at FDR < 0.05 alone."""
        return self.shows_nothing and self.n_changed > 0 and self.fdr == FDR_THRESHOLD


def gather(
    study: Any,
    target: str,
    fdr: float,
    fold: float,
    stratified: bool | None,
    without_own_gene: pd.DataFrame | None = None,
    seen_in: int = 0,
) -> Facts:
    """All that the page about one target needs from a study; see :func:`core.views.perturbation.perturbation_view`.

    Raises
    ------
    OptionError
        If a threshold makes no sense or the stratified effect is asked of a study without strata.
    UnknownTargetError
        If the study does not perturb the target.
    """
    check_thresholds(study, fdr, fold, stratified)
    stratified = bool(study.stratified_default) if stratified is None else stratified
    if seen_in < 0:
        raise OptionError(f"A gene cannot be seen in {seen_in} cells; choose 0 (all genes) or more.")
    effects = study.effects(target) if without_own_gene is None else without_own_gene
    row = study.pooled if target == ALL_PERTURBED else study.targets.loc[target]
    if seen_in:
        effects = over_genes_seen(effects, seen_in, int(row["n_cells"]), int(study.n_control))
    genes = gene_table(effects, study.genes, fdr, fold, stratified)
    parts = () if target == ALL_PERTURBED else split_combination(target, bool(row["own_gene"]))
    own = (str(row["own_gene"]),) if len(parts) == 1 and row["own_gene"] else parts
    genes = genes.assign(next_door=next_door(own, genes.index))
    return Facts(
        study=study,
        target=target,
        modality=Modality(study.modality),
        fdr=fdr,
        fold=fold,
        stratified=stratified,
        row=row,
        genes=genes,
        parts=parts,
        transcripts=_transcripts(target, row, genes, parts, fdr, from_effects=without_own_gene is not None),
        left_out_of_totals="" if without_own_gene is None else str(row["own_gene"]),
        seen_in=seen_in,
    )


def _transcripts(
    target: str, row: pd.Series, genes: pd.DataFrame, parts: tuple[str, ...], fdr: float, *, from_effects: bool
) -> tuple[Transcript, ...]:
    if len(parts) == 1 and from_effects:
        return (transcript_in_effects(str(row["own_gene"]), genes, int(row["n_cells"]), fdr),)
    if len(parts) == 1:
        return (own_transcript(target, row),)
    return tuple(transcript_in_effects(part, genes, int(row["n_cells"]), fdr) for part in parts)


def check_thresholds(study: Any, fdr: float, fold: float, stratified: bool | None) -> None:
    """Refuse thresholds that make no sense.

    Raises
    ------
    OptionError
        If one is out of its range, or the study has no strata to compare within.
    """
    if not 0 < fdr <= 1:
        raise OptionError(f"The FDR threshold is {fdr:g}; it must lie between 0 and 1, for example 0.05.")
    if not (math.isfinite(fold) and fold >= 1):
        raise OptionError(f"The fold threshold is {fold:g}; it must be 1 or more, for example 1.4.")
    if stratified and not study.has_strata:
        raise OptionError("This study names no stratum, so effects cannot be compared within one.")


def has_changed(fdr: Any, log2_fold_change: Any, below: float, fold: float) -> Any:
    """Which effects (arrays or columns alike) have an FDR below a threshold and are at least so many fold."""
    return (fdr < below) & (np.abs(log2_fold_change) >= math.log2(fold) - 1e-12)


def over_genes_seen(effects: pd.DataFrame, least: int, n_target: int, n_control: int) -> pd.DataFrame:
    """Effects with the FDR over the genes that at least so many cells of either group show; NaN for the others.

    A gene that a cell or two show can pass a test of few cells against many by chance, and takes part in the correction
    of all others.
    """
    cells = np.maximum(effects["pct_target"] * n_target, effects["pct_control"] * n_control)
    seen = np.rint(cells.to_numpy(float)) >= least
    twins = [suffix for suffix in ("", "_stratified") if f"fdr{suffix}" in effects]
    return effects.assign(
        **{f"fdr{suffix}": benjamini_hochberg(np.where(seen, effects[f"log10_p{suffix}"], np.nan)) for suffix in twins}
    )


def gene_table(effects: pd.DataFrame, genes: pd.DataFrame, fdr: float, fold: float, stratified: bool) -> pd.DataFrame:
    """A target's effects with direction, interval and variability, the largest |delta| first.

    Parameters
    ----------
    effects
        One row a gene, as ``Study.effects`` gives them.
    genes
        The study's gene table.
    fdr, fold
        A gene has changed at an FDR below ``fdr`` and a mean normalized count at least ``fold`` times higher or
        lower, the pseudocount of ``log2_fold_change`` included.
    stratified
        Take effect and test from the columns within strata; the means stay those of all cells.

    Returns
    -------
    pandas.DataFrame
        Index and column ``gene``: symbol; the columns of ``effects``; ``role`` (``down``, ``up``, ``neutral``),
        ``changed``, ``delta_low`` and ``delta_high`` (95 % interval), ``highly_variable``.
    """
    table = effects.copy()
    if stratified:
        for column, twin in EFFECT_COLUMNS.items():
            if twin in effects:
                table[column] = effects[twin]
    changed = has_changed(table["fdr"], table["log2_fold_change"], fdr, fold)
    role = np.where(~changed, "neutral", np.where(table["delta"] < 0, "down", "up"))
    variable = genes["highly_variable"].reindex(table.index)
    table = table.assign(
        role=role,
        changed=changed,
        delta_low=table["delta"] - 1.96 * table["delta_se"],
        delta_high=table["delta"] + 1.96 * table["delta_se"],
        highly_variable=variable.eq(True),
    )
    table.insert(0, "gene", table.index.astype(str))
    order = np.argsort(-table["delta"].abs().fillna(-1.0).to_numpy(), kind="stable")
    return table.iloc[order].rename_axis(None)


def next_door(own: tuple[str, ...], genes: pd.Index) -> np.ndarray:
    """Base pairs from each gene's transcription start to the nearest perturbed gene's, NaN beyond 100 kb."""
    near: dict[str, int] = {}
    for gene in own:
        for name, distance in distances(gene).items():
            near[name] = min(distance, near.get(name, distance))
    return np.array([near.get(gene, math.nan) for gene in genes], dtype=float)


def calibration(control_sets: pd.DataFrame, n_cells: int) -> Calibration:
    """What the control sets nearest in size (:func:`sets_of_size`), and the worst control guide, give."""
    found: dict[str, Any] = {}
    near = sets_of_size(control_sets, n_cells)
    if len(near):
        calls, sizes = near["n_significant"], near["n_cells"]
        size = sizes.iloc[int(np.abs(np.log(sizes.to_numpy(dtype=float) / n_cells)).argmin())]
        found |= {"n_sets": len(near), "set_size": int(size), "smallest_set": int(sizes.min())}
        found |= {"median": float(calls.median()), "maximum": int(calls.max())}
    guides = control_sets[control_sets["kind"] == "guide"]
    if len(guides):
        worst = guides.iloc[int(guides["n_significant"].to_numpy().argmax())]
        found |= {
            "n_guides": len(guides),
            "worst_guide": str(worst["name"]),
            "worst_cells": int(worst["n_cells"]),
            "worst": int(worst["n_significant"]),
        }
    return Calibration(**found)


def sets_of_size(control_sets: pd.DataFrame, n_cells: float) -> pd.DataFrame:
    """The random control sets of about ``n_cells`` cells.

    Sets within 10 % of the size nearest to ``n_cells`` (on a log scale) count; where the study has so few controls that
    none is nearly as large, those from half the size of the largest.
    """
    random = control_sets[control_sets["kind"] == "random"]
    if not len(random) or not n_cells > 0:
        return random.iloc[:0]
    sizes = random["n_cells"].to_numpy(dtype=float)
    size = sizes[int(np.abs(np.log(sizes / n_cells)).argmin())]
    if size < n_cells / LARGE_ENOUGH:
        return random[sizes >= size / 2]
    return random[np.abs(np.log(sizes / size)) <= math.log(1.1)]


def most_that_controls_give(control_sets: pd.DataFrame, n_cells: np.ndarray) -> np.ndarray:
    """Genes that the worst random control set of about so many cells calls, NaN where there is none of any size."""
    sizes = control_sets.loc[control_sets["kind"] == "random", "n_cells"].to_numpy(dtype=float)
    n_cells = np.asarray(n_cells, dtype=float)
    if not sizes.size or not n_cells.size:
        return np.full(n_cells.size, np.nan)
    ordered = np.unique(sizes)
    nearest = ordered[np.abs(np.log(ordered[:, None] / np.maximum(n_cells, 1))).argmin(axis=0)]
    alike = np.stack([nearest, nearest < n_cells / LARGE_ENOUGH])  # all that the choice of sets depends on
    _, first, kind = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    most = [sets_of_size(control_sets, max(n_cells[k], 1))["n_significant"].max() for k in first]
    return np.asarray(most, dtype=float)[kind.reshape(-1)]


def controls_words(found: Calibration) -> str:
    """What stands beside a count of genes: ``control sets up to 2, a guide 23``; "" where there are no sets."""
    sets = [f"control sets up to {text.number(found.maximum)}"] if found.n_sets else []
    guide = [f"{'a guide' if sets else 'a control guide'} {text.number(found.worst)}"]
    return ", ".join(sets + (guide if found.n_guides and found.worst > found.maximum else []))


def stratum_word(study: Any) -> str:
    """The stratum column as a word; empty where there is none."""
    column = study.roles.stratum_col
    return text.column_word(column) if column and study.has_strata else ""


def strength_counts(study: Any, stratified: bool) -> pd.Series:
    """Genes at FDR < 0.05 of every target, by the test that is shown."""
    targets = study.targets
    if stratified and "n_significant_stratified" in targets:
        return targets["n_significant_stratified"]
    return targets["n_significant"]


def strength_class(n_significant: int) -> str:
    """The class of an effect by its genes at FDR < 0.05, with the cuts of the Virtual Cell Challenge.

    Examples
    --------
    >>> [strength_class(n) for n in (0, 9, 10, 100, 101)]
    ['negligible', 'negligible', 'subtle', 'subtle', 'strong']
    """
    return "strong" if n_significant > 100 else "subtle" if n_significant >= 10 else "negligible"


def _names(listed: object) -> list[str]:
    """Genes out of "SP1 (18% left), HVCN1 (7% left)", with or without the shares."""
    if isinstance(listed, str):
        return [found for part in listed.split(", ") if (found := _SHARE.sub("", part).strip())]
    if isinstance(listed, list | tuple | np.ndarray):
        return [str(name) for name in listed]
    return []  # NaN


def _whole(x: object) -> int:
    return 0 if x is None or (isinstance(x, float) and not math.isfinite(x)) else int(x)  # type: ignore[call-overload]
