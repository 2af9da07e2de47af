"""Small AnnData files in every layout that is met in the wild; tests write them, none is kept."""

import warnings
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr


def small_adata(n_cells: int = 70, n_genes: int = 30, seed: int = 0, dtype: str = "float32") -> ad.AnnData:
    """Counts of a small screen: three targets, two batches, a few empty cells and an empty gene."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.6, 2.0, n_genes), (n_cells, n_genes))
    counts[:: max(1, n_cells // 5)] = 0
    counts[:, n_genes // 2] = 0
    labels = np.array(["non-targeting", "GENE1", "GENE2", "GENE3"])[rng.integers(0, 4, n_cells)]
    obs = pd.DataFrame(
        {
            "target_gene": pd.Categorical(labels),
            "guide_id": np.char.add(labels.astype("U20"), "_1").astype(object),
            "batch": pd.Categorical(rng.choice(["b1", "b2"], n_cells)),
            "depth": rng.random(n_cells),
            "doublet": rng.random(n_cells) < 0.1,
        },
        index=[f"cell{i}" for i in range(n_cells)],
    )
    ids, symbols = [f"ENSG{i:011d}" for i in range(n_genes)], [f"GENE{i}" for i in range(n_genes)]
    var = pd.DataFrame({"gene_id": ids}, index=symbols)
    return ad.AnnData(sp.csr_matrix(counts.astype(dtype)), obs=obs, var=var)


def with_layout(adata: ad.AnnData, layout: str) -> ad.AnnData:
    """The same data with X as ``"csr"``, ``"csc"`` or ``"dense"``."""
    dense = np.asarray(adata.X.todense()) if sp.issparse(adata.X) else np.asarray(adata.X)
    matrix = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}[layout](dense)
    return ad.AnnData(matrix, obs=adata.obs.copy(), var=adata.var.copy())


def write_h5ad(path: Path, adata: ad.AnnData, *, index_dtypes: tuple[str, str] | None = None, **storage: Any) -> Path:
    """Write ``adata``, its X stored as told.

    Parameters
    ----------
    index_dtypes
        Types of indptr and indices.
    storage
        What :meth:`h5py.Group.create_dataset` takes: chunks, compression, shuffle, maxshape, ...
    """
    adata.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        parts = ["X"] if isinstance(file["X"], h5py.Dataset) else ["X/data", "X/indices", "X/indptr"]
        for part in parts:
            values, attributes = file[part][()], dict(file[part].attrs)
            if index_dtypes and part != parts[0]:
                values = values.astype(index_dtypes[0] if part.endswith("indptr") else index_dtypes[1])
            del file[part]
            stored = file.create_dataset(part, data=values, **fitting(storage, values.shape))
            stored.attrs.update(attributes)
    return path


def fitting(storage: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """The storage options with chunks of the array's number of dimensions, none larger than the array."""
    chunks = storage.get("chunks")
    if not isinstance(chunks, tuple):
        return storage
    if len(chunks) != len(shape):
        chunks = (*chunks, *shape)[: len(shape)]
    return storage | {"chunks": tuple(max(1, min(c, n)) for c, n in zip(chunks, shape, strict=True))}


def write_zarr(path: Path, adata: ad.AnnData, *, zarr_format: int = 3, sharded: bool = False) -> Path:
    """Write ``adata`` as a zarr folder of format 2 or 3; with ``sharded`` X's arrays lie in shards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata and zarr announce their next defaults
        with ad.settings.override(zarr_write_format=zarr_format):
            adata.write_zarr(path)
    if sharded:
        root = zarr.open_group(path, mode="r+", use_consolidated=False)
        for part in ["X"] if isinstance(root["X"], zarr.Array) else ["X/data", "X/indices"]:
            values, attributes = root[part][...], dict(root[part].attrs)
            del root[part]
            chunks = tuple(max(1, n // 10) for n in values.shape)
            shards = tuple(4 * c for c in chunks)
            array = root.create_array(part, data=values, chunks=chunks, shards=shards)
            array.attrs.update(attributes)
    return path
