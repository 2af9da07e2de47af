"""Chunks: a matrix on disk as a stream of CSR blocks of cells (or CSC blocks of genes), in bounded memory.

Reading the matrix costs the most of all we do, so HDF5 is asked only where its chunks lie. The bytes are read by
file offset and decoded in threads, outside the one lock that h5py and the HDF5 library share.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import h5py
import numpy as np
from isal import isal_zlib
from isal.igzip_lib import IsalError
from numcodecs import blosc, zstd

from core.data import _kernels
from core.errors import UnreadableFileError

if TYPE_CHECKING:
    import zarr

    from core.data.reading import AnnDataFile
    from core.data.source import Matrix

AHEAD = 2
"""Chunks that are read while the consumer holds one."""

SLAB_BYTES = 256 << 20
"""Most decoded bytes of a matrix that are kept because they hold rows of later chunks."""

ENDS = 64 << 10
"""Bytes at either end of a large chunk that stand for it in a fingerprint."""

PIECES = 16
"""Pieces of work into which a range of chunks is cut for the threads that decode them."""

SAMPLE = 16_384
"""Values of one piece of a sample."""

Array = np.ndarray[Any, Any]
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


# ---------------------------------------------------------------------------------------------------- sparse, dense


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

    def __init__(self, stored: "StoredArray", rows: int) -> None:
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


# ---------------------------------------------------------------------------------------------------- stored arrays


class StoredArray(Protocol):
    """An array on disk, read by ranges of its first axis; cheapest when the ranges follow one another."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_rows: int  # items of the first axis that are stored, and so decoded, together

    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis, in the machine's byte order, as a new array."""
        ...

    def sample(self, n: int) -> Iterator[Array]:
        """Values of about ``n`` pieces spread over the array, one-dimensional, at most SAMPLE a piece."""
        ...

    def stored_sample(self, n: int) -> Iterator[bytes]:
        """Bytes, as stored or decoded, of about ``n`` pieces spread over the array."""
        ...


def stored_hdf5(dataset: h5py.Dataset, descriptor: int, pool: ThreadPoolExecutor | None = None) -> StoredArray:
    """Fastest reader that knows how this dataset is stored."""
    simple = dataset.dtype.isnative and dataset.dtype.kind in "iuf" and dataset.dtype.itemsize in (1, 2, 4, 8)
    if dataset.file.userblock_size or not simple or len(dataset.shape) > 2:
        return PlainHDF5(dataset)  # offsets or bytes would need translation
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return PlainHDF5(dataset) if offset is None else ContiguousHDF5(dataset, descriptor, offset)
    if hasattr(dataset.id, "chunk_iter") and all(code in _DECODERS for code in filters(dataset)):
        return ChunkedHDF5(dataset, descriptor, pool)
    return PlainHDF5(dataset)


class _RangeSampling:
    """Samples for arrays where any range is cheap to read."""

    shape: tuple[int, ...]

    def read(self, start: int, stop: int) -> Array:
        raise NotImplementedError

    def sample(self, n: int) -> Iterator[Array]:
        """Values of ``n`` spread ranges of the first axis."""
        rows = max(1, SAMPLE // max(1, math.prod(self.shape[1:])))
        for start in spread(self.shape[0], rows, n):
            yield _thinned(self.read(start, min(start + rows, self.shape[0])))

    def stored_sample(self, n: int) -> Iterator[bytes]:
        """Bytes of ``n`` spread ranges of the first axis."""
        rows = max(1, SAMPLE // max(1, math.prod(self.shape[1:])))
        for start in spread(self.shape[0], rows, n):
            yield self.read(start, min(start + rows, self.shape[0])).tobytes()


def spread(total: int, size: int, n: int) -> list[int]:
    """Where ``n`` pieces of ``size`` start that lie evenly over ``total``; all pieces when they are fewer."""
    pieces = -(-total // size)
    if pieces <= n:
        return [piece * size for piece in range(pieces)]
    return [int(start) for start in np.linspace(0, total - size, n)]


def _thinned(values: Array) -> Array:
    flat = values.reshape(-1)
    return flat[:: -(-flat.size // SAMPLE)] if flat.size > SAMPLE else flat


class PlainHDF5(_RangeSampling):
    """A dataset read by h5py itself, under its lock."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        missing = [name for code, name in filters(dataset).items() if not h5py.h5z.filter_avail(code)]
        if missing:
            raise UnreadableFileError(
                f"{os.path.basename(dataset.file.filename)}: {dataset.name} is compressed with {missing[0]}, which "
                "is not installed here. `pip install hdf5plugin` may add it; or write the file again with gzip."
            )
        self.shape, self.dtype = dataset.shape, dataset.dtype.newbyteorder("=")
        self.chunk_rows = dataset.chunks[0] if dataset.chunks else 1
        self._dataset = dataset

    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis."""
        try:
            values: Array = self._dataset[start:stop]
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(self._dataset) from error
        return values.astype(self.dtype, copy=False)


class ContiguousHDF5(_RangeSampling):
    """A dataset that lies in one piece: read by file offset."""

    def __init__(self, dataset: h5py.Dataset, descriptor: int, offset: int) -> None:
        self.shape, self.dtype, self.chunk_rows = dataset.shape, dataset.dtype, 1
        self._dataset, self._descriptor, self._offset = dataset, descriptor, offset
        self._stride = math.prod(self.shape[1:]) * self.dtype.itemsize

    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis."""
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        _read_into(out, self._descriptor, self._offset + start * self._stride, self._dataset)
        return out


class ChunkedHDF5:
    """A dataset in chunks, whose places are asked once; they are read by offset and decoded in threads.

    Decoded chunks that reach past the end of a range are kept for the next one.
    """

    def __init__(self, dataset: h5py.Dataset, descriptor: int, pool: ThreadPoolExecutor | None) -> None:
        self.shape, self.dtype, self.chunk = dataset.shape, dataset.dtype, dataset.chunks
        self._dataset, self._descriptor, self._pool = dataset, descriptor, pool
        self._decoders = [_DECODERS[code] for code in filters(dataset)]
        self.chunk_rows = self.chunk[0] if self._decoders else 1
        self._grid = tuple(-(-n // size) for n, size in zip(self.shape, self.chunk, strict=True))
        self._across = math.prod(self._grid[1:])
        self._items = math.prod(self.chunk)
        self._row_bytes = math.prod(self.chunk[1:]) * self.dtype.itemsize
        self._keeps = bool(self._decoders) and self.chunk[0] * self._across * self._row_bytes <= SLAB_BYTES
        self._place = self._locate()
        self._kept: dict[int, Array] = {}

    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis."""
        out = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        if not out.size:
            return out
        size = self.chunk[0]
        wanted = range(start // size * self._across, -(-stop // size) * self._across)
        kept, self._kept = self._kept, {}

        def place(numbers: Sequence[int]) -> None:
            for number in numbers:
                self._copy_chunk(number, start, stop, out, kept)

        if self._pool is None or not self._decoders or len(wanted) == 1:  # a mere copy gains nothing from threads
            place(wanted)
        else:
            step = -(-len(wanted) // PIECES)
            pieces = [wanted[i : i + step] for i in range(0, len(wanted), step)]
            deque(self._pool.map(place, pieces), maxlen=0)
        return out

    def sample(self, n: int) -> Iterator[Array]:
        """Values of ``n`` chunks spread over the dataset; of more where they are small."""
        for number in spread(len(self._place), 1, max(n, n * SAMPLE // self._items)):
            inside = zip(self._corner(number), self.chunk, self.shape, strict=True)
            yield _thinned(self._chunk(number)[tuple(slice(min(size, end - at)) for at, size, end in inside)])

    def stored_sample(self, n: int) -> Iterator[bytes]:
        """Bytes on disk of ``n`` spread chunks; of more where they are small, of a large one its two ends."""
        size = self._items * self.dtype.itemsize
        for number in spread(len(self._place), 1, max(n, 2 * n * ENDS // size)):
            offset, size, _ = (int(value) for value in self._place[number])
            ends = [(offset, size)] if size <= 2 * ENDS else [(offset, ENDS), (offset + size - ENDS, ENDS)]
            for at, length in ends if offset >= 0 else []:
                raw = np.empty(length, np.uint8)
                _read_into(raw, self._descriptor, at, self._dataset)
                yield raw.tobytes()

    def _locate(self) -> Array:
        """Offset, stored bytes and filter mask of every chunk, in the order of the grid; offset -1 where unwritten."""
        place = np.full((math.prod(self._grid), 3), -1, np.int64)
        chunk, grid = self.chunk, self._grid

        def note(info: Any) -> None:
            number = 0
            for at, size, n in zip(info.chunk_offset, chunk, grid, strict=True):
                number = number * n + at // size
            place[number] = info.byte_offset, info.size, info.filter_mask

        try:
            self._dataset.id.chunk_iter(note)
        except (OSError, RuntimeError, IndexError) as error:
            raise _damaged(self._dataset) from error
        return place

    def _corner(self, number: int) -> tuple[int, ...]:
        if len(self.chunk) == 1:
            return (number * self.chunk[0],)
        down, across = divmod(number, self._across)
        return down * self.chunk[0], across * self.chunk[1]

    def _copy_chunk(self, number: int, start: int, stop: int, out: Array, kept: dict[int, Array]) -> None:
        """Put the part of one chunk that lies in ``start`` to ``stop`` into ``out``."""
        top, *left = self._corner(number)
        first, last = max(top, start), min(top + self.chunk[0], stop)
        target = out[first - start : last - start]
        if left:
            target = target[:, left[0] : left[0] + self.chunk[1]]
        whole = target.shape == self.chunk and target.flags.c_contiguous
        if self._decoders and not whole:
            block = kept.get(number)
            if block is None:
                block = self._chunk(number)
            if self._keeps and top + self.chunk[0] > stop:
                self._kept[number] = block
            part = block[first - top : last - top]
            target[...] = part[:, : target.shape[1]] if left else part
        elif self._decoders:
            self._decode(number, target)
        else:
            self._copy_plain(number, first - top, target)

    def _copy_plain(self, number: int, skip: int, target: Array) -> None:
        """Put rows of an unfiltered chunk, from its row ``skip`` on, into ``target``."""
        offset = int(self._place[number, 0])
        if offset < 0:
            target[...] = self._dataset.fillvalue
            return
        rows = target
        if target.shape[1:] != self.chunk[1:] or not target.flags.c_contiguous:
            rows = np.empty((len(target), *self.chunk[1:]), self.dtype)
        _read_into(rows, self._descriptor, offset + skip * self._row_bytes, self._dataset)
        if rows is not target:
            target[...] = rows[:, : target.shape[1]]

    def _chunk(self, number: int) -> Array:
        """One whole chunk, decoded, as a new array."""
        block = np.empty(self.chunk, self.dtype)
        self._decode(number, block)
        return block

    def _decode(self, number: int, out: Array) -> None:
        """Read one chunk and undo its filters, the last first."""
        offset, size, mask = self._place[number].tolist()
        if offset < 0:
            out[...] = self._dataset.fillvalue
            return
        raw = os.pread(self._descriptor, size, offset)
        if len(raw) != size:
            raise _damaged(self._dataset)
        decoders = [undo for bit, undo in enumerate(self._decoders) if not mask >> bit & 1]  # masked: was left out
        values = np.frombuffer(raw, np.uint8)
        flat = out.reshape(-1).view(np.uint8)
        try:
            for left, undo in reversed(list(enumerate(decoders))):
                into = np.empty_like(flat) if left else flat  # the last step writes where the values belong
                values = undo(values, into, self.dtype.itemsize)
        except (IsalError, RuntimeError, ValueError) as error:  # type: ignore[misc]  # its stub lacks the base class
            raise _damaged(self._dataset) from error
        if values.size != flat.size:
            raise _damaged(self._dataset)
        if values is not flat:
            flat[:] = values


def filters(dataset: h5py.Dataset) -> dict[int, str]:
    """HDF5's filters of a dataset in the order of writing: number and name."""
    properties = dataset.id.get_create_plist()
    found = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    return {
        code: _FILTER_NAMES.get(code, f"filter {code} ({name.decode('ascii', 'replace')})") for code, *_, name in found
    }


_FILTER_NAMES = {1: "gzip", 4: "szip", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp"}
_FILTER_NAMES |= {32015: "zstd", 32026: "blosc2"}
"""Filters registered with the HDF Group, by number; each is what a user would search for."""


def _inflate(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(isal_zlib.decompress(raw, bufsize=into.size), np.uint8)


def _unlzf(raw: Array, into: Array, itemsize: int) -> Array:
    if _kernels.lzf_decompress(raw, into) != into.size:
        raise ValueError("damaged LZF stream")
    return into


def _unzstd(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(zstd.decompress(raw), np.uint8)


def _unblosc(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(blosc.decompress(raw), np.uint8)


def _unshuffle(raw: Array, into: Array, itemsize: int) -> Array:
    if raw.size != into.size:
        raise ValueError("a chunk of the wrong size")
    if itemsize == 1:
        return raw
    kernel = {2: _kernels.unshuffle2, 4: _kernels.unshuffle4, 8: _kernels.unshuffle8}[itemsize]
    kernel(raw, into.view(f"u{itemsize}"))
    return into


_DECODERS: dict[int, Callable[[Array, Array, int], Array]] = {
    h5py.h5z.FILTER_DEFLATE: _inflate,
    h5py.h5z.FILTER_SHUFFLE: _unshuffle,
    h5py.h5z.FILTER_LZF: _unlzf,
    32001: _unblosc,
    32015: _unzstd,
}
"""How to undo a filter: of stored bytes, into an array of the right size or another, given bytes an item."""


class ZarrArray:
    """A zarr array, read in whole zarr chunks; what a range leaves over of its last chunk serves the next one."""

    def __init__(self, array: "zarr.Array[Any]", path: str) -> None:
        self.shape, self.dtype = array.shape, array.dtype.newbyteorder("=")
        self.chunk_rows = array.chunks[0]
        self._array, self._path = array, path
        self._ahead = self.chunk_rows * math.prod(self.shape[1:]) * self.dtype.itemsize <= SLAB_BYTES
        self._kept, self._kept_from = np.empty((0, *self.shape[1:]), self.dtype), 0

    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis."""
        kept, begin = self._kept, self._kept_from
        if not begin <= start <= begin + len(kept):
            kept, begin = kept[:0], start
        end = begin + len(kept)
        if stop <= end:
            return kept[start - begin : stop - begin].copy()
        upper = min(-(-stop // self.chunk_rows) * self.chunk_rows, self.shape[0]) if self._ahead else stop
        values = self._load((slice(end, upper),))
        self._kept, self._kept_from = values[stop - end :].copy(), stop
        return np.concatenate([kept[start - begin :], values[: stop - end]])

    def sample(self, n: int) -> Iterator[Array]:
        """Values of ``n`` zarr chunks spread over the array."""
        grid = tuple(-(-size // chunk) for size, chunk in zip(self.shape, self._array.chunks, strict=True))
        for number in spread(math.prod(grid), 1, n):
            corner = np.unravel_index(number, grid)
            region = zip(corner, self._array.chunks, self.shape, strict=True)
            block = tuple(slice(int(at) * size, min((int(at) + 1) * size, end)) for at, size, end in region)
            yield _thinned(self._load(block))

    def stored_sample(self, n: int) -> Iterator[bytes]:
        """Values of ``n`` zarr chunks spread over the array, as bytes."""
        return (values.tobytes() for values in self.sample(n))

    def _load(self, region: tuple[slice, ...]) -> Array:
        try:
            values: Array = np.asarray(self._array[region])
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise UnreadableFileError(
                f"{self._path} cannot be read: a chunk is missing or damaged ({error}). Copy the folder again."
            ) from error
        return values.astype(self.dtype, copy=False)


def _read_into(out: Array, descriptor: int, offset: int, dataset: h5py.Dataset) -> None:
    """Fill ``out`` with the file's bytes from ``offset`` on."""
    view = out.reshape(-1).view(np.uint8).data
    while len(view):
        n = os.preadv(descriptor, [view], offset)
        if n <= 0:
            raise _damaged(dataset)
        view, offset = view[n:], offset + n


def _damaged(dataset: h5py.Dataset) -> UnreadableFileError:
    return UnreadableFileError(
        f"{os.path.basename(dataset.file.filename)} is damaged: a part of {dataset.name} cannot be read. "
        "Copy or download the file again."
    )
