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
from core.stats.energy import covariance, energy_distances, principal_axes
from core.stats.groups import Groups
from core.store.sweep import SizeFactors
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

PCA_CELLS = 5_000
PCA_COMPONENTS = 50
DISTANCE_CELLS = 1_000
KEPT_BYTES = 150_000_000  # that are kept in memory rather than computed twice


class CellDistances:
    """Energy distance of every target's cells, and of all perturbed cells, to the controls.

    Axes are fitted on at most 5,000 cells drawn at random; every target is compared by at most 1,000 of its cells with
    1,000 controls. Cells are read as soon as this is made, by all threads: thousands of small steps, which other work
    in Python would only hold up. What is left for :meth:`to_controls` is arithmetic, most of it on one thread.

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
    """

    def __init__(
        self,
        values: GeneMajor,
        groups: Groups,
        factors: SizeFactors,
        genes: np.ndarray,
        threads: int,
        report: Report,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        t = groups.n_targets
        bounds = np.concatenate([[0], np.cumsum(groups.target_cells)])
        perturbed, used = groups.order[: bounds[t]], np.sort(groups.order[: bounds[t + 1]])
        members = [*(groups.order[bounds[k] : bounds[k + 1]] for k in range(t + 1)), perturbed]
        self._drawn = [np.sort(rng.permutation(m)[:DISTANCE_CELLS]) for m in members]
        self._n_targets, self._n_cells, self._threads, self._report = t, values.n_cells, threads, report
        self._possible = genes.size > 1 and len(self._drawn[t]) > 1
        if not self._possible:
            return
        fit, self._compared = np.zeros((2, values.n_cells), bool)
        fit[rng.permutation(used)[:PCA_CELLS]] = True
        self._compared[np.concatenate(self._drawn)] = True
        read = fit | self._compared
        report("Comparing cells", 0, 2, "steps")
        self._cells_of = partial(expression, Tiles(values, genes, read), factors=factors, threads=threads)
        if 4 * genes.size * int(read.sum()) <= KEPT_BYTES:  # of a small screen nothing is computed twice
            self._cells_of = partial(_some_of, list(self._cells_of(read)))
        sample = np.concatenate([x for _, x in self._cells_of(fit)], axis=1)
        self._covariance, self._n_axes = covariance(sample, threads), min(PCA_COMPONENTS, sample.shape[1])

    def to_controls(self) -> np.ndarray:
        """The distances: T + 1 values, the last of all perturbed cells; NaN where there are fewer than 2 cells."""
        t, drawn = self._n_targets, self._drawn
        result = np.full(t + 1, np.nan)
        if not self._possible:
            return result
        axes = principal_axes(self._covariance, self._n_axes)
        self._report("Comparing cells", 1, 2, "steps")
        coordinates = np.zeros((self._n_cells, axes.shape[1]), np.float32)
        for cells, x in self._cells_of(self._compared):
            coordinates[cells] = x.T @ axes  # not centred: distances do not feel a common shift
        enough = [k for k in (*range(t), t + 1) if len(drawn[k]) > 1]
        found = energy_distances([coordinates[drawn[k]] for k in enough], coordinates[drawn[t]], self._threads)
        result[[min(k, t) for k in enough]] = found
        self._report("Comparing cells", 2, 2, "steps")
        return result


class Tiles:
    """Tiles cut to some genes and cells, as they are stored; each is decoded once where all of them fit into memory.

    Parameters
    ----------
    values
        The turned file.
    genes
        Places of the genes in rising order, shape ``(n,)``.
    wanted
        Whether each cell may be asked for, shape ``(n_cells,)``.

    Attributes
    ----------
    blocks, places
        The blocks that hold the genes, and where each one's lie among ``genes``.
    """

    def __init__(self, values: GeneMajor, genes: np.ndarray, wanted: np.ndarray) -> None:
        if np.any(np.diff(genes) <= 0):
            raise ValueError("Tiles takes the places of genes in rising order, each once.")
        self.values, self.genes, self._wanted = values, genes, wanted
        self.blocks, first, n_genes = np.unique(genes // GENES_A_BLOCK, return_index=True, return_counts=True)
        self.places = [slice(a, a + n) for a, n in zip(first, n_genes, strict=True)]
        n_cells = np.add.reduceat(wanted, np.arange(values.n_chunks) * values.cells_a_chunk, dtype=np.int64)
        self._fit = n_cells @ values.itemsizes[:, self.blocks] @ n_genes <= KEPT_BYTES
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def cut(self, c: int, k: int, cells: np.ndarray) -> np.ndarray:
        """The genes of the ``k``-th block in some of the wanted cells of chunk ``c``, a mask of the chunk's cells."""
        wanted = self._wanted[self.cells(c)]
        found = self._kept.get((c, k))
        if found is None:
            rows = self.genes[self.places[k]] % GENES_A_BLOCK
            tile = self.values.tile(c, int(self.blocks[k])).reshape(-1, wanted.size)
            found = _some(tile[rows], wanted)
            if self._fit:
                self._kept[c, k] = found
        return _some(found, cells[wanted])

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
    shares = np.array_split(np.arange(len(tiles.blocks)), threads)  # one a thread: tiles are small, and take turns
    with ThreadPoolExecutor(threads) as pool:
        for c in range(tiles.values.n_chunks):
            here = wanted[tiles.cells(c)]
            cells = tiles.cells(c).start + np.flatnonzero(here)
            x = np.empty((tiles.genes.size, cells.size), np.float32)
            list(pool.map(partial(_fill, x, tiles, c, here, scale[cells]), shares))
            yield cells, x


def _fill(x: np.ndarray, tiles: Tiles, c: int, here: np.ndarray, scale: np.ndarray, share: np.ndarray) -> None:
    """Put the genes of some blocks into ``x``, log-normalized, in some cells of chunk ``c``."""
    for k in share:
        y = x[tiles.places[k]]
        y[:] = tiles.cut(c, k, here)
        if tiles.values.kind is Values.COUNTS:
            y *= scale
            np.log1p(y, out=y)


def _some_of(
    chunks: Sequence[tuple[np.ndarray, np.ndarray]], wanted: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some of the cells that :func:`expression` gave."""
    for cells, x in chunks:
        here = wanted[cells]
        yield cells[here], _some(x, here)


def _some(x: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Some columns of ``x``; no copy where that is all."""
    return x if cells.all() else np.compress(cells, x, axis=1)
