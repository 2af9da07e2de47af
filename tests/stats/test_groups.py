"""The order in which the sweep visits cells: every cell once, every group a sum of slices, left-out cells last."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.cells import Cells
from core.schema import CONTROL, LEFT_OUT
from core.stats.groups import MAX_CONTROL_GUIDES, MAX_FOLDS, MIN_CONTROL_GUIDE_CELLS, visiting_groups


def some_cells(rng, n, n_targets, n_batches, n_strata, n_guides=6):
    target = rng.integers(LEFT_OUT, n_targets, n).astype(np.int32)
    guide = np.where(target == LEFT_OUT, -1, rng.integers(-1, n_guides, n)).astype(np.int32)
    names = {"targets": n_targets, "guides": n_guides, "batches": n_batches, "strata": n_strata}
    return Cells(
        n_cells=n,
        target=target,
        guide=guide,
        batch=rng.integers(0, n_batches, n).astype(np.int32),
        stratum=rng.integers(0, n_strata, n).astype(np.int32),
        left_out={},
        **{name: tuple(f"{name}{i}" for i in range(k)) for name, k in names.items()},
    )


@given(
    seed=st.integers(0, 2**16),
    n=st.integers(1, 200),
    n_targets=st.integers(1, 5),
    n_batches=st.integers(1, 20),
    n_strata=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_segments_hold_every_cell_once_and_say_what_it_is(seed, n, n_targets, n_batches, n_strata):
    rng = np.random.default_rng(seed)
    cells = some_cells(rng, n, n_targets, n_batches, n_strata)
    counted = rng.random(n) < 0.9

    groups = visiting_groups(cells, counted)

    assert sorted(groups.order) == list(range(n))
    target = np.where(cells.target == CONTROL, n_targets, cells.target)
    target = np.where((cells.target == LEFT_OUT) | ~counted, n_targets + 1, target)
    segment = np.repeat(np.arange(groups.start.size - 1), np.diff(groups.start))
    pair = groups.pair[segment]
    np.testing.assert_array_equal(groups.pair_target[pair], target[groups.order])
    np.testing.assert_array_equal(groups.pair_batch[pair], cells.batch[groups.order])
    np.testing.assert_array_equal(groups.pair_stratum[pair], cells.stratum[groups.order])
    np.testing.assert_array_equal(groups.pair_cells, np.bincount(pair, minlength=groups.pair_cells.size))
    np.testing.assert_array_equal(groups.target_cells, np.bincount(target, minlength=n_targets + 2))
    code, ranked = groups.code[segment], target[groups.order] <= n_targets
    assert (code[ranked] >= 0).all() and (code[~ranked] == -1).all()
    assert ranked.size == 0 or not (np.diff(ranked.astype(int)) > 0).any()  # left-out cells come last
    np.testing.assert_array_equal(groups.code_target[code[ranked]], target[groups.order][ranked])
    np.testing.assert_array_equal(groups.code_stratum[code[ranked]], cells.stratum[groups.order][ranked])
    np.testing.assert_array_equal(groups.code_cells, np.bincount(code[ranked], minlength=groups.code_cells.size))
    guide = groups.guide[segment]
    np.testing.assert_array_equal(groups.guide_cells, np.bincount(guide, minlength=groups.guide_cells.size))
    perturbed = target[groups.order] < n_targets
    np.testing.assert_array_equal(groups.guide_name[guide][perturbed], cells.guide[groups.order][perturbed])
    named = perturbed & (cells.guide[groups.order] >= 0)
    np.testing.assert_array_equal(groups.guide_target[guide][named], target[groups.order][named])
    assert min(2, n_batches) <= groups.n_folds <= min(MAX_FOLDS, n_batches)
    np.testing.assert_array_equal(groups.fold_of_batch, np.arange(n_batches) % groups.n_folds)


def test_control_sets_are_dealt_evenly_and_the_same_way_every_time():
    rng = np.random.default_rng(0)
    cells = some_cells(rng, 4000, 1, 1, 1)
    one, other = (visiting_groups(cells, np.ones(4000, bool), 7) for _ in range(2))
    np.testing.assert_array_equal(one.order, other.order)
    is_control = one.code_target == 1
    leaves = np.bincount(one.code_leaf[is_control], one.code_cells[is_control])
    assert leaves.size == min(128, (cells.target == CONTROL).sum() // 25) and np.ptp(leaves) <= 1
    shuffled = visiting_groups(cells, np.ones(4000, bool), 8)
    assert (shuffled.order != one.order).any()


def test_only_control_guides_with_enough_cells_are_told_apart():
    n_guides = MAX_CONTROL_GUIDES + 20
    guide = np.repeat(np.arange(n_guides), np.arange(1, n_guides + 1)).astype(np.int32)
    n = guide.size + 5
    cells = Cells(
        n_cells=n, targets=("A",), target=np.append(np.full(guide.size, CONTROL), np.zeros(5)).astype(np.int32),
        guides=tuple(map(str, range(n_guides))), guide=np.append(guide, np.zeros(5)).astype(np.int32), batches=(),
        batch=np.zeros(n, np.int32), strata=(), stratum=np.zeros(n, np.int32), left_out={},
    )  # fmt: skip
    groups = visiting_groups(cells, np.ones(n, bool))
    kept = np.unique(groups.code_guide[(groups.code_target == 1) & (groups.code_guide >= 0)])
    assert kept.size == MAX_CONTROL_GUIDES and kept.min() + 1 >= MIN_CONTROL_GUIDE_CELLS
    np.testing.assert_array_equal(kept, np.arange(n_guides - MAX_CONTROL_GUIDES, n_guides))  # the largest
