"""Can I trust it? Six questions to every effect, always the same, always in this order."""

import math

from core.schema import MEASURABLE_MEAN
from core.views import text
from core.views.dominance import DOMINANT_SHARE, Dominance
from core.views.facts import Facts
from core.views.parts import Check
from core.views.power import BLIND_FOLD, FEW_CELLS
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, Outcome, Transcript

AGREE = 0.3
"""Correlation of two effect profiles from which they are said to agree."""

ONE_SIDED = 0.75
"""Where so many of the genes that shift, and over half of all do, go one way, the totals may have changed instead."""

WEAK_EFFECT = 10
"""With fewer changed genes a low correlation is expected: most of a profile is noise then."""


def checks(facts: Facts) -> tuple[Check, ...]:
    """The six checks of one target's effect, in their fixed order."""
    return (
        perturbation_verified(facts),
        enough_cells(facts),
        batches_agree(facts),
        guides_agree(facts),
        no_other_falls_as_far(facts),
        no_gene_dominates(facts),
    )


def tally(found: tuple[Check, ...]) -> tuple[int, int]:
    """Checks that passed, and checks that could be told."""
    return sum(c.passed is True for c in found), sum(c.passed is not None for c in found)


def worst(found: tuple[Check, ...]) -> Check | None:
    """The failed check that weighs most: the first in the order of :data:`_GRAVITY`."""
    failed = [c for at in _GRAVITY for c in (found[at],) if c.passed is False]
    return failed[0] if failed else None


_GRAVITY = (0, 1, 5, 4, 3, 2)
"""No knock-down, then too few cells, a dominant gene, other genes as deep, guides, batches."""


# ---------------------------------------------------------------------------------- 1. did the perturbation work


def perturbation_verified(facts: Facts) -> Check:
    """Whether the own transcript moved as the modality should move it, with its test."""
    what = facts.modality.value
    if facts.is_pooled:
        return Check(f"{text.capitalized(what)} cannot be told", f"{facts.n_targets:,} targets are mixed", None)
    verdicts = [_worked(t, facts.modality) for t in facts.transcripts]
    sentence = _transcript_sentences(facts)
    if False in verdicts:
        return Check(f"{text.capitalized(what)} not seen", sentence, False, _failure(facts))
    if True in verdicts:
        return Check(f"{text.capitalized(what)} verified", sentence, True)
    return Check(f"{text.capitalized(what)} not measurable", sentence, None)


def _worked(transcript: Transcript, modality: Modality) -> bool | None:
    if not transcript.is_measured:
        return None
    falls = transcript.outcome is Outcome.FALLS and not transcript.p >= 0.05
    rises = transcript.outcome is Outcome.RISES and not transcript.p >= 0.05
    if modality is Modality.ACTIVATION:
        return rises
    if modality is Modality.KNOCK_OUT:  # a broken gene may be transcribed as before, so that proves nothing
        return True if falls else None
    return falls or (rises and modality is Modality.PERTURBATION)


def _transcript_sentences(facts: Facts) -> str:
    absent = [t for t in facts.transcripts if t.outcome is Outcome.NOT_MEASURED]
    sentences = [_transcript_sentence(t, facts) for t in facts.transcripts if t not in absent]
    if absent:
        genes = text.enumerate_words([name(t.gene) for t in absent])
        sentences.append(f"{genes} {'is' if len(absent) == 1 else 'are'} not among the measured genes")
    return "; ".join(sentences)


def _transcript_sentence(t: Transcript, facts: Facts) -> str:
    gene = name(t.gene)
    match t.outcome:
        case Outcome.TOO_FEW:
            return f"{text.plural(facts.n_target, 'cell')} cannot show it"
        case Outcome.HARDLY_EXPRESSED:
            mean = text.counts(t.control_mean)
            return f"{gene} is hardly expressed: {mean} counts a control cell, at least 0.05 are needed"
    if not math.isfinite(t.left):
        change = f"from {text.counts(t.control_mean)} to {text.counts(t.target_mean)} counts a cell"
        return f"{gene} rises {change} ({text.p_phrase(t.p)})"
    if t.outcome is Outcome.RISES and t.left >= 1:
        interval = f"95{text.NBSP}% interval {t.low:.1f} to {text.fold(t.high)}, " if t.low < t.high < 999 else ""
        return f"{gene} rises {text.fold(t.left)} ({interval}{text.p_phrase(t.p)})"
    interval = f"95{text.NBSP}% interval {text.percent_range(t.low, t.high)}, " if t.low < t.high < math.inf else ""
    sentence = f"{text.percent(t.left)} of {gene} left ({interval}{text.p_phrase(t.p)})"
    if t.outcome is not Outcome.FALLS and facts.modality is Modality.KNOCK_OUT:
        sentence += "; a knock-out can leave the transcript as it is"
    return sentence


def _failure(facts: Facts) -> str:
    if facts.transcript.outcome is Outcome.RISES:
        return "the test does not confirm it" if facts.modality is Modality.ACTIVATION else "its transcript rises"
    if facts.transcript.outcome is Outcome.FALLS:
        return "its transcript falls" if facts.modality is Modality.ACTIVATION else "the test does not confirm it"
    return "its transcript stays"


# ------------------------------------------------------------------------------------------- 2. enough cells


def enough_cells(facts: Facts) -> Check:
    """Whether both sides have at least 100 cells; with the smallest change that could be seen."""
    n = facts.n_target
    if facts.n_control < FEW_CELLS:
        sentence = f"only {text.plural(facts.n_control, 'control cell')} to compare with"
        return Check("Few control cells", f"{sentence}; {_power(facts)}", False, sentence)
    if facts.has_few_cells:
        cells = text.plural(n, "cell")
        return Check("Few cells", f"{cells}; {_power(facts)}", False, f"only {cells}")
    if facts.n_changed_others < WEAK_EFFECT and BLIND_FOLD < facts.detectable < math.inf:
        short = f"most genes must change {text.fold(facts.detectable)}"
        return Check("Small changes cannot be seen", f"{text.plural(n, 'cell')}; {_power(facts)}", False, short)
    median = text.number(facts.study.targets["n_cells"].median())
    beside = "" if facts.is_pooled else f", the median target has {median}"
    return Check("Enough cells", f"{text.number(n)}{beside}; {_power(facts)}", True)


def _power(facts: Facts) -> str:
    if not math.isfinite(facts.detectable):
        return "no change could be seen"
    return f"a gene of median expression must change {text.fold(facts.detectable)} to be seen"


# -------------------------------------------------------------------------------- 3. batches and 4. guides agree


def batches_agree(facts: Facts) -> Check:
    """Whether two halves of the batches give the same effect profile."""
    n_all = len(facts.study.batches)
    if facts.is_pooled:
        return Check("Batches cannot be compared", "not computed for all targets together", None)
    if n_all < 2:
        reason = "the file names no batch" if n_all == 0 else "the file has one batch"
        return Check("Batches cannot be compared", reason, None)
    if facts.n_batches < 2:
        return Check("Batches cannot be compared", f"all cells lie in one of {n_all:,} batches", None)
    r = float(facts.row.get("batch_r", math.nan))
    if not math.isfinite(r):
        return Check("Batches cannot be compared", "too few cells in one half of the batches", None)
    halves = "the two batches" if n_all == 2 else f"two halves of its {facts.n_batches} batches"
    return _agreement(facts, "Batches", f"r = {text.correlation(r)} between {halves}{_own_left_out(facts)}", r)


def guides_agree(facts: Facts) -> Check:
    """Whether the guides of the target give the same effect profile, own gene left out, and all of them work."""
    if facts.is_pooled:
        return Check("Guides cannot be compared", "guides of all targets are mixed", None)
    if not facts.study.roles.guide_col and not len(facts.guides):
        return Check("Guides cannot be compared", "the file names no guide", None)
    if len(facts.guides) < 2:
        return Check("Guides cannot be compared", "no second guide", None)
    if facts.failed_guides:
        return _failed_guides(facts)
    r = float(facts.row.get("guide_r", math.nan))
    if not math.isfinite(r):
        return Check("Guides cannot be compared", "too few cells a guide", None)
    sentence = f"median r = {text.correlation(r)} among {len(facts.guides)} guides{_own_left_out(facts)}"
    return _agreement(facts, "Guides", sentence, r)


def _failed_guides(facts: Facts) -> Check:
    failed = facts.failed_guides
    left = facts.guides.set_index(facts.guides["guide"].astype(str)).loc[failed, "percent_left"]
    named = [f"{name(g)} leaves {text.percent(float(x))}" for g, x in left.items()]
    short = f"{len(failed)} of {len(facts.guides)} guides {'fails' if len(failed) == 1 else 'fail'}"
    sentence = f"{text.enumerate_words(named, at_most=3)} of the transcript; the other guides lower it"
    return Check("Guides disagree", sentence, False, short)


def _agreement(facts: Facts, what: str, sentence: str, r: float) -> Check:
    if facts.left_out_of_totals:  # what the switch takes out of the effects is still in these
        return Check(f"{what} cannot be compared", sentence, None)
    if facts.stratified:
        reason = "but pooled: cells of unlike strata agree by these alone"
        return Check(f"{what} cannot be compared", f"{sentence}, {reason}", None)
    if r >= AGREE:
        return Check(f"{what} agree", sentence, True)
    if facts.n_changed_others < WEAK_EFFECT:
        reason = f"with {text.plural(facts.n_changed_others, 'other gene')} changed there is little to agree on"
        return Check(f"{what} cannot be compared", f"{sentence}; {reason}", None)
    return Check(f"{what} disagree", sentence, False, f"{what.lower()} disagree, r = {text.correlation(r)}")


def _own_left_out(facts: Facts) -> str:
    totals = ", with totals of all genes" if facts.left_out_of_totals else ""
    return f", own gene left out{totals}" if facts.transcript.gene in facts.genes.index else ""


# ----------------------------------------------------------------------------------- 5. no other gene falls as far


def no_other_falls_as_far(facts: Facts) -> Check:
    """Whether the own gene falls deepest; another that falls as far is an off-target, a neighbour or real."""
    if facts.is_pooled:
        return Check("Depth cannot be compared", "no single own gene", None)
    if facts.has_too_few_cells:
        return Check("Depth cannot be compared", f"{text.plural(facts.n_target, 'cell')} cannot show it", None)
    if facts.modality is Modality.ACTIVATION:
        return _no_other_rises_as_far(facts)
    if facts.falls_as_far or facts.neighbours:
        return _others_fall(facts)
    if facts.transcript.outcome is not Outcome.FALLS:
        return Check("No other gene is silenced", "no gene keeps 20 % or less".replace(" %", text.NBSP + "%"), True)
    lowest = _next_lowest(facts)
    if lowest is None:
        return Check("No other gene falls as far", "no other gene falls", True)
    gene, left = lowest
    keeps = f"{name(gene)}, keeps {text.percent(left)}"
    if left <= facts.transcript.left:  # a weak knock-down: its effects may be as large as itself
        return Check("No other gene is silenced", f"the lowest, {keeps}", True)
    return Check("No other gene falls as far", f"the next, {keeps}", True)


def _others_fall(facts: Facts) -> Check:
    neighbours = set(facts.neighbours)
    listed = [_with_left(gene, left, gene in neighbours) for gene, left in facts.falls_as_far]
    deep = {gene for gene, _ in facts.falls_as_far}
    listed += [_with_left(gene, facts.fraction_left(gene), True) for gene in facts.neighbours if gene not in deep]
    sentence = f"{text.enumerate_words(listed, at_most=5)}: guides may hit {'it' if len(listed) == 1 else 'them'} too"
    if deep:
        if facts.transcript.outcome is Outcome.FALLS:
            return Check("Other genes fall as far as the target", sentence, False, "other genes fall as far")
        return Check("Other genes are silenced", sentence, False, "other genes are silenced")
    return Check("A gene next door falls too", sentence, False, "a gene next door falls")


def _with_left(gene: str, left: float, next_door: bool) -> str:
    share = f"{text.percent(left)} left" if math.isfinite(left) else "falls"
    return f"{name(gene)} ({share}{', next door' if next_door else ''})"


def _next_lowest(facts: Facts) -> tuple[str, float] | None:
    """The other gene of which least is left, among those that change and are measurable."""
    table = facts.genes
    fallen = table[
        (table["fdr"] < facts.fdr)
        & (table["ctrl_mean_normalized"] >= MEASURABLE_MEAN)
        & ~table["gene"].isin([t.gene for t in facts.transcripts])
    ]
    left = (fallen["pert_mean_normalized"] / fallen["ctrl_mean_normalized"]).dropna()
    if left.empty or left.min() >= 1:
        return None
    return str(left.idxmin()), float(left.min())


def _no_other_rises_as_far(facts: Facts) -> Check:
    own = [t for t in facts.transcripts if t.outcome is Outcome.RISES]
    if not own:
        return Check("Height cannot be compared", "no own transcript is seen to rise", None)
    weakest = min(own, key=lambda t: t.least_fold)
    table = facts.genes
    others = table[(table["role"] == "up") & ~table["gene"].isin([t.gene for t in facts.transcripts])]
    own_change = float(table.loc[weakest.gene, "log2_fold_change"])
    above = others[others["log2_fold_change"] >= own_change].sort_values("log2_fold_change", ascending=False)
    if above.empty:
        return Check("No other gene rises as far", f"{name(weakest.gene)} rises {text.fold(weakest.least_fold)}", True)
    listed = [f"{name(g)} ({text.fold(2**x)})" for g, x in above["log2_fold_change"].items()]
    sentence = f"{text.enumerate_words(listed, at_most=5)} {'rises' if len(listed) == 1 else 'rise'} as far"
    return Check("Other genes rise as far", sentence, False, "other genes rise as far")


# ------------------------------------------------------------------------------- 6. one gene does not dominate


def no_gene_dominates(facts: Facts) -> Check:
    """Whether one gene holds so much of the library that its change shifts every other gene; or all shift as one."""
    top, recipe = facts.dominance, facts.study.roles.size_factors
    if top is None:
        return Check("Library cannot be judged", "no counts are known", None)
    share = f"{name(top.gene)} is {text.percent(top.share)} of control counts"
    short = f"{name(top.gene, 16)} is {text.percent(top.share)} of counts"
    if recipe.startswith("obs:"):
        elsewhere = f"totals come from {name(recipe)}, not from these genes"
        return Check("Library cannot be judged", f"{share} here; {elsewhere}", None)
    left_out = recipe == "no-dominant" and top.share > 0.05
    if left_out or top.gene == facts.left_out_of_totals:
        return Check("No gene dominates the library", f"{share}, and is left out of the size factors", True)
    if top.is_moved:
        sentence = f"{share}: its {_way(top)} makes every other gene look {_mirror(top)}"
        return Check("One gene dominates the library", sentence, False, short)
    if top.share > DOMINANT_SHARE:
        sentence = f"{share}: where it varies, every other gene looks changed"
        return Check("One gene dominates the library", sentence, False, short)
    if one_sided := _one_sided(facts):
        return Check("The library may have changed", one_sided, False, "totals may have changed")
    return Check("No gene dominates the library", f"the largest, {share}", True)


def _one_sided(facts: Facts) -> str:
    """That over half of all genes pass the FDR and most of them one way, as they do where totals changed; else ""."""
    passed = facts.genes["fdr"] < facts.fdr
    n, falling = int(passed.sum()), int((passed & (facts.genes["delta"] < 0)).sum())
    if 2 * n <= facts.n_genes or max(falling, n - falling) < ONE_SIDED * n:
        return ""
    shifts = f"{text.number(n)} of {text.plural(facts.n_genes, 'gene')} shift, most the same way"
    return f"{shifts}: totals may have changed; compare with other size factors"


def _way(top: Dominance) -> str:
    return "fall" if top.left < 1 else "rise"


def _mirror(top: Dominance) -> str:
    return "raised" if top.left < 1 else "lowered"
