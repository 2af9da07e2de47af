"""Does it matter how a file is written? The same screen in many layouts and types: the same effects, at which cost?"""

import argparse
import json
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import scipy.sparse as sp
from common import ROOT, WORK, screen

RESULTS = WORK / "inputs.json"
Variant = Callable[[ad.AnnData, Path], None]


def plain(adata: ad.AnnData, path: Path) -> None:
    """CSR, float32, int32 indices, not compressed."""
    adata.write_h5ad(path)


def compressed(filter_name: str) -> Variant:
    """CSR through one of HDF5's filters."""
    return lambda adata, path: adata.write_h5ad(path, compression=filter_name)


def as_type(dtype: str) -> Variant:
    """CSR with values of another type."""

    def write(adata: ad.AnnData, path: Path) -> None:
        plain(ad.AnnData(adata.X.astype(dtype), adata.obs, adata.var), path)

    return write


def wide_indices(adata: ad.AnnData, path: Path) -> None:
    """int64 indices and row pointers."""
    plain(adata, path)
    with h5py.File(path, "r+") as file:
        for part in ("indices", "indptr"):
            values = file[f"X/{part}"][:].astype(np.int64)
            del file[f"X/{part}"]
            file[f"X/{part}"] = values


def half(adata: ad.AnnData, path: Path) -> None:
    """float16: exact for counts up to 2,048."""
    plain(adata, path)
    with h5py.File(path, "r+") as file:
        values = np.minimum(file["X/data"][:], 2048).astype(np.float16)
        del file["X/data"]
        file["X/data"] = values


def by_gene(adata: ad.AnnData, path: Path) -> None:
    """CSC."""
    plain(ad.AnnData(sp.csc_matrix(adata.X), adata.obs, adata.var), path)


def dense(adata: ad.AnnData, path: Path) -> None:
    """Dense."""
    plain(ad.AnnData(adata.X.toarray(), adata.obs, adata.var), path)


def zarr_v3(adata: ad.AnnData, path: Path) -> None:
    """zarr v3, zstd."""
    with ad.settings.override(zarr_write_format=3):
        adata.write_zarr(path)


def log_normalized(adata: ad.AnnData, path: Path) -> None:
    """log1p of counts normalized to the median total, float32."""
    x = adata.X.astype(np.float64)
    totals = np.asarray(x.sum(axis=1)).ravel()
    scaled = sp.csr_matrix(sp.diags(np.median(totals) / totals) @ x).log1p().astype(np.float32)
    plain(ad.AnnData(scaled, adata.obs, adata.var), path)


def four_files(adata: ad.AnnData, path: Path) -> None:
    """A folder of four files."""
    path.mkdir()
    for k, cells in enumerate(np.array_split(np.arange(adata.n_obs), 4)):
        plain(adata[cells].copy(), path / f"part{k}.h5ad")


VARIANTS: dict[str, tuple[str, Variant]] = {
    "CSR float32, not compressed": ("h5ad", plain),
    "gzip": ("h5ad", compressed("gzip")),
    "lzf": ("h5ad", compressed("lzf")),
    "zarr v3, zstd": ("zarr", zarr_v3),
    "int64 indices": ("h5ad", wide_indices),
    "float64": ("h5ad", as_type("float64")),
    "float16": ("h5ad", half),
    "int32": ("h5ad", as_type("int32")),
    "CSC": ("h5ad", by_gene),
    "dense": ("h5ad", dense),
    "four files": ("set", four_files),
    "log-normalized": ("h5ad", log_normalized),
}


def build(path: Path, root: Path) -> tuple[float, dict[str, np.ndarray]]:
    """Seconds of a build, and the layers of its effects."""
    from core.store import build_study
    from core.store.files import map_arrays

    shutil.rmtree(root, ignore_errors=True)
    started = time.perf_counter()
    study = build_study(path, data_root=root)
    took = time.perf_counter() - started
    return took, {name: np.array(layer) for name, layer in map_arrays(study.effects_path, "layers").items()}


def difference(ours: dict[str, np.ndarray], expected: dict[str, np.ndarray], layer: str) -> float:
    """Largest difference of a layer."""
    both = np.isfinite(ours[layer]) & np.isfinite(expected[layer])
    return float(np.abs(ours[layer][both] - expected[layer][both]).max())


def main() -> None:
    """Write each variant, build it, compare, remove it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from core import doctor

    doctor.warm()
    warnings.simplefilter("ignore")
    adata = ad.read_h5ad(screen(args.cells))
    adata.X.data = np.minimum(adata.X.data, 2048)  # so that float16 holds the same screen
    folder, results = WORK / "inputs", {}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    expected: dict[str, np.ndarray] = {}
    for name, (ending, write) in VARIANTS.items():
        path = folder / f"screen.{ending}"
        write(adata, path)
        seconds, layers = build(path, folder / "root")
        expected = expected or layers
        first = results.get("CSR float32, not compressed", {}).get("seconds", seconds)
        results[name] = {
            "seconds": seconds,
            "ratio": seconds / first,
            "delta": difference(layers, expected, "delta"),
            "auc": difference(layers, expected, "auc"),
        }
        print(name, results[name], flush=True)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    RESULTS.write_text(json.dumps(results, indent=1))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
