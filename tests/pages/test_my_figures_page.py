"""The page of kept figures, lists, notes and sessions, and what the Perturbation page gives to it."""

import json

import pytest

from core.store import build_study, kept, my_figures, notebook, open_study, save_roles
from core.store.my_figures import KeptFigure, keep_figure
from core.store.session import SessionView
from core.store.study_ref import StudyRef
from core.ui.kept_views import kept_figure, view_of
from core.views import perturbation_view, study_view
from core.views.take_home import session_of
from tests.pages.conftest import words

pytestmark = pytest.mark.usefixtures("study_root")
ADDRESS = ("perturbation", [("study", "screen"), ("target", "GENE3"), ("figure", "Volcano")])


@pytest.fixture
def study(study_root):
    return open_study("screen")


def keep(study, target="GENE3", name="scatter", **options) -> str:
    return keep_figure(kept_figure(name, perturbation_view(study, target), options, ADDRESS))


def button(page, label):
    return next(b for b in page.button if b.label == label)


def test_an_empty_page_says_how_figures_come_here(open_page):
    page = open_page("my_figures")

    assert not page.exception
    assert "Nothing is kept yet" in words(page)
    assert "A figure that you export" in words(page)


def test_a_kept_figure_is_listed_with_its_study_and_the_way_back(open_page, study):
    keep(study)

    page = open_page("my_figures")

    assert "**1 figure** is kept on this machine." in words(page)
    assert "**GENE3** Control against perturbed, one dot a gene" in words(page)
    assert button(page, "Open")


def test_the_view_of_a_kept_figure_is_made_again_as_it_was(study):
    view = perturbation_view(study, "GENE7", fdr=0.01, fold=2.0)
    id = keep_figure(kept_figure("top_deltas", view, {"by": "fdr", "highlight": ("GENE2",)}, ADDRESS))

    figure = my_figures.figures()[id]
    again = view_of(figure)

    assert (again.target, again.fdr, again.fold, again.fingerprint) == ("GENE7", 0.01, 2.0, study.fingerprint)
    assert again.genes.equals(view.genes)
    assert figure.drawn_with == {"by": "fdr", "highlight": ("GENE2",)}


def test_a_figure_of_the_study_is_made_again_too(study):
    id = keep_figure(kept_figure("changed_against_cells", study_view(study), {}, ("study", [("study", "screen")])))

    assert view_of(my_figures.figures()[id]).study_id == study.id


def test_ticked_figures_become_a_panel_in_their_order_and_the_address_has_it(open_page, study):
    first, second = keep(study), keep(study, name="guides")
    page = open_page("my_figures")

    page.checkbox(key=f"in-panel-{second}").check().run()
    page.checkbox(key=f"in-panel-{first}").check().run()

    assert not page.exception and not page.error
    assert page.query_params["panel"] == [second, first]
    said = words(page)
    assert said.index("**a** GENE3: Transcript left") < said.index("**b** GENE3: Control against perturbed")
    assert "174 × " in said
    assert page.code[0].value.startswith("(a) GENE3")


def test_letters_are_exchanged_and_a_figure_is_made_as_wide_as_the_panel(open_page, study):
    first, second = keep(study), keep(study, name="guides")
    page = open_page("my_figures", panel=[first, second])

    page.button(key=f"down-{first}").click().run()
    page.toggle(key=f"full-{second}").set_value(True).run()

    assert page.query_params["panel"] == [f"{second}:square:full", first]
    assert not page.error


def test_a_panel_in_the_address_with_ids_that_are_not_kept_shows_the_others(open_page, study):
    id = keep(study)

    page = open_page("my_figures", panel=["../../etc/passwd", f"{id}:tall:odd", "gone-1"])

    assert not page.exception and not page.error
    assert "**a** GENE3" in words(page)


def test_three_columns_too_narrow_to_read_are_refused_in_place(open_page, study):
    ids = [keep(study, target) for target in ("GENE3", "GENE7", "GENE11")]

    page = open_page("my_figures", panel=ids, **{"panel-width": "85 mm", "panel-columns": "3"})

    assert not page.exception
    assert "26 mm wide each, too narrow to be read" in page.error[0].value
    assert button(page, "Open")  # the rest of the page stands


def test_a_removed_figure_is_gone_until_undo(open_page, study):
    id = keep(study)
    page = open_page("my_figures")

    page.button(key=f"remove-{id}").click().run()
    assert "Removed:" in words(page) and not page.checkbox

    button(page, "Undo").click().run()
    assert "**GENE3**" in words(page) and "Removed:" not in words(page)


def test_a_note_on_a_figure_is_kept_and_shown(open_page, study):
    id = keep(study)
    page = open_page("my_figures")

    page.text_area(key=f"note-{id}").set_value("for **fig** 2").run()
    page.button(key=f"keep-note-{id}").click().run()

    assert my_figures.figures()[id].note == "for **fig** 2"
    assert r"for \*\*fig\*\* 2" in words(page)


def test_a_figure_whose_study_is_gone_says_so_and_offers_no_way_to_it(open_page, study):
    gone = StudyRef(id="ffff", fingerprint="ffff-a", name="elsewhere", file="elsewhere.h5ad")
    base = kept_figure("scatter", perturbation_view(study, "GENE3"), {}, ADDRESS)
    keep_figure(base.model_copy(update={"study": gone}))

    page = open_page("my_figures")

    assert "elsewhere is no longer here. Open elsewhere.h5ad" in words(page)
    assert not [b for b in page.button if b.label == "Open"]
    assert page.checkbox[0].disabled


def test_a_figure_whose_tables_changed_says_so(open_page, study):
    keep(study)
    save_roles(study.id, {"batch_col": None})
    build_study(study.path)

    assert "The tables of screen have changed since" in words(open_page("my_figures"))


def test_a_figure_this_version_cannot_draw_is_shown_but_takes_no_place_in_a_panel(open_page, study):
    keep_figure(KeptFigure(figure="heatmap9", title="Later", subject="cosmos", about="GENE3", study=StudyRef.of(study)))

    page = open_page("my_figures")

    assert not page.exception
    assert page.checkbox[0].disabled


def test_a_damaged_file_is_set_aside_and_said(open_page, study, study_root):
    keep(study)
    (study_root / "kept" / "figures" / "bad-1.json").write_text("{")

    page = open_page("my_figures")

    assert "**1 kept file could not be read.**" in words(page)
    assert "**GENE3**" in words(page)
    assert len(kept.damaged_files()) == 1


# --------------------------------------------------------------------------------------------- notes and lists


def test_a_note_written_on_the_perturbation_page_is_found_on_the_notes_page(open_page, study):
    page = open_page("perturbation", target="GENE3")

    page.text_area(key=f"note-text-{study.id}-GENE3").set_value("check <b>GENE2</b>").run()
    button(page, "Keep the note").click().run()

    assert notebook.note(study, "GENE3").text == "check <b>GENE2</b>"
    found = open_page("my_figures", show="Notes", search="gene2")
    assert "**GENE3** in screen" in words(found)
    assert found.text[0].value == "check <b>GENE2</b>"
    assert "No note has this word" in words(open_page("my_figures", show="Notes", search="nothing"))


def test_a_note_changed_in_another_window_is_said_before_it_is_replaced(open_page, study):
    page = open_page("perturbation", target="GENE3")
    notebook.save_note(study, "GENE3", "the other window's")

    page.text_area(key=f"note-text-{study.id}-GENE3").set_value("mine").run()
    assert "Changed in another window: “the other window's”" in words(page)
    button(page, "Keep the note").click().run()

    note = notebook.note(study, "GENE3")
    assert (note.text, note.earlier[-1].text) == ("mine", "the other window's")


def test_highlighted_genes_are_kept_as_a_list_and_offered_again(open_page, study):
    page = open_page("perturbation", target="GENE3", highlight=["GENE2", "GENE6"])

    page.text_input(key="list-name-highlight").set_value("answers").run()
    page.button(key="list-keep-highlight").click().run()

    assert [kept.genes for kept in notebook.gene_lists().values()] == [["GENE2", "GENE6"]]
    again = open_page("perturbation", target="GENE7", highlight=["list:answers"])
    assert not again.exception
    assert "list:answers" in again.multiselect(key="highlight").options
    assert "**GENE2**" in words(again) and "**GENE6**" in words(again)


def test_a_list_that_is_not_kept_here_is_named(open_page):
    page = open_page("perturbation", target="GENE3", highlight=["list:nowhere"])

    assert not page.exception
    assert "nowhere" in words(page) and "No gene" in words(page)


def test_lists_are_shown_searched_and_removed_with_undo(open_page):
    notebook.keep_list("Hypoxia", ["HIF1A", "<b>"], "by hand")
    page = open_page("my_figures", show="Gene lists", search="hif")
    assert "**Hypoxia** 2 genes" in words(page) and r"\<b\>" in words(page)

    next(b for b in page.button if b.label == "Remove").click().run()
    assert not notebook.gene_lists()

    button(page, "Undo").click().run()
    assert notebook.gene_lists()


def test_lists_are_imported_from_a_file_and_a_bad_file_is_refused(open_page):
    page = open_page("my_figures", show="Gene lists")
    page.file_uploader[0].set_value(("sets.gmt", b"SET_A\tx\tGENE1\tGENE2\n", "text/plain")).run()
    assert "1 list: SET_A" in words(page)

    button(page, "Keep them").click().run()

    assert [kept.name for kept in notebook.gene_lists().values()] == ["SET_A"]
    page.file_uploader[0].set_value(("bad.gmt", b"\0\1", "text/plain")).run()
    assert "empty or no text" in page.error[0].value


# ------------------------------------------------------------------------------------------------------ session


def test_a_session_file_reopens_its_views_and_takes_lists_and_notes(open_page, study):
    keep(study)
    notebook.save_note(study, "GENE3", "here")
    view = SessionView(page="perturbation", query=ADDRESS[1], study_id=study.id, title="Perturbation: GENE3")
    lists = [notebook.GeneList(name="sent", genes=["GENE9"])]
    content = session_of([view], [study], lists, list(notebook.notes().values())).to_bytes()
    page = open_page("my_figures", show="Session")

    page.file_uploader[0].set_value(("s.json", content, "application/json")).run()
    assert "**screen** is here, the same file with the same roles." in words(page)
    assert button(page, "Perturbation: GENE3")

    button(page, "Take them into the notebook").click().run()
    assert [kept.name for kept in notebook.gene_lists().values()] == ["sent"]


def test_a_session_of_a_study_that_is_not_here_says_which_file_it_wants(open_page, study):
    content = json.dumps(
        {
            "format": "perturbscope session", "schema_version": 1, "perturbscope": "0.0.1",
            "views": [{"page": "perturbation", "study_id": "ffff", "title": "Perturbation: ACAT2"}],
            "studies": [{"id": "ffff", "fingerprint": "ffff-a", "name": "vcc", "file": "vcc.h5ad", "n_cells": 221273}],
        }
    ).encode()  # fmt: skip
    page = open_page("my_figures", show="Session")

    page.file_uploader[0].set_value(("s.json", content, "application/json")).run()

    assert "Open `vcc.h5ad` (221,273 cells" in words(page)
    assert "its study is not here" in words(page)
    assert "Written with Perturbscope 0.0.1" in words(page)


def test_a_bad_session_file_is_refused_in_words(open_page):
    page = open_page("my_figures", show="Session")

    page.file_uploader[0].set_value(("s.json", b"\x80\x04K\x01.", "application/json")).run()

    assert not page.exception
    assert "s.json is no session file of Perturbscope" in page.error[0].value
