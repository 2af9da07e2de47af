"""How errors look: a sentence for what a user can act on, an id and a logged traceback for a bug of ours.

The one place that catches ``Exception``: a card that fails must not take the rest of the page with it.
"""

import re
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from core.errors import PerturbscopeError
from core.settings import settings

LONGEST_MESSAGE = 600
"""Characters of a message: a name of 10 kB must not fill the page."""


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show what goes wrong inside as a message in place, and go on after it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the boundary: nothing behind it may end the page
        report(error)


def report(error: Exception) -> bool:
    """Show an error where the page stands; True, as Streamlit's ``on_script_error`` asks for "it is shown"."""
    if isinstance(error, PerturbscopeError):
        say(str(error))
    else:
        _say_bug(error)
    return True


def say(message: str) -> None:
    """A message in red: its first sentence bold, what to do after it."""
    st.error(_first_sentence_bold(message), icon=":material/error:")


def _say_bug(error: Exception) -> None:
    from core.views.text import escape_markdown

    error_id = secrets.token_hex(4)
    log = _log(error, error_id)
    where = (
        f"The details are in {escape_markdown(log, LONGEST_MESSAGE)} under this id."
        if log
        else "They could not be logged."
    )
    st.error(
        f"**This part of the page failed: a fault of Perturbscope, not of your data (id {error_id}).** {where} "
        "The rest of the page is not affected. Please report it with the id and the details.",
        icon=":material/bug_report:",
    )


def _log(error: Exception, error_id: str) -> Path | None:
    """The log that now holds the traceback; None if the data root cannot be written."""
    path = settings().data_root / "logs" / "errors.log"
    entry = f"--- {error_id} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{''.join(traceback.format_exception(error))}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(entry)
    except OSError:
        return None
    return path


def _first_sentence_bold(message: str) -> str:
    from core.views.text import escape_markdown  # brings pandas: the server listens before it is loaded

    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    first, *rest = re.split(r"(?<=[.?])\s+(?=[A-Z`'\"])", " ".join(message.split()), maxsplit=1)
    return " ".join(
        [f"**{escape_markdown(first, LONGEST_MESSAGE)}**", *(escape_markdown(text, LONGEST_MESSAGE) for text in rest)]
    )
