"""A note on a gene or a target, written where it is looked at and kept with the study."""

import streamlit as st

from core.store import Study, notebook
from core.store.notebook import NotedText
from core.ui.errors import shown_errors
from core.views.take_home import day
from core.views.text import escape_markdown

HEIGHT = 160


def note_on(study: Study, name: str) -> None:
    """A button that opens the note on a gene or target; its label says whether there is one.

    Parameters
    ----------
    study
        The study in which it is looked at.
    name
        The gene or target.
    """
    kept = notebook.note(study, name)
    has_one = bool(kept and kept.text)
    label, icon = ("Note: 1", ":material/sticky_note_2:") if has_one else ("Note", ":material/note_add:")
    with st.popover(label, type="tertiary", icon=icon, key=f"note-on-{study.id}-{name}"):
        note_field(study, name)


@st.fragment
def note_field(study: Study, name: str) -> None:
    """The note itself, to read and to write; what was kept earlier, and what other studies say."""
    with shown_errors():
        kept = notebook.note(study, name)
        key = f"note-text-{study.id}-{name}"
        seen = st.session_state.setdefault(f"{key}-seen", kept.saved_at if kept else "")
        text = st.text_area(
            f"Note on {escape_markdown(name)}", kept.text if kept else "", key=key, height=HEIGHT,
            max_chars=notebook.LONGEST_NOTE, placeholder="What you saw, thought, or want to do next",
        )  # fmt: skip
        if kept and kept.saved_at != seen and kept.text != text:
            st.warning(
                f"Changed in another window: “{escape_markdown(kept.text, 200)}”. If you keep yours, that one stands "
                "under the earlier ones.",
                icon=":material/warning:",
            )
        if st.button("Keep the note", key=f"{key}-keep", type="primary", icon=":material/check:"):
            kept = notebook.save_note(study, name, text or "")
            st.session_state[f"{key}-seen"] = kept.saved_at
            st.rerun()
        if kept:
            st.caption(f"Kept {day(kept.saved_at)}. Found again under My figures, Notes.")
            earlier_notes(kept)
        for other in notebook.notes_elsewhere(study, name):
            st.caption(f"In {escape_markdown(other.study.name)}: {escape_markdown(other.text, 400)}")


def earlier_notes(kept: NotedText) -> None:
    """What stood in a note before: nothing that was written is lost."""
    said = [earlier for earlier in reversed(kept.earlier) if earlier.text]
    if said:
        with st.expander(f"Earlier: {len(said)}"):
            for earlier in said:
                st.caption(f"{day(earlier.saved_at)}: {escape_markdown(earlier.text, 2000)}")
