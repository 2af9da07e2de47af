"""How long does a gzip-compressed matrix take to read, beside h5py? Without shuffle, as anndata writes it, and with."""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
from common import ROOT, WORK, YARDSTICKS, line, run, screen

RESULTS = WORK / "compressed.json"
PARTS = ("X/data", "X/indices")
ITEMS_AT_ONCE = 8_000_000
THREADS = 2


def compressed(path: Path, shuffle: bool) -> Path:
    """The values and indices of a screen, written anew with gzip."""
    copy = WORK / f"gzip_{shuffle}.h5"
    with h5py.File(path) as source, h5py.File(copy, "w") as target:
        for part in PARTS:
            target.create_dataset(part, data=source[part][:], compression="gzip", shuffle=shuffle)
    return copy


def seconds_by_h5py(path: Path) -> float:
    """The library's own reading."""
    with h5py.File(path) as file:
        started = time.perf_counter()
        for part in PARTS:
            file[part][:]
        return time.perf_counter() - started


def seconds_by_ours(path: Path) -> float:
    """The reader that a build uses, a piece at a time."""
    from core.data.hdf5_arrays import stored_hdf5

    with h5py.File(path) as file, path.open("rb") as raw, ThreadPoolExecutor(THREADS) as pool:
        started = time.perf_counter()
        for part in PARTS:
            stored = stored_hdf5(file[part], raw.fileno(), pool)
            for start in range(0, stored.shape[0], ITEMS_AT_ONCE):
                stored.read(start, min(start + ITEMS_AT_ONCE, stored.shape[0]))
        return time.perf_counter() - started


def main() -> None:
    """Alternate ours and h5py's; the prototype once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    results = {}
    for shuffle in (False, True):
        path = compressed(screen(args.cells), shuffle)
        seconds_by_ours(path)  # compiles, and fills the disk's cache
        took = np.array([(seconds_by_ours(path), seconds_by_h5py(path)) for _ in range(args.rounds)])
        name = "gzip and shuffle" if shuffle else "gzip"
        line(f"reading {name}, {args.cells:,} cells", list(took[:, 0]), list(took[:, 1]), "h5py")
        ours, theirs = np.median(took, axis=0)
        results[name] = {"ours": float(ours), "h5py": float(theirs)}
        if shuffle and YARDSTICKS.exists():
            print(run([sys.executable, YARDSTICKS / "proto_gzip_read.py", path]).output.strip())
        path.unlink()
    RESULTS.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
