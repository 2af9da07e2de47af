"""Compare: two targets against each other: how far profiles agree, by which genes, and does one move the other."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.errors import OptionError
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD
from core.stats import similarity
from core.views import text
from core.views.about import crumb
from core.views.compared import (
    Compared,
    alike_words,
    axis_title,
    cells_words,
    numbers,
    plain_r,
    profile,
    side_by_side,
)
from core.views.control_sets import most_that_controls_give, sets_by_test
from core.views.dominance import DOMINANT_SHARE
from core.views.methods import methods_of
from core.views.parts import Note, Vital
from core.views.power import BLIND_FOLD, detectable_fold_of
from core.views.similar import (
    CHANGED,
    SimilarView,
    StudyProfiles,
    n_genes,
    named,
    replicates,
    shared_genes,
    shared_words,
    similar_view,
    study_profiles,
)
from core.views.strength import strength_counts
from core.views.text import escape_markdown as name

AGREE = 0.2
"""Replicates that agree less hold hardly any signal to compare."""

RECIPROCAL_COLUMNS = ("target", "gene", "delta", "log2_fold_change", "fdr", "n_cells", "moves", "detectable")


@dataclass(frozen=True, eq=False)
class PairView(Compared):
    """Everything the Compare page shows of two targets.

    Parameters
    ----------
    a, b
        The targets, as in the file.
    r, n_r
        Pearson's r as the study's similarity has it (own genes of both left out, typical profile taken out), and the
        genes that it is over.
    r_drawn
        Pearson's r of the deltas as they are drawn, own genes left out: what the eye sees.
    shared
        Genes that add most to r and change in both.
    reciprocal
        One row for each measured gene that the other target was perturbed in: ``target``, ``gene``, ``delta``,
        ``log2_fold_change``, ``fdr``, ``n_cells``, ``moves``, ``detectable`` (the smallest fold that could be seen).
    reciprocal_words
        The same as a sentence.
    similar
        What is most like ``a`` and most opposite to it.
    definition
        How r is computed.
    """

    a: str = ""
    b: str = ""
    r: float = math.nan
    n_r: int = 0
    r_drawn: float = math.nan
    shared: pd.DataFrame | None = None
    reciprocal: pd.DataFrame | None = None
    reciprocal_words: str = ""
    similar: SimilarView | None = None
    definition: str = ""


def pair_view(study: Any, a: str, b: str, ready: StudyProfiles | None = None) -> PairView:
    """Two targets of a study against each other.

    Parameters
    ----------
    study
        An opened study.
    a, b
        Two of its targets.
    ready
        What :func:`core.views.similar.study_profiles` gives, where it is at hand.

    Raises
    ------
    OptionError
        If both are the same.
    UnknownTargetError
        If the study does not perturb one of them.
    """
    if a == b:
        raise OptionError(f"{a} is on both sides. Choose another target to compare it with.")
    ready = ready or study_profiles(study)
    profiles = {target: profile(study, ready, target) for target in (a, b)}
    genes = side_by_side(profiles[a], profiles[b])
    i, j = (ready.targets.get_loc(target) for target in (a, b))
    r = float(similarity.correlate(ready.profiles, [i], [j])[0, 0])
    n_r = n_genes(ready.profiles, i, j)
    own = tuple(dict.fromkeys(str(study.genes.index[g]) for k in (i, j) for g in ready.own[k]))
    shared = shared_genes(study, ready, i, j)
    moves = [moved_by(study, ready, *pair, profiles[pair[0]]) for pair in ((a, b), (b, a))]
    target = f"{text.plain(a, 30)} and {text.plain(b, 30)}"
    within = ready.scale.partition(", within ")[2]
    return PairView(
        key=f"pair {a} {b}",
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, [name(study.name), f"two of {text.plural(len(study.targets), 'target')}", "observed"]),
        title=target,
        target=target,
        modality="compared",
        headline=headline(study, a, b, r, n_r, shared),
        vitals=vitals(study, (a, b), r, n_r, genes, moves, ready),
        notes=notes(study, a, b),
        genes=genes,
        x_title=axis_title(a, within),
        y_title=axis_title(b, within),
        x_name=text.plain(a, 24),
        y_name=text.plain(b, 24),
        own_genes=own,
        n_cells=int(study.targets["n_cells"][[a, b]].sum() + study.n_control),
        said=f"Dots: genes that change in either at FDR < {FDR_THRESHOLD:g} and at least {FOLD_THRESHOLD:g}-fold; in "
        "color those that change in both.",
        methods=methods_of(
            study,
            cells_words(study, (a, b)),
            within if ready.stratified else "",
            f"changed: FDR < {FDR_THRESHOLD:g} and at least {FOLD_THRESHOLD:g}-fold; {ready.definition.rstrip('.')}",
        ),
        a=a,
        b=b,
        r=r,
        n_r=n_r,
        r_drawn=plain_r(genes, own)[0],
        shared=shared,
        reciprocal=pd.concat([m for m in moves if len(m)] or moves[:1], ignore_index=True),
        reciprocal_words=" ".join(
            moves_words(study.modality, *pair, rows) for pair, rows in zip(((a, b), (b, a)), moves, strict=True)
        ),
        similar=similar_view(study, a, ready),
        definition=ready.definition,
        scale=ready.scale,
    )


# ------------------------------------------------------------------------------------------------ who moves whom


def moved_by(study: Any, ready: StudyProfiles, mover: str, moved: str, effects: pd.DataFrame) -> pd.DataFrame:
    """What one target does to the genes that another was perturbed in; no row where none is measured.

    ``effects`` is the mover's :func:`core.views.compared.profile`.
    """
    mine = set(ready.own_of(mover))
    rows = [
        {
            "target": mover,
            "gene": str(study.genes.index[g]),
            "n_cells": int(study.targets["n_cells"][mover]),
            "moves": bool(effects["fdr"].iloc[g] < FDR_THRESHOLD),
            "detectable": detectable_fold_of(
                str(study.genes.index[g]), study.genes, study.targets["n_cells"][mover], study.n_control
            ),
            **{c: float(effects[c].iloc[g]) for c in ("delta", "log2_fold_change", "fdr")},
        }
        for g in ready.own_of(moved)
        if g not in mine  # a gene that both were perturbed in tells nothing
    ]
    return pd.DataFrame(rows, columns=list(RECIPROCAL_COLUMNS))


def moves_words(modality: str, mover: str, moved: str, rows: pd.DataFrame) -> str:
    """Whether perturbing one target moves another, in a sentence with its numbers; "does not" only where seen."""
    if rows.empty:
        return f"Whether {name(mover)} moves {name(moved)} cannot be told: {_not_told(mover, moved)}."
    return " ".join(_move_words(f"{name(mover)} {modality}", row) for row in rows.itertuples())


def _not_told(mover: str, moved: str) -> str:
    """Why no gene of ``moved`` tells what ``mover`` does to it."""
    genes = moved.split("+")
    other = [gene for gene in genes if gene not in mover.split("+")]
    if len(other) < len(genes):
        rest = f", {text.enumerate_words([name(g, 14) for g in other])} not measured" if other else ""
        return f"both were perturbed in {text.enumerate_words([name(g, 14) for g in genes if g not in other])}{rest}"
    return f"{text.enumerate_words([name(g, 14) for g in genes])} {'is' if len(genes) == 1 else 'are'} not measured"


def _move_words(doing: str, row: Any) -> str:
    gene, cells = name(row.gene), text.plural(row.n_cells, "cell")
    found = f"delta {text.signed(row.delta)}, FDR {text.p_value(row.fdr)}"
    if row.moves:
        return f"**{doing} {'raises' if row.delta > 0 else 'lowers'} {gene}** ({found}, {cells})."
    if row.detectable <= BLIND_FOLD:
        return f"**{doing} does not move {gene}** ({found}, {cells}; {text.fold(row.detectable)} would be seen)."
    seen = f"only changes above {text.fold(row.detectable)}" if math.isfinite(row.detectable) else "no change"
    return f"**{doing}: no change of {gene} seen** ({found}, {cells}; {seen} could be seen)."


# --------------------------------------------------------------------------------------------- what is said first


def headline(study: Any, a: str, b: str, r: float, n_r: int, shared: pd.DataFrame) -> str:
    """How the two compare, by which genes, and the biggest doubt."""
    if not math.isfinite(r):
        return f"**{name(a)} and {name(b)} cannot be compared**: one of the profiles is constant or not known."
    start = f"**{name(a)} and {name(b)} {alike_words(r)}** (r {text.correlation(r)} over {text.plural(n_r, 'gene')})"
    genes = shared_words(shared.head(3), f"with {name(a)}", f"with {name(b)}") if len(shared) else ""
    said = f"{start}: {named(genes)}." if genes and abs(r) >= AGREE else f"{start}."
    weak = [(t, *replicates(study, t)) for t in (a, b)]
    weak = [(t, agreement, whose) for t, agreement, whose in weak if whose and agreement < AGREE]
    if weak:
        t, agreement, whose = min(weak, key=lambda found: found[1])
        agree = f"{text.capitalized(whose)} of {name(t)} agree at r {text.correlation(agreement)} only"
        return f"{said} {agree}: little is there to compare."
    counts = strength_counts(study, study.stratified_default)
    if silent := [t for t in (a, b) if counts[t] == 0]:
        who = f"{text.enumerate_words([name(t) for t in silent])} {'change' if len(silent) > 1 else 'changes'}"
        return f"{said} {who} no gene at FDR < 0.05: lean little on r."
    return said


def vitals(
    study: Any,
    pair: tuple[str, str],
    r: float,
    n_r: int,
    genes: pd.DataFrame,
    moves: list[pd.DataFrame],
    ready: StudyProfiles,
) -> tuple[Vital, ...]:
    """How alike, how far replicates agree, what changes in both, does A move B, does B move A."""
    found = numbers(genes)
    both = found["alike"] + found["unlike"]
    return (
        Vital("Similarity, r", text.correlation(r), f"over {text.plural(n_r, 'gene')}", ready.definition),
        _agreement(study, pair),
        Vital(
            "Change in both",
            text.short_number(both),
            CHANGED,
            f"Genes at FDR < {FDR_THRESHOLD:g} and at least {FOLD_THRESHOLD:g}-fold in both, perturbed genes included: "
            f"{found['alike']:,} alike, {found['unlike']:,} opposite; {found['x_alone']:,} change with {name(pair[0])} "
            f"alone, {found['y_alone']:,} with {name(pair[1])} alone. Control sets of either size, against the other "
            f"controls, call at most so many genes at FDR < {FDR_THRESHOLD:g}.",
            beside=_controls_give(sets_by_test(study, ready.stratified), study, pair),
        ),
        _moves(*pair, moves[0]),
        _moves(pair[1], pair[0], moves[1]),
    )


def _controls_give(sets: pd.DataFrame, study: Any, pair: tuple[str, str]) -> str:
    most = most_that_controls_give(sets, study.targets["n_cells"][list(pair)].to_numpy())
    if not all(math.isfinite(n) for n in most):
        return ""
    return f"control sets up to {' and '.join(text.number(n) for n in most)}"


def _agreement(study: Any, pair: tuple[str, str]) -> Vital:
    known = [replicates(study, t) for t in pair]
    help_text = (
        "How far replicates of each target agree, the lower of both: a profile cannot agree with another one better "
        "than with itself. Halves of batches (batch_r of the table of targets) where known, else guides (guide_r); raw "
        "deltas, own gene left out, no typical profile taken out."
    )
    if not all(whose for _, whose in known):
        return Vital("Replicates agree, r", text.NOTHING, "not known for both", help_text)
    (ra, whose_a), (rb, _) = known
    context = f"{whose_a}; {text.correlation(ra)} and {text.correlation(rb)}"
    return Vital("Replicates agree, r", text.correlation(min(ra, rb)), context, help_text, min(ra, rb) < AGREE)


def _moves(mover: str, moved: str, rows: pd.DataFrame) -> Vital:
    label = f"{name(mover, 12)} on {name(moved, 12)}"
    help_text = "Delta (log-normalized) of the gene that the other target was perturbed in, with its FDR."
    if rows.empty:
        return Vital(label, text.NOTHING, _not_told(mover, moved), help_text)
    first = rows.sort_values("fdr").iloc[0]
    return Vital(
        label, text.signed(first["delta"]), f"{name(first['gene'], 14)}, FDR {text.p_value(first['fdr'])}", help_text
    )


def notes(study: Any, a: str, b: str) -> tuple[Note, ...]:
    """What makes both look alike, or all others move, without being the answer to the perturbation."""
    found = [dominant_note(study, t) for t in (a, b)]
    shared = set(a.split("+")) & set(b.split("+"))
    if ("+" in a or "+" in b) and shared:
        genes = text.enumerate_words([name(g) for g in sorted(shared)])
        found.append(Note("info", f"**{genes} is perturbed in both**, so that they look alike is no surprise."))
    return tuple(note for note in found if note)


def dominant_note(study: Any, target: str) -> Note | None:
    """That a target's own gene holds so many counts that its change moves all others; None where it does not."""
    own = str(study.targets["own_gene"][target])
    share = float(study.genes["count_share"].get(own, 0.0)) if own else 0.0
    if share < DOMINANT_SHARE or study.roles.size_factors != "all":
        return None
    said = f"**{name(own)} is {text.percent(share)} of all counts**, so its own change makes the other genes look moved"
    return Note("warning", f"{said} with {name(target)}. The size factors without dominant genes tell more.")
