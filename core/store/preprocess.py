"""Normalize, log1p, highly variable genes: the h5ad that ``state tx preprocess_train`` writes, streamed.

Everything comes from the turned values, so any layout of source gives the same file, and memory is one chunk of cells.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, local

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from core.data.reading import open_source
from core.errors import OptionError
from core.schema import Values
from core.stats.dispersion import dispersion_table
from core.store._kernels import rows_of_tile
from core.store.files import allocate_arrays, make_room, need_room, refuse_source, unfinished_file, write_at
from core.store.size_factors import size_factors
from core.store.study import Study
from core.store.sweep import SizeFactors
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

CELLS_AT_ONCE = 512
OF_CELLS = ("obsm", "obsp", "uns")
OF_GENES = ("varm", "varp", "layers")


def preprocess(study: Study, out: Path, *, n_top_genes: int, threads: int, report: Report) -> int:
    """Write log-normalized X, highly variable genes and ``obsm["X_hvg"]`` of a study's file.

    A log-normalized file keeps its X: it is not normalized twice. What else an h5ad holds (obsm, layers, uns) is copied
    as it is.

    Parameters
    ----------
    study
        A built study; its size factors are used (all genes: scanpy's ``normalize_total``).
    out
        The h5ad to write; appears when it is complete.
    n_top_genes
        Highly variable genes to choose; ties at the cut give more.
    threads
        Threads that compute.
    report
        Called with (phase, done, total, unit).

    Returns
    -------
    int
        How many genes are highly variable.

    Raises
    ------
    OptionError
        If ``n_top_genes`` is less than 1, ``out`` is the source itself, or the study is shown for some cells only.
    StorageError
        If ``out`` cannot be written.
    """
    if n_top_genes < 1:
        raise OptionError(f"--num-hvgs is {n_top_genes}; choose at least 1 highly variable gene.")
    if study.roles.subset:
        raise OptionError("preprocess writes all cells of a file. Leave out --subset.")
    refuse_source(out, study.path)
    values = study.gene_values
    with open_source(study.path) as source:
        obs, var = source.obs, source.raw_var if study.roles.matrix == "raw" else source.var
        factors = size_factors(values, obs, study.roles, threads)
        is_hdf5 = source.kind == "h5ad"
    table = _dispersions(study, n_top_genes)
    variable = np.flatnonzero(table["highly_variable"].to_numpy())
    var = var.assign(**{column: table[column].to_numpy() for column in table})
    n_values = int(values.genes_seen.sum(dtype=np.int64))
    size = (4 + _index_type(n_values).itemsize) * n_values + 4 * values.n_cells * variable.size + 20_000_000
    with unfinished_file(out) as unfinished:
        need_room(out.parent, size)
        _write_skeleton(unfinished, obs, var, values)
        if is_hdf5:
            kept = OF_CELLS if study.roles.matrix == "raw" else OF_CELLS + OF_GENES  # X has other genes than raw
            _copy_the_rest(study.path, unfinished, (*kept, "raw"))
        _write_own(unfinished, values.n_cells, variable.size, simulated=study.simulated)
        make_room(unfinished)
        _write_values(unfinished, values, factors, variable, threads, report)
    return int(variable.size)


def _dispersions(study: Study, n_top_genes: int) -> pd.DataFrame:
    genes = study.genes
    n = study.n_cells
    return dispersion_table(
        genes["sum_normalized"].to_numpy(copy=True), genes["sum_normalized_squared"].to_numpy(), n, n_top_genes
    )[["highly_variable", "means", "dispersions", "dispersions_norm"]]


def _index_type(n_values: int) -> np.dtype[np.signedinteger]:
    """The type of X's indices and of its indptr alike: scipy, and what is compiled for scanpy, take no mixture."""
    return np.dtype("i4" if n_values < 1 << 31 else "i8")


def _write_skeleton(path: Path, obs: pd.DataFrame, var: pd.DataFrame, values: GeneMajor) -> None:
    n_cells, n_genes = values.n_cells, values.n_genes
    indptr = np.concatenate([[0], np.cumsum(values.genes_seen, dtype=np.int64)])
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [n_cells, n_genes]})
        n_values = int(indptr[-1])
        index = _index_type(n_values)
        x.create_dataset("indptr", data=indptr.astype(index))
        allocate_arrays(x, {"data": ((n_values,), "f4"), "indices": ((n_values,), index.str)})
        for name in ("data", "indices"):
            for key in list(x[name].attrs):
                del x[name].attrs[key]
        ad.io.write_elem(file, "obs", obs)
        ad.io.write_elem(file, "var", var)
        for name in OF_CELLS + OF_GENES:
            ad.io.write_elem(file, name, {})


def _copy_the_rest(source: Path, out: Path, names: Sequence[str]) -> None:
    """Copy mappings of an h5ad byte for byte: nothing is decoded, and links out of the file are not followed."""
    with h5py.File(source, "r") as read, h5py.File(out, "r+") as write:
        for name in names:
            if read.get(name, getlink=True, getclass=True) is h5py.HardLink:
                if name in write:
                    del write[name]
                read.copy(name, write, name)


def _write_own(path: Path, n_cells: int, n_variable: int, *, simulated: bool) -> None:
    with h5py.File(path, "r+") as file:
        own: dict[str, dict[str, object]] = {"log1p": {"base": None}, "hvg": {"flavor": "seurat"}}
        for name, element in own.items():
            ad.io.write_elem(file, f"uns/{name}", element)
        if simulated:
            ad.io.write_elem(file, "uns/simulated", True)
        if "X_hvg" in file["obsm"]:
            del file["obsm/X_hvg"]
        allocate_arrays(file, {"obsm/X_hvg": ((n_cells, n_variable), "f4")})


def _write_values(
    path: Path, values: GeneMajor, factors: SizeFactors, variable: np.ndarray, threads: int, report: Report
) -> None:
    tile = np.empty((values.n_genes, min(values.cells_a_chunk, values.n_cells)), values.dtype)
    with _Rows(path, values, factors, variable) as rows, ThreadPoolExecutor(threads) as pool:
        for chunk in range(values.n_chunks):
            first = chunk * values.cells_a_chunk
            width = values.chunk_width(chunk)

            def decode(b: int, chunk: int = chunk, width: int = width) -> None:
                packed = values.tile(chunk, b).reshape(-1, width)
                tile[b * GENES_A_BLOCK : b * GENES_A_BLOCK + len(packed), :width] = packed

            def write(k: int, first: int = first, width: int = width) -> None:
                rows.write(tile[:, k : min(k + CELLS_AT_ONCE, width)], first + k)

            list(pool.map(decode, range(values.n_blocks)))
            for k, _ in zip(
                range(0, width, CELLS_AT_ONCE), pool.map(write, range(0, width, CELLS_AT_ONCE)), strict=True
            ):
                report("Writing", first + min(k + CELLS_AT_ONCE, width), values.n_cells, "cells")


class _Rows:
    """Rows of the new matrices, written from several threads, each with buffers that it keeps.

    Memory touched for the first time costs more than the sums: so no buffer is made twice.
    """

    def __init__(self, path: Path, values: GeneMajor, factors: SizeFactors, variable: np.ndarray) -> None:
        with h5py.File(path, "r") as file:
            self._indptr, self._index = file["X/indptr"][:].astype(np.int64), file["X/indptr"].dtype
            self._place = {name: file[name].id.get_offset() for name in ("X/data", "X/indices", "obsm/X_hvg")}
        self._file = os.open(path, os.O_WRONLY)
        self._scale, self._variable = factors.scale.astype(np.float32), variable
        self._take_log = values.kind is Values.COUNTS
        starts = self._indptr[::CELLS_AT_ONCE]
        self._largest = int(np.diff(np.append(starts, self._indptr[-1])).max(initial=0)) + 1
        self._kept, self._writing = local(), Lock()

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, columns: np.ndarray, first: int) -> None:
        """Write the cells from ``first`` on, whose values are columns (genes, cells)."""
        last = first + columns.shape[1]
        begin, end = int(self._indptr[first]), int(self._indptr[last])
        data, indices, hvg = self._buffers()
        hvg = hvg[: last - first]
        rows_of_tile(
            columns, self._scale[first:last], self._indptr[first:last] - begin, data, indices, self._variable, hvg,
            self._take_log,
        )  # fmt: skip
        n = end - begin
        for name, rows, offset in (
            ("X/data", data[:n], 4 * begin),
            ("X/indices", indices[:n], self._index.itemsize * begin),
            ("obsm/X_hvg", hvg, 4 * self._variable.size * first),
        ):
            if rows.size:
                with self._writing:  # two at once would wait for one another in the file system, and burn the time
                    write_at(self._file, rows, self._place[name] + offset)

    def _buffers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not hasattr(self._kept, "arrays"):
            hvg = np.empty((CELLS_AT_ONCE, self._variable.size), np.float32)
            self._kept.arrays = np.empty(self._largest, np.float32), np.empty(self._largest, self._index), hvg
        arrays: tuple[np.ndarray, np.ndarray, np.ndarray] = self._kept.arrays
        return arrays
