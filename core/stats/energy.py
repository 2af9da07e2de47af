"""Energy distance between sets of cells, and the principal components in which it is taken."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh
from threadpoolctl import threadpool_limits

BLOCK = 1024
LANCZOS_GENES = 500


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Energy distance ``2 E|x - y| - E|x - x'| - E|y - y'|`` with Euclidean norms.

    Parameters
    ----------
    x, y
        Cells x coordinates.

    Returns
    -------
    float
        0 when both sets hold the same cells; means run over all pairs, a cell with itself included.

    References
    ----------
    Székely & Rizzo, J. Stat. Plan. Inference 143, 1249 (2013); Peidli et al., Nat. Methods 21, 531 (2024).
    """
    return energy_distances([x], y)[0]


def energy_distances(sets: Sequence[np.ndarray], reference: np.ndarray, threads: int = 1) -> list[float]:
    """Energy distance of every set of cells to one reference, whose own spread is taken once."""
    spread = mean_distance(reference, reference)

    def distance(x: np.ndarray) -> float:
        return 2 * mean_distance(x, reference) - mean_distance(x, x) - spread

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(distance, sets))


def mean_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs, taken block by block in float64.

    Squared distances come from inner products, which lose what is smaller than the rounding of the norms; pairs that
    close are taken again by difference.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    centre = y.mean(axis=0)
    x, y = x - centre, y - centre
    norm_x, norm_y = (x * x).sum(axis=1), (y * y).sum(axis=1)
    total = 0.0
    for i in range(0, len(x), BLOCK):
        for j in range(0, len(y), BLOCK):
            a, b = x[i : i + BLOCK], y[j : j + BLOCK]
            scale = norm_x[i : i + BLOCK, None] + norm_y[None, j : j + BLOCK]
            squared = scale - 2 * (a @ b.T)
            close = np.nonzero(squared < 1e-9 * scale)
            squared[close] = ((a[close[0]] - b[close[1]]) ** 2).sum(axis=1)
            total += float(np.sqrt(np.maximum(squared, 0)).sum())
    return total / (len(x) * len(y))


def covariance(sample: np.ndarray, threads: int = 1) -> np.ndarray:
    """Covariance of genes over cells, in the precision of the sample.

    Parameters
    ----------
    sample
        Log-normalized expression, genes x cells.
    threads
        Threads that add up products.

    Returns
    -------
    numpy.ndarray
        Shape ``(genes, genes)``.
    """
    mean = sample.mean(axis=1, dtype=np.float64)[:, None].astype(sample.dtype)

    def products(cells: slice) -> np.ndarray:
        centred = sample[:, cells] - mean
        return centred @ centred.T

    bounds = np.linspace(0, sample.shape[1], threads + 1).astype(int)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        total = reduce(np.add, pool.map(products, map(slice, bounds, bounds[1:])))
    return np.asarray(total / max(sample.shape[1] - 1, 1))


def principal_axes(covariance: np.ndarray, n_components: int = 50) -> np.ndarray:
    """Leading principal axes.

    Of many genes they are found by Lanczos' method, which multiplies with the covariance and so leaves other threads
    their turn; LAPACK holds Python's lock until it is done.

    Parameters
    ----------
    covariance
        Of genes, shape ``(genes, genes)``.
    n_components
        How many axes at most; no more than there were cells.

    Returns
    -------
    numpy.ndarray
        Shape ``(genes, components)``; each axis' largest loading is positive.
    """
    n_genes = len(covariance)
    n_axes = min(n_components, n_genes)
    with threadpool_limits(1, "blas"):  # threads of BLAS wait for one another beside other work
        vectors = _by_lanczos(covariance, n_axes) if n_genes > LANCZOS_GENES and covariance.any() else None
        if vectors is None:
            _, vectors = eigh(covariance, subset_by_index=[n_genes - n_axes, n_genes - 1])
    axes = vectors[:, ::-1]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return axes * np.where(largest < 0, -1.0, 1.0).astype(axes.dtype)


def _by_lanczos(covariance: np.ndarray, n_axes: int) -> np.ndarray | None:
    """Leading eigenvectors, the largest last; None where the method finds no end."""
    begin = np.random.default_rng(0).normal(size=len(covariance)).astype(covariance.dtype)
    try:
        return np.asarray(eigsh(covariance, n_axes, v0=begin)[1])
    except ArpackError:
        return None
