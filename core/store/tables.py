"""The tables of a study: what is said of genes, targets, guides and control sets once the sweep is done.

On disk, in ``tables/<key>/``, the key naming values, roles and size factors:

effects.h5ad, pooled.h5ad
    AnnData of targets x genes (of all perturbed cells together x genes), one layer an effect; contiguous, so that a row
    (a target) and a column (a gene) are both read straight from a memory map.
moments.h5
    Sums of every target (the last is control), target x guide, target x fold of batches; see core.store.group_sums.
genes, targets, guides, batches, strata, control_sets, control_p, totals, genes_seen (.parquet)
    Small tables, as in ``Study``.
cells.npz
    Codes of every cell's target, guide, batch and stratum, for sweeps on demand.
tables.json, manifest.json
    What was built from what; sizes and checksums.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd

from core.data.cells import Cells
from core.data.neighbours import neighbours
from core.schema import ALL_PERTURBED, FDR_THRESHOLD, FOLD_THRESHOLD, LEFT_OUT, Values
from core.stats.calibration import sets_that_call, smallest_p
from core.stats.deltas import percent_left
from core.stats.dispersion import dispersion_table
from core.stats.fdr import benjamini_hochberg, count_below
from core.stats.groups import Groups, visiting_groups
from core.stats.moments import FIELDS, Moments
from core.stats.strata import association
from core.store.distances import distances_to_controls
from core.store.files import (
    RELEASE_ROWS,
    crc32,
    fsync_folder,
    letting_go,
    map_arrays,
    unfinished_folder,
    write_manifest,
)
from core.store.group_sums import GroupSums
from core.store.sweep import SizeFactors, Swept, sweep
from core.store.values import GeneMajor, Report

TABLES_VERSION = 7
FALLS_AS_FAR = 0.2
MIN_GUIDE_CELLS = 10
N_HVG = 2000
SEED = 0
STRONG, SUBTLE = 100, 10


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
        genes = _gene_table(inputs, groups, swept)
        false_discovery_rates(unfinished, threads)
        with ThreadPoolExecutor(2) as aside:  # meanwhile the large files go to the disk, and cells are compared
            written = aside.submit(_finish_moments, unfinished)
            distance = aside.submit(_distances, inputs, groups, genes, threads, report)
            guides = _guide_table(inputs, groups, swept)
            targets, pooled = _target_table(inputs, groups, swept, unfinished, genes, guides)
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
        "batches": _part_table(inputs, groups, cells.batches, cells.batch),
        "strata": _part_table(inputs, groups, cells.strata, cells.stratum),
        "control_sets": _control_set_table(inputs, swept),
        "control_p": smallest_p(swept.calibration),
        "totals": _histogram(inputs.values.totals, groups),
        "genes_seen": _histogram(inputs.values.genes_seen.astype(float), groups),
    }
    for name, table in small.items():
        table.to_parquet(folder / f"{name}.parquet")
    np.savez_compressed(
        folder / "cells.npz", target=cells.target, guide=cells.guide, batch=cells.batch, stratum=cells.stratum,
        total=inputs.factors.totals,
    )  # fmt: skip


def _gene_table(inputs: TableInputs, groups: Groups, swept: Swept) -> pd.DataFrame:
    n = groups.order.size
    found, has_counts = swept.genes, inputs.values.kind is Values.COUNTS
    counts = {name: found[name] if has_counts else np.nan for name in ("max", "min")}
    total = found["sum_counts"]
    table = pd.DataFrame(
        {
            "gene_id": inputs.gene_ids,
            "mean": total / n if has_counts else np.nan,
            **counts,
            "nonzero_fraction": found["n_nonzero"] / n,
            "mean_log": found["sum_log"] / n,
            "max_log": found["max_log"],
            "min_log": found["min_log"],
            "count_share": (total if has_counts else found["sum_normalized"])
            / max((total if has_counts else found["sum_normalized"]).sum(), 1e-300),
            "sum_normalized": found["sum_normalized"],
            "sum_normalized_squared": found["sum_normalized_squared"],
            "n_random_sets_call": sets_that_call(swept.calibration[np.array(swept.sets.kind) == "random"]),
        },
        index=pd.Index(inputs.symbols, name="gene"),
    )
    dispersions = dispersion_table(found["sum_normalized"].copy(), found["sum_normalized_squared"], n, N_HVG)
    dispersions.index = table.index
    return pd.concat([table, dispersions], axis=1)


def false_discovery_rates(folder: Path, threads: int) -> None:
    """Benjamini-Hochberg within every target, over all genes."""
    for file_name in ("effects.h5ad", "pooled.h5ad"):
        layers = map_arrays(folder / file_name, "layers", writable=True)
        for suffix in ("", "_stratified"):
            if f"fdr{suffix}" in layers:
                _adjust_rows(layers, suffix, threads)


def _adjust_rows(layers: dict[str, np.ndarray], suffix: str, threads: int) -> None:
    log10_p, fdr = layers[f"log10_p{suffix}"], layers[f"fdr{suffix}"]

    def adjust(row: int) -> None:
        fdr[row] = benjamini_hochberg(np.asarray(log10_p[row]))

    with ThreadPoolExecutor(threads) as pool:
        for first in letting_go(range(0, len(fdr), RELEASE_ROWS), layers, every=1):
            list(pool.map(adjust, range(first, min(first + RELEASE_ROWS, len(fdr)))))


def _guide_table(inputs: TableInputs, groups: Groups, swept: Swept) -> pd.DataFrame:
    """What is left of the target's transcript in the cells of each guide."""
    is_guide = (groups.guide_target >= 0) & (groups.guide_target < groups.n_targets)
    own = swept.own_guides[is_guide]
    target = groups.guide_target[is_guide]
    n = groups.guide_cells[is_guide]
    left = _left(own, n, swept.own_control[target], groups)
    names = np.array(inputs.cells.targets, object)
    return pd.DataFrame(
        {
            "target": names[target] if target.size else np.array([], object),
            "guide": [inputs.cells.guides[g] for g in groups.guide_name[is_guide]],
            "n_cells": n.astype(np.int64),
            "percent_left": left.left,
            "low": left.low,
            "high": left.high,
            "row": np.flatnonzero(is_guide),
        }
    )


def _left(sums: np.ndarray, n: np.ndarray, control_sums: np.ndarray, groups: Groups) -> Any:
    n_control = int(groups.target_cells[groups.n_targets])
    mine = Moments.from_sums(sums, n)
    control = Moments.from_sums(control_sums, np.full(len(control_sums), n_control))
    return percent_left(
        mine.mean_normalized,
        mine.variance_normalized,
        n,
        np.nan_to_num(control.mean_normalized),
        control.variance_normalized,
        n_control,
    )


def _target_table(
    inputs: TableInputs,
    groups: Groups,
    swept: Swept,
    folder: Path,
    genes: pd.DataFrame,
    guides: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a target, and the same for all perturbed cells together; fills in the guides' agreement."""
    t, n_cells = groups.n_targets, groups.target_cells
    effects = map_arrays(folder / "effects.h5ad", "layers")
    measured = inputs.own_gene >= 0
    own = np.where(measured, inputs.own_gene, 0)
    left = _left(swept.own_target, n_cells[:t], swept.own_control, groups)
    in_batch = groups.batches.table(t, groups.n_batches)
    rows = np.arange(t)
    table = pd.DataFrame(
        {
            "n_cells": n_cells[:t],
            "n_guides": guides.groupby("target").size().reindex(inputs.cells.targets).fillna(0).astype(int).to_numpy(),
            "n_batches": (in_batch[:t] > 0).sum(axis=1) if inputs.cells.batches else 0,
            "in_genes": measured,
            "own_gene": np.where(measured, inputs.symbols[own], "") if t else np.array([], object),
            "control_mean": swept.own_control[:, FIELDS.index("sum_normalized")] / max(n_cells[t], 1),
            "target_mean": swept.own_target[:, FIELDS.index("sum_normalized")] / np.maximum(n_cells[:t], 1),
            "percent_left": left.left,
            "percent_left_low": left.low,
            "percent_left_high": left.high,
            "percent_left_p": np.where(measured, effects["p_value"][rows, own], np.nan),
            "measurable": left.measurable,
        },
        index=pd.Index(inputs.cells.targets, name="target", dtype=object),
    )
    table = table.join(_changed(effects, table.index))
    kinds = ("target", "guide", "fold")
    moments = {kind: GroupSums(folder / "moments.h5", kind, inputs.values.n_genes) for kind in kinds}
    control_mean = moments["target"].row("sum_normalized", t) / max(n_cells[t], 1)
    genes["control_mean"] = control_mean
    table["guide_r"], guides["r_with_rest"] = _guide_agreement(groups, moments, inputs, guides, control_mean)
    table["batch_r"] = _batch_agreement(groups, moments, inputs, control_mean)
    table["stratum_p"], table["stratum_warning"] = _association(groups)
    table["falls_as_far"] = _falls_as_far(effects, moments, groups, inputs, table, control_mean)
    table["neighbours"] = _neighbours_that_fall(effects, inputs)
    table["strength"] = _strength(table["n_significant"])
    pooled = pd.DataFrame(
        {"n_cells": [int(n_cells[:t].sum())]},
        index=pd.Index([ALL_PERTURBED], name="target", dtype=object),
    )
    pooled = pooled.join(_changed(map_arrays(folder / "pooled.h5ad", "layers"), pooled.index))
    pooled["strength"] = _strength(pooled["n_significant"])
    return table, pooled


def _strength(n_significant: pd.Series) -> np.ndarray:
    """VCC's cuts: more than 100 genes strong, 10 to 100 subtle, fewer negligible."""
    return np.select([n_significant > STRONG, n_significant >= SUBTLE], ["strong", "subtle"], "negligible")


def _changed(effects: dict[str, np.ndarray], index: pd.Index) -> pd.DataFrame:
    """Genes at FDR < 0.05, those among them that change at least 1.4-fold, down and up."""
    rows = []
    for target in letting_go(range(len(index)), effects):
        row: dict[str, int] = {}
        for suffix in ("", "_stratified"):
            if f"fdr{suffix}" in effects:
                change = np.asarray(effects[f"log2_fold_change{suffix}"][target])
                significant = np.asarray(effects[f"fdr{suffix}"][target]) < FDR_THRESHOLD
                large = significant & (np.abs(change) >= np.log2(FOLD_THRESHOLD))
                row |= {
                    f"n_significant{suffix}": int(significant.sum()),
                    f"n_changed{suffix}": int(large.sum()),
                    f"n_down{suffix}": int((large & (change < 0)).sum()),
                    f"n_up{suffix}": int((large & (change > 0)).sum()),
                }
        rows.append(row)
    columns = ["n_significant", "n_changed", "n_down", "n_up"]
    return pd.DataFrame(rows, index=index, columns=None if rows else columns)


def _guide_agreement(
    groups: Groups,
    moments: dict[str, GroupSums],
    inputs: TableInputs,
    guides: pd.DataFrame,
    control_mean: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Median correlation between a target's guides, and each guide's median with its fellows; own gene left out.

    Deltas of two guides share their controls, whose sampling noise alone makes them agree. Its variance is taken out of
    their covariance, as if every guide had controls of its own.
    """
    t, n = groups.n_targets, groups.target_cells
    expressed = _expressed(control_mean)
    control = moments["target"].row("sum_log", t) / max(n[t], 1)
    squares = moments["target"].row("sum_log_squared", t) / max(n[t], 1)
    noise = (squares - control**2) / max(n[t] - 1, 1)
    of_target, of_guide = np.full(t, np.nan), np.full(len(guides), np.nan)
    big = guides["n_cells"].to_numpy() >= MIN_GUIDE_CELLS
    numbers = guides.groupby("target", sort=False).indices
    for k, target in enumerate(letting_go(inputs.cells.targets, moments["guide"].maps)):
        rows = [r for r in numbers.get(target, []) if big[r]]
        if len(rows) < 2 or n[t] < 2:
            continue
        keep = expressed.copy()
        if inputs.own_gene[k] >= 0:
            keep[inputs.own_gene[k]] = False
        if keep.sum() < 3:
            continue
        deltas = (
            moments["guide"].rows("sum_log", guides["row"].to_numpy()[rows])[:, keep]
            / guides["n_cells"].to_numpy()[rows, None]
            - control[keep]
        )
        covariance = np.cov(deltas) - noise[keep].mean() * (1 - np.eye(len(rows)))
        sd = np.sqrt(np.diag(covariance))
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.clip(covariance / np.outer(sd, sd), -1, 1)
        np.fill_diagonal(r, np.nan)
        of_guide[rows] = np.nanmedian(r, axis=1) if np.isfinite(r).any() else np.nan
        upper = r[np.triu_indices(len(rows), 1)]
        of_target[k] = np.nanmedian(upper) if np.isfinite(upper).any() else np.nan
    return of_target, of_guide


def _expressed(control_mean: np.ndarray) -> np.ndarray:
    """Genes whose profile says something: at least 0.05 counts a control cell, or all if hardly any reaches that."""
    expressed = control_mean >= 0.05
    return expressed if expressed.sum() >= 10 else np.ones_like(expressed)


def _batch_agreement(
    groups: Groups, moments: dict[str, GroupSums], inputs: TableInputs, control_mean: np.ndarray
) -> np.ndarray:
    """Correlation of the deltas in the even and the odd folds of batches, each against its own controls."""
    t, folds = groups.n_targets, groups.n_folds
    result = np.full(t, np.nan)
    if folds < 2:
        return result
    cells = np.zeros((t + 1, folds))
    np.add.at(cells.T, groups.fold_of_batch, groups.batches.table(t, groups.n_batches).T)
    expressed = _expressed(control_mean)

    def half(target: int, parity: int) -> tuple[np.ndarray, float]:
        rows = target * folds + np.arange(parity, folds, 2)
        return moments["fold"].rows("sum_log", rows).sum(axis=0, dtype=float), cells[target, parity::2].sum()

    controls = [half(t, parity) for parity in (0, 1)]
    for k in letting_go(range(t), moments["fold"].maps):
        halves = [half(k, parity) for parity in (0, 1)]
        if min(n for _, n in (*controls, *halves)) < MIN_GUIDE_CELLS:
            continue
        keep = expressed.copy()
        if inputs.own_gene[k] >= 0:
            keep[inputs.own_gene[k]] = False
        a, b = (h / n - c / m for (h, n), (c, m) in zip(halves, controls, strict=True))
        if keep.sum() >= 3 and a[keep].std() > 0 and b[keep].std() > 0:
            result[k] = np.corrcoef(a[keep], b[keep])[0, 1]
    return result


def _association(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    cells = groups.strata.table(groups.n_targets, groups.n_strata)
    found = [association(row, cells[groups.n_targets]) for row in cells[: groups.n_targets]]
    return np.array([p for p, _ in found], float), np.array([warn for _, warn in found], bool)


def _falls_as_far(
    effects: dict[str, np.ndarray],
    moments: dict[str, GroupSums],
    groups: Groups,
    inputs: TableInputs,
    table: pd.DataFrame,
    control_mean: np.ndarray,
) -> list[str]:
    """Other genes of which as little is left as of the target's own: off-target, next door, or real."""
    found = []
    for k in letting_go(range(groups.n_targets), moments["target"].maps, effects):
        mean = moments["target"].row("sum_normalized", k) / max(groups.target_cells[k], 1)
        left = mean / np.where(control_mean >= 0.05, control_mean, np.nan)
        own = table["percent_left"].iat[k]
        limit = max(FALLS_AS_FAR, own) if np.isfinite(own) and own < 0.5 else FALLS_AS_FAR
        falls = (left <= limit) & (np.asarray(effects["fdr"][k]) < FDR_THRESHOLD)
        if inputs.own_gene[k] >= 0:
            falls[inputs.own_gene[k]] = False
        genes = np.flatnonzero(falls)
        genes = genes[np.argsort(left[genes])][:5]
        found.append(", ".join(f"{inputs.symbols[g]} ({left[g]:.0%} left)" for g in genes))
    return found


def _neighbours_that_fall(effects: dict[str, np.ndarray], inputs: TableInputs) -> list[str]:
    """Genes next door on the genome that fall with a target."""
    place = {symbol: g for g, symbol in enumerate(inputs.symbols)}
    found = []
    for k, own in enumerate(inputs.own_gene):
        near = neighbours(str(inputs.symbols[own])) if own >= 0 else []
        measured = [(name, place[name]) for name in near if name in place]
        falls = [n for n, g in measured if effects["fdr"][k, g] < FDR_THRESHOLD and effects["delta"][k, g] < 0]
        found.append(", ".join(falls))
    return found


def _distances(inputs: TableInputs, groups: Groups, genes: pd.DataFrame, threads: int, report: Report) -> np.ndarray:
    variable = np.flatnonzero(genes["highly_variable"].to_numpy())
    return distances_to_controls(inputs.values, groups, inputs.factors, variable, threads, report, SEED)


def _part_table(inputs: TableInputs, groups: Groups, names: tuple[str, ...], part: np.ndarray) -> pd.DataFrame:
    """Cells, controls and the median total of every batch or stratum."""
    kind = np.full(part.size, 2)
    bounds = np.concatenate([[0], np.cumsum(groups.target_cells)])
    t = groups.n_targets
    kind[groups.order[: bounds[t]]] = 0
    kind[groups.order[bounds[t] : bounds[t + 1]]] = 1
    frame = pd.DataFrame({"part": part, "kind": kind, "total": inputs.values.totals})
    frame = frame[frame["kind"] < 2]
    grouped = frame.groupby("part")
    return pd.DataFrame(
        {
            "n_cells": grouped.size().reindex(range(len(names)), fill_value=0).to_numpy(),
            "n_control": grouped["kind"].sum().reindex(range(len(names)), fill_value=0).to_numpy(),
            "median_total": grouped["total"].median().reindex(range(len(names))).to_numpy(),
        },
        index=pd.Index(list(names), name="name", dtype=object),
    )


def _control_set_table(inputs: TableInputs, swept: Swept) -> pd.DataFrame:
    significant = count_below(swept.calibration.astype(np.float64), FDR_THRESHOLD)
    names = [
        inputs.cells.guides[n] if kind == "guide" else f"random set {n + 1}"
        for kind, n in zip(swept.sets.kind, swept.sets.name, strict=True)
    ]
    return pd.DataFrame(
        {"kind": swept.sets.kind, "name": names, "n_cells": swept.sets.n_cells, "n_significant": significant}
    )


def _histogram(values: np.ndarray, groups: Groups, n_bins: int = 60) -> pd.DataFrame:
    """Control and perturbed cells in bins of equal width on a log axis."""
    t = groups.n_targets
    bounds = np.concatenate([[0], np.cumsum(groups.target_cells)])
    positive = values[groups.order]
    positive = positive[positive > 0]
    if not positive.size:
        return pd.DataFrame({"left": [], "right": [], "control": [], "perturbed": []})
    low, high = positive.min(), max(positive.max(), positive.min() * 1.01)
    edges = np.geomspace(low, high * (1 + 1e-9), n_bins + 1)
    perturbed = np.histogram(values[groups.order[: bounds[t]]], edges)[0]
    control = np.histogram(values[groups.order[bounds[t] : bounds[t + 1]]], edges)[0]
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "control": control, "perturbed": perturbed})


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
