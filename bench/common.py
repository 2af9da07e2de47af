"""What the benchmarks share: the test data, running a command with its cost, printing ratios."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ROOT.parent / "shared" / "tools"
YARDSTICKS = TOOLS / "yardsticks"
WORK = Path(os.environ.get("PERTURBSCOPE_BENCH", "/tmp/perturbscope-bench"))
PEERS = ROOT / ".venv-peers" / "bin" / "python"


@dataclass(frozen=True)
class Cost:
    """What one command took.

    Parameters
    ----------
    seconds
        Wall time.
    gigabytes
        Peak memory of its process.
    output
        What it printed.
    """

    seconds: float
    gigabytes: float
    output: str

    def json(self) -> dict[str, float]:
        """The last JSON line that it printed."""
        lines = [line for line in self.output.splitlines() if line.startswith("{")]
        found: dict[str, float] = json.loads(lines[-1])
        return found


def run(command: Sequence[object]) -> Cost:
    """Run a command to its end and say what it took."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(c) for c in command], stdout=output, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        output.seek(0), errors.seek(0)
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{errors.read()[-2000:]}")
        return Cost(seconds, used.ru_maxrss / 1e6, output.read())


def screen(cells: int) -> Path:
    """A simulated screen of VCC shape with that many cells, made once."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"vcc_like_{cells}.h5ad"
    if not path.exists():
        if not TOOLS.is_dir():
            raise SystemExit("The benchmarks need ../shared/tools/make_vcc_like.py, which is not here.")
        print(f"making {path}", file=sys.stderr)
        unfinished = path.with_name(f"unfinished_{path.name}")
        run([sys.executable, TOOLS / "make_vcc_like.py", unfinished, "--cells", cells])
        unfinished.rename(path)
    return path


def line(what: str, ours: Sequence[float], theirs: Sequence[float], name: str, unit: str = "s") -> None:
    """Print medians and their ratio."""
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{what:<34} ours {a:8.2f} {unit}   {name} {b:8.2f} {unit}   ours / theirs {a / b:6.2f}")
