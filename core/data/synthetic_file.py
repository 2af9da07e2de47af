"""File of the simulated screen: its counts appended block by block, so that memory does not grow with them."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from anndata.io import write_elem

from core.data.synthetic_counts import Simulation
from core.errors import StorageError

Report = Callable[[str, int, int, str], None]
"""Takes phase, done, total and the unit."""


def write_h5ad(path: Path, simulation: Simulation, report: Report | None) -> None:
    """An AnnData file whose counts are appended block by block."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for n_done in _append_counts(file.create_group("X"), simulation):
            if report is not None:
                report("Simulating", n_done, simulation.n_cells, "cells")
        for name, value in {"obs": simulation.obs(), "var": simulation.var(), "uns": simulation.uns()}.items():
            write_elem(file, name, value)
        for name in ("layers", "obsm", "obsp", "varm", "varp"):
            write_elem(file, name, {})
    _flush_to_disk(path)


def _append_counts(group: h5py.Group, simulation: Simulation) -> Iterator[int]:
    """Write the counts as CSR; yields how many cells are written."""
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    group.attrs["shape"] = np.array([simulation.n_cells, simulation.n_genes], np.int64)
    data, indices = (
        group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(1 << 18,))
        for name, dtype in (("data", np.float32), ("indices", np.int32))
    )
    ends = [np.zeros(1, np.int64)]
    n_cells = n_stored = 0
    for block in simulation.blocks():
        for stored, values in ((data, block.data), (indices, block.indices)):
            stored.resize((n_stored + block.nnz,))
            stored[n_stored:] = values
        ends.append(n_stored + block.indptr[1:].astype(np.int64))
        n_stored += block.nnz
        n_cells += block.shape[0]
        yield n_cells
    group.create_dataset("indptr", data=np.concatenate(ends))


def write_json(path: Path, record: dict[str, Any]) -> None:
    """A record as JSON, on the disk when this returns."""
    path.write_text(json.dumps(record, separators=(",", ":")), encoding="utf-8")
    _flush_to_disk(path)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def check_room(path: Path, simulation: Simulation) -> None:
    """Ask for the room before the work: HDF5 does not survive a disk that fills up under it (h5py's issue 914)."""
    needed = 0.7 * 8 * simulation.n_cells * simulation.n_genes + 100 * simulation.n_cells + 5e6
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StorageError(
            f"The simulated screen takes about {1 + round(needed / 1e6):,} MB, but {path.parent} has "
            f"{free / 1e6:,.0f} MB left. Make room, choose another folder, or ask for fewer cells."
        )


def reason(error: Exception) -> str:
    """The system's own words, without h5py's addresses."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else "the disk is full, or the file may not grow further"
