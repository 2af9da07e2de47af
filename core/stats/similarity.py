"""Similarity of perturbations: correlation of effect profiles, the typical profile taken out, own genes left out.

The correlation of two profiles leaves out the genes that either was perturbed in: that they fall is what was done. So
every pair has genes of its own, and a plain correlation matrix does not do. With the own genes of every profile set
to 0 the products of a pair need no correction (either factor is 0 where a gene is left out); sums and squares need one
rank-one correction for each own gene. One matrix product therefore gives all pairs.

What all profiles share (the noise of the same controls, the answer to being perturbed at all) makes all correlate, and
is taken out as the typical profile: the median over profiles, gene by gene, times the slope of a profile on it, from 0
to 1. Subtracting the mean would do harm: it is made by the strong profiles, so that two without any effect, less the
mean, both hold its negative, and agree. The median is less so, and the slope takes from a profile only what it holds.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

Typical = Literal["median", "mean", "none"]

ROWS_AT_ONCE = 256
"""Profiles read and centered together; genes whose median is taken together."""
PAIRS_AT_ONCE = 1024
"""Profiles on either side of one block of pairs."""
GENES_AT_ONCE = 4096
"""Products are summed in single precision over so many genes, and in double precision beyond."""
MIN_GENES = 3
NO_VARIANCE = 1e-10
"""A profile is constant where less than this share of its squares is left around its mean."""
MIN_TYPICAL = 5
"""What fewer profiles share is made by the very two that are compared (of two, r = -1 would be left): it stays in."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Effect profiles made ready to be correlated.

    Parameters
    ----------
    values
        Deltas of the kept genes less what they hold of the typical profile and their own mean; 0 at a profile's own
        genes. float32, shape ``(n_profiles, n_kept)``.
    keep
        Places of the kept genes among all, shape ``(n_kept,)``.
    own
        Places of every profile's own genes among the kept, -1 behind the last, shape ``(n_profiles, most)``.
    sums, squares
        Sums of ``values`` and of their squares, float64, shape ``(n_profiles,)``; a profile with ``squares`` 0 is
        constant, or has no finite delta for some gene, and correlates with none.
    typical
        The typical profile that was taken out, shape ``(n_kept,)``; 0 where it was left in.
    n_typical
        Over how many profiles it was taken; 0 where it was left in.
    """

    values: np.ndarray
    keep: np.ndarray
    own: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    typical: np.ndarray
    n_typical: int

    def __len__(self) -> int:
        return len(self.values)


def prepare(
    deltas: np.ndarray,
    own: Sequence[ArrayLike],
    *,
    keep: ArrayLike,
    typical_of: ArrayLike | None = None,
    typical: Typical = "median",
) -> Profiles:
    """Profiles ready to be correlated; rows are read a few at a time, so that ``deltas`` may be a memory map.

    Parameters
    ----------
    deltas
        Effects on a scale on which they add up (differences of log-normalized means), shape ``(n_profiles, n_genes)``.
    own
        Places of the genes that each profile was perturbed in, to be left out; empty where it has none.
    keep
        Genes to correlate over: a mask or places.
    typical_of
        Profiles over which the typical one is taken, default all. For a gene, those perturbed in it do not count.
    typical
        Take out the median or the mean of these profiles, or nothing. Of fewer than ``MIN_TYPICAL`` nothing is taken.

    Returns
    -------
    Profiles
    """
    kept = _places(keep, deltas.shape[1])
    places = _own_among_kept(own, kept, deltas.shape[1])
    values = np.empty((len(deltas), kept.size), np.float32)
    for rows in _slices(len(deltas), ROWS_AT_ONCE):
        values[rows] = np.asarray(deltas[rows])[:, kept]
    counted = np.ones(len(deltas), bool) if typical_of is None else np.array(typical_of, bool)
    middle, n_typical = _typical_profile(values, places, counted, typical)
    for rows in _slices(len(deltas), ROWS_AT_ONCE):
        values[rows] = _centered(values[rows], middle, places[rows])
    sums, squares = _sums(values)
    return Profiles(values, kept, places, sums, squares, middle, n_typical)


def correlate(profiles: Profiles, rows: ArrayLike, columns: ArrayLike) -> np.ndarray:
    """Pearson's r of every profile of ``rows`` with every one of ``columns``, own genes of both left out.

    Parameters
    ----------
    profiles
        As :func:`prepare` makes them.
    rows, columns
        Numbers of profiles.

    Returns
    -------
    numpy.ndarray
        float64, shape ``(rows, columns)``; NaN where either profile is constant over the pair's genes or fewer than
        ``MIN_GENES`` are left.
    """
    i, j = np.asarray(rows, np.intp), np.asarray(columns, np.intp)
    a, b, own_a, own_b = profiles.values[i], profiles.values[j], profiles.own[i], profiles.own[j]
    n = profiles.keep.size - _n_own(own_a)[:, None] - _n_own(own_b)[None, :] + _n_shared(own_a, own_b)
    sum_a, spread_a = _without(profiles.sums[i], profiles.squares[i], a, own_b, n)
    sum_b, spread_b = (found.T for found in _without(profiles.sums[j], profiles.squares[j], b, own_a, n.T))
    sum_a *= sum_b
    sum_a /= np.maximum(n, 1)
    r = _products(a, b)
    r -= sum_a
    spread_a *= spread_b  # NaN where either is constant
    spread_a[n < MIN_GENES] = np.nan
    r /= np.sqrt(spread_a, out=spread_a)
    return np.asarray(np.clip(r, -1, 1, out=r))


def all_by_all(profiles: Profiles, threads: int = 1) -> np.ndarray:
    """:func:`correlate` of all with all, block by block; float32, shape ``(n_profiles, n_profiles)``."""
    r = np.empty((len(profiles), len(profiles)), np.float32)
    blocks = _slices(len(profiles), PAIRS_AT_ONCE)

    def fill(pair: tuple[slice, slice]) -> None:
        rows, columns = pair
        found = correlate(profiles, np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop))
        r[rows, columns], r[columns, rows] = found, found.T

    pairs = [(rows, columns) for at, rows in enumerate(blocks) for columns in blocks[at:]]
    if threads < 2 or len(pairs) < 2:
        for pair in pairs:
            fill(pair)
        return r
    # one BLAS thread a thread of ours: the corrections are as much work as the products
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, pairs):
            pass
    return r


def contributions(profiles: Profiles, i: int, j: int) -> np.ndarray:
    """What every kept gene adds to the correlation of two profiles: they sum to r.

    Returns
    -------
    numpy.ndarray
        float64, shape ``(n_kept,)``: products of both profiles' standardized deltas over the number of genes; 0 at the
        own genes of both, NaN everywhere where r is.
    """
    out = np.ones(profiles.keep.size, bool)
    for own in (profiles.own[i], profiles.own[j]):
        out[own[own >= 0]] = False
    both = profiles.values[[i, j]].astype(np.float64)
    centered = np.where(out, both - both[:, out].mean(axis=1, keepdims=True), 0) if out.any() else both * np.nan
    spread = (centered**2).sum(axis=1)
    if out.sum() < MIN_GENES or (spread <= NO_VARIANCE * profiles.squares[[i, j]]).any():
        return np.full(out.size, np.nan)
    return np.asarray(centered[0] * centered[1] / np.sqrt(spread.prod()))


# ------------------------------------------------------------------------------------------------------- preparing


def _places(keep: ArrayLike, n_genes: int) -> np.ndarray:
    found = np.asarray(keep)
    return np.flatnonzero(found) if found.dtype == bool and found.size == n_genes else found.astype(np.intp)


def _own_among_kept(own: Sequence[ArrayLike], kept: np.ndarray, n_genes: int) -> np.ndarray:
    place = np.full(n_genes, -1, np.intp)
    place[kept] = np.arange(kept.size)
    found = [np.unique(place[np.asarray(genes, np.intp)]) for genes in own]
    found = [places[places >= 0] for places in found]
    table = np.full((len(own), max((places.size for places in found), default=0)), -1, np.intp)
    for row, places in zip(table, found, strict=True):
        row[: places.size] = places
    return table


def _typical_profile(values: np.ndarray, own: np.ndarray, counted: np.ndarray, kind: Typical) -> tuple[np.ndarray, int]:
    """Median or mean of the counted profiles without missing values, each gene's without those perturbed in it."""
    used = counted.copy()
    for rows in _slices(len(values), ROWS_AT_ONCE):
        used[rows] &= np.isfinite(values[rows]).all(axis=1)
    middle, n = np.zeros(values.shape[1]), int(used.sum())
    if kind == "none" or n < MIN_TYPICAL:
        return middle, 0
    middle_of = np.median if kind == "median" else np.mean
    for genes in _slices(values.shape[1], ROWS_AT_ONCE):
        middle[genes] = middle_of(np.ascontiguousarray(values[:, genes][used].T), axis=1)
    at, slot = np.nonzero(own >= 0)
    perturbed = own[at, slot]
    for gene in np.unique(perturbed):
        others = used.copy()
        others[at[perturbed == gene]] = False
        middle[gene] = middle_of(values[others, gene]) if others.any() else 0.0
    return middle, n


def _centered(block: np.ndarray, typical: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Each row less what it holds of the typical profile and its mean, 0 at own genes; all 0 if constant or missing."""
    used = np.ones(block.shape, bool)
    at, slot = np.nonzero(own >= 0)
    used[at, own[at, slot]] = False
    finite = np.isfinite(np.where(used, block, 0)).all(axis=1, keepdims=True)
    used &= finite
    block = np.where(used, block, 0).astype(np.float64)
    noise = NO_VARIANCE**2 * (block**2).sum(axis=1, keepdims=True)
    centered = _without_mean(block, used)
    if typical.any():
        held = _without_mean(np.broadcast_to(typical, block.shape), used)
        size = (held**2).sum(axis=1, keepdims=True)
        slope = (centered * held).sum(axis=1, keepdims=True) / np.where(size > 0, size, 1)
        centered -= np.clip(slope, 0, 1) * held
    return np.where((centered**2).sum(axis=1, keepdims=True) > noise, centered, 0)


def _without_mean(block: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Each row less its mean over the genes that are used; 0 elsewhere."""
    n = np.maximum(used.sum(axis=1, keepdims=True), 1)
    return np.where(used, block - np.where(used, block, 0).sum(axis=1, keepdims=True) / n, 0)


def _sums(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sums, squares = np.empty((2, len(values)))
    for rows in _slices(len(values), ROWS_AT_ONCE):
        block = values[rows].astype(np.float64)
        sums[rows], squares[rows] = block.sum(axis=1), np.einsum("ij,ij->i", block, block)
    return sums, squares


# ----------------------------------------------------------------------------------------------------------- pairs


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = np.zeros((len(a), len(b)))
    for genes in _slices(a.shape[1], GENES_AT_ONCE):
        total += a[:, genes] @ b[:, genes].T
    return total


def _without(
    sums: np.ndarray, squares: np.ndarray, a: np.ndarray, own: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and spread (squares around the mean) of every row of ``a`` without the genes of every row of ``own``.

    Each ``(rows, len(own))``; the spread is NaN where next to nothing is left of it.
    """
    shape = (len(a), len(own))
    total, spread = np.broadcast_to(sums[:, None], shape).copy(), np.broadcast_to(squares[:, None], shape).copy()
    for genes in own.T:
        left_out = np.where(genes >= 0, a[:, genes], 0).astype(np.float64)
        total -= left_out
        spread -= np.square(left_out, out=left_out)
    spread -= total**2 / np.maximum(n, 1)
    spread[spread <= NO_VARIANCE * squares[:, None]] = np.nan
    return total, spread


def _n_own(own: np.ndarray) -> np.ndarray:
    return (own >= 0).sum(axis=1)


def _n_shared(own_a: np.ndarray, own_b: np.ndarray) -> np.ndarray:
    """Own genes that two profiles have in common: counted once among those left out."""
    shared = np.zeros((len(own_a), len(own_b)), np.intp)
    for genes in own_a.T:
        for others in own_b.T:
            shared += (genes[:, None] == others[None, :]) & (genes >= 0)[:, None]
    return shared


def _slices(n: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]
