"""The cards of the Compare page: the map, the two targets, what looks alike, combinations, another study."""

from typing import Any

import pandas as pd
import streamlit as st

from core.figures import FIGURES
from core.figures.export import file_name
from core.store import Study
from core.ui import address, compare_state, links, state
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.picks import forget_box
from core.ui.widgets import card_header, cloud_figure, figure, figure_card, table_download, vitals
from core.views.combination import COUNTS
from core.views.compare import PairView
from core.views.compare_map import MOST_GENES, MOST_TARGETS, N_GENES, N_TARGETS, MapView
from core.views.compared import Compared
from core.views.similar import CHANGED, SimilarView
from core.views.text import NOTHING, correlation, escape_markdown, p_value, plural, signed

VIEWS = {"Effects": "effect_map", "Correlation": "correlation_map", "Two targets": "pair"}
MOST_LINES = 6
MOST_GROUPS, GROUP_WIDTH = 8, 260


@st.fragment
def main_card(study: Study, view: PairView) -> None:
    """The map of effects or correlations, or the two targets against each other."""
    with shown_errors():
        with card_header():
            name = VIEWS[
                address.switch("View", list(VIEWS), key="view", label_visibility="collapsed", on_change=forget_box)
            ]
            size = map_size(study) if name != "pair" else (N_TARGETS, N_GENES)
            header = st.container(horizontal=True)
        if name == "pair":
            pair_figure(name, view, header)
        else:
            shown = compare_state.map_view(study, *size, (view.a, view.b))
            with header:
                export_button(name, shown)
            figure(name, shown)
            groups(shown, study)


def map_size(study: Study) -> tuple[int, int]:
    """How many targets and genes the map shows."""
    most = max(2, min(MOST_TARGETS, len(study.targets)))
    with st.popover("Options", type="tertiary", icon=":material/tune:"):
        targets = st.number_input(
            "Targets", 2, most, min(N_TARGETS, most), key="shown_targets", bind="query-params",
            help="Those that change most genes; the two that are picked are always among them.",
        )  # fmt: skip
        genes = st.number_input(
            "Genes", 2, min(MOST_GENES, study.n_genes), min(N_GENES, study.n_genes), key="shown_genes",
            bind="query-params", help="Those that the shown targets move most, at FDR < 0.05.",
        )  # fmt: skip
    return int(targets), int(genes)


def groups(view: MapView, study: Study) -> None:
    """The groups of targets that look alike, by what they move; named by gene sets where these are kept."""
    found = compare_state.named_groups(study, view)
    with card_header():
        st.markdown(view.headline)
        if len(found):
            table = found.assign(**{c: found[c].map(", ".join) for c in ("targets", "genes")})
            table = table.drop(columns=["words", "up", "down"])
            table_download("Groups (CSV)", table, file_name("groups", view, None, "csv"), "groups")
    with st.grid(2, min_column_width=GROUP_WIDTH, gap="small"):
        for row in found.head(MOST_GROUPS).itertuples():
            members = ", ".join(escape_markdown(target) for target in row.targets)
            named = f" {escape_markdown(row.gene_set)};" if row.gene_set else ""
            st.markdown(f"**{row.group}**{named} {row.words}.  \n:gray[{members}; mean r {correlation(row.r)}]")
    if len(found) > MOST_GROUPS:
        st.caption(f"{plural(len(found) - MOST_GROUPS, 'group')} more: see the table.")


def pair_figure(name: str, view: Compared, header: Any, **options: Any) -> None:
    """A cloud of two profiles with what is picked in it in words."""
    with header:
        export_button(name, view, **options)
    picked = cloud_figure(name, view, **options)
    for gene in [gene for gene in picked.genes if gene in view.genes.index][:MOST_LINES]:
        st.markdown(gene_line(view, gene))


def gene_line(view: Compared, gene: str) -> str:
    """One gene's numbers on both sides as a line."""
    row = view.genes.loc[gene]
    sides = ((view.x_name, "x"), (view.y_name, "y"))
    said = [f"{escape_markdown(n)} {signed(row[f])} (FDR {p_value(row[f'fdr_{f}'])})" for n, f in sides]
    return f"**{escape_markdown(gene)}** delta ({view.scale}): {', '.join(said)}."


@st.fragment
def alike_card(view: PairView) -> None:
    """What looks most like the first target and most opposite, and whether either target moves the other."""
    with shown_errors():
        similar = view.similar
        assert similar is not None and view.reciprocal is not None
        with card_header():
            st.header("Alike and opposite", anchor=False, help=view.definition)
            name = file_name("similar", view, None, "csv")
            table_download("Table (CSV)", similar.all.rename_axis("target").reset_index(), name, key="all-similar")
        st.markdown(similar.sentence)
        st.caption(similar.doubt)
        with st.container(key="neighbors", gap="xxsmall"):
            neighbor_list("Most like it", similar.similar, similar)
            neighbor_list("Most opposite", similar.opposite, similar)
        with card_header():
            st.header("Does either move the other?", anchor=False)
            if len(view.reciprocal):
                name = file_name("reciprocal", view, None, "csv")
                table_download("Table (CSV)", view.reciprocal, name, key="reciprocal")
        st.markdown(view.reciprocal_words)
        if len(view.reciprocal):
            reciprocal_table(view.reciprocal)


def neighbor_list(title: str, rows: pd.DataFrame, view: SimilarView) -> None:
    """Targets with r, each a way to its comparison with the first target."""
    if rows.empty:
        return
    st.caption(title)
    for row in rows.itertuples():
        words = f"**{escape_markdown(row.target)}** r {correlation(row.r)}: {row.words}"
        st.page_link(links.PAGES / "compare.py", label=words, query_params=links.query(a=view.target, b=row.target))


def reciprocal_table(rows: pd.DataFrame) -> None:
    """Who moves whom, with the numbers."""
    columns = {
        "target": st.column_config.TextColumn("Perturbed"),
        "gene": st.column_config.TextColumn("Gene"),
        "delta": st.column_config.NumberColumn(
            "delta", format="%+.2f", help="Log-normalized, perturbed minus control."
        ),
        "log2_fold_change": st.column_config.NumberColumn("log2 FC", format="%+.2f"),
        "fdr": st.column_config.NumberColumn("FDR", format="%.2g"),
        "n_cells": st.column_config.NumberColumn("Cells", format="localized"),
    }
    shown = rows[list(columns)].assign(fdr=rows["fdr"].clip(lower=1e-300))
    st.dataframe(shown, hide_index=True, column_config=columns, alt="Table of what either target does to the other")


# ------------------------------------------------------------------------------------------- closer comparisons


@st.fragment
def combination_card(study: Study, pair: tuple[str, str]) -> None:
    """A combination beside its parts and their sum; the figure is drawn when it is opened."""
    with shown_errors():
        st.header("Combinations", anchor=False)
        names = compare_state.combinations(study)
        if not names:
            st.caption("No target of this study is a combination (A+B) of others that were perturbed alone.")
            return
        start = next((name for name in pair if name in names), names[0])
        target = address.pick("Combination", names, key="combo", start=start, resolve=lambda t: _combination(study, t))
        view = compare_state.combination_view(study, target or start)
        st.markdown(view.headline)
        vitals(view.vitals, key="vitals-combination")
        if view.table is not None:
            side_table(view.table)
            table_download("Table (CSV)", view.table, file_name("parts", view, None, "csv"), key="parts")
            st.caption(
                f"Under genes: delta, {view.scale}, as the slope takes it. Genes changed: {CHANGED}. "
                "The table of genes below may hold deltas within batch."
                if len(study.batches) > 1
                else f"Under genes: delta, {view.scale}. Genes changed: {CHANGED}."
            )
        closer("combination", view)


def side_table(table: pd.DataFrame) -> None:
    """The combination, its parts and their sum: cells, genes changed, the most moved genes' deltas."""
    whole = {name: st.column_config.NumberColumn(format="localized") for name in COUNTS}
    genes = [column for column in table.columns if column not in ("target", *COUNTS)]
    deltas = {gene: st.column_config.NumberColumn(format="%+.2f") for gene in genes}
    alt = "Deltas of the combination, of its parts and of their sum"
    st.dataframe(table, hide_index=True, column_config=deltas | whole, placeholder=NOTHING, alt=alt)


def _combination(study: Study, text: str) -> str | None:
    found = study.find_target(text.strip())
    return found if found in compare_state.combinations(study) else None


@st.fragment
def other_study_card(study: Study, target: str) -> None:
    """The first target in another study, on the genes that both measure."""
    with shown_errors():
        st.header("The same target in another study", anchor=False)
        choices = {c.label: c for c in state.choices() if c.is_shown and c.id != study.id}
        if not choices:
            st.caption("Only one study is built. Open another file to compare what a target does in both.")
            return
        label = st.selectbox(
            "Other study", list(choices), index=None, key="other", bind="query-params", placeholder="Choose a study"
        )
        if label is None:
            names = escape_markdown(target)
            st.caption(f"What {names} does there, beside what it does here; genes are matched by symbol, alias and id.")
            return
        view = compare_state.studies_view(study, state.open_study(choices[label]), target)
        if view.simulated and not study.simulated:
            st.caption(":material/science: One of both studies is simulated.")
        st.markdown(view.headline)
        vitals(view.vitals, key="vitals-studies")
        closer("studies", view)


def closer(name: str, view: Compared) -> None:
    """A figure that is drawn when it is opened."""
    more = st.expander(FIGURES[name].title, key=f"open_{name}", bind="query-params")
    if more.open:
        with more:
            figure_card(name, view)


def pair_table(view: PairView) -> None:
    """The genes of both targets, searchable, with their own download."""
    with card_header():
        st.header(f"All {plural(len(view.genes), 'gene')}", anchor=False)
        table_download(
            "Table (CSV)", FIGURES["pair"].data(view), file_name("pair", view, None, "csv"), key="pair-genes"
        )
    st.caption(f"delta: {escape_markdown(view.scale)}.")
    columns = {
        "gene": st.column_config.TextColumn("Gene", pinned=True),
        "x": st.column_config.NumberColumn(f"delta, {view.x_name}", format="%+.2f"),
        "fdr_x": st.column_config.NumberColumn(f"FDR, {view.x_name}", format="%.2g"),
        "y": st.column_config.NumberColumn(f"delta, {view.y_name}", format="%+.2f"),
        "fdr_y": st.column_config.NumberColumn(f"FDR, {view.y_name}", format="%.2g"),
    }
    shown = view.genes[list(columns)].assign(**{f: view.genes[f].clip(lower=1e-300) for f in ("fdr_x", "fdr_y")})
    st.dataframe(shown, hide_index=True, height=300, column_config=columns, alt=f"Table of {len(shown):,} genes")
