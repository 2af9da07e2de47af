"""Where Streamlit lives: the shell around pages, cached calls, widgets, the export menu, how errors look."""
