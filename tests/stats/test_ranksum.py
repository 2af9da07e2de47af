"""Mann-Whitney against scipy on count / total in float64: U to the last bit, ln p within 1e-6."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.stats.ranksum import Ranker, RankGroups, Ranks, auc, log10_p

LN10 = np.log(10)


def ranked(values, divisor, group, n_targets, *, stratum=None, exact_floats=False):
    """U of every target (then all perturbed cells) against the controls, with tie terms; group n_targets is control.

    Cells stand in visiting order, without zeros, as the sweep has them.
    """
    values, divisor = np.asarray(values, np.float64), np.asarray(divisor, np.float64)
    if not exact_floats:
        divisor = divisor / 2.0 ** np.floor(np.log2(np.median(divisor)))  # as the sweep: ratios near the counts
    stratum = np.zeros(len(group), np.int64) if stratum is None else stratum
    codes, code = np.unique(np.stack([group, stratum]), axis=1, return_inverse=True)
    code = code.reshape(-1)
    rank_row = np.where(codes[0] == n_targets, n_targets + 1, codes[0])
    n_strata = int(stratum.max()) + 1
    groups = RankGroups(rank_row, codes[1], np.bincount(code), n_targets + 2, n_strata)
    order = np.argsort(code, kind="stable")
    where = np.flatnonzero(values[order] != 0)
    ratio = np.zeros(len(values))
    ratio[: where.size] = values[order][where] / divisor[order][where]
    ranks = Ranks.empty(1, groups)
    places = np.resize(where, len(values)).astype(np.int32)[None]
    Ranker(len(values), exact_floats=exact_floats).rank(
        ratio[None], places, np.array([where.size]), code[order], groups, slice(0, 1), ranks
    )
    u, tie = (ranks.u[0], ranks.tie[0]) if n_strata == 1 else (ranks.u_within[0], ranks.tie_within[0])
    of_target = np.zeros((n_targets + 1, n_strata))
    perturbed = codes[0] < n_targets
    np.add.at(of_target, (codes[0][perturbed], codes[1][perturbed]), u[perturbed])
    of_target[-1] = of_target[:-1].sum(axis=0)
    return of_target, tie[:-1], groups.group_cells


def check_against_scipy(values, divisor, group, n_targets, **options):
    u, tie, cells = ranked(values, divisor, group, n_targets, **options)
    x = np.asarray(values, np.float64) / divisor
    for target in range(n_targets + 1):
        mine = x[group == target] if target < n_targets else x[group < n_targets]
        control = x[group == n_targets]
        if not mine.size or not control.size:
            continue
        with np.errstate(all="ignore"):
            expected = stats.mannwhitneyu(mine, control, method="asymptotic")
            expected_log_p = np.log(expected.pvalue)
        assert u[target, 0] == expected.statistic
        got = log10_p(u[target], np.array([mine.size]), np.array([control.size]), tie[target])[0] * LN10
        if np.isfinite(expected_log_p) and expected.pvalue > 1e-290:
            np.testing.assert_allclose(got, expected_log_p, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(
            auc(u[target], np.array([mine.size]), np.array([control.size]))[0],
            expected.statistic / mine.size / control.size,
            rtol=1e-14,
        )


def screen_groups(rng, n_cells, n_targets):
    group = rng.integers(0, n_targets + 1, n_cells)
    group[0] = n_targets
    return group


@given(
    seed=st.integers(0, 2**32),
    n_cells=st.integers(2, 300),
    n_targets=st.integers(1, 6),
    rate=st.sampled_from([0.02, 0.5, 8]),
)
@settings(max_examples=80, deadline=None)
def test_u_and_p_equal_scipy_on_counts_over_totals(seed, n_cells, n_targets, rate):
    rng = np.random.default_rng(seed)
    check_against_scipy(
        rng.poisson(rate, n_cells), rng.integers(1, 400, n_cells), screen_groups(rng, n_cells, n_targets), n_targets
    )


@given(seed=st.integers(0, 2**32), n_cells=st.integers(2, 200))
@settings(max_examples=40, deadline=None)
def test_equal_fractions_tie_however_they_are_written(seed, n_cells):
    """1/100 = 2/200 = 3/300: no total may turn a tie into an order."""
    rng = np.random.default_rng(seed)
    times, numerator = rng.integers(1, 60, n_cells), rng.integers(0, 4, n_cells)
    check_against_scipy(numerator * times, 97 * times, screen_groups(rng, n_cells, 3), 3)


@given(seed=st.integers(0, 2**32), total=st.integers(20_000, 4_000_000))
@settings(max_examples=40, deadline=None)
def test_ratios_that_float32_cannot_tell_apart_are_not_tied(seed, total):
    """1/20,000,001 and 1/20,000,000 share all bits of a float32."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 60, 120)
    check_against_scipy(count, count * total + rng.integers(0, 3, 120), screen_groups(rng, 120, 2), 2)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_ratios_of_any_size_keep_their_order(seed):
    """Corrected counts may be minute and obs totals huge: both leave the range of plain counts over totals."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(150) < 0.3, 0, 10.0 ** rng.uniform(-9, 3, 150)).astype(np.float32)
    check_against_scipy(values, 10.0 ** rng.uniform(-3, 6, 150), screen_groups(rng, 150, 2), 2)


@given(seed=st.integers(0, 2**32), n_cells=st.integers(2, 200))
@settings(max_examples=40, deadline=None)
def test_log_normalized_values_are_ranked_by_all_their_bits(seed, n_cells):
    rng = np.random.default_rng(seed)
    values = np.log1p(rng.poisson(0.8, n_cells) * rng.choice([0.3, 1.0, 1.0000001], n_cells)).astype(np.float32)
    neighbours = rng.random(n_cells) < 0.2
    values[neighbours] = np.nextafter(values[neighbours], np.float32(9))
    check_against_scipy(values, np.ones(n_cells), screen_groups(rng, n_cells, 3), 3, exact_floats=True)


@pytest.mark.parametrize("value", [0, 7])
def test_a_gene_that_is_the_same_everywhere_says_nothing(value):
    group = np.array([0, 0, 1, 1, 1])
    u, tie, _ = ranked(np.full(5, value), np.ones(5), group, 1)
    assert u[0, 0] == 3.0
    assert log10_p(u[0], np.array([2.0]), np.array([3.0]), tie[0])[0] == 0


@pytest.mark.parametrize(("mine", "control"), [([5], [1, 2, 3]), ([0], [0]), ([1], [0]), ([2, 2], [2])])
def test_one_cell_is_enough_for_a_test(mine, control):
    check_against_scipy(
        np.array(mine + control), np.ones(len(mine + control)), np.array([0] * len(mine) + [1] * len(control)), 1
    )


def test_log10_p_goes_on_where_p_underflows():
    group = np.repeat([0, 1], [4000, 6000])
    values = np.concatenate([np.full(4000, 9), np.zeros(6000)])
    u, tie, _ = ranked(values, np.ones(10_000), group, 1)
    got = log10_p(u[0], np.array([4000.0]), np.array([6000.0]), tie[0])[0]
    z = (4000 * 6000 / 2 - 0.5) / np.sqrt(4000 * 6000 / 12 * (10_001 - tie[0, 0] / (10_000 * 9_999)))
    assert 10.0**got == 0 and got < -1000
    np.testing.assert_allclose(got, (np.log(2) + stats.norm.logsf(z)) / LN10, rtol=1e-12)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_swapping_target_and_control_mirrors_u_and_keeps_p(seed):
    rng = np.random.default_rng(seed)
    values, divisor, group = rng.poisson(0.8, 90), rng.integers(50, 90, 90), rng.integers(0, 2, 90)
    if len(set(group)) < 2:
        return
    u, tie, _ = ranked(values, divisor, group, 1)
    swapped, same_tie, _ = ranked(values, divisor, 1 - group, 1)
    n, m = (group == 0).sum(), (group == 1).sum()
    assert u[0, 0] + swapped[0, 0] == n * m
    assert tie[0, 0] == same_tie[0, 0]


@given(seed=st.integers(0, 2**32), n_strata=st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_within_strata_each_is_ranked_against_its_own_controls(seed, n_strata):
    rng = np.random.default_rng(seed)
    n = 240
    values, divisor = rng.poisson(0.9, n), rng.integers(50, 60, n)
    group, stratum = rng.integers(0, 4, n), rng.integers(0, n_strata, n)
    stratum[:n_strata] = np.arange(n_strata)
    u, tie, cells = ranked(values, divisor, group, 3, stratum=stratum)
    x = values / divisor
    for target in range(4):
        for s in range(n_strata):
            mine = x[((group == target) if target < 3 else (group < 3)) & (stratum == s)]
            control = x[(group == 3) & (stratum == s)]
            assert cells[target, s] == mine.size
            if mine.size and control.size:
                assert u[target, s] == stats.mannwhitneyu(mine, control, method="asymptotic").statistic
                counts = np.unique(np.concatenate([mine, control]), return_counts=True)[1].astype(float)
                assert tie[target, s] == (counts**3 - counts).sum()


def test_an_empty_group_was_not_tested():
    assert np.isnan(log10_p(np.array(0.0), np.array(0.0), np.array(5.0), np.array(0.0)))
    assert np.isnan(auc(np.array(0.0), np.array(0.0), np.array(5.0)))


def test_too_many_groups_for_a_key_are_refused():
    with pytest.raises(ValueError, match="rank groups"):
        RankGroups(*np.zeros((2, 1 << 20), np.int64), np.ones(1 << 20, np.int64), 3, 1)
