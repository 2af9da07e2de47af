"""Studies over small screens with planted effects, built once for all tests of views."""

from collections.abc import Callable

import numpy as np
import pytest

from core.store import Study, build_study
from tests.small_screens import small_screen


@pytest.fixture(scope="session")
def screen_study(tmp_path_factory) -> Study:
    """Counts, batches, guides; GENE3's knock-down raises GENE2."""
    folder = tmp_path_factory.mktemp("view-screen")
    return build_study(small_screen().write(folder / "screen.h5ad"), data_root=folder / "root")


@pytest.fixture(scope="session")
def strata_study(tmp_path_factory) -> Study:
    """The same with two cell types, over which GENE7's cells are unevenly spread."""
    folder = tmp_path_factory.mktemp("view-strata")
    path = small_screen(n_strata=2, seed=5).write(folder / "strata.h5ad")
    return build_study(path, data_root=folder / "root")


@pytest.fixture(scope="session")
def other_study(tmp_path_factory) -> Callable[..., Study]:
    """Function that builds a study of the small screen after a change to its AnnData."""

    def build(change) -> Study:
        folder = tmp_path_factory.mktemp("view-other")
        adata = small_screen().adata(layout="dense")
        adata.X = np.asarray(adata.X)
        change(adata)
        adata.write_h5ad(folder / "other.h5ad")
        return build_study(folder / "other.h5ad", data_root=folder / "root")

    return build
