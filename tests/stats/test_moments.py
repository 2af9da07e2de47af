"""Moments of groups against plain numpy, whatever the order, the grouping and the type of the counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.stats.moments import FIELDS, Moments, add_up, group_moments

INTEGERS = ("n_nonzero", "sum_counts", "maximum")


def plain_moments(counts, scale, group, n_groups):
    """The same sums by whole-matrix numpy in float64."""
    counts = counts.astype(np.float64)
    normalized = counts * scale
    every = {
        "n_nonzero": counts > 0,
        "sum_counts": counts,
        "sum_normalized": normalized,
        "sum_normalized_squared": normalized**2,
        "sum_log": np.log1p(normalized),
        "sum_log_squared": np.log1p(normalized) ** 2,
    }
    cells = [group == g for g in range(n_groups)]
    sums = {name: np.stack([x[:, c].sum(axis=1) for c in cells], axis=1) for name, x in every.items()}
    return sums | {"maximum": np.stack([counts[:, c].max(axis=1, initial=0) for c in cells], axis=1)}


@given(
    seed=st.integers(0, 2**16),
    n_groups=st.integers(1, 7),
    n_cells=st.integers(1, 70),
    top=st.sampled_from([("uint8", 255), ("uint16", 300), ("uint16", 65_535), ("uint32", 70_000), ("float32", 9)]),
)
@settings(max_examples=60, deadline=None)
def test_moments_equal_plain_numpy_whatever_the_grouping(seed, n_groups, n_cells, top):
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random((6, n_cells)) < 0.4, 0, rng.gamma(0.3, top[1] / 3, (6, n_cells)))
    counts = np.minimum(counts, top[1]).astype(top[0])  # float32: fractions
    counts[1], counts[2] = 0, top[1]
    counts.flags.writeable = False  # a kernel that writes to its input fails here
    scale, group = rng.uniform(0.5, 2.0, n_cells), rng.integers(0, n_groups, n_cells)

    got, expected = group_moments(counts, scale, group, n_groups), plain_moments(counts, scale, group, n_groups)

    np.testing.assert_array_equal(got.n_cells, np.bincount(group, minlength=n_groups))
    for name in FIELDS:
        tolerance = 0 if name in INTEGERS and counts.dtype.kind == "u" else 1e-12
        np.testing.assert_allclose(getattr(got, name), expected[name], rtol=tolerance, err_msg=name)


@given(seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_the_order_of_cells_changes_no_integer_and_sums_only_by_rounding(seed):
    rng = np.random.default_rng(seed)
    counts, scale = rng.poisson(0.7, (5, 60)).astype(np.uint16), rng.uniform(0.5, 2.0, 60)
    group, order = rng.integers(0, 4, 60), rng.permutation(60)
    one, other = group_moments(counts, scale, group, 4), group_moments(counts[:, order], scale[order], group[order], 4)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0 if name in INTEGERS else 1e-13)


@given(seed=st.integers(0, 2**16), n_fine=st.integers(1, 12), n_coarse=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_fine_groups_add_up_to_coarse_ones(seed, n_fine, n_coarse):
    rng = np.random.default_rng(seed)
    counts, scale = rng.poisson(0.7, (4, 80)).astype(np.uint16), rng.uniform(0.5, 2.0, 80)
    fine, into = rng.integers(0, n_fine, 80), rng.integers(0, n_coarse, n_fine)
    moments = group_moments(counts, scale, fine, n_fine)
    sums = np.stack([getattr(moments, name) for name in FIELDS], axis=-1)
    coarse = Moments.from_sums(add_up(sums, into, n_coarse), np.bincount(into[fine], minlength=n_coarse))
    direct = group_moments(counts, scale, into[fine], n_coarse)
    for name in ("n_cells", *FIELDS):
        np.testing.assert_allclose(getattr(coarse, name), getattr(direct, name), rtol=1e-12, err_msg=name)


@given(seed=st.integers(0, 2**16), n_cells=st.integers(2, 40))
@settings(max_examples=25, deadline=None)
def test_means_and_variances_are_numpys(seed, n_cells):
    rng = np.random.default_rng(seed)
    counts, scale = rng.poisson(1.5, (4, n_cells)).astype(np.uint16), rng.uniform(0.5, 2.0, n_cells)
    got = group_moments(counts, scale, np.zeros(n_cells, int), 1)
    normalized = counts * scale
    np.testing.assert_allclose(got.mean_counts[:, 0], counts.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got.mean_normalized[:, 0], normalized.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got.mean_log[:, 0], np.log1p(normalized).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got.share_nonzero[:, 0], (counts > 0).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(got.variance_normalized[:, 0], normalized.var(axis=1, ddof=1), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got.variance_log[:, 0], np.log1p(normalized).var(axis=1, ddof=1), rtol=1e-9, atol=1e-12)


def test_an_empty_group_has_no_mean_and_one_cell_has_no_variance():
    got = group_moments(np.array([[3, 0]], np.uint8), np.ones(2), np.array([0, 0]), 3)
    assert np.isnan(got.mean_counts[0, 1:]).all() and np.isnan(got.share_nonzero[0, 1:]).all()
    one = group_moments(np.array([[3]], np.uint8), np.ones(1), np.array([0]), 1)
    assert one.mean_counts[0, 0] == 3 and np.isnan(one.variance_log[0, 0])


@pytest.mark.parametrize("n_genes", [1, 31, 33])
def test_no_gene_is_lost_at_the_edge_of_a_block(n_genes):
    counts = np.tile(np.arange(1, n_genes + 1, dtype=np.uint16)[:, None], (1, 5))
    got = group_moments(counts, np.ones(5), np.zeros(5, int), 1)
    np.testing.assert_array_equal(got.sum_counts[:, 0], 5 * np.arange(1, n_genes + 1))
