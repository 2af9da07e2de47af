"""The simulated screen: counts out of a stated causal network, with the truth beside them.

It is the embedded demo and the ground on which models are tried, so its difficulty is part of its design: how far
replicates, ridge regression and nearest neighbours get is kept in ``tests/data/test_synthetic.py``.

The network is drawn first, then the cells, then their counts in blocks.
"""

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
from scipy import sparse

from core.data.features import TargetFeatures
from core.data.synthetic_counts import Simulation
from core.data.synthetic_design import Design
from core.data.synthetic_file import Report, check_room, reason, write_h5ad, write_json
from core.data.synthetic_truth import planted_truth
from core.errors import OptionError, StorageError


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
    simulation = Simulation(n_cells, n_genes, n_targets, seed, design or Design())
    counts = sparse.vstack(list(simulation.blocks()), format="csr")
    adata = ad.AnnData(counts, obs=simulation.obs(), var=simulation.var(), uns=simulation.uns())
    return Screen(adata, planted_truth(simulation))


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
    simulation = Simulation(n_cells, n_genes, n_targets, seed, Design())
    truth = truth_path(path)
    mark = f"{uuid.uuid4().hex[:8]}.part"
    screen_part, truth_part = (p.with_name(f".{p.name}.{mark}") for p in (path, truth))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path, simulation)
        write_h5ad(screen_part, simulation, report)
        write_json(truth_part, planted_truth(simulation))
        os.replace(truth_part, truth)  # first, so that there is no screen without its truth
        os.replace(screen_part, path)
    except (OSError, RuntimeError) as error:  # h5py closes a file on a full disk with a RuntimeError
        raise StorageError(
            f"The simulated screen could not be written to {path}: {reason(error)}. Choose a folder that you may "
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
