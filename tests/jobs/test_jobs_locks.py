"""Locks: one writer at a time, among threads and processes, whoever dies."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import StorageError
from core.jobs.locks import build_lock, is_locked

HOLD = """
import sys, time
from pathlib import Path
from core.jobs.locks import build_lock
with build_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "studies" / "abc"


@pytest.fixture
def holding(folder):
    """A process that holds the lock."""
    project = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, env={"PYTHONPATH": project}
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_free_lock_is_taken_without_waiting_and_lies_beside_the_folder(folder):
    with build_lock(folder, on_wait=pytest.fail):
        assert is_locked(folder.parent / "abc.lock")
        assert not folder.exists()
    assert not is_locked(folder.parent / "abc.lock")


def test_who_waits_is_told_once_for_whom_and_goes_on_when_the_holder_is_killed(folder, holding):
    told = []

    def on_wait(pid):
        told.append(pid)
        threading.Timer(0.5, holding.kill).start()  # several looks later

    with build_lock(folder, on_wait):
        pass

    assert told == [holding.pid]


def test_two_folders_do_not_wait_for_each_other(folder, holding):
    with build_lock(folder.with_name("another"), on_wait=pytest.fail):
        pass


def test_threads_exclude_each_other(folder):
    inside, seen = [], []

    def work():
        with build_lock(folder):
            inside.append(1)
            seen.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert seen == [1, 1, 1, 1]


def test_an_error_inside_releases_the_lock(folder):
    with pytest.raises(RuntimeError), build_lock(folder):
        raise RuntimeError
    with build_lock(folder, on_wait=pytest.fail):
        pass


def test_a_lock_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "studies").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match="cannot be written"), build_lock(tmp_path / "studies" / "abc"):
        pass
