"""The doors through which a study comes in: a file in the data folders, an upload, the demo, an address."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import pandas as pd
import streamlit as st

from core import store
from core.errors import (
    DamagedStoreError,
    OutsideFoldersError,
    RolesError,
    StorageError,
    UnreadableFileError,
    UploadError,
)
from core.jobs import queue
from core.jobs.queue import Job
from core.settings import settings
from core.store import Study
from core.ui import address, state
from core.ui.building import ended_badly, job_progress
from core.ui.errors import say, shown_errors
from core.ui.first_start import demo_path
from core.ui.roles_form import NONE, roles_form
from core.ui.state import Choice
from core.views.study import StudyView
from core.views.study import roles_table as study_roles_table
from core.views.text import escape_markdown, number, plain

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
ENDINGS = (".h5ad", ".h5", ".zarr")
OPEN_DEMO = "_open_the_demo"
"""Set while the demo is being made for this session: it is opened once it is there."""
MOST_LISTED = 500
DEEPEST = 4
ROLE_OPTIONS = {
    "target_col": "--target-col",
    "control": "--control",
    "guide_col": "--guide-col",
    "batch_col": "--batch-col",
    "stratum_col": "--stratum-col",
    "matrix": "--matrix",
    "values": "--values",
    "size_factors": "--size-factors",
}
"""The options of ``build``, by role; what they say is remembered once the build has succeeded."""


# ------------------------------------------------------------------------------------------------------- doors


def allowed_path(text: str) -> Path:
    """The real path of a file that the page may open.

    Raises
    ------
    OutsideFoldersError
        If it leads out of the data folders, by ``..`` or a link too.
    """
    folders = [*settings().folders, *_own_folders()]
    given = Path(text.strip()).expanduser() if text.strip() else None
    if given is None or "\0" in text:
        raise OutsideFoldersError("The path is empty or holds a character that no path may have.")
    candidates = [given] if given.is_absolute() else [folder / given for folder in settings().folders]
    for candidate in candidates:
        try:
            real = candidate.resolve()
            if any(real.is_relative_to(folder) for folder in folders) and (given.is_absolute() or real.exists()):
                return real
        except (OSError, RuntimeError):  # a circle of links, or a name that is too long: there is no such file
            continue
    named = ", ".join(str(folder) for folder in settings().folders) or "no folder"
    raise OutsideFoldersError(
        f"{plain(text, 200)} is not a file in the data folders. Files are opened from: {named}. Move or upload the "
        "file, or set PERTURBSCOPE_DATA_FOLDERS before the start to open others."
    )


def found_files() -> list[str]:
    """Files and folders under the data folders that by their ending may hold a screen, at most 500."""
    found: list[str] = []
    for folder in settings().folders:
        for path in _walk(folder, DEEPEST):
            found.append(str(path))
            if len(found) >= MOST_LISTED:
                return found
    return found


class Upload(Protocol):
    """What ``st.file_uploader`` returns, as far as it is read here."""

    name: str
    size: int

    def seek(self, position: int, /) -> int:
        """Go to a place in the file."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes."""


def save_upload(upload: Upload) -> Path:
    """The file that keeps an upload, under the hash of its content: the same file twice is kept once.

    Raises
    ------
    UploadError
        If it is too large or not an HDF5 file.
    StorageError
        If the data root cannot be written.
    """
    limit = settings().upload_limit_mb
    if upload.size > limit * 2**20:
        raise UploadError(
            f"{plain(upload.name)} has {upload.size / 2**20:,.0f} MB; uploads may have {limit:,} MB. Put the file "
            "into a data folder of the machine that runs Perturbscope and open it there: it is read where it lies."
        )
    upload.seek(0)
    if upload.read(len(HDF5_MAGIC)) != HDF5_MAGIC:
        raise UploadError(
            f"{plain(upload.name)} is not an HDF5 file. An AnnData file (.h5ad) is expected; a zarr folder cannot be "
            "uploaded, but can be opened from a data folder."
        )
    upload.seek(0)
    folder = settings().data_root / "uploads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".unfinished-", delete=False) as file:
            unfinished = Path(file.name)
            try:
                digest = _copy(upload, file)
                target = folder / digest / _safe_name(upload.name)
                target.parent.mkdir(exist_ok=True)
                unfinished.replace(target)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(
            f"The upload could not be kept in {folder}: {error.strerror or error}. Make room, or choose another folder "
            "with PERTURBSCOPE_DATA_ROOT."
        ) from error
    return target


def open_path(path: Path, **roles: Any) -> None:
    """Show the study of a file: at once if it is built, else while a job builds it."""
    found = store.inspect(path, **roles)
    known = next((record for record in store.list_studies() if record.id == found.id), None)
    if known is None or known.state not in ("ready", "missing-file") or roles:
        build(found.id, found.name, path, roles)
    show(found.id)


def build(study_id: str, name: str, path: Path, roles: Mapping[str, object]) -> str:
    """Have a study built by a job; its id."""
    options: list[str] = []
    for role, value in roles.items():
        words = value if isinstance(value, tuple) else (value,)
        options += [
            f"{ROLE_OPTIONS[role]}={NONE if word is None else word}" for word in words
        ]  # with =, a label may begin with a dash
    return queue.submit("build", [str(path), *options], key=f"build:{study_id}", title=name)


def show(study_id: str) -> None:
    """Turn the pages to a study."""
    label = next((choice.label for choice in state.choices() if choice.id == study_id), None)
    if label is not None:
        address.settle("study", label)


def open_demo() -> None:
    """Show the simulated demo; a job makes its file first where there is none."""
    path = demo_path(settings().data_root)
    if path.exists():
        open_path(path)
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The demo cannot be written to {path.parent}: {error.strerror}.") from error
        queue.submit("demo", [str(path)], key="demo", title="Simulated demo")
        st.session_state[OPEN_DEMO] = True
    st.rerun()


# ------------------------------------------------------------------------------------------------ what is shown


def study_or_way_to_one() -> Study:
    """The picked study, open; where there is none to show the page ends with a way to one."""
    choice = state.chosen()
    if choice is not None and choice.is_shown:
        file_notes(choice)
        return state.open_study(choice)
    if choice is None:
        no_study_card()
    else:
        st.info(f"**{escape_markdown(choice.name)} is not built yet.** The Study page shows how far it is.")
    st.stop()


def built_study() -> Study:
    """The picked study for its own page; while it is built, or where it cannot be shown, the page says so and ends."""
    choice = state.chosen()
    if choice is None:
        st.title("Study", anchor=False)
        no_study_card()
        st.stop()
    if not choice.is_shown:
        building_page(choice)
        st.stop()
    job, record = choice.job, choice.record
    assert record is not None
    if choice.is_building and job is not None:
        with st.container(border=True, key="rebuilding"):
            job_progress(job, f"Rebuilding {choice.name}")
    elif job is not None and job.created > record.built_at:
        ended_badly(job, "The last build")
    file_notes(choice)
    try:
        return state.open_study(choice)
    except DamagedStoreError as error:
        say(str(error))
        if not choice.is_building and st.button("Build again", type="primary", icon=":material/refresh:"):
            build(choice.id, choice.name, record.path, {})
            st.rerun()
        st.stop()


def file_notes(choice: Choice) -> None:
    """Say where the numbers are older than the file, which then is shown at half strength, or the file is gone."""
    record = choice.record
    if record is not None and record.state == "missing-file":
        st.info(
            f"**The file is no longer at {escape_markdown(str(record.path), longest=200)}.** The tables made from it "
            "are shown; roles can be corrected when it is back or opened at its new place.",
            icon=":material/link_off:",
        )
    if record is not None and record.state == "stale":
        changed, built = (
            time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (_changed_at(record.path), record.built_at)
        )
        with st.container(key="stale"):
            st.info(
                f"**These numbers are older than the file.** The file changed at {changed}, the tables are from "
                f"{built}. They are greyed until rebuilt.",
                icon=":material/update:",
            )
            if st.button("Rebuild", icon=":material/refresh:"):
                with shown_errors():
                    open_path(record.path)


def building_page(choice: Choice) -> None:
    """The Study page before there are tables: what is known of the file, and how far the build is."""
    st.caption("Study · not built yet")
    st.title(escape_markdown(choice.name), anchor=False)
    job = choice.job
    main, side = st.columns([3, 2], gap="medium")
    with main, st.container(border=True, key="building"):
        if job is not None and job.is_live:
            job_progress(job, f"Reading {choice.name}")
            st.skeleton(height=300)
        elif job is not None:
            ended_badly(job, "Reading the file")
            if st.button("Go on", type="primary", icon=":material/refresh:"):
                queue.submit(job.verb, job.args, key=job.key, title=job.title)
                st.rerun()
        else:
            st.caption("The build was interrupted before its tables were finished.")
            if choice.record is not None and st.button("Go on", type="primary", icon=":material/refresh:"):
                build(choice.id, choice.name, choice.record.path, {})
                st.rerun()
    path = Path(job.args[0]) if job is not None else choice.record.path if choice.record is not None else None
    if path is not None:
        with side, st.container(border=True, key="card-roles"), shown_errors():
            st.header("How the file was read", anchor=False)
            roles_table(_evidence(str(path), _changed_at(path)))


def roles_card(study: Study, view: StudyView) -> None:
    """How the file was read, with the evidence, and the way to correct it."""
    st.header("How the file was read", anchor=False)
    roles_table(view.roles)
    for note in [*view.reading_notes, view.left_out]:
        if note:
            st.caption(note)
    if st.button("Correct the roles", type="tertiary", icon=":material/edit:"):
        correct_roles_dialog(study)


def roles_table(roles: pd.DataFrame) -> None:
    """Role, what it was read from, why."""
    shown = roles.map(lambda words: escape_markdown(words, longest=120))
    st.table(shown, hide_index=True, border="horizontal")


@st.cache_data(max_entries=16, show_spinner=False)
def _evidence(path: str, changed_at: float) -> pd.DataFrame:
    return study_roles_table(store.inspect(path).reading.evidence)


def _changed_at(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def no_study_card() -> None:
    """The empty page: what would be here, and the two ways to get it."""
    job = _demo_job()
    if st.session_state.get(OPEN_DEMO) and job is not None and job.state == "done":
        del st.session_state[OPEN_DEMO]
        with shown_errors():
            open_path(demo_path(settings().data_root))
            st.rerun()
    with st.container(border=True, key="empty"):
        if job is not None and job.is_live:
            job_progress(job, "Making the simulated demo")
            return
        st.header(":material/grid_view: No study open", text_alignment="center")
        st.caption(
            "Open an h5ad file or a zarr folder with perturbed and control cells, or look at the simulated demo first.",
            text_alignment="center",
        )
        with st.container(horizontal=True, horizontal_alignment="center"):
            if st.button("Open a file", type="primary", icon=":material/folder_open:"):
                open_dialog()
            if st.button("Show the demo", icon=":material/science:"):
                with shown_errors():
                    open_demo()
        if job is not None and job.state == "failed":
            say(f"The demo could not be made: {job.error}")


@st.dialog("Open a file", width="medium", icon=":material/folder_open:")
def open_dialog() -> None:
    """Choose a file of the data folders, or upload one."""
    picked = st.selectbox(
        "File on this machine",
        found_files(),
        index=None,
        accept_new_options=True,
        placeholder="Choose, or type a path",
        help="An AnnData file (.h5ad, .h5) or zarr folder. It is read where it lies and never changed.",
    )
    st.caption(f"Files are opened from {', '.join(f'`{folder}`' for folder in settings().folders)}.")
    uploaded = st.file_uploader(
        "Or upload one",
        type=["h5ad", "h5"],
        max_upload_size=settings().upload_limit_mb,
        help="The upload is kept in Perturbscope's own folder. Large files are better opened where they lie.",
    )
    if not (picked or uploaded):
        return
    with shown_errors():
        path = save_upload(uploaded) if uploaded is not None else allowed_path(picked or "")
        try:
            open_or_ask(path)
        except UnreadableFileError:
            if uploaded is not None:  # gigabytes that can never be opened are not kept
                shutil.rmtree(path.parent, ignore_errors=True)
            raise


def open_or_ask(path: Path) -> None:
    """Open a file by a button; where its roles cannot be guessed, ask for them."""
    try:
        found = store.inspect(path)
    except RolesError as error:
        st.warning(escape_markdown(str(error), longest=600), icon=":material/warning:")
        roles = roles_form(path)
        if roles is not None:
            open_path(path, **roles)
        return
    st.markdown(
        f"**{escape_markdown(found.name)}**: {number(found.n_cells)} cells, {number(found.n_genes)} genes, "
        f"target read from `{found.reading.roles.target_col}`."
    )
    if st.button("Open", type="primary", icon=":material/folder_open:"):
        open_path(path)


@st.dialog("Correct the roles", width="medium", icon=":material/edit:")
def correct_roles_dialog(study: Study) -> None:
    """Name the columns again; the tables are rebuilt from what was read, the file is not read again."""
    st.caption("The choice is remembered. Only the tables are made again; the file itself is not read again.")
    with shown_errors():
        path = Path(study.path)
        if not path.exists():
            raise UnreadableFileError(f"{path} is no longer there. Put it back, or open it at its new place.")
        roles = roles_form(path, study.roles, study.candidates)
        if roles is not None:
            store.inspect(path, **roles)  # says now what cannot work, before a job would
            build(study.id, study.name, path, roles)
            st.rerun()


def open_from_address() -> None:
    """Follow ``?open=PATH``, once."""
    asked = st.query_params.get("open")
    if asked:
        del st.query_params["open"]
        with shown_errors():
            open_path(allowed_path(asked))


# ----------------------------------------------------------------------------------------------------- helpers


def _own_folders() -> list[Path]:
    root = settings().data_root.resolve()
    return [root / "uploads", root / "demo"]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # no right to look into it, or gone meanwhile
        return
    below: list[Path] = []
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        path = Path(entry.path)
        is_folder = entry.is_dir()
        if path.suffix in ENDINGS and (path.suffix == ".zarr" or not is_folder):
            yield path
        elif is_folder and depth > 1:
            below.append(path)
    for path in below:
        yield from _walk(path, depth - 1)


def _copy(upload: Upload, file: IO[bytes]) -> str:
    """Copy an upload block by block to the disk; the first 16 letters of its hash."""
    digest = hashlib.sha256()
    while block := upload.read(2**20):
        digest.update(block)
        file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()[:16]


def _safe_name(name: str) -> str:
    """A file name of our making: its letters, digits, dot, dash and underscore, at most 80."""
    path = Path(name.replace("\\", "/")).name
    stem = re.sub(r"[^\w.-]+", "_", Path(path).stem).strip("._")[:80] or "upload"
    return f"{stem}.h5ad"


def _demo_job() -> Job | None:
    return next((job for job in queue.jobs() if job.key == "demo"), None)
