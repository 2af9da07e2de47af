"""Everything at VCC size: each row of docs/performance.md beside its yardstick and the reading of the bytes."""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import ROOT, WORK, YARDSTICKS, run, screen

SIZES = (10_000, 40_000, 221_273)
RESULTS = WORK / "vcc.json"
GENES = 100


def cold() -> bool:
    """Have the system forget what it read; only root can."""
    subprocess.run(["sync"], check=True)
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def seconds_to_read(path: Path) -> float:
    """The limit: reading every byte once."""
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(16 << 20)
        while file.readinto(buffer):
            pass
    return time.perf_counter() - started


def building(cells: int, path: Path) -> dict[str, float]:
    """Ours and the prototypes', each with a warm and, where it can be had, a cold cache."""
    found: dict[str, float] = {}
    ours = [sys.executable, Path(__file__).with_name("build.py"), "--once", "warm", "--cells", cells]
    folder = WORK / f"proto_{cells}"
    if cold():
        found["read_cold"] = seconds_to_read(path)
        cold()
        found |= {f"{phase}_cold": value for phase, value in run(ours).json().items()}
    found["read"] = seconds_to_read(path)
    found |= run(ours).json()
    found["proto_turn"] = run([sys.executable, YARDSTICKS / "proto_genemajor.py", "build", path, folder]).json()[
        "s_total"
    ]
    sweep = [sys.executable, YARDSTICKS / "proto_sweep.py", folder, path, "--groups", "batch", "--no-save"]
    found["proto_sweep"] = run(sweep).json()["s_wall"]
    return found


def reading(path: Path, cells: int) -> dict[str, float]:
    """Opening a built study, one gene of it, and what it takes on the disk."""
    sys.path.insert(0, str(ROOT))
    from core.store import build_study, open_study

    root = WORK / f"root_{cells}"
    name = build_study(path, data_root=root).name
    started = time.perf_counter()
    study = open_study(name, data_root=root)
    study.effects(study.targets.index[0])
    opened = time.perf_counter() - started
    genes = np.random.default_rng(0).choice(study.genes.index, GENES)
    took = {}
    for state in ("first", "warm"):
        times = []
        for gene in genes:
            started = time.perf_counter()
            study.values(gene)
            times.append(1e3 * (time.perf_counter() - started))
        took |= {f"gene_{state}_median": statistics.median(times), f"gene_{state}_p95": float(np.quantile(times, 0.95))}
    source = path.stat().st_size
    sizes = {part: _size(study.folder / part) / source for part in ("values", "tables")}
    return {"open": opened, "values_share": sizes["values"], "tables_share": sizes["tables"], **took}


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def preprocessing(path: Path, cells: int) -> dict[str, float]:
    """The whole command beside a copy of the file, one after the other: at VCC size each takes 16 GB."""
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "core", "preprocess", path, WORK / "ours.h5ad"]
    took = {}
    for name, work in {  # pages of the disk's cache are touched once
        "first": [*command, "--data-root", WORK / f"root_{cells}"],
        "preprocess": [*command, "--data-root", WORK / f"root_{cells}"],
        "cp": ["cp", path, WORK / "ours.h5ad"],
    }.items():
        took[name] = run(work).seconds
        (WORK / "ours.h5ad").unlink()
    return {name: took[name] for name in ("preprocess", "cp")}


def measure(cells: int) -> dict[str, float]:
    """All that is asked at one size."""
    path = screen(cells)
    found = {"cells": cells, "bytes": path.stat().st_size} | building(cells, path) | reading(path, cells)
    fits = shutil.disk_usage(WORK).free > 1.3 * path.stat().st_size
    return found | (preprocessing(path, cells) if fits else {})


def main() -> None:
    """Measure the sizes asked for, keep the results, print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="*", default=list(SIZES))
    args = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for cells in args.cells:
        results[str(cells)] = measure(cells)
        RESULTS.write_text(json.dumps(results, indent=1))
        print(json.dumps(results[str(cells)], indent=1))


if __name__ == "__main__":
    main()
