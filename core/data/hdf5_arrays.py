"""HDF5 arrays: datasets read by file offset and decoded in threads, wherever their way of storing is known.

HDF5 is asked only where the chunks lie: the bytes are read outside the one lock that h5py and the HDF5 library share.
"""

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
from isal.igzip_lib import IsalError

from core.data.hdf5_filters import DECODERS, filters
from core.data.stored_arrays import SAMPLE, SLAB_BYTES, Array, RangeSampling, StoredArray, spread, thinned
from core.errors import UnreadableFileError

ENDS = 64 << 10
"""Bytes at either end of a large chunk that stand for it in a fingerprint."""

PIECES = 16
"""Pieces of work into which a range of chunks is cut for the threads that decode them."""


def stored_hdf5(dataset: h5py.Dataset, descriptor: int, pool: ThreadPoolExecutor | None = None) -> StoredArray:
    """Fastest reader that knows how this dataset is stored."""
    simple = dataset.dtype.isnative and dataset.dtype.kind in "iuf" and dataset.dtype.itemsize in (1, 2, 4, 8)
    if dataset.file.userblock_size or not simple or len(dataset.shape) > 2:
        return PlainHDF5(dataset)  # offsets or bytes would need translation
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        return PlainHDF5(dataset) if offset is None else ContiguousHDF5(dataset, descriptor, offset)
    if hasattr(dataset.id, "chunk_iter") and all(code in DECODERS for code in filters(dataset)):
        return ChunkedHDF5(dataset, descriptor, pool)
    return PlainHDF5(dataset)


class PlainHDF5(RangeSampling):
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


class ContiguousHDF5(RangeSampling):
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
        self._decoders = [DECODERS[code] for code in filters(dataset)]
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
            yield thinned(self._chunk(number)[tuple(slice(min(size, end - at)) for at, size, end in inside)])

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
