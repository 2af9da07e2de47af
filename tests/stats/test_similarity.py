"""Similarity of profiles: every pair against scipy on that pair's own genes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from core.stats import similarity
from core.stats.similarity import all_by_all, contributions, correlate, prepare


def profiles(seed: int, n: int, genes: int, most_own: int = 2) -> tuple[np.ndarray, list[list[int]]]:
    """Deltas with a response that all share, and strong falls of own genes, some of which two profiles share."""
    rng = np.random.default_rng(seed)
    deltas = rng.normal(0, 0.2, (n, genes)) + rng.normal(0, 0.3, genes) + rng.normal(0, 1, (n, 1))
    own = [list(rng.choice(genes, rng.integers(0, most_own + 1), replace=False)) for _ in range(n)]
    for row, places in zip(deltas, own, strict=True):
        row[places] -= 5
    deltas.flags.writeable = False
    return deltas, own


def slow_typical(deltas: np.ndarray, own: list[list[int]], kind: str) -> np.ndarray:
    """Median or mean of every gene over the profiles that were not perturbed in it."""
    if kind == "none" or len(deltas) < similarity.MIN_TYPICAL:
        return np.zeros(deltas.shape[1])
    masked = deltas.copy()
    for row, places in zip(masked, own, strict=True):
        row[places] = np.nan
    seen = ~np.isnan(masked).all(axis=0)
    middle = np.zeros(deltas.shape[1])
    middle[seen] = (np.nanmedian if kind == "median" else np.nanmean)(masked[:, seen], axis=0)
    return middle


def slow(deltas: np.ndarray, own: list[list[int]], keep: np.ndarray, kind: str = "median") -> np.ndarray:
    """The definition, pair by pair."""
    typical = slow_typical(deltas[:, keep], [list(np.flatnonzero(np.isin(np.flatnonzero(keep), o))) for o in own], kind)
    whole = np.zeros(deltas.shape[1])
    whole[keep] = typical
    residual = deltas.copy()
    for row, places in zip(residual, own, strict=True):
        genes = keep & ~np.isin(np.arange(deltas.shape[1]), places)
        if genes.sum() > 1 and whole[genes].std() > 0:
            slope = np.cov(row[genes], whole[genes])[0, 1] / np.var(whole[genes], ddof=1)
            row -= np.clip(slope, 0, 1) * whole
    r = np.full((len(deltas), len(deltas)), np.nan)
    for i in range(len(deltas)):
        for j in range(len(deltas)):
            genes = keep & ~np.isin(np.arange(deltas.shape[1]), [*own[i], *own[j]])
            if genes.sum() >= similarity.MIN_GENES:
                r[i, j] = pearsonr(residual[i, genes], residual[j, genes]).statistic
    return r


@given(
    seed=st.integers(0, 2**16),
    n=st.integers(1, 9),
    genes=st.integers(5, 60),
    typical=st.sampled_from(["median", "mean", "none"]),
)
@settings(max_examples=60, deadline=None)
def test_every_pair_has_pearsons_r_of_its_own_genes(seed, n, genes, typical):
    deltas, own = profiles(seed, n, genes)
    keep = np.random.default_rng(seed + 1).random(genes) < 0.8

    got = all_by_all(prepare(deltas, own, keep=keep, typical=typical))

    np.testing.assert_allclose(got, slow(deltas, own, keep, typical), atol=2e-5)  # products are of single precision


def test_pairs_in_blocks_are_the_pairs_at_once(monkeypatch):
    deltas, own = profiles(3, 23, 200)
    keep = np.ones(200, bool)
    whole = all_by_all(prepare(deltas, own, keep=keep))
    for name, size in (("PAIRS_AT_ONCE", 5), ("ROWS_AT_ONCE", 4), ("GENES_AT_ONCE", 7)):
        monkeypatch.setattr(similarity, name, size)

    got = all_by_all(prepare(deltas, own, keep=keep), threads=2)

    np.testing.assert_allclose(got, whole, atol=1e-6)
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_allclose(np.diag(got), 1, atol=1e-6)


def test_own_genes_of_both_are_left_out_however_far_they_fall():
    deltas, own = profiles(4, 12, 80)
    fallen = deltas.copy()
    for row, places in zip(fallen, own, strict=True):
        row[places] -= 1e4
    keep = np.ones(80, bool)

    np.testing.assert_allclose(
        all_by_all(prepare(fallen, own, keep=keep)), all_by_all(prepare(deltas, own, keep=keep)), atol=1e-6
    )


def test_a_gene_that_moves_the_partner_strongly_is_left_out_without_loss_of_digits():
    deltas, own = profiles(5, 8, 400, most_own=0)
    deltas = deltas.copy()
    own = [[0], [1], *own[2:]]
    deltas[0, 1] = 3e3  # what 1 was perturbed in is nearly all of profile 0

    got = correlate(prepare(deltas, own, keep=np.ones(400, bool), typical="none"), [0], [1])

    np.testing.assert_allclose(got[0, 0], slow(deltas, own, np.ones(400, bool), "none")[0, 1], atol=1e-4)


def test_constant_profiles_and_those_with_missing_values_correlate_with_none():
    deltas, own = profiles(6, 9, 50, most_own=0)
    deltas = deltas.copy()
    deltas[2], deltas[5, 7] = 1.5, np.nan

    r = all_by_all(prepare(deltas, own, keep=np.ones(50, bool), typical="none"))

    assert np.isnan(r[[2, 5]]).all() and np.isnan(r[:, [2, 5]]).all()
    rest = [0, 1, 3, 4, 6, 7, 8]
    assert np.isfinite(r[np.ix_(rest, rest)]).all()


def test_a_profile_that_moves_only_the_partners_gene_has_no_r_with_it():
    deltas = np.zeros((2, 30))
    deltas[0, 4], deltas[1] = 2.0, np.random.default_rng(0).normal(size=30)

    r = all_by_all(prepare(deltas, [[9], [4]], keep=np.ones(30, bool)))

    assert np.isnan(r[0, 1])


def test_profiles_without_missing_values_make_the_typical_one_alone():
    deltas, own = profiles(7, 9, 50, most_own=0)
    broken = np.vstack([deltas, np.full((1, 50), np.nan)])

    got = prepare(broken, [*own, []], keep=np.ones(50, bool))

    np.testing.assert_allclose(got.typical, np.median(deltas, axis=0), rtol=1e-6)
    assert got.n_typical == 9


def test_profiles_without_effect_stay_uncorrelated_where_strong_ones_make_what_is_typical():
    rng = np.random.default_rng(0)
    strong = rng.normal(0, 1, 2000) * (rng.random(2000) < 0.2)
    deltas = rng.normal(0, 0.1, (20, 2000))
    deltas[:5] += strong  # five of twenty do the same
    none = [[]] * 20

    r = {t: all_by_all(prepare(deltas, none, keep=np.ones(2000, bool), typical=t))[5:, 5:] for t in ("median", "mean")}

    pairs = np.triu_indices(15, 1)
    assert abs(np.median(r["median"][pairs])) < 0.05 and abs(np.median(r["mean"][pairs])) < 0.05
    plain = np.corrcoef(deltas - deltas.mean(axis=0))[5:, 5:]
    assert np.median(plain[pairs]) > 0.4  # the mean subtracted as it is: each holds its negative


def test_controls_that_all_share_do_not_make_profiles_agree():
    rng = np.random.default_rng(1)
    deltas = rng.normal(0, 0.1, (30, 3000)) - rng.normal(0, 0.2, 3000)
    none, keep = [[]] * 30, np.ones(3000, bool)
    pairs = np.triu_indices(30, 1)

    assert np.median(all_by_all(prepare(deltas, none, keep=keep, typical="none"))[pairs]) > 0.7
    assert abs(np.median(all_by_all(prepare(deltas, none, keep=keep))[pairs])) < 0.05


@pytest.mark.parametrize("i, j", [(0, 1), (3, 3), (2, 7)])
def test_contributions_sum_to_r(i, j):
    deltas, own = profiles(8, 9, 120)
    ready = prepare(deltas, own, keep=np.ones(120, bool))

    each = contributions(ready, i, j)

    assert each.sum() == pytest.approx(correlate(ready, [i], [j])[0, 0], abs=1e-6)
    assert not each[[*own[i], *own[j]]].any()


def test_input_is_left_as_it_was():
    deltas, own = profiles(9, 6, 40)
    before = deltas.copy()
    all_by_all(prepare(deltas, own, keep=np.ones(40, bool)))
    np.testing.assert_array_equal(deltas, before)
