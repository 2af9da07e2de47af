"""The export menu of a figure: format, size, preview, download, the data behind it, the sentence for the methods.

What is downloaded is kept in "My figures" with the address of its view; so is what is added there by a button.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from core.errors import StorageError
from core.figures import FIGURES, Figure
from core.figures.export import export_figure, figure_data_bytes, file_name, thumbnail
from core.store.my_figures import keep_figure
from core.ui import address
from core.ui.errors import shown_errors
from core.ui.kept_views import kept_figure
from core.ui.state import View, view_key

FORMATS = {"PDF": "application/pdf", "SVG": "image/svg+xml", "PNG": "image/png"}
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABLES = (
    ("CSV", "csv", "text/csv"),
    ("Excel", "xlsx", EXCEL),
    ("Parquet", "parquet", "application/vnd.apache.parquet"),
)
WIDTHS = {"85 mm": 85.0, "114 mm": 114.0, "174 mm": 174.0}
OTHER = "other"
SHAPES = ("wide", "square", "tall")
DPI = (300, 450, 600)
PREVIEW_DPI = 200
PREVIEW_WIDTH, PREVIEW_HEIGHT = 590, 380
CHOICES = "export choices"
"""Where the session keeps the last choice."""


def export_button(name: str, view: View, **options: Any) -> None:
    """The button of a card that opens the dialog for its figure."""
    if st.button("Export", key=f"export-{name}", type="tertiary", icon=":material/download:"):
        export_dialog(name, view, options)


@st.dialog("Export figure", width="large")
def export_dialog(name: str, view: View, options: dict[str, Any]) -> None:
    """Choose on the left, see it on the right, take it with you."""
    chosen, preview = st.columns([47, 60], gap="medium")
    with preview:
        # reserved before the slow work, or the dialog jumps
        picture = st.container(border=True, height=PREVIEW_HEIGHT + 32, horizontal_alignment="center").empty()
        picture.skeleton(height=PREVIEW_HEIGHT)
        size_line = st.empty()
    with chosen, shown_errors():
        form, width_mm, shape, dpi = _choices(FIGURES[name])
        size = st.empty()
        keeping = Keeping(name, view, options, address.here(), width_mm, shape)
        _downloads(keeping, form, dpi)
    st.markdown("**Methods sentence**")
    st.code(FIGURES[name].methods(view, **options), language=None, wrap_lines=True)
    with preview, shown_errors():
        png = keeping.preview = preview_png(name, view, width_mm, shape, options)
        width, height = _pixels(png)
        picture.image(png, width=round(min(PREVIEW_WIDTH, PREVIEW_HEIGHT * width / height)))
        size_line.caption("Preview of the file, enlarged. Printed at its size, the letters are 6 and 7 pt.")
        size.caption(_size_words(png, width_mm, form, dpi, cloud=FIGURES[name].cloud))


def _choices(figure: Figure) -> tuple[str, float, str, int]:
    """Format, width in mm, shape and dots per inch; the session remembers the last ones."""
    last = st.session_state.setdefault(
        CHOICES, {"form": "PDF", "width": "85 mm", "mm": 89, "shape": "square", "dpi": 300}
    )
    last["form"] = _switch("Format", list(FORMATS), last["form"])
    last["width"] = _switch("Width", [*WIDTHS, OTHER], last["width"])
    if last["width"] == OTHER:
        st.session_state.setdefault("export-mm", int(last["mm"]))
        last["mm"] = st.number_input(
            "Width in mm", 20, 400, key="export-mm", help="Nature takes 89 and 183 mm, Science 57, 121 and 184 mm."
        )
    if figure.shapes:
        last["shape"] = _switch("Shape", SHAPES, last["shape"])
    if figure.cloud or last["form"] == "PNG":
        label = "Dots per inch" if last["form"] == "PNG" else "Dots per inch, point cloud only"
        last["dpi"] = _switch(label, DPI, last["dpi"], key="dpi")
    width_mm = float(WIDTHS.get(last["width"], last["mm"]))
    return last["form"], width_mm, last["shape"], last["dpi"]


def _switch(label: str, options: Any, now: Any, key: str = "") -> Any:
    """One of a few; by its key the widget stays the same one while its choice changes."""
    key = f"export-{key or label.lower()}"
    st.session_state.setdefault(key, now)
    return st.segmented_control(label, options, key=key, required=True, width="stretch") or now


@dataclass
class Keeping:
    """A figure as the menu shows it, ready to be kept; the preview is there once it is drawn."""

    name: str
    view: View
    options: dict[str, Any]
    address: tuple[str, list[tuple[str, str]]]
    width_mm: float
    shape: str
    preview: bytes | None = None

    def file(self, form: str, dpi: int) -> bytes:
        """The figure as a file, which is kept in "My figures" as well."""
        content = export_figure(
            self.name, self.view, format=form, width_mm=self.width_mm, shape=self.shape, dpi=dpi, **self.options
        )
        with suppress(StorageError):  # a data root that cannot be written must not keep anybody from the file
            self.keep()
        return content

    def keep(self) -> str:
        """Keep the figure in "My figures"; its id."""
        png = self.preview or export_figure(self.name, self.view, format="png", shape=self.shape, **self.options)
        figure = kept_figure(self.name, self.view, self.options, self.address, width_mm=self.width_mm, shape=self.shape)
        return keep_figure(figure, thumbnail(png))


def _downloads(keeping: Keeping, form: str, dpi: int) -> None:
    name, view = keeping.name, keeping.view
    st.download_button(
        f"Download {form}",
        lambda: keeping.file(form.lower(), dpi),
        file_name=file_name(name, view, keeping.width_mm, form.lower()),
        mime=FORMATS[form],
        type="primary",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
        help="It is kept in My figures too, with the view it came from.",
    )
    if st.button("Add to my figures", icon=":material/bookmark_add:", width="stretch", key="export-keep"):
        keeping.keep()
        st.caption(":green[:material/check:] Kept in My figures.")
    for place, (label, ending, mime) in zip(st.columns(3, gap="xsmall"), TABLES, strict=True):
        place.download_button(
            label,
            partial(figure_data_bytes, name, view, ending, **keeping.options),
            file_name=file_name(f"{name}_data", view, None, ending),
            mime=mime,
            width="stretch",
            on_click="ignore",
            help="Keeps MARCH8 and its like as text; a CSV opened in Excel makes dates of them."
            if ending == "xlsx"
            else None,
        )


def preview_png(name: str, view: View, width_mm: float, shape: str, options: dict[str, Any]) -> bytes:
    """The figure as it will be printed, as a picture; made once."""
    return _preview(view, name, view_key(view), width_mm, shape, tuple(sorted(options.items())))


@st.cache_data(max_entries=64, show_spinner=False)
def _preview(
    _view: View, name: str, key: object, width_mm: float, shape: str, options: tuple[tuple[str, Any], ...]
) -> bytes:
    return export_figure(name, _view, format="png", width_mm=width_mm, shape=shape, dpi=PREVIEW_DPI, **dict(options))


def _size_words(png: bytes, width_mm: float, form: str, dpi: int, *, cloud: bool) -> str:
    width, height = _pixels(png)
    size = f"{width_mm:g} × {width_mm * height / width:.0f} mm. Arial 6 and 7 pt"
    if form == "PNG":
        return f"{size}; {dpi} dots per inch."
    return f"{size}; text stays text" + (f", the cloud is an image at {dpi} dpi." if cloud else ".")


def _pixels(png: bytes) -> tuple[int, int]:
    """Width and height, out of the PNG's header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
