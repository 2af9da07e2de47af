"""Inspection: what a look at a file tells before anything is built."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.reading import open_source
from core.data.roles import RolesReading, read_roles
from core.store.layout import study_folder
from core.store.records import merged, read_study_json


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


def inspect(path: str | Path, *, data_root: str | Path | None = None, **overrides: Any) -> Inspection:
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
        remembered = read_study_json(study_folder(study_id, data_root)).get("overrides", {})
        reading = read_roles(source, merged(remembered, overrides))
        matrix = source.matrices[reading.roles.matrix]
        return Inspection(
            study_id, source.name, Path(path).absolute(), reading, matrix.n_cells, matrix.n_genes, source.uns_simulated
        )
