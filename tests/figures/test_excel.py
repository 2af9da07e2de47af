"""Tables for Excel, read back by another program: names stay text, numbers numbers, formulas nothing at all."""

import io
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import OptionError
from core.figures import excel
from core.figures.excel import excel_bytes
from core.figures.export import figure_data_bytes, table_bytes


def cells(content: bytes, sheet: str = "Table") -> list[list[object]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [list(row) for row in book[sheet].iter_rows()]


@pytest.mark.parametrize(
    "name", ["MARCH8", "SEPT2", "DEC1", "1-Mar", "2E10", "00012", "=1+1", "=cmd|'/c calc'!A0", "@x"]
)
def test_a_gene_is_the_text_it_is(name):
    content = excel_bytes(pd.DataFrame({"gene": [name], "delta": [1.5]}))

    gene, delta = cells(content)[1]

    assert (gene.value, gene.data_type, gene.number_format) == (name, "s", "@")
    assert (delta.value, delta.data_type) == (1.5, "n")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # no cell holds a formula, no link leads out
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet and "hyperlink" not in sheet


@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30), min_size=1),
    seed=st.integers(0, 99),
)
@hypothesis_settings(max_examples=40, deadline=None)
def test_whatever_a_file_calls_its_genes_is_read_back(names, seed):
    values = np.random.default_rng(seed).normal(size=len(names))

    rows = cells(excel_bytes(pd.DataFrame({"gene": names, "delta": values})))[1:]

    assert [row[0].value or "" for row in rows] == names
    np.testing.assert_allclose([row[1].value for row in rows], values, rtol=1e-15)


def test_what_is_no_number_is_empty_or_said_and_truth_values_stay_so():
    table = pd.DataFrame({"x": [np.nan, np.inf, -np.inf, 0.0], "changed": [True, False, True, False]})

    rows = cells(excel_bytes(table))[1:]

    assert [row[0].value for row in rows] == [None, "inf", "-inf", 0]
    assert [row[1].value for row in rows] == [True, False, True, False]


def test_a_table_longer_than_a_sheet_is_refused(monkeypatch):
    monkeypatch.setattr(excel, "MOST_ROWS", 2)

    with pytest.raises(OptionError, match="3 rows and 1 columns"):
        excel_bytes(pd.DataFrame({"gene": ["A", "B", "C"]}))


def test_a_figures_workbook_says_on_its_second_sheet_what_the_numbers_are(view):
    content = figure_data_bytes("top_deltas", view, "xlsx", n=10)

    about = {row[0].value: row[1].value for row in cells(content, "About")[1:]}

    assert len(cells(content)) == 11
    assert about["n"] == "552 cells against 4,000 control cells"
    assert "Mann-Whitney" in about["Test"] and about["Software"].startswith("Perturbscope")


def test_csv_and_workbook_hold_the_same_table(view):
    table = view.genes.head(50)

    book = pd.read_excel(io.BytesIO(table_bytes(table, "xlsx")))

    pd.testing.assert_frame_equal(book, pd.read_csv(io.BytesIO(table_bytes(table, "csv"))), check_dtype=False)
