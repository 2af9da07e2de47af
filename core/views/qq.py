"""QQ: a target's p values beside those that control sets of its size give, and what chance alone would give."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.stats.calibration import ranks_kept
from core.views.about import AboutTarget, about_target
from core.views.control_sets import sets_by_test, sets_of_size, sets_words
from core.views.perturbation import PerturbationView


@dataclass(frozen=True, eq=False)
class QQView(AboutTarget):
    """What the QQ plot shows of one target.

    Parameters
    ----------
    points
        One row a rank among the target's genes, the smallest p first: rank, expected and observed, both -log10 p, and
        gene. Own genes are left out. Of many genes the ranks are thinned out where they lie close.
    controls
        One row a rank among all genes: rank, expected, and -log10 p of the lowest, the median and the highest random
        control set of about this size (low, median, high), and of the control guide that calls most genes (worst).
    n_genes, n_sets, smallest_set, largest_set
        Genes of the target's points; random control sets and their cells.
    worst_guide
        The control guide that calls most genes; "" where guides of controls are not known.
    worst_calls
        How many it calls at FDR < 0.05.
    why_not
        Why nothing can be shown; "" where it can.
    """

    points: pd.DataFrame
    controls: pd.DataFrame
    n_genes: int
    n_sets: int
    smallest_set: int
    largest_set: int
    worst_guide: str
    worst_calls: int
    why_not: str = ""


def qq_view(study: Any, view: PerturbationView) -> QQView:
    """The p values of a target's genes and of control sets of about its size, ordered.

    Parameters
    ----------
    study
        The study.
    view
        The target's page: its test, pooled or within strata, is the one that is shown, of control sets too.
    """
    points = target_points(view)
    every = sets_by_test(study, view.stratified)
    sets = sets_of_size(every, view.n_target)
    guides = every[every["kind"] == "guide"]
    worst = guides["n_significant"].idxmax() if len(guides) else None
    kept = study.control_p_stratified if view.stratified else study.control_p
    controls = control_curves(kept, sets.index.to_numpy(), worst, study.n_genes)
    return QQView(
        **about_target(view),
        points=points,
        controls=controls,
        n_genes=int(points["rank"].max()) if len(points) else 0,
        n_sets=len(sets),
        smallest_set=int(sets["n_cells"].min()) if len(sets) else 0,
        largest_set=int(sets["n_cells"].max()) if len(sets) else 0,
        worst_guide="" if worst is None else str(guides.loc[worst, "name"]),
        worst_calls=0 if worst is None else int(guides.loc[worst, "n_significant"]),
        why_not="" if len(points) else "No gene was tested, so there are no p values to show.",
    )


def expected(rank: np.ndarray, n: int) -> np.ndarray:
    """-log10 of the p that chance gives the gene of this rank among n: the middle of its step, (rank - 0.5) / n."""
    return np.asarray(-np.log10((rank - 0.5) / n), dtype=float)


def target_points(view: PerturbationView) -> pd.DataFrame:
    """Ordered p values of the target's genes, own genes left out; tests that were not made count as p = 1."""
    own = [gene for gene in view.own_genes if gene in view.genes.index]
    log10_p = view.genes["log10_p"].drop(index=own).fillna(0.0).sort_values(kind="stable")
    n = len(log10_p)
    rank = ranks_kept(n)
    return pd.DataFrame(
        {
            "rank": rank,
            "expected": expected(rank, n),
            "observed": -log10_p.to_numpy()[rank - 1] + 0.0,
            "gene": log10_p.index.to_numpy()[rank - 1].astype(str),
        }
    )


def control_curves(kept: pd.DataFrame, sets: np.ndarray, worst: Any, n_genes: int) -> pd.DataFrame:
    """The spread of control sets at every rank that is kept."""
    rank = np.array([int(name) for name in kept.columns], dtype=np.int64)
    observed = -kept.to_numpy(dtype=float) + 0.0
    mine = observed[sets] if len(sets) else np.full((1, rank.size), np.nan)
    return pd.DataFrame(
        {
            "rank": rank,
            "expected": expected(rank, n_genes),
            "low": mine.min(axis=0),
            "median": np.median(mine, axis=0),
            "high": mine.max(axis=0),
            "worst": np.nan if worst is None else observed[int(worst)],
        }
    )


def set_words(view: QQView) -> str:
    """``20 random sets of 200 control cells``."""
    return sets_words(view.n_sets, view.smallest_set, view.largest_set)
