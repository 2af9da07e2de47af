"""The cards of the Study page: targets that need care, figures of quality, the table of targets."""

from collections.abc import Mapping

import streamlit as st

from core.figures.export import file_name
from core.ui import address, links
from core.ui.widgets import card_header, figure_card, table_download
from core.views.parts import Care
from core.views.study import StudyView
from core.views.text import NOTHING, plural


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
        st.page_link(links.PERTURBATION_PAGE, label=words, query_params=links.query(target=care.target))
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
    address.read_in_any_case("quality", list(figures))
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
        "Control sets, at most": number(
            format="localized",
            help="Genes at FDR < 0.05 in the worst random set of about so many control cells, against the others.",
        ),
        "Genes changed": number(format="localized", help="At FDR < 0.05 and at least 1.4-fold."),
        "Transcript left, %": number(format="%.0f", help="Empty where it cannot be measured."),
        "95 % low": number(format="%.0f"),
        "95 % high": number(format="%.0f"),
        "Guides agree, r": number(
            format="%.2f", help="Do its guides do the same? Median correlation of their deltas, own gene left out."
        ),
        "Batches agree, r": number(
            format="%.2f", help="Is it the same in two halves of the batches? Correlation of the deltas; 1 is the same."
        ),
        "E-distance": number(
            format="%.2f",
            help="How far its cells lie from controls; near 0 they cannot be told apart. In 50 principal components.",
        ),
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
        links.go_to_target(str(view.targets["target"].iloc[picked.selection.rows[0]]))
