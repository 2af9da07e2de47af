"""Cell state: cell cycle, depth, mitochondrial share and cells left of a target, against the controls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.cell_cycle import SOURCE, list_of_genes
from core.schema import ALL_PERTURBED, CONTROL
from core.stats.cell_state import G2M, S, Shift, phases, shift
from core.stats.fdr import benjamini_hochberg
from core.store.cell_state import FEWEST, CellStates
from core.views import text
from core.views.about import AboutTarget, about_target
from core.views.perturbation import PerturbationView
from core.views.power import TOO_FEW_CELLS
from core.views.text import escape_markdown

FDR_CLAIMED = 0.01
PART_OF_GENES = 5_000
"""A study that measures fewer genes sees a part of each cell: its totals follow the genes that were chosen."""

NOTABLE = 0.05
"""A shift is named from a chance of 0.55 (or 0.45) on that a cell shows more than a control: sure is not large."""

COLUMNS = (
    "quantity", "kind", "target", "control", "difference", "auc", "low", "high", "n_target", "n_control", "p_value",
    "fdr", "role",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class CellStateView(AboutTarget):
    """How the cells of a target differ from controls beyond single genes.

    Parameters
    ----------
    rows
        One row a quantity, columns :data:`COLUMNS`: medians or shares of either side, ``auc`` with its 95 % interval,
        the test, ``role`` (``up``, ``down`` or ``neutral``).
    title
        What shifts, or that no shift is shown.
    within
        What is compared within ("batch"), "" where nothing.
    not_measured
        What cannot be told of these data and why, in sentences.
    cells_left
        Cells of the target beside those of the study's other targets, in sentences.
    """

    rows: pd.DataFrame
    title: str
    within: str
    not_measured: tuple[str, ...]
    cells_left: str


def cell_state_view(study: Any, view: PerturbationView, states: CellStates) -> CellStateView:
    """How the cells of a target differ from the controls.

    Parameters
    ----------
    study
        The opened study.
    view
        What the perturbation did.
    states
        The state of every cell: see :func:`core.store.cell_state.cell_states`.
    """
    codes = study.cell_codes
    has_total = codes["total"] > 0
    target = target_cells(study, view.target) & has_total
    control = (codes["target"] == CONTROL) & has_total
    part, within = parts_to_compare_in(study, target, control)
    found = shifts(quantities(study, states), target, control, part)
    rows = _table(found) if view.n_target >= TOO_FEW_CELLS else _table([])
    return CellStateView(
        **about_target(view),
        rows=rows,
        title=_title(rows),
        within=within,
        not_measured=tuple(_not_measured(study, states)),
        cells_left=cells_left(study, view.target),
    )


def shifts(
    compared: Sequence[tuple[str, str, np.ndarray]], target: np.ndarray, control: np.ndarray, part: np.ndarray
) -> list[tuple[str, str, Shift]]:
    """Each of the :func:`quantities` in a target's cells against the controls, by medians or by means as it says."""
    return [
        (name, kind, shift(values, target, control, part, median=kind.startswith("median")))
        for name, kind, values in compared
    ]


def target_cells(study: Any, target: str) -> np.ndarray:
    """Whether each cell carries a guide against a target (or any, for all perturbed cells)."""
    codes = study.cell_codes["target"]
    mine = codes >= 0 if target == ALL_PERTURBED else codes == study.part_names("targets").index(target)
    return np.asarray(mine)


def parts_to_compare_in(study: Any, target: np.ndarray, control: np.ndarray) -> tuple[np.ndarray, str]:
    """The finest parts in which most of a target's cells meet controls: batch and stratum, stratum, or none."""
    codes = study.cell_codes
    batch, stratum = codes["batch"].astype(np.int64), codes["stratum"].astype(np.int64)
    word = text.column_word(study.roles.stratum_col) if study.has_strata else ""
    has_batches = len(study.batches) > 1
    choices = [(batch * (stratum.max(initial=0) + 1) + stratum, f"batch and {word}")] if has_batches and word else []
    choices += [(batch, "batch")] if has_batches else []
    choices += [(stratum, word)] if word else []
    for part, name in choices:
        if 2 * np.isin(part[target], part[control]).sum() > target.sum():
            return part, name
    return np.zeros(codes["target"].size, np.int64), ""


def quantities(study: Any, states: CellStates) -> list[tuple[str, str, np.ndarray]]:
    """What is compared: name, ``median``, ``median share`` or ``share``, and a number a cell."""
    found: list[tuple[str, str, np.ndarray]] = []
    if study.has_counts:
        found.append(("Total counts", "median", np.asarray(study.gene_values.totals, dtype=float)))
    found.append(("Genes seen", "median", study.gene_values.genes_seen.astype(float)))
    if states.mitochondrial is not None:
        found.append(("Mitochondrial", "median share", states.mitochondrial))
    if states.s_score is not None and states.g2m_score is not None:
        phase = phases(states.s_score, states.g2m_score)
        known = np.isfinite(states.s_score)
        found += [
            (name, "share", np.where(known, phase == code, np.nan)) for name, code in (("In S", S), ("In G2 or M", G2M))
        ]
    return found


def _table(found: list[tuple[str, str, Shift]]) -> pd.DataFrame:
    rows = [(name, kind, s) for name, kind, s in found if math.isfinite(s.log10_p)]
    log10_p = np.array([s.log10_p for _, _, s in rows])
    fdr = benjamini_hochberg(log10_p)
    records = []
    for (name, kind, s), p, q in zip(rows, log10_p, fdr, strict=True):
        role = "neutral" if q >= FDR_CLAIMED else "down" if s.auc < 0.5 else "up"
        low, high = (min(max(s.auc + way * 1.96 * s.auc_se, 0.0), 1.0) for way in (-1, 1))
        records.append(
            (name, kind, s.target, s.control, s.target - s.control, s.auc, low, high, s.n_target, s.n_control, 10.0**p)
            + (q, role)
        )
    return pd.DataFrame(records, columns=list(COLUMNS))


# ----------------------------------------------------------------------------------------------------- the words


def value_words(row: Any, which: str) -> str:
    """A median or a share as words: ``54,815``, ``31 %``."""
    x = float(getattr(row, which))
    if "share" not in row.kind:
        return text.number(x)
    digits = 0 if x >= 0.095 or "median" not in row.kind else 1 if x >= 0.01 else 2
    return f"{100 * x:.{digits}f}{text.NBSP}%"


def sentence(row: Any) -> str:
    """One quantity in words: ``31 % in S, controls 38 %``."""
    return f"{row.quantity}: {value_words(row, 'target')}, controls {value_words(row, 'control')}"


def _title(rows: pd.DataFrame) -> str:
    """What shifts, the two surest."""
    named = rows[(rows["fdr"] < FDR_CLAIMED) & ((rows["auc"] - 0.5).abs() >= NOTABLE)].sort_values("fdr", kind="stable")
    share = rows["kind"].eq("share") & (rows["fdr"] < FDR_CLAIMED) & (rows["difference"].abs() >= NOTABLE)
    named = rows.loc[named.index.union(rows.index[share])].sort_values("fdr", kind="stable")
    if not len(rows):
        return "Cell state"
    if not len(named):
        return _not_shown(rows)
    words = [_shift_words(row) for row in named.head(2).itertuples()]
    return text.capitalized(text.enumerate_words(words))


def _not_shown(rows: pd.DataFrame) -> str:
    """What finding no notable shift means: it may have been missed, or be sure but small."""
    small = rows[rows["fdr"] < FDR_CLAIMED]
    if len(small):
        low, high = (f"{round(100 * (0.5 + way * NOTABLE))}" for way in (-1, 1))
        return f"Cell state differs slightly (FDR < {FDR_CLAIMED:g}, but within {low} to {high}{text.NBSP}%)"
    return f"Cell state not shown to differ (rank sum test, FDR at least {FDR_CLAIMED:g})"


def _shift_words(row: Any) -> str:
    if row.quantity.startswith("In "):
        return f"{'fewer' if row.difference < 0 else 'more'} cells in {row.quantity[3:]}"
    way = "lower" if row.auc < 0.5 else "higher"
    return (
        f"{'fewer' if row.auc < 0.5 else 'more'} genes seen"
        if row.quantity == "Genes seen"
        else (f"{way} {'mitochondrial share' if 'Mito' in row.quantity else 'total counts'}")
    )


def _not_measured(study: Any, states: CellStates) -> list[str]:
    said = []
    found = states.n_found
    if states.s_score is None:
        s, g2m = (len(list_of_genes()[phase]) for phase in ("S", "G2M"))
        said.append(
            f"Cell cycle not measured: {found['S']} of {s} S genes and {found['G2M']} of {g2m} G2M genes are among the "
            f"{text.number(study.n_genes)} measured, at least {FEWEST} of each are needed."
        )
    if states.mitochondrial is None:
        why = "no gene called MT- is measured" if not found["MT"] else "the file holds no counts"
        said.append(f"Mitochondrial share not measured: {why}.")
    if not study.has_counts:
        said.append("Total counts not measured: the file holds log-normalized values.")
    if study.n_genes < PART_OF_GENES:
        said.append(
            f"Totals and genes seen are of the {text.number(study.n_genes)} measured genes: a change of a few of them "
            "moves both."
        )
    return said


def cells_left(study: Any, target: str) -> str:
    """Cells of a target beside those of the others, guide by guide, and what that cannot tell."""
    if target == ALL_PERTURBED:
        return ""
    cells = study.targets["n_cells"]
    n = int(cells[target])
    guides = study.guides[study.guides["target"] == target]["n_cells"]
    by = f" by {text.plural(len(guides), 'guide')} ({_range(guides)} each)" if len(guides) > 1 else ""
    place = int((cells < n).sum())
    others = len(cells) - 1
    beside = (
        f"; {text.number(place)} of the {text.number(others)} other targets {'has' if place == 1 else 'have'} fewer, "
        f"the median one "
        f"{text.number(float(cells.median()))}"
        if others > 0
        else ""
    )
    return (
        f"**Cells left:** {escape_markdown(target)} has {text.plural(n, 'cell')}{by}{beside}. Whether cells were lost "
        "or its guides were rare from the start cannot be told: the file holds no counts of the guide library."
    )


def _range(cells: pd.Series) -> str:
    low, high = int(cells.min()), int(cells.max())
    return f"{text.number(low)} to {text.number(high)}" if low < high else text.number(low)


def how_compared(view: CellStateView) -> str:
    """How the rows were compared, in sentences."""
    within = f" within {view.within}, controls weighted to the target's {view.within}" if view.within else ""
    test = f"Two-sided rank sum test{within}; Benjamini-Hochberg over {text.plural(len(view.rows), 'row')}."
    has_phases = view.rows["quantity"].str.startswith("In ").any()
    return f"{test} Phases by the genes of {SOURCE}." if has_phases else test


def how_phased() -> str:
    """How a cell's phase is told, for methods."""
    return (
        "phases: a list's mean log-normalized expression minus that of 5 genes of like mean for each of its genes; G1 "
        "where neither score is above 0, else the larger"
    )
