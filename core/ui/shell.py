"""The frame of every page: look, navigation, the study picker, running work."""

from pathlib import Path

import streamlit as st

from core.errors import UnknownStudyError
from core.ui import address, opening, state, subset
from core.ui.building import running_card
from core.ui.errors import shown_errors
from core.ui.gene_state import find_gene_box
from core.ui.tour import tour_card
from core.views.text import number

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
SIDEBAR_PX = 248

st.set_page_config(
    page_title="Perturbscope", page_icon=str(ASSETS / "icon.svg"), layout="wide", initial_sidebar_state=SIDEBAR_PX
)
st.html(ASSETS / "perturbscope.css")
st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.svg"), size="medium")


def study_picker(page_name: str) -> None:
    """The study picker with the study's size in one line, the subset that is shown, and the door to another."""
    try:
        choice = state.pick_study()
    except UnknownStudyError:
        open_button()
        raise
    if choice is not None and choice.record is not None:
        st.caption(f"{number(choice.record.n_cells)} cells, {number(choice.record.n_targets)} targets")
    if choice is not None:
        subset.take_from_address(choice.id, page_name)
        subset.sidebar_line()
        open_button()


def open_button() -> None:
    """The door to another file."""
    if st.button("Open a file", type="tertiary", icon=":material/folder_open:", key="open-a-file"):
        opening.open_dialog()


page = st.navigation(
    {
        "Explore": [
            st.Page(ROOT / "pages" / "study.py", title="Study", icon=":material/grid_view:", default=True),
            st.Page(ROOT / "pages" / "genes.py", title="Genes", icon=":material/genetics:"),
            st.Page(ROOT / "pages" / "gene.py", title="Gene", icon=":material/search:"),
            st.Page(ROOT / "pages" / "perturbation.py", title="Perturbation", icon=":material/target:"),
            st.Page(ROOT / "pages" / "compare.py", title="Compare", icon=":material/compare_arrows:"),
        ],
        "Take home": [
            st.Page(ROOT / "pages" / "my_figures.py", title="My figures", icon=":material/bookmarks:"),
        ],
    },
    expanded=True,
)

with shown_errors():
    asks = opening.open_from_address()  # before the picker, whose own choice would stand in the address
    with st.sidebar:
        study_picker(page.url_path or "study")
        find_gene_box()
        running_card()
        if state.chosen() is not None:
            tour_card(page.url_path or "study")
    if not asks:
        address.page_is(page.url_path or "study")  # the default page has no name in the address
        page.run()
