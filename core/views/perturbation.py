"""Perturbation: what perturbing one target did to its own transcript and to all other genes, and can one trust it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD, PSEUDOCOUNT
from core.views import text
from core.views.about import AboutTarget, crumb
from core.views.checks import checks, tally, worst
from core.views.control_sets import LARGE_ENOUGH, Calibration, controls_words, sets_words
from core.views.facts import Facts, gather
from core.views.headline import headline, is_its_own_dominant
from core.views.methods import scale_name, target_methods, test_name
from core.views.parts import Check, Note, Vital
from core.views.strength import strength_class, strength_counts
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, Outcome, Transcript

WITHHELD_BELOW = 50
"""Below so many cells a target is not ranked against the others."""

LONGEST_CONTEXT = 30
"""Characters under a vital that stay on one line at 1440 px."""


@dataclass(frozen=True, eq=False)
class PerturbationView(AboutTarget):
    """Everything the Perturbation page and its figures show of one target.

    Strings are markdown with names escaped, but for ``target``, ``title``, ``study_name`` (plain names) and
    ``methods`` (plain text to copy).

    Parameters
    ----------
    study_id
        Of which study.
    crumb, title, headline
        Where we are, the target's name to show, and what the page says first.
    n_batches
        Batches with cells of the target.
    vitals, checks, notes
        Five numbers; six checks; at most two boxes.
    genes
        One row a gene, largest |delta| first: see :func:`core.views.effects.gene_table`.
    guides
        One row a guide: guide, n_cells, percent_left, low, high (fractions of one), r_with_rest.
    own_genes
        Symbols of the perturbed genes that are measured.
    scale_name, test_name, calibration
        What delta is measured on, the test, what control cells give.
    own_dominant
        The own gene where its change alone shifts all others, so that totals without it tell more; else empty.
    is_like_controls
        Whether no other gene changes than its own, or no more than control sets of cells give.
    n_significant, n_changed, n_up, n_down
        Genes at FDR below the threshold; those that also change enough; their directions.
    """

    study_id: str
    crumb: str
    title: str
    n_batches: int
    headline: str
    vitals: tuple[Vital, ...]
    checks: tuple[Check, ...]
    notes: tuple[Note, ...]
    genes: pd.DataFrame
    guides: pd.DataFrame
    own_genes: tuple[str, ...]
    scale_name: str
    test_name: str
    calibration: str
    own_dominant: str
    is_like_controls: bool
    n_significant: int
    n_changed: int
    n_up: int
    n_down: int

    @property
    def has_guides(self) -> bool:
        """Whether what some guide leaves of the transcript is known."""
        return bool(self.guides["percent_left"].notna().any())

    def top(self, n: int = 50, by: Literal["delta", "log2_fold_change", "fdr"] = "delta") -> pd.DataFrame:
        """The n largest changes, both directions mixed, largest first."""
        if by == "fdr":
            order = self.genes.sort_values("log10_p", kind="stable")  # p underflows where many genes tie at 0
            return order.head(n)
        return self.genes.sort_values(by, key=abs, ascending=False, kind="stable", na_position="last").head(n)


def perturbation_view(
    study: Any,
    target: str,
    *,
    fdr: float = FDR_THRESHOLD,
    fold: float = FOLD_THRESHOLD,
    stratified: bool | None = None,
    without_own_gene: pd.DataFrame | None = None,
    seen_in: int = 0,
) -> PerturbationView:
    """What perturbing a target did, in tables and sentences.

    Parameters
    ----------
    study
        An opened study.
    target
        One of its targets, or :data:`core.schema.ALL_PERTURBED`.
    fdr, fold
        A gene has changed at an FDR below ``fdr`` and at least ``fold``-fold.
    stratified
        Compare within the stratum; None means as the study does by default (where targets and strata are confounded).
    without_own_gene
        The target's effects with totals that leave out its own gene, as ``Study.effects_without_own_gene`` gives them;
        None for those of the study.
    seen_in
        Test only genes that at least so many cells of either group show; 0: all measured genes.

    Returns
    -------
    PerturbationView
        Tables and sentences, nothing drawn.

    Raises
    ------
    OptionError
        If a threshold makes no sense or there is no stratum.
    UnknownTargetError
        If the study does not perturb the target.
    """
    facts = gather(study, target, fdr, fold, stratified, without_own_gene, seen_in)
    found = checks(facts)
    word = facts.stratum_word if facts.stratified else ""
    return PerturbationView(
        study_id=study.id,
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=_crumb(facts),
        target=target,
        title=text.plain(target, 60),
        modality=facts.modality.value,
        n_target=facts.n_target,
        n_control=facts.n_control,
        n_batches=facts.n_batches,
        fdr=fdr,
        fold=fold,
        stratified=facts.stratified,
        headline=headline(facts),
        vitals=vitals(facts, found),
        checks=found,
        notes=notes(facts),
        genes=facts.genes,
        guides=facts.guides,
        own_genes=tuple(t.gene for t in facts.transcripts if t.gene in facts.genes.index),
        scale_name=scale_name(word),
        test_name=test_name(word),
        methods=target_methods(facts),
        calibration=calibration_sentence(facts),
        own_dominant=facts.transcript.gene if is_its_own_dominant(facts) and study.has_counts else "",
        left_out_of_totals=facts.left_out_of_totals,
        seen_in=seen_in,
        is_like_controls=facts.moves_no_more_than_controls,
        n_significant=facts.n_significant,
        n_changed=facts.n_changed,
        n_up=facts.n_up,
        n_down=facts.n_down,
    )


def _crumb(facts: Facts) -> str:
    """Study, what was done, observed; what else changes how every number is read."""
    within = [f"within {name(facts.stratum_word)}"] if facts.stratified else []
    within += [f"totals without {name(facts.left_out_of_totals)}"] if facts.left_out_of_totals else []
    within += [f"{text.plural(facts.n_tested, 'gene')} seen in {facts.seen_in} cells or more"] if facts.seen_in else []
    return crumb(facts.study, [name(facts.study.name), facts.modality.value, "observed"], within)


# ------------------------------------------------------------------------------------------------------ vitals


def vitals(facts: Facts, found: tuple[Check, ...]) -> tuple[Vital, ...]:
    """Did it work, on how many cells, what moved, how strong is that, can I trust it."""
    return (_transcript_vital(facts), _cells(facts), _genes_changed(facts), _strength(facts), _trust(facts, found))


def _transcript_vital(facts: Facts) -> Vital:
    own = facts.transcript
    help_text = (
        "What is left of the target's own transcript: mean normalized count in its cells over that in controls; "
        "the interval by the delta method, the test a two-sided Mann-Whitney U."
    )
    label = "Transcript" if facts.modality is Modality.ACTIVATION else "Transcript left"
    value = _transcript_value(own, facts)
    return Vital(label, value, _transcript_context(own, facts), help_text, own.outcome is Outcome.UNCHANGED)


def _transcript_value(own: Transcript, facts: Facts) -> str:
    if not own.is_measured:
        return text.NOTHING
    if not math.isfinite(own.left):
        return f">{text.fold(own.least_fold).lstrip('>')}" if own.least_fold < 1000 else ">999-fold"
    if facts.modality is Modality.ACTIVATION and own.left >= 1:
        return text.fold(own.left)
    shown = text.percent(own.left)
    return shown if len(shown) <= 9 else text.fold(own.left)


def _transcript_context(own: Transcript, facts: Facts) -> str:
    if facts.is_combination:
        return _parts_context(facts)
    match own.outcome:
        case Outcome.NOT_MEASURED:
            return "not among the measured genes"
        case Outcome.HARDLY_EXPRESSED:
            return f"not measurable: {text.counts(own.control_mean)} counts in controls"
        case Outcome.TOO_FEW:
            return f"{text.plural(facts.n_target, 'cell')} cannot show it"
        case Outcome.SEVERAL:
            return f"{text.plural(facts.n_targets, 'target')} mixed"
    return f"{text.counts(own.control_mean)} → {text.counts(own.target_mean)} counts"


def _parts_context(facts: Facts) -> str:
    measured = [t for t in facts.transcripts if t.is_measured]
    if not measured:
        return "neither is measurable" if len(facts.parts) == 2 else "none is measurable"
    rest = [t for t in facts.transcripts if t is not measured[0]]
    return f"of {name(measured[0].gene, 16)}; {text.enumerate_words([_part_context(t) for t in rest])}"


def _part_context(t: Transcript) -> str:
    if not t.is_measured:
        return f"{name(t.gene, 16)} not measurable"
    return f"{name(t.gene, 16)} {text.percent(t.left) if t.left < 1 else text.fold(t.least_fold)}"


def _cells(facts: Facts) -> Vital:
    batches = f", {text.plural(facts.n_batches, 'batch', 'batches')}" if facts.n_batches else ""
    seen = text.fold(facts.detectable) if math.isfinite(facts.detectable) else "no change"
    help_text = (
        f"Cells with a guide against the target. The smallest change they could show in a gene of median expression "
        f"is {seen}, four times out of five; from the spread between cells and a Bonferroni-corrected threshold."
    )
    context = f"{text.plural(facts.n_control, 'control')}{batches}"
    return Vital("Cells", text.short_number(facts.n_target), context, help_text, facts.has_few_cells)


def _genes_changed(facts: Facts) -> Vital:
    least = f"at least {text.threshold(facts.fold)}-fold"
    help_text = (
        f"Genes at FDR < {text.threshold(facts.fdr)} that change {least}: {text.number(facts.n_changed)} of the "
        f"{text.plural(facts.n_significant, 'gene')} that pass the FDR. The fold change compares mean normalized "
        f"counts after adding {PSEUDOCOUNT} to both, so that barely expressed genes do not look large. Beside it the "
        f"most genes at FDR < {FDR_THRESHOLD:g} that random sets of about so many control cells call, each against the "
        "other controls, and the control guide that calls more."
    )
    beside = controls_words(facts.calibration)
    if is_its_own_dominant(facts):  # the headline counts those that pass the FDR, and so does the number beside it
        context = f"pass FDR; {text.number(facts.n_changed)} {least}"
        return Vital("Genes changed", text.short_number(facts.n_significant), context, help_text, beside=beside)
    if facts.changes_as_many_as_controls:
        most = f"control sets give up to {text.number(facts.calibration.maximum)}"
        return Vital("Genes changed", text.short_number(facts.n_changed), most, help_text, warn=True)
    if facts.controls_give_many:
        chance = f"control sets call {text.number(round(facts.calibration.median))} (median)"
        return Vital("Genes changed", text.short_number(facts.n_changed), chance, help_text, warn=True)
    context = f"{text.number(facts.n_down)} down, {text.number(facts.n_up)} up"
    if facts.n_changed and not facts.n_changed_others:  # the headline says "no other gene"
        context = f"{'the perturbed gene' if facts.n_changed == 1 else 'perturbed genes'} alone"
    if facts.n_significant != facts.n_changed:  # significant is not large: both counts stand side by side
        passed = f"; {text.number(facts.n_significant)} {'passes' if facts.n_significant == 1 else 'pass'} FDR"
        context = context if len(context + passed) <= LONGEST_CONTEXT else f"{text.number(facts.n_down)} down"
        context += passed
    return Vital("Genes changed", text.short_number(facts.n_changed), context, help_text, beside=beside)


def _strength(facts: Facts) -> Vital:
    within = f" within {name(facts.stratum_word)}" if facts.stratified else ""
    help_text = (
        f"Place among the study's targets by genes at FDR < 0.05{within}. Strong is more than 100 genes, subtle 10 to "
        "100, negligible fewer than 10. With totals of its own a target is not ranked."
    )
    if facts.is_pooled:
        return Vital("Strength", text.NOTHING, "targets mixed, not ranked", help_text)
    if facts.n_target < WITHHELD_BELOW:
        return Vital("Strength", text.NOTHING, "too few cells to rank", help_text, warn=True)
    counts = strength_counts(facts.study, facts.stratified)
    n = facts.significant_here
    if n == 0:
        return Vital("Strength", "none", "no gene at FDR < 0.05", help_text)
    if facts.shows_nothing:
        return Vital("Strength", "none", "no more than controls give", help_text, warn=True)
    strength = strength_class(n)
    if facts.left_out_of_totals:
        return Vital("Strength", text.plural(n, "gene"), f"{strength}, not ranked", help_text)
    if strength == "negligible":  # the first among targets that change next to nothing is no praise
        return Vital("Strength", text.plural(n, "gene"), "negligible: fewer than 10", help_text)
    place = 1 + int((counts > counts[facts.target]).sum())
    return Vital("Strength", text.ordinal(place), f"of {text.plural(facts.n_targets, 'target')}: {strength}", help_text)


def _trust(facts: Facts, found: tuple[Check, ...]) -> Vital:
    passed, told = tally(found)
    failed = worst(found)
    help_text = "How many of the checks below passed, of those that this study can tell."
    if facts.shows_nothing and not facts.transcript.is_measured and not facts.has_few_cells:
        return Vital("Can I trust it?", text.NOTHING, "no effect to trust", help_text)
    context = failed.short or failed.sentence if failed else _untold(found)
    return Vital("Can I trust it?", f"{passed} of {told}", context, help_text, failed is not None)


def _untold(found: tuple[Check, ...]) -> str:
    untold = sum(c.passed is None for c in found)
    return f"{text.plural(untold, 'check')} cannot be told" if untold else "all checks passed"


# -------------------------------------------------------------------------------------- notes and calibration


def notes(facts: Facts) -> tuple[Note, ...]:
    """At most two boxes, warnings first."""
    found = [_few_cells_note(facts), _strata_note(facts)]
    return tuple(note for note in found if note)[:2]


def _few_cells_note(facts: Facts) -> Note | None:
    if facts.n_target >= WITHHELD_BELOW:
        return None
    missed = (
        f"an effect of less than {text.fold(facts.detectable)} is usually missed"
        if math.isfinite(facts.detectable)
        else "no effect could be seen"
    )
    start = f"**{name(facts.target)} has {text.plural(facts.n_target, 'cell')}.**"
    return Note("warning", f"{start} With so few, {missed}. Intervals are shown; no verdict is given.")


def _strata_note(facts: Facts) -> Note | None:
    if not facts.is_confounded:
        return None
    word, who = name(facts.stratum_word), name(facts.target)
    p = float(facts.row.get("stratum_p", math.nan))
    known = f" ({text.p_phrase(p)})" if math.isfinite(p) else ""
    start = f"**Cells of {who} and controls differ in {word}**{known}."
    if facts.stratified:
        return Note("info", f"{start} So deltas and tests are within {word}; the means drawn are of all cells.")
    return Note("warning", f"{start} What differs between {word} groups looks like an effect here; test within {word}.")


def calibration_sentence(facts: Facts) -> str:
    """How many genes control cells give against other control cells, beside what the target gives."""
    found = facts.calibration
    if not found.n_sets and not found.n_guides:
        return "No control set could be drawn, so it is not known how many genes chance gives here."
    who = "these cells call" if facts.is_pooled else "this target calls"
    here = f"At FDR < 0.05 {who} {text.plural(facts.significant_here, 'gene')}."
    how = [f"Controls too are compared within {name(facts.stratum_word)}."] if facts.stratified else []
    how += ["Control sets are counted over all measured genes."] if facts.seen_in else []
    how += ["Controls are compared with totals of all genes."] if facts.left_out_of_totals else []
    return " ".join([here, *_random_sets(found, facts.n_target), *_control_guides(found, facts.n_genes), *how])


def _random_sets(found: Calibration, n_target: int) -> list[str]:
    if not found.n_sets:
        return []
    sets = sets_words(found.n_sets, found.smallest_set, found.largest_set)
    if found.set_size < n_target / LARGE_ENOUGH:
        sets += " (no larger ones can be drawn)"
    verb = "calls" if found.n_sets == 1 else "call"
    if found.maximum == 0:
        return [f"{sets} {verb} no gene."]
    median = text.number(found.median) if found.median == round(found.median) else f"{found.median:.1f}"
    return [f"{sets} {verb} a median of {median} and at most {text.number(found.maximum)}."]


def _control_guides(found: Calibration, n_genes: int) -> list[str]:
    if not found.n_guides:
        return []
    guides = text.plural(found.n_guides, "control guide")
    if found.worst == 0:
        return [f"None of {guides} calls a gene."]
    which = f"{name(found.worst_guide)}, {text.plural(found.worst_cells, 'cell')}"
    start = "The one control guide" if found.n_guides == 1 else f"One of {guides}"
    return [f"{start} calls {text.number(found.worst)} of {text.plural(n_genes, 'gene')} ({which})."]
