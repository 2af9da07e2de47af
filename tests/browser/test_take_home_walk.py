"""The walk home: export a figure, find it again, compose a panel, note what was seen, take all of it away."""

import io
import json
import re

import openpyxl
import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.shown import settled

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("nothing_kept")]
expect.set_options(timeout=30_000)

MM_PER_PT = 25.4 / 72
PERTURBATION = "/perturbation?study=screen&target=GENE3"


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] svg.marks").wait_for()
    settled(page)


def downloaded(page: Page, button) -> tuple[str, bytes]:
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def export(page: Page, card: str, *, download: bool) -> None:
    page.locator(f".st-key-card-{card}").get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("img").first.wait_for()
    if download:
        name, _ = downloaded(page, dialog.get_by_role("button", name="Download PDF"))
        assert name == "GENE3_scatter_85mm.pdf"
    else:
        dialog.get_by_role("button", name="Add to my figures").click()
        expect(dialog.get_by_text("Kept in My figures.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_a_figure_that_is_exported_is_kept_and_composed_into_a_panel_that_opens_at_its_size(page, server):
    ready(page, f"{server.url}{PERTURBATION}")
    export(page, "effect", download=True)
    export(page, "top", download=False)

    page.get_by_role("link", name="My figures").click()
    expect(page.get_by_text("2 figures are kept on this machine.")).to_be_visible()
    for tick in range(2):
        page.locator("[data-testid=stCheckbox] label").nth(tick).click()
        settled(page)
        expect(page).to_have_url(re.compile(f"(panel=.*){{{tick + 1}}}"))

    name, pdf = downloaded(page, page.get_by_role("button", name="Download PDF"))

    first = PdfReader(io.BytesIO(pdf)).pages[0]
    assert name == "GENE3_panel_a-b_174mm.pdf"
    assert float(first.mediabox.width) * MM_PER_PT == pytest.approx(174, abs=0.05)
    assert {"a", "b"} <= set(first.extract_text().split())

    page.get_by_test_id("stMain").get_by_role(
        "button", name="Open", exact=True
    ).last.click()  # the scatter, exported first

    page.locator(".st-key-card-effect svg.marks").wait_for()
    expect(page).to_have_url(re.compile(r"/perturbation\?.*target=GENE3"))


def test_a_view_of_another_study_reopens_as_it_was_kept_and_not_as_the_last_one_was(page, server):
    ready(page, f"{server.url}{PERTURBATION}&highlight=GENE2&highlight=GENE6")
    export(page, "effect", download=False)
    ready(page, f"{server.url}/perturbation?study=demo&figure=Volcano")

    page.get_by_role("link", name="My figures").click()
    page.get_by_test_id("stMain").get_by_role("button", name="Open", exact=True).first.click()

    expect(page.locator("[data-testid=stMain] h1")).to_have_text("GENE3")
    settled(page)
    query = page.url.partition("?")[2].split("&")
    assert {"study=screen", "target=GENE3", "highlight=GENE2", "highlight=GENE6"} <= set(query)
    assert "figure=Volcano" not in query


def test_a_note_and_the_report_that_carries_it(page, server):
    ready(page, f"{server.url}/perturbation?study=screen&target=GENE7")
    page.get_by_role("button", name="Note").click()
    page.get_by_label("Note on GENE7").fill("weak, but <b>real</b>")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("button", name="Note: 1")).to_be_visible()

    name, report = downloaded(page, page.get_by_role("button", name="Report (HTML)"))

    assert name == "GENE7_report.html"
    assert "weak, but &lt;b&gt;real&lt;/b&gt;" in report.decode()


def test_the_report_opens_offline_without_a_request_or_a_script(chromium, page, server, tmp_path):
    ready(page, f"{server.url}{PERTURBATION}")
    _, report = downloaded(page, page.get_by_role("button", name="Report (HTML)"))
    (tmp_path / "report.html").write_bytes(report)
    context = chromium.new_context(offline=True)
    offline = context.new_page()
    asked: list[str] = []
    faults: list[str] = []
    offline.on("request", lambda request: asked.append(request.url))
    offline.on("console", lambda message: faults.append(message.text))

    offline.goto(f"file://{tmp_path}/report.html")

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert faults == []
    assert offline.locator("figure svg").count() >= 7  # six of the page, cell state, responders where they are told
    assert offline.locator("figure#cell_state").count() == 1
    widths = offline.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] == widths[1]  # nothing sticks out
    context.close()


def test_a_table_goes_to_excel_and_a_session_to_a_file_that_reopens_it(page, server, tmp_path):
    ready(page, f"{server.url}{PERTURBATION}&rows=Rise")
    page.get_by_role("textbox", name="Filter by symbol").fill("gene")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("find=gene"))
    settled(page)
    name, book = downloaded(page, page.locator(".st-key-card-genes").get_by_role("button", name="Excel"))
    rows = list(openpyxl.load_workbook(io.BytesIO(book))["Table"].iter_rows(values_only=True))
    assert name == "GENE3_genes.xlsx" and rows[0][0] == "gene" and ("GENE2" in {row[0] for row in rows})

    page.get_by_role("link", name="My figures").click()
    page.get_by_test_id("stMain").get_by_text("Session", exact=True).click()
    name, session = downloaded(page, page.get_by_role("button", name="Download the session"))
    assert ["rows", "Rise"] in json.loads(session)["views"][0]["query"]
    (tmp_path / name).write_bytes(session)

    page.locator("input[type=file]").set_input_files(tmp_path / name)

    expect(page.get_by_text("is here, the same file with the same roles.")).to_be_visible()
    page.get_by_role("button", name="Perturbation: GENE3 in screen").click()
    expect(page).to_have_url(re.compile("rows=Rise"))


def test_a_figure_of_a_gene_and_one_of_a_pair_are_kept_and_reopened(page, server):
    ready(page, f"{server.url}/gene?study=screen&gene=GENE2")
    page.locator(".st-key-card-movers").get_by_role("button", name="Export").click()
    page.get_by_role("dialog").get_by_role("button", name="Add to my figures").click()
    expect(page.get_by_role("dialog").get_by_text("Kept in My figures.")).to_be_visible()

    page.goto(f"{server.url}/my_figures")
    mine = page.locator("[class*='st-key-kept-']").filter(has_text="What moves it most").first
    expect(mine.get_by_text("In the panel")).to_be_visible()
    mine.get_by_role("button", name="Open", exact=True).click()

    expect(page.locator("[data-testid=stMain] h1")).to_have_text("GENE2")


def test_thresholds_stand_in_the_address_of_every_page_they_go_along_to(page, server):
    ready(page, f"{server.url}{PERTURBATION}&fold=2&fdr=0.01")

    for link in ("Genes", "Gene", "Perturbation"):
        page.get_by_role("link", name=link, exact=True).click()
        page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] svg.marks").wait_for()
        settled(page)
        expect(page).to_have_url(re.compile(rf"/{link.lower()}\?.*fdr=0.01"))
        expect(page).to_have_url(re.compile(r"fold=2"))


def test_a_name_that_is_no_gene_stays_on_its_page(page, server):
    page.goto(f"{server.url}/gene?study=screen&gene=nothing-like-it")
    expect(page.get_by_test_id("stMain").get_by_text("nothing-like-it").first).to_be_visible()

    page.get_by_role("link", name="Genes", exact=True).click()

    page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] svg.marks").wait_for()
    settled(page)
    expect(page.get_by_test_id("stMain").get_by_role("combobox", name="Gene", exact=False).first).not_to_have_value(
        "nothing-like-it"
    )
    assert "nothing-like-it" not in page.url
