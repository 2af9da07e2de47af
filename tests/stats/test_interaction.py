"""Interaction: additive pairs come out additive, whatever the noise of parts and controls."""

import numpy as np
import pytest

from core.stats.interaction import Cells, interaction

GENES, FOLDS = 400, 6


def cells(rng: np.random.Generator, mean: np.ndarray, n: int = 60, folds: int = FOLDS, noise: float = 1.0) -> Cells:
    """Sums of ``n`` cells around a mean, spread over folds."""
    values = mean + rng.normal(0, noise, (n, GENES))
    fold = np.arange(n) % folds
    total, squares = (np.stack([v[fold == f].sum(axis=0) for f in range(folds)]) for v in (values, values**2))
    return Cells(np.bincount(fold, minlength=folds), total, squares)


def screen(seed: int, c: tuple[float, float] = (1.0, 1.0), extra: float = 0.0, **size: float):
    """A combination ``c_1 a + c_2 b`` and its parts, over controls."""
    rng = np.random.default_rng(seed)
    base = rng.normal(3, 1, GENES)
    a, b, rest = rng.normal(0, 0.3, (3, GENES)) * (rng.random((3, GENES)) < 0.3)
    means = (base + c[0] * a + c[1] * b + extra * rest, base + a, base + b, base)
    ab, one, two, control = (cells(rng, mean, **size) for mean in means)
    return interaction(ab, [one, two], control, np.ones(GENES, bool))


def test_without_noise_slope_and_weights_are_those_of_least_squares():
    found = screen(0, c=(0.5, 1.5), noise=1e-6)

    assert [w.value for w in found.weights] == pytest.approx([0.5, 1.5], abs=1e-4)
    assert found.weights[0].low == pytest.approx(found.weights[0].high, abs=1e-3)


def test_an_additive_pair_is_additive_although_plain_least_squares_says_less():
    found = [screen(seed) for seed in range(40)]

    slopes = np.array([f.slope.value for f in found])
    assert np.mean(slopes) == pytest.approx(1, abs=0.06)
    rng = np.random.default_rng(0)
    base = rng.normal(3, 1, GENES)
    a, b = rng.normal(0, 0.3, (2, GENES)) * (rng.random((2, GENES)) < 0.3)
    ab, one, two, control = (cells(rng, m) for m in (base + a + b, base + a, base + b, base))
    y, x, z = (g.mean_and_noise()[0] - control.mean_and_noise()[0] for g in (ab, one, two))
    assert (x + z) @ y / ((x + z) @ (x + z)) < 0.8  # what the noise does to it


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    held = [f.slope.low <= 1 <= f.slope.high for f in (screen(seed) for seed in range(60))]

    assert np.mean(held) > 0.85


def test_less_and_more_than_additive_are_told():
    assert screen(1, c=(0.5, 0.5)).slope.high < 1
    assert screen(1, c=(1.6, 1.6)).slope.low > 1


def test_what_the_sum_does_not_give_is_said():
    assert screen(2).unexplained < 0.15
    assert 0.25 < screen(2, extra=1.0).unexplained < 0.6  # a third part as large as either


def test_without_folds_the_interval_comes_from_the_standard_errors():
    found = screen(3, folds=1)

    assert found.n_folds == 0 and found.slope.low < 1 < found.slope.high
    assert screen(3, folds=1) == found  # seeded


def test_parts_without_effect_tell_nothing():
    rng = np.random.default_rng(4)
    groups = [cells(rng, np.zeros(GENES)) for _ in range(4)]
    found = [interaction(groups[0], [groups[1], groups[2]], groups[3], np.ones(GENES, bool)) for _ in range(1)][0]

    assert np.isnan(found.slope.value) or not np.isfinite(found.slope.low) or found.slope.high - found.slope.low > 1.5


def test_one_part_is_fitted_alone():
    rng = np.random.default_rng(5)
    a = rng.normal(0, 0.5, GENES)
    control, one, both = (cells(rng, m, noise=0.3) for m in (np.zeros(GENES), a, 1.2 * a))

    found = interaction(both, [one], control, np.ones(GENES, bool))

    assert found.slope.value == pytest.approx(1.2, abs=0.05)
    assert found.slope.value == pytest.approx(found.weights[0].value)
