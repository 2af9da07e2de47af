import gzip
import subprocess
import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.gene_names import (
    ALIAS_TABLE,
    _GeneTable,
    ensembl_id,
    gene_index,
    is_gene_name,
    is_gene_symbol,
    mostly_ensembl,
    resolve,
    resolve_all,
    symbol_columns,
)
from core.schema import Roles

ROLES = Roles("target_gene", ("non-targeting",))


def genes(symbols, ids=None):
    return np.array(symbols, dtype=object), np.array(ids or [""] * len(symbols), dtype=object)


# ------------------------------------------------------------------------------------------------------------- index


def test_symbols_are_the_index_and_ids_the_id_column():
    var = pd.DataFrame({"gene_id": ["ENSG00000115415", ""]}, index=["STAT1", "LINC9"])

    index = gene_index(var, ROLES)

    assert index.symbols.tolist() == ["STAT1", "LINC9"]
    assert index.ids.tolist() == ["ENSG00000115415", ""]
    assert (index.n_duplicates, index.n_unnamed, index.n_translated) == (0, 0, 0)


@pytest.mark.parametrize("column", ["gene_name", "gene_symbol", "feature_name", "gene_short_name", "Symbol"])
def test_an_ensembl_index_goes_by_the_symbol_column(column):
    var = pd.DataFrame({column: ["STAT1", "JAK2"]}, index=["ENSG00000115415.21", "ENSG00000096968"])

    assert symbol_columns(var) == [column]
    index = gene_index(var, ROLES.with_changes(symbol_col=column))

    assert index.symbols.tolist() == ["STAT1", "JAK2"]
    assert index.ids.tolist() == ["ENSG00000115415.21", "ENSG00000096968"]


def test_an_ensembl_index_without_symbols_is_translated_by_the_table():
    var = pd.DataFrame(index=["ENSG00000115415.21", "ENSG00000096968", "ENSG00000999999"])

    index = gene_index(var, ROLES)

    assert index.symbols.tolist() == ["STAT1", "JAK2", "ENSG00000999999"]
    assert index.ids.tolist() == var.index.tolist()
    assert index.n_translated == 2


def test_a_column_of_ids_is_no_symbol_column_whatever_its_name():
    var = pd.DataFrame({"gene_name": ["ENSG00000115415", "ENSG00000096968"], "name": ["A", "B"]}, index=["0", "1"])

    assert symbol_columns(var) == ["name"]


@given(st.lists(st.sampled_from(["A", "A-1", "A-2", "B", "B-1", "C"]), max_size=12))
def test_duplicates_are_named_as_anndata_names_them(names):
    index = gene_index(pd.DataFrame(index=pd.Index(names, dtype=object)), ROLES)

    with warnings.catch_warnings(action="ignore"):  # it warns that A-1 may be hard to interpret
        expected = ad.utils.make_index_unique(pd.Index(names, dtype=object)).tolist()
    assert index.symbols.tolist() == expected
    assert len(set(index.symbols)) == len(names)
    assert index.n_duplicates == len(names) - len(set(names))


def test_genes_without_a_symbol_go_by_their_id_or_their_place():
    var = pd.DataFrame({"gene_id": ["ENSG00000115415", "ENSG00000096968", ""]}, index=["STAT1", "", " "])

    index = gene_index(var, ROLES)

    assert index.symbols.tolist() == ["STAT1", "ENSG00000096968", "gene_3"]
    assert index.n_unnamed == 2


def test_missing_symbols_in_a_column_are_unnamed_genes():
    var = pd.DataFrame({"gene_name": pd.Categorical(["STAT1", None])}, index=["ENSG00000115415", "ENSG00000096968"])

    index = gene_index(var, ROLES.with_changes(symbol_col="gene_name"))

    assert index.symbols.tolist() == ["STAT1", "ENSG00000096968"]


def test_names_with_html_formulas_or_10_kb_stay_and_line_breaks_go():
    names = ["<b>STAT1</b>", "=1+1", "G" * 10_000, "A\nB\x00C", "naïve", "../../etc"]

    index = gene_index(pd.DataFrame(index=names), ROLES)

    assert index.symbols.tolist() == ["<b>STAT1</b>", "=1+1", "G" * 10_000, "A B C", "naïve", "../../etc"]
    assert index.symbols.dtype == object  # fixed-width text would take 40 kB a gene


def test_the_index_may_hold_numbers_or_bytes():
    assert gene_index(pd.DataFrame(index=[0, 1]), ROLES).symbols.tolist() == ["0", "1"]
    assert gene_index(pd.DataFrame(index=[b"A", b"B"]), ROLES).symbols.tolist() == ["A", "B"]


# ----------------------------------------------------------------------------------------------------------- resolve


@pytest.mark.parametrize(
    ("name", "symbols", "ids", "found"),
    [
        ("STAT1", ["STAT1", "JAK2"], None, "STAT1"),
        (" stat1 ", ["STAT1"], None, "STAT1"),
        ("STAT1", ["Stat1"], None, "Stat1"),
        ("stat1", ["STAT1", "stat1"], None, "stat1"),
        ("ENSG00000115415", ["STAT1"], ["ENSG00000115415.21"], "STAT1"),
        ("ensg00000115415.3", ["STAT1"], ["ENSG00000115415"], "STAT1"),
        ("ENSG00000115415", ["STAT1"], None, "STAT1"),
        ("SIM00003", ["GENE3"], ["SIM00003"], "GENE3"),
        ("KIAA1804", ["MAP3K21"], None, "MAP3K21"),
        ("MAP3K21", ["KIAA1804"], None, "KIAA1804"),
        ("AARS", ["AARS1"], None, "AARS1"),
        ("AARS1", ["AARS"], None, "AARS"),
        ("p53", ["TP53", "MYC"], None, "TP53"),
        ("OCT4", ["POU5F1"], None, "POU5F1"),
        ("STAT1", ["ENSG00000115415"], ["ENSG00000115415"], "ENSG00000115415"),
        ("NOSUCHGENE", ["STAT1"], None, None),
        ("", ["STAT1"], None, None),
        ("A+B", ["A", "B"], None, None),
        ("non-targeting", ["STAT1"], None, None),
    ],
)
def test_a_name_finds_the_gene_that_is_measured(name, symbols, ids, found):
    assert resolve(name, *genes(symbols, ids)) == found


def test_a_genes_own_symbol_is_never_the_alias_of_another():
    # PTPN9 and PTPN12 both exist; and where a symbol is approved for a gene that is absent, no other gene stands in
    table = _GeneTable(ALIAS_TABLE)
    clashes = [(name, rows[0]) for name, rows in table.alias.items() if name in table.approved and len(rows) == 1]

    assert clashes
    for name, row in clashes[:200]:
        other = table.row(row)[1]
        assert resolve(name, *genes([other])) is None, (name, other)


def test_an_alias_of_two_measured_genes_finds_neither():
    table = _GeneTable(ALIAS_TABLE)
    alias, rows = next((a, r) for a, r in table.alias.items() if len(r) == 2 and a not in table.previous
                       and a not in table.approved)  # fmt: skip
    both = [table.row(row)[1] for row in rows]

    assert resolve(alias, *genes(both)) is None
    assert resolve(alias, *genes(both[:1])) == both[0]


def test_every_approved_symbol_and_id_finds_itself():
    rows = [line.split("\t") for line in _GeneTable(ALIAS_TABLE).lines[1:]]
    ids, symbols = [row[0] for row in rows], [row[1] for row in rows]

    assert resolve_all(symbols, *genes(symbols, ids)) == symbols
    assert resolve_all(ids, *genes(symbols, ids)) == symbols
    assert resolve_all(symbols, *genes(ids, ids)) == ids


@pytest.mark.parametrize("name", ["ENSG00000115415", "ENSMUSG00000026104.15", "ensg00000002586.20_PAR_Y"])
def test_ensembl_ids_are_told(name):
    assert ensembl_id(name) == name.split(".")[0].upper()


@pytest.mark.parametrize("name", ["STAT1", "AC099489.1", "ENSG", "ENST00000361099", "FBgn0000008", "SIM00001"])
def test_other_names_are_no_ensembl_ids(name):
    assert ensembl_id(name) is None


def test_names_are_mostly_ensembl_from_half_on():
    assert mostly_ensembl(["ENSG00000115415", "STAT1"])
    assert not mostly_ensembl(["ENSG00000115415", "STAT1", "JAK2"])
    assert not mostly_ensembl([])


def test_an_alias_is_a_gene_name_but_no_symbol():
    assert is_gene_name("p53") and not is_gene_symbol("P53")
    assert is_gene_symbol("NKX2-1") and is_gene_symbol("H1-2") and is_gene_symbol("MT-ND1")
    assert not is_gene_name("T98G-like")


# ------------------------------------------------------------------------------------------------------------- table


def test_the_table_is_small_and_says_its_columns():
    assert ALIAS_TABLE.stat().st_size < 300_000
    with gzip.open(ALIAS_TABLE, "rt", encoding="utf-8") as file:
        assert next(file).rstrip() == "ensembl_id\tsymbol\tprevious\taliases"
    assert ALIAS_TABLE.read_bytes()[4:8] == bytes(4)  # gzip's time of writing: none, so that equal rows are equal bytes


def test_importing_gene_names_loads_neither_the_table_nor_anything_heavy():
    code = (
        "import sys, core.data.gene_names as g; assert g._gene_table.cache_info().currsize == 0; "
        "assert not {'anndata', 'scipy', 'numba', 'h5py', 'torch', 'scanpy'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
