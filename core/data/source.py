"""Source: what a screen's file, or a set of files, is to those who read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pandas as pd

from core.schema import Values

if TYPE_CHECKING:
    from core.data.chunks import CellChunk, GeneChunk


@dataclass(frozen=True)
class Matrix:
    """One matrix of a file: its name, layout (``"csr"``, ``"csc"`` or ``"dense"``), type and extent.

    ``nnz`` is the number of stored values, None for a dense matrix.
    """

    name: str
    layout: str
    dtype: np.dtype[Any]
    n_cells: int
    n_genes: int
    nnz: int | None
    compressed: bool


@dataclass(frozen=True)
class MatrixLook:
    """What a matrix seems to hold, judged by values spread over it.

    ``evidence`` says what was seen; ``verdict_note`` is not empty where neither kind of values fits well.
    """

    values: Values
    evidence: str
    maximum: float
    whole: bool
    negative: bool
    finite: bool
    verdict_note: str = ""


class Source(Protocol):
    """An open screen, read-only; a context manager. Made by :func:`core.data.reading.open_source`."""

    path: Path
    kind: str  # "h5ad", "zarr" or "set"
    name: str
    n_cells: int
    n_genes: int
    matrices: dict[str, Matrix]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """Let go of the files."""

    @property
    def notes(self) -> list[str]:
        """What to know of the file beside what it holds."""

    @property
    def obs(self) -> pd.DataFrame:
        """The cell table."""

    @property
    def var(self) -> pd.DataFrame:
        """The gene table."""

    @property
    def raw_var(self) -> pd.DataFrame:
        """The gene table that belongs to the matrix ``"raw"``."""

    @property
    def uns_simulated(self) -> bool:
        """Whether a file says of itself that it is simulated."""

    def look(self, matrix: Matrix) -> MatrixLook:
        """Whether a matrix holds counts or log-normalized values."""

    def cell_chunks(self, matrix: Matrix, rows: int, threads: int) -> "Iterator[CellChunk]":
        """Cells of a CSR or dense matrix in file order, about ``rows`` at a time."""

    def gene_chunks(self, matrix: Matrix, genes: int, threads: int) -> "Iterator[GeneChunk]":
        """Genes of a CSC matrix in file order, ``genes`` at a time."""

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the content."""

    def refuse_changed(self) -> None:
        """Raise UnreadableFileError if a file was changed or replaced since it was opened."""
