"""What a paper should say of a number: cells, scale, test, correction, threshold, version. Plain text, to be copied."""

from typing import Any

from core.schema import PSEUDOCOUNT, Values
from core.views import text
from core.views.facts import Facts, stratum_word


def target_methods(facts: Facts) -> str:
    """The methods sentence of one target's figures and tables."""
    study, word = facts.study, facts.stratum_word if facts.stratified else ""
    changed = (
        f"changed: FDR < {text.threshold(facts.fdr)} and at least {text.threshold(facts.fold)}-fold in mean normalized "
        f"counts (pseudocount {PSEUDOCOUNT})"
    )
    who = f"{text.plain(facts.target, 60)}: {text.plural(facts.n_target, 'cell')}"
    return _sentence(study, who, word, changed)


def study_methods(study: Any) -> str:
    """The methods sentence of a study's figures and tables."""
    targets, cells = text.plural(len(study.targets), "target"), text.plural(study.n_perturbed, "cell")
    word = stratum_word(study) if study.stratified_default else ""
    return _sentence(study, f"{text.plain(study.name)}: {targets}, {cells}", word, "changed: FDR < 0.05")


def _sentence(study: Any, who: str, word: str, changed: str) -> str:
    simulated = "Simulated data. " if study.simulated else ""
    return (
        f"{simulated}{who} against {_controls(study)}; {scale_sentence(study)}; "
        f"{test_name(word)}, Benjamini-Hochberg over {text.plural(study.n_genes, 'gene')}; {changed} "
        f"(Perturbscope {text.version()}; numpy {text.version('numpy')}, scipy {text.version('scipy')})."
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


def scale_sentence(study: Any) -> str:
    """How values became log-normalized, in words."""
    roles = study.roles
    if roles.values == Values.LOG_NORMALIZED:
        return "values log-normalized as in the file"
    recipe = roles.size_factors
    if recipe == "no-dominant":
        library = "the median library size without genes that hold over 5 % of all counts"
    elif recipe.startswith("obs:"):
        library = f"the median of the library sizes in obs[{text.plain(recipe[4:])!r}]"
    else:
        library = "the median library size"
    return f"counts normalized to {library}, log1p"
