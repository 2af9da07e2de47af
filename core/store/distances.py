"""How far the cells of each target lie from the controls: energy distances in principal components.

The only place that asks for many genes of a cell at once. Values lie gene-major, so chunks of cells are put together
from their tiles; memory is a chunk of cells, and the few cells that are compared.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from core.schema import Values
from core.stats.energy import energy_distances, principal_axes
from core.stats.groups import Groups
from core.store.sweep import SizeFactors
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

PCA_CELLS = 5_000
PCA_COMPONENTS = 50
DISTANCE_CELLS = 1_000
KEPT_BYTES = 100_000_000  # of expression that is kept in memory rather than decoded twice


def distances_to_controls(
    values: GeneMajor,
    groups: Groups,
    factors: SizeFactors,
    genes: np.ndarray,
    threads: int,
    report: Report,
    seed: int = 0,
) -> np.ndarray:
    """Energy distance of every target's cells, and of all perturbed cells, to the controls.

    Axes are fitted on at most 5,000 cells drawn at random; every target is compared by at most 1,000 of its cells with
    1,000 controls.

    Parameters
    ----------
    values, groups, factors
        The turned file, its cells in visiting order and their size factors.
    genes
        The highly variable ones, shape ``(n_variable,)``.
    threads
        Threads that decode.
    report
        Called with (phase, done, total, unit).
    seed
        Of the draws.

    Returns
    -------
    numpy.ndarray
        T + 1 values; NaN where there are fewer than 2 cells.
    """
    rng = np.random.default_rng(seed)
    t = groups.n_targets
    result = np.full(t + 1, np.nan)
    bounds = np.concatenate([[0], np.cumsum(groups.target_cells)])
    perturbed, used = groups.order[: bounds[t]], np.sort(groups.order[: bounds[t + 1]])
    members = [*(groups.order[bounds[k] : bounds[k + 1]] for k in range(t + 1)), perturbed]
    drawn = [np.sort(rng.permutation(m)[:DISTANCE_CELLS]) for m in members]
    if genes.size < 2 or len(drawn[t]) < 2:
        return result
    fit, compared = np.zeros((2, values.n_cells), bool)
    fit[rng.permutation(used)[:PCA_CELLS]] = True
    compared[np.concatenate(drawn)] = True
    report("Comparing cells", 0, 2, "steps")
    wanted = fit | compared
    kept = None
    if np.count_nonzero(wanted) * genes.size * 4 <= KEPT_BYTES:
        kept = list(expression(values, genes, wanted, factors, threads))
    sample = [x[:, fit[cells]] for cells, x in kept or expression(values, genes, fit, factors, threads)]
    _, axes = principal_axes(np.concatenate(sample, axis=1), PCA_COMPONENTS, threads)
    report("Comparing cells", 1, 2, "steps")
    coordinates = np.zeros((values.n_cells, axes.shape[1]), np.float32)
    for cells, x in kept or expression(values, genes, compared, factors, threads):
        coordinates[cells] = x.T @ axes  # not centred: distances do not feel a common shift
    enough = [k for k in (*range(t), t + 1) if len(drawn[k]) > 1]
    found = energy_distances([coordinates[drawn[k]] for k in enough], coordinates[drawn[t]], threads)
    result[[min(k, t) for k in enough]] = found
    report("Comparing cells", 2, 2, "steps")
    return result


def expression(
    values: GeneMajor, genes: np.ndarray, wanted: np.ndarray, factors: SizeFactors, threads: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some cells and their log-normalized expression (float32, genes x cells), chunk by chunk in file order.

    ``wanted`` says of every cell whether it is asked for.
    """
    scale = factors.scale.astype(np.float32)
    block_of_gene = genes // GENES_A_BLOCK
    blocks = np.unique(block_of_gene)
    with ThreadPoolExecutor(threads) as pool:
        for c in range(values.n_chunks):
            first = c * values.cells_a_chunk
            cells = first + np.flatnonzero(wanted[first : first + values.cells_a_chunk])
            x = np.empty((genes.size, cells.size), np.float32)

            def fill(some: np.ndarray, c: int = c, cells: np.ndarray = cells, x: np.ndarray = x) -> None:
                for b in some:
                    rows = np.flatnonzero(block_of_gene == b)
                    tile = values.tile(c, int(b)).reshape(-1, values.chunk_width(c))
                    y = tile[np.ix_(genes[rows] % GENES_A_BLOCK, cells - c * values.cells_a_chunk)].astype(np.float32)
                    if values.kind is Values.COUNTS:
                        y *= scale[cells]
                        np.log1p(y, out=y)
                    x[rows] = y

            list(pool.map(fill, np.array_split(blocks, threads)))
            yield cells, x
