"""The words that all layers share: roles of a study, kinds of values, names with a fixed meaning."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

ALL_PERTURBED = "All perturbed cells"
"""The pooled pseudo-target: every cell with a guide against any target."""

FDR_THRESHOLD = 0.05
FOLD_THRESHOLD = 1.4
"""A gene has changed at FDR < 0.05 and at least 1.4-fold: significant is not large."""

PSEUDOCOUNT = 0.01
"""Added to both means of normalized counts before the log2 ratio, so that it is never infinite."""

LARGE_SHARE = 0.05
"""Of all counts; a gene above it is warned of, and left out of the totals by the recipe ``no-dominant``."""

MEASURABLE_MEAN = 0.05
"""Below this control mean (normalized counts a cell) what is left of a transcript cannot be measured."""

CONTROL = -1
LEFT_OUT = -2
"""Codes of a cell's target: an index into the targets, or one of these two."""


Subset = tuple[tuple[str, tuple[str, ...]], ...]
"""Some cells of a file: obs columns, each with the labels that a cell may carry there."""


class Values(StrEnum):
    """What the numbers of a matrix are."""

    COUNTS = "counts"
    LOG_NORMALIZED = "log-normalized"


@dataclass(frozen=True)
class Roles:
    """Which column of a file plays which part.

    Parameters
    ----------
    target_col
        obs column that names each cell's target.
    control
        Labels of that column that mean control.
    guide_col, batch_col, stratum_col
        obs columns of the guide, the experimental batch and the stratum (cell type or condition); None where absent.
    symbol_col
        var column with gene symbols; None means the index.
    matrix
        Where the values lie: ``"X"``, ``"raw"`` or ``"layers/NAME"``.
    values
        What the matrix holds, ``"counts"`` or ``"log-normalized"``.
    size_factors
        ``"all"``, ``"no-dominant"`` or ``"obs:COLUMN"``.
    subset
        The cells that are looked at, by obs column and the labels they may carry there, both sorted; empty for all.
        No role, and never remembered as one: it names tables of its own beside those of the whole study.
    """

    target_col: str
    control: tuple[str, ...]
    guide_col: str | None = None
    batch_col: str | None = None
    stratum_col: str | None = None
    symbol_col: str | None = None
    matrix: str = "X"
    values: Values = Values.COUNTS
    size_factors: str = "all"
    subset: Subset = ()

    def to_dict(self) -> dict[str, Any]:
        """The roles as JSON-ready values."""
        record = asdict(self) | {"control": list(self.control), "values": str(self.values)}
        subset = record.pop("subset")  # tables of all cells keep the key that they had before there were subsets
        return record | {"subset": [[column, list(labels)] for column, labels in subset]} if subset else record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """The roles out of :meth:`to_dict`'s result."""
        subset = tuple((str(column), tuple(labels)) for column, labels in record.get("subset", ()))
        plain = {"control": tuple(record["control"]), "values": Values(record["values"]), "subset": subset}
        return cls(**record | plain)

    def with_changes(self, **changes: Any) -> Self:
        """A copy in which the given fields are replaced."""
        return replace(self, **changes)
