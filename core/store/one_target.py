"""One target swept again: its effects by other totals than the study's, from its cells and the controls alone."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.data.cells import Cells
from core.schema import CONTROL, LEFT_OUT
from core.settings import settings
from core.stats.groups import visiting_groups
from core.store.fdr import false_discovery_rates
from core.store.files import map_arrays
from core.store.group_sums import MEANS, GroupSums, group_means
from core.store.sweep import SizeFactors, sweep, worker_threads
from core.store.values import GeneMajor


def one_target_effects(
    values: GeneMajor,
    codes: Mapping[str, np.ndarray],
    parts: Mapping[str, Sequence[str]],
    target: str,
    own_gene: int,
    totals: np.ndarray,
) -> dict[str, np.ndarray]:
    """Means and effects of one target on all genes, columns as of ``Study.effects``.

    Parameters
    ----------
    values
        The turned file, of counts.
    codes
        Of every cell, as ``Study.cell_codes``: target, guide, batch and stratum.
    parts
        The names behind these codes: targets, guides, batches and strata.
    target
        One of the targets.
    own_gene
        The place of its own gene.
    totals
        Total of every cell; cells without a positive one are not counted.
    """
    code = list(parts["targets"]).index(target)
    cells = Cells(
        n_cells=values.n_cells,
        target=np.select([codes["target"] == code, codes["target"] == CONTROL], [0, CONTROL], LEFT_OUT),
        guide=codes["guide"],
        batch=codes["batch"],
        stratum=codes["stratum"],
        targets=(target,),
        guides=tuple(parts["guides"]),
        batches=tuple(parts["batches"]),
        strata=tuple(parts["strata"]),
        left_out={},
        guide_level_labels=False,
    )
    groups = visiting_groups(cells, totals > 0)
    factors = SizeFactors(np.maximum(totals, 0), float(np.median(totals[totals > 0])))
    threads = worker_threads(settings().threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep(values, groups, factors, np.array([own_gene]), folder, threads, lambda *_: None)
        false_discovery_rates(folder, threads)
        layers = map_arrays(folder / "effects.h5ad", "layers")
        moments = GroupSums(folder / "moments.h5", "target", values.n_genes)
        n, n_control = (int(k) for k in groups.target_cells[:2])
        mine, control = ({field: moments.row(field, k) for field in MEANS.values()} for k in (0, 1))
        means = group_means(mine, n, control, n_control, counts=True)
        return means | {column: np.array(layer[0]) for column, layer in layers.items()}
