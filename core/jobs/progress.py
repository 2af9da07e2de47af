"""Progress of long work: said by the verb, kept in a small file in a job, shown as a line in a terminal."""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

FILE_VARIABLE = "PERTURBSCOPE_PROGRESS_FILE"
WORKER_VARIABLE = "PERTURBSCOPE_WORKER_PID"
UPDATES_PER_SECOND = 5.0

Report = Callable[[str, int, int, str], None]
"""Takes phase, done, total (0 if not known) and the unit in the plural."""


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Parameters
    ----------
    phase
        What is being done, in words.
    done, total
        Units done and to do in this phase; total is 0 if it is not known.
    unit
        What is counted, in the plural.
    rate
        Units per second over the last seconds; None until there is enough to tell.
    seconds_left
        Seconds that this phase still takes at this rate; None if not known.
    """

    phase: str
    done: int
    total: int
    unit: str
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def fraction(self) -> float | None:
        """Part of the phase that is done, 0 to 1; None if the total is not known."""
        return min(1.0, self.done / self.total) if self.total > 0 else None

    def __str__(self) -> str:
        """The progress in words: ``Turning: 45,056 of 221,273 cells (20 %), 12,300 cells/s, 14 s left``."""
        parts = [f"{self.done:,} {self.unit}"]
        if self.fraction is not None:
            parts = [f"{self.done:,} of {self.total:,} {self.unit} ({100 * self.fraction:.0f}\N{NO-BREAK SPACE}%)"]
        if self.rate:
            parts.append(f"{_rounded(self.rate)} {self.unit}/s")
        if self.seconds_left is not None:
            parts.append(f"{duration(self.seconds_left)} left")
        return f"{self.phase}: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """A time span in the largest units that matter.

    Examples
    --------
    >>> duration(42), duration(200), duration(3900)
    ('42 s', '3 min', '1 h 5 min')
    """
    if seconds < 100:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _rounded(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


class Pace:
    """Rate and time left from a sliding window of the current phase.

    Parameters
    ----------
    window_seconds
        How far back the rate looks: long enough to even out slow and fast blocks.
    """

    def __init__(self, window_seconds: float = 15.0) -> None:
        self._window_seconds = window_seconds
        self._phase: str | None = None
        self._samples: deque[tuple[float, int]] = deque()

    def progress(self, now: float, phase: str, done: int, total: int, unit: str) -> Progress:
        """Progress at the time ``now`` (seconds of a clock that never goes back)."""
        if phase != self._phase or (self._samples and done < self._samples[-1][1]):
            self._phase = phase
            self._samples.clear()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= self._window_seconds:
            self._samples.popleft()
        rate = self._rate()
        left = (total - done) / rate if rate and total >= done > 0 else None
        return Progress(phase, done, total, unit, rate, left)

    def _rate(self) -> float | None:
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        if end - start < 0.5 or last == first:  # the first blocks compile and warm up: no promise from them
            return None
        return (last - first) / (end - start)


class Throttle:
    """Lets through what should be shown: five updates a second, each new phase and the end of a phase."""

    def __init__(self) -> None:
        self._phase: str | None = None
        self._last = 0.0

    def passes(self, now: float, phase: str, done: int, total: int) -> bool:
        """Whether the update at the time ``now`` is shown."""
        due = now - self._last >= 1 / UPDATES_PER_SECOND
        if not (due or phase != self._phase or (total > 0 and done >= total)):
            return False
        self._phase, self._last = phase, now
        return True


class ProgressFile:
    """Progress as a small file, written under another name and renamed, so that a reader never sees half of it.

    Parameters
    ----------
    path
        The file.
    clock
        Seconds of a clock that never goes back.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._pace, self._throttle = Pace(), Throttle()
        self._lock = threading.Lock()

    def update(self, phase: str, done: int, total: int, unit: str) -> None:
        """Say how far the work is; cheap enough to call for every block, from any thread."""
        with self._lock:
            now = self._clock()
            if self._throttle.passes(now, phase, done, total):
                self._write(self._pace.progress(now, phase, done, total, unit))

    def _write(self, progress: Progress) -> None:
        unfinished = self._path.with_name(f"{self._path.name}.tmp")
        with suppress(OSError):  # a full disk is told by the work itself; its progress must not be what ends it
            unfinished.write_text(json.dumps(asdict(progress)), encoding="utf-8")
            unfinished.replace(self._path)


class ProgressLine:
    """Progress as text: one line that refreshes itself in a terminal, elsewhere one line a phase.

    Parameters
    ----------
    stream
        Where to write, as a rule stderr.
    clock
        Seconds of a clock that never goes back.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._pace, self._throttle = Pace(), Throttle()
        self._phases: set[str] = set()
        self._open_phase: str | None = None  # its line still waits for its newline
        self._lock = threading.Lock()

    def update(self, phase: str, done: int, total: int, unit: str) -> None:
        """Say how far the work is."""
        with self._lock:
            now = self._clock()
            if not self._throttle.passes(now, phase, done, total):
                return
            if self._stream.isatty():
                self._refresh(self._pace.progress(now, phase, done, total, unit))
            elif phase not in self._phases:
                self._phases.add(phase)
                self._write(f"{phase}: {total:,} {unit}\n" if total > 0 else f"{phase}\n")

    def _refresh(self, progress: Progress) -> None:
        before = "\n" if self._open_phase not in (None, progress.phase) else ""
        ended = progress.total > 0 and progress.done >= progress.total
        line = str(progress)[: shutil.get_terminal_size().columns - 1]
        self._write(f"{before}\r{line}\x1b[K" + ("\n" if ended else ""))
        self._open_phase = None if ended else progress.phase

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a closed terminal does not end the work
            self._stream.write(text)
            self._stream.flush()


def reporter() -> Report:
    """Where this process says its progress: its job's file (and a line a phase in the log), a terminal, or nowhere.

    Returns
    -------
    Callable[[str, int, int, str], None]
        To be called with phase, done, total and unit.
    """
    line = ProgressLine(sys.stderr).update if sys.stderr is not None else _nowhere
    path = os.environ.get(FILE_VARIABLE)
    if not path:
        return line
    file = ProgressFile(Path(path)).update

    def file_and_log(phase: str, done: int, total: int, unit: str) -> None:
        file(phase, done, total, unit)
        line(phase, done, total, unit)

    return file_and_log


def _nowhere(phase: str, done: int, total: int, unit: str) -> None:
    """Progress of a process that has no stderr."""


def read_progress(path: Path) -> Progress | None:
    """The progress in a file, None if there is none (yet) or it cannot be read."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def die_with_parent() -> None:
    """End this process as soon as the worker that started it has ended, by kill -9 too; outside a job do nothing.

    To be called first thing by a verb's process, so that a job never goes on beside its own second attempt.
    """
    worker = os.environ.pop(WORKER_VARIABLE, None)  # popped: a process that the job starts has another parent
    if worker is None:
        return
    if sys.platform == "linux":
        _ask_the_kernel_for_a_death_signal()
    else:
        threading.Thread(target=_watch_parent, args=(int(worker),), daemon=True, name="watch parent").start()
    if os.getppid() != int(worker):  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _ask_the_kernel_for_a_death_signal() -> None:
    import ctypes  # 10 ms that only a job on Linux needs

    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _watch_parent(worker: int, every_seconds: float = 0.5) -> None:
    while os.getppid() == worker:
        time.sleep(every_seconds)
    os.kill(os.getpid(), signal.SIGKILL)
