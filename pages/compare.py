"""Compare: which perturbations look alike, two of them against each other, combinations, and other studies."""

import streamlit as st

from core.ui.compare_cards import alike_card, combination_card, main_card, other_study_card, pair_table
from core.ui.compare_state import pair_view, pick_pair
from core.ui.study_status import study_or_way_to_one
from core.ui.widgets import card, headline, numbers, page_header, paint_first, title, titled_failure

study = study_or_way_to_one()
heading, picker = page_header()
with titled_failure(heading):
    with picker:
        a, b = pick_pair(study)
    view = pair_view(study, a, b)

with heading:
    title(view)
headline(view)
numbers(view)

main, side = st.columns([3, 2], gap="medium")
with main, card("effect"):
    main_card(study, view)
with side, card("alike"):
    alike_card(view)

paint_first()

left, right = st.columns(2, gap="medium")
with left, card("combination"):
    combination_card(study, (a, b))
with right, card("other"):
    other_study_card(study, a)

with card("genes"):
    pair_table(view)
