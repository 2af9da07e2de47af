"""What became of a target's own transcript, that is, whether the perturbation worked."""

import math
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from core.schema import MEASURABLE_MEAN
from core.views.power import TOO_FEW_CELLS


class Modality(StrEnum):
    """What a screen does to its targets."""

    KNOCK_DOWN = "knock-down"
    KNOCK_OUT = "knock-out"
    ACTIVATION = "activation"
    PERTURBATION = "perturbation"

    @property
    def together(self) -> str:
        """The word for two targets of one cell, as in "KLF1 and MAP2K6, activated together"."""
        return _TOGETHER[self]


_TOGETHER = {
    Modality.KNOCK_DOWN: "knocked down together",
    Modality.KNOCK_OUT: "knocked out together",
    Modality.ACTIVATION: "activated together",
    Modality.PERTURBATION: "perturbed together",
}


class Outcome(StrEnum):
    """What can be said of a target's own transcript."""

    FALLS = "falls"
    RISES = "rises"
    UNCHANGED = "unchanged"
    """The 95 % interval of what is left includes 100 %."""
    TOO_FEW = "too few cells"
    HARDLY_EXPRESSED = "hardly expressed"
    NOT_MEASURED = "not measured"
    SEVERAL = "several genes"
    """A combination, or all perturbed cells: there is no single own transcript."""


@dataclass(frozen=True)
class Transcript:
    """One gene's transcript in cells in which that gene was perturbed.

    Parameters
    ----------
    gene
        Symbol, or the target's name where the gene is not measured.
    outcome
        What can be said.
    left, low, high
        Mean normalized count, target over control, as a fraction of one, with its 95 % interval; NaN where it
        cannot be measured. ``left`` is infinite for a gene that appears in cells where controls do not show it.
    control_mean, target_mean
        Mean normalized counts a cell.
    p
        Two-sided Mann-Whitney of the gene.
    """

    gene: str
    outcome: Outcome
    left: float = math.nan
    low: float = math.nan
    high: float = math.nan
    control_mean: float = math.nan
    target_mean: float = math.nan
    p: float = math.nan

    @property
    def is_measured(self) -> bool:
        """Whether the outcome is a statement about the transcript."""
        return self.outcome in (Outcome.FALLS, Outcome.RISES, Outcome.UNCHANGED)

    @property
    def least_fold(self) -> float:
        """How many fold it rises; for a gene that controls hardly show, the least that it rises."""
        return self.left if math.isfinite(self.left) else self.target_mean / max(self.control_mean, MEASURABLE_MEAN)


def split_combination(target: str, in_genes: bool) -> tuple[str, ...]:
    """The parts of a combination ``A+B``; the name alone where it is one gene.

    Examples
    --------
    >>> split_combination("KLF1+MAP2K6", False), split_combination("ACAT2", True), split_combination("NKX2+", True)
    (('KLF1', 'MAP2K6'), ('ACAT2',), ('NKX2+',))
    """
    parts = tuple(part.strip() for part in target.split("+"))
    return (target,) if in_genes or len(parts) < 2 or not all(parts) else parts


def own_transcript(target: str, row: pd.Series) -> Transcript:
    """The transcript of a single target, from its row in the study's table of targets."""
    n_cells, measured = int(row["n_cells"]), bool(row["own_gene"])
    if not measured:
        return Transcript(target, Outcome.NOT_MEASURED)
    found = Transcript(
        gene=str(row["own_gene"]),
        outcome=Outcome.UNCHANGED,
        left=float(row["percent_left"]),
        low=float(row["percent_left_low"]),
        high=float(row["percent_left_high"]),
        control_mean=float(row["control_mean"]),
        target_mean=float(row["target_mean"]),
        p=float(row["percent_left_p"]),
    )
    return _with_outcome(found, n_cells, bool(row["measurable"]))


def transcript_in_effects(gene: str, effects: pd.DataFrame, n_cells: int, fdr: float) -> Transcript:
    """The transcript of one part of a combination, from the combination's effects; it has no interval."""
    if gene not in effects.index:
        return Transcript(gene, Outcome.NOT_MEASURED)
    row = effects.loc[gene]
    control, target = float(row["ctrl_mean_normalized"]), float(row["pert_mean_normalized"])
    measurable = control >= MEASURABLE_MEAN
    left = target / control if measurable else math.nan
    moved = bool(row["fdr"] < fdr)
    found = Transcript(
        gene=gene,
        outcome=Outcome.UNCHANGED,
        left=left,
        low=left if moved else 0.0,
        high=left if moved else math.inf,
        control_mean=control,
        target_mean=target,
        p=float(row["p_value"]),
    )
    return _with_outcome(found, n_cells, measurable)


def _with_outcome(found: Transcript, n_cells: int, measurable: bool) -> Transcript:
    outcome, left = found.outcome, found.left
    if n_cells < TOO_FEW_CELLS:
        outcome = Outcome.TOO_FEW
    elif not measurable and _appears(found):
        outcome, left = Outcome.RISES, math.inf
    elif not measurable:
        outcome = Outcome.HARDLY_EXPRESSED
    elif found.high < 1:
        outcome = Outcome.FALLS
    elif found.low > 1:
        outcome = Outcome.RISES
    return Transcript(found.gene, outcome, left, found.low, found.high, found.control_mean, found.target_mean, found.p)


def _appears(found: Transcript) -> bool:
    """A gene that controls hardly show and these cells do: an activation can work where a ratio cannot be given."""
    return found.target_mean >= 2 * MEASURABLE_MEAN and found.target_mean > 2 * found.control_mean and found.p < 0.05
