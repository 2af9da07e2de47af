"""Pathways as dots: how sure each is, how many genes carry it, and which way these go."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.data.gene_sets import LARGEST, SMALLEST
from core.figures import colors, key
from core.figures.axes import Axis, linear_axis
from core.figures.drawing import Drawing, compose
from core.figures.labels import LONGEST_LABEL
from core.figures.marks import upright
from core.figures.options import one_of
from core.figures.rows import row_axis, row_sheet, rows_that_fit, unique_names
from core.figures.sheet import Paper, Sheet, paper_of
from core.figures.spec import Floats, Spec, records
from core.stats.enrichment import GENE_CORRELATION
from core.views.pathways import FDR_SHOWN, PathwaysView, nothing_found, standing
from core.views.text import enumerate_words, number, p_value, plain, plural, threshold, version

TESTS = ("genes", "profile")
KEY = (
    ("dot", "down", "falls"),
    ("dot", "up", "rises"),
    ("dot", "neutral", f"FDR at least {threshold(FDR_SHOWN)}"),
)
SHOWN = 8
LONGEST_ROW, LONGEST_ROW_ON_PAPER = 34, 40
ROW_PX, ROW_PT = 26.0, 9.5
SMALLEST_P = 300.0
LARGEST_DOT, LARGEST_DOT_ON_PAPER = 190.0, 34.0
"""Area of the dot with most genes, in square units of the drawing."""


def pathways(
    view: PathwaysView,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    test: str = "genes",
    n: int = SHOWN,
) -> Drawing:
    """The surest gene sets, one dot a set: how sure, how many genes, which way.

    A set that mostly repeats a surer one is not drawn. Where none passes, the surest are drawn hollow.

    Parameters
    ----------
    view
        What gene sets say of a target.
    highlight
        Nothing is highlighted.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.sheet.Paper` for print.
    test
        ``"genes"``: over-representation among the changed genes; ``"profile"``: rank test of all genes.
    n
        How many sets.

    Raises
    ------
    OptionError
        If the test is unknown.
    """
    top = pathways_data(view, test=test, n=n)
    page = paper_of(paper)
    if page:
        top = top.head(rows_that_fit(len(top), ROW_PT))
    names = unique_names(top["name"], LONGEST_ROW_ON_PAPER if page else LONGEST_ROW)
    rows = _key_rows(top) if page else []
    on = row_sheet(view, paper, width or 500.0, names, rows, ROW_PT if page else ROW_PX, x_top=False)
    axis = _axis(top)
    layers = _layers(top, names, axis, on)
    return compose(layers + (key.above(rows, on, view) + key.note(view, on) if page else []), on)


def pathways_data(view: PathwaysView, *, test: str = "genes", n: int = SHOWN, **_: Any) -> pd.DataFrame:
    """The sets that are drawn, the surest first; those that do not pass only where none does."""
    one_of("test", test, TESTS)
    table = view.table(test)
    passing = standing(table)
    top = (passing if len(passing) else table).head(max(int(n), 1))
    return top.reset_index(drop=True)


def surety(table: pd.DataFrame) -> Floats:
    """-log10 FDR, at most 300."""
    fdr = table["fdr"].to_numpy(dtype=float)
    return np.minimum(-np.log10(np.clip(fdr, 10.0**-SMALLEST_P, 1.0)), SMALLEST_P)


def _axis(table: pd.DataFrame) -> Axis:
    most = max(float(surety(table).max(initial=0.0)), 2.0)
    return linear_axis("\u2212log10 FDR", -0.04 * most, 1.06 * most, about=6)


def _layers(top: pd.DataFrame, names: Sequence[str], axis: Axis, on: Sheet) -> list[Spec]:
    values = records(
        name=np.array(names, dtype=object),
        set=top["name"].to_numpy(dtype=object),
        sure=surety(top),
        role=_roles(top),
        hits=top["n_hits"].to_numpy(dtype=float),
        of=top["n_measured"].to_numpy(dtype=float),
        fdr=np.array([p_value(p) for p in top["fdr"].to_numpy(dtype=float)], dtype=object),
        genes=np.array([_few(genes) for genes in top["genes"]], dtype=object),
    )
    y = row_axis(names, on)
    stem: Spec = {
        "mark": {"type": "rule", "strokeWidth": 0.75 if on.paper else 1.5, "tooltip": None},
        "encoding": {"x": axis.encoding("zero"), "x2": {"field": "sure"}, "y": y, "color": colors.roles()},
    }
    most = max(float(top["n_hits"].max()) if len(top) else 1.0, 1.0)
    area = {"type": "linear", "domain": [0, most], "range": [0, LARGEST_DOT_ON_PAPER if on.paper else LARGEST_DOT]}
    tooltip = [
        {"field": "set", "type": "nominal", "title": "Set"},
        {"field": "hits", "type": "quantitative", "format": ",d", "title": "Genes"},
        {"field": "of", "type": "quantitative", "format": ",d", "title": "of measured"},
        {"field": "fdr", "type": "nominal", "title": "FDR"},
        {"field": "genes", "type": "nominal", "title": "First"},
    ]
    dots: Spec = {
        "name": "dots",
        "mark": {"type": "circle", "opacity": 1},
        "encoding": {
            "x": axis.encoding("sure"),
            "y": y,
            "size": {"field": "hits", "type": "quantitative", "scale": area, "legend": None},
            "color": colors.roles(),
        }
        | ({} if on.paper else {"tooltip": tooltip}),
    }
    rows: Spec = {
        "data": {"values": values},
        "transform": [{"calculate": "0", "as": "zero"}],
        "layer": [stem, dots],
    }
    return [rows, upright(float(-np.log10(FDR_SHOWN)), axis, on)]


def _few(genes: str, most: int = 6) -> str:
    names = [plain(gene, LONGEST_LABEL) for gene in genes.split(", ") if gene]
    return enumerate_words(names, at_most=most)


def _key_rows(top: pd.DataFrame) -> list[key.Row]:
    if not len(top):
        return []
    low, high = int(top["n_hits"].min()), int(top["n_hits"].max())
    some = f"{number(low)} to {number(high)} genes" if low < high else plural(high, "gene")
    return [*key.printed(key.of_roles(KEY, _roles(top))), key.Row("none", colors.INK, f"dot area: {some}")]


def _roles(top: pd.DataFrame) -> Any:
    return np.where(top["fdr"].to_numpy(dtype=float) < FDR_SHOWN, top["direction"].to_numpy(dtype=object), "neutral")


def pathways_key(view: PathwaysView, *, test: str = "genes", n: int = SHOWN, **_: Any) -> key.Key:
    """The key on the page, of the dots that are drawn."""
    return key.of_roles(KEY, _roles(pathways_data(view, test=test, n=n)))


def pathways_caption(view: PathwaysView, *, test: str = "genes", n: int = SHOWN, **_: Any) -> str:
    """What the dots show, in sentences."""
    table, top = view.table(test), pathways_data(view, test=test, n=n)
    if not len(table):
        return nothing_found(view, test)
    passed = standing(table)
    among = (
        f"among the {number(view.n_up)} genes that rise and {number(view.n_down)} that fall, own gene left out "
        "(hypergeometric, BH)"
        if test == "genes"
        else f"in the whole profile of {plural(view.n_background, 'gene')} (rank test, BH)"
    )
    if not len(passed):
        return f"No set passes FDR < {threshold(FDR_SHOWN)} {among}; in grey the nearest. Dashed: FDR 0.05."
    alike = int((table["fdr"] < FDR_SHOWN).sum()) - len(passed)
    shown = f"The {len(top)} surest of {plural(len(passed), 'set')}" if len(top) < len(passed) else _all(len(passed))
    sentences = [f"{shown} {among}."]
    carry = "hits" if test == "genes" else "genes that carry it"
    sentences.append(f"Dot area: {carry}. Dashed: FDR 0.05.")
    if alike:
        verb = "repeats" if alike == 1 else "repeat"
        sentences.append(f"{plural(alike, 'more set')} mostly {verb} these genes: see the table.")
    return " ".join(sentences)


def _all(n: int) -> str:
    return "The one set that passes" if n == 1 else f"The {n} sets that pass"


def pathways_drawn(view: PathwaysView, *, test: str = "genes", n: int = SHOWN, **_: Any) -> str:
    """What the dots draw, for a methods section."""
    sets = f"{plain(view.collection, 60)}, sets with {SMALLEST} to {LARGEST} measured genes"
    group = "a set of whose genes over half are a surer set's is not drawn"
    if test == "profile":
        how = (
            "rank sum test of all genes ranked by signed log10 p, correlation of two genes of a set taken as "
            f"{GENE_CORRELATION} (camera)"
        )
    else:
        how = (
            "one-sided hypergeometric test of the genes that rise and of those that fall, own gene left out, against "
            f"{plural(view.n_background, 'gene')} seen in these cells (scipy {version('scipy')})"
        )
    return f"gene sets of {sets}: {how}, Benjamini-Hochberg over all sets; {group}"


def pathways_alt(view: PathwaysView, *, test: str = "genes", n: int = SHOWN, **_: Any) -> str:
    """The dots in words."""
    top = pathways_data(view, test=test, n=n)
    said = [
        f"{row.name} {'rises' if row.direction == 'up' else 'falls'} (FDR {p_value(row.fdr)}, {row.n_hits} genes)"
        for row in top.head(5).itertuples(index=False)
    ]
    return f"Dots of {plural(len(top), 'gene set')}, {plain(view.target)}. First: {', '.join(said) or 'none'}."
