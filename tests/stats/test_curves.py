"""Curves of a gene's values by group, against pandas and scipy's own kernel density."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.stats import binomtest, gaussian_kde

from core.stats.curves import group_curves, share_interval


@given(seed=st.integers(0, 2**16), n_groups=st.integers(1, 6), shown=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_cells_shares_and_means_equal_pandas_whatever_the_grouping(seed, n_groups, shown):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(300) < shown, rng.gamma(3, 0.5, 300), 0.0)
    group = rng.integers(-1, n_groups, 300)
    values.flags.writeable = group.flags.writeable = False

    got = group_curves(values, group, n_groups)

    table = pd.DataFrame({"value": values, "group": group}).query("group >= 0").groupby("group")["value"]
    everyone = range(n_groups)
    np.testing.assert_array_equal(got.n, table.size().reindex(everyone, fill_value=0))
    np.testing.assert_array_equal(got.n_shown, table.agg(lambda v: (v > 0).sum()).reindex(everyone, fill_value=0))
    np.testing.assert_allclose(got.mean, table.mean().reindex(everyone), rtol=1e-12)
    width = got.at[1] - got.at[0]
    np.testing.assert_allclose(got.density.sum(axis=1) * width, (got.n_shown > 0).astype(float), rtol=1e-9)
    assert (got.density >= 0).all()


def test_a_curve_is_scipys_kernel_density_of_the_same_width_but_for_the_bins():
    rng = np.random.default_rng(0)
    values = rng.normal(4, 0.6, 3000).clip(0.1)

    got = group_curves(values, np.zeros(3000, int), 1)

    q1, q3 = np.percentile(values, [25, 75])
    width = 0.9 * min(values.std(ddof=1), (q3 - q1) / 1.34) * 3000**-0.2
    wanted = gaussian_kde(values, width / values.std(ddof=1))(got.at)
    assert np.abs(got.density[0] - wanted).max() < 0.02 * wanted.max()


def test_a_curve_does_not_leave_the_range_in_which_values_can_be():
    values = np.random.default_rng(1).exponential(0.5, 2000)

    got = group_curves(values, np.zeros(2000, int), 1)

    assert got.at[0] > 0 and got.at[-1] > values.max()
    assert trapezoid(got.density[0], got.at) == pytest.approx(1, abs=0.02)
    assert got.density[0, 0] > 0.9 * got.density[0].max()  # mirrored at 0, not fading there


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_the_order_of_cells_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    values, group = rng.gamma(2, 1, 200) * (rng.random(200) < 0.5), rng.integers(-1, 3, 200)
    order = rng.permutation(200)

    first, second = group_curves(values, group, 3), group_curves(values[order], group[order], 3)

    np.testing.assert_array_equal(first.density, second.density)


@pytest.mark.parametrize("values", [np.zeros(10), np.zeros(0)], ids=["never seen", "no cells"])
def test_a_gene_that_is_never_seen_has_curves_of_nothing(values):
    got = group_curves(values, np.zeros(values.size, int), 2)

    assert not got.density.any() and not got.n_shown.any()
    assert np.isnan(got.mean[1])


@given(n=st.integers(1, 500), share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_interval_of_a_share_is_wilsons(n, share):
    shown = round(share * n)

    low, high = share_interval(np.array([shown]), np.array([n]))

    wilson = binomtest(shown, n).proportion_ci(method="wilson")
    np.testing.assert_allclose((low[0], high[0]), (wilson.low, wilson.high), atol=1e-9)
