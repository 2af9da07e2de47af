"""Compiled loops under the reading of matrices; callers guarantee shapes and dtypes."""

from typing import Any

import numba as nb
import numpy as np

Array = np.ndarray[Any, Any]

ASCENDING, UNORDERED, OUTSIDE = 0, 1, 2
"""What :func:`row_order` found: rows in order; rows out of order or with repeats; an index outside the matrix."""

_compiled = nb.njit(nogil=True, cache=True, boundscheck=False)


@_compiled
def unshuffle2(raw: Array, out: Array) -> None:
    """Undo HDF5's byte shuffle of 2-byte items: ``raw`` is uint8[2n], ``out`` uint16[n]."""
    n = out.size
    for i in range(n):
        out[i] = np.uint16(raw[i]) | np.uint16(np.uint16(raw[n + i]) << np.uint16(8))


@_compiled
def unshuffle4(raw: Array, out: Array) -> None:
    """Undo HDF5's byte shuffle of 4-byte items: ``raw`` is uint8[4n], ``out`` uint32[n]."""
    n = out.size
    for i in range(n):
        low = np.uint32(raw[i]) | np.uint32(raw[n + i]) << np.uint32(8)
        high = np.uint32(raw[2 * n + i]) << np.uint32(16) | np.uint32(raw[3 * n + i]) << np.uint32(24)
        out[i] = low | high


@_compiled
def unshuffle8(raw: Array, out: Array) -> None:
    """Undo HDF5's byte shuffle of 8-byte items: ``raw`` is uint8[8n], ``out`` uint64[n]."""
    n = out.size
    for i in range(n):
        value = np.uint64(raw[i])
        for byte in range(1, 8):
            value |= np.uint64(raw[byte * n + i]) << np.uint64(8 * byte)
        out[i] = value


@_compiled
def lzf_decompress(raw: Array, out: Array) -> int:
    """Undo LZF (h5py's own filter); returns the bytes written, or -1 when the stream is damaged."""
    at = done = 0
    end, room = raw.size, out.size
    while at < end:
        control = int(raw[at])
        at += 1
        if control < 32:  # a run of control + 1 literal bytes
            length = control + 1
            if at + length > end or done + length > room:
                return -1
            for i in range(length):
                out[done + i] = raw[at + i]
            at += length
            done += length
            continue
        length = (control >> 5) + 2  # a copy of what was written before
        if length == 9:
            if at >= end:
                return -1
            length += int(raw[at])
            at += 1
        if at >= end:
            return -1
        back = ((control & 31) << 8 | int(raw[at])) + 1
        at += 1
        if back > done or done + length > room:
            return -1
        if back == 1:  # one byte repeated: most of shuffled counts
            value = out[done - 1]
            for i in range(length):
                out[done + i] = value
        else:  # byte by byte: the copy may overlap itself
            for i in range(length):
                out[done + i] = out[done - back + i]
        done += length
    return done


@_compiled
def row_order(indptr: Array, indices: Array, n_columns: int) -> int:
    """Say whether every row's indices ascend within ``range(n_columns)``: ASCENDING, UNORDERED or OUTSIDE."""
    found = 0
    for r in range(indptr.size - 1):
        row = indices[indptr[r] : indptr[r + 1]]
        if row.size == 0:
            continue
        falls = 0
        for k in range(row.size - 1):  # a sum over a slice: this form is vectorised, ten times faster than a flag
            falls += row[k + 1] <= row[k]
        low, high = row[0], row[-1]
        if falls:
            found = 1
            low, high = row.min(), row.max()
        if low < 0 or high >= n_columns:
            return 2
    return found


@_compiled
def sum_repeats(indptr: Array, indices: Array, data: Array, n_columns: int) -> Array:
    """Add up values that a row stores twice for one column, in place; returns the new indptr.

    The order of a row's indices stays that of their first appearance.
    """
    place = np.full(n_columns, -1, np.int64)
    kept = np.zeros_like(indptr)
    done = 0
    for row in range(indptr.size - 1):
        start = done
        for k in range(indptr[row], indptr[row + 1]):
            column = indices[k]
            if place[column] >= start:
                data[place[column]] += data[k]
            else:
                place[column] = done
                indices[done], data[done] = column, data[k]
                done += 1
        kept[row + 1] = done
    return kept


@_compiled
def count_nonzero_rows(dense: Array, indptr: Array) -> None:
    """Fill ``indptr`` (rows + 1, starts at 0) with the running number of non-zeros."""
    for row in range(dense.shape[0]):
        n = 0
        for column in range(dense.shape[1]):
            n += dense[row, column] != 0
        indptr[row + 1] = indptr[row] + n


@_compiled
def take_nonzero_rows(dense: Array, indptr: Array, indices: Array, data: Array) -> None:
    """Copy the non-zeros of ``dense`` and their columns to where ``indptr`` says."""
    for row in range(dense.shape[0]):
        at = indptr[row]
        for column in range(dense.shape[1]):
            value = dense[row, column]
            if value != 0:
                indices[at], data[at] = column, value
                at += 1
