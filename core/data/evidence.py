"""Evidence: the table "How the file was read", what it cannot say in a word, and what else could stand in each role."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.data.cells import Cells, combination, without_guide
from core.data.columns import CELL_TYPE_NAMES, Columns, total_columns
from core.data.gene_names import GeneIndex, resolve_all, symbol_columns
from core.data.guesses import MAX_STRATA, NONE, batch_columns, guide_columns, stratum_columns
from core.data.labels import control_certainty, counted, left_out_reason, short
from core.schema import CONTROL, Roles, Values

if TYPE_CHECKING:
    from core.data.source import MatrixLook, Source

MAX_CHOICES = 2000
"""Longest list of labels that a select box gets."""

_ROWS = ("target", "control", "guide", "batch", "stratum", "genes", "values", "size factors")


class Evidence:
    """The table "How the file was read", and what it cannot say in a word."""

    def __init__(self, roles: Roles, cells: Cells, genes: GeneIndex, columns: Columns, look: "MatrixLook") -> None:
        self._roles, self._cells, self._genes, self._columns, self._look = roles, cells, genes, columns, look

    def table(self) -> pd.DataFrame:
        """One row a role: role, read_from, evidence."""
        rows = (self._target(), self._control(), self._guide(), self._batch(), self._stratum(), self._gene_names(),
                self._values(), self._size_factors())  # fmt: skip
        record = [(role, *row) for role, row in zip(_ROWS, rows, strict=True)]
        return pd.DataFrame(record, columns=["role", "read_from", "evidence"])

    def _target(self) -> tuple[str, str]:
        targets = self._cells.targets
        pairs = sum(len(combination(name)) > 1 for name in targets)
        are_genes = sum(all(self._columns.genes.is_gene(part) for part in combination(name)) for name in targets)
        words = (
            f"{counted(len(targets), 'gene' if 2 * are_genes >= len(targets) and not pairs else 'target')} + controls"
        )
        if pairs:
            words += f", {pairs:,} of them combinations"
        parts = {part for name in targets for part in combination(name)}
        n_absent = resolve_all(parts, self._genes.symbols, self._genes.ids).count(None)
        if n_absent:
            words += f", {n_absent:,} {'of their genes ' if pairs else ''}not measured"
        if self._cells.guide_level_labels:
            n_labels = sum(
                label not in self._roles.control and left_out_reason(label) is None for label in self._cells.labels
            )
            words += f", from {counted(n_labels, 'guide label')}"
        return self._roles.target_col, words

    def _control(self) -> tuple[str, str]:
        labels = [short(label) for label in self._roles.control if label in self._cells.labels] or list(
            self._roles.control
        )
        n_cells = counted(int((self._cells.target == CONTROL).sum()), "cell")
        if len(labels) > 3:
            return f"{labels[0]} and {len(labels) - 1:,} more", n_cells
        return ", ".join(labels), n_cells

    def _guide(self) -> tuple[str, str]:
        column, guides = self._roles.guide_col, self._cells.guides
        if column is None:
            return NONE, "no guides told apart"
        if 2 * sum("|" in guide for guide in guides) > len(guides):
            return column, f"{len(guides):,} pairs, joined by |"
        if column != self._roles.target_col and self._columns.same_groups(column, self._roles.target_col):
            return column, f"the same labels as {self._roles.target_col}: one guide a target"
        is_control = self._cells.target[self._cells.guide >= 0] == CONTROL
        n_control = len(np.unique(self._cells.guide[self._cells.guide >= 0][is_control]))
        return column, f"{counted(len(guides), 'guide')}, {n_control:,} of them controls"

    def _batch(self) -> tuple[str, str]:
        return self._groups(self._roles.batch_col, self._cells.batches, "one batch")

    def _stratum(self) -> tuple[str, str]:
        column, strata = self._roles.stratum_col, self._cells.strata
        is_type = column is None or self._columns.key(column) in CELL_TYPE_NAMES
        if column is not None and is_type and len(strata) > 1:
            return column, counted(len(strata), "cell type")
        return self._groups(column, strata, "one cell type" if is_type else "one value")

    def _groups(self, column: str | None, values: tuple[str, ...], single: str) -> tuple[str, str]:
        if column is None or len(values) <= 1:
            return column or NONE, single
        words = counted(len(values), "value")
        return column, f"{words}: {', '.join(values)}" if len(values) == 2 and len("".join(values)) < 32 else words

    def _gene_names(self) -> tuple[str, str]:
        words = counted(len(self._genes.symbols), "gene")
        if self._genes.n_duplicates:
            words += f", {self._genes.n_duplicates:,} repeated"
        if any(self._genes.ids):
            words += ", with ids"
        return self._roles.symbol_col or "index", words

    def _values(self) -> tuple[str, str]:
        matrix, values = self._roles.matrix, self._roles.values
        read_from = str(values) if matrix == "X" else f"{values}, {matrix}"
        overruled = f"as told; {self._look.evidence}" if values is not self._look.values else self._look.evidence
        return read_from, overruled

    def _size_factors(self) -> tuple[str, str]:
        recipe = self._roles.size_factors
        if self._roles.values is Values.LOG_NORMALIZED:
            return recipe, "not used: the values are log-normalized"
        if recipe == "all":
            return "all", "total over the median total, all genes"
        if recipe == "no-dominant":
            return recipe, "without genes that hold over 5 % of all counts"
        return recipe, f"totals from obs[{recipe.removeprefix('obs:')!r}]"

    def notes(self) -> list[str]:
        """Sentences on genes without names, guides, and groups that coincide."""
        notes, genes, roles = [], self._genes, self._roles
        if genes.n_duplicates:
            notes.append(f"Repeated gene names get -1, -2, ... behind them ({counted(genes.n_duplicates, 'gene')}).")
        if genes.n_unnamed:
            n_unnamed = counted(genes.n_unnamed, "gene")
            notes.append(f"Genes without a symbol go by their id or their place in the file ({n_unnamed}).")
        if genes.n_translated:
            notes.append(
                f"The file names genes by Ensembl id; {genes.n_translated:,} of {len(genes.symbols):,} symbols are "
                "from the table of HGNC names (Ensembl 100)."
            )
        if self._cells.guide_level_labels:
            example = next((x for x in self._cells.labels if without_guide(x) in self._cells.targets), "")
            notes.append(
                f"obs[{roles.target_col!r}] holds guides; targets are its labels without the guide's number"
                + (f" ({short(example)} is a guide against {without_guide(example)})." if example else ".")
            )
        notes += self._without_controls("batches", self._cells.batches, self._cells.batch)
        notes += self._without_controls("strata", self._cells.strata, self._cells.stratum)
        if roles.batch_col and roles.stratum_col and self._columns.same_groups(roles.batch_col, roles.stratum_col):
            if len(self._cells.batches) > 1:
                notes.append(
                    f"{roles.batch_col} and {roles.stratum_col} divide the cells alike: each batch is one stratum."
                )
        return notes

    def _without_controls(self, several: str, names: tuple[str, ...], codes: np.ndarray) -> list[str]:
        """A note where cells are perturbed in a group that has no control to compare them with."""
        perturbed = np.unique(codes[self._cells.target >= 0])
        bare = np.setdiff1d(perturbed, codes[self._cells.target == CONTROL])
        if not names or not bare.size:
            return []
        which = f" ({', '.join(short(names[code], 20) for code in bare[:4])}{', ...' if bare.size > 4 else ''})"
        return [f"No control cell in {bare.size:,} of {len(names):,} {several}{which}."]


def candidates(source: "Source", columns: Columns, roles: Roles, cells: Cells) -> dict[str, list[str]]:
    """What could stand in each role, the chosen first."""
    evidence = [columns.target_evidence(name) for name in columns.names if not columns.is_measurement(name)]
    targets = [
        e.name for e in sorted((e for e in evidence if e.is_grouping), key=lambda e: (not e.could_be_target, -e.score))
    ]
    n_most = max(20, len(columns.obs) / 2)
    groupings = [n for n in columns.names if not columns.is_measurement(n) and n != roles.target_col]
    groupings = [n for n in groupings if len(columns.labels(n).names) <= (100 if columns.is_numeric(n) else n_most)]
    types, conditions = stratum_columns(columns, roles.target_col, roles.guide_col)
    few = [n for n in groupings if 2 <= len(columns.labels(n).names) <= MAX_STRATA]
    controls = sorted(cells.labels, key=lambda label: (label not in roles.control, -control_certainty(label)))
    controls = [label for label in controls if label][:MAX_CHOICES]
    var = source.raw_var if roles.matrix == "raw" else source.var
    return {
        "target_col": _first(roles.target_col, targets),
        "control": controls,
        "control_cells": [f"{cells.labels[label]:,}" for label in controls],
        "guide_col": _first(roles.guide_col, [*guide_columns(columns, roles.target_col), *groupings]),
        "batch_col": _first(roles.batch_col, [*batch_columns(columns, roles.target_col, roles.guide_col), *groupings]),
        "stratum_col": _first(roles.stratum_col, [*types, *conditions, *few]),
        "matrix": _first(roles.matrix, list(source.matrices)),
        "symbol_col": _first(roles.symbol_col or "index", ["index", *symbol_columns(var)]),
        "size_factors": _first(
            roles.size_factors, ["all", "no-dominant", *(f"obs:{n}" for n in total_columns(source.obs))]
        ),
    }


def _first(chosen: str | None, others: list[str]) -> list[str]:
    return list(dict.fromkeys([*([chosen] if chosen else []), *others]))
