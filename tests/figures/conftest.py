"""Small views with planted effects, in the shape that core.views gives them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.figures import FIGURES
from core.views.methods import Methods
from tests.figures.cell_views import make_cell_state, make_pathways, make_responders
from tests.figures.gene_views import make_all_genes, make_gene, make_gene_cells
from tests.figures.qq_views import make_qq


def make_genes(n_genes: int = 3000, seed: int = 0, fdr: float = 0.05, fold: float = 1.4) -> pd.DataFrame:
    """Genes of which one in ten changes, GENE0 (the target's own) most of all."""
    rng = np.random.default_rng(seed)
    control = rng.lognormal(-1.5, 2.2, n_genes)
    change = np.where(rng.random(n_genes) < 0.1, rng.normal(0, 1.2, n_genes), rng.normal(0, 0.08, n_genes))
    control[0], change[0] = 5.0, -4.8
    perturbed = control * 2.0**change
    control[1:4], perturbed[1:4] = 0.0, [0.0, 0.5, 0.0]
    control[4], perturbed[4] = 0.5, 0.0
    log2_fold_change = np.log2((perturbed + 0.01) / (control + 0.01))
    log10_p = -np.minimum(np.abs(log2_fold_change) * np.sqrt(control + perturbed) * rng.uniform(20, 80, n_genes), 900)
    ctrl_mean, pert_mean = np.log1p(control) * 0.9, np.log1p(perturbed) * 0.9
    delta = pert_mean - ctrl_mean
    p = 10.0 ** np.maximum(log10_p, -330)
    q = np.minimum(10 * p, 1.0)
    changed = (q < fdr) & (np.abs(log2_fold_change) >= np.log2(fold))
    table = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n_genes)],
            "ctrl_mean": ctrl_mean,
            "pert_mean": pert_mean,
            "delta": delta,
            "delta_low": delta - 0.02,
            "delta_high": delta + 0.02,
            "ctrl_mean_counts": control,
            "pert_mean_counts": perturbed,
            "ctrl_mean_normalized": control,
            "pert_mean_normalized": perturbed,
            "log2_fold_change": log2_fold_change,
            "p_value": p,
            "log10_p": log10_p,
            "fdr": q,
            "changed": changed,
            "role": np.where(~changed, "neutral", np.where(delta < 0, "down", "up")),
        }
    )
    return table.set_index("gene", drop=False).rename_axis(None)


def make_perturbation(n_genes: int = 3000, simulated: bool = False, target: str = "GENE0") -> SimpleNamespace:
    """A perturbation's view."""
    genes = make_genes(n_genes)
    guides = pd.DataFrame(
        {
            "target": target,
            "guide": ["guide-B", "guide-A", "guide-C"],
            "n_cells": [300, 250, 2],
            "percent_left": [0.05, 0.2, np.nan],
            "low": [0.03, 0.15, np.nan],
            "high": [0.07, 0.25, np.nan],
            "r_with_rest": [0.8, 0.8, np.nan],
        }
    )
    return SimpleNamespace(
        target=target,
        modality="knock-down",
        simulated=simulated,
        study_name="screen",
        fdr=0.05,
        fold=1.4,
        n_target=552,
        n_control=4000,
        genes=genes,
        guides=guides,
        own_genes=(target,) if target in genes.index else (),
        test_name="two-sided Mann-Whitney U",
        scale_name="log-normalized",
        methods=make_methods(f"{target}: 552 cells against 4,000 controls"),
    )


def make_methods(who: str) -> Methods:
    """The parts of a methods sentence."""
    return Methods(who, "log1p of shares", "shares", "two-sided Mann-Whitney U", "changed: FDR < 0.05")


def make_study(n_targets: int = 150, simulated: bool = False, seed: int = 0) -> SimpleNamespace:
    """A study's view: every tenth target unmeasurable, the first three with few cells, the last one without effect."""
    rng = np.random.default_rng(seed)
    left = np.sort(rng.beta(1.5, 6, n_targets))
    left[9::10] = np.nan
    cells = rng.integers(120, 4000, n_targets)
    cells[:3] = [12, 40, 99]
    found = np.maximum(rng.lognormal(3, 2, n_targets).astype(int), 1)
    found[-1] = 0
    names = [f"TARGET{i}" for i in range(n_targets)]
    targets = pd.DataFrame(
        {
            "target": names,
            "own_gene": names,
            "n_cells": cells,
            "n_guides": 2,
            "n_batches": 3,
            "percent_left": left,
            "percent_left_low": left * 0.8,
            "percent_left_high": left * 1.2,
            "n_significant": found,
            "n_changed": found // 2,
            "strength": np.where(found > 100, "strong", np.where(found >= 10, "subtle", "negligible")),
            "outcome": np.where(np.isfinite(left), "falls", "hardly expressed"),
        },
        index=names,
    )
    control_sets = pd.DataFrame(
        [("random", f"random set {k}", size, k % 3) for size in (50, 400, 1600) for k in range(20)],
        columns=["kind", "name", "n_cells", "n_significant"],
    )
    edges = np.geomspace(1000, 60000, 61)
    middle = np.exp(-((np.log(edges[:-1] / 9000) / 0.4) ** 2))
    histogram = pd.DataFrame(
        {"left": edges[:-1], "right": edges[1:], "control": (200 * middle).round(), "perturbed": (900 * middle).round()}
    )
    genes = make_genes().assign(mean=lambda g: g["ctrl_mean_counts"], mean_log=lambda g: g["ctrl_mean"])
    return SimpleNamespace(
        study_name="screen",
        simulated=simulated,
        n_cells=12000,
        control_sets=control_sets,
        targets=targets,
        genes=genes,
        totals_histogram=histogram,
        genes_seen_histogram=histogram,
        methods=make_methods("screen: 150 targets"),
    )


def make_pair(subject: str = "pair", n_genes: int = 3000, simulated: bool = False, seed: int = 0) -> SimpleNamespace:
    """Two profiles side by side: genes that change in both alike and unlike, in one alone, in neither."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.05, (2, n_genes))
    role = np.array(["neutral"] * n_genes, dtype=object)
    x[:20], y[:20], role[:20] = 1.0, 0.8, "up"
    x[20:30], y[20:30], role[20:30] = -1.0, -0.6, "down"
    x[30:36], y[30:36], role[30:36] = 0.9, -0.7, "down" if subject == "combination" else "accent"
    x[36:40], x[40] = 0.5, -6.0  # the last one is what was perturbed
    changed_x, changed_y = np.abs(x) > 0.3, np.abs(y) > 0.3
    genes = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n_genes)],
            "x": x,
            "y": y,
            "fdr_x": np.where(changed_x, 1e-9, 0.6),
            "fdr_y": np.where(changed_y, 1e-9, 0.6),
            "changed_x": changed_x,
            "changed_y": changed_y,
            "changed": changed_x | changed_y,
            "role": role,
        }
    ).set_index("gene", drop=False)
    return SimpleNamespace(
        key="pair",
        study_name="screen",
        target="KLF1 and MAPK1",
        modality="combined" if subject == "combination" else "compared",
        simulated=simulated,
        genes=genes.rename_axis(None),
        x_title="KLF1: delta, log-normalized",
        y_title="MAPK1: delta, log-normalized",
        x_name="KLF1",
        y_name="MAPK1",
        own_genes=("GENE40",),
        n_cells=4200,
        said="Dots: genes that change.",
        identity=True,
        r_drawn=0.5,
        methods=make_methods("KLF1 (100 cells) and MAPK1 (100 cells) against 4,000 controls"),
    )


def make_map(n_targets: int = 12, n_genes: int = 8, simulated: bool = False) -> SimpleNamespace:
    """A map in which the first three targets are a group, and one value lies beyond the colors."""
    rng = np.random.default_rng(0)
    delta = rng.normal(0, 0.1, (n_targets, n_genes))
    delta[0, 0] = 3.0
    targets = tuple(f"TARGET{i}" for i in range(n_targets))
    return SimpleNamespace(
        study_name="screen",
        simulated=simulated,
        targets=targets,
        genes=tuple(f"GENE{i}" for i in range(n_genes)),
        delta=delta,
        fdr=np.where(np.abs(delta) > 0.2, 0.01, 0.9),
        r=np.corrcoef(delta),
        limit=0.5,
        groups=pd.DataFrame({"group": ["A"], "targets": [targets[:3]], "n": [3], "r": [0.6], "words": ["GENE1 rises"]}),
        group=("A", "A", "A", *[""] * (n_targets - 3)),
        n_all=150,
        marked=("TARGET2",),
        scale="log-normalized",
        definition="Pearson's r.",
        n_cells=12000,
        methods=make_methods("screen: 150 targets"),
    )


def units(spec: dict[str, Any], data: Any = None) -> Iterator[dict[str, Any]]:
    """All single views of a specification, each with its data."""
    own = spec.get("data", data)
    if "layer" in spec:
        for layer in spec["layer"]:
            yield from units(layer, own)
    else:
        yield spec | {"data": own}


def named(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """The view of that name."""
    return next(u for u in units(spec) if u.get("name") == name)


def rows(unit: dict[str, Any]) -> list[dict[str, Any]]:
    """A view's rows."""
    values: list[dict[str, Any]] = unit["data"]["values"]
    return values


def marks(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """All views with that mark."""
    return [u for u in units(spec) if u["mark"]["type"] == kind]


@pytest.fixture(scope="session")
def view() -> SimpleNamespace:
    """A perturbation that changes several hundred of 3,000 genes."""
    return make_perturbation()


@pytest.fixture(scope="session")
def study() -> SimpleNamespace:
    """A study of 150 targets."""
    return make_study()


@pytest.fixture(scope="session")
def subject(view, study):
    """The view that a figure takes."""
    views = {"perturbation": view, "study": study, "genes": make_all_genes(), "gene": make_gene()}
    views |= {"gene_cells": make_gene_cells(), "map": make_map(), "responders": make_responders()}
    views |= {name: make_pair(name) for name in ("pair", "combination", "studies")}
    views |= {"pathways": make_pathways(), "cell_state": make_cell_state(), "qq": make_qq()}
    return lambda name: views[FIGURES[name].subject]


@pytest.fixture(scope="session")
def makers() -> SimpleNamespace:
    """The makers of views, for tests that need others."""
    return SimpleNamespace(perturbation=make_perturbation, study=make_study, pair=make_pair, map=make_map)


@pytest.fixture(scope="session")
def read() -> SimpleNamespace:
    """Reading a Vega-Lite specification."""
    return SimpleNamespace(units=units, named=named, rows=rows, marks=marks)
