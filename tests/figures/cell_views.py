"""Views of pathways, cell state and responders, made by hand for the tests of figures."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from core.stats.responders import Share
from core.views.methods import Methods

METHODS = Methods(
    "GENE0: 552 cells against 4,000 controls", "log1p of shares", "shares", "two-sided Mann-Whitney U",
    "changed: FDR < 0.05",
)  # fmt: skip
ABOUT = {"target": "GENE0", "modality": "knock-down", "study_name": "screen", "n_target": 552, "n_control": 4000}


def make_pathways(n_sets: int = 40, simulated: bool = False, n_sure: int = 12) -> SimpleNamespace:
    """Sets of which the first ``n_sure`` pass; every third falls, the fourth repeats the first."""
    names = [f"HALLMARK_PROCESS_NUMBER_{k}_OF_A_CELL" for k in range(n_sets)]
    fdr = np.where(np.arange(n_sets) < n_sure, 10.0 ** (np.arange(n_sets) - 30.0), 0.5)
    table = pd.DataFrame(
        {
            "set": names,
            "name": [f"Process number {k} of a cell" for k in range(n_sets)],
            "direction": ["down" if k % 3 == 2 else "up" for k in range(n_sets)],
            "n_measured": 50,
            "n_hits": np.maximum(40 - np.arange(n_sets), 1),
            "expected": 2.0,
            "auc": 0.7,
            "p_value": fdr / 10,
            "fdr": fdr,
            "genes": ", ".join(f"GENE{k}" for k in range(9)),
            "stands_for": [names[0] if k == 3 else name for k, name in enumerate(names)],
            "n_alike": 0,
            "description": "about",
        }
    )
    view = SimpleNamespace(
        **ABOUT, simulated=simulated, methods=METHODS, collection="Hallmark", listed=table, profile=table.iloc[::-1],
        n_up=239, n_down=475, n_background=2990,
    )  # fmt: skip
    view.table = lambda test: view.profile if test == "profile" else view.listed
    return view


def make_cell_state(simulated: bool = False) -> SimpleNamespace:
    """Five quantities, one of which falls."""
    rows: list[tuple[Any, ...]] = [
        ("Total counts", "median", 54815.0, 55100.0, -285.0, 0.49, 0.46, 0.52, 552, 4000, 0.4, 0.4, "neutral"),
        ("Genes seen", "median", 6000.0, 6010.0, -10.0, 0.49, 0.47, 0.52, 552, 4000, 0.4, 0.4, "neutral"),
        ("Mitochondrial", "median share", 0.04, 0.05, -0.01, 0.44, 0.41, 0.47, 552, 4000, 1e-4, 3e-4, "down"),
        ("In S", "share", 0.21, 0.38, -0.17, 0.415, 0.39, 0.44, 552, 4000, 1e-9, 5e-9, "down"),
        ("In G2 or M", "share", 0.3, 0.2, 0.1, 0.55, 0.52, 0.58, 552, 4000, 1e-3, 2e-3, "up"),
    ]
    columns = "quantity kind target control difference auc low high n_target n_control p_value fdr role".split()
    return SimpleNamespace(
        **ABOUT, simulated=simulated, methods=METHODS, within="batch", rows=pd.DataFrame(rows, columns=columns)
    )


def make_responders(simulated: bool = False) -> SimpleNamespace:
    """Scores of cells of which two thirds respond."""
    edges = np.linspace(-3, 9, 41)
    middle = (edges[1:] + edges[:-1]) / 2
    control = np.exp(-(middle**2) / 2)
    target = control / 3 + np.exp(-((middle - 5) ** 2) / 4)
    table = {"left": edges[:-1], "right": edges[1:], "control": control / control.sum()}
    return SimpleNamespace(
        **ABOUT, simulated=simulated, methods=METHODS, fdr=0.05, fold=1.4, share=Share(552, 0.66, 0.6, 0.71),
        guides=pd.DataFrame({"guide": ["a", "b"], "n_cells": [300, 252], "at_least": [0.9, 0.4]}),
        histogram=pd.DataFrame(table | {"target": target / target.sum()}), median=0.0, n_genes=100, why_not="",
    )  # fmt: skip
