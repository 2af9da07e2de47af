"""Tidying: what a study takes on the disk, and letting go of tables that are made again on demand.

Every choice of roles, size factors or subset leaves tables of its own, so that going back to it is quick. At the size
of the Virtual Cell Challenge each takes 0.9 GB.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core.data.fingerprint import files_below
from core.errors import UnknownStudyError
from core.jobs.locks import build_lock
from core.store.files import storage_errors
from core.store.layout import study_folder
from core.store.records import list_studies, read_study_json


@dataclass(frozen=True)
class Sizes:
    """Bytes of a study on the disk.

    Parameters
    ----------
    values
        What was read of the file.
    tables
        The tables that the study shows.
    others, n_others
        Tables of other choices, and how many of these there are.
    """

    values: int
    tables: int
    others: int
    n_others: int


def sizes(study_id: str, *, data_root: str | Path | None = None) -> Sizes:
    """What a study takes on the disk.

    Raises
    ------
    UnknownStudyError
        If there is none of this id.
    """
    folder, current, others = _tables(study_id, data_root)
    return Sizes(_bytes(folder / "values"), _bytes(current), sum(map(_bytes, others)), len(others))


def prune(study_id: str, *, data_root: str | Path | None = None) -> int:
    """Remove the tables of all choices but the one that the study shows; the bytes that this frees.

    Nothing is lost: tables are swept again out of the kept values where they are asked for, and figures, notes and
    lists lie elsewhere.

    Raises
    ------
    UnknownStudyError
        If there is none of this id.
    StorageError
        If the disk does not let go of them.
    """
    folder = _tables(study_id, data_root)[0]
    with storage_errors(folder), build_lock(folder):
        _, _, others = _tables(study_id, data_root)
        freed = sum(map(_bytes, others))
        for tables in others:
            shutil.rmtree(tables)
    return freed


def _tables(study_id: str, data_root: str | Path | None) -> tuple[Path, Path, list[Path]]:
    """The study's folder, the tables that it shows, and the others."""
    folder = study_folder(study_id, data_root)
    record = read_study_json(folder)
    if not record:
        raise UnknownStudyError(study_id, [r.name for r in list_studies(data_root)])
    current = folder / "tables" / record["tables"]
    return folder, current, [path for path in current.parent.glob("*") if path.is_dir() and path != current]


def _bytes(folder: Path) -> int:
    return sum(size for _, size in files_below(folder))
