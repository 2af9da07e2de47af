"""What a user made and keeps: one small JSON file a thing, so that two windows never overwrite each other's.

Below the data root, ``kept/<kind>/<id>.json``. A file is replaced whole or not at all, and changed under a lock. What
is removed moves to ``kept/<kind>/removed/``, what cannot be read to ``kept/damaged/``: nothing a user made is deleted.
"""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import StorageError
from core.jobs.locks import build_lock
from core.settings import settings
from core.store.files import storage_errors, unfinished_file

SCHEMA = 1
_ID = re.compile(r"[A-Za-z0-9+-][A-Za-z0-9._+-]{0,99}")


class Kept(BaseModel):
    """A thing that is kept.

    Parameters
    ----------
    schema_version
        Of its fields. A file of a later version is left alone: it is neither shown nor changed.
    saved_at
        When it was last saved: UTC, ISO 8601.
    """

    model_config = ConfigDict(frozen=True, extra="allow")  # what a later version adds survives a change of this one

    schema_version: int = SCHEMA
    saved_at: str = ""


T = TypeVar("T", bound=Kept)


class _Damaged(Exception):  # noqa: N818 - never leaves this module
    """A file that is not what its folder says."""


@dataclass(frozen=True)
class Shelf(Generic[T]):
    """A folder of kept things of one kind.

    Parameters
    ----------
    kind
        The folder's name.
    model
        What each file holds.
    """

    kind: str
    model: type[T]

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return settings().data_root / "kept" / self.kind

    def items(self) -> dict[str, T]:
        """All that can be read, by id, the newest first; damaged files are set aside."""
        found: dict[str, T] = {}
        for path in self.folder.glob("*.json") if self.folder.is_dir() else []:
            with suppress(FileNotFoundError):  # removed in another window meanwhile
                state = path.stat()
                item = _listed(self, path, (state.st_ino, state.st_mtime_ns, state.st_size))
                if item is not None:
                    found[path.stem] = item
        return dict(sorted(found.items(), key=lambda pair: (pair[1].saved_at, pair[0]), reverse=True))

    def get(self, id: str) -> T | None:
        """One thing; None where there is none of this id, or none that this version can read.

        Raises
        ------
        StorageError
            If the file is there and may not be read.
        """
        path = self._path(id)
        try:
            return self._read(path)
        except _Damaged:
            self._set_aside(path)
            return None

    def put(self, id: str, item: T) -> None:
        """Keep a thing under an id, in place of what is there.

        Raises
        ------
        StorageError
            If the data root cannot be written, or the file is of a later version.
        """
        self.change(id, lambda _: item)

    def change(self, id: str, change: Callable[[T | None], T | None]) -> T | None:
        """Replace a thing by what ``change`` makes of it (of None where there is none); nobody comes between.

        Where it makes None of it, all stays as it is.

        Raises
        ------
        StorageError
            If the data root cannot be written, or the file is of a later version.
        """
        path = self._path(id)
        with self._alone():
            before = self.get(id)
            if before is None and path.exists():
                raise StorageError(f"{path} was written by a later version of Perturbscope; it is not changed.")
            after = change(before)
            if after is not None:
                self._write(path, after.model_dump_json(indent=1).encode("utf-8"))
        return after

    def remove(self, id: str) -> None:
        """Take a thing off the shelf; :meth:`restore` brings it back."""
        with self._alone():
            _move(self._path(id), self._removed(id))

    def restore(self, id: str) -> None:
        """Bring back what was removed, unless another one stands in its place by now."""
        with self._alone():
            if not self._path(id).exists():
                _move(self._removed(id), self._path(id))

    def put_picture(self, id: str, png: bytes) -> None:
        """Keep a picture beside a thing; it stays when the thing is removed."""
        with self._alone():
            self._write(self._path(id).with_suffix(".png"), png)

    def picture(self, id: str) -> bytes | None:
        """The picture beside a thing, if there is one."""
        path = self._path(id).with_suffix(".png")
        return path.read_bytes() if path.is_file() else None

    def _path(self, id: str) -> Path:
        if not _ID.fullmatch(id):  # ids come out of addresses too
            id = "no-such-thing"
        return self.folder / f"{id}.json"

    def _removed(self, id: str) -> Path:
        return self.folder / "removed" / self._path(id).name

    def _alone(self) -> AbstractContextManager[None]:
        return build_lock(self.folder)

    def _read(self, path: Path) -> T | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
        try:
            return self.model.model_validate_json(content)
        except ValidationError as error:
            if _version(content) > SCHEMA:
                return None
            raise _Damaged from error

    def _write(self, path: Path, content: bytes) -> None:
        with unfinished_file(path) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _set_aside(self, path: Path) -> None:
        folder = damaged_folder()
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _move(path, folder / f"{self.kind}-{path.stem}.json")


@lru_cache(maxsize=4096)
def _listed(shelf: Shelf[T], path: Path, changed_at: tuple[int, int, int]) -> T | None:
    """A thing as a list shows it, read again once its file is another; what is changed is always read anew."""
    return shelf.get(path.stem)


def damaged_folder() -> Path:
    """Where files lie that could not be read."""
    return settings().data_root / "kept" / "damaged"


def damaged_files() -> list[Path]:
    """Files that could not be read and were set aside."""
    folder = damaged_folder()
    return sorted(folder.iterdir()) if folder.is_dir() else []


def readable_id(words: str, *identity: object) -> str:
    """An id that a person recognizes, the same for the same identity: ``ACAT2_scatter-1f0c9a2b44``."""
    slug = re.sub(r"[^A-Za-z0-9+]+", "_", words).strip("_+")[:60] or "item"
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    return f"{slug}-{digest[:10]}"


def now() -> str:
    """The time as it is kept."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _move(path: Path, target: Path) -> None:
    """Move a file; one of its name that is there already gets a number. Nothing where it is gone."""
    with storage_errors(target.parent):
        if not path.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            numbered = (target.with_stem(f"{target.stem}.{n}") for n in itertools.count(2))
            target.rename(next(name for name in numbered if not name.exists()))
        path.rename(target)


def _version(content: bytes) -> int:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return 0
    version = record.get("schema_version") if isinstance(record, dict) else None
    return version if isinstance(version, int) else 0
