"""Tables of cells: how many there are in every batch, stratum and set of controls, and how their totals are spread."""

import numpy as np
import pandas as pd

from core.schema import FDR_THRESHOLD
from core.stats.fdr import count_below
from core.stats.groups import Groups
from core.store.sweep import Swept
from core.store.table_inputs import TableInputs


def part_table(inputs: TableInputs, groups: Groups, names: tuple[str, ...], part: np.ndarray) -> pd.DataFrame:
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


def control_set_table(inputs: TableInputs, swept: Swept) -> pd.DataFrame:
    """How many genes every set of controls seems to change when it is tested against the others."""
    tests = {"": swept.calibration, "_stratified": swept.calibration_within}
    names = [
        inputs.cells.guides[n] if kind == "guide" else f"random set {n + 1}"
        for kind, n in zip(swept.sets.kind, swept.sets.name, strict=True)
    ]
    table = pd.DataFrame({"kind": swept.sets.kind, "name": names, "n_cells": swept.sets.n_cells})
    for test, log10_p in tests.items():
        if log10_p is not None:
            table[f"n_significant{test}"] = count_below(log10_p.astype(np.float64), FDR_THRESHOLD)
            table[f"smallest_log10_p{test}"] = np.nan_to_num(log10_p, nan=0.0).min(axis=1, initial=0.0)
    return table


def histogram(values: np.ndarray, groups: Groups, n_bins: int = 60) -> pd.DataFrame:
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
