"""How much faster are the Mann-Whitney tests than pdex and illico, every target and all genes?"""

import argparse
import json
import sys
import time
from pathlib import Path

from common import PEERS, ROOT, WORK, YARDSTICKS, line, run, screen


def sweep_once(path: Path) -> dict[str, float]:
    """Seconds of a sweep (tests, moments, folds, calibration, writing them) of a file that is turned already.

    The peers' clock starts at normalized data in memory, ours at gene-major counts on the disk.
    """
    sys.path.insert(0, str(ROOT))
    from core.store import build_study, tables

    root = WORK / "root_ranksum"
    study = build_study(path, data_root=root)
    sweep, took = tables.sweep, []

    def timed(*arguments: object) -> object:
        started = time.perf_counter()
        swept = sweep(*arguments)
        took.append(time.perf_counter() - started)
        return swept

    tables.sweep = timed
    (study.effects_path.parent / "manifest.json").unlink()  # makes the tables again
    build_study(path, data_root=root)
    return {"sweep": took[0]}


def main() -> None:
    """Ours, then the peers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--once", action="store_true")
    args = parser.parse_args()
    path = screen(args.cells)
    if args.once:
        print(json.dumps(sweep_once(path)))
        return
    if not PEERS.exists():
        raise SystemExit("Install the peers first: python bench/peers.py")
    ours = [run([sys.executable, __file__, "--once", "--cells", args.cells]).json()["sweep"] for _ in range(3)]
    for peer in ("illico", "pdex"):
        theirs = run([PEERS, YARDSTICKS / "peers_a.py", peer, path]).json()["s_test"]
        line(f"Mann-Whitney and the rest of the sweep, {args.cells:,} cells", ours, [theirs], peer)


if __name__ == "__main__":
    main()
