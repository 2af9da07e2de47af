"""Table inputs: all that the tables of a study are made from, before the sweep."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.data.cells import Cells
from core.store.sweep import SizeFactors
from core.store.values import GeneMajor


@dataclass(frozen=True)
class TableInputs:
    """All that the tables are made from.

    Parameters
    ----------
    values
        The turned file.
    cells
        What every cell is.
    symbols, gene_ids
        Names of the genes in file order.
    own_gene
        Each target's own gene, -1 where it is not measured.
    factors
        Size factors.
    record
        What to write into tables.json beside what is found here.
    """

    values: GeneMajor
    cells: Cells
    symbols: np.ndarray
    gene_ids: np.ndarray
    own_gene: np.ndarray
    factors: SizeFactors
    record: dict[str, Any]
