"""Studies: a file with its roles named, what was built of it, and the questions it answers.

On disk, below the data root, ``studies/<id>/``: study.json (where the file lies, roles as corrected, which tables are
current), ``values/<matrix>/`` (core.store.values) and ``tables/<key>/`` (core.store.tables). The id comes from the
file's content, so a moved file keeps its study and a changed one begins another. Several sets of tables of one study
stand beside one another: choosing other roles, and choosing the old ones again, is quick.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data.cells import Cells, combination
from core.data.file_set import files_of_set
from core.data.gene_names import resolve, resolve_all
from core.data.reading import open_source
from core.data.roles import RolesReading, read_roles
from core.data.source import Source
from core.errors import (
    DamagedStoreError,
    InvalidValuesError,
    OptionError,
    RolesError,
    UnknownGeneError,
    UnknownStudyError,
    UnknownTargetError,
    UnreadableFileError,
)
from core.jobs.locks import build_lock
from core.schema import ALL_PERTURBED, CONTROL, LEFT_OUT, Roles, Values
from core.settings import settings
from core.stats.groups import visiting_groups
from core.store.files import UNFINISHED, check_manifest, damage_said, map_arrays, storage_errors, write_text_atomically
from core.store.group_sums import GroupSums
from core.store.one_gene import OneGene, one_gene
from core.store.room import bytes_of_tables, bytes_of_values, refuse_without_room
from core.store.sweep import SizeFactors, gene_sums, sweep, worker_threads
from core.store.tables import TABLES_VERSION, TableInputs, build_tables, false_discovery_rates
from core.store.values import VALUES_VERSION, GeneMajor, Report, turn

DOMINANT_SHARE = 0.05
MEANS = {"": "sum_log", "_counts": "sum_counts", "_normalized": "sum_normalized"}
"""Endings of the columns of means, and the sums that they come from."""


@dataclass(frozen=True)
class Inspection:
    """What a look at a file tells before anything is built.

    Parameters
    ----------
    id, name, path
        Of the study that the file is or would be.
    reading
        Roles as read, with evidence.
    n_cells, n_genes
        Shape of the matrix that would be used.
    simulated
        Whether our own simulator wrote the file.
    """

    id: str
    name: str
    path: Path
    reading: RolesReading
    n_cells: int
    n_genes: int
    simulated: bool


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


def inspect(path: str | Path, *, data_root: Path | None = None, **overrides: Any) -> Inspection:
    """Look at a file: its id and its roles as read, corrected by what the user said before and by ``overrides``.

    Raises
    ------
    UnreadableFileError
        If it is no AnnData file.
    RolesError
        If no roles can be found in it, or one that is given is not there.
    InvalidValuesError
        If the matrix is neither counts nor log-normalized.
    """
    with open_source(path) as source:
        study_id = source.fingerprint()
        remembered = _read_study_json(_folder(study_id, data_root)).get("overrides", {})
        reading = read_roles(source, _merged(remembered, overrides))
        matrix = source.matrices[reading.roles.matrix]
        return Inspection(
            study_id, source.name, Path(path).absolute(), reading, matrix.n_cells, matrix.n_genes, source.uns_simulated
        )


def build_study(
    path: str | Path,
    *,
    data_root: Path | None = None,
    report: Report | None = None,
    remember: bool = False,
    **overrides: Any,
) -> "Study":
    """Build what is missing of a study and open it; does nothing for a study that is complete.

    A subset of cells stands beside the whole study and is never remembered: without tables of all cells, those are made
    first.

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
    with open_source(path) as source, storage_errors(data_root or settings().data_root):
        folder = _folder(source.fingerprint(), data_root)
        if overrides.get("subset") and (remember or not _read_study_json(folder)):
            whole = {name: value for name, value in overrides.items() if name != "subset"}
            build_study(path, data_root=data_root, report=report, remember=remember, **whole)
            remember = False
        if not remember and (study := _finished(folder, source, Path(path), overrides)):
            return study
        folder.mkdir(parents=True, exist_ok=True)
        with build_lock(folder):
            saved = _read_study_json(folder)
            chosen = _merged(saved.get("overrides", {}), overrides)
            reading = read_roles(source, chosen)
            key = tables_key(reading.roles)
            if not _is_complete(folder, key, reading.roles):
                _refuse_without_room(folder, source, reading)
                _say_what_was_left(folder, reading.roles, report)
                _build_parts(source, reading, folder, key, threads, report)
            if remember or not overrides:
                _write_study_json(folder, source, Path(path), chosen, key)
            elif not saved:
                _write_study_json(folder, source, Path(path), _roles_only(chosen), key)
        return Study(folder, key)


def _finished(folder: Path, source: Source, path: Path, overrides: Mapping[str, Any]) -> "Study | None":
    """The study, if nothing is to be built or noted: it needs no lock then, and no disk that can be written."""
    saved = _read_study_json(folder)
    if not saved or saved["path"] != str(path.absolute()) or saved["stat"] != _stat(path):
        return None
    roles = read_roles(source, _merged(saved.get("overrides", {}), overrides)).roles
    key = tables_key(roles)
    current = bool(overrides) or key == saved["tables"]
    return Study(folder, key) if current and _is_complete(folder, key, roles) else None


def open_study(path_or_id: str | Path, *, data_root: Path | None = None, **overrides: Any) -> "Study":
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
    if isinstance(path_or_id, Path) or (Path(text).exists() and not is_name):
        return build_study(path_or_id, data_root=data_root, **overrides)
    for record in records:
        if text in (record.id, record.name):
            folder = _folder(record.id, data_root)
            key = _read_study_json(folder).get("tables")
            if key is None:
                raise DamagedStoreError(f"The study {record.name} was never finished. Build it again.")
            return Study(folder, key)
    if text.endswith((".h5ad", ".h5", ".zarr")) or "/" in text:
        raise UnreadableFileError(f"There is no file {text!r}. Expected an AnnData file; check the path.")
    raise UnknownStudyError(text, [record.name for record in records])


def list_studies(data_root: Path | None = None) -> list[StudyRecord]:
    """All studies of a data root, by name."""
    folder = (data_root or settings().data_root) / "studies"
    found = [study_record(path) for path in folder.glob("*/study.json")] if folder.is_dir() else []
    return sorted((record for record in found if record), key=lambda record: (record.name.lower(), record.id))


def study_record(path: Path) -> StudyRecord | None:
    """The line of one study.json, None if it cannot be read."""
    record = _read_study_json(path.parent)
    if not record:
        return None
    file = Path(record["path"])
    state = "ready"
    if not (path.parent / "tables" / record["tables"] / "manifest.json").is_file():
        state = "unbuilt"
    elif not file.exists():
        state = "missing-file"
    elif _stat(file) != record["stat"] and _fingerprint(file) != record["id"]:
        state = "stale"
    return StudyRecord(
        record["id"], record["name"], file, record["simulated"], record["n_cells"], record["n_genes"],
        record["n_targets"], state, record["built_at"],
    )  # fmt: skip


def save_roles(study_id: str, changes: Mapping[str, Any], *, data_root: Path | None = None) -> None:
    """Remember corrected roles; the next build uses them."""
    folder = _folder(study_id, data_root)
    record = _read_study_json(folder)
    if not record:
        raise UnknownStudyError(study_id, [r.name for r in list_studies(data_root)])
    record["overrides"] = _plain(_merged(record.get("overrides", {}), changes))
    with storage_errors(folder):
        write_text_atomically(folder / "study.json", json.dumps(record, indent=1))


class Study:
    """A built study: tables and one gene's values, all read-only.

    Parameters
    ----------
    folder
        ``studies/<id>``.
    key
        Which of its tables.

    Raises
    ------
    DamagedStoreError
        If they are not complete or of another version.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._tables = folder / "tables" / key
        check_manifest(self._tables, contents=False)
        with damage_said(self._tables):
            self._record: dict[str, Any] = json.loads((self._tables / "tables.json").read_text())
        if self._record.get("version") != TABLES_VERSION:
            raise DamagedStoreError("The tables were written by another version of Perturbscope. Build them again.")
        self._about = _read_study_json(folder)
        self.id: str = folder.name
        self.name: str = self._about.get("name", self._record["name"])
        self.path = Path(self._about.get("path", self._record["path"]))
        self.fingerprint = f"{self.id}-{key}"
        self.simulated: bool = self._record["simulated"]
        self.roles = Roles.from_dict(self._record["roles"])
        self.evidence = pd.DataFrame(self._record["evidence"], columns=["role", "read_from", "evidence"])
        self.candidates: dict[str, list[str]] = self._record["candidates"]
        self.notes: list[str] = self._record["notes"]
        self.n_cells: int = self._record["n_cells"]
        self.n_genes: int = self._record["n_genes"]
        self.n_control: int = self._record["n_control"]
        self.n_perturbed: int = self._record["n_perturbed"]
        self.left_out: dict[str, int] = self._record["left_out"]
        self.median_total: float = self._record["median_total"]
        self.built_at: float = self._record["built_at"]

    def __repr__(self) -> str:
        return f"<Study {self.name}: {self.n_cells:,} cells, {self.n_genes:,} genes, {len(self.targets):,} targets>"

    @property
    def has_counts(self) -> bool:
        """Whether the file holds counts."""
        return self.roles.values is Values.COUNTS

    @property
    def has_strata(self) -> bool:
        """Whether there are strata to compare within."""
        return bool(self._record["n_strata"] > 1)

    @cached_property
    def stratified_default(self) -> bool:
        """Whether effects are compared within strata unless asked otherwise: some target is confounded with them."""
        return self.has_strata and bool(self.targets["stratum_warning"].any())

    @cached_property
    def modality(self) -> str:
        """``"knock-down"`` or ``"activation"`` by what own genes do, ``"perturbation"`` where they do not tell."""
        table = self.targets[self.targets["measurable"]]
        falls = int((table["percent_left_high"] < 1).sum())
        rises = int((table["percent_left_low"] > 1).sum())
        if falls > 2 * rises:
            return "knock-down"
        return "activation" if rises > 2 * falls else "perturbation"

    def _table(self, name: str) -> pd.DataFrame:
        with damage_said(self._tables):
            return pd.read_parquet(self._tables / f"{name}.parquet")

    def _arrays(self, name: str, group: str) -> dict[str, np.ndarray]:
        with damage_said(self._tables):
            return map_arrays(self._tables / name, group)

    @cached_property
    def genes(self) -> pd.DataFrame:
        """One row a gene; see :mod:`core.store.tables`."""
        return self._table("genes")

    @cached_property
    def targets(self) -> pd.DataFrame:
        """One row a target."""
        return self._table("targets")

    @cached_property
    def pooled(self) -> pd.Series:
        """The row of all perturbed cells together."""
        return self._table("pooled").iloc[0]

    @cached_property
    def guides(self) -> pd.DataFrame:
        """One row a guide against a target."""
        return self._table("guides").drop(columns="row")

    @cached_property
    def batches(self) -> pd.DataFrame:
        """One row a batch."""
        return self._table("batches")

    @cached_property
    def strata(self) -> pd.DataFrame:
        """One row a stratum."""
        return self._table("strata")

    @cached_property
    def control_sets(self) -> pd.DataFrame:
        """One row a set of controls tested against the others."""
        return self._table("control_sets")

    @cached_property
    def control_p(self) -> pd.DataFrame:
        """Of each of these sets, in their order, the r-th smallest log10 p of its genes; r is the column's name."""
        return self._table("control_p")

    @cached_property
    def totals_histogram(self) -> pd.DataFrame:
        """Cells by their total of counts."""
        return self._table("totals")

    @cached_property
    def genes_seen_histogram(self) -> pd.DataFrame:
        """Cells by how many genes they show."""
        return self._table("genes_seen")

    @cached_property
    def cell_codes(self) -> dict[str, np.ndarray]:
        """Of every cell in file order: codes of target, guide, batch and stratum (see core.data.cells), and total."""
        with damage_said(self._tables), np.load(self._tables / "cells.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def part_names(self, part: str) -> list[str]:
        """Names behind the codes of a part of :attr:`cell_codes`: targets, guides, batches or strata."""
        return list(self._record["parts"][part])

    @cached_property
    def controls(self) -> pd.DataFrame:
        """Every gene in the controls: ctrl_mean (log-normalized; _counts, _normalized on those scales), pct_control."""
        fields = (*MEANS.values(), "n_nonzero")
        sums = {field: self._sums.row(field, -1) for field in fields}
        means = self._means(sums, self.n_control, sums)
        table = {name: mean for name, mean in means.items() if name.startswith("ctrl_")}
        table["pct_control"] = sums["n_nonzero"] / max(self.n_control, 1)
        return pd.DataFrame(table, index=self.genes.index)

    @property
    def tables_folder(self) -> Path:
        """Where the study's tables lie, and what is derived from them later."""
        return self._tables

    @cached_property
    def gene_values(self) -> GeneMajor:
        """The turned file."""
        return GeneMajor.open(self.folder / "values" / _values_folder(self.roles))

    def values(self, gene: str) -> np.ndarray:
        """One gene's values in all cells, in file order.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        return self.gene_values.gene(self._gene(gene))

    def one_gene(self, gene: str) -> OneGene:
        """One gene's log-normalized values with the target, guide, batch and stratum of every cell.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        return one_gene(self, gene)

    def find_gene(self, name: str) -> str | None:
        """The measured gene that a symbol, alias or Ensembl id means, None if there is none."""
        return resolve(name, self.genes.index.to_numpy(), self.genes["gene_id"].to_numpy())

    def find_target(self, name: str) -> str | None:
        """The target that a symbol, alias or Ensembl id means, None if there is none."""
        if name in self.targets.index or name == ALL_PERTURBED:
            return name
        by_upper = {target.upper(): target for target in self.targets.index}
        if name.strip().upper() in by_upper:
            return by_upper[name.strip().upper()]
        if "+" in name:  # A+B and B+A are one target
            asked = sorted(combination(name.strip().upper()))
            return next((t for upper, t in by_upper.items() if "+" in t and sorted(combination(upper)) == asked), None)
        found = resolve(name, self.targets.index.to_numpy(), np.full(len(self.targets), "", object))
        return found or by_upper.get((self.find_gene(name) or "").upper())

    def effects(self, target: str) -> pd.DataFrame:
        """Effects of one target on all genes, or of all perturbed cells together.

        Parameters
        ----------
        target
            A target's name or :data:`core.schema.ALL_PERTURBED`.

        Returns
        -------
        pandas.DataFrame
            Indexed by gene: means of control and target (log-normalized; ``_counts`` and ``_normalized`` on those
            scales), deltas with standard errors, fold change, test; see DESIGN.md "The Store".

        Raises
        ------
        UnknownTargetError
            If the study does not perturb it.
        """
        if target == ALL_PERTURBED:
            layers, row = self._pooled_effects, 0
            sums = {f: self._sums.rows(f, slice(0, -1)).sum(axis=0) for f in MEANS.values()}
            n = self.n_perturbed
        else:
            layers, row = self._effects, self._target(target)
            sums = {f: self._sums.row(f, row) for f in MEANS.values()}
            n = int(self._record["target_cells"][row])
        control = {f: self._sums.row(f, -1) for f in MEANS.values()}
        means = self._means(sums, n, control)
        return pd.DataFrame(means | {c: np.asarray(layer[row]) for c, layer in layers.items()}, index=self.genes.index)

    def effects_without_own_gene(self, target: str) -> pd.DataFrame:
        """Effects of one target with totals that leave out its own gene: one more sweep, of its cells and the controls.

        Where a target's own gene holds a large share of all counts, its fall alone makes every other gene look raised.

        Raises
        ------
        UnknownTargetError
            If the study does not perturb it.
        OptionError
            If its own gene is not measured, the file holds no counts, or totals are not those of all genes.
        """
        own = self.targets["own_gene"].iat[self._target(target)]
        if not own or not self.has_counts:
            reason = "the file holds no counts" if own else f"{target} is not measured"
            raise OptionError(f"The totals cannot be taken without {target}: {reason}.")
        if self.roles.size_factors != "all":
            raise OptionError(
                f"The totals cannot be taken without {target}: they are {self.roles.size_factors}, not those of all "
                "genes. Choose the size factors all first."
            )
        codes: dict[str, Any] = dict(self.cell_codes)
        totals = codes.pop("total") - self.values(own)
        codes["target"] = np.select(
            [codes["target"] == self._target(target), codes["target"] == CONTROL], [0, CONTROL], LEFT_OUT
        )
        parts = self._record["parts"]
        cells = Cells(
            n_cells=self.gene_values.n_cells,
            targets=(target,),
            left_out={},
            guide_level_labels=False,
            guides=tuple(parts["guides"]),
            batches=tuple(parts["batches"]),
            strata=tuple(parts["strata"]),
            **codes,
        )
        groups = visiting_groups(cells, totals > 0)
        factors = SizeFactors(np.maximum(totals, 0), float(np.median(totals[totals > 0])))
        threads = worker_threads(settings().threads)
        with tempfile.TemporaryDirectory() as folder:
            own_gene = np.array([self._gene(own)])
            sweep(self.gene_values, groups, factors, own_gene, Path(folder), threads, _say_nothing)
            false_discovery_rates(Path(folder), threads)
            layers = map_arrays(Path(folder) / "effects.h5ad", "layers")
            moments = GroupSums(Path(folder) / "moments.h5", "target", self.n_genes)
            n, n_control = (int(k) for k in groups.target_cells[:2])
            mine, control = ({f: moments.row(f, k) for f in MEANS.values()} for k in (0, 1))
            means = self._means(mine, n, control, n_control)
            return pd.DataFrame(means | {c: np.array(layer[0]) for c, layer in layers.items()}, index=self.genes.index)

    def gene_effects(self, gene: str) -> pd.DataFrame:
        """What every target does to one gene, indexed by target; columns as :meth:`effects`.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        g = self._gene(gene)
        column = {f: self._sums.column(f, g) for f in MEANS.values()}
        n = np.array(self._record["target_cells"][:-1])
        means = self._means({f: c[:-1] for f, c in column.items()}, n, {f: c[-1] for f, c in column.items()})
        effects = {c: np.asarray(layer[:, g]) for c, layer in self._effects.items()}
        return pd.DataFrame(means | effects, index=self.targets.index)

    def _means(
        self, sums: dict[str, np.ndarray], n: Any, control: dict[str, np.ndarray], n_control: int | None = None
    ) -> dict[str, np.ndarray]:
        n = np.maximum(n, 1)
        n_control = max(self.n_control if n_control is None else n_control, 1)
        means = {}
        for suffix, field in MEANS.items():
            known = 1.0 if suffix != "_counts" or self.has_counts else np.nan
            means[f"ctrl_mean{suffix}"] = control[field] / n_control * known
            means[f"pert_mean{suffix}"] = sums[field] / n * known
        return means

    @cached_property
    def _effects(self) -> dict[str, np.ndarray]:
        return self._arrays("effects.h5ad", "layers")

    @cached_property
    def _pooled_effects(self) -> dict[str, np.ndarray]:
        return self._arrays("pooled.h5ad", "layers")

    @cached_property
    def _sums(self) -> GroupSums:
        with damage_said(self._tables):
            return GroupSums(self._tables / "moments.h5", "target", self.n_genes)

    @property
    def effects_path(self) -> Path:
        """The effects of all targets as an AnnData file."""
        return self._tables / "effects.h5ad"

    def layer(self, name: str) -> np.ndarray:
        """One layer of the effects of all targets, shape ``(targets, genes)``, read from the disk where it is used.

        Raises
        ------
        OptionError
            If the study has no such layer.
        """
        if name not in self._effects:
            raise OptionError(f"The effects have no layer {name!r}. Take one of {', '.join(self._effects)}.")
        return self._effects[name]

    def replicates(self, target: str | None) -> dict[str, np.ndarray]:
        """Sums over the cells of a target (None: of the controls) in every fold of batches.

        Returns
        -------
        dict
            ``n``, cells, shape ``(folds,)``; ``total`` and ``squares``, sums of log-normalized values and of their
            squares, float64, shape ``(folds, genes)``. One fold where there are no batches.
        """
        code, row = (CONTROL, len(self.targets)) if target is None else (self._target(target),) * 2
        with damage_said(self._tables), np.load(self._tables / "cells.npz", allow_pickle=False) as arrays:
            counted = (arrays["target"] == code) & (arrays["total"] > 0)
            batch = arrays["batch"][counted]
        with damage_said(self._tables):
            sums = GroupSums(self._tables / "moments.h5", "fold", self.n_genes)
        folds = sums.n_rows // (len(self.targets) + 1)
        rows = np.arange(row * folds, (row + 1) * folds)
        fields = {"total": "sum_log", "squares": "sum_log_squared"}
        return {"n": np.bincount(batch % folds, minlength=folds)} | {
            name: sums.rows(field, rows).astype(np.float64) for name, field in fields.items()
        }

    def _target(self, target: str) -> int:
        if target not in self.targets.index:
            raise UnknownTargetError(target, self.targets.index, self.roles.target_col)
        return int(self.targets.index.get_loc(target))

    def _gene(self, gene: str) -> int:
        if gene not in self.genes.index:
            raise UnknownGeneError(gene, self.genes.index)
        return int(self.genes.index.get_loc(gene))

    def verify(self) -> None:
        """Check every checksum of the study's current parts.

        Raises
        ------
        DamagedStoreError
            At the first part that is not as it was written.
        """
        check_manifest(self._tables, contents=True)
        self.gene_values.verify()


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
    if not (folder / "values" / _values_folder(reading.roles)).exists():
        needed += bytes_of_values(matrix, reading.roles.values)
    refuse_without_room(folder, needed)


def _say_what_was_left(folder: Path, roles: Roles, report: Report) -> None:
    """Say that an earlier build was ended, and where this one begins."""
    left = list(folder.glob(f"*/*{UNFINISHED}"))
    if not left:
        return
    try:
        GeneMajor.open(folder / "values" / _values_folder(roles))
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
        if outdated:
            shutil.rmtree(folder, ignore_errors=True)


def _values_of(source: Source, roles: Roles, folder: Path, threads: int, report: Report) -> GeneMajor:
    where = folder / "values" / _values_folder(roles)
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


def size_factors(
    values: GeneMajor, obs: pd.DataFrame, roles: Roles, threads: int, inside: np.ndarray | None = None
) -> SizeFactors:
    """Totals of every cell by the chosen recipe; of a subset those of its own cells, 0 for all others.

    Raises
    ------
    RolesError
        If the named obs column is not there or holds no positive numbers.
    """
    mine = np.ones(values.n_cells, bool) if inside is None else inside
    if roles.values is Values.LOG_NORMALIZED:
        return SizeFactors(mine.astype(np.float64), 1.0)
    recipe = roles.size_factors
    totals = values.totals
    if recipe == "no-dominant":
        sums = gene_sums(values, threads, inside)
        for g in np.flatnonzero(sums > DOMINANT_SHARE * sums.sum()):
            totals = totals - values.gene(int(g))
    elif recipe.startswith("obs:"):
        totals = _totals_from_obs(obs, recipe.removeprefix("obs:"), mine & (values.genes_seen > 0))
    elif recipe != "all":
        raise RolesError(f"Unknown size factors {recipe!r}: expected all, no-dominant or obs:COLUMN.")
    totals = np.where(mine, totals, 0)
    positive = totals[totals > 0]
    return SizeFactors(totals, float(np.median(positive)) if positive.size else 1.0)


def _totals_from_obs(obs: pd.DataFrame, column: str, counted: np.ndarray) -> np.ndarray:
    if column not in obs:
        known = ", ".join(map(str, obs))[:300]
        raise RolesError(f"There is no obs column {column!r} for size factors; obs has {known}.")
    totals = pd.to_numeric(obs[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = counted & ~(np.isfinite(totals) & (totals > 0))
    if bad.any():
        raise RolesError(
            f"obs[{column!r}] has no positive number in {int(bad.sum()):,} cells with counts; size factors are totals, "
            "one positive number a cell."
        )
    return np.where(counted, totals, 0.0)


def _is_complete(folder: Path, key: str, roles: Roles) -> bool:
    try:
        check_manifest(folder / "tables" / key, contents=False)
        record = json.loads((folder / "tables" / key / "tables.json").read_text())
        GeneMajor.open(folder / "values" / _values_folder(roles))
    except (DamagedStoreError, OSError, ValueError):
        return False
    return bool(record["version"] == TABLES_VERSION)


def tables_key(roles: Roles) -> str:
    """The name of the tables that these roles, size factors and subset give: a hash, the same for the same choice."""
    record = {"roles": roles.to_dict(), "tables": TABLES_VERSION, "values": VALUES_VERSION}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def _values_folder(roles: Roles) -> str:
    """A safe folder name, one a matrix and way of reading it: layer names come from files."""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in roles.matrix)[:40]
    name = plain if plain == roles.matrix else f"{plain}-{hashlib.sha256(roles.matrix.encode()).hexdigest()[:8]}"
    return name if roles.values is Values.COUNTS else f"{name}-log"


def _folder(study_id: str, data_root: Path | None) -> Path:
    return (data_root or settings().data_root) / "studies" / study_id


def _read_study_json(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / "study.json").read_text())
    except (OSError, ValueError):
        return {}
    needed = {"id", "name", "path", "stat", "tables", "simulated", "n_cells", "n_genes", "n_targets", "built_at"}
    return record if isinstance(record, dict) and needed <= record.keys() else {}


def _write_study_json(folder: Path, source: Source, path: Path, overrides: Mapping[str, Any], key: str) -> None:
    tables = json.loads((folder / "tables" / key / "tables.json").read_text())
    record = {
        "id": folder.name,
        "name": source.name,
        "path": str(path.absolute()),
        "stat": _stat(path),
        "simulated": source.uns_simulated,
        "overrides": _plain(overrides),
        "tables": key,
        "built_at": tables["built_at"],
        **{name: tables[name] for name in ("n_cells", "n_genes", "n_targets")},
    }
    text = json.dumps(record, indent=1)
    if json.loads(text) != _read_study_json(folder):
        write_text_atomically(folder / "study.json", text)


def _merged(remembered: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes on top of what was said before; control labels belong to their column and go with it."""
    kept = dict(remembered)
    if "target_col" in changes and changes["target_col"] != kept.get("target_col"):
        kept.pop("control", None)
    return kept | dict(changes)


def _roles_only(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a first build may remember unasked: how to read the file, but not by which recipe to normalize."""
    return {name: value for name, value in chosen.items() if name != "size_factors"}


def _plain(overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in overrides.items()}


def _stat(path: Path) -> list[int]:
    """Size and time of a file; of a set of files, of all of them."""
    files = files_of_set(path) if path.is_dir() else []
    found = [file.stat() for file in files or [path]]
    return [sum(file.st_size for file in found), max(file.st_mtime_ns for file in found)]


def _fingerprint(path: Path) -> str:
    try:
        with open_source(path) as source:
            return source.fingerprint()
    except UnreadableFileError:
        return ""


def _say_nothing(phase: str, done: int, total: int, unit: str) -> None:
    """Report to nobody."""
