"""The cards of session files: what is open here, saved as one file; and a file that reopens its views."""

import streamlit as st

from core import store
from core.errors import DamagedStoreError, PerturbscopeError
from core.store import Study, my_figures, notebook
from core.store.session import Session, SessionView, read_session
from core.store.study_ref import Standing
from core.ui import address, state
from core.ui.kept_views import open_button
from core.ui.opening import open_dialog
from core.views.take_home import day, figure_label, reopenings, session_of, version_words, view_choices
from core.views.text import enumerate_words, escape_markdown, plain, plural

NO_VIEWS = ("my_figures",)


def save_card() -> None:
    """The session as a file: the views of this window, and if wished those of kept figures, lists and notes."""
    st.header("Save the session", anchor=False)
    st.caption(
        "One file with the addresses of your views, the fingerprints of their studies, the versions and thresholds. "
        "It reopens the same views elsewhere; the data themselves are not in it."
    )
    views = open_views()
    if views:
        st.markdown("\n".join(f"- {escape_markdown(view.title, 80)}" for view in views))
    kept = my_figures.figures()
    if kept and st.checkbox(f"The views of {plural(len(kept), 'kept figure')} too", not views, key="session-figures"):
        views += [
            SessionView(
                page=figure.page, query=figure.query, study_id=figure.study.id, title=figure_label(figure),
                choices=view_choices(dict(figure.query)),
            )
            for figure in kept.values()
        ]  # fmt: skip
    with_notes = st.checkbox("Gene lists and notes too", key="session-notes")
    if not views and not with_notes:
        st.caption("No view was opened in this window yet.")
        return
    studies, left_out = _studies(views)
    if left_out:
        names = enumerate_words(list(left_out.values()))
        st.caption(
            f":orange[:material/warning:] Views of {names} are not in it: built by an older version, or "
            "unfinished. Open each and build it again."
        )
    views = [view for view in views if view.study_id not in left_out]
    session = session_of(
        views,
        studies,
        list(notebook.gene_lists().values()) if with_notes else (),
        list(notebook.notes().values()) if with_notes else (),
    )
    st.download_button(
        "Download the session", session.to_bytes, file_name="perturbscope_session.json", mime="application/json",
        type="primary", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def open_views() -> list[SessionView]:
    """The last view of each page that this window has shown."""
    by_label = {choice.label: choice for choice in state.choices()}
    found = []
    for page, query in address.remembered().items():
        asked = dict(query)
        choice = by_label.get(asked.get("study", ""))
        if page in NO_VIEWS or choice is None:
            continue
        about = asked.get("target") or asked.get("gene") or ""
        title = f"{page.replace('_', ' ').capitalize()}: {about + ' in ' if about else ''}{choice.name}"
        found.append(
            SessionView(
                page=page, query=query, study_id=choice.id, title=plain(title, 120), choices=view_choices(asked)
            )
        )
    return found


def _studies(views: list[SessionView]) -> tuple[list[Study], dict[str, str]]:
    """The studies of these views, and the names, by id, of those that cannot be opened now."""
    here = {record.id: record for record in store.list_studies()}
    opened: list[Study] = []
    left_out: dict[str, str] = {}
    for study_id in dict.fromkeys(view.study_id for view in views if view.study_id in here):
        try:
            opened.append(state.open_study_by_id(study_id))
        except DamagedStoreError:
            left_out[study_id] = escape_markdown(here[study_id].name)
    return opened, left_out


def reopen_card() -> None:
    """A session file, looked at before anything is done: which studies are here, and the ways to its views."""
    st.header("Reopen a session", anchor=False)
    upload = st.file_uploader("Session file", type=["json"], max_upload_size=20)
    if upload is None:
        st.caption("Nothing is changed by opening one: it lists its views, and says which files they need.")
        return
    session = read_session(upload.name, upload.getvalue())
    st.caption(
        f"Saved {day(session.saved_at) or 'at an unknown time'} with Perturbscope {plain(session.perturbscope)}."
    )
    versions = version_words(session)
    if versions:
        st.info(versions, icon=":material/info:")
    standings = {}
    for found in reopenings(session, store.list_studies()):
        standings[found.study.id] = found.standing
        icon = ":orange[:material/warning:]" if found.warn else ":green[:material/check:]"
        st.markdown(f"{icon} {found.sentence}")
    if any(standing in (Standing.GONE, Standing.OTHER_FILE) for standing in standings.values()):
        if st.button("Open a file", icon=":material/folder_open:", key="open-for-session"):
            open_dialog()
    for i, view in enumerate(session.views):
        _view_row(i, view, standings.get(view.study_id, Standing.GONE))
    _merge_button(session)


def _view_row(i: int, view: SessionView, standing: Standing) -> None:
    title = escape_markdown(view.title or view.page, 100)
    if standing not in (Standing.SAME, Standing.OTHER_TABLES):
        st.markdown(f":gray[{title}: its study is not here]")
    elif not open_button(view.page, view.query, view.study_id, key=f"open-view-{i}", label=title):
        st.markdown(f":gray[{title}: this version has no such page]")


def _merge_button(session: Session) -> None:
    n_lists, n_notes = len(session.gene_lists), len(session.notes)
    if not n_lists + n_notes:
        return
    words = f"{plural(n_lists, 'gene list')} and {plural(n_notes, 'note')}"
    st.caption(f"The file brings {words}. What stands here under the same names is kept as an earlier version.")
    if st.button("Take them into the notebook", icon=":material/playlist_add:"):
        try:
            for kept in session.gene_lists:
                notebook.keep_list(kept.name, kept.genes, kept.source)
            for note in session.notes:
                notebook.keep_note(note)
        except PerturbscopeError as error:
            st.warning(escape_markdown(str(error), 400))
        else:
            st.caption(":green[:material/check:] Taken.")
