import gzip

import numpy as np
import pandas as pd
import pytest

from core.data.features import TargetFeatures, read_features, write_features
from core.errors import InvalidValuesError, OptionError, StorageError, UnreadableFileError

KINDS = [".npz", ".parquet", ".csv", ".csv.gz"]


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    # NA and a date-like symbol: readers of tables like to change these
    return TargetFeatures(("GATA1", "NA", "1-Mar", "HLA-A"), rng.standard_normal((4, 7)).astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_again_exactly(tmp_path, features, kind):
    path = tmp_path / f"esm{kind}"

    write_features(features, path)
    got = read_features(path)

    assert got.names == features.names
    np.testing.assert_array_equal(got.matrix, features.matrix)
    assert got.matrix.dtype == np.float32
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ""] == [path.name]  # no temporary file is left


def test_a_csv_without_a_name_over_the_symbols_is_read(tmp_path):
    path = tmp_path / "genept.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(",0,1\nctrl,0.0,0.0\nSEC61B,0.5,-0.25\n")

    got = read_features(path)

    assert got.names == ("ctrl", "SEC61B")
    np.testing.assert_array_equal(got.matrix, [[0, 0], [0.5, -0.25]])


def test_a_parquet_file_may_hold_the_symbols_in_its_first_column(tmp_path):
    pd.DataFrame({"symbol": ["MYC", "MAX"], "a": [1, 2], "b": [0.5, 1.5]}).to_parquet(tmp_path / "f.parquet")

    got = read_features(tmp_path / "f.parquet")

    assert got.names == ("MYC", "MAX")
    np.testing.assert_array_equal(got.matrix, [[1, 0.5], [2, 1.5]])


@pytest.mark.real_data
def test_real_gene_embeddings_are_read(real_data):
    got = read_features(real_data / "gene_embeddings" / "genept_ada002_86genes.csv.gz")

    assert (len(got.names), got.matrix.shape[1]) == (87, 1536)
    pair = got.matrix[[got.names.index("SEC61B"), got.names.index("SEC61G")]]
    assert np.corrcoef(pair)[0, 1] == pytest.approx(0.992, abs=5e-4)


class _Trap:
    """Says when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_a_pickle_in_an_npz_is_not_executed(tmp_path):
    np.savez(tmp_path / "trap.npz", names=np.array(["A"], dtype=object), matrix=np.array([_Trap()], dtype=object))

    with pytest.raises(UnreadableFileError, match="could not be read as .npz"):
        read_features(tmp_path / "trap.npz")


BAD_BYTES = {
    "an empty npz": ("f.npz", b""),
    "text that calls itself npz": ("f.npz", b"gene,1,2\n"),
    "a cut zip": ("f.npz", b"PK\x03\x04 and no more"),
    "text that calls itself parquet": ("f.parquet", b"gene,1,2\n"),
    "an empty csv": ("f.csv", b""),
    "a csv that is not text": ("f.csv", b"\xff\xfe\x00\x81"),
    "a csv that is not compressed": ("f.csv.gz", b"gene,1,2\n"),
}


@pytest.mark.parametrize(("name", "content"), BAD_BYTES.values(), ids=BAD_BYTES)
def test_a_file_that_is_not_what_its_ending_says_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnreadableFileError, match=name):
        read_features(tmp_path / name)


def test_a_bare_array_is_told_from_an_npz(tmp_path):
    with (tmp_path / "f.npz").open("wb") as file:
        np.save(file, np.eye(2))

    with pytest.raises(UnreadableFileError, match="one bare array"):
        read_features(tmp_path / "f.npz")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_features(tmp_path / "f.csv")


BAD_TABLES = {
    "words among the numbers": ("symbol,a,b\nMYC,1,2\nMAX,1,high\n", "column 'b' is not all numbers"),
    "a gap": ("symbol,a,b\nMYC,1,2\nMAX,1,\n", "column 'b' is not all numbers"),
    "a gene twice": ("symbol,a\nMYC,1\nMYC,2\n", "'MYC' has more"),
    "an infinite value": ("symbol,a\nMYC,1\nMAX,inf\n", "'MAX' hold a value"),
    "a value beyond float32": ("symbol,a\nMYC,1\nMAX,1e300\n", "'MAX' hold a value"),
    "symbols alone": ("symbol\nMYC\n", r"matrix of shape \(1, 0\)"),
    "a heading alone": ("symbol,a,b\n", "0 names"),
}


@pytest.mark.parametrize(("content", "said"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_that_holds_no_features_says_why(tmp_path, content, said):
    (tmp_path / "f.csv").write_text(content)

    with pytest.raises(InvalidValuesError, match=said):
        read_features(tmp_path / "f.csv")


BAD_ARRAYS = {
    "other arrays": ({"x": np.eye(2)}, "holds x; target features are two arrays"),
    "names that are numbers": ({"names": np.arange(2), "matrix": np.eye(2)}, "must be a list of text"),
    "more names than rows": ({"names": np.array(["A", "B", "C"]), "matrix": np.eye(2)}, "3 names"),
}


@pytest.mark.parametrize(("arrays", "said"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_npz_that_holds_no_features_says_why(tmp_path, arrays, said):
    np.savez(tmp_path / "f.npz", **arrays)

    with pytest.raises(InvalidValuesError, match=said):
        read_features(tmp_path / "f.npz")


def test_an_unknown_ending_names_the_known_ones(tmp_path, features):
    with pytest.raises(OptionError, match=r"\.npz, \.parquet"):
        read_features(tmp_path / "features.pt")
    with pytest.raises(OptionError, match=r"\.npz, \.parquet"):
        write_features(features, tmp_path / "features.pkl")


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_not_there_is_a_sentence(tmp_path, features, kind):
    with pytest.raises(StorageError, match="could not be written"):
        write_features(features, tmp_path / "nowhere" / f"f{kind}")
