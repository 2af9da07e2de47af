"""A data root of one's own, stand-ins for the worker and its verbs, and waiting for what other processes do."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.jobs import queue
from core.jobs.worker import Worker
from core.settings import settings

HERE = Path(__file__).parent


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The data root of this process and of those it starts."""
    folder = tmp_path / "data"
    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", str(folder))
    monkeypatch.setenv("PERTURBSCOPE_WORKER_IDLE", "60")
    monkeypatch.setenv("PYTHONPATH", str(HERE.parents[1]))
    monkeypatch.delenv("PERTURBSCOPE_PROGRESS_FILE", raising=False)
    monkeypatch.setattr(queue, "worker_command", lambda: [sys.executable, str(HERE / "worker_process.py")])
    settings.cache_clear()
    yield folder.resolve()
    end_worker(folder)
    settings.cache_clear()


@pytest.fixture
def no_worker(root, monkeypatch):
    """Submitting starts no worker; the test runs its own."""
    monkeypatch.setattr(queue, "ensure_worker", lambda: None)
    return root


@pytest.fixture
def serve(no_worker):
    """Function that serves the queue in this process until it is empty."""
    return lambda **options: make_worker(no_worker, **options).serve()


@pytest.fixture
def serving(no_worker):
    """Function that serves the queue in a thread, until the test ends."""
    workers, threads = [], []

    def start(**options):
        workers.append(make_worker(no_worker, **{"idle_seconds": 60, **options}))
        threads.append(threading.Thread(target=workers[-1].serve))
        threads[-1].start()
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(timeout=30)


@pytest.fixture
def until():
    """Function that waits until a question is answered with yes and returns the answer."""

    def wait(question, seconds=30):
        deadline = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
        return answer

    return wait


@pytest.fixture
def pid_in(until):
    """Function that waits for the process id that a verb writes to tell that it runs."""
    return lambda folder, name="pid": int(until(lambda: _text(Path(folder) / name)))


@pytest.fixture
def worker_process(no_worker):
    """Function that starts a worker as a process of its own; all are killed at the end."""
    started = []

    def start():
        started.append(subprocess.Popen(queue.worker_command(), start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def lives():
    """Function that says whether a process lives (a zombie does not)."""
    return process_lives


def process_lives(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def make_worker(folder, **options):
    verbs = str(HERE / "verbs.py")
    defaults = {"idle_seconds": 0, "grace_seconds": 5, "poll_seconds": 0.02}
    return Worker(folder, command=lambda verb, args: [sys.executable, verbs, verb, *args], **{**defaults, **options})


def end_worker(folder):
    """End the worker that ``ensure_worker`` started."""
    lock = queue.worker_lock(folder)
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        if queue.is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 20
    while queue.is_locked(lock) and time.monotonic() < deadline:
        time.sleep(0.02)


def _text(path):
    return path.read_text() if path.exists() else ""
