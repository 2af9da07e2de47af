"""Pages where there is nothing to show: tables of another version, unknown names, other names for all cells."""

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import UnknownGeneError
from core.schema import ALL_PERTURBED
from tests.pages.conftest import words

PAGES = {"perturbation": "Perturbation", "gene": "Gene", "genes": "Genes", "compare": "Compare"}


@pytest.fixture
def old_root(study_root, monkeypatch):
    """A data root whose tables were written by another version than the one that runs."""
    monkeypatch.setattr("core.store.study.TABLES_VERSION", -1)
    return study_root


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_a_study_with_old_tables_has_a_title_and_builds_again(open_page, old_root, name):
    page = open_page(name)

    assert page.title[0].value == PAGES[name] and not page.exception
    assert "Build them again" in page.error[0].value
    assert [b.label for b in page.button].count("Build again") == 1


@pytest.mark.usefixtures("study_root")
@pytest.mark.parametrize("name, key", [("perturbation", "target"), ("gene", "gene"), ("compare", "a")])
def test_a_page_of_an_unknown_name_has_a_title(open_page, name, key):
    page = open_page(name, **{key: "NOSUCHNAME"})

    assert page.title[0].value == PAGES[name]
    assert "NOSUCHNAME" in page.error[0].value


@pytest.mark.usefixtures("study_root")
@pytest.mark.parametrize("said", ["all", "All"])
def test_all_means_all_perturbed_cells(open_page, said):
    page = open_page("perturbation", target=said)

    assert not page.error and page.title[0].value == ALL_PERTURBED


def test_an_unknown_gene_is_told_close_names_only():
    known = [f"GENE{k}" for k in range(100)]

    assert "Did you mean" in str(UnknownGeneError("GENE777", known))
    assert "GENE" not in str(UnknownGeneError("zzz", known)).replace("'zzz'", "")


@pytest.mark.usefixtures("study_root")
def test_the_gene_that_is_shown_unasked_says_why(open_page):
    assert "Shown first: of all genes" in words(open_page("genes"))
    assert "Shown first" not in words(open_page("genes", gene="GENE7"))


def test_the_dialog_for_gene_sets_opens_without_the_file_that_failed():
    def script():
        import streamlit as st

        from core.ui import pathways_card

        pathways_card.found_files = lambda endings: ["bad.gmt"]
        if st.button("open"):
            st.session_state[pathways_card._OPENED] = st.session_state.get(pathways_card._OPENED, 0) + 1
        pathways_card.give_form()

    page = AppTest.from_function(script).run()
    page.selectbox[0].select("bad.gmt").run()
    assert page.error
    page.button[0].click().run()
    assert page.selectbox[0].value is None and not page.error
