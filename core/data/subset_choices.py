"""Subset choices: the columns of obs by which some cells may be looked at, with their labels."""

import numpy as np

from core.data.cells import MeasuredNames, assign_cells
from core.data.columns import BATCH_NAMES, CELL_TYPE_NAMES, CONDITION_NAMES, Columns
from core.data.source import Source
from core.schema import CONTROL, Roles

MOST_LABELS = 60
"""A column of more labels names cells, guides or targets rather than groups."""


def subset_choices(source: Source, roles: Roles) -> dict[str, dict[str, tuple[int, int]]]:
    """The columns by which a subset may be taken, the likeliest first, each with its labels.

    Columns of target and guide, of measurements, and of one label or more than 60 are no groups of cells.

    Parameters
    ----------
    source
        The open file.
    roles
        As the study reads it.

    Returns
    -------
    dict
        By column, by label: perturbed cells and control cells. Labels of neither are left out.
    """
    columns = Columns(source.obs, MeasuredNames())
    target = assign_cells(source.obs, roles.with_changes(subset=())).target
    found = {}
    for name in _likely_first(columns, roles):
        labels = columns.labels(name)
        counts = [np.bincount(labels.codes[of], minlength=len(labels.names)) for of in (target >= 0, target == CONTROL)]
        of_label = {
            label: (int(p), int(c)) for label, p, c in sorted(zip(labels.names, *counts, strict=True)) if p or c
        }
        if len(of_label) > 1:
            found[name] = of_label
    return found


def _likely_first(columns: Columns, roles: Roles) -> list[str]:
    """Stratum and batch as they are read, columns called so by convention, then all others that group cells."""
    named = columns.named((*CELL_TYPE_NAMES, *CONDITION_NAMES, *BATCH_NAMES))
    known = [column for column in (roles.stratum_col, roles.batch_col) if column]
    ordered = dict.fromkeys([*known, *named, *columns.names])
    taken = (roles.target_col, roles.guide_col)
    return [name for name in ordered if name not in taken and _groups_cells(columns, name)]


def _groups_cells(columns: Columns, name: str) -> bool:
    return not columns.is_measurement(name) and 1 < len(columns.labels(name).names) <= MOST_LABELS
