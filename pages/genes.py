"""Genes: all measured genes at once, and the one that is picked among them."""

import streamlit as st

from core.ui.gene_state import gene_view, genes_view, pick_cuts, pick_gene, why_first
from core.ui.genes_cards import all_genes_card, picked_gene_card, table_card
from core.ui.state import pick_thresholds
from core.ui.study_status import study_or_way_to_one
from core.ui.widgets import card, headline, numbers, page_header, paint_first, title

study = study_or_way_to_one()
heading, picker = page_header()
with picker:
    gene = pick_gene(study)
    cuts = pick_cuts()
    thresholds = pick_thresholds(study)

view = genes_view(study, cuts)

with heading:
    title(view)
headline(view)
numbers(view)

main, side = st.columns([3, 2], gap="medium")
with main, card("effect"):
    all_genes_card(view, study, gene)
with side, card("gene"):
    picked_gene_card(gene_view(study, gene, thresholds), why_first(study, gene))

paint_first()

with card("genes"):
    table_card(view, study, thresholds)
