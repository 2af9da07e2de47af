"""Gene lists as files: what is written is read back, and bad files are refused in words."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import UploadError
from core.store.gene_list_files import lists_as_csv, lists_as_gmt, read_lists
from core.store.notebook import GeneList

SYMBOL = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.@-]{0,11}", fullmatch=True)
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_ ]{0,20}[A-Za-z0-9]", fullmatch=True).map(lambda name: " ".join(name.split()))
LISTS = st.dictionaries(NAME, st.lists(SYMBOL, min_size=1, max_size=8, unique=True), min_size=1, max_size=5)


@given(lists=LISTS)
@hypothesis_settings(max_examples=60, deadline=None)
@pytest.mark.parametrize(("write", "name"), [(lists_as_gmt, "x.gmt"), (lists_as_csv, "x.csv")])
def test_lists_come_back_from_their_file(write, name, lists):
    content = write(GeneList(name=words, genes=genes) for words, genes in lists.items())

    assert read_lists(name, content) == lists


@pytest.mark.parametrize(
    ("name", "content", "genes"),
    [
        ("mine.txt", b"ACAT2\nHMGCR\r\n\nHMGCR\n", ["ACAT2", "HMGCR"]),
        ("mine.txt", b"ACAT2, HMGCR MVD", ["ACAT2", "HMGCR", "MVD"]),
        ("mine.csv", b"rank,Gene,p\n1,ACAT2,0.1\n2,MARCH8,0.2\n", ["ACAT2", "MARCH8"]),
        ("mine.csv", b"\xef\xbb\xbfgene;p\nACAT2;0,1\n", ["ACAT2"]),
        ("mine.tsv", b"symbol\tp\nACAT2\t0.1\n", ["ACAT2"]),
        ("C:\\lists\\mine.csv", b"gene\n'=ODD\n", ["=ODD"]),
    ],
)
def test_a_plain_list_is_read_however_it_is_written_and_called_as_its_file(name, content, genes):
    assert read_lists(name, content) == {"mine": genes}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.gmt", b"", "empty or no text"),
        ("a.gmt", b"\x89HDF\r\n\x1a\n\0\0", "empty or no text"),
        ("a.gmt", b"SET\tdescription\tACAT2\nno tabs here\n", "Line 2 of a.gmt is no line of a GMT file"),
        ("a.gmt", b"SET\tdescription\n", "no line of a GMT file"),
        ("a.csv", b"gene,p\n", "holds no genes"),
        ("a.csv", b"x" * (5 * 2**20 + 1), "may have 5 MB"),
        ("a.gmt", b"".join(b"S%d\tx\tA\n" % i for i in range(501)), "501 lists; at most 500"),
        ("a.gmt", b"S\tx\t" + b"\t".join(b"G%d" % i for i in range(20_001)), "20,001 genes"),
    ],
)
def test_a_bad_file_is_refused_in_words(name, content, said):
    with pytest.raises(UploadError, match=said):
        read_lists(name, content)
