"""The card "cells" of the Perturbation page: their state against controls, and who answers."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures.export import file_name
from core.store import Study
from core.store.cell_state import CellStates, cell_states
from core.ui import address
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.state import BY_FINGERPRINT, view_key
from core.ui.widgets import card_header, figure, table_download
from core.views.cell_state import CellStateView, cell_state_view
from core.views.perturbation import PerturbationView
from core.views.responders import RespondersView, responders_view, sentence
from core.views.text import escape_markdown

QUESTIONS = {"Cell state": "cell_state", "Responders": "responders"}


@st.fragment
def cells_card(study: Study, view: PerturbationView) -> None:
    """Do the cells differ beyond single genes, and do all of them answer: one of the two at a time."""
    with shown_errors():
        place = st.container()
        question = QUESTIONS[address.switch("Cells", list(QUESTIONS), key="cells", label_visibility="collapsed")]
        if question == "responders":
            _responders(place, responders_of(study, view))
        else:
            _cell_state(place, cell_state_of(study, view))


def cell_state_of(study: Study, view: PerturbationView) -> CellStateView:
    """How a target's cells differ from controls, made once."""
    return _cell_state_view(study, view_key(view), view)


def responders_of(study: Study, view: PerturbationView) -> RespondersView:
    """How many of a target's cells answer, made once."""
    return _responders_view(study, view_key(view), view)


def _cell_state(place: DeltaGenerator, found: CellStateView) -> None:
    with place, card_header():
        st.header(found.title, anchor=False)
        if len(found.rows):
            export_button("cell_state", found)
    if len(found.rows):
        figure("cell_state", found)
        table_download("Table (CSV)", found.rows, file_name("cell_state", found, None, "csv"), key="cell-state")
    else:
        st.caption("Too few cells to compare their state with that of controls.")
    if found.cells_left:
        st.caption(found.cells_left)
    if found.not_measured:
        st.caption(escape_markdown(" ".join(found.not_measured), 800))


def _responders(place: DeltaGenerator, found: RespondersView) -> None:
    with place, card_header():
        st.header(found.title, anchor=False)
        if not found.why_not:
            export_button("responders", found)
    if not found.why_not:
        figure("responders", found)
    st.caption(sentence(found))
    if len(found.guides):
        table_download("Guides (CSV)", found.guides, file_name("responders", found, None, "csv"), key="responders")


@st.cache_resource(max_entries=4, show_spinner="Scoring the cells of this study, once", hash_funcs=BY_FINGERPRINT)
def _states(study: Study) -> CellStates:
    return cell_states(study)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _cell_state_view(study: Study, key: object, _view: PerturbationView) -> CellStateView:
    return cell_state_view(study, _view, _states(study))


@st.cache_resource(max_entries=64, show_spinner="Reading the genes that answer", hash_funcs=BY_FINGERPRINT)
def _responders_view(study: Study, key: object, _view: PerturbationView) -> RespondersView:
    return responders_view(study, _view)
