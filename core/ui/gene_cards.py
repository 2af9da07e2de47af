"""The cards of the Gene page: the gene in the cells, what moves it, the gene as target, its names, the table."""

from typing import Any

import pandas as pd
import streamlit as st

from core.figures.export import file_name
from core.store import Study
from core.ui import address, links
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.gene_state import gene_cells_view, similar_targets
from core.ui.perturbation_cards import SMALLEST_SHOWN
from core.ui.widgets import card, card_header, figure, figure_card, table_download
from core.views.gene import NAMES_SOURCE, GeneView, names_of_unmeasured, names_sentences
from core.views.text import correlation, escape_markdown, plural

GROUPINGS = {"Target": "target", "Guide": "guide", "Batch": "batch", "Stratum": "stratum"}
ADD_WIDTH = 190
FRAME_HEIGHT = 480
MOST_ROWS_UNFRAMED = 12
MOST_LINKS = 6
NEIGHBORS = ("Most similar", "Most opposite")


@st.fragment
def cells_card(view: GeneView, study: Study) -> None:
    """The distribution by target, guide, batch or stratum; further targets can be added."""
    with shown_errors():
        address.carry("with")
        with card_header():
            place = st.container(width="content")
            chosen = st.multiselect(
                "Add targets", list(study.targets.index), key="with", placeholder="Add targets",
                label_visibility="collapsed", bind="query-params", select_all=False, width=ADD_WIDTH,
            )  # fmt: skip
            address.keep("with")
            cells = gene_cells_view(study, view, tuple(chosen))
            known = {label: by for label, by in GROUPINGS.items() if by in cells.distributions}
            with place:
                by = known[address.switch("Distribution by", list(known), key="split", label_visibility="collapsed")]
            export_button("gene_distribution", cells, by=by)
        frame = FRAME_HEIGHT if len(cells.by(by).rows) > MOST_ROWS_UNFRAMED else None
        figure("gene_distribution", cells, frame=frame, by=by)


@st.fragment
def movers_card(view: GeneView) -> None:
    """The perturbations that move it most, with intervals."""
    with shown_errors():
        movers_figure(view)


def movers_figure(view: GeneView) -> None:
    """Title, export and figure of what moves a gene."""
    with card_header():
        st.header(f"Which {view.modality}s move it most", anchor=False)
        export_button("gene_movers", view)
    figure("gene_movers", view)


def as_target_card(view: GeneView) -> None:
    """What its own perturbation does, with a link to that page."""
    title = f"{escape_markdown(view.gene)} as target"
    if view.as_target is None:
        st.header(title, anchor=False)
        only = "perturbs it only together with others" if view.combinations else "does not perturb it"
        st.caption(f"This study {only}.")
        _combinations(view)
        return
    words, guides = st.columns([3, 2], gap="medium")
    with words:
        st.header(title, anchor=False)
        st.markdown(view.as_target.headline)
        cells, strength, trust = (view.as_target.vitals[k] for k in (1, 3, 4))
        st.caption(
            f"{cells.value} cells ({cells.context}) · strength: {strength.value}, {strength.context} · "
            f"checks: {trust.value}, {trust.context}"
        )
        links.target_link(view.own_target, f"All that {escape_markdown(view.own_target)} {view.modality} does")
        _combinations(view)
    with guides:
        if view.as_target.has_guides:
            figure_card("guides", view.as_target)
        else:
            st.caption("What each guide leaves of the transcript is not known.")


def _combinations(view: GeneView) -> None:
    """Links to the combinations in which it is perturbed."""
    if not view.combinations:
        return
    with st.container(horizontal=True, gap="small"):
        for target in view.combinations[:MOST_LINKS]:
            links.target_link(target, escape_markdown(target))
    more = len(view.combinations) - MOST_LINKS
    if more > 0:
        st.caption(f"and {plural(more, 'more combination')}: see the table below.")


def similar_card(view: GeneView, study: Study) -> None:
    """The perturbations most like this one, and the most opposite, by which genes."""
    found = similar_targets(study, view.own_target)
    with card_header():
        st.header(f"Which {view.modality}s look like {escape_markdown(view.own_target)}", anchor=False)
        table_download(
            "Table (CSV)", found.all.rename_axis("target").reset_index(), file_name("similar", view, None, "csv"),
            key="all-similar",
        )  # fmt: skip
    st.markdown(found.sentence)
    st.caption(f"{found.doubt} r: {found.scale}.", help=found.definition)
    for place, title, rows in zip(st.columns(2, gap="medium"), NEIGHBORS, (found.similar, found.opposite), strict=True):
        with place, st.container(gap="xsmall"):
            st.markdown(f"**{title}**")
            for row in rows.itertuples():
                _neighbor(row)
            if rows.empty:
                st.caption("None.")


def _neighbor(row: Any) -> None:
    """One perturbation that looks alike or opposite: a link, its r, its replicates' agreement, the shared genes."""
    agree = f"; {row.agreement_of} agree at r {correlation(row.agreement)}" if row.agreement_of else ""
    links.target_link(row.target, f"**{escape_markdown(row.target)}** r {correlation(row.r)}")
    st.caption(f"{row.words} ({plural(row.n_cells, 'cell')}{agree})")


def not_measured(study: Study, text: str) -> bool:
    """Say of a gene that is perturbed but not measured where it is to be seen; whether it is such a gene."""
    target = study.find_target(text.strip())
    among = [t for t in study.targets.index if text.strip().upper() in t.upper().split("+") and t != target]
    if study.find_gene(text.strip()) is not None or not (target or among):
        return False
    st.title(escape_markdown(target or text), anchor=False)
    st.info(
        f"**{escape_markdown(target or text)} is perturbed, but not among the measured genes.** So nothing can be said "
        "of its expression; what its perturbation does to other genes is on its own page.",
        icon=":material/info:",
    )
    for name in [*([target] if target else []), *among[:MOST_LINKS]]:
        links.target_link(name, escape_markdown(name))
    gene = target or text.strip()
    if "+" not in gene:
        with card("names"):
            st.header("Names", anchor=False)
            st.markdown("  \n".join(names_of_unmeasured(gene)))
            st.caption(f"Names: {NAMES_SOURCE}.")
    return True


def names_card(view: GeneView) -> None:
    """What else it is called, by which table, and addresses of pages elsewhere."""
    called, elsewhere = st.columns(2, gap="medium")
    with called:
        st.header("Names", anchor=False)
        st.markdown("  \n".join(names_sentences(view)))
        st.caption(f"Names: {NAMES_SOURCE}.")
    if view.links:
        with elsewhere:
            st.header("Elsewhere", anchor=False)
            st.markdown("  \n".join(f"{title}: [{address}]({address})" for title, address in view.links))
            st.caption("A page opens only if you follow its link; nothing is loaded before.")


def cautions_card(view: GeneView) -> None:
    """What else makes its numbers doubtful, beside the boxes at the top."""
    st.header("Also keep in mind", anchor=False)
    for sentence in view.cautions[len(view.notes) :]:
        st.markdown(f":orange[:material/warning:] {sentence}")


def movers_table_card(view: GeneView) -> None:
    """Every target's effect on the gene; a row that is ticked opens the target's page."""
    with card_header():
        st.header(f"Its change in all {plural(len(view.movers), 'target')}", anchor=False)
        table_download("Table (CSV)", view.movers, file_name("movers", view, None, "csv"), key="all-movers")
    st.caption("Tick a row to open the target's page.")
    picked = st.dataframe(
        _readable(view.movers),
        hide_index=True,
        height=400,
        column_config=_columns(view),
        on_select="rerun",
        selection_mode="single-row",
        key=f"movers {view.gene}",
        alt=f"Table of {len(view.movers):,} targets",
    )
    if picked.selection.rows:
        links.go_to_target(str(view.movers["target"].iloc[picked.selection.rows[0]]))


def _readable(movers: pd.DataFrame) -> pd.DataFrame:
    shown = movers.assign(
        fdr=movers["fdr"].clip(lower=SMALLEST_SHOWN),
        pct_target=100 * movers["pct_target"],
        note=["perturbs it" if own else "next door" if near else "" for own, near in
              zip(movers["own"], movers["next_door"], strict=True)],
    )  # fmt: skip
    columns = ["target", "n_cells", "pert_mean", "pct_target", "delta", "delta_low", "delta_high", "log2_fold_change",
               "fdr", "note"]  # fmt: skip
    return shown[columns]


def _columns(view: GeneView) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "target": st.column_config.TextColumn("Target", pinned=True),
        "n_cells": number("Cells", format="localized"),
        "pert_mean": number("Mean", format="%.2f", help="Mean log-normalized expression in the target's cells."),
        "pct_target": number("Show it, %", format="%.0f"),
        "delta": number("delta", format="%+.2f", help=f"Target minus control, {view.scale_name}."),
        "delta_low": number("95 % low", format="%+.2f"),
        "delta_high": number("95 % high", format="%+.2f"),
        "log2_fold_change": number(
            "log2 FC", format="%+.2f", help="+1: twice as much. Of mean normalized counts, 0.01 added to both."
        ),
        "fdr": number("FDR", format="%.2g", help=f"{view.test_name}, Benjamini-Hochberg within a target, all genes."),
        "note": st.column_config.TextColumn("Note"),
    }
