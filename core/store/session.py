"""The session file: which views were open on which studies, with the versions, gene lists and notes, as one JSON.

It reopens the same views elsewhere. Reading it runs nothing: it is data, checked field by field.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from core import __version__
from core.errors import UploadError
from core.store.kept import now
from core.store.notebook import GeneList, NotedText
from core.store.study_ref import StudyRef

FORMAT: Literal["perturbscope session"] = "perturbscope session"
SCHEMA = 1
LARGEST_BYTES = 20 * 2**20


class SessionStudy(StudyRef):
    """A study of a session, with what helps to find its file and to read it in the same way."""

    n_cells: int = 0
    n_genes: int = 0
    roles: dict[str, JsonValue] = {}

    @classmethod
    def of(cls, study: Any) -> "SessionStudy":
        """The study as the session names it."""
        sizes = {"n_cells": study.n_cells, "n_genes": study.n_genes}
        return cls(**StudyRef.of(study).model_dump(), **sizes, roles=study.roles.to_dict())


class SessionView(BaseModel):
    """One view: its page and query, the study it shows, and the thresholds it was made with."""

    model_config = ConfigDict(frozen=True, extra="allow")

    page: str
    query: list[tuple[str, str]] = []
    study_id: str = ""
    title: str = ""
    choices: dict[str, JsonValue] = {}


class Session(BaseModel):
    """All that a session file holds.

    Parameters
    ----------
    perturbscope
        The version that wrote it.
    versions
        Of the packages that compute.
    views, studies
        What was open, on what.
    gene_lists, notes
        Of the notebook, if asked for.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["perturbscope session"] = FORMAT
    schema_version: int = SCHEMA
    perturbscope: str = __version__
    versions: dict[str, str] = {}
    saved_at: str = ""
    views: list[SessionView] = []
    studies: list[SessionStudy] = []
    gene_lists: list[GeneList] = []
    notes: list[NotedText] = []

    def study(self, id: str) -> SessionStudy | None:
        """The study of this id."""
        return next((study for study in self.studies if study.id == id), None)

    def to_bytes(self) -> bytes:
        """The file, for people too: indented JSON."""
        return self.model_copy(update={"saved_at": self.saved_at or now()}).model_dump_json(indent=1).encode("utf-8")


def read_session(file_name: str, content: bytes) -> Session:
    """A session out of its file.

    Raises
    ------
    UploadError
        If it is too large, no session file, of a later version, or damaged.
    """
    if len(content) > LARGEST_BYTES:
        raise UploadError(f"{file_name} has {len(content) / 2**20:.0f} MB; a session file may have 20 MB.")
    try:
        head = _Head.model_validate_json(content)
    except ValidationError as error:
        raise UploadError(
            f"{file_name} is no session file of Perturbscope. Expected the JSON that Save the session writes."
        ) from error
    if head.schema_version > SCHEMA:
        raise UploadError(
            f"{file_name} was written by Perturbscope {head.perturbscope}, in a later form than {__version__} reads. "
            "Update Perturbscope, or save the session there in the older one."
        )
    try:
        return Session.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = " ".join(str(step) for step in first["loc"]) or "its content"
        raise UploadError(f"{file_name} is damaged at {where}: {first['msg']}. Save the session again.") from error


class _Head(BaseModel):
    format: Literal["perturbscope session"]
    schema_version: int
    perturbscope: str = "?"
