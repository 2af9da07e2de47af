"""The filter over a table of genes: which direction, and which symbols; both stand in the address."""

import pandas as pd
import streamlit as st

from core.ui import address
from core.ui.gene_lists import words_of

KINDS = {"All": None, "Changed": ("down", "up"), "Fall": ("down",), "Rise": ("up",)}


def filtered_genes(genes: pd.DataFrame) -> pd.DataFrame:
    """The rows that the filter leaves, in their order.

    Parameters
    ----------
    genes
        One row a gene with ``gene`` and ``role`` (``"down"``, ``"up"`` or ``"neutral"``).
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        kind = address.switch("Genes shown", list(KINDS), key="rows", label_visibility="collapsed")
        text = st.text_input(
            "Filter by symbol", key="find", bind="query-params", placeholder="Filter: a symbol, a part of one, a list",
            label_visibility="collapsed", icon=":material/filter_list:",
            help="Part of a symbol (HLA-), several symbols, or list: and the name of a kept list.",
        )  # fmt: skip
    roles = KINDS[kind]
    rows = genes if roles is None else genes[genes["role"].isin(roles)]
    return matching(rows, text or "")


def matching(rows: pd.DataFrame, text: str) -> pd.DataFrame:
    """Rows whose symbol holds the one word or is one of several, in whatever capitals; all where there is no word."""
    words = [word.casefold() for word in words_of([text.strip()])] if text.strip() else []
    if not words:
        return rows
    symbols = rows["gene"].astype(str).str.casefold()
    found = symbols.str.contains(words[0], regex=False) if len(words) == 1 else symbols.isin(words)
    return rows[found]
