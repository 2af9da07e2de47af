"""Which study something came from, and whether that study is still here and still the same."""

from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from core.data.subsets import subset_from_text, subset_text
from core.errors import DamagedStoreError, RolesError, UnknownStudyError
from core.store.layout import tables_key
from core.store.opening import open_study
from core.store.records import StudyRecord, list_studies


class Standing(StrEnum):
    """How the study of something kept stands today."""

    SAME = "same"
    OTHER_TABLES = "other tables"  # roles or size factors were corrected, or another version built them
    OTHER_FILE = "other file"  # a study of this name is here, of a file with other content
    UNFINISHED = "unfinished"  # being built, or damaged
    GONE = "gone"


class StudyRef(BaseModel):
    """A study as something kept names it.

    Parameters
    ----------
    id
        Hash of the file's content.
    fingerprint
        The id with the key of the tables: roles, size factors, version.
    name, file
        The study's name, and the file's without its folder.
    simulated
        Whether a program made the data.
    subset
        Which cells alone were shown, as an address has it; "" for all.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    fingerprint: str
    name: str
    file: str = ""
    simulated: bool = False
    subset: str = ""

    @classmethod
    def of(cls, study: Any) -> Self:
        """The reference to an opened study."""
        return cls(
            id=study.id,
            fingerprint=study.fingerprint,
            name=study.name,
            file=Path(study.path).name,
            simulated=study.simulated,
            subset=subset_text(study.roles.subset),
        )

    def standing(self, records: list[StudyRecord] | None = None) -> Standing:
        """Whether the study is still here and still the same; ``records`` where they are listed already."""
        records = list_studies() if records is None else records
        record = next((r for r in records if r.id == self.id), None)
        if record is None:
            same_name = any(r.name == self.name or r.path.name == self.file for r in records)
            return Standing.OTHER_FILE if same_name else Standing.GONE
        if record.state == "unbuilt":
            return Standing.UNFINISHED
        try:
            roles = open_study(self.id).roles
            fingerprint = f"{self.id}-{tables_key(roles.with_changes(subset=subset_from_text(self.subset)))}"
        except (DamagedStoreError, RolesError, UnknownStudyError):
            return Standing.UNFINISHED
        return Standing.SAME if fingerprint == self.fingerprint else Standing.OTHER_TABLES
