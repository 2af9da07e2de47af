"""The pieces of a page, in the order in which every page has them: header, headline, vitals, cards, figures, tables."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import PerturbscopeError
from core.figures import FIGURES, started_with
from core.figures.export import table_bytes
from core.ui import address, picks, state
from core.ui.errors import shown_errors
from core.ui.export_menu import EXCEL, export_button
from core.ui.picks import Picks
from core.ui.state import PageView, View
from core.views.compared import Compared
from core.views.genes import GenesView
from core.views.markup import vitals_as_html
from core.views.parts import Note, Vital
from core.views.perturbation import PerturbationView
from core.views.text import escape_html, escape_markdown, plain

PAINT_FIRST = 0.1
"""Seconds between the part of a page that a window shows at first and the rest."""
NOTE_BOXES = {
    "warning": (st.warning, ":material/warning:"),
    "info": (st.info, ":material/check_circle:"),
    "error": (st.error, ":material/error:"),
}


def page_header() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two places side by side: crumb and title on the left, the picker at the bottom right."""
    heading, picker = st.columns([2, 1], vertical_alignment="bottom", gap="medium")
    return heading, picker.container(horizontal=True, vertical_alignment="bottom")


@contextmanager
def titled_failure(heading: DeltaGenerator) -> Iterator[None]:
    """Give the page its name as title where what is asked for cannot be shown; the shell says why."""
    try:
        yield
    except PerturbscopeError:
        with heading:
            st.title(address.page_title(), anchor=False)
        raise


def title(view: PageView) -> None:
    """The crumb and the name of the thing itself."""
    with st.container(gap=None):
        st.caption(view.crumb)
        st.title(escape_markdown(view.title, longest=60), anchor=False)


@contextmanager
def title_row() -> Iterator[None]:
    """A row with the title on the left and small buttons on the right: what can be taken home of the whole page."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="title-row"):
        yield


def headline(view: PageView) -> DeltaGenerator:
    """The sentence that answers the page's question; its place, for a longer one that takes time to find."""
    with st.container(key="headline"):
        place = st.empty()
    place.markdown(view.headline)
    return place


def numbers(view: PageView) -> None:
    """The simulated band, at most two notes, the vitals."""
    if view.simulated:
        simulated_band()
    for note in view.notes[:2]:
        note_box(note)
    vitals(view.vitals)


def simulated_band() -> None:
    """Say that nothing here was measured; hatching is used for nothing else."""
    with st.container(key="simulated"):
        st.markdown(
            ":material/science: **Simulated data.** This screen was made by a program; its genes have real names and "
            "invented effects.",
            help="Made from a stated network. Not realistic: co-expression in controls does not give away a "
            "regulator's place, no knock-down changes growth, and there are no doublets and no ambient RNA.",
        )


def note_box(note: Note) -> None:
    """A box that states a fact and its consequence."""
    box, icon = NOTE_BOXES[note.kind]
    box(note.text, icon=icon)


def vitals(numbers: Sequence[Vital], key: str = "vitals") -> None:
    """The strip of numbers under the headline: label, value, context."""
    with st.container(border=True, key=key):
        st.html(vitals_as_html(numbers, with_help=True))


def paint_first() -> None:
    """Wait a moment, so that the browser paints what stands above before the cards below keep it busy.

    A browser takes what has come in one piece: with the lower cards it painted the first figure a third later.
    """
    time.sleep(PAINT_FIRST)


@contextmanager
def card(key: str) -> Iterator[None]:
    """A bordered part of the page that answers one question; what fails in it leaves the rest standing."""
    with st.container(border=True, key=f"card-{key}", height="stretch"), shown_errors():
        yield


@contextmanager
def card_header() -> Iterator[None]:
    """A row with the figure switch or the title on the left and the export on the right."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="xsmall"):
        yield


@st.fragment
def figure_card(name: str, view: View, *, title: str | None = None, frame: int | None = None, **options: Any) -> None:
    """A card's inside: title and export, the figure, its key and caption.

    Parameters
    ----------
    name
        The figure's name in ``FIGURES``.
    view
        What it shows.
    title
        Instead of the figure's own.
    frame
        Height in pixels of a frame in which a tall figure scrolls.
    options
        The figure's own options.
    """
    with shown_errors():
        with card_header():
            st.header(title or FIGURES[name].title, anchor=False)
            export_button(name, view, **options)
        figure(name, view, frame=frame, **options)


def figure(name: str, view: View, *, frame: int | None = None, **options: Any) -> None:
    """A figure with its key and caption under it."""
    drawn = state.drawn_figure(name, view, **options)
    with st.container(height=frame, border=False, key=f"frame-{name}") if frame else st.container():
        st.vega_lite_chart(drawn.spec, key=_chart_key(name, view), alt=drawn.alt)
    key_line(drawn.key)
    st.caption(drawn.caption)
    address.remember()


def cloud_figure(
    name: str,
    view: PerturbationView | GenesView | Compared,
    *,
    on_pick: Callable[[str], None] | None = None,
    **options: Any,
) -> Picks:
    """A cloud of genes with its key and caption; what is picked in it, by hand or by the address.

    ``on_pick`` is called with the gene whose dot was clicked last, before the page runs again.
    """
    drawn = state.drawn_figure(name, view, **options)
    chart = _chart_key(name, view)
    start, key = picks.start_of(chart)
    known = [gene for gene in start.genes if gene in view.genes.index]
    st.vega_lite_chart(
        started_with(drawn.spec, known, start.box),
        key=key,
        on_select=partial(picks.keep, chart, key, on_pick),
        alt=drawn.alt,
    )
    key_line(drawn.key)
    st.caption(drawn.caption)
    address.remember()
    return picks.picked()


def _chart_key(name: str, view: View) -> str:
    return f"figure {name} {plain(getattr(view, 'gene', '') or getattr(view, 'target', ''))}"


def key_line(entries: Sequence[tuple[str, str, str]]) -> None:
    """The legend: one line under the figure, each word with its shape."""
    if entries:
        words = "".join(
            f'<span class="ps-key"><i class="ps-{shape} ps-{role}"></i>{escape_html(text)}</span>'
            for shape, role, text in entries
        )
        st.html(f'<div class="ps-keys">{words}</div>')


def png_image(png: bytes, alt: str) -> None:
    """A picture, in the page itself: one that the browser had to ask for could be gone when the page has run again."""
    st.image("data:image/png;base64," + base64.b64encode(png).decode(), width="stretch", alt=alt)


def table_download(label: str, table: pd.DataFrame, file_name: str, key: str) -> None:
    """A table in one click, as CSV or for Excel, which keeps names as text; it is written when it is asked for."""
    with st.container(horizontal=True, width="content", gap="small"):
        st.download_button(
            label,
            lambda: table_bytes(table, "csv"),
            file_name=file_name,
            mime="text/csv",
            key=key,
            type="tertiary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Excel",
            lambda: table_bytes(table, "xlsx"),
            file_name=f"{file_name.removesuffix('.csv')}.xlsx",
            mime=EXCEL,
            key=f"{key}-excel",
            type="tertiary",
            on_click="ignore",
            help="A workbook in which MARCH8 and its like stay text; opening the CSV in Excel makes dates of them.",
        )
