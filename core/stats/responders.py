"""Responders and escapers: how far each cell has gone along its target's effect, and how many cells must have gone.

A score that is fitted to the cells it then judges finds responders everywhere. So cells are dealt into two halves, and
each half is scored with weights from the other.
"""

from dataclasses import dataclass

import numpy as np

Z95 = 1.96


@dataclass(frozen=True)
class Share:
    """The share of cells that must respond, with its 95 % interval.

    Parameters
    ----------
    n
        Cells that were judged.
    at_least, low, high
        Fractions of one.
    """

    n: int
    at_least: float
    low: float
    high: float


def cross_fitted_scores(x: np.ndarray, is_target: np.ndarray, part: np.ndarray, seed: int = 0) -> np.ndarray:
    """How far every cell lies along the effect, in standard deviations of the controls; 0 is their mean.

    A score is the sum over genes of delta / variance times expression, expression taken from the mean of the controls
    of the cell's part: the best linear one for genes that vary independently.

    Parameters
    ----------
    x
        Log-normalized expression of the genes that answer, shape ``(genes, cells)``.
    is_target
        Whether a cell is the target's; the others are controls. Shape ``(cells,)``.
    part
        Code of each cell's batch.
    seed
        Of the two halves.

    Returns
    -------
    numpy.ndarray
        Shape ``(cells,)``.
    """
    half = _halves(is_target, seed)
    score = np.zeros(is_target.size)
    for h in (0, 1):
        judged, fitted = half == h, half != h
        weights, centers = _fit(x[:, fitted], is_target[fitted], part[fitted], int(part.max(initial=0)) + 1)
        found = np.einsum("g,gc->c", weights, x[:, judged] - centers[:, part[judged]])
        controls = found[~is_target[judged]]
        spread = controls.std()
        score[judged] = (found - controls.mean()) / (spread if spread > 0 else 1.0)
    return score


def _halves(is_target: np.ndarray, seed: int) -> np.ndarray:
    """Deal target cells and controls into two halves each."""
    rng = np.random.default_rng(seed)
    half = np.zeros(is_target.size, np.int8)
    for group in (is_target, ~is_target):
        cells = rng.permutation(np.flatnonzero(group))
        half[cells[::2]] = 1
    return half


def _fit(x: np.ndarray, is_target: np.ndarray, part: np.ndarray, n_parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the genes, and the controls' mean of every gene in every part."""
    controls = x[:, ~is_target].astype(float)
    overall = controls.mean(axis=1)
    one_hot = np.zeros((controls.shape[1], n_parts))
    one_hot[np.arange(controls.shape[1]), part[~is_target]] = 1
    n = one_hot.sum(axis=0)
    # parts of few controls lean on the mean of all: as if five more controls had been like it
    centers = (controls @ one_hot + 5 * overall[:, None]) / (n + 5)
    delta = (x[:, is_target] - centers[:, part[is_target]]).mean(axis=1)
    variance = (controls - centers[:, part[~is_target]]).var(axis=1)
    floor = np.median(variance) * 0.1 + 1e-9
    return delta / np.maximum(variance, floor), centers


def responding_share(target: np.ndarray, controls: np.ndarray) -> Share:
    """The share of a target's cells that must respond, however the responders' scores are spread.

    Half of all cells without an effect score below the controls' median. If a share e of the target's cells is without
    effect, at least e / 2 of them lie below it: so e is at most twice the share below, and the rest respond. Weak
    responders lie there too, so more may respond.

    Parameters
    ----------
    target, controls
        Scores of :func:`cross_fitted_scores`.

    Examples
    --------
    >>> controls = np.linspace(-1, 1, 1000)
    >>> target = np.concatenate([controls[::10], np.full(300, 5.0)])
    >>> share = responding_share(target, controls)
    >>> round(share.at_least, 2), round(share.low, 2), round(share.high, 2)
    (0.75, 0.68, 0.81)
    """
    n, n_control = target.size, max(controls.size, 1)
    if not n:
        return Share(0, np.nan, np.nan, np.nan)
    below = (target < np.median(controls)).mean() if controls.size else 1.0
    near = (below * n + 2) / (n + 4)  # Agresti and Coull: an interval that holds near 0 too
    error = np.sqrt(near * (1 - near) / (n + 4) + (near / 0.5) ** 2 * 0.25 / n_control)
    low, high = (float(np.clip(1 - 2 * (near + way * Z95 * error), 0, 1)) for way in (1, -1))
    return Share(n, float(np.clip(1 - 2 * below, 0, 1)), low, high)
