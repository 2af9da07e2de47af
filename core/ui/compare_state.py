"""What the Compare page asks for: the pair that is picked, and cached answers."""

from functools import partial

import pandas as pd
import streamlit as st

from core.data.gene_sets import SMALL_PANEL
from core.errors import GeneSetError, OptionError
from core.store import Study
from core.store.gene_sets import Collection
from core.ui import state
from core.ui.gene_set_choice import asked_sets, chosen_collection, measured_sets
from core.ui.state import BY_FINGERPRINT, VIEWS_KEPT
from core.views import combination, compare, compare_map, similar, two_studies
from core.views.combination import CombinationView
from core.views.compare import PairView
from core.views.compare_map import MapView
from core.views.pathways import name_of
from core.views.similar import StudyProfiles
from core.views.two_studies import StudiesView


def pick_pair(study: Study) -> tuple[str, str]:
    """Two targets by symbol, alias or Ensembl id: where the address names none, the last one and what is most like it.

    Raises
    ------
    OptionError
        If the study has no two targets.
    """
    names = [name for name in state.target_names(study) if name in study.targets.index]
    if len(names) < 2:
        raise OptionError(
            f"This study has {len(names)} target: a comparison needs two. Its own page is under Perturbation."
        )
    a = _pick(study, "a", "First target", names, state.last_target(study))
    state.note_target(study, a)
    return a, _pick(study, "b", "Second target", names, nearest(study, a))


def _pick(study: Study, key: str, label: str, names: list[str], start: str) -> str:
    def meant(text: str) -> str | None:
        found = text if text in names else study.find_target(text.strip())
        return found if found in names else None

    return state.pick_by_name(study, label, names, key=key, start=start, resolve=meant)


@st.cache_resource(max_entries=3, show_spinner="Preparing the profiles", hash_funcs=BY_FINGERPRINT)
def profiles(study: Study) -> StudyProfiles:
    """The study's effect profiles, ready to be correlated."""
    return similar.study_profiles(study)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def nearest(study: Study, target: str) -> str:
    """The target most like another one; another at all where none can be compared, or the target is unknown."""
    others = [name for name in study.targets.index if name != target]
    if target not in study.targets.index:
        return str(others[0])
    found = similar.similar_view(study, target, profiles(study), n=1).all
    return str(found.index[0]) if len(found) else str(others[0])


@st.cache_resource(max_entries=VIEWS_KEPT, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def pair_view(study: Study, a: str, b: str) -> PairView:
    """Two targets against each other."""
    return compare.pair_view(study, a, b, profiles(study))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def map_view(study: Study, n_targets: int, n_genes: int, marked: tuple[str, ...]) -> MapView:
    """The study's targets, clustered."""
    return compare_map.map_view(study, profiles(study), n_targets=n_targets, n_genes=n_genes, marked=marked)


def named_groups(study: Study, view: MapView) -> pd.DataFrame:
    """The groups of a map, named by the gene sets that are kept; as they are where none are, or none fit the study."""
    if study.n_genes < SMALL_PANEL or view.groups.empty:
        return view.groups
    collection = chosen_collection(study, asked_sets())
    if collection is None:
        return view.groups
    return _named_groups(study, view.key, collection.id, view, collection)


@st.cache_resource(max_entries=16, show_spinner="Naming the groups", hash_funcs=BY_FINGERPRINT)
def _named_groups(study: Study, key: str, collection_id: str, _view: MapView, _collection: Collection) -> pd.DataFrame:
    try:
        sets = measured_sets(study, _collection)
    except GeneSetError:  # the card of the pathways says it
        return _view.groups
    return compare_map.named_groups(_view, partial(name_of, sets=sets))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def combinations(study: Study) -> list[str]:
    """Combinations that can be compared with their parts."""
    return combination.combinations(study)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def combination_view(study: Study, target: str) -> CombinationView:
    """A combination beside its parts."""
    return combination.combination_view(study, target, profiles(study))


@st.cache_resource(max_entries=16, show_spinner="Comparing two studies", hash_funcs=BY_FINGERPRINT)
def studies_view(study: Study, other: Study, target: str) -> StudiesView:
    """A target in two studies."""
    return two_studies.studies_view(study, other, target, profiles(study))
