"""Stored arrays: an array on disk, read by ranges of its first axis and sampled at places spread over it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

SLAB_BYTES = 256 << 20
"""Most decoded bytes of a matrix that are kept because they hold rows of later chunks."""

SAMPLE = 16_384
"""Values of one piece of a sample."""

Array = np.ndarray[Any, Any]


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


class RangeSampling(ABC):
    """Samples for arrays where any range is cheap to read."""

    shape: tuple[int, ...]

    @abstractmethod
    def read(self, start: int, stop: int) -> Array:
        """Items ``start`` to ``stop`` of the first axis."""

    def sample(self, n: int) -> Iterator[Array]:
        """Values of ``n`` spread ranges of the first axis."""
        rows = max(1, SAMPLE // max(1, math.prod(self.shape[1:])))
        for start in spread(self.shape[0], rows, n):
            yield thinned(self.read(start, min(start + rows, self.shape[0])))

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


def thinned(values: Array) -> Array:
    """The values, one-dimensional, or SAMPLE of them at equal distances."""
    flat = values.reshape(-1)
    return flat[:: -(-flat.size // SAMPLE)] if flat.size > SAMPLE else flat
