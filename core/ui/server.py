"""What the server is made of beside its pages: the font's route, and a worker that lives while it does."""

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import fontpkg
import streamlit as st
from starlette.responses import FileResponse
from starlette.routing import Route

from core.errors import StorageError
from core.jobs import queue

FONT: Path = fontpkg.path("inter")
A_YEAR = 365 * 24 * 3600
SECONDS_BEFORE_WARMING = 0.3


async def inter(_request: object) -> FileResponse:
    """The font of the pages, out of the installed package: no font file lies in the repository."""
    return FileResponse(FONT, media_type="font/ttf", headers={"Cache-Control": f"public, max-age={A_YEAR}"})


ROUTES = [Route("/fonts/Inter.ttf", inter)]


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """See at the start that a worker lives: jobs that a restart interrupted go on.

    What pages import (pandas, numba, scipy: 2 s) is loaded once the server listens, while the browser is on its way.
    """
    try:
        queue.ensure_worker()
    except StorageError as error:  # a read-only data root still shows what is in it; opening a file says the same
        print(f"No jobs can run: {error}", flush=True)
    warming = threading.Thread(target=importlib.import_module, args=("core.ui.state",), name="warm", daemon=True)
    asyncio.get_running_loop().call_later(SECONDS_BEFORE_WARMING, warming.start)
    yield
