"""The Perturbation page over a small screen in which GENE3's knock-down works and raises GENE2."""

import json

import pytest

from core.figures import FIGURES
from core.store import build_study
from tests.pages.conftest import vitals, words
from tests.small_screens import small_screen

pytestmark = pytest.mark.usefixtures("study_root")


def chart_specs(page):
    return [json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart")]


def test_the_page_opens_at_the_strongest_target_and_writes_it_into_the_address(open_page):
    page = open_page("perturbation")

    assert not page.exception
    assert page.title[0].value == "GENE3"
    assert page.query_params == {"study": "screen", "target": "GENE3"}


def test_the_headline_says_what_is_left_of_the_transcript_and_how_many_genes_changed(open_page):
    page = open_page("perturbation", target="GENE3")

    headline = page.markdown[0].value

    assert headline.startswith("**GENE3 knock-down leaves 12\N{NO-BREAK SPACE}% of its transcript**")
    assert "of 45 genes** (FDR < 0.05, at least 1.4-fold)" in headline


def test_five_numbers_stand_under_the_headline_and_none_is_longer_than_nine_characters(open_page):
    page = open_page("perturbation", target="GENE7")

    assert [number.label for number in vitals(page)] == [
        "Transcript left", "Cells", "Genes changed", "Strength", "Can I trust it?",
    ]  # fmt: skip
    assert max(len(number.value) for number in vitals(page)) <= 9


def test_a_knockdown_lowers_its_own_gene_and_raises_the_gene_that_answers(open_page):
    page = open_page("perturbation", target="GENE3")

    genes = page.dataframe[0].value.set_index("gene")

    assert genes.loc["GENE3", "delta"] < -0.5
    assert genes.loc["GENE2", "delta"] > 0.5
    assert (genes["fdr"] > 0).all()  # never 0 for a p value


@pytest.mark.parametrize("typed", ["gene3", " GENE3 "])
def test_a_target_is_found_however_its_name_is_written(open_page, typed):
    page = open_page("perturbation", target=typed)

    assert page.title[0].value == "GENE3"
    assert page.selectbox(key="target").value == "GENE3"


def test_all_perturbed_cells_is_the_first_choice_of_the_picker(open_page):
    page = open_page("perturbation")
    assert page.selectbox(key="target").options[0] == "All perturbed cells"

    page.selectbox(key="target").set_value("All perturbed cells").run()

    assert page.title[0].value == "All perturbed cells"
    assert page.markdown[0].value.startswith("**All perturbed cells")


def test_an_unknown_target_in_the_address_gives_a_sentence_with_suggestions(open_page):
    page = open_page("perturbation", target="GENE33")

    assert not page.exception
    assert "No cells carry a guide against 'GENE33'" in page.error[0].value
    assert "Did you mean GENE3" in page.error[0].value


def test_the_figure_in_the_address_is_the_figure_that_is_drawn(open_page):
    page = open_page("perturbation", target="GENE3", figure="Volcano")

    titles = json.dumps(chart_specs(page)[0])

    assert "log10 FDR" in titles
    assert page.query_params["figure"] == "Volcano"


def test_counts_can_be_chosen_as_axes_of_the_scatter(open_page):
    page = open_page("perturbation", target="GENE3", scale="Counts")

    assert "mean counts a cell" in json.dumps(chart_specs(page)[0])


def test_an_address_that_names_no_figure_shows_the_first_one(open_page):
    page = open_page("perturbation", target="GENE3", figure="Pie")

    assert not page.exception
    assert "figure" not in page.query_params
    assert "log-normalized mean" in json.dumps(chart_specs(page)[0])


@pytest.mark.parametrize(("asked", "drawn"), [("volcano", "log10 FDR"), ("MA PLOT", "Mean of both groups")])
def test_a_switch_in_the_address_is_read_without_regard_to_case(open_page, asked, drawn):
    page = open_page("perturbation", target="GENE3", figure=asked, by="fdr", deltas="TRUE")

    assert not page.exception
    assert drawn in json.dumps(chart_specs(page)[0])
    assert page.query_params["figure"] in ("Volcano", "MA plot") and page.query_params["by"] == "FDR"
    assert "smallest by FDR" in words(page)
    assert len(chart_specs(page)) == 5  # the distribution is open


def started_with(page):
    """What the cloud of genes starts with: the values of its selections by name."""
    dots = next(layer for layer in chart_specs(page)[0]["layer"] if layer.get("name") == "dots")
    return {param["name"]: param.get("value") for param in dots["params"]}


def test_a_box_and_a_dot_in_the_address_are_drawn_and_their_genes_written(open_page):
    page = open_page("perturbation", target="GENE3", box="0,9,0,9", pick="GENE2")

    box = started_with(page)["box"]
    assert box["x"][0] == 0 and box["x"][1] < 9  # cut at the edge of the plot
    assert started_with(page)["pick"] == [{"gene": "GENE2"}]
    said = words(page)
    assert "**45 genes in the box**" in said and "**GENE2** " in said
    assert {"box", "pick"} <= set(page.query_params)


@pytest.mark.parametrize(
    "box", ["", "1,2,3", "1,2,3,four", "nan,1,0,1", "0,inf,0,1", "[1](2),<b>,$a$,:x:", "7e99,8e99,0,1", "," * 9999]
)
def test_a_box_that_makes_no_sense_is_none(open_page, box):
    page = open_page("perturbation", target="GENE3", box=box, pick="<b>no gene</b>")

    assert not page.exception and not page.error
    assert started_with(page) == {"box": None, "pick": None}
    assert "in the box" not in words(page) and "no gene</b>" not in words(page)


def test_a_box_is_forgotten_with_the_axes_it_was_drawn_on(open_page):
    page = open_page("perturbation", target="GENE3", box="0,1,0,1")

    page.segmented_control(key="figure").set_value("Volcano").run()

    assert not page.exception
    assert "box" not in page.query_params and started_with(page)["box"] is None


def test_a_highlighted_gene_is_ringed_and_its_line_is_written_and_a_word_that_is_no_gene_is_said(open_page):
    page = open_page("perturbation", target="GENE3", highlight="GENE2, gene5 nothing")

    said = words(page)
    assert "**GENE2**" in said and "**GENE5**" in said and "log2 FC" in said
    assert "nothing is not among the measured genes." in said
    assert '"ring' in json.dumps(chart_specs(page)[0])


def test_the_bars_can_be_ordered_by_delta_fold_change_or_fdr(open_page):
    first = {}
    for order in ("delta", "log2 FC", "FDR"):
        page = open_page("perturbation", target="GENE3", by=order)
        assert not page.exception
        first[order] = json.dumps(chart_specs(page)[1])

    assert len(set(first.values())) == 3


def test_thresholds_in_the_address_change_the_headline(open_page):
    page = open_page("perturbation", target="GENE3", fdr="0.2", fold="1.1")

    assert "FDR < 0.2, at least 1.1-fold" in page.markdown[0].value


def test_a_real_screen_is_not_called_simulated(open_page):
    assert "Simulated" not in words(open_page("perturbation"))


def test_what_a_control_set_of_this_size_gives_stands_under_the_checks(open_page):
    said = words(open_page("perturbation", target="GENE3"))

    assert "**Knock-down verified**" in said
    assert "random sets" in said


def test_all_perturbed_cells_have_no_card_of_guides(open_page):
    for target, is_there in (("GENE3", True), ("All perturbed cells", False)):
        page = open_page("perturbation", target=target)
        assert ("Transcript left, by guide" in [header.value for header in page.header]) == is_there


@pytest.fixture
def dominant_study(study_root, tmp_path):
    """A second study, ``dominant``, in which GENE3 holds most of all counts."""
    adata = small_screen().adata(layout="dense")
    adata.X[:, adata.var_names.get_loc("GENE3")] *= 40
    adata.write_h5ad(tmp_path / "dominant.h5ad")
    build_study(tmp_path / "dominant.h5ad", data_root=study_root)


@pytest.mark.usefixtures("dominant_study")
def test_totals_without_a_gene_that_dominates_them_are_a_switch_in_the_address(open_page):
    page = open_page("perturbation", study="dominant", target="GENE3")
    raised = (page.dataframe[0].value["delta"] > 0).mean()
    assert "alone makes other genes look raised" in page.markdown[0].value

    page.toggle(key="without_own_gene").set_value(True).run()

    assert not page.exception and not page.error
    assert "totals without GENE3" in page.markdown[0].value and "look raised" not in page.markdown[0].value
    assert (page.dataframe[0].value["delta"] > 0).mean() < raised - 0.2
    said = words(page)
    assert "Shares of totals of all genes" in said and "compared with totals of all genes" in said

    again = open_page("perturbation", study="dominant", target="GENE3", without_own_gene="True")
    assert again.markdown[0].value == page.markdown[0].value

    other = open_page("perturbation", study="dominant", target="GENE7", without_own_gene="true")
    assert not other.exception and "totals without" not in words(other)


def test_the_charts_are_described_for_who_cannot_see_them(open_page):
    page = open_page("perturbation", target="GENE3")

    assert all("GENE3" in chart.proto.alt for chart in page.get("vega_lite_chart"))


def test_a_figure_that_fails_leaves_the_rest_of_the_page_and_a_traceback_in_the_log(open_page, study_root, monkeypatch):
    def broken(*_args, **_options):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setitem(FIGURES, "guides", FIGURES["guides"].__class__(**{**vars(FIGURES["guides"]), "draw": broken}))

    page = open_page("perturbation", target="GENE3")

    assert not page.exception
    assert "This part of the page failed" in page.error[0].value
    error_id = page.error[0].value.split("(id ")[1][:8]
    assert "a fault of ours" not in page.error[0].value
    log = (study_root / "logs" / "errors.log").read_text()
    assert error_id in log and "a fault of ours" in log
    assert page.dataframe[0].value.shape[0] == 45


def test_the_table_is_filtered_by_direction_and_symbol(open_page):
    page = open_page("perturbation", target="GENE3", rows="Rise")
    assert page.dataframe[0].value["delta"].gt(0).all() and len(page.dataframe[0].value) < 45

    page.text_input(key="find").set_value("gene2").run()

    assert set(page.dataframe[0].value["gene"]) == {"GENE2"}
    assert page.query_params["rows"] == "Rise"
    assert "1 of 45 genes" in words(page)


def test_several_symbols_filter_exactly_those(open_page):
    page = open_page("perturbation", target="GENE3", find="GENE2, gene30 nothing")

    assert set(page.dataframe[0].value["gene"]) == {"GENE2", "GENE30"}


def test_the_p_values_beside_those_of_control_sets_are_drawn_once_they_are_opened(open_page):
    page = open_page("perturbation", target="GENE3")
    closed = len(page.get("vega_lite_chart"))

    opened = open_page("perturbation", target="GENE3", qq="true")

    assert not opened.exception and len(opened.get("vega_lite_chart")) == closed + 1
    assert "Ordered p values of 44 genes" in words(opened)
