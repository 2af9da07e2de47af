"""How long does all-by-all similarity of perturbations take beside numpy's corrcoef of the same matrix?"""

import argparse
import json
import os
import resource
import sys
import time

from common import ROOT, line, run

SIZES = {"VCC": (150, 18_080), "genome-wide": (10_000, 8_000)}
"""Targets and genes."""


def once(targets: int, genes: int, whose: str) -> dict[str, float]:
    """Seconds of one run and peak memory, of ours or of numpy's."""
    import numpy as np

    sys.path.insert(0, str(ROOT))
    from core.stats.similarity import all_by_all, prepare

    rng = np.random.default_rng(0)
    deltas = rng.standard_normal((targets, genes), dtype=np.float32)
    own = rng.integers(0, genes, (targets, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    if whose == "ours":
        all_by_all(prepare(deltas, list(own), keep=np.ones(genes, bool)), threads=len(os.sched_getaffinity(0)))
    else:
        np.corrcoef(deltas, dtype=np.float32)  # no mean taken out, no gene left out
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "gigabytes": after / 1e6, "more": (after - before) / 1e6}


def main() -> None:
    """Both sizes, ours and numpy's in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", nargs=3, metavar=("TARGETS", "GENES", "WHOSE"))
    args = parser.parse_args()
    if args.once:
        print(json.dumps(once(int(args.once[0]), int(args.once[1]), args.once[2])))
        return
    for name, (targets, genes) in SIZES.items():
        found: dict[str, list[dict[str, float]]] = {"ours": [], "numpy": []}
        for _ in range(args.repeats):
            for whose, costs in found.items():
                costs.append(run([sys.executable, __file__, "--once", targets, genes, whose]).json())
        ours, theirs = ([cost["seconds"] for cost in costs] for costs in found.values())
        line(f"{name}, {targets:,} x {genes:,}", ours, theirs, "numpy's corrcoef (float32)")
        memory = ([cost["more"] for cost in costs] for costs in found.values())
        line("  memory beside the deltas", *memory, "numpy", "GB")


if __name__ == "__main__":
    main()
