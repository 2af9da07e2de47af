"""Comparisons within strata: van Elteren's test, and the warning of a target spread over strata unlike controls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.stats.ranksum import auc, log10_p
from core.stats.strata import association, van_elteren


def rank_sums(x, is_target, stratum, n_strata):
    """U, cells, control cells and tie terms of every stratum by scipy's ranks."""
    rows = []
    for s in range(n_strata):
        a, b = x[is_target & (stratum == s)], x[~is_target & (stratum == s)]
        u = stats.rankdata(np.concatenate([a, b]))[: len(a)].sum() - len(a) * (len(a) + 1) / 2
        ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(float)
        rows.append((u, len(a), len(b), (ties**3 - ties).sum()))
    return (np.array(column, float)[None] for column in zip(*rows, strict=True))


@given(seed=st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_one_stratum_gives_the_plain_test(seed):
    rng = np.random.default_rng(seed)
    x, is_target = rng.poisson(1, 80).astype(float), rng.random(80) < 0.4
    if is_target.all() or not is_target.any():
        return
    u, n, m, tie = rank_sums(x, is_target, np.zeros(80, int), 1)
    p, area = van_elteren(u, n, m, tie)
    np.testing.assert_allclose(p, log10_p(u, n, m, tie)[:, 0], rtol=1e-12)
    np.testing.assert_allclose(area, auc(u, n, m)[:, 0], rtol=1e-12)


def test_a_stratum_without_controls_or_without_target_takes_no_part():
    rng = np.random.default_rng(0)
    x, is_target, stratum = rng.poisson(1, 120).astype(float), rng.random(120) < 0.4, rng.integers(0, 2, 120)
    two = van_elteren(*rank_sums(x, is_target, stratum, 2))
    more_x, more_target = np.append(x, [9, 9, 9, 0, 0]), np.append(is_target, [True, True, True, False, False])
    four = van_elteren(*rank_sums(more_x, more_target, np.append(stratum, [2, 2, 2, 3, 3]), 4))
    np.testing.assert_allclose(four, two, rtol=1e-12)


def test_without_a_common_stratum_nothing_is_tested():
    p, area = van_elteren(*rank_sums(np.array([1.0, 2.0]), np.array([True, False]), np.array([0, 1]), 2))
    assert np.isnan(p).all() and np.isnan(area).all()


def test_a_shift_that_only_the_mix_of_strata_makes_is_not_found_within_them():
    rng = np.random.default_rng(3)
    n = 1500
    stratum = rng.integers(0, 2, n)
    is_target = rng.random(n) < np.where(stratum == 1, 0.6, 0.2)
    x = rng.poisson(np.where(stratum == 1, 4.0, 1.0)).astype(float)
    pooled = log10_p(*rank_sums(x, is_target, np.zeros(n, int), 1))[0, 0]
    within = van_elteren(*rank_sums(x, is_target, stratum, 2))[0][0]
    assert pooled < -10 and within > -2


def test_p_values_within_strata_are_uniform_where_nothing_happens():
    """2,000 null genes with strata of unlike size and level; the share below alpha is alpha."""
    rng = np.random.default_rng(0)
    stratum = np.repeat([0, 1, 2], [150, 60, 20])
    is_target = rng.random(230) < np.array([0.2, 0.5, 0.6])[stratum]
    p = []
    for _ in range(2000):
        x = rng.poisson(np.array([0.5, 2.0, 6.0])[stratum]).astype(float)
        p.append(10 ** van_elteren(*rank_sums(x, is_target, stratum, 3))[0][0])
    p = np.array(p)
    assert abs((p < 0.05).mean() - 0.05) < 0.012 and abs((p < 0.5).mean() - 0.5) < 0.035


def test_association_is_the_chi_square_of_cells_by_stratum():
    cells, control = np.array([60, 40]), np.array([300, 500])
    table = np.stack([cells, control]).astype(float)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    chi2 = ((np.abs(table - expected) - 0.5) ** 2 / expected).sum()  # Yates: one degree of freedom
    p, warn = association(cells, control)
    np.testing.assert_allclose(p, stats.chi2.sf(chi2, 1), rtol=1e-9)
    assert warn


@pytest.mark.parametrize(
    ("cells", "control", "warn"),
    [
        ([50, 50], [500, 500], False),
        ([9_000, 11_000], [100_000, 100_000], False),  # certain, but small: 45 % against 50 %
        ([3, 5], [500, 500], False),
        ([200, 0], [500, 500], True),
    ],
)
def test_the_warning_needs_a_small_p_and_a_large_difference(cells, control, warn):
    assert association(np.array(cells), np.array(control))[1] == warn


@pytest.mark.parametrize(("cells", "control"), [([0, 0], [5, 5]), ([5, 5], [0, 0]), ([5, 0], [9, 0]), ([4], [9])])
def test_no_association_can_be_tested_with_one_stratum_or_an_empty_side(cells, control):
    p, warn = association(np.array(cells), np.array(control))
    assert np.isnan(p) and not warn
