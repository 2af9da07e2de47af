"""Walks of a user through the dashboard, in a real browser."""

import io
import os
import re
import signal
import sqlite3
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from core.store import list_studies
from tests.browser.shown import settled
from tests.small_screens import small_screen

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)

MM_PER_PT = 25.4 / 72
LONG = 120_000
PERTURBATION = "/perturbation?study=screen&target=GENE3"


def title(page: Page):
    return page.locator("[data-testid=stMain] h1")


def effect_chart(page: Page):
    chart = page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] svg.marks")
    chart.wait_for()
    return chart


def ready(page: Page, address: str) -> None:
    """Open an address and wait until its charts are painted."""
    page.goto(address)
    effect_chart(page)
    settled(page)


def pick(page: Page, label: str, text: str) -> None:
    """Type into a select box and take what it offers."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(text)
    page.keyboard.press("Enter")


def primary(page: Page):
    """The button of the open dialog that does it."""
    return page.get_by_role("dialog").get_by_test_id("stBaseButton-primary")


# ------------------------------------------------------------------------------------------------- first steps


def test_the_first_start_offers_the_demo_and_shows_it_seconds_later(page, empty_server):
    page.goto(empty_server.url)
    expect(page.get_by_text("No study open")).to_be_visible()

    page.get_by_role("button", name="Show the demo").click()

    expect(page.get_by_text("Simulated data.")).to_be_visible(timeout=LONG)
    expect(page.locator(".ps-value").first).to_have_text("12,000")
    expect(page).to_have_url(re.compile("study=simulated_screen"))


def test_a_file_is_opened_by_typing_its_path_and_its_progress_is_shown(page, empty_server):
    small_screen().write(empty_server.folder / "mine.h5ad")
    page.goto(empty_server.url)

    page.get_by_role("button", name="Open a file").click()
    pick(page, "File on this machine", str(empty_server.folder / "mine.h5ad"))
    primary(page).click()

    expect(title(page)).to_have_text("mine")
    expect(page.get_by_text("5 targets in 900 cells.")).to_be_visible(timeout=LONG)


def test_a_file_is_uploaded_and_built(page, empty_server, tmp_path):
    path = small_screen(seed=3).write(tmp_path / "sent.h5ad")
    page.goto(empty_server.url)

    page.get_by_role("button", name="Open a file").click()
    page.locator("input[type=file]").set_input_files(path)
    primary(page).click()

    expect(page.get_by_text("5 targets in 900 cells.")).to_be_visible(timeout=LONG)
    assert list((empty_server.data_root / "uploads").glob("*/sent.h5ad"))


def test_an_upload_that_is_no_hdf5_file_is_refused_with_a_sentence(page, server, tmp_path):
    path = tmp_path / "fake.h5ad"
    path.write_text("not a file of cells")
    page.goto(server.url)

    page.get_by_role("button", name="Open a file").click()
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_text("is not an HDF5 file")).to_be_visible()


def test_a_file_without_a_target_column_asks_for_the_roles(page, empty_server):
    adata = small_screen().adata()
    adata.obs = adata.obs[["batch"]].assign(what=adata.obs["target_gene"].astype(str).map(lambda t: f"cond {t}"))
    adata.write_h5ad(empty_server.folder / "odd.h5ad")
    page.goto(f"{empty_server.url}/")

    page.get_by_role("button", name="Open a file").click()
    pick(page, "File on this machine", str(empty_server.folder / "odd.h5ad"))

    expect(page.get_by_role("dialog").get_by_role("combobox", name="Target")).to_be_visible()
    pick(page, "Target", "what")
    page.get_by_role("dialog").get_by_role("combobox", name="Control").click()
    page.get_by_role("option", name=re.compile("cond non-targeting")).click()
    page.keyboard.press("Escape")
    primary(page).click()

    expect(page.get_by_text(re.compile("targets in 900 cells"))).to_be_visible(timeout=LONG)


def test_roles_are_corrected_on_the_page_and_the_tables_rebuilt(page, empty_server):
    small_screen().write(empty_server.folder / "mine.h5ad")
    page.goto(f"{empty_server.url}/?open={empty_server.folder}/mine.h5ad")
    expect(page.get_by_text("5 targets in 900 cells.")).to_be_visible(timeout=LONG)

    page.get_by_role("button", name="Correct the roles").click()
    pick(page, "Batch", "none")
    page.get_by_role("button", name="Rebuild the tables").click()

    expect(page.get_by_text("no batch column was read")).to_be_visible(timeout=LONG)


def test_a_file_in_the_address_is_shown_beside_studies_that_are_there(page, server):
    file = small_screen(700, 50, seed=12).write(server.folder / "another.h5ad")
    page.goto(f"{server.url}/?open={file}")

    expect(title(page)).to_have_text("another", timeout=LONG)
    expect(page).to_have_url(re.compile("study=another"))


@pytest.mark.parametrize("name", ["screen", "third"], ids=["built", "new"])
def test_a_file_opened_by_the_dialog_takes_the_place_of_the_study_in_the_address(page, server, name):
    file = server.folder / f"{name}.h5ad"
    if not file.exists():
        small_screen(700, 50, seed=13).write(file)
    page.goto(f"{server.url}/?study=demo")
    expect(title(page)).to_have_text("demo", timeout=LONG)

    page.get_by_role("button", name="Open a file").click()
    pick(page, "File on this machine", str(file))
    primary(page).click()

    expect(title(page)).to_have_text(name, timeout=LONG)
    expect(page).to_have_url(re.compile(f"study={name}"), timeout=LONG)


def test_a_study_is_found_by_its_id_too(page, server):
    study = next(record for record in list_studies(server.data_root) if record.name == "screen")
    page.goto(f"{server.url}/?study={study.id}")

    expect(title(page)).to_have_text("screen", timeout=LONG)
    expect(page).to_have_url(re.compile("study=screen"))


# ---------------------------------------------------------------------------------------- looking at one target


def test_a_target_is_picked_by_typing_and_the_address_follows(page, server):
    ready(page, f"{server.url}{PERTURBATION}")

    pick(page, "Target gene", "GENE7")

    expect(title(page)).to_have_text("GENE7")
    expect(page).to_have_url(re.compile("target=GENE7"))


def test_an_ensembl_id_or_another_case_leads_to_the_symbol(page, server):
    ready(page, f"{server.url}{PERTURBATION}")

    for typed in ("ENSG00090000011", "gene11"):
        pick(page, "Target gene", typed)
        expect(title(page)).to_have_text("GENE11")
        pick(page, "Target gene", "GENE3")
        expect(title(page)).to_have_text("GENE3")


def brush(page: Page):
    """The box over the cloud, as it is drawn."""
    return page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] .mark-rect.box_brush path")


def test_a_box_over_the_cloud_lists_its_genes_and_its_address_draws_it_again(page, server):
    ready(page, f"{server.url}/perturbation?study=demo&fold=1.2")
    page.get_by_role("radio", name="log2 FC").or_(page.get_by_role("button", name="log2 FC")).first.click()
    box = effect_chart(page).bounding_box()

    page.mouse.move(box["x"] + 60, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.move(box["x"] + box["width"] - 40, box["y"] + box["height"] - 60, steps=8)
    page.mouse.up()

    said = page.get_by_text(re.compile(r"\d+ genes? in the box"))
    expect(said).to_be_visible()
    expect(page).to_have_url(re.compile("box="))
    for part in ("study=demo", "target=", "fold=1.2", "by=log2"):
        assert part in page.url
    words, drawn = said.inner_text(), brush(page).bounding_box()
    ready(page, page.url)
    expect(said).to_have_text(words)
    again = brush(page).bounding_box()
    assert again["width"] == pytest.approx(drawn["width"], abs=3)
    assert again["height"] == pytest.approx(drawn["height"], abs=3)

    page.mouse.click(box["x"] + box["width"] - 20, box["y"] + 20)  # beside it: the box goes

    expect(said).to_have_count(0)
    expect(page).not_to_have_url(re.compile("box="))


def test_a_click_on_a_dot_writes_the_genes_line(page, server):
    ready(page, PERTURBATION and f"{server.url}{PERTURBATION}")
    dots = page.locator(".st-key-card-effect .mark-symbol.role-mark path[aria-roledescription=circle]")
    spot = dots.last.bounding_box()

    page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)

    expect(page.locator(".st-key-card-effect").get_by_text("in perturbed cells (log-normalized)")).to_be_visible()


def test_a_deep_link_shows_the_same_view_in_a_fresh_window(page, server):
    link = f"{PERTURBATION}&figure=Volcano&by=FDR&highlight=GENE2&highlight=GENE5&fold=1.2"

    ready(page, f"{server.url}{link}")

    expect(title(page)).to_have_text("GENE3")
    expect(page.get_by_text("−log10 FDR", exact=False).first).to_be_visible()
    card = page.locator(".st-key-card-effect")
    expect(card.locator("strong", has_text="GENE2")).to_be_visible()
    expect(card.locator("strong", has_text="GENE5")).to_be_visible()
    expect(page.get_by_text("at least 1.2-fold").first).to_be_visible()
    for part in ("figure=Volcano", "by=FDR", "highlight=GENE2", "highlight=GENE5", "fold=1.2", "target=GENE3"):
        assert part in page.url


def test_the_back_button_goes_back_to_the_page_before(page, server):
    page.goto(f"{server.url}/?study=screen")
    expect(title(page)).to_have_text("screen")
    page.get_by_role("link", name="Perturbation", exact=True).click()
    effect_chart(page)
    expect(page).to_have_url(re.compile("/perturbation.*target="))

    page.go_back()
    with suppress(AssertionError):  # the target that Streamlit wrote into the address may be a step of its own
        expect(title(page)).to_have_text("screen", timeout=5000)
    if title(page).inner_text() != "screen":
        page.go_back()

    expect(title(page)).to_have_text("screen")
    expect(page.locator(".st-key-card-roles")).to_be_visible()


def test_study_and_target_stay_when_pages_are_turned(page, server):
    ready(page, f"{server.url}{PERTURBATION}")
    pick(page, "Target gene", "GENE7")
    expect(title(page)).to_have_text("GENE7")

    page.get_by_role("link", name="Study", exact=True).click()
    expect(title(page)).to_have_text("screen")
    page.get_by_role("link", name="Perturbation", exact=True).click()

    expect(title(page)).to_have_text("GENE7")
    expect(page).to_have_url(re.compile("study=screen.*target=GENE7|target=GENE7.*study=screen"))


def test_a_target_that_the_next_study_lacks_gives_way_to_its_strongest(page, server):
    ready(page, f"{server.url}{PERTURBATION}")

    pick(page, "Study", "demo")

    expect(page.get_by_text("Simulated data.")).to_be_visible()
    expect(title(page)).not_to_have_text("GENE3")
    expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)


def test_a_line_that_needs_care_leads_to_its_target(page, server):
    page.goto(f"{server.url}/?study=screen")

    page.locator(".st-key-care a").first.click()

    expect(page.locator(".st-key-card-checks")).to_be_visible()
    expect(page).to_have_url(re.compile("perturbation.*target="))


# ------------------------------------------------------------------------------------------------------ export


def export(page: Page, form: str):
    """Choose a format in the open dialog and download."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=form).or_(dialog.get_by_role("button", name=form, exact=True)).first.click()
    with page.expect_download() as waiting:
        dialog.get_by_role("button", name=f"Download {form}").click()
    return waiting.value


@pytest.fixture
def export_dialog(page, server):
    ready(page, f"{server.url}{PERTURBATION}&highlight=GENE5")
    page.locator(".st-key-export-scatter button").click()
    expect(page.get_by_role("dialog").locator("img")).to_be_visible()
    return page


def test_an_exported_pdf_is_as_wide_as_it_says_and_its_text_is_text(export_dialog):
    download = export(export_dialog, "PDF")

    page = PdfReader(download.path()).pages[0]
    assert download.suggested_filename == "GENE3_scatter_85mm.pdf"
    assert float(page.mediabox.width) * MM_PER_PT == pytest.approx(85, abs=0.1)
    assert "GENE5" in page.extract_text()


def test_an_exported_svg_has_its_size_in_millimeters_and_text_elements(export_dialog):
    download = export(export_dialog, "SVG")

    svg = ET.parse(download.path()).getroot()
    assert svg.get("width") == "85mm"
    assert "GENE5" in {"".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")}


def test_an_exported_png_has_the_pixels_of_its_width_at_its_dpi(export_dialog):
    download = export(export_dialog, "PNG")

    picture = Image.open(download.path())
    assert picture.width == pytest.approx(85 / 25.4 * 300, abs=1.5)
    assert picture.info["dpi"][0] == pytest.approx(300, abs=0.5)


def test_the_data_behind_a_figure_are_taken_as_csv_and_parquet(export_dialog):
    tables = {}
    for label in ("CSV", "Parquet"):
        with export_dialog.expect_download() as waiting:
            export_dialog.get_by_role("dialog").get_by_role("button", name=label).click()
        tables[label] = Path(waiting.value.path()).read_bytes()

    csv = pd.read_csv(io.BytesIO(tables["CSV"]))
    parquet = pd.read_parquet(io.BytesIO(tables["Parquet"]))
    assert len(csv) == len(parquet) == 45
    assert csv.set_index("gene").loc["GENE3", "delta"] < 0


def test_one_format_after_the_other_is_taken_from_one_dialog(export_dialog):
    names = [export(export_dialog, form).suggested_filename for form in ("SVG", "PNG", "PDF", "SVG")]
    assert [name.rpartition(".")[2] for name in names] == ["svg", "png", "pdf", "svg"]


def test_the_dialog_has_the_methods_sentence_to_copy(export_dialog):
    sentence = export_dialog.get_by_role("dialog").locator("code").inner_text()

    assert "Mann-Whitney" in sentence and "Perturbscope" in sentence and "non-targeting" in sentence


# --------------------------------------------------------------------------------------------- building, killed


def test_a_build_that_is_killed_goes_on_and_the_page_shows_it(page, empty_server):
    path = small_screen(n_cells=60_000, n_genes=300, depth=1.0).write(empty_server.folder / "large.h5ad")
    page.goto(f"{empty_server.url}/?open={path}")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    pid = pid_of_the_running_job(empty_server.data_root)

    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    empty_server.kill_worker()
    empty_server.kill()
    empty_server.start()
    page.goto(f"{empty_server.url}/?study=large")

    expect(page.get_by_text("5 targets in 60,000 cells.")).to_be_visible(timeout=LONG)
    with sqlite3.connect(empty_server.data_root / "jobs.sqlite") as jobs:
        assert jobs.execute("SELECT state, attempts FROM jobs").fetchall() == [("done", 2)]


def pid_of_the_running_job(data_root: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with sqlite3.connect(data_root / "jobs.sqlite") as jobs:
            row = jobs.execute("SELECT pid FROM jobs WHERE state = 'running' AND pid IS NOT NULL").fetchone()
        if row:
            return int(row[0])
        time.sleep(0.02)
    raise TimeoutError("no job ran within a minute")


def test_a_build_is_cancelled_from_its_page(page, empty_server):
    path = small_screen(n_cells=60_000, n_genes=300, depth=1.0).write(empty_server.folder / "large.h5ad")
    page.goto(f"{empty_server.url}/?open={path}")

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("was cancelled").first).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="Go on")).to_be_visible()


# ------------------------------------------------------------------------------------------------------- reach


@pytest.mark.parametrize("address", ["/?study=screen", PERTURBATION, "/perturbation?study=demo"])
@pytest.mark.parametrize("width", [390, 720])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_and_no_number_is_cut(page, server, address, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    ready(page, f"{server.url}{address}")

    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("e => e.scrollWidth") == main.evaluate("e => e.clientWidth")
    cut = "values => values.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
    assert page.locator(".ps-value").evaluate_all(cut) == []


def test_the_sentence_the_numbers_and_the_whole_figure_are_seen_without_scrolling(page, server):
    ready(page, f"{server.url}{PERTURBATION}")

    for part in (page.locator(".st-key-headline"), page.locator(".st-key-vitals"), effect_chart(page)):
        box = part.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 900


def test_a_number_is_explained_where_its_mark_has_the_focus_and_within_the_page(page, server):
    ready(page, f"{server.url}{PERTURBATION}")
    marks = page.locator(".st-key-vitals .ps-help")

    for k in (0, 4):
        marks.nth(k).focus()
        box = page.locator(".ps-tip:visible").bounding_box()
        assert box["x"] > 0 and box["x"] + box["width"] <= 1440


def test_a_page_has_one_first_heading_and_the_font_comes_from_the_server(page, server):
    ready(page, f"{server.url}{PERTURBATION}")

    assert page.locator("h1").count() == 1
    assert page.evaluate("document.fonts.check('16px Inter')")
    font = page.request.get(f"{server.url}/fonts/Inter.ttf")
    assert font.ok and len(font.body()) > 100_000


def test_the_chart_takes_its_colors_from_the_theme(page, server):
    colors = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ready(page, f"{server.url}{PERTURBATION}")
        bars = page.locator(".st-key-card-top .mark-rect path")
        bars.first.wait_for()
        colors[scheme] = set(bars.evaluate_all("bars => bars.map(bar => bar.getAttribute('fill'))"))

    assert "#0072B2" in colors["light"] and "#56B4E9" in colors["dark"]


# --------------------------------------------------------------------------------------------------- real data


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "sentences"),
    [
        pytest.param(
            "schraivogel20_k562_tap/schraivogel20_k562_tap.h5ad",
            ["14 targets in 18,843 cells.", "HBE1 is 44"],
            id="Schraivogel",
        ),
        pytest.param("datlinger21_jurkat_scifi/datlinger21_jurkat_scifi.h5ad", ["No target changes"], id="Datlinger"),
        pytest.param("perturbench_devel/mcfaline23_gbm_crispri.h5ad", ["No target changes"], id="McFaline"),
    ],
)
def test_a_real_screen_is_opened_through_the_page(page, empty_server, real_data, file, sentences):
    empty_server.kill()
    empty_server.folder = real_data
    empty_server.start()

    page.goto(f"{empty_server.url}/?open={real_data / file}")

    for sentence in sentences:
        expect(page.get_by_text(sentence).first).to_be_visible(timeout=LONG)


# --------------------------------------------------------------------------------------------------------- genes


def test_a_search_for_an_alias_leads_to_the_gene_and_what_moves_it_leads_to_the_perturbation(page, server):
    ready(page, f"{server.url}{PERTURBATION}&fold=1.2")

    pick(page, "Find a gene", "ENSG00090000002")

    expect(title(page)).to_have_text("GENE2")
    effect_chart(page)
    expect(page).to_have_url(re.compile("/gene[?].*gene=GENE2"))
    expect(page).to_have_url(re.compile("study=screen"))
    expect(page).to_have_url(re.compile("fold=1.2"))
    expect(page.get_by_text("1 knock-down of 5 moves it", exact=True)).to_be_visible()

    page.get_by_role("radio", name="Batch").or_(page.get_by_role("button", name="Batch")).first.click()
    expect(page).to_have_url(re.compile("split=Batch"))

    pick(page, "Find a gene", "gene3")
    expect(title(page)).to_have_text("GENE3")
    page.get_by_role("link", name="All that GENE3 knock-down does").click()
    expect(title(page)).to_have_text("GENE3")
    expect(page).to_have_url(re.compile("/perturbation[?].*target=GENE3"))
    expect(page).to_have_url(re.compile("fold=1.2"))


def test_a_dot_among_all_genes_is_picked_and_a_pasted_list_goes_along_to_the_perturbation(page, server):
    ready(page, f"{server.url}/genes?study=demo&highlight=ACTB")
    dots = page.locator(".st-key-card-effect [data-testid=stVegaLiteChart] .dots_marks path")
    gene = re.search(r"Gene: ([^;]+)", dots.nth(-1).get_attribute("aria-label") or "")
    assert gene is not None

    dots.nth(-1).click(force=True)

    expect(page.locator(".st-key-card-gene h2").first).to_have_text(gene[1])
    expect(page).to_have_url(re.compile(f"gene={gene[1]}"))

    page.get_by_role("link", name="Perturbation").click()
    effect_chart(page)
    expect(page).to_have_url(re.compile("highlight=ACTB"))


def test_a_row_that_is_ticked_opens_its_targets_page(page, server):
    page.goto(f"{server.url}/?study=screen")
    table = page.locator(".st-key-card-targets [data-testid=stDataFrame] canvas").first
    table.scroll_into_view_if_needed()
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    box = table.bounding_box()

    page.mouse.click(box["x"] + 15, box["y"] + 55)  # the first row's box: the strongest target

    expect(page).to_have_url(re.compile(r"/perturbation\?.*target=GENE3"))
    expect(title(page)).to_have_text("GENE3")
