"""The worker: what becomes of a job, whoever is killed and whenever."""

import os
import random
import signal
import sys
import time

import pytest

from core.jobs import queue, table, worker
from core.jobs.worker import MAX_ATTEMPTS, command_of


def submit(verb, *args, key="k"):
    return queue.submit(verb, [str(a) for a in args], key=key, title=verb)


# a job by itself


def test_a_verb_is_run_with_this_python():
    assert command_of("build", ["a.h5ad", "--seed", "1"]) == [
        sys.executable,
        "-m",
        "core",
        "build",
        "a.h5ad",
        "--seed",
        "1",
    ]


def test_jobs_are_done_in_the_order_of_submission(serve):
    ids = [submit("say", i, key=f"{i}") for i in range(3)]

    serve()

    done = [queue.job(i) for i in ids]
    assert [job.state for job in done] == ["done"] * 3
    assert done[0].ended <= done[1].started <= done[1].ended <= done[2].started


def test_the_log_holds_the_command_the_output_and_the_end(serve):
    job_id = submit("say", "hello world")

    serve()

    first, output, last = queue.log(job_id).splitlines()
    assert "begun: " in first and "say 'hello world'" in first
    assert output == "hello world"
    assert last.endswith("] done")


def test_a_failed_job_tells_the_last_sentence_that_it_said(serve):
    job_id = submit("fail", "The first.", "The file is cut off. Copy it again.")

    serve()

    job = queue.job(job_id)
    assert (job.state, job.error) == ("failed", "The file is cut off. Copy it again.")


@pytest.mark.parametrize(
    ("verb", "argument", "error"),
    [
        ("leave", 3, "The job ended with exit code 3; see the log."),
        ("kill_itself", 9, "The job was killed (signal 9): most often the machine ran out of memory."),
        ("kill_itself", signal.SIGUSR1.value, "The job was ended by signal"),
    ],
    ids=["exit code", "killed", "other signal"],
)
def test_a_job_that_ends_without_a_sentence_gets_one_and_is_not_tried_again(serve, verb, argument, error):
    job_id = submit(verb, argument)

    serve()

    job = queue.job(job_id)
    assert (job.state, job.attempts) == ("failed", 1)
    assert job.error.startswith(error)


def test_a_job_that_cannot_be_started_is_failed_with_the_reason(serve, no_worker):
    job_id = submit("say", "x" * 3_000_000)  # longer than any system takes as an argument

    serve()

    assert queue.job(job_id).state == "failed"
    assert queue.job(job_id).error.startswith("The job could not be started: ")


def test_after_a_failed_job_the_next_is_done(serve):
    submit("leave", 1, key="a")
    job_id = submit("say", key="b")

    serve()

    assert queue.job(job_id).state == "done"


def test_a_job_is_a_process_group_of_its_own(serving, pid_in, tmp_path):
    submit("wait", tmp_path)
    serving()

    pid = pid_in(tmp_path)

    assert os.getpgid(pid) == pid != os.getpgid(0)


def test_a_running_job_tells_its_progress(serving, until, pid_in, tmp_path):
    job_id = submit("progress", tmp_path)
    serving()
    pid_in(tmp_path)

    progress = queue.job(job_id).progress

    assert (progress.phase, progress.done, progress.total, progress.unit) == ("Turning", 100, 200, "cells")
    assert "Turning: 200 cells\n" in queue.log(job_id)
    (tmp_path / "go").touch()
    until(lambda: queue.job(job_id).state == "done")
    assert queue.job(job_id).progress is None


def test_what_a_job_leaves_running_is_ended_with_it(serve, pid_in, lives, tmp_path):
    job_id = submit("leave_a_child", tmp_path)

    serve()

    assert queue.job(job_id).state == "done"
    assert not lives(pid_in(tmp_path))


# cancel


def test_a_cancelled_job_is_ended_with_all_its_processes(serving, until, pid_in, lives, tmp_path):
    job_id = submit("family", tmp_path)
    serving(grace_seconds=0.3)  # the child of the family is deaf to SIGTERM
    pids = [pid_in(tmp_path / "parent"), pid_in(tmp_path / "child")]

    assert queue.cancel(job_id) == "The job is being ended; this takes a few seconds."

    until(lambda: queue.job(job_id).state == "cancelled")
    assert not any(lives(pid) for pid in pids)


def test_a_job_deaf_to_sigterm_is_killed(serving, until, pid_in, lives, tmp_path):
    job_id = submit("stubborn", tmp_path)
    serving(grace_seconds=0.3)
    pid = pid_in(tmp_path)

    queue.cancel(job_id)

    until(lambda: queue.job(job_id).state == "cancelled")
    assert not lives(pid)


def test_after_a_cancelled_job_the_next_is_done(serving, until, pid_in, tmp_path):
    first = submit("wait", tmp_path, key="a")
    second = submit("say", key="b")
    serving()
    pid_in(tmp_path)

    queue.cancel(first)

    until(lambda: queue.job(second).state == "done")
    assert queue.job(first).state == "cancelled"


def test_a_job_cancelled_while_no_worker_lives_is_ended_by_the_next(
    worker_process, serve, pid_in, until, lives, tmp_path
):
    job_id = submit("orphan", tmp_path)
    first = worker_process()
    pid = pid_in(tmp_path)
    until(lambda: queue.job(job_id).pid)
    first.kill()
    first.wait()
    queue.cancel(job_id)

    serve()

    assert queue.job(job_id).state == "cancelled"
    assert not lives(pid)


# one worker, that may be killed


def test_a_data_root_has_one_worker(serving, no_worker, until, monkeypatch, capsys):
    serving()
    until(lambda: queue.is_locked(queue.worker_lock(no_worker)))
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)  # this process keeps its handlers

    assert worker.main(idle_seconds=0) == 0
    assert f"A worker (process {os.getpid()}) already serves {no_worker}" in capsys.readouterr().err


def test_a_job_whose_worker_was_killed_is_taken_up_again(worker_process, pid_in, until, lives, tmp_path):
    job_id = submit("wait", tmp_path)
    first = worker_process()
    pid = pid_in(tmp_path)

    first.kill()
    first.wait()

    until(lambda: not lives(pid))  # the job has noticed by itself
    assert queue.job(job_id).state == "running"
    (tmp_path / "go").touch()
    worker_process()
    until(lambda: queue.job(job_id).state == "done")
    assert queue.job(job_id).attempts == 2
    assert "taken up again, attempt 2: " in queue.log(job_id)


def test_an_orphan_that_goes_on_is_ended_before_its_job_is_taken_up_again(
    worker_process, serving, pid_in, until, lives, tmp_path
):
    job_id = submit("family", tmp_path)
    first = worker_process()
    orphans = [pid_in(tmp_path / "parent"), pid_in(tmp_path / "child")]
    until(lambda: queue.job(job_id).pid)
    first.kill()
    first.wait()
    assert all(lives(pid) for pid in orphans)

    serving(grace_seconds=0.3)

    until(lambda: queue.job(job_id).attempts == 2)
    assert not any(lives(pid) for pid in orphans)
    assert pid_in(tmp_path / "parent") not in orphans or until(lambda: pid_in(tmp_path / "parent") not in orphans)


def test_a_job_that_takes_its_worker_down_each_time_is_given_up(no_worker, serve):
    job_id = submit("say")
    for _ in range(MAX_ATTEMPTS):
        assert table.take_oldest(no_worker).id == job_id
        if table.find(no_worker, job_id).attempts < MAX_ATTEMPTS:
            table.put_back(no_worker, job_id, count_attempt=True)

    serve()

    job = queue.job(job_id)
    assert (job.state, job.attempts) == ("failed", 3)
    assert job.error.startswith("The job was begun 3 times, and each time it and its worker were killed")


def test_a_stopped_worker_ends_its_job_which_waits_for_the_next(worker_process, pid_in, until, lives, tmp_path):
    job_id = submit("wait", tmp_path)
    first = worker_process()
    pid = pid_in(tmp_path)

    first.terminate()

    assert first.wait(timeout=30) == 0
    assert not lives(pid)
    assert (queue.job(job_id).state, queue.job(job_id).attempts) == ("queued", 0)
    assert "the worker was stopped; the job waits for the next one" in queue.log(job_id)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_the_jobs_end_and_never_run_beside_themselves(
    worker_process, serve, no_worker, seed, tmp_path
):
    rng = random.Random(seed)
    folders = [tmp_path / f"job{i}" for i in range(4)]
    for folder in folders:
        folder.mkdir()
    ids = [submit("alone", folder, key=folder.name) for folder in folders]

    for _ in range(2):  # fewer than the attempts that a job has
        process = worker_process()
        time.sleep(rng.uniform(0.2, 0.7))
        process.kill()
        process.wait()
    serve()

    assert [queue.job(i).state for i in ids] == ["done"] * 4
    assert all((folder / "finished").exists() for folder in folders)
    assert not any((folder / "overlaps").exists() for folder in folders)


def test_a_number_of_a_process_that_was_given_to_another_is_not_signalled(no_worker, serve, lives):
    job_id = submit("say")
    table.take_oldest(no_worker)
    table.note_process(no_worker, job_id, os.getpgid(0))  # as after a restart of the computer: ours now

    serve()  # ends this very process if it is wrong

    assert queue.job(job_id).state == "done"


@pytest.mark.parametrize(("text", "seconds"), [("2.5", 2.5), ("soon", 60.0), (None, 60.0)])
def test_the_idle_time_is_a_variable(monkeypatch, text, seconds):
    monkeypatch.delenv("PERTURBSCOPE_WORKER_IDLE", raising=False)
    if text is not None:
        monkeypatch.setenv("PERTURBSCOPE_WORKER_IDLE", text)

    assert worker._idle_seconds() == seconds
