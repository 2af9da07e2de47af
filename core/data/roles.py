"""Roles: which column of a file plays which part, guessed from the conventions in use, with the evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.data.cells import Cells, MeasuredNames, assign_cells, obs_column
from core.data.columns import Columns, total_columns
from core.data.evidence import Evidence, candidates
from core.data.gene_names import GeneIndex, gene_index
from core.data.guesses import choose_batch, choose_control, choose_guide, choose_stratum, choose_symbols, choose_target
from core.data.labels import closest, short
from core.data.matrix_choice import choose_matrix
from core.data.subsets import subset_of
from core.errors import RolesError
from core.schema import CONTROL, Roles, Subset, Values

if TYPE_CHECKING:
    from core.data.source import Source

__all__ = ["Cells", "RolesReading", "assign_cells", "read_roles"]

_OPTIONAL = ("guide_col", "batch_col", "stratum_col")


@dataclass(frozen=True)
class RolesReading:
    """The roles of a file and why they were read so.

    Parameters
    ----------
    roles
        The roles.
    evidence
        One row a role, columns role, read_from, evidence; target, control, guide, batch, stratum, genes, values,
        size factors, in this order.
    candidates
        What the page offers in its select boxes, by field of Roles: target_col, control, guide_col, batch_col,
        stratum_col, matrix, symbol_col, size_factors; the likeliest first. ``control_cells`` says, beside each label of
        ``control``, how many cells carry it.
    notes
        Sentences on what was not plain.
    cells, genes
        The file's cells and genes as these roles read them.
    """

    roles: Roles
    evidence: pd.DataFrame
    candidates: dict[str, list[str]]
    notes: list[str]
    cells: Cells
    genes: GeneIndex


def read_roles(source: "Source", overrides: Mapping[str, object] | None = None) -> RolesReading:
    """The roles of an open file: what the overrides say, and for the rest the best guess.

    Parameters
    ----------
    source
        The open file; its tables are read, its matrices looked at in a few places.
    overrides
        Fields of :class:`Roles`. For guide_col, batch_col and stratum_col, None, "" and "none" mean that the file
        has no such role; for every other field None and "" mean a guess. control may be one label or several.
        subset leaves cells out and changes no guess: all else is read as in the whole file.

    Raises
    ------
    RolesError
        If a column or label is absent, or nothing could be a target.
    InvalidValuesError
        If no matrix holds counts or log-normalized values.
    """
    given = _checked(overrides or {})
    matrix, look, notes = choose_matrix(source, given)
    values = Values(str(given["values"])) if "values" in given else look.values
    var = source.raw_var if matrix == "raw" else source.var
    symbol_col = choose_symbols(var, given)
    unnamed = Roles("", (), symbol_col=symbol_col, matrix=matrix, values=values)
    genes = gene_index(var, unnamed)
    names = MeasuredNames(genes)
    columns = Columns(source.obs, names)
    target_col = choose_target(columns, given, source.notes)
    control, control_notes = choose_control(columns, target_col, given)
    guide_col = choose_guide(columns, target_col, control, given)
    batch_col = choose_batch(columns, target_col, guide_col, given)
    stratum_col, stratum_notes = choose_stratum(columns, target_col, guide_col, given)
    roles = unnamed.with_changes(
        target_col=target_col,
        control=control,
        guide_col=guide_col,
        batch_col=batch_col,
        stratum_col=stratum_col,
        size_factors=str(given.get("size_factors", "all")),
        subset=_subset((overrides or {}).get("subset")),
    )
    cells = assign_cells(source.obs, roles, names)
    _check_size_factors(source.obs, roles, cells)
    told = Evidence(roles, cells, genes, columns, look)
    notes += [*source.notes, *control_notes, *stratum_notes, *cells.notes, *told.notes()]
    return RolesReading(roles, told.table(), candidates(source, columns, roles, cells), notes, cells, genes)


def _checked(overrides: Mapping[str, object]) -> dict[str, object]:
    """The overrides that say something, as plain text (control: a tuple of it; no such role: None)."""
    known = [field.name for field in fields(Roles)]
    given: dict[str, object] = {}
    for name, value in overrides.items():
        if name not in known:
            raise RolesError(f"There is no role {name!r}. {closest(name, known)}")
        if name == "subset":
            continue  # no role: which cells the roles are read for
        if name == "control":
            labels = (value,) if isinstance(value, str | bytes) or not isinstance(value, Iterable) else tuple(value)
            wanted = tuple(dict.fromkeys(str(label).strip() for label in labels if label is not None))
            if any(wanted):
                given[name] = tuple(label for label in wanted if label)
        elif name in _OPTIONAL or value not in (None, ""):
            given[name] = None if value is None else str(value)
    if "values" in given and given["values"] not in list(Values):
        raise RolesError(
            f"values is {given['values']!r}; expected {' or '.join(Values)}. Pass --values with one of them."
        )
    return given


def _subset(given: object) -> Subset:
    """The subset in its one order; a tuple or list of (column, labels)."""
    return subset_of(given) if isinstance(given, tuple | list) else ()


def _check_size_factors(obs: pd.DataFrame, roles: Roles, cells: Cells) -> None:
    recipe = roles.size_factors
    if recipe in ("all", "no-dominant"):
        return
    if not recipe.startswith("obs:"):
        raise RolesError(
            f"size factors are {short(recipe)!r}; expected all, no-dominant or obs:COLUMN. Pass --size-factors."
        )
    name = recipe.removeprefix("obs:")
    if name not in obs.columns:
        numeric = total_columns(obs)
        hint = closest(name, numeric) if numeric else "obs has no column of numbers."
        raise RolesError(f"obs has no column {short(name)!r} of totals for the size factors. {hint}")
    column = obs_column(obs, name, "a")
    if isinstance(column.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        raise RolesError(
            f"obs[{name!r}] holds {column.dtype} labels; size factors need each cell's total as a number above 0."
        )
    totals = column.to_numpy(dtype=float, na_value=np.nan)[cells.target >= CONTROL]
    bad = int((~(np.isfinite(totals) & (totals > 0))).sum())
    if bad:
        raise RolesError(
            f"obs[{name!r}] is not above 0 for {bad:,} of {len(totals):,} cells; size factors need each cell's total "
            "as a number above 0. Choose another column, or --size-factors all."
        )
