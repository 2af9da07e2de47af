"""My figures: what was exported, composed into panels; gene lists, notes and session files."""

import streamlit as st

from core.ui.my_figures_cards import figures_card, panel_card
from core.ui.notebook_cards import lists_card, notes_card
from core.ui.session_cards import reopen_card, save_card
from core.ui.take_home import kept_header, undo_row
from core.ui.widgets import card

shown = kept_header()
undo_row()

if shown == "Figures":
    figures, panel = st.columns([3, 2], gap="medium")
    with figures, card("kept"):
        figures_card()
    with panel, card("panel"):
        panel_card()
elif shown == "Gene lists":
    with card("lists"):
        lists_card()
elif shown == "Notes":
    with card("notes"):
        notes_card()
else:
    save, reopen = st.columns(2, gap="medium")
    with save, card("save"):
        save_card()
    with reopen, card("reopen"):
        reopen_card()
