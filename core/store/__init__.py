"""The Store: what is in a study's file, turned once, and the tables swept out of it."""

from core.store.building import build_study
from core.store.inspection import Inspection, inspect
from core.store.opening import open_study
from core.store.records import StudyRecord, list_studies, save_roles, study_record
from core.store.study import Study
from core.store.subsets import open_subset, subset_choices
from core.store.tidying import Sizes, prune, sizes

__all__ = [
    "Inspection",
    "Sizes",
    "Study",
    "StudyRecord",
    "build_study",
    "inspect",
    "list_studies",
    "open_study",
    "open_subset",
    "prune",
    "save_roles",
    "sizes",
    "study_record",
    "subset_choices",
]
