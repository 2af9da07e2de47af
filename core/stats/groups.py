"""The order in which the sweep visits cells, and the groups whose sums and ranks come out of one visit.

Cells are sorted by their finest group (a segment: target, batch, stratum, guide, control set), so that each segment
is one slice. Coarser groups add segments up:

pair      (target, batch, stratum), exact; batches, folds of batches, strata and targets are sums of pairs
guide     (target, guide)
code      what a rank carries: (target, stratum), and for controls (control guide, random control set, stratum)
"""

from dataclasses import dataclass

import numpy as np

from core.data.cells import Cells
from core.schema import CONTROL, LEFT_OUT

MAX_FOLDS = 8
FOLD_CELLS = 25  # that a typical target should have in a fold
MAX_CONTROL_GUIDES = 64
MIN_CONTROL_GUIDE_CELLS = 20
CONTROL_LEAVES = 128
MIN_LEAF_CELLS = 25


@dataclass(frozen=True)
class Groups:
    """The segments of a study and what they add up to. T targets are 0 … T-1, T is control, T + 1 left out.

    Parameters
    ----------
    order
        Cells of the file in segment order, shape ``(n_cells,)``.
    start
        First place of every segment in ``order``, shape ``(n_segments + 1,)``.
    pair, guide, code
        The pair, guide group and rank code of every segment; code is -1 for cells that are left out.
    pair_target, pair_batch, pair_stratum, pair_cells
        Of every pair.
    guide_target, guide_name, guide_cells
        Of every guide group; the last one collects cells without a guide of their own (target -1).
    code_target, code_stratum, code_leaf, code_guide, code_cells
        Of every rank code; leaf and guide are -1 for perturbed cells.
    fold_of_batch
        The fold (at most 8) of every batch.
    """

    n_targets: int
    n_batches: int
    n_strata: int
    order: np.ndarray
    start: np.ndarray
    pair: np.ndarray
    guide: np.ndarray
    code: np.ndarray
    pair_target: np.ndarray
    pair_batch: np.ndarray
    pair_stratum: np.ndarray
    pair_cells: np.ndarray
    guide_target: np.ndarray
    guide_name: np.ndarray
    guide_cells: np.ndarray
    code_target: np.ndarray
    code_stratum: np.ndarray
    code_leaf: np.ndarray
    code_guide: np.ndarray
    code_cells: np.ndarray
    fold_of_batch: np.ndarray

    @property
    def n_folds(self) -> int:
        """Folds of batches."""
        return int(self.fold_of_batch.max()) + 1

    @property
    def target_cells(self) -> np.ndarray:
        """Cells of every target, of the controls and left out, shape ``(T + 2,)``."""
        return np.bincount(self.pair_target, self.pair_cells, minlength=self.n_targets + 2).astype(np.int64)


def visiting_groups(cells: Cells, counted: np.ndarray, seed: int = 0) -> Groups:
    """Sort cells into segments and name the groups that segments add up to.

    Parameters
    ----------
    cells
        Target, guide, batch and stratum of every cell.
    counted
        Whether a cell has any count at all; the others are left out, shape ``(n_cells,)``.
    seed
        Of the random control sets.

    Returns
    -------
    Groups
    """
    n_targets = len(cells.targets)
    target = np.where(cells.target == CONTROL, n_targets, cells.target)
    target = np.where((cells.target == LEFT_OUT) | ~counted, n_targets + 1, target).astype(np.int64)
    is_control = target == n_targets
    guide = np.where(target <= n_targets, cells.guide, -1).astype(np.int64)
    guide[is_control] = _large_control_guides(guide[is_control])
    leaf = np.full(target.size, -1, np.int64)
    leaf[is_control] = _random_leaves(int(is_control.sum()), seed)
    batch, stratum = cells.batch.astype(np.int64), cells.stratum.astype(np.int64)

    order = np.lexsort((leaf, guide, stratum, batch, target))
    columns = np.stack([target, batch, stratum, guide, leaf])[:, order]
    is_first = np.r_[True, (columns[:, 1:] != columns[:, :-1]).any(axis=0)] if target.size else np.zeros(0, bool)
    first = np.flatnonzero(is_first)
    start = np.append(first, target.size)
    size = np.diff(start)
    t, b, s, g, f = columns[:, first]

    pair, pairs = _number(t, b, s)
    has_guide = g >= 0
    guide_group, guides = _number(np.where(has_guide, t, n_targets + 2), np.where(has_guide, g, -1))
    code, codes = _number(t, s, np.where(t == n_targets, g, -1), f)
    kept = codes[0] <= n_targets
    code = np.where(t <= n_targets, code, -1)
    if not (guides[0] == n_targets + 2).any():  # always keep a last group for cells without a guide
        guides = np.append(guides, [[n_targets + 2], [-1]], axis=1)
    n_batches = max(1, len(cells.batches))
    return Groups(
        n_targets=n_targets,
        n_batches=n_batches,
        n_strata=max(1, len(cells.strata)),
        order=order,
        start=start,
        pair=pair,
        guide=guide_group,
        code=code,
        pair_target=pairs[0],
        pair_batch=pairs[1],
        pair_stratum=pairs[2],
        pair_cells=np.bincount(pair, size, minlength=pairs.shape[1]),
        guide_target=np.where(guides[0] <= n_targets, guides[0], -1),
        guide_name=guides[1],
        guide_cells=np.bincount(guide_group, size, minlength=guides.shape[1]),
        code_target=codes[0][kept],
        code_stratum=codes[1][kept],
        code_leaf=codes[3][kept],
        code_guide=codes[2][kept],
        code_cells=np.bincount(code[code >= 0], size[code >= 0], minlength=int(kept.sum())),
        fold_of_batch=np.arange(n_batches) % _n_folds(n_batches, np.bincount(t, size, minlength=n_targets)[:n_targets]),
    )


def _n_folds(n_batches: int, target_cells: np.ndarray) -> int:
    """As many folds as leave the median target enough cells in each, from 2 to 8, at most one a batch."""
    typical = int(np.median(target_cells)) if target_cells.size else 0
    return max(1, min(n_batches, MAX_FOLDS, max(2, typical // FOLD_CELLS)))


def _number(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct rows in sorted order: (number of every row, the distinct rows as columns)."""
    rows, number = np.unique(np.stack(columns), axis=1, return_inverse=True)
    return number.reshape(-1), rows


def _large_control_guides(guide: np.ndarray) -> np.ndarray:
    """Keep the control guides that have enough cells to be compared with the other controls; -1 for the rest."""
    names, cells = np.unique(guide[guide >= 0], return_counts=True)
    names = names[cells >= MIN_CONTROL_GUIDE_CELLS][np.argsort(-cells[cells >= MIN_CONTROL_GUIDE_CELLS], kind="stable")]
    keep = names[:MAX_CONTROL_GUIDES]
    return np.where(np.isin(guide, keep), guide, -1) if keep.size > 1 else np.full_like(guide, -1)


def _random_leaves(n: int, seed: int) -> np.ndarray:
    """Deal n control cells at random into equal leaves, from which control sets of any size are put together."""
    n_leaves = max(1, min(CONTROL_LEAVES, n // MIN_LEAF_CELLS))
    return np.random.default_rng(seed).permutation(np.arange(n) % n_leaves)
