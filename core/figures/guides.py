"""Each guide's knock-down as a dot with its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.figures import key
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.perturbation import PerturbationLike, what_is_done
from core.figures.rows import row_sheet, unique_names
from core.figures.sheet import Paper, paper_of
from core.figures.transcript_left import left_axis, left_layers
from core.views.text import enumerate_words, number, percent, plain, plural

GUIDE_KEY = (("dot", "observed", "transcript left, with its 95 % interval"),)
GUIDE_COLUMNS = ("target", "guide", "n_cells", "percent_left", "low", "high", "r_with_rest")
LONGEST_GUIDE = 32


def guides(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
) -> Drawing:
    """What each guide leaves of the target's transcript: one row a guide, with its interval.

    Parameters are those of :func:`core.figures.top_deltas.top_deltas`; nothing is highlighted.
    """
    table = guide_table(view)
    page = paper_of(paper)
    names = unique_names(
        [
            f"{plain(g, LONGEST_GUIDE)}, {plural(n, 'cell')}"
            for g, n in zip(table["guide"], table["n_cells"], strict=True)
        ],
        60,
    )
    left = table["percent_left"].to_numpy(dtype=float)
    axis = left_axis(left, table["high"].to_numpy(dtype=float), "Transcript left, control = 100 %")
    on = row_sheet(view, paper, width or 560.0, names, [], 11.0 if page else 27.0, x_top=False)
    measured = np.isfinite(left)
    role = np.where(measured, "observed", "neutral")
    layers = left_layers(table.assign(name=names, role=role), axis, on, on_top=False)
    return compose(layers + (key.note(view, on) if page else []), on)


def guide_table(view: PerturbationLike, **_: Any) -> pd.DataFrame:
    """The view's guides by name."""
    table = view.guides[[c for c in GUIDE_COLUMNS if c in view.guides.columns]]
    return table.sort_values("guide", kind="stable").reset_index(drop=True)


def guides_key(view: PerturbationLike, **_: Any) -> key.Key:
    """The key, where a guide has an estimate."""
    return GUIDE_KEY if np.isfinite(guide_table(view)["percent_left"].to_numpy(dtype=float)).any() else ()


def guides_caption(view: PerturbationLike, **_: Any) -> str:
    """What the guides' rows show, in sentences."""
    table = guide_table(view)
    missing = int((~np.isfinite(table["percent_left"].to_numpy(dtype=float))).sum())
    sentences = ["Dots: mean share of control; lines: 95 % interval. Dashed: 100 %, no change."]
    if not len(table):
        return "No guides are named."
    if missing == len(table):
        sentences = ["What is left of the transcript cannot be measured."]
    elif missing:
        sentences.append(f"{plural(missing, 'guide')} without a measurable transcript.")
    if getattr(view, "left_out_of_totals", ""):
        sentences.append("Shares of totals of all genes, the target's own among them.")
    return " ".join(sentences)


def guides_drawn(view: PerturbationLike, **_: Any) -> str:
    """What the guides' rows draw, for a methods section."""
    cells = [number(n) for n in guide_table(view)["n_cells"]]
    sizes = f"{plural(len(cells), 'guide')} ({enumerate_words(cells, at_most=8)} cells)" if cells else "no guide"
    return (
        f"mean normalized count of the target's own gene in cells of {sizes} over that in controls, with 95 % "
        "intervals by the delta method"
    )


def guides_alt(view: PerturbationLike, **_: Any) -> str:
    """The guides in words."""
    table = guide_table(view)
    rows = zip(table["guide"].head(5), table["percent_left"].head(5), strict=True)
    said = ", ".join(f"{plain(g, LONGEST_LABEL)} {percent(float(left))}" for g, left in rows)
    return f"Transcript left by guide, {what_is_done(view)}, {plural(len(table), 'guide')}: {said or 'none'}."
