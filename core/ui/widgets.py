"""The pieces of a page, in the order in which every page has them: header, headline, vitals, cards, tables."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures import FIGURES, genes_in_box
from core.figures.export import file_name, table_bytes
from core.store import Study
from core.ui import address, state
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.state import View
from core.views.parts import Care, Note, Vital
from core.views.perturbation import PerturbationView
from core.views.study import StudyView
from core.views.text import NOTHING, escape_html, escape_markdown, p_value, plain, plural, signed

PERTURBATION_PAGE = Path(__file__).parents[2] / "pages" / "perturbation.py"
HIGHLIGHT_WIDTH = 190
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
    heading, picker = st.columns([2, 1], vertical_alignment="bottom", gap="medium")
    return heading, picker.container(horizontal=True, vertical_alignment="bottom")


def title(view: View) -> None:
    """The crumb and the name of the thing itself."""
    with st.container(gap=None):
        st.caption(view.crumb)
        st.title(escape_markdown(getattr(view, "target", view.study_name), longest=60), anchor=False)


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
            "invented effects.",
            help="Made from a stated network. Not realistic: co-expression in controls does not give away a "
            "regulator's place, no knock-down changes growth, and there are no doublets and no ambient RNA.",
        )


def note_box(note: Note) -> None:
    """A box that states a fact and its consequence."""
    box, icon = NOTE_BOXES[note.kind]
    box(note.text, icon=icon)


def vitals(numbers: Sequence[Vital]) -> None:
    """The strip of numbers under the headline: label, value, context."""
    with st.container(border=True, key="vitals"), st.grid(len(numbers), min_column_width=140, gap="small") as grid:
        for vital in numbers:
            with grid.cell(), st.container(gap=None):
                st.metric(vital.label, vital.value, help=vital.help or None)
                st.caption(f":orange[:material/warning:] {vital.context}" if vital.warn else vital.context)


# -------------------------------------------------------------------------------------------------------- cards


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


def figure(name: str, view: View, *, frame: int | None = None, picks: bool = False, **options: Any) -> Any:
    """A figure with its key and caption under it; returns what is picked in it if ``picks``."""
    drawn = state.drawn_figure(name, view, **options)
    subject = getattr(view, "target", "")
    with st.container(height=frame, border=False, key=f"frame-{name}") if frame else st.container():
        picked = st.vega_lite_chart(
            drawn.spec,
            key=f"figure {name} {plain(subject)}",
            on_select="rerun" if picks else "ignore",
            alt=drawn.alt,
        )
    key_line(FIGURES[name].key)
    st.caption(drawn.caption)
    return picked if picks else None


def key_line(entries: Sequence[tuple[str, str, str]]) -> None:
    """The legend: one line under the figure, each word with its shape."""
    if entries:
        words = "".join(
            f'<span class="ps-key"><i class="ps-{shape} ps-{role}"></i>{escape_html(text)}</span>'
            for shape, role, text in entries
        )
        st.html(f'<div class="ps-keys">{words}</div>')


# ----------------------------------------------------------------------------------------- the perturbation cards


EFFECT_FIGURES = {"Scatter": "scatter", "Volcano": "volcano", "MA plot": "ma"}
ORDERS = {"delta": "delta", "log2 FC": "log2_fold_change", "FDR": "fdr"}
SCALES = {"Log-normalized": "log-normalized", "Counts": "counts"}
MOST_OFFERED = 500
MOST_LINES = 6
FRAME_HEIGHT = 450


@st.fragment
def effect_card(view: PerturbationView, study: Study) -> None:
    """All genes at once: scatter, volcano or MA plot, with highlights, and what is picked in it in words."""
    with shown_errors():
        with card_header():
            name = EFFECT_FIGURES[
                address.switch("Figure", list(EFFECT_FIGURES), key="figure", label_visibility="collapsed")
            ]
            highlight, unknown = pick_highlights(view, study)
            options: dict[str, Any] = {"highlight": highlight} | figure_options(name, study)
            export_button(name, view, **options)
        picked = figure(name, view, picks=True, **options)
        for text in unknown:
            st.caption(f":orange[:material/warning:] No gene is called {escape_markdown(text)}.")
        for gene in list(dict.fromkeys([*picked_genes(picked), *highlight]))[:MOST_LINES]:
            st.markdown(gene_line(view, gene))
        boxed(genes_in_box(view, name, box_of(picked), **options), view, name)


def figure_options(name: str, study: Study) -> dict[str, Any]:
    """What can be chosen about a figure beyond its kind: its scale, and every gene as a dot."""
    options: dict[str, Any] = {}
    with st.popover("Options", type="tertiary", icon=":material/tune:"):
        if study.has_counts:
            scale = SCALES[address.switch("Axes of the scatter", list(SCALES), key="scale")]
            if name == "scatter":
                options["scale"] = scale
        options["every"] = st.toggle(
            "Every gene as a dot", key="every", bind="query-params",
            help="Instead of tiles that are darker where more genes lie. Takes longer to draw.",
        )  # fmt: skip
    return options


def pick_highlights(view: PerturbationView, study: Study) -> tuple[tuple[str, ...], list[str]]:
    """Genes to ring in the figure, typed or picked, and those typed names that are no gene of the study."""
    typed = st.multiselect(
        "Highlight genes",
        list(view.genes.index[:MOST_OFFERED]),
        key="highlight",
        placeholder="Highlight genes",
        accept_new_options=True,
        label_visibility="collapsed",
        bind="query-params",
        select_all=False,
        width=HIGHLIGHT_WIDTH,
    )
    words = [word for text in typed for word in re.split(r"[\s,;]+", text) if word]  # a pasted list is one text
    found = [word if word in view.genes.index else study.find_gene(word) for word in words]
    known = tuple(dict.fromkeys(gene for gene in found if gene is not None))
    return known, [word for word, gene in zip(words, found, strict=True) if gene is None]


def picked_genes(picked: Any) -> list[str]:
    """The genes whose dots were clicked."""
    points = picked.selection.get("pick", []) if picked else []
    return [str(point["gene"]) for point in points if point.get("gene")]


def box_of(picked: Any) -> dict[str, Sequence[float]]:
    """The ranges of the box that was drawn; empty where there is none."""
    ranges = picked.selection.get("box", {}) if picked else {}
    return {axis: [float(end) for end in ends] for axis, ends in ranges.items()} if ranges else {}


def gene_line(view: PerturbationView, gene: str) -> str:
    """One gene's numbers as a line."""
    if gene not in view.genes.index:
        return f"**{escape_markdown(gene)}** has no numbers here."
    row = view.genes.loc[gene]
    return (
        f"**{escape_markdown(gene)}** {number_words(row['ctrl_mean'])} in controls, "
        f"{number_words(row['pert_mean'])} in perturbed cells (log-normalized): delta {signed(row['delta'])}, "
        f"log2 FC {signed(row['log2_fold_change'])}, FDR {p_value(row['fdr'])}."
    )


def number_words(x: float) -> str:
    """A mean with two decimals."""
    return f"{x:.2f}"


def boxed(genes: Sequence[str], view: PerturbationView, name: str) -> None:
    """The genes in the box that was drawn, as a table to look at and to take."""
    if not genes:
        return
    with card_header():
        st.markdown(f"**{plural(len(genes), 'gene')} in the box**")
        rows = view.genes.loc[list(genes)]
        table_download("Table (CSV)", rows, file_name(f"{name}_box", view, None, "csv"), key="boxed")
    genes_table(rows, view, height=min(38 + 35 * len(genes), 250))


@st.fragment
def top_card(view: PerturbationView) -> None:
    """The fifty largest changes as signed bars, in a frame that scrolls."""
    with shown_errors():
        with card_header():
            by = ORDERS[address.switch("Order", list(ORDERS), key="by", label_visibility="collapsed")]
            export_button("top_deltas", view, by=by)
        figure("top_deltas", view, frame=FRAME_HEIGHT, by=by)


def checks_card(view: PerturbationView) -> None:
    """Can I trust it: each check with its number in words; a failed one is orange, with a triangle."""
    st.header("Can I trust it?", anchor=False)
    for check in view.checks:
        st.markdown(f"{CHECK_ICONS[check.passed]} **{check.title}**  \n:gray[{check.sentence}]")
    if view.calibration:
        st.caption(view.calibration)


def genes_card(view: PerturbationView) -> None:
    """The table of all genes, searchable, with its own download; the distribution of deltas, closed at first."""
    with card_header():
        st.header(f"All {plural(len(view.genes), 'gene')}", anchor=False)
        table_download("Table (CSV)", view.genes, file_name("genes", view, None, "csv"), key="all-genes")
    genes_table(view.genes, view)
    more = st.expander("Distribution of the deltas", key="deltas", on_change="rerun")
    if more.open:
        with more:
            figure_card("delta_distribution", view)


# ------------------------------------------------------------------------------------------------------- tables


def table_download(label: str, table: pd.DataFrame, file_name: str, key: str) -> None:
    """A table in one click; it is written when it is asked for."""
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


def genes_table(rows: pd.DataFrame, view: PerturbationView, height: int = 400) -> None:
    """Genes with means, change and test; the table's own search finds a symbol."""
    perturbed = view.modality.capitalize()
    columns = {
        "gene": st.column_config.TextColumn("Gene", pinned=True),
        "ctrl_mean": st.column_config.NumberColumn("Control", format="%.2f", help="Mean log-normalized expression."),
        "pert_mean": st.column_config.NumberColumn(perturbed, format="%.2f", help="Mean log-normalized expression."),
        "delta": st.column_config.NumberColumn("delta", format="%+.2f", help=f"{perturbed} minus control."),
        "log2_fold_change": st.column_config.NumberColumn(
            "log2 FC", format="%+.2f", help="Of mean normalized counts, 0.01 added to both."
        ),
        "fdr": st.column_config.NumberColumn("FDR", format="%.0e", help=f"{view.test_name}, Benjamini-Hochberg."),
        "highly_variable": st.column_config.CheckboxColumn("Variable", help="Among the highly variable genes."),
    }
    shown = rows[list(columns)].assign(fdr=rows["fdr"].clip(lower=SMALLEST_SHOWN))
    st.dataframe(shown, hide_index=True, height=height, column_config=columns, alt=f"Table of {len(rows):,} genes")


def care_list(view: StudyView) -> None:
    """Targets that need care, each with the reason and, where the line is about one target, a way to its page."""
    if not view.care:
        return
    st.header("Targets that need care", anchor=False)
    with st.container(gap="xxsmall", key="care"):
        for care in view.care:
            care_line(care)
    more = " ".join(text for text in (view.care_more, view.care_note) if text)
    if more:
        st.caption(more)


def care_line(care: Care) -> None:
    """What needs care; a link where it is one target."""
    words = f":orange[:material/warning:] **{care.name}** {care.sentence}"
    if care.target:
        st.page_link(PERTURBATION_PAGE, label=words, query_params=_target_query(care.target))
    else:
        st.markdown(words)


def figure_tabs(view: StudyView, figures: Mapping[str, str]) -> None:
    """Figures of one card behind tabs; only the one that is shown is drawn.

    Parameters
    ----------
    view
        What they show.
    figures
        Name of the figure by the tab's label.
    """
    tabs = st.tabs(list(figures), key="quality", on_change="rerun", bind="query-params")
    for tab, name in zip(tabs, figures.values(), strict=True):
        if tab.open:
            with tab:
                figure_card(name, view)


def targets_card(view: StudyView) -> None:
    """The table of all targets; a row that is ticked opens its page."""
    with card_header():
        st.header(f"All {plural(len(view.targets), 'target')}", anchor=False)
        table_download("Table (CSV)", view.targets, file_name("targets", view, None, "csv"), key="all-targets")
    st.caption("Tick a row to open the target's page.")
    number = st.column_config.NumberColumn
    formats = {
        "Target": st.column_config.TextColumn(pinned=True),
        "Cells": number(format="localized"),
        "Genes at FDR < 0.05": number(format="localized"),
        "Genes changed": number(format="localized", help="At FDR < 0.05 and at least 1.4-fold."),
        "Transcript left, %": number(format="%.0f", help="Empty where it cannot be measured."),
        "95 % low": number(format="%.0f"),
        "95 % high": number(format="%.0f"),
        "Guides agree, r": number(format="%.2f", help="Median correlation of the guides' deltas, own gene left out."),
        "Batches agree, r": number(format="%.2f", help="Correlation of the deltas in two halves of the batches."),
        "E-distance": number(format="%.2f", help="In 50 principal components of the highly variable genes."),
    }
    picked = st.dataframe(
        view.targets_table,
        hide_index=True,
        height=400,
        column_config=formats,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=NOTHING,
        key="targets",
        alt=f"Table of {len(view.targets):,} targets",
    )
    if picked.selection.rows:
        go_to_target(str(view.targets["target"].iloc[picked.selection.rows[0]]))


# -------------------------------------------------------------------------------------------------------- links


def go_to_target(target: str) -> None:
    """Turn to the Perturbation page of a target of the picked study."""
    st.switch_page(PERTURBATION_PAGE, query_params=_target_query(target))


def _target_query(target: str) -> dict[str, str]:
    choice = state.chosen()
    return {"study": choice.label if choice else "", "target": target}
