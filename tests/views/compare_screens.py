"""A screen with relations planted between targets: alike, opposite, a combination, one without effect."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

N_GENES, N_BATCHES = 80, 6
UP, DOWN = range(20, 32), range(32, 40)
"""Genes that the program of GENE1, GENE2 and, the other way round, GENE3 moves."""
OTHER = range(45, 60)
"""Genes that GENE4 moves."""


def effects() -> dict[str, np.ndarray]:
    """Log fold changes of every target."""
    program, other = np.zeros((2, N_GENES))
    program[list(UP)], program[list(DOWN)], other[list(OTHER)] = 0.8, -0.8, -0.7
    found = {"GENE1": program, "GENE2": 0.8 * program, "GENE3": -0.9 * program, "GENE4": other}
    found |= {"GENE1+GENE4": program + other, "GENE5": np.zeros(N_GENES), "GENE6": np.zeros(N_GENES)}
    found = {target: effect.copy() for target, effect in found.items()}
    for target, effect in found.items():
        for part in target.split("+"):
            effect[int(part.removeprefix("GENE"))] = -2.0
    found["GENE1"][2] = 0.9  # raises GENE2
    return found


def compare_screen(
    path: Path, *, names: str = "GENE{}", cells: int = 240, seed: int = 0, batches: bool = True, drop: str = ""
) -> Path:
    """Write the screen; ``names`` renames genes and targets alike, ``drop`` leaves a target out."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(7).uniform(4, 20, N_GENES)
    label, counts = [], []
    for target, effect in ({"non-targeting": np.zeros(N_GENES)} | effects()).items():
        if target == drop:
            continue
        n = 2 * cells if target == "non-targeting" else cells
        depth = rng.lognormal(0, 0.2, (n, 1))
        counts.append(rng.poisson(base * np.exp(effect) * depth))
        label += [target] * n
    renamed = [
        "+".join(names.format(p.removeprefix("GENE")) for p in t.split("+")) if t != "non-targeting" else t
        for t in label
    ]
    obs = pd.DataFrame({"target_gene": renamed}, index=[f"c{k}" for k in range(len(label))])
    if batches:
        obs["batch"] = [f"b{k}" for k in rng.integers(0, N_BATCHES, len(label))]
    var = pd.DataFrame(index=[names.format(g) for g in range(N_GENES)])
    ad.AnnData(np.vstack(counts).astype(np.float32), obs=obs, var=var).write_h5ad(path)
    return path
