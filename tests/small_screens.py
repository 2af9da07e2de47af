"""Small screens with planted effects, written by the tests themselves so that a checkout alone proves the claims.

The screen has all that a real one has: uneven targets, two guides a target, batches, strata, cells without a count,
cells without a label, an unused category, a target that is measured nowhere, and an empty gene.
"""

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

CONTROL = "non-targeting"
FALLS = {"GENE3": 0.15, "GENE7": 0.4, "GENE11": 0.2, "GENE20": 1.0}
"""What is left of each target's own transcript; GENE20's guides do nothing."""

ANSWERS = {"GENE3": (2, 4.0), "GENE7": (5, 0.3), "GENE11": (6, 3.0)}
"""The gene that answers to each knock-down, and its fold."""

UNMEASURED = "STAT1"
"""A target that is no gene of the screen."""


@dataclass(frozen=True)
class Screen:
    """A screen as the test made it: what any reference is computed from.

    Parameters
    ----------
    counts
        Cells x genes, int64.
    obs, var
        As written.
    """

    counts: np.ndarray
    obs: pd.DataFrame
    var: pd.DataFrame

    @property
    def var_names(self) -> list[str]:
        """The genes' names."""
        return self.var.index.tolist()

    def adata(self, layout: str = "csr", dtype: str = "float32") -> ad.AnnData:
        """The screen as AnnData, X in ``layout`` (csr, csc or dense)."""
        matrix = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}[layout](self.counts.astype(dtype))
        return ad.AnnData(matrix, obs=self.obs.copy(), var=self.var.copy())

    def write(self, path: Path, layout: str = "csr", dtype: str = "float32") -> Path:
        """Write the screen as h5ad, or as zarr if ``path`` ends so."""
        adata = self.adata(layout, dtype)
        if path.suffix == ".zarr":
            adata.write_zarr(path)
        else:
            adata.write_h5ad(path)
        return path


def small_screen(
    n_cells: int = 900, n_genes: int = 45, seed: int = 0, *, n_strata: int = 1, depth: float = 2.0
) -> Screen:
    """A screen of five targets against controls in three batches.

    Parameters
    ----------
    n_cells, n_genes, seed
        Its size; the same seed gives the same screen.
    n_strata
        With 2, obs has ``cell_type``, unevenly spread over targets and with effects of its own.
    depth
        Mean count of a gene, before effects.
    """
    rng = np.random.default_rng(seed)
    names = np.array([CONTROL, *FALLS, UNMEASURED])
    label = rng.choice(names, n_cells, p=[0.35, 0.2, 0.15, 0.12, 0.08, 0.1])
    batch = rng.choice(["b1", "b2", "b10"], n_cells, p=[0.5, 0.3, 0.2])
    stratum = rng.integers(0, n_strata, n_cells) if n_strata > 1 else np.zeros(n_cells, int)
    if n_strata > 1:  # confounded: GENE7's cells are nearly all of one type
        stratum[(label == "GENE7") & (rng.random(n_cells) < 0.85)] = 0
    rate = np.outer(rng.lognormal(0, 0.3, n_cells), rng.gamma(0.8, depth, n_genes) + 0.1)
    rate[batch == "b2", ::3] *= 1.5
    rate[stratum == 1, 1::4] *= 2.0
    places = {f"GENE{g}": g for g in range(n_genes)}
    for target, left in FALLS.items():
        if target in places:
            rate[:, places[target]] = np.maximum(rate[:, places[target]], 1.5)
            rate[label == target, places[target]] *= left
        if target in ANSWERS and ANSWERS[target][0] < n_genes:
            answer, fold = ANSWERS[target]
            rate[:, answer] = np.maximum(rate[:, answer], 0.8)
            rate[label == target, answer] *= fold
    counts = rng.poisson(rate)
    counts[rng.random(n_cells) < 0.01] = 0
    if n_genes > 2:
        counts[:, n_genes // 2] = 0
    guide = np.char.add(np.char.add(label, "_g"), rng.integers(1, 3, n_cells).astype(str)).astype(object)
    target = label.astype(object)
    target[rng.random(n_cells) < 0.02] = None
    obs = pd.DataFrame(
        {
            "target_gene": pd.Categorical(target, categories=[*names, "NEVER_SEEN"]),
            "guide_id": pd.Categorical(guide),
            "batch": pd.Categorical(batch),
            "n_umi": counts.sum(axis=1) * rng.uniform(1.5, 4.0, n_cells) + (counts.sum(axis=1) == 0),
        },
        index=[f"cell{i}" for i in range(n_cells)],
    )
    if n_strata > 1:
        obs["cell_type"] = pd.Categorical(np.array(["alpha", "beta", "gamma"])[stratum])
    var = pd.DataFrame({"gene_id": [f"ENSG{90_000_000 + g:011d}" for g in range(n_genes)]}, index=list(places))
    return Screen(counts, obs, var)
