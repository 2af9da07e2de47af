"""The roles form: which column of a file plays which part, to correct by select boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from core.data.reading import open_source
from core.schema import Roles, Values

NONE = "none"
MOST_LABELS = 5000
COLUMN_ROLES = {
    "guide_col": ("Guide", "Which guide a cell got. Guides of one target should agree."),
    "batch_col": ("Batch", "The experimental batch: lane, replicate, plate. Effects are also compared within batches."),
    "stratum_col": ("Cell type or condition", "Groups of cells within which effects are compared."),
}


def roles_form(
    path: Path, roles: Roles | None = None, candidates: Mapping[str, Sequence[str]] | None = None
) -> dict[str, object] | None:
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
    columns = obs_columns(str(path), path.stat().st_mtime_ns)
    first = {role: list(names) for role, names in (candidates or {}).items()}
    target_col = st.selectbox(
        "Target",
        _likely_first(columns, first.get("target_col", [])),
        index=None if roles is None else _likely_first(columns, first.get("target_col", [])).index(roles.target_col),
        placeholder="Choose a column",
        help="The column of obs that names the perturbed gene of each cell.",
    )
    if target_col is None:
        return None
    labels = obs_labels(str(path), path.stat().st_mtime_ns, target_col)
    kept = roles is not None and target_col == roles.target_col
    control = st.multiselect(
        "Control",
        labels,
        default=[label for label in roles.control if label in labels] if roles is not None and kept else [],
        placeholder="Choose one or more labels",
        help="Labels of that column that mean control: cells with a guide against no gene.",
        select_all=False,
    )
    chosen: dict[str, object] = {"target_col": target_col, "control": tuple(control)}
    others = [column for column in columns if column != target_col]
    for role, (label, help_text) in COLUMN_ROLES.items():
        options = [NONE, *_likely_first(others, first.get(role, []))]
        now = getattr(roles, role, None) or NONE
        picked = st.selectbox(label, options, index=options.index(now) if now in options else 0, help=help_text)
        chosen[role] = None if picked == NONE else picked
    values = [str(value) for value in Values]
    chosen["values"] = st.segmented_control(
        "Values",
        values,
        default=str(roles.values) if roles is not None else values[0],
        required=True,
        help="Counts are whole numbers of molecules; log-normalized values are log1p of counts scaled to one total.",
    )
    if roles is None:
        del chosen["values"]  # told by looking at the matrix
    if st.button("Rebuild the tables" if roles else "Open", type="primary", disabled=not control):
        return chosen
    return None


@st.cache_data(max_entries=16, show_spinner=False)
def obs_columns(path: str, mtime_ns: int) -> list[str]:
    """The columns of a file's cell table."""
    with open_source(path) as source:
        return [str(column) for column in source.obs.columns]


@st.cache_data(max_entries=64, show_spinner=False)
def obs_labels(path: str, mtime_ns: int, column: str) -> list[str]:
    """The labels of a column, the most frequent first."""
    with open_source(path) as source:
        values: pd.Series = source.obs[column]
    return [str(label) for label in values.astype(str).value_counts().index[:MOST_LABELS]]


def _likely_first(columns: Sequence[str], likely: Sequence[str]) -> list[str]:
    known = [column for column in likely if column in columns]
    return [*known, *(column for column in columns if column not in known)]
