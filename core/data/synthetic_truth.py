"""Truth of the simulated screen: what was planted in it, as records ready for JSON."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.synthetic_counts import Simulation
from core.data.synthetic_design import CONTROL_LABEL, N_FOLDS, Floats, help_text
from core.data.synthetic_network import Network, dealing_order

_SMALL_FOLD = 0.02  # natural log: smaller true changes are not listed in the truth


def planted_truth(simulation: Simulation) -> dict[str, Any]:
    """What was planted; asked for after the blocks were drawn, since the true folds are of the very cells."""
    net, cells = simulation.network, simulation.cells
    regulators = net.symbols[net.regulators]
    return {
        "schema": 1,
        "simulated": True,
        "description": help_text,
        "size": {
            "cells": simulation.n_cells,
            "genes": simulation.n_genes,
            "targets": simulation.n_targets,
            "seed": simulation.seed,
        },
        "design": asdict(simulation.design),
        "genes": {
            "symbol": net.symbols.tolist(),
            "module": net.module.tolist(),
            "loading": net.loading.round(4).tolist(),
        },
        "regulators": _regulator_records(net),
        "edges": {
            "on_genes": _edge_records(net.on_genes, regulators, net.symbols),
            "on_regulators": _edge_records(net.on_regulators, regulators, regulators),
        },
        "inert_targets": [t for t, s in zip(net.targets, net.strength[net.screened], strict=True) if s == 0],
        "guides": {
            guide: {"target": net.targets[t] if t >= 0 else CONTROL_LABEL, "knock_down": float(knock_down)}
            for guide, t, knock_down in zip(cells.guides, cells.guide_target, cells.guide_knock_down, strict=True)
        },
        "log2_fold_change": _true_folds(simulation),
        "responsiveness": {
            "modules": list(range(simulation.design.n_modules)),
            "cells": cells.responsiveness.round(3).tolist(),
        },
        "features": {
            "names": list(simulation.features.names),
            "matrix": simulation.features.matrix.astype(float).round(4).tolist(),
        },
        "split": _ready_split(net.targets),
    }


def _true_folds(simulation: Simulation) -> dict[str, dict[str, float]]:
    symbols = simulation.network.symbols.tolist()
    return {
        target: {symbols[g]: round(float(row[g] / np.log(2)), 4) for g in np.flatnonzero(np.abs(row) > _SMALL_FOLD)}
        for target, row in zip(simulation.network.targets, simulation.log_folds(), strict=True)
    }


def _ready_split(targets: list[str]) -> dict[str, Any]:
    held_out = set(dealing_order(len(targets))[::N_FOLDS].tolist())
    return {
        "seed": 0,
        "rule": "held out of the sorted targets: "
        f"numpy.random.default_rng(0).permutation({len(targets)})[0::{N_FOLDS}]",
        "train": [target for i, target in enumerate(targets) if i not in held_out],
        "held_out": [target for i, target in enumerate(targets) if i in held_out],
    }


def _regulator_records(network: Network) -> dict[str, dict[str, Any]]:
    screened = set(network.screened.tolist())
    records: dict[str, dict[str, Any]] = {}
    for r, gene in enumerate(network.regulators):
        own = int(network.module[gene])
        second = next((m for m in np.flatnonzero(network.membership[r]).tolist() if m != own), None)
        records[str(network.symbols[gene])] = {
            "module": own,
            "second_module": second,
            "second_weight": 0.0 if second is None else round(float(network.membership[r, second]), 4),
            "direction": int(network.direction[r]),
            "strength": round(float(network.strength[r]), 4),
            "screened": r in screened,
        }
    return records


def _edge_records(weights: Floats, sources: NDArray[np.str_], ends: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    return {
        str(source): {str(ends[i]): round(float(row[i]), 3) for i in np.flatnonzero(row)}
        for source, row in zip(sources, weights, strict=True)
    }
