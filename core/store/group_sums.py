"""Sums of every target, guide and fold of batches on disk: written run of genes by run of genes, read by row or column.

``moments.h5`` holds one dataset a kind of group and field, of shape (runs of genes, groups, genes of a run). A run is
what one thread of the sweep finishes at once, so it is written in one piece; a row is a slice of every run, a column
lies within one.
"""

import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from core.stats._kernels import take_fields
from core.store.files import allocate_arrays, map_arrays, need_room, write_at

STORED = ("n_nonzero", "sum_counts", "sum_normalized", "sum_log", "sum_log_squared", "maximum")
_EXACT = {"n_nonzero": "u4", "sum_counts": "f8", "maximum": "f4"}


class GroupSumsWriter:
    """Writes the sums of the sweep; runs may come in any order, from several threads.

    Parameters
    ----------
    path
        The file to make.
    n_rows
        Groups of every kind: ``target``, ``guide``, ``fold``. Targets are kept in float64.
    n_genes, run
        All genes, and the genes of a run.

    Raises
    ------
    OSError
        If the disk has no room.
    """

    def __init__(self, path: Path, n_rows: Mapping[str, int], n_genes: int, run: int) -> None:
        self._n_rows, self._run = n_rows, run
        runs = -(-n_genes // run)
        layout = {
            f"{kind}/{field}": ((runs, rows, run), _EXACT.get(field, "f8" if kind == "target" else "f4"))
            for kind, rows in n_rows.items()
            for field in STORED
        }
        need_room(path.parent, sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in layout.values()))
        with h5py.File(path, "w") as file:
            allocate_arrays(file, layout)
            self._place = {name: (file[name].id.get_offset(), np.dtype(dtype)) for name, (_, dtype) in layout.items()}
        self._file = os.open(path, os.O_WRONLY)
        self.close = weakref.finalize(self, os.close, self._file)  # also where a sweep fails

    def write(self, kind: str, first: int, blocks: Sequence[np.ndarray]) -> None:
        """Write the run that begins with gene ``first``: the sums (genes, groups, FIELDS) of its blocks in turn."""
        rows = self._n_rows[kind]
        if not rows:
            return
        places = [self._place[f"{kind}/{field}"] for field in STORED]
        arrays = [np.zeros((rows, self._run), dtype) for _, dtype in places]
        place = 0
        for sums in blocks:
            take_fields(sums, place, *arrays)
            place += len(sums)
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
    """

    def __init__(self, path: Path, kind: str, n_genes: int) -> None:
        self._maps, self._n_genes = map_arrays(path, kind), n_genes

    @property
    def n_rows(self) -> int:
        """Groups of this kind."""
        return int(self._maps["sum_log"].shape[1])

    def rows(self, field: str, which: slice | np.ndarray) -> np.ndarray:
        """A field of some groups, shape ``(groups, n_genes)``."""
        found = np.moveaxis(self._maps[field][:, which], 0, 1)
        return np.ascontiguousarray(found).reshape(found.shape[0], -1)[:, : self._n_genes]

    def row(self, field: str, k: int) -> np.ndarray:
        """A field of one group, shape ``(n_genes,)``; -1 is the last group, as in a list."""
        return np.ascontiguousarray(self._maps[field][:, k]).reshape(-1)[: self._n_genes]

    def column(self, field: str, gene: int) -> np.ndarray:
        """A field of one gene, shape ``(groups,)``."""
        run, place = divmod(gene, self._maps[field].shape[2])
        return np.array(self._maps[field][run, :, place])
