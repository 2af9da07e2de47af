"""A study belongs to a file's content; what was built of it is found again, and never twice."""

import json
import os
import shutil
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import zarr

from core.errors import DamagedStoreError, RolesError, UnknownStudyError, UnreadableFileError
from core.store import build_study, building, inspect, list_studies, open_study, save_roles, study_record
from tests.data.files import write_zarr
from tests.small_screens import small_screen


@pytest.fixture
def path(tmp_path):
    return small_screen(200, 30, seed=71).write(tmp_path / "mine.h5ad")


@pytest.fixture
def no_reading(monkeypatch):
    """From here on, reading values or sweeping them is an error."""

    def refuse(name):
        monkeypatch.setattr(building, name, lambda *_, **__: pytest.fail(f"{name} was called again"))

    return refuse


def files_of(folder):
    return {p.relative_to(folder): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_moved_file_keeps_its_study(path, root, tmp_path, no_reading):
    first = build_study(path, data_root=root)
    moved = tmp_path / "elsewhere" / "other name.h5ad"
    moved.parent.mkdir()
    path.rename(moved)
    os.utime(moved, (1, 1))
    no_reading("turn"), no_reading("build_tables")
    second = build_study(moved, data_root=root)
    assert second.id == first.id and second.path == moved and len(list_studies(root)) == 1
    assert open_study(first.id, data_root=root).path == moved


def test_the_data_root_is_given_as_text_or_path_and_may_begin_at_home(path, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    built = build_study(str(path), data_root="~/studies here")

    assert built.folder.parent == tmp_path / "studies here" / "studies"
    assert open_study("mine", data_root=tmp_path / "studies here").id == built.id
    assert [record.id for record in list_studies("~/studies here")] == [built.id]


def test_a_changed_file_is_another_study_and_the_old_one_is_called_stale(path, root):
    first = build_study(path, data_root=root)
    adata = ad.read_h5ad(path)
    adata.X[5, 3] += 1
    adata.write_h5ad(path)
    assert study_record(root / "studies" / first.id / "study.json").state == "stale"
    second = build_study(path, data_root=root)
    assert second.id != first.id
    assert sorted(r.state for r in list_studies(root)) == ["ready", "stale"]
    assert second.values("GENE3")[5] == first.values("GENE3")[5] + 1


def test_a_zarr_whose_values_change_in_place_is_called_stale(path, root, tmp_path):
    folder = tmp_path / "mine.zarr"
    write_zarr(folder, ad.read_h5ad(path))
    build_study(folder, data_root=root)
    assert [record.state for record in list_studies(root)] == ["ready"]
    values = zarr.open_group(folder, mode="r+")["X/data"]
    values[:] = values[:] + 1
    assert [record.state for record in list_studies(root)] == ["stale"]


def test_a_study_in_a_folder_that_may_not_be_looked_into_hides_no_other(path, root, tmp_path, monkeypatch):
    other = small_screen(200, 30, seed=72).write(tmp_path / "other.h5ad")
    for file in (path, other):
        build_study(file, data_root=root)
    look = Path.stat

    def refuse(self, **how):
        if self == other:
            raise PermissionError(13, "Permission denied", str(self))
        return look(self, **how)

    monkeypatch.setattr(Path, "stat", refuse)
    assert {record.name: record.state for record in list_studies(root)} == {"mine": "ready", "other": "missing-file"}
    assert open_study("mine", data_root=root).n_genes == 30


def test_a_name_that_is_too_long_for_a_path_is_an_unknown_study(root):
    with pytest.raises(UnknownStudyError):
        open_study("x" * 300, data_root=root)


def test_a_recipe_of_size_factors_that_a_verb_was_given_is_not_what_the_study_shows(path, root):
    asked = open_study(path, data_root=root, size_factors="no-dominant")
    assert asked.roles.size_factors == "no-dominant"
    assert open_study("mine", data_root=root).roles.size_factors == "all"


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_the_names_of_raws_genes_count(kind, tmp_path):
    adata = small_screen(200, 30, seed=71).adata()
    names = []
    for k in range(2):
        if k:
            adata.var_names = ["GENE1" if n == "GENE0" else "GENE0" if n == "GENE1" else n for n in adata.var_names]
        adata.raw = adata.copy()
        thinned = adata[:, 5:].copy()
        thinned.X = thinned.X.log1p()
        file = tmp_path / f"{k}.{kind}"
        thinned.write_h5ad(file) if kind == "h5ad" else write_zarr(file, thinned)
        names.append(inspect(file, data_root=tmp_path).id)
    assert names[0] != names[1]


@pytest.mark.parametrize("what", ["obs", "var", "X"])
def test_any_part_of_the_content_counts(what, path, root, tmp_path):
    first = inspect(path, data_root=root).id
    adata = ad.read_h5ad(path)
    if what == "obs":
        adata.obs["batch"] = adata.obs["batch"].cat.rename_categories({"b1": "b7"})
    elif what == "var":
        adata.var["gene_id"] = adata.var["gene_id"].str.replace("ENSG0009", "ENSG0008")
    else:
        adata.X.data[3] += 1
    adata.write_h5ad(tmp_path / "other.h5ad")
    assert inspect(tmp_path / "other.h5ad", data_root=root).id != first


def test_a_study_whose_file_is_gone_still_answers(path, root):
    first = build_study(path, data_root=root)
    expected = first.values("GENE3")
    path.unlink()
    (record,) = list_studies(root)
    assert record.state == "missing-file" and record.n_targets == 5
    again = open_study(first.id, data_root=root)
    np.testing.assert_array_equal(again.values("GENE3"), expected)
    pd.testing.assert_frame_equal(again.effects("GENE3"), first.effects("GENE3"))


def test_a_touched_file_is_still_ready(path, root):
    build_study(path, data_root=root)
    os.utime(path)
    assert [r.state for r in list_studies(root)] == ["ready"]


def test_corrected_roles_read_no_file_again(path, root, no_reading):
    first = build_study(path, data_root=root)
    values = files_of(first.folder / "values")
    no_reading("turn")
    for roles in ({"batch_col": "none"}, {"size_factors": "no-dominant"}, {"control": ("GENE20",)}):
        other = build_study(path, data_root=root, **roles)
        assert other.id == first.id and other.fingerprint != first.fingerprint
    assert files_of(first.folder / "values") == values


def test_a_second_opening_writes_nothing(path, root, no_reading):
    first = build_study(path, data_root=root)
    before = files_of(first.folder)
    no_reading("turn"), no_reading("build_tables")
    build_study(path, data_root=root)
    open_study(path, data_root=root), open_study(first.id, data_root=root), open_study("mine", data_root=root)
    assert files_of(first.folder) == before


def test_old_roles_are_quick_to_choose_again(path, root, no_reading):
    first = build_study(path, data_root=root)
    build_study(path, data_root=root, batch_col="none")
    no_reading("turn"), no_reading("build_tables")
    assert build_study(path, data_root=root).fingerprint == first.fingerprint
    assert build_study(path, data_root=root, batch_col="none").roles.batch_col is None


def test_roles_given_once_are_not_remembered(path, root):
    first = build_study(path, data_root=root)
    build_study(path, data_root=root, batch_col="none")
    assert build_study(path, data_root=root).roles.batch_col == "batch"
    assert open_study(first.id, data_root=root).roles.batch_col == "batch"


def test_roles_to_remember_hold_for_every_way_of_opening(path, root):
    first = build_study(path, data_root=root, remember=True, batch_col="none", size_factors="no-dominant")
    for again in (
        build_study(path, data_root=root),
        open_study(first.id, data_root=root),
        open_study("mine", data_root=root),
    ):
        assert (again.roles.batch_col, again.roles.size_factors) == (None, "no-dominant")
    more = build_study(path, data_root=root, remember=True, control=("GENE20",))
    assert more.roles.control == ("GENE20",) and more.roles.batch_col is None
    assert inspect(path, data_root=root).reading.roles == more.roles


def test_saved_roles_are_those_of_the_next_build_and_of_the_study_opened_by_its_id(path, root):
    first = build_study(path, data_root=root)
    save_roles(first.id, {"size_factors": "no-dominant", "control": ("GENE20",)}, data_root=root)
    built = build_study(path, data_root=root)
    assert (built.roles.size_factors, built.roles.control) == ("no-dominant", ("GENE20",))
    opened = open_study(first.id, data_root=root)
    assert opened.fingerprint == built.fingerprint  # a page must not show the old result as a fresh one
    (record,) = list_studies(root)
    assert record.n_targets == len(built.targets)


def test_roles_of_an_unknown_study_cannot_be_saved(root):
    with pytest.raises(UnknownStudyError):
        save_roles("0" * 16, {"batch_col": "none"}, data_root=root)


def test_roles_that_fail_are_not_remembered(path, root):
    build_study(path, data_root=root)
    with pytest.raises(RolesError):
        build_study(path, data_root=root, remember=True, control=("nobody",))
    assert build_study(path, data_root=root).roles.control == ("non-targeting",)


def test_two_readings_of_the_values_stand_beside_one_another(path, root):
    """Counts looked at as log-normalized, and as counts again: each study keeps its own values."""
    counts = build_study(path, data_root=root)
    logged = build_study(path, data_root=root, values="log-normalized")
    again = build_study(path, data_root=root)
    assert again.gene_values.kind is again.roles.values and again.values("GENE3").dtype.kind == "u"
    assert logged.gene_values.kind is logged.roles.values
    np.testing.assert_array_equal(again.values("GENE3"), counts.values("GENE3"))


def test_layers_of_one_file_stand_beside_one_another(root, tmp_path):
    screen = small_screen(150, 20, seed=72)
    adata = screen.adata()
    adata.layers["a/b"] = adata.X * 2
    adata.layers["a-b"] = adata.X * 3
    with pytest.warns(FutureWarning):
        adata.write_h5ad(tmp_path / "a.h5ad")
    found = {}
    for matrix in ("X", *adata.layers):
        try:
            found[matrix] = build_study(
                tmp_path / "a.h5ad", data_root=root, matrix=f"layers/{matrix}" if matrix != "X" else "X"
            )
        except RolesError:  # a slash in a layer's name makes it a group
            continue
    np.testing.assert_array_equal(found["a-b"].values("GENE3"), 3 * found["X"].values("GENE3"))


def test_a_study_is_found_by_id_name_or_path_and_an_unknown_one_with_a_hint(path, root):
    first = build_study(path, data_root=root)
    for name in (path, str(path), first.id, "mine"):
        assert open_study(name, data_root=root).fingerprint == first.fingerprint
    with pytest.raises(UnknownStudyError, match="Did you mean mine"):
        open_study("mime", data_root=root)
    with pytest.raises(UnreadableFileError, match="no file"):
        open_study("nowhere/mine.h5ad", data_root=root)
    with pytest.raises(UnknownStudyError, match="Open a file first"):
        open_study("mine", data_root=root / "empty")


def test_a_folder_of_the_studys_name_does_not_hide_it(path, root, tmp_path, monkeypatch):
    build_study(path, data_root=root)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert open_study("mine", data_root=root).name == "mine"


def test_what_is_no_study_is_not_listed(path, root):
    build_study(path, data_root=root)
    for name, text in {"a": "", "b": "{", "c": "[]", "d": '{"tables": "x"}', "e": '"x"'}.items():
        folder = root / "studies" / name
        folder.mkdir()
        (folder / "study.json").write_text(text)
    (root / "studies" / "f").mkdir()
    assert [r.name for r in list_studies(root)] == ["mine"]


def test_a_study_record_that_is_lost_is_written_again(path, root, no_reading):
    first = build_study(path, data_root=root)
    (first.folder / "study.json").write_text("{")
    assert list_studies(root) == []
    no_reading("turn"), no_reading("build_tables")
    assert build_study(path, data_root=root).fingerprint == first.fingerprint
    assert [r.state for r in list_studies(root)] == ["ready"]


def test_the_list_tells_what_is_in_a_study(path, root):
    before = time.time()
    study = build_study(path, data_root=root)
    (record,) = list_studies(root)
    assert (record.id, record.name, record.path) == (study.id, "mine", path)
    assert (record.n_cells, record.n_genes, record.n_targets) == (200, 30, 5)
    assert before <= record.built_at <= time.time() and not record.simulated


def test_tables_of_another_version_are_built_again(path, root, monkeypatch):
    first = build_study(path, data_root=root)
    for file in first.folder.rglob("tables.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"version": 0}))
        manifest = json.loads(file.with_name("manifest.json").read_text())
        manifest["tables.json"]["bytes"] = file.stat().st_size
        file.with_name("manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedStoreError, match="another version"):
        open_study(first.id, data_root=root)
    build_study(path, data_root=root).verify()


def test_the_source_is_never_changed(path, root):
    before, stat = path.read_bytes(), path.stat()
    build_study(path, data_root=root)
    assert path.read_bytes() == before and path.stat().st_mtime_ns == stat.st_mtime_ns
    assert [p.name for p in path.parent.iterdir() if p != root] == ["mine.h5ad"]


def test_nothing_but_the_data_root_is_written(path, root, data_root):
    build_study(path, data_root=root)
    assert not data_root.exists()
    assert sorted(p.name for p in root.iterdir()) == ["studies"]
    shutil.rmtree(root)


def test_opening_a_study_many_times_leaves_no_file_open(path, root):
    build_study(path, data_root=root)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("no /proc to count open files in")
    for _ in range(30):
        study = open_study("mine", data_root=root)
        study.values("GENE3"), study.effects("GENE3")
        del study
    assert len(os.listdir("/proc/self/fd")) < before + 10
