"""The tables of a study: what is said of genes, targets, guides and control sets once the sweep is done.

On disk, in ``tables/<key>/``, the key naming values, roles and size factors:

effects.h5ad, pooled.h5ad
    AnnData of targets x genes (of all perturbed cells together x genes), one layer an effect; contiguous, so that a row
    (a target) and a column (a gene) are both read straight from a memory map.
moments.h5
    Sums of every target (the last is control), target x guide, target x fold of batches; see core.store.group_sums.
genes, targets, guides, batches, strata, control_sets, control_p, control_p_stratified, totals, genes_seen (.parquet)
    Small tables, as in ``Study``.
cells.npz
    Codes of every cell's target, guide, batch and stratum, for sweeps on demand.
tables.json, manifest.json
    What was built from what; sizes and checksums.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from core.schema import LEFT_OUT
from core.stats.calibration import smallest_p
from core.stats.groups import Groups, visiting_groups
from core.store.agreement import guide_agreement
from core.store.cell_tables import control_set_table, histogram, part_table
from core.store.distances import CellDistances
from core.store.fdr import false_discovery_rates
from core.store.files import crc32, fsync_folder, map_arrays, unfinished_folder, write_manifest
from core.store.gene_table import gene_table
from core.store.group_sums import GroupSums
from core.store.guide_table import guide_table
from core.store.sweep import Swept, sweep
from core.store.table_inputs import TableInputs
from core.store.target_table import pooled_table, target_table
from core.store.values import Report

TABLES_VERSION = 8
SEED = 0


def build_tables(inputs: TableInputs, folder: Path, threads: int, report: Report) -> None:
    """Sweep a study and write its tables; the folder appears when all are there.

    Parameters
    ----------
    inputs
        Values, cells, names and size factors.
    folder
        ``tables/<key>``.
    threads
        Threads of the sweep.
    report
        Called with (phase, done, total, unit).
    """
    counted = (inputs.values.genes_seen > 0) & (inputs.factors.totals > 0)
    groups = visiting_groups(inputs.cells, counted, SEED)
    with unfinished_folder(folder) as unfinished:
        swept = sweep(inputs.values, groups, inputs.factors, inputs.own_gene, unfinished, threads, report)
        report("Writing tables", 0, 1, "steps")
        kinds = ("target", "guide", "fold")
        sums = {kind: GroupSums(unfinished / "moments.h5", kind, inputs.values.n_genes) for kind in kinds}
        genes = gene_table(inputs, groups, swept, sums["target"])
        false_discovery_rates(unfinished, threads)
        with ThreadPoolExecutor(2) as aside:  # meanwhile the large files go to the disk, and cells are compared
            written = aside.submit(_finish_moments, unfinished)
            variable = np.flatnonzero(genes["highly_variable"].to_numpy())
            distances = CellDistances(inputs.values, groups, inputs.factors, variable, threads, report, SEED)
            distance = aside.submit(distances.to_controls)
            guides = guide_table(inputs, groups, swept)
            control_mean = genes["control_mean"].to_numpy()
            guide_r, guides["r_with_rest"] = guide_agreement(inputs, groups, sums, guides, control_mean)
            effects = map_arrays(unfinished / "effects.h5ad", "layers")
            targets = target_table(inputs, groups, swept, effects, sums, control_mean, guide_r)
            pooled = pooled_table(groups, map_arrays(unfinished / "pooled.h5ad", "layers"))
            _write_effect_names(unfinished, "var", {"effects": genes, "pooled": genes})
            _write_small_tables(inputs, groups, swept, genes, guides, unfinished)
            _write_record(inputs, groups, unfinished)
            targets["e_distance"], pooled["e_distance"] = distance.result()[:-1], distance.result()[-1]
            moments_crc = written.result()
        _write_effect_names(unfinished, "obs", {"effects": targets, "pooled": pooled})
        targets.to_parquet(unfinished / "targets.parquet")
        pooled.to_parquet(unfinished / "pooled.parquet")
        write_manifest(unfinished, known={"moments.h5": moments_crc})
    report("Writing tables", 1, 1, "steps")


def _finish_moments(folder: Path) -> int:
    """Bring what the sweep wrote to the disk; the checksum of its largest file, which is complete."""
    fsync_folder(folder)
    return crc32(folder / "moments.h5")


def _write_small_tables(
    inputs: TableInputs, groups: Groups, swept: Swept, genes: pd.DataFrame, guides: pd.DataFrame, folder: Path
) -> None:
    """Write what does not wait for the distances."""
    cells = inputs.cells
    small = {
        "genes": genes,
        "guides": guides,
        "batches": part_table(inputs, groups, cells.batches, cells.batch),
        "strata": part_table(inputs, groups, cells.strata, cells.stratum),
        "control_sets": control_set_table(inputs, swept),
        "control_p": smallest_p(swept.calibration),
        "totals": histogram(inputs.values.totals, groups),
        "genes_seen": histogram(inputs.values.genes_seen.astype(float), groups),
    }
    if swept.calibration_within is not None:
        small["control_p_stratified"] = smallest_p(swept.calibration_within)
    for name, table in small.items():
        table.to_parquet(folder / f"{name}.parquet")
    np.savez_compressed(
        folder / "cells.npz", target=cells.target, guide=cells.guide, batch=cells.batch, stratum=cells.stratum,
        total=inputs.factors.totals,
    )  # fmt: skip


def _write_effect_names(folder: Path, axis: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Name one axis of the effects, which makes AnnData files of the layers: obs = targets, var = genes."""
    for name, table in tables.items():
        with h5py.File(folder / f"{name}.h5ad", "r+") as file:
            ad.io.write_elem(file, axis, table)
            if "uns" not in file:
                file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
                file["layers"].attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
                for empty in ("obsm", "varm", "obsp", "varp", "uns"):
                    ad.io.write_elem(file, empty, {})


def _write_record(inputs: TableInputs, groups: Groups, folder: Path) -> None:
    t = groups.n_targets
    left_out = dict(inputs.cells.left_out)
    empty = inputs.values.genes_seen == 0
    without_total = ~empty & (inputs.factors.totals <= 0)
    for reason, cells in (("no counts at all", empty), ("no counts but of dominant genes", without_total)):
        n = int((cells & (inputs.cells.target != LEFT_OUT)).sum())
        if n:
            left_out[reason] = n
    record = inputs.record | {
        "version": TABLES_VERSION,
        "n_cells": groups.order.size,
        "n_genes": inputs.values.n_genes,
        "n_targets": t,
        "n_control": int(groups.target_cells[t]),
        "n_perturbed": int(groups.target_cells[:t].sum()),
        "left_out": left_out,
        "n_strata": groups.n_strata,
        "median_total": inputs.factors.median,
        "target_cells": groups.target_cells[: t + 1].tolist(),
        "parts": {name: list(getattr(inputs.cells, name)) for name in ("targets", "guides", "batches", "strata")},
    }
    (folder / "tables.json").write_text(json.dumps(record, indent=1))
