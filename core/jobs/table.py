"""The list of jobs in jobs.sqlite: who works on what, one short transaction a question.

Plain sqlite3, not DBOS: DBOS (3.4) takes 0.35 s and 500 modules to import into the server, and its client cannot
submit before a worker has made the tables.

A rollback journal, not WAL: transactions are one row long, and so reading makes no files, 4 times a second for the days
of a training, and works in a read-only folder and on a network disk.
"""

import json
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from core.errors import StorageError
from core.jobs.locks import build_lock
from core.jobs.progress import Progress, read_progress
from core.settings import settings

T = TypeVar("T")
State = Literal["queued", "running", "done", "failed", "cancelled"]

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of submission
    id TEXT NOT NULL UNIQUE,
    verb TEXT NOT NULL,
    args TEXT NOT NULL,                        -- a JSON list
    key TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    pid INTEGER,                               -- the process group of the running attempt
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    error TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_job_a_key ON jobs (key)
    WHERE state IN ('queued', 'running') AND NOT cancel_asked;
"""
BUSY_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One piece of long work.

    Parameters
    ----------
    id
        Time of submission and a random end: sorts by age, serves as file name.
    verb, args
        What ``python -m core`` is called with.
    key
        What the work makes: of one key at most one job is queued or running.
    title
        What the user reads.
    state
        ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
    created, started, ended
        Seconds since the epoch; started is that of the latest attempt.
    progress
        How far it is, or was when it failed; None before it says so and when it is done.
    error
        Why it failed, a sentence.
    log_path
        What it wrote to stdout and stderr, all attempts.
    attempts
        How often it was started.
    pid
        Process group of the running attempt.
    cancel_asked
        Whether a running job is being ended.
    """

    id: str
    verb: str
    args: tuple[str, ...]
    key: str
    title: str
    state: State
    created: float
    started: float | None
    ended: float | None
    progress: Progress | None
    error: str | None
    log_path: Path
    attempts: int
    pid: int | None
    cancel_asked: bool

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("queued", "running")


def data_root() -> Path:
    """The data root of this process, absolute."""
    return settings().data_root.resolve()


def logs_folder(root: Path) -> Path:
    """Folder of the jobs' logs and progress files."""
    return root / "logs"


def log_path(root: Path, job_id: str) -> Path:
    """What a job wrote."""
    return logs_folder(root) / f"{job_id}.log"


def progress_path(root: Path, job_id: str) -> Path:
    """How far a job is."""
    return logs_folder(root) / f"{job_id}.progress.json"


def new_id() -> str:
    """A name that sorts by time and that no other process makes."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


# What the face asks


def insert_unless_live(root: Path, verb: str, args: list[str], key: str, title: str) -> str:
    """Id of the job of this key that is queued or running, else of a new one."""

    def work(db: sqlite3.Connection) -> str:
        row = db.execute(
            "SELECT id FROM jobs WHERE key = ? AND state IN ('queued', 'running') AND NOT cancel_asked", (key,)
        ).fetchone()
        if row:
            return str(row["id"])
        job_id = new_id()
        db.execute(
            "INSERT INTO jobs (id, verb, args, key, title, state, created) VALUES (?, ?, ?, ?, ?, 'queued', ?)",
            (job_id, verb, json.dumps(args), key, title, time.time()),
        )
        return job_id

    return _write(root, work)


def newest(root: Path, limit: int) -> list[Job]:
    """The latest submitted jobs, newest first."""
    return _jobs(root, "ORDER BY number DESC LIMIT ?", limit)


def find(root: Path, job_id: str) -> Job | None:
    """The job of this id."""
    return next(iter(_jobs(root, "WHERE id = ?", job_id)), None)


def ask_to_cancel(root: Path, job_id: str) -> None:
    """Cancel a queued job; mark a running one, for its worker to end it."""

    def work(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND state = 'queued'", (time.time(), job_id)
        )
        db.execute("UPDATE jobs SET cancel_asked = 1 WHERE id = ? AND state = 'running'", (job_id,))

    _write(root, work)


# What the worker asks


def any_queued(root: Path) -> bool:
    """Whether a job waits."""
    return bool(_jobs(root, "WHERE state = 'queued' LIMIT 1"))


def running(root: Path) -> list[Job]:
    """Jobs that a worker, which may be dead, has taken."""
    return _jobs(root, "WHERE state = 'running' ORDER BY number")


def take_oldest(root: Path) -> Job | None:
    """The job that has waited longest, now running and with one attempt more."""

    def work(db: sqlite3.Connection) -> str | None:
        row = db.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1").fetchone()
        if row is None:
            return None
        db.execute(
            "UPDATE jobs SET state = 'running', started = ?, attempts = attempts + 1, pid = NULL WHERE id = ?",
            (time.time(), row["id"]),
        )
        return str(row["id"])

    if not any_queued(root):  # the idle worker's question takes no write lock
        return None
    job_id = _write(root, work)
    return find(root, job_id) if job_id else None


def note_process(root: Path, job_id: str, pid: int) -> None:
    """Remember the process group of a running job, for the next worker to end if this one is killed."""
    _write(root, lambda db: db.execute("UPDATE jobs SET pid = ? WHERE id = ?", (pid, job_id)))


def end(root: Path, job_id: str, state: State, error: str | None = None) -> None:
    """Write down how a job ended."""
    _write(
        root,
        lambda db: db.execute(
            "UPDATE jobs SET state = ?, error = ?, ended = ?, pid = NULL WHERE id = ?",
            (state, error, time.time(), job_id),
        ),
    )


def put_back(root: Path, job_id: str, *, count_attempt: bool) -> None:
    """Queue a running job again, at its old place."""
    _write(
        root,
        lambda db: db.execute(
            "UPDATE jobs SET state = 'queued', attempts = attempts - ?, pid = NULL WHERE id = ?",
            (0 if count_attempt else 1, job_id),
        ),
    )


def forget_old(root: Path, keep: int) -> None:
    """Remove all but the newest ended jobs, with their logs."""
    condition = "state NOT IN ('queued', 'running')"
    old = _jobs(root, f"WHERE {condition} ORDER BY number DESC LIMIT -1 OFFSET ?", keep)
    if not old:
        return
    for job in old:
        job.log_path.unlink(missing_ok=True)
        progress_path(root, job.id).unlink(missing_ok=True)
    _write(root, lambda db: db.executemany("DELETE FROM jobs WHERE id = ?", [(job.id,) for job in old]))


# How it is asked


def _jobs(root: Path, where: str, *parameters: object) -> list[Job]:
    rows = _read(root, lambda db: db.execute(f"SELECT * FROM jobs {where}", parameters).fetchall())
    return [_job(root, row) for row in rows]


def _job(root: Path, row: sqlite3.Row) -> Job:
    told = row["started"] is not None and row["state"] not in ("queued", "done")
    return Job(
        id=row["id"],
        verb=row["verb"],
        args=tuple(json.loads(row["args"])),
        key=row["key"],
        title=row["title"],
        state=row["state"],
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        progress=read_progress(progress_path(root, row["id"])) if told else None,
        error=row["error"],
        log_path=log_path(root, row["id"]),
        attempts=row["attempts"],
        pid=row["pid"],
        cancel_asked=bool(row["cancel_asked"]),
    )


def _read(root: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    path = root / "jobs.sqlite"
    return _ask(path, "BEGIN", work) if os.path.exists(path) else _transaction(":memory:", "BEGIN", work)


def _write(root: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    make_folder(root)
    return _ask(root / "jobs.sqlite", "BEGIN IMMEDIATE", work)


def make_folder(folder: Path) -> None:
    """Make a folder of the data root.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} cannot be made: {error.strerror}. "
            "Choose another data folder with PERTURBSCOPE_DATA_ROOT."
        ) from error


def _ask(path: Path, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
    try:
        return _transaction(str(path), begin, work)
    except sqlite3.DatabaseError as error:
        if not _tells_of_damage(error):
            raise _storage_error(path, error) from error
    _set_aside(path)
    try:
        return _transaction(str(path), begin, work)
    except sqlite3.DatabaseError as error:
        raise _storage_error(path, error) from error


def _transaction(path: str, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
    # isolation_level None: transactions are only those written here
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        _make_tables(db)
        db.execute(begin)
        result = work(db)
        db.execute("COMMIT")  # left out on an error: closing rolls back
        return result


def _make_tables(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version != SCHEMA_VERSION:
        raise StorageError(
            f"The list of jobs is of version {version}, this Perturbscope knows {SCHEMA_VERSION}. "
            "Update Perturbscope, or move jobs.sqlite out of the data folder to begin a new list."
        )


# What can go wrong with the file


def _primary_code(error: sqlite3.DatabaseError) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python's own module raises
    return None if code is None else code & 0xFF


def _tells_of_damage(error: sqlite3.DatabaseError) -> bool:
    return _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _storage_error(path: Path, error: sqlite3.DatabaseError) -> Exception:
    """The sentence for what the disk did; the error itself where it is a mistake of ours."""
    reasons = {
        sqlite3.SQLITE_FULL: "the disk is full. Free some space and try again",
        sqlite3.SQLITE_READONLY: "it is read-only. Choose another data folder with PERTURBSCOPE_DATA_ROOT",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Choose another data folder with PERTURBSCOPE_DATA_ROOT",
        sqlite3.SQLITE_PERM: "access is denied. Choose another data folder with PERTURBSCOPE_DATA_ROOT",
        sqlite3.SQLITE_IOERR: "the disk refused to read or write. See that it has space and is still there",
        sqlite3.SQLITE_BUSY: f"another program has kept it locked for {BUSY_SECONDS:.0f} s. Try again",
        sqlite3.SQLITE_CORRUPT: "it is damaged again. See that the disk is well",
        sqlite3.SQLITE_NOTADB: "it is damaged again. See that the disk is well",
    }
    reason = reasons.get(_primary_code(error) or -1)
    return StorageError(f"The list of jobs {path} cannot be used: {reason}.") if reason else error


def _set_aside(path: Path) -> None:
    """Move a damaged list away, with its journal, which must not be played into the new one."""
    with build_lock(path):
        if not _is_damaged(path):  # another process was faster
            return
        name = f"{path.name}.damaged-{new_id()}"
        try:
            for ending in ("-journal", ""):
                if os.path.lexists(f"{path}{ending}"):
                    os.replace(f"{path}{ending}", path.with_name(f"{name}{ending}"))
        except OSError as error:
            raise StorageError(f"The list of jobs {path} is damaged and cannot be moved: {error.strerror}.") from error
    logger.warning("The list of jobs was damaged. It was moved to %s and a new one begun; studies are untouched.", name)


def _is_damaged(path: Path) -> bool:
    if not os.path.exists(path):
        return False
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        if not _tells_of_damage(error):
            raise _storage_error(path, error) from error
        return True
