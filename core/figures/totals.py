"""Distribution of the total counts of control and perturbed cells, or of the genes seen in them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import log_axis, share_axis
from core.figures.drawing import Drawing, compose
from core.figures.marks import curve
from core.figures.options import one_of
from core.figures.sheet import Paper
from core.views.text import number

TOTALS_KEY = (("line", "neutral", "control"), ("line", "observed", "perturbed"))
QUANTITIES = ("totals", "genes_seen")


def totals(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    quantity: str = "totals",
) -> Drawing:
    """Control and perturbed cells by total count (or by genes seen), as shares of each group.

    Parameters
    ----------
    view
        The study.
    highlight
        Nothing is highlighted.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    quantity
        ``"totals"`` or ``"genes_seen"``.

    Raises
    ------
    OptionError
        If the quantity is neither.
    """
    table = totals_data(view, quantity=quantity)
    title = "Total count of a cell" if quantity == "totals" else "Genes seen in a cell"
    low, high = (float(table["left"].min()), float(table["right"].max())) if len(table) else (1.0, 10.0)
    x = log_axis(title, max(low, 1e-6), max(high, low * 1.01))
    shares = table[["control_share", "perturbed_share"]].to_numpy(dtype=float)
    y = share_axis("Share of the group's cells", 1.08 * max(float(shares.max(initial=0.0)), 1e-3))
    rows = [
        key.Row("line", colors.LIGHT["neutral"], f"{number(table['control'].sum())} control cells"),
        key.Row("line", colors.LIGHT["observed"], f"{number(table['perturbed'].sum())} perturbed cells"),
    ]
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=300.0)
    middle = np.sqrt(table["left"].to_numpy(dtype=float) * table["right"].to_numpy(dtype=float))
    layers = [
        curve(middle, table[f"{group}_share"].to_numpy(dtype=float), x, y, on, role)
        for group, role in (("control", "neutral"), ("perturbed", "observed"))
    ]
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def totals_data(view: Any, *, quantity: str = "totals", **_: Any) -> pd.DataFrame:
    """Cells in each bin: left, right, control, perturbed, and each group's share."""
    one_of("quantity", quantity, QUANTITIES)
    table = view.totals_histogram if quantity == "totals" else view.genes_seen_histogram
    out = table[["left", "right", "control", "perturbed"]].reset_index(drop=True)
    for group in ("control", "perturbed"):
        out[f"{group}_share"] = out[group] / max(float(out[group].sum()), 1.0)
    return out


def totals_caption(view: Any, *, quantity: str = "totals", **_: Any) -> str:
    """What the curves show, in sentences."""
    table = totals_data(view, quantity=quantity)
    what = "total counts" if quantity == "totals" else "genes seen"
    medians = [middle_of(table, group) for group in ("control", "perturbed")]
    control, perturbed = (number(m) if math.isfinite(m) else "unknown" for m in medians)
    return (
        f"Cells by {what}, each group by itself. About {control} in the middle control cell, {perturbed} in the middle "
        "perturbed one."
    )


def middle_of(table: pd.DataFrame, group: str) -> float:
    """The median of binned cells, to within a bin."""
    counts = table[group].to_numpy(dtype=float)
    if not counts.sum():
        return math.nan
    at = counts.cumsum()
    bin_of = int(np.searchsorted(at, counts.sum() / 2))
    inside = 1 - (at[bin_of] - counts.sum() / 2) / counts[bin_of]
    left, right = float(table["left"].iloc[bin_of]), float(table["right"].iloc[bin_of])
    return float(left * (right / left) ** inside)


def totals_drawn(view: Any, *, quantity: str = "totals", **_: Any) -> str:
    """What the curves draw, for a methods section."""
    what = "total count" if quantity == "totals" else "number of genes seen"
    return f"share of control and of perturbed cells by {what}, not normalized, on a logarithmic axis"


def totals_alt(view: Any, *, quantity: str = "totals", **_: Any) -> str:
    """The curves in words."""
    table = totals_data(view, quantity=quantity)
    what = "total count" if quantity == "totals" else "genes seen"
    cells = f"{number(table['control'].sum())} control and {number(table['perturbed'].sum())} perturbed cells"
    return f"Curves of {what}, {cells}. {totals_caption(view, quantity=quantity)}"
