"""Control sets: how many genes control cells give against other control cells, at about a target's size."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.views import text

LARGE_ENOUGH = 1.5
"""A control set stands for a target of up to so many times its cells."""


@dataclass(frozen=True)
class Calibration:
    """How many genes control cells give against other control cells.

    Parameters
    ----------
    n_sets, set_size, smallest_set, largest_set
        Random control sets nearest in size, the largest where none is large enough; the cells of the one nearest in
        size, of the smallest and of the largest of them.
    median, maximum
        Genes that they call.
    surest
        The smallest log10 p that any of them gives a gene.
    n_guides, worst_guide, worst_cells, worst
        Control guides, and the one that calls most genes.
    """

    n_sets: int = 0
    set_size: int = 0
    smallest_set: int = 0
    largest_set: int = 0
    median: float = math.nan
    maximum: int = 0
    surest: float = math.nan
    n_guides: int = 0
    worst_guide: str = ""
    worst_cells: int = 0
    worst: int = 0


def calibration(control_sets: pd.DataFrame, n_cells: int) -> Calibration:
    """What the control sets nearest in size (:func:`sets_of_size`), and the worst control guide, give."""
    found: dict[str, Any] = {}
    near = sets_of_size(control_sets, n_cells)
    if len(near):
        calls, sizes = near["n_significant"], near["n_cells"]
        size = sizes.iloc[int(np.abs(np.log(sizes.to_numpy(dtype=float) / n_cells)).argmin())]
        found |= {"n_sets": len(near), "set_size": int(size), "smallest_set": int(sizes.min())}
        found |= {"largest_set": int(sizes.max())}
        found |= {"median": float(calls.median()), "maximum": int(calls.max())}
        found |= {"surest": float(near["smallest_log10_p"].min())}
    guides = control_sets[control_sets["kind"] == "guide"]
    if len(guides):
        worst = guides.iloc[int(guides["n_significant"].to_numpy().argmax())]
        found |= {
            "n_guides": len(guides),
            "worst_guide": str(worst["name"]),
            "worst_cells": int(worst["n_cells"]),
            "worst": int(worst["n_significant"]),
        }
    return Calibration(**found)


def sets_by_test(study: Any, stratified: bool) -> pd.DataFrame:
    """The study's control sets with what they call by the test that is shown, pooled or within strata."""
    sets: pd.DataFrame = study.control_sets
    if not stratified:
        return sets
    return sets.assign(**{column: sets[f"{column}_stratified"] for column in sets if f"{column}_stratified" in sets})


def sets_of_size(control_sets: pd.DataFrame, n_cells: float) -> pd.DataFrame:
    """The random control sets of about ``n_cells`` cells.

    Sets within 10 % of the size nearest to ``n_cells`` (on a log scale) count; where the study has so few controls that
    none is nearly as large, those from half the size of the largest.
    """
    random = control_sets[control_sets["kind"] == "random"]
    if not len(random) or not n_cells > 0:
        return random.iloc[:0]
    sizes = random["n_cells"].to_numpy(dtype=float)
    size = sizes[int(np.abs(np.log(sizes / n_cells)).argmin())]
    if size < n_cells / LARGE_ENOUGH:
        return random[sizes >= size / 2]
    return random[np.abs(np.log(sizes / size)) <= math.log(1.1)]


def most_that_controls_give(control_sets: pd.DataFrame, n_cells: np.ndarray) -> np.ndarray:
    """Genes that the worst random control set of about so many cells calls, NaN where there is none of any size."""
    sizes = control_sets.loc[control_sets["kind"] == "random", "n_cells"].to_numpy(dtype=float)
    n_cells = np.asarray(n_cells, dtype=float)
    if not sizes.size or not n_cells.size:
        return np.full(n_cells.size, np.nan)
    ordered = np.unique(sizes)
    nearest = ordered[np.abs(np.log(ordered[:, None] / np.maximum(n_cells, 1))).argmin(axis=0)]
    alike = np.stack([nearest, nearest < n_cells / LARGE_ENOUGH])  # all that the choice of sets depends on
    _, first, kind = np.unique(alike, axis=1, return_index=True, return_inverse=True)
    most = [sets_of_size(control_sets, max(n_cells[k], 1))["n_significant"].max() for k in first]
    return np.asarray(most, dtype=float)[kind.reshape(-1)]


def sets_words(n_sets: int, smallest: int, largest: int) -> str:
    """``20 random sets of 480 to 488 control cells``."""
    return f"{text.plural(n_sets, 'random set')} of {sizes_words(smallest, largest, 'control cell')}"


def sizes_words(smallest: int, largest: int, noun: str = "cell") -> str:
    """``480 to 488 cells``."""
    least = f"{text.number(smallest)} to " if smallest < largest else ""
    return f"{least}{text.plural(largest, noun)}"


def controls_words(found: Calibration) -> str:
    """What stands beside a count of genes: ``control sets up to 2, a guide 23``; "" where there are no sets."""
    sets = [f"control sets up to {text.number(found.maximum)}"] if found.n_sets else []
    guide = [f"{'a guide' if sets else 'a control guide'} {text.number(found.worst)}"]
    return ", ".join(sets + (guide if found.n_guides and found.worst > found.maximum else []))
