"""What all figures share: roles instead of colors, sizes for screen and paper, axes, and the drawing itself.

A figure is a Vega-Lite specification. Its parts are written as plain dicts: building the same ten layers out of
Altair's classes costs 250 ms, as dicts 10 ms. :class:`Drawing` gives the result Altair's face, so that it can be
validated, changed with ``.properties`` and shown in a notebook.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import OptionError
from core.figures.labels import text_width
from core.views.text import NBSP

Spec = dict[str, Any]
Floats = NDArray[np.float64]

ROLES = ("down", "up", "neutral", "observed", "predicted", "baseline", "accent", "faint", "paper")
"""The fixed domain of the color scale; the page's theme and the print configuration give them colors."""

LIGHT = dict(
    zip(
        ROLES,
        ("#0072B2", "#D55E00", "#8C96A1", "#22303C", "#7A4FB8", "#A87900", "#0B6B6B", "#CBD3DA", "#FFFFFF"),
        strict=True,
    )
)
INK = LIGHT["observed"]
CLOUD = "#C3CBD2"
"""The many genes that did not change, on paper."""
RAMP = ["#EDF1F4", "#E1E7EC", "#D4DCE2", "#C6D0D8", "#B7C3CD", "#A7B5C0", "#96A5B2", "#8494A2", "#728391", "#5F7180"]
DIVERGING = [
    "#00507F", "#0072B2", "#4C9CCB", "#96C4E0", "#DCE9F1", "#F7E6DA", "#F0BC96", "#E48E50", "#D55E00", "#9A4300",
]  # fmt: skip

PAPER_FONT = "Arial, Liberation Sans, sans-serif"  # a list: with one font that is missing, vl-convert draws no text
LONGEST_TITLE = 45
LONGEST_LABEL = 24

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
class Axis:
    """One axis: what it measures, from where to where, and which numbers stand at it.

    Parameters
    ----------
    title
        Quantity, scale and who against whom, at most 45 characters.
    low, high
        The fixed domain.
    ticks
        Where the numbers stand.
    log
        Whether the scale is logarithmic (with real numbers at the ticks).
    form
        d3 format of the numbers.
    words
        Numbers that are written otherwise: value -> text.
    percent
        Whether the values are fractions to be read as percentages.
    """

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False
    form: str = "~g"
    words: tuple[tuple[float, str], ...] = ()
    percent: bool = False

    def share(self, values: ArrayLike) -> Floats:
        """Where values lie on the axis: 0 at its low end, 1 at its high end."""
        v = np.asarray(values, dtype=float)
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return np.asarray((np.log10(np.maximum(v, 1e-300)) - low) / (high - low))
        return np.asarray((v - self.low) / (self.high - self.low))

    def at(self, shares: ArrayLike) -> Floats:
        """Values at the given shares of the axis; the inverse of :meth:`share`."""
        s = np.asarray(shares, dtype=float)
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            return np.asarray(10 ** (low + s * (high - low)))
        return self.low + s * (self.high - self.low)

    def labels(self) -> list[str]:
        """The tick labels as they will read, for measuring them."""
        words = dict(self.words)
        return [words.get(t) or self._label(t) for t in self.ticks]

    def _label(self, value: float) -> str:
        return f"{tick_label(100 * value, self.form)}{NBSP}%" if self.percent else tick_label(value, self.form)

    def encoding(self, field: str | None = None, **axis: Any) -> Spec:
        """The axis as a Vega-Lite channel of ``field``; keywords go to the Vega-Lite axis."""
        scale: Spec = {"domain": [self.low, self.high], "nice": False}
        scale |= {"type": "log"} if self.log else {"zero": False}
        look: Spec = {"values": list(self.ticks), "format": self.form, "title": self.title} | axis
        if self.words or self.percent:
            cases = "".join(f"abs(datum.value - {v!r}) < 1e-9 ? '{text}' : " for v, text in self.words)
            number = f"format(datum.value, '{self.form}')"
            percent = f"format(100 * datum.value, '{self.form}') + '{NBSP}%'"
            look["labelExpr"] = cases + (percent if self.percent else number)
        channel: Spec = {"type": "quantitative", "scale": scale, "axis": look, "title": self.title}
        return channel | ({"field": field} if field else {})


def tick_label(value: float, form: str) -> str:
    """About what d3 prints for the formats used here; only its width matters."""
    text = f"{value:,.10g}" if "," in form else f"{value:.10g}"
    return text if value <= 0 or "+" not in form else f"+{text}"


def linear_axis(title: str, low: float, high: float, *, about: int = 6, form: str | None = None, **more: Any) -> Axis:
    """An axis over ``low`` to ``high`` with about as many round ticks as asked for, all within it."""
    span = max(high - low, 1e-12)
    step = nice_step(span / max(about, 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(round(i * step, 12) for i in range(first, last + 1))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return Axis(short(title), low, high, ticks, form=form or f",.{digits}f", **more)


def share_axis(title: str, high: float) -> Axis:
    """An axis of fractions from 0 on, as percentages with a digit more where the ticks need it."""
    axis = linear_axis(title, 0.0, high, about=4, percent=True)
    digits = 0 if all(abs(100 * t - round(100 * t)) < 1e-6 for t in axis.ticks) else 1
    return replace(axis, form=f",.{digits}f")


def signed_axis(title: str, values: ArrayLike, room: float, least: float = 1e-6) -> Axis:
    """An axis of changes over all finite values and zero, with that share of room at both ends; ticks carry a sign."""
    ends = np.asarray(values, dtype=float)
    ends = ends[np.isfinite(ends)]
    low, high = float(np.min(ends, initial=0.0)), float(np.max(ends, initial=0.0))
    edge = room * max(high - low, least)
    axis = linear_axis(title, low - edge, high + edge, about=5)
    digits = max((len(f"{t:.10g}".partition(".")[2]) for t in axis.ticks), default=0)
    return replace(axis, form=f"+.{digits}f", words=((0.0, "0"),))


def log_axis(title: str, low: float, high: float, *, about: int = 6, **more: Any) -> Axis:
    """A logarithmic axis with real numbers at powers of ten, where it is short at 1, 3, 10 or closer."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first) / max(about, 1)))
    ticks = [10.0**e for e in range(first, last + 1, step)]
    if len(ticks) < 4:
        threes = [3 * 10.0**e for e in range(first - 1, last + 1)]
        ticks = sorted(ticks + [t for t in threes if low <= t <= high])
    if len(ticks) < 3:
        every = [d * 10.0**e for e in range(first - 1, last + 2) for d in (1, 2, 5)]
        ticks = [t for t in every if low <= t <= high]
    if len(ticks) < 3:
        ticks = list(linear_axis(title, low, high, about=5).ticks)
    ticks = [float(f"{t:.6g}") for t in ticks]  # 10.0**-3 is not 0.001
    form = ",.0f" if ticks and min(ticks) >= 1 else ",~r" if not ticks or max(ticks) < 1e6 else "~g"
    return Axis(short(title), low, high, tuple(ticks), log=True, form=form, **more)


def nice_step(raw: float) -> float:
    """Of 1, 2, 5 times the powers of ten the step nearest to ``raw``.

    Examples
    --------
    >>> nice_step(0.51), nice_step(1.03), nice_step(60.0)
    (0.5, 1.0, 50.0)
    """
    power = 10.0 ** math.floor(math.log10(raw))
    steps = [float(f"{m * power:.6g}") for m in (1, 2, 5, 10)]
    return min(steps, key=lambda step: abs(math.log(step / raw)))


def short(title: str, longest: int = LONGEST_TITLE) -> str:
    """A title of at most 45 characters: a phone cuts the rest."""
    return title if len(title) <= longest else f"{title[: longest - 1]}…"


# ------------------------------------------------------------------------------------------------------- sheet


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


# ---------------------------------------------------------------------------------------------------- encodings


def roles(field: str = "role") -> Spec:
    """Color by a column of roles."""
    return {"field": field, "type": "nominal", "scale": {"domain": list(ROLES)}, "legend": None}


def role(name: str) -> Spec:
    """A constant color: that of one role, in whatever theme is on."""
    return {"value": paint(name)}


def paint(name: str) -> Spec:
    """The color of a role as an expression, for axes and marks."""
    return {"expr": f"scale('color', '{name}')"}


def color(name: str, on: Sheet) -> Any:
    """The color of a role on this sheet."""
    return LIGHT[name] if on.paper else paint(name)


ANCHOR: Spec = {
    "data": {"values": [{"role": r} for r in ROLES]},
    "mark": {"type": "point", "opacity": 0, "size": 0, "tooltip": None},
    "encoding": {"color": roles()},
}
"""An invisible layer that pins the domain of the color scale, so that ``scale('color', role)`` is always known."""


def px(value: float) -> Spec:
    """A position in pixels of the plot."""
    return {"value": round(float(value), 2)}


def records(**columns: ArrayLike) -> list[Spec]:
    """Rows out of columns; numbers with five digits, and null where there is none."""
    lists = [_json_ready(np.asarray(c)) for c in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _json_ready(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind != "f":
        return list(column.tolist())
    rounded: list[Any] = significant(column).tolist()
    for i in np.flatnonzero(~np.isfinite(column)).tolist():
        rounded[i] = None
    return rounded


def significant(values: ArrayLike, digits: int = 5) -> Floats:
    """Values with so many significant digits: less to send, and nobody sees more."""
    v = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(v))))
        rounded = np.round(v * power) / power
    return np.where(np.isfinite(rounded), rounded, v)


def one_of(option: str, value: Any, known: Iterable[str]) -> None:
    """Refuse an option's value that is none of the known ones.

    Raises
    ------
    OptionError
        With the values that there are.
    """
    names = list(known)
    if value not in names:
        raise OptionError(f"{option} cannot be {str(value)[:40]!r}. Take {', '.join(names[:-1])} or {names[-1]}.")


# ------------------------------------------------------------------------------------------------------ drawing


class Drawing(alt.LayerChart):
    """A finished Vega-Lite specification with Altair's face."""

    def __init__(self, **spec: Any) -> None:
        alt.SchemaBase.__init__(self, **spec)  # LayerChart would rebuild each layer, row by row

    def to_dict(self, validate: bool = False, **options: Any) -> Spec:
        """The specification; checked against Vega-Lite's schema if asked to (0.2 s)."""
        plain = all(isinstance(v, str | int | float | bool | list | dict) for v in self._kwds.values())
        if validate or options or not plain:
            return dict(super().to_dict(validate=validate, **options))
        return {"$schema": alt.SCHEMA_URL, **self._kwds}


def compose(layers: Sequence[Spec], on: Sheet, *, params: Sequence[Spec] = (), above: float = 4) -> Drawing:
    """The layers on their sheet, with the configuration of screen or paper; on screen with room above the plot."""
    stack = [ANCHOR, *layers]
    more: Spec = {"params": list(params)} if params else {}
    if on.paper:
        edges = {"left": on.left, "top": on.top, "right": on.right, "bottom": on.bottom}
        return Drawing(
            layer=stack,
            width=on.plot_width,
            height=on.plot_height,
            padding=edges,
            autosize="none",
            background=LIGHT["paper"],
            config=print_config() | title_limits(on),
            **more,
        )
    edges = {"left": 4, "top": above, "right": 12, "bottom": 2}
    return Drawing(
        layer=stack,
        width="container",
        height=on.height,
        padding=edges,
        autosize={"type": "fit", "contains": "padding"},
        config=screen_config(),
        **more,
    )


def title_limits(on: Sheet) -> Spec:
    """Where axis titles are cut so that they end on the sheet; they are centered on the plot."""
    return {
        "axisX": {"titleLimit": on.plot_width + 2 * min(on.left, on.right)},
        "axisY": {"titleLimit": on.plot_height + 2 * min(on.top, on.bottom)},
    }


def screen_config() -> Spec:
    """Axes for the page; the colors are Streamlit's theme's, by role."""
    return {
        "aria": False,
        "mark": {"aria": False},
        "axis": {
            "grid": False,
            "domain": True,
            "ticks": True,
            "tickSize": 5,
            "labelFlush": False,
            "labelFontSize": 11.5,
            "titleFontSize": 12,
            "labelPadding": 4,
            "titlePadding": 8,
            "labelLimit": 170,
            "labelColor": paint("observed"),
            "titleColor": paint("observed"),
            "domainColor": paint("neutral"),
            "tickColor": paint("neutral"),
        },
        "view": {"stroke": None},
        "text": {"fontSize": 11},
    }


def print_config() -> Spec:
    """Axes for paper, as journals take them: Arial 7 and 6 pt, lines of 0.5 pt, no grid, one ink."""
    return {
        "font": PAPER_FONT,
        "aria": False,
        "axis": {
            "grid": False,
            "domain": True,
            "ticks": True,
            "domainWidth": 0.5,
            "tickWidth": 0.5,
            "tickSize": 2.5,
            "tickRound": False,  # whole pixels are for screens; here they would be off by half a point
            "translate": 0,
            "labelFlush": False,
            "labelFont": PAPER_FONT,
            "titleFont": PAPER_FONT,
            "labelFontSize": 6,
            "titleFontSize": 7,
            "titleFontWeight": "normal",
            "labelPadding": 2,
            "titlePadding": 3,
            "labelLimit": 200,
            "labelColor": INK,
            "titleColor": INK,
            "domainColor": INK,
            "tickColor": INK,
        },
        "view": {"stroke": None},
        "text": {"font": PAPER_FONT, "fontSize": 6, "color": INK},
        "range": {"category": list(LIGHT.values()), "heatmap": RAMP, "ramp": RAMP, "diverging": DIVERGING},
    }


def dashed(ends: Mapping[str, Sequence[float]], x: Axis, y: Axis, on: Sheet) -> Spec:
    """A thin dashed line through the given points: identity, zero or a threshold."""
    return {
        "data": {"values": records(x=ends["x"], y=ends["y"])},
        "mark": {
            "type": "line",
            "strokeDash": on.dash,
            "strokeWidth": on.line,
            "clip": True,
            "tooltip": None,
            "color": INK if on.paper else paint("neutral"),
        },
        "encoding": {"x": x.encoding("x"), "y": y.encoding("y")},
    }


def upright(at: float, x: Axis, on: Sheet, **axis: Any) -> Spec:
    """A thin dashed upright line through the whole plot; keywords go to the Vega-Lite axis."""
    return {
        "data": {"values": [{"at": at}]},
        "mark": {
            "type": "rule",
            "strokeDash": on.dash,
            "strokeWidth": on.line,
            "tooltip": None,
            "color": INK if on.paper else paint("neutral"),
        },
        "encoding": {"x": x.encoding("at", **axis)},
    }


def curve(at: Floats, share: Floats, x: Axis, y: Axis, on: Sheet, role: str) -> Spec:
    """A smooth line in the color of a role."""
    mark: Spec = {"type": "line", "interpolate": "monotone", "strokeWidth": 1.0 if on.paper else 2.0, "tooltip": None}
    return {
        "data": {"values": records(x=at, y=share)},
        "mark": mark | {"color": color(role, on)},
        "encoding": {"x": x.encoding("x"), "y": y.encoding("y")},
    }
