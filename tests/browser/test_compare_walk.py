"""The Compare page in a real browser: from the map to a pair, its figure taken along, and back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_walks import effect_chart, ready, title

pytestmark = pytest.mark.browser


def test_from_what_looks_alike_to_the_pair_and_its_figure(page, server):
    ready(page, f"{server.url}/compare?study=demo")
    first = title(page).inner_text()
    a = first.split(" and ")[0]
    expect(page.locator(".st-key-card-effect canvas.marks")).to_be_visible()

    page.locator(".st-key-neighbors a").last.click()

    expect(title(page)).not_to_have_text(first)
    expect(title(page)).to_have_text(re.compile(f"^{re.escape(a)} and "))
    expect(page).to_have_url(re.compile("[?&]b="))
    page.get_by_role("radio", name="Two targets").or_(page.get_by_text("Two targets", exact=True)).first.click()
    expect(page).to_have_url(re.compile(r"view=Two(\+|%20)targets"))
    effect_chart(page)

    export = page.locator(".st-key-card-effect").get_by_role("button", name="Export")
    expect(export).to_have_count(1)
    export.click()
    with page.expect_download() as got:
        page.get_by_role("dialog").get_by_test_id("stDownloadButton").first.get_by_role("button").click()
    assert re.fullmatch(r"simulated_.+_pair_85mm\.pdf", got.value.suggested_filename)
    page.keyboard.press("Escape")

    address = page.url
    page.goto("about:blank")
    ready(page, address)
    expect(title(page)).to_have_text(re.compile(f"^{re.escape(a)} and "))


def test_no_part_of_the_page_is_wider_than_a_phone(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    ready(page, f"{server.url}/compare?study=demo")

    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
