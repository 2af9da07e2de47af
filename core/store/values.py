"""The turn: one streaming read of a file gives its values gene-major, and they stay so.

Everything a page asks is asked of a gene over all cells, but files hold cell after cell. So the file is turned once.
What is kept depends on the file alone: no role, no size factor, no order of cells enters.

On disk, in ``values/<matrix>/``:

blocks.bin
    Tiles of 32 genes x up to 8,192 cells, C order, compressed one by one (blosc: bit-shuffle and lz4). A tile of counts
    is uint8, uint16 or uint32, whichever is the narrowest that holds it; other values are float32.
index.npz
    offset, length, crc32 and itemsize of every tile, shape (chunks of cells, blocks of genes).
cells.npz
    total and genes_seen of every cell.
values.json, manifest.json
    Shape, block sizes, kind, schema version; sizes and checksums. Written last.

An append-only file with an offset table was chosen over sharded zarr by measuring: 40 s against 69 s to write 221,273
cells, 5 ms against 42 ms to read a gene (PERFORMANCE.md).
"""

import json
import os
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO

import numpy as np
from isal import isal_zlib
from numcodecs import blosc

from core.data.chunks import CellChunk, GeneChunk
from core.data.source import Source
from core.errors import DamagedStoreError, InvalidValuesError
from core.schema import Values
from core.store._kernels import (
    FRACTION,
    NEGATIVE,
    NOT_FINITE,
    OVER_8_BITS,
    OVER_16_BITS,
    OVER_32_BITS,
    scatter_columns,
    scatter_rows,
)
from core.store.files import (
    check_manifest,
    damaged,
    edition_of,
    fsync_folder,
    marking_damage,
    unfinished_folder,
    write_manifest,
)

VALUES_VERSION = 2
GENES_A_BLOCK = 32
CELLS_A_CHUNK = 8192
TILE_BYTES = 150_000_000
MOST_COUNTS = 2**32 - 1
MOST_LOGGED = 255

Report = Callable[[str, int, int, str], None]

blosc.use_threads = False  # our own threads compress; blosc's would wait for one another


class _OtherType(Exception):  # noqa: N818 - not an error: the turn begins again with a wider type
    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)


@dataclass(frozen=True)
class GeneMajor:
    """Values of a file, gene-major and read-only.

    Parameters
    ----------
    folder
        Where they lie.
    n_cells, n_genes
        Shape of the file.
    kind
        Counts, or log-normalized.
    cells_a_chunk
        Width of a tile.
    edition
        Which of the folders that have had this name it is.
    """

    folder: Path
    n_cells: int
    n_genes: int
    kind: Values
    cells_a_chunk: int
    edition: tuple[int, int] | None = None

    @classmethod
    def open(cls, folder: Path) -> "GeneMajor":
        """Open finished values.

        Raises
        ------
        DamagedStoreError
            If they are not there, unfinished or of another version.
        """
        check_manifest(folder, contents=False)
        with marking_damage(folder):
            record = json.loads((folder / "values.json").read_text())
            if record["version"] != VALUES_VERSION:
                raise DamagedStoreError(f"{folder} was written by another version of Perturbscope. Build it again.")
            return cls(
                folder, record["n_cells"], record["n_genes"], Values(record["kind"]), record["cells_a_chunk"],
                edition_of(folder),
            )  # fmt: skip

    @cached_property
    def _index(self) -> dict[str, np.ndarray]:
        return self._load_arrays("index.npz")

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        return self._load_arrays("cells.npz")

    def _load_arrays(self, name: str) -> dict[str, np.ndarray]:
        with marking_damage(self.folder), np.load(self.folder / name, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    @cached_property
    def _file(self) -> int:
        with marking_damage(self.folder):
            handle = os.open(self.folder / "blocks.bin", os.O_RDONLY)
        weakref.finalize(self, os.close, handle)
        return handle

    @property
    def totals(self) -> np.ndarray:
        """Sum of the values of every cell, float64."""
        return self._cells["total"]

    @property
    def genes_seen(self) -> np.ndarray:
        """Genes with a value above zero in every cell."""
        return self._cells["genes_seen"]

    @property
    def n_blocks(self) -> int:
        """Blocks of 32 genes."""
        return -(-self.n_genes // GENES_A_BLOCK)

    @cached_property
    def dtype(self) -> np.dtype:
        """The type that holds every block: uint16, uint32 or float32."""
        if self._index["is_float"].any():
            return np.dtype(np.float32)
        return np.dtype(np.uint32 if (self._index["itemsize"] > 2).any() else np.uint16)

    @property
    def itemsizes(self) -> np.ndarray:
        """Bytes a value of every tile, shape ``(chunks of cells, blocks of genes)``."""
        return self._index["itemsize"]

    def new_block(self) -> np.ndarray:
        """Scratch for :meth:`block`, shape ``(32, n_cells)``."""
        return np.empty((GENES_A_BLOCK, self.n_cells), self.dtype)

    def block(self, b: int, out: np.ndarray | None = None, verify: bool = True) -> np.ndarray:
        """Values of block ``b``, shape ``(genes of the block, n_cells)``, cells in file order.

        Raises
        ------
        DamagedStoreError
            If a tile's checksum is wrong.
        """
        genes = min(GENES_A_BLOCK, self.n_genes - b * GENES_A_BLOCK)
        out = (self.new_block() if out is None else out)[:genes]
        for c in range(self._index["offset"].shape[0]):
            first, width = c * self.cells_a_chunk, self.chunk_width(c)
            out[:, first : first + width] = self.tile(c, b, verify).reshape(genes, width)
        return out

    def tile(self, chunk: int, b: int, verify: bool = True) -> np.ndarray:
        """One tile, flat, in its stored type."""
        offset, length = int(self._index["offset"][chunk, b]), int(self._index["length"][chunk, b])
        packed = os.pread(self._file, length, offset)
        if verify and (len(packed) != length or isal_zlib.crc32(packed) != self._index["crc32"][chunk, b]):
            raise damaged(self.folder, f"{self.folder / 'blocks.bin'} is damaged at byte {offset:,}", self.edition)
        letter = "f" if self._index["is_float"][chunk, b] else "u"
        return np.frombuffer(blosc.decompress(packed), f"{letter}{self._index['itemsize'][chunk, b]}")

    def gene(self, g: int) -> np.ndarray:
        """Values of gene ``g`` in all cells, in file order."""
        b, row = divmod(g, GENES_A_BLOCK)
        genes = min(GENES_A_BLOCK, self.n_genes - b * GENES_A_BLOCK)
        return np.concatenate(
            [self.tile(c, b).reshape(genes, -1)[row] for c in range(self.n_chunks)], dtype=self.dtype, casting="safe"
        )

    def chunk_width(self, chunk: int) -> int:
        """Cells of one chunk; the last may hold fewer."""
        return min(self.cells_a_chunk, self.n_cells - chunk * self.cells_a_chunk)

    def verify(self) -> None:
        """Check every checksum.

        Raises
        ------
        DamagedStoreError
            At the first part that is not as it was written.
        """
        check_manifest(self.folder, contents=True)
        for b in range(self.n_blocks):
            self.block(b)

    @property
    def n_chunks(self) -> int:
        """Chunks of cells."""
        return -(-self.n_cells // self.cells_a_chunk)


def turn(source: Source, matrix: str, kind: Values, folder: Path, threads: int, report: Report) -> GeneMajor:
    """Read a matrix once and keep it gene-major.

    Memory is bounded by one chunk of cells: a tile of about 150 MB (at least 1,024 cells), and what is being read.

    Parameters
    ----------
    source, matrix
        The open file and which of its matrices to turn.
    kind
        What it holds. Counts with fractions (corrected counts) are kept as float32.
    folder
        Where to put the values; appears only when they are complete.
    threads
        Threads that scatter and compress; one more reads.
    report
        Called with (phase, done, total, unit).

    Returns
    -------
    GeneMajor

    Raises
    ------
    InvalidValuesError
        If a value is negative, NaN or infinite.
    UnreadableFileError
        If the file was changed or replaced while it was read.
    """
    dtype = np.dtype(np.uint16 if kind is Values.COUNTS else np.float32)
    while True:
        try:
            with unfinished_folder(folder) as unfinished:
                _turn_into(unfinished, source, matrix, kind, dtype, threads, report)
                source.refuse_changed()
            return GeneMajor.open(folder)
        except _OtherType as other:  # counts over 65,535 or with fractions: rare, so not looked for beforehand
            dtype = other.dtype


def _turn_into(
    folder: Path, source: Source, matrix: str, kind: Values, dtype: np.dtype, threads: int, report: Report
) -> None:
    shape = source.matrices[matrix]
    by_gene = shape.layout == "csc"
    writer = _TileWriter(folder, shape.n_cells, shape.n_genes, dtype, kind)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        turn_layout = _turn_columns if by_gene else _turn_rows
        totals, seen = turn_layout(source, matrix, writer, pool, max(1, threads), report)
    writer.close()
    np.savez(folder / "cells.npz", total=totals, genes_seen=seen)
    record = {
        "version": VALUES_VERSION,
        "n_cells": shape.n_cells,
        "n_genes": shape.n_genes,
        "kind": str(kind),
        "cells_a_chunk": writer.cells_a_chunk,
    }
    (folder / "values.json").write_text(json.dumps(record, indent=1))
    write_manifest(folder, known={"blocks.bin": None})  # its tiles carry checksums of their own
    fsync_folder(folder)


def _turn_rows(
    source: Source, matrix: str, writer: "_TileWriter", pool: ThreadPoolExecutor, threads: int, report: Report
) -> tuple[np.ndarray, np.ndarray]:
    n_cells, n_genes = writer.n_cells, writer.n_genes
    totals, seen = np.zeros(n_cells), np.zeros(n_cells, np.int32)
    tile = np.zeros((n_genes, writer.cells_a_chunk), writer.dtype)
    over_8_bits = np.zeros((threads, n_genes), np.uint8)
    chunks = source.cell_chunks(source.matrices[matrix], rows=512, threads=threads)
    for piece in _aligned(chunks, writer.cells_a_chunk):
        place = piece.start % writer.cells_a_chunk
        bounds = np.linspace(0, piece.stop - piece.start, threads + 1).astype(int)
        data = _plain(piece.data)

        def scatter(
            t: int, piece: CellChunk = piece, place: int = place, bounds: np.ndarray = bounds, data: np.ndarray = data
        ) -> int:
            rows = slice(piece.start, piece.stop)
            return int(
                scatter_rows(
                    bounds[t], bounds[t + 1], piece.indptr, piece.indices, data, place, tile,
                    totals[rows], seen[rows], over_8_bits[t],
                )
            )  # fmt: skip

        flags = list(pool.map(scatter, range(threads)))
        _check(flags, writer, matrix, partial(_where_in_rows, piece, data))
        report("Reading", piece.stop, n_cells, "cells")
        if piece.stop % writer.cells_a_chunk == 0 or piece.stop == n_cells:
            width = place + piece.stop - piece.start
            writer.write_chunk(tile[:, :width], np.asarray(over_8_bits.any(axis=0)), pool)
            tile[:] = 0
            over_8_bits[:] = 0
    return totals, seen


def _turn_columns(
    source: Source, matrix: str, writer: "_TileWriter", pool: ThreadPoolExecutor, threads: int, report: Report
) -> tuple[np.ndarray, np.ndarray]:
    totals, seen = np.zeros(writer.n_cells), np.zeros(writer.n_cells, np.int32)
    block = np.zeros((GENES_A_BLOCK, writer.n_cells), writer.dtype)
    for piece in source.gene_chunks(source.matrices[matrix], genes=GENES_A_BLOCK, threads=threads):
        data = _plain(piece.data)
        flags = scatter_columns(piece.indptr, piece.indices, data, block, totals, seen)
        _check([flags], writer, matrix, partial(_where_in_columns, piece, data))
        writer.write_block(piece.start // GENES_A_BLOCK, block[: piece.stop - piece.start], pool)
        block[:] = 0
        report("Reading", piece.stop, writer.n_genes, "genes")
    return totals, seen


def _aligned(chunks: Iterator[CellChunk], width: int) -> Iterator[CellChunk]:
    """Cut chunks where a tile ends, should their sizes not divide."""
    for chunk in chunks:
        start = chunk.start
        while start < chunk.stop:
            stop = min(chunk.stop, (start // width + 1) * width)
            if (start, stop) == (chunk.start, chunk.stop):
                yield chunk
            else:
                a, b = start - chunk.start, stop - chunk.start
                k0, k1 = int(chunk.indptr[a]), int(chunk.indptr[b])
                yield CellChunk(start, stop, chunk.indptr[a : b + 1] - k0, chunk.indices[k0:k1], chunk.data[k0:k1])
            start = stop


def _plain(data: np.ndarray) -> np.ndarray:
    """Values as float32 where that is exact for counts, float64 otherwise: two types to compile for."""
    narrow = data.dtype in (np.float32, np.float16, np.uint8, np.int8, np.uint16, np.int16)
    return data.astype(np.float32 if narrow else np.float64, copy=False)


def _check(flags: list[int], writer: "_TileWriter", matrix: str, where: Callable[[], str]) -> None:
    met = 0
    for flag in flags:
        met |= flag
    if met & (NEGATIVE | NOT_FINITE):
        what = "negative" if met & NEGATIVE else "not finite (NaN or infinite)"
        raise InvalidValuesError(
            f"{matrix} holds a value that is {what}: {where()}. Expected counts or log-normalized values, which are "
            "finite and at least 0. Scaled or corrected matrices cannot be used: point to a counts layer or raw."
        )
    if writer.kind is Values.LOG_NORMALIZED and met & OVER_8_BITS:
        raise InvalidValuesError(
            f"{matrix} holds values over {MOST_LOGGED}: no log-normalized value is as large. Read it as counts "
            "(--values counts), or choose another matrix."
        )
    if writer.dtype.kind == "u":
        if met & FRACTION:
            raise _OtherType("float32")
        if met & OVER_32_BITS:
            raise InvalidValuesError(
                f"{matrix} holds a count over 4,294,967,295: {where()}. No cell has that many: check the matrix."
            )
        if met & OVER_16_BITS and writer.dtype.itemsize < 4:
            raise _OtherType("uint32")


def _where_in_rows(piece: CellChunk, data: np.ndarray) -> str:
    k = _first_refused(data)
    row = int(np.searchsorted(piece.indptr, k, side="right")) - 1
    return f"{data[k]:,} in cell {piece.start + row + 1:,}, gene {int(piece.indices[k]) + 1:,}"


def _first_refused(data: np.ndarray) -> int:
    return int(np.flatnonzero(~(np.isfinite(data) & (data >= 0) & (data <= MOST_COUNTS)))[0])


def _where_in_columns(piece: GeneChunk, data: np.ndarray) -> str:
    k = _first_refused(data)
    column = int(np.searchsorted(piece.indptr, k, side="right")) - 1
    return f"{data[k]:,} in cell {int(piece.indices[k]) + 1:,}, gene {piece.start + column + 1:,}"


class _TileWriter:
    """Compresses tiles in threads and appends them to blocks.bin."""

    def __init__(self, folder: Path, n_cells: int, n_genes: int, dtype: np.dtype, kind: Values) -> None:
        self.n_cells, self.n_genes, self.dtype, self.kind = n_cells, n_genes, dtype, kind
        fitting = TILE_BYTES // max(1, n_genes * dtype.itemsize) // 1024 * 1024
        self.cells_a_chunk = int(min(CELLS_A_CHUNK, max(1024, fitting)))
        chunks, blocks = -(-n_cells // self.cells_a_chunk), -(-n_genes // GENES_A_BLOCK)
        self._index: dict[str, np.ndarray] = {
            "offset": np.zeros((chunks, blocks), np.int64),
            "length": np.zeros((chunks, blocks), np.int64),
            "crc32": np.zeros((chunks, blocks), np.uint32),
            "itemsize": np.zeros((chunks, blocks), np.uint8),
            "is_float": np.zeros((chunks, blocks), bool),
        }
        self._folder = folder
        self._file: IO[bytes] = (folder / "blocks.bin").open("wb", buffering=0)
        self._chunk = 0
        self.position = 0

    def write_chunk(self, tile: np.ndarray, over_8_bits: np.ndarray, pool: ThreadPoolExecutor) -> None:
        """Write all genes of the next chunk of cells."""

        def pack(b: int) -> tuple[bytes, np.dtype]:
            genes = slice(b * GENES_A_BLOCK, (b + 1) * GENES_A_BLOCK)
            return _pack(tile[genes], narrow=self.dtype.kind == "u" and not over_8_bits[genes].any())

        for b, (packed, dtype) in enumerate(pool.map(pack, range(self._index["offset"].shape[1]))):
            self._append(self._chunk, b, packed, dtype)
        self._chunk += 1

    def write_block(self, b: int, block: np.ndarray, pool: ThreadPoolExecutor) -> None:
        """Write all cells of one block of genes."""

        def pack(c: int) -> tuple[bytes, np.dtype]:
            piece = block[:, c * self.cells_a_chunk : (c + 1) * self.cells_a_chunk]
            return _pack(piece, narrow=self.dtype.kind == "u" and piece.max(initial=0) <= 255)

        for c, (packed, dtype) in enumerate(pool.map(pack, range(self._index["offset"].shape[0]))):
            self._append(c, b, packed, dtype)

    def _append(self, chunk: int, b: int, packed: bytes, dtype: np.dtype) -> None:
        self._index["offset"][chunk, b] = self.position
        self._index["length"][chunk, b] = len(packed)
        self._index["crc32"][chunk, b] = isal_zlib.crc32(packed)
        self._index["itemsize"][chunk, b] = dtype.itemsize
        self._index["is_float"][chunk, b] = dtype.kind == "f"
        self._file.write(packed)
        self.position += len(packed)

    def close(self) -> None:
        """Bring everything to the disk."""
        os.fsync(self._file.fileno())
        self._file.close()
        np.savez(self._folder / "index.npz", **self._index)  # type: ignore[arg-type]


def _pack(tile: np.ndarray, *, narrow: bool) -> tuple[bytes, np.dtype]:
    if narrow:
        tile = tile.astype(np.uint8)
    elif tile.dtype == np.uint32 and tile.max(initial=0) <= 65535:
        tile = tile.astype(np.uint16)
    tile = np.ascontiguousarray(tile)
    return blosc.compress(tile, b"lz4", 1, blosc.BITSHUFFLE, 0), tile.dtype
