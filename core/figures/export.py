"""Figures as files: SVG, PDF and PNG at an exact width in millimeters, and the table behind a figure.

One unit of the drawing is one point (1/72 inch). vl-convert counts pixels as points in a PDF, so the page is right by
construction; an SVG says its size in millimeters; a PNG is rendered at dpi/72 pixels a unit.
"""

import html
import io
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from core import __version__
from core.errors import OptionError
from core.figures import figure_named
from core.figures.options import one_of
from core.figures.registry import Figure
from core.figures.sheet import MM_PER_PT, Paper
from core.schema import ALL_PERTURBED
from core.views.text import number, plain

FORMATS = ("svg", "pdf", "png")
TABLES = ("csv", "xlsx", "parquet")
MOST_PIXELS = 60_000_000
"""Pixels of a PNG at most: 240 MB while it is made."""
MOST_HIGH = 1.6
"""A picture higher than so many widths is cut in "My figures"."""


def export_figure(
    name: str,
    view: Any,
    *,
    format: str,
    width_mm: float = 85,
    shape: str = "square",
    dpi: int = 300,
    **options: Any,
) -> bytes:
    """A figure as a file.

    Text stays text in SVG and PDF; only a cloud of genes is a picture in it. Fonts are embedded in PDF.

    Parameters
    ----------
    name
        The figure's name in :data:`core.figures.FIGURES`.
    view
        The view it takes.
    format
        ``"svg"``, ``"pdf"`` or ``"png"``.
    width_mm
        Width of the opened file; journals take 85, 114, 174 (Cell) or 89, 183 (Nature).
    shape
        ``"wide"``, ``"square"`` or ``"tall"``.
    dpi
        Dots per inch of a PNG, and of the cloud in the other formats.
    options
        What the figure takes: ``highlight``, ``scale``, ``by`` and so on.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    OptionError
        If there is no such figure or format, a size is out of range, or an option makes no sense.
    """
    figure = figure_named(name)
    one_of("format", format, FORMATS)
    paper = Paper(width_mm, shape, int(dpi))
    svg, size = paper_svg(figure, view, paper, options)
    return as_file(svg, size, paper, format, metadata(figure, view, options | {"paper": paper}))


def paper_svg(figure: Figure, view: Any, paper: Paper, options: Mapping[str, Any]) -> tuple[str, tuple[float, float]]:
    """The figure as vl-convert's SVG, and its size in points."""
    import vl_convert  # 0.1 s, and only an export needs it

    spec = figure.draw(view, paper=paper, **options).to_dict()
    size = tuple(
        spec[side] + spec["padding"][a] + spec["padding"][b]
        for side, a, b in (("width", "left", "right"), ("height", "top", "bottom"))
    )
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])  # nothing is fetched, whatever a name may say
    return italic_target(svg, view), (size[0], size[1])


def italic_target(svg: str, view: Any) -> str:
    """Set the target's symbol italic where a text says what was done to it: ``ACAT2 knock-down``."""
    target, modality = getattr(view, "target", ""), getattr(view, "modality", "")
    if not target or target == ALL_PERTURBED:
        return svg
    said = html.escape(f"{plain(target)} {modality}", quote=False)
    symbol = html.escape(plain(target), quote=False)
    slanted = f'<tspan font-style="italic">{symbol}</tspan>{said[len(symbol) :]}'
    return re.sub(r">([^<>]*)</text>", lambda m: f">{m[1].replace(said, slanted, 1)}</text>", svg)


# ----------------------------------------------------------------------------------------------- what it is about


def metadata(figure: Figure, view: Any, options: Mapping[str, Any]) -> dict[str, str]:
    """Title, description (caption, methods), n, test and version, as every file carries them."""
    words = f"{figure.caption(view, **options)} {figure.methods(view, **options)}"
    simulated = "Simulated data. " if view.simulated and "Simulated data" not in words else ""
    about = {
        "Title": f"{subject_words(view)}: {figure.title}",
        "Description": f"{simulated}{words}",
        "n": n_words(view),
        "Test": view.methods.test if figure.rests_on in ("changed", "test") else "",
        "Software": f"Perturbscope {__version__}",
    }
    return {name: plain(words, 4000) for name, words in about.items() if words}


def subject_words(view: Any) -> str:
    """What a view is about: the gene, the target and what was done to it, or the study."""
    if getattr(view, "gene", None):
        return plain(view.gene)
    target = getattr(view, "target", None)
    if target is None:
        return plain(view.study_name)
    return target if target == ALL_PERTURBED else f"{plain(target)} {view.modality}"


def n_words(view: Any) -> str:
    """How many cells stand behind the figure."""
    if getattr(view, "n_target", None) is None:
        return f"{number(view.n_cells)} cells" if getattr(view, "n_cells", None) is not None else ""
    return f"{number(view.n_target)} cells against {number(view.n_control)} control cells"


def file_name(name: str, view: Any, width_mm: float | None, format: str) -> str:
    """A name for the file: ``ACAT2_scatter_85mm.pdf``; with "simulated" in front where the data are, and its subset.

    Parameters
    ----------
    name
        The figure's name.
    view
        Its view.
    width_mm
        Its width; None for a table.
    format
        The ending.
    """
    subject = getattr(view, "gene", None) or getattr(view, "target", None) or view.study_name
    safe = re.sub(r"[^A-Za-z0-9.+-]+", "_", plain(subject)).strip("._-+")[:60] or "figure"
    subset = re.sub(r"[^A-Za-z0-9.+-]+", "_", _subset_of(view)).strip("._-+")[:60]
    parts = [*(["simulated"] if view.simulated else []), safe, name, *([subset] if subset else [])]
    parts += [f"{width_mm:g}mm"] if width_mm is not None else []
    return f"{'_'.join(parts)}.{format}"


def _subset_of(view: Any) -> str:
    """Which cells alone a view shows; "" for all."""
    words = str(getattr(getattr(view, "methods", None), "subset", ""))
    return plain(words) if words else ""


# -------------------------------------------------------------------------------------------------------- files


def as_file(svg: str, size: tuple[float, float], paper: Paper, format: str, about: Mapping[str, str]) -> bytes:
    """A drawing of that size in points as the bytes of a file."""
    if format == "svg":
        return svg_file(svg, size, about).encode("utf-8")
    return pdf_file(svg, about) if format == "pdf" else png_file(svg, size, paper, about)


def svg_file(svg: str, size: tuple[float, float], about: Mapping[str, str]) -> str:
    """The SVG with its size in millimeters, a title and a description."""
    width, height = (f"{points * MM_PER_PT:.4f}".rstrip("0").rstrip(".") for points in size)
    view_box = f"0 0 {size[0]:.5f} {size[1]:.5f}"
    start = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" '
        f'width="{width}mm" height="{height}mm" viewBox="{view_box}">'
    )
    rest = "; ".join(f"{name}: {words}" for name, words in about.items() if name not in ("Title", "Description"))
    title, description = html.escape(about["Title"]), html.escape(f"{about['Description']} {rest}")
    words = f"<title>{title}</title><desc>{description}</desc>"
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + start + words + svg[svg.index(">") + 1 :]


def pdf_file(svg: str, about: Mapping[str, str]) -> bytes:
    """The PDF, with the metadata in its info dictionary."""
    import vl_convert

    return with_pdf_info(vl_convert.svg_to_pdf(svg), about)


def with_pdf_info(pdf: bytes, about: Mapping[str, str]) -> bytes:
    """The PDF with an info dictionary of our own, appended as an incremental update (PDF 1.7, section 7.5.6)."""
    trailer = re.search(rb"trailer\s*<<(.*?)>>\s*startxref\s+(\d+)\s+%%EOF\s*\Z", pdf, re.DOTALL)
    root = re.search(rb"/Root\s+\d+\s+\d+\s+R", trailer[1]) if trailer else None
    size = re.search(rb"/Size\s+(\d+)", trailer[1]) if trailer else None
    if trailer is None or root is None or size is None:  # another writer than today's: the figure matters more
        return pdf
    n = int(size[1])
    keys = {"Title": "Title", "Description": "Subject", "Software": "Creator"}
    info = {keys[k]: v for k, v in about.items() if k in keys}
    info["Keywords"] = "; ".join(f"{k}: {v}" for k, v in about.items() if k not in keys)
    entries = b" ".join(b"/%s %s" % (k.encode(), _pdf_text(v)) for k, v in info.items())
    body = b"%d 0 obj\n<< %s /Producer (svg2pdf) >>\nendobj\n" % (n, entries)
    start = len(pdf) + (0 if pdf.endswith(b"\n") else 1)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (n, start)
    end = b"trailer\n<< /Size %d %s /Info %d 0 R /Prev %s >>\nstartxref\n%d\n%%%%EOF\n"
    return (
        pdf
        + (b"" if pdf.endswith(b"\n") else b"\n")
        + body
        + table
        + end % (n + 1, root[0], n, trailer[2], start + len(body))
    )


def _pdf_text(text: str) -> bytes:
    return b"<FEFF" + text.encode("utf-16-be").hex().upper().encode() + b">"


def png_file(svg: str, size: tuple[float, float], paper: Paper, about: Mapping[str, str]) -> bytes:
    """The PNG, as many pixels wide as its width has dots, with its resolution and metadata inside."""
    import vl_convert

    pixels = round(paper.width_mm / 25.4 * paper.dpi)
    tall = round(pixels * size[1] / size[0])
    if pixels * tall > MOST_PIXELS:
        raise OptionError(
            f"{paper.width_mm:g} mm at {paper.dpi} dpi are {pixels:,} x {tall:,} pixels; at most "
            f"{MOST_PIXELS // 1_000_000} million are made. Take fewer dpi, or SVG or PDF."
        )
    # the cloud has the dots of the PNG already: smoothing it again would blur it, and take three times as long
    svg = svg.replace("<image", '<image style="image-rendering:optimizeSpeed"')
    png = vl_convert.svg_to_png(svg, scale=(pixels + 0.01) / size[0])
    return with_png_chunks(png, paper.dpi, about)


def thumbnail(png: bytes, width: int = 480) -> bytes:
    """A small picture of an exported PNG; of one that is much higher than wide the upper part."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        tall = picture.height > MOST_HIGH * picture.width  # else whole, since names stand under a plot
        upper = picture.convert("RGB").crop((0, 0, picture.width, picture.width if tall else picture.height))
        upper.thumbnail((width, width))
        file = io.BytesIO()
        upper.save(file, "PNG", optimize=True)
        return file.getvalue()


def with_png_chunks(png: bytes, dpi: float, about: Mapping[str, str]) -> bytes:
    """The PNG with its resolution (pHYs) and texts (tEXt, or iTXt beyond Latin-1) right after its header."""
    per_meter = round(dpi / 0.0254)
    extra = _chunk(b"pHYs", struct.pack(">IIB", per_meter, per_meter, 1))
    for name, words in about.items():
        try:
            extra += _chunk(b"tEXt", name.encode("latin-1") + b"\0" + words.encode("latin-1"))
        except UnicodeEncodeError:
            extra += _chunk(b"iTXt", name.encode("latin-1") + b"\0\0\0\0\0" + words.encode("utf-8"))
    header = 8 + 25  # signature; IHDR is always first and 25 bytes long
    return png[:header] + extra + b"".join(_chunks_without(png[header:], b"pHYs"))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks_without(chunks: bytes, kind: bytes) -> list[bytes]:
    kept, at = [], 0
    while at < len(chunks):
        (length,) = struct.unpack(">I", chunks[at : at + 4])
        whole = chunks[at : at + 12 + length]
        if whole[4:8] != kind:
            kept.append(whole)
        at += 12 + length
    return kept


# ------------------------------------------------------------------------------------------------- tables


def figure_data_bytes(name: str, view: Any, format: str = "csv", **options: Any) -> bytes:
    """The table behind a figure, its columns always in the same order.

    In CSV, names that a spreadsheet would run as a formula (they begin with ``=``, ``+``, ``-``, ``@``, a tab or a line
    break) get an apostrophe in front. No gene symbol begins so, and Parquet and Excel keep names as they are. Only the
    Excel workbook keeps Excel from reading MARCH8 as a date.

    Parameters
    ----------
    name
        The figure's name.
    view
        Its view.
    format
        ``"csv"`` (UTF-8), ``"xlsx"`` or ``"parquet"``.
    options
        What the figure takes.

    Raises
    ------
    OptionError
        If there is no such figure or format.
    """
    one_of("format", format, TABLES)
    figure = figure_named(name)
    return table_bytes(figure.data(view, **options), format, lambda: metadata(figure, view, options))


def table_bytes(table: pd.DataFrame, format: str, about: Callable[[], Mapping[str, str]] | None = None) -> bytes:
    """A table as CSV, Excel or Parquet, without its index; ``about`` is what a workbook's second sheet says."""
    if format == "xlsx":
        from core.figures.excel import excel_bytes  # only a download needs it

        return excel_bytes(table, about() if about else None)
    if format == "parquet":
        file = io.BytesIO()
        table.to_parquet(file, index=False)
        return file.getvalue()
    text: str = without_formulas(table).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe in front of every text that a spreadsheet would run."""
    out = table.copy()
    for column in out.columns:
        if out[column].dtype.kind not in "biufMm":
            out[column] = [_inert(v) if isinstance(v, str) else v for v in out[column]]
    return out


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
