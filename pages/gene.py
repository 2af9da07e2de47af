"""Gene: one gene, perturbed or not: how much of it the cells show, and what moves it."""

import streamlit as st

from core.ui.gene_cards import (
    as_target_card,
    cautions_card,
    cells_card,
    movers_card,
    movers_table_card,
    names_card,
    not_measured,
    similar_card,
)
from core.ui.gene_state import gene_view, pick_gene
from core.ui.notes import note_on
from core.ui.state import pick_thresholds
from core.ui.study_status import study_or_way_to_one
from core.ui.widgets import card, headline, numbers, page_header, paint_first, title, title_row, titled_failure

study = study_or_way_to_one()
heading, picker = page_header()
with picker:
    gene = pick_gene(study)
    thresholds = pick_thresholds(study)

if not_measured(study, gene):
    st.stop()
with titled_failure(heading):
    view = gene_view(study, gene, thresholds)

with heading, title_row():
    title(view)
    note_on(study, view.gene)
headline(view)
numbers(view)

main, side = st.columns([3, 2], gap="medium")
with main, card("effect"):
    cells_card(view, study)
with side, card("movers"):
    movers_card(view)

paint_first()

with card("as-target"):
    as_target_card(view)

if view.own_target:
    with card("similar"):
        similar_card(view, study)

if len(view.cautions) > len(view.notes):
    with card("cautions"):
        cautions_card(view)

with card("names"):
    names_card(view)

with card("targets"):
    movers_table_card(view)
