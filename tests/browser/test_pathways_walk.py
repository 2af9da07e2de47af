"""A walk in a real browser: give a GMT, see the pathway in card and headline, take the dots away."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import planted_gmt

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("nothing_kept")]
expect.set_options(timeout=30_000)


@pytest.fixture
def planted(server):
    """The demo's strongest target, and a GMT in the data folder whose first set are the genes that it raises."""
    target, _, path = planted_gmt(server, "walk.gmt", "HALLMARK_RISING_THINGS")
    return target, path


def test_a_gmt_is_given_its_pathway_is_seen_and_the_dot_plot_is_taken_away(page, server, planted):
    target, path = planted
    page.goto(f"{server.url}/perturbation?study=demo&target={target}")
    card = page.locator(".st-key-card-pathways")
    expect(
        card.get_by_text("With gene sets, the pathways that rise and fall with this target stand here.")
    ).to_be_visible()

    card.get_by_role("button", name="Give a GMT").click()
    box = page.get_by_role("combobox", name="File on this machine")
    box.click()
    box.fill(str(path))
    page.keyboard.press("Enter")

    expect(card.get_by_role("heading")).to_have_text("Rising things rises")
    expect(page).to_have_url(re.compile("sets=walk"))
    card.locator("[data-testid=stVegaLiteChart] svg.marks").wait_for()
    expect(page.locator(".st-key-headline")).to_contain_text("rising things rises")

    card.get_by_role("radio", name="Whole profile").click()
    expect(card.get_by_text(re.compile("rank test, BH"))).to_be_visible()
    expect(page).to_have_url(re.compile("pathway_test=Whole"))
    card.get_by_role("radio", name="Changed genes").click()

    card.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("SVG", exact=True).click()
    with page.expect_download() as taken:
        dialog.get_by_role("button", name="Download SVG").click()
    assert taken.value.suggested_filename == f"simulated_{target}_pathways_85mm.svg"
    svg = Path(taken.value.path()).read_text()
    assert ">Rising things</text>" in svg and "Simulated data" in svg
    assert "hypergeometric" in dialog.locator("[data-testid=stCode]").inner_text()
