"""The cards pathways and cells over a simulated screen, with sets planted from what its strongest target changes."""

import html
import http.server
import shutil
import threading
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.synthetic import write_demo
from core.figures.report import report_html
from core.figures.report_sections import sections_of
from core.store import build_study, list_studies, my_figures, open_study
from core.store.gene_sets import Offer, collections, keep
from core.store.my_figures import keep_figure
from core.store.study_ref import Standing
from core.ui.kept_views import kept_figure, view_of
from core.views import compare_map, perturbation_view
from core.views.subjects import SUBJECTS, Asked
from tests.pages.conftest import vitals, words


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """A data root with a simulated screen of 600 genes."""
    folder = tmp_path_factory.mktemp("simulated")
    write_demo(folder / "demo.h5ad", 2000, 600, 8)
    build_study(folder / "demo.h5ad", data_root=folder / "root")
    return folder


@pytest.fixture(scope="module")
def gmt(simulated):
    """Target, and a GMT with its raised genes, its lowered genes and others."""
    study = build_study(simulated / "demo.h5ad", data_root=simulated / "root")
    target = str(study.targets["n_significant"].idxmax())
    view = perturbation_view(study, target)
    up, down, rest = (list(view.genes.index[view.genes["role"] == role][:15]) for role in ("up", "down", "neutral"))
    sets = {"RISING_PATHWAY": up, "FALLING_PATHWAY": down, "STILL_WATERS_RUN_DEEP": rest}
    sets |= {f"FILL_{k}": list(study.genes.index[20 * k : 20 * k + 15]) for k in range(20)}
    text = "".join(f"{name}\tabout\t" + "\t".join(genes) + "\n" for name, genes in sets.items())
    return target, text


@pytest.fixture
def root(simulated, data_root):
    shutil.copytree(simulated / "root", data_root)
    return data_root


def test_without_gene_sets_one_line_and_the_buttons_that_get_them(open_page, root, gmt):
    page = open_page("perturbation", target=gmt[0])

    assert not page.exception
    assert "With gene sets, the pathways that rise and fall with this target stand here." in words(page)
    assert {"Give a GMT", "Fetch public sets"} <= {b.label for b in page.button}


def form(name):
    """One of the dialogs' forms by itself: AppTest closes dialogs when their widgets change."""

    def script(name):
        from core.ui import pathways_card
        from core.ui.errors import shown_errors

        with shown_errors():
            getattr(pathways_card, name)()

    return AppTest.from_function(script, args=(name,), default_timeout=30).run()


def give(path):
    page = form("give_form")
    page.selectbox[0].set_value(str(path)).run()
    return page


def test_a_gmt_given_by_path_is_kept_and_its_pathways_are_shown(open_page, root, gmt, tmp_path):
    target, text = gmt
    (tmp_path / "planted.gmt").write_text(text)

    given = give(tmp_path / "planted.gmt")

    assert not given.exception
    assert [c.name for c in collections()] == ["planted"]
    page = open_page("perturbation", target=target, sets="planted")
    assert page.query_params["sets"] == "planted"
    said = words(page)
    assert "Rising pathway rises" in said or "Falling pathway falls; rising pathway rises" in said
    assert "23 of 23 sets tested." in said


def test_the_headline_names_the_first_pathway_alone(open_page, root, gmt):
    target, text = gmt
    keep(text.encode(), "planted", "test")

    headline = open_page("perturbation", target=target).markdown[0].value

    assert ("rising pathway rises" in headline) != ("falling pathway falls" in headline)


def test_a_gmt_of_other_genes_is_said_in_the_card_and_the_page_stands(open_page, root, gmt):
    keep(("A\t\t" + "\t".join(f"YAL{k:03d}C" for k in range(200)) + "\n").encode(), "yeast", "test")

    page = open_page("perturbation", target=gmt[0])

    assert "The study measures none of the 200 genes in these sets" in page.error[0].value
    assert vitals(page)[0].label == "Transcript left" and page.dataframe


def test_a_file_that_is_no_gmt_and_a_path_outside_are_refused_in_the_dialog(root, tmp_path, monkeypatch):
    (tmp_path / "list.gmt").write_text("TP53\nMYC\n")

    assert "Line 1 is no gene set" in give(tmp_path / "list.gmt").error[0].value
    monkeypatch.setattr("core.ui.pathways_card.found_files", lambda endings: ["/etc/passwd"])
    assert "not a file in the data folders" in give("/etc/passwd").error[0].value
    assert collections() == []


def test_fetching_says_address_licence_and_what_is_sent_before_it_asks(root, gmt, monkeypatch):
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(gmt[1].encode())

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/x.gmt"
    monkeypatch.setattr("core.ui.pathways_card.OFFERS", (Offer("Public sets", address, "CC0 1.0", "23 sets"),))
    page = form("fetch_form")

    said = words(page)
    assert address in said and "CC0 1.0" in said and "no gene, target or file of yours is sent" in said
    assert asked == []
    next(b for b in page.button if b.label == "Fetch Public sets").click().run()

    server.shutdown()
    server.server_close()
    assert asked == ["/x.gmt"]
    assert [c.name for c in collections()] == ["Public sets"]


def test_the_test_in_the_address_is_the_test_that_is_shown(open_page, root, gmt):
    keep(gmt[1].encode(), "planted", "test")

    page = open_page("perturbation", target=gmt[0], pathway_test="Whole profile", pathway_table="true")

    assert not page.exception
    assert "rank test, BH" in words(page)
    assert "Leading edge" in str(page.dataframe[0].proto.columns) or len(page.dataframe) == 2


def test_cell_state_is_told_with_what_cannot_be(open_page, root, gmt):
    page = open_page("perturbation", target=gmt[0])

    said = words(page)
    assert "**Cells left:**" in said and "the file holds no counts of the guide library" in said
    assert "Cell cycle not measured:" in said and "Mitochondrial share not measured:" in said


def test_responders_are_a_choice_in_the_address(open_page, root, gmt):
    page = open_page("perturbation", target=gmt[0], cells="Responders")

    assert not page.exception
    assert "of the cells respond" in words(page)
    assert "must respond, by" in words(page)


def test_a_panel_too_small_says_so_instead_of_testing(open_page, study_root):
    page = open_page("perturbation", target="GENE3")

    assert "45 genes were measured. In a panel chosen by hand no pathway can be over-represented" in words(page)
    assert not any(b.label == "Give a GMT" for b in page.button)


def test_the_report_has_the_sections_that_the_page_has(root, gmt):
    target, text = gmt
    kept = keep(text.encode(), "planted", "test")
    study = open_study("demo")
    asked = Asked(target, gmt=kept.id)

    made = [SUBJECTS[subject].make(study, asked) for subject in ("pathways", "cell_state", "responders")]
    document = report_html(perturbation_view(study, target), sections=sections_of(*made))

    for figure in ("pathways", "cell_state", *(["responders"] if not made[2].why_not else [])):
        assert document.count(f'<figure id="{figure}">') == 1
    assert made[0].title in html.unescape(document)
    assert "RISING_PATHWAY" in document and "Gene sets: planted" in document
    assert html.escape(made[1].title) in document


def test_a_figure_of_pathways_is_kept_with_its_gene_sets(root, gmt):
    target, text = gmt
    kept = keep(text.encode(), "planted", "test")
    before = SUBJECTS["pathways"].make(open_study("demo"), Asked(target, gmt=kept.id, fdr=0.01))
    id = keep_figure(kept_figure("pathways", before, {"test": "profile"}, ("perturbation", [])))
    figure = my_figures.figures()[id]

    after = view_of(figure)

    assert figure.study.standing(list_studies()) == Standing.SAME
    assert (after.collection_id, after.fdr) == (kept.id, 0.01)
    assert after.profile.equals(before.profile)


def test_groups_of_the_compare_page_are_named_by_the_kept_sets(open_page, root, gmt, monkeypatch):
    keep(gmt[1].encode(), "planted", "test")
    monkeypatch.setattr("core.ui.compare_state.name_of", lambda genes, background, sets: "Rising pathway")

    said = words(open_page("compare"))

    groups = compare_map.map_view(open_study("demo")).groups
    assert (groups["up"].map(len) > 0).any()
    assert "Rising pathway rises;" in said
