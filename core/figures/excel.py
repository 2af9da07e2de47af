"""Tables as Excel workbooks in which a name stays the text it is: MARCH8 is no date and ``=cmd`` no formula.

A CSV cannot say that a column is text: Excel guesses, and makes dates of MARCH8, SEPT2 and DEC1. A workbook says it of
every cell. Numbers are numbers, whatever the language of the reader's Excel.
"""

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from core.errors import OptionError
from core.views.text import plain

MOST_ROWS, MOST_COLUMNS = 1_048_575, 16_384
"""What a sheet holds below its line of headings."""
LONGEST_TEXT = 32_767
"""Characters that a cell holds."""
AS_THEY_ARE = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "constant_memory": True,
}
WIDEST = 40


def excel_bytes(table: pd.DataFrame, about: Mapping[str, str] | None = None) -> bytes:
    """A table as a workbook with one sheet, and a second one that says what the numbers are.

    Parameters
    ----------
    table
        The table; its index is left out.
    about
        What is to be known of it (cells, test, version), name by name; the second sheet.

    Raises
    ------
    OptionError
        If it has more rows or columns than a sheet holds.
    """
    if len(table) > MOST_ROWS or table.shape[1] > MOST_COLUMNS:
        raise OptionError(
            f"The table has {len(table):,} rows and {table.shape[1]:,} columns; an Excel sheet holds {MOST_ROWS:,} "
            f"and {MOST_COLUMNS:,}. Take CSV or Parquet."
        )
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, **AS_THEY_ARE}) as book:
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        _write_table(book.add_worksheet("Table"), table, text, bold)
        if about:
            rows = pd.DataFrame({"What": list(about), "Words": list(about.values())})
            _write_table(book.add_worksheet("About"), rows, text, bold)
    return file.getvalue()


def _write_table(sheet: Worksheet, table: pd.DataFrame, text: Format, bold: Format) -> None:
    """One sheet: headings that stay in sight, then row by row, as constant memory asks for."""
    sheet.freeze_panes(1, 0)
    writers: list[tuple[Callable[..., Any], list[Any], Format | None]] = []
    for c, name in enumerate(table.columns):
        writer, cells, form = _column(sheet, table[name], text)
        writers.append((writer, cells, form))
        widest = max([len(str(name)), *(len(str(v)) for v in cells[:200] if writer == sheet.write_string)])
        sheet.set_column(c, c, min(max(widest + 2, 9), WIDEST), form)
        sheet.write_string(0, c, plain(name, LONGEST_TEXT), bold)
    if table.shape[1] and len(table):
        sheet.autofilter(0, 0, len(table), table.shape[1] - 1)
    for r in range(len(table)):
        for c, (writer, cells, form) in enumerate(writers):
            if (value := cells[r]) is None:
                continue
            if isinstance(value, str):  # an infinite number too: Excel has none
                sheet.write_string(r + 1, c, value, text)
            else:
                writer(r + 1, c, value, form)


def _column(sheet: Worksheet, column: pd.Series, text: Format) -> tuple[Callable[..., Any], list[Any], Format | None]:
    """How a column's cells are written, and its values: None where there is none."""
    if column.dtype == bool:
        return sheet.write_boolean, column.tolist(), None
    if column.dtype.kind in "iuf":
        return sheet.write_number, [_number(v) for v in column.to_numpy(dtype=np.float64).tolist()], None
    words = [None if pd.isna(v) else str(v)[:LONGEST_TEXT] for v in column.tolist()]
    return sheet.write_string, words, text


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
