"""Opening: a study by its id, its name or its file."""

from pathlib import Path
from typing import Any

from core.errors import DamagedStoreError, UnknownStudyError, UnreadableFileError
from core.store.building import build_study
from core.store.layout import study_folder
from core.store.records import list_studies, read_study_json
from core.store.study import Study


def open_study(path_or_id: str | Path, *, data_root: str | Path | None = None, **overrides: Any) -> Study:
    """Open a study by its id or name, or by its file, which is built on first use.

    Parameters
    ----------
    path_or_id
        A path, or the id or name of a built study.
    data_root
        Where studies live; default the setting.
    **overrides
        Fields of :class:`core.schema.Roles`, for a path only.

    Returns
    -------
    Study

    Raises
    ------
    UnknownStudyError
        If it is neither a file nor a study.
    DamagedStoreError
        If a study was built by another version, or a part of it is missing.
    """
    text = str(path_or_id)
    records = list_studies(data_root)
    is_name = isinstance(path_or_id, str) and any(text in (record.id, record.name) for record in records)
    if isinstance(path_or_id, Path) or (_is_there(text) and not is_name):
        return build_study(path_or_id, data_root=data_root, **overrides)
    for record in records:
        if text in (record.id, record.name):
            folder = study_folder(record.id, data_root)
            key = read_study_json(folder).get("tables")
            if key is None:
                raise DamagedStoreError(f"The study {record.name} was never finished. Build it again.")
            return Study(folder, key)
    if text.endswith((".h5ad", ".h5", ".zarr")) or "/" in text:
        raise UnreadableFileError(f"There is no file {text!r}. Expected an AnnData file; check the path.")
    raise UnknownStudyError(text, [record.name for record in records])


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # too long for a path, or in a folder that may not be looked into
        return False
