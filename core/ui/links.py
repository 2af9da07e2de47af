"""Ways from page to page: which page, and which choices go along."""

from pathlib import Path

import streamlit as st

from core.ui import address, state

PAGES = Path(__file__).parents[2] / "pages"
GENE_PAGE, PERTURBATION_PAGE = PAGES / "gene.py", PAGES / "perturbation.py"
CARRIED = (*state.THRESHOLDS, "highlight", address.SUBSET)


def query(**changes: str) -> dict[str, str | list[str]]:
    """The address of another page of the same study, with the choices that all pages share."""
    choice = state.chosen()
    shared: dict[str, str | list[str]] = {
        key: st.query_params.get_all(key) for key in CARRIED if key in st.query_params
    }
    return ({"study": choice.label} if choice else {}) | shared | changes


def gene_link(gene: str, label: str) -> None:
    """A link to a gene's page."""
    st.page_link(GENE_PAGE, label=label, query_params=query(gene=gene), icon=":material/arrow_forward:")


def target_link(target: str, label: str) -> None:
    """A link to the page of a target's perturbation."""
    st.page_link(PERTURBATION_PAGE, label=label, query_params=query(target=target), icon=":material/arrow_forward:")


def go_to_gene(gene: str) -> None:
    """Turn to a gene's page. No parameter can be set whose widget stands, so the picker is told instead."""
    address.settle_next("gene", gene)
    st.switch_page(GENE_PAGE, query_params={})


def go_to_target(target: str) -> None:
    """Turn to the page of a target's perturbation."""
    address.settle_next("target", target)
    st.switch_page(PERTURBATION_PAGE, query_params={})
