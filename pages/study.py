"""Study: what is in a file, how its roles were read, and how good the screen is."""

import streamlit as st

from core.ui.state import study_view
from core.ui.study_cards import care_list, figure_tabs, targets_card
from core.ui.study_status import built_study, roles_card
from core.ui.widgets import card, figure_card, headline, numbers, paint_first, title

study = built_study()
view = study_view(study)

title(view)
headline(view)
numbers(view)

main, side = st.columns([3, 2], gap="medium")
with main, card("effect"):
    figure_card("changed_against_cells", view)
with side, card("roles"):
    roles_card(study, view)
    care_list(view)

paint_first()

with card("quality"):
    figure_tabs(
        view,
        {
            "Transcript left": "percent_left",
            "Cells a target": "cells_per_target",
            "Totals a cell": "totals",
            "Mean of genes": "gene_mean_distribution",
        },
    )

with card("targets"):
    targets_card(view)
