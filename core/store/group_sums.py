"""Sums of every target, guide and fold of batches on disk: written run of genes by run of genes, read by row or column.

``moments.h5`` holds one dataset a kind of group and field, of shape (runs of genes, groups, genes of a run). A run is
what one thread of the sweep finishes at once, so it is written in one piece; a row is a slice of every run, a column
lies within one.
"""

import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from core.stats._kernels import take_fields
from core.store.files import allocate_arrays, map_arrays, need_room, write_at

STORED = ("n_nonzero", "sum_counts", "sum_normalized", "sum_log", "sum_log_squared", "maximum")
NARROW_CELLS = 1 << 16
MEANS = {"": "sum_log", "_counts": "sum_counts", "_normalized": "sum_normalized"}
"""Endings of the columns of means, and the sums that they come from."""


@dataclass(frozen=True)
class SumsTable:
    """One kind of group, and the types that hold its sums.

    Parameters
    ----------
    n_rows
        Groups of this kind.
    precise
        Whether sums of real numbers are kept in float64, not float32.
    narrow
        Whether every group has under 65,536 cells with counts of at most 16 bits each: whole numbers need half the
        room then.
    """

    n_rows: int
    precise: bool = False
    narrow: bool = False

    @classmethod
    def of(cls, cells: np.ndarray, *, counts_fit: bool) -> Self:
        """The table of groups of so many cells; ``counts_fit`` says that all values are counts of at most 16 bits."""
        return cls(cells.size, narrow=counts_fit and bool(cells.max(initial=0) < NARROW_CELLS))

    @property
    def types(self) -> dict[str, str]:
        """The type of every field."""
        whole = ("u2", "u4", "u2") if self.narrow else ("u4", "f8", "f4")
        real = "f8" if self.precise else "f4"
        return dict(zip(STORED, (*whole[:2], real, real, real, whole[2]), strict=True))


class GroupSumsWriter:
    """Writes the sums of the sweep; runs may come in any order, from several threads.

    Parameters
    ----------
    path
        The file to make.
    tables
        Groups of every kind: ``target``, ``guide``, ``fold``.
    n_genes, run
        All genes, and the genes of a run.

    Raises
    ------
    OSError
        If the disk has no room.
    """

    def __init__(self, path: Path, tables: Mapping[str, SumsTable], n_genes: int, run: int) -> None:
        self._tables, self._run = tables, run
        runs = -(-n_genes // run)
        layout = {
            f"{kind}/{field}": ((runs, table.n_rows, run), dtype)
            for kind, table in tables.items()
            for field, dtype in table.types.items()
        }
        need_room(path.parent, sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in layout.values()))
        with h5py.File(path, "w") as file:
            allocate_arrays(file, layout)
            self._place = {name: (file[name].id.get_offset(), np.dtype(dtype)) for name, (_, dtype) in layout.items()}
        self._file = os.open(path, os.O_WRONLY)
        self.close = weakref.finalize(self, os.close, self._file)  # also where a sweep fails

    def write(self, kind: str, first: int, sums: np.ndarray) -> None:
        """Write the run that begins with gene ``first``: sums (genes, groups, FIELDS)."""
        rows = self._tables[kind].n_rows
        if not rows:
            return
        places = [self._place[f"{kind}/{field}"] for field in STORED]
        arrays = [np.zeros((rows, self._run), dtype) for _, dtype in places]
        take_fields(sums, *arrays)
        for (offset, _), array in zip(places, arrays, strict=True):
            write_at(self._file, array, offset + first // self._run * array.nbytes)


class GroupSums:
    """The sums of one kind of group, read-only.

    Parameters
    ----------
    path, kind
        ``moments.h5`` and ``target``, ``guide`` or ``fold``.
    n_genes
        All genes.

    Attributes
    ----------
    maps
        The memory maps of all fields.
    """

    def __init__(self, path: Path, kind: str, n_genes: int) -> None:
        self.maps, self._n_genes = map_arrays(path, kind), n_genes

    @property
    def n_rows(self) -> int:
        """Groups of this kind."""
        return int(self.maps["sum_log"].shape[1])

    def rows(self, field: str, which: slice | np.ndarray) -> np.ndarray:
        """A field of some groups, shape ``(groups, n_genes)``."""
        found = np.moveaxis(self.maps[field][:, which], 0, 1)
        return np.ascontiguousarray(found).reshape(found.shape[0], -1)[:, : self._n_genes]

    def row(self, field: str, k: int) -> np.ndarray:
        """A field of one group, shape ``(n_genes,)``; -1 is the last group, as in a list."""
        return np.ascontiguousarray(self.maps[field][:, k]).reshape(-1)[: self._n_genes]

    def column(self, field: str, gene: int) -> np.ndarray:
        """A field of one gene, shape ``(groups,)``."""
        run, place = divmod(gene, self.maps[field].shape[2])
        return np.array(self.maps[field][run, :, place])


def group_means(
    sums: Mapping[str, np.ndarray], n: Any, control: Mapping[str, np.ndarray], n_control: int, *, counts: bool
) -> dict[str, np.ndarray]:
    """Means of groups and of the controls on every scale of :data:`MEANS`, from their sums.

    Parameters
    ----------
    sums, control
        The fields of :data:`MEANS`, of the groups and of the controls.
    n, n_control
        Their cells.
    counts
        Whether there are counts; without, their means are NaN.
    """
    n, n_control = np.maximum(n, 1), max(n_control, 1)
    means = {}
    for suffix, field in MEANS.items():
        known = 1.0 if suffix != "_counts" or counts else np.nan
        means[f"ctrl_mean{suffix}"] = control[field] / n_control * known
        means[f"pert_mean{suffix}"] = sums[field] / n * known
    return means
