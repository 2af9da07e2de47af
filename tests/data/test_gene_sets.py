"""Reading a GMT strictly, and matching its genes with a study's."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.gene_sets import gmt_text, measured_sets, parse_gmt, read_gmt
from core.errors import GeneSetError

SYMBOLS = np.array([f"GENE{k}" for k in range(1000)], dtype=object)
NO_IDS = np.full(1000, "", dtype=object)


def gmt(**sets):
    return "".join(f"{name}\tabout\t" + "\t".join(genes) + "\n" for name, genes in sets.items())


def genes(first, n):
    return [f"GENE{k}" for k in range(first, first + n)]


def test_a_set_is_a_line_of_name_description_and_genes():
    sets = parse_gmt("A\thttp://a\tG1\tG2\tG1\n\nB\t\tG3\t\n")

    assert sets.names == ("A", "B")
    assert sets.descriptions == ("http://a", "")
    assert sets.members == (("G1", "G2"), ("G3",))
    assert sets.notes == ()


@given(
    st.dictionaries(
        st.text("ABCxyz_ 09", min_size=1, max_size=9).filter(lambda s: s == s.strip() and s),
        st.lists(st.text("ABC12-", min_size=1, max_size=5), min_size=1, max_size=6, unique=True),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_what_was_read(sets):
    read = parse_gmt("".join("\t".join([name, "d", *members]) + "\n" for name, members in sets.items()))

    assert parse_gmt(gmt_text(read)) == read
    assert dict(zip(read.names, read.members, strict=True)) == {n: tuple(m) for n, m in sets.items()}


@pytest.mark.parametrize("pack", ["plain", "gzip", "zip", "bom", "windows"])
def test_packing_is_told_by_content_not_by_name(tmp_path, pack):
    text = gmt(A=genes(0, 3)).encode()
    content = {
        "plain": text,
        "gzip": gzip.compress(text),
        "bom": b"\xef\xbb\xbf" + text,
        "windows": text.replace(b"\n", b"\r\n"),
        "zip": zipped({"x.gmt": text, "readme.txt": b"hello"}),
    }[pack]
    path = tmp_path / "anything.dat"
    path.write_bytes(content)

    assert read_gmt(path) == read_gmt(content) == parse_gmt(text.decode())


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no line"),
        (b"\n\n", "holds no line"),
        (b"A\tb\t\nB\tb\t\t\n", "holds 2 sets and no gene"),
        (b"TP53\nMYC\n", "Line 1 is no gene set: it has 1 field ('TP53')"),
        (b"A\tb\tG1\ngene,mean\n", "Line 2 is no gene set"),
        (b"\tb\tG1\n", "it has no name"),
        (b"\x89HDF\r\n\x1a\n\0\0\0", "is binary"),
        (gzip.compress(b"A\tb\tG1\n", mtime=0)[:15], "compressed and damaged"),
        (zipped({"a.gmt": b"", "b.gmt": b""}), "holds 2 GMT files"),
    ],
)
def test_what_is_no_gmt_is_refused_with_what_was_found(content, said):
    with pytest.raises(GeneSetError, match=said.replace("(", r"\(").replace(")", r"\)")):
        read_gmt(content)


def test_unicode_text_of_a_spreadsheet_is_read():
    line = "Größe\tnote\tACAT2\tSQLE\n"
    assert parse_gmt(line) == read_gmt(line.encode("utf-16"))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(GeneSetError, match="cannot be read: No such file"):
        read_gmt(tmp_path / "none.gmt")


def test_a_name_that_stands_twice_is_kept_once_or_numbered():
    sets = parse_gmt("A\t\tG1\tG2\nA\t\tG2\tG1\nA\t\tG3\nB\t\t\n")

    assert sets.names == ("A", "A (2)")
    assert sets.notes == (
        "1 set without genes left out.",
        "1 set given twice, kept once.",
        "1 set of a name that was taken by other genes, numbered.",
    )


def test_weights_as_in_enrichrs_libraries_are_dropped():
    assert parse_gmt("A\t\tTP53,1.0\tMYC,0.25\tNKX2-5\n").members == (("TP53", "MYC", "NKX2-5"),)


def test_thirty_thousand_sets_are_read_and_matched():
    rng = np.random.default_rng(0)
    text = "".join(f"SET{k}\t\t" + "\t".join(SYMBOLS[rng.integers(0, 1000, 40)]) + "\n" for k in range(30_000))

    sets = measured_sets(parse_gmt(text), SYMBOLS, NO_IDS)

    assert len(sets.names) == 30_000


def test_more_sets_than_any_collection_has_are_refused(monkeypatch):
    monkeypatch.setattr("core.data.gene_sets.MOST_SETS", 3)

    with pytest.raises(GeneSetError, match="more than 3 gene sets"):
        parse_gmt(gmt(**{f"S{k}": [f"G{k}"] for k in range(5)}))


def test_sets_of_too_few_or_too_many_measured_genes_are_left_out_and_counted():
    text = gmt(small=genes(0, 9), fits=genes(0, 10), large=genes(0, 501), other=[f"X{k}" for k in range(30)])

    sets = measured_sets(parse_gmt(text), SYMBOLS, NO_IDS)

    assert sets.names == ("fits",)
    np.testing.assert_array_equal(sets.members[0], np.arange(10))
    assert (sets.n_sets, sets.n_small, sets.n_large) == (4, 2, 1)
    assert (sets.n_symbols, sets.n_matched) == (531, 501)


def test_genes_are_found_by_old_symbol_and_ensembl_id_and_counted_once():
    symbols = np.array([*SYMBOLS[:200], "CENPU", "JPT1"], dtype=object)
    ids = np.array([*NO_IDS[:200], "ENSG00000151725", ""], dtype=object)
    text = gmt(A=[*genes(0, 150), "MLF1IP", "CENPU", "ENSG00000151725.3", "HN1"])

    sets = measured_sets(parse_gmt(text), symbols, ids)

    assert {200, 201} <= set(sets.members[0].tolist())
    assert sets.members[0].size == 152


def test_mouse_symbols_are_matched_and_said():
    human = np.array(["ACAT2", "MVD", "HMGCR", *(f"GENE{k}" for k in range(300))], dtype=object)
    text = gmt(A=[name.capitalize() for name in human])

    sets = measured_sets(parse_gmt(text), human, np.full(human.size, "", object))

    assert sets.n_matched == human.size
    assert "written as mouse genes are (Acat2 for ACAT2)" in sets.notes[0]


def test_three_matches_are_refused_and_told():
    text = gmt(A=[f"YAL{k:03d}C" for k in range(400)] + genes(0, 3))

    with pytest.raises(GeneSetError, match="The study measures 3 of the 403 genes in these sets") as refused:
        measured_sets(parse_gmt(text), SYMBOLS, NO_IDS)
    assert "Expected at least 100" in str(refused.value)
