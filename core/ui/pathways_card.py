"""The card "pathways" of the Perturbation page, and the dialogs that get gene sets: by path, upload or on request."""

from typing import Any

import pandas as pd
import streamlit as st

from core.data.gene_sets import MOST_BYTES
from core.errors import GeneSetError, UploadError
from core.figures.export import file_name
from core.store import Study, gene_sets
from core.store.gene_sets import OFFERS, Collection, Offer, collection_name
from core.ui import address
from core.ui.doors import allowed_path, found_files
from core.ui.errors import shown_errors
from core.ui.export_menu import export_button
from core.ui.gene_set_choice import SETS, asked_sets, chosen_collection, measured_sets
from core.ui.state import BY_FINGERPRINT, view_key
from core.ui.widgets import card_header, figure, table_download
from core.views.pathways import PathwaysView, headline_with, limits, nothing_found, why_not_tested
from core.views.pathways import pathways_view as make_pathways_view
from core.views.perturbation import PerturbationView
from core.views.text import escape_markdown, number, plain

TESTS = {"Changed genes": "genes", "Whole profile": "profile"}
ENDINGS = (".gmt", ".gmt.gz", ".gmt.zip")
PICKER_WIDTH = 190
SMALLEST_SHOWN = 1e-300
_OPENED = "_gmt_dialog_opened"


def pathways_of(study: Study, view: PerturbationView, collection: Collection) -> PathwaysView:
    """What a collection says of a target, made once."""
    return _pathways_view(study, view_key(view), collection.id, view, collection)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _pathways_view(
    study: Study, key: object, collection_id: str, _view: PerturbationView, _collection: Collection
) -> PathwaysView:
    return make_pathways_view(study, _view, measured_sets(study, _collection), _collection)


def headline_with_pathway(study: Study, view: PerturbationView) -> str:
    """The headline, with the first pathway where one is sure."""
    if why_not_tested(study, view):
        return view.headline
    collection = chosen_collection(study, asked_sets())
    if collection is None:
        return view.headline
    try:
        return headline_with(view.headline, pathways_of(study, view, collection).claim)
    except GeneSetError:  # the card says it
        return view.headline


def pathways_card(study: Study, view: PerturbationView) -> bool:
    """Which gene sets rise and fall; without any, how to get some. True where the card holds a figure."""
    why_not = why_not_tested(study, view)
    if why_not:
        st.header("Pathways", anchor=False)
        st.caption(why_not)
        return False
    collection = chosen_collection(study, asked_sets())
    if collection is None:
        _no_sets()
        return False
    place = st.container()
    collection = _pick(collection)
    with place, shown_errors():
        _dots(pathways_of(study, view, collection))
    return True


def _no_sets() -> None:
    st.header("Pathways", anchor=False)
    st.caption("With gene sets, the pathways that rise and fall with this target stand here.")
    with st.container(horizontal=True):
        if st.button("Give a GMT", icon=":material/folder_open:"):
            open_give_dialog()
        if st.button("Fetch public sets", icon=":material/cloud_download:"):
            fetch_dialog()


def _pick(collection: Collection) -> Collection:
    """The row under the figure: which gene sets, and more of them."""
    kept = {c.name: c for c in gene_sets.collections()}
    address.carry(SETS)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        name = address.pick(
            "Gene sets", list(kept), key=SETS, start=collection.name,
            resolve=lambda text: next((c.name for c in kept.values() if text in (c.id, c.name)), None),
            label_visibility="collapsed", width=PICKER_WIDTH,
        )  # fmt: skip
        if st.button("Give a GMT", type="tertiary", icon=":material/folder_open:"):
            open_give_dialog()
        if st.button("Fetch", type="tertiary", icon=":material/cloud_download:", key="fetch-sets"):
            fetch_dialog()
    if name is not None and name not in kept:
        raise GeneSetError(f"No gene sets are kept as {name[:60]!r}. Pick others, or give that GMT again.")
    address.keep_as(SETS, name or collection.name)
    return kept.get(name or "", collection)


@st.fragment
def _dots(found: PathwaysView) -> None:
    """Title, switch, dots, and the table of all sets."""
    with shown_errors():
        with card_header():
            st.header(escape_markdown(found.title, 120), anchor=False)
            test = TESTS[st.session_state.get("pathway_test") or "Changed genes"]
            export_button("pathways", found, test=test)
        test = TESTS[address.switch("Test", list(TESTS), key="pathway_test", label_visibility="collapsed")]
        if len(found.table(test)):
            figure("pathways", found, test=test)
        else:
            st.caption(nothing_found(found, test))
        st.caption(f"{found.about} {limits(found, test)}")
        for note in found.notes:
            st.caption(f":orange[:material/warning:] {escape_markdown(note, 400)}")
        more = st.expander("All sets and their genes", key="pathway_table", bind="query-params")
        if more.open:
            with more:
                _table(found, test)


def _table(found: PathwaysView, test: str) -> None:
    table = found.table(test)
    with card_header():
        st.caption(f"{number(len(table))} rows, the surest first. Last column: a surer set that has most of its genes.")
        table_download("Table (CSV)", table, file_name(f"pathways_{test}", found, None, "csv"), key=f"pathways-{test}")
    st.dataframe(
        _shown(table, test), hide_index=True, height=300, column_config=_columns(test), alt="Table of gene sets"
    )


def _shown(table: pd.DataFrame, test: str) -> pd.DataFrame:
    shown = table.assign(
        fdr=table["fdr"].clip(lower=SMALLEST_SHOWN),
        goes=table["direction"].map({"up": "rises", "down": "falls"}),
        repeats=table["stands_for"].where(table["stands_for"] != table["set"], ""),
    )
    return shown[list(_columns(test))]


def _columns(test: str) -> dict[str, Any]:
    number_column, text_column = st.column_config.NumberColumn, st.column_config.TextColumn
    middle: dict[str, Any] = {
        "auc": number_column(
            "AUC", format="%.2f", help="Chance that a gene of the set ranks above one outside it; 0.50 is chance."
        )
    }
    if test == "genes":
        middle = {"expected": number_column("by chance", format="%.1f", help="Hits expected by chance.")}
    hits = "Hits" if test == "genes" else "Leading edge"
    return {
        "set": text_column("Set", pinned=True, width="medium"),
        "goes": text_column("Goes"),
        "fdr": number_column("FDR", format="%.2g"),
        "n_hits": number_column(hits, format="%d"),
        **middle,
        "n_measured": number_column("Measured", format="%d", help="Genes of the set that were seen here."),
        "genes": text_column("Genes", width="large"),
        "repeats": text_column("Stands for it"),
    }


# ------------------------------------------------------------------------------------------------------- dialogs


def open_give_dialog() -> None:
    """Open the dialog anew: what was given to it before, and may have failed, is not there again."""
    st.session_state[_OPENED] = st.session_state.get(_OPENED, 0) + 1
    give_dialog()


@st.dialog("Give gene sets", width="medium", icon=":material/folder_open:")
def give_dialog() -> None:
    """A GMT of the data folders, or an upload."""
    give_form()


def give_form() -> None:
    """Choose a GMT or upload one; it is kept and shown."""
    opened = st.session_state.get(_OPENED, 0)
    picked = st.selectbox(
        "File on this machine",
        found_files(ENDINGS),
        key=f"gmt-path-{opened}",
        index=None,
        accept_new_options=True,
        placeholder="Choose, or type a path",
        help="A GMT: one set a line, its name, a description and its genes, separated by tabs. It may be gzipped.",
    )
    uploaded = st.file_uploader(
        "Or upload one", type=["gmt", "gz", "zip", "txt"], max_upload_size=200, key=f"gmt-upload-{opened}"
    )
    if not (picked or uploaded):
        return
    with shown_errors():
        if uploaded is not None:
            if uploaded.size > MOST_BYTES:
                raise UploadError(f"{plain(uploaded.name)} is too large for a GMT.")
            kept = gene_sets.keep(uploaded.getvalue(), collection_name(uploaded.name), "upload")
        else:
            path = allowed_path(picked or "")
            kept = gene_sets.keep(path, collection_name(path.name), str(path))
        _kept(kept)


@st.dialog("Fetch public gene sets", width="medium", icon=":material/cloud_download:")
def fetch_dialog() -> None:
    """Public collections; each says which address will be asked, and that nothing else is sent."""
    fetch_form()


def fetch_form() -> None:
    """What will be sent, and a button for each collection."""
    st.markdown(
        "A button asks the address beside it for one file, with the name and version of this program and nothing "
        "else: no gene, target or file of yours is sent. Nothing is ever fetched unasked."
    )
    for k, offer in enumerate(OFFERS):
        _offer(k, offer)


def _offer(k: int, offer: Offer) -> None:
    with st.container(border=True):
        st.markdown(f"**{offer.name}** · {offer.about} · {offer.licence}")
        st.caption(f"`{offer.address}`")
        if st.button(f"Fetch {offer.name}", key=f"offer-{k}"):
            with shown_errors(), st.spinner(f"Asking {offer.address.split('/')[2]}"):
                _kept(gene_sets.fetch(offer))


def _kept(collection: Collection) -> None:
    """Show the pathways with these sets."""
    st.session_state[_OPENED] = st.session_state.get(_OPENED, 0) + 1  # what was given is done with
    address.settle(SETS, collection.name)
