"""A real server on a free port with a data root of its own, and Debian's Chromium that looks at it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core.data.synthetic import write_demo
from core.jobs.locks import holder
from core.store import build_study, open_study
from core.views import perturbation_view
from tests.small_screens import small_screen

ROOT = Path(__file__).parents[2]
SECONDS = 1000
REAL_SCREENS = {
    "schraivogel20_k562_tap": "schraivogel20_k562_tap/schraivogel20_k562_tap.h5ad",
    "norman19_k562_crispra": "perturbench_devel/norman19_k562_crispra.h5ad",
    "datlinger21_jurkat_scifi": "datlinger21_jurkat_scifi/datlinger21_jurkat_scifi.h5ad",
    "mcfaline23_gbm_crispri": "perturbench_devel/mcfaline23_gbm_crispri.h5ad",
}
"""The shared screens: the file by the study's name. For tests marked ``real_data``."""
HARMLESS = ("_stcore/health", "_stcore/host-config")  # answered with 404 on a deep link before the right path is tried


@dataclass
class Server:
    """A running server.

    Parameters
    ----------
    url
        Its address.
    data_root, folder
        Its data root; the one folder that it may open files from.
    """

    url: str
    data_root: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        port = self.url.rsplit(":", 1)[1]
        environment = os.environ | {
            "PERTURBSCOPE_DATA_ROOT": str(self.data_root),
            "PERTURBSCOPE_DATA_FOLDERS": str(self.folder),
            "PERTURBSCOPE_WORKER_IDLE": "20",
        }
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", port]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                return
            time.sleep(0.1)
        raise TimeoutError("the server did not answer within 60 s")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def kill_worker(self) -> None:
        """End its worker at once."""
        pid = holder(self.data_root / "worker.lock")
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def new_server(folder: Path) -> Server:
    """A server that is not started yet, with ``data-root`` and ``files`` in a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "files").mkdir()
    return Server(f"http://127.0.0.1:{port}", folder / "data-root", folder / "files")


@pytest.fixture
def empty_server(tmp_path) -> Iterator[Server]:
    """A server whose data root is empty."""
    server = new_server(tmp_path)
    server.start()
    yield server
    server.kill()
    server.kill_worker()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    """A server with two studies: ``screen``, small, and ``demo``, simulated with real symbols."""
    server = new_server(tmp_path_factory.mktemp("browser"))
    build_study(small_screen().write(server.folder / "screen.h5ad"), data_root=server.data_root)
    write_demo(server.folder / "demo.h5ad", 3000, 600, 10)
    build_study(server.folder / "demo.h5ad", data_root=server.data_root)
    server.start()
    yield server
    server.kill()
    server.kill_worker()


def forget_kept(server: Server) -> None:
    """Begin with neither figures, notes nor gene sets of the walks before, whose data root is the same."""
    for folder in ("kept", "gene_sets"):
        shutil.rmtree(server.data_root / folder, ignore_errors=True)


def planted_gmt(server: Server, file: str, name: str) -> tuple[str, list[str], Path]:
    """A GMT among the server's files whose first set are 15 genes that the demo's strongest target raises.

    Returns the target, these genes and the GMT's path.
    """
    study = open_study("demo", data_root=server.data_root)
    target = str(study.targets["n_significant"].idxmax())
    genes = perturbation_view(study, target).genes
    raised = list(genes.index[genes["role"] == "up"][:15])
    fill = [list(study.genes.index[20 * k : 20 * k + 15]) for k in range(20)]
    sets = [(name, raised), *((f"FILL_{k}", members) for k, members in enumerate(fill))]
    path = server.folder / file
    path.write_text("".join(f"{name}\tabout\t" + "\t".join(members) + "\n" for name, members in sets))
    return target, raised, path


@pytest.fixture
def nothing_kept(server) -> None:
    """Nothing that walks before kept."""
    forget_kept(server)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory, real_data) -> Iterator[Server]:
    """A server with the published screens; what is made of them lies in its data root and goes with it."""
    server = new_server(tmp_path_factory.mktemp("real"))
    server.folder = real_data
    for file in REAL_SCREENS.values():
        build_study(real_data / file, data_root=server.data_root)
    server.start()
    yield server
    server.kill()
    server.kill_worker()


@pytest.fixture(scope="session")
def chromium(browser_path) -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[Page]:
    """A fresh window of 1440 x 900; afterwards: no error in the console, and nothing asked of another machine."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30 * SECONDS)
    errors: list[str] = []
    elsewhere: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda r: errors.append(f"{r.status} {r.url}") if is_a_fault(r.status, r.url) else None)
    page.on("request", lambda r: elsewhere.append(r.url) if not is_local(r.url) else None)
    yield page
    context.close()
    assert not errors
    assert not elsewhere


def is_a_fault(status: int, url: str) -> bool:
    """Whether an answer is one that no page should get."""
    return status >= 400 and not any(part in url for part in HARMLESS)


def is_local(url: str) -> bool:
    """Whether an address is of this machine."""
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
