"""Room on the disk: what a study will need, estimated before anything starts and compared with what is free."""

import shutil
from pathlib import Path

import numpy as np

from core.data.cells import Cells
from core.data.source import Matrix
from core.errors import StorageError
from core.schema import Values
from core.stats.groups import MAX_FOLDS

BYTES_A_COUNT = 0.8
"""Of a stored non-zero count: 0.64 on the Virtual Cell Challenge's density, more where counts are sparse."""
BYTES_A_FRACTION = 4.2
BYTES_A_TARGET = 172
"""Effects and sums of one gene in one target, with a stratified twin."""
BYTES_A_GROUP = 28
"""Sums of one gene in one guide or fold of batches."""


BYTES_A_GENE = 500
"""Names and sums of one gene, three times."""


def bytes_of_values(matrix: Matrix, kind: Values) -> int:
    """About what the turned values of a matrix take on the disk."""
    n = matrix.n_cells * matrix.n_genes if matrix.nnz is None else matrix.nnz
    return int(n * (BYTES_A_COUNT if kind is Values.COUNTS else BYTES_A_FRACTION))


def bytes_of_tables(cells: Cells, n_genes: int) -> int:
    """At most what the tables take on the disk."""
    n_targets = len(cells.targets) + 1
    folds = min(MAX_FOLDS, max(1, len(cells.batches)))
    guides = np.unique(np.stack([cells.target, cells.guide]), axis=1).shape[1]
    groups = n_targets * folds + guides
    return n_genes * (n_targets * BYTES_A_TARGET + groups * BYTES_A_GROUP + BYTES_A_GENE)


def refuse_without_room(folder: Path, needed: int) -> None:
    """Refuse work whose results would not fit.

    Raises
    ------
    StorageError
        If the disk of the nearest folder that exists has less free.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise StorageError(
            f"The study needs about {_gigabytes(needed)} under {existing}; {_gigabytes(free)} are free. Make room, or "
            "choose another folder with --data-root or PERTURBSCOPE_DATA_ROOT."
        )


def _gigabytes(n: int) -> str:
    return f"{n / 1e9:,.1f} GB" if n >= 1e8 else f"{n / 1e6:,.1f} MB"
