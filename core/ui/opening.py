"""Opening a study: from a path, the demo, the address, a dialog; what is not built is built by a job."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import store
from core.data.subsets import subset_options
from core.errors import RolesError, StorageError, UnreadableFileError
from core.jobs import queue
from core.schema import Subset
from core.settings import settings
from core.store import Study
from core.ui import address, state
from core.ui.doors import allowed_path, found_files, save_upload
from core.ui.errors import shown_errors
from core.ui.first_start import demo_path
from core.ui.roles_form import NONE, roles_form
from core.views.text import escape_markdown, number

OPEN_DEMO = "_open_the_demo"
"""Set while the demo is being made for this session: it is opened once it is there."""

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


def subset_arguments(subset: Subset) -> list[str]:
    """The options of ``build`` that make the tables of a subset."""
    return [f"--subset={option}" for option in subset_options(subset)]


def show(study_id: str) -> None:
    """Turn the pages to a study."""
    _forget_address()  # it was followed
    label = next((choice.label for choice in state.choices() if choice.id == study_id), None)
    if label is not None:
        address.settle("study", label)


def open_from_address() -> bool:
    """Follow ``?open=PATH``; True while it takes the page to ask for roles that cannot be guessed."""
    asked = st.query_params.get("open")
    if not asked:
        return False
    with shown_errors():
        path = allowed_path(asked)
        try:
            store.inspect(path)
        except RolesError:
            open_or_ask(path)
            st.button("Show the studies instead", on_click=_forget_address, type="tertiary")
            return True
        open_path(path)
    _forget_address()  # it was said; the page goes on below
    return False


def _forget_address() -> None:
    st.query_params.pop("open", None)


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


@st.dialog("Open a file", width="medium", icon=":material/folder_open:")
def open_dialog() -> None:
    """Choose a file of the data folders, or upload one."""
    picked = st.selectbox(
        "File on this machine",
        found_files(),
        index=None,
        accept_new_options=True,
        placeholder="Choose, or type a path",
        help="An AnnData file (.h5ad, .h5), a zarr folder, or a folder of files with the same genes, which are read as "
        "one screen. All are read where they lie and never changed.",
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
