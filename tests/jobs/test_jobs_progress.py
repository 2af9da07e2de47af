"""Progress: what a page and a terminal are told, how often, and what becomes of a job without a parent."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.jobs import progress
from core.jobs.progress import Pace, Progress, ProgressFile, ProgressLine, read_progress, reporter


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


# rate and time left


def test_rate_and_time_left_follow_an_even_pace():
    pace = Pace()
    for second in range(6):
        told = pace.progress(second, "Turning", 100 * second, 1000, "cells")

    assert told == Progress("Turning", 500, 1000, "cells", rate=100.0, seconds_left=5.0)


def test_nothing_is_promised_before_there_is_enough_to_tell():
    told = Pace().progress(0.0, "Turning", 10, 100, "cells")

    assert (told.rate, told.seconds_left) == (None, None)


def test_the_rate_forgets_what_lies_long_back():
    pace = Pace(window_seconds=10)
    done = 0
    for second in range(60):
        done += 1 if second < 30 else 50
        told = pace.progress(second, "Turning", done, 10_000, "cells")

    assert told.rate == pytest.approx(50)


def test_one_slow_block_hardly_moves_the_rate():
    pace = Pace(window_seconds=15)
    for second in range(15):
        pace.progress(second, "Turning", 100 * second, 10_000, "cells")
    told = pace.progress(15, "Turning", 1410, 10_000, "cells")  # 10 in a second instead of 100

    assert 90 < told.rate < 100


@pytest.mark.parametrize(("phase", "done"), [("Sweeping", 5), ("Turning", 0)], ids=["new phase", "begun anew"])
def test_the_rate_starts_anew(phase, done):
    pace = Pace()
    for second in range(6):
        pace.progress(second, "Turning", 100 * second, 1000, "cells")

    assert pace.progress(6, phase, done, 10, "blocks").rate is None


def test_work_taken_up_in_the_middle_is_not_counted_as_fast():
    pace = Pace()
    pace.progress(0, "Turning", 900, 1000, "cells")
    told = pace.progress(1, "Turning", 910, 1000, "cells")

    assert (told.rate, told.seconds_left) == (10.0, 9.0)


def test_an_unknown_total_has_neither_fraction_nor_time_left():
    pace = Pace()
    pace.progress(0, "Reading", 0, 0, "cells")
    told = pace.progress(2, "Reading", 100, 0, "cells")

    assert (told.fraction, told.rate, told.seconds_left) == (None, 50.0, None)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            Progress("Turning", 45_056, 221_273, "cells", 12_300.4, 14.3),
            "Turning: 45,056 of 221,273 cells (20\N{NO-BREAK SPACE}%), 12,300 cells/s, 14 s left",
        ),
        (
            Progress("Training", 5, 10, "steps", 0.25, 7500.0),
            "Training: 5 of 10 steps (50\N{NO-BREAK SPACE}%), 0.2 steps/s, 2 h 5 min left",
        ),
        (Progress("Reading", 7, 0, "cells"), "Reading: 7 cells"),
    ],
    ids=["fast", "slow", "unknown total"],
)
def test_progress_reads_as_a_sentence(told, words):
    assert str(told) == words


# the file


def test_the_file_holds_the_latest_progress(tmp_path):
    path, clock = tmp_path / "p.json", Clock()
    file = ProgressFile(path, clock)
    for second in range(5):
        clock.now = second
        file.update("Turning", 10 * second, 100, "cells")

    assert read_progress(path) == Progress("Turning", 40, 100, "cells", rate=10.0, seconds_left=6.0)


def test_the_file_is_written_five_times_a_second_at_most(tmp_path, monkeypatch):
    clock, written = Clock(), []
    file = ProgressFile(tmp_path / "p.json", clock)
    monkeypatch.setattr(file, "_write", written.append)
    for i in range(1000):
        clock.now = i / 500
        file.update("Turning", i, 10_000, "cells")

    assert 8 <= len(written) <= 11  # two seconds


def test_a_new_phase_and_the_end_of_one_are_written_at_once(tmp_path):
    path = tmp_path / "p.json"
    file = ProgressFile(path, Clock())
    file.update("Turning", 0, 10, "cells")
    file.update("Turning", 10, 10, "cells")
    assert read_progress(path).done == 10
    file.update("Sweeping", 1, 5, "blocks")
    assert read_progress(path).phase == "Sweeping"


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, clock = tmp_path / "p.json", Clock()
    file = ProgressFile(path, clock)
    file.update("Turning", 0, 1000, "cells")
    bad, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            if read_progress(path) is None:
                bad.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(1000):
        clock.now += 1
        file.update("Turning", i, 1000, "cells")
    ended.set()
    reader.join()

    assert not bad


def test_a_full_disk_does_not_end_the_work_for_its_progress(tmp_path):
    file = ProgressFile(tmp_path / "absent" / "p.json")

    file.update("Turning", 0, 10, "cells")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"phase": "x"}', '{"nonsense": 1}'])
def test_an_unreadable_file_is_no_progress(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_text(text)

    assert read_progress(path) is None
    assert read_progress(tmp_path / "absent") is None


# the terminal


def test_a_terminal_sees_one_line_that_refreshes_itself():
    terminal, clock = Terminal(), Clock()
    line = ProgressLine(terminal, clock)
    for i in range(5):
        clock.now = i
        line.update("Turning", i, 4, "cells")
    line.update("Sweeping", 0, 9, "blocks")

    first, second = terminal.getvalue().split("\n")
    assert [part.removesuffix("\x1b[K")[:15] for part in first.split("\r")[1:]] == [
        f"Turning: {i} of 4" for i in range(5)
    ]
    assert second.startswith("\rSweeping: 0 of 9 blocks")


def test_a_phase_that_stops_short_keeps_its_line_in_the_terminal():
    terminal = Terminal()
    line = ProgressLine(terminal, Clock())
    line.update("Turning", 1, 4, "cells")
    line.update("Sweeping", 0, 9, "blocks")

    assert terminal.getvalue().count("\n") == 1


def test_a_line_is_no_wider_than_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    ProgressLine(terminal, Clock()).update("A phase with a long name", 1, 4, "cells")

    assert len(terminal.getvalue().strip("\r").removesuffix("\x1b[K")) < 20


def test_a_file_as_output_gets_one_line_a_phase():
    output, clock = io.StringIO(), Clock()
    line = ProgressLine(output, clock)
    for phase in ("Turning", "Sweeping", "Turning"):
        for i in range(5):
            clock.now += 1
            line.update(phase, i, 4, "cells")

    assert output.getvalue() == "Turning: 4 cells\nSweeping: 4 cells\n"


# who is told


def test_in_a_job_the_file_and_the_log_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PERTURBSCOPE_PROGRESS_FILE", str(tmp_path / "p.json"))

    reporter()("Turning", 1, 4, "cells")

    assert json.loads((tmp_path / "p.json").read_text())["phase"] == "Turning"
    assert capsys.readouterr().err == "Turning: 4 cells\n"


def test_outside_a_job_stderr_is_told(monkeypatch, capsys):
    monkeypatch.delenv("PERTURBSCOPE_PROGRESS_FILE", raising=False)

    reporter()("Turning", 1, 4, "cells")

    assert capsys.readouterr().err == "Turning: 4 cells\n"


def test_without_stderr_nothing_is_told(monkeypatch):
    monkeypatch.delenv("PERTURBSCOPE_PROGRESS_FILE", raising=False)
    monkeypatch.setattr(progress.sys, "stderr", None)

    reporter()("Turning", 1, 4, "cells")


# the parent's death


def run(code, **environment):
    project = str(Path(__file__).parents[2])
    return subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": project, **environment}, timeout=60)


def test_outside_a_job_a_process_may_outlive_its_parent():
    assert run("from core.jobs.progress import die_with_parent; die_with_parent()").returncode == 0


def test_a_job_whose_worker_died_before_it_could_ask_ends_at_once():
    code = "from core.jobs.progress import die_with_parent; die_with_parent(); import time; time.sleep(60)"

    assert run(code, PERTURBSCOPE_WORKER_PID="1").returncode == -9


def test_where_the_kernel_offers_no_signal_the_job_watches_its_parent(tmp_path, until, lives):
    code = """
import os, subprocess, sys, time
if len(sys.argv) > 1:
    sys.platform = "elsewhere"
    from core.jobs.progress import die_with_parent
    die_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)
else:
    os.environ["PERTURBSCOPE_WORKER_PID"] = str(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", open(__file__).read(), "x"])
    time.sleep(60)
"""
    script = tmp_path / "parent.py"
    script.write_text(code)
    project = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": project}
    )
    with parent:
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
        until(lambda: not lives(child))
