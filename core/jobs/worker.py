"""The worker: takes jobs one at a time and runs each as ``python -m core VERB ARGS`` in a process of its own.

Killed at any moment, it leaves nothing that the next worker cannot sort out. Three locks tell who lives, and the
system releases them with whoever dies: ``worker.lock`` is the worker's; each job's log is locked by the job, because
the processes of the job inherit it as their output; ``jobs.sqlite`` has its own.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from core.errors import StorageError
from core.jobs import table
from core.jobs.locks import holder, is_locked, lock_opened, try_lock
from core.jobs.progress import FILE_VARIABLE, WORKER_VARIABLE
from core.jobs.queue import PROJECT, worker_lock
from core.jobs.table import Job, State

IDLE_VARIABLE = "PERTURBSCOPE_WORKER_IDLE"
IDLE_SECONDS = 60.0
MAX_ATTEMPTS = 3
KEPT_JOBS = 200

Command = Callable[[str, Sequence[str]], list[str]]


def command_of(verb: str, args: Sequence[str]) -> list[str]:
    """The command that runs a verb."""
    return [sys.executable, "-m", "core", verb, *args]


def main(idle_seconds: float | None = None, *, command: Command = command_of) -> int:
    """Serve this data root's jobs until there were none for a while; the exit code.

    Parameters
    ----------
    idle_seconds
        How long to wait for another job; default the variable PERTURBSCOPE_WORKER_IDLE, else 60.
    command
        Makes the command from verb and arguments.
    """
    if idle_seconds is None:
        idle_seconds = _idle_seconds()
    root = table.data_root()
    worker = Worker(root, command=command, idle_seconds=idle_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if not worker.serve():
        _say(f"A worker (process {holder(worker_lock(root))}) already serves {root}.")
    return 0


class Worker:
    """Serves the jobs of one data root, one at a time; at most one worker serves a data root.

    Parameters
    ----------
    root
        The data root.
    command
        Makes the command from verb and arguments.
    idle_seconds
        Ends when there was nothing to do for so long.
    grace_seconds
        Between SIGTERM and SIGKILL for a job that is to end.
    poll_seconds
        Between two looks at the queue.
    """

    def __init__(
        self,
        root: Path,
        *,
        command: Command = command_of,
        idle_seconds: float = IDLE_SECONDS,
        grace_seconds: float = 5.0,
        poll_seconds: float = 0.25,
    ) -> None:
        self._root = root
        self._command = command
        self._idle_seconds = idle_seconds
        self._grace_seconds = grace_seconds
        self._poll_seconds = poll_seconds
        self._stopping = False

    def stop(self) -> None:
        """End soon: the running job is ended and waits for the next worker. Safe in a signal handler."""
        self._stopping = True

    def serve(self) -> bool:
        """Serve until idle or stopped; False if another worker serves this data root."""
        served = False
        while lock := self._take_lock():
            served = True
            with lock:
                self._serve_until_idle()
            # Whoever submitted while we held the lock relied on us, so look once more now that it is free.
            if self._stopping or not table.any_queued(self._root):
                break
        return served

    def _take_lock(self, patience_seconds: float = 2.0) -> IO[bytes] | None:
        deadline = time.monotonic() + patience_seconds
        while (lock := try_lock(worker_lock(self._root))) is None and time.monotonic() < deadline:
            time.sleep(0.05)  # it may only be someone looking whether a worker lives
        return lock

    def _serve_until_idle(self) -> None:
        for job in table.running(self._root):
            self._take_up(job)
        idle_since = time.monotonic()
        while not self._stopping:
            if taken := table.take_oldest(self._root):
                self._run(taken)
                table.forget_old(self._root, KEPT_JOBS)
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self._idle_seconds:
                return
            else:
                time.sleep(self._poll_seconds)

    # A job whose worker was killed

    def _take_up(self, job: Job) -> None:
        if not self._end_group(job.pid, lambda: is_locked(job.log_path)):
            self._end(job, "failed", "An earlier attempt still runs and cannot be ended. Restart the computer.")
        elif job.cancel_asked:
            self._end(job, "cancelled")
        elif job.attempts >= MAX_ATTEMPTS:
            self._end(
                job,
                "failed",
                f"The job was begun {job.attempts} times, and each time it and its worker were killed: most often the "
                "machine ran out of memory.",
            )
        else:
            table.put_back(self._root, job.id, count_attempt=True)

    # A job of ours

    def _run(self, job: Job) -> None:
        try:
            process, log_start = self._begin(job)
        except OSError as error:
            self._end(job, "failed", f"The job could not be started: {error}.")
            return
        try:
            table.note_process(self._root, job.id, process.pid)
            self._attend(job, process, log_start)
        finally:
            if process.returncode is None:
                self._end_process(job, process)

    def _begin(self, job: Job) -> tuple[subprocess.Popen[bytes], int]:
        """The started process, and where in the log its own words begin."""
        job.log_path.parent.mkdir(parents=True, exist_ok=True)
        table.progress_path(self._root, job.id).unlink(missing_ok=True)
        command = self._command(job.verb, job.args)
        # Our handle of the log is closed at the end: whoever holds the lock from then on belongs to the job.
        with job.log_path.open("ab", buffering=0) as log:
            lock_opened(log)
            begun = "begun" if job.attempts == 1 else f"taken up again, attempt {job.attempts}"
            _write_note(log, f"{begun}: {shlex.join(command)}")
            log_start = log.tell()
            return self._spawn(job, command, log), log_start

    def _spawn(self, job: Job, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            FILE_VARIABLE: str(table.progress_path(self._root, job.id)),
            WORKER_VARIABLE: str(os.getpid()),
            "PERTURBSCOPE_DATA_ROOT": str(self._root),
            "PYTHONUNBUFFERED": "1",  # the log is read while the job runs
        }
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=PROJECT,
            env=environment,
            process_group=0,
        )

    def _attend(self, job: Job, process: subprocess.Popen[bytes], log_start: int) -> None:
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._poll_seconds)
            now = None
            with suppress(StorageError):  # locked for long: the job runs on, and is looked at again
                now = table.find(self._root, job.id)
            if now is not None and now.cancel_asked:
                self._end_process(job, process)
                self._end(job, "cancelled")
                return
            if process.returncode is not None:
                self._end_process(job, process)  # what it may have left behind
                self._end(job, *_outcome(process.returncode, job.log_path, log_start))
                return
            if self._stopping:
                self._end_process(job, process)
                table.put_back(self._root, job.id, count_attempt=False)
                self._note(job, "the worker was stopped; the job waits for the next one")
                return

    def _end_process(self, job: Job, process: subprocess.Popen[bytes]) -> None:
        self._end_group(process.pid, lambda: process.poll() is None or is_locked(job.log_path))

    def _end_group(self, group: int | None, lives: Callable[[], bool]) -> bool:
        """Ask the processes of a job to end, then make them; False if they live on.

        While one lives, the number of its group is not given to others, so that no stranger is hit. The group is
        unknown only if the worker was killed in the instant between start and note: its child then ends by itself.
        """
        for number in (signal.SIGTERM, signal.SIGKILL):
            if group is not None and lives():
                with suppress(ProcessLookupError, PermissionError):  # gone meanwhile; macOS says it of zombies
                    os.killpg(group, number)
            deadline = time.monotonic() + self._grace_seconds
            while lives() and time.monotonic() < deadline:
                time.sleep(0.02)
        return not lives()

    def _end(self, job: Job, state: State, error: str | None = None) -> None:
        self._note(job, f"{state}: {error}" if error else state)
        table.end(self._root, job.id, state, error)

    def _note(self, job: Job, text: str) -> None:
        with suppress(OSError), job.log_path.open("ab", buffering=0) as log:
            _write_note(log, text)


def _outcome(code: int, log: Path, start: int) -> tuple[State, str | None]:
    """State and sentence of a process that ended by itself; its own sentence stands in the log after ``error: ``."""
    if code == 0:
        return "done", None
    if code == -signal.SIGKILL:
        return "failed", "The job was killed (signal 9): most often the machine ran out of memory."
    if code < 0:
        return "failed", f"The job was ended by signal {-code} ({signal.strsignal(-code)}); see the log."
    return "failed", _last_error(log, start) or f"The job ended with exit code {code}; see the log."


def _last_error(log: Path, start: int, last_bytes: int = 65_536) -> str | None:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - last_bytes))
        lines = file.read().decode(errors="replace").splitlines()
    sentences = [line.removeprefix("error: ").strip() for line in lines if line.startswith("error: ")]
    return sentences[-1][:2000] if sentences else None


def _write_note(log: IO[bytes], text: str) -> None:
    """A line of the worker's own in a job's log."""
    with suppress(OSError):  # on a full disk the list still tells how it ended, or fails with its sentence
        log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] {text}\n".encode(errors="backslashreplace"))


def _idle_seconds() -> float:
    try:
        return float(os.environ.get(IDLE_VARIABLE, IDLE_SECONDS))
    except ValueError:
        return IDLE_SECONDS


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
