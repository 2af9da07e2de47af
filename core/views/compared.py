"""Compared: what the views of two profiles side by side have in common: two targets, a combination, two studies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.schema import FDR_THRESHOLD, FOLD_THRESHOLD
from core.views import text
from core.views.effects import gene_table
from core.views.methods import Methods
from core.views.parts import Note, Vital
from core.views.similar import StudyProfiles


@dataclass(frozen=True, eq=False)
class Compared:
    """Two profiles gene by gene.

    Strings are markdown with names escaped, but for ``target``, ``title``, ``study_name`` and the axes' titles (plain
    text).

    Parameters
    ----------
    key
        What was compared, for caches.
    study_name, fingerprint, simulated, crumb, title
        Of which study; whether a program made it; where we are.
    target, modality
        What is compared, and the word for it, as file names and metadata say it: ``KLF1 and MAPK1``, ``compared``.
    headline, vitals, notes
        What is said first.
    genes
        One row a gene: ``gene``; ``x``, ``y``, deltas; ``fdr_x``, ``fdr_y``; ``changed`` (a dot); ``role``: ``up`` or
        ``down`` where both rise or fall, ``accent`` where one rises and the other falls, else ``neutral``.
    x_title, y_title, x_name, y_name
        What stands at the axes, and the short names of both sides.
    identity
        Whether equal values are expected: the line is drawn, and both axes have the same limits.
    scale
        What the deltas are, in words.
    own_genes
        Genes that were perturbed.
    n_cells
        Cells on both sides, controls included.
    said
        What the dots are, as a sentence without names.
    methods
        What a paper should say.
    """

    key: str
    study_name: str
    fingerprint: str
    simulated: bool
    crumb: str
    title: str
    target: str
    modality: str
    headline: str
    vitals: tuple[Vital, ...]
    notes: tuple[Note, ...]
    genes: pd.DataFrame
    x_title: str
    y_title: str
    x_name: str
    y_name: str
    own_genes: tuple[str, ...]
    n_cells: int
    said: str
    methods: Methods
    fdr: float = FDR_THRESHOLD
    fold: float = FOLD_THRESHOLD
    identity: bool = True
    scale: str = "log-normalized, pooled"


def profile(study: Any, ready: StudyProfiles, target: str) -> pd.DataFrame:
    """A target's genes in the study's order.

    Columns ``delta`` as similarity takes it, ``log2_fold_change``, ``fdr``, ``changed``; and what is pooled over
    batches and strata, ``delta_pooled`` and ``fdr_pooled``.
    """
    effects = study.effects(target)
    table = gene_table(effects, study.genes, FDR_THRESHOLD, FOLD_THRESHOLD, ready.stratified)
    table = table.set_index("gene").reindex(study.genes.index.astype(str))
    delta = np.asarray(study.layer(ready.layer)[study.targets.index.get_loc(target)])
    pooled = {f"{column}_pooled": effects[column].to_numpy() for column in ("delta", "fdr")}
    return table[["log2_fold_change", "fdr", "changed"]].assign(delta=delta, **pooled)


def side_by_side(x: pd.DataFrame, y: pd.DataFrame) -> pd.DataFrame:
    """The table of :class:`Compared` out of two profiles with the same index, the most moved genes first."""
    dx, dy = (side["delta"].to_numpy(dtype=float) for side in (x, y))
    cx, cy = (side["changed"].fillna(False).to_numpy(dtype=bool) for side in (x, y))
    table = pd.DataFrame(
        {
            "gene": x.index.astype(str),
            "x": dx,
            "y": dy,
            "fdr_x": x["fdr"].to_numpy(dtype=float),
            "fdr_y": y["fdr"].to_numpy(dtype=float),
            "changed_x": cx,
            "changed_y": cy,
            "changed": cx | cy,
            "role": roles(dx, dy, cx & cy),
        }
    )
    order = np.argsort(-np.nan_to_num(np.hypot(dx, dy)), kind="stable")
    return by_gene(table.iloc[order])


def by_gene(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the genes as index too."""
    return table.set_index("gene", drop=False).rename_axis(None)


def roles(x: np.ndarray, y: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Direction of the genes that change in both: alike ``up`` or ``down``, unlike ``accent``; else ``neutral``."""
    alike = np.where(x > 0, "up", "down")
    return np.where(~both, "neutral", np.where(x * y > 0, alike, "accent")).astype(object)


def numbers(genes: pd.DataFrame) -> dict[str, int]:
    """How many genes change in both alike and unlike, and in either alone."""
    role, both = genes["role"], genes["changed_x"] & genes["changed_y"]
    return {
        "alike": int(role.isin(["up", "down"]).sum()),
        "unlike": int((role == "accent").sum()),
        "x_alone": int((genes["changed_x"] & ~both).sum()),
        "y_alone": int((genes["changed_y"] & ~both).sum()),
    }


def plain_r(genes: pd.DataFrame, left_out: Sequence[str]) -> tuple[float, int]:
    """Pearson's r of the drawn deltas without some genes, and over how many genes; NaN where it is not defined."""
    used = genes[~genes["gene"].isin(left_out)]
    x, y = used["x"].to_numpy(dtype=float), used["y"].to_numpy(dtype=float)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), int(x.size)
    return float(np.corrcoef(x, y)[0, 1]), int(x.size)


def alike_words(r: float) -> str:
    """How two profiles compare, in words."""
    alike = ((0.5, "look alike"), (0.2, "look partly alike"))
    apart = ((-0.5, "go opposite ways"), (-0.2, "go partly opposite ways"))
    found = [words for least, words in alike if r >= least] + [words for most, words in apart if r <= most]
    return found[0] if found else "have little in common"


def axis_title(subject: str, within: str) -> str:
    """Quantity, subject and scale in at most 45 characters: ``KLF1: delta, log-norm., within batch``."""
    scale = f": delta, log-norm., within {within}" if within else ": delta, log-norm., pooled"
    return text.plain(subject, max(8, 45 - len(scale))) + scale


def cells_words(study: Any, targets: Sequence[str]) -> str:
    """The targets with their cells, plain: ``KLF1 (100 cells) and MAPK1 (95 cells)``."""
    return text.enumerate_words(
        [f"{text.plain(t, 40)} ({text.plural(int(study.targets['n_cells'][t]), 'cell')})" for t in targets]
    )
