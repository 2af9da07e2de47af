"""A subset of a study's cells on the page: what the address asks for, the form, its tables built by a job."""

from pathlib import Path

import streamlit as st

from core import store
from core.data.subsets import subset_from_text, subset_of, subset_text, subset_words
from core.errors import OptionError, PerturbscopeError, RolesError, UnreadableFileError
from core.jobs import queue
from core.jobs.queue import Job
from core.schema import CONTROL, Subset
from core.store import Study
from core.ui import address
from core.ui.building import ended_badly, job_progress
from core.ui.errors import say, shown_errors
from core.ui.opening import subset_arguments
from core.ui.state import BY_FINGERPRINT
from core.views.text import escape_markdown, number, plural

KEY = address.SUBSET
CHOOSE = "Choose one or more"


class _NotBuilt(PerturbscopeError):
    """The tables of a subset are not there yet; raised rather than returned so that it is not cached."""


# ------------------------------------------------------------------------------------------------- the address


def take_from_address(study_id: str, page: str) -> None:
    """Settle which cells this page shows: what its address says, else what the last page of this study showed.

    The subset belongs to its study: another study is shown whole, unless its own address names a subset. An address of
    the same page without one, as after Back, means all cells.
    """
    last_study, last_page, last = st.session_state.get(address.SHOWN_SUBSET, (study_id, page, ""))
    here = st.query_params.get(KEY, "")
    if last_study != study_id:
        text = "" if here == last else here
    else:
        text = here or ("" if last_page == page else last)
    _show(study_id, page, text)


def _show(study_id: str, page: str, text: str) -> None:
    st.session_state[address.SHOWN_SUBSET] = (study_id, page, text)
    if text and st.query_params.get(KEY) != text:
        st.query_params[KEY] = text
    elif not text:
        st.query_params.pop(KEY, None)


def shown_text() -> str:
    """The subset that is shown, as the address has it; "" for all cells."""
    shown: tuple[str, str, str] = st.session_state.get(address.SHOWN_SUBSET, ("", "", ""))
    return shown[2]


def sidebar_line() -> None:
    """Under the study picker: which cells alone are shown, and the way back to all of them."""
    text = shown_text()
    if not text:
        return
    with st.container(border=True, gap="xxsmall", key="subset"):
        try:
            words = subset_words(subset_from_text(text))
        except RolesError:
            words = text
        st.markdown(f":material/filter_alt: Only cells of **{escape_markdown(words, longest=160)}**")
        st.button("Show all cells", type="tertiary", key="all-cells", on_click=_show_all)


def _show_all() -> None:
    study_id, page, _ = st.session_state[address.SHOWN_SUBSET]
    _show(study_id, page, "")


# -------------------------------------------------------------------------------------------------- the tables


def shown_cells(study: Study) -> Study:
    """The study for the cells that the address asks for; the page ends with a way on where that cannot be shown."""
    text = shown_text()
    if not text:
        return study
    try:
        subset = subset_from_text(text)
        return _opened(study, subset)
    except _NotBuilt:
        _ask_to_build(study, subset)
    except RolesError as error:
        say(str(error))
    st.stop()


def subset_by_text(study: Study, text: str) -> Study:
    """The study for the cells that a text names, as something kept has it.

    Raises
    ------
    OptionError
        If their tables are no longer there.
    """
    if not text:
        return study
    try:
        return _opened(study, subset_from_text(text))
    except _NotBuilt as error:
        raise OptionError(f"The tables of the subset {text!r} are not there. Open its view to build them.") from error


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _opened(study: Study, subset: Subset) -> Study:
    found = store.open_subset(study, subset)
    if found is None:
        raise _NotBuilt
    return found


def _ask_to_build(study: Study, subset: Subset) -> None:
    """A subset without tables: how far its job is, or the button that starts one."""
    words = subset_words(subset)
    st.title(escape_markdown(study.name), anchor=False)
    job = _job(study, subset)
    with st.container(border=True, key="subset-unbuilt"), shown_errors():
        if job is not None and job.is_live:
            job_progress(job, f"Comparing the cells of {words}")
            return
        if job is not None and job.state != "done":
            ended_badly(job, "The subset")
        n_cells, n_control = _size(study, subset)
        st.markdown(
            f"**The cells of {escape_markdown(words, longest=200)} have not been compared yet:** "
            f"{plural(n_cells, 'cell')}, {number(n_control)} of them controls. The tables are made beside those of the "
            "whole study; the file is not read again."
        )
        if st.button("Compare these cells", type="primary", icon=":material/filter_alt:"):
            build_subset(study, subset)
            st.rerun()


def build_subset(study: Study, subset: Subset) -> None:
    """Have the tables of a subset built by a job.

    Raises
    ------
    RolesError
        If there is nothing to compare in it.
    UnreadableFileError
        If the file is gone, or another than the study was read from.
    """
    _size(study, subset)
    queue.submit(
        "build",
        [str(study.path), *subset_arguments(subset)],
        key=_job_key(study, subset),
        title=f"{study.name}, {subset_words(subset)}",
    )


def _job(study: Study, subset: Subset) -> Job | None:
    return next((job for job in queue.jobs() if job.key == _job_key(study, subset)), None)


def _job_key(study: Study, subset: Subset) -> str:
    return f"subset:{study.fingerprint}:{subset_text(subset)}"


def _size(study: Study, subset: Subset) -> tuple[int, int]:
    """Cells and controls of a subset, by a look at the file's cell table."""
    path = Path(study.path)
    if not path.exists():
        raise UnreadableFileError(
            f"{path} is no longer there, and other cells are chosen by its table. Put it back, or open it at its new "
            "place."
        )
    study_id, *sizes = _inspected(str(path), path.stat().st_mtime_ns, study.fingerprint, subset)
    if study_id != study.id:
        raise UnreadableFileError(f"{path} has changed since its study was built. Rebuild the study first.")
    return sizes[0], sizes[1]


@st.cache_data(max_entries=64, show_spinner="Counting the cells")
def _inspected(path: str, mtime_ns: int, fingerprint: str, subset: Subset) -> tuple[str, int, int]:
    found = store.inspect(path, subset=subset)
    target = found.reading.cells.target
    inside = found.reading.cells.inside
    return found.id, int(target.size if inside is None else inside.sum()), int((target == CONTROL).sum())


# ---------------------------------------------------------------------------------------------------- the form


def subset_button(study: Study) -> None:
    """The way to a subset from the Study page."""
    if st.button("Look at a subset", type="tertiary", icon=":material/filter_alt:", key="look-at-a-subset"):
        subset_dialog(study)


@st.dialog("Look at a subset", width="medium", icon=":material/filter_alt:")
def subset_dialog(study: Study) -> None:
    """Choose cells by one or two columns; all pages then show the study for them only."""
    st.caption(
        "All pages then show the study for these cells only, compared with the controls among them. The address names "
        "the subset; the study itself stays as it is."
    )
    with shown_errors():
        path = Path(study.path)
        if not path.exists():
            raise UnreadableFileError(f"{path} is no longer there, and a subset is chosen by its table of cells.")
        columns = _choices(study, path.stat().st_mtime_ns)
        if not columns:
            st.info("No column of obs groups the cells: each has one label, more than 60, or numbers with fractions.")
            return
        subset = subset_of(_picked(columns))
        if st.button("Show these cells", type="primary", disabled=not subset, key="show-subset"):
            if store.open_subset(study, subset) is None:
                build_subset(study, subset)
            study_id, page, _ = st.session_state[address.SHOWN_SUBSET]
            _show(study_id, page, subset_text(subset))
            st.rerun()


def _picked(columns: dict[str, dict[str, tuple[int, int]]]) -> list[tuple[str, list[str]]]:
    """Labels of one column, and if wanted of a second."""
    first = st.selectbox("Column", list(columns), key="subset-column", help="A column of obs that groups the cells.")
    found = [(first, _labels(first, columns[first], "subset-labels"))]
    others = [column for column in columns if column != first]
    second = (
        st.selectbox("And by", others, index=None, key="subset-column-2", placeholder="No second column")
        if others
        else None
    )
    if second:
        found.append((second, _labels(second, columns[second], "subset-labels-2")))
        if not found[1][1]:
            return []
    return found if found[0][1] else []


def _labels(column: str, cells: dict[str, tuple[int, int]], key: str) -> list[str]:
    def words(label: str) -> str:
        perturbed, controls = cells[label]
        return f"{label or '(empty)'} ({number(perturbed)} perturbed, {plural(controls, 'control')})"

    return st.multiselect(
        f"Labels of {column}", list(cells), format_func=words, placeholder=CHOOSE, key=f"{key}-{column}"
    )


@st.cache_data(max_entries=16, show_spinner="Reading the table of cells", hash_funcs=BY_FINGERPRINT)
def _choices(study: Study, mtime_ns: int) -> dict[str, dict[str, tuple[int, int]]]:
    return store.subset_choices(study)
