"""Fold changes, what is left of a transcript, and deltas within batches, against arithmetic and repeated draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.stats.deltas import Within, log2_fold_change, percent_left, standard_error


def test_log2_fold_change_has_a_pseudocount_of_a_hundredth():
    assert log2_fold_change(np.array(0.0), np.array(0.0)) == 0
    np.testing.assert_allclose(
        log2_fold_change(np.array([3.0, 0.0]), np.array([1.0, 2.0])), np.log2([3.01 / 1.01, 0.01 / 2.01])
    )


def test_standard_error_is_welchs():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(scale=3, size=50)
    expected = np.sqrt(a.var(ddof=1) / 30 + b.var(ddof=1) / 50)
    np.testing.assert_allclose(standard_error(a.var(ddof=1), 30, b.var(ddof=1), 50), expected)


def pair_sums(y, target, batch, n_targets):
    """PAIR_FIELDS of every (target, batch) that has cells."""
    keys, into = np.unique(np.stack([target, batch]), axis=1, return_inverse=True)
    into = into.reshape(-1)
    sums = np.stack([np.bincount(into, f) for f in (np.expm1(y), y, y * y)], axis=-1)[None]
    return keys[0], keys[1], np.bincount(into).astype(float), sums


@given(seed=st.integers(0, 2**16), n_batches=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_delta_within_batches_is_a_regression_coefficient(seed, n_batches):
    rng = np.random.default_rng(seed)
    n, n_targets = 150, 3
    target, batch = rng.integers(0, n_targets + 1, n), rng.integers(0, n_batches, n)
    y = rng.gamma(1, 1, n) + 2 * batch
    within = Within.of_pairs(*pair_sums(y, target, batch, n_targets)[:3], n_targets)
    delta, error = within.delta(pair_sums(y, target, batch, n_targets)[3])
    for t in range(n_targets):
        shared = np.intersect1d(batch[target == t], batch[target == n_targets])
        used = np.isin(batch, shared) & ((target == t) | (target == n_targets))
        design = np.column_stack([target[used] == t, *(batch[used] == b for b in shared)]).astype(float)
        np.testing.assert_allclose(
            delta[0, t], np.linalg.lstsq(design, y[used], rcond=None)[0][0], rtol=1e-9, atol=1e-9
        )
    assert (error[0] > 0).all()


def test_a_batch_without_controls_takes_no_part():
    target, batch = np.array([0, 0, 1, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    y = np.array([3.0, 5.0, 1.0, 1.0, 100.0, 200.0])
    t, b, n, sums = pair_sums(y, target, batch, 1)
    np.testing.assert_allclose(Within.of_pairs(t, b, n, 1).delta(sums)[0], [[3.0]])


def test_without_a_shared_batch_there_is_no_delta():
    t, b, n, sums = pair_sums(np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 1]), 1)
    delta, error = Within.of_pairs(t, b, n, 1).delta(sums)
    assert np.isnan(delta).all() and np.isnan(error).all()
    assert np.isnan(Within.of_pairs(t, b, n, 1).fold_change(sums)).all()


def test_intervals_of_the_delta_within_batches_hold_the_truth_as_often_as_they_say():
    """1,000 draws with uneven batches, among them one of a single target cell; 95 % intervals."""
    rng = np.random.default_rng(1)
    target = np.repeat([0, 1], [61, 300])
    batch = np.concatenate([np.repeat([0, 1, 2], [50, 10, 1]), np.repeat([0, 1, 2], [60, 140, 100])])
    t, b, n, _ = pair_sums(np.zeros(361), target, batch, 1)
    y = rng.normal(size=(1000, 361)) + 3 * batch + 0.5 * (target == 0)
    sums = np.concatenate([pair_sums(row, target, batch, 1)[3] for row in y])
    delta, error = Within.of_pairs(t, b, n, 1).delta(sums)
    covered = np.abs(delta[:, 0] - 0.5) < 1.96 * error[:, 0]
    assert abs(delta.mean() - 0.5) < 0.02 and 0.92 < covered.mean() < 0.975


def test_percent_left_and_its_interval_are_the_delta_methods():
    got = percent_left(np.array([0.6]), np.array([0.5]), np.array([80.0]), np.array([2.0]), np.array([3.0]), 400)
    half = 1.959963984540054 * np.sqrt(0.5 / 80 / 2**2 + 0.3**2 * 3.0 / 400 / 2**2)
    np.testing.assert_allclose([got.left[0], got.low[0], got.high[0]], [0.3, 0.3 - half, 0.3 + half])
    assert got.measurable[0]


@pytest.mark.parametrize(("control_mean", "measurable"), [(0.0499, False), (0.05, True), (0.0, False)])
def test_under_five_hundredths_of_a_count_nothing_is_measurable(control_mean, measurable):
    got = percent_left(
        np.array([0.01]), np.array([0.01]), np.array([50.0]), np.array([control_mean]), np.array([0.1]), 100
    )
    assert got.measurable[0] == measurable
    assert np.isnan(got.left[0]) == (control_mean == 0)


def test_a_target_without_a_single_count_is_not_called_certain():
    got = percent_left(np.array([0.0]), np.array([0.0]), np.array([40.0]), np.array([1.0]), np.array([1.0]), 1000)
    assert got.left[0] == 0 and got.low[0] == 0 and 0.01 < got.high[0] < 0.2


def test_one_cell_gets_an_interval_too_and_a_wide_one():
    got = percent_left(np.array([1.0]), np.array([np.nan]), np.array([1.0]), np.array([2.0]), np.array([2.0]), 1000)
    assert got.high[0] - got.low[0] > 0.9


def test_intervals_of_percent_left_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    mine, control = rng.poisson(0.8, (2000, 100)), rng.poisson(2.0, (2000, 600))
    got = percent_left(
        mine.mean(1), mine.var(1, ddof=1), np.full(2000, 100.0), control.mean(1), control.var(1, ddof=1), 600
    )
    assert 0.93 < ((got.low < 0.4) & (0.4 < got.high)).mean() < 0.97
