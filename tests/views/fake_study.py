"""A study without a file: effects planted gene by gene, tables worked out from them by plain formulas.

300 genes, of which the first few have names; 10 targets, each a case that the words of a page must get right. Means are
normalized counts; a cell's noise is Poisson's with twice its variance, so p values follow from means and cells.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import erfc

from core.errors import UnknownTargetError
from core.schema import ALL_PERTURBED, PSEUDOCOUNT, Roles

NAMED = {  # mean normalized count of a control cell
    "ACAT2": 4.83, "SP1": 4.0, "HVCN1": 1.2, "MVD": 6.0, "HMGCS1": 30.0, "MAP3K21": 0.9, "LOWEX": 0.02, "RARE1": 1.0,
    "KLF1": 2.0, "HBE1": 40.0, "CONF1": 1.5, "FAILG": 2.5, "FAILKD": 1.1, "RNF20": 1.4, "BACH2": 9.0, "OFF": 0.001,
}  # fmt: skip

FOLDS: dict[str, dict[str, float]] = {  # gene: mean in the target's cells over controls
    "ACAT2": {"ACAT2": 0.03, "SP1": 0.03, "HVCN1": 0.02, "MVD": 2.3, "HMGCS1": 2.1}
    | {f"G{k:03d}": 1.9 if k % 3 else 0.5 for k in range(120)},
    "MAP3K21": {"MAP3K21": 0.21},
    "ENSG00000172936": {f"G{k:03d}": 3.0 for k in range(4)},
    "LOWEX": {},
    "RARE1": {},
    "KLF1+MAP2K6": {"KLF1": 5.2} | {f"G{k:03d}": 2.5 for k in range(30)},
    "HBE1": {"HBE1": 0.29} | {f"G{k:03d}": 1.3 for k in range(200)},
    "CONF1": {"CONF1": 0.3, "BACH2": 0.4} | {f"G{k:03d}": 2.2 for k in range(50)},
    "FAILG": {"FAILG": 0.4} | {f"G{k:03d}": 2.2 for k in range(20)},
    "FAILKD": {},
    "RNF20": {"RNF20": 0.1} | {f"G{k:03d}": 6.0 for k in range(130)},
}
CELLS = {
    "ACAT2": 1765, "MAP3K21": 1288, "ENSG00000172936": 250, "LOWEX": 300, "RARE1": 2, "KLF1+MAP2K6": 400, "HBE1": 953,
    "CONF1": 600, "FAILG": 500, "FAILKD": 400, "RNF20": 47,
}  # fmt: skip
GUIDES = {"ACAT2": [0.03, 0.04, 0.03], "HBE1": [0.25, 0.3, 0.36], "FAILG": [0.05, 0.06, 1.05], "MAP3K21": [0.2, 0.22]}


@dataclass(eq=False)
class FakeStudy:
    """What a view reads of a study."""

    targets: pd.DataFrame
    genes: pd.DataFrame
    guides: pd.DataFrame
    control_sets: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    pooled: pd.Series
    roles: Roles
    batches: pd.DataFrame
    strata: pd.DataFrame
    n_control: int
    modality: str = "knock-down"
    simulated: bool = False
    has_counts: bool = True
    has_strata: bool = False
    stratified_default: bool = False
    id: str = "a1b2"
    name: str = "VCC H1"
    fingerprint: str = "a1b2-tables"
    path: Path = Path("/data/adata_Training.h5ad")
    median_total: float = 900.0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def evidence(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "role": ["target", "control"],
                "read_from": ["target_gene", "non-targeting"],
                "evidence": [f"{len(self.targets)} genes + controls", f"{self.n_control:,} cells"],
            }
        )

    @property
    def n_perturbed(self) -> int:
        return int(self.targets["n_cells"].sum())

    @property
    def n_cells(self) -> int:
        return self.n_perturbed + self.n_control + sum(self.left_out.values())

    @property
    def n_genes(self) -> int:
        return len(self.genes)

    @property
    def totals_histogram(self) -> pd.DataFrame:
        return pd.DataFrame({"left": [100.0], "right": [1000.0], "control": [3], "perturbed": [9]})

    genes_seen_histogram = totals_histogram

    def effects(self, target: str) -> pd.DataFrame:
        self.asked.append(target)
        if target not in self.tables:
            raise UnknownTargetError(target, self.targets.index)
        return self.tables[target]


def fake_study(
    *,
    targets: tuple[str, ...] = tuple(FOLDS),
    n_control: int = 38_176,
    dominant: bool = False,
    strata: bool = False,
    batches: int = 48,
    null: bool = False,
    depth: float = 1.0,
    size_factors: str = "all",
    modality: str = "knock-down",
    names: dict[str, str] | None = None,
    **fields: Any,
) -> FakeStudy:
    """A study with the planted targets asked for.

    ``dominant`` gives HBE1 44 % of all control counts; ``strata`` confounds CONF1 with a condition; ``null`` takes all
    effects away; ``depth`` multiplies every mean; ``names`` renames genes and targets.
    """
    means = _means(dominant) * depth
    tables = {
        t: _effects(means, {} if null else FOLDS[t], CELLS[t], n_control, strata and t == "CONF1") for t in targets
    }
    tables[ALL_PERTURBED] = _effects(
        means, {} if null else {"MVD": 1.6}, sum(CELLS[t] for t in targets), n_control, False
    )
    genes = _gene_table(means)
    rows = {t: _row(t, tables[t], means, CELLS[t], strata) for t in targets}
    pooled = pd.Series(
        {"n_cells": sum(CELLS[t] for t in targets)} | _changed(tables[ALL_PERTURBED]), name=ALL_PERTURBED
    )
    roles = Roles(
        "target_gene",
        ("non-targeting",),
        "guide_id",
        "batch",
        "condition" if strata else None,
        size_factors=size_factors,
    )
    study = FakeStudy(
        targets=pd.DataFrame.from_dict(rows, orient="index").rename_axis("target"),
        genes=genes,
        guides=_guides(targets),
        control_sets=_control_sets(),
        tables=tables,
        pooled=pooled,
        roles=roles,
        batches=pd.DataFrame(
            {"n_cells": np.linspace(4083, 5082, batches).round().astype(int)}, index=[f"b{k}" for k in range(batches)]
        ),
        strata=pd.DataFrame({"n_cells": [10, 20]}, index=["stimulated", "unstimulated"]) if strata else pd.DataFrame(),
        n_control=n_control,
        modality=modality,
        has_strata=strata,
        stratified_default=strata,
        **fields,
    )
    return _renamed(study, names or {})


def _means(dominant: bool) -> pd.Series:
    rng = np.random.default_rng(0)
    rest = {f"G{k:03d}": m for k, m in enumerate(rng.lognormal(0.0, 0.5, 300 - len(NAMED)))}
    means = pd.Series(NAMED | rest)
    means["HBE1"] = 0.44 / 0.56 * means.drop("HBE1").sum() if dominant else means["HBE1"]
    return means


def _effects(means: pd.Series, folds: dict[str, float], n: int, n_control: int, confounded: bool) -> pd.DataFrame:
    mean, target = (
        means.to_numpy(),
        means.to_numpy() * pd.Series(folds, dtype=float).reindex(means.index).fillna(1.0).to_numpy(),
    )
    error = np.sqrt(2 * target / n + 2 * mean / n_control + 1e-12)
    z = np.abs(target - mean) / error
    table = pd.DataFrame(
        {
            "ctrl_mean": np.log1p(mean),
            "pert_mean": np.log1p(target),
            "delta": np.log1p(target) - np.log1p(mean),
            "delta_se": error / (1 + mean),
            "ctrl_mean_counts": mean,
            "pert_mean_counts": target,
            "ctrl_mean_normalized": mean,
            "pert_mean_normalized": target,
            "log2_fold_change": np.log2((target + PSEUDOCOUNT) / (mean + PSEUDOCOUNT)),
            "auc": 0.5 + 0.5 * np.tanh((target - mean) / (1 + mean)),
            "p_value": erfc(z / math.sqrt(2)),
            "log10_p": -(z**2) / 2 / math.log(10),
            "pct_control": -np.expm1(-mean),
            "pct_target": -np.expm1(-target),
        },
        index=means.index.rename("gene"),
    )
    table["fdr"] = _benjamini_hochberg(table["p_value"].to_numpy())
    real = {"CONF1", "BACH2"}
    for column in ("delta", "log2_fold_change", "auc", "p_value", "log10_p", "fdr"):  # within strata most of it is gone
        null = {"auc": 0.5, "p_value": 0.9, "fdr": 0.95}.get(column, 0.0)
        kept = [g in real or not confounded for g in table.index]
        table[f"{column}_stratified"] = table[column].where(kept, null)
    table["delta_stratified_se"] = table["delta_se"]
    return table


def _benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    fdr = np.empty_like(p)
    fdr[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1)
    return fdr


def _gene_table(means: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gene_id": [f"ENSG{k:011d}" for k in range(len(means))],
            "mean": means,
            "nonzero_fraction": -np.expm1(-means),
            "count_share": means / means.sum(),
            "control_mean": means,
            "means": np.log1p(means),
            "dispersions": math.log(2.0),
            "highly_variable": np.arange(len(means)) % 10 == 0,
        },
        index=means.index.rename("gene"),
    )


def _row(target: str, effects: pd.DataFrame, means: pd.Series, n: int, strata: bool) -> dict[str, Any]:
    own = target if target in means.index else ""
    fold = FOLDS[target].get(target, 0.97) if own else math.nan
    measurable = bool(own) and means[own] >= 0.05
    left = fold if measurable else math.nan
    half = 1.96 * math.sqrt(2 * max(left, 0.02) * means[own] / n) / means[own] if measurable else math.nan
    # the fall of one gene that these cells share with their neighbour
    far = "HVCN1 (2% left), SP1 (3% left)" if target == "ACAT2" else ""
    return {
        "n_cells": n,
        "n_guides": len(GUIDES.get(target, [])),
        "n_batches": 0 if n < 10 else 48,
        "in_genes": bool(own),
        "own_gene": own,
        "control_mean": means[own] if own else math.nan,
        "target_mean": means[own] * fold if own else math.nan,
        "percent_left": left,
        "percent_left_low": max(left - half, 0) if measurable else math.nan,
        "percent_left_high": left + half if measurable else math.nan,
        "percent_left_p": effects["p_value"].get(own, math.nan),
        "measurable": measurable,
        **_changed(effects),
        "strength": "strong",
        "e_distance": 0.1,
        "guide_r": 0.81 if target in GUIDES else math.nan,
        "batch_r": 0.9 if len(FOLDS[target]) > 2 else 0.02,
        "stratum_p": 1e-9 if strata else math.nan,
        "stratum_warning": strata and target == "CONF1",
        "falls_as_far": far,
    }


def _changed(effects: pd.DataFrame) -> dict[str, int]:
    counts = {}
    for suffix in ("", "_stratified"):
        change, significant = effects[f"log2_fold_change{suffix}"], effects[f"fdr{suffix}"] < 0.05
        large = significant & (change.abs() >= math.log2(1.4))
        counts |= {
            f"n_significant{suffix}": int(significant.sum()),
            f"n_changed{suffix}": int(large.sum()),
            f"n_down{suffix}": int((large & (change < 0)).sum()),
            f"n_up{suffix}": int((large & (change > 0)).sum()),
        }
    return counts


def _guides(targets: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {
            "target": t,
            "guide": f"{t}_P1P2_{'ABC'[k]}",
            "n_cells": 150,
            "percent_left": left,
            "low": left * 0.8,
            "high": left * 1.2,
            "r_with_rest": 0.8,
        }
        for t in targets
        for k, left in enumerate(GUIDES.get(t, []))
    ]
    return pd.DataFrame(rows, columns=["target", "guide", "n_cells", "percent_left", "low", "high", "r_with_rest"])


def _control_sets() -> pd.DataFrame:
    guides = [("guide", f"non-targeting_{k:05d}", 250, 23 if k == 17 else 0) for k in range(30)]
    random = [("random", f"random set {k}", size, k % 3) for size in (50, 200, 800) for k in range(20)]
    table = pd.DataFrame(guides + random, columns=["kind", "name", "n_cells", "n_significant"])
    return table.assign(smallest_log10_p=-1e6)  # surer than any target's genes: counts alone decide


def _renamed(study: FakeStudy, names: dict[str, str]) -> FakeStudy:
    if names:
        study.targets = study.targets.rename(index=names).replace({"own_gene": names})
        study.genes = study.genes.rename(index=names)
        study.guides = study.guides.replace({"target": names})
        study.tables = {names.get(t, t): table.rename(index=names) for t, table in study.tables.items()}
    return study
