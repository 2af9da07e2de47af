"""File set: a folder of AnnData files with the same genes, read as one screen without concatenating them on disk.

Big screens ship as one file a batch or cell line. Cells follow one another file by file, in the order of the names; a
column ``file`` of obs says where each comes from.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from core.data.chunks import CellChunk, GeneChunk
from core.data.columns import BATCH_NAMES
from core.data.source import Matrix, MatrixLook, Source
from core.errors import UnreadableFileError

FILE_COLUMN = "file"
ENDINGS = (".h5ad", ".h5", ".zarr")
MOST_NAMED = 3


def files_of_set(folder: Path) -> list[Path]:
    """The AnnData files right below a folder, by name; by their endings, none is opened."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in ENDINGS and not path.name.startswith(".") and (path.suffix == ".zarr") == path.is_dir()
    )


class FileSet:
    """An open set of files, a :class:`core.data.source.Source`.

    Parameters
    ----------
    folder
        Where they lie.
    sources
        The files, opened, at least one.

    Raises
    ------
    UnreadableFileError
        If they do not hold the same genes, or no matrix of the same name and layout.
    """

    def __init__(self, folder: Path, sources: Sequence[Source]) -> None:
        self.path, self.kind, self.name, self._sources = folder, "set", folder.name, list(sources)
        self.n_cells = sum(source.n_cells for source in sources)
        self.n_genes = sources[0].n_genes
        self._places = _places(sources, lambda source: source.var)
        self.matrices = self._common_matrices()
        self._own_notes = [f"{source.path.name}: {note}" for source in sources for note in source.notes]

    @classmethod
    def of(cls, folder: Path, opened: Callable[[Path], Source]) -> Self:
        """Open the files of a folder by ``opened``; those already opened are closed where one fails."""
        sources: list[Source] = []
        try:
            for path in files_of_set(folder):
                sources.append(opened(path))
            return cls(folder, sources)
        except BaseException:
            for source in sources:
                source.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all files."""
        for source in self._sources:
            source.close()

    @property
    def notes(self) -> list[str]:
        """What to know of the files: their own notes, and how they became one screen."""
        names = ", ".join(source.name for source in self._sources[:MOST_NAMED])
        more = f" and {len(self._sources) - MOST_NAMED} more" if len(self._sources) > MOST_NAMED else ""
        read = f"The cells come from {len(self._sources)} files ({names}{more}); obs[{self._file_column!r}] says which."
        return [read, *self._labels_that_recur, *self._own_notes]

    @cached_property
    def _labels_that_recur(self) -> list[str]:
        """Batches of one name in several files may be one batch or several: nobody but the user knows."""
        notes = []
        for column in self.obs.columns:
            if str(column).lower() not in BATCH_NAMES or column == self._file_column:
                continue
            files = self.obs.groupby(self.obs[column].astype(str), observed=True)[self._file_column].nunique()
            if len(files) > 1 and (files > 1).any():
                label = str(files.index[files > 1][0])
                notes.append(
                    f"obs[{str(column)!r}] has the label {label!r} in several files. If these are different batches, "
                    f"choose {self._file_column} as the batch."
                )
        return notes

    # ---------------------------------------------------------------------------------------------------- tables

    @cached_property
    def _file_column(self) -> str:
        """The column that names each cell's file; another name where the files have such a column already."""
        return (
            FILE_COLUMN if all(FILE_COLUMN not in source.obs for source in self._sources) else f"{FILE_COLUMN}_of_set"
        )

    @cached_property
    def obs(self) -> pd.DataFrame:
        """The cell tables below one another; a column that a file lacks is empty there."""
        tables = [source.obs for source in self._sources]
        merged = pd.concat(tables)
        for column in merged.columns:
            parts = [table[column] for table in tables if column in table]
            if len(parts) == len(tables) and all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
                merged[column] = pd.api.types.union_categoricals(parts, ignore_order=True)
        codes = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        merged[self._file_column] = pd.Categorical.from_codes(codes, [source.name for source in self._sources])
        return merged

    @property
    def var(self) -> pd.DataFrame:
        """The gene table of the first file."""
        return self._sources[0].var

    @property
    def raw_var(self) -> pd.DataFrame:
        """The gene table of the first file's ``raw``."""
        return self._sources[0].raw_var

    @property
    def uns_simulated(self) -> bool:
        """Whether any file says of itself that it is simulated."""
        return any(source.uns_simulated for source in self._sources)

    # -------------------------------------------------------------------------------------------------- matrices

    def look(self, matrix: Matrix) -> MatrixLook:
        """Whether a matrix holds counts or log-normalized values, in all files alike.

        Raises
        ------
        UnreadableFileError
            If files disagree.
        """
        looks = [source.look(source.matrices[matrix.name]) for source in self._sources]
        first = looks[0]
        for source, other in zip(self._sources, looks, strict=True):
            if other.values is not first.values:
                raise UnreadableFileError(
                    f"The files of {self.path.name} cannot be read as one: {matrix.name} holds {first.values} in "
                    f"{self._sources[0].path.name} and {other.values} in {source.path.name}. Write the same kind of "
                    "values in all of them, or open them one by one."
                )
        widest = max(looks, key=lambda look: look.maximum)
        note = next((look.verdict_note for look in looks if look.verdict_note), "")
        return replace(
            widest,
            whole=all(look.whole for look in looks),
            negative=any(look.negative for look in looks),
            finite=all(look.finite for look in looks),
            verdict_note=note,
        )

    def cell_chunks(self, matrix: Matrix, rows: int, threads: int) -> Iterator[CellChunk]:
        """Cells of all files, file by file."""
        first = 0
        for source, places in zip(self._sources, self._places_of(matrix), strict=True):
            for chunk in source.cell_chunks(source.matrices[matrix.name], rows, threads):
                indices = chunk.indices if places is None else places[chunk.indices]
                yield replace(chunk, start=first + chunk.start, stop=first + chunk.stop, indices=indices)
            first += source.n_cells

    def gene_chunks(self, matrix: Matrix, genes: int, threads: int) -> Iterator[GeneChunk]:
        """Genes of all files, the cells of each after those of the file before."""
        streams = [source.gene_chunks(source.matrices[matrix.name], genes, threads) for source in self._sources]
        first = np.cumsum([0, *(source.n_cells for source in self._sources[:-1])]).astype(np.int32)
        for pieces in zip(*streams, strict=True):
            yield _beside(pieces, first)

    def _places_of(self, matrix: Matrix) -> list[np.ndarray | None]:
        return _places(self._sources, lambda source: source.raw_var) if matrix.name == "raw" else self._places

    def _common_matrices(self) -> dict[str, Matrix]:
        """Matrices that every file has, as one; csr and dense are both streamed by cells."""
        found: dict[str, Matrix] = {}
        for name in self._sources[0].matrices:
            parts = [source.matrices[name] for source in self._sources if name in source.matrices]
            by_gene = {part.layout == "csc" for part in parts}
            alike = len({part.n_genes for part in parts}) == 1
            if len(parts) < len(self._sources) or len(by_gene) > 1 or not alike:
                continue
            if by_gene == {True} and any(places is not None for places in self._places_of(parts[0])):
                continue  # genes of a file in another order cannot be streamed beside the others'
            layouts = {part.layout for part in parts}
            found[name] = Matrix(
                name,
                layouts.pop() if len(layouts) == 1 else "csr",
                np.result_type(*(part.dtype for part in parts)),
                self.n_cells,
                parts[0].n_genes,
                None if any(part.nnz is None for part in parts) else sum(part.nnz or 0 for part in parts),
                any(part.compressed for part in parts),
            )
        if not found:
            raise UnreadableFileError(
                f"The files of {self.path.name} cannot be read as one: no matrix lies in all of them in the same way "
                "(by cells, or by genes in the same order). Write all with X by cells (CSR)."
            )
        return found

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the contents and the files' names."""
        digest = hashlib.sha256(b"perturbscope set 1")
        for source in self._sources:
            digest.update(f"{source.name}\0{source.fingerprint()}\0".encode())
        return digest.hexdigest()[:16]

    def refuse_changed(self) -> None:
        """Raise UnreadableFileError if a file was changed or replaced since it was opened."""
        for source in self._sources:
            source.refuse_changed()


def _places(sources: Sequence[Source], table: Callable[[Source], pd.DataFrame]) -> list[np.ndarray | None]:
    """Where each file's genes stand in the first file; None for the same order.

    Raises
    ------
    UnreadableFileError
        If a file has other genes.
    """
    genes = table(sources[0]).index
    places: list[np.ndarray | None] = []
    for source in sources:
        own = table(source).index
        if own.equals(genes):
            places.append(None)
        elif genes.is_unique and own.is_unique and own.symmetric_difference(genes).empty:
            places.append(genes.get_indexer(own).astype(np.int32))
        else:
            raise _other_genes(sources[0], genes, source, own)
    return places


def _other_genes(first: Source, genes: pd.Index, source: Source, own: pd.Index) -> UnreadableFileError:
    lacks, more = genes.difference(own), own.difference(genes)
    found = [
        f"{len(names):,} {what} ({', '.join(map(str, names[:MOST_NAMED]))}{', ...' if len(names) > MOST_NAMED else ''})"
        for names, what in ((lacks, "are missing"), (more, "are there beside them"))
        if len(names)
    ]
    return UnreadableFileError(
        f"The files of {first.path.parent.name} cannot be read as one: {source.path.name} has other genes than "
        f"{first.path.name}: {' and '.join(found) or 'some names come twice and stand in another order'}. Files of "
        "one screen name the same genes; write them so, or open them one by one."
    )


def _beside(pieces: Sequence[GeneChunk], first: np.ndarray) -> GeneChunk:
    """The same genes of several files as one chunk; ``first`` is the number of each file's first cell."""
    n_genes = pieces[0].stop - pieces[0].start
    counts = np.array([np.diff(piece.indptr) for piece in pieces])  # (files, genes)
    indptr = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    start = indptr[:-1] + np.concatenate([np.zeros((1, n_genes), np.int64), np.cumsum(counts, axis=0)[:-1]])
    data = np.empty(indptr[-1], np.result_type(*(piece.data.dtype for piece in pieces)))
    indices = np.empty(indptr[-1], np.int32)
    for piece, offset, begins, n in zip(pieces, first, start, counts, strict=True):
        place = np.repeat(begins - piece.indptr[:-1], n) + np.arange(piece.data.size)
        data[place], indices[place] = piece.data, piece.indices + offset
    return GeneChunk(pieces[0].start, pieces[0].stop, indptr, indices, data)
