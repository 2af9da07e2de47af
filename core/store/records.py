"""Records: a study's study.json (where its file lies, roles as corrected, current tables), and the list of studies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.fingerprint import state_on_disk
from core.data.reading import open_source
from core.data.source import Source
from core.errors import UnknownStudyError, UnreadableFileError
from core.jobs.locks import build_lock
from core.settings import root_or_default
from core.store.files import storage_errors, write_text_atomically
from core.store.layout import study_folder


@dataclass(frozen=True)
class StudyRecord:
    """One line of the list of studies.

    Parameters
    ----------
    state
        ``"ready"``, ``"unbuilt"`` (no finished tables), ``"missing-file"`` (tables there, file gone),
        ``"stale"`` (the file was changed since).
    built_at
        Seconds since 1970, 0 if never.
    """

    id: str
    name: str
    path: Path
    simulated: bool
    n_cells: int
    n_genes: int
    n_targets: int
    state: str
    built_at: float


def list_studies(data_root: str | Path | None = None) -> list[StudyRecord]:
    """All studies of a data root, by name."""
    folder = root_or_default(data_root) / "studies"
    found = [study_record(path) for path in folder.glob("*/study.json")] if folder.is_dir() else []
    return sorted((record for record in found if record), key=lambda record: (record.name.lower(), record.id))


def study_record(path: Path) -> StudyRecord | None:
    """The line of one study.json, None if it cannot be read."""
    record = read_study_json(path.parent)
    if not record:
        return None
    file = Path(record["path"])
    return StudyRecord(
        record["id"], record["name"], file, record["simulated"], record["n_cells"], record["n_genes"],
        record["n_targets"], _state(path.parent, file, record), record["built_at"],
    )  # fmt: skip


def _state(folder: Path, file: Path, record: Mapping[str, Any]) -> str:
    if not (folder / "tables" / record["tables"] / "manifest.json").is_file():
        return "unbuilt"
    try:
        now = state_of_file(file)
    except OSError:  # in a folder that may not be looked into
        now = []
    if not now:
        return "missing-file"
    return "ready" if now == record["stat"] or _fingerprint(file) == record["id"] else "stale"


def save_roles(study_id: str, changes: Mapping[str, Any], *, data_root: str | Path | None = None) -> None:
    """Remember corrected roles; the next build uses them."""
    folder = study_folder(study_id, data_root)
    if not read_study_json(folder):
        raise UnknownStudyError(study_id, [r.name for r in list_studies(data_root)])
    with storage_errors(folder), build_lock(folder):
        record = read_study_json(folder)
        record["overrides"] = _plain(merged(record.get("overrides", {}), changes))
        write_text_atomically(folder / "study.json", json.dumps(record, indent=1))


def read_study_json(folder: Path) -> dict[str, Any]:
    """What study.json says; empty where it is absent or cannot be read."""
    try:
        record = json.loads((folder / "study.json").read_text())
    except (OSError, ValueError):
        return {}
    needed = {"id", "name", "path", "stat", "tables", "simulated", "n_cells", "n_genes", "n_targets", "built_at"}
    return record if isinstance(record, dict) and needed <= record.keys() else {}


def write_study_json(folder: Path, source: Source, path: Path, overrides: Mapping[str, Any], key: str) -> None:
    """Write study.json after a build of the tables ``key``, if it would say anything new."""
    tables = json.loads((folder / "tables" / key / "tables.json").read_text())
    record = {
        "id": folder.name,
        "name": source.name,
        "path": str(path.absolute()),
        "stat": state_of_file(path),
        "simulated": source.uns_simulated,
        "overrides": _plain(overrides),
        "tables": key,
        "built_at": tables["built_at"],
        **{name: tables[name] for name in ("n_cells", "n_genes", "n_targets")},
    }
    text = json.dumps(record, indent=1)
    if json.loads(text) != read_study_json(folder):
        write_text_atomically(folder / "study.json", text)


def merged(remembered: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes on top of what was said before; control labels belong to their column and go with it."""
    kept = dict(remembered)
    if "target_col" in changes and changes["target_col"] != kept.get("target_col"):
        kept.pop("control", None)
    return kept | dict(changes)


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in overrides.items()}


def state_of_file(path: Path) -> list[int]:
    """What changes when a file, a zarr or a folder of files is written to; empty where there is none."""
    return list(state_on_disk(path))


def _fingerprint(path: Path) -> str:
    try:
        with open_source(path) as source:
            return source.fingerprint()
    except UnreadableFileError:
        return ""
