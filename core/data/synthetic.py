"""The simulated screen: counts out of a stated causal network, with the truth beside them.

It is the embedded demo and the ground on which models are tried, so its difficulty is part of its design: how far
replicates, ridge regression and nearest neighbours get is kept in ``tests/data/test_synthetic.py``.

The network is drawn first, then the cells, then their counts in blocks. A cell's counts are made of its batch and
state (the rate of each gene at rest), its guide (the fold of each rate), its depth (the rates as shares of a total)
and a gamma-Poisson draw.
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
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

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Report = Callable[[str, int, int, str], None]
"""Takes phase, done, total and the unit."""

DEMO_NAME = "simulated_screen.h5ad"
"""The file's name where none is given: it says what it is, and so does the study that is named after it."""

CONTROL_LABEL = "non-targeting"
N_CONTROL_GUIDES = 20
N_FOLDS = 5
"""One fold of five is held out in the ready split."""

help_text = (
    "A simulated screen: no cell of it was ever alive. Gene symbols are real, but what a gene does here was drawn by "
    "chance. Not realistic are that co-expression in controls does not give away a regulator's place, that no "
    "knock-down changes growth, and that there are no doublets and no ambient RNA."
)
"""What is said of the demo wherever it is shown."""

_SYMBOLS = Path(__file__).resolve().parents[2] / "assets" / "demo_genes.tsv"
_SMALL_FOLD = 0.02  # natural log: smaller true changes are not listed in the truth
_VALUES_A_BLOCK = 2_000_000  # bounds memory; part of what a seed means, since each block has a generator of its own
_NETWORK, _CELLS, _FEATURES, _COUNTS = range(4)  # streams of random numbers, so that one part can change alone


@dataclass(frozen=True)
class Design:
    """The numbers behind the screen; rates and folds are natural logs.

    Parameters
    ----------
    control_share
        Part of the cells that carry a control guide.
    guide_spread
        Spread of the log number of cells between guides.
    knock_down, knock_down_sd
        Part of the transcript that each of a target's guides takes away, and its spread over cells.
    n_batches, batch_sd
        Batches, and the spread of a gene's log rate between them.
    mean_count, depth_sd, base_sd, dispersion
        Mean count of a gene in a cell; spread of a cell's log total; spread of log rates between genes; variance of
        the gamma that multiplies each rate.
    base_limit
        Standard deviations above the middle that a pathway's genes may lie, so that none holds so many counts that
        its rise lowers the shares of all others.
    screened_mean
        Range of the mean counts of screened regulators, so that a knock-down can be seen.
    n_modules, module_share, regulator_share
        Pathways; genes in each, and regulators in all, as parts of the genes.
    positive_share
        Part of a pathway's genes that it raises; it lowers the others.
    edge_share, edge_sd
        Part of a pathway's genes that one regulator acts on; its relative deviation from the pathway.
    second_share, second_weight
        Part of the regulators that have a second pathway, and the range of its weight beside 1 for their own.
    n_regulator_edges, regulator_weight, across_share, rounds
        Edges from a regulator to others; their mean weight (0.5 to 1.5 times that); the part that leaves the pathway;
        how many steps a knock-down runs on.
    strength_mean, strength_cv, inert_share
        Gamma-distributed strength of the regulators, and the part of them that does nothing.
    fold_scale, largest_fold
        Log fold where an edge of weight 1 is lost wholly; where folds saturate (``largest * tanh(fold / largest)``).
    high_state_share, state_weight, cycle_weight, rest_weight
        Range over batches of the part of cells in the high state; what the state and the cell cycle weigh in a
        pathway's responsiveness; how far that shows in the pathway's genes at rest.
    feature_width, feature_blur, feature_scale, feature_sd
        Length of a target's feature vector; weight of the blurred neighbourhood in it; scale of the random
        projection; noise.
    """

    control_share: float = 0.2
    guide_spread: float = 0.25
    knock_down: tuple[float, ...] = (0.85, 0.55)
    knock_down_sd: float = 0.08
    n_batches: int = 4
    batch_sd: float = 0.12
    mean_count: float = 3.0
    depth_sd: float = 0.35
    base_sd: float = 1.3
    base_limit: float = 1.5
    dispersion: float = 0.15
    screened_mean: tuple[float, float] = (1.5, 12.0)
    n_modules: int = 5
    module_share: float = 0.08
    regulator_share: float = 0.12
    positive_share: float = 0.8
    edge_share: float = 0.7
    edge_sd: float = 0.25
    second_share: float = 0.35
    second_weight: tuple[float, float] = (0.3, 0.8)
    n_regulator_edges: int = 3
    regulator_weight: float = 0.25
    across_share: float = 0.25
    rounds: int = 3
    strength_mean: float = 0.7
    strength_cv: float = 0.5
    inert_share: float = 0.15
    fold_scale: float = 4.0
    largest_fold: float = 1.75
    high_state_share: tuple[float, float] = (0.35, 0.65)
    state_weight: float = 1.5
    cycle_weight: float = 0.75
    rest_weight: float = 0.35
    feature_width: int = 64
    feature_blur: float = 0.1
    feature_scale: float = 0.35
    feature_sd: float = 0.25


@dataclass(frozen=True)
class Screen:
    """A simulated screen in memory.

    Parameters
    ----------
    adata
        Counts (CSR, float32, cells x genes), obs target_gene, guide_id, batch and cell_type, var gene_id.
    truth
        What was planted, ready for JSON; :func:`simulate_screen` says what it holds.
    """

    adata: ad.AnnData
    truth: dict[str, Any]

    @property
    def features(self) -> TargetFeatures:
        """The feature vectors of all regulators, screened or not."""
        stored = self.adata.uns["target_features"]
        return TargetFeatures(tuple(map(str, stored["names"])), stored["matrix"])


def simulate_screen(
    n_cells: int = 12_000, n_genes: int = 2_000, n_targets: int = 40, seed: int = 0, design: Design | None = None
) -> Screen:
    """A screen in memory with its truth; the same seed gives the same counts.

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
        Its ``truth`` holds

        - ``size`` and ``design``: what was asked for
        - ``genes``: symbol, module (-1 for none) and loading of each, as three lists
        - ``regulators``: by symbol, its module, second_module, second_weight, direction, strength, screened
        - ``edges``: on_genes and on_regulators, weight by source and symbol, before direction and strength
        - ``inert_targets``: those that do nothing but lose their own transcript
        - ``guides``: target and mean knock_down of each
        - ``log2_fold_change``: by target and symbol, small ones left out: summed rates of the target's cells over
          those that the same cells would have without their guide. A cell's total is fixed, so where many genes rise
          the shares of all others sink a little besides
        - ``responsiveness``: of each module (0 off, 2 wholly on), a row a cell
        - ``features``: names and matrix
        - ``split``: train and held_out targets

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
    simulation = _Simulation(n_cells, n_genes, n_targets, seed, design or Design())
    counts = sparse.vstack(list(simulation.blocks()), format="csr")
    adata = ad.AnnData(counts, obs=simulation.obs(), var=simulation.var(), uns=simulation.uns())
    return Screen(adata, simulation.truth())


def write_demo(
    path: str | Path,
    n_cells: int = 12_000,
    n_genes: int = 2_000,
    n_targets: int = 40,
    seed: int = 0,
    report: Report | None = None,
) -> Path:
    """Write the simulated screen and, beside it, its truth; both files appear whole or not at all.

    The counts are written block by block, so that memory does not grow with them.

    Parameters
    ----------
    path
        The h5ad to write; a folder that is not there is made.
    n_cells, n_genes, n_targets, seed
        As in :func:`simulate_screen`, which holds the same counts.
    report
        Told how many cells are done.

    Returns
    -------
    pathlib.Path
        Where the truth is: ``OUT.truth.json`` for ``OUT.h5ad``.

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
    simulation = _Simulation(n_cells, n_genes, n_targets, seed, Design())
    truth = truth_path(path)
    mark = f"{uuid.uuid4().hex[:8]}.part"
    screen_part, truth_part = (p.with_name(f".{p.name}.{mark}") for p in (path, truth))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_room(path, simulation)
        _write_h5ad(screen_part, simulation, report)
        _write_json(truth_part, simulation.truth())
        os.replace(truth_part, truth)  # first, so that there is no screen without its truth
        os.replace(screen_part, path)
    except (OSError, RuntimeError) as error:  # h5py closes a file on a full disk with a RuntimeError
        raise StorageError(
            f"The simulated screen could not be written to {path}: {_reason(error)}. Choose a folder that you may "
            "write to and that has room."
        ) from error
    finally:
        for part in (screen_part, truth_part):
            with suppress(OSError):
                part.unlink()
    return truth


def truth_path(path: str | Path) -> Path:
    """Where the truth of a simulated screen lies.

    Examples
    --------
    >>> truth_path("out/simulated_screen.h5ad").name
    'simulated_screen.truth.json'
    """
    return Path(path).with_suffix(".truth.json")


# --- the network ---


@dataclass(frozen=True)
class Network:
    """Who acts on whom: G genes in M modules (pathways), and R regulators, which are genes too.

    Parameters
    ----------
    symbols, module, loading
        Of each gene (G,): its symbol; its module, -1 for none; how far the module raises it, 0 for regulators.
    regulators
        Which genes are regulators (R,).
    screened
        Which regulators are targets, sorted by symbol (T,).
    membership
        Weight of each module in each regulator (R, M): 1 for its own.
    direction, strength
        +1 for an activator, -1 for a repressor; 0 strength for the inert (R,).
    on_genes, on_regulators
        Weights of the edges, source by row, before direction and strength (R, G) and (R, R).
    """

    symbols: NDArray[np.str_]
    module: Ints
    loading: Floats
    regulators: Ints
    screened: Ints
    membership: Floats
    direction: Floats
    strength: Floats
    on_genes: Floats
    on_regulators: Floats

    @property
    def targets(self) -> list[str]:
        """Symbols of the screened regulators, sorted."""
        return self.symbols[self.target_genes].tolist()

    @property
    def target_genes(self) -> Ints:
        """The targets' own genes (T,)."""
        return self.regulators[self.screened]


def draw_network(n_genes: int, n_targets: int, seed: int, design: Design) -> Network:
    """The causal network of a screen."""
    rng = np.random.default_rng([seed, _NETWORK])
    n_regulators = _n_regulators(n_genes, design)
    symbols, regulators = _draw_symbols(rng, n_genes, n_regulators)
    module, loading = _draw_modules(rng, n_genes, np.setdiff1d(np.arange(n_genes), regulators), design)

    screened = rng.choice(n_regulators, n_targets, replace=False)
    screened = screened[np.argsort(symbols[regulators[screened]])]
    module[regulators], direction, strength, second_weight = _draw_roles(rng, n_regulators, screened, design)
    membership = _draw_membership(rng, module[regulators], second_weight, design.n_modules)

    deviation = 1 + design.edge_sd * rng.standard_normal((n_regulators, n_genes))
    acts = rng.random((n_regulators, n_genes)) < design.edge_share
    on_genes = membership[:, module] * loading * deviation * acts  # outside of the modules the loading is 0
    on_regulators = _draw_regulator_edges(rng, module[regulators], design)
    return Network(
        symbols, module, loading, regulators, screened, membership, direction, strength, on_genes, on_regulators
    )


def target_effects(network: Network, rounds: int) -> Floats:
    """What the whole loss of a target does to each gene, before it saturates and before a cell's state has its say.

    Parameters
    ----------
    network
        R regulators of which T are screened, G genes.
    rounds
        How many steps a loss runs on from regulator to regulator.

    Returns
    -------
    numpy.ndarray
        In the unit of the edges (T, G). A target's own gene holds 0: it is left to the guide.
    """
    each = np.arange(len(network.screened))
    push = (network.direction * network.strength)[:, None]
    lost = np.zeros((len(each), len(network.regulators)))
    lost[each, network.screened] = -1.0
    activity = lost
    for _ in range(rounds):
        activity = lost + activity @ (push * network.on_regulators)
    effects = activity @ (push * network.on_genes)
    effects[:, network.regulators] = activity
    effects[each, network.target_genes] = 0.0
    return effects


def target_features(network: Network, seed: int, design: Design) -> TargetFeatures:
    """A clear but imperfect view of each regulator, as an embedding of genes would give it.

    What is seen: the modules it belongs to, its direction, its strength, and a blurred picture of the genes it acts
    on, without their signs; all of it in a random projection, with noise.
    """
    rng = np.random.default_rng([seed, _FEATURES])
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
    return TargetFeatures(tuple(network.symbols[network.regulators].tolist()), matrix.astype(np.float32))


def _n_regulators(n_genes: int, design: Design) -> int:
    return min(round(design.regulator_share * n_genes), len(_known_symbols()[0]))


@lru_cache(maxsize=1)
def _known_symbols() -> tuple[tuple[str, ...], tuple[str, ...], dict[str, int]]:
    """Symbols of regulators, symbols of effectors, and the place of each in the order of the genome."""
    table = pd.read_csv(_SYMBOLS, sep="\t", comment="#", keep_default_na=False)
    kinds = table.groupby("kind")["symbol"].apply(tuple)
    return kinds["regulator"], kinds["effector"], {symbol: i for i, symbol in enumerate(table["symbol"])}


def _draw_symbols(rng: np.random.Generator, n_genes: int, n_regulators: int) -> tuple[NDArray[np.str_], Ints]:
    """Symbols in the order of the genome (G,), and which of them are regulators (R,)."""
    known_regulators, known_effectors, place = _known_symbols()
    regulators = rng.choice(known_regulators, n_regulators, replace=False).tolist()
    n_effectors = n_genes - n_regulators
    effectors = rng.permutation(known_effectors)[:n_effectors].tolist()
    effectors += [f"SIMGENE{i + 1}" for i in range(n_effectors - len(effectors))]  # real symbols have run out
    symbols = np.array(sorted(regulators + effectors, key=lambda s: place.get(s, len(place))))
    return symbols, np.flatnonzero(np.isin(symbols, regulators))


def _draw_modules(rng: np.random.Generator, n_genes: int, effectors: Ints, design: Design) -> tuple[Ints, Floats]:
    """Module and loading of each gene; the modules are of one size and their loadings of one distribution."""
    size = round(design.module_share * n_genes)
    module = np.full(n_genes, -1)
    module[rng.permutation(effectors)[: size * design.n_modules]] = np.repeat(np.arange(design.n_modules), size)
    loading = np.zeros(n_genes)
    for m in range(design.n_modules):
        sign = np.where(_stratified(rng, size) < design.positive_share, 1.0, -1.0)
        loading[module == m] = sign * special.gammaincinv(4.0, _stratified(rng, size)) / 4.0  # gamma(4, 0.25)
    return module, loading


def _draw_roles(
    rng: np.random.Generator, n_regulators: int, screened: Ints, design: Design
) -> tuple[Ints, Floats, Floats, Floats]:
    """Module, direction, strength and weight of a second module of each regulator (R,).

    Roles are dealt like cards: in turns from weak to strong, one to each fold of the ready split, each turn with one
    of each module and one repressor. Folds and modules are then alike, and what a model reaches on eight held-out
    targets depends on the model more than on the seed.
    """
    module = np.empty(n_regulators, np.int64)
    direction, strength, second_weight = np.empty((3, n_regulators))
    for group in (np.setdiff1d(np.arange(n_regulators), screened), screened):
        n = len(group)
        seat = group[_dealing_order(n)]
        turn, fold = np.divmod(np.arange(n), N_FOLDS)
        module[seat] = (fold + turn) % design.n_modules
        direction[seat] = np.where(fold == 3 * turn % N_FOLDS, -1.0, 1.0)  # 3: another fold and module every turn
        strength[seat] = _snake(_ascending_strengths(rng, n, design))
        has_second = np.diff(np.floor(design.second_share * np.arange(n + 1)))  # 0 or 1, evenly along the modules
        by_module = seat[np.lexsort((turn, module[seat]))]
        second_weight[by_module] = has_second * rng.uniform(*design.second_weight, n)
    return module, direction, strength, second_weight


def _dealing_order(n_targets: int) -> Ints:
    """The order in which targets go to the five folds in turn; the first fold is held out in the ready split."""
    return np.random.default_rng(0).permutation(n_targets)


def _snake(ascending: Floats) -> Floats:
    """The values with every second turn reversed, so that no fold always takes the largest."""
    turns = [ascending[i : i + N_FOLDS] for i in range(0, len(ascending), N_FOLDS)]
    return np.concatenate([turn[::-1] if i % 2 else turn for i, turn in enumerate(turns)])


def _ascending_strengths(rng: np.random.Generator, n: int, design: Design) -> Floats:
    shape = 1 / design.strength_cv**2
    n_inert = round(design.inert_share * n)
    return np.concatenate([np.zeros(n_inert), np.sort(rng.gamma(shape, design.strength_mean / shape, n - n_inert))])


def _stratified(rng: np.random.Generator, n: int) -> Floats:
    """Uniform draws, one in each of n equal parts of (0, 1), so that modules of n genes are alike."""
    return (rng.permutation(n) + rng.random(n)) / n


def _draw_membership(rng: np.random.Generator, own: Ints, second_weight: Floats, n_modules: int) -> Floats:
    """Weights of the modules (R, M); second modules are spread evenly over the others."""
    membership = np.zeros((len(own), n_modules))
    membership[np.arange(len(own)), own] = 1.0
    for m in range(n_modules):
        holders = rng.permutation(np.flatnonzero((own == m) & (second_weight > 0)))
        second = (m + 1 + np.arange(len(holders)) % (n_modules - 1)) % n_modules
        membership[holders, second] = second_weight[holders]
    return membership


def _draw_regulator_edges(rng: np.random.Generator, module: Ints, design: Design) -> Floats:
    edges = np.zeros((len(module), len(module)))
    for source in range(len(module)):
        for _ in range(design.n_regulator_edges):
            across = rng.random() < design.across_share
            ends = (module != module[source]) if across else (module == module[source])
            ends[source] = False
            edges[source, rng.choice(np.flatnonzero(ends))] = design.regulator_weight * rng.uniform(0.5, 1.5)
    return edges


# --- the cells and their counts ---


@dataclass(frozen=True)
class _Cells:
    """What each cell is before it has counts; C cells.

    Parameters
    ----------
    guides, guide_target, guide_knock_down
        The guides' names, targets (-1 for control) and mean knock-downs.
    guide, target, batch
        Of each cell (C,).
    knock_down
        Part of the target's transcript that is gone in each cell, 0 in controls (C,).
    responsiveness
        Of each module in each cell, from 0 (off) to 2 (C, M).
    depth
        Expected total of counts (C,).
    """

    guides: list[str]
    guide_target: Ints
    guide_knock_down: Floats
    guide: Ints
    target: Ints
    batch: Ints
    knock_down: Floats
    responsiveness: Floats
    depth: Floats


def _draw_cells(rng: np.random.Generator, n_cells: int, targets: list[str], design: Design) -> _Cells:
    per_target = len(design.knock_down)
    guides = [f"{CONTROL_LABEL}_{i + 1:05d}" for i in range(N_CONTROL_GUIDES)]
    guides += [f"{target}_{i + 1}" for target in targets for i in range(per_target)]
    guide_target = np.concatenate([np.full(N_CONTROL_GUIDES, -1), np.repeat(np.arange(len(targets)), per_target)])
    guide_knock_down = np.concatenate([np.zeros(N_CONTROL_GUIDES), np.tile(design.knock_down, len(targets))])
    guide = _draw_guides(rng, n_cells, len(guides), design)
    knock_down = guide_knock_down[guide] + design.knock_down_sd * rng.standard_normal(n_cells)
    batch = rng.permutation(np.arange(n_cells) % design.n_batches)
    responsiveness = _draw_responsiveness(rng, batch, design)
    noise = design.depth_sd * rng.standard_normal(n_cells) - design.depth_sd**2 / 2
    return _Cells(
        guides=guides,
        guide_target=guide_target,
        guide_knock_down=guide_knock_down,
        guide=guide,
        target=guide_target[guide],
        batch=batch,
        knock_down=np.where(guide_target[guide] >= 0, np.clip(knock_down, 0, 0.98), 0.0),
        responsiveness=responsiveness,
        depth=design.mean_count * np.exp(noise),
    )


def _draw_guides(rng: np.random.Generator, n_cells: int, n_guides: int, design: Design) -> Ints:
    """The guide of each cell; some guides have more cells than others."""
    weight = np.exp(design.guide_spread * rng.standard_normal(n_guides))
    n_control = round(design.control_share * n_cells)
    control = _whole_shares(weight[:N_CONTROL_GUIDES], n_control)
    others = _whole_shares(weight[N_CONTROL_GUIDES:], n_cells - n_control)
    return rng.permutation(np.repeat(np.arange(n_guides), np.concatenate([control, others])))


def _whole_shares(weight: Floats, total: int) -> Ints:
    """Whole numbers that add up to the total, in proportion to the weights."""
    ends = np.round(np.cumsum(weight) / weight.sum() * total)
    return np.diff(ends, prepend=0).astype(np.int64)


def _draw_responsiveness(rng: np.random.Generator, batch: Ints, design: Design) -> Floats:
    """How far each module of each cell answers (C, M): twice the sigmoid of its state and its place in the cycle."""
    high_share = rng.permutation(np.linspace(*design.high_state_share, design.n_batches))
    high = rng.random(len(batch)) < high_share[batch]
    state = np.where(high, 1.0, -1.0) + 0.3 * rng.standard_normal(len(batch))
    phase = rng.uniform(0, 2 * np.pi, len(batch))
    each = np.arange(design.n_modules)
    peak = rng.permutation(each) * 2 * np.pi / design.n_modules
    sign = rng.permutation(np.where(each % 2, -1.0, 1.0))
    score = design.state_weight * sign * state[:, None] + design.cycle_weight * np.cos(phase[:, None] - peak)
    return 2 * special.expit(score)


class _Simulation:
    """A screen whose counts are yet to be drawn, by :meth:`blocks`, from the first cell to the last."""

    def __init__(self, n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
        _check_sizes(n_cells, n_genes, n_targets, seed, design)
        self.n_cells, self.n_genes, self.n_targets, self.seed, self.design = n_cells, n_genes, n_targets, seed, design
        self.network = draw_network(n_genes, n_targets, seed, design)
        self.features = target_features(self.network, seed, design)
        rng = np.random.default_rng([seed, _CELLS])
        self.cells = _draw_cells(rng, n_cells, self.network.targets, design)
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
            rng = np.random.default_rng([self.seed, _COUNTS, block])
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
            deviates = special.ndtri(_stratified(rng, len(genes)))
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

    def truth(self) -> dict[str, Any]:
        """What was planted; asked for after the blocks were drawn, since the true folds are of the very cells."""
        net, cells = self.network, self.cells
        regulators = net.symbols[net.regulators]
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
                "on_genes": _edge_records(net.on_genes, regulators, net.symbols),
                "on_regulators": _edge_records(net.on_regulators, regulators, regulators),
            },
            "inert_targets": [t for t, s in zip(net.targets, net.strength[net.screened], strict=True) if s == 0],
            "guides": {
                guide: {"target": net.targets[t] if t >= 0 else CONTROL_LABEL, "knock_down": float(knock_down)}
                for guide, t, knock_down in zip(cells.guides, cells.guide_target, cells.guide_knock_down, strict=True)
            },
            "log2_fold_change": self._true_folds(),
            "responsiveness": {
                "modules": list(range(self.design.n_modules)),
                "cells": cells.responsiveness.round(3).tolist(),
            },
            "features": {
                "names": list(self.features.names),
                "matrix": self.features.matrix.astype(float).round(4).tolist(),
            },
            "split": _ready_split(net.targets),
        }

    def _true_folds(self) -> dict[str, dict[str, float]]:
        log_fold = np.log(self._sum_perturbed / self._sum_at_rest)
        symbols = self.network.symbols.tolist()
        return {
            target: {symbols[g]: round(float(row[g] / np.log(2)), 4) for g in np.flatnonzero(np.abs(row) > _SMALL_FOLD)}
            for target, row in zip(self.network.targets, log_fold, strict=True)
        }


def _check_sizes(n_cells: int, n_genes: int, n_targets: int, seed: int, design: Design) -> None:
    if not 100 <= n_genes <= 50_000:
        raise OptionError(f"A simulated screen has 100 to 50,000 genes, not {n_genes:,}.")
    n_regulators = _n_regulators(n_genes, design)
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


# --- the truth as records ---


def _ready_split(targets: list[str]) -> dict[str, Any]:
    held_out = set(_dealing_order(len(targets))[::N_FOLDS].tolist())
    return {
        "seed": 0,
        "rule": "held out of the sorted targets: "
        f"numpy.random.default_rng(0).permutation({len(targets)})[0::{N_FOLDS}]",
        "train": [target for i, target in enumerate(targets) if i not in held_out],
        "held_out": [target for i, target in enumerate(targets) if i in held_out],
    }


def _regulator_records(network: Network) -> dict[str, dict[str, Any]]:
    screened = set(network.screened.tolist())
    records: dict[str, dict[str, Any]] = {}
    for r, gene in enumerate(network.regulators):
        own = int(network.module[gene])
        second = next((m for m in np.flatnonzero(network.membership[r]).tolist() if m != own), None)
        records[str(network.symbols[gene])] = {
            "module": own,
            "second_module": second,
            "second_weight": 0.0 if second is None else round(float(network.membership[r, second]), 4),
            "direction": int(network.direction[r]),
            "strength": round(float(network.strength[r]), 4),
            "screened": r in screened,
        }
    return records


def _edge_records(weights: Floats, sources: NDArray[np.str_], ends: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    return {
        str(source): {str(ends[i]): round(float(row[i]), 3) for i in np.flatnonzero(row)}
        for source, row in zip(sources, weights, strict=True)
    }


# --- the file ---


def _write_h5ad(path: Path, simulation: _Simulation, report: Report | None) -> None:
    """An AnnData file whose counts are appended block by block."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for n_done in _append_counts(file.create_group("X"), simulation):
            if report is not None:
                report("Simulating", n_done, simulation.n_cells, "cells")
        for name, value in {"obs": simulation.obs(), "var": simulation.var(), "uns": simulation.uns()}.items():
            write_elem(file, name, value)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            write_elem(file, name, {})
    _flush_to_disk(path)


def _append_counts(group: h5py.Group, simulation: _Simulation) -> Iterator[int]:
    """Write the counts as CSR; yields how many cells are written."""
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    group.attrs["shape"] = np.array([simulation.n_cells, simulation.n_genes], np.int64)
    data, indices = (
        group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(1 << 18,))
        for name, dtype in (("data", np.float32), ("indices", np.int32))
    )
    ends = [np.zeros(1, np.int64)]
    n_cells = n_stored = 0
    for block in simulation.blocks():
        for stored, values in ((data, block.data), (indices, block.indices)):
            stored.resize((n_stored + block.nnz,))
            stored[n_stored:] = values
        ends.append(n_stored + block.indptr[1:].astype(np.int64))
        n_stored += block.nnz
        n_cells += block.shape[0]
        yield n_cells
    group.create_dataset("indptr", data=np.concatenate(ends))


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.write_text(json.dumps(record, separators=(",", ":")), encoding="utf-8")
    _flush_to_disk(path)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _check_room(path: Path, simulation: _Simulation) -> None:
    """Ask for the room before the work: HDF5 does not survive a disk that fills up under it (h5py's issue 914)."""
    needed = 0.7 * 8 * simulation.n_cells * simulation.n_genes + 100 * simulation.n_cells + 5e6
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StorageError(
            f"The simulated screen takes about {1 + round(needed / 1e6):,} MB, but {path.parent} has "
            f"{free / 1e6:,.0f} MB left. Make room, choose another folder, or ask for fewer cells."
        )


def _reason(error: Exception) -> str:
    """The system's own words, without h5py's addresses."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else "the disk is full, or the file may not grow further"
