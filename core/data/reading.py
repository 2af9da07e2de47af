"""Reading: an AnnData file opened by its content, with tables, matrices and what kind of values they hold.

Nothing in a file is executed or followed out of it: no pickle, no external link, and of ``uns`` only one flag.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
import pandas as pd
import zarr
from anndata._io.specs.registry import IORegistryError
from anndata.io import read_elem
from zarr.errors import ContainsArrayError

from core.data.chunks import (
    CellChunk,
    GeneChunk,
    StoredArray,
    ZarrArray,
    cell_chunks,
    filters,
    gene_chunks,
    spread,
    stored_hdf5,
)
from core.data.file_set import FileSet, files_of_set
from core.data.source import Matrix, MatrixLook, Source
from core.errors import UnreadableFileError
from core.schema import Values

EXPECTED = "an AnnData file (.h5ad, .h5 or a zarr folder)"
COPY_AGAIN = "Copy or download it again"
WRITE_AGAIN = "Write the file again from its origin"

BLOCKS = 64
"""Pieces of a matrix that its fingerprint and the look at its values read."""

LOG_LIMIT = 20.0
"""No log1p of a normalized count comes near it (e^20 is 5e8); fractions above it are not on a log scale."""

_BLOCK_BYTES = 64 << 10
_ERRORS: tuple[type[BaseException], ...] = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    IORegistryError,
)
"""What h5py, zarr and anndata raise on data they cannot decode."""

Node = Any
"""A group or array of h5py or zarr; both answer to the same names."""


class AnnDataFile:
    """An open AnnData file, a :class:`core.data.source.Source`. Made by :func:`open_source`."""

    def __init__(self, path: Path, kind: str, root: Node, descriptor: int = -1) -> None:
        self.path, self.kind, self.name = path, kind, path.stem
        self.notes: list[str] = []
        self._root, self._descriptor = root, descriptor
        self._state = _state_on_disk(path)
        self._outside = _links_outside(root, path.name) if kind == "h5ad" else []
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
        with _damage_said(self.path.name):
            return self._table("obs", self.n_cells)

    @cached_property
    def var(self) -> pd.DataFrame:
        """The gene table."""
        with _damage_said(self.path.name):
            return self._table("var", self.n_genes)

    @cached_property
    def raw_var(self) -> pd.DataFrame:
        """The gene table that belongs to the matrix ``"raw"``."""
        with _damage_said(self.path.name):
            return self._table(self._raw_path("var"), self.matrices["raw"].n_genes)

    @cached_property
    def uns_simulated(self) -> bool:
        """Whether the file says of itself that it is simulated; all else in uns stays unread."""
        with suppress(*_ERRORS):
            if "uns" in self._root and "simulated" in self._root["uns"]:
                node = self._own("uns/simulated")
                if node.shape == () and node.dtype.kind in "biu":
                    return bool(node[()])
        return False

    def _table(self, path: str, n: int) -> pd.DataFrame:
        node = self._own(path, whole=False)
        if _is_array(node):
            return self._compound_table(path, node)
        legacy = node["__categories"] if "__categories" in node else {}
        index_name = _index_name(node)
        columns: dict[str, Any] = {}
        for name in _column_names(node, index_name):
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
        column = f"{path}[{_short(name)!r}]"
        try:
            node = self._own(f"{path}/{name}")
            if _is_array(node) and node.shape != (n,):
                raise ValueError(f"not one value a row but shape {node.shape}")
            return _plain_column(read_elem(node) if name not in legacy else _legacy_categorical(node, legacy[name]), n)
        except UnreadableFileError as error:
            self.notes.append(f"{column} is left out: {error}")
        except _ERRORS as error:
            self.notes.append(f"{column} is left out: it cannot be decoded ({_first_line(error)}).")
        return None

    def _compound_table(self, path: str, node: Node) -> pd.DataFrame:
        """Table of AnnData before 0.7: one record a row, the first field the index, labels of codes in uns."""
        records = node[()]
        names = list(records.dtype.names or ())
        columns = {name: _decoded(records[name]) for name in names}
        for name in names[1:]:
            labels = f"uns/{name}_categories"
            if labels in self._root:
                columns[name] = _legacy_categorical(records[name], self._own(labels))
        index = columns.pop(names[0])
        return pd.DataFrame(columns, index=pd.Index(np.asarray(index, object)).astype(str))

    # -------------------------------------------------------------------------------------------------- matrices

    def stored(self, matrix: Matrix, part: str, pool: ThreadPoolExecutor | None = None) -> StoredArray:
        """One array of a matrix: ``"data"``, ``"indices"`` or ``"indptr"``; ``""`` is the dense matrix itself."""
        with _damage_said(self.path.name):
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
            raise _unreadable(self.path.name, found, "Copy the folder again")

    def look(self, matrix: Matrix) -> MatrixLook:
        """Whether a matrix holds counts or log-normalized values, from about a million of its values."""
        pieces = self.stored(matrix, "" if matrix.layout == "dense" else "data").sample(BLOCKS)
        values = np.concatenate([piece[piece != 0] for piece in pieces] or [np.empty(0)])
        return judge(values.astype(np.float64))

    def _find_matrices(self) -> None:
        """Fill ``matrices``; one beside X that cannot be used is left out with a note."""
        for n, what, table in ((self.n_cells, "cells", "obs"), (self.n_genes, "genes", "var")):
            if n == 0:
                raise _unreadable(self.path.name, f"it holds no {what} ({table} is empty)", "Check how it was filtered")
        for name, path in self._matrix_paths().items():
            try:
                node = self._own(path)
                if not _is_null(node):
                    self.matrices[name] = self._describe(name, node)
                    self._nodes[name] = node
            except UnreadableFileError as error:
                if name == "X":
                    raise
                self.notes.append(f"{name} is left out: {error}")
        if not self.matrices:
            found = "it has no X, no raw and no layers, so no values"
            raise _unreadable(self.path.name, found, "Write the AnnData with its X")

    def _matrix_paths(self) -> dict[str, str]:
        paths = {"X": "X", "raw": self._raw_path("X")}
        if self._has("layers") and "layers" not in self._outside and _is_group(self._root["layers"]):
            paths |= {f"layers/{name}": f"layers/{name}" for name in self._root["layers"].keys()}
        return {name: path for name, path in paths.items() if self._has(path)}

    def _raw_path(self, part: str) -> str:
        """Where the part of ``raw`` lies; AnnData before 0.7 wrote ``raw.X``."""
        return f"raw/{part}" if self._has(f"raw/{part}") else f"raw.{part}"

    def _describe(self, name: str, node: Node) -> Matrix:
        if _is_array(node):
            if len(node.shape) != 2:
                raise _unreadable(self.path.name, f"its {name} has shape {node.shape}, not cells x genes", WRITE_AGAIN)
            (n_cells, n_genes), layout, nnz, values = node.shape, "dense", None, node
        else:
            missing = [part for part in ("data", "indices", "indptr") if not _is_array(node.get(part))]
            if missing:
                raise _unreadable(self.path.name, f"its {name} is a group without {', '.join(missing)}", WRITE_AGAIN)
            extent = _attribute(node, "shape", "h5sparse_shape") or (self.n_cells, self.n_genes)
            n_cells, n_genes = (int(n) for n in extent)
            layout, values = _sparse_layout(node, n_cells), node["data"]
            nnz = int(values.shape[0])
        dtype = np.dtype(values.dtype)
        if dtype.kind not in "biuf":
            raise _unreadable(self.path.name, f"its {name} holds values of type {dtype}, not numbers", WRITE_AGAIN)
        if n_cells != self.n_cells or (n_genes != self.n_genes and name != "raw"):
            found = f"its {name} is {n_cells:,} x {n_genes:,}"
            tables = f"obs and var name {self.n_cells:,} cells and {self.n_genes:,} genes"
            raise _unreadable(self.path.name, f"{found} but {tables}", WRITE_AGAIN)
        return Matrix(name, layout, dtype, n_cells, n_genes, nnz, _is_compressed(values))

    def cell_chunks(self, matrix: Matrix, rows: int, threads: int) -> Iterator[CellChunk]:
        """Cells of a CSR or dense matrix in file order, ``rows`` at a time."""
        return cell_chunks(self, matrix, rows, threads)

    def gene_chunks(self, matrix: Matrix, genes: int, threads: int) -> Iterator[GeneChunk]:
        """Genes of a CSC matrix in file order, ``genes`` at a time."""
        return gene_chunks(self, matrix, genes, threads)

    # ----------------------------------------------------------------------------------------------- fingerprint

    def refuse_changed(self) -> None:
        """Raise UnreadableFileError if the file was changed or replaced since it was opened."""
        if _state_on_disk(self.path) != self._state:
            raise _unreadable(
                self.path.name, "it was changed or replaced while it was read", "Wait until it is written, then build"
            )

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the content: a moved file keeps them, a changed one does not.

        Over size, extent and types, obs and var, and 64 pieces of every matrix by position; no path, no time.
        """
        digest = hashlib.sha256(b"perturbscope source 1")
        for matrix in self.matrices.values():
            digest.update(repr((matrix.name, matrix.layout, matrix.dtype.str, matrix.n_cells, matrix.n_genes)).encode())
        with _damage_said(self.path.name):
            for piece in self._zarr_bytes() if self.kind == "zarr" else self._hdf5_bytes():
                digest.update(piece)
        return digest.hexdigest()[:16]

    def _hdf5_bytes(self) -> Iterator[bytes]:
        yield str(os.fstat(self._descriptor).st_size).encode()
        for table in ("obs", "var"):
            yield from _table_bytes(self._own(table, whole=False), table, self._outside)
        for name, matrix in self.matrices.items():
            for part in ("",) if matrix.layout == "dense" else ("data", "indices", "indptr"):
                yield f"{name}/{part}".encode()
                yield from self.stored(matrix, part).stored_sample(BLOCKS)

    def _zarr_bytes(self) -> Iterator[bytes]:
        files = dict(sorted(_files(self.path)))
        yield str(sum(files.values())).encode()
        for path, size in files.items():
            if path.split("/")[0] in ("obs", "var"):
                yield f"{path} {size}".encode()
                yield (self.path / path).read_bytes()
        for name in self.matrices:
            folder = "raw/X/" if name == "raw" else f"{name}/"
            yield name.encode()
            yield from _spread_bytes(self.path, {p: n for p, n in files.items() if p.startswith(folder)})

    # ------------------------------------------------------------------------------------------- nodes of the file

    def _own(self, path: str, whole: bool = True) -> Node:
        """Node of the file that lies in the file; with ``whole`` all below it too."""
        reached = [p for p in self._outside if f"{path}/".startswith(f"{p}/") or whole and p.startswith(f"{path}/")]
        if reached:
            raise _unreadable(
                self.path.name,
                f"its {reached[0]} is a link to another file, which is not followed",
                "Write the data into one file",
            )
        node = self._root[path]
        if whole:
            for array in _arrays(node):
                _refuse_foreign(array, self.path.name)
        return node

    def _has(self, path: str) -> bool:
        """Whether the file names ``path``, a link that leads nowhere or out of the file included."""
        parent, _, name = path.rpartition("/")
        if parent and (parent not in self._root.keys() or parent in self._outside):
            return False
        node = self._root[parent] if parent else self._root
        return _is_group(node) and name in node.keys()

    def _length(self, table: str) -> int:
        if not self._has(table):
            raise _unreadable(self.path.name, f"it has no {table}: {_contents(self._root)}")
        node = self._own(table, whole=False)
        if _is_array(node):
            return int(node.shape[0])
        name = _index_name(node)
        if name in node:
            index = self._own(f"{table}/{name}")
            if _is_group(index):  # categorical or nullable text
                index = index["codes" if "codes" in index else "values"]
            return int(index.shape[0])
        raise _unreadable(self.path.name, f"its {table} is no AnnData table: it has no index")


# ------------------------------------------------------------------------------------------------------------- doors


def open_source(path: str | Path) -> Source:
    """AnnData at ``path``, opened by what it contains, whatever its ending.

    Parameters
    ----------
    path
        An HDF5 file, a zarr folder, or a folder of several of them: a set of files with the same genes.

    Returns
    -------
    Source
        Open until closed; use ``with``.

    Raises
    ------
    UnreadableFileError
        If it is no AnnData, is damaged or cut off, or cannot be accessed; the message says what was found.
    """
    path = Path(path).absolute()
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _open_folder(path)
        if not stat.S_ISREG(mode):
            raise _unreadable(path.name, "it is neither a file nor a folder")
        return _open_hdf5(path)
    except FileNotFoundError as error:
        raise UnreadableFileError(f"There is no file {_shown(path)}. Check the path; expected {EXPECTED}.") from error
    except PermissionError as error:
        raise UnreadableFileError(
            f"{path.name} cannot be opened: you have no permission to read it. Ask its owner, or copy it to a folder "
            "of yours."
        ) from error
    except (OSError, ValueError) as error:  # a name too long, a null byte in it, a disk that fails
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise UnreadableFileError(f"{_shown(path)} cannot be opened: {reason}. Check the path.") from error


def _open_folder(path: Path) -> Source:
    """A zarr, or else a set of files."""
    if not {".zgroup", "zarr.json"} & {entry.name for entry in os.scandir(path)} and files_of_set(path):
        return FileSet.of(path, open_source)
    return _open_zarr(path)


def _state_on_disk(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to or replaced: size, time and identity; of a folder, of its files."""
    try:
        if path.is_dir():
            found = [Path(where, name).stat() for where, _, names in os.walk(path) for name in names]
            return len(found), sum(file.st_size for file in found), max((file.st_mtime_ns for file in found), default=0)
        file = path.stat()
        return file.st_ino, file.st_size, file.st_mtime_ns
    except FileNotFoundError:
        return ()


def _open_hdf5(path: Path) -> AnnDataFile:
    with ExitStack() as undo:
        descriptor = os.open(path, os.O_RDONLY)
        undo.callback(os.close, descriptor)
        if not h5py.is_hdf5(path):
            found = _beginning(os.pread(descriptor, 512, 0))
            raise UnreadableFileError(f"{path.name} is not an HDF5 file: {found}. Expected {EXPECTED}.")
        try:
            root = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise _not_opened(path, error) from error
        undo.callback(root.close)
        with _damage_said(path.name):
            _refuse_other_formats(path.name, root)
            source = AnnDataFile(path, "h5ad", root, descriptor)
        undo.pop_all()
        return source


def _open_zarr(path: Path) -> AnnDataFile:
    names = sorted(entry.name for entry in os.scandir(path))
    if not {".zgroup", "zarr.json"} & set(names):
        listed = f"it holds {', '.join(names[:5])}{', and more' if len(names) > 5 else ''}" if names else "it is empty"
        raise UnreadableFileError(f"The folder {path.name} is no zarr: {listed}. Expected {EXPECTED}.")
    _refuse_links_outside(path)
    with _damage_said(path.name):
        try:
            root = zarr.open_group(path, mode="r", use_consolidated=False)
        except ContainsArrayError as error:
            raise _unreadable(path.name, "it is a single zarr array") from error
        return AnnDataFile(path, "zarr", root)


def _not_opened(path: Path, error: OSError) -> UnreadableFileError:
    """Sentence for what HDF5 said on opening."""
    said = str(error)
    cut = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", said)
    if cut:
        found, expected = (int(n) for n in cut.groups())
        return _unreadable(path.name, f"it is cut off: {found:,} of {expected:,} bytes are there", COPY_AGAIN)
    if "lock" in said or "already open" in said:
        return _unreadable(path.name, "another program has it open for writing", "Close it there and try again")
    return _unreadable(path.name, f"its HDF5 structure is damaged ({_first_line(error)})", COPY_AGAIN)


def _refuse_other_formats(name: str, root: h5py.File) -> None:
    own = {key for key in root if isinstance(root.get(key, getlink=True), h5py.HardLink)}
    groups = {key: set(root[key]) for key in own if root.get(key, getclass=True) is h5py.Group}
    if "matrix" in own and {"row_attrs", "col_attrs"} <= own:
        raise _unreadable(name, "it is a loom file", "Convert it: anndata.io.read_loom(FILE).write_h5ad(OUT)")
    if "barcodes" in groups.get("matrix", ()) or any({"barcodes", "genes"} <= names for names in groups.values()):
        raise _unreadable(
            name,
            "it is a 10x CellRanger matrix, which names no perturbations",
            "Convert it: scanpy.read_10x_h5(FILE).write_h5ad(OUT), with the target of each cell in obs",
        )
    if "mod" in groups and "X" not in own:
        modalities = ", ".join(sorted(groups["mod"])[:5])
        raise _unreadable(name, f"it is a MuData of {modalities}", "Write one modality of it with write_h5ad")
    if not {"obs", "var"} & set(root):
        raise _unreadable(name, f"it is HDF5 but no AnnData: {_contents(root)}")


def _contents(root: Node) -> str:
    names = [_short(name) for name in sorted(root.keys())]
    return f"it holds {', '.join(names[:6])}{', and more' if len(names) > 6 else ''}" if names else "it holds nothing"


_BEGINNINGS = {
    b"\x1f\x8b": "it is compressed with gzip; unpack it first",
    b"PK\x03\x04": "it is a zip archive; unpack it first",
    b"BZh": "it is compressed with bzip2; unpack it first",
    b"\xfd7zXZ": "it is compressed with xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed with zstd; unpack it first",
    b"%%MatrixMarket": "it is a Matrix Market file; read it with scanpy.read_mtx and write_h5ad",
    b"PAR1": "it is a Parquet table",
    b"version https://git-lfs": "it is a Git LFS pointer, not the data; run `git lfs pull`",
}


def _beginning(head: bytes) -> str:
    """Say what a file that is not HDF5 seems to be."""
    if not head:
        return "it is empty"
    for magic, words in _BEGINNINGS.items():
        if head.startswith(magic):
            return words
    start = head[:24]
    text = start.decode("utf-8", "replace")
    printable = all(char.isprintable() and char != "\ufffd" or char in "\r\n\t" for char in text[:-1])
    if head.lstrip()[:1] == b"<":
        return f"it is a web page or XML, beginning with {text!r}; the download may have failed"
    return f"it begins with {text!r}" if printable else f"it begins with the bytes {start[:8].hex(' ')}"


# ------------------------------------------------------------------------------------------------ values of a matrix


def judge(values: np.ndarray[Any, np.dtype[np.float64]]) -> MatrixLook:
    """Whether non-zero sampled values are counts or log-normalized.

    Parameters
    ----------
    values
        Non-zero values, in any order.
    """
    finite = bool(np.isfinite(values).all())
    values = values[np.isfinite(values)]
    if not values.size:
        return MatrixLook(Values.COUNTS, "no values other than zero in the sample", 0.0, True, False, finite)
    maximum, lowest = float(values.max()), float(values.min())
    whole, n = bool((values == np.rint(values)).all()), f"{values.size:,} sampled values"
    negative = lowest < 0
    if whole:
        evidence, note, kind = f"whole numbers, largest {maximum:,.0f} in {n}", "", Values.COUNTS
    elif maximum <= LOG_LIMIT:
        evidence, note, kind = f"fractions, largest {maximum:.3g} in {n}: log1p", "", Values.LOG_NORMALIZED
    else:
        evidence, kind = f"fractions, largest {maximum:,.4g} in {n}", Values.LOG_NORMALIZED
        note = (
            f"The values are fractions of up to {maximum:,.4g}: normalized perhaps, but not on a log scale. "
            "Choose another matrix, or take log1p before."
        )
    if negative:
        evidence = f"negative values, lowest {lowest:.3g}, in {n}"
        note = "Negative values are neither counts nor log-normalized: scaled data? Choose another matrix."
    return MatrixLook(kind, evidence, maximum, whole, negative, finite, note)


# --------------------------------------------------------------------------------------------- parts of the two formats


def _is_array(node: Node) -> bool:
    return isinstance(node, h5py.Dataset | zarr.Array)


def _is_group(node: Node) -> bool:
    return isinstance(node, h5py.Group | zarr.Group)


def _arrays(node: Node) -> Iterator[Node]:
    """Arrays at and below a node."""
    if _is_array(node):
        yield node
    else:
        for name in node.keys():
            yield from _arrays(node[name])


def _is_null(node: Node) -> bool:
    return bool(node.attrs.get("encoding-type") == "null" or _is_array(node) and node.shape is None)


def _is_compressed(array: Node) -> bool:
    return bool(filters(array)) if isinstance(array, h5py.Dataset) else bool(array.compressors)


def _attribute(node: Node, *names: str) -> Any:
    for name in names:
        if name in node.attrs:
            value = node.attrs[name]
            return value.decode() if isinstance(value, bytes) else value.tolist() if hasattr(value, "tolist") else value
    return None


def _sparse_layout(node: Node, n_cells: int) -> str:
    said = str(_attribute(node, "encoding-type", "h5sparse_format") or "")[:3]
    if said in ("csr", "csc"):
        return said
    return "csr" if node["indptr"].shape[0] == n_cells + 1 else "csc"


def _index_name(node: Node) -> str:
    said = _attribute(node, "_index")
    return str(said) if said is not None else "index" if "index" in node else "_index"


def _column_names(node: Node, index_name: str) -> list[str]:
    ordered = _attribute(node, "column-order")
    if ordered is None:
        ordered = sorted(node.keys())
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in ordered]
    return [name for name in dict.fromkeys(names) if name not in (index_name, "__categories")]


def _legacy_categorical(codes: Node, labels: Node) -> pd.Categorical:
    return pd.Categorical.from_codes(np.asarray(codes[...], np.int64), _decoded(labels[()]))


def _decoded(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8").astype(object)
    if values.dtype.kind == "O":
        return np.array([v.decode() if isinstance(v, bytes) else v for v in values], object)
    return values


def _plain_column(values: Any, n: int) -> Any:
    """Column that a table can hold: one number, truth value or text a row.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if getattr(values, "ndim", 0) != 1 or len(values) != n:
        raise ValueError(f"not one value a row: {type(values).__name__} of shape {getattr(values, 'shape', '?')}")
    if isinstance(values, np.ndarray):
        values = _decoded(values)
        if values.dtype.kind not in "biufOUTMm":
            raise ValueError(f"values of type {values.dtype}")
        if values.dtype.kind == "O" and pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
            raise ValueError("values that are not text")
    return values


def _links_outside(root: h5py.File, name: str) -> list[str]:
    """Paths of links that lead, or may lead, out of the file."""
    external, soft = [], []

    def note(path: bytes, info: Any) -> None:
        if info.type == h5py.h5l.TYPE_EXTERNAL:
            external.append(path.decode("utf-8", "replace"))
        elif info.type == h5py.h5l.TYPE_SOFT:
            soft.append(path.decode("utf-8", "replace"))

    try:
        root.id.links.visit(note, info=True)
    except (RuntimeError, OSError, KeyError) as error:
        raise _unreadable(name, f"it is damaged ({_first_line(error)})", COPY_AGAIN) from error
    return external + soft if external else []  # a soft link may pass through an external one


def _refuse_foreign(array: Node, name: str) -> None:
    if isinstance(array, h5py.Dataset):
        if array.external or array.is_virtual:
            raise _unreadable(
                name, f"its {array.name} lies in another file, which is not followed", "Write the data into one file"
            )
    elif "pickle" in _codec_names(array.metadata.to_dict()):
        raise _unreadable(name, f"its {array.path} is a pickle, which could run code", "Write it as text or numbers")


def _codec_names(metadata: Any) -> set[str]:
    """Every codec that zarr metadata names, at any depth."""
    if isinstance(metadata, Mapping):
        own = {str(metadata[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in metadata}
        return own.union(*(_codec_names(value) for value in metadata.values()))
    if isinstance(metadata, list | tuple):
        return set().union(*(_codec_names(value) for value in metadata))
    if hasattr(metadata, "get_config"):
        return _codec_names(metadata.get_config())
    return set()


def _refuse_links_outside(folder: Path) -> None:
    home = folder.resolve()
    for where, folders, names in os.walk(folder):
        for path in (Path(where, name) for name in folders + names):
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                found = f"its {path.relative_to(folder)} is a link out of the folder"
                raise _unreadable(folder.name, found, "Copy it with the data inside")


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Every file below a folder, as path with slashes, and size."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def _table_bytes(node: Node, path: str, outside: list[str]) -> Iterator[bytes]:
    """All that an HDF5 table holds in the file, name by name; no table is deeper than three levels."""
    yield path.encode()
    if isinstance(node, h5py.Dataset):
        yield f"{node.shape} {node.dtype}".encode()
        if node.shape is not None and not node.external and not node.is_virtual:
            with suppress(*_ERRORS):  # a column that cannot be decoded is left out of the table too
                values = np.asarray(node[()])
                yield repr(values.tolist()).encode("utf-8", "replace") if values.dtype.hasobject else values.tobytes()
    elif path.count("/") < 3:
        yield repr(_attribute(node, "column-order")).encode()
        for name in sorted(set(node.keys())):
            below = f"{path}/{name}"
            if below not in outside:
                with suppress(*_ERRORS):
                    yield from _table_bytes(node[name], below, outside)


def _spread_bytes(folder: Path, files: dict[str, int]) -> Iterator[bytes]:
    """BLOCKS pieces of some files taken as one long one."""
    ends = np.cumsum(list(files.values())) if files else np.zeros(0, np.int64)
    names = list(files)
    for start in spread(int(ends[-1]) if len(ends) else 0, _BLOCK_BYTES, BLOCKS):
        number = int(np.searchsorted(ends, start, "right"))
        with (folder / names[number]).open("rb") as file:
            file.seek(start - int(ends[number]) + files[names[number]])
            yield names[number].encode()
            yield file.read(_BLOCK_BYTES)


# --------------------------------------------------------------------------------------------------------- sentences


@contextmanager
def _damage_said(name: str) -> Iterator[None]:
    """Turn what the libraries raise into a sentence."""
    try:
        yield
    except _ERRORS as error:
        raise _unreadable(name, f"it is damaged ({_first_line(error)})", "Copy or download it again") from error


def _unreadable(name: str, found: str, advice: str = "") -> UnreadableFileError:
    return UnreadableFileError(f"{name} cannot be read: {found}. {advice or f'Expected {EXPECTED}'}.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:200]


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"…{text[-119:]}"
