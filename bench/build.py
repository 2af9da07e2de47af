"""How long do turn and sweep take beside the prototypes, and how much memory?"""

import argparse
import json
import resource
import shutil
import sys
import time
from pathlib import Path

from common import ROOT, WORK, YARDSTICKS, line, run, screen


def build_once(path: Path, root: Path, warm: bool) -> dict[str, float]:
    """Build a study from nothing; seconds of its phases and peak memory.

    With ``warm``, kernels are loaded before the clock starts, as the prototypes load theirs.
    """
    sys.path.insert(0, str(ROOT))
    from core import doctor
    from core.store import build_study

    if warm:
        doctor.warm()
    shutil.rmtree(root, ignore_errors=True)
    began: dict[str, float] = {}
    ended: dict[str, float] = {}

    def report(phase: str, done: int, total: int, unit: str) -> None:
        began.setdefault(phase, time.perf_counter())
        ended[phase] = time.perf_counter()

    started = time.perf_counter()
    build_study(path, data_root=root, report=report)
    total = time.perf_counter() - started
    turn = ended["Reading"] - started
    sweep = ended["Testing genes"] - ended["Reading"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"turn": turn, "sweep": sweep, "rest": total - turn - sweep, "total": total, "gigabytes": memory}


def main() -> None:
    """Alternate ours and the prototypes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", choices=("warm", "fresh"), help="build once and print JSON")
    args = parser.parse_args()
    path, root = screen(args.cells), WORK / f"root_{args.cells}"
    if args.once:
        print(json.dumps(build_once(path, root, args.once == "warm")))
        return
    ours, fresh, turns, sweeps, tests = [], [], [], [], []
    for _ in range(args.rounds):
        for into, state in ((ours, "warm"), (fresh, "fresh")):
            into.append(run([sys.executable, __file__, "--once", state, "--cells", args.cells]).json())
        folder = WORK / f"proto_{args.cells}"
        turns.append(run([sys.executable, YARDSTICKS / "proto_genemajor.py", "build", path, folder]).json()["s_total"])
        tests.append(run([sys.executable, YARDSTICKS / "proto_genemajor.py", "test", folder]).json()["s_total"])
        sweep = run([sys.executable, YARDSTICKS / "proto_sweep.py", folder, path, "--groups", "batch", "--no-save"])
        sweeps.append(sweep.json()["s_wall"])
    print(f"{args.cells:,} cells, {args.rounds} rounds, medians")
    line("turn", [o["turn"] for o in ours], turns, "prototype")
    line("sweep, with calibration and folds", [o["sweep"] for o in ours], sweeps, "prototype")
    together = [a + b for a, b in zip(turns, tests, strict=True)]
    line("whole build", [o["total"] for o in ours], together, "turn + tests")
    line("the first build of a process", [o["total"] for o in fresh], together, "turn + tests")
    print(f"peak memory {max(o['gigabytes'] for o in fresh):.2f} GB")


if __name__ == "__main__":
    main()
