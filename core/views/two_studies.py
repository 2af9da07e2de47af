"""Two studies: what the same target does in both, on the genes that both measure."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.gene_names import resolve_all
from core.errors import OptionError
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD, MEASURABLE_MEAN
from core.views import text
from core.views.about import crumb
from core.views.compare import AGREE
from core.views.compared import Compared, alike_words, axis_title, numbers, plain_r, profile, side_by_side
from core.views.methods import methods_of
from core.views.parts import Vital
from core.views.similar import CHANGED, StudyProfiles, layers, replicates, study_profiles
from core.views.text import escape_markdown as name
from core.views.transcript import Modality

MIN_SHARED = 10
"""Fewer expressed genes in common tell nothing about a profile."""


@dataclass(frozen=True, eq=False)
class StudiesView(Compared):
    """A target in two studies.

    Parameters
    ----------
    other_name, other_id
        The second study.
    twins
        What the target is called in either.
    n_shared, n_r
        Genes that both measure; those that both express, over which ``r`` is.
    r
        Pearson's r of the deltas, own genes left out.
    r_typical
        The same with each study's typical profile taken out; NaN where a study has too few targets for one.
    """

    other_name: str = ""
    other_id: str = ""
    twins: tuple[str, str] = ("", "")
    n_shared: int = 0
    n_r: int = 0
    r: float = math.nan
    r_typical: float = math.nan


def shared_gene_names(study: Any, other: Any) -> pd.Series:
    """The genes of the second study by those of the first that they are: equal symbols, else by any other name.

    Symbols in other capitals (mouse symbols), Ensembl ids, previous symbols and aliases are understood as when they are
    typed; a gene that two would be is matched to none.

    Returns
    -------
    pandas.Series
        Index: symbol in ``study``; value: symbol in ``other``.
    """
    mine = study.genes.index.astype(str)
    theirs = other.genes.index.astype(str)
    equal = theirs.isin(mine)
    found = pd.Series(theirs[equal], index=theirs[equal])
    rest = theirs[~equal]
    by_name = resolve_all(rest, mine.to_numpy(object), study.genes["gene_id"].to_numpy())
    more = pd.Series(rest, index=pd.Index(by_name, dtype=object))
    more = more[more.index.notna() & ~more.index.isin(found.index) & ~more.index.duplicated(keep=False)]
    return pd.concat([found, more])


def target_in(study: Any, target: str) -> str | None:
    """The target of a study that another study's target is, None if it perturbs no such gene."""
    found = study.find_target(target)
    return found if found in study.targets.index else None


def studies_view(study: Any, other: Any, target: str, ready: StudyProfiles | None = None) -> StudiesView:
    """A target's profile in two studies.

    Parameters
    ----------
    study, other
        Two opened studies.
    target
        A target of the first.
    ready
        Of the first study, where it is at hand.

    Raises
    ------
    OptionError
        If the second study does not perturb the target, or both share too few genes.
    UnknownTargetError
        If the first study does not perturb it.
    """
    study.effects(target)
    twin = target_in(other, target)
    if twin is None:
        raise OptionError(
            f"{text.plain(other.name)} does not perturb {text.plain(target)}. It has "
            f"{text.plural(len(other.targets), 'target')}; choose another study, or a target that both perturb."
        )
    match = shared_gene_names(study, other)
    if len(match) < MIN_SHARED:
        raise OptionError(
            f"{text.plain(study.name)} and {text.plain(other.name)} share {text.plural(len(match), 'gene')}: expected "
            f"at least {MIN_SHARED}. Genes are matched by symbol, alias and Ensembl id; two species share few."
        )
    readies = (ready or study_profiles(study), study_profiles(other))
    first = profile(study, readies[0], target).loc[match.index]
    second = profile(other, readies[1], twin).loc[match.to_numpy()].set_axis(match.index)
    genes = side_by_side(first, second)
    own = own_symbols(study, readies[0], target)
    own |= set(match.index[match.isin(list(own_symbols(other, readies[1], twin)))])
    unseen = set(match.index) - set(expressed(study, other, match))
    r, n_r = plain_r(genes, [*own, *unseen])
    r_typical = without_typical(readies, (target, twin), match, own | unseen)
    label = text.plain(target, 30)
    return StudiesView(
        key=f"studies {target} {other.fingerprint}",
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated or other.simulated),
        crumb=crumb(
            study,
            [f"{name(study.name)} and {name(other.name)}", text.plural(len(match), "shared gene"), "observed"],
            simulated=bool(study.simulated or other.simulated),
        ),
        title=label,
        target=label,
        modality="in two studies",
        headline=headline(study, other, target, twin, r, n_r),
        vitals=vitals((study, other), (target, twin), genes, r, n_r, r_typical),
        notes=(),
        genes=genes,
        x_title=axis_title(study.name, layers(study)[2]),
        y_title=axis_title(other.name, layers(other)[2]),
        x_name=text.plain(study.name, 24),
        y_name=text.plain(other.name, 24),
        own_genes=tuple(own),
        n_cells=int(study.targets["n_cells"][target] + other.targets["n_cells"][twin]),
        said=f"Dots: genes that change in a study at FDR < {FDR_THRESHOLD:g} and at least {FOLD_THRESHOLD:g}-fold; "
        "in color those that change in both.",
        methods=methods_of(
            study,
            f"{label}: {_cells(study, target)} in {text.plain(study.name)}, {_cells(other, twin)} in "
            f"{text.plain(other.name)}",
            "",
            f"Pearson's r over {text.plural(n_r, 'gene')} with at least {MEASURABLE_MEAN:g} counts a control cell in "
            "both, own genes left out",
        ),
        identity=True,
        scale=" and ".join(dict.fromkeys(each.scale for each in readies)),
        other_name=text.plain(other.name),
        other_id=other.id,
        twins=(target, twin),
        n_shared=len(match),
        n_r=n_r,
        r=r,
        r_typical=r_typical,
    )


def _cells(study: Any, target: str) -> str:
    return text.plural(int(study.targets["n_cells"][target]), "cell")


def own_symbols(study: Any, ready: StudyProfiles, target: str) -> set[str]:
    """The measured genes that a target was perturbed in."""
    return {str(study.genes.index[g]) for g in ready.own_of(target)}


def expressed(study: Any, other: Any, match: pd.Series) -> list[str]:
    """Shared genes that the controls of both studies express; all where hardly any are."""
    mine = study.genes["control_mean"].reindex(match.index).to_numpy() >= MEASURABLE_MEAN
    theirs = other.genes["control_mean"].reindex(match.to_numpy()).to_numpy() >= MEASURABLE_MEAN
    both = mine & theirs
    return list(match.index[both]) if both.sum() >= MIN_SHARED else list(match.index)


def without_typical(
    readies: tuple[StudyProfiles, StudyProfiles], targets: tuple[str, str], match: pd.Series, left_out: set[str]
) -> float:
    """Pearson's r with what each profile holds of its study's typical one taken out."""
    if not all(ready.profiles.n_typical for ready in readies):
        return math.nan
    x, y = (
        pd.Series(ready.profiles.values[ready.targets.get_loc(target)], index=ready.genes.astype(str))
        for ready, target in zip(readies, targets, strict=True)
    )
    table = pd.DataFrame(
        {"gene": match.index, "x": x.reindex(match.index), "y": y.reindex(match.to_numpy()).to_numpy()}
    )
    return plain_r(table, list(left_out))[0]


def headline(study: Any, other: Any, target: str, twin: str, r: float, n_r: int) -> str:
    """Whether the target does the same in both studies."""
    start = f"**{name(target)} in {name(study.name)} and in {name(other.name)}"
    if not math.isfinite(r):
        return f"{start} cannot be compared**: a profile is constant or not known."
    weak = [
        (s, agreement)
        for s, t in ((study, target), (other, twin))
        if (agreement := replicates(s, t)[0]) < AGREE  # NaN is not
    ]
    doubt = other_ways(study, other)
    if weak:
        doubt += f" In {name(weak[0][0].name)} its replicates agree at r {text.correlation(weak[0][1])} only."
    return f"{start} {alike_words(r)}** (r {text.correlation(r)} over {text.plural(n_r, 'shared gene')}).{doubt}"


def other_ways(study: Any, other: Any) -> str:
    """A warning where one screen activates its targets and the other does not, or does not say so."""
    ways = (Modality(study.modality), Modality(other.modality))
    if Modality.ACTIVATION not in ways or ways[0] is ways[1]:
        return ""
    active, rest = (study, other) if ways[0] is Modality.ACTIVATION else (other, study)
    what = "does not say what it does" if Modality.PERTURBATION in ways else f"is a {rest.modality} screen"
    return f" {name(active.name)} activates its targets and {name(rest.name)} {what}: opposite changes may agree."


def vitals(
    studies: tuple[Any, Any], targets: tuple[str, str], genes: pd.DataFrame, r: float, n_r: int, r_typical: float
) -> tuple[Vital, ...]:
    """How alike, what changes in both, how far replicates agree in each, cells in each."""
    found = numbers(genes)
    typical = (
        f"{text.correlation(r_typical)} without typical profiles" if np.isfinite(r_typical) else f"over {n_r:,} genes"
    )
    known = [replicates(study, target) for study, target in zip(studies, targets, strict=True)]
    return (
        Vital(
            "Similarity, r",
            text.correlation(r),
            typical,
            "Pearson's r of the deltas that are drawn, over the genes that controls of both studies express, own genes "
            "left out; then with each study's typical profile (median over its targets) taken out.",
        ),
        Vital("Shared genes", text.short_number(len(genes)), f"{n_r:,} expressed in both"),
        Vital(
            "Change in both",
            text.short_number(found["alike"] + found["unlike"]),
            CHANGED,
            f"In the test of each study: {found['alike']:,} alike, {found['unlike']:,} opposite.",
        ),
        Vital(
            "Replicates agree, r",
            text.correlation(float(np.min([k[0] for k in known]))),
            " and ".join(text.correlation(k[0]) for k in known),
            "Within each study, of batch halves or guides: no profile agrees with another better than with itself.",
        ),
        Vital(
            "Cells",
            text.short_number(int(studies[0].targets["n_cells"][targets[0]])),
            f"and {_cells(studies[1], targets[1])} in the other",
        ),
    )
