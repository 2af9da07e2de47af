"""From click to painted pixels: a figure switch, and every page's default view, beside an empty page."""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from common import ROOT, WORK, line, screen
from playwright.sync_api import Page, sync_playwright

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
EMPTY = """
import streamlit as st
st.write(st.segmented_control("Switch", ["One", "Two"], default="One"))
"""
RESULTS = WORK / "page.json"
PAGES = (
    ("Study", "Genes"),
    ("Genes", "Study"),
    ("Gene", "Study"),
    ("Perturbation", "Study"),
    ("Compare", "Study"),
    ("My figures", "Study"),
)
WATCH = """() => {
  window.__click = 0; window.__last = 0;
  addEventListener("pointerdown", () => { window.__click = performance.now(); window.__last = 0; }, true);
  new MutationObserver(() => requestAnimationFrame(() => { window.__last = performance.now(); }))
    .observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""


@contextmanager
def served(script: Path, root: Path, folder: Path = ROOT):
    """A Streamlit server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PERTURBSCOPE_DATA_ROOT": str(root)}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def switch_times(page: Page, labels: tuple[str, str], rounds: int) -> list[float]:
    """Milliseconds from pressing one of two buttons to the frame after the last change of the page."""
    page.evaluate(WATCH)
    took = []
    for k in range(rounds + 2):
        page.get_by_role("radio", name=labels[(k + 1) % 2]).first.click()
        page.wait_for_timeout(1500)
        took.append(page.evaluate("window.__last - window.__click"))
    return took[2:]


def page_times(page: Page, name: str, away: str, rounds: int) -> list[float]:
    """Milliseconds from the click on a page's name in the sidebar to the frame after the last change."""
    took = []
    for k in range(rounds + 1):
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{away}$")).click()
        page.wait_for_timeout(2500)
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{name}$")).click()
        page.wait_for_timeout(2500)
        if k:  # the first fills the caches
            took.append(page.evaluate("window.__last - window.__click"))
    return took


def main() -> None:
    """An empty page, then ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    root = WORK / f"root_{args.cells}"
    sys.path.insert(0, str(ROOT))
    from core.store import build_study

    study = build_study(screen(args.cells), data_root=root)
    executable = os.environ.get("PERTURBSCOPE_CHROMIUM", "/usr/bin/chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
        with served(empty, root, Path(folder)) as url:  # without our configuration: plain Streamlit
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(url)
            page.get_by_text("Switch").wait_for(timeout=30_000)
            page.wait_for_timeout(1000)
            floor = switch_times(page, ("One", "Two"), args.rounds)
        with served(ROOT / "app.py", root) as url:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{url}/perturbation?study={study.name}")
            page.locator("h1").wait_for(timeout=60_000)
            page.wait_for_timeout(5000)
            ours = switch_times(page, ("Scatter", "Volcano"), args.rounds)
            pages = {name: page_times(page, name, away, args.rounds) for name, away in PAGES}
        browser.close()
    line(f"figure switch, {study.n_genes:,} genes", ours, floor, "empty page", "ms")
    for name, took in pages.items():
        line(f"{name}, default view", took, floor, "empty page", "ms")
    medians = {"empty": floor, "figure switch": ours} | pages
    RESULTS.write_text(json.dumps({name: statistics.median(took) for name, took in medians.items()}, indent=1))
    print(f"slowest of {args.rounds}: {max(ours):.0f} ms, empty page {max(floor):.0f} ms; "
          f"quickest {min(ours):.0f} and {min(floor):.0f}, medians {statistics.median(ours):.0f} and "
          f"{statistics.median(floor):.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
