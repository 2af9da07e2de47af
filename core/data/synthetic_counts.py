"""Counts of the simulated screen, drawn in blocks of cells out of its network and its cells.

A cell's counts are made of its batch and state (the rate of each gene at rest), its guide (the fold of each rate), its
depth (the rates as shares of a total) and a gamma-Poisson draw.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, special

from core.data.synthetic_cells import draw_cells
from core.data.synthetic_design import CELLS_STREAM, CONTROL_LABEL, COUNTS_STREAM, Design, Floats, Ints, help_text
from core.data.synthetic_network import draw_network, n_regulators_of, stratified, target_effects, target_features
from core.errors import OptionError

_VALUES_A_BLOCK = 2_000_000  # bounds memory; part of what a seed means, since each block has a generator of its own


class Simulation:
    """A screen whose counts are yet to be drawn, by :meth:`blocks`, from the first cell to the last."""

    def __init__(self, n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
        _check_sizes(n_cells, n_genes, n_targets, seed, design)
        self.n_cells, self.n_genes, self.n_targets, self.seed, self.design = n_cells, n_genes, n_targets, seed, design
        self.network = draw_network(n_genes, n_targets, seed, design)
        self.features = target_features(self.network, seed, design)
        rng = np.random.default_rng([seed, CELLS_STREAM])
        self.cells = draw_cells(rng, n_cells, self.network.targets, design)
        self._log_rate = self._draw_log_rates(rng)  # (batches, G)
        self._at_rest = self._module_loadings()  # (M, G)
        self._effects = (design.fold_scale * target_effects(self.network, design.rounds)).astype(np.float32)  # (T, G)
        self._sum_at_rest, self._sum_perturbed = np.zeros((2, n_targets, n_genes))  # rates, for the true folds

    def blocks(self) -> Iterator[sparse.csr_matrix]:
        """Counts of the cells in order (CSR, float32), a block of rows at a time."""
        self._sum_at_rest[:], self._sum_perturbed[:] = 0, 0
        rows = max(1, _VALUES_A_BLOCK // self.n_genes)
        shape = 1 / self.design.dispersion
        for block, start in enumerate(range(0, self.n_cells, rows)):
            rng = np.random.default_rng([self.seed, COUNTS_STREAM, block])
            expected = self._expected(slice(start, min(start + rows, self.n_cells)))
            expected *= rng.standard_gamma(shape, expected.shape, dtype=np.float32) / np.float32(shape)
            yield sparse.csr_matrix(rng.poisson(expected).astype(np.float32))

    def _expected(self, cells: slice) -> NDArray[np.float32]:
        """Expected counts of some cells (cells, G)."""
        answers = self.cells.responsiveness[cells].astype(np.float32)
        rates = np.exp(self._log_rate[self.cells.batch[cells]] + (answers - 1) @ self._at_rest)
        guided = np.flatnonzero(self.cells.target[cells] >= 0)
        target = self.cells.target[cells][guided]
        perturbed = rates[guided] * self._folds(target, self.cells.knock_down[cells][guided], answers[guided])
        of_target = (np.arange(self.n_targets)[:, None] == target).astype(np.float32)  # (T, guided cells)
        self._sum_at_rest += of_target @ rates[guided]
        self._sum_perturbed += of_target @ perturbed
        rates[guided] = perturbed
        depth = (self.n_genes * self.cells.depth[cells]).astype(np.float32)
        rates *= (depth / rates.sum(axis=1))[:, None]
        return rates

    def _folds(self, target: Ints, knock_down: Floats, answers: NDArray[np.float32]) -> NDArray[np.float32]:
        """By what the guides of some cells multiply each rate (cells, G).

        A pathway that is off in a cell cannot be lowered there: this is what only a model of cells can learn.
        """
        largest = np.float32(self.design.largest_fold)
        log_fold = self._effects[target] * knock_down[:, None].astype(np.float32)
        in_module = np.flatnonzero(self.network.module >= 0)
        log_fold[:, in_module] *= answers[:, self.network.module[in_module]]
        folds = np.exp(largest * np.tanh(log_fold / largest))
        folds[np.arange(len(target)), self.network.target_genes[target]] = 1 - knock_down
        return folds

    def _draw_log_rates(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Log rates of the genes in each batch (batches, G)."""
        design, network = self.design, self.network
        base = design.base_sd * rng.standard_normal(self.n_genes)
        for m in range(design.n_modules):
            genes = np.flatnonzero((network.module == m) & (network.loading != 0))
            deviates = special.ndtri(stratified(rng, len(genes)))
            base[genes] = design.base_sd * np.minimum(deviates, design.base_limit)
        low, high = np.log(design.screened_mean)
        wanted = rng.uniform(low, high, self.n_targets)
        base[network.target_genes] = wanted - np.log(design.mean_count) + np.log(np.exp(base).mean())
        return (base + design.batch_sd * rng.standard_normal((design.n_batches, self.n_genes))).astype(np.float32)

    def _module_loadings(self) -> NDArray[np.float32]:
        """How far a module's state shows in each gene at rest (M, G)."""
        in_module = self.network.module == np.arange(self.design.n_modules)[:, None]
        return (self.design.rest_weight * in_module * self.network.loading).astype(np.float32)

    def obs(self) -> pd.DataFrame:
        """The cell table."""
        targets = np.array([*self.network.targets, CONTROL_LABEL])  # -1 is the last
        cells = self.cells
        return pd.DataFrame(
            {
                "target_gene": pd.Categorical(targets[cells.target], categories=sorted(targets.tolist())),
                "guide_id": pd.Categorical(np.array(cells.guides)[cells.guide], categories=sorted(cells.guides)),
                "batch": pd.Categorical([f"batch_{b + 1}" for b in cells.batch]),
                "cell_type": pd.Categorical(["simulated"] * self.n_cells),
            },
            index=pd.Index([f"SIMCELL{i + 1:07d}" for i in range(self.n_cells)], name="cell"),
        )

    def var(self) -> pd.DataFrame:
        """The gene table; its ids cannot be taken for Ensembl's."""
        ids = [f"SIM{i + 1:06d}" for i in range(self.n_genes)]
        return pd.DataFrame({"gene_id": ids}, index=pd.Index(self.network.symbols.astype(object), name="symbol"))

    def uns(self) -> dict[str, Any]:
        """What the file says of itself."""
        names = np.array(self.features.names, dtype=object)
        return {
            "simulated": True,
            "perturbscope_demo": {"description": help_text, "seed": self.seed, "schema": 1},
            "target_features": {"names": names, "matrix": self.features.matrix},
        }

    def log_folds(self) -> Floats:
        """The targets' true log folds (T, G), of the cells of the blocks that were drawn.

        Rates summed over a target's cells, over those that the same cells would have without their guide.
        """
        return np.log(self._sum_perturbed / self._sum_at_rest)


def _check_sizes(n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
    if not 100 <= n_genes <= 50_000:
        raise OptionError(f"A simulated screen has 100 to 50,000 genes, not {n_genes:,}.")
    n_regulators = n_regulators_of(n_genes, design)
    if not 2 <= n_targets <= n_regulators:
        raise OptionError(
            f"Among {n_genes:,} simulated genes are {n_regulators:,} regulators, so 2 to {n_regulators:,} targets can "
            f"be screened, not {n_targets:,}. Ask for fewer targets or more genes."
        )
    fewest = max(200, 20 * n_targets)
    if not fewest <= n_cells <= 1_000_000:
        raise OptionError(
            f"A simulated screen of {n_targets:,} targets has {fewest:,} to 1,000,000 cells, not {n_cells:,}."
        )
    if seed < 0:
        raise OptionError(f"A seed is 0 or a positive number, not {seed}.")
