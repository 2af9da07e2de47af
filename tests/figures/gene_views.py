"""Views of genes with planted movers, in the shape that core.views gives them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from core.stats.curves import group_curves, share_interval
from core.views.gene_cells import Distribution
from core.views.genes import quadrants
from core.views.methods import Methods

WHO = "GENE7 in 9,000 cells of 40 targets against 4,000 controls"
METHODS = Methods(WHO, "log1p of shares", "shares", "two-sided Mann-Whitney U", "moved: FDR < 0.05")


def make_gene(n_targets: int = 40, n_moved: int = 6, simulated: bool = False, gene: str = "GENE7") -> SimpleNamespace:
    """A gene that the first targets move, by turns down and up; the last one perturbs it itself."""
    rng = np.random.default_rng(1)
    delta = rng.normal(0, 0.03, n_targets)
    delta[:n_moved] = np.linspace(1.2, 0.5, n_moved) * np.where(np.arange(n_moved) % 2, 1, -1)
    moved = np.arange(n_targets) < n_moved
    table = pd.DataFrame(
        {
            "target": [f"TARGET{k}" for k in range(n_targets)],
            "n_cells": 100 + np.arange(n_targets),
            "ctrl_mean": 1.5,
            "pert_mean": 1.5 + delta,
            "delta": delta,
            "delta_low": delta - 0.1,
            "delta_high": delta + 0.1,
            "log2_fold_change": 1.5 * delta,
            "p_value": np.where(moved, 1e-9, 0.5),
            "log10_p": np.where(moved, -9.0, -0.3),
            "fdr": np.where(moved, 1e-6, 0.9),
            "pct_control": 0.8,
            "pct_target": 0.7,
            "role": np.where(~moved, "neutral", np.where(delta < 0, "down", "up")),
            "own": np.arange(n_targets) == n_targets - 1,
            "next_door": np.arange(n_targets) == 1,
        },
        index=[f"TARGET{k}" for k in range(n_targets)],
    )
    return SimpleNamespace(
        gene=gene,
        study_name="screen",
        simulated=simulated,
        modality="knock-down",
        fdr=0.05,
        fold=1.4,
        n_cells=9000,
        movers=table,
        others=table[~table["own"]],
        n_moved_by=n_moved,
        scale_name="log-normalized",
        methods=METHODS,
    )


def make_gene_cells(n_groups: int = 5, simulated: bool = False, few: int = 6) -> SimpleNamespace:
    """A gene in the cells of some groups; in the last one so few cells show it that each is drawn."""
    rng = np.random.default_rng(2)
    group = rng.integers(0, n_groups, 4000)
    values = np.where(rng.random(4000) < 0.7, rng.gamma(4, 0.4, 4000), 0.0)
    last = np.flatnonzero(group == n_groups - 1)
    values[last[few:]] = 0.0
    values[last[:few]] = 1.0
    curves = group_curves(values, group, n_groups)
    low, high = share_interval(curves.n_shown, curves.n)
    rows = pd.DataFrame(
        {
            "group": ["controls", *(f"TARGET{k}" for k in range(1, n_groups))],
            "role": (["neutral", "down", "up", "observed"] * n_groups)[:n_groups],
            "n": curves.n,
            "n_shown": curves.n_shown,
            "share": curves.n_shown / curves.n,
            "share_low": low,
            "share_high": high,
            "mean": curves.mean,
        }
    )
    density = np.where((curves.n_shown < 20)[:, None], 0.0, curves.density)
    ticks = pd.DataFrame({"row": n_groups - 1, "value": values[last[:few]]})
    found = Distribution(rows, curves.at, density, ticks, "Controls and others.")
    return SimpleNamespace(
        gene="GENE7",
        study_name="screen",
        simulated=simulated,
        n_cells=4000,
        methods=METHODS,
        by=lambda _grouping: found,
    )


def make_all_genes(n_genes: int = 3000, n_variable: int = 700, simulated: bool = False) -> SimpleNamespace:
    """Genes of which the most dispersed are highly variable; the last ten are never seen."""
    rng = np.random.default_rng(3)
    mean = rng.lognormal(-1.5, 2.2, n_genes)
    dispersion = np.sort(rng.gamma(1, 1.3, n_genes) - 1.5)[::-1].copy()
    mean[-10:], dispersion[-10:] = 0.0, np.nan
    table = pd.DataFrame(
        {
            "gene": [f"GENE{k}" for k in range(n_genes)],
            "gene_id": "",
            "mean": mean,
            "mean_log": np.log1p(mean),
            "mean_normalized": mean,
            "means": np.log1p(mean),
            "dispersions": dispersion,
            "dispersions_norm": dispersion,
            "highly_variable": np.arange(n_genes) < n_variable,
            "nonzero_fraction": -np.expm1(-mean),
            "ctrl_mean": np.log1p(mean),
            "ctrl_mean_normalized": mean,
            "pct_control": -np.expm1(-mean),
            "count_share": mean / mean.sum(),
        }
    )
    table.index = pd.Index(table["gene"], name=None)
    cuts = float(np.median(mean[:-10])), float(np.median(dispersion[:-10]))
    table["quadrant"] = quadrants(table, *cuts)
    return SimpleNamespace(
        title="Genes", study_name="screen", simulated=simulated, n_cells=12000, genes=table, mean_cut=cuts[0],
        dispersion_cut=cuts[1], moved_cuts=False, has_counts=True, methods=METHODS,
    )  # fmt: skip
