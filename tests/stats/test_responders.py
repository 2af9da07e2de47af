"""Responders and escapers: shares that were planted are found, and none where none are."""

import numpy as np
import pytest

from core.stats.responders import cross_fitted_scores, responding_share

GENES = 60


def screen(share_responding, n_target=400, n_control=1500, effect=0.8, seed=0, batches=1):
    rng = np.random.default_rng(seed)
    n = n_target + n_control
    is_target = np.arange(n) < n_target
    batch = rng.integers(0, batches, n)
    x = rng.normal(size=(GENES, n)) + rng.normal(size=(GENES, batches))[:, batch]
    responds = is_target & (np.arange(n) < share_responding * n_target)
    x[:, responds] += effect * rng.choice([-1, 1], GENES)[:, None]
    return x.astype(np.float32), is_target, batch, responds


@pytest.mark.parametrize("planted", [1.0, 0.6, 0.3])
def test_the_share_that_was_planted_lies_in_the_interval_nearly_always(planted):
    inside = []
    for seed in range(20):
        x, is_target, batch, responds = screen(planted, seed=seed)
        score = cross_fitted_scores(x, is_target, batch)
        share = responding_share(score[is_target], score[~is_target])
        inside.append(share.low <= planted <= share.high)
        assert np.median(score[responds]) > 3  # standard deviations of controls

    assert sum(inside) >= 17  # 59 of 60 seeds


def test_no_effect_gives_no_responder_though_the_genes_were_fitted_to_the_same_cells():
    shares = []
    for seed in range(20):
        x, is_target, batch, _ = screen(0.0, seed=seed)
        score = cross_fitted_scores(x, is_target, batch)
        shares.append(responding_share(score[is_target], score[~is_target]))

    assert np.mean([s.at_least for s in shares]) < 0.1
    assert sum(s.low > 0 for s in shares) <= 3


def test_a_score_fitted_to_its_own_cells_would_have_found_responders_there():
    """What the two halves are for: the same weights without them."""
    x, is_target, _, _ = screen(0.0)
    delta = x[:, is_target].mean(axis=1) - x[:, ~is_target].mean(axis=1)
    circular = delta @ x

    assert responding_share(circular[is_target], circular[~is_target]).low > 0.05


def test_batches_are_no_effect():
    x, is_target, batch, _ = screen(0.5, batches=4)
    kept = is_target | (batch > 0) | (np.arange(batch.size) % 4 == 0)  # controls are rare in one batch

    score = cross_fitted_scores(x[:, kept], is_target[kept], batch[kept])
    share = responding_share(score[is_target[kept]], score[~is_target[kept]])

    assert share.low <= 0.5 <= share.high


def test_controls_have_mean_nought_and_spread_one_in_each_half():
    x, is_target, batch, _ = screen(1.0)

    score = cross_fitted_scores(x, is_target, batch)

    assert abs(score[~is_target].mean()) < 1e-6
    assert score[~is_target].std() == pytest.approx(1, abs=1e-3)


def test_the_order_of_cells_does_not_matter_to_the_share():
    x, is_target, batch, _ = screen(0.6)
    order = np.random.default_rng(5).permutation(is_target.size)

    one = cross_fitted_scores(x, is_target, batch)
    other = cross_fitted_scores(x[:, order], is_target[order], batch[order])

    a = responding_share(one[is_target], one[~is_target]).at_least
    b = responding_share(other[is_target[order]], other[~is_target[order]]).at_least
    assert abs(a - b) < 0.05


def test_no_cell_is_no_answer():
    assert np.isnan(responding_share(np.zeros(0), np.zeros(5)).at_least)
