"""Deltas within batches, against regression, arithmetic and repeated draws."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.stats.groups import Parts
from core.stats.within import Within


def within(y, target, batch, n_targets):
    """Means within batches of genes ``y`` (genes, cells); ``target == n_targets`` marks controls."""
    y = np.atleast_2d(y)
    order = np.lexsort((batch, target))
    parts = Parts.of(target[order], batch[order], np.ones(order.size, bool))
    where = np.zeros(y.shape, np.int32)
    values, m = np.zeros(y.shape), np.count_nonzero(y, axis=1)
    for g, row in enumerate(y[:, order]):
        places = np.flatnonzero(row)
        where[g, : places.size], values[g, : places.size] = places, row[places]
    compared = Within.of(parts, n_targets, int(batch.max()) + 1)
    sums = compared.new_sums(len(y))
    compared.add_up(values, where, m, slice(0, len(y)), sums)
    return compared.means(sums)


@given(seed=st.integers(0, 2**16), n_batches=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_delta_within_batches_is_a_regression_coefficient(seed, n_batches):
    rng = np.random.default_rng(seed)
    n, n_targets = 150, 3
    target, batch = rng.integers(0, n_targets + 1, n), rng.integers(0, n_batches, n)
    y = (rng.gamma(1, 1, n) + 2 * batch) * (rng.random(n) < 0.8)
    found = within(y, target, batch, n_targets)
    for t in range(n_targets + 1):  # the last: all perturbed cells together
        mine = target == t if t < n_targets else target < n_targets
        shared = np.intersect1d(batch[mine], batch[target == n_targets])
        used = np.isin(batch, shared) & (mine | (target == n_targets))
        design = np.column_stack([mine[used], *(batch[used] == b for b in shared)]).astype(float)
        np.testing.assert_allclose(
            found.delta[0, t], np.linalg.lstsq(design, y[used], rcond=None)[0][0], rtol=1e-9, atol=1e-9
        )
    assert (found.error[0] > 0).all()


def test_means_and_error_are_the_arithmetic_of_the_parts():
    target, batch = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 0, 0, 1, 1])
    y = np.array([1.0, 3.0, 10.0, 1.0, 2.0, 4.0, 8.0])
    found = within(y, target, batch, 1)
    w = np.array([2 * 2 / 4, 1 * 2 / 3])
    np.testing.assert_allclose(found.target[0, 0], (w * [2, 10]).sum() / w.sum())
    np.testing.assert_allclose(found.control[0, 0], (w * [1.5, 6]).sum() / w.sum())
    variance, control_variance = 2 / 1, (0.5 + 8) / 2
    spread, control_spread = (w**2 * [1 / 2, 1]).sum(), (w**2 / 2).sum()
    expected = np.sqrt(variance * spread + control_variance * control_spread) / w.sum()
    np.testing.assert_allclose(found.error[0, 0], expected)
    np.testing.assert_allclose(found.delta[0, 1], found.delta[0, 0])  # the only target is all perturbed cells


def test_a_batch_without_controls_takes_no_part():
    target, batch = np.array([0, 0, 1, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    found = within(np.array([3.0, 5.0, 1.0, 1.0, 100.0, 200.0]), target, batch, 1)
    np.testing.assert_allclose(found.delta, [[3.0, 3.0]])


def test_without_a_shared_batch_there_is_no_delta():
    found = within(np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 1]), 1)
    assert np.isnan(found.delta).all() and np.isnan(found.error).all()


def test_intervals_of_the_delta_within_batches_hold_the_truth_as_often_as_they_say():
    """1,000 draws with uneven batches, among them one of a single target cell; 95 % intervals."""
    rng = np.random.default_rng(1)
    target = np.repeat([0, 1], [61, 300])
    batch = np.concatenate([np.repeat([0, 1, 2], [50, 10, 1]), np.repeat([0, 1, 2], [60, 140, 100])])
    y = rng.normal(size=(1000, 361)) + 3 * batch + 0.5 * (target == 0)
    found = within(y, target, batch, 1)
    covered = np.abs(found.delta[:, 0] - 0.5) < 1.96 * found.error[:, 0]
    assert abs(found.delta.mean() - 0.5) < 0.02 and 0.92 < covered.mean() < 0.975
