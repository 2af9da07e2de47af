import fcntl
import gzip
import json
import os
import shutil
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

from core.data.chunks import cell_chunks
from core.data.matrix_look import judge
from core.data.reading import open_source
from core.errors import UnreadableFileError
from core.schema import Values
from tests.data.files import (
    change,
    chunk_offset,
    legacy_categories,
    legacy_compound,
    replace,
    small_adata,
    spoil,
    with_layout,
    write_h5ad,
    write_zarr,
)

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
EXPECTED = r"Expected an AnnData file \(\.h5ad, \.h5 or a zarr folder\)\."


@pytest.fixture
def h5ad(tmp_path):
    return write_h5ad(tmp_path / "a.h5ad", small_adata())


# ------------------------------------------------------------------------------------------------- what is in a file


@pytest.mark.parametrize("name", ["vcc.h5", "vcc.h5ad", "vcc", "vcc.txt", "vcc.zarr"])
def test_an_h5ad_is_known_by_its_content_whatever_its_ending(h5ad, name):
    path = h5ad.rename(h5ad.with_name(name))

    with open_source(path) as source:
        assert (source.kind, source.name, source.n_cells, source.n_genes) == ("h5ad", "vcc", 70, 30)


@pytest.mark.parametrize("name", ["screen.zarr", "screen", "screen.h5ad"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_is_known_by_its_content_whatever_its_ending(tmp_path, name, zarr_format):
    path = write_zarr(tmp_path / name, small_adata(), zarr_format=zarr_format)

    with open_source(path) as source:
        assert (source.kind, source.name, source.n_cells, source.n_genes) == ("zarr", "screen", 70, 30)


def every_kind_of_column():
    adata = small_adata()
    n = adata.n_obs
    adata.obs["ordered"] = pd.Categorical(["low", "high"] * (n // 2), ["low", "high", "never"], ordered=True)
    adata.obs["with_gaps"] = pd.Categorical([None, "x"] * (n // 2))
    adata.obs["maybe_int"] = pd.array([1, None] * (n // 2), dtype="Int64")
    adata.obs["maybe_bool"] = pd.array([True, None] * (n // 2), dtype="boolean")
    adata.obs["number_labels"] = pd.Categorical(np.arange(n) % 3)
    adata.obs["größe/µm"[:5]] = np.arange(n, dtype="int8")
    adata.obs["text"] = ["ä", ""] * (n // 2)
    adata.obs.index.name = "cell_id"
    return adata


@pytest.mark.parametrize("write", [write_h5ad, write_zarr])
def test_tables_equal_those_that_anndata_reads(tmp_path, write):
    path = write(tmp_path / "a", every_kind_of_column())
    want = ad.read_h5ad(path) if path.is_file() else ad.read_zarr(path)

    with open_source(path) as source:
        pd.testing.assert_frame_equal(source.obs, want.obs)
        pd.testing.assert_frame_equal(source.var, want.var)
        assert source.notes == []


def test_a_table_of_no_columns_keeps_its_names(tmp_path):
    adata = small_adata()
    adata.var = adata.var[[]]

    with open_source(write_h5ad(tmp_path / "a.h5ad", adata)) as source:
        assert source.var.shape == (30, 0)
        assert list(source.var.index) == list(adata.var_names)


@pytest.mark.parametrize(
    ("layout", "storage", "want"),
    [
        ("csr", {}, ("csr", False, 949)),
        ("csc", {"chunks": (50,), "compression": "lzf"}, ("csc", True, 949)),
        ("dense", {"chunks": (8, 8), "compression": "gzip"}, ("dense", True, None)),
    ],
    ids=["csr", "csc", "dense"],
)
def test_matrices_are_described_without_reading_them(tmp_path, layout, storage, want):
    adata = with_layout(small_adata(), layout)

    with open_source(write_h5ad(tmp_path / "a.h5ad", adata, **storage)) as source:
        matrix = source.matrices["X"]
        assert (matrix.layout, matrix.compressed, matrix.nnz) == want
        assert (matrix.dtype, matrix.n_cells, matrix.n_genes) == (np.float32, 70, 30)


@pytest.mark.parametrize("write", [write_h5ad, write_zarr])
def test_layers_and_raw_are_listed_and_raw_has_its_own_genes(tmp_path, write):
    adata = small_adata()
    adata.layers["counts"] = adata.X.copy()
    adata.raw = adata
    path = write(tmp_path / "a", adata[:, :10].copy())

    with open_source(path) as source:
        assert set(source.matrices) == {"X", "raw", "layers/counts"}
        assert source.matrices["raw"].n_genes == len(source.raw_var) == 30
        assert source.n_genes == 10


def test_a_file_may_hold_its_values_in_a_layer_alone(tmp_path):
    adata = small_adata()
    path = tmp_path / "a.h5ad"
    ad.AnnData(obs=adata.obs, var=adata.var, layers={"counts": adata.X}).write_h5ad(path)

    with open_source(path) as source:
        assert list(source.matrices) == ["layers/counts"]


@pytest.mark.parametrize(("flag", "want"), [(True, True), (False, False), (None, False), ("yes", False)])
def test_only_a_flag_in_uns_says_simulated(tmp_path, flag, want):
    adata = small_adata()
    if flag is not None:
        adata.uns["simulated"] = flag

    for path in (write_h5ad(tmp_path / "a.h5ad", adata), write_zarr(tmp_path / "a.zarr", adata)):
        with open_source(path) as source:
            assert source.uns_simulated is want


# ------------------------------------------------------------------------------------------------------ older layouts


def test_columns_of_anndata_0_7_get_their_labels(h5ad):
    want = ad.read_h5ad(h5ad).obs

    with open_source(legacy_categories(h5ad)) as source:
        assert list(source.obs["target_gene"]) == list(want["target_gene"])
        assert list(source.obs.columns) == list(want.columns)
        assert source.notes == []


def test_records_of_anndata_0_6_get_their_labels(h5ad):
    want = ad.read_h5ad(h5ad)

    with open_source(legacy_compound(h5ad)) as source:
        assert list(source.obs["target_gene"]) == list(want.obs["target_gene"])
        assert list(source.obs.index) == list(want.obs_names)
        assert list(source.var.index) == list(want.var_names)
        assert source.matrices["X"].layout == "csr"
        got = next(cell_chunks(source, source.matrices["X"]))
        np.testing.assert_array_equal(got.data, want.X.data)
        assert len(source.fingerprint()) == 16


def test_raw_of_anndata_0_6_is_found(tmp_path):
    adata = small_adata()
    adata.raw = adata
    path = write_h5ad(tmp_path / "a.h5ad", adata)
    change(path, lambda f: (f.move("raw/X", "raw.X"), f.move("raw/var", "raw.var"), f.pop("raw")))

    with open_source(path) as source:
        assert "raw" in source.matrices
        assert len(source.raw_var) == 30


def test_a_matrix_that_does_not_name_its_layout_is_told_by_its_pointers(tmp_path):
    for layout in ("csr", "csc"):
        path = write_h5ad(tmp_path / f"{layout}.h5ad", with_layout(small_adata(), layout))
        change(path, lambda f: f["X"].attrs.pop("encoding-type"))
        with open_source(path) as source:
            assert source.matrices["X"].layout == layout


# ------------------------------------------------------------------------------------------- columns that do not open

BAD_COLUMNS = {
    "an encoding of the future": lambda f: f["obs/depth"].attrs.__setitem__("encoding-type", "quantum"),
    "another length": lambda f: replace(f, "obs/depth", np.zeros(3)),
    "a table in a column": lambda f: replace(f, "obs/depth", np.zeros((70, 2))),
    "opaque bytes": lambda f: replace(f, "obs/depth", np.full(70, b"\x80\x04K*.", "V5")),
    "references": lambda f: replace(f, "obs/depth", [f["X"].ref] * 70, dtype=h5py.ref_dtype),
    "complex numbers": lambda f: replace(f, "obs/depth", np.zeros(70, complex)),
    "codes without labels": lambda f: (
        f.pop("obs/depth"), f.move("obs/batch", "obs/depth"), f.pop("obs/depth/categories")
    ),
    "codes past the labels": lambda f: (
        f.pop("obs/depth"), f.move("obs/batch", "obs/depth"), f["obs/depth/codes"].write_direct(np.full(70, 9, "int8"))
    ),
    "no data at all": lambda f: f.pop("obs/depth"),
    "a link that leads nowhere": lambda f: (f.pop("obs/depth"), f.__setitem__("obs/depth", h5py.SoftLink("/nowhere"))),
    "itself": lambda f: (f.pop("obs/depth"), f.__setitem__("obs/depth", f["obs"])),
}  # fmt: skip


@pytest.mark.parametrize("edit", BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_column_that_cannot_be_decoded_is_left_out_with_a_note(h5ad, edit):
    with open_source(change(h5ad, edit)) as source:
        assert "depth" not in source.obs
        assert {"target_gene", "doublet"} <= set(source.obs)
        assert any(note.startswith("obs['depth'] is left out: ") for note in source.notes)
        assert len(source.fingerprint()) == 16


def test_text_that_is_no_utf8_is_left_out_with_a_note(h5ad):
    change(h5ad, lambda f: replace(f, "obs/guide_id", np.full(70, b"\xff\xfe")))

    with open_source(h5ad) as source:
        assert "guide_id" not in source.obs
        assert "obs['guide_id'] is left out" in source.notes[0]


def test_an_index_that_cannot_be_decoded_becomes_numbers(h5ad):
    change(h5ad, lambda f: replace(f, "obs/_index", np.full(70, b"\xff\xfe")))

    with open_source(h5ad) as source:
        assert list(source.obs.index[:2]) == ["0", "1"]
        assert "obs has no readable index; its rows are numbered from 0." in source.notes


def test_a_layer_that_is_no_matrix_is_left_out_with_a_note(h5ad):
    change(h5ad, lambda f: f["layers"].create_dataset("odd", data=np.zeros(5)))

    with open_source(h5ad) as source:
        assert list(source.matrices) == ["X"]
        assert source.notes == [
            "layers/odd is left out: a.h5ad cannot be read: its layers/odd has shape (5,), not cells x genes. "
            "Write the file again from its origin."
        ]


# --------------------------------------------------------------------- nothing is executed or followed out of a file


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["BOMB"],))


@pytest.fixture
def bomb(tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    import pickle

    return pickle.dumps(Bomb()), tmp_path / "exploded"


def read_all(path):
    with open_source(path) as source:
        tables = source.obs, source.var, source.uns_simulated, source.fingerprint()
        return tables, source.notes


def test_a_pickle_in_uns_is_never_executed(h5ad, bomb):
    content, exploded = bomb
    change(h5ad, lambda f: f.create_dataset("uns/simulated", data=np.void(content)))
    change(h5ad, lambda f: f.create_dataset("uns/pickle", data=np.void(content)))

    (_, _, simulated, _), _ = read_all(h5ad)

    assert not simulated
    assert not exploded.exists()


def test_a_pickle_in_a_zarr_column_is_never_executed(tmp_path, bomb):
    content, exploded = bomb
    path = write_zarr(tmp_path / "a.zarr", small_adata(), zarr_format=2)
    column = path / "obs/depth"
    described = json.loads((column / ".zarray").read_text())
    described |= {"dtype": "|O", "fill_value": None, "compressor": None, "filters": [{"id": "pickle", "protocol": 5}]}
    (column / ".zarray").write_text(json.dumps(described))
    (column / "0").write_bytes(content)

    (obs, *_), notes = read_all(path)

    assert "depth" not in obs
    assert "obs['depth'] is left out" in notes[0]
    assert not exploded.exists()


def test_a_pickle_codec_of_zarr_3_is_refused(tmp_path, bomb):
    content, exploded = bomb
    path = write_zarr(tmp_path / "a.zarr", small_adata(), zarr_format=3)
    column = path / "obs/depth"
    described = json.loads((column / "zarr.json").read_text())
    described["codecs"] = [{"name": "numcodecs.pickle", "configuration": {"protocol": 5}}]
    (column / "zarr.json").write_text(json.dumps(described))
    (column / "c/0").write_bytes(content)

    (obs, *_), notes = read_all(path)

    assert "depth" not in obs
    assert not exploded.exists()


def links(target):
    """Every way in which an HDF5 file can point to ``target``, another file."""
    outside = h5py.ExternalLink(str(target), "obs/depth")

    def virtual(file):
        layout = h5py.VirtualLayout((70,), "f8")
        layout[:] = h5py.VirtualSource(str(target), "obs/depth", (70,))
        file["obs"].create_virtual_dataset("depth", layout)

    return {
        "an external link": lambda f: f["obs"].__setitem__("depth", outside),
        "a soft link through an external one": lambda f: (
            f.__setitem__("door", h5py.ExternalLink(str(target), "/")),
            f["obs"].__setitem__("depth", h5py.SoftLink("/door/obs/depth")),
        ),
        "external storage": lambda f: f["obs"].create_dataset("depth", (70,), "u1", external=[(str(target), 0, 70)]),
        "a virtual dataset": virtual,
        "a link inside a column": lambda f: f["obs"].create_group("depth").__setitem__("codes", outside),
    }


@pytest.mark.parametrize("way", links(""))
def test_a_column_that_lies_in_another_file_is_not_followed(tmp_path, h5ad, way):
    other = shutil.copy(h5ad, tmp_path / "secret.h5ad")

    def edit(file):
        del file["obs/depth"]
        links(other)[way](file)

    (obs, *_), notes = read_all(change(h5ad, edit))

    assert "depth" not in obs
    assert "not followed. Write the data into one file." in " ".join(notes)


@pytest.mark.parametrize("part", ["X", "X/data", "obs", "var"])
def test_a_matrix_or_table_that_lies_in_another_file_is_refused(tmp_path, h5ad, part):
    other = shutil.copy(h5ad, tmp_path / "other.h5ad")

    def edit(file):
        del file[part]
        file[part] = h5py.ExternalLink(str(other), part)

    with pytest.raises(UnreadableFileError, match=f"its {part} is a link to another file, which is not followed"):
        open_source(change(h5ad, edit))


def test_a_layer_in_another_file_is_left_out(tmp_path, h5ad):
    other = shutil.copy(h5ad, tmp_path / "other.h5ad")
    change(h5ad, lambda f: f["layers"].__setitem__("counts", h5py.ExternalLink(str(other), "X")))

    with open_source(h5ad) as source:
        assert list(source.matrices) == ["X"]
        assert "layers/counts is left out" in source.notes[0]


def test_a_link_within_the_file_is_followed(h5ad):
    change(h5ad, lambda f: (f.move("X", "values"), f.__setitem__("X", h5py.SoftLink("/values"))))

    with open_source(h5ad) as source:
        assert source.matrices["X"].nnz == 949


@pytest.mark.parametrize("what", ["X/data/0", "X"], ids=["file", "folder"])
def test_a_zarr_with_a_link_out_of_its_folder_is_refused(tmp_path, what):
    path = write_zarr(tmp_path / "a.zarr", small_adata(), zarr_format=2)
    moved = (path / what).rename(tmp_path / "elsewhere")
    (path / what).symlink_to(moved)

    with pytest.raises(UnreadableFileError, match=f"its {what} is a link out of the folder"):
        open_source(path)


# ------------------------------------------------------------------------------------------------------- bad input


def written(content):
    def write(path):
        path.write_bytes(content(path) if callable(content) else content)

    return write


def h5ad_bytes(path):
    return write_h5ad(path, small_adata()).read_bytes()


def groups(*names):
    def write(path):
        with h5py.File(path, "w") as file:
            for name in names:
                file.create_group(name)

    return write


def edited(edit):
    return lambda path: change(write_h5ad(path, small_adata()), edit)


def zarr_edited(edit, zarr_format=3):
    return lambda path: edit(write_zarr(path, small_adata(), zarr_format=zarr_format))


def damaged_json(path):
    (path / "obs/zarr.json").write_text("{")


def one_array(path):
    zarr.create_array(path, data=np.zeros((3, 3)))


BAD_FILES = {
    "a table": (written(b"gene,cell1\nA,1\n"), rf"is not an HDF5 file: it begins with 'gene,cell1.*\. {EXPECTED}"),
    "bytes": (written(bytes(range(128, 200))), rf"it begins with the bytes 80 81 82 83 84 85 86 87\. {EXPECTED}"),
    "nothing": (written(b""), rf"is not an HDF5 file: it is empty\. {EXPECTED}"),
    "gzip": (written(lambda p: gzip.compress(h5ad_bytes(p))), "it is compressed with gzip; unpack it first"),
    "zip": (written(b"PK\x03\x04...."), "it is a zip archive; unpack it first"),
    "a web page": (written(b"\n<!DOCTYPE html><html>"), "it is a web page .*; the download may have failed"),
    "a Git LFS pointer": (written(b"version https://git-lfs.github.com/spec/v1\n"), "run `git lfs pull`"),
    "Matrix Market": (written(b"%%MatrixMarket matrix coordinate"), "it is a Matrix Market file; read it with"),
    "half a file": (written(lambda p: h5ad_bytes(p)[:20_000]), r"it is cut off: 20,000 of \d+,\d+ bytes are there"),
    "a head alone": (written(lambda p: h5ad_bytes(p)[:200]), r"it is cut off: 200 of .* Copy or download it again"),
    "an HDF5 signature alone": (written(b"\x89HDF\r\n\x1a\n" + bytes(900)), "HDF5 structure is damaged"),
    "10x CellRanger": (groups("matrix/barcodes", "matrix/features"), r"a 10x CellRanger matrix.*read_10x_h5\(FILE\)"),
    "10x CellRanger 2": (groups("GRCh38/barcodes", "GRCh38/genes"), "it is a 10x CellRanger matrix"),
    "loom": (groups("matrix", "row_attrs", "col_attrs"), r"it is a loom file\. Convert it: .*read_loom"),
    "MuData": (groups("mod/rna", "mod/guides", "obs", "var"), r"a MuData of guides, rna\. Write one modality"),
    "h5Seurat": (groups("assays", "meta.data"), rf"HDF5 but no AnnData: it holds assays, meta.data\. {EXPECTED}"),
    "an empty HDF5": (groups(), "it is HDF5 but no AnnData: it holds nothing"),
    "no obs": (edited(lambda f: f.pop("obs")), r"it has no obs: it holds X, layers, obsm, obsp, uns, var, and more\."),
    "no var": (edited(lambda f: f.pop("var")), "it has no var: it holds X"),
    "no index": (edited(lambda f: f.pop("obs/_index")), "its obs is no AnnData table: it has no index"),
    "no X": (edited(lambda f: f.pop("X")), r"it has no X, no raw and no layers, so no values\. Write the AnnData"),
    "X of no cells": (lambda p: small_adata()[:0].copy().write_h5ad(p), r"it holds no cells \(obs is empty\)"),
    "X of no genes": (lambda p: small_adata()[:, :0].copy().write_h5ad(p), r"it holds no genes \(var is empty\)"),
    "X of text": (edited(lambda f: (f.pop("X"), f.create_dataset("X", data=np.full((70, 30), b"a")))), "not numbers"),
    "X of one dimension": (edited(lambda f: (f.pop("X"), f.create_dataset("X", data=[1, 2]))), "not cells x genes"),
    "X without indices": (edited(lambda f: f.pop("X/indices")), "its X is a group without indices"),
    "X of another shape": (
        edited(lambda f: f["X"].attrs.__setitem__("shape", [71, 30])),
        r"its X is 71 x 30 but obs and var name 70 cells and 30 genes\. Write the file again",
    ),
    "a link that leads nowhere": (
        edited(lambda f: (f.pop("X"), f.__setitem__("X", h5py.SoftLink("/nowhere")))),
        "it is damaged",
    ),
    "an empty folder": (lambda p: p.mkdir(), rf"The folder a is no zarr: it is empty\. {EXPECTED}"),
    "a folder of other files": (
        lambda p: (p.mkdir(), (p / "b.txt").touch()),
        rf"The folder a is no zarr: it holds b\.txt\. {EXPECTED}",
    ),
    "a folder of files of which one is empty": (
        lambda p: (p.mkdir(), (p / "b.h5ad").touch()),
        r"b\.h5ad is not an HDF5 file: it is empty",
    ),
    "a zarr array": (one_array, rf"it is a single zarr array\. {EXPECTED}"),
    "a zarr of nothing": (lambda p: zarr.open_group(p, mode="w"), "it has no obs: it holds nothing"),
    "a zarr without X": (zarr_edited(lambda p: shutil.rmtree(p / "X")), "it has no X, no raw and no layers"),
    "a zarr without obs": (zarr_edited(lambda p: shutil.rmtree(p / "obs")), "it has no obs"),
    "a zarr of damaged metadata": (zarr_edited(damaged_json), "it is damaged"),
    "a pipe": (os.mkfifo, "it is neither a file nor a folder"),
    "nothing there": (lambda p: None, r"There is no file .*/a\. Check the path; expected an AnnData file"),
}


@pytest.mark.parametrize(("make", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_what_is_no_anndata_is_refused_with_a_sentence(tmp_path, make, sentence):
    path = tmp_path / "a"
    make(path)

    with pytest.raises(UnreadableFileError, match=f"(?s){sentence}") as caught:
        open_source(path)
    assert str(caught.value).endswith(".")
    assert "Errno" not in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "/dev/null", "/etc/passwd/x.h5ad"])
def test_a_path_that_is_none_is_refused_with_a_sentence(path):
    with pytest.raises(UnreadableFileError, match=r"cannot be (opened|read): .*\."):
        open_source(path)


def test_a_file_one_may_not_read_is_said(h5ad, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # as root, chmod would not do

    with pytest.raises(UnreadableFileError, match=r"you have no permission to read it. Ask its owner"):
        open_source(h5ad)


def test_a_file_that_is_being_written_is_said(h5ad):
    with h5ad.open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)  # as HDF5 locks what it writes
        with pytest.raises(UnreadableFileError, match="another program has it open for writing. Close it there"):
            open_source(h5ad)


def test_a_refused_file_is_let_go(tmp_path, h5ad):
    change(h5ad, lambda f: f.pop("X"))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(UnreadableFileError):
            open_source(h5ad)

    assert len(os.listdir("/proc/self/fd")) == before
    change(h5ad, lambda f: None)  # opens for writing: nothing holds it


def test_a_long_name_in_a_file_is_cut_in_the_sentence(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("<script>" + "x" * 10_000)

    with pytest.raises(UnreadableFileError) as caught:
        open_source(tmp_path / "a.h5")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_ends_in_a_sentence_or_in_values(tmp_path, seed):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,), compression="gzip")
    with h5py.File(path) as file:
        starts = [file[name].id.get_chunk_info(0).byte_offset for name in ("X/data", "X/indices", "X/indptr")]
    rng = np.random.default_rng(seed)
    spoil(path, int(rng.choice(starts)) + int(rng.integers(0, 60)), int(rng.integers(1, 9)))

    try:
        with open_source(path) as source:
            source.look(source.matrices["X"])
            for chunk in cell_chunks(source, source.matrices["X"]):
                assert chunk.indices.max() < 30
    except UnreadableFileError as error:
        assert "damaged" in str(error)


# ----------------------------------------------------------------------------------------------------- fingerprint


def fingerprint(path):
    with open_source(path) as source:
        return source.fingerprint()


@pytest.mark.parametrize("write", [write_h5ad, write_zarr])
def test_a_moved_copied_or_touched_file_keeps_its_fingerprint(tmp_path, write):
    path = write(tmp_path / "a", small_adata())
    first = fingerprint(path)
    copy = tmp_path / "elsewhere" / "b"
    (shutil.copytree if path.is_dir() else lambda a, b: (b.parent.mkdir(), shutil.copy(a, b)))(path, copy)
    os.utime(path, (1, 1))
    path.rename(tmp_path / "c")

    assert fingerprint(copy) == fingerprint(tmp_path / "c") == first
    assert len(first) == 16


def one_value(part):
    def edit(file):
        values = file[part][()]
        values.flat[-1] = values.flat[-1] + 1 if values.dtype.kind in "iuf" else values.flat[0]
        file[part][...] = values

    return edit


@pytest.mark.parametrize("storage", [{}, {"chunks": (50,), "compression": "gzip"}], ids=["plain", "gzip"])
@pytest.mark.parametrize("part", ["X/data", "X/indptr", "obs/depth", "obs/batch/codes", "var/gene_id", "var/_index"])
def test_one_changed_value_changes_the_fingerprint(tmp_path, part, storage):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), **storage)
    first = fingerprint(path)

    assert fingerprint(change(path, one_value(part))) != first


@pytest.mark.parametrize("part", ["X/data", "X", "obs/depth", "var/gene_id"])
def test_one_changed_value_changes_the_fingerprint_of_a_zarr(tmp_path, part):
    path = write_zarr(tmp_path / "a.zarr", small_adata() if part != "X" else with_layout(small_adata(), "dense"))
    first = fingerprint(path)
    array = zarr.open_group(path, mode="r+", use_consolidated=False)[part]
    values = array[...]
    values.flat[7] = values.flat[8] + 1 if values.dtype.kind == "f" else "other"
    array[...] = values

    assert fingerprint(path) != first


def test_a_layer_counts_in_the_fingerprint(tmp_path):
    adata = small_adata()
    adata.layers["counts"] = adata.X.copy()
    path = write_h5ad(tmp_path / "a.h5ad", adata)
    first = fingerprint(path)

    assert fingerprint(change(path, one_value("layers/counts/data"))) != first


def test_the_fingerprint_reads_little_of_a_large_matrix(tmp_path, monkeypatch):
    n = 60_000_000  # 240 MB of which nothing is written: a sparse file
    path = write_h5ad(tmp_path / "a.h5ad", small_adata())

    def edit(file):
        del file["X/data"], file["X/indices"]
        for part in ("data", "indices"):
            properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            space = h5py.h5s.create_simple((n,))
            h5py.h5d.create(file["X"].id, part.encode(), h5py.h5t.NATIVE_INT32, space, properties)

    with open_source(change(path, edit)) as source:
        read, preadv = [], os.preadv
        monkeypatch.setattr(os, "preadv", lambda *asked: read.append(preadv(*asked)) or read[-1])
        source.fingerprint()
        assert 0 < sum(read) < 20_000_000


# ------------------------------------------------------------------------------------------------ what the values are


def looked_at(tmp_path, adata):
    with open_source(write_h5ad(tmp_path / "a.h5ad", adata)) as source:
        return source.look(source.matrices["X"])


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
def test_whole_numbers_are_counts(tmp_path, layout):
    adata = with_layout(small_adata(), layout)

    look = looked_at(tmp_path, adata)

    assert look.values is Values.COUNTS
    assert look.evidence == f"whole numbers, largest {adata.X.max():.0f} in 949 sampled values"
    assert (look.whole, look.negative, look.finite, look.verdict_note) == (True, False, True, "")


def test_logarithms_of_normalized_counts_are_known(tmp_path):
    adata = small_adata()
    adata.X.data = np.log1p(adata.X.data * 1.37)

    look = looked_at(tmp_path, adata)

    assert look.values is Values.LOG_NORMALIZED
    assert look.evidence.startswith("fractions, largest ")
    assert look.evidence.endswith(" in 949 sampled values: log1p")
    assert look.verdict_note == ""


def test_normalized_counts_that_are_no_logarithms_are_said():
    look = judge(np.array([0.3, 17.5, 900.25]))

    assert "normalized perhaps, but not on a log scale" in look.verdict_note
    assert not look.whole


def test_scaled_values_are_said():
    look = judge(np.array([-1.7, 0.4, 2.2]))

    assert look.negative
    assert "scaled data?" in look.verdict_note


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_noticed(bad):
    look = judge(np.array([1.0, bad, 4.0]))

    assert not look.finite
    assert (look.maximum, look.whole) == (4.0, True)


def test_a_matrix_of_zeros_is_no_reason_to_fail(tmp_path):
    adata = small_adata()
    adata.X = adata.X * 0

    look = looked_at(tmp_path, adata)

    assert (look.values, look.maximum) == (Values.COUNTS, 0.0)


def test_a_few_fractions_anywhere_in_a_small_file_are_found(tmp_path):
    adata = small_adata()
    adata.X.data[-1] += 0.5

    assert not looked_at(tmp_path, adata).whole


# ----------------------------------------------------------------------------------------------------- real files

REAL_FILES = {
    "schraivogel20_k562_tap/schraivogel20_k562_tap.h5ad": (18843, 72, Values.COUNTS),
    "datlinger21_jurkat_scifi/datlinger21_jurkat_scifi.h5ad": (7500, 2000, Values.COUNTS),
    "perturbench_devel/norman19_k562_crispra.h5ad": (3375, 500, Values.COUNTS),
    "perturbench_devel/mcfaline23_gbm_crispri.h5ad": (2586, 500, Values.COUNTS),
    "perturbench_devel/devel_original.h5ad": (5961, 500, Values.LOG_NORMALIZED),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files_are_read_as_anndata_reads_them(name):
    if not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is not here")
    want = ad.read_h5ad(REAL / name)

    with open_source(REAL / name) as source:
        look = source.look(source.matrices["X"])
        assert (source.n_cells, source.n_genes, look.values) == REAL_FILES[name]
        pd.testing.assert_frame_equal(source.obs, want.obs)
        pd.testing.assert_frame_equal(source.var, want.var)
        chunks = list(cell_chunks(source, source.matrices["X"]))
    np.testing.assert_array_equal(np.concatenate([c.data for c in chunks]), want.X.data)
    np.testing.assert_array_equal(np.concatenate([c.indices for c in chunks]), want.X.indices)


def test_offsets_of_chunks_are_those_of_the_file(tmp_path):
    path = write_h5ad(tmp_path / "a.h5ad", small_adata(), chunks=(50,))
    with path.open("rb") as file:
        file.seek(chunk_offset(path, "X/data", 0))
        got = np.frombuffer(file.read(200), np.float32)

    np.testing.assert_array_equal(got, small_adata().X.data[:50])
