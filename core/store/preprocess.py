"""Normalize, log1p, highly variable genes: the h5ad that ``state tx preprocess_train`` writes, streamed.

Everything comes from the turned values, so any layout of source gives the same file, and memory is one chunk of cells.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from core.data.reading import open_source
from core.errors import OptionError
from core.schema import Values
from core.stats.dispersion import dispersion_table
from core.store._kernels import rows_of_tile
from core.store.files import allocate_arrays, make_room, need_room, refuse_source, unfinished_file
from core.store.study import Study, size_factors
from core.store.sweep import SizeFactors
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

CELLS_AT_ONCE = 1024
MAPPINGS = ("obsm", "varm", "obsp", "varp", "layers", "uns")


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
    size = 8 * int(values.genes_seen.sum(dtype=np.int64)) + 4 * values.n_cells * variable.size + 20_000_000
    with unfinished_file(out) as unfinished:
        need_room(out.parent, size)
        _write_skeleton(unfinished, obs, var, values)
        if is_hdf5:
            _copy_the_rest(study.path, unfinished)
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


def _write_skeleton(path: Path, obs: pd.DataFrame, var: pd.DataFrame, values: GeneMajor) -> None:
    n_cells, n_genes = values.n_cells, values.n_genes
    indptr = np.concatenate([[0], np.cumsum(values.genes_seen, dtype=np.int64)])
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": [n_cells, n_genes]})
        x.create_dataset("indptr", data=indptr)
        allocate_arrays(x, {"data": ((int(indptr[-1]),), "f4"), "indices": ((int(indptr[-1]),), "i4")})
        for name in ("data", "indices"):
            for key in list(x[name].attrs):
                del x[name].attrs[key]
        ad.io.write_elem(file, "obs", obs)
        ad.io.write_elem(file, "var", var)
        for name in MAPPINGS:
            ad.io.write_elem(file, name, {})


def _copy_the_rest(source: Path, out: Path) -> None:
    """Copy the mappings of an h5ad byte for byte: nothing is decoded, and links out of the file are not followed."""
    with h5py.File(source, "r") as read, h5py.File(out, "r+") as write:
        for name in (*MAPPINGS, "raw"):
            if read.get(name, getlink=True, getclass=True) is h5py.HardLink:
                if name in write:
                    del write[name]
                read.copy(name, write, name)


def _write_own(path: Path, n_cells: int, n_variable: int, *, simulated: bool) -> None:
    with h5py.File(path, "r+") as file:
        own: dict[str, dict[str, object]] = {"log1p": {}, "hvg": {"flavor": "seurat"}}
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
    logged = values.kind is Values.LOG_NORMALIZED
    scale = factors.scale
    slot = np.full(values.n_genes, -1, np.int64)
    slot[variable] = np.arange(variable.size)
    tile = np.empty((values.n_genes, min(values.cells_a_chunk, values.n_cells)), values.dtype)
    with h5py.File(path, "r+") as file, ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(1) as disk:
        indptr = file["X/indptr"][:]
        written: Future[None] | None = None

        def rows(first: int, last: int, chunk_first: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
            size = int(indptr[last] - indptr[first])
            data, indices = np.empty(size, np.float32), np.empty(size, np.int32)
            hvg = np.zeros((last - first, variable.size), np.float32)
            place = indptr[first:last] - indptr[first]
            columns = tile[:, first - chunk_first : last - chunk_first]
            rows_of_tile(columns, scale[first:last].astype(np.float32), place, data, indices, slot, hvg, not logged)
            return first, data, indices, hvg

        def write(results: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]) -> None:
            for first, data, indices, hvg in results:
                a = int(indptr[first])
                file["X/data"][a : a + data.size] = data
                file["X/indices"][a : a + data.size] = indices
                file["obsm/X_hvg"][first : first + len(hvg)] = hvg

        for chunk in range(values.n_chunks):
            first = chunk * values.cells_a_chunk
            width = min(values.cells_a_chunk, values.n_cells - first)

            def decode(b: int, chunk: int = chunk, width: int = width) -> None:
                packed = values.tile(chunk, b).reshape(-1, width)
                tile[b * GENES_A_BLOCK : b * GENES_A_BLOCK + len(packed), :width] = packed

            list(pool.map(decode, range(values.n_blocks)))
            starts = range(first, first + width, CELLS_AT_ONCE)
            for k in range(0, len(starts), threads):
                some = starts[k : k + threads]
                ends = [min(s + CELLS_AT_ONCE, first + width) for s in some]
                results = list(pool.map(rows, some, ends, [first] * len(some)))
                if written:
                    written.result()
                written = disk.submit(write, results)
                report("Writing", ends[-1], values.n_cells, "cells")
        if written:
            written.result()
