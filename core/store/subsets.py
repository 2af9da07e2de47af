"""Subsets of a study: the same file and roles, tables of some cells only, beside those of all cells."""

from core.data import subset_choices as choices
from core.data.reading import open_source
from core.errors import DamagedStoreError
from core.schema import Subset
from core.store.layout import tables_key
from core.store.study import Study


def open_subset(study: Study, subset: Subset) -> Study | None:
    """The study for the cells of a subset only; None where its tables are not built yet.

    Parameters
    ----------
    study
        A study, of all cells or of another subset: roles and size factors are taken from it.
    subset
        As :func:`core.data.subsets.subset_of` gives it; empty for all cells.
    """
    roles = study.roles.with_changes(subset=subset)
    if roles == study.roles:
        return study
    try:
        return Study(study.folder, tables_key(roles))
    except DamagedStoreError:  # absent, of another version or damaged: a build makes it anew
        return None


def subset_choices(study: Study) -> dict[str, dict[str, tuple[int, int]]]:
    """The columns of the study's file by which a subset may be taken; see :mod:`core.data.subset_choices`.

    Raises
    ------
    UnreadableFileError
        If the file is no longer there.
    """
    with open_source(study.path) as source:
        return choices.subset_choices(source, study.roles)
