"""Effects: what every target does to every gene, as the tables on disk hold it, read by target or by gene."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.store.files import map_arrays, marking_damage
from core.store.group_sums import MEANS, GroupSums, group_means


class Effects:
    """Effects and means of a study, read-only, through memory maps of its tables.

    Parameters
    ----------
    tables
        The folder of the tables.
    n_genes
        All genes.
    target_cells
        Cells of every target, of the controls last.
    counts
        Whether the file holds counts.

    Raises
    ------
    DamagedStoreError
        When a table is first read, if it cannot be.
    """

    def __init__(self, tables: Path, n_genes: int, target_cells: Sequence[int], *, counts: bool) -> None:
        self._tables, self._n_genes, self._counts = tables, n_genes, counts
        *self._n, self._n_control = target_cells

    @cached_property
    def layers(self) -> dict[str, np.ndarray]:
        """Every effect of all targets, shape ``(targets, genes)``."""
        return self._layers("effects")

    @cached_property
    def _pooled(self) -> dict[str, np.ndarray]:
        return self._layers("pooled")

    def _layers(self, name: str) -> dict[str, np.ndarray]:
        with marking_damage(self._tables):
            return map_arrays(self._tables / f"{name}.h5ad", "layers")

    @cached_property
    def _sums(self) -> GroupSums:
        return self._sums_of("target")

    def _sums_of(self, kind: str) -> GroupSums:
        with marking_damage(self._tables):
            return GroupSums(self._tables / "moments.h5", kind, self._n_genes)

    def of_target(self, row: int) -> dict[str, np.ndarray]:
        """Means and effects of one target on all genes."""
        sums = {field: self._sums.row(field, row) for field in MEANS.values()}
        means = self._means(sums, self._n[row], self._control_sums())
        return means | {name: np.asarray(layer[row]) for name, layer in self.layers.items()}

    def of_all_targets(self) -> dict[str, np.ndarray]:
        """The same of all perturbed cells together."""
        sums = {field: self._sums.rows(field, slice(0, -1)).sum(axis=0) for field in MEANS.values()}
        means = self._means(sums, sum(self._n), self._control_sums())
        return means | {name: np.asarray(layer[0]) for name, layer in self._pooled.items()}

    def on_gene(self, gene: int) -> dict[str, np.ndarray]:
        """Means and effects of all targets on one gene."""
        column = {field: self._sums.column(field, gene) for field in MEANS.values()}
        sums, control = ({field: c[part] for field, c in column.items()} for part in (slice(-1), -1))
        means = self._means(sums, np.array(self._n), control)
        return means | {name: np.asarray(layer[:, gene]) for name, layer in self.layers.items()}

    def of_controls(self) -> dict[str, np.ndarray]:
        """Means of every gene in the controls, and the share of them that show it."""
        control = self._control_sums()
        means = self._means(control, self._n_control, control)
        shown = self._sums.row("n_nonzero", -1) / max(self._n_control, 1)
        return {name: mean for name, mean in means.items() if name.startswith("ctrl_")} | {"pct_control": shown}

    def sums_in_folds(self, row: int) -> dict[str, np.ndarray]:
        """Sums of log-normalized values and of their squares in every fold of batches, shape ``(folds, genes)``."""
        sums = self._sums_of("fold")
        folds = sums.n_rows // (len(self._n) + 1)
        rows = np.arange(row * folds, (row + 1) * folds)
        fields = {"total": "sum_log", "squares": "sum_log_squared"}
        return {name: sums.rows(field, rows).astype(np.float64) for name, field in fields.items()}

    def _control_sums(self) -> dict[str, np.ndarray]:
        return {field: self._sums.row(field, -1) for field in MEANS.values()}

    def _means(self, sums: dict[str, np.ndarray], n: Any, control: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return group_means(sums, n, control, self._n_control, counts=self._counts)
