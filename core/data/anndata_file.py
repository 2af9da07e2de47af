"""AnnData file: an open one, with its tables, its matrices and what names its content.

Nothing in a file is executed or followed out of it: no pickle, no external link, and of ``uns`` only one flag.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from anndata.io import read_elem

from core.data.chunks import CellChunk, GeneChunk, cell_chunks, gene_chunks
from core.data.fingerprint import BLOCKS, files_below, spread_bytes, state_on_disk, table_bytes
from core.data.foreign import links_outside, refuse_foreign
from core.data.hdf5_arrays import stored_hdf5
from core.data.matrix_look import judge
from core.data.nodes import (
    Node,
    arrays_below,
    attribute,
    column_names,
    contents,
    index_name_of,
    is_array,
    is_compressed,
    is_group,
    is_null,
    sparse_layout,
)
from core.data.source import Matrix, MatrixLook
from core.data.stored_arrays import StoredArray
from core.data.stored_columns import decoded, legacy_categorical, plain_column
from core.data.unreadable import DECODING_ERRORS, WRITE_AGAIN, damage_said, first_line, short_name, unreadable
from core.data.zarr_arrays import ZarrArray
from core.errors import UnreadableFileError


class AnnDataFile:
    """An open AnnData file, a :class:`core.data.source.Source`. Made by :func:`core.data.reading.open_source`."""

    def __init__(self, path: Path, kind: str, root: Node, descriptor: int = -1) -> None:
        self.path, self.kind, self.name = path, kind, path.stem
        self.notes: list[str] = []
        self._root, self._descriptor = root, descriptor
        self._state = state_on_disk(path)
        self._outside = links_outside(root, path.name) if kind == "h5ad" else []
        self.n_cells, self.n_genes = self._length("obs"), self._length("var")
        self._nodes: dict[str, Node] = {}
        self.matrices: dict[str, Matrix] = {}
        self._find_matrices()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._root.close()

    # ---------------------------------------------------------------------------------------------------- tables

    @cached_property
    def obs(self) -> pd.DataFrame:
        """The cell table; a column that cannot be decoded is left out with a note."""
        with damage_said(self.path.name):
            return self._table("obs", self.n_cells)

    @cached_property
    def var(self) -> pd.DataFrame:
        """The gene table."""
        with damage_said(self.path.name):
            return self._table("var", self.n_genes)

    @cached_property
    def raw_var(self) -> pd.DataFrame:
        """The gene table that belongs to the matrix ``"raw"``."""
        with damage_said(self.path.name):
            return self._table(self._raw_path("var"), self.matrices["raw"].n_genes)

    @cached_property
    def uns_simulated(self) -> bool:
        """Whether the file says of itself that it is simulated; all else in uns stays unread."""
        with suppress(*DECODING_ERRORS):
            if "uns" in self._root and "simulated" in self._root["uns"]:
                node = self._own("uns/simulated")
                if node.shape == () and node.dtype.kind in "biu":
                    return bool(node[()])
        return False

    def _table(self, path: str, n: int) -> pd.DataFrame:
        node = self._own(path, whole=False)
        if is_array(node):
            return self._compound_table(path, node)
        legacy = node["__categories"] if "__categories" in node else {}
        index_name = index_name_of(node)
        columns: dict[str, Any] = {}
        for name in column_names(node, index_name):
            values = self._column(path, name, n, legacy)
            if values is not None:
                columns[name] = values
        index = self._column(path, index_name, n, {}) if index_name in node else None
        if index is None:
            index = np.arange(n)
            self.notes.append(f"{path} has no readable index; its rows are numbered from 0.")
        table = pd.DataFrame(columns, index=pd.Index(np.asarray(index, object), dtype=object).astype(str))
        return table.rename_axis(None if index_name == "_index" else index_name)

    def _column(self, path: str, name: str, n: int, legacy: Mapping[str, Node]) -> Any:
        """One column, or None and a note where it cannot be used."""
        column = f"{path}[{short_name(name)!r}]"
        try:
            node = self._own(f"{path}/{name}")
            if is_array(node) and node.shape != (n,):
                raise ValueError(f"not one value a row but shape {node.shape}")
            return plain_column(read_elem(node) if name not in legacy else legacy_categorical(node, legacy[name]), n)
        except UnreadableFileError as error:
            self.notes.append(f"{column} is left out: {error}")
        except DECODING_ERRORS as error:
            self.notes.append(f"{column} is left out: it cannot be decoded ({first_line(error)}).")
        return None

    def _compound_table(self, path: str, node: Node) -> pd.DataFrame:
        """Table of AnnData before 0.7: one record a row, the first field the index, labels of codes in uns."""
        records = node[()]
        names = list(records.dtype.names or ())
        columns = {name: decoded(records[name]) for name in names}
        for name in names[1:]:
            labels = f"uns/{name}_categories"
            if labels in self._root:
                columns[name] = legacy_categorical(records[name], self._own(labels))
        index = columns.pop(names[0])
        return pd.DataFrame(columns, index=pd.Index(np.asarray(index, object)).astype(str))

    # -------------------------------------------------------------------------------------------------- matrices

    def stored(self, matrix: Matrix, part: str, pool: ThreadPoolExecutor | None = None) -> StoredArray:
        """One array of a matrix: ``"data"``, ``"indices"`` or ``"indptr"``; ``""`` is the dense matrix itself."""
        with damage_said(self.path.name):
            node = self._nodes[matrix.name]
            array = node[part] if part else node
            if self.kind == "h5ad":
                return stored_hdf5(array, self._descriptor, pool)
            if part in ("data", "indices"):
                self._refuse_lost_chunks(array)
            return ZarrArray(array, f"{self.path.name}/{array.path}")

    def _refuse_lost_chunks(self, array: Node) -> None:
        """Raise if a chunk of stored values is not there, since zarr would read it as zeros."""
        per_file = (array.shards or array.chunks)[0] // array.chunks[0]
        files = -(-array.nchunks // per_file)
        lost = files - array.nchunks_initialized // per_file
        if lost:
            found = f"{lost:,} of {files:,} pieces of {array.path} are missing"
            raise unreadable(self.path.name, found, "Copy the folder again")

    def look(self, matrix: Matrix) -> MatrixLook:
        """Whether a matrix holds counts or log-normalized values, from about a million of its values."""
        pieces = self.stored(matrix, "" if matrix.layout == "dense" else "data").sample(BLOCKS)
        values = np.concatenate([piece[piece != 0] for piece in pieces] or [np.empty(0)])
        return judge(values.astype(np.float64))

    def _find_matrices(self) -> None:
        """Fill ``matrices``; one beside X that cannot be used is left out with a note."""
        for n, what, table in ((self.n_cells, "cells", "obs"), (self.n_genes, "genes", "var")):
            if n == 0:
                raise unreadable(self.path.name, f"it holds no {what} ({table} is empty)", "Check how it was filtered")
        for name, path in self._matrix_paths().items():
            try:
                node = self._own(path)
                if not is_null(node):
                    self.matrices[name] = self._describe(name, node)
                    self._nodes[name] = node
            except UnreadableFileError as error:
                if name == "X":
                    raise
                self.notes.append(f"{name} is left out: {error}")
        if not self.matrices:
            found = "it has no X, no raw and no layers, so no values"
            raise unreadable(self.path.name, found, "Write the AnnData with its X")

    def _matrix_paths(self) -> dict[str, str]:
        paths = {"X": "X", "raw": self._raw_path("X")}
        if self._has("layers") and "layers" not in self._outside and is_group(self._root["layers"]):
            paths |= {f"layers/{name}": f"layers/{name}" for name in self._root["layers"].keys()}
        return {name: path for name, path in paths.items() if self._has(path)}

    def _raw_path(self, part: str) -> str:
        """Where the part of ``raw`` lies; AnnData before 0.7 wrote ``raw.X``."""
        return f"raw/{part}" if self._has(f"raw/{part}") else f"raw.{part}"

    def _describe(self, name: str, node: Node) -> Matrix:
        if is_array(node):
            if len(node.shape) != 2:
                raise unreadable(self.path.name, f"its {name} has shape {node.shape}, not cells x genes", WRITE_AGAIN)
            (n_cells, n_genes), layout, nnz, values = node.shape, "dense", None, node
        else:
            missing = [part for part in ("data", "indices", "indptr") if not is_array(node.get(part))]
            if missing:
                raise unreadable(self.path.name, f"its {name} is a group without {', '.join(missing)}", WRITE_AGAIN)
            extent = attribute(node, "shape", "h5sparse_shape") or (self.n_cells, self.n_genes)
            n_cells, n_genes = (int(n) for n in extent)
            layout, values = sparse_layout(node, n_cells), node["data"]
            nnz = int(values.shape[0])
        dtype = np.dtype(values.dtype)
        if dtype.kind not in "biuf":
            raise unreadable(self.path.name, f"its {name} holds values of type {dtype}, not numbers", WRITE_AGAIN)
        if n_cells != self.n_cells or (n_genes != self.n_genes and name != "raw"):
            found = f"its {name} is {n_cells:,} x {n_genes:,}"
            tables = f"obs and var name {self.n_cells:,} cells and {self.n_genes:,} genes"
            raise unreadable(self.path.name, f"{found} but {tables}", WRITE_AGAIN)
        return Matrix(name, layout, dtype, n_cells, n_genes, nnz, is_compressed(values))

    def cell_chunks(self, matrix: Matrix, rows: int, threads: int) -> Iterator[CellChunk]:
        """Cells of a CSR or dense matrix in file order, ``rows`` at a time."""
        return cell_chunks(self, matrix, rows, threads)

    def gene_chunks(self, matrix: Matrix, genes: int, threads: int) -> Iterator[GeneChunk]:
        """Genes of a CSC matrix in file order, ``genes`` at a time."""
        return gene_chunks(self, matrix, genes, threads)

    # ----------------------------------------------------------------------------------------------- fingerprint

    def refuse_changed(self) -> None:
        """Raise UnreadableFileError if the file was changed or replaced since it was opened."""
        if state_on_disk(self.path) != self._state:
            raise unreadable(
                self.path.name, "it was changed or replaced while it was read", "Wait until it is written, then build"
            )

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the content: a moved file keeps them, a changed one does not.

        Over size, extent and types, obs and var, and 64 pieces of every matrix by position; no path, no time.
        """
        digest = hashlib.sha256(b"perturbscope source 1")
        for matrix in self.matrices.values():
            digest.update(repr((matrix.name, matrix.layout, matrix.dtype.str, matrix.n_cells, matrix.n_genes)).encode())
        with damage_said(self.path.name):
            for piece in self._zarr_bytes() if self.kind == "zarr" else self._hdf5_bytes():
                digest.update(piece)
        return digest.hexdigest()[:16]

    def _hdf5_bytes(self) -> Iterator[bytes]:
        yield str(os.fstat(self._descriptor).st_size).encode()
        for table in ("obs", "var", *self._raw_tables()):
            yield from table_bytes(self._own(table, whole=False), table, self._outside)
        for name, matrix in self.matrices.items():
            for part in ("",) if matrix.layout == "dense" else ("data", "indices", "indptr"):
                yield f"{name}/{part}".encode()
                yield from self.stored(matrix, part).stored_sample(BLOCKS)

    def _zarr_bytes(self) -> Iterator[bytes]:
        files = dict(sorted(files_below(self.path)))
        yield str(sum(files.values())).encode()
        tables = tuple(f"{table}/" for table in ("obs", "var", *self._raw_tables()))
        for path, size in files.items():
            if path.startswith(tables):
                yield f"{path} {size}".encode()
                yield (self.path / path).read_bytes()
        for name in self.matrices:
            folder = "raw/X/" if name == "raw" else f"{name}/"
            yield name.encode()
            yield from spread_bytes(self.path, {p: n for p, n in files.items() if p.startswith(folder)})

    def _raw_tables(self) -> list[str]:
        """The gene table of ``raw``, where there is one: it names the genes when raw is read."""
        path = self._raw_path("var")
        return [path] if "raw" in self.matrices and self._has(path) else []

    # ------------------------------------------------------------------------------------------- nodes of the file

    def _own(self, path: str, whole: bool = True) -> Node:
        """Node of the file that lies in the file; with ``whole`` all below it too."""
        reached = [p for p in self._outside if f"{path}/".startswith(f"{p}/") or whole and p.startswith(f"{path}/")]
        if reached:
            raise unreadable(
                self.path.name,
                f"its {reached[0]} is a link to another file, which is not followed",
                "Write the data into one file",
            )
        node = self._root[path]
        if whole:
            for array in arrays_below(node):
                refuse_foreign(array, self.path.name)
        return node

    def _has(self, path: str) -> bool:
        """Whether the file names ``path``, a link that leads nowhere or out of the file included."""
        parent, _, name = path.rpartition("/")
        if parent and (parent not in self._root.keys() or parent in self._outside):
            return False
        node = self._root[parent] if parent else self._root
        return is_group(node) and name in node.keys()

    def _length(self, table: str) -> int:
        if not self._has(table):
            raise unreadable(self.path.name, f"it has no {table}: {contents(self._root)}")
        node = self._own(table, whole=False)
        if is_array(node):
            return int(node.shape[0])
        name = index_name_of(node)
        if name in node:
            index = self._own(f"{table}/{name}")
            if is_group(index):  # categorical or nullable text
                index = index["codes" if "codes" in index else "values"]
            return int(index.shape[0])
        raise unreadable(self.path.name, f"its {table} is no AnnData table: it has no index")
