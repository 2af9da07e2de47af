"""The Genes page over a small screen of 45 genes."""

import json

import numpy as np
import pytest

from core.errors import OptionError
from core.store import build_study
from tests.pages.conftest import vitals, words
from tests.small_screens import small_screen

pytestmark = pytest.mark.usefixtures("study_root")


def specs(page):
    return [json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart")]


def test_the_quadrants_are_the_vitals_and_add_up_to_the_genes_that_are_seen(open_page):
    page = open_page("genes")

    assert not page.exception and not page.error
    assert page.title[0].value == "Genes"
    assert [number.label for number in vitals(page)] == [
        "Informative", "Housekeeping", "Rare signal", "Little information",
    ]  # fmt: skip
    assert sum(int(number.value) for number in vitals(page)) == 44


def test_the_picked_gene_stands_beside_the_cloud_with_what_moves_it(open_page):
    page = open_page("genes", gene="GENE2")

    said = words(page)
    assert "of control cells, **mean " in said
    assert "Which knock-downs move it most" in [header.value for header in page.header]
    dots = json.dumps(specs(page)[1])
    assert '"target": "GENE3"' in dots
    assert "GENE2" in json.dumps(next(layer for layer in specs(page)[0]["layer"] if layer.get("name") == "rings"))


def test_a_gene_that_is_picked_elsewhere_is_in_the_address(open_page):
    page = open_page("genes")

    page.selectbox(key="gene").set_value("GENE7").run()

    assert not page.exception
    assert "GENE7" in [header.value for header in page.header]


def test_cuts_in_the_address_move_the_quadrants(open_page):
    page = open_page("genes", mean_cut="0", dispersion_cut="-50")

    assert vitals(page)[0].value == "44"
    assert "medians" not in words(page)


def test_the_other_figure_is_the_distribution_of_means_on_either_scale(open_page):
    for scale, title in (("Counts", "Mean count a cell, all cells"), ("log-normalized", "Mean log-normalized")):
        page = open_page("genes", genes="distribution of means", means=scale)

        assert not page.exception
        assert title in json.dumps(specs(page)[0])
        assert "never seen" in words(page)


def test_a_pasted_list_is_highlighted_and_shown_in_the_table_and_what_is_no_gene_is_said(open_page):
    page = open_page("genes", highlight="GENE7, gene11;nothing", rows="Highlighted", gene="GENE2")

    assert not page.exception
    rings = next(layer for layer in specs(page)[0]["layer"] if layer.get("name") == "rings")
    assert {row["gene"] for row in rings["data"]["values"]} == {"GENE2", "GENE7", "GENE11"}
    assert list(page.dataframe[0].value["gene"]) == ["GENE7", "GENE11"]
    assert "nothing is not among the measured genes." in words(page)


def test_what_is_highlighted_anew_reaches_the_table_too(open_page):
    page = open_page("genes", highlight="GENE7", rows="Highlighted")

    page.multiselect(key="highlight").set_value(["GENE7", "GENE11"]).run()

    assert not page.exception
    assert list(page.dataframe[0].value["gene"]) == ["GENE7", "GENE11"]


def test_what_is_wrong_with_a_choice_is_said_once_and_the_other_cards_stand(open_page, monkeypatch):
    def refused(*_, **__):
        raise OptionError("No such choice.")

    monkeypatch.setattr("core.ui.genes_cards.pick_highlights", refused)
    page = open_page("genes")

    assert not page.exception
    assert [box.value for box in page.error] == ["**No such choice.**"]
    assert len(page.dataframe[0].value) == 45


def test_the_table_holds_every_gene_and_can_be_cut_to_a_quadrant(open_page):
    whole = open_page("genes").dataframe[0].value
    page = open_page("genes", rows="rare signal")

    assert len(whole) == 45
    assert len(page.dataframe[0].value) == int(vitals(page)[2].value)
    assert set(page.dataframe[0].value["quadrant"]) == {"rare signal"}


def test_genes_in_a_box_are_listed_to_be_taken(open_page):
    page = open_page("genes", box="0.001,1000,-9,9")

    assert not page.exception and "genes in the box**" in words(page)


def test_a_log_normalized_file_shows_no_counts(open_page, study_root, tmp_path):
    adata = small_screen().adata(layout="dense")
    adata.X = np.log1p(adata.X / 3).astype(np.float32)
    adata.write_h5ad(tmp_path / "logged.h5ad")
    build_study(tmp_path / "logged.h5ad", data_root=study_root)

    for query in ({}, {"genes": "Distribution of means"}):
        page = open_page("genes", study="logged", **query)
        assert not page.exception and not page.error
        assert "mean" not in page.dataframe[0].value.columns
        assert "counts" not in page.markdown[0].value

    gene = open_page("gene", study="logged", gene="GENE2")
    assert not gene.exception and not gene.error
    assert "log-normalized)" in gene.markdown[0].value and " counts" not in gene.markdown[0].value
