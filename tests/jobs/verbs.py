"""Stands in for ``python -m core`` in the tests of jobs: run as ``verbs.py VERB ARGS``."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def say(*words):
    print(*words)


def fail(*sentences):
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    print("Traceback or anything else", file=sys.stderr)
    sys.exit(1)


def leave(code):
    sys.exit(int(code))


def kill_itself(number):
    os.kill(os.getpid(), int(number))


def wait(folder, *, name="pid"):
    """Tell that we run, then go on until a file ``go`` lies in the folder."""
    from core.jobs.progress import die_with_parent

    die_with_parent()
    _appear(Path(folder), name)
    _wait_for(Path(folder) / "go")


def orphan(folder):
    """As ``wait``, but never looks whether its parent lives."""
    _appear(Path(folder), "pid")
    _wait_for(Path(folder) / "go")


def stubborn(folder):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    orphan(folder)


def family(folder):
    """A process that waits, with a child that waits."""
    subprocess.Popen([sys.executable, __file__, "stubborn", f"{folder}/child"])
    orphan(f"{folder}/parent")


def leave_a_child(folder):
    """End while a process that we started goes on."""
    subprocess.Popen([sys.executable, __file__, "orphan", folder])
    _wait_for(Path(folder) / "pid")


def progress(folder):
    from core.jobs.progress import reporter

    report = reporter()
    for done in range(0, 101, 50):
        report("Turning", done, 200, "cells")
        time.sleep(0.21)
    wait(folder)


def alone(folder):
    """Work for a moment, noting in ``overlaps`` if another attempt of the same job works at that time."""
    with open(f"{folder}/work", "a") as work:
        try:
            fcntl.flock(work, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Path(folder, "overlaps").touch()
        time.sleep(0.15)
    Path(folder, "finished").touch()


def _appear(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{name}.tmp"
    unfinished.write_text(str(os.getpid()))
    unfinished.replace(folder / name)


def _wait_for(path):
    deadline = time.monotonic() + 120
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
