"""Expression of a few genes in a target's cells and in controls: what tells responders from escapers."""

import numpy as np

from core.settings import settings
from core.store.distances import Tiles, expression
from core.store.study import Study
from core.store.sweep import SizeFactors, worker_threads

MOST_CONTROLS = 5_000
MOST_CELLS = 20_000


def expression_of_cells(
    study: Study, target: np.ndarray, control: np.ndarray, genes: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Log-normalized expression of some genes in the cells of a target and in at most 5,000 controls.

    Parameters
    ----------
    study
        The opened study.
    target, control
        Whether a cell belongs to either, shape ``(n_cells,)``.
    genes
        Places of the genes, in rising order.
    seed
        Of the draw of controls.

    Returns
    -------
    cells
        Their places in the file.
    x
        float32, shape ``(genes, cells)``.

    Raises
    ------
    DamagedStoreError
        If the study's values cannot be read.
    """
    rng = np.random.default_rng(seed)
    wanted = np.zeros(study.gene_values.n_cells, bool)
    for group, most in ((target, MOST_CELLS), (control, MOST_CONTROLS)):
        wanted[rng.permutation(np.flatnonzero(group))[:most]] = True
    factors = SizeFactors(study.cell_codes["total"], study.median_total)
    tiles = Tiles(study.gene_values, genes, wanted)
    pieces = list(expression(tiles, wanted, factors, worker_threads(settings().threads)))
    return np.concatenate([cells for cells, _ in pieces]), np.concatenate([x for _, x in pieces], axis=1)
