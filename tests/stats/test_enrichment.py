"""Over-representation and rank test against scipy and by hand."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from core.stats.enrichment import (
    group_by_shared,
    leading_edge,
    membership,
    mid_ranks,
    over_representation,
    rank_test,
)


def test_over_representation_equals_counting_all_draws_by_hand():
    # 10 genes, 4 in the set, 3 drawn: at least 2 hits in (C(4,2) C(6,1) + C(4,3)) / C(10,3) draws
    by_hand = (math.comb(4, 2) * 6 + 4) / math.comb(10, 3)

    log10_p = over_representation(np.array([2]), np.array([4]), 3, 10)

    assert 10 ** log10_p[0] == pytest.approx(by_hand, rel=1e-9)


def test_over_representation_equals_fishers_exact_test():
    log10_p = over_representation(np.array([19]), np.array([50]), 206, 6748)

    table = [[19, 206 - 19], [50 - 19, 6748 - 206 - 50 + 19]]
    assert log10_p[0] == pytest.approx(math.log10(scipy.stats.fisher_exact(table, "greater").pvalue), rel=1e-6)


def test_no_hit_is_no_evidence():
    assert over_representation(np.array([0]), np.array([50]), 206, 6748)[0] == 0


@given(seed=st.integers(0, 2**16), ties=st.booleans())
def test_without_correlation_the_rank_test_is_scipys_mann_whitney(seed, ties):
    rng = np.random.default_rng(seed)
    profile = rng.normal(size=80).round(1 if ties else 12)
    members = [np.sort(rng.choice(80, n, replace=False)) for n in (1, 7, 40, 79)]

    log10_p, auc = rank_test(mid_ranks(profile), membership(members, 80), correlation=0.0)

    for k, genes in enumerate(members):
        rest = np.setdiff1d(np.arange(80), genes)
        scipys = scipy.stats.mannwhitneyu(profile[genes], profile[rest], method="asymptotic")
        assert log10_p[k] == pytest.approx(math.log10(scipys.pvalue), rel=1e-6, abs=1e-9)
        assert auc[k] == pytest.approx(scipys.statistic / genes.size / rest.size)


def test_correlation_between_genes_of_a_set_makes_it_less_sure_and_by_as_much_as_cameras_formula():
    ranks, genes = mid_ranks(np.arange(1000.0)), np.arange(900, 980)
    n, rest, rho = 80, 920, 0.01

    plain, _ = rank_test(ranks, membership([genes], 1000), 0.0)
    careful, _ = rank_test(ranks, membership([genes], 1000), rho)

    variance = n * rest * (
        math.pi / 2 + math.pi / 6 * (rest - 1) + math.asin(rho / 2) * (n - 1) * (rest - 1)
        + math.asin((rho + 1) / 2) * (n - 1)
    ) / (2 * math.pi)  # fmt: skip
    u = ranks[genes].sum() - n * (n + 1) / 2
    z = (u - n * rest / 2 - 0.5) / math.sqrt(variance)
    assert 10 ** careful[0] == pytest.approx(2 * scipy.stats.norm.sf(z), rel=1e-6)
    assert careful[0] > plain[0]


def test_correlated_genes_without_effect_are_called_as_often_as_they_should_be():
    """Sets of 100 genes that share a hundredth of their variance: p < 0.05 in 5 % of profiles, not in a fifth."""
    rng = np.random.default_rng(0)
    sets, called, naive = membership([np.arange(100)], 2000), 0, 0
    for _ in range(400):
        profile = rng.normal(size=2000)
        profile[:100] = math.sqrt(0.99) * profile[:100] + 0.1 * rng.normal()
        ranks = mid_ranks(profile)
        called += rank_test(ranks, sets)[0][0] < math.log10(0.05)
        naive += rank_test(ranks, sets, 0.0)[0][0] < math.log10(0.05)

    assert called / 400 < 0.09
    assert naive / 400 > 0.12


def test_all_values_tied_is_no_evidence():
    log10_p, auc = rank_test(mid_ranks(np.ones(20)), membership([np.arange(5)], 20))

    assert log10_p[0] == 0 and auc[0] == 0.5


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_mid_ranks_are_scipys(values):
    np.testing.assert_array_equal(mid_ranks(np.array(values)), scipy.stats.rankdata(values))


@pytest.mark.parametrize("rises", [True, False])
def test_the_leading_edge_are_the_genes_before_the_peak_of_the_running_sum(rises):
    profile = np.arange(100.0) if rises else -np.arange(100.0)
    genes = np.array([99, 98, 97, 90, 10])

    edge = leading_edge(mid_ranks(profile), genes, rises=rises)

    assert edge.tolist() == [99, 98, 97, 90]


def test_a_set_mostly_told_by_a_surer_one_stands_under_it():
    hits = [np.arange(10), np.arange(5, 12), np.arange(8, 20), np.array([50, 51]), np.zeros(0, int)]

    assert group_by_shared(hits).tolist() == [0, 0, 2, 3, 4]
    assert group_by_shared([]).tolist() == []
