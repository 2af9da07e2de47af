"""A folder of files with the same genes is one screen: the same study as their concatenation."""

import os

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from core.data.reading import open_source
from core.errors import UnreadableFileError
from core.store import build_study, list_studies
from tests.data.files import write_zarr
from tests.small_screens import small_screen


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "screen"
    path.mkdir()
    return path


def parts_of(adata, n=3):
    """Consecutive cells, in parts of different size."""
    bounds = np.linspace(0, 1, n + 1) ** 1.5 * adata.n_obs
    return [adata[int(a) : int(b)].copy() for a, b in zip(bounds, bounds[1:], strict=False)]


def write(parts, folder, ending=".h5ad"):
    for k, part in enumerate(parts):
        if ending == ".zarr":
            write_zarr(folder / f"part{k}.zarr", part)
        else:
            part.write_h5ad(folder / f"part{k}.h5ad")


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
@pytest.mark.parametrize("ending", [".h5ad", ".zarr"])
def test_a_set_gives_the_study_of_its_concatenation(folder, tmp_path, layout, ending):
    screen = small_screen(700, 45)
    write(parts_of(screen.adata(layout)), folder, ending)
    whole = screen.write(tmp_path / "whole.h5ad", layout)

    of_set = build_study(folder, data_root=tmp_path / "root", batch_col="batch")
    of_file = build_study(whole, data_root=tmp_path / "root", batch_col="batch")

    assert of_set.n_cells == 700 and of_set.id != of_file.id
    for target in of_file.targets.index:
        pd.testing.assert_frame_equal(of_set.effects(target), of_file.effects(target))
    np.testing.assert_array_equal(of_set.values("GENE3"), of_file.values("GENE3"))
    pd.testing.assert_frame_equal(of_set.targets, of_file.targets)


def test_genes_in_another_order_are_put_in_the_order_of_the_first_file(folder, tmp_path):
    screen = small_screen(500, 45)
    first, second, third = parts_of(screen.adata())
    write([first, second[:, ::-1].copy(), third], folder)
    whole = screen.write(tmp_path / "whole.h5ad")

    of_set = build_study(folder, data_root=tmp_path / "root", batch_col="batch")

    expected = build_study(whole, data_root=tmp_path / "root", batch_col="batch")
    pd.testing.assert_frame_equal(of_set.effects("GENE7"), expected.effects("GENE7"))


def test_the_file_of_every_cell_is_a_column_and_the_batch_where_there_is_no_other(folder, tmp_path):
    adata = small_screen(500, 45).adata()
    del adata.obs["batch"]
    write(parts_of(adata), folder)

    study = build_study(folder, data_root=tmp_path / "root")

    assert study.roles.batch_col == "file"
    assert study.batches.index.tolist() == ["part0", "part1", "part2"]
    assert any("3 files (part0, part1, part2)" in note for note in study.notes)


def test_batches_of_one_name_in_several_files_are_said(folder):
    write(parts_of(small_screen(500, 45).adata()), folder)
    with open_source(folder) as source:
        assert any("'b1' in several files" in note and "choose file as the batch" in note for note in source.notes)


def test_a_set_with_other_genes_is_refused_with_their_names(folder):
    first, second, third = parts_of(small_screen(500, 45).adata())
    write([first, second[:, :40].copy(), third], folder)
    with pytest.raises(
        UnreadableFileError, match=r"part1\.h5ad has other genes than part0\.h5ad: 5 are missing \(GENE"
    ):
        open_source(folder)


def test_counts_beside_log_normalized_values_are_refused(folder, tmp_path):
    first, second, third = parts_of(small_screen(500, 45).adata())
    second.X = second.X.log1p() * 0.7
    write([first, second, third], folder)
    with pytest.raises(UnreadableFileError, match=r"X holds counts in part0\.h5ad and log-normalized in part1\.h5ad"):
        build_study(folder, data_root=tmp_path / "root")


def test_one_damaged_file_of_a_set_is_named_and_the_others_are_let_go(folder):
    write(parts_of(small_screen(500, 45).adata()), folder)
    (folder / "part1.h5ad").write_bytes((folder / "part1.h5ad").read_bytes()[:3000])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UnreadableFileError, match=r"part1\.h5ad cannot be read"):
        open_source(folder)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_set_that_gains_a_file_is_another_study_and_the_old_one_is_stale(folder, tmp_path):
    parts = parts_of(small_screen(500, 45).adata())
    write(parts[:2], folder)
    first = build_study(folder, data_root=tmp_path / "root")
    write(parts, folder)

    assert [record.state for record in list_studies(tmp_path / "root")] == ["stale"]
    second = build_study(folder, data_root=tmp_path / "root")
    assert second.id != first.id and second.n_cells == 500


def test_columns_that_a_file_lacks_are_empty_there(folder):
    first, second, third = parts_of(small_screen(500, 45).adata())
    del second.obs["guide_id"]
    write([first, second, third], folder)
    with open_source(folder) as source:
        lacks = source.obs["guide_id"].isna()
        assert lacks[source.obs["file"] == "part1"].all() and not lacks[source.obs["file"] != "part1"].all()


def test_other_files_of_the_folder_are_not_read(folder, tmp_path):
    write(parts_of(small_screen(500, 45).adata()), folder)
    (folder / "README.md").write_text("not data")
    (folder / "sub").mkdir()
    ad.AnnData(np.ones((2, 2))).write_h5ad(folder / ".hidden.h5ad")
    with open_source(folder) as source:
        assert source.n_cells == 500


@pytest.mark.parametrize("layout", ["csr", "dense"])
def test_a_file_replaced_while_it_is_read_is_noticed_and_nothing_is_kept(tmp_path, layout):
    path = small_screen(400, 45).write(tmp_path / "mine.h5ad", layout)

    def replace(phase, done, total, unit):
        if phase == "Reading":
            small_screen(400, 45, seed=1).write(tmp_path / "other.h5ad", layout).replace(path)

    with pytest.raises(UnreadableFileError, match=r"mine\.h5ad .*changed or replaced while it was read"):
        build_study(path, data_root=tmp_path / "root", report=replace)

    assert not list((tmp_path / "root").glob("studies/*/values/*"))


def test_a_file_that_grows_while_it_is_read_is_noticed(tmp_path):
    path = small_screen(400, 45).write(tmp_path / "mine.h5ad")

    def grow(phase, done, total, unit):
        if phase == "Reading":
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(UnreadableFileError, match="changed or replaced while it was read"):
        build_study(path, data_root=tmp_path / "root", report=grow)
