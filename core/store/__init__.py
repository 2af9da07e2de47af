"""The Store: what is in a study's file, turned once, and the tables swept out of it."""

from core.store.study import (
    Inspection,
    Study,
    StudyRecord,
    build_study,
    inspect,
    list_studies,
    open_study,
    save_roles,
    study_record,
)
from core.store.subsets import open_subset, subset_choices

__all__ = [
    "Inspection",
    "Study",
    "StudyRecord",
    "build_study",
    "inspect",
    "list_studies",
    "open_study",
    "open_subset",
    "save_roles",
    "study_record",
    "subset_choices",
]
