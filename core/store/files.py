"""Folders that appear complete or not at all, and arrays in HDF5 files, written and read through memory maps."""

import errno
import json
import mmap
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np
from isal import isal_zlib

from core.errors import DamagedStoreError, OptionError, StorageError

UNFINISHED = ".unfinished"
MANIFEST = "manifest.json"
DAMAGED = "damaged"
RELEASE_ROWS = 256
T = TypeVar("T")
PASSING = {errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EINTR, errno.EAGAIN}
"""Failures to read that say nothing about what is on the disk."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Say in a sentence that the data root cannot be written.

    Raises
    ------
    StorageError
        If the disk is full, read-only or not ours.
    """
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the quota is used up",
            errno.EROFS: "the disk is read-only",
            errno.EACCES: "this user may not write there",
            errno.EPERM: "this user may not write there",
            errno.ENOTDIR: "a part of this path is a file",
            errno.EEXIST: "a part of this path is a file",
        }
        if error.errno not in reasons:
            raise
        raise StorageError(
            f"Cannot write to {path}: {reasons[error.errno]}. Make room, or choose another folder with "
            "--data-root or PERTURBSCOPE_DATA_ROOT."
        ) from error


def make_room(path: Path) -> None:
    """Claim a file's whole size on the disk, so that writing through a memory map cannot meet a full disk.

    Raises
    ------
    OSError
        If there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, path.stat().st_size))


def need_room(folder: Path, n_bytes: int) -> None:
    """Look for room before HDF5 writes: it crashes at exit once a disk filled up under it.

    Raises
    ------
    OSError
        If the disk has less room than is needed.
    """
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(errno.ENOSPC, f"{n_bytes / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free")


def write_at(file: int, data: np.ndarray, offset: int) -> None:
    """Write an array's bytes at a place of a file, all of them.

    Raises
    ------
    OSError
        If the disk is full.
    """
    left = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    while left.size:
        n = os.pwrite(file, left.data, offset)
        left, offset = left[n:], offset + n


@contextmanager
def unfinished_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of ``folder`` when the block ends well, and is removed otherwise.

    What a killed process left under the same names is removed first: callers hold the study's lock.
    """
    unfinished, replaced = (folder.with_name(f"{folder.name}{part}{UNFINISHED}") for part in ("", ".replaced"))
    for left in (unfinished, replaced):
        shutil.rmtree(left, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        fsync_folder(unfinished)
        if folder.exists():  # only ever a part that was found damaged or stale; whoever reads it keeps its files
            folder.rename(replaced)
        unfinished.rename(folder)
        fsync_folder(folder.parent)
    finally:
        for left in (unfinished, replaced):
            shutil.rmtree(left, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Bring a folder's files and its list of names to the disk."""
    for path in [*(p for p in folder.iterdir() if p.is_file()), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refuse_source(out: Path, source: Path) -> None:
    """Refuse to write a result over the file of a study.

    Raises
    ------
    OptionError
        If they are the same file, by whatever name.
    """
    inside = source.is_dir() and out.resolve().is_relative_to(source.resolve())
    if inside or (out.exists() and source.exists() and out.samefile(source)):
        raise OptionError(
            f"{out} is the source itself{' or lies in it' if inside else ''}; choose another place for the result."
        )


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """A name to write to that takes the place of ``path`` when the block ends well, and is removed otherwise.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(4)}{path.suffix}")  # the ending stays: writers look at it
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Replace a small file so that a reader sees the old or the new one, never half of it."""
    with unfinished_file(path) as temporary:
        temporary.write_text(text)


def write_manifest(folder: Path, known: Mapping[str, int | None] | None = None) -> None:
    """List every file of a folder with its size and crc32; ``known`` has it, or None for a file with its own sums."""
    files = {
        p.name: {"bytes": p.stat().st_size, "crc32": known[p.name] if known and p.name in known else crc32(p)}
        for p in sorted(folder.iterdir())
        if p.is_file()
    }
    (folder / MANIFEST).write_text(json.dumps(files, indent=1))


def check_manifest(folder: Path, *, contents: bool) -> None:
    """Compare a folder with its manifest: sizes always, contents if asked.

    Raises
    ------
    DamagedStoreError
        If a file is missing, cut off or changed, or was found damaged before.
    """
    edition = edition_of(folder)
    with marking_damage(folder):
        files = json.loads((folder / MANIFEST).read_text())
        if (folder / DAMAGED).exists():
            raise damaged(folder, f"{folder} was found damaged", edition)
        for name, expected in files.items():
            path = folder / name
            if not path.is_file() or path.stat().st_size != expected["bytes"]:
                raise damaged(folder, f"{path} is missing or cut off", edition)
            if contents and expected["crc32"] not in (None, crc32(path)):
                raise damaged(folder, f"{path} has changed since it was written", edition)


def edition_of(folder: Path) -> tuple[int, int] | None:
    """Which of the folders that have had this name it is, by its manifest; None where it has none."""
    try:
        manifest = (folder / MANIFEST).stat()
    except OSError:
        return None
    return manifest.st_ino, manifest.st_mtime_ns


@contextmanager
def marking_damage(folder: Path) -> Iterator[None]:
    """Say in a sentence that a part of the Store cannot be read, and note it in the part's folder.

    Raises
    ------
    DamagedStoreError
        If reading fails in any of the ways in which damaged JSON, npz, Parquet and HDF5 fail.
    """
    edition = edition_of(folder)
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno in PASSING:
            raise DamagedStoreError(f"{folder} cannot be read now: {os.strerror(error.errno)}. Try again.") from error
        raise damaged(folder, f"A part of {folder} cannot be read ({type(error).__name__})", edition) from error


def damaged(folder: Path, what: str, edition: tuple[int, int] | None) -> DamagedStoreError:
    """The error to raise; the folder is marked, so that the next build makes it anew although sizes agree.

    It is not marked where it has taken another's place since ``edition`` was read: then what failed is gone already.
    """
    if edition_of(folder) == edition:
        with suppress(OSError):
            (folder / DAMAGED).touch()
    return DamagedStoreError(f"{what}. Build the study again.")


def crc32(path: Path) -> int:
    """Checksum of a file's bytes."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            crc = isal_zlib.crc32(chunk, crc)
    return crc


def allocate_arrays(file: h5py.Group, arrays: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
    """Lay out contiguous datasets that :func:`map_arrays` can write to."""
    for name, (shape, dtype) in arrays.items():
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.CONTIGUOUS)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        parent, _, leaf = name.rpartition("/")
        group = file.require_group(parent) if parent else file
        kind = h5py.h5t.py_create(np.dtype(dtype))
        h5py.h5d.create(group.id, leaf.encode(), kind, h5py.h5s.create_simple(shape), properties)
        group[leaf].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


def map_arrays(path: Path, group: str = "/", *, writable: bool = False) -> dict[str, np.ndarray]:
    """Memory maps of all contiguous datasets right below a group; rows and columns are read as they are asked for."""
    maps: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        places = {
            name: (d.id.get_offset(), d.shape, d.dtype)
            for name, d in file[group].items()
            if isinstance(d, h5py.Dataset)
        }
    for name, (offset, shape, dtype) in places.items():
        if offset is None:  # an empty array has no place
            maps[name] = np.zeros(shape, dtype)
        else:
            maps[name] = np.memmap(path, dtype, "r+" if writable else "r", offset, shape)
    return maps


def letting_go(items: Iterable[T], *maps: Mapping[str, np.ndarray], every: int = RELEASE_ROWS) -> Iterator[T]:
    """Go through items that each read a row of memory maps, letting go of what was read after every so many.

    What is mapped counts as memory of the process until then, though the system could take it back.
    """
    for k, item in enumerate(items):
        if k and k % every == 0:
            for arrays in maps:
                release(arrays)
        yield item


def release(maps: Mapping[str, np.ndarray]) -> None:
    """Let go of the pages of memory maps: the system keeps what was written and brings it to the disk."""
    for array in maps.values():
        mapped = getattr(array, "_mmap", None)
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
