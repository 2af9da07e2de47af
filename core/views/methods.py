"""What a paper should say of a number: cells, scale, test, correction, threshold, version. Plain text, to be copied."""

from dataclasses import dataclass
from typing import Any, Literal

from core.schema import PSEUDOCOUNT, Values
from core.views import text
from core.views.facts import Facts
from core.views.strata import stratum_word
from core.views.subset import of_subset

RestsOn = Literal["changed", "test", "values", "normalized", "cells"]
"""What a figure rests on: which genes changed, the test alone, log-normalized values, normalized counts, or neither."""


@dataclass(frozen=True)
class Methods:
    """What a paper should say of a view's figures, in parts: a figure takes those that it rests on.

    Parameters
    ----------
    who
        The target or study, with its cells and the controls.
    values, normalized
        How values became log-normalized, and how counts were normalized.
    test, changed
        The test with its correction; the thresholds of "changed".
    simulated
        Whether a program made the data.
    subset
        Which cells alone are shown; "" for all.
    """

    who: str
    values: str
    normalized: str
    test: str
    changed: str
    simulated: bool = False
    subset: str = ""

    def sentence(self, drawn: str, rests_on: RestsOn = "changed") -> str:
        """The sentence of a figure that draws ``drawn``."""
        test = f"test on {self.values}: {self.test}"
        basis = {
            "changed": [test, self.changed],
            "test": [test],
            "values": [self.values],
            "normalized": [self.normalized],
            "cells": [],
        }[rests_on]
        versions = [f"Perturbscope {text.version()}", f"numpy {text.version('numpy')}"]
        versions += [f"scipy {text.version('scipy')}"] if test in basis else []
        start = "Simulated data. " if self.simulated else ""
        return f"{start}{'; '.join([self.who, f'drawn: {drawn}', *basis])} ({', '.join(versions)})."


def target_methods(facts: Facts) -> Methods:
    """What a paper should say of one target's figures and tables."""
    changed = (
        f"changed: FDR < {text.threshold(facts.fdr)} and at least {text.threshold(facts.fold)}-fold in mean normalized "
        f"counts (pseudocount {PSEUDOCOUNT})"
    )
    who = f"{text.plain(facts.target, 60)}: {text.plural(facts.n_target, 'cell')}"
    word = facts.stratum_word if facts.stratified else ""
    seen = f" seen in at least {facts.seen_in} cells of either group" if facts.seen_in else ""
    tested = f"{text.plural(facts.n_tested, 'gene')}{seen}"
    return methods_of(facts.study, who, word, changed, facts.left_out_of_totals, tested)


def gene_methods(study: Any, gene: str, word: str, fdr: float, fold: float) -> Methods:
    """What a paper should say of one gene's figures; ``word`` is the stratum compared within ("" where none)."""
    changed = (
        f"moved: FDR < {text.threshold(fdr)} (within each target) and at least {text.threshold(fold)}-fold in mean "
        f"normalized counts (pseudocount {PSEUDOCOUNT})"
    )
    targets = text.plural(len(study.targets), "target")
    who = f"{text.plain(gene, 60)} in {text.plural(study.n_perturbed, 'cell')} of {targets}"
    return methods_of(study, who, word, changed)


def study_methods(study: Any) -> Methods:
    """What a paper should say of a study's figures and tables."""
    targets, cells = text.plural(len(study.targets), "target"), text.plural(study.n_perturbed, "cell")
    word = stratum_word(study) if study.stratified_default else ""
    return methods_of(study, f"{text.plain(study.name)}: {targets}, {cells}", word, "changed: FDR < 0.05")


def methods_of(study: Any, who: str, word: str, changed: str, left_out: str = "", tested: str = "") -> Methods:
    """What a paper should say: who with how many cells, within what stratum ("" where none), what "changed" means.

    ``left_out`` is a gene that the totals are without; ``tested`` the genes that were tested, where not all were.
    """
    normalized, subset = normalized_words(study), of_subset(study)
    in_file = study.roles.values == Values.LOG_NORMALIZED
    return Methods(
        who=f"{who} against {_controls(study)}{f' ({subset})' if subset else ''}",
        values=normalized if in_file else f"{normalized_words(study, left_out)}, log1p",
        normalized=f"expm1 of {normalized}" if in_file else normalized,
        test=f"{test_name(word)}, Benjamini-Hochberg over {tested or text.plural(study.n_genes, 'gene')}",
        changed=changed,
        simulated=bool(study.simulated),
        subset=subset,
    )


def _controls(study: Any) -> str:
    labels = [text.plain(label) for label in study.roles.control]
    if all(label.casefold() in ("control", "controls", "ctrl") for label in labels):
        return text.plural(study.n_control, "control")
    return f"{text.number(study.n_control)} {text.enumerate_words(labels, at_most=3)} controls"


def scale_name(stratum: str) -> str:
    """What delta is measured on, and within what ("" where nothing)."""
    return f"log-normalized, within {text.plain(stratum)}" if stratum else "log-normalized"


def test_name(stratum: str) -> str:
    """The test in words, within the given stratum ("" where nothing)."""
    return f"two-sided Mann-Whitney U{f' within {text.plain(stratum)} (van Elteren)' if stratum else ''}"


test_name.__test__ = False  # type: ignore[attr-defined]  # pytest takes functions called test_* for tests


def normalized_words(study: Any, left_out: str = "") -> str:
    """How counts were normalized, in words; ``left_out`` is the gene that the totals leave out, if any."""
    roles = study.roles
    if roles.values == Values.LOG_NORMALIZED:
        return "values log-normalized as in the file"
    recipe = roles.size_factors
    if left_out:
        library = f"the median library size, {text.plain(left_out)} left out of all totals"
    elif recipe == "no-dominant":
        library = "the median library size without genes that hold over 5 % of all counts"
    elif recipe.startswith("obs:"):
        library = f"the median of the library sizes in obs[{text.plain(recipe[4:])!r}]"
    else:
        library = "the median library size"
    return f"counts normalized to {library}"
