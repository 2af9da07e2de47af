"""The walk of a biologist: type a gene, see whether it worked, what moved, which pathway, who looks alike, whether to
trust it, take the panel away.

Each screen is held to what it can say: Schraivogel's panel is too small for pathways and says so, Norman cannot tell
whether a gene was activated, Datlinger changes next to nothing and says what could have been seen.
"""

import io
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.conftest import forget_kept, planted_gmt
from tests.browser.shown import charts, settled

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class Walk:
    """What a screen says on the way.

    Parameters
    ----------
    study, gene, target
        The study; the symbol that is typed, and the target it leads to.
    worked, moved, pathway, alike, trust
        What stands in the headline, among the bars of the largest changes, in the pathway card, beside what looks
        alike, and among the checks.
    """

    study: str
    gene: str
    target: str
    worked: str
    moved: str
    pathway: str
    alike: str
    trust: str


SCHRAIVOGEL = Walk(
    "schraivogel20_k562_tap",
    "UBR5",
    "UBR5",
    worked=r"UBR5 knock-down leaves 34\s% of its transcript in 641 cells",
    moved="CPNE3",
    pathway=r"In a panel chosen by hand no pathway can be over-represented; at least 500 genes are needed",
    alike=r"UBR5 looks most like OXR1",
    trust=r"HBE1 is 44\s% of control counts",
)
NORMAN = Walk(
    "norman19_k562_crispra",
    "KLF1",
    "KLF1",
    worked=r"KLF1 is not among the measured genes; its activation cannot be checked\. 4 of 500 genes change",
    moved="HBZ",
    pathway=r"No set",
    alike=r"KLF1 looks most like KLF1\+TGFBR2",
    trust=r"Activation not measurable.*must change 8\.1-fold to be seen",
)
DATLINGER = Walk(
    "datlinger21_jurkat_scifi",
    "BACH2",
    "LCK",
    worked=r"LCK is not among the measured genes.*1 of 2,000 genes changes in 400 cells",
    moved="BACH2",
    pathway=r"No pathway stands out.*None of the sets tested holds a gene that changed",
    alike=r"LCK looks most like ZAP70",
    trust=r"must change 42-fold to be seen",
)


def test_on_the_demo(page, server):
    target, raised, gmt = planted_gmt(server, "biologist.gmt", "HALLMARK_PLANTED_PROGRAM")
    walk = Walk(
        "demo",
        target,
        target,
        worked=rf"{target} knock-down leaves \d+\s% of its transcript",
        moved=raised[0],
        pathway="Planted program rises",
        alike=rf"{target} looks most like",
        trust="Knock-down verified",
    )

    walk_through(page, server, walk, gmt=str(gmt))


@pytest.mark.real_data
@pytest.mark.parametrize("walk", [SCHRAIVOGEL, NORMAN, DATLINGER], ids=["Schraivogel", "Norman", "Datlinger"])
def test_on_a_published_screen(page, real_server, real_data, walk):
    walk_through(page, real_server, walk, gmt=str(real_data / "gene_sets" / "h.all.v7.0.symbols.gmt"))


def walk_through(page: Page, server, walk: Walk, *, gmt: str) -> None:
    """The walk, said once for every screen."""
    forget_kept(server)
    page.goto(f"{server.url}/?study={walk.study}")
    settled(page)

    type_a_gene(page, walk.gene)
    to_its_perturbation(page, walk)
    expect(page.locator(".st-key-headline")).to_contain_text(re.compile(walk.worked, re.DOTALL))
    bars = next(chart for chart in charts(page) if chart.card == "top")
    assert walk.moved in {row.get("gene") for row in bars.rows()}
    expect(page.locator(".st-key-card-checks")).to_contain_text(re.compile(walk.trust, re.DOTALL))
    expect(pathways(page, gmt)).to_contain_text(re.compile(walk.pathway, re.DOTALL))
    keep(page, "effect")
    keep(page, "top")

    page.goto(f"{server.url}/compare?study={walk.study}&a={walk.target}")
    expect(page.locator(".st-key-card-alike")).to_contain_text(re.compile(walk.alike))
    settled(page)

    name, panel = take_the_panel(page)
    assert re.search(r"_panel_a-b_174mm\.pdf$", name)
    first = PdfReader(io.BytesIO(panel)).pages[0]
    assert float(first.mediabox.width) * 25.4 / 72 == pytest.approx(174, abs=0.05)
    words = first.extract_text()
    assert walk.moved in words, words


def type_a_gene(page: Page, gene: str) -> None:
    """Into the search box that every page has."""
    box = page.get_by_role("combobox", name="Find a gene")
    box.click()
    box.fill(gene)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"/gene\?.*gene={re.escape(gene)}"))
    settled(page)


def to_its_perturbation(page: Page, walk: Walk) -> None:
    """By the gene page's own link where the gene is a target, else by picking what moves it."""
    own = re.compile(rf"^{re.escape(walk.target)}$|^All that {re.escape(walk.target)} ")
    link = page.get_by_test_id("stMain").get_by_role("link", name=own)
    if link.count():
        link.first.click()
    else:
        page.get_by_role("link", name="Perturbation").click()
        box = page.get_by_role("combobox", name="Target gene")
        box.click()
        box.fill(walk.target)
        page.keyboard.press("Enter")
    expect(page.locator("[data-testid=stMain] h1")).to_have_text(walk.target)
    page.locator(".st-key-card-top svg.marks").wait_for()
    settled(page)


def pathways(page: Page, gmt: str):
    """The pathway card, with gene sets given if none are kept yet."""
    card = page.locator(".st-key-card-pathways")
    give = card.get_by_role("button", name="Give a GMT")
    if give.count():
        give.click()
        box = page.get_by_role("combobox", name="File on this machine")
        box.click()
        box.fill(gmt)
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
    settled(page)
    return card


DRAWN = {"effect": "mean log-normalized expression of", "top": "largest"}
"""Words of a card's methods sentence that the other card's does not have."""


def keep(page: Page, card: str) -> None:
    """Put a card's figure into My figures."""
    page.locator(f".st-key-card-{card}").get_by_role("button", name="Export").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_test_id("stCode")).to_contain_text(DRAWN[card])  # no longer what the last dialog said
    expect(dialog.get_by_text("Kept in My figures.")).to_have_count(0)
    dialog.get_by_role("img").first.wait_for()
    dialog.get_by_role("button", name="Add to my figures").click()
    expect(dialog.get_by_text("Kept in My figures.")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def take_the_panel(page: Page) -> tuple[str, bytes]:
    """Tick the two figures that were kept last and download them as one PDF."""
    page.get_by_role("link", name="My figures").click()
    settled(page)
    for tick in range(2):
        page.locator("[data-testid=stCheckbox] label").nth(tick).click()
        expect(page).to_have_url(re.compile(f"(panel=.*){{{tick + 1}}}"))
        settled(page)
    expect(page.locator(".st-key-card-panel [class*='st-key-up-']")).to_have_count(2)  # both have their letter
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PDF").click()
    return download.value.suggested_filename, download.value.path().read_bytes()
