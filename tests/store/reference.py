"""The slow, obvious computation of all that the Store holds: whole matrices in float64, one gene and target at a time.

Nothing here is taken from core.stats: ranks and tests are scipy's, within-batch deltas are a regression with a column
for every batch, whose coefficient has just the weights that DESIGN.md names.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from tests.small_screens import CONTROL

EVERYONE = "All perturbed cells"


@dataclass
class Reference:
    """A file's numbers and labels.

    Parameters
    ----------
    values
        Cells x genes, as in the file.
    obs
        The cell table: target_gene, and where they exist guide_id, batch, cell_type.
    totals
        What size factors are made of; default the sums of counts.
    logged
        The values are log-normalized.
    """

    values: np.ndarray
    obs: pd.DataFrame
    totals: np.ndarray | None = None
    logged: bool = False

    def __post_init__(self) -> None:
        self.values = np.asarray(self.values, np.float64)
        self.label = self.obs["target_gene"].astype(object).where(self.obs["target_gene"].notna(), None).to_numpy()
        self.counted = (self.values > 0).any(axis=1)
        self.used = self.counted & (self.label != None)  # noqa: E711 - elementwise
        totals = self.values.sum(axis=1) if self.totals is None else np.asarray(self.totals, np.float64)
        totals = np.where(self.counted, totals, 0)
        self.median = float(np.median(totals[totals > 0]))
        self.divisor = np.where(totals > 0, totals, 1)

    def cells(self, target: str) -> np.ndarray:
        """Whether a cell belongs to a target, to the controls, or to all perturbed cells."""
        if target == EVERYONE:
            return self.used & (self.label != CONTROL)
        return self.used & (self.label == target)

    @cached_property
    def ratios(self) -> np.ndarray:
        """What is ranked: count / total, or the log-normalized values themselves."""
        return self.values if self.logged else self.values / self.divisor[:, None]

    @cached_property
    def normalized(self) -> np.ndarray:
        return np.expm1(self.values) if self.logged else self.values / (self.divisor[:, None] / self.median)

    @cached_property
    def log(self) -> np.ndarray:
        return self.values if self.logged else np.log1p(self.normalized)

    def u_and_log_p(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """scipy's U and ln p of every gene, cells ``a`` against cells ``b``."""
        u, log_p = [], []
        for x in self.ratios.T:
            with np.errstate(all="ignore"):
                found = stats.mannwhitneyu(x[a], x[b], method="asymptotic")
                p = 1.0 if np.isnan(found.pvalue) else found.pvalue  # newer scipy: NaN where all values are tied
                log_p.append(np.log(min(p, 1.0)))
            u.append(found.statistic)
        return np.array(u), np.array(log_p)

    def within(self, target: str, column: str) -> pd.DataFrame:
        """delta and its standard error within the groups of an obs column, and the fold change; one row a gene."""
        rows, group = [], self.obs[column].astype(str).to_numpy()
        t, c = self.cells(target), self.cells(CONTROL)
        shared = [g for g in np.unique(group[t]) if (c & (group == g)).any()]
        a, b = t & np.isin(group, shared), c & np.isin(group, shared)
        if not shared:
            return pd.DataFrame(np.nan, index=range(self.values.shape[1]), columns=["delta", "se", "fold"])
        both = np.flatnonzero(a | b)
        design = np.column_stack([a[both], *((group[both] == g) for g in shared)]).astype(float)
        n_t = np.array([(a & (group == g)).sum() for g in shared], float)
        n_c = np.array([(b & (group == g)).sum() for g in shared], float)
        w = n_t * n_c / (n_t + n_c) / (n_t * n_c / (n_t + n_c)).sum()
        for y, v in zip(self.log.T, self.normalized.T, strict=True):
            delta = np.linalg.lstsq(design, y[both], rcond=None)[0][0]
            spread = [
                sum(((y[m & (group == g)] - y[m & (group == g)].mean()) ** 2).sum() for g in shared)
                / (m.sum() - len(shared) if m.sum() > len(shared) else np.nan)
                for m in (a, b)
            ]
            se = np.sqrt((w**2 * (spread[0] / n_t + spread[1] / n_c)).sum())
            mean = [sum(k * v[m & (group == g)].mean() for k, g in zip(w, shared, strict=True)) for m in (a, b)]
            rows.append((delta, se, np.log2((mean[0] + 0.01) / (mean[1] + 0.01))))
        return pd.DataFrame(rows, columns=["delta", "se", "fold"])

    def van_elteren(self, target: str, column: str) -> pd.DataFrame:
        """ln p and AUC of van Elteren's test by rank sums within strata; one row a gene."""
        return self.van_elteren_of(self.cells(target), self.cells(CONTROL), column)

    def van_elteren_of(self, t: np.ndarray, c: np.ndarray, column: str) -> pd.DataFrame:
        """The same of any cells against others."""
        group, rows = self.obs[column].astype(str).to_numpy(), []
        shared = [g for g in np.unique(group) if (t & (group == g)).any() and (c & (group == g)).any()]
        for x in self.ratios.T:
            shift = variance = pairs = 0.0
            smallest = np.inf
            for g in shared:
                a, b = x[t & (group == g)], x[c & (group == g)]
                n, m, total = len(a), len(b), len(a) + len(b)
                rank_sum = stats.rankdata(np.concatenate([a, b]))[:n].sum()
                ties = np.unique(np.concatenate([a, b]), return_counts=True)[1].astype(float)
                shift += (rank_sum - n * (total + 1) / 2) / (total + 1)
                spread = n * m / 12 * ((total + 1) - (ties**3 - ties).sum() / (total * (total - 1)))
                variance += spread / (total + 1) ** 2
                pairs += n * m / (total + 1)
                smallest = min(smallest, 1 / (total + 1))
            z = (abs(shift) - smallest / 2) / np.sqrt(variance) if variance > 0 else 0.0
            rows.append((min(np.log(2) + stats.norm.logsf(max(z, 0)), 0), 0.5 + shift / pairs))
        return pd.DataFrame(rows, columns=["log_p", "auc"])

    def effects(self, target: str) -> pd.DataFrame:
        """The pooled columns of ``Study.effects``, one row a gene."""
        t, c = self.cells(target), self.cells(CONTROL)
        n, m = t.sum(), c.sum()
        with np.errstate(all="ignore"):
            u, log_p = self.u_and_log_p(t, c)
            spread = [self.log[k].var(axis=0, ddof=1) if k.sum() > 1 else np.full(len(u), np.nan) for k in (t, c)]
        table = {"auc": u / (n * m), "log10_p": log_p / np.log(10), "p_value": np.exp(log_p)}
        for name, side in (("ctrl", c), ("pert", t)):
            table[f"{name}_mean"] = self.log[side].mean(axis=0)
            table[f"{name}_mean_counts"] = self.values[side].mean(axis=0) * (np.nan if self.logged else 1)
            table[f"{name}_mean_normalized"] = self.normalized[side].mean(axis=0)
        table["delta"] = table["pert_mean"] - table["ctrl_mean"]
        table["delta_se"] = np.sqrt(spread[0] / n + spread[1] / m)
        table["log2_fold_change"] = np.log2(
            (table["pert_mean_normalized"] + 0.01) / (table["ctrl_mean_normalized"] + 0.01)
        )
        table["fdr"] = stats.false_discovery_control(np.minimum(table["p_value"], 1))
        table["pct_control"] = (self.values[c] > 0).mean(axis=0)
        table["pct_target"] = (self.values[t] > 0).mean(axis=0)
        return pd.DataFrame(table)
