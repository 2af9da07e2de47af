"""Does the server's memory grow with page views, and do pages answer while another study is built?"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, WORK, screen
from page import CHROMIUM, served
from playwright.sync_api import Browser, Page, sync_playwright

RESULTS = WORK / "views.json"
PAGES = ("study", "genes", "gene", "perturbation", "compare")
REPORTED, READERS = 50, 3
SECOND = 1000


def addresses(targets: list[str]) -> list[str]:
    """Every page in turn, each time about another target."""
    start = {"study": "", "genes": "genes", "gene": "gene", "perturbation": "perturbation", "compare": "compare"}
    return [
        f"{start[page]}?target={name}&gene={name}&a={name}"
        for name, page in zip(targets, itertools.cycle(PAGES), strict=False)
    ]


def megabytes(pid: int) -> float:
    """Memory of a process that is no mapped file."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("RssAnon")) / 1024


def seconds_to_look(page: Page, address: str) -> float:
    """Open an address in a session of its own, to the end of its script."""
    started = time.perf_counter()
    page.goto(address)
    page.locator("[data-testid=stMain] h1").first.wait_for(timeout=60 * SECOND)
    page.locator("[data-test-script-state=notRunning]").first.wait_for(timeout=60 * SECOND)
    if page.get_by_test_id("stException").count():
        raise SystemExit(f"{address} shows an exception")
    return time.perf_counter() - started


def growth(browser: Browser, url: str, views: list[str], pid: int) -> dict[int, float]:
    """The server's memory after every fiftieth view."""
    found, page = {}, browser.new_page(viewport={"width": 1440, "height": 900})
    for n, view in enumerate(views, 1):
        seconds_to_look(page, f"{url}/{view}")
        if n % REPORTED == 0:
            found[n] = megabytes(pid)
            print(f"{n} views: {found[n]:.0f} MB", flush=True)
    page.close()
    return found


def beside_a_build(browser: Browser, url: str, views: list[str], cells: int) -> tuple[list[float], list[float]]:
    """Seconds of views by several readers in turn, without and with a build of another study beside them."""
    readers = [browser.new_page(viewport={"width": 1440, "height": 900}) for _ in range(READERS)]
    turns = list(zip(itertools.cycle(readers), views, strict=False))
    alone = [seconds_to_look(page, f"{url}/{view}") for page, view in turns[: 5 * READERS]]
    with tempfile.TemporaryDirectory(dir=WORK) as root:
        command = [sys.executable, "-m", "core", "build", screen(cells), "--data-root", root]
        build = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        beside: list[float] = []
        for page, view in itertools.cycle(turns):
            if build.poll() is not None:
                break
            beside.append(seconds_to_look(page, f"{url}/{view}"))
        if build.returncode:
            raise SystemExit("the build failed")
    return alone, beside


def main() -> None:
    """First the views, then the readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=500)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--building", type=int, default=40_000)
    args = parser.parse_args()
    root = WORK / f"root_{args.cells}"
    sys.path.insert(0, str(ROOT))
    from core.store import build_study

    study = build_study(screen(args.cells), data_root=root)
    targets = list(itertools.islice(itertools.cycle(study.targets.index), args.views))
    with sync_playwright() as playwright, served(ROOT / "app.py", root) as (url, pid):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        found = growth(browser, url, addresses(targets), pid)
        alone, beside = beside_a_build(browser, url, addresses(targets), args.building)
        browser.close()
    half = found[args.views // 2 // REPORTED * REPORTED]
    print(f"memory after all views over that after half of them: {max(found.values()) / half:.2f}")
    print(f"a view {statistics.median(alone):.2f} s, beside a build {statistics.median(beside):.2f} s")
    RESULTS.write_text(json.dumps({"memory": found, "alone": alone, "beside": beside}, indent=1))


if __name__ == "__main__":
    main()
