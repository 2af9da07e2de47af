"""How long does ``preprocess`` take beside copying the file, and beside the prototype?"""

import argparse
import sys

from common import ROOT, WORK, YARDSTICKS, line, run, screen


def main() -> None:
    """Alternate ours, a copy and the prototype."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    args = parser.parse_args()
    path, root = screen(args.cells), WORK / f"root_{args.cells}"
    core = [sys.executable, "-m", "core"]
    run(["env", f"PYTHONPATH={ROOT}", *core, "build", path, "--data-root", root])
    ours, copies, prototypes, memory = [], [], [], 0.0
    for _ in range(3):
        cost = run(["env", f"PYTHONPATH={ROOT}", *core, "preprocess", path, WORK / "ours.h5ad", "--data-root", root])
        ours.append(cost.seconds)
        memory = max(memory, cost.gigabytes)
        copies.append(run(["cp", path, WORK / "copy.h5ad"]).seconds)
        prototypes.append(run([sys.executable, YARDSTICKS / "proto_preprocess.py", path, WORK / "proto.h5ad"]).seconds)
    line("preprocess, whole command", ours, copies, "cp")
    line("preprocess, whole command", ours, prototypes, "prototype")
    print(f"peak memory of ours {memory:.2f} GB")


if __name__ == "__main__":
    main()
