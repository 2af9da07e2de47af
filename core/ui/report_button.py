"""The button that takes a target's whole page home as one HTML file."""

from datetime import datetime

import streamlit as st

from core.errors import GeneSetError
from core.figures.export import file_name
from core.figures.report import Origin, report_html
from core.figures.report_sections import sections_of
from core.store import Study, notebook
from core.ui import address
from core.ui.cells_card import cell_state_of, responders_of
from core.ui.gene_set_choice import asked_sets, chosen_collection
from core.ui.pathways_card import pathways_of
from core.views.pathways import PathwaysView
from core.views.perturbation import PerturbationView


def report_button(view: PerturbationView, study: Study) -> None:
    """Everything the page says of a target as one file that opens offline; it is written when it is asked for."""
    page, query = address.here()
    asked = asked_sets()
    words = f"/{page}?{'&'.join(f'{key}={value}' for key, value in query)}"

    def report() -> bytes:
        note = notebook.note(study, view.target)
        origin = Origin(
            file=study.path.name,
            roles=study.roles.to_dict(),
            made_at=f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
            address=words,
            note=note.text if note else "",
        )
        sections = sections_of(_pathways(view, study, asked), cell_state_of(study, view), responders_of(study, view))
        return report_html(view, origin, sections).encode("utf-8")

    st.download_button(
        "Report (HTML)",
        report,
        file_name=file_name("report", view, None, "html"),
        mime="text/html",
        key="report",
        type="tertiary",
        icon=":material/description:",
        on_click="ignore",
        help="All that this page says of the target, with figures, tables and methods, in one file that opens offline.",
    )


def _pathways(view: PerturbationView, study: Study, asked: str | None) -> PathwaysView | None:
    """The pathways as the page shows them; None without gene sets that fit the study."""
    collection = chosen_collection(study, asked)
    try:
        return pathways_of(study, view, collection) if collection else None
    except GeneSetError:  # the page says it
        return None
