"""The queue as pages and commands use it: submit, list, watch, cancel, log.

A job is a verb of ``python -m core`` with its arguments, run by a worker in a process of its own. A page polls ``job``,
and calls ``ensure_worker`` while a job that it shows is live, should someone have killed the worker.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import JobError, StorageError
from core.jobs import table
from core.jobs.locks import holder, is_locked
from core.jobs.progress import FILE_VARIABLE, WORKER_VARIABLE
from core.jobs.table import Job

__all__ = ["Job", "cancel", "damaged_lists", "ensure_worker", "job", "jobs", "log", "submit", "watch"]

PROJECT = Path(__file__).parents[2]
"""Where ``core`` lies: workers and jobs start there, so that ``-m core`` finds it."""

_starting = threading.Lock()
_started: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}  # by data root: the latest, and when

RESTART_SECONDS = 5.0
WORKER_LOG_BYTES = 1_000_000


def submit(verb: str, args: Sequence[str], *, key: str, title: str) -> str:
    """Id of the job that will do this: the one of the same key that is queued or running, else a new one.

    Parameters
    ----------
    verb, args
        What ``python -m core`` is to be called with; paths absolute, as the job starts in another folder.
    key
        What the work makes, e.g. the fingerprint of a study and its roles.
    title
        What the user reads in the list of jobs.

    Raises
    ------
    JobError
        If an argument holds a NUL character, which no process can be given.
    StorageError
        If the data root cannot be written.
    """
    if any("\0" in word for word in (verb, *args)):
        raise JobError("A name with a NUL character cannot be given to a job. Rename the file or column.")
    job_id = table.insert_unless_live(table.data_root(), verb, list(args), _storable(key), _storable(title))
    ensure_worker()
    return job_id


def jobs(limit: int = 50) -> list[Job]:
    """The latest jobs, newest first."""
    return table.newest(table.data_root(), limit)


def job(job_id: str) -> Job:
    """The job of this id.

    Raises
    ------
    JobError
        If there is none.
    """
    found = table.find(table.data_root(), job_id)
    if found is None:
        raise JobError(f"No job is called {job_id[:60]!r}. `python -m core jobs list` names those there are.")
    return found


def watch(job_id: str, every_seconds: float = 0.5) -> Iterator[Job]:
    """The job each time that it has changed, until it has ended.

    Raises
    ------
    JobError
        If there is no such job.
    """
    seen = None
    while True:
        now = job(job_id)
        if now != seen:
            yield now
            seen = now
        if not now.is_live:
            return
        ensure_worker()
        time.sleep(every_seconds)


def cancel(job_id: str) -> str:
    """Cancel a job; what was done, as a sentence.

    Raises
    ------
    JobError
        If there is no such job.
    """
    before = job(job_id)
    if not before.is_live:
        return f"Nothing to cancel: the job has already ended ({before.state})."
    table.ask_to_cancel(table.data_root(), job_id)
    after = job(job_id)
    if after.state == "cancelled":
        return "The job is cancelled."
    if after.state == "running":
        ensure_worker()  # it is the worker that ends the process, and it may have been killed
        return "The job is being ended; this takes a few seconds."
    return f"Nothing to cancel: the job has just ended ({after.state})."


def log(job_id: str, last_bytes: int = 200_000) -> str:
    """The end of what a job wrote, all attempts; empty before it has started.

    Raises
    ------
    JobError
        If there is no such job.
    """
    return _tail(job(job_id).log_path, last_bytes)


def damaged_lists() -> list[Path]:
    """Lists of jobs that were found damaged and moved aside, for a page or ``doctor`` to tell; oldest first."""
    return sorted(
        path for path in table.data_root().glob("jobs.sqlite.damaged-*") if not path.name.endswith("-journal")
    )


def ensure_worker() -> None:
    """Start a worker for this data root if none lives; returns at once.

    The worker is a session of its own: it outlives this process, and Ctrl-C in the terminal does not reach it.

    Raises
    ------
    StorageError
        If the data root cannot be written.
    JobError
        If the worker started a moment ago has failed at once.
    """
    root = table.data_root()
    with _starting:
        if is_locked(worker_lock(root)):
            return
        latest, when = _started.get(root, (None, 0.0))
        code = latest.poll() if latest else 0
        on_its_way = latest is not None and code is None and holder(worker_lock(root)) != latest.pid
        if on_its_way:  # had it held the lock before, it would be on its way out
            return
        if code and code > 0 and time.monotonic() - when < RESTART_SECONDS:
            words = _tail(worker_log(root), 2000).strip().rpartition("\n")[2].removeprefix("error: ")
            raise JobError(f"The worker that runs the jobs fails at its start: {words} ({worker_log(root)})")
        _started[root] = _start_worker(root), time.monotonic()


def worker_lock(root: Path) -> Path:
    """The file that the living worker of a data root holds."""
    return root / "worker.lock"


def worker_log(root: Path) -> Path:
    """What the workers of a data root wrote themselves: errors only."""
    return table.logs_folder(root) / "worker.log"


def worker_command() -> list[str]:
    """The command that starts a worker."""
    return [sys.executable, "-m", "core", "worker"]


def _start_worker(root: Path) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in (FILE_VARIABLE, WORKER_VARIABLE)}
    environment["PERTURBSCOPE_DATA_ROOT"] = str(root)
    log = worker_log(root)
    table.make_folder(log.parent)
    try:
        full = log.exists() and log.stat().st_size > WORKER_LOG_BYTES
        with log.open("wb" if full else "ab") as output:
            process = subprocess.Popen(
                worker_command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=PROJECT,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise StorageError(f"No worker could be started: {error}.") from error
    threading.Thread(target=process.wait, daemon=True, name="reap worker").start()  # else a zombie when it ends
    return process


def _tail(path: Path, last_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - last_bytes))
            return file.read(last_bytes).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _storable(text: str) -> str:
    """A text as SQLite can keep it: names of files may hold bytes that are no UTF-8."""
    return text.encode(errors="backslashreplace").decode()
