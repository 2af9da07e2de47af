"""Genes of the cell cycle: the published lists of S and of G2 and M, and which of them a study measures."""

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.data.gene_names import resolve_all

LISTS = Path(__file__).parents[2] / "assets" / "cell_cycle_genes.tsv"
SOURCE = "Tirosh et al., Science 352, 189 (2016)"
PHASES = ("S", "G2M")


def cell_cycle_genes(symbols: np.ndarray, ids: np.ndarray) -> dict[str, np.ndarray]:
    """Places of the measured genes of each list among a study's genes, ascending.

    Parameters
    ----------
    symbols, ids
        As in :class:`core.data.gene_names.GeneIndex`.
    """
    place = {symbol: k for k, symbol in enumerate(symbols)}
    found = {}
    for phase, genes in list_of_genes().items():
        named = [name for name in resolve_all(genes, symbols, ids) if name is not None]
        found[phase] = np.unique([place[name] for name in named]).astype(int)
    return found


@lru_cache(maxsize=1)
def list_of_genes() -> dict[str, tuple[str, ...]]:
    """The published symbols by phase."""
    with LISTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {phase: tuple(row["gene"] for row in rows if row["phase"] == phase) for phase in PHASES}
