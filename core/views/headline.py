"""The sentence that answers a page's question: subject, verb and number first, then the biggest caveat."""

import math

from core.views import text
from core.views.checks import AGREE, WEAK_EFFECT
from core.views.control_sets import LARGE_ENOUGH, sizes_words
from core.views.facts import Facts
from core.views.power import BLIND_FOLD
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, Outcome, Transcript

LONGEST_SUBJECT = 24
"""Names are cut shorter here than elsewhere: a headline has two lines."""


def headline(facts: Facts) -> str:
    """One or two sentences of at most 30 words, in markdown, the claim in bold."""
    if facts.has_too_few_cells and not facts.is_pooled:
        cells = text.plural(facts.n_target, "cell")
        return f"**{_name(facts.target)} has {cells}, too few for a verdict**{_blind(facts)}."
    if facts.is_pooled:
        start = f"**All perturbed cells, {text.plural(facts.n_targets, 'target')} mixed: {_genes_change(facts)}**"
        end = caveat(facts) if facts.n_changed else _nothing_means(facts)
        return f"{start} in {text.plural(facts.n_target, 'cell')} {_criteria(facts)}{end}."
    if facts.changes_as_many_as_controls:
        return _no_more_than_controls(facts)
    if facts.is_combination:
        return _combination(facts)
    if facts.transcript.is_measured:
        return _measured(facts)
    return _not_measurable(facts)


def subject(facts: Facts) -> str:
    """The target with what was done to it: "ACAT2 knock-down"; of several: "KLF1 and MAP2K6, activated together,"."""
    if facts.is_combination:
        return f"{text.enumerate_words([_name(p) for p in facts.parts])}, {facts.modality.together},"
    return f"{_name(facts.target)} {facts.modality}"


def _measured(facts: Facts) -> str:
    own = facts.transcript
    failed = _has_failed(facts)
    if facts.n_changed_others == 0 and own.outcome is Outcome.UNCHANGED and not failed:  # a knock-out, for example
        return f"**{subject(facts)} changes no gene** {_criteria_with_cells(facts)}{_no_effect(facts)}"
    start = f"**{subject(facts)} {transcript_phrase(own)}** in {text.plural(facts.n_target, 'cell')}"
    if is_its_own_dominant(facts):
        return f"{start} and changes {_dominant_changes(facts)}."
    if facts.n_changed_others:
        end = "; the guides may not work" if failed else caveat(facts)
        return f"{start} and changes **{_of_genes(facts)}** {_criteria(facts)}{end}."
    end = "; the guides may not work." if failed else _no_effect(facts)
    return f"{start} and changes **no other gene** {_criteria(facts)}{end}"


def _no_more_than_controls(facts: Facts) -> str:
    """What is seen where control cells against control cells show as much."""
    verb = "change" if facts.is_combination else "changes"
    start = f"**{subject(facts)} {verb} no more genes than control sets do**"
    others = facts.significant_others_here
    beside = " beside its own" if others < facts.significant_here else ""
    here = f"{text.number(others)}{beside} of {text.number(facts.n_genes)}"
    criteria = f"(FDR < {text.threshold(facts.fdr)}{_within(facts)}, {text.plural(facts.n_target, 'cell')})"
    found = facts.calibration
    those = "they"
    if found.set_size < facts.n_target / LARGE_ENOUGH:
        those = f"those of {sizes_words(found.smallest_set, found.largest_set)}"
    return f"{start}: {here} {criteria}, where {those} give up to {text.number(found.maximum)}; {_unmoved(facts)}."


def _unmoved(facts: Facts) -> str:
    own = facts.transcript
    if facts.is_combination:
        return "no own transcript is seen to move"
    if own.outcome is Outcome.UNCHANGED:
        return f"its transcript stays ({text.percent(own.left)})"
    return f"the gene itself is {own.outcome.value}"


def transcript_phrase(own: Transcript) -> str:
    """What the perturbation does to the transcript, as verb and number."""
    if own.outcome is Outcome.RISES and not math.isfinite(own.left):
        return f"raises its transcript from {text.counts(own.control_mean)} to {text.counts(own.target_mean)} counts"
    if own.outcome is Outcome.RISES:
        return f"raises its transcript {text.fold(own.left)}"
    if own.outcome is Outcome.UNCHANGED:
        return f"leaves its transcript unchanged ({text.percent(own.left)})"
    return f"leaves {text.percent(own.left)} of its transcript"


def _not_measurable(facts: Facts) -> str:
    own = facts.transcript
    if own.outcome is Outcome.HARDLY_EXPRESSED:
        start = f"**{_name(facts.target)} is hardly expressed in controls**; its {facts.modality} cannot be checked."
    else:
        start = f"**{_name(facts.target)} is not among the measured genes**; its {facts.modality} cannot be checked."
    if facts.n_changed:
        cells = text.plural(facts.n_target, "cell")
        return f"{start} **{text.capitalized(_genes_change(facts))}** in {cells} {_criteria(facts)}{caveat(facts)}."
    return f"{start} **No gene changes** {_criteria_with_cells(facts)}{_nothing_means(facts)}."


def _combination(facts: Facts) -> str:
    if facts.n_changed == 0:
        return f"**{subject(facts)} change no gene** {_criteria_with_cells(facts)}{_no_effect(facts)}"
    start = f"**{subject(facts)} change {_of_genes(facts)}** in {text.plural(facts.n_target, 'cell')}"
    return f"{start} {_criteria(facts)}; {_part_outcomes(facts)}."


def _part_outcomes(facts: Facts) -> str:
    if not any(t.is_measured for t in facts.transcripts):
        return "neither transcript can be measured" if len(facts.parts) == 2 else "no own transcript can be measured"
    return text.enumerate_words([_part_outcome(t) for t in facts.transcripts])


def _part_outcome(own: Transcript) -> str:
    if own.outcome is Outcome.RISES:
        return f"{_name(own.gene)} rises {text.fold(own.least_fold)}"
    if own.outcome is Outcome.FALLS:
        return f"{_name(own.gene)} falls to {text.percent(own.left)}"
    return f"{_name(own.gene)} {'stays' if own.outcome is Outcome.UNCHANGED else 'is not measurable'}"


# ------------------------------------------------------------------------------------------ caveats and criteria


def caveat(facts: Facts) -> str:
    """The biggest doubt about an effect, after a semicolon; empty where there is none."""
    for doubt in (_controls_give, _few_cells, _strata, _moved_dominant, _failed_guide, _others, _disagreement):
        if words := doubt(facts):
            return f"; {words}"
    return ""


def is_its_own_dominant(facts: Facts) -> bool:
    """Whether the dominant gene that moved is the target's own, and totals hold it."""
    top = facts.dominance
    return top is not None and top.is_moved and top.gene == facts.transcript.gene and _is_plain(facts)


def _is_plain(facts: Facts) -> bool:
    """Whether totals hold every gene, the dominant one too."""
    return bool(facts.study.roles.size_factors == "all") and not facts.left_out_of_totals


def _dominant_changes(facts: Facts) -> str:
    """Genes that pass the FDR, and why most of them do: what shifts them is shallow, however many cells resolve it."""
    top = facts.dominance
    if top is None:
        return ""
    way, mirror = ("fall", "raised") if top.left < 1 else ("rise", "lowered")
    changes = f"**{text.number(facts.n_significant)} of {text.plural(facts.n_genes, 'gene')}**"
    criteria = f"(FDR < {text.threshold(facts.fdr)}{_within(facts)})"
    share = f"{_name(top.gene)} is {text.percent(top.share)} of all control counts"
    return f"{changes} {criteria}; {share}, so its {way} alone makes other genes look {mirror}"


def _few_cells(facts: Facts) -> str:
    return "so few cells may differ in other ways" if facts.has_few_cells else ""


def _strata(facts: Facts) -> str:
    if facts.stratified or not facts.is_confounded:
        return ""
    return f"its cells and the controls differ in {name(facts.stratum_word)}"


def _controls_give(facts: Facts) -> str:
    if facts.controls_give_as_many:
        return "a random control set gives as many"
    if facts.controls_give_many:
        found = facts.calibration
        return f"sets of {text.number(found.set_size)} control cells call {text.number(round(found.median))}"
    return ""


def _moved_dominant(facts: Facts) -> str:
    top = facts.dominance
    if top is None or not top.is_moved or not _is_plain(facts):
        return ""
    way = "falls" if top.left < 1 else "rises"
    return f"{_name(top.gene)}, {text.percent(top.share)} of control counts, {way} too"


def _failed_guide(facts: Facts) -> str:
    failed = facts.failed_guides
    if not failed:
        return ""
    return f"{len(failed)} of {len(facts.guides)} guides {'fails' if len(failed) == 1 else 'fail'}"


def _others(facts: Facts) -> str:
    genes = [_name(gene) for gene, _ in facts.falls_as_far]
    if facts.modality is Modality.ACTIVATION or not genes:
        return ""
    who, one = text.enumerate_words(genes, at_most=2), len(genes) == 1
    if facts.transcript.outcome is Outcome.FALLS:
        return f"{who} {'falls' if one else 'fall'} as far as {_name(facts.transcript.gene)} itself"
    return f"{who} {'keeps' if one else 'keep'} 20{text.NBSP}% or less"


def _disagreement(facts: Facts) -> str:
    for what, column in (("guides", "guide_r"), ("batches", "batch_r")):
        r = float(facts.row.get(column, math.nan))
        if r < AGREE and facts.n_changed_others >= WEAK_EFFECT:
            return f"{what} disagree (r = {text.correlation(r)})"
    return ""


def _has_failed(facts: Facts) -> bool:
    outcome = facts.transcript.outcome
    if facts.modality is Modality.ACTIVATION:
        return outcome is not Outcome.RISES
    return facts.modality is Modality.KNOCK_DOWN and outcome is not Outcome.FALLS


def _no_effect(facts: Facts) -> str:
    """What finding nothing means: a result, or a screen that could not have seen it."""
    if facts.n_shifted_others:
        return f"{_shifts(facts)}."
    return f"{_blind(facts)}." if facts.detectable > BLIND_FOLD else ". That is a result, not a fault."


def _nothing_means(facts: Facts) -> str:
    """What is left to say where no gene changes and no own transcript can tell."""
    if facts.n_shifted_others:
        return _shifts(facts)
    return _blind(facts) if facts.detectable > BLIND_FOLD else ""


def _shifts(facts: Facts) -> str:
    n = facts.n_shifted_others
    return f"; {text.plural(n, 'gene')} {'shifts' if n == 1 else 'shift'} by less"


def _blind(facts: Facts) -> str:
    if not math.isfinite(facts.detectable):
        return "; no change could be seen in most genes"
    return f"; only changes above {text.fold(facts.detectable)} could be seen in most genes"


def _criteria(facts: Facts) -> str:
    least = f", at least {text.threshold(facts.fold)}-fold" if facts.fold > 1 else ""
    totals = f", totals without {_name(facts.left_out_of_totals)}" if facts.left_out_of_totals else ""
    return f"(FDR < {text.threshold(facts.fdr)}{_within(facts)}{least}{totals})"


def _criteria_with_cells(facts: Facts) -> str:
    least = f"at least {text.threshold(facts.fold)}-fold " if facts.n_shifted_others and facts.fold > 1 else ""
    cells = text.plural(facts.n_target, "cell")
    return f"{least}(FDR < {text.threshold(facts.fdr)}{_within(facts)}, {cells})"


def _within(facts: Facts) -> str:
    return f" within {name(facts.stratum_word)}" if facts.stratified else ""


def _of_genes(facts: Facts) -> str:
    return f"{text.number(facts.n_changed)} of {text.plural(facts.n_tested, 'gene')}"


def _genes_change(facts: Facts) -> str:
    if facts.n_changed == 0:
        return "no gene changes"
    return f"{_of_genes(facts)} {'changes' if facts.n_changed == 1 else 'change'}"


def _name(symbol: str) -> str:
    return name(symbol, LONGEST_SUBJECT)
