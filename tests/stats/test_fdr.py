"""Benjamini-Hochberg against the definition, written out, and against scipy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.stats.fdr import benjamini_hochberg, count_below


def adjusted(p):
    """min over j >= i of p_(j) n / j, by two loops."""
    order = np.argsort(p)
    result = np.empty(len(p))
    for i, k in enumerate(order):
        result[k] = min(min(p[order[j]] * len(p) / (j + 1) for j in range(i, len(p))), 1)
    return result


@given(seed=st.integers(0, 2**16), n=st.integers(1, 60), ties=st.booleans())
@settings(max_examples=50, deadline=None)
def test_fdr_follows_the_definition_and_scipy(seed, n, ties):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, n) ** rng.integers(1, 30)
    p = rng.choice(p, n) if ties else p
    got = benjamini_hochberg(np.log10(p))
    np.testing.assert_allclose(got, adjusted(p), rtol=1e-10)
    np.testing.assert_allclose(got, stats.false_discovery_control(p), rtol=1e-10)


def test_a_test_that_was_not_made_takes_no_part():
    p = np.array([0.01, np.nan, 0.2, np.nan, 0.04])
    got = benjamini_hochberg(np.log10(p))
    assert np.isnan(got[[1, 3]]).all()
    np.testing.assert_allclose(got[[0, 2, 4]], adjusted(p[[0, 2, 4]]))
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    assert benjamini_hochberg(np.array([])).size == 0


def test_p_values_beyond_the_range_of_numbers_keep_their_order():
    """p = 1e-400 and 1e-900 are both 0 as numbers, and both significant."""
    got = benjamini_hochberg(np.array([-900.0, -400.0, -310.0, 0.0]))
    assert (got[:2] == 0).all() and 0 < got[2] < 1e-300 and got[3] == 1


@given(seed=st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_the_order_of_genes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    log10_p, order = -rng.exponential(2, 40), rng.permutation(40)
    np.testing.assert_allclose(benjamini_hochberg(log10_p)[order], benjamini_hochberg(log10_p[order]), rtol=1e-12)


@given(seed=st.integers(0, 2**16), threshold=st.sampled_from([0.01, 0.05, 0.5]))
@settings(max_examples=50, deadline=None)
def test_discoveries_are_counted_as_by_the_adjusted_values(seed, threshold):
    rng = np.random.default_rng(seed)
    log10_p = np.log10(rng.uniform(0, 1, (4, 30)) ** rng.integers(1, 8, (4, 1)))
    log10_p[rng.random((4, 30)) < 0.2] = np.nan
    log10_p[0] = np.nan
    expected = [(benjamini_hochberg(row) < threshold).sum() for row in log10_p]
    np.testing.assert_array_equal(count_below(log10_p, threshold), expected)
