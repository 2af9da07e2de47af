"""From click to painted pixels: a figure switch on each page, and every page's default view, beside an empty page."""

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
CLICKS = {
    "Genes": ("Mean and dispersion", "Distribution of means"),
    "Gene": ("Target", "Batch"),
    "Perturbation": ("Scatter", "Volcano"),
    "Compare": ("Effects", "Correlation"),
}
WATCH = """() => {
  let changed = [];
  addEventListener("pointerdown", () => { window.__click = performance.now(); window.__painted = []; }, true);
  new MutationObserver((records) => {
    for (const {type, target, attributeName, addedNodes} of records) {
      if (type === "attributes" && attributeName.startsWith("data-")) continue;
      changed.push(...(addedNodes.length ? addedNodes : [target]));
    }
    requestAnimationFrame(() => {
      const now = performance.now();  // a frame's own time is when it was due
      window.__painted.push(...changed.map((node) => [now, node]));
      changed = [];
    });
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}"""
"""Note every change of the page with the time of its frame; attributes for tests alone are no change."""
PAINTED = """() => {
  const box = (node) => (node.nodeType === 1 ? node : node.parentElement).getBoundingClientRect();
  let shown = 0, whole = 0;
  for (const [when, node] of window.__painted) {
    if (!node.isConnected || (node.nodeType !== 1 && !node.parentElement)) continue;
    if ((node.parentElement ?? node).closest("canvas")) continue;
    const {width, height, top, bottom} = box(node);
    if (!width || !height) continue;
    whole = Math.max(whole, when);
    if (bottom > 0 && top < innerHeight) shown = Math.max(shown, when);
  }
  return [shown - window.__click, whole - window.__click];
}"""
"""Milliseconds from the click to the last change in the window, and on the whole page; a table's canvas holds a second,
unseen table for screen readers that comes late."""


@contextmanager
def served(script: Path, root: Path, folder: Path = ROOT, files: Path | None = None):
    """A Streamlit server on a free port, that opens ``files``: its address and the id of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PERTURBSCOPE_DATA_ROOT": str(root), "PERTURBSCOPE_WORKER_IDLE": "1"}
    environment |= {"PERTURBSCOPE_DATA_FOLDERS": str(files)} if files else {}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def switch_times(page: Page, labels: tuple[str, str], rounds: int) -> list[float]:
    """Milliseconds from pressing one of two buttons, in turn, to the frame after the last change in the window."""
    page.evaluate(WATCH)
    took = []
    for k in range(rounds + 2):
        page.get_by_role("radio", name=labels[(k + 1) % 2], exact=True).first.click()
        page.wait_for_timeout(1500)
        took.append(page.evaluate(PAINTED)[0])
    return took[2:]


def page_times(page: Page, name: str, away: str, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the click on a page's name to the last change in the window, and to that of the whole page."""
    took = []
    for _ in range(rounds + 1):
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{away}$")).click()
        page.wait_for_timeout(2500)
        page.get_by_test_id("stSidebarNavLink").filter(has_text=re.compile(f"{name}$")).click()
        page.wait_for_timeout(2500)
        took.append(page.evaluate(PAINTED))
    shown, whole = zip(*took[1:], strict=True)  # the first fills the caches
    return list(shown), list(whole)


def seconds_to_build(page: Page, url: str, path: Path) -> float:
    """From an address that opens a file, through the build that the page shows, to the sentence about the study."""
    started = time.perf_counter()
    page.goto(f"{url}/?open={path}")
    page.get_by_text(re.compile(r"targets in [\d,]+ cells")).first.wait_for(timeout=600_000)
    return time.perf_counter() - started


def main() -> None:
    """An empty page, then a study that the page itself builds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=8)
    args = parser.parse_args()
    path = screen(args.cells).resolve()  # a link out of the folder is not opened
    executable = os.environ.get("PERTURBSCOPE_CHROMIUM", "/usr/bin/chromium")
    with tempfile.TemporaryDirectory(dir=WORK, ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        root, empty = Path(folder) / "data-root", Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
        with served(empty, root, Path(folder)) as (url, _):  # without our configuration: plain Streamlit
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(url)
            page.get_by_text("Switch").wait_for(timeout=30_000)
            page.wait_for_timeout(1000)
            floor = switch_times(page, ("One", "Two"), args.rounds)
        with served(ROOT / "app.py", root, files=path.parent) as (url, _):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            built = seconds_to_build(page, url, path)
            clicks = {}
            for name, labels in CLICKS.items():
                page.goto(f"{url}/{name.lower()}?study={path.stem}")
                page.locator("h1").wait_for(timeout=60_000)
                page.wait_for_timeout(5000)
                clicks[name] = switch_times(page, labels, args.rounds)
            pages = {name: page_times(page, name, away, args.rounds) for name, away in PAGES}
        browser.close()
    print(f"{args.cells:,} cells: from opening the file to the study's page {built:.1f} s")
    for name, times in clicks.items():
        line(f"{name}, another figure", times, floor, "empty page", "ms")
    for name, (shown, whole) in pages.items():
        line(f"{name}, what the window shows", shown, floor, "empty page", "ms")
        line(f"{name}, cards below too", whole, floor, "empty page", "ms")
    took = {"empty": floor} | {f"{name}, another figure": times for name, times in clicks.items()}
    took |= {name: shown for name, (shown, _) in pages.items()}
    took |= {f"{name}, cards below too": whole for name, (_, whole) in pages.items()}
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found[str(args.cells)] = {"build": built, "ms": {name: statistics.median(times) for name, times in took.items()}}
    RESULTS.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
