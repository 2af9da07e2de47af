"""Fingerprint: the bytes that stand for a file's content, and the state on the disk that tells a changed file."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from core.data.nodes import Node, attribute
from core.data.stored_arrays import spread
from core.data.unreadable import DECODING_ERRORS

BLOCKS = 64
"""Pieces of a matrix that its fingerprint and the look at its values read."""

_BLOCK_BYTES = 64 << 10


def state_on_disk(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to or replaced: size, time and identity; of a folder, of its files."""
    try:
        if path.is_dir():
            found = [Path(where, name).stat() for where, _, names in os.walk(path) for name in names]
            return len(found), sum(file.st_size for file in found), max((file.st_mtime_ns for file in found), default=0)
        file = path.stat()
        return file.st_ino, file.st_size, file.st_mtime_ns
    except FileNotFoundError:
        return ()


def files_below(folder: Path) -> Iterator[tuple[str, int]]:
    """Every file below a folder, as path with slashes, and size."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def table_bytes(node: Node, path: str, outside: list[str]) -> Iterator[bytes]:
    """All that an HDF5 table holds in the file, name by name; no table is deeper than three levels."""
    yield path.encode()
    if isinstance(node, h5py.Dataset):
        yield f"{node.shape} {node.dtype}".encode()
        if node.shape is not None and not node.external and not node.is_virtual:
            with suppress(*DECODING_ERRORS):  # a column that cannot be decoded is left out of the table too
                values = np.asarray(node[()])
                yield repr(values.tolist()).encode("utf-8", "replace") if values.dtype.hasobject else values.tobytes()
    elif path.count("/") < 3:
        yield repr(attribute(node, "column-order")).encode()
        for name in sorted(set(node.keys())):
            below = f"{path}/{name}"
            if below not in outside:
                with suppress(*DECODING_ERRORS):
                    yield from table_bytes(node[name], below, outside)


def spread_bytes(folder: Path, files: dict[str, int]) -> Iterator[bytes]:
    """BLOCKS pieces of some files taken as one long one."""
    ends = np.cumsum(list(files.values())) if files else np.zeros(0, np.int64)
    names = list(files)
    for start in spread(int(ends[-1]) if len(ends) else 0, _BLOCK_BYTES, BLOCKS):
        number = int(np.searchsorted(ends, start, "right"))
        with (folder / names[number]).open("rb") as file:
            file.seek(start - int(ends[number]) + files[names[number]])
            yield names[number].encode()
            yield file.read(_BLOCK_BYTES)
