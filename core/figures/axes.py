"""Axes: what they measure, from where to where, and round ticks on them."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.figures.spec import Floats, Spec
from core.views.text import NBSP

LONGEST_TITLE = 45


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
