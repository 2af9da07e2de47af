"""The export menu of a figure: format, size, preview, download, the data behind it, the sentence for the methods."""

from functools import partial
from typing import Any

import streamlit as st

from core.figures import FIGURES, Figure
from core.figures.export import export_figure, figure_data_bytes, file_name
from core.ui.errors import shown_errors
from core.ui.state import View, view_key

FORMATS = {"PDF": "application/pdf", "SVG": "image/svg+xml", "PNG": "image/png"}
TABLES = (("Data (CSV)", "csv", "text/csv"), ("Data (Parquet)", "parquet", "application/vnd.apache.parquet"))
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
        _downloads(name, view, options, form, width_mm, shape, dpi)
    st.markdown("**Methods sentence**")
    st.code(FIGURES[name].methods(view, **options), language=None, wrap_lines=True)
    with preview, shown_errors():
        png = preview_png(name, view, width_mm, shape, options)
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


def _downloads(
    name: str, view: View, options: dict[str, Any], form: str, width_mm: float, shape: str, dpi: int
) -> None:
    st.download_button(
        f"Download {form}",
        lambda: export_figure(name, view, format=form.lower(), width_mm=width_mm, shape=shape, dpi=dpi, **options),
        file_name=file_name(name, view, width_mm, form.lower()),
        mime=FORMATS[form],
        type="primary",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    for place, (label, ending, mime) in zip(st.columns(2), TABLES, strict=True):
        place.download_button(
            label,
            partial(figure_data_bytes, name, view, ending, **options),
            file_name=file_name(f"{name}_data", view, None, ending),
            mime=mime,
            icon=":material/table:",
            width="stretch",
            on_click="ignore",
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
