"""Zarr arrays: read in whole zarr chunks, whatever codec they went through."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.stored_arrays import SLAB_BYTES, Array, spread, thinned
from core.errors import UnreadableFileError

if TYPE_CHECKING:
    import zarr


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
            yield thinned(self._load(block))

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
