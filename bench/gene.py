"""How long does one gene's values, one target's row and one gene's column take to read?"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from common import ROOT, WORK, screen

sys.path.insert(0, str(ROOT))


def milliseconds(call: Callable[[str], object], names: list[str]) -> str:
    """Median and 95th percentile over names."""
    took = []
    for name in names:
        started = time.perf_counter()
        call(name)
        took.append(1e3 * (time.perf_counter() - started))
    return f"median {statistics.median(took):6.2f} ms, p95 {np.quantile(took, 0.95):6.2f} ms"


def main() -> None:
    """Forty random genes and targets."""
    from core.store import build_study

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    args = parser.parse_args()
    study = build_study(screen(args.cells), data_root=WORK / f"root_{args.cells}")
    rng = np.random.default_rng(0)
    genes = list(rng.choice(study.genes.index, 40))
    targets = list(rng.choice(study.targets.index, 40))
    print(f"{args.cells:,} cells x {study.n_genes:,} genes")
    print(f"one gene's values     {milliseconds(study.values, genes)}")
    print(f"one target's effects  {milliseconds(study.effects, targets)}")
    print(f"one gene's effects    {milliseconds(study.gene_effects, genes)}")


if __name__ == "__main__":
    main()
