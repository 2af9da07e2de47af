"""Study: what is in a file, how it was read, and which of its targets need care."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.schema import ALL_PERTURBED
from core.views import text
from core.views.about import crumb
from core.views.care import FEW_NOTE, needing_care
from core.views.control_sets import most_that_controls_give, sets_by_test
from core.views.dominance import DOMINANT_SHARE
from core.views.methods import Methods, study_methods
from core.views.parts import Care, Note, Vital
from core.views.power import FEW_CELLS, detectable_fold
from core.views.strata import stratum_word
from core.views.strength import strength_class
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, Outcome, own_transcript, split_combination

FEW_CONTROLS = 250
"""Below so many control cells their own noise shows in every effect alike."""

PANEL = 1000
"""With fewer genes "more than 100 genes" says little, and a tenth of the genes is the cut."""


@dataclass(frozen=True, eq=False)
class StudyView:
    """Everything the Study page and its figures show.

    Strings are markdown with names escaped, but for ``title``, ``study_name`` (plain names) and ``methods`` (plain
    text to copy).

    Parameters
    ----------
    study_id, study_name, fingerprint, simulated
        Of which study; whether a program made it.
    crumb, title, headline
        Where we are, the study's name, and what the page says first.
    modality
        ``knock-down``, ``knock-out``, ``activation`` or ``perturbation``.
    n_cells, n_control, n_genes, n_targets
        What is in the file.
    stratified, stratum
        Whether effects are compared within the stratum, and its name as a word ("" where there is none).
    vitals, notes
        Five numbers; at most two warnings.
    roles
        Columns Role, Read from, Evidence: plain text.
    reading_notes
        What the reading of the roles had to say.
    care, care_more, care_note
        At most eight targets (or groups of targets) that need care, how many more there are in words, and what few
        cells with many changed genes mean; the latter two empty where there is nothing to say.
    left_out
        Which cells are left out, as a sentence; empty where none are.
    targets
        One row a target, most changed genes first, with the study's own columns (``n_cells``, ``percent_left``, …);
        ``n_significant``, ``n_changed``, ``n_up``, ``n_down`` and ``strength`` by the test that is shown; ``target``
        and ``outcome``, what can be said of the own transcript (see :class:`core.views.transcript.Outcome`).
    targets_table
        The same for reading: columns in words, fractions as percentages.
    genes, totals_histogram, genes_seen_histogram, batches
        The study's tables, as they are.
    detectable
        Smallest fold change that a target of median size could show in a gene of median expression.
    """

    study_id: str
    study_name: str
    fingerprint: str
    simulated: bool
    crumb: str
    title: str
    headline: str
    modality: str
    n_cells: int
    n_control: int
    n_genes: int
    n_targets: int
    stratified: bool
    stratum: str
    vitals: tuple[Vital, ...]
    notes: tuple[Note, ...]
    roles: pd.DataFrame
    reading_notes: tuple[str, ...]
    care: tuple[Care, ...]
    care_more: str
    care_note: str
    left_out: str
    targets: pd.DataFrame
    targets_table: pd.DataFrame
    genes: pd.DataFrame
    totals_histogram: pd.DataFrame
    genes_seen_histogram: pd.DataFrame
    batches: pd.DataFrame
    control_sets: pd.DataFrame
    detectable: float
    methods: Methods


def study_view(study: Any) -> StudyView:
    """What is in a study, in tables and sentences."""
    targets = targets_shown(study)
    modality = Modality(study.modality)
    cares = needing_care(targets, modality, study.n_genes, stratum_word(study))
    detectable = _detectable(study, targets)
    return StudyView(
        study_id=study.id,
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, ["Study", name(Path(study.path).name, 60), study.modality]),
        title=text.plain(study.name, 60),
        headline=headline(study, targets, detectable),
        modality=modality.value,
        n_cells=int(study.n_cells),
        n_control=int(study.n_control),
        n_genes=int(study.n_genes),
        n_targets=len(targets),
        stratified=bool(study.stratified_default),
        stratum=stratum_word(study),
        vitals=vitals(study, targets),
        notes=notes(study, targets),
        roles=roles_table(study.evidence),
        reading_notes=tuple(name(note, 400) for note in study.notes),
        care=cares.shown,
        care_more=f"and {text.plural(cares.n_more, 'more', 'more')}." if cares.n_more else "",
        care_note=FEW_NOTE if cares.has_few_yet_many else "",
        left_out=left_out_sentence(study.left_out),
        targets=targets,
        targets_table=targets_table(targets),
        genes=study.genes,
        totals_histogram=study.totals_histogram,
        genes_seen_histogram=study.genes_seen_histogram,
        batches=study.batches,
        control_sets=sets_by_test(study, study.stratified_default),
        detectable=detectable,
        methods=study_methods(study),
    )


def _within(study: Any) -> str:
    return f" within {name(stratum_word(study))}" if study.stratified_default else ""


# ---------------------------------------------------------------------------------------------------- headline


def headline(study: Any, targets: pd.DataFrame, detectable: float) -> str:
    """What is in the file and what it shows, in at most 30 words, the counts in bold."""
    start = f"**{text.plural(len(targets), 'target')} in {text.plural(study.n_cells, 'cell')}.**"
    if targets.empty:
        return start
    if saw_nothing(targets, study.n_genes):
        return f"{start} {_nothing_seen(study, targets, detectable)}"
    return f"{start} {_what_is_seen(study, targets)}{_few_cells(targets)}."


def saw_nothing(targets: pd.DataFrame, n_genes: int) -> bool:
    """Whether even the strongest target stays below ten genes, or below a twentieth of a small panel."""
    return int(targets["n_significant"].max()) < min(10, math.ceil(n_genes / 20))


def _nothing_seen(study: Any, targets: pd.DataFrame, detectable: float) -> str:
    most = int(targets["n_significant"].max())
    what = "a gene" if most == 0 else f"more than {text.plural(most, 'gene')}"
    criteria = f"(FDR < 0.05{_within(study)})"
    depth = f" and {text.plural(study.median_total, 'count')} a cell" if study.has_counts else ""
    if not math.isfinite(detectable):
        return f"No target changes {what} {criteria}; nothing could be seen here."
    limit = f"most genes must change {text.fold(detectable)} to be seen"
    return f"No target changes {what} {criteria}; with {text.plural(study.n_control, 'control')}{depth}, {limit}."


def _what_is_seen(study: Any, targets: pd.DataFrame) -> str:
    changed, within = targets["n_significant"], _within(study)
    if study.n_genes >= PANEL:
        many, few = int((changed > 100).sum()), int((changed < 10).sum())
        return (
            f"{text.capitalized(text.plural(many, 'target'))} {_verb(many)} more than 100 genes at FDR < 0.05{within}, "
            f"{text.plural(few, 'target') if few == 0 else text.number(few)} {_verb(few)} fewer than 10"
        )
    tenth = study.n_genes // 10
    many, none = int((changed > tenth).sum()), int((changed == 0).sum())
    more = f"more than {tenth} of {study.n_genes} genes at FDR < 0.05{within}"
    seen = f"{text.capitalized(text.plural(many, 'target'))} {_verb(many)} {more}"
    return seen if none == 0 else f"{seen}, {text.number(none)} {_verb(none)} none"


def _verb(n: int) -> str:
    return "changes" if n in (0, 1) else "change"


def _few_cells(targets: pd.DataFrame) -> str:
    few = int((targets["n_cells"] < FEW_CELLS).sum())
    return f"; {text.number(few)} {'has' if few == 1 else 'have'} fewer than {FEW_CELLS} cells" if few else ""


def _detectable(study: Any, targets: pd.DataFrame) -> float:
    return detectable_fold(study.genes, targets["n_cells"].median() if len(targets) else 0, study.n_control)


# ------------------------------------------------------------------------------------------------------ vitals


def vitals(study: Any, targets: pd.DataFrame) -> tuple[Vital, ...]:
    """Cells, controls, genes, targets, batches."""
    unseen = int((study.genes["nonzero_fraction"] == 0).sum())
    left_out = sum(study.left_out.values())
    perturbed = f"{text.number(study.n_perturbed)} perturbed"
    labels = text.enumerate_words([name(label, 24) for label in study.roles.control], at_most=2)
    median = f"median {text.plural(targets['n_cells'].median(), 'cell')}" if len(targets) else "none"
    return (
        Vital(
            "Cells",
            text.short_number(study.n_cells),
            f"{perturbed}, {text.number(left_out)} left out" if left_out else perturbed,
        ),
        Vital("Controls", text.short_number(study.n_control), labels, warn=study.n_control < FEW_CELLS),
        Vital("Genes", text.short_number(study.n_genes), f"{text.number(unseen)} never seen" if unseen else "all seen"),
        Vital("Targets", text.short_number(len(targets)), median, _power(study, targets)),
        _batches(study.batches),
    )


def _power(study: Any, targets: pd.DataFrame) -> str:
    seen = _detectable(study, targets)
    if not math.isfinite(seen):
        return "Perturbed genes or combinations."
    return (
        f"Perturbed genes or combinations. A target of median size shows a rise of {text.fold(seen)} or more in a gene "
        "of median expression, four times out of five."
    )


def _batches(batches: pd.DataFrame) -> Vital:
    if batches.empty:
        return Vital("Batches", text.NOTHING, "no batch column was read")
    low, high = int(batches["n_cells"].min()), int(batches["n_cells"].max())
    cells = text.plural(low, "cell") if low == high else f"{text.number(low)} to {text.plural(high, 'cell')}"
    return Vital("Batches", text.short_number(len(batches)), f"{cells} each" if len(batches) > 1 else cells)


# --------------------------------------------------------------------------------------------- notes and roles


def notes(study: Any, targets: pd.DataFrame) -> tuple[Note, ...]:
    """At most two warnings about the whole study."""
    found = [_dominant_gene(study), _strata(study, targets), _few_controls(study)]
    return tuple(note for note in found if note)[:2]


def _dominant_gene(study: Any) -> Note | None:
    if study.roles.size_factors != "all" or not (study.genes["count_share"].max() > DOMINANT_SHARE / 2):
        return None
    pooled = study.effects(ALL_PERTURBED)  # the share in controls is the one that the other pages name
    control = pooled["ctrl_mean_counts"] if study.has_counts else pooled["ctrl_mean_normalized"]
    share = control / control.sum()
    if not share.max() > DOMINANT_SHARE:
        return None
    start = f"**{name(share.idxmax())} is {text.percent(float(share.max()))} of all control counts.**"
    cure = "Size factors without dominant genes avoid that: see the roles." if study.has_counts else ""
    return Note("warning", f"{start} Where it falls, every other gene looks raised. {cure}".strip())


def _strata(study: Any, targets: pd.DataFrame) -> Note | None:
    if not study.has_strata or "stratum_warning" not in targets:
        return None
    n = int(targets["stratum_warning"].sum())
    if n == 0:
        return None
    word = name(stratum_word(study))
    who = f"{text.plural(n, 'target')} of {text.number(len(targets))} {'differs' if n == 1 else 'differ'}"
    start = f"**{text.capitalized(who)} from the controls in {word}.**"
    if study.stratified_default:
        return Note("warning", f"{start} Pooled, that would look like an effect; so genes are tested within {word}.")
    return Note("warning", f"{start} What differs between {word} groups looks like an effect of these targets.")


def _few_controls(study: Any) -> Note | None:
    if study.n_control >= FEW_CONTROLS:
        return None
    start = f"**The study has {text.plural(study.n_control, 'control cell')}.**"
    return Note("warning", f"{start} Their own noise is in the effect of every target alike.")


def roles_table(evidence: pd.DataFrame) -> pd.DataFrame:
    """How the file was read: columns Role, Read from, Evidence."""
    table = evidence.rename(columns={"role": "Role", "read_from": "Read from", "evidence": "Evidence"})
    plain = {column: [text.plain(x, 120) for x in table[column]] for column in ("Role", "Read from", "Evidence")}
    plain["Role"] = [text.capitalized(role) for role in plain["Role"]]
    return pd.DataFrame(plain)


def left_out_sentence(left_out: dict[str, int]) -> str:
    """Which cells are left out and why.

    Examples
    --------
    >>> left_out_sentence({"two targets": 1200, "no counts at all": 34, "no label": 0})
    '1,234 cells are left out: 1,200 two targets, 34 no counts at all.'
    >>> left_out_sentence({})
    ''
    """
    reasons = {reason: n for reason, n in left_out.items() if n}
    total = sum(reasons.values())
    if not total:
        return ""
    listed = ", ".join(f"{text.number(n)} {name(reason, 80)}" for reason, n in reasons.items())
    return f"{text.plural(total, 'cell')} {'is' if total == 1 else 'are'} left out: {listed}."


# ----------------------------------------------------------------------------------------------------- targets


def targets_shown(study: Any) -> pd.DataFrame:
    """The study's targets by the test that is shown, most changed genes first, with their transcript's outcome."""
    table = study.targets.copy()
    if study.stratified_default:
        for column in ("n_significant", "n_changed", "n_up", "n_down"):
            if f"{column}_stratified" in table:
                table[column] = table[f"{column}_stratified"]
    sets = sets_by_test(study, study.stratified_default)
    table["controls_give"] = most_that_controls_give(sets, table["n_cells"].to_numpy())
    table["strength"] = [strength_class(int(n)) for n in table["n_significant"]]
    table["outcome"] = [_outcome(str(target), row) for target, row in table.iterrows()]
    table.insert(0, "target", table.index.astype(str))
    order = table.sort_values(["n_significant", "n_cells"], ascending=False, kind="stable")
    return order.rename_axis(None)


def _outcome(target: str, row: pd.Series) -> str:
    several = len(split_combination(target, bool(row["own_gene"]))) > 1
    return (Outcome.SEVERAL if several else own_transcript(target, row).outcome).value


def targets_table(targets: pd.DataFrame) -> pd.DataFrame:
    """The targets for reading: words as columns, percentages, the least informative last."""
    measured = targets["outcome"].isin(["falls", "rises", "unchanged"])
    return pd.DataFrame(
        {
            "Target": targets["target"].map(lambda t: text.plain(t, 80)),
            "Cells": targets["n_cells"].astype(int),
            "Genes at FDR < 0.05": targets["n_significant"].astype(int),
            "Control sets, at most": targets["controls_give"],
            "Genes changed": targets["n_changed"].astype(int),
            "Strength": targets["strength"],
            "Transcript left, %": (100 * targets["percent_left"]).where(measured),
            "95 % low": (100 * targets["percent_left_low"]).where(measured),
            "95 % high": (100 * targets["percent_left_high"]).where(measured),
            "Own transcript": targets["outcome"],
            "Guides": targets["n_guides"].astype(int),
            "Guides agree, r": targets["guide_r"],
            "Batches": targets["n_batches"].astype(int),
            "Batches agree, r": targets["batch_r"],
            "E-distance": targets["e_distance"],
        }
    ).reset_index(drop=True)
