"""What pages ask for: the study and target that are picked, and cached answers whose keys name content.

Caches hold what is expensive and the same for every session: open studies, views, finished figures. Their keys are
fingerprints and choices, so a study whose roles are corrected is asked anew and nothing stale is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core import store
from core.errors import UnknownStudyError
from core.figures import FIGURES
from core.figures.key import Key
from core.jobs import queue
from core.jobs.queue import Job
from core.schema import ALL_PERTURBED, FDR_THRESHOLD, FOLD_THRESHOLD
from core.store import Study, StudyRecord
from core.ui import address
from core.views.cell_state import CellStateView
from core.views.compare_map import MapView
from core.views.compared import Compared
from core.views.gene import GeneView
from core.views.gene_cells import GeneCellsView
from core.views.genes import GenesView
from core.views.pathways import PathwaysView
from core.views.perturbation import PerturbationView
from core.views.perturbation import perturbation_view as make_perturbation_view
from core.views.qq import QQView
from core.views.qq import qq_view as make_qq_view
from core.views.responders import RespondersView
from core.views.study import StudyView
from core.views.study import study_view as make_study_view
from core.views.text import escape_markdown

PageView = PerturbationView | StudyView | GenesView | GeneView | Compared
"""What a page is about: it has a headline and vitals."""

View = PageView | GeneCellsView | MapView | PathwaysView | CellStateView | RespondersView | QQView
"""What a figure can be of."""

THRESHOLDS = ("fdr", "fold", "within", "seen")
"""Keys of one choice for every page."""

VIEWS_KEPT = 16
"""Views of all genes that stay in memory: each is 5 MB at 18,080 genes and is made again in a tenth of a second."""

BY_FINGERPRINT: dict[Any, Any] = {Study: lambda study: study.fingerprint}


# ---------------------------------------------------------------------------------------------------- studies


@dataclass(frozen=True)
class Choice:
    """A study that can be picked: it is built, or a job is at it.

    Parameters
    ----------
    label
        Its name in the picker and in the address; with the id where two studies share a name.
    record
        What the Store knows of it; None while its first build has written nothing yet.
    job
        The job that builds it now, or the last one if that failed or was cancelled.
    """

    id: str
    name: str
    label: str
    record: StudyRecord | None
    job: Job | None

    @property
    def is_building(self) -> bool:
        """Whether a job is queued or running for it."""
        return self.job is not None and self.job.is_live

    @property
    def is_shown(self) -> bool:
        """Whether its tables can be shown."""
        return self.record is not None and self.record.state in ("ready", "stale", "missing-file")


def choices() -> list[Choice]:
    """All studies of the data root and those that jobs are building, the newest first."""
    records = {record.id: record for record in store.list_studies()}
    builds = build_jobs()
    names = {study_id: record.name for study_id, record in records.items()}
    names |= {study_id: job.title for study_id, job in builds.items() if study_id not in names}
    newest_first = sorted(
        names, key=lambda study_id: _newest(records.get(study_id), builds.get(study_id)), reverse=True
    )
    taken = list(names.values())
    return [
        Choice(
            study_id,
            names[study_id],
            names[study_id] if taken.count(names[study_id]) == 1 else f"{names[study_id]} · {study_id}",
            records.get(study_id),
            builds.get(study_id),
        )
        for study_id in newest_first
    ]


def build_jobs() -> dict[str, Job]:
    """The latest build of each study that has not ended well, by the study's id."""
    latest: dict[str, Job] = {}
    for job in queue.jobs():
        if job.key.startswith("build:"):
            latest.setdefault(job.key.removeprefix("build:"), job)
    return {study_id: job for study_id, job in latest.items() if job.state != "done"}


def pick_study() -> Choice | None:
    """The study picked in the sidebar; None where there is none."""
    by_label = {choice.label: choice for choice in choices()}
    if not by_label:
        return None

    def meant(text: str) -> str | None:
        if text in by_label:
            return text
        return next((c.label for c in by_label.values() if text in (c.id, c.name)), None)

    label = address.pick(
        "Study", list(by_label), key="study", start=next(iter(by_label)), resolve=meant, format_func=str
    )
    st.session_state["_choice"] = by_label.get(label or "")
    if st.session_state["_choice"] is None:
        raise UnknownStudyError(label or "", by_label)
    return by_label[label or ""]


def chosen() -> Choice | None:
    """The study that the sidebar shows."""
    return st.session_state.get("_choice")


def open_study(choice: Choice) -> Study:
    """The study of a choice, opened once for all sessions."""
    record = choice.record
    return _open_study(choice.id, record.built_at if record else None)


def open_study_by_id(study_id: str) -> Study:
    """A study by its id, opened once for all sessions.

    Raises
    ------
    UnknownStudyError
        If it is not here.
    """
    records = store.list_studies()
    record = next((r for r in records if r.id == study_id), None)
    if record is None:
        raise UnknownStudyError(study_id, [r.name for r in records])
    return _open_study(study_id, record.built_at)


@st.cache_resource(max_entries=8, show_spinner=False)
def _open_study(study_id: str, built_at: object) -> Study:
    return store.open_study(study_id)


def _newest(record: StudyRecord | None, job: Job | None) -> float:
    return max(record.built_at if record else 0.0, job.created if job and job.is_live else 0.0)


# ---------------------------------------------------------------------------------------------------- targets


def pick_target(study: Study) -> str:
    """The target picked by symbol, alias or Ensembl id; where the address names none, the last one looked at."""
    names = target_names(study)

    def meant(text: str) -> str | None:
        found = text if text in names else study.find_target(text.strip())
        return ALL_PERTURBED if found is None and text.strip().casefold() == "all" else found

    picked = pick_by_name(study, "Target gene", names, key="target", start=last_target(study), resolve=meant)
    note_target(study, picked)
    return picked


def note_target(study: Study, target: str) -> None:
    """Keep which target was looked at last: it is what other pages begin with."""
    if target in study.targets.index:
        st.session_state["_last_target"] = study.id, target


def noted_target(study: Study) -> str:
    """The target of this study that was looked at last, on whatever page; "" where none was."""
    study_id, target = st.session_state.get("_last_target", ("", ""))
    return target if study_id == study.id and target in study.targets.index else ""


def last_target(study: Study) -> str:
    """The target that was looked at last, else the study's strongest."""
    return noted_target(study) or strongest_target(study)


def pick_by_name(
    study: Study,
    label: str,
    options: Sequence[str],
    *,
    key: str,
    start: str,
    resolve: Callable[[str], str | None],
    shared: bool = False,
) -> str:
    """A gene or target picked by any of its names; what another study showed and this one lacks gives way to a start.

    Parameters
    ----------
    study
        The study that is shown.
    label, options, key, start, resolve, shared
        As of :func:`core.ui.address.pick`.
    """
    came_from_another_study = st.session_state.get(f"_{key}_of", study.id) != study.id
    st.session_state[f"_{key}_of"] = study.id
    text = address.asked(key)
    if came_from_another_study and text and resolve(text) is None:
        st.session_state[key] = start
    picked = address.pick(
        label,
        options,
        key=key,
        start=start,
        resolve=resolve,
        shared=shared,
        icon=":material/search:",
        accept_new_options=True,
        placeholder="Symbol, alias or Ensembl id",
    )
    return picked or start


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def target_names(study: Study) -> list[str]:
    """What the picker offers: all perturbed cells first, then the targets by name."""
    return [ALL_PERTURBED, *sorted(study.targets.index, key=str.upper)]


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def strongest_target(study: Study) -> str:
    """The target that changes most genes: a page with something to see for who has not asked yet."""
    targets = study.targets
    column = "n_significant_stratified" if study.stratified_default else "n_significant"
    return str(targets[column].idxmax()) if len(targets) else ALL_PERTURBED


# ------------------------------------------------------------------------------------------- views and figures


@dataclass(frozen=True)
class Thresholds:
    """What counts as changed, and against which controls."""

    fdr: float = FDR_THRESHOLD
    fold: float = FOLD_THRESHOLD
    stratified: bool | None = None
    seen_in: int = 0


def pick_thresholds(study: Study, *, with_floor: bool = False) -> Thresholds:
    """What counts as changed, from the popover beside the picker; ``with_floor`` if the page can leave genes out."""
    address.carry(*THRESHOLDS)
    with st.popover("Thresholds", type="tertiary", icon=":material/tune:"):
        fdr = st.number_input(
            "FDR below", 0.0001, 0.5, FDR_THRESHOLD, 0.01, format="%g", key="fdr", bind="query-params",
            help="Share of called genes that may be chance. Benjamini-Hochberg within a target, all genes.",
        )  # fmt: skip
        fold = st.number_input(
            "At least so many fold", 1.0, 16.0, FOLD_THRESHOLD, 0.1, format="%g", key="fold", bind="query-params",
            help="Significant is not large: many cells resolve tiny shifts.",
        )  # fmt: skip
        seen_in = 0
        if with_floor:
            seen_in = st.number_input(
                "Test genes seen in so many cells", 0, 1000, 0, 1, key="seen", bind="query-params",
                help="Of either group. With 0 every measured gene is tested. A gene that a cell or two show can pass "
                "the test by chance where few cells meet many controls; 10 leaves such genes out. The FDR is then over "
                "the genes that are tested.",
            )  # fmt: skip
        stratified = None
        if study.has_strata:
            stratified = st.toggle(
                f"Test within {escape_markdown(study.roles.stratum_col or 'strata')}",
                study.stratified_default,
                key="within",
                bind="query-params",
                help="Compares cells only with controls of the same group (van Elteren's test).",
            )
    address.keep(*THRESHOLDS)
    return Thresholds(fdr, fold, stratified, seen_in)


def perturbation_view(
    study: Study, target: str, thresholds: Thresholds, *, without_own_gene: bool = False
) -> PerturbationView:
    """Everything the Perturbation page says about one target; if asked, with totals that leave out its own gene."""
    return _perturbation_view(
        study, target, thresholds.fdr, thresholds.fold, thresholds.stratified, thresholds.seen_in,
        without_own_gene=without_own_gene,
    )  # fmt: skip


@st.cache_resource(max_entries=VIEWS_KEPT, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _perturbation_view(
    study: Study, target: str, fdr: float, fold: float, stratified: bool | None, seen_in: int, *, without_own_gene: bool
) -> PerturbationView:
    effects = _effects_without_own_gene(study, target) if without_own_gene else None
    return make_perturbation_view(
        study, target, fdr=fdr, fold=fold, stratified=stratified, without_own_gene=effects, seen_in=seen_in
    )


@st.cache_resource(max_entries=8, show_spinner="Testing all genes with the other totals", hash_funcs=BY_FINGERPRINT)
def _effects_without_own_gene(study: Study, target: str) -> pd.DataFrame:
    return study.effects_without_own_gene(target)


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def qq_view(study: Study, key: object, _view: PerturbationView) -> QQView:
    """The p values of a target's page beside those of control sets; ``key`` is the page's :func:`view_key`."""
    return make_qq_view(study, _view)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def study_view(study: Study) -> StudyView:
    """Everything the Study page says."""
    return make_study_view(study)


def view_key(view: View) -> tuple[object, ...]:
    """What a view's numbers depend on: the name of its content."""
    fields = (
        "fingerprint", "target", "gene", "chosen", "fdr", "fold", "stratified", "left_out_of_totals", "seen_in",
        "mean_cut", "dispersion_cut", "collection_id", "key",
    )  # fmt: skip
    return tuple(getattr(view, field, "") for field in fields)


@dataclass(frozen=True)
class Drawn:
    """A figure as a page shows it: its Vega-Lite specification, what it shows in words, its caption and its key."""

    spec: dict[str, Any]
    alt: str
    caption: str
    key: Key


def drawn_figure(name: str, view: View, **options: Any) -> Drawn:
    """A figure with its words, made once for all sessions: at 18,080 genes it takes 0.1 s."""
    return _drawn_figure(view, name, view_key(view), tuple(sorted(options.items())))


@st.cache_data(max_entries=256, show_spinner=False)
def _drawn_figure(_view: View, name: str, key: object, options: tuple[tuple[str, Any], ...]) -> Drawn:
    figure, chosen = FIGURES[name], dict(options)
    spec, alt = figure.draw(_view, **chosen).to_dict(), figure.alt(_view, **chosen)
    return Drawn(spec, alt, figure.caption(_view, **chosen), figure.key_of(_view, **chosen))
