"""How small a change could have been seen: "no effect seen" is not "could not have been seen"."""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd

POWER = 0.8
"""The change named is the one that a screen like this sees four times out of five."""

FEW_CELLS = 100
"""Below so many cells an effect is uncertain, and the cells that are left may differ in other ways."""

TOO_FEW_CELLS = 10
"""Below so many cells no verdict is given."""

BLIND_FOLD = 2.0
"""Where only larger changes can be seen, finding none does not mean that there is none."""


def detectable_fold(genes: pd.DataFrame, n_target: float, n_control: float, fdr: float = 0.05) -> float:
    r"""Smallest fold change that this many cells can show in a gene of median expression.

    The log ratio of two mean counts has the standard error

    .. math:: s = c \sqrt{1 / n_\mathrm{target} + 1 / n_\mathrm{control}}, \quad c^2 = \mathrm{variance} / \mathrm{mean}^2,

    where the mean is the median over the genes seen in controls and variance / mean is the median over the same
    genes (never below 1, the Poisson noise of counting). A gene that changes alone must pass p < fdr / genes under
    Benjamini-Hochberg, so the answer is ``exp((z(1 - fdr / genes / 2) + z(0.8)) * s)``: a rise by that factor is
    seen with 80 % power. It is a rule of thumb for a single well-behaved gene, pooled over strata.

    Parameters
    ----------
    genes
        The study's gene table: ``control_mean`` (normalized counts), and ``means`` and ``dispersions`` as scanpy's
        ``seurat`` flavour has them (log1p of the mean; log of variance over mean).
    n_target, n_control
        Cells on either side.
    fdr
        The threshold a gene must pass.

    Returns
    -------
    float
        A ratio above 1; infinite where either side has no cells or no gene is seen.

    Examples
    --------
    >>> genes = pd.DataFrame({"control_mean": [0.5, 1.0, 2.0], "means": np.log1p([0.5, 1, 2]), "dispersions": 0.4})
    >>> round(detectable_fold(genes, 1000, 5000), 2), round(detectable_fold(genes, 30, 5000), 2)
    (1.15, 2.06)
    """
    seen = genes["control_mean"] > 0
    if n_target < 1 or n_control < 1 or not seen.any():
        return math.inf
    mean = float(genes.loc[seen, "control_mean"].median())
    excess = float(np.exp(genes.loc[seen, "dispersions"]).median()) if "dispersions" in genes else math.nan
    spread = max(excess, 1.0) / mean if math.isfinite(excess) else 1.0 / mean
    error = math.sqrt(spread * (1 / n_target + 1 / n_control))
    z = NormalDist().inv_cdf(1 - fdr / len(genes) / 2) + NormalDist().inv_cdf(POWER)
    exponent = z * error
    return math.exp(exponent) if exponent < 50 else math.inf
