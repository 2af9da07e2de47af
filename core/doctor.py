"""What this installation has and lacks, and the kernels compiled before a user waits for them."""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from core.settings import settings

PACKAGES = "streamlit anndata scanpy torch numpy pandas numba altair plotly pyarrow zarr".split()


def report() -> str:
    """Versions, places and space, a line each."""
    root = settings().data_root
    lines = [
        f"python {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"processors {os.cpu_count()}, threads used {settings().threads}",
        *(f"{name} {_version(name)}" for name in PACKAGES),
        f"data root {root} ({_space(root)})",
        *(f"data folder {folder}{'' if folder.is_dir() else ' (missing)'}" for folder in settings().folders),
    ]
    return "\n".join(lines)


def warm() -> None:
    """Compile the kernels by building two tiny studies; the result is cached beside the program."""
    from core.data.synthetic import write_demo
    from core.store import build_study
    from core.store.preprocess import preprocess

    print("compiling kernels (once, about half a minute)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warm.h5ad"
        write_demo(path, 600, 400, 6, 0)
        study = build_study(path, data_root=Path(folder))
        logged = path.with_name("logged.h5ad")
        preprocess(study, logged, n_top_genes=50, threads=1, report=lambda *_: None)
        build_study(logged, data_root=Path(folder))
        study.values(study.genes.index[0])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing: run make run again, or pip install -r requirements.txt"


def _space(root: Path) -> str:
    existing = next(p for p in (root, *root.parents) if p.exists())
    if not os.access(existing, os.W_OK):
        return "not writable: set PERTURBSCOPE_DATA_ROOT to a folder of yours"
    return f"{shutil.disk_usage(existing).free / 1e9:,.0f} GB free"
