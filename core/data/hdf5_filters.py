"""HDF5 filters: which of them a dataset went through, and how each is undone outside the HDF5 library."""

from collections.abc import Callable

import h5py
import numpy as np
from isal import isal_zlib
from numcodecs import blosc, zstd

from core.data import _kernels
from core.data.stored_arrays import Array


def filters(dataset: h5py.Dataset) -> dict[int, str]:
    """HDF5's filters of a dataset in the order of writing: number and name."""
    properties = dataset.id.get_create_plist()
    found = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    return {
        code: _FILTER_NAMES.get(code, f"filter {code} ({name.decode('ascii', 'replace')})") for code, *_, name in found
    }


_FILTER_NAMES = {1: "gzip", 4: "szip", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp"}
_FILTER_NAMES |= {32015: "zstd", 32026: "blosc2"}
"""Filters registered with the HDF Group, by number; each is what a user would search for."""


def _inflate(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(isal_zlib.decompress(raw, bufsize=into.size), np.uint8)


def _unlzf(raw: Array, into: Array, itemsize: int) -> Array:
    if _kernels.lzf_decompress(raw, into) != into.size:
        raise ValueError("damaged LZF stream")
    return into


def _unzstd(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(zstd.decompress(raw), np.uint8)


def _unblosc(raw: Array, into: Array, itemsize: int) -> Array:
    return np.frombuffer(blosc.decompress(raw), np.uint8)


def _unshuffle(raw: Array, into: Array, itemsize: int) -> Array:
    if raw.size != into.size:
        raise ValueError("a chunk of the wrong size")
    if itemsize == 1:
        return raw
    kernel = {2: _kernels.unshuffle2, 4: _kernels.unshuffle4, 8: _kernels.unshuffle8}[itemsize]
    kernel(raw, into.view(f"u{itemsize}"))
    return into


DECODERS: dict[int, Callable[[Array, Array, int], Array]] = {
    h5py.h5z.FILTER_DEFLATE: _inflate,
    h5py.h5z.FILTER_SHUFFLE: _unshuffle,
    h5py.h5z.FILTER_LZF: _unlzf,
    32001: _unblosc,
    32015: _unzstd,
}
"""How to undo a filter: of stored bytes, into an array of the right size or another, given bytes an item."""
