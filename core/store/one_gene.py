"""One gene in every cell: its log-normalized values with the target, guide, batch and stratum of each cell."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.schema import LEFT_OUT

if TYPE_CHECKING:
    from core.store.study import Study


@dataclass(frozen=True, eq=False)
class OneGene:
    """A gene's values in all cells, in file order.

    Parameters
    ----------
    gene
        Symbol.
    values
        Log-normalized expression, float64, shape ``(n_cells,)``: log1p of count / total x median total, or the file's
        own values where it holds no counts.
    target
        Index into ``study.targets``, :data:`core.schema.CONTROL` or :data:`core.schema.LEFT_OUT`; cells without any
        count are left out, as they are of every other number.
    guide, batch, stratum
        Indices into ``study.part_names(...)``; -1 where a cell has none.
    """

    gene: str
    values: np.ndarray
    target: np.ndarray
    guide: np.ndarray
    batch: np.ndarray
    stratum: np.ndarray


def one_gene(study: "Study", gene: str) -> OneGene:
    """One gene's log-normalized values with the codes of every cell: one block of the Store, some milliseconds.

    Raises
    ------
    UnknownGeneError
        If the study does not measure it.
    """
    counts, cells = study.values(gene), study.cell_codes
    seen = np.flatnonzero(counts)
    total = cells["total"][seen]
    values = np.zeros(counts.size)
    if study.has_counts:
        scale = np.divide(study.median_total, total, out=np.zeros(seen.size), where=total > 0)
        values[seen] = np.log1p(counts[seen] * scale)
    else:
        values[seen] = counts[seen]
    counted = (study.gene_values.genes_seen > 0) & (cells["total"] > 0)
    target = np.where(counted, cells["target"], LEFT_OUT)
    return OneGene(gene, values, target, cells["guide"], cells["batch"], cells["stratum"])
