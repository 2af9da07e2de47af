"""Panels: several figures under letters in one SVG, PDF or PNG of an exact width, each drawn again at its own width.

Nothing is scaled: a figure that gets half of a panel is drawn for that width, its labels placed again, so that every
letter is printed at the size it has in a single export. One unit is one point, as in :mod:`core.figures.export`.
"""

import io
import string
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core import __version__
from core.errors import OptionError
from core.figures import colors, figure_named
from core.figures.drawing import PAPER_FONT
from core.figures.export import (
    FORMATS,
    as_file,
    figure_data_bytes,
    file_name,
    metadata,
    paper_svg,
    subject_words,
)
from core.figures.options import one_of
from core.figures.registry import Figure
from core.figures.sheet import MM_PER_PT, Paper
from core.views.text import plain

MOST_PARTS = 6
COLUMNS = (1, 2, 3)
NARROWEST_PART_MM = 30.0
"""A figure narrower than this has no room for its axes."""
GAP, ROW_GAP = 8.0, 6.0
STRIP = 7.0
"""Height of the line above each figure in which its letter stands."""
LETTER_SIZE = 8.0

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


@dataclass(frozen=True, eq=False)
class Part:
    """One figure of a panel.

    Parameters
    ----------
    name
        The figure's name in :data:`core.figures.FIGURES`.
    view
        The view it takes.
    options
        What the figure takes: ``highlight``, ``scale``, ``by`` and so on.
    shape
        ``"wide"``, ``"square"`` or ``"tall"``; figures made of rows are as high as their rows.
    full_width
        Whether it is as wide as the panel.
    """

    name: str
    view: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: str = "square"
    full_width: bool = False

    @property
    def figure(self) -> Figure:
        """What it draws."""
        return figure_named(self.name)


@dataclass(frozen=True)
class Place:
    """Where a figure stands in a panel: its letter, the top left corner of its letter, and its width, in points."""

    letter: str
    x: float
    y: float
    width: float


def panel_bytes(
    parts: Sequence[Part], *, format: str, width_mm: float = 174, columns: int = 2, dpi: int = 300
) -> bytes:
    """Figures as one file, with letters in bold 8 pt.

    Parameters
    ----------
    parts
        One to six figures, in the order of their letters.
    format
        ``"svg"``, ``"pdf"`` or ``"png"``.
    width_mm
        Width of the opened file; journals take 85, 114, 174 (Cell) or 89, 183 (Nature).
    columns
        Figures side by side: 1, 2 or 3.
    dpi
        Dots per inch of a PNG, and of clouds in the other formats.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    OptionError
        If there are none or too many figures, a size is out of range, or a figure would be too narrow to be read.
    """
    one_of("format", format, FORMATS)
    paper = Paper(width_mm, dpi=int(dpi))
    svg, size = panel_svg(parts, paper, columns)
    return as_file(svg, size, paper, format, panel_metadata(parts))


def panel_svg(parts: Sequence[Part], paper: Paper, columns: int) -> tuple[str, tuple[float, float]]:
    """The panel as SVG text and its size in points.

    Each next figure stands in the column that is least full, so that a low figure leaves no hole beside a high one.
    """
    widths = part_widths(parts, paper, columns)
    drawn = [
        paper_svg(part.figure, part.view, Paper(width * MM_PER_PT, part.shape, paper.dpi), part.options)
        for part, width in zip(parts, widths, strict=True)
    ]
    places, height = _places(widths, [size[1] for _, size in drawn], paper)
    root = ET.Element(f"{{{SVG}}}svg", _box(paper.width, height))
    ET.SubElement(root, f"{{{SVG}}}rect", {"width": _n(paper.width), "height": _n(height), "fill": "#FFFFFF"})
    for place, (svg, _) in zip(places, drawn, strict=True):
        _put(root, place, svg)
    return ET.tostring(root, encoding="unicode"), (paper.width, height)


def part_widths(parts: Sequence[Part], paper: Paper, columns: int) -> list[float]:
    """Width of each figure in points: that of a column, or of the whole panel.

    Raises
    ------
    OptionError
        If there are none or too many figures, or one would be too narrow.
    """
    if not 1 <= len(parts) <= MOST_PARTS:
        raise OptionError(f"A panel holds one to {MOST_PARTS} figures, not {len(parts)}. Choose some of them.")
    if columns not in COLUMNS:
        raise OptionError(f"A panel cannot have {columns} columns. Take 1, 2 or 3.")
    n = max(1, min(columns, sum(not part.full_width for part in parts)))  # no column stays empty
    width = (paper.width - (n - 1) * GAP) / n
    if width * MM_PER_PT < NARROWEST_PART_MM:
        raise OptionError(
            f"{n} figures side by side in {paper.width_mm:g} mm are {width * MM_PER_PT:.0f} mm wide each, too narrow "
            f"to be read; they need {NARROWEST_PART_MM:g} mm. Take fewer columns or a wider panel."
        )
    return [paper.width if part.full_width else width for part in parts]


def _places(widths: Sequence[float], heights: Sequence[float], paper: Paper) -> tuple[list[Place], float]:
    """The places of figures of these sizes, and the height of the panel."""
    n = round((paper.width + GAP) / (min(widths) + GAP))
    below = [0.0] * n  # where each column is free
    places = []
    for letter, width, height in zip(string.ascii_lowercase, widths, heights, strict=False):
        across = n if width > min(widths) else 1
        column = 0 if across == n else min(range(n), key=lambda c: round(below[c], 2))
        y = max(below[column : column + across])
        below[column : column + across] = [y + STRIP + height + ROW_GAP] * across
        places.append(Place(letter, column * (width + GAP), y, width))
    return places, max(below) - ROW_GAP


def _put(root: ET.Element, place: Place, svg: str) -> None:
    """A letter, and a figure whose ids are its own: two figures both have a ``clip1``."""
    look = {"font-family": PAPER_FONT, "font-size": f"{LETTER_SIZE:g}px", "font-weight": "bold", "fill": colors.INK}
    letter = ET.SubElement(root, f"{{{SVG}}}text", {"x": _n(place.x), "y": _n(place.y + STRIP), **look})
    letter.text = place.letter
    figure = ET.fromstring(svg)
    own_ids(figure, f"{place.letter}-")
    where = {"id": f"panel-{place.letter}", "transform": f"translate({_n(place.x)},{_n(place.y + STRIP)})"}
    ET.SubElement(root, f"{{{SVG}}}g", where).extend(list(figure))


def own_ids(figure: ET.Element, prefix: str) -> None:
    """Put a prefix before every id of a drawing and before every reference to one."""
    ids = {element.get("id"): f"{prefix}{element.get('id')}" for element in figure.iter() if element.get("id")}
    for element in figure.iter():
        for name, value in element.items():
            element.set(name, _referring(name, value, ids))


def _referring(name: str, value: str, ids: Mapping[str | None, str]) -> str:
    if name == "id":
        return ids[value]
    if name in ("href", f"{{{XLINK}}}href") and value.startswith("#"):
        return f"#{ids.get(value[1:], value[1:])}"
    if "url(#" in value:
        for old, new in ids.items():
            value = value.replace(f"url(#{old})", f"url(#{new})")
    return value


def _box(width: float, height: float) -> dict[str, str]:
    return {"version": "1.1", "width": _n(width), "height": _n(height), "viewBox": f"0 0 {_n(width)} {_n(height)}"}


def _n(points: float) -> str:
    return f"{points:.5f}".rstrip("0").rstrip(".")


# ----------------------------------------------------------------------------------------------------- in words


def panel_metadata(parts: Sequence[Part]) -> dict[str, str]:
    """Title, description (captions and methods by letter), n and version, as single figures carry them."""
    each = [
        (letter, metadata(part.figure, part.view, dict(part.options) | {"paper": True}))
        for letter, part in _lettered(parts)
    ]
    about = {"Title": "; ".join(f"{letter} {words['Title']}" for letter, words in each)}
    for key in ("Description", "n", "Test"):
        about[key] = " ".join(f"({letter}) {words[key]}" for letter, words in each if key in words)
    about["Software"] = f"Perturbscope {__version__}"
    return {key: plain(words, 8000) for key, words in about.items() if words}


def panel_methods(parts: Sequence[Part]) -> str:
    """The methods sentences of all figures, each with its letters: those that are the same stand once."""
    letters: dict[str, list[str]] = {}
    for letter, part in _lettered(parts):
        letters.setdefault(part.figure.methods(part.view, **part.options), []).append(letter)
    return "\n".join(f"({', '.join(at)}) {sentence}" for sentence, at in letters.items())


def panel_data_zip(parts: Sequence[Part], format: str = "csv") -> bytes:
    """The tables behind all figures as a zip, one file a letter, with the methods beside them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for letter, part in _lettered(parts):
            name = f"{letter}_{file_name(f'{part.name}_data', part.view, None, format)}"
            _write(archive, name, figure_data_bytes(part.name, part.view, format, **part.options))
        _write(archive, "methods.txt", f"{panel_methods(parts)}\n".encode())
    return file.getvalue()


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # no date: the same data, the same file


def panel_file_name(parts: Sequence[Part], width_mm: float | None, format: str) -> str:
    """A name for the file: ``ACAT2_panel_a-d_174mm.pdf``; "simulated" in front where any of the data are.

    Parameters
    ----------
    parts
        Its figures.
    width_mm
        Its width; None for the zip of tables.
    format
        The ending.
    """
    views = [part.view for part in parts]
    first = next((view for view in views if view.simulated), views[0])
    same = len({subject_words(view) for view in views}) == 1
    letters = f"a-{string.ascii_lowercase[len(parts) - 1]}" if len(parts) > 1 else "a"
    name = file_name(f"panel_{letters}", first, width_mm, format)
    subject = file_name("", first, None, "").partition(".")[0].rstrip("_")
    plain_start = "simulated" if first.simulated else ""
    return name if same else "_".join(filter(None, [plain_start, name.removeprefix(f"{subject}_")]))


def _lettered(parts: Sequence[Part]) -> Iterator[tuple[str, Part]]:
    return zip(string.ascii_lowercase, parts, strict=False)
