"""Which gene sets name pathways: one choice for every page."""

import streamlit as st

from core.data.gene_sets import MeasuredSets
from core.store import Study, gene_sets
from core.store.gene_sets import Collection
from core.ui import address
from core.ui.state import BY_FINGERPRINT

SETS = "sets"


def asked_sets() -> str | None:
    """The gene sets that the address names, else those picked last."""
    return address.asked(SETS) or address.kept(SETS)


def chosen_collection(study: Study, asked: str | None) -> Collection | None:
    """The gene sets that are asked for, else the first that fit the study, else the first; None without any.

    The first look at a study reads collections until one fits: not to be asked before it is needed.
    """
    kept = gene_sets.collections()
    if not kept:
        return None
    named = next((c for c in kept if asked in (c.id, c.name)), None)
    return named or _first_that_fits(study, tuple(c.id for c in kept)) or kept[0]


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _first_that_fits(study: Study, kept: tuple[str, ...]) -> Collection | None:
    return gene_sets.first_that_fits(study)


def measured_sets(study: Study, collection: Collection) -> MeasuredSets:
    """A collection in terms of a study's genes, made once."""
    return _measured(study, collection.id, collection)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _measured(study: Study, collection_id: str, _collection: Collection) -> MeasuredSets:
    return gene_sets.measured(study, _collection)
