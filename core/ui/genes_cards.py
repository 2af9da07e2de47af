"""The cards of the Genes page: all genes at once, the picked gene, the table."""

from functools import partial
from typing import Any

import streamlit as st

from core.figures import genes_in_box
from core.figures.export import file_name
from core.store import Study
from core.ui import address, links
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.gene_cards import movers_figure
from core.ui.gene_lists import highlights, keep_list_button, pick_highlights, say_unknown
from core.ui.gene_state import KEY, moved_by
from core.ui.picks import forget_box
from core.ui.state import Thresholds
from core.ui.widgets import card_header, cloud_figure, figure, table_download
from core.views.gene import GeneView
from core.views.genes import QUADRANTS, GenesView, genes_shown
from core.views.text import escape_markdown, number, plural

FIGURES = {"Mean and dispersion": "mean_dispersion", "Distribution of means": "gene_mean_distribution"}
SCALES = {"Counts": "counts", "Log-normalized": "log-normalized"}
ROWS = {"All": "all", "Highly variable": "highly variable", "Highlighted": "highlighted"} | {
    name.capitalize(): name for name in QUADRANTS
}
LONGEST_LIST = 30
CHANGED = "_genes_changed"
"""Where the session notes that something was picked that other cards show."""


@st.fragment
def all_genes_card(view: GenesView, study: Study, gene: str) -> None:
    """Mean against dispersion, or the distribution of means; a click on a dot picks its gene.

    Other cards show the picked gene and the highlighted ones: with these the whole page runs again.
    """
    if st.session_state.pop(CHANGED, False):
        st.rerun()
    with shown_errors():
        with card_header():
            switch = address.switch(
                "Figure", list(FIGURES), key="genes", label_visibility="collapsed", on_change=forget_box
            )
            name = FIGURES[switch]
            highlight, unknown = pick_highlights(view, study, on_change=_changed)
            ringed = tuple(dict.fromkeys([*([gene] if gene in view.genes.index else []), *highlight]))
            options: dict[str, Any] = {"highlight": ringed} | _options(name, view)
            export_button(name, view, **options)
        if name == "mean_dispersion":
            picked = cloud_figure(name, view, on_pick=_pick, **options)
            boxed_genes(genes_in_box(view, name, picked.box), view)
        else:
            figure(name, view, **options)
        say_unknown(unknown)
        keep_list_button(highlight, f"highlighted in {view.title}, {view.study_name}", "highlight")


def _changed() -> None:
    st.session_state[CHANGED] = True


def _pick(gene: str) -> None:
    address.settle_next(KEY, gene)
    _changed()


def _options(name: str, view: GenesView) -> dict[str, Any]:
    """The scale of the means, where there are two."""
    if name != "gene_mean_distribution":
        return {}
    if not view.has_counts:
        return {"scale": "log-normalized"}
    return {"scale": SCALES[address.switch("Scale", list(SCALES), key="means", label_visibility="collapsed")]}


def boxed_genes(genes: list[str], view: GenesView) -> None:
    """The genes in the box that was drawn, to be taken."""
    if not genes:
        return
    with card_header():
        st.markdown(f"**{plural(len(genes), 'gene')} in the box**")
        rows = view.genes.loc[genes]
        table_download("Table (CSV)", rows, file_name("genes_box", view, None, "csv"), key="boxed")
    keep_list_button(genes, f"box in mean and dispersion, {view.study_name}", "box")
    more = f" and {number(len(genes) - LONGEST_LIST)} more" if len(genes) > LONGEST_LIST else ""
    st.caption(", ".join(map(escape_markdown, genes[:LONGEST_LIST])) + more)


@st.fragment
def picked_gene_card(view: GeneView, why: str = "") -> None:
    """The picked gene: its numbers in a sentence, a way to its page, what moves it, and why it is the one."""
    with shown_errors():
        with card_header():
            st.header(escape_markdown(view.gene), anchor=False)
            links.gene_link(view.gene, "Its page")
        st.markdown(view.sentence)
        if why:
            st.caption(why)
        movers_figure(view)


def table_card(view: GenesView, study: Study, thresholds: Thresholds) -> None:
    """The table of genes, searchable and sortable; a row that is ticked is the picked gene."""
    with card_header():
        which = ROWS[address.switch("Rows", list(ROWS), key="rows", label_visibility="collapsed")]
        rows = genes_shown(view, which, highlights(view, study)[0])
        rows = rows.assign(n_moved_by=moved_by(study, thresholds).reindex(rows.index))
        table_download("Table (CSV)", rows, file_name("genes", view, None, "csv"), key="all-genes")
    st.caption(f"{plural(len(rows), 'gene').capitalize()}, the most dispersed first. Tick a row to pick its gene.")
    key = f"genes {which}"
    columns = _columns(view) | {"n_moved_by": _moved_by_column(study, thresholds)}
    shown = rows[[c for c in columns if c in rows]].assign(
        pct_control=100 * rows["pct_control"], count_share=100 * rows["count_share"]
    )
    st.dataframe(
        shown,
        hide_index=True,
        height=400,
        column_config=columns,
        on_select=partial(_pick_row, key, list(rows["gene"])),
        selection_mode="single-row",
        key=key,
        alt=f"Table of {len(rows):,} genes",
    )


def _pick_row(key: str, genes: list[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        address.settle_next(KEY, genes[rows[0]])


def _moved_by_column(study: Study, thresholds: Thresholds) -> Any:
    return st.column_config.NumberColumn(
        "Moved by",
        format="localized",
        help=f"{plural(len(study.targets), 'target')} in all: how many change it at FDR < {thresholds.fdr:g} and at "
        f"least {thresholds.fold:g}-fold; those that perturb it itself are left out.",
    )


def _columns(view: GenesView) -> dict[str, Any]:
    column = st.column_config.NumberColumn
    everyone = f"Over all {number(view.n_cells)} cells"
    columns = {
        "gene": st.column_config.TextColumn("Gene", pinned=True),
        "mean": column("Mean count", format="%.3g", help=f"{everyone}, not normalized."),
        "mean_normalized": column("Normalized", format="%.3g", help=f"Mean normalized count. {everyone}."),
        "mean_log": column("Log-normalized", format="%.2f", help=f"Mean log-normalized expression. {everyone}."),
        "dispersions_norm": column(
            "Dispersion",
            format="%+.2f",
            help=f"How much cells differ in it, against genes of like mean (scanpy). {everyone}.",
        ),
        "pct_control": column("Controls, %", format="%.1f", help="Control cells that show it."),
        "count_share": column("Of all counts, %", format="%.2g", help=f"{everyone}."),
        "highly_variable": st.column_config.CheckboxColumn(
            "Variable", help="Among the genes in which cells differ most (scanpy's HVG)."
        ),
        "quadrant": st.column_config.TextColumn("Quadrant"),
    }
    return columns if view.has_counts else {name: look for name, look in columns.items() if name != "mean"}
