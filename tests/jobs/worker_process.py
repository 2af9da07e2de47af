"""Stands in for ``python -m core worker`` in the tests of jobs; its jobs are verbs of verbs.py."""

import sys
from pathlib import Path

from core.jobs import worker


def command_of(verb, args):
    return [sys.executable, str(Path(__file__).with_name("verbs.py")), verb, *args]


if __name__ == "__main__":
    sys.exit(worker.main(command=command_of))
