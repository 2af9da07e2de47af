"""How many genes a set of controls would seem to change: the yardstick beside every count of changed genes.

Controls are compared with the other controls in the same visit as the targets. Let S be a set of n controls. U of S
against all controls counts S against itself too, which is n**2 / 2; what remains is U of S against the others. U adds
up over disjoint cells, so sets of any size are put together from small random leaves that were ranked once.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.schema import FDR_THRESHOLD
from core.stats.fdr import benjamini_hochberg
from core.stats.groups import Groups
from core.stats.ranksum import log10_p
from core.stats.strata import van_elteren

SETS_A_SIZE = 20
RANKS_KEPT = 200


@dataclass(frozen=True)
class ControlSets:
    """Sets of control cells that are tested as if they were targets.

    Parameters
    ----------
    kind, name
        ``"guide"`` with the guide's number as name, or ``"random"``.
    n_cells
        Cells of every set.
    members
        Which rank codes make up a set, shape ``(n_sets, n_codes)``, 0 or 1.
    stratum
        Stratum of every rank code, shape ``(n_codes,)``.
    cells_within
        Cells of every set in every stratum, shape ``(n_sets, n_strata)``.
    """

    kind: list[str]
    name: list[int]
    n_cells: np.ndarray
    members: np.ndarray
    stratum: np.ndarray
    cells_within: np.ndarray

    def log10_p(self, u: np.ndarray, tie: np.ndarray, n_control: int) -> np.ndarray:
        """log10 p of every set against the other controls; u (genes, codes), tie (genes,) over all controls."""
        n = self.n_cells.astype(float)
        against_others = u @ self.members.T - n**2 / 2
        return log10_p(against_others, n, n_control - n, tie[:, None])

    def log10_p_within(self, u: np.ndarray, tie: np.ndarray, control_cells: np.ndarray) -> np.ndarray:
        """The same within strata, by van Elteren's test.

        Parameters
        ----------
        u
            U of every code against the controls of its stratum, shape ``(genes, codes)``.
        tie
            Tie sums of the controls of every stratum, shape ``(genes, strata)``.
        control_cells
            Controls of every stratum, shape ``(strata,)``.

        Returns
        -------
        numpy.ndarray
            Shape ``(genes, sets)``; NaN where no stratum holds both a set's cells and other controls.
        """
        n = self.cells_within.astype(float)
        of_stratum = [self.stratum == s for s in range(n.shape[1])]
        of_set = np.stack([u[:, here] @ self.members[:, here].T for here in of_stratum], axis=-1)
        return van_elteren(of_set - n**2 / 2, n, control_cells - n, tie[:, None])[0]


def control_sets(groups: Groups) -> ControlSets:
    """The control guides, and random sets in sizes that double from one leaf to a quarter of the controls."""
    is_control = groups.code_target == groups.n_targets
    leaf, guide = groups.code_leaf, groups.code_guide
    kinds: list[str] = []
    names: list[int] = []
    rows: list[np.ndarray] = []
    for g in np.unique(guide[is_control & (guide >= 0)]):
        kinds.append("guide")
        names.append(int(g))
        rows.append(is_control & (guide == g))
    n_leaves = int(leaf.max()) + 1 if is_control.any() else 0
    size = 1
    while size * 4 <= n_leaves:
        for k in range(min(n_leaves // size, SETS_A_SIZE)):
            kinds.append("random")
            names.append(k)
            rows.append(is_control & (leaf >= k * size) & (leaf < (k + 1) * size))
        size *= 2
    members = np.array(rows, float).reshape(len(rows), leaf.size)
    in_stratum = np.equal.outer(groups.code_stratum, np.arange(groups.n_strata)) * groups.code_cells[:, None]
    within = (members @ in_stratum).astype(np.int64)
    return ControlSets(kinds, names, within.sum(axis=1), members, groups.code_stratum, within)


def sets_that_call(log10_p: np.ndarray) -> np.ndarray:
    """How many sets would call each gene changed, at FDR < 0.05 within the set.

    Parameters
    ----------
    log10_p
        Of every set and gene, shape ``(sets, genes)``; NaN where no test was made.

    Returns
    -------
    numpy.ndarray
        int64, shape ``(genes,)``.
    """
    calls = np.zeros(log10_p.shape[1], np.int64)
    for row in log10_p:
        calls += benjamini_hochberg(row.astype(np.float64)) < FDR_THRESHOLD
    return calls


def ranks_kept(n: int) -> np.ndarray:
    """The ranks among ``n`` ordered p values that say how they are spread: at most 200, close where p is small.

    Examples
    --------
    >>> ranks_kept(5), ranks_kept(18_080)[[0, 1, -2, -1]], ranks_kept(18_080).size <= 200
    (array([1, 2, 3, 4, 5]), array([    1,     2, 17211, 18080]), True)
    """
    if n <= RANKS_KEPT:
        return np.arange(1, n + 1)
    return np.unique(np.rint(np.geomspace(1, n, RANKS_KEPT)).astype(np.int64))


def smallest_p(log10_p: np.ndarray) -> pd.DataFrame:
    """How the p values of every set are spread over its genes, as order statistics.

    Parameters
    ----------
    log10_p
        Of every set and gene, shape ``(sets, genes)``; a test that was not made (NaN) counts as p = 1.

    Returns
    -------
    pandas.DataFrame
        One row a set, float32; the column ``"r"`` holds the r-th smallest log10 p, for the ranks of
        :func:`ranks_kept`.
    """
    ranks = ranks_kept(log10_p.shape[1])
    ordered = np.sort(np.nan_to_num(log10_p, nan=0.0), axis=1)
    return pd.DataFrame(ordered[:, ranks - 1].astype(np.float32), columns=[str(rank) for rank in ranks])
