"""What all tests share: a data root of their own, real data where it is present, and the list of what was skipped."""

import os

# before numpy is imported anywhere: two test processes on two processors, each with one thread
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("PERTURBSCOPE_THREADS", "2")

import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from core.settings import settings

# the machine of CI is slow and shared: the same examples each time there, new ones on a desk
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data root of this test alone; nothing is ever written to the user's own."""
    root = tmp_path / "data-root"
    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", str(root))
    monkeypatch.setenv("PERTURBSCOPE_DATA_FOLDERS", str(tmp_path))
    settings.cache_clear()
    yield root
    settings.cache_clear()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real screens, for tests marked ``real_data``."""
    return REAL_DATA


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Debian's Chromium or Chrome, for tests marked ``browser``."""
    path = find_browser()
    assert path is not None
    return path


def find_browser() -> str | None:
    """The first browser on the path."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    without_data = pytest.mark.skip(reason=f"needs the real screens of {REAL_DATA}, which are not here")
    without_browser = pytest.mark.skip(reason="needs Chromium or Chrome, none was found")
    for item in items:
        if "real_data" in item.keywords and not REAL_DATA.is_dir():
            item.add_marker(without_data)
        if "browser" in item.keywords and find_browser() is None:
            item.add_marker(without_browser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what was skipped and why: what a green run did not show."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    by_reason: dict[str, list[str]] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        by_reason.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    terminalreporter.section("skipped, and why")
    for reason, tests in sorted(by_reason.items()):
        terminalreporter.write_line(f"{len(tests)} because: {reason}")
        for test in tests:
            terminalreporter.write_line(f"    {test}")
