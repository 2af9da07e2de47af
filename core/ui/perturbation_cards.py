"""The cards of the Perturbation page: all genes at once, the largest changes, the checks, the table."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.data.neighbours import COORDINATES, NEXT_DOOR, SHARED_PROMOTER
from core.figures import genes_in_box
from core.figures.export import file_name
from core.store import Study
from core.ui import address, state
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.gene_lists import keep_list_button, pick_highlights, say_unknown
from core.ui.picks import forget_box
from core.ui.table_filter import filtered_genes
from core.ui.widgets import card_header, cloud_figure, figure, figure_card, table_download
from core.views.perturbation import PerturbationView
from core.views.text import escape_markdown, number, p_value, plural, signed

CHECK_ICONS = {True: ":green[:material/check:]", False: ":orange[:material/warning:]", None: ":gray[:material/remove:]"}
SMALLEST_SHOWN = 1e-300
"""A p value below is shown as this: zero is no p value."""
EFFECT_FIGURES = {"Scatter": "scatter", "Volcano": "volcano", "MA plot": "ma"}
ORDERS = {"delta": "delta", "log2 FC": "log2_fold_change", "FDR": "fdr"}
SCALES = {"Log-normalized": "log-normalized", "Counts": "counts"}
MOST_LINES = 6
FRAME_HEIGHT = 450
CHECK_WIDTH = 340


def wants_totals_without(gene: str) -> bool:
    """The switch to totals that leave out a gene that dominates them."""
    return st.toggle(
        f"Totals without {escape_markdown(gene)}",
        key="without_own_gene",
        bind="query-params",
        help=f"Counts are divided by a cell's total. Where {escape_markdown(gene)} is left out of all totals, its "
        "change no longer shifts the other genes. All numbers, figures and tables are then of these totals, but for "
        "those of guides, batches and control sets. It takes another test of all genes.",
    )


@st.fragment
def effect_card(view: PerturbationView, study: Study) -> None:
    """All genes at once: scatter, volcano or MA plot, with highlights, and what is picked in it in words."""
    with shown_errors():
        with card_header():
            name = EFFECT_FIGURES[
                address.switch(
                    "Figure", list(EFFECT_FIGURES), key="figure", label_visibility="collapsed", on_change=forget_box
                )
            ]
            highlight, unknown = pick_highlights(view, study)
            options: dict[str, Any] = {"highlight": highlight} | figure_options(name, study)
            export_button(name, view, **options)
        picked = cloud_figure(name, view, **options)
        say_unknown(unknown)
        clicked = [gene for gene in picked.genes if gene in view.genes.index]
        for gene in list(dict.fromkeys([*clicked, *highlight]))[:MOST_LINES]:
            st.markdown(gene_line(view, gene))
        keep_list_button(highlight, f"highlighted in {view.title}, {view.study_name}", "highlight")
        boxed(genes_in_box(view, name, picked.box, **options), view, name)


def figure_options(name: str, study: Study) -> dict[str, Any]:
    """What can be chosen about a figure beyond its kind: its scale, and every gene as a dot."""
    options: dict[str, Any] = {}
    with st.popover("Options", type="tertiary", icon=":material/tune:"):
        if study.has_counts:
            scale = SCALES[address.switch("Axes of the scatter", list(SCALES), key="scale", on_change=forget_box)]
            if name == "scatter":
                options["scale"] = scale
        options["every"] = st.toggle(
            "Every gene as a dot", key="every", bind="query-params",
            help="Instead of tiles that are darker where more genes lie. Takes longer to draw.",
        )  # fmt: skip
    return options


def gene_line(view: PerturbationView, gene: str) -> str:
    """One gene's numbers as a line."""
    row = view.genes.loc[gene]
    return (
        f"**{escape_markdown(gene)}** {number_words(row['ctrl_mean'])} in controls, "
        f"{number_words(row['pert_mean'])} in perturbed cells (log-normalized): delta {signed(row['delta'])}, "
        f"log2 FC {signed(row['log2_fold_change'])}, FDR {p_value(row['fdr'])}.{next_door_words(row['next_door'])}"
    )


def next_door_words(distance: float) -> str:
    """That a gene lies next door to the perturbed one; nothing where it does not."""
    return f" Next door: {distance / 1000:.0f} kb from the perturbed gene." if distance == distance else ""


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
    keep_list_button(genes, f"box in the {name} of {view.title}, {view.study_name}", "box")
    genes_table(rows, view, height=min(38 + 35 * len(genes), 250))


@st.fragment
def top_card(view: PerturbationView) -> None:
    """The fifty largest changes as signed bars, in a frame that scrolls."""
    with shown_errors():
        with card_header():
            by = ORDERS[address.switch("Order", list(ORDERS), key="by", label_visibility="collapsed")]
            export_button("top_deltas", view, by=by)
        figure("top_deltas", view, frame=FRAME_HEIGHT, by=by)


@st.fragment
def checks_card(study: Study, view: PerturbationView) -> None:
    """Can I trust it: each check with its number in words; a failed one is orange, with a triangle."""
    st.header("Can I trust it?", anchor=False)
    with st.grid(2, min_column_width=CHECK_WIDTH, gap="small"):
        for check in view.checks:
            st.markdown(f"{CHECK_ICONS[check.passed]} **{check.title}**  \n:gray[{check.sentence}]")
    if view.calibration:
        st.caption(view.calibration)
    more = st.expander("p values beside those of control sets", key="qq", bind="query-params")
    if more.open:
        with more, shown_errors():
            found = state.qq_view(study, state.view_key(view), view)
            if found.why_not:
                st.caption(found.why_not)
            else:
                figure_card("qq", found)


@st.fragment
def genes_card(view: PerturbationView) -> None:
    """The table of all genes, to filter, sort and take; the distribution of deltas, closed at first."""
    with shown_errors():
        head = st.container()
        rows = filtered_genes(view.genes)
        with head, card_header():
            n = plural(len(view.genes), "gene")
            st.header(f"All {n}" if len(rows) == len(view.genes) else f"{number(len(rows))} of {n}", anchor=False)
            table_download("Table (CSV)", rows, file_name("genes", view, None, "csv"), key="all-genes")
        genes_table(rows, view)
        more = st.expander("Distribution of the deltas", key="deltas", bind="query-params")
        if more.open:
            with more:
                figure_card("delta_distribution", view)


def genes_table(rows: pd.DataFrame, view: PerturbationView, height: int = 400) -> None:
    """Genes with means, change and test; the table's own search finds a symbol."""
    perturbed = view.modality.capitalize()
    columns: dict[str, Any] = {
        "gene": st.column_config.TextColumn("Gene", pinned=True),
        "ctrl_mean": st.column_config.NumberColumn("Control", format="%.2f", help="Mean log-normalized expression."),
        "pert_mean": st.column_config.NumberColumn(perturbed, format="%.2f", help="Mean log-normalized expression."),
        "delta": st.column_config.NumberColumn("delta", format="%+.2f", help=f"{perturbed} minus control."),
        "log2_fold_change": st.column_config.NumberColumn(
            "log2 FC", format="%+.2f", help="+1: twice as much. Of mean normalized counts, 0.01 added to both."
        ),
        "fdr": st.column_config.NumberColumn("FDR", format="%.2g", help=f"{view.test_name}, Benjamini-Hochberg."),
        "highly_variable": st.column_config.CheckboxColumn(
            "Variable", help="Among the genes in which cells differ most (scanpy's HVG)."
        ),
    }
    shown = rows[list(columns)].assign(fdr=rows["fdr"].clip(lower=SMALLEST_SHOWN))
    if rows["next_door"].notna().any():
        shown["next_door"] = [f"{d / 1000:.0f} kb" if d == d else "" for d in rows["next_door"]]
        columns["next_door"] = st.column_config.TextColumn(
            "Next door",
            help=f"Between the starts of transcription of this gene and the perturbed one ({COORDINATES}), up to "
            f"{NEXT_DOOR // 1000} kb; under {SHARED_PROMOTER // 1000} kb they may share a promoter. A guide at one can "
            "silence the other.",
        )
    st.dataframe(shown, hide_index=True, height=height, column_config=columns, alt=f"Table of {len(rows):,} genes")
