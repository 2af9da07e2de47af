"""Studies that are built once a session, each beside the arithmetic that it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from core.store import Study, build_study
from tests.small_screens import Screen, small_screen
from tests.store.reference import Reference


@dataclass(frozen=True)
class Built:
    """A study, the screen it was built from, and the reference."""

    study: Study
    screen: Screen
    expected: Reference
    path: Path


@pytest.fixture
def root(tmp_path) -> Path:
    """A data root of the test's own."""
    return tmp_path / "root"


@pytest.fixture
def build(tmp_path, root) -> Callable[..., Study]:
    """Function that writes an AnnData or a screen and builds its study in the test's own data root."""

    def write_and_build(source: Any, name: str = "screen", **overrides: Any) -> Study:
        path = tmp_path / f"{name}.h5ad"
        (source.adata() if isinstance(source, Screen) else source).write_h5ad(path)
        return build_study(path, data_root=root, **overrides)

    return write_and_build


def _built(folder: Path, screen: Screen, expected: Reference, adata: Any, **overrides: Any) -> Built:
    path = folder / "screen.h5ad"
    adata.write_h5ad(path)
    return Built(build_study(path, data_root=folder / "root", **overrides), screen, expected, path)


@pytest.fixture(scope="session")
def plain(tmp_path_factory) -> Built:
    """Counts with batches and guides; 45 genes and 900 cells are multiples of no block."""
    screen = small_screen()
    return _built(tmp_path_factory.mktemp("plain"), screen, Reference(screen.counts, screen.obs), screen.adata())


@pytest.fixture(scope="session")
def stratified(tmp_path_factory) -> Built:
    """The same with two cell types, over which a target is unevenly spread."""
    screen = small_screen(n_strata=2, seed=5)
    return _built(tmp_path_factory.mktemp("stratified"), screen, Reference(screen.counts, screen.obs), screen.adata())


@pytest.fixture(scope="session")
def logged(tmp_path_factory) -> Built:
    """A log-normalized file (float32), with strata."""
    screen = small_screen(n_strata=2, seed=7)
    normalized = screen.counts / np.maximum(screen.counts.sum(axis=1, keepdims=True), 1) * 60
    adata = screen.adata()
    adata.X = sp.csr_matrix(np.log1p(normalized).astype(np.float32))
    expected = Reference(adata.X.toarray(), screen.obs, logged=True)
    return _built(tmp_path_factory.mktemp("logged"), screen, expected, adata)


@pytest.fixture(scope="session")
def fractional(tmp_path_factory) -> Built:
    """Corrected counts: fractions, some of them minute."""
    screen = small_screen(seed=9)
    corrected = screen.counts * np.random.default_rng(0).choice([1.0, 0.5, 0.37, 1e-3, 2e-6], screen.counts.shape)
    adata = screen.adata()
    adata.X = sp.csr_matrix(corrected.astype(np.float32))
    expected = Reference(adata.X.toarray(), screen.obs)
    return _built(tmp_path_factory.mktemp("fractional"), screen, expected, adata, values="counts")


@pytest.fixture(params=["plain", "stratified", "logged", "fractional"])
def built(request) -> Built:
    """Each of the studies in turn."""
    return request.getfixturevalue(request.param)
