"""Between views and what is kept of them: a figure with its address, and the view made again from it.

Views are made again by :mod:`core.views.subjects`, as the command line makes them; figures of kinds that are not there
are kept with their picture and address alone.
"""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import store
from core.errors import OptionError
from core.figures import FIGURES
from core.figures.panel import Part
from core.store import Study
from core.store.my_figures import KeptFigure
from core.store.study_ref import StudyRef
from core.ui import address, state
from core.ui.address import SUBSET
from core.ui.links import PAGES
from core.ui.state import BY_FINGERPRINT, VIEWS_KEPT, View
from core.ui.subset import subset_by_text
from core.views import subjects
from core.views.subjects import SUBJECTS, Asked


def kept_figure(
    name: str, view: View, options: Mapping[str, Any], address: tuple[str, list[tuple[str, str]]], **size: Any
) -> KeptFigure:
    """What is kept of a figure: all that is needed to draw it again and to reopen its view.

    Parameters
    ----------
    name, view, options
        As of the export menu.
    address
        The page's name and its query.
    size
        ``width_mm`` and ``shape`` as exported.
    """
    figure = FIGURES[name]
    return KeptFigure(
        figure=name,
        title=figure.title,
        subject=figure.subject,
        about=str(getattr(view, "target", "") or getattr(view, "gene", "") or view.study_name),
        study=_study_ref(view, dict(address[1]).get(SUBSET, "")),
        choices=_as_json(subjects.choices_of(figure.subject, view)),
        options=_as_json(options),
        page=address[0],
        query=address[1],
        **size,
    )


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON has them: tuples are lists; what it has no form for becomes its words."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plain


def _study_ref(view: View, subset: str) -> StudyRef:
    study_id = view.fingerprint.partition("-")[0]  # every view has the fingerprint: id, then the tables' key
    record = next((r for r in store.list_studies() if r.id == study_id), None)
    name, file = (record.name, record.path.name) if record else (view.study_name, "")
    return StudyRef(
        id=study_id, fingerprint=view.fingerprint, name=name, file=file, simulated=bool(view.simulated), subset=subset
    )


def view_of(figure: KeptFigure) -> View:
    """The view of a kept figure, made again from the study as it is today.

    Raises
    ------
    OptionError
        If this version does not know such figures, or nothing can be told any more.
    UnknownStudyError, UnknownTargetError
        If the study or its target is no longer there.
    """
    if figure.subject not in SUBJECTS or figure.figure not in FIGURES:
        raise OptionError(
            f"This version cannot draw the figure {figure.title!r} again. Open its view and export it there."
        )
    study = subset_by_text(state.open_study_by_id(figure.study.id), figure.study.subset)
    asked = Asked.of(figure.choices)
    beside = state.open_study_by_id(asked.other).fingerprint if asked.other else ""
    return _view(study, figure.subject, asked, beside)


@st.cache_resource(max_entries=VIEWS_KEPT, show_spinner="Making the views again", hash_funcs=BY_FINGERPRINT)
def _view(study: Study, subject: str, asked: Asked, beside: str) -> View:
    """The view; ``beside`` names the content of a second study."""
    view: View = subjects.view_of(study, subject, asked)
    return view


def can_be_drawn(figure: KeptFigure) -> bool:
    """Whether its kind of view can be made again."""
    return figure.subject in SUBJECTS and figure.figure in FIGURES


def part_of(figure: KeptFigure, shape: str, *, full_width: bool) -> Part:
    """A kept figure as a part of a panel."""
    return Part(figure.figure, view_of(figure), figure.drawn_with, shape, full_width)


def study_label(study_id: str) -> str:
    """What a study is called in the picker here."""
    return next((choice.label for choice in state.choices() if choice.id == study_id), study_id)


def open_button(page: str, query: list[tuple[str, str]], study_id: str, key: str, label: str = "Open") -> bool:
    """A button that reopens a view; False, and no button, where this version has no such page.

    A link would not do: see :func:`core.ui.address.go_to`.
    """
    path = PAGES / f"{page}.py"
    if not page.isidentifier() or not path.is_file():
        return False
    if st.button(label, key=key, type="tertiary", icon=":material/open_in_new:"):
        address.go_to(path, page, study=study_label(study_id), query=query)
    return True
