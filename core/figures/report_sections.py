"""The parts of a target's report beyond the target's own view: pathways, the state of its cells, responders."""

import pandas as pd

from core.figures.report import Section
from core.views.cell_state import CellStateView
from core.views.cell_state import sentence as state_sentence
from core.views.pathways import VERBS, PathwaysView, limits, standing
from core.views.responders import RespondersView, sentence
from core.views.text import escape_markdown, p_value, percent, percent_range, plain

MOST_SETS = 20
LONGEST_GENES = 160


def sections_of(
    pathways: PathwaysView | None, cell_state: CellStateView, responders: RespondersView
) -> tuple[Section, ...]:
    """The sections of a report, in the order of the page; without gene sets there are no pathways."""
    first = (pathways_section(pathways),) if pathways is not None else ()
    return (*first, cell_state_section(cell_state), responders_section(responders))


def pathways_section(view: PathwaysView) -> Section:
    """Which gene sets rise and fall, in the changed genes and in the whole profile; why none was tested."""
    if view.why_not:
        return Section("Pathways", (view.why_not,))
    tests = [test for test in ("genes", "profile") if len(view.table(test))]
    said = (
        f"Gene sets: {escape_markdown(view.collection)}. {view.about}",
        *(limits(view, test) for test in tests),
        *(escape_markdown(note, 400) for note in view.notes),
    )
    tables = [_sets(view, test) for test in tests]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    figures = tuple(("pathways", view, {"test": test}) for test in tests[:1])
    return Section(view.title, said, figures, table if len(table) else None)


def _sets(view: PathwaysView, test: str) -> pd.DataFrame:
    """The surest sets of one test, those that repeat a surer one left out."""
    top = standing(view.table(test)).head(MOST_SETS)
    return pd.DataFrame(
        {
            "Set": top["set"].map(lambda name: plain(name, 80)),
            "Test": "changed genes" if test == "genes" else "whole profile",
            "Goes": top["direction"].map(VERBS),
            "FDR": top["fdr"].map(p_value),
            "Genes": [f"{hits} of {n}" for hits, n in zip(top["n_hits"], top["n_measured"], strict=True)],
            "Which": top["genes"].map(lambda genes: plain(genes, LONGEST_GENES)),
        }
    )


def cell_state_section(view: CellStateView) -> Section:
    """How the cells differ from controls beyond single genes."""
    said = [escape_markdown(state_sentence(row), 300) for row in view.rows.itertuples()]
    if not said:
        said = ["Too few cells to compare their state with that of controls."]
    said += [view.cells_left] if view.cells_left else []
    said += [escape_markdown(" ".join(view.not_measured), 800)] if view.not_measured else []
    return Section(view.title, tuple(said), (("cell_state", view, {}),) if len(view.rows) else ())


def responders_section(view: RespondersView) -> Section:
    """How many of the cells answer, and of which guide."""
    table = _by_guide(view.guides) if len(view.guides) else None
    return Section(view.title, (sentence(view),), () if view.why_not else (("responders", view, {}),), table)


def _by_guide(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Guide": rows["guide"].map(lambda name: plain(name, 60)),
            "Cells": rows["n_cells"],
            "Respond, at least": rows["at_least"].map(percent),
            "95 % interval": [percent_range(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)],
        }
    )
