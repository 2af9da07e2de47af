"""The pieces of a page, in the order in which every page has them: header, headline, vitals, cards, tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures import FIGURES
from core.ui import address, state
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.state import View
from core.views.parts import Check, Note, Vital
from core.views.text import escape_html, escape_markdown, number, plain

CHECK_ICONS = {True: ":green[:material/check:]", False: ":orange[:material/warning:]", None: ":gray[:material/remove:]"}
NOTE_BOXES = {
    "warning": (st.warning, ":material/warning:"),
    "info": (st.info, ":material/check_circle:"),
    "error": (st.error, ":material/error:"),
}
SMALLEST_SHOWN = 1e-300
"""A p value below is shown as this: zero is no p value."""


# ------------------------------------------------------------------------------------------------ top of a page


def page_header() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two places side by side: crumb and title on the left, the picker at the bottom right."""
    title, picker = st.columns([3, 1], vertical_alignment="bottom", gap="medium")
    return title, picker


def title(view: View) -> None:
    """The crumb and the name of the thing itself."""
    st.caption(view.crumb)
    st.title(escape_markdown(view.title), anchor=False)


def headline(view: View) -> None:
    """The sentence, the simulated band, at most two notes, the vitals."""
    with st.container(key="headline"):
        st.markdown(view.headline)
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
            "invented effects."
        )


def note_box(note: Note) -> None:
    """A box that states a fact and its consequence."""
    box, icon = NOTE_BOXES[note.kind]
    box(note.text, icon=icon)


def vitals(numbers: Sequence[Vital]) -> None:
    """The strip of numbers under the headline: label, value, context."""
    with st.container(border=True, key="vitals"), st.grid(len(numbers), min_column_width=150, gap="small") as grid:
        for vital in numbers:
            with grid.cell():
                st.metric(vital.label, vital.value, help=vital.help or None)
                st.caption(f":orange[:material/warning:] {vital.context}" if vital.warn else vital.context)


# -------------------------------------------------------------------------------------------------------- cards


@contextmanager
def card(key: str, height: Any = "content") -> Iterator[None]:
    """A bordered part of the page that answers one question; what fails in it leaves the rest standing."""
    with st.container(border=True, key=f"card-{key}", height=height), shown_errors():
        yield


@contextmanager
def card_header() -> Iterator[None]:
    """A row with the figure switch or the title on the left and the export on the right."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
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


def figure(name: str, view: View, *, frame: int | None = None, picks: bool = False, **options: Any) -> Any:
    """A figure with its key and caption under it; returns what is picked in it if ``picks``."""
    shown = FIGURES[name]
    spec = state.figure_spec(name, view, **options)
    subject = getattr(view, "target", "")
    with st.container(height=frame, border=False, key=f"frame-{name}") if frame else st.container():
        picked = st.vega_lite_chart(
            spec,
            key=f"figure {name} {plain(subject)}",
            on_select="rerun" if picks else "ignore",
            alt=shown.alt(view, **options),
        )
    key_line(shown.key)
    st.caption(shown.caption(view, **options))
    return picked if picks else None


def key_line(entries: Sequence[tuple[str, str, str]]) -> None:
    """The legend: one line under the figure, each word with its shape."""
    if entries:
        words = "".join(
            f'<span class="ps-key"><i class="ps-{shape} ps-{role}"></i>{escape_html(text)}</span>'
            for shape, role, text in entries
        )
        st.html(f'<div class="ps-keys">{words}</div>')


def checks_card(checks: Sequence[Check]) -> None:
    """Can I trust it: each check with its number in words; a failed one is orange, with a triangle."""
    st.header("Can I trust it?", anchor=False)
    for check in checks:
        st.markdown(f"{CHECK_ICONS[check.passed]} **{check.title}**  \n:gray[{check.sentence}]")


# ----------------------------------------------------------------------------------------- the perturbation cards


EFFECT_FIGURES = {"Scatter": "scatter", "Volcano": "volcano", "MA plot": "ma"}
ORDERS = {"delta": "delta", "log2 FC": "log2_fold_change", "FDR": "fdr"}
SCALES = {"Log-normalized": "log-normalized", "Counts": "counts"}
MOST_OFFERED = 500
FRAME_HEIGHT = 500


@st.fragment
def effect_card(view: PerturbationView, has_counts: bool) -> None:
    """All genes at once: scatter, volcano or MA plot, with highlights, and what is picked in it in words."""
    with shown_errors():
        with card_header():
            name = EFFECT_FIGURES[address.switch("Figure", list(EFFECT_FIGURES), key="figure")]
            highlight = pick_highlights(view)
            options: dict[str, Any] = {"highlight": highlight}
            if name == "scatter" and has_counts:
                with st.popover("Scale", type="tertiary"):
                    options["scale"] = SCALES[address.switch("Scale", list(SCALES), key="scale")]
            export_button(name, view, **options)
        picked = figure(name, view, picks=True, **options)
        for gene in dict.fromkeys([*highlight, *picked_genes(picked)]):
            st.markdown(gene_line(view, gene))
        boxed_table(boxed_genes(name, view, picked, options))


def pick_highlights(view: PerturbationView) -> tuple[str, ...]:
    """Genes to ring in the figure, typed or picked; a typed name that is no gene is said and left out."""
    offered = list(view.genes.index[:MOST_OFFERED])
    typed = st.multiselect(
        "Highlight genes",
        offered,
        key="highlight",
        placeholder="Highlight genes",
        accept_new_options=True,
        label_visibility="collapsed",
        bind="query-params",
        select_all=False,
        width=200,
    )
    return tuple(typed)


# ------------------------------------------------------------------------------------------------------- tables


def table_download(label: str, table: Callable[[], pd.DataFrame], file_name: str, key: str) -> None:
    """A table in one click; it is written when it is asked for."""
    st.download_button(
        label,
        lambda: table().to_csv(index=False).encode(),
        file_name=file_name,
        mime="text/csv",
        key=key,
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )
