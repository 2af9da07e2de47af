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
    r"""Smallest rise that this many cells can show in a gene of median expression.

    Let the gene have the mean count m in controls and a variance of v times its mean, whatever the mean. A rise to
    f times the mean is seen when it exceeds z standard errors,

    .. math:: (f - 1) m = z \sqrt{v (f m / n_\mathrm{target} + m / n_\mathrm{control})},

    a quadratic equation in f. m is the median over the genes seen in controls; v is the median over the same genes,
    never below 1, the Poisson noise of counting. A gene that changes alone must pass p < fdr / genes under
    Benjamini-Hochberg, so z = z(1 - fdr / genes / 2) + z(0.8), for a power of 80 %. It is a rule of thumb for a single
    well-behaved gene, pooled over strata; a fall is harder to see, since it ends at nothing.

    Parameters
    ----------
    genes
        The study's gene table: ``control_mean`` (mean normalized count) and scanpy's ``dispersions`` (log of variance
        over mean).
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
    >>> genes = pd.DataFrame({"control_mean": [0.4, 0.8, 1.6], "dispersions": 0.3})
    >>> round(detectable_fold(genes, 1000, 5000), 2), round(detectable_fold(genes, 30, 5000), 2)
    (1.15, 2.12)
    """
    known = genes[[c for c in ("control_mean", "dispersions") if c in genes]]  # filtering all columns copies them
    return _detectable(known[known["control_mean"] > 0], len(genes), n_target, n_control, fdr)


def detectable_fold_of(gene: str, genes: pd.DataFrame, n_target: float, n_control: float, fdr: float = 0.05) -> float:
    """Smallest rise of one gene that this many cells can show, by the rule of :func:`detectable_fold`."""
    itself = genes.loc[[gene]]
    return _detectable(itself[itself["control_mean"] > 0], len(genes), n_target, n_control, fdr)


def _detectable(seen: pd.DataFrame, n_tested: int, n_target: float, n_control: float, fdr: float) -> float:
    if n_target < 1 or n_control < 1 or not len(seen):
        return math.inf
    mean = float(seen["control_mean"].median())
    spread = float(np.exp(seen["dispersions"]).median()) if "dispersions" in seen else math.nan
    z = NormalDist().inv_cdf(1 - fdr / n_tested / 2) + NormalDist().inv_cdf(POWER)
    noise = z**2 * (max(spread, 1.0) if math.isfinite(spread) else 1.0) / mean
    half = noise / n_target / 2  # (f - 1)^2 = noise * (f / n_target + 1 / n_control), solved for f - 1
    return 1 + half + math.sqrt(half**2 + noise * (1 / n_target + 1 / n_control))
