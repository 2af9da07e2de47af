"""Perturbation: what perturbing one target did to all genes, and how far to trust it."""

import streamlit as st

from core.ui.cells_card import cells_card
from core.ui.notes import note_on
from core.ui.pathways_card import headline_with_pathway, pathways_card
from core.ui.perturbation_cards import checks_card, effect_card, genes_card, top_card, wants_totals_without
from core.ui.report_button import report_button
from core.ui.state import perturbation_view, pick_target, pick_thresholds
from core.ui.study_status import study_or_way_to_one
from core.ui.widgets import (
    card,
    figure_card,
    headline,
    numbers,
    page_header,
    paint_first,
    title,
    title_row,
    titled_failure,
)

study = study_or_way_to_one()
heading, picker = page_header()
with picker:
    target = pick_target(study)
    thresholds = pick_thresholds(study, with_floor=True)

sentence, totals = st.container(), st.container()
with titled_failure(heading):
    view = perturbation_view(study, target, thresholds)
with totals:
    if view.own_dominant and wants_totals_without(view.own_dominant):
        view = perturbation_view(study, target, thresholds, without_own_gene=True)

with heading, title_row():
    title(view)
    note_on(study, view.target)
    report_button(view, study)
with sentence:
    said = headline(view)
numbers(view)

main, side = st.columns([3, 2], gap="medium")
with main, card("effect"):
    effect_card(view, study)
with side, card("top"):
    top_card(view)

paint_first()

# again with the first pathway: gene sets are tested while the figures are painted
said.markdown(headline_with_pathway(study, view))

doubt, meaning = st.columns(2, gap="medium")
with doubt, card("checks"):
    checks_card(study, view)
with meaning, card("pathways"):
    has_pathways = pathways_card(study, view)

side_by_side = st.columns(2, gap="medium") if has_pathways and view.has_guides else (meaning, st.container())
if view.has_guides:
    with side_by_side[0], card("guides"):
        figure_card("guides", view)
with side_by_side[1], card("cells"):
    cells_card(study, view)

with card("genes"):
    genes_card(view)
