"""The cards of the notebook: gene lists and notes, searched, exported, imported."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.store import gene_list_files, list_studies, notebook
from core.store.notebook import GeneList, NotedText
from core.store.study_ref import Standing
from core.ui import state
from core.ui.errors import shown_errors
from core.ui.kept_views import open_button
from core.ui.notes import earlier_notes, note_on
from core.ui.take_home import removed
from core.views.take_home import day, standing_words
from core.views.text import escape_markdown, plural

SHOWN_GENES = 40


def search_field() -> str:
    """The words to look for, in the address."""
    return (
        st.text_input(
            "Search", key="search", bind="query-params", placeholder="A gene, a name, a word", icon=":material/search:"
        )
        or ""
    )


def lists_card() -> None:
    """Gene lists by name, with their genes; files out and in."""
    st.header("Gene lists", anchor=False)
    search = search_field()
    lists = notebook.gene_lists(search)
    if not lists:
        st.caption(
            "No list has this in its name or genes."
            if search
            else "Highlight genes on the page Perturbation or Genes, or draw a box, and keep them; or import a file."
        )
    for id, kept in lists.items():
        with st.container(border=True, key=f"list-{id}"), shown_errors():
            _list_row(id, kept)
    if lists:
        with st.container(horizontal=True):
            all_lists = gene_list_files.merged_lists(lists)
            _download("All as GMT", lambda: gene_list_files.lists_as_gmt(all_lists), "gene_lists.gmt", "all-gmt")
            _download("All as CSV", lambda: gene_list_files.lists_as_csv(all_lists), "gene_lists.csv", "all-csv")
    with shown_errors():
        import_field()


def _list_row(id: str, kept: GeneList) -> None:
    source = f" · {escape_markdown(kept.source, 120)}" if kept.source else ""
    st.markdown(f"**{escape_markdown(kept.name, 80)}** {plural(len(kept.genes), 'gene')}")
    genes = ", ".join(escape_markdown(gene, 30) for gene in kept.genes[:SHOWN_GENES])
    more = f" and {len(kept.genes) - SHOWN_GENES:,} more" if len(kept.genes) > SHOWN_GENES else ""
    st.caption(f"{genes}{more}")
    earlier = f" · {plural(len(kept.earlier), 'earlier version')} kept" if kept.earlier else ""
    st.caption(f"{day(kept.saved_at)}{source}{earlier}")
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        _download("GMT", lambda: gene_list_files.lists_as_gmt([kept]), f"{id}.gmt", f"gmt-{id}")
        _download("CSV", lambda: gene_list_files.lists_as_csv([kept]), f"{id}.csv", f"csv-{id}")
        st.button("Remove", key=f"remove-{id}", type="tertiary", on_click=_remove_list, args=(id, kept.name))


def _download(label: str, make: Callable[[], bytes], file_name: str, key: str) -> None:
    st.download_button(
        label, make, file_name=file_name, mime="text/plain", key=key, type="tertiary", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def _remove_list(id: str, name: str) -> None:
    with shown_errors():
        notebook.remove_list(id)
        removed(name, partial(notebook.restore_list, id))


def import_field() -> None:
    """Lists out of a file: looked at first, kept by a button."""
    upload = st.file_uploader("Import gene lists", type=["gmt", "csv", "tsv", "txt"], max_upload_size=5)
    if upload is None:
        return
    found = gene_list_files.read_lists(upload.name, upload.getvalue())
    names = ", ".join(escape_markdown(name, 30) for name in list(found)[:6]) + (", …" if len(found) > 6 else "")
    st.caption(f"{plural(len(found), 'list')}: {names}")
    if st.button("Keep them", type="primary", icon=":material/playlist_add:"):
        for name, genes in found.items():
            notebook.keep_list(name, genes, f"file {upload.name}")
        st.rerun()


def notes_card() -> None:
    """All notes, the newest first, each with the way to what it is about."""
    st.header("Notes", anchor=False)
    search = search_field()
    notes = notebook.notes(search)
    if not notes:
        st.caption(
            "No note has this word." if search else "The button Note on a gene's or a target's page opens a note on it."
        )
    records = list_studies()
    for id, note in notes.items():
        with st.container(border=True, key=f"note-{id}"), shown_errors():
            _note_row(id, note, note.study.standing(records))


def _note_row(id: str, note: NotedText, standing: Standing) -> None:
    st.markdown(f"**{escape_markdown(note.about)}** in {escape_markdown(note.study.name)}")
    st.text(note.text)
    st.caption(f"Kept {day(note.saved_at)}")
    if standing in (Standing.SAME, Standing.OTHER_TABLES):
        study = state.open_study_by_id(note.study.id)
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            page, key = ("perturbation", "target") if note.about in study.targets.index else ("gene", "gene")
            open_button(page, [(key, note.about)], note.study.id, key=f"open-{id}")
            note_on(study, note.about)
    else:
        st.caption(f":orange[:material/warning:] {standing_words(note.study, standing)}")
        earlier_notes(note)
