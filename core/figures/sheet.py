"""The sheet that a figure is drawn on: its size on screen or paper, and the room that its axes need."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import OptionError
from core.figures.labels import text_width
from core.figures.options import one_of
from core.figures.spec import Spec

MM_PER_PT = 25.4 / 72
NARROWEST_MM, WIDEST_MM = 20.0, 400.0
LOWEST_DPI, HIGHEST_DPI = 72, 1200
SHAPES = {"wide": 0.62, "square": 0.94, "tall": 1.3}
"""Height over width; a square plot with its axes is a little wider than high."""
SMALLEST_PLOT = 0.4
"""Share of a printed figure's height that its plot has at least."""


@dataclass(frozen=True)
class Paper:
    """How a figure is printed.

    Parameters
    ----------
    width_mm
        Width of the whole figure, 20 to 400 mm.
    shape
        ``"wide"``, ``"square"`` or ``"tall"``; figures made of rows are as high as their rows.
    dpi
        Dots per inch of the point cloud, and of the whole figure as PNG.

    Raises
    ------
    OptionError
        If a value is out of range.
    """

    width_mm: float = 85.0
    shape: str = "square"
    dpi: int = 300

    def __post_init__(self) -> None:
        if not (isinstance(self.width_mm, int | float) and NARROWEST_MM <= self.width_mm <= WIDEST_MM):
            raise OptionError(
                f"A figure cannot be {self.width_mm} mm wide. Take {NARROWEST_MM:g} to {WIDEST_MM:g} mm; "
                "journals use 85, 114, 174 (Cell) or 89, 183 (Nature)."
            )
        one_of("shape", self.shape, SHAPES)
        if not (isinstance(self.dpi, int | float) and LOWEST_DPI <= self.dpi <= HIGHEST_DPI):
            raise OptionError(f"{self.dpi} dots per inch are out of range. Take {LOWEST_DPI} to {HIGHEST_DPI}.")

    @property
    def width(self) -> float:
        """Width in points; on paper one unit of the drawing is one point."""
        return self.width_mm / MM_PER_PT

    @property
    def height(self) -> float:
        """Height in points that the shape asks for."""
        return self.width * SHAPES[self.shape]


@dataclass(frozen=True)
class Sheet:
    """The rectangle a figure is drawn on: the plot, and the room its axes need.

    On paper the plot's size is fixed and the unit is a point. On screen Streamlit fits the plot to its card, and
    the size is what labels are placed for.
    """

    paper: Paper | None
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    @property
    def plot_width(self) -> float:
        """Width inside the axes."""
        return self.width - self.left - self.right

    @property
    def plot_height(self) -> float:
        """Height inside the axes."""
        return self.height - self.top - self.bottom

    @property
    def text(self) -> float:
        """Size of labels."""
        return 6.0 if self.paper else 11.0

    @property
    def dot(self) -> float:
        """Diameter of a dot."""
        return 1.9 if self.paper else 5.6

    @property
    def ring(self) -> float:
        """Outer radius of the ring round a highlighted dot."""
        return 2.6 if self.paper else 7.0

    @property
    def line(self) -> float:
        """Width of a line."""
        return 0.5 if self.paper else 1.0

    @property
    def dash(self) -> list[float]:
        """Dash pattern of identity and threshold lines."""
        return [2.0, 1.5] if self.paper else [4.0, 3.0]

    @property
    def italic(self) -> Spec:
        """Gene symbols are italic on paper."""
        return {"fontStyle": "italic"} if self.paper else {}


def paper_of(paper: bool | Paper) -> Paper | None:
    """The figure functions take True for paper of the usual size."""
    return Paper() if paper is True else paper or None


def sheet(
    paper: bool | Paper,
    width: float | None,
    *,
    height: float | None = None,
    y_labels: Sequence[str] = (),
    y_title: bool = True,
    x_title: bool = True,
    x_top: bool = False,
    strip: float = 0.0,
    right: float | None = None,
) -> Sheet:
    """Room for the axes around a plot.

    Parameters
    ----------
    paper
        False for the screen, True or a :class:`Paper` for print.
    width
        Width on screen in px where it is known.
    height
        Height of the whole; the shape's, or 430 px on screen, where not given.
    y_labels
        The longest of them sets the left margin.
    y_title, x_title
        Whether the axes have titles.
    x_top
        Whether the x axis stands above the plot.
    strip
        Height of a strip above the plot for the key and "simulated".
    right
        Room right of the plot.
    """
    page = paper_of(paper)
    if page:
        label, title, tick, gap = 6.0, 7.0, 2.5, 2.0
        total, tall = page.width, height or page.height
    else:
        label, title, tick, gap = 11.5, 12.0, 5.0, 4.0
        total, tall = width or 620.0, height or 408.0
    widest = max((text_width(t, label) for t in y_labels), default=0.0)
    left = widest + (tick + gap if widest else gap) + (title + 2.5 * gap if y_title else gap)
    axis = tick + gap + label + (title + 2 * gap if x_title else 0.0)
    edge = label / 2 + 1
    top = strip + (axis if x_top else edge)
    room = right if right is not None else 3.5 * label / 2
    bottom = edge if x_top else axis
    if page:  # a very small figure keeps a plot: names are cut, and a key that needs lines adds them
        left = min(left, 0.55 * total)
        tall = max(tall, (top + bottom) / (1 - SMALLEST_PLOT))
    return Sheet(page, total, tall, left, room, top, bottom)
