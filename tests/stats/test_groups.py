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
def test_slices_hold_every_cell_once_and_say_what_it_is(seed, n, n_targets, n_batches, n_strata):
    rng = np.random.default_rng(seed)
    cells = some_cells(rng, n, n_targets, n_batches, n_strata)
    counted = rng.random(n) < 0.9

    groups = visiting_groups(cells, counted)

    assert sorted(groups.order) == list(range(n))
    target = np.where(cells.target == CONTROL, n_targets, cells.target)
    target = np.where((cells.target == LEFT_OUT) | ~counted, n_targets + 1, target)
    np.testing.assert_array_equal(groups.target_cells, np.bincount(target, minlength=n_targets + 2))
    target, guide, batch, stratum = (a[groups.order] for a in (target, cells.guide, cells.batch, cells.stratum))
    ranked = target <= n_targets
    assert not (np.diff(ranked.astype(int)) > 0).any()  # left-out cells come last

    slice_of_cell = np.repeat(np.arange(groups.start.size - 1), np.diff(groups.start))
    fold = target * groups.n_folds + groups.fold_of_batch[batch]
    np.testing.assert_array_equal(groups.fold[slice_of_cell], fold)
    group = groups.guide[slice_of_cell]
    np.testing.assert_array_equal(groups.guide_cells, np.bincount(group, minlength=groups.guide_cells.size))
    perturbed = target < n_targets
    np.testing.assert_array_equal(groups.guide_name[group][perturbed], guide[perturbed])
    named = perturbed & (guide >= 0)
    np.testing.assert_array_equal(groups.guide_target[group][named], target[named])

    for parts, part, n_parts in ((groups.batches, batch, n_batches), (groups.strata, stratum, n_strata)):
        assert (parts.of_cell[~ranked] == -1).all()
        number = parts.of_cell[ranked]
        np.testing.assert_array_equal(parts.target[number], target[ranked])
        np.testing.assert_array_equal(parts.part[number], part[ranked])
        expected = np.zeros((n_targets + 1, n_parts), int)
        np.add.at(expected, (target[ranked], part[ranked]), 1)
        np.testing.assert_array_equal(parts.table(n_targets, n_parts), expected)
        assert (np.diff(parts.target) >= 0).all()

    code = groups.code
    assert (code[ranked] >= 0).all() and (code[~ranked] == -1).all()
    np.testing.assert_array_equal(groups.code_target[code[ranked]], target[ranked])
    np.testing.assert_array_equal(groups.code_stratum[code[ranked]], stratum[ranked])
    np.testing.assert_array_equal(groups.code_cells, np.bincount(code[ranked], minlength=groups.code_cells.size))
    assert min(2, n_batches) <= groups.n_folds <= min(MAX_FOLDS, n_batches)
    np.testing.assert_array_equal(groups.fold_of_batch, np.arange(n_batches) % groups.n_folds)


def test_control_sets_are_dealt_evenly_and_the_same_way_every_time():
    rng = np.random.default_rng(0)
    cells = some_cells(rng, 4000, 1, 1, 1)
    one, other = (visiting_groups(cells, np.ones(4000, bool), 7) for _ in range(2))
    np.testing.assert_array_equal(one.order, other.order)
    np.testing.assert_array_equal(one.code, other.code)
    is_control = one.code_target == 1
    leaves = np.bincount(one.code_leaf[is_control], one.code_cells[is_control])
    assert leaves.size == min(128, (cells.target == CONTROL).sum() // 25) and np.ptp(leaves) <= 1
    shuffled = visiting_groups(cells, np.ones(4000, bool), 8)
    assert (shuffled.code != one.code).any()


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
