"""The doors through which a file comes in: a path in the data folders, an upload. What does not fit is refused here."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from core.errors import OutsideFoldersError, StorageError, UploadError
from core.settings import settings
from core.views.text import plain

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ENDINGS = (".h5ad", ".h5", ".zarr")
MOST_LISTED = 500
DEEPEST = 4


def allowed_path(text: str) -> Path:
    """The real path of a file that the page may open.

    Raises
    ------
    OutsideFoldersError
        If it leads out of the data folders, by ``..`` or a link too.
    """
    folders = [*settings().folders, *_own_folders()]
    given = Path(text.strip()).expanduser() if text.strip() else None
    if given is None or "\0" in text:
        raise OutsideFoldersError("The path is empty or holds a character that no path may have.")
    candidates = [given] if given.is_absolute() else [folder / given for folder in settings().folders]
    for candidate in candidates:
        try:
            real = candidate.resolve()
            if any(real.is_relative_to(folder) for folder in folders) and (given.is_absolute() or real.exists()):
                return real
        except (OSError, RuntimeError):  # a circle of links, or a name that is too long: there is no such file
            continue
    named = ", ".join(str(folder) for folder in settings().folders) or "no folder"
    raise OutsideFoldersError(
        f"{plain(text, 200)} is not a file in the data folders. Files are opened from: {named}. Move or upload the "
        "file, or set PERTURBSCOPE_DATA_FOLDERS before the start to open others."
    )


def found_files(endings: tuple[str, ...] = ENDINGS) -> list[str]:
    """Files and folders under the data folders that by their ending may hold a screen (or what is asked), at most 500.

    A folder of several screens is offered too: they may be one.

    Parameters
    ----------
    endings
        Of their names.
    """
    found: list[str] = []
    for folder in settings().folders:
        for path in _walk(folder, DEEPEST, endings):
            found.append(str(path))
            if len(found) >= MOST_LISTED:
                return found
    return found


class Upload(Protocol):
    """What ``st.file_uploader`` returns, as far as it is read here."""

    name: str
    size: int

    def seek(self, position: int, /) -> int:
        """Go to a place in the file."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes."""


def save_upload(upload: Upload) -> Path:
    """The file that keeps an upload, under the hash of its content: the same file twice is kept once.

    Raises
    ------
    UploadError
        If it is too large or not an HDF5 file.
    StorageError
        If the data root cannot be written.
    """
    limit = settings().upload_limit_mb
    if upload.size > limit * 2**20:
        raise UploadError(
            f"{plain(upload.name)} has {upload.size / 2**20:,.0f} MB; uploads may have {limit:,} MB. Put the file "
            "into a data folder of the machine that runs Perturbscope and open it there: it is read where it lies."
        )
    upload.seek(0)
    if upload.read(len(HDF5_MAGIC)) != HDF5_MAGIC:
        raise UploadError(
            f"{plain(upload.name)} is not an HDF5 file. An AnnData file (.h5ad) is expected; a zarr folder cannot be "
            "uploaded, but can be opened from a data folder."
        )
    upload.seek(0)
    folder = settings().data_root / "uploads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".unfinished-", delete=False) as file:
            unfinished = Path(file.name)
            try:
                digest = _copy(upload, file)
                target = folder / digest / _safe_name(upload.name)
                target.parent.mkdir(exist_ok=True)
                unfinished.replace(target)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(
            f"The upload could not be kept in {folder}: {error.strerror or error}. Make room, or choose another folder "
            "with PERTURBSCOPE_DATA_ROOT."
        ) from error
    return target


def _own_folders() -> list[Path]:
    root = settings().data_root.resolve()
    return [root / "uploads", root / "demo"]


def _walk(folder: Path, depth: int, endings: tuple[str, ...]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # no right to look into it, or gone meanwhile
        return
    below: list[Path] = []
    alike = {False: 0, True: 0}  # files, and zarr folders
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        path = Path(entry.path)
        is_folder = entry.is_dir()
        if path.name.endswith(endings) and (path.suffix == ".zarr" or not is_folder):
            yield path
            alike[is_folder] += 1
        elif is_folder and depth > 1:
            below.append(path)
    if max(alike.values()) > 1 and endings == ENDINGS:
        yield folder
    for path in below:
        yield from _walk(path, depth - 1, endings)


def _copy(upload: Upload, file: IO[bytes]) -> str:
    """Copy an upload block by block to the disk; the first 16 letters of its hash."""
    digest = hashlib.sha256()
    while block := upload.read(2**20):
        digest.update(block)
        file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()[:16]


def _safe_name(name: str) -> str:
    """A file name of our making: its letters, digits, dot, dash and underscore, at most 80."""
    path = Path(name.replace("\\", "/")).name
    stem = re.sub(r"[^\w.-]+", "_", Path(path).stem).strip("._")[:80] or "upload"
    return f"{stem}.h5ad"
