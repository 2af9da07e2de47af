"""Comparisons within batches (or strata): each part's cells meet the controls of that part alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from core.stats._kernels import part_sums
from core.stats.groups import Parts


@dataclass(frozen=True)
class WithinMeans:
    """What two sides come to when parts are weighted alike, each array ``(genes, n_targets + 1)``, pooled last.

    Parameters
    ----------
    target, control
        Weighted means; NaN where no part holds both.
    error
        Standard error of their difference. The variance is pooled within parts, so that parts of a single cell count
        too; NaN without degrees of freedom.
    """

    target: np.ndarray
    control: np.ndarray
    error: np.ndarray

    @property
    def delta(self) -> np.ndarray:
        """Mean of the differences within parts."""
        return self.target - self.control


@dataclass(frozen=True)
class Within:
    """Which cells are compared with which controls, and what that weighs; one for all genes.

    A part weighs ``n_t n_c / (n_t + n_c)``. Beside the targets stand all perturbed cells together, as the last.

    Parameters
    ----------
    parts
        The (target, part) of every cell in visiting order; controls come last.
    first
        Where a target's (target, part) begin, those of the controls at its end, shape ``(n_targets + 1,)``.
    cells
        Cells of every target, and of all perturbed ones, in every part, shape ``(n_targets + 1, n_parts)``.
    control
        Control cells of every part, shape ``(n_parts,)``.
    """

    parts: Parts
    first: np.ndarray
    cells: np.ndarray
    control: np.ndarray

    @classmethod
    def of(cls, parts: Parts, n_targets: int, n_parts: int) -> Self:
        """Compare every target's parts; ``n_targets`` is the controls' number."""
        table = parts.table(n_targets, n_parts)
        cells = np.append(table[:-1], table[:-1].sum(axis=0, keepdims=True), axis=0)
        return cls(parts, np.searchsorted(parts.target, np.arange(n_targets + 1)), cells, table[-1])

    @cached_property
    def _weight(self) -> np.ndarray:
        """Weight of every part in every comparison; 0 where it lacks a side."""
        return self.cells * self.control / np.maximum(self.cells + self.control, 1)

    @cached_property
    def _weights(self) -> np.ndarray:
        """Sum of the weights of every comparison; NaN where no part holds both sides."""
        weights = self._weight.sum(axis=1)
        return np.where(weights > 0, weights, np.nan)

    @cached_property
    def _used(self) -> np.ndarray:
        return (self._weight > 0).astype(float)

    @cached_property
    def _share(self) -> tuple[np.ndarray, np.ndarray]:
        """1 / cells of every (target, part), and that times its weight."""
        share = 1 / self.parts.cells
        weight = np.append(self._weight[:-1], np.zeros((1, self.control.size)), axis=0)  # controls weigh nothing
        return share, share * weight[self.parts.target, self.parts.part]

    @cached_property
    def _error_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """What the scatter of the targets, and that of the controls, adds to the squared error of a weighted sum."""
        cells, control, used = np.maximum(self.cells, 1), np.maximum(self.control, 1), self._used
        terms = []
        for n in (cells, np.broadcast_to(control, cells.shape)):
            freedom = (used * (n - 1)).sum(axis=1)
            spread = (self._weight**2 / n).sum(axis=1)
            terms.append(spread / np.where(freedom > 0, freedom, np.nan))
        return terms[0], terms[1]

    def new_sums(self, n_genes: int) -> "PartSums":
        """Room for the sums of some genes."""
        shift, scatter = np.empty((2, n_genes, self.first.size))
        return PartSums(shift, scatter, *np.empty((4, n_genes, self.control.size)))

    def add_up(self, values: np.ndarray, where: np.ndarray, m: np.ndarray, genes: slice, into: "PartSums") -> None:
        """Fill in the sums of some genes.

        Parameters
        ----------
        values, where
            Their non-zeros and the places of these in the visiting order, shape ``(genes, cells)``.
        m
            How many non-zeros of each gene count: the left-out cells come last.
        genes, into
            Which rows to fill of what.
        """
        part_sums(
            values, where, m, self.parts.of_cell, self.parts.part, self.first, *self._share, into.shift[genes],
            into.scatter[genes], into.pooled[genes], into.pooled_squares[genes], into.control[genes],
            into.control_squares[genes],
        )  # fmt: skip

    def means(self, sums: "PartSums") -> WithinMeans:
        """Weighted means of both sides."""
        weight, used = self._weight, self._used
        share, control_share = 1 / np.maximum(self.cells[-1], 1), 1 / np.maximum(self.control, 1)
        sums.shift[:, -1] = sums.pooled @ (weight[-1] * share)
        sums.scatter[:, -1] = np.maximum(sums.pooled_squares - sums.pooled**2 * share, 0) @ used[-1]
        control_scatter = np.maximum(sums.control_squares - sums.control**2 * control_share, 0) @ used.T
        weights = self._weights
        terms, control_terms = self._error_terms
        error = np.sqrt(sums.scatter * terms + control_scatter * control_terms) / weights
        return WithinMeans(sums.shift / weights, (sums.control * control_share) @ weight.T / weights, error)


@dataclass(frozen=True)
class PartSums:
    """Sums of some genes that a comparison within parts needs.

    Parameters
    ----------
    shift, scatter
        Weighted sum of a target's means, and the squares around them, shape ``(genes, n_targets + 1)``.
    pooled, pooled_squares, control, control_squares
        Sums and squares of all perturbed cells and of the controls of every part, shape ``(genes, n_parts)``.
    """

    shift: np.ndarray
    scatter: np.ndarray
    pooled: np.ndarray
    pooled_squares: np.ndarray
    control: np.ndarray
    control_squares: np.ndarray
