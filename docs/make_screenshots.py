"""Pictures of the pages for docs/, from the simulated demo alone: published data are not copied into the project.

``.venv/bin/python docs/make_screenshots.py`` makes the demo in a temporary data root, starts the server, opens each
page in Chromium and writes ``docs/pictures/PAGE.png`` with at most 256 colors.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STUDY = "simulated_screen"
PAGES = {
    "study": f"/?study={STUDY}",
    "genes": f"/genes?study={STUDY}",
    "gene": f"/gene?study={STUDY}",
    "perturbation": f"/perturbation?study={STUDY}",
    "compare": f"/compare?study={STUDY}",
    "my_figures": f"/my_figures?study={STUDY}",
}


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    browser = next(path for name in BROWSERS if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PERTURBSCOPE_DATA_ROOT": folder, "PERTURBSCOPE_DATA_FOLDERS": folder}
        subprocess.run([sys.executable, "-m", "core.ui.first_start"], cwd=DOCS.parent, env=environment, check=True)
        url, server = start(environment)
        try:
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                for name, address in PAGES.items():
                    look(page, url + address, PICTURES / f"{name}.png", has_charts=name != "my_figures")
                chromium.close()
        finally:
            server.terminate()
            server.wait()


def start(environment: dict[str, str]) -> tuple[str, subprocess.Popen[bytes]]:
    """A server on a free port, and its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", url.rsplit(":", 1)[1]]
    server = subprocess.Popen(command, cwd=DOCS.parent, env=environment, stdout=subprocess.DEVNULL)
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
            return url, server
        time.sleep(0.1)
    raise TimeoutError("the server did not answer within 60 s")


def look(page: Page, address: str, path: Path, *, has_charts: bool) -> None:
    """Open a page, wait until it is painted, and keep its picture, small."""
    page.goto(address)
    page.locator("[data-testid=stMain] h1").first.wait_for()
    if has_charts:
        page.locator("[data-testid=stVegaLiteChart] .marks").first.wait_for()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    page.wait_for_timeout(1500)  # fonts, and charts below the first
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


if __name__ == "__main__":
    main()
