"""Locks between processes and threads: whoever dies, by kill -9 too, has released them.

A lock is ``flock`` on a small file that stays where it is (removing it would let two in at once). It belongs to the
opened file, so threads of one process exclude each other as well, and a child that inherits the file holds it too.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import StorageError

POLL_SECONDS = 0.1


@contextmanager
def build_lock(folder: Path, on_wait: Callable[[int], None] | None = None) -> Iterator[None]:
    """Exclusive right to write ``folder``, waiting while another process or thread has it.

    The lock is the file ``<folder>.lock`` beside the folder. Who waited should look again before working: the work
    may be done. Not to be taken twice by one thread.

    Parameters
    ----------
    folder
        The folder (or file) to be written; need not exist.
    on_wait
        Called once with the holder's process id if the lock is not free at once.

    Raises
    ------
    StorageError
        If the lock file cannot be written.
    """
    path = folder.with_name(f"{folder.name}.lock")
    while (lock := try_lock(path)) is None:
        pid = holder(path)
        if on_wait and pid:  # the holder writes its id just after it has locked: empty for an instant
            on_wait(pid)
            on_wait = None
        time.sleep(POLL_SECONDS)
    with lock:
        yield
        lock.truncate(0)


def try_lock(path: Path) -> IO[bytes] | None:
    """The lock file, locked and holding our process id, or None if someone else has it; closing releases it.

    Raises
    ------
    StorageError
        If the lock file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab", buffering=0)
    except OSError as error:
        raise StorageError(f"The lock {path} cannot be written: {error.strerror}.") from error
    if not lock_opened(lock):
        lock.close()
        return None
    try:
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
    except OSError as error:
        lock.close()
        raise StorageError(f"The lock {path} cannot be written: {error.strerror}.") from error
    return lock


def lock_opened(file: IO[bytes]) -> bool:
    """Lock an opened file unless someone else holds it; True if it is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether someone holds this lock file.

    The probe itself locks for an instant (shared, so that probes do not see each other): who takes the lock tries
    more than once.

    Raises
    ------
    StorageError
        If the lock file cannot be read.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise StorageError(f"The lock {path} cannot be read: {error.strerror}.") from error
    return False


def holder(path: Path) -> int | None:
    """Process id that the last holder of a lock file wrote into it, None if there is none."""
    try:
        return int(path.read_bytes())
    except (OSError, ValueError):
        return None
