"""Running work on the page: how far it is, the time left, its log, and a way to end it."""

import streamlit as st

from core.errors import JobError
from core.jobs import queue
from core.jobs.progress import duration
from core.jobs.queue import Job
from core.ui.errors import say
from core.views.text import NBSP, escape_markdown, number

SECONDS_BETWEEN_LOOKS = 1.0


def job_progress(job: Job, title: str) -> None:
    """A card's inside: what is being done, how far it is, the time left, Cancel. Refreshes itself."""
    st.header(escape_markdown(title))
    _watched(job.id, f"cancel-{job.id}")


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watched(job_id: str, key: str) -> None:
    job = queue.job(job_id)
    if not job.is_live:
        st.rerun()
    queue.ensure_worker()
    st.progress(_fraction(job), text=progress_words(job))
    if st.button("Cancel", key=key, type="tertiary", icon=":material/close:"):
        st.caption(queue.cancel(job_id))


def running_card() -> None:
    """The sidebar's card of the job that is being worked on; nothing where none is."""
    live = [job for job in queue.jobs() if job.is_live]
    if not live:
        return
    job = next((job for job in live if job.state == "running"), live[-1])
    with st.container(border=True, key="running-job"):
        _running(job.id, len(live) - 1)


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _running(job_id: str, n_waiting: int) -> None:
    job = queue.job(job_id)
    if not job.is_live:
        st.rerun()
    st.markdown(f"**{escape_markdown(job.title)}** {doing(job)}")
    st.progress(_fraction(job), text=short_words(job))
    if n_waiting:
        st.caption(f"{number(n_waiting)} more waiting")


def ended_badly(job: Job, what: str) -> None:
    """Say why a job ended without its result, with its log at hand."""
    if job.state == "cancelled":
        st.info(f"**{escape_markdown(what)} was cancelled.** What was done so far is kept and used when it goes on.")
    else:
        say(job.error or f"{what} failed and left no message.")
    try:
        log = queue.log(job.id)
    except JobError:  # its list was cleared
        log = ""
    if log:
        with st.expander("Log"):
            st.code(log[-5000:], language=None, wrap_lines=True)


def doing(job: Job) -> str:
    """What a job does, as a verb."""
    if job.state == "queued":
        return "is waiting"
    return {"build": "is being read", "demo": "is being made"}.get(job.verb, "is running")


def progress_words(job: Job) -> str:
    """``Turning: 137,000 of 221,273 cells, about 12 s left``."""
    progress = job.progress
    if progress is None:
        return "Waiting for its turn" if job.state == "queued" else "Starting"
    counted = f"{number(progress.done)} {progress.unit}"
    if progress.total > 0:
        counted = f"{number(progress.done)} of {number(progress.total)} {progress.unit}"
    left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
    return f"{progress.phase}: {counted}{left}"


def short_words(job: Job) -> str:
    """``Testing genes 43 %, 3 min left``: the share of this step, not of the whole."""
    progress = job.progress
    if progress is None:
        return "next" if job.state == "queued" else "starting"
    left = "" if progress.seconds_left is None else f", {duration(progress.seconds_left)} left"
    return f"{progress.phase} {100 * _fraction(job):.0f}{NBSP}%{left}"


def _fraction(job: Job) -> float:
    return (job.progress.fraction or 0.0) if job.progress is not None else 0.0
