"""Nodes: groups and arrays of an AnnData file, in HDF5 or zarr, as their attributes describe them."""

from collections.abc import Iterator
from typing import Any

import h5py
import zarr

from core.data.hdf5_filters import filters
from core.data.unreadable import short_name

Node = Any
"""A group or array of h5py or zarr; both answer to the same names."""


def is_array(node: Node) -> bool:
    """Whether the node is an array, of either format."""
    return isinstance(node, h5py.Dataset | zarr.Array)


def is_group(node: Node) -> bool:
    """Whether the node is a group, of either format."""
    return isinstance(node, h5py.Group | zarr.Group)


def arrays_below(node: Node) -> Iterator[Node]:
    """Arrays at and below a node."""
    if is_array(node):
        yield node
    else:
        for name in node.keys():
            yield from arrays_below(node[name])


def is_null(node: Node) -> bool:
    """Whether the node stands for a None."""
    return bool(node.attrs.get("encoding-type") == "null" or is_array(node) and node.shape is None)


def is_compressed(array: Node) -> bool:
    """Whether reading the array costs more than copying it."""
    return bool(filters(array)) if isinstance(array, h5py.Dataset) else bool(array.compressors)


def attribute(node: Node, *names: str) -> Any:
    """The first of some attributes that the node has, in Python's own types; None if it has none of them."""
    for name in names:
        if name in node.attrs:
            value = node.attrs[name]
            return value.decode() if isinstance(value, bytes) else value.tolist() if hasattr(value, "tolist") else value
    return None


def sparse_layout(node: Node, n_cells: int) -> str:
    """``"csr"`` or ``"csc"``: as the node says, else as its row pointers fit the cells."""
    said = str(attribute(node, "encoding-type", "h5sparse_format") or "")[:3]
    if said in ("csr", "csc"):
        return said
    return "csr" if node["indptr"].shape[0] == n_cells + 1 else "csc"


def index_name_of(node: Node) -> str:
    """The name of the index of a table."""
    said = attribute(node, "_index")
    return str(said) if said is not None else "index" if "index" in node else "_index"


def column_names(node: Node, index_name: str) -> list[str]:
    """The columns of a table in their order, without the index."""
    ordered = attribute(node, "column-order")
    if ordered is None:
        ordered = sorted(node.keys())
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in ordered]
    return [name for name in dict.fromkeys(names) if name not in (index_name, "__categories")]


def contents(root: Node) -> str:
    """What a file holds, for a sentence."""
    names = [short_name(name) for name in sorted(root.keys())]
    return f"it holds {', '.join(names[:6])}{', and more' if len(names) > 6 else ''}" if names else "it holds nothing"
