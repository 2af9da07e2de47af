r"""Interaction: whether two perturbations together do what they do alone, added up.

With the deltas a and b of the single perturbations and ab of both together, on the log-normalized scale, additive means
ab = a + b. Two numbers say how far that holds: the slope of ab on a + b through the origin (1 is additive), and the
coefficients of ab = c_1 a + c_2 b (Norman et al. 2019, Science 365, 786: both near 1 where nothing interacts).

Plain least squares would not find 1 for an additive pair: the noise of a and b flattens the slope, and the controls,
which stand in all three deltas, bring a slope of their own. Both are known from the cells' variance, so they are taken
out of sums and products first (errors in variables, Fuller 1987, section 2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

MIN_CELLS = 10
MIN_FOLDS = 3
DRAWS = 200
SEED = 0


@dataclass(frozen=True, eq=False)
class Cells:
    """Sums over the cells of one group in every fold of batches.

    Parameters
    ----------
    n
        Cells, shape ``(folds,)``.
    total, squares
        Sums of log-normalized values and of their squares, shape ``(folds, genes)``.
    """

    n: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    def mean_and_noise(self, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean of every gene over all folds but one, and the variance of that mean."""
        rows = np.arange(len(self.n)) != (-1 if without is None else without)
        n = max(int(self.n[rows].sum()), 1)
        mean = self.total[rows].sum(axis=0) / n
        variance = np.maximum(self.squares[rows].sum(axis=0) / n - mean**2, 0)
        return mean, variance / max(n - 1, 1)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; NaN where it cannot be told."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Interaction:
    """How a combination follows from its parts.

    Parameters
    ----------
    slope
        Of what is observed on what the parts add up to; 1 where they add up.
    weights
        The coefficient of every part.
    unexplained
        Share of the combination's squared effect, noise taken out, that the parts' sum times the slope does not give; 0
        to 1.
    n_folds
        Folds of batches that the intervals come from; 0 where they come from the standard errors of the means.
    """

    slope: Estimate
    weights: tuple[Estimate, ...]
    unexplained: float
    n_folds: int


def interaction(combined: Cells, parts: Sequence[Cells], control: Cells, keep: np.ndarray) -> Interaction:
    """Slope, weights and what they leave.

    Parameters
    ----------
    combined, parts, control
        The cells with all perturbations, those with one each, the controls.
    keep
        Genes to fit over, a mask; without the perturbed ones.

    Returns
    -------
    Interaction
        Intervals are a jackknife over folds of batches (each left out in turn, Student's t) where all groups have cells
        in three or more; else the spread of 200 seeded draws of the means within their standard errors, genes taken as
        independent. NaN where the parts together have no effect beyond noise; weights also where one of them has none.
    """
    groups = (control, combined, *parts)
    whole = [group.mean_and_noise() for group in groups]
    found = _fit([mean[keep] for mean, _ in whole], [noise[keep] for _, noise in whole])
    folds = len(control.n)
    if folds >= MIN_FOLDS and all((group.n > 0).all() for group in groups):
        half = _jackknife(groups, keep, folds)
    else:
        folds, half = 0, _spread([mean[keep] for mean, _ in whole], [noise[keep] for _, noise in whole])
    slope, *weights = (
        Estimate(float(value), float(value - h), float(value + h))
        for value, h in zip(found[:-1], half[:-1], strict=True)
    )
    return Interaction(slope, tuple(weights), float(np.clip(found[-1], 0, 1)), folds)


def _fit(means: Sequence[np.ndarray], noise: Sequence[np.ndarray]) -> np.ndarray:
    """Slope, weights and the unexplained share; groups are controls, combination, parts."""
    control, combined, *parts = means
    y, x = combined - control, np.stack(parts) - control
    shared = float(noise[0].sum())  # the controls' noise stands in every delta
    xx = x @ x.T - shared - np.diag([float(own.sum()) for own in noise[2:]])
    xy = x @ y - shared
    yy = float(y @ y) - shared - float(noise[1].sum())
    found = np.full(len(parts) + 2, np.nan)
    expected, along = float(xx.sum()), float(xy.sum())
    if expected > 0 and yy > 0:
        found[0], found[-1] = along / expected, 1 - along**2 / expected / yy
        if np.linalg.eigvalsh(xx)[0] > 0:  # else some part has no effect beyond noise, and any weight would do
            found[1:-1] = np.linalg.solve(xx, xy)
    return found


def _jackknife(groups: Sequence[Cells], keep: np.ndarray, folds: int) -> np.ndarray:
    left_out = []
    for fold in range(folds):
        rest = [group.mean_and_noise(fold) for group in groups]
        left_out.append(_fit([mean[keep] for mean, _ in rest], [noise[keep] for _, noise in rest]))
    around = np.array(left_out) - np.mean(left_out, axis=0)
    return np.asarray(stdtrit(folds - 1, 0.975) * np.sqrt((folds - 1) / folds * (around**2).sum(axis=0)))


def _spread(means: Sequence[np.ndarray], noise: Sequence[np.ndarray]) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    twice = [2 * own for own in noise]  # a draw has the noise of the mean, and its own on top
    draws = [
        _fit([rng.normal(mean, np.sqrt(own)) for mean, own in zip(means, noise, strict=True)], twice)
        for _ in range(DRAWS)
    ]
    return np.asarray(1.96 * np.std(draws, axis=0))
