"""The compiled loops of the turn and of the way back. Callers guarantee shapes and that indices are in range."""

import numpy as np
from numba import njit

NEGATIVE, NOT_FINITE, FRACTION, OVER_8_BITS, OVER_16_BITS, OVER_32_BITS = 1, 2, 4, 8, 16, 32


SMALL = 64  # counts below it come from a table
CELLS_TURNED = 64  # at a time, so that their rows stay in the processor's cache


@njit(nogil=True, cache=True, boundscheck=False)
def scatter_rows(first, last, indptr, indices, data, place, tile, totals, seen, over_8_bits):
    """Put cells ``first`` to ``last`` of a chunk into the tile (genes, cells) from column ``place`` on.

    Adds up every cell's total and counts its genes; marks genes that hold a value over 255. Returns what was met that
    no count is, as flags.
    """
    flags = 0
    for i in range(first, last):
        total = 0.0
        genes = 0
        for k in range(indptr[i], indptr[i + 1]):
            v = data[k]
            if v > 255:
                over_8_bits[indices[k]] = 1
                flags |= OVER_8_BITS
                if v > 65535:
                    flags |= OVER_16_BITS
                    if v > 4294967295:
                        flags |= OVER_32_BITS
            if not v >= 0:  # catches NaN too
                flags |= NEGATIVE if v < 0 else NOT_FINITE
            if v != np.floor(v):
                flags |= FRACTION
            if v - v != 0:
                flags |= NOT_FINITE
            tile[indices[k], place + i] = v
            total += v
            genes += tile[indices[k], place + i] > 0  # as it is kept: float32 rounds the smallest to 0
        totals[i] = total
        seen[i] = genes
    return flags


@njit(nogil=True, cache=True, boundscheck=False)
def scatter_columns(indptr, indices, data, block, totals, seen):
    """Put genes stored by column into the block (genes, all cells). Returns flags as scatter_rows does."""
    flags = 0
    for g in range(indptr.size - 1):
        for k in range(indptr[g], indptr[g + 1]):
            v = data[k]
            if v > 255:
                flags |= OVER_8_BITS
                if v > 65535:
                    flags |= OVER_16_BITS
                    if v > 4294967295:
                        flags |= OVER_32_BITS
            if not v >= 0:
                flags |= NEGATIVE if v < 0 else NOT_FINITE
            if v != np.floor(v):
                flags |= FRACTION
            if v - v != 0:
                flags |= NOT_FINITE
            block[g, indices[k]] = v
            totals[indices[k]] += v
            seen[indices[k]] += block[g, indices[k]] > 0
    return flags


@njit(nogil=True, cache=True, boundscheck=False)
def rows_of_tile(tile, scale, start, data, indices, variable, hvg, take_log):
    """Turn a tile (genes, cells) back into CSR rows.

    start (cells,) is where each row begins; data and indices have room for one value more than there are. hvg (cells,
    variable genes) is filled too. Most counts are small: their logarithms are taken once a cell, not once a value.
    """
    n_genes, n_cells = tile.shape
    scratch = np.empty((CELLS_TURNED, n_genes), tile.dtype)
    small = np.empty(SMALL, np.float32)
    for first in range(0, n_cells, CELLS_TURNED):
        n = min(CELLS_TURNED, n_cells - first)
        for g in range(n_genes):
            for i in range(n):
                scratch[i, g] = tile[g, first + i]
        for i in range(n):
            cell = first + i
            if take_log:
                for x in range(SMALL):
                    small[x] = np.float32(np.log1p(np.float32(x) * scale[cell]))
            k = start[cell]
            for g in range(n_genes):
                x = scratch[i, g]
                data[k] = _value(x, small, scale[cell], take_log)  # written always, kept only for a non-zero
                indices[k] = g
                k += x != 0
            for v in range(variable.size):
                hvg[cell, v] = _value(scratch[i, variable[v]], small, scale[cell], take_log)


@njit(nogil=True, cache=True, boundscheck=False, inline="always")
def _value(x, small, scale, take_log):
    if not take_log:
        return np.float32(x)
    k = np.int64(x)
    return small[k] if k < SMALL and k == x else np.float32(np.log1p(np.float32(x) * scale))
