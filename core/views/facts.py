"""What is known of one target, gathered once: the headline, the vitals and the checks only word it."""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.schema import ALL_PERTURBED, FDR_THRESHOLD
from core.views.control_sets import Calibration, calibration, sets_by_test
from core.views.dominance import Dominance, dominant_gene
from core.views.effects import check_thresholds, gene_table, next_door, over_genes_seen
from core.views.power import FEW_CELLS, TOO_FEW_CELLS, detectable_fold
from core.views.strata import stratum_word
from core.views.strength import strength_class
from core.views.transcript import (
    Modality,
    Outcome,
    Transcript,
    own_transcript,
    split_combination,
    transcript_in_effects,
)

_SHARE = re.compile(r"\s*\([^()]*% left\)$")

SURER_THAN_CONTROLS = 3.0
"""Powers of ten by which a gene's p lies below all that control sets give before it is no chance."""

NOTABLE_BY_CHANCE = 0.25
"""Of the genes that a target calls: what control sets call beyond this share is said where the number is."""


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
    def is_own(self) -> pd.Series:
        """Which genes were perturbed, one truth value a gene."""
        return self.genes["gene"].isin([t.gene for t in self.transcripts])

    @cached_property
    def n_changed_others(self) -> int:
        """Changed genes other than the perturbed ones."""
        return int((self.genes["changed"] & ~self.is_own).sum())

    @cached_property
    def n_shifted_others(self) -> int:
        """Genes other than the perturbed ones that pass the FDR but change less than the fold."""
        passed = (self.genes["fdr"] < self.fdr) & ~self.genes["changed"]
        return int((passed & ~self.is_own).sum())

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
        return dominant_gene(self.genes, self.fdr)

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
        """What control sets of about this size give, by the test that is shown."""
        return calibration(sets_by_test(self.study, self.stratified), self.n_target)

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
        return max(self.significant_here - int((self.is_own & (self.genes["fdr"] < FDR_THRESHOLD)).sum()), 0)

    @property
    def controls_give_as_many(self) -> bool:
        """Whether some random set of control cells calls as many genes as this target does beside its own.

        Control sets are counted over all genes: where only some are tested nothing can be said. A gene that is far
        surer than any that a set calls is no chance, though sets of fewer cells call more genes.
        """
        found = self.calibration
        as_many = found.n_sets > 0 and not self.seen_in and 0 < self.significant_others_here <= found.maximum
        return as_many and not self.surest_other < found.surest - SURER_THAN_CONTROLS

    @property
    def surest_other(self) -> float:
        """The smallest log10 p of a gene that is not perturbed; NaN where none was tested."""
        return float(self.genes.loc[~self.is_own, "log10_p"].min())

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
    genes["next_door"] = next_door(own, genes.index)
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


def _names(listed: object) -> list[str]:
    """Genes out of "SP1 (18% left), HVCN1 (7% left)", with or without the shares."""
    if isinstance(listed, str):
        return [found for part in listed.split(", ") if (found := _SHARE.sub("", part).strip())]
    if isinstance(listed, list | tuple | np.ndarray):
        return [str(name) for name in listed]
    return []  # NaN


def _whole(x: object) -> int:
    return 0 if x is None or (isinstance(x, float) and not math.isfinite(x)) else int(x)  # type: ignore[call-overload]
