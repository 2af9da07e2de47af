"""Builds in processes of their own, which may die: ``python -m tests.store.builds_apart FILE ROOT=MOMENT ...``.

One interpreter imports everything and forks once a build. MOMENT is ``end`` (build to the end), ``unwarned`` (the same
without a look at the room on the disk), ``race`` (two at once),
``PHASE:N`` (die by SIGKILL at the N-th report of that phase) or ``MODULE.FUNCTION`` (die when it is called). Prints a
JSON object of what became of each: ``built``, ``killed`` or the error's sentence; anything else is a bug.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import core.store.preprocess  # noqa: F401 - all kernels before the fork
from core.errors import PerturbscopeError
from core.store import build_study, building


def die(*_, **__):
    """End this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def reporter(moment):
    """Function that dies at the given report, or nothing."""
    phase, _, number = moment.partition(":")
    seen = []

    def report(name, done, total, unit):
        if number and name == phase:
            seen.append(done)
            if len(seen) == int(number):
                die()

    return report


def build(path, root, moment, answer):
    """Build in this process and write what became of it; never returns."""
    if moment == "unwarned":
        building.refuse_without_room = lambda *_: None
    if "." in moment:
        module, _, function = moment.rpartition(".")
        owner = importlib.import_module(module)
        setattr(owner, function, die)
    try:
        build_study(path, data_root=Path(root), report=reporter(moment)).verify()
        text = "built"
    except PerturbscopeError as error:
        text = f"{type(error).__name__}: {error}"
    os.write(answer, text.encode())
    os._exit(0)


def start(path, root, moment):
    """Start one build; its process id and where it answers."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        build(path, root, moment, writing)
    os.close(writing)
    return pid, reading


def ended(pid, reading):
    """What became of a build."""
    text = b""
    while piece := os.read(reading, 1 << 16):
        text += piece
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "killed" if number == signal.SIGKILL else f"died of signal {number} {text.decode()}".strip()
    return text.decode() or f"exit {os.WEXITSTATUS(status)}"


def main(path, *places):
    """Run the builds one after another; a race is two at once."""
    found = {}
    for place in places:
        root, _, moment = place.rpartition("=")
        started = [start(path, root, moment) for _ in range(2 if moment == "race" else 1)]
        found[place] = [ended(*one) for one in started]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
