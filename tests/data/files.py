"""Small AnnData files in every layout that is met in the wild; tests write them, none is kept."""

import warnings
from collections.abc import Callable
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


def change(path: Path, edit: Callable[[h5py.File], None]) -> Path:
    """Let ``edit`` change an HDF5 file."""
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def replace(file: h5py.File, path: str, values: Any, **storage: Any) -> None:
    """Put other values where a dataset was; its attributes stay."""
    attributes = dict(file[path].attrs)
    del file[path]
    file.create_dataset(path, data=values, **storage).attrs.update(attributes)


def spoil(path: Path, at: int, n: int = 4) -> Path:
    """Invert ``n`` bytes of a file."""
    content = bytearray(path.read_bytes())
    content[at : at + n] = bytes(255 - byte for byte in content[at : at + n])
    path.write_bytes(content)
    return path


def chunk_offset(path: Path, dataset: str, number: int) -> int:
    """Where a stored chunk begins in an HDF5 file."""
    with h5py.File(path) as file:
        return int(file[dataset].id.get_chunk_info(number).byte_offset)


def legacy_categories(path: Path) -> Path:
    """A file as AnnData 0.7 wrote it: codes beside ``__categories``, no encoding of the columns."""

    def edit(file: h5py.File) -> None:
        obs = file["obs"]
        for name in ("target_gene", "batch"):
            codes, labels = obs[name]["codes"][()], obs[name]["categories"][()]
            del obs[name]
            obs.create_dataset(f"__categories/{name}", data=labels)
            obs.create_dataset(name, data=codes).attrs["categories"] = obs[f"__categories/{name}"].ref
        obs.attrs["encoding-version"] = "0.1.0"

    return change(path, edit)


def legacy_compound(path: Path) -> Path:
    """A file as AnnData 0.6 wrote it: obs and var as records, labels in uns, X marked as h5sparse."""

    def edit(file: h5py.File) -> None:
        codes, labels = file["obs/target_gene/codes"][()], file["obs/target_gene/categories"][()]
        cells, genes = file["obs/_index"].asstr()[()], file["var/_index"].asstr()[()]
        depth, shape = file["obs/depth"][()], file["X"].attrs["shape"]
        del file["obs"], file["var"]
        fields = [("index", "S12"), ("target_gene", "i1"), ("depth", "f8")]
        records = [(cell.encode(), code, d) for cell, code, d in zip(cells, codes, depth, strict=True)]
        file["obs"] = np.array(records, fields)
        file["var"] = np.array([(gene.encode(),) for gene in genes], [("index", "S12")])
        file["uns/target_gene_categories"] = labels
        for name in list(file["X"].attrs):
            del file["X"].attrs[name]
        file["X"].attrs["h5sparse_format"], file["X"].attrs["h5sparse_shape"] = b"csr", shape

    return change(path, edit)
