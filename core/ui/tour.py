"""The tour: a small card in the sidebar that says of each page what to look at, until it is closed; then a button.

It is offered once for each data root. The card goes along from page to page and covers nothing.
"""

from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from core.errors import StorageError
from core.store.seen import is_seen, mark_seen
from core.ui.links import PAGES

NAME, _IS_OPEN = "tour", "_tour_is_open"


@dataclass(frozen=True)
class Step:
    """One page of the tour.

    Parameters
    ----------
    page
        Its file in ``pages/``, without the ending.
    title
        The question it answers.
    words
        What to look at.
    """

    page: str
    title: str
    words: str


STEPS = (
    Step(
        "study",
        "Is the screen any good?",
        "Each dot is a target; higher up, more genes changed. Beside it: what needs care.",
    ),
    Step("genes", "What can be seen?", "Genes that few cells show cannot be seen to change. Highlight your own."),
    Step(
        "gene", "What moves my gene?", "Type a symbol above. See how many cells show it, and what raises or lowers it."
    ),
    Step(
        "perturbation",
        "Did it work?",
        "First the transcript left, then the genes that moved, then whether to trust it.",
    ),
    Step("compare", "Who looks alike?", "Targets that move the same genes the same way stand together."),
    Step("my_figures", "Take it home", "“Export” above a figure keeps it here. Tick several for a panel with letters."),
)


def tour_card(page: str) -> None:
    """The tour's card for a page, or the button that opens it again.

    Parameters
    ----------
    page
        The shown page's name, as in ``pages/``.
    """
    if not _is_open():
        st.button("Tour", type="tertiary", icon=":material/explore:", key="open-tour", on_click=_open)
        return
    at = next((k for k, step in enumerate(STEPS) if step.page == page), 0)
    step = STEPS[at]
    with st.container(border=True, key="tour", gap="xxsmall"):
        st.markdown(f"**{step.title}**")
        st.caption(step.words)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            if at + 1 < len(STEPS):
                following = PAGES / f"{STEPS[at + 1].page}.py"
                st.page_link(following, label=f"Next, {at + 2} of {len(STEPS)}", icon=":material/arrow_forward:")
            st.button("End tour", type="tertiary", key="end-tour", on_click=_end)


def _is_open() -> bool:
    if _IS_OPEN not in st.session_state:
        with suppress(StorageError):
            st.session_state[_IS_OPEN] = not is_seen(NAME)
    return bool(st.session_state.get(_IS_OPEN))


def _open() -> None:
    st.session_state[_IS_OPEN] = True


def _end() -> None:
    st.session_state[_IS_OPEN] = False
    with suppress(StorageError):  # a data root that cannot be written: ended for this window at least
        mark_seen(NAME)
