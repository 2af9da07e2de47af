"""Reading: the door to a file: opened by what it contains, whatever its ending, or refused with what was found."""

import os
import re
import stat
from contextlib import ExitStack
from pathlib import Path

import h5py
import zarr
from zarr.errors import ContainsArrayError

from core.data.anndata_file import AnnDataFile
from core.data.file_set import FileSet, files_of_set
from core.data.foreign import refuse_links_outside
from core.data.nodes import contents
from core.data.source import Source
from core.data.unreadable import COPY_AGAIN, EXPECTED, damage_said, first_line, shown_path, unreadable
from core.errors import UnreadableFileError


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
            raise unreadable(path.name, "it is neither a file nor a folder")
        return _open_hdf5(path)
    except FileNotFoundError as error:
        raise UnreadableFileError(
            f"There is no file {shown_path(path)}. Check the path; expected {EXPECTED}."
        ) from error
    except PermissionError as error:
        raise UnreadableFileError(
            f"{path.name} cannot be opened: you have no permission to read it. Ask its owner, or copy it to a folder "
            "of yours."
        ) from error
    except (OSError, ValueError) as error:  # a name too long, a null byte in it, a disk that fails
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UnreadableFileError(f"{shown_path(path)} cannot be opened: {reason}. Check the path.") from error


def _open_folder(path: Path) -> Source:
    """A zarr, or else a set of files."""
    if not {".zgroup", "zarr.json"} & {entry.name for entry in os.scandir(path)} and files_of_set(path):
        return FileSet.of(path, open_source)
    return _open_zarr(path)


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
        with damage_said(path.name):
            _refuse_other_formats(path.name, root)
            source = AnnDataFile(path, "h5ad", root, descriptor)
        undo.pop_all()
        return source


def _open_zarr(path: Path) -> AnnDataFile:
    names = sorted(entry.name for entry in os.scandir(path))
    if not {".zgroup", "zarr.json"} & set(names):
        listed = f"it holds {', '.join(names[:5])}{', and more' if len(names) > 5 else ''}" if names else "it is empty"
        raise UnreadableFileError(f"The folder {path.name} is no zarr: {listed}. Expected {EXPECTED}.")
    refuse_links_outside(path)
    with damage_said(path.name):
        try:
            root = zarr.open_group(path, mode="r", use_consolidated=False)
        except ContainsArrayError as error:
            raise unreadable(path.name, "it is a single zarr array") from error
        return AnnDataFile(path, "zarr", root)


def _not_opened(path: Path, error: OSError) -> UnreadableFileError:
    """Sentence for what HDF5 said on opening."""
    said = str(error)
    cut = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", said)
    if cut:
        found, expected = (int(n) for n in cut.groups())
        return unreadable(path.name, f"it is cut off: {found:,} of {expected:,} bytes are there", COPY_AGAIN)
    if "lock" in said or "already open" in said:
        return unreadable(path.name, "another program has it open for writing", "Close it there and try again")
    return unreadable(path.name, f"its HDF5 structure is damaged ({first_line(error)})", COPY_AGAIN)


def _refuse_other_formats(name: str, root: h5py.File) -> None:
    own = {key for key in root if isinstance(root.get(key, getlink=True), h5py.HardLink)}
    groups = {key: set(root[key]) for key in own if root.get(key, getclass=True) is h5py.Group}
    if "matrix" in own and {"row_attrs", "col_attrs"} <= own:
        raise unreadable(name, "it is a loom file", "Convert it: anndata.io.read_loom(FILE).write_h5ad(OUT)")
    if "barcodes" in groups.get("matrix", ()) or any({"barcodes", "genes"} <= names for names in groups.values()):
        raise unreadable(
            name,
            "it is a 10x CellRanger matrix, which names no perturbations",
            "Convert it: scanpy.read_10x_h5(FILE).write_h5ad(OUT), with the target of each cell in obs",
        )
    if "mod" in groups and "X" not in own:
        modalities = ", ".join(sorted(groups["mod"])[:5])
        raise unreadable(name, f"it is a MuData of {modalities}", "Write one modality of it with write_h5ad")
    if not {"obs", "var"} & set(root):
        raise unreadable(name, f"it is HDF5 but no AnnData: {contents(root)}")


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
