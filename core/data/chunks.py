"""Chunks: a matrix on disk as a stream of CSR blocks of cells (or CSC blocks of genes), in bounded memory.

Reading the matrix costs the most of all we do, so it runs ahead of who asks, and decodes in threads.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from core.data import _kernels
from core.data.stored_arrays import SLAB_BYTES, Array, StoredArray
from core.errors import UnreadableFileError

if TYPE_CHECKING:
    from core.data.anndata_file import AnnDataFile
    from core.data.source import Matrix

AHEAD = 2
"""Chunks that are read while the consumer holds one."""

T = TypeVar("T")


@dataclass(frozen=True)
class CellChunk:
    """Cells ``start`` to ``stop`` of a matrix, as CSR.

    Parameters
    ----------
    start, stop
        The cells, in file order.
    indptr
        int64, ``stop - start + 1`` long, starts at 0.
    indices
        int32, the genes; each at most once a cell, in the order of the file.
    data
        The values in the file's dtype.
    """

    start: int
    stop: int
    indptr: Array
    indices: Array
    data: Array


@dataclass(frozen=True)
class GeneChunk:
    """Genes ``start`` to ``stop`` of a matrix, as CSC: as :class:`CellChunk` with ``indices`` naming cells."""

    start: int
    stop: int
    indptr: Array
    indices: Array
    data: Array


def cell_chunks(source: "AnnDataFile", matrix: "Matrix", rows: int = 1024, threads: int = 2) -> Iterator[CellChunk]:
    """Cells of a CSR or dense matrix in file order, ``rows`` at a time; the last chunk may be shorter.

    Reading runs ahead in threads, which end with the iterator.

    Parameters
    ----------
    source
        The open file.
    matrix
        One of ``source.matrices``, stored by cells (``"csr"`` or ``"dense"``).
    rows
        Cells a chunk.
    threads
        Threads that decode compressed chunks.

    Raises
    ------
    UnreadableFileError
        If the matrix is damaged, or compressed in a way that cannot be read here.
    ValueError
        If the matrix is stored by genes; use :func:`gene_chunks`.
    """
    if matrix.layout == "csc":
        raise ValueError(f"{matrix.name} is stored by genes (CSC); read it with gene_chunks")
    blocks = _blocks(matrix.n_cells, rows)
    with ThreadPoolExecutor(threads, "decode") as pool:
        if matrix.layout == "dense":
            yield from _ahead(_dense_reader(source, matrix, rows, pool), blocks)
        else:
            read = _compressed_reader(source, matrix, matrix.n_cells, matrix.n_genes, pool)
            yield from _ahead(lambda start, stop: CellChunk(start, stop, *read(start, stop)), blocks)


def gene_chunks(source: "AnnDataFile", matrix: "Matrix", genes: int = 32, threads: int = 2) -> Iterator[GeneChunk]:
    """Genes of a CSC matrix in file order, ``genes`` at a time; the last chunk may be shorter.

    Parameters and errors are those of :func:`cell_chunks`.
    """
    if matrix.layout != "csc":
        raise ValueError(f"{matrix.name} is stored by cells ({matrix.layout}); read it with cell_chunks")
    with ThreadPoolExecutor(threads, "decode") as pool:
        read = _compressed_reader(source, matrix, matrix.n_genes, matrix.n_cells, pool)
        blocks = _blocks(matrix.n_genes, genes)
        yield from _ahead(lambda start, stop: GeneChunk(start, stop, *read(start, stop)), blocks)


def _blocks(n: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _ahead(read: Callable[[int, int], T], blocks: Sequence[tuple[int, int]]) -> Iterator[T]:
    """``read`` of every block in turn, up to AHEAD of them done before they are asked for."""
    reader = ThreadPoolExecutor(1, "read")
    waiting = deque(reader.submit(read, *block) for block in blocks[:AHEAD])
    try:
        for block in blocks[AHEAD:]:
            chunk = waiting.popleft().result()
            waiting.append(reader.submit(read, *block))
            yield chunk
        while waiting:
            yield waiting.popleft().result()
    finally:
        reader.shutdown(cancel_futures=True)


def _compressed_reader(
    source: "AnnDataFile", matrix: "Matrix", n_major: int, n_minor: int, pool: ThreadPoolExecutor
) -> Callable[[int, int], tuple[Array, Array, Array]]:
    """Reader of rows of a CSR (columns of a CSC) matrix: indptr from 0, indices int32, data."""
    data, indices = source.stored(matrix, "data", pool), source.stored(matrix, "indices", pool)
    if indices.dtype.kind not in "iu":
        raise UnreadableFileError(
            f"{source.path.name} is damaged: the indices of {matrix.name} are of type {indices.dtype}, not whole "
            "numbers. Write the file again from its origin."
        )
    indptr = _row_bounds(source, matrix, n_major, min(data.shape[0], indices.shape[0]))

    def read(start: int, stop: int) -> tuple[Array, Array, Array]:
        first, last = int(indptr[start]), int(indptr[stop])
        bounds = indptr[start : stop + 1] - first
        return _checked_rows(source, matrix, n_minor, bounds, indices.read(first, last), data.read(first, last))

    return read


def _row_bounds(source: "AnnDataFile", matrix: "Matrix", n_major: int, n_stored: int) -> Array:
    """Row pointers of the matrix as int64, checked."""
    stored = source.stored(matrix, "indptr")
    indptr = stored.read(0, stored.shape[0]).astype(np.int64)
    if indptr.size != n_major + 1 or indptr[0] != 0 or indptr[-1] > n_stored or (np.diff(indptr) < 0).any():
        raise UnreadableFileError(
            f"{source.path.name} is damaged: the row pointers of {matrix.name} do not fit {n_major:,} rows and "
            f"{n_stored:,} stored values. Write the file again from its origin."
        )
    return indptr


def _checked_rows(
    source: "AnnDataFile", matrix: "Matrix", n_minor: int, indptr: Array, indices: Array, data: Array
) -> tuple[Array, Array, Array]:
    """Rows with indices proven to lie in the matrix, narrowed to int32, and repeated entries added up."""
    order = _kernels.row_order(indptr, indices, n_minor)
    if order == _kernels.OUTSIDE:
        raise UnreadableFileError(
            f"{source.path.name} is damaged: {matrix.name} holds an index outside its {n_minor:,} columns. "
            "Write the file again from its origin."
        )
    indices, data = indices.astype(np.int32, copy=False), _computable(data)
    if order == _kernels.UNORDERED:
        if data.dtype.kind in "iu" and data.dtype.itemsize < 4:
            data = data.astype(np.int64)  # a sum of repeats may not fit
        indptr = _kernels.sum_repeats(indptr, indices, data, n_minor)
        indices, data = indices[: indptr[-1]], data[: indptr[-1]]
    return indptr, indices, data


def _computable(data: Array) -> Array:
    """Values in a type that compiled loops know: float16 and bool widened, neither loses anything."""
    kind, size = data.dtype.kind, data.dtype.itemsize
    if kind == "b":
        return data.view(np.uint8)
    if kind == "f" and size not in (4, 8):
        return data.astype(np.float32 if size == 2 else np.float64)
    return data


def _dense_reader(
    source: "AnnDataFile", matrix: "Matrix", rows: int, pool: ThreadPoolExecutor
) -> Callable[[int, int], CellChunk]:
    """Reader of rows of a dense matrix as CSR."""
    array = source.stored(matrix, "", pool)
    stored = _Slabs(array, rows) if array.chunk_rows > rows else array

    def read(start: int, stop: int) -> CellChunk:
        dense = _computable(stored.read(start, stop))
        indptr = np.zeros(stop - start + 1, np.int64)
        _kernels.count_nonzero_rows(dense, indptr)
        indices, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], dense.dtype)
        _kernels.take_nonzero_rows(dense, indptr, indices, data)
        return CellChunk(start, stop, indptr, indices, data)

    return read


class _Slabs:
    """Rows out of larger pieces, so that tall chunks are not decoded again for every few rows of them."""

    def __init__(self, stored: StoredArray, rows: int) -> None:
        self._stored, self._first, self._slab = stored, 0, np.empty((0, *stored.shape[1:]), stored.dtype)
        row_bytes = stored.dtype.itemsize * max(1, stored.shape[1])
        self._height = min(stored.chunk_rows, max(rows, SLAB_BYTES // row_bytes))

    def read(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop``."""
        parts = []
        while start < stop:
            if not self._first <= start < self._first + len(self._slab):
                self._first = start // self._height * self._height
                end = min(self._first + self._height, self._stored.shape[0])
                self._slab = self._stored.read(self._first, end)
            part = self._slab[start - self._first : stop - self._first]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
