"""A study's state on the page: none, being built, failed, older than its file, or ready to be shown."""

import time
from pathlib import Path

import pandas as pd
import streamlit as st

from core import store
from core.errors import DamagedStoreError
from core.jobs import queue
from core.jobs.queue import Job
from core.settings import settings
from core.store import Study
from core.ui import address, state
from core.ui.building import ended_badly, job_progress
from core.ui.errors import say, shown_errors
from core.ui.first_start import demo_path
from core.ui.opening import OPEN_DEMO, build, correct_roles_dialog, open_demo, open_dialog, open_path
from core.ui.state import Choice
from core.ui.subset import shown_cells, subset_button
from core.views.study import StudyView
from core.views.study import roles_table as study_roles_table
from core.views.text import escape_markdown


def study_or_way_to_one() -> Study:
    """The picked study, open; where there is none to show the page ends with a way to one."""
    choice = state.chosen()
    if choice is not None and choice.is_shown:
        file_notes(choice)
        return opened(choice, titled=True)
    st.title(address.page_title(), anchor=False)
    if choice is None:
        no_study_card()
    else:
        st.info(f"**{escape_markdown(choice.name)} is not built yet.** The Study page shows how far it is.")
    st.stop()


def opened(choice: Choice, *, titled: bool) -> Study:
    """The study of a choice; where its tables are missing or of another version the page ends with a way to new ones.

    ``titled``: whether the page has said nothing yet, so that it needs a title and how far a build is.
    """
    try:
        study = state.open_study(choice)
    except DamagedStoreError as error:
        if titled:
            st.title(address.page_title(), anchor=False)
        say(str(error))
        record = choice.record
        if titled and choice.is_building and choice.job is not None:
            with st.container(border=True, key="rebuilding"):
                job_progress(choice.job, f"Rebuilding {choice.name}")
        if (
            not choice.is_building
            and record is not None
            and st.button("Build again", type="primary", icon=":material/refresh:")
        ):
            build(choice.id, choice.name, record.path, {})
            st.rerun()
        st.stop()
    return shown_cells(study)


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
    return opened(choice, titled=False)


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
    with st.container(horizontal=True, gap="small"):
        if st.button("Correct the roles", type="tertiary", icon=":material/edit:"):
            correct_roles_dialog(study)
        subset_button(study)


def roles_table(roles: pd.DataFrame) -> None:
    """Role, what it was read from, why."""
    shown = roles.map(lambda words: escape_markdown(words, longest=120))
    st.table(shown, hide_index=True, border="horizontal")


@st.cache_data(max_entries=16, show_spinner=False)
def _evidence(path: str, changed_at: float) -> pd.DataFrame:
    return study_roles_table(store.inspect(path).reading.evidence)


def _changed_at(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _demo_job() -> Job | None:
    return next((job for job in queue.jobs() if job.key == "demo"), None)
