"""Comparisons of cells within parts, against scipy and the plain computation."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from core.stats.cell_state import phases, reference_genes, score_weights, shift

ONE_PART = np.zeros(300, int)


def groups(rng, n=300):
    target = rng.random(n) < 0.3
    return target, ~target & (rng.random(n) < 0.8)


@given(seed=st.integers(0, 2**16), ties=st.booleans())
def test_in_one_part_the_test_is_scipys_mann_whitney(seed, ties):
    rng = np.random.default_rng(seed)
    values = rng.poisson(3, 300).astype(float) if ties else rng.normal(size=300)
    target, control = groups(rng)

    found = shift(values, target, control, ONE_PART, median=True)

    scipys = scipy.stats.mannwhitneyu(values[target], values[control], method="asymptotic")
    assert found.log10_p == pytest.approx(math.log10(scipys.pvalue), rel=1e-6, abs=1e-9)
    assert found.auc == pytest.approx(scipys.statistic / target.sum() / control.sum())
    assert found.target == np.median(values[target]) and found.control == np.median(values[control])


def test_shares_are_tested_as_by_chi_square():
    rng = np.random.default_rng(1)
    target, control = groups(rng, 3000)
    in_s = np.where(target, rng.random(3000) < 0.25, rng.random(3000) < 0.4).astype(float)

    found = shift(in_s, target, control, np.zeros(3000, int), median=False)

    table = [[in_s[g].sum(), (1 - in_s[g]).sum()] for g in (target, control)]
    chi_square = scipy.stats.chi2_contingency(table, correction=True).pvalue
    assert found.log10_p == pytest.approx(math.log10(chi_square), rel=0.02)  # n - 1, and another correction
    assert found.target == pytest.approx(in_s[target].mean())


def test_a_difference_between_batches_is_none_within_them():
    rng = np.random.default_rng(2)
    batch = rng.integers(0, 2, 4000)
    target = rng.random(4000) < np.where(batch == 1, 0.6, 0.1)
    depth = rng.normal(size=4000) + 2 * batch

    pooled = shift(depth, target, ~target, np.zeros(4000, int), median=True)
    within = shift(depth, target, ~target, batch, median=True)

    assert pooled.log10_p < -50
    assert within.log10_p > -3
    assert abs(within.target - within.control) < 0.15 < pooled.target - pooled.control


def test_the_controls_median_is_weighted_to_the_targets_parts():
    values = np.array([0.0, 0, 10, 10, 10, 10, 0, 10, 10, 10])
    part = np.array([0, 0, 1, 1, 1, 1, 0, 1, 1, 1])
    target = np.arange(10) >= 6  # one cell of part 0, three of part 1

    assert shift(values, target, ~target, part, median=False).control == pytest.approx(7.5)
    assert shift(values, target, ~target, part, median=True).control == 10


def test_cells_of_parts_without_controls_take_no_part():
    values, part = np.arange(6.0), np.array([0, 0, 0, 1, 1, 2])
    target = np.array([True, False, False, True, True, False])

    found = shift(values, target, ~target, part, median=True)

    assert (found.n_target, found.n_control) == (1, 2)


def test_nothing_to_compare_is_nothing_told():
    none = np.zeros(5, bool)

    assert math.isnan(shift(np.arange(5.0), none, ~none, np.zeros(5, int), median=True).log10_p)
    assert math.isnan(shift(np.full(5, np.nan), ~none, ~none, np.zeros(5, int), median=True).log10_p)


def test_intervals_of_the_chance_hold_where_nothing_differs():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(300):
        target, control = groups(rng)
        found = shift(rng.normal(size=300), target, control, rng.integers(0, 3, 300), median=True)
        inside += abs(found.auc - 0.5) < 1.96 * found.auc_se

    assert 0.91 < inside / 300 < 0.985


def test_a_cells_phase_is_that_of_its_larger_score_if_one_is_above_zero():
    assert phases(np.array([-1, 0.5, 0.5, 0.0]), np.array([-1, 0.2, 0.9, 0.0])).tolist() == [0, 1, 2, 0]


def test_a_score_is_the_mean_of_its_genes_minus_that_of_their_references():
    means = np.array([1.0, 3.0, 1.1, 2.9, 8.0, 1.2, 3.3])
    listed, candidates = np.array([0, 1]), np.array([2, 3, 4, 5, 6])
    x = np.random.default_rng(0).random((7, 4))

    references = reference_genes(listed, candidates, means)
    weights = score_weights(listed, references, 7)

    assert references[0, 0] == 2 and references[1, 0] == 3
    np.testing.assert_allclose(weights @ x, x[listed].mean(axis=0) - x[references.ravel()].mean(axis=0))
