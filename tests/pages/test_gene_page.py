"""The Gene page over a small screen in which GENE3's knock-down works and raises GENE2."""

import json

import pytest

from core.store import build_study
from tests.pages.conftest import vitals, words
from tests.small_screens import small_screen

pytestmark = pytest.mark.usefixtures("study_root")


def specs(page):
    return [json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart")]


def links(page):
    """Links of the page itself, without those of the tour in the sidebar."""
    return [label for element in page.get("page_link") if not (label := element.proto.label).startswith("Next, ")]


def test_the_page_opens_at_a_gene_that_the_strongest_target_moves_and_writes_it_into_the_address(open_page):
    page = open_page("gene")

    assert not page.exception and not page.error
    assert page.title[0].value == "GENE2"
    assert page.query_params == {"study": "screen", "gene": "GENE2"}


def test_the_headline_and_five_numbers_say_what_is_known_of_the_gene(open_page):
    page = open_page("gene", gene="GENE2")

    assert "**1 knock-down of 5 moves it**" in page.markdown[0].value
    assert [number.label for number in vitals(page)] == [
        "Mean in controls", "Cells that show it", "Moved by", "Transcript left", "Strength",
    ]  # fmt: skip
    assert vitals(page)[2].value == "1"


@pytest.mark.parametrize("typed", ["gene2", " GENE2 ", "ENSG00090000002", "ENSG00090000002.7"])
def test_a_gene_is_found_however_its_name_is_written(open_page, typed):
    page = open_page("gene", gene=typed)

    assert not page.exception and page.title[0].value == "GENE2"
    assert page.query_params["gene"] == "GENE2"


def test_a_gene_that_is_not_perturbed_has_no_perturbation_to_show(open_page):
    page = open_page("gene", gene="GENE2")

    assert "GENE2 as target" in [header.value for header in page.header]
    assert "This study does not perturb it." in words(page)
    assert len(specs(page)) == 2


def test_a_gene_that_is_perturbed_shows_its_knock_down_its_guides_and_a_way_to_its_page(open_page):
    page = open_page("gene", gene="GENE3")

    said = words(page)
    assert "**GENE3 knock-down leaves 12\N{NO-BREAK SPACE}% of its transcript**" in said
    assert "All that GENE3 knock-down does" in links(page)
    assert "Transcript left, by guide" in [header.value for header in page.header]
    assert any(header.value.startswith("Which knock-downs look like GENE3") for header in page.header)


def test_the_grouping_in_the_address_is_the_one_that_is_drawn(open_page):
    drawn = {}
    for split in ("Target", "guide", "BATCH"):
        page = open_page("gene", gene="GENE3", split=split)
        assert not page.exception
        (names,) = [p["value"] for p in specs(page)[0]["params"] if p["name"] == "rowNames"]
        drawn[split] = [first for first, _ in names]

    assert drawn["Target"] == ["controls", "GENE3"]
    assert drawn["guide"] == ["controls", "GENE3_g1", "GENE3_g2"]
    assert drawn["BATCH"] == ["b1", "b2", "b10"]


def test_targets_can_be_added_to_the_distribution(open_page):
    page = open_page("gene", gene="GENE2")

    page.multiselect(key="with").select("GENE20").run()

    assert not page.exception
    (names,) = [p["value"] for p in specs(page)[0]["params"] if p["name"] == "rowNames"]
    assert [first for first, _ in names] == ["controls", "GENE3", "GENE20"]


def test_a_target_that_is_not_measured_leads_to_its_perturbation(open_page):
    page = open_page("gene", gene="STAT1")

    assert not page.exception and not page.error
    assert "perturbed, but not among the measured genes" in words(page)
    assert "ENSG00000115415" in words(page) and "Aliases" in words(page)
    assert links(page) == ["STAT1"]


def test_an_unknown_gene_in_the_address_gives_a_sentence_with_suggestions(open_page):
    page = open_page("gene", gene="GENE222")

    assert not page.exception
    assert "No gene 'GENE222' is measured among 45 genes." in page.error[0].value
    assert "Did you mean GENE22" in page.error[0].value


@pytest.mark.parametrize("gene", ["<script>alert(1)</script>", "A" * 10_000, "$a$ :red[x]", "'] || alert(1) || ['"])
def test_a_hostile_gene_in_the_address_is_said_to_be_unknown(open_page, gene):
    page = open_page("gene", gene=gene)

    assert not page.exception and "No gene " in page.error[0].value
    assert len(page.error[0].value) < 1000


def test_the_search_box_of_every_page_leads_to_the_genes_page(open_page):
    for name in ("study", "perturbation", "genes", "gene"):
        page = open_page(name)

        page.selectbox(key="find-gene").set_value("GENE7").run()

        assert not page.exception, name
        assert page.title[0].value == "GENE7" and page.query_params["gene"] == "GENE7"
        assert page.query_params["study"] == "screen"


def test_the_table_holds_every_target(open_page):
    table = open_page("gene", gene="GENE2").dataframe[0].value

    assert len(table) == 5 and table["target"].iloc[0] == "GENE3"
    assert (table["fdr"] > 0).all()


def test_the_charts_are_described_for_who_cannot_see_them(open_page):
    page = open_page("gene", gene="GENE2")

    assert all("GENE2" in chart.proto.alt for chart in page.get("vega_lite_chart"))


@pytest.fixture
def strata(study_root, tmp_path):
    """A second study, in which targets and cell types are confounded."""
    build_study(small_screen(n_strata=2, seed=5).write(tmp_path / "strata.h5ad"), data_root=study_root)


@pytest.mark.usefixtures("strata")
def test_effects_are_within_the_stratum_where_that_is_the_default_and_pooled_where_it_is_asked_for(open_page):
    page = open_page("gene", study="strata", gene="GENE1")
    pooled = open_page("gene", study="strata", gene="GENE1", within="False")

    assert "within cell type" in page.caption[0].value or "within cell type" in words(page)
    assert "within cell type" not in pooled.markdown[0].value
    other = page.dataframe[0].value.set_index("target")["delta"]
    assert not other.equals(pooled.dataframe[0].value.set_index("target")["delta"].loc[other.index])
