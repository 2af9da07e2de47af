"""Which gene sets name pathways: one choice for every page."""

import streamlit as st

from core.data.gene_sets import MeasuredSets
from core.store import Study, gene_sets
from core.store.gene_sets import Collection
from core.ui import address
from core.ui.state import BY_FINGERPRINT

SETS = "sets"


def chosen_collection(study: Study) -> Collection | None:
    """The gene sets that the address names, else those picked last, else the first that fit; None without any."""
    kept = gene_sets.collections()
    asked = address.asked(SETS) or address.kept(SETS)
    named = next((c for c in kept if asked in (c.id, c.name)), None)
    return named or (_first_that_fits(study, tuple(c.id for c in kept)) or kept[0] if kept else None)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _first_that_fits(study: Study, kept: tuple[str, ...]) -> Collection | None:
    return gene_sets.first_that_fits(study)


def measured_sets(study: Study, collection: Collection) -> MeasuredSets:
    """A collection in terms of a study's genes, made once."""
    return _measured(study, collection.id, collection)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _measured(study: Study, collection_id: str, _collection: Collection) -> MeasuredSets:
    return gene_sets.measured(study, _collection)
