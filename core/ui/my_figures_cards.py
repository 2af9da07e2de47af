"""The cards of kept figures: each with its picture, the way to its view, its note; and the panel made of some."""

from functools import partial
from typing import NamedTuple

import streamlit as st

from core import store
from core.figures.panel import MOST_PARTS, Part, panel_bytes, panel_data_zip, panel_file_name, panel_methods
from core.store import my_figures
from core.store.my_figures import KeptFigure
from core.store.study_ref import Standing
from core.ui import address
from core.ui.errors import shown_errors
from core.ui.export_menu import DPI, FORMATS, SHAPES
from core.ui.kept_views import can_be_drawn, open_button, part_of
from core.ui.state import view_key
from core.ui.take_home import removed
from core.ui.widgets import png_image
from core.views.take_home import figure_label, figure_line, standing_words
from core.views.text import escape_markdown

PANEL = "panel"
WIDTHS = {"174 mm": 174.0, "114 mm": 114.0, "85 mm": 85.0}
COLUMNS = {"2": 2, "1": 1, "3": 3}
PREVIEW_DPI = 150
CELL_WIDTH = 230


# ----------------------------------------------------------------------------------------------------- figures


def figures_card() -> None:
    """All kept figures, the newest first."""
    st.header("Kept figures", anchor=False)
    kept = my_figures.figures()
    if not kept:
        st.caption(
            "A figure that you export, or add with “Add to my figures” in its export menu, is listed here with its "
            "picture and the way back to its view. Some of them make a panel with letters."
        )
        return
    records = store.list_studies()
    with st.grid(min_column_width=CELL_WIDTH, gap="small") as grid:
        for id, figure in kept.items():
            with grid.cell(), st.container(border=True, key=f"kept-{id}"), shown_errors():
                figure_cell(id, figure, figure.study.standing(records))


def figure_cell(id: str, figure: KeptFigure, standing: Standing) -> None:
    """One kept figure: picture, name, where it comes from, and what can be done with it."""
    picture = my_figures.preview(id)
    if picture:
        png_image(picture, figure_label(figure))
    with st.container(gap="xxsmall"):
        st.markdown(f"**{escape_markdown(figure.about)}** {escape_markdown(figure.title, 60)}")
        st.caption(figure_line(figure))
    words = standing_words(figure.study, standing)
    if words:
        st.caption(f":orange[:material/warning:] {words}")
    if figure.note:
        st.markdown(f":material/sticky_note_2: {escape_markdown(figure.note, 400)}")
    is_here = standing in (Standing.SAME, Standing.OTHER_TABLES)
    st.checkbox(
        "In the panel", id in [entry.id for entry in panel_entries()], key=f"in-panel-{id}", on_change=_toggle,
        args=(id,), disabled=not (is_here and can_be_drawn(figure)),
    )  # fmt: skip
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        if is_here:
            open_button(figure.page, figure.query, figure.study.id, key=f"open-{id}")
        with st.popover("Note", type="tertiary"):
            _note_field(id, figure)
        st.button("Remove", key=f"remove-{id}", type="tertiary", on_click=_remove, args=(id, figure_label(figure)))


def _note_field(id: str, figure: KeptFigure) -> None:
    text = st.text_area("Note on this figure", figure.note, key=f"note-{id}", max_chars=2000)
    if st.button("Keep the note", key=f"keep-note-{id}"):
        my_figures.note_figure(id, text or "")
        st.rerun()


def _remove(id: str, words: str) -> None:
    with shown_errors():
        my_figures.remove_figure(id)
        _write([entry for entry in panel_entries() if entry.id != id])
        removed(words, partial(my_figures.restore_figure, id))


# ------------------------------------------------------------------------------------------------------- panel


class Entry(NamedTuple):
    """One figure of the panel, as the address has it: ``ID``, ``ID:tall`` or ``ID:square:full``."""

    id: str
    shape: str = "square"
    full_width: bool = False

    def written(self) -> str:
        """The entry as it stands in the address."""
        full = ":full" if self.full_width else ""
        return f"{self.id}:{self.shape}{full}" if full or self.shape != "square" else self.id


def panel_entries() -> list[Entry]:
    """The figures of the panel, in the order of their letters, as the address says."""
    entries: dict[str, Entry] = {}
    for text in st.query_params.get_all(PANEL):
        id, *rest = text.split(":")
        shape = next((word for word in rest if word in SHAPES), "square")
        entries.setdefault(id, Entry(id, shape, "full" in rest))
    return list(entries.values())[:MOST_PARTS]


def _write(entries: list[Entry]) -> None:
    if entries:
        st.query_params[PANEL] = [entry.written() for entry in entries]
    else:
        st.query_params.pop(PANEL, None)


def _toggle(id: str) -> None:
    entries = panel_entries()
    without = [entry for entry in entries if entry.id != id]
    if len(without) == len(entries) and len(entries) < MOST_PARTS:
        kept = my_figures.SHELF.get(id)
        without.append(Entry(id, kept.shape if kept and kept.shape in SHAPES else "square"))
    _write(without)


def panel_card() -> None:
    """The panel: order, size, preview, files."""
    st.header("Panel", anchor=False)
    kept = my_figures.figures()
    chosen = [(entry, kept[entry.id]) for entry in panel_entries() if entry.id in kept]
    if not chosen:
        st.caption(
            f"Tick “In the panel” at one to {MOST_PARTS} figures. They get letters in that order and are drawn again "
            "at their own width, so that no letter is scaled."
        )
        return
    for i, (entry, figure) in enumerate(chosen):
        _entry_row(i, entry, figure, len(chosen))
    width_mm = WIDTHS[address.switch("Width", list(WIDTHS), key="panel-width")]
    columns = COLUMNS[address.switch("Side by side", list(COLUMNS), key="panel-columns")]
    with shown_errors():
        parts = [part_of(figure, entry.shape, full_width=entry.full_width) for entry, figure in chosen]
        _preview_and_files(parts, width_mm, columns)


def _entry_row(i: int, entry: Entry, figure: KeptFigure, n: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{'abcdef'[i]}** {escape_markdown(figure_label(figure), 50)}", width="stretch")
        with st.popover("Shape", type="tertiary", key=f"shape-of-{entry.id}"):
            st.segmented_control(
                "Shape", SHAPES, default=entry.shape, key=f"shape-{entry.id}", required=True, on_change=_reshape,
                args=(entry.id,), help="Figures made of rows are as high as their rows.",
            )  # fmt: skip
            st.toggle(
                "As wide as the panel", entry.full_width, key=f"full-{entry.id}", on_change=_reshape, args=(entry.id,)
            )
        st.button(
            "", icon=":material/arrow_upward:", key=f"up-{entry.id}", type="tertiary", help="One letter earlier",
            disabled=i == 0, on_click=_move, args=(entry.id, -1),
        )  # fmt: skip
        st.button(
            "", icon=":material/arrow_downward:", key=f"down-{entry.id}", type="tertiary", help="One letter later",
            disabled=i == n - 1, on_click=_move, args=(entry.id, 1),
        )  # fmt: skip


def _reshape(id: str) -> None:
    shape, full = st.session_state[f"shape-{id}"], st.session_state[f"full-{id}"]
    _write([Entry(id, shape or entry.shape, full) if entry.id == id else entry for entry in panel_entries()])


def _move(id: str, by: int) -> None:
    entries = panel_entries()
    at = next((i for i, entry in enumerate(entries) if entry.id == id), None)
    if at is not None and 0 <= at + by < len(entries):
        entries[at], entries[at + by] = entries[at + by], entries[at]
        _write(entries)


def _preview_and_files(parts: list[Part], width_mm: float, columns: int) -> None:
    png = _panel_png(parts, _panel_key(parts), width_mm, columns)
    height = width_mm * int.from_bytes(png[20:24], "big") / int.from_bytes(png[16:20], "big")
    with st.container(border=True):
        png_image(png, "The panel as it will be printed")
    long = " A journal's page is about 240 mm high." if height > 240 else ""
    st.caption(f"{width_mm:g} × {height:.0f} mm. Letters 8 pt, text 6 and 7 pt.{long}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = st.segmented_control("Format", list(FORMATS), default="PDF", key="panel-form", required=True) or "PDF"
        dpi = st.segmented_control("Dots per inch", DPI, default=DPI[0], key="panel-dpi", required=True) or DPI[0]
    st.download_button(
        f"Download {form}",
        lambda: panel_bytes(parts, format=form.lower(), width_mm=width_mm, columns=columns, dpi=dpi),
        file_name=panel_file_name(parts, width_mm, form.lower()),
        mime=FORMATS[form],
        type="primary",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    st.download_button(
        "Data and methods (zip)",
        lambda: panel_data_zip(parts),
        file_name=panel_file_name(parts, None, "zip"),
        mime="application/zip",
        icon=":material/folder_zip:",
        width="stretch",
        on_click="ignore",
    )
    st.markdown("**Methods sentences**")
    st.code(panel_methods(parts), language=None, wrap_lines=True)


def _panel_key(parts: list[Part]) -> tuple[object, ...]:
    return tuple(
        (part.name, view_key(part.view), tuple(sorted(part.options.items())), part.shape, part.full_width)
        for part in parts
    )


@st.cache_data(max_entries=16, show_spinner="Drawing the panel")
def _panel_png(_parts: list[Part], key: object, width_mm: float, columns: int) -> bytes:
    return panel_bytes(_parts, format="png", width_mm=width_mm, columns=columns, dpi=PREVIEW_DPI)
