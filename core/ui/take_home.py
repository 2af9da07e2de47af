"""The head of the page of kept things: what is kept, what was damaged, what was just removed, and the way back."""

from collections.abc import Callable

import streamlit as st

from core.store import kept, my_figures, notebook
from core.ui import address
from core.views.take_home import headline
from core.views.text import escape_markdown, plural

PARTS = ["Figures", "Gene lists", "Notes", "Session"]
REMOVED = "_removed"


def kept_header() -> str:
    """Title, sentence, damaged files, and the switch between the kinds of kept things; the one that is shown."""
    with st.container(gap=None):
        st.caption("Take home")
        st.title("My figures", anchor=False)
    with st.container(key="headline"):
        st.markdown(headline(len(my_figures.figures()), len(notebook.gene_lists()), len(notebook.notes())))
    damaged = kept.damaged_files()
    if damaged:
        st.warning(
            f"**{plural(len(damaged), 'kept file')} could not be read.** What could not be read was set aside in "
            f"`{damaged[0].parent}`, unchanged; everything else is shown.",
            icon=":material/warning:",
        )
    return address.switch("Show", PARTS, key="show", label_visibility="collapsed")


def removed(words: str, undo: Callable[[], None]) -> None:
    """Say on the next run what was removed, with a way back."""
    st.session_state[REMOVED] = (words, undo)


def undo_row() -> None:
    """What was just removed, and the button that brings it back."""
    if REMOVED not in st.session_state:
        return
    words, undo = st.session_state[REMOVED]
    with st.container(horizontal=True, vertical_alignment="center", key="undo"):
        st.markdown(f":gray[Removed:] {escape_markdown(words, 80)}", width="content")
        st.button("Undo", icon=":material/undo:", type="tertiary", on_click=_undo, args=(undo,))


def _undo(undo: Callable[[], None]) -> None:
    undo()
    st.session_state.pop(REMOVED, None)
