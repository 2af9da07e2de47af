"""A target's report: whole, self-contained, escaped, and equal to what the page says."""

import base64
import html
import io
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from core.figures.report import Origin, Section, report_html
from core.store import build_study
from core.views import perturbation_view
from core.views.markup import markdown_as_html, markdown_as_text, vitals_as_html
from core.views.parts import Vital
from core.views.text import escape_markdown
from tests.small_screens import small_screen

EVIL = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """All tags with attributes, all text, and whether every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    study = build_study(small_screen().write(folder / "screen.h5ad"), data_root=folder / "root")
    return perturbation_view(study, "GENE3")


@pytest.fixture(scope="module")
def document(view):
    return report_html(view, Origin(file="screen.h5ad", roles={"target_col": "target_gene"}, note="a < b\nsecond"))


def test_nothing_is_loaded_from_elsewhere_and_nothing_can_run(document):
    reader = read(document)

    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & {tag for tag, _ in reader.tags}
    for tag, attributes in reader.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "xlink:href", "action"):
                assert value.startswith("data:"), (tag, value[:60])
    assert "@import" not in document and "url(http" not in document
    policy = dict(t for t in reader.tags if t[0] == "meta" and "http-equiv" in t[1])["meta"]["content"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_it_says_all_that_the_page_says(view, document):
    words = " ".join(" ".join(read(document).text).split())

    for sentence in (
        view.headline,
        view.calibration,
        *(c.sentence for c in view.checks),
        *(c.title for c in view.checks),
    ):
        for part in filter(None, re.split(r"\*\*", sentence)):
            assert " ".join(markdown_as_text(part).split()) in words
    for vital in view.vitals:
        assert " ".join(vital.value.split()) in words and markdown_as_text(vital.context) in words
    assert view.fingerprint in words and "numpy" in words and "screen.h5ad" in words
    assert "a < b" in words and "second" in words
    assert view.methods.test in words


def test_every_figure_of_the_page_is_in_it_with_alternative_text_and_caption(view, document):
    reader = read(document)

    figures = [attributes["id"] for tag, attributes in reader.tags if tag == "figure"]
    drawings = [attributes for tag, attributes in reader.tags if tag == "svg"]

    assert figures == ["scatter", "top_deltas", "volcano", "ma", "guides", "delta_distribution"]
    assert len(drawings) == 6 and all(d["role"] == "img" and len(d["aria-label"]) > 20 for d in drawings)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_whole_table_can_be_taken_out_of_it(view, document):
    link = next(attributes for tag, attributes in read(document).tags if tag == "a")

    table = pd.read_csv(io.BytesIO(base64.b64decode(link["href"].partition("base64,")[2])))

    assert link["download"] == "GENE3_genes.csv"
    assert list(table["gene"]) == list(view.genes["gene"])
    assert table["delta"].to_numpy() == pytest.approx(view.genes["delta"].to_numpy(), rel=1e-5, abs=1e-12)


def test_names_out_of_the_file_are_text_wherever_they_stand(tmp_path, data_root):
    screen = small_screen()
    names = {"GENE3": EVIL, "GENE2": '"><img src=x onerror=alert(1)>', "GENE5": "&lt;b&gt;"}
    screen.var.index = [names.get(name, name) for name in screen.var.index]
    screen.obs["target_gene"] = screen.obs["target_gene"].cat.rename_categories(names)
    screen.obs["guide_id"] = screen.obs["guide_id"].astype(str) + "<i>"
    study = build_study(screen.write(tmp_path / "screen.h5ad"))

    document = report_html(perturbation_view(study, EVIL), Origin(note=EVIL, file=EVIL, address=EVIL))

    reader = read(document)
    assert not {"script", "img", "i", "b>"} & {tag for tag, _ in reader.tags}
    assert EVIL not in document and html.escape(EVIL) in document
    assert EVIL in "".join(reader.text)  # as letters it is there
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)


def test_simulated_data_say_so(view):
    from dataclasses import replace

    assert "Simulated data." in report_html(replace(view, simulated=True))
    assert "Simulated data." not in report_html(view)


def test_further_sections_stand_in_it(view):
    table = pd.DataFrame({"Set": ["<CHOLESTEROL>"], "FDR": ["3e−8"]})

    document = report_html(view, sections=[Section("Pathways", ("**One set** rises.",), table=table)])

    assert "<h2>Pathways</h2><p><strong>One set</strong> rises.</p>" in document
    assert "&lt;CHOLESTEROL&gt;" in document


@pytest.mark.parametrize(
    "name", ["HLA-A", "KLF1+MAP2K6", "a*b", "_x_", "**bold**", "<b>", "$a$", "[x](y)", ":red[x]", "a\\b"]
)
def test_an_escaped_name_comes_out_as_it_was(name):
    assert html.unescape(markdown_as_html(escape_markdown(name))) == name
    assert markdown_as_text(escape_markdown(name)) == name


def test_vitals_are_one_list_in_which_names_stay_text_and_help_is_asked_for():
    vital = Vital(escape_markdown("<b>A"), "1", escape_markdown("of a*b"), help="What a < b means.", beside="and more")

    shown = vitals_as_html([vital], with_help=True)

    assert "<dt>&lt;b&gt;A <span" in shown and "What a &lt; b means." in shown
    assert [text for text in read(shown).text if text.strip()][-3:] == ["1", "of a*b", "and more"]
    assert "What" not in vitals_as_html([vital])
