"""Combinations: what two perturbations together do, beside what each does alone, added up."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD
from core.stats.interaction import Cells, Estimate, Interaction, interaction
from core.views import text
from core.views.about import crumb
from core.views.compared import Compared, axis_title, by_gene, cells_words, profile
from core.views.control_sets import most_that_controls_give
from core.views.methods import methods_of
from core.views.parts import Note, Vital
from core.views.similar import StudyProfiles, study_profiles
from core.views.text import escape_markdown as name
from core.views.transcript import split_combination

NEAR = (0.75, 1.33)
"""A slope whose whole interval lies within is near additive."""
NOTABLE = 0.2
"""A share of the effect that is said where the parts do not give it."""
WIDE = 1.5
"""An interval of the slope wider than this tells nothing."""
COUNTS = ("cells", "genes changed", "control sets, at most")
"""Columns of the table of a combination and its parts that are counts; those after them are deltas of genes."""

INTERACTION_HELP = (
    "Slope, through the origin, of the combination's deltas on the sum of its parts' deltas, over the genes that "
    "controls express, perturbed genes left out: 1 is additive, less than 1 less than additive. Deltas are pooled; the "
    "noise of the parts and of the shared controls, known from the cells' variance, is taken out of the sums first. "
    "After Norman et al. 2019 (Science 365, 786), who fit a weight for each part."
)


@dataclass(frozen=True, eq=False)
class CombinationView(Compared):
    """A combination beside its parts.

    Parameters
    ----------
    combination, parts, missing
        The target; its parts that the study perturbs alone; those that it does not.
    found
        Slope, weights, and what they leave.
    verdict
        ``additive`` (the interval lies near 1), ``less``, ``more``, ``open`` (it holds 1, and more), ``incomplete``
        (a part was not perturbed alone) or ``unknown``.
    table
        One row each for the combination, its parts and their sum: cells, genes changed, deltas of the most moved genes.
    """

    combination: str = ""
    parts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    found: Interaction | None = None
    verdict: str = "unknown"
    table: pd.DataFrame | None = None


def combinations(study: Any) -> list[str]:
    """The combinations that can be compared with a part at least, those with all parts first."""
    known = set(map(str, study.targets.index))
    ranked = []
    for target, own in zip(study.targets.index, study.targets["own_gene"], strict=True):
        parts = split_combination(str(target), bool(own))
        there = sum(part in known for part in parts)
        if len(parts) > 1 and there:
            ranked.append((there < len(parts), -int(study.targets["n_significant"][target]), str(target)))
    return [target for *_, target in sorted(ranked)]


def combination_view(study: Any, target: str, ready: StudyProfiles | None = None) -> CombinationView:
    """A combination, observed against what its parts add up to.

    Where a part was not perturbed alone, the sum is of the others, and the slope says how far they explain it.

    Raises
    ------
    OptionError
        If the target is no combination, or none of its parts was perturbed alone.
    UnknownTargetError
        If the study does not perturb the target.
    """
    study.effects(target)
    parts, missing = split_parts(study, target)
    ready = ready or study_profiles(study)
    own = sorted({g for t in (target, *parts) for g in ready.own_of(t)})
    keep = np.zeros(study.n_genes, bool)
    keep[ready.profiles.keep] = True
    keep[own] = False
    cells = [Cells(**study.replicates(t)) for t in (target, *parts, None)]
    found = interaction(cells[0], cells[1:-1], cells[-1], keep)
    verdict = verdict_of(found.slope, bool(missing))
    genes = gene_rows(study, ready, target, parts)
    subject = text.plain(target, 40)
    alone = text.enumerate_words([text.plain(p, 16) for p in parts])
    return CombinationView(
        key=f"combination {target}",
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, [name(study.name), "combinations", "observed"]),
        title=subject,
        target=subject,
        modality="combined",
        headline=headline(study, target, parts, missing, found, verdict),
        vitals=vitals(study, target, parts, found),
        notes=(Note("info", f"**{MISSING.format(name(missing[0]))}**"),) if missing else (),
        genes=genes,
        x_title=axis_title(" + ".join(text.plain(p, 12) for p in parts), ""),
        y_title=axis_title(target, ""),
        x_name="expected" if len(parts) > 1 else text.plain(parts[0], 24),
        y_name="observed",
        own_genes=tuple(str(study.genes.index[g]) for g in own),
        n_cells=int(sum(study.targets["n_cells"][t] for t in (target, *parts)) + study.n_control),
        said=f"Dots: genes that change at FDR < {FDR_THRESHOLD:g} and at least {FOLD_THRESHOLD:g}-fold in any; in "
        "color those that change in the combination. On the dashed line effects add up.",
        methods=methods_of(
            study,
            cells_words(study, (target, *parts)),
            "",
            f"expected: sum of the deltas of {alone}; {INTERACTION_HELP.rstrip('.')}; {interval_words(found)}",
        ),
        combination=target,
        parts=parts,
        missing=missing,
        found=found,
        verdict=verdict,
        table=side_table(study, target, parts, genes),
    )


MISSING = "{} was not perturbed alone in this study, so whether both add up cannot be told."


def split_parts(study: Any, target: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parts that the study perturbs alone, and those that it does not."""
    parts = split_combination(target, bool(study.targets["own_gene"][target]))
    if len(parts) < 2:
        raise OptionError(f"{text.plain(target)} is no combination: expected a target like A+B.")
    there = tuple(part for part in parts if part in study.targets.index)
    if not there:
        listed = text.enumerate_words([text.plain(p) for p in parts])
        raise OptionError(f"None of {listed} was perturbed alone, so {text.plain(target)} has nothing to compare with.")
    return there, tuple(part for part in parts if part not in there)


def gene_rows(study: Any, ready: StudyProfiles, target: str, parts: tuple[str, ...]) -> pd.DataFrame:
    """The table of :class:`core.views.compared.Compared`: ``x`` what the parts add up to, ``y`` what is observed.

    Deltas are pooled, as the interaction takes them.
    """
    tables = [profile(study, ready, t) for t in (target, *parts)]
    changed = [table["changed"].fillna(False).to_numpy(bool) for table in tables]
    observed, *alone = (table["delta_pooled"].to_numpy(float) for table in tables)
    expected = np.sum(alone, axis=0)
    lowest = np.min([table["fdr_pooled"].to_numpy(float) for table in tables[1:]], axis=0)
    role = np.where(changed[0], np.where(observed > 0, "up", "down"), "neutral").astype(object)
    table = pd.DataFrame(
        {
            "gene": study.genes.index.astype(str),
            "x": expected,
            "y": observed,
            "fdr_x": lowest,
            "fdr_y": tables[0]["fdr_pooled"].to_numpy(float),
            "changed_x": np.any(changed[1:], axis=0),
            "changed_y": changed[0],
            "changed": np.any(changed, axis=0),
            "role": role,
            **{f"delta {part}": delta for part, delta in zip(parts, alone, strict=True)},
        }
    )
    order = np.argsort(-np.nan_to_num(np.hypot(expected, observed)), kind="stable")
    return by_gene(table.iloc[order])


def side_table(study: Any, target: str, parts: tuple[str, ...], genes: pd.DataFrame, n: int = 5) -> pd.DataFrame:
    """The combination, its parts and their sum by cells, genes changed and the deltas of the most moved genes."""
    own = {p for t in (target, *parts) for p in t.split("+")}
    top = genes[genes["changed"] & ~genes["gene"].isin(own)].head(n)
    names = [target, *parts]
    cells = study.targets["n_cells"][names].astype(int)
    rows = [
        dict(zip(("target", *COUNTS), (t, n, int(study.targets["n_changed"][t]), most), strict=True))
        for t, n, most in zip(names, cells, most_that_controls_give(study.control_sets, cells.to_numpy()), strict=True)
    ]
    deltas = [top["y"], *(top[f"delta {part}"] for part in parts)]
    if len(parts) > 1:
        rows.append({"target": "added up"} | dict.fromkeys(COUNTS))
        deltas.append(top["x"])
    values = pd.DataFrame([dict(zip(top["gene"], delta, strict=True)) for delta in deltas])
    return pd.concat([pd.DataFrame(rows), values], axis=1)


# ---------------------------------------------------------------------------------------------------------- words


def verdict_of(slope: Estimate, incomplete: bool) -> str:
    """What the interval of the slope says: nothing where it is wide, and not of a sum where a part is missing."""
    if not (math.isfinite(slope.low) and math.isfinite(slope.high)) or slope.high - slope.low > WIDE:
        return "unknown"
    if incomplete:
        return "incomplete"
    if slope.low > NEAR[0] and slope.high < NEAR[1]:
        return "additive"
    return "less" if slope.high < 1 else "more" if slope.low > 1 else "open"


def estimate(found: Estimate) -> str:
    """A number with its interval."""
    if not math.isfinite(found.value):
        return "not known"
    if not math.isfinite(found.low):
        return f"{text.correlation(found.value)}, interval not known"
    low, high = text.correlation(found.low), text.correlation(found.high)
    return f"{text.correlation(found.value)}, 95 % interval {low} to {high}"


def interval_words(found: Interaction) -> str:
    """Where the intervals come from."""
    if found.n_folds:
        return f"95 % interval: jackknife over {found.n_folds} folds of batches, Student's t"
    return "95 % interval: from the standard errors of the means, genes taken as independent"


def headline(
    study: Any, target: str, parts: tuple[str, ...], missing: tuple[str, ...], found: Interaction, verdict: str
) -> str:
    """Whether the parts add up, with the interval."""
    subject, alone = name(target), text.enumerate_words([name(p) for p in parts])
    slope = f" (slope {estimate(found.slope)})" if math.isfinite(found.slope.low) else ""
    if missing:
        known = f"**{subject} does {text.correlation(found.slope.value)} times what {alone} does alone**"
        unknown = f"**How far {alone} explains {subject} cannot be told**"
        lacking = MISSING.format(name(missing[0]))
        return f"{known if verdict == 'incomplete' else unknown}{slope}. {lacking}"
    said = {
        "additive": f"**{subject} is near additive**: {alone} add up to it",
        "open": f"**{subject} may be additive**: the interval holds 1, and more",
        "less": f"**{subject} is less than additive**: it does less than {alone} added up",
        "more": f"**{subject} is more than additive**: it does more than {alone} added up",
        "unknown": f"**Whether {alone} add up to {subject} cannot be told**: too little rises above the noise",
    }[verdict]
    rest = (
        f"; {text.percent(found.unexplained)} of its effect is not in their sum"
        if verdict != "unknown" and found.unexplained >= NOTABLE
        else ""
    )
    return f"{said}{slope}{rest}."


def vitals(study: Any, target: str, parts: tuple[str, ...], found: Interaction) -> tuple[Vital, ...]:
    """Slope, what it leaves, weights, cells."""
    slope = found.slope
    known = math.isfinite(slope.low)
    interval = f"{text.correlation(slope.low)} to {text.correlation(slope.high)}" if known else "too little above noise"
    weights = [text.correlation(w.value if math.isfinite(w.low) else math.nan) for w in found.weights]
    return (
        Vital(
            "Interaction, slope",
            text.correlation(slope.value) if known else text.NOTHING,
            f"1 is additive; {interval}",
            f"{INTERACTION_HELP} {text.capitalized(interval_words(found))}.",
        ),
        Vital(
            "Not explained",
            text.percent(found.unexplained) if known and math.isfinite(found.unexplained) else text.NOTHING,
            "of the combination's effect",
            "Share of the combination's squared deltas, noise taken out, that the slope times the sum does not give.",
        ),
        Vital(
            "Weights",
            " · ".join(weights) if len(weights) < 3 else weights[0],
            text.enumerate_words([name(p, 14) for p in parts]),
            "Coefficients of the parts where each is fitted on its own, as in Norman et al. 2019; not known where a "
            "part has no effect beyond noise.",
        ),
        Vital(
            "Cells",
            text.short_number(int(study.targets["n_cells"][target])),
            " · ".join(text.number(int(study.targets["n_cells"][p])) for p in parts) + " with the parts alone",
        ),
    )
