"""Pages as AppTest opens them: over a small screen with planted effects, built once for all tests."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.jobs import queue
from core.store import build_study
from core.ui import widgets
from tests.small_screens import small_screen

SHELL = Path(__file__).parents[2] / "core" / "ui" / "shell.py"
PAGES = "../../pages"


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A data root that holds the study ``screen``; to be copied, never written to."""
    folder = tmp_path_factory.mktemp("built")
    build_study(small_screen().write(folder / "screen.h5ad"), data_root=folder / "root")
    return folder


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Jobs are queued and stay so: what a page does while one waits is what is looked at."""
    monkeypatch.setattr(queue, "ensure_worker", lambda: None)
    monkeypatch.setattr(widgets, "PAINT_FIRST", 0.0)  # nobody watches
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def study_root(built, data_root) -> Path:
    """This test's data root, with the small screen's study in it."""
    shutil.copytree(built / "root", data_root)
    return data_root


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """Open a page by its name and address, as a browser would."""

    def open_page(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(SHELL, default_timeout=30)
        if page != "study":
            app.run()
            app.switch_page(f"{PAGES}/{page}.py")
        app.query_params |= query
        return app.run()

    return open_page


def words(page: AppTest) -> str:
    """All that a page says in text, messages included."""
    kinds = (page.title, page.header, page.markdown, page.caption, page.error, page.warning, page.info)
    return "\n".join(element.value for kind in kinds for element in kind)


class Shown(NamedTuple):
    """A number under the headline as the page shows it."""

    label: str
    value: str


def vitals(page: AppTest) -> list[Shown]:
    """The numbers of a page's strips, in order."""
    strip = r'<dt>(.*?)(?: <span class="ps-help".*?)?</dt><dd class="ps-value">(.*?)</dd>'
    return [Shown(*found) for element in page.get("html") for found in re.findall(strip, element.proto.body)]
