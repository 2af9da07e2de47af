"""The roles form: which column of a file plays which part, to correct by select boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.data.reading import open_source
from core.schema import Roles, Values

NONE = "none"
MOST_LABELS = 5000
COLUMN_ROLES = {
    "guide_col": ("Guide", "Which guide a cell got. Guides of one target should agree."),
    "batch_col": ("Batch", "The experimental batch: lane, replicate, plate. Effects are compared within batches too."),
    "stratum_col": ("Cell type or condition", "Groups of cells within which effects are compared."),
}
MATRIX_HELP = "Where the values lie: X, raw, or a layer."
VALUES_HELP = "Counts are whole numbers of molecules; log-normalized values are log1p of counts scaled to one total."
FACTORS_HELP = (
    "What each cell is scaled by. all: its total over the median total; no-dominant: the same without genes that hold "
    "over 5 % of all counts; obs: totals from a column."
)

Candidates = Mapping[str, Sequence[str]]


def roles_form(path: Path, roles: Roles | None = None, candidates: Candidates | None = None) -> dict[str, Any] | None:
    """The roles as the user corrected them, once the button is pressed; None before.

    Parameters
    ----------
    path
        The source file; its columns are read for the choices.
    roles
        As they are now; None where none could be guessed.
    candidates
        Choices to list first, by field of :class:`Roles`.
    """
    known = candidates or {}
    columns = obs_columns(str(path), path.stat().st_mtime_ns)
    target_col = _select(
        "Target",
        _likely_first(columns, known.get("target_col", [])),
        None if roles is None else roles.target_col,
        "The column of obs that names the perturbed gene of each cell.",
    )
    if target_col is None:
        return None
    control = _control(path, target_col, roles)
    others = [column for column in columns if column != target_col]
    chosen: dict[str, Any] = {"target_col": target_col, "control": control}
    for role, (label, help_text) in COLUMN_ROLES.items():
        options = [NONE, *_likely_first(others, known.get(role, []))]
        chosen[role] = _select(label, options, getattr(roles, role, None) or NONE, help_text)
    if roles is not None:
        chosen |= _values(roles, known)
    if st.button("Rebuild the tables" if roles else "Open", type="primary", disabled=not control):
        return chosen
    return None


def _control(path: Path, target_col: str, roles: Roles | None) -> tuple[str, ...]:
    cells = obs_labels(str(path), path.stat().st_mtime_ns, target_col)
    now = roles.control if roles is not None and target_col == roles.target_col else ()
    picked = st.multiselect(
        "Control",
        list(cells),
        default=[label for label in now if label in cells],
        format_func=lambda label: f"{label} ({cells[label]:,} cells)",
        placeholder="Choose one or more labels",
        help="Labels of that column that mean control: cells with a guide against no gene.",
        select_all=False,
    )
    return tuple(picked)


def _values(roles: Roles, known: Candidates) -> dict[str, object]:
    """What the matrix holds and how cells are scaled."""
    matrix = _select("Matrix", list(known.get("matrix", [])), roles.matrix, MATRIX_HELP)
    values = _select("Values", [str(value) for value in Values], str(roles.values), VALUES_HELP)
    factors = _select("Size factors", list(known.get("size_factors", [])), roles.size_factors, FACTORS_HELP)
    return {"matrix": matrix, "values": values, "size_factors": factors}


def _select(label: str, options: list[str], now: str | None, help_text: str) -> str | None:
    """A select box that starts at what holds now; that is always among its options."""
    if now is not None and now not in options:
        options = [now, *options]
    index = None if now is None else options.index(now)
    return st.selectbox(label, options, index=index, placeholder="Choose a column", help=help_text)


@st.cache_data(max_entries=16, show_spinner=False)
def obs_columns(path: str, mtime_ns: int) -> list[str]:
    """The columns of a file's cell table."""
    with open_source(path) as source:
        return [str(column) for column in source.obs.columns]


@st.cache_data(max_entries=64, show_spinner=False)
def obs_labels(path: str, mtime_ns: int, column: str) -> dict[str, int]:
    """The labels of a column with their cells, the most frequent first."""
    with open_source(path) as source:
        values: pd.Series = source.obs[column]
    return {str(label): int(n) for label, n in values.astype(str).value_counts().iloc[:MOST_LABELS].items()}


def _likely_first(columns: Sequence[str], likely: Sequence[str]) -> list[str]:
    known = [column for column in likely if column in columns]
    return [*known, *(column for column in columns if column not in known)]
