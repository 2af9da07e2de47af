"""Network of the simulated screen: which gene acts on which, and how targets would look to a model of genes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from core.data.features import TargetFeatures
from core.data.synthetic_design import FEATURES_STREAM, N_FOLDS, NETWORK_STREAM, Design, Floats, Ints

_SYMBOLS = Path(__file__).resolve().parents[2] / "assets" / "demo_genes.tsv"


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
    rng = np.random.default_rng([seed, NETWORK_STREAM])
    n_regulators = n_regulators_of(n_genes, design)
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
    rng = np.random.default_rng([seed, FEATURES_STREAM])
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


def n_regulators_of(n_genes: int, design: Design) -> int:
    """How many of so many genes are regulators."""
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
        sign = np.where(stratified(rng, size) < design.positive_share, 1.0, -1.0)
        loading[module == m] = sign * special.gammaincinv(4.0, stratified(rng, size)) / 4.0  # gamma(4, 0.25)
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
        seat = group[dealing_order(n)]
        turn, fold = np.divmod(np.arange(n), N_FOLDS)
        module[seat] = (fold + turn) % design.n_modules
        direction[seat] = np.where(fold == 3 * turn % N_FOLDS, -1.0, 1.0)  # 3: another fold and module every turn
        strength[seat] = _snake(_ascending_strengths(rng, n, design))
        has_second = np.diff(np.floor(design.second_share * np.arange(n + 1)))  # 0 or 1, evenly along the modules
        by_module = seat[np.lexsort((turn, module[seat]))]
        second_weight[by_module] = has_second * rng.uniform(*design.second_weight, n)
    return module, direction, strength, second_weight


def dealing_order(n_targets: int) -> Ints:
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


def stratified(rng: np.random.Generator, n: int) -> Floats:
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
