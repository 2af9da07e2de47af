"""The queue: what is submitted, listed, cancelled; what happens when the disk does not play along."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import JobError, StorageError
from core.jobs import queue, table
from core.settings import settings


def submit(verb="say", *args, key="study", title="Build a study"):
    return queue.submit(verb, args, key=key, title=title)


# submit and list


def test_a_submitted_job_waits_with_all_it_was_given(no_worker):
    before = time.time()
    job_id = queue.submit("build", ["/data/a b.h5ad", "--control", "non-targeting"], key="k", title="Build a b")

    job = queue.job(job_id)

    assert (job.verb, job.args) == ("build", ("/data/a b.h5ad", "--control", "non-targeting"))
    assert (job.key, job.title, job.state, job.attempts) == ("k", "Build a b", "queued", 0)
    assert before <= job.created <= time.time()
    assert (job.started, job.ended, job.progress, job.error) == (None, None, None, None)
    assert job.log_path == no_worker / "logs" / f"{job_id}.log"
    assert queue.log(job_id) == ""


def test_the_same_work_submitted_twice_is_one_job(no_worker):
    assert submit(key="a") == submit(key="a")
    assert submit(key="a") != submit(key="b")


def test_the_same_work_submitted_from_many_threads_at_once_is_one_job(no_worker):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: submit(key="a"), range(24)))

    assert len(ids) == 1
    assert len(queue.jobs()) == 1


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_work_that_has_ended_can_be_submitted_again(no_worker, state):
    first = submit(key="a")
    table.end(no_worker, first, state)

    assert submit(key="a") != first


def test_work_submitted_while_its_job_is_being_ended_is_a_new_job(no_worker):
    first = submit(key="a")
    table.take_oldest(no_worker)
    queue.cancel(first)

    assert submit(key="a") != first


def test_jobs_come_newest_first_and_no_more_than_asked(no_worker):
    ids = [submit(key=str(i)) for i in range(5)]

    assert [job.id for job in queue.jobs()] == ids[::-1]
    assert [job.id for job in queue.jobs(limit=2)] == [ids[4], ids[3]]


def test_listing_makes_nothing_in_the_data_root(root):
    assert queue.jobs() == []
    assert not root.exists()


@pytest.mark.parametrize("ask", [queue.job, queue.log, queue.cancel], ids=["job", "log", "cancel"])
@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "x" * 10_000], ids=["absent", "a path", "10 kB"])
def test_an_unknown_job_is_a_sentence(no_worker, ask, name):
    with pytest.raises(JobError, match="No job is called") as raised:
        ask(name)
    assert len(str(raised.value)) < 300


def test_names_that_are_no_utf8_can_be_submitted(no_worker):
    name = os.fsdecode(b"screen-\xff.h5ad")

    job = queue.job(submit("build", name, key=name, title=name))

    assert job.args == (name,)
    assert job.title == "screen-\\udcff.h5ad"


def test_a_nul_character_is_refused_at_the_door(no_worker):
    with pytest.raises(JobError, match="NUL"):
        submit("build", "a\0b")


def test_only_the_end_of_a_long_log_is_read(no_worker):
    job_id = submit()
    path = queue.job(job_id).log_path
    path.parent.mkdir()
    path.write_text("begin\n" + "x" * 1000 + "\nend\n")

    assert queue.log(job_id, last_bytes=10).endswith("end\n")
    assert "begin" not in queue.log(job_id, last_bytes=10)


def test_the_server_that_imports_the_queue_loads_nothing_heavy(root):
    heavy = {"numpy", "pandas", "torch", "scanpy", "streamlit", "dbos", "sqlalchemy", "ctypes.util", "asyncio"}
    code = """
import sys, core.settings
before = set(sys.modules)
import core.jobs.queue
print(*set(sys.modules) - before)
"""

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert len(loaded) < 40


# cancel


def test_a_queued_job_is_cancelled_at_once(no_worker):
    job_id = submit()

    assert queue.cancel(job_id) == "The job is cancelled."
    assert queue.job(job_id).state == "cancelled"
    assert queue.job(job_id).ended is not None


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_cancelling_what_has_ended_changes_nothing_and_says_so(no_worker, state):
    job_id = submit()
    table.end(no_worker, job_id, state, "why")
    before = queue.job(job_id)

    assert queue.cancel(job_id) == f"Nothing to cancel: the job has already ended ({state})."
    assert queue.job(job_id) == before


# watch


def test_watching_tells_each_change_until_the_end(no_worker):
    job_id = submit()
    seen = []
    for job in queue.watch(job_id, every_seconds=0.01):
        seen.append(job.state)
        if job.state == "queued":
            table.take_oldest(no_worker)
        elif job.state == "running":
            table.end(no_worker, job_id, "done")

    assert seen == ["queued", "running", "done"]


# the disk


def test_a_data_root_that_cannot_be_made_is_a_sentence(no_worker, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(StorageError, match="cannot be made.*PERTURBSCOPE_DATA_ROOT"):
        submit()


def test_a_read_only_data_root_can_be_read_and_says_why_it_takes_no_job(no_worker):
    job_id = submit()
    (no_worker / "jobs.sqlite").chmod(0o400)
    no_worker.chmod(0o500)
    try:
        if os.access(no_worker, os.W_OK):
            pytest.skip("root may write everywhere")
        assert queue.job(job_id).state == "queued"
        with pytest.raises(StorageError, match="read-only"):
            submit(key="another")
    finally:
        no_worker.chmod(0o700)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened"),
        (sqlite3.SQLITE_IOERR | (3 << 8), "refused to read or write"),
        (sqlite3.SQLITE_BUSY, "another program"),
    ],
    ids=["full", "read-only", "not to be opened", "failing", "locked"],
)
def test_what_the_disk_did_is_a_sentence(no_worker, monkeypatch, code, words):
    def refuse(*_):
        error = sqlite3.OperationalError("as sqlite says it")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(table, "_transaction", refuse)

    with pytest.raises(StorageError, match=words):
        submit()


def test_a_disk_that_takes_no_more_bytes_refuses_the_job_and_keeps_the_others(no_worker):
    kept = submit()
    code = """
import resource
from core.errors import StorageError
from core.jobs import queue
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
queue.ensure_worker = lambda: None
try:
    queue.submit("say", [], key="another", title="t")
except StorageError as error:
    print("sentence:", error)
"""

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.startswith("sentence: The list of jobs")
    assert [job.id for job in queue.jobs()] == [kept]


def test_an_error_of_our_own_is_no_sentence(no_worker):
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        table._jobs(no_worker, "WHERE nonsense = 1")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda old: b"no database at all" * 100, id="overwritten"),
        pytest.param(lambda old: old[:4096] + b"\xa5" * (len(old) - 4096), id="pages lost"),
        pytest.param(lambda old: old[: len(old) // 2], id="cut off"),
    ],
)
def test_a_damaged_list_is_moved_aside_and_a_new_one_begun(no_worker, damage, caplog):
    for i in range(50):
        submit("build", "x" * 200, key=str(i))
    path = no_worker / "jobs.sqlite"
    broken = damage(path.read_bytes())
    path.write_bytes(broken)

    job_id = submit()

    assert [job.id for job in queue.jobs()] == [job_id]
    (aside,) = queue.damaged_lists()
    assert aside.name.startswith("jobs.sqlite.damaged-2")
    assert aside.read_bytes()[4096:] == broken[4096:]
    assert "damaged" in caplog.text


def test_a_damaged_list_found_by_many_at_once_is_moved_aside_once(no_worker):
    submit()
    (no_worker / "jobs.sqlite").write_bytes(b"no database at all" * 100)

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda i: submit(key=f"{i}"), range(8)))

    assert len(queue.damaged_lists()) == 1
    assert {job.id for job in queue.jobs()} == ids


def test_a_list_of_a_newer_version_is_left_alone(no_worker):
    submit()
    with sqlite3.connect(no_worker / "jobs.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()

    with pytest.raises(StorageError, match="version 99"):
        queue.jobs()
    assert queue.damaged_lists() == []


def test_only_the_newest_ended_jobs_and_their_logs_are_kept(no_worker):
    ids = [submit(key=str(i)) for i in range(6)]
    (no_worker / "logs").mkdir()
    for job_id in ids:
        table.log_path(no_worker, job_id).touch()
        table.progress_path(no_worker, job_id).touch()
    for job_id in ids[1:]:
        table.end(no_worker, job_id, "done")

    table.forget_old(no_worker, keep=2)

    kept = [ids[0], ids[4], ids[5]]  # the first one still waits
    assert [job.id for job in queue.jobs()] == kept[::-1]
    assert sorted((no_worker / "logs").iterdir()) == sorted(
        path for job_id in kept for path in (table.log_path(no_worker, job_id), table.progress_path(no_worker, job_id))
    )


# ensure_worker


def test_a_submitted_job_is_done_without_further_ado(root, until):
    job_id = submit("say", "hello")

    job = until(lambda: (found := queue.job(job_id)).state == "done" and found)

    assert "\nhello\n" in queue.log(job_id)
    assert job.created <= job.started <= job.ended


def test_many_calls_at_once_start_one_worker(root, until, monkeypatch):
    started = []
    start = queue._start_worker
    monkeypatch.setattr(queue, "_start_worker", lambda *a: started.append(start(*a)) or started[-1])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: queue.ensure_worker(), range(50)))
    until(lambda: queue.is_locked(queue.worker_lock(root)))
    queue.ensure_worker()

    assert len(started) == 1


def test_the_worker_is_a_session_of_its_own(root, until):
    queue.ensure_worker()
    until(lambda: queue.is_locked(queue.worker_lock(root)))
    pid = until(lambda: queue.worker_lock(root).read_text())

    assert os.getsid(int(pid)) == int(pid)


def test_the_worker_outlives_the_server_that_started_it(root, until, pid_in, tmp_path):
    code = f"""
from core.jobs import queue
queue.worker_command = lambda: {queue.worker_command()!r}
print(queue.submit("wait", [{str(tmp_path)!r}], key="k", title="t"), flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
    job_id = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()

    pid_in(tmp_path)
    (tmp_path / "go").touch()

    until(lambda: queue.job(job_id).state == "done")


def test_an_idle_worker_ends_and_leaves_no_zombie(root, until, monkeypatch):
    monkeypatch.setenv("PERTURBSCOPE_WORKER_IDLE", "0.1")
    before = set(threading.enumerate())
    queue.ensure_worker()
    process, _ = queue._started[root]

    until(lambda: not set(threading.enumerate()) - before)  # the thread that reaps it is through

    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)  # a zombie could still be signalled


def test_jobs_submitted_while_the_worker_is_about_to_end_are_done(root, until, monkeypatch):
    monkeypatch.setenv("PERTURBSCOPE_WORKER_IDLE", "0")

    for i in range(8):  # each falls somewhere else into the worker's last breath
        job_id = submit("say", key=f"{i}")
        until(lambda job_id=job_id: queue.job(job_id).state == "done", seconds=20)
        time.sleep(0.01 * i)


def test_a_worker_that_fails_at_its_start_is_told_and_not_started_over_and_over(root, until, monkeypatch):
    code = "import sys; sys.exit('error: No module named core')"
    monkeypatch.setattr(queue, "worker_command", lambda: [sys.executable, "-c", code])
    queue.ensure_worker()
    process, _ = queue._started[root]
    until(lambda: process.poll() is not None)

    with pytest.raises(JobError, match=r"fails at its start: No module named core \(.*worker.log\)"):
        queue.ensure_worker()

    assert queue._started[root][0] is process


def test_the_data_root_of_the_settings_is_the_workers(root, until, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", "data")  # relative: the worker starts in another folder
    settings.cache_clear()

    job_id = submit("say", "hello")

    until(lambda: queue.job(job_id).state == "done")
    assert queue.job(job_id).log_path == root / "logs" / f"{job_id}.log"
