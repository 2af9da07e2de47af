"""What the pages about genes ask for: the gene that is picked, the cuts, and cached views."""

import pandas as pd
import streamlit as st

from core.errors import PerturbscopeError
from core.store import Study
from core.ui import address, links, state
from core.ui.state import BY_FINGERPRINT, Thresholds
from core.views.gene import GeneView
from core.views.gene import gene_view as make_gene_view
from core.views.gene_cells import GeneCellsView
from core.views.gene_cells import gene_cells_view as make_gene_cells_view
from core.views.genes import GenesView
from core.views.genes import genes_view as make_genes_view
from core.views.movers import n_moved_by
from core.views.similar import SimilarView, StudyProfiles, similar_view, study_profiles
from core.views.text import escape_markdown

KEY = "gene"
MOST_OFFERED = 2000
ASKED = "_asked_for_gene"
FIND = "find-gene"


def find_gene_box() -> None:
    """The search box of every page: it leads to the gene's page, whatever the gene is called."""
    choice = state.chosen()
    if choice is None or not choice.is_shown:
        return
    try:
        names = gene_names(state.open_study(choice))
    except PerturbscopeError:  # the page itself says what is wrong with the study
        return
    st.selectbox(
        "Find a gene", names, index=None, key=FIND, placeholder="Symbol, alias or id", accept_new_options=True,
        on_change=_ask,
    )  # fmt: skip
    if ASKED in st.session_state:
        links.go_to_gene(st.session_state.pop(ASKED))


def _ask() -> None:
    """Remember what was asked for, and leave the box empty for the next time; the gene's own page turns no page."""
    text = st.session_state[FIND]
    st.session_state[FIND] = None
    if text and st.session_state.get(address.PAGE) == links.GENE_PAGE.stem:
        address.settle_next(KEY, text)
    elif text:
        st.session_state[ASKED] = text


def pick_gene(study: Study) -> str:
    """The gene picked by symbol, alias or Ensembl id, on all pages; where none is named the last target, or a start."""

    def meant(text: str) -> str | None:
        return text if text in study.genes.index else study.find_gene(text.strip())

    address.carry(KEY)
    last = state.noted_target(study)
    start = last if last in study.genes.index else first_gene(study)
    picked = state.pick_by_name(study, "Gene", gene_names(study), key=KEY, start=start, resolve=meant, shared=True)
    if meant(picked):  # a name that is no gene does not go along to other pages
        address.keep_as(KEY, picked)
    return picked


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def gene_names(study: Study) -> list[str]:
    """What a search box offers of the genes: the perturbed and the most variable ones; any other can be typed."""
    own = [gene for gene in study.targets["own_gene"] if gene][:MOST_OFFERED]
    rest = study.genes["dispersions_norm"].sort_values(ascending=False, kind="stable").index
    return sorted(dict.fromkeys([*own, *rest][:MOST_OFFERED]), key=str.upper)


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def first_gene(study: Study) -> str:
    """The gene that the strongest target moves most beside itself: a page with something to see."""
    strongest = state.strongest_target(study)
    effects = study.effects(strongest)
    suffix = "_stratified" if study.stratified_default and "delta_stratified" in effects else ""
    own = study.targets["own_gene"].get(strongest, "")
    size = effects[f"delta{suffix}"].abs().where(effects[f"fdr{suffix}"] < 0.05)
    size = size.drop(index=own, errors="ignore")
    return str(size.idxmax() if size.notna().any() else study.genes["mean_log"].idxmax())


def why_first(study: Study, gene: str) -> str:
    """Why this gene is shown where nobody asked for one; "" of any other."""
    if gene != first_gene(study):
        return ""
    return f"Shown first: of all genes {escape_markdown(state.strongest_target(study))} moves it most."


def pick_cuts() -> tuple[float | None, float | None]:
    """Where the quadrants are cut, from the popover beside the picker; None means the median."""
    with st.popover("Cuts", type="tertiary", icon=":material/grid_4x4:"):
        mean = st.number_input(
            "High mean from", 0.0, 1e9, None, 0.1, format="%g", key="mean_cut", bind="query-params",
            placeholder="the median", help="Mean normalized count over all cells. Empty: the median of genes seen.",
        )  # fmt: skip
        dispersion = st.number_input(
            "High dispersion from", -100.0, 1000.0, None, 0.1, format="%g", key="dispersion_cut", bind="query-params",
            placeholder="the median",
            help="How much cells differ in it, against genes of like mean (scanpy). Empty: the median of genes seen.",
        )  # fmt: skip
    return mean, dispersion


def genes_view(study: Study, cuts: tuple[float | None, float | None]) -> GenesView:
    """Everything the Genes page says."""
    return _genes_view(study, *cuts)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _genes_view(study: Study, mean_cut: float | None, dispersion_cut: float | None) -> GenesView:
    return make_genes_view(study, mean_cut=mean_cut, dispersion_cut=dispersion_cut)


def moved_by(study: Study, thresholds: Thresholds) -> pd.Series:
    """How many targets move each gene."""
    stratified = study.stratified_default if thresholds.stratified is None else thresholds.stratified
    return _moved_by(study, thresholds.fdr, thresholds.fold, stratified)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _moved_by(study: Study, fdr: float, fold: float, stratified: bool) -> pd.Series:
    return n_moved_by(study, fdr, fold, stratified)


def gene_view(study: Study, gene: str, thresholds: Thresholds) -> GeneView:
    """Everything that is said of one gene, its cells apart."""
    return _gene_view(study, gene, thresholds.fdr, thresholds.fold, thresholds.stratified)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _gene_view(study: Study, gene: str, fdr: float, fold: float, stratified: bool | None) -> GeneView:
    return make_gene_view(study, gene, fdr=fdr, fold=fold, stratified=stratified)


def gene_cells_view(study: Study, view: GeneView, chosen: tuple[str, ...]) -> GeneCellsView:
    """A gene's values in the cells."""
    return _gene_cells_view(study, view, state.view_key(view), chosen)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _gene_cells_view(study: Study, _view: GeneView, key: object, chosen: tuple[str, ...]) -> GeneCellsView:
    return make_gene_cells_view(study, _view, chosen)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def similar_targets(study: Study, target: str) -> SimilarView:
    """The perturbations most like a target, and the most opposite ones."""
    return similar_view(study, target, _profiles(study))


@st.cache_resource(max_entries=2, show_spinner="Comparing all targets", hash_funcs=BY_FINGERPRINT)
def _profiles(study: Study) -> StudyProfiles:
    return study_profiles(study)
