"""The server: Streamlit around core/ui/shell.py, the font's route, a living worker, errors shown in our words."""

import streamlit as st

from core.ui.errors import report
from core.ui.server import ROUTES, lifespan

app = st.App("core/ui/shell.py", lifespan=lifespan, routes=ROUTES, on_script_error=report)
