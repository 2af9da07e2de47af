"""Dominance: the gene with most of the control counts, and whether its change moves all others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

DOMINANT_SHARE = 0.2
"""A gene that holds more of all control counts than this dominates the library."""

NOTABLE_SHIFT = 0.1
"""A gene dominates an effect too if its change moves a tenth of all counts: all others seem to shift by as much."""


@dataclass(frozen=True)
class Dominance:
    """The gene with most of the control counts, and what its change does to all others.

    Parameters
    ----------
    gene
        Symbol.
    share
        Its fraction of all counts in controls.
    left
        Mean count in the target's cells over controls.
    changed
        Whether the gene passes the FDR threshold.
    """

    gene: str
    share: float
    left: float
    changed: bool

    @property
    def is_moved(self) -> bool:
        """Whether its change alone shifts every other gene's share notably."""
        return self.changed and abs(1 - self.left) * self.share >= NOTABLE_SHIFT


def dominant_gene(genes: pd.DataFrame, fdr: float) -> Dominance | None:
    """The gene that holds most control counts; None where no counts are known."""
    for kind in ("counts", "normalized"):
        control = genes[f"ctrl_mean_{kind}"].to_numpy(dtype=float)
        if np.isfinite(control).any() and np.nansum(control) > 0:
            at = int(np.nanargmax(control))
            row = genes.iloc[at]
            left = float(row[f"pert_mean_{kind}"]) / control[at]
            return Dominance(str(row["gene"]), float(control[at] / np.nansum(control)), left, bool(row["fdr"] < fdr))
    return None
