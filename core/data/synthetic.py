"""The simulated screen: counts out of a stated causal network, with the truth beside them.

It is the embedded demo and the ground on which models are tried, so its difficulty is part of its design: how far
replicates, ridge regression and nearest neighbours get is kept in ``tests/data/test_synthetic.py``.

One cell is made in this order: its batch and state, the rate of each gene at rest, the fold by which its guide changes
each rate, the rate as a share of the cell's counts, a gamma-Poisson draw.
"""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from numpy.typing import NDArray
from scipy import sparse, special

from core.data.features import TargetFeatures
from core.errors import OptionError, StorageError

Report = Callable[[str, int, int, str], None]
"""Takes phase, done, total and the unit: the progress of :func:`write_demo`."""

DEMO_NAME = "simulated_screen"
"""Stem of the file, so that the study's name says what it is."""

CONTROL_LABEL = "non-targeting"
N_CONTROL_GUIDES = 20
N_FOLDS = 5
REPA, REPC = 3, 0

help_text = (
    "A simulated screen: no cell of it was ever alive. Gene symbols are real, but what a gene does here was drawn by "
    "chance. Not realistic are that co-expression in controls does not give away a regulator's place, that no "
    "knock-down changes growth, and that there are no doublets and no ambient RNA."
)
"""What the page says beside the demo."""

_SYMBOLS = Path(__file__).resolve().parents[2] / "assets" / "demo_genes.tsv"
_STORED_FOLD = 0.02  # natural log: smaller true changes are not listed in the truth
_VALUES_A_CHUNK = 2_000_000  # bounds memory; part of the seed's meaning, since each chunk has a generator of its own


@dataclass(frozen=True)
class Design:
    """The numbers behind the screen; rates and folds are natural logs.

    Parameters
    ----------
    control_share
        Part of the cells that carry a control guide.
    n_batches, batch_sd
        Batches, and the spread of a gene's log rate between them.
    mean_count, depth_sd, base_sd, dispersion
        Counts a cell and gene; spread of a cell's log total; spread of log rates between genes; variance of the
        gamma that multiplies each rate.
    n_modules, module_share, regulator_share
        Pathways; genes in each and regulators in all, as parts of the genes.
    edge_share, edge_sd, positive_share
        Part of its module's genes that a regulator acts on; its own relative deviation; genes that a pathway raises.
    second_share
        Regulators with a second module, of weight 0.3 to 0.8.
    n_regulator_edges, regulator_weight, across_share, rounds
        Edges from a regulator to others, their mean weight, the part that leaves the module, and how many steps a
        knock-down runs on.
    repressor_share, strength_mean, strength_cv, inert_share
        Regulators that lower their pathway; gamma-distributed strength; regulators that do nothing.
    knock_down, knock_down_sd
        Part of the transcript that each of a target's guides takes away, and its spread over cells.
    guide_spread
        Spread of the log number of cells between guides.
    largest_fold
        Where folds saturate: ``largest_fold * tanh(fold / largest_fold)``.
    high_state_share, state_weight, cycle_weight, rest_weight
        Range over batches of the part of cells in the high state; what the state axis and the cell cycle weigh in a
        pathway's responsiveness; how far that shows in the pathway's genes at rest.
    screened_mean
        Range of the mean count of screened regulators, so that a knock-down can be seen.
    feature_width, feature_sd
        Length of a target's feature vector and the noise on it.
    """

    control_share: float = 0.2
    n_batches: int = 4
    batch_sd: float = 0.12
    mean_count: float = 3.0
    depth_sd: float = 0.35
    base_sd: float = 1.3
    dispersion: float = 0.15
    n_modules: int = 5
    module_share: float = 0.08
    regulator_share: float = 0.12
    edge_share: float = 0.7
    edge_sd: float = 0.25
    positive_share: float = 0.8
    second_share: float = 0.35
    n_regulator_edges: int = 3
    regulator_weight: float = 0.25
    across_share: float = 0.25
    rounds: int = 3
    repressor_share: float = 0.2
    strength_mean: float = 0.7
    strength_cv: float = 0.5
    inert_share: float = 0.15
    knock_down: tuple[float, float] = (0.85, 0.55)
    knock_down_sd: float = 0.08
    guide_spread: float = 0.25
    fold_scale: float = 3.3
    largest_fold: float = 3.0
    high_state_share: tuple[float, float] = (0.35, 0.65)
    state_weight: float = 1.5
    cycle_weight: float = 0.75
    rest_weight: float = 0.35
    screened_mean: tuple[float, float] = (1.5, 12.0)
    feature_width: int = 64
    feature_scale: float = 0.3
    feature_blur: float = 0.1
    feature_sd: float = 0.25


@dataclass(frozen=True)
class Network:
    """Who acts on whom. R regulators, G genes, M modules; regulators are genes too.

    Parameters
    ----------
    symbols, module, loading
        Of each gene (G,): its symbol; its module, -1 for none; what the module does to it at full weight, signed.
    regulators
        Rows of the regulators among the genes (R,).
    screened
        Positions among the regulators of the targets, sorted by symbol (T,).
    membership
        Weight of each module in a regulator (R, M): 1 for its own, 0.3 to 0.8 for a second.
    direction, strength
        +1 activator or -1 repressor; 0 strength for the inert (R,).
    on_genes, on_regulators
        Edges (R, G) and (R, R), before direction and strength.
    """

    symbols: NDArray[np.str_]
    module: NDArray[np.int64]
    loading: NDArray[np.float64]
    regulators: NDArray[np.int64]
    screened: NDArray[np.int64]
    membership: NDArray[np.float64]
    direction: NDArray[np.float64]
    strength: NDArray[np.float64]
    on_genes: NDArray[np.float64]
    on_regulators: NDArray[np.float64]

    @property
    def targets(self) -> list[str]:
        """Symbols of the screened regulators, sorted."""
        return [str(s) for s in self.symbols[self.regulators[self.screened]]]


@dataclass(frozen=True)
class Screen:
    """A simulated screen in memory.

    Parameters
    ----------
    adata
        Counts (CSR, float32, cells x genes) with ``obs`` target_gene, guide_id, batch and cell_type.
    truth
        What was planted, JSON-ready: see :func:`simulate_screen`.
    """

    adata: ad.AnnData
    truth: dict[str, Any]

    @property
    def features(self) -> TargetFeatures:
        """The feature vectors of all regulators, screened or not."""
        stored = self.adata.uns["target_features"]
        return TargetFeatures(tuple(map(str, stored["names"])), stored["matrix"])


def simulate_screen(
    n_cells: int = 12_000,
    n_genes: int = 2_000,
    n_targets: int = 40,
    seed: int = 0,
    design: Design | None = None,
) -> Screen:
    """A screen in memory with its truth; the same seed gives the same bits.

    Parameters
    ----------
    n_cells, n_genes, n_targets
        Size of the screen; a fifth of the cells are controls.
    seed
        Seed of everything that is drawn.
    design
        Other numbers than the demo's.

    Returns
    -------
    Screen
        ``truth`` holds: ``genes`` (symbol, module, loading), ``regulators`` (by symbol: module, second_module,
        second_weight, direction, strength, screened), ``edges`` (on_genes, on_regulators: weight by source and
        symbol), ``inert_targets``, ``guides`` (target and knock_down of each), ``log2_fold_change`` (by target and
        symbol, over the very cells of the target, small ones left out), ``responsiveness`` (modules; a row a cell),
        ``features`` (names; matrix), ``split`` (train, held_out).

    Raises
    ------
    OptionError
        If the sizes make no screen.

    Examples
    --------
    >>> screen = simulate_screen(n_cells=600, n_genes=200, n_targets=6)
    >>> screen.adata.shape, screen.adata.obs["target_gene"].nunique()
    ((600, 200), 7)
    """
    plan = _Plan(n_cells, n_genes, n_targets, seed, design or Design())
    blocks = list(plan.blocks())
    adata = ad.AnnData(sparse.vstack(blocks, format="csr"), obs=plan.obs(), var=plan.var(), uns=plan.uns())
    return Screen(adata, plan.truth())


def write_demo(
    path: str | Path,
    n_cells: int = 12_000,
    n_genes: int = 2_000,
    n_targets: int = 40,
    seed: int = 0,
    report: Report | None = None,
) -> Path:
    """Write the simulated screen and, beside it, ``OUT.truth.json``; memory does not grow with the counts.

    Parameters
    ----------
    path
        The h5ad to write; a folder that is not there is made. Both files appear whole or not at all.
    n_cells, n_genes, n_targets, seed
        As in :func:`simulate_screen`, which holds the same numbers.
    report
        Told how many cells are done.

    Returns
    -------
    pathlib.Path
        The path of the truth.

    Raises
    ------
    OptionError
        If the sizes make no screen, or the path does not end in .h5ad or .h5.
    StorageError
        If the files cannot be written.
    """
    path = Path(path)
    if path.suffix not in {".h5ad", ".h5"}:
        raise OptionError(f"The simulated screen is an h5ad file, but {path.name!r} ends otherwise. Say OUT.h5ad.")
    plan = _Plan(n_cells, n_genes, n_targets, seed, Design())
    truth = truth_path(path)
    mark = f".{uuid.uuid4().hex[:8]}.part"  # never read: renamed once it is whole
    parts = [(p.with_name(f".{p.name}{mark}"), p) for p in (path, truth)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_h5ad(parts[0][0], plan, report)
        parts[1][0].write_text(json.dumps(plan.truth(), separators=(",", ":")), encoding="utf-8")
        for part, final in parts:
            _flush_to_disk(part)
            os.replace(part, final)
    except (OSError, RuntimeError) as error:  # h5py reports a full disk as RuntimeError when it closes the file
        raise StorageError(
            f"The simulated screen could not be written to {path}: {error}. Choose a folder that you may write to, "
            f"with {_expected_mb(n_cells, n_genes):,} MB free."
        ) from error
    finally:
        for part, _ in parts:
            with suppress(OSError):
                part.unlink()
    return truth


def truth_path(path: str | Path) -> Path:
    """Where the truth of a simulated screen lies: ``OUT.truth.json`` beside ``OUT.h5ad``."""
    return Path(path).with_suffix(".truth.json")


def draw_network(n_genes: int, n_targets: int, seed: int, design: Design) -> Network:
    """The causal network of a screen: modules, regulators, their strengths and their edges."""
    rng = np.random.default_rng([seed, 0])
    n_regulators = _n_regulators(n_genes, design)
    symbols, regulators = _draw_symbols(rng, n_genes, n_regulators)
    effectors = np.setdiff1d(np.arange(n_genes), regulators)
    size = round(design.module_share * n_genes)

    module = np.full(n_genes, -1)
    module[rng.permutation(effectors)[: size * design.n_modules]] = np.repeat(np.arange(design.n_modules), size)
    loading = np.zeros(n_genes)
    for m in range(design.n_modules):
        sign = np.where(_stratified(rng, size) < design.positive_share, 1.0, -1.0)
        loading[module == m] = sign * special.gammaincinv(4.0, _stratified(rng, size)) / 4.0

    screened = rng.choice(n_regulators, n_targets, replace=False)
    screened = screened[np.argsort(symbols[regulators[screened]])]
    own, direction, strength, second_weight = _draw_roles(rng, n_regulators, screened, design)
    module[regulators] = own
    membership = _membership(rng, own, second_weight, design.n_modules)
    deviation = 1 + design.edge_sd * rng.standard_normal((n_regulators, n_genes))
    acts = rng.random((n_regulators, n_genes)) < design.edge_share
    reach = np.where(loading != 0, membership[:, module], 0.0)  # module -1 has no loading, so its column is not used
    return Network(
        symbols=symbols,
        module=module,
        loading=loading,
        regulators=regulators,
        screened=screened,
        membership=membership,
        direction=direction,
        strength=strength,
        on_genes=reach * loading * deviation * acts,
        on_regulators=_draw_regulator_edges(rng, own, design),
    )


def target_effects(network: Network, rounds: int) -> NDArray[np.float64]:
    """What losing a target wholly does to each gene, before saturation and a cell's state.

    Parameters
    ----------
    network
        R regulators of which T are screened, G genes.
    rounds
        How many steps a loss runs on from regulator to regulator.

    Returns
    -------
    numpy.ndarray
        Natural log folds (T, G); a target's own gene is left to its guide and holds 0.
    """
    push = (network.direction * network.strength)[:, None]
    lost = np.zeros((len(network.screened), len(network.regulators)))
    lost[np.arange(len(lost)), network.screened] = -1.0
    activity = lost
    for _ in range(rounds):
        activity = lost + activity @ (push * network.on_regulators)
    effects = activity @ (push * network.on_genes)
    effects[:, network.regulators] = activity - lost
    effects[np.arange(len(lost)), network.regulators[network.screened]] = 0.0
    return effects


def target_features(network: Network, seed: int, design: Design) -> TargetFeatures:
    """A clear but imperfect view of each regulator, as an embedding of genes would give it.

    Its parts: the modules it belongs to (a random projection), its direction, its strength, and a blurred picture of
    the genes it acts on, without their signs.
    """
    rng = np.random.default_rng([seed, 2])
    blurred = np.abs(network.on_genes) @ rng.standard_normal((len(network.symbols), 16))
    view = np.column_stack(
        [
            network.membership,
            0.8 * network.direction,
            0.8 * (np.sqrt(network.strength) - 0.9),
            design.feature_blur * blurred / blurred.std(),
        ]
    )
    matrix = view @ (design.feature_scale * rng.standard_normal((view.shape[1], design.feature_width)))
    matrix += design.feature_sd * rng.standard_normal(matrix.shape)
    return TargetFeatures(tuple(map(str, network.symbols[network.regulators])), matrix.astype(np.float32))


class _Plan:
    """All of a screen but its counts, which :meth:`blocks` yields from the first cell to the last."""

    def __init__(self, n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
        _check_sizes(n_cells, n_genes, n_targets, seed, design)
        self.n_cells, self.n_genes, self.n_targets, self.seed, self.design = n_cells, n_genes, n_targets, seed, design
        self.network = draw_network(n_genes, n_targets, seed, design)
        self.features = target_features(self.network, seed, design)
        rng = np.random.default_rng([seed, 1])
        self.guides, self.guide_target, self.guide_knock_down = self._guides()
        self.guide = self._assign_guides(rng)  # (cells,), into guides
        self.target = self.guide_target[self.guide]  # (cells,), into targets, -1 for control
        self.knock_down = np.where(
            self.target >= 0,
            np.clip(self.guide_knock_down[self.guide] + design.knock_down_sd * rng.standard_normal(n_cells), 0, 0.98),
            0.0,
        )
        self.batch = rng.permutation(np.arange(n_cells) % design.n_batches)
        self.responsiveness = self._draw_responsiveness(rng)  # (cells, modules), 0 off, 2 fully on
        self.depth = self._draw_depth(rng)
        self.log_base = self._draw_base(rng)
        self.log_batch = design.batch_sd * rng.standard_normal((design.n_batches, n_genes))
        self.effects = design.fold_scale * target_effects(self.network, design.rounds)
        self._rest = np.zeros((n_targets, n_genes))  # summed rates of a target's cells, had they no guide
        self._perturbed = np.zeros((n_targets, n_genes))  # the same with their guide

    def blocks(self) -> Iterator[sparse.csr_matrix]:
        """Counts of the cells, in order, a block of rows at a time."""
        self._rest[:], self._perturbed[:] = 0, 0
        rows = max(1, _VALUES_A_CHUNK // self.n_genes)
        for i, start in enumerate(range(0, self.n_cells, rows)):
            rng = np.random.default_rng([self.seed, 3, i])
            cells = slice(start, min(start + rows, self.n_cells))
            rates = self._rates(cells)
            rates *= (self.depth[cells] / rates.sum(axis=1))[:, None]
            noise = rng.standard_gamma(1 / self.design.dispersion, rates.shape, dtype=np.float32)
            noise *= self.design.dispersion
            noise *= rates
            yield sparse.csr_matrix(rng.poisson(noise).astype(np.float32))

    def _rates(self, cells: slice) -> NDArray[np.float32]:
        """Rates of a block of cells, perturbed (cells, genes); their sums are kept for the true fold changes."""
        responsive, guided = self._responsive_genes(cells)
        at_rest = np.exp(self._log_rest(cells))
        fold = self.effects.astype(np.float32)[self.target[cells]] * responsive
        fold *= self.knock_down[cells, None].astype(np.float32)
        fold = np.exp(np.float32(self.design.largest_fold) * np.tanh(fold / np.float32(self.design.largest_fold)))
        rows = np.flatnonzero(guided)
        own = self.network.regulators[self.network.screened][self.target[cells][rows]]
        fold[rows, own] = 1 - self.knock_down[cells][rows]
        fold[~guided] = 1
        rates = at_rest * fold
        of_target = np.zeros((self.n_targets, len(rates)), np.float32)
        of_target[self.target[cells][rows], rows] = 1
        self._rest += of_target @ at_rest
        self._perturbed += of_target @ rates
        return rates

    def _responsive_genes(self, cells: slice) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        by_module = np.column_stack([self.responsiveness[cells], np.ones(len(self.target[cells]))]).astype(np.float32)
        return by_module[:, self.network.module], self.target[cells] >= 0  # module -1 is the last column

    def _log_rest(self, cells: slice) -> NDArray[np.float32]:
        """Log rates of a block of cells at rest (cells, genes): base, batch, and what its state shows."""
        loads = np.zeros((self.design.n_modules, self.n_genes))
        in_module = np.flatnonzero(self.network.loading)
        loads[self.network.module[in_module], in_module] = self.design.rest_weight * self.network.loading[in_module]
        state = (self.responsiveness[cells] - 1).astype(np.float32) @ loads.astype(np.float32)
        return state + (self.log_base + self.log_batch).astype(np.float32)[self.batch[cells]]

    def _guides(self) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
        names = [f"{CONTROL_LABEL}_{i + 1:05d}" for i in range(N_CONTROL_GUIDES)]
        names += [f"{t}_{k + 1}" for t in self.network.targets for k in range(len(self.design.knock_down))]
        per_target = len(self.design.knock_down)
        target = np.concatenate([np.full(N_CONTROL_GUIDES, -1), np.repeat(np.arange(self.n_targets), per_target)])
        knock_down = np.concatenate([np.zeros(N_CONTROL_GUIDES), np.tile(self.design.knock_down, self.n_targets)])
        return names, target, knock_down

    def _assign_guides(self, rng: np.random.Generator) -> NDArray[np.int64]:
        n_control = round(self.design.control_share * self.n_cells)
        weight = np.exp(self.design.guide_spread * rng.standard_normal(len(self.guides)))
        counts = np.concatenate(
            [
                _shares(weight[:N_CONTROL_GUIDES], n_control),
                _shares(weight[N_CONTROL_GUIDES:], self.n_cells - n_control),
            ]
        )
        return rng.permutation(np.repeat(np.arange(len(self.guides)), counts))

    def _draw_responsiveness(self, rng: np.random.Generator) -> NDArray[np.float64]:
        d = self.design
        high_share = rng.permutation(np.linspace(*d.high_state_share, d.n_batches))
        high = rng.random(self.n_cells) < high_share[self.batch]
        axis = np.where(high, 1.0, -1.0) + 0.3 * rng.standard_normal(self.n_cells)
        phase = rng.uniform(0, 2 * np.pi, self.n_cells)
        peak = rng.permutation(np.arange(d.n_modules)) * 2 * np.pi / d.n_modules
        sign = rng.permutation(np.where(np.arange(d.n_modules) % 2, -1.0, 1.0))
        score = d.state_weight * sign * axis[:, None] + d.cycle_weight * np.cos(phase[:, None] - peak)
        return 2 / (1 + np.exp(-score))

    def _draw_depth(self, rng: np.random.Generator) -> NDArray[np.float32]:
        sd = self.design.depth_sd
        mean = self.design.mean_count * self.n_genes
        return (mean * np.exp(sd * rng.standard_normal(self.n_cells) - sd**2 / 2)).astype(np.float32)

    def _draw_base(self, rng: np.random.Generator) -> NDArray[np.float64]:
        base = self.design.base_sd * rng.standard_normal(self.n_genes)
        for m in range(self.design.n_modules):
            genes = np.flatnonzero((self.network.module == m) & (self.network.loading != 0))
            base[genes] = self.design.base_sd * special.ndtri(_stratified(rng, len(genes)))
        scale = np.log(self.design.mean_count) - np.log(np.exp(base).mean())
        low, high = np.log(self.design.screened_mean)
        base[self.network.regulators[self.network.screened]] = rng.uniform(low, high, self.n_targets) - scale
        return base

    def obs(self) -> pd.DataFrame:
        """The cell table."""
        targets = sorted([*self.network.targets, CONTROL_LABEL])
        labels = np.array([*self.network.targets, CONTROL_LABEL])[self.target]  # -1 is the last
        return pd.DataFrame(
            {
                "target_gene": pd.Categorical(labels, categories=targets),
                "guide_id": pd.Categorical(np.array(self.guides)[self.guide], categories=sorted(self.guides)),
                "batch": pd.Categorical([f"batch_{b + 1}" for b in self.batch]),
                "cell_type": pd.Categorical(["simulated"] * self.n_cells),
            },
            index=pd.Index([f"SIMCELL{i + 1:07d}" for i in range(self.n_cells)], name="cell"),
        )

    def var(self) -> pd.DataFrame:
        """The gene table; ids that no one takes for Ensembl's."""
        ids = [f"SIM{i + 1:06d}" for i in range(self.n_genes)]
        return pd.DataFrame({"gene_id": ids}, index=pd.Index(self.network.symbols.astype(object), name="symbol"))

    def uns(self) -> dict[str, Any]:
        """What the file says of itself."""
        return {
            "simulated": True,
            "perturbscope_demo": {"description": help_text, "seed": self.seed, "schema": 1},
            "target_features": {
                "names": np.array(self.features.names, dtype=object),
                "matrix": self.features.matrix,
            },
        }

    def truth(self) -> dict[str, Any]:
        """What was planted; the true fold changes need the blocks to have been drawn."""
        net = self.network
        return {
            "schema": 1,
            "simulated": True,
            "description": help_text,
            "size": {"cells": self.n_cells, "genes": self.n_genes, "targets": self.n_targets, "seed": self.seed},
            "design": asdict(self.design),
            "genes": {
                "symbol": net.symbols.tolist(),
                "module": net.module.tolist(),
                "loading": net.loading.round(4).tolist(),
            },
            "regulators": _regulator_records(net),
            "edges": {
                "on_genes": _edge_records(net.on_genes, net.symbols[net.regulators], net.symbols),
                "on_regulators": _edge_records(
                    net.on_regulators, net.symbols[net.regulators], net.symbols[net.regulators]
                ),
            },
            "inert_targets": [t for t, s in zip(net.targets, net.strength[net.screened], strict=True) if s == 0],
            "guides": {
                name: {"target": net.targets[t] if t >= 0 else CONTROL_LABEL, "knock_down": float(k)}
                for name, t, k in zip(self.guides, self.guide_target, self.guide_knock_down, strict=True)
            },
            "log2_fold_change": self._true_folds(),
            "responsiveness": {
                "modules": list(range(self.design.n_modules)),
                "cells": self.responsiveness.round(3).tolist(),
            },
            "features": {
                "names": list(self.features.names),
                "matrix": self.features.matrix.astype(float).round(4).tolist(),
            },
            "split": _ready_split(net.targets),
        }

    def _true_folds(self) -> dict[str, dict[str, float]]:
        fold = np.log(self._perturbed / self._rest)
        return {
            target: {
                str(self.network.symbols[g]): round(float(fold[t, g] / np.log(2)), 4)
                for g in np.flatnonzero(np.abs(fold[t]) > _STORED_FOLD)
            }
            for t, target in enumerate(self.network.targets)
        }


def _n_regulators(n_genes: int, design: Design) -> int:
    return min(round(design.regulator_share * n_genes), len(_known_symbols()[0]))


def _check_sizes(n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
    if not 100 <= n_genes <= 50_000:
        raise OptionError(f"A simulated screen has 100 to 50,000 genes, not {n_genes:,}.")
    if not 2 <= n_targets <= _n_regulators(n_genes, design):
        raise OptionError(
            f"With {n_genes:,} genes there are {_n_regulators(n_genes, design):,} regulators, so 2 to as many targets "
            f"can be screened, not {n_targets:,}. Ask for fewer targets or more genes."
        )
    least = max(200, 20 * n_targets)
    if not least <= n_cells <= 5_000_000:
        raise OptionError(
            f"A simulated screen of {n_targets:,} targets has {least:,} to 5,000,000 cells, not {n_cells:,}."
        )
    if seed < 0:
        raise OptionError(f"A seed is 0 or a positive number, not {seed}.")


@lru_cache(maxsize=1)
def _known_symbols() -> tuple[tuple[str, ...], tuple[str, ...], dict[str, int]]:
    """Symbols of regulators, of effectors, and the place of each in the genome's order."""
    table = pd.read_csv(_SYMBOLS, sep="\t", comment="#", keep_default_na=False)
    kinds = table.groupby("kind")["symbol"].apply(tuple)
    return kinds["regulator"], kinds["effector"], {s: i for i, s in enumerate(table["symbol"])}


def _draw_symbols(
    rng: np.random.Generator, n_genes: int, n_regulators: int
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Symbols in the genome's order (G,) and which of them are regulators (R,)."""
    known_regulators, known_effectors, place = _known_symbols()
    regulators = rng.choice(known_regulators, n_regulators, replace=False)
    n_effectors = n_genes - n_regulators
    effectors = list(rng.permutation(known_effectors)[:n_effectors])
    effectors += [f"SIMGENE{i + 1}" for i in range(n_effectors - len(effectors))]  # real symbols have run out
    symbols = np.array(sorted([*regulators, *effectors], key=lambda s: place.get(s, len(place))), dtype=np.str_)
    return symbols, np.flatnonzero(np.isin(symbols, regulators))


def _draw_roles(
    rng: np.random.Generator, n_regulators: int, screened: NDArray[np.int64], design: Design
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Module, direction, strength and weight of a second module of each regulator.

    Roles are dealt like cards: by strength in rounds of five, one to each fold of the ready split, each round with one
    of each module and one repressor. The folds are then alike, and so are the modules, so that what a model reaches on
    8 held-out targets depends on the model rather than on the seed.
    """
    own = np.empty(n_regulators, np.int64)
    direction, strength, second = np.empty((3, n_regulators))
    for group in (np.setdiff1d(np.arange(n_regulators), screened), screened):
        n = len(group)
        seat = group[_dealing_order(n)]
        turn, fold = np.divmod(np.arange(n), N_FOLDS)
        own[seat] = (fold + turn) % design.n_modules
        direction[seat] = np.where(fold == (REPA * turn + REPC) % N_FOLDS, -1.0, 1.0)
        strength[seat] = _snake(_strengths(rng, n, design))
        by_module = seat[np.lexsort((turn, own[seat]))]
        second[by_module] = np.diff(np.floor(design.second_share * np.arange(n + 1))) * rng.uniform(0.3, 0.8, n)
    return own, direction, strength, second


def _dealing_order(n_targets: int) -> NDArray[np.int64]:
    """Targets in the order in which the five folds take them in turn; the first fold is the one held out."""
    return np.random.default_rng(0).permutation(n_targets)


def _snake(ascending: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values with every second turn of five reversed, so that no fold always takes the largest."""
    turns = [ascending[i : i + N_FOLDS] for i in range(0, len(ascending), N_FOLDS)]
    return np.concatenate([turn[::-1] if i % 2 else turn for i, turn in enumerate(turns)])


def _stratified(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Uniform draws, one in each of n equal parts of (0, 1), so that modules of n genes are alike."""
    return (rng.permutation(n) + rng.random(n)) / n


def _strengths(rng: np.random.Generator, n: int, design: Design) -> NDArray[np.float64]:
    """Strengths from the inert to the strongest."""
    shape = 1 / design.strength_cv**2
    n_inert = round(design.inert_share * n)
    return np.concatenate([np.zeros(n_inert), np.sort(rng.gamma(shape, design.strength_mean / shape, n - n_inert))])


def _membership(
    rng: np.random.Generator, own: NDArray[np.int64], second_weight: NDArray[np.float64], n_modules: int
) -> NDArray[np.float64]:
    each = np.arange(len(own))
    membership = np.zeros((len(own), n_modules))
    membership[each, own] = 1.0
    step = np.zeros(len(own), np.int64)
    for m in range(n_modules):
        holders = rng.permutation(np.flatnonzero((own == m) & (second_weight > 0)))
        step[holders] = 1 + np.arange(len(holders)) % (n_modules - 1)
    has = step > 0
    membership[each[has], (own[has] + step[has]) % n_modules] = second_weight[has]
    return membership


def _draw_regulator_edges(rng: np.random.Generator, own: NDArray[np.int64], design: Design) -> NDArray[np.float64]:
    edges = np.zeros((len(own), len(own)))
    for source, module in enumerate(own):
        for _ in range(design.n_regulator_edges):
            same = (own == module) if rng.random() >= design.across_share else (own != module)
            same[source] = False
            edges[source, rng.choice(np.flatnonzero(same))] = design.regulator_weight * rng.uniform(0.5, 1.5)
    return edges


def _shares(weight: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Whole numbers that add up to total, as near to the weights as can be."""
    edges = np.concatenate([[0.0], np.cumsum(weight) / weight.sum() * total])
    return np.diff(np.round(edges)).astype(np.int64)


def _ready_split(targets: list[str]) -> dict[str, Any]:
    held_out = np.sort(_dealing_order(len(targets))[0::N_FOLDS])
    return {
        "seed": 0,
        "rule": "numpy.random.default_rng(0).permutation(n_targets)[0::5] of the sorted targets are held out",
        "train": [t for i, t in enumerate(targets) if i not in held_out],
        "held_out": [targets[i] for i in held_out],
    }


def _regulator_records(net: Network) -> dict[str, dict[str, Any]]:
    screened = set(net.screened.tolist())
    records = {}
    for r, gene in enumerate(net.regulators):
        own = int(net.module[gene])
        others = [m for m in np.flatnonzero(net.membership[r]).tolist() if m != own]
        records[str(net.symbols[gene])] = {
            "module": own,
            "second_module": others[0] if others else None,
            "second_weight": round(float(net.membership[r, others[0]]), 4) if others else 0.0,
            "direction": int(net.direction[r]),
            "strength": round(float(net.strength[r]), 4),
            "screened": r in screened,
        }
    return records


def _edge_records(
    weights: NDArray[np.float64], sources: NDArray[np.str_], ends: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    return {
        str(source): {str(ends[i]): round(float(row[i]), 3) for i in np.flatnonzero(row)}
        for source, row in zip(sources, weights, strict=True)
    }


def _write_h5ad(path: Path, plan: _Plan, report: Report | None) -> None:
    """An AnnData file whose counts are appended block by block."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        _write_counts(file.create_group("X"), plan, report)
        for name, value in {"obs": plan.obs(), "var": plan.var(), "uns": plan.uns()}.items():
            write_elem(file, name, value)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            write_elem(file, name, {})


def _write_counts(group: h5py.Group, plan: _Plan, report: Report | None) -> None:
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    group.attrs["shape"] = np.array([plan.n_cells, plan.n_genes], np.int64)
    stored = {
        name: group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(1 << 18,))
        for name, dtype in {"data": np.float32, "indices": np.int32}.items()
    }
    indptr = [np.zeros(1, np.int64)]
    done = 0
    for block in plan.blocks():
        start = int(indptr[-1][-1])
        for name, values in {"data": block.data, "indices": block.indices}.items():
            stored[name].resize((start + block.nnz,))
            stored[name][start:] = values
        indptr.append(start + block.indptr[1:].astype(np.int64))
        done += block.shape[0]
        if report is not None:
            report("Simulating", done, plan.n_cells, "cells")
    group.create_dataset("indptr", data=np.concatenate(indptr))


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _expected_mb(n_cells: int, n_genes: int) -> int:
    return 1 + round(n_cells * n_genes * 0.7 * 8 / 1e6)
