"""How far the cells of each target lie from the controls: energy distances in principal components.

The only place that asks for many genes of a cell at once. Values lie gene-major, so chunks of cells are put together
from their tiles; memory is a chunk of cells, and at most 150 MB of what would be computed twice:
the expression of a small screen, the stored tiles of a larger one.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from core.schema import Values
from core.stats.energy import energy_distances, principal_axes
from core.stats.groups import Groups
from core.store.sweep import SizeFactors
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

PCA_CELLS = 5_000
PCA_COMPONENTS = 50
DISTANCE_CELLS = 1_000
KEPT_BYTES = 150_000_000  # that are kept in memory rather than computed twice


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
    cells_of = partial(expression, Tiles(values, genes, fit | compared), factors=factors, threads=threads)
    if 4 * genes.size * int((fit | compared).sum()) <= KEPT_BYTES:  # of a small screen nothing is computed twice
        cells_of = partial(_some_of, list(cells_of(fit | compared)))
    sample = [x for _, x in cells_of(fit)]
    _, axes = principal_axes(np.concatenate(sample, axis=1), PCA_COMPONENTS, threads)
    report("Comparing cells", 1, 2, "steps")
    coordinates = np.zeros((values.n_cells, axes.shape[1]), np.float32)
    for cells, x in cells_of(compared):
        coordinates[cells] = x.T @ axes  # not centred: distances do not feel a common shift
    enough = [k for k in (*range(t), t + 1) if len(drawn[k]) > 1]
    found = energy_distances([coordinates[drawn[k]] for k in enough], coordinates[drawn[t]], threads)
    result[[min(k, t) for k in enough]] = found
    report("Comparing cells", 2, 2, "steps")
    return result


class Tiles:
    """Tiles cut to some genes and cells, as they are stored; each is decoded once where all of them fit into memory.

    Parameters
    ----------
    values
        The turned file.
    genes
        Places of the genes, shape ``(n,)``.
    wanted
        Whether each cell may be asked for, shape ``(n_cells,)``.
    """

    def __init__(self, values: GeneMajor, genes: np.ndarray, wanted: np.ndarray) -> None:
        self.values, self.genes, self._wanted = values, genes, wanted
        self.blocks, n_genes = np.unique(genes // GENES_A_BLOCK, return_counts=True)
        n_cells = np.add.reduceat(wanted, np.arange(values.n_chunks) * values.cells_a_chunk, dtype=np.int64)
        self._fit = n_cells @ values.itemsizes[:, self.blocks] @ n_genes <= KEPT_BYTES
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def cut(self, c: int, b: int, cells: np.ndarray) -> np.ndarray:
        """The genes of block ``b`` in some of the wanted cells of chunk ``c``, a mask of the chunk's cells."""
        wanted = self._wanted[self.cells(c)]
        found = self._kept.get((c, b))
        if found is None:
            rows = self.genes[self.genes // GENES_A_BLOCK == b] % GENES_A_BLOCK
            found = np.compress(wanted, self.values.tile(c, b).reshape(-1, wanted.size)[rows], axis=1)
            if self._fit:
                self._kept[c, b] = found
        return np.compress(cells[wanted], found, axis=1)

    def cells(self, c: int) -> slice:
        """The cells of a chunk."""
        first = c * self.values.cells_a_chunk
        return slice(first, first + self.values.chunk_width(c))


def expression(
    tiles: Tiles, wanted: np.ndarray, factors: SizeFactors, threads: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some cells and their log-normalized expression (float32, genes x cells), chunk by chunk in file order.

    ``wanted`` says of every cell whether it is asked for: cells of ``tiles``, all or some.
    """
    scale = factors.scale.astype(np.float32)
    block_of_gene = tiles.genes // GENES_A_BLOCK
    with ThreadPoolExecutor(threads) as pool:
        for c in range(tiles.values.n_chunks):
            here = wanted[tiles.cells(c)]
            cells = tiles.cells(c).start + np.flatnonzero(here)
            x = np.empty((tiles.genes.size, cells.size), np.float32)

            cut = partial(_log_normalized, tiles, c, here, scale[cells])
            for b, y in zip(tiles.blocks, pool.map(cut, tiles.blocks), strict=True):
                x[block_of_gene == b] = y
            yield cells, x


def _some_of(
    chunks: Sequence[tuple[np.ndarray, np.ndarray]], wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some of the cells that :func:`expression` gave."""
    for cells, x in chunks:
        here = wanted[cells]
        yield cells[here], np.compress(here, x, axis=1)


def _log_normalized(tiles: Tiles, c: int, here: np.ndarray, scale: np.ndarray, b: int) -> np.ndarray:
    """The genes of block ``b`` in some cells of chunk ``c``, log-normalized."""
    y = tiles.cut(c, int(b), here).astype(np.float32)
    if tiles.values.kind is Values.COUNTS:
        y *= scale
        np.log1p(y, out=y)
    return y
