"""The state of every cell: scores of the cell cycle and the mitochondrial share, made once a study and kept.

``tables/<key>/cell_state/`` holds ``scores.npz`` and a manifest. Only the blocks with a listed gene are read: the
reference genes are taken from the same blocks.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.cell_cycle import PHASES, cell_cycle_genes
from core.errors import DamagedStoreError, StorageError
from core.jobs.locks import build_lock
from core.settings import settings
from core.stats.cell_state import reference_genes, score_weights
from core.store.files import check_manifest, marking_damage, storage_errors, unfinished_folder, write_manifest
from core.store.study import Study
from core.store.sweep import SizeFactors, worker_threads
from core.store.values import GENES_A_BLOCK

VERSION = 1
FOLDER = "cell_state"
FEWEST = 15
"""Genes of a list that must be measured; with fewer a score is the noise of a few genes."""


@dataclass(frozen=True, eq=False)
class CellStates:
    """One number a cell, in file order; None where it cannot be measured.

    Parameters
    ----------
    s_score, g2m_score
        Mean log-normalized expression of the list's genes minus that of genes of like expression.
    mitochondrial
        Share of a cell's counts in genes called MT-.
    n_found
        Measured genes of each list, and of the mitochondrial genes under ``"MT"``.
    """

    s_score: np.ndarray | None
    g2m_score: np.ndarray | None
    mitochondrial: np.ndarray | None
    n_found: dict[str, int]


def cell_states(study: Study) -> CellStates:
    """The state of every cell, read where it is kept, else made and kept.

    Raises
    ------
    DamagedStoreError
        If the study's values cannot be read.
    """
    folder = study.tables_folder / FOLDER
    kept = _read(folder)
    if kept is not None:
        return kept
    made = measure(study)
    try:
        with storage_errors(folder), build_lock(folder):
            if _read(folder) is None:
                _write(folder, made)
    except StorageError:  # a data root that cannot be written still answers, only slower
        pass
    return made


def measure(study: Study) -> CellStates:
    """The state of every cell, from its values."""
    genes = study.genes
    symbols = genes.index.to_numpy()
    lists = cell_cycle_genes(symbols, genes["gene_id"].to_numpy())
    mitochondrial = np.flatnonzero([str(s).upper().startswith("MT-") for s in symbols])
    n_found = {phase: int(lists[phase].size) for phase in PHASES} | {"MT": int(mitochondrial.size)}
    scored = all(lists[phase].size >= FEWEST for phase in PHASES)
    weights = _weights(lists, mitochondrial, genes["control_mean"].to_numpy(dtype=float)) if scored else None
    scores = None if weights is None else weighted_sums(study, weights)
    share = mitochondrial_share(study, mitochondrial) if mitochondrial.size and study.has_counts else None
    return CellStates(None if scores is None else scores[0], None if scores is None else scores[1], share, n_found)


def _weights(lists: dict[str, np.ndarray], mitochondrial: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Weights of all genes in the two scores, shape ``(2, n_genes)``."""
    listed = np.concatenate([lists[phase] for phase in PHASES])
    near = np.isin(np.arange(means.size) // GENES_A_BLOCK, listed // GENES_A_BLOCK)
    near[listed] = near[mitochondrial] = False
    candidates = np.flatnonzero(near & (means > 0))
    if not candidates.size:
        candidates = np.setdiff1d(np.flatnonzero(means > 0), np.concatenate([listed, mitochondrial]))
    rows = [score_weights(lists[p], reference_genes(lists[p], candidates, means), means.size) for p in PHASES]
    return np.stack(rows)


def weighted_sums(study: Study, weights: np.ndarray) -> np.ndarray:
    """Sums of log-normalized expression over genes, weighted, for every cell.

    Parameters
    ----------
    study
        The study; a cell without a total gets NaN.
    weights
        Shape ``(sums, n_genes)``; only blocks of genes with a weight are read.

    Returns
    -------
    numpy.ndarray
        float32, shape ``(sums, n_cells)``.
    """
    values, has_counts = study.gene_values, study.has_counts
    totals = study.cell_codes["total"]
    scale = SizeFactors(totals, study.median_total).scale.astype(np.float32)
    used = np.flatnonzero((weights != 0).any(axis=0))
    blocks = np.unique(used // GENES_A_BLOCK)
    threads = worker_threads(settings().threads)

    def some(part: np.ndarray) -> np.ndarray:
        sums, room = np.zeros((weights.shape[0], values.n_cells)), values.new_block()
        for b in part:
            rows = used[used // GENES_A_BLOCK == b]
            x = values.block(int(b), room)[rows % GENES_A_BLOCK].astype(np.float32)
            if has_counts:
                x *= scale
                np.log1p(x, out=x)
            sums += weights[:, rows].astype(np.float32) @ x
        return sums

    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(some, np.array_split(blocks, threads)), np.zeros((weights.shape[0], values.n_cells)))
    return np.where(totals > 0, total, np.nan).astype(np.float32)


def mitochondrial_share(study: Study, genes: np.ndarray) -> np.ndarray:
    """Share of every cell's counts that lie in the given genes, NaN for a cell without counts."""
    values = study.gene_values
    found = np.zeros(values.n_cells)
    for b in np.unique(genes // GENES_A_BLOCK):
        rows = genes[genes // GENES_A_BLOCK == b] % GENES_A_BLOCK
        found += values.block(int(b))[rows].sum(axis=0)
    totals = np.asarray(values.totals, dtype=float)
    return np.where(totals > 0, found / np.where(totals > 0, totals, 1), np.nan).astype(np.float32)


def _write(folder: Path, states: CellStates) -> None:
    arrays = {name: getattr(states, name) for name in ("s_score", "g2m_score", "mitochondrial")}
    with unfinished_folder(folder) as unfinished:
        np.savez(unfinished / "scores.npz", **{name: a for name, a in arrays.items() if a is not None})
        (unfinished / "record.json").write_text(json.dumps({"version": VERSION, "n_found": states.n_found}))
        write_manifest(unfinished)


def _read(folder: Path) -> CellStates | None:
    if not folder.is_dir():
        return None
    try:
        check_manifest(folder, contents=True)
        with marking_damage(folder):
            record = json.loads((folder / "record.json").read_text())
            with np.load(folder / "scores.npz", allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except DamagedStoreError:  # it is made anew
        return None
    if record.get("version") != VERSION:
        return None
    found = {str(name): int(n) for name, n in record["n_found"].items()}
    return CellStates(arrays.get("s_score"), arrays.get("g2m_score"), arrays.get("mitochondrial"), found)
