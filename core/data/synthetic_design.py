"""Design of the simulated screen: the numbers behind it, and how its parts are named and drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONTROL_LABEL = "non-targeting"
N_CONTROL_GUIDES = 20
N_FOLDS = 5
"""One fold of five is held out in the ready split."""

help_text = (
    "A simulated screen: no cell of it was ever alive. Gene symbols are real, but what a gene does here was drawn by "
    "chance. Not realistic are that co-expression in controls does not give away a regulator's place, that no "
    "knock-down changes growth, and that there are no doublets and no ambient RNA."
)
"""What is said of the demo wherever it is shown."""

NETWORK_STREAM, CELLS_STREAM, FEATURES_STREAM, COUNTS_STREAM = range(4)
"""Streams of random numbers, so that one part can change alone."""


@dataclass(frozen=True)
class Design:
    """The numbers behind the screen; rates and folds are natural logs.

    Parameters
    ----------
    control_share
        Part of the cells that carry a control guide.
    guide_spread
        Spread of the log number of cells between guides.
    knock_down, knock_down_sd
        Part of the transcript that each of a target's guides takes away, and its spread over cells.
    n_batches, batch_sd
        Batches, and the spread of a gene's log rate between them.
    mean_count, depth_sd, base_sd, dispersion
        Mean count of a gene in a cell; spread of a cell's log total; spread of log rates between genes; variance of
        the gamma that multiplies each rate.
    base_limit
        Standard deviations above the middle that a pathway's genes may lie, so that none holds so many counts that
        its rise lowers the shares of all others.
    screened_mean
        Range of the mean counts of screened regulators, so that a knock-down can be seen.
    n_modules, module_share, regulator_share
        Pathways; genes in each, and regulators in all, as parts of the genes.
    positive_share
        Part of a pathway's genes that it raises; it lowers the others.
    edge_share, edge_sd
        Part of a pathway's genes that one regulator acts on; its relative deviation from the pathway.
    second_share, second_weight
        Part of the regulators that have a second pathway, and the range of its weight beside 1 for their own.
    n_regulator_edges, regulator_weight, across_share, rounds
        Edges from a regulator to others; their mean weight (0.5 to 1.5 times that); the part that leaves the pathway;
        how many steps a knock-down runs on.
    strength_mean, strength_cv, inert_share
        Gamma-distributed strength of the regulators, and the part of them that does nothing.
    fold_scale, largest_fold
        Log fold where an edge of weight 1 is lost wholly; where folds saturate (``largest * tanh(fold / largest)``).
    high_state_share, state_weight, cycle_weight, rest_weight
        Range over batches of the part of cells in the high state; what the state and the cell cycle weigh in a
        pathway's responsiveness; how far that shows in the pathway's genes at rest.
    feature_width, feature_blur, feature_scale, feature_sd
        Length of a target's feature vector; weight of the blurred neighbourhood in it; scale of the random
        projection; noise.
    """

    control_share: float = 0.2
    guide_spread: float = 0.25
    knock_down: tuple[float, ...] = (0.85, 0.55)
    knock_down_sd: float = 0.08
    n_batches: int = 4
    batch_sd: float = 0.12
    mean_count: float = 3.0
    depth_sd: float = 0.35
    base_sd: float = 1.3
    base_limit: float = 1.5
    dispersion: float = 0.15
    screened_mean: tuple[float, float] = (1.5, 12.0)
    n_modules: int = 5
    module_share: float = 0.08
    regulator_share: float = 0.12
    positive_share: float = 0.8
    edge_share: float = 0.7
    edge_sd: float = 0.25
    second_share: float = 0.35
    second_weight: tuple[float, float] = (0.3, 0.8)
    n_regulator_edges: int = 3
    regulator_weight: float = 0.25
    across_share: float = 0.25
    rounds: int = 3
    strength_mean: float = 0.7
    strength_cv: float = 0.5
    inert_share: float = 0.15
    fold_scale: float = 4.0
    largest_fold: float = 1.75
    high_state_share: tuple[float, float] = (0.35, 0.65)
    state_weight: float = 1.5
    cycle_weight: float = 0.75
    rest_weight: float = 0.35
    feature_width: int = 64
    feature_blur: float = 0.1
    feature_scale: float = 0.35
    feature_sd: float = 0.25
