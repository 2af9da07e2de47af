"""The order in which the sweep visits cells, and the groups whose sums and ranks come out of one visit.

Cells are sorted by target, guide and fold of batches, so that each such group (a slice) is contiguous. Coarser groups
add slices up; what cuts across them is numbered cell by cell:

fold, guide   (target, fold of batches) and (target, guide), sums of slices
parts         (target, batch) and (target, stratum), exact
code          what a rank carries: (target, stratum), and for controls (control guide, random control set, stratum)
"""

from dataclasses import dataclass
from typing import Self

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
class Parts:
    """The (target, part) of every cell that counts, part being its batch or its stratum; sorted by target, then part.

    Parameters
    ----------
    of_cell
        Number of the (target, part) of every cell in visiting order, -1 for cells that are left out.
    target, part, cells
        Of every (target, part).
    """

    of_cell: np.ndarray
    target: np.ndarray
    part: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, target: np.ndarray, part: np.ndarray, counts: np.ndarray) -> Self:
        """Number the (target, part) of cells in visiting order; ``counts`` says which cells take part."""
        of_cell = np.full(target.size, -1, np.int32)
        of_cell[counts], (targets, parts) = _number(target[counts], part[counts])
        return cls(of_cell, targets, parts, np.bincount(of_cell[counts], minlength=targets.size))

    def table(self, n_targets: int, n_parts: int) -> np.ndarray:
        """Cells of every target (the controls come last) in every part, shape ``(n_targets + 1, n_parts)``."""
        table = np.zeros((n_targets + 1, n_parts), np.int64)
        table[self.target, self.part] = self.cells
        return table


@dataclass(frozen=True)
class Groups:
    """The slices of a study and what they add up to. T targets are 0 … T-1, T is control, T + 1 left out.

    Parameters
    ----------
    order
        Cells of the file in visiting order, shape ``(n_cells,)``; those that are left out come last. Cells outside a
        subset are not visited.
    start
        First place of every slice in ``order``, shape ``(n_slices + 1,)``.
    guide, fold
        The guide group of every slice, and its ``target * n_folds + fold``.
    target_cells
        Cells of every target, of the controls and left out, shape ``(T + 2,)``.
    guide_target, guide_name, guide_cells
        Of every guide group; the last one collects cells without a guide of their own (target -1).
    batches, strata
        What is compared within.
    code
        Rank code of every cell in visiting order, -1 for cells that are left out.
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
    guide: np.ndarray
    fold: np.ndarray
    target_cells: np.ndarray
    guide_target: np.ndarray
    guide_name: np.ndarray
    guide_cells: np.ndarray
    batches: Parts
    strata: Parts
    code: np.ndarray
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


def visiting_groups(cells: Cells, counted: np.ndarray, seed: int = 0) -> Groups:
    """Sort cells into slices and name the groups they add up to.

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
    visited = slice(None) if cells.inside is None else cells.inside
    target = np.where(cells.target == CONTROL, n_targets, cells.target)
    target = np.where((cells.target == LEFT_OUT) | ~counted, n_targets + 1, target).astype(np.int64)[visited]
    is_control = target == n_targets
    guide = np.where(target <= n_targets, cells.guide[visited], -1).astype(np.int64)
    guide[is_control] = _large_control_guides(guide[is_control])
    leaf = np.full(target.size, -1, np.int64)
    leaf[is_control] = _random_leaves(int(is_control.sum()), seed)
    batch, stratum = cells.batch[visited].astype(np.int64), cells.stratum[visited].astype(np.int64)
    target_cells = np.bincount(target, minlength=n_targets + 2)
    n_batches = max(1, len(cells.batches))
    fold_of_batch = np.arange(n_batches) % _n_folds(n_batches, target_cells[:n_targets])
    fold = fold_of_batch[batch]

    order = np.lexsort((stratum, batch, fold, guide, target))
    columns = np.stack([target, guide, fold])[:, order]
    is_first = np.r_[True, (columns[:, 1:] != columns[:, :-1]).any(axis=0)] if target.size else np.zeros(0, bool)
    first = np.flatnonzero(is_first)
    start = np.append(first, target.size)
    t, g, f = columns[:, first]

    guide_group, guides = _number(np.where(g >= 0, t, n_targets + 2), g)
    if not (guides[0] == n_targets + 2).any():  # always keep a last group for cells without a guide
        guides = np.append(guides, [[n_targets + 2], [-1]], axis=1)
    target, guide, batch, stratum, leaf = (a[order] for a in (target, guide, batch, stratum, leaf))
    kept = target <= n_targets
    code = np.full(target.size, -1, np.int64)
    of_control = np.where(target == n_targets, guide, -1)
    code[kept], codes = _number(target[kept], stratum[kept], of_control[kept], leaf[kept])
    return Groups(
        n_targets=n_targets,
        n_batches=n_batches,
        n_strata=max(1, len(cells.strata)),
        order=order if cells.inside is None else np.flatnonzero(cells.inside)[order],
        start=start,
        guide=guide_group,
        fold=t * (int(fold_of_batch.max()) + 1) + f,
        target_cells=target_cells,
        guide_target=np.where(guides[0] <= n_targets, guides[0], -1),
        guide_name=guides[1],
        guide_cells=np.bincount(guide_group, np.diff(start), minlength=guides.shape[1]),
        batches=Parts.of(target, batch, kept),
        strata=Parts.of(target, stratum, kept),
        code=code,
        code_target=codes[0],
        code_stratum=codes[1],
        code_leaf=codes[3],
        code_guide=codes[2],
        code_cells=np.bincount(code[kept], minlength=codes.shape[1]),
        fold_of_batch=fold_of_batch,
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
