"""Genes to highlight and gene lists: a list that was kept is highlighted by its name, and what is picked is kept."""

import re
from collections.abc import Callable, Sequence

import streamlit as st

from core.errors import PerturbscopeError
from core.store import Study, notebook
from core.ui import address
from core.ui.errors import say
from core.views.genes import GenesView
from core.views.perturbation import PerturbationView
from core.views.text import escape_markdown, plural

HIGHLIGHT = "highlight"
PREFIX = "list:"
MOST_OFFERED = 50
MOST_GENES_OFFERED = 500
MOST_SAID = 30
HIGHLIGHT_WIDTH = 190


def pick_highlights(
    view: PerturbationView | GenesView, study: Study, on_change: Callable[[], None] | None = None
) -> tuple[tuple[str, ...], list[str]]:
    """Genes to ring in the figure, typed, pasted or picked, and those typed names that are no gene of the study.

    The choice goes with the user to every page that highlights genes.
    """
    address.carry(HIGHLIGHT)
    st.multiselect(
        "Highlight genes",
        [*list_options(), *view.genes.index[:MOST_GENES_OFFERED]],
        key=HIGHLIGHT,
        placeholder="Highlight genes",
        accept_new_options=True,
        label_visibility="collapsed",
        bind="query-params",
        select_all=False,
        width=HIGHLIGHT_WIDTH,
        on_change=on_change,
    )
    address.keep(HIGHLIGHT)
    return highlights(view, study)


def highlights(view: PerturbationView | GenesView, study: Study) -> tuple[tuple[str, ...], list[str]]:
    """What :func:`pick_highlights` gave on this run."""
    words = words_of(st.session_state.get(HIGHLIGHT) or ())
    found = [word if word in view.genes.index else study.find_gene(word) for word in words]
    known = tuple(dict.fromkeys(gene for gene in found if gene is not None))
    return known, [word for word, gene in zip(words, found, strict=True) if gene is None]


def say_unknown(words: Sequence[str]) -> None:
    """Say which words are no gene of the study."""
    for text in words[:MOST_SAID]:
        name = escape_markdown(text.removeprefix(PREFIX))
        words = f"No list is kept as {name}." if is_list(text) else f"{name} is not among the measured genes."
        st.caption(f":orange[:material/warning:] {words}")
    if len(words) > MOST_SAID:
        st.caption(f":orange[:material/warning:] {plural(len(words) - MOST_SAID, 'more name')} that are no gene here.")


def list_options() -> list[str]:
    """Kept gene lists as options of a field that takes genes: ``list:hypoxia``."""
    return [f"{PREFIX}{kept.name}" for kept in list(notebook.gene_lists().values())[:MOST_OFFERED]]


def words_of(typed: Sequence[str]) -> list[str]:
    """Genes out of what was typed, pasted or picked: a pasted text is many genes, and a list's name stands for its own.

    A name that no list has is returned as it is.
    """
    words: list[str] = []
    lists = {}
    if any(map(is_list, typed)):
        lists = {kept.name.casefold(): kept.genes for kept in notebook.gene_lists().values()}
    for text in typed:
        if is_list(text):
            name = text.removeprefix(PREFIX).strip()
            words += lists.get(name.casefold(), [text])
        else:
            words += [word for word in re.split(r"[\s,;]+", text) if word]
    return words


def is_list(text: str) -> bool:
    """Whether an option names a list."""
    return text.startswith(PREFIX)


def keep_list_button(genes: Sequence[str], source: str, key: str) -> None:
    """A button that keeps these genes under a name.

    Parameters
    ----------
    genes
        Symbols.
    source
        Where they come from, in words.
    key
        Of this place.
    """
    if not genes:
        return
    with st.popover("Keep this list", type="tertiary", icon=":material/playlist_add:", key=f"keep-list-{key}"):
        name = st.text_input("Name of the list", key=f"list-name-{key}", max_chars=notebook.LONGEST_LIST_NAME)
        shown = ", ".join(escape_markdown(gene, 20) for gene in genes[:8]) + (", …" if len(genes) > 8 else "")
        st.caption(f"{plural(len(genes), 'gene')}: {shown}")
        if st.button("Keep", key=f"list-keep-{key}", type="primary", disabled=not (name or "").strip()):
            try:
                kept = notebook.keep_list(name or "", list(genes), source)
            except PerturbscopeError as error:
                say(str(error))
            else:
                st.caption(
                    f":green[:material/check:] Kept as {escape_markdown(kept.name)}. Type `list:` in the field "
                    "Highlight genes to ring its genes in any study."
                )
