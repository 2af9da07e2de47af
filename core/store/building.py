"""Building: a file's values turned and its tables made, as far as they are missing; one build of a file at a time."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.data.cells import Cells
from core.data.gene_names import resolve_all
from core.data.reading import open_source
from core.data.roles import RolesReading, read_roles
from core.data.source import Source
from core.errors import DamagedStoreError, InvalidValuesError, RolesError
from core.jobs.locks import build_lock
from core.schema import CONTROL, Roles
from core.settings import root_or_default, settings
from core.store.files import UNFINISHED, check_manifest, storage_errors
from core.store.layout import study_folder, tables_key, values_folder
from core.store.records import merged, read_study_json, state_of_file, write_study_json
from core.store.room import bytes_of_tables, bytes_of_values, refuse_without_room
from core.store.size_factors import size_factors
from core.store.study import Study
from core.store.sweep import worker_threads
from core.store.table_inputs import TableInputs
from core.store.tables import TABLES_VERSION, build_tables
from core.store.values import GeneMajor, Report, turn


def build_study(
    path: str | Path,
    *,
    data_root: str | Path | None = None,
    report: Report | None = None,
    remember: bool = False,
    **overrides: Any,
) -> Study:
    """Build what is missing of a study and open it; does nothing for a study that is complete.

    A subset of cells stands beside the whole study and is never remembered, size factors only if asked: without a study
    yet, the tables of all cells by the default recipe are made first.

    Two builds of one file at once: one waits and then finds everything done. A build that was killed leaves whole parts
    or nothing: the next one goes on with the part that was missing.

    Parameters
    ----------
    path
        An AnnData file.
    data_root
        Where studies live; default the setting.
    report
        Called with (phase, done, total, unit) while it works.
    remember
        Keep ``overrides`` as the roles of this study from now on.
    **overrides
        Fields of :class:`core.schema.Roles` that the user chose.

    Returns
    -------
    Study

    Raises
    ------
    UnreadableFileError, RolesError, InvalidValuesError
        As :func:`inspect`.
    StorageError
        If the data root cannot be written, or has too little room.
    """
    report = report or _say_nothing
    threads = worker_threads(settings().threads)
    with open_source(path) as source, storage_errors(root_or_default(data_root)):
        folder = study_folder(source.fingerprint(), data_root)
        lasting = _lasting(overrides, remember)
        if lasting.keys() != overrides.keys() and (remember or not read_study_json(folder)):
            build_study(path, data_root=data_root, report=report, remember=remember, **lasting)
            remember = False
        if not remember and (study := _finished(folder, source, Path(path), overrides)):
            return study
        folder.mkdir(parents=True, exist_ok=True)
        with build_lock(folder):
            saved = read_study_json(folder)
            chosen = merged(saved.get("overrides", {}), overrides)
            reading = read_roles(source, chosen)
            key = tables_key(reading.roles)
            if not _is_complete(folder, key, reading.roles):
                _refuse_without_room(folder, source, reading)
                _say_what_was_left(folder, reading.roles, report)
                _build_parts(source, reading, folder, key, threads, report)
            if remember or not overrides or not saved:
                write_study_json(folder, source, Path(path), chosen, key)
        return Study(folder, key)


def _finished(folder: Path, source: Source, path: Path, overrides: Mapping[str, Any]) -> Study | None:
    """The study, if nothing is to be built or noted: it needs no lock then, and no disk that can be written."""
    saved = read_study_json(folder)
    if not saved or saved["path"] != str(path.absolute()) or saved["stat"] != state_of_file(path):
        return None
    roles = read_roles(source, merged(saved.get("overrides", {}), overrides)).roles
    key = tables_key(roles)
    current = bool(overrides) or key == saved["tables"]
    return Study(folder, key) if current and _is_complete(folder, key, roles) else None


def _is_complete(folder: Path, key: str, roles: Roles) -> bool:
    try:
        check_manifest(folder / "tables" / key, contents=False)
        record = json.loads((folder / "tables" / key / "tables.json").read_text())
        GeneMajor.open(folder / "values" / values_folder(roles))
    except (DamagedStoreError, OSError, ValueError):
        return False
    return bool(record["version"] == TABLES_VERSION)


def _build_parts(source: Source, reading: RolesReading, folder: Path, key: str, threads: int, report: Report) -> None:
    roles = reading.roles
    values = _values_of(source, roles, folder, threads, report)
    cells, genes = reading.cells, reading.genes
    _check_cells(cells, values, roles)
    record = {
        "name": source.name,
        "path": str(source.path.absolute()),
        "simulated": source.uns_simulated,
        "roles": roles.to_dict(),
        "evidence": reading.evidence.astype(str).to_dict("records"),
        "candidates": reading.candidates,
        "notes": list(reading.notes),
        "built_at": time.time(),
    }
    inputs = TableInputs(
        values=values,
        cells=cells,
        symbols=np.asarray(genes.symbols, object),
        gene_ids=np.asarray(genes.ids, object),
        own_gene=_own_genes(cells, genes.symbols, genes.ids),
        factors=size_factors(values, source.obs, roles, threads, cells.inside),
        record=record,
    )
    build_tables(inputs, folder / "tables" / key, threads, report)
    _remove_outdated(folder / "tables")


def _refuse_without_room(folder: Path, source: Source, reading: RolesReading) -> None:
    """Look for room before anything starts, for what is not there yet."""
    matrix = source.matrices[reading.roles.matrix]
    needed = bytes_of_tables(reading.cells, matrix.n_genes)
    if not (folder / "values" / values_folder(reading.roles)).exists():
        needed += bytes_of_values(matrix, reading.roles.values)
    refuse_without_room(folder, needed)


def _say_what_was_left(folder: Path, roles: Roles, report: Report) -> None:
    """Say that an earlier build was ended, and where this one begins."""
    left = list(folder.glob(f"*/*{UNFINISHED}"))
    if not left:
        return
    try:
        GeneMajor.open(folder / "values" / values_folder(roles))
        begins = "going on with the values that were read"
    except DamagedStoreError:
        begins = "beginning anew"
    report(f"An earlier build was ended, {begins}", len(left), len(left), "unfinished parts removed")


def _remove_outdated(tables: Path) -> None:
    """Remove tables that this version cannot read, and what killed builds left: they are made again on demand."""
    for folder in tables.iterdir():
        try:
            outdated = json.loads((folder / "tables.json").read_text())["version"] != TABLES_VERSION
        except (OSError, ValueError, KeyError):
            outdated = True
        if outdated or folder.name.endswith(UNFINISHED):
            shutil.rmtree(folder, ignore_errors=True)


def _values_of(source: Source, roles: Roles, folder: Path, threads: int, report: Report) -> GeneMajor:
    where = folder / "values" / values_folder(roles)
    try:
        return GeneMajor.open(where)
    except DamagedStoreError:
        return turn(source, roles.matrix, roles.values, where, threads, report)


def _check_cells(cells: Cells, values: GeneMajor, roles: Roles) -> None:
    if not (values.genes_seen > 0).any():
        raise InvalidValuesError(f"Every value of {roles.matrix} is 0. Choose another matrix.")
    with_values = values.genes_seen > 0
    if not ((cells.target == CONTROL) & with_values).any():
        raise RolesError(f"No control cell has any count ({', '.join(roles.control)}). Choose other control labels.")
    if not ((cells.target >= 0) & with_values).any():
        raise RolesError("No perturbed cell has any count: there is nothing to compare with the controls.")


def _own_genes(cells: Cells, symbols: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The measured gene of every target, -1 for a combination or a gene that is not measured."""
    place = {symbol: g for g, symbol in enumerate(symbols)}
    found = resolve_all(cells.targets, symbols, ids)
    return np.array([-1 if gene is None else place[gene] for gene in found], np.int64)


def _lasting(overrides: Mapping[str, Any], remember: bool) -> dict[str, Any]:
    """What a study itself may be made of: no subset, and a recipe of size factors only where it is to be remembered."""
    passing = {"subset"} if remember else {"subset", "size_factors"}
    return {name: value for name, value in overrides.items() if name not in passing}


def _say_nothing(phase: str, done: int, total: int, unit: str) -> None:
    """Report to nobody."""
