"""What the pages share: notes, gene lists, gene sets, figures that are kept, downloads beside tables."""

import pytest

from core.figures import FIGURES
from core.store import my_figures, notebook, open_study
from core.store.my_figures import keep_figure
from core.ui.kept_views import can_be_drawn, kept_figure, view_of
from core.ui.state import view_key
from core.views.subjects import SUBJECTS, Asked
from tests.pages.conftest import words

pytestmark = pytest.mark.usefixtures("study_root")
OF_A_SMALL_SCREEN = ("genes", "map", "gene", "gene_cells", "perturbation", "pair", "study", "cell_state")


def view(subject, **asked):
    made = {"gene": {"genes": ("GENE2",)}, "gene_cells": {"genes": ("GENE2",), "chosen": ("GENE7",)}}
    made |= {"pair": {"target": "GENE3", "beside": "GENE7"}}
    return SUBJECTS[subject].make(open_study("screen"), Asked(**{"target": "GENE3"} | made.get(subject, {}) | asked))


def keep(name, view):
    id = keep_figure(kept_figure(name, view, {}, ("genes", [])))
    return my_figures.figures()[id]


@pytest.mark.parametrize("name", [n for n, figure in FIGURES.items() if figure.subject in OF_A_SMALL_SCREEN])
def test_every_figure_that_is_kept_is_made_again_with_the_same_numbers(name):
    before = view(FIGURES[name].subject)
    kept = keep(name, before)

    after = view_of(kept)

    assert can_be_drawn(kept)
    assert FIGURES[name].data(after).equals(FIGURES[name].data(before))
    assert FIGURES[name].caption(after) == FIGURES[name].caption(before)
    if FIGURES[name].subject != "map":  # a map of fewer genes than were asked for is asked for as it is
        assert view_key(after) == view_key(before)


def test_thresholds_and_cuts_that_a_view_was_made_with_are_kept():
    for subject, figure, asked in (
        ("gene", "gene_movers", {"fdr": 0.01, "fold": 2.0}),
        ("genes", "mean_dispersion", {"mean_cut": 0.5, "dispersion_cut": -1.0}),
        ("map", "effect_map", {"n_targets": 5, "n_genes": 7, "marked": ("GENE3",)}),
    ):
        before = view(subject, **asked)
        kept = keep(figure, before)

        assert kept.choices.items() >= {k: list(v) if isinstance(v, tuple) else v for k, v in asked.items()}.items()
        assert FIGURES[figure].data(view_of(kept)).equals(FIGURES[figure].data(before))


def test_figures_of_six_kinds_of_views_make_one_panel(open_page):
    names = ("gene_movers", "gene_distribution", "effect_map", "pair", "mean_dispersion", "cell_state")
    ids = [keep_figure(kept_figure(n, view(FIGURES[n].subject), {}, ("gene", []))) for n in names]

    page = open_page("my_figures", panel=ids)

    assert not page.exception and not page.error
    assert "**f** " in words(page)
    assert page.code[0].value.count("\n") >= 2


def test_a_note_on_a_gene_is_written_on_its_page(open_page):
    page = open_page("gene", gene="GENE2")

    page.text_area(key=f"note-text-{open_study('screen').id}-GENE2").set_value("follow up").run()
    next(b for b in page.button if b.label == "Keep the note").click().run()

    assert not page.exception
    assert notebook.note(open_study("screen"), "GENE2").text == "follow up"


def test_a_kept_list_is_highlighted_on_the_genes_page_and_its_highlights_are_kept(open_page):
    notebook.keep_list("answers", ["GENE7", "GENE11"], "by hand")

    page = open_page("genes", highlight="list:answers", rows="Highlighted")
    assert "list:answers" in page.multiselect(key="highlight").options
    assert list(page.dataframe[0].value["gene"]) == ["GENE7", "GENE11"]

    page.text_input(key="list-name-highlight").set_value("again").run()
    page.button(key="list-keep-highlight").click().run()
    assert [kept.genes for kept in notebook.gene_lists("again").values()] == [["GENE7", "GENE11"]]


def test_a_list_that_is_not_kept_is_called_a_list(open_page):
    page = open_page("genes", highlight="list:gone")

    assert "No list is kept as gone." in words(page)


@pytest.mark.parametrize(
    ("page", "query", "files"),
    [
        ("genes", {}, {"all-genes"}),
        ("gene", {"gene": "GENE3"}, {"all-movers", "all-similar"}),
        ("compare", {"a": "GENE3", "b": "GENE7"}, {"all-similar", "pair-genes"}),
        ("perturbation", {"target": "GENE3"}, {"all-genes", "cell-state"}),
    ],
)
def test_a_table_has_its_csv_and_its_workbook_beside_it(open_page, page, query, files):
    found = {str(button.key) for button in open_page(page, **query).get("download_button")}

    assert {name for file in files for name in (file, f"{file}-excel")} <= found


def test_the_table_of_genes_says_how_many_targets_move_each_and_the_gene_page_agrees(open_page):
    study = open_study("screen")
    column = open_page("genes", fold="1.2", fdr="0.2").dataframe[0].value.set_index("gene")["n_moved_by"]

    for gene in study.genes.index[:12]:
        made = SUBJECTS["gene"].make(study, Asked(genes=(gene,), fold=1.2, fdr=0.2))
        assert column[gene] == made.n_moved_by
    assert column.max() > 0
