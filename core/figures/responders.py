"""Responders: how a target's cells and the controls are spread along the target's effect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import colors, key
from core.figures.axes import linear_axis, share_axis
from core.figures.drawing import Drawing, compose
from core.figures.marks import curve, upright
from core.figures.sheet import Paper
from core.views.responders import RespondersView, how_told, sentence
from core.views.text import number, plain, plural

KEY = (("line", "neutral", "control cells"), ("line", "observed", "cells of the target"))


def responders(
    view: RespondersView, *, highlight: Sequence[str] = (), width: float | None = None, paper: bool | Paper = False
) -> Drawing:
    """The spread of scores of the target's cells and of controls; dashed the controls' median.

    Parameters are those of :func:`core.figures.guides.guides`; nothing is highlighted.
    """
    table = view.histogram
    x = linear_axis(
        "Score along the effect, sd of controls", float(table["left"].iloc[0]), float(table["right"].iloc[-1])
    )
    most = float(table[["control", "target"]].to_numpy().max(initial=0.0))
    y = share_axis("Share of the group's cells", 1.1 * max(most, 0.01))
    rows = [
        key.Row("line", colors.LIGHT["neutral"], f"{number(view.n_control)} controls"),
        key.Row(
            "line", colors.LIGHT["observed"], f"{number(view.n_target)} cells, {plain(view.target, 16)} {view.modality}"
        ),
    ]
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=230.0)
    middle = (table["left"].to_numpy(dtype=float) + table["right"].to_numpy(dtype=float)) / 2
    layers = [
        curve(middle, table[group].to_numpy(dtype=float), x, y, on, role)
        for group, role in (("control", "neutral"), ("target", "observed"))
    ]
    layers += [upright(view.median, x, on)] if np.isfinite(view.median) else []
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def responders_data(view: RespondersView, **_: Any) -> pd.DataFrame:
    """Shares of cells in each bin of the score: left, right, control, target."""
    return view.histogram


def responders_caption(view: RespondersView, **_: Any) -> str:
    """What the curves show, in sentences."""
    if view.why_not:
        return "Nothing is drawn: responders cannot be told."
    return (
        f"Cells by their score in {plural(view.n_genes, 'gene')} that change, weights from the other half of the "
        "cells. Dashed: the controls' median; twice the target's cells left of it may be without effect."
    )


def responders_drawn(view: RespondersView, **_: Any) -> str:
    """What the curves draw, for a methods section."""
    return f"distribution of cells by score; {how_told(view)}"


def responders_alt(view: RespondersView, **_: Any) -> str:
    """The curves in words."""
    cells = f"{number(view.n_control)} controls and {number(view.n_target)} cells of {plain(view.target)}"
    return f"Curves of the score along the effect, {cells}. {plain(sentence(view, plain), 400)}"
