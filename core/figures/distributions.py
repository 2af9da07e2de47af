"""Distributions: of deltas, of totals, of cells a target and of the genes' means."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.figures import key, theme
from core.figures.bars import ROW_PT, ROW_PX, name_look, row_axis, row_sheet, rows_that_fit, unique_names
from core.figures.cloud import PerturbationLike, change_rule, gene_table, hung_texts, what_is_done
from core.figures.labels import place_labels
from core.figures.theme import Axis, Drawing, Floats, Paper, Sheet, Spec
from core.schema import MEASURABLE_MEAN
from core.views.power import FEW_CELLS
from core.views.text import number, plain, plural, threshold

LOWEST_COUNT = 0.7
"""Where a logarithmic axis of numbers of genes begins, so that a single gene has a bar."""


def count_axis(title: str, most: float) -> Axis:
    """A logarithmic axis of numbers of things, from below 1."""
    axis = theme.log_axis(title, LOWEST_COUNT, 1.3 * max(most, 2.0))
    return Axis(axis.title, axis.low, axis.high, axis.ticks, log=True, form=",.0f")


def histogram(edges: Floats, counts: Floats, x: Axis, y: Axis, on: Sheet, role: str, *, noun: str = "Genes") -> Spec:
    """Bars of a histogram, from the foot of the y axis."""
    some = np.flatnonzero(counts > 0)
    values = theme.records(x=edges[some], x2=edges[some + 1], n=counts[some].astype(float))
    tooltip = [
        {"field": "n", "type": "quantitative", "format": ",d", "title": noun},
        {"field": "x", "type": "quantitative", "format": ".3~g", "title": "from"},
        {"field": "x2", "type": "quantitative", "format": ".3~g", "title": "to"},
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "opacity": 1, "color": theme.color(role, on)},
        "encoding": {
            "x": x.encoding("x"),
            "x2": {"field": "x2"},
            "y": y.encoding("n"),
            "y2": {"datum": y.low},
        }
        | ({} if on.paper else {"tooltip": tooltip}),
    }


# ------------------------------------------------------------------------------------------------------- deltas

DELTA_KEY = (("bar", "neutral", "all genes"), ("bar", "down", "changed, falls"), ("bar", "up", "changed, rises"))
DELTA_BINS = 61
NAMES_A_TAIL = 4


def delta_distribution(
    view: PerturbationLike,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
) -> Drawing:
    """How many genes have which delta, on a logarithmic count axis that shows the tails.

    Colored bars are the genes that changed, drawn over all genes of the same bin. The genes furthest out are named.
    Parameters are those of :func:`core.figures.bars.top_deltas`; highlighted genes are named as well.
    """
    edges, table = delta_bins(view)
    total = table[["neutral", "down", "up"]].sum(axis=1).to_numpy()
    reach = float(edges[-1])
    y = count_axis("Genes", float(total.max(initial=1)))
    x = theme.linear_axis(f"delta of {what_is_done(view, 22)}, log-normalized", -reach, reach, about=7)
    form = x.form.replace(",", "+")
    x = Axis(x.title, x.low, x.high, x.ticks, form=form, words=((0.0, "0"),))
    rows = [
        key.Row("bar", theme.LIGHT["neutral"], f"{plural(int(total.sum()), 'gene')}"),
        key.Row("bar", theme.LIGHT["down"], f"{number(table['down'].sum())} changed, fall"),
        key.Row("bar", theme.LIGHT["up"], f"{number(table['up'].sum())} changed, rise"),
    ]
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=300.0)
    bars = [histogram(edges, total.astype(float), x, y, on, "neutral")]
    bars += [histogram(edges, table[r].to_numpy(dtype=float), x, y, on, r) for r in ("down", "up")]
    layers = [*bars, theme.upright(0.0, x, on), *_tail_names(view, edges, total, x, y, on, highlight)]
    return theme.compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def delta_bins(view: PerturbationLike) -> tuple[Floats, pd.DataFrame]:
    """Symmetric bins of delta, zero in the middle of one, and genes by role in each."""
    genes = gene_table(view)
    delta = genes["delta"].to_numpy(dtype=float)
    finite = np.isfinite(delta)
    reach = max(float(np.max(np.abs(delta[finite]), initial=0.0)), 1e-3) * 1.04
    edges = np.linspace(-reach, reach, DELTA_BINS + 1)
    role = np.where(genes["changed"].to_numpy(dtype=bool), genes["role"].to_numpy(dtype=object).astype(str), "neutral")
    counts = {r: np.histogram(delta[finite & (role == r)], edges)[0] for r in ("neutral", "down", "up")}
    return edges, pd.DataFrame({"left": edges[:-1], "right": edges[1:], **counts})


def _tail_names(
    view: PerturbationLike, edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet, highlight: Sequence[str]
) -> list[Spec]:
    """Names over the bars of the genes furthest out."""
    genes = gene_table(view)
    delta = np.nan_to_num(genes["delta"].to_numpy(dtype=float))
    symbol = genes["gene"].to_numpy(dtype=object)
    order = np.argsort(delta, kind="stable")
    out = [*order[:NAMES_A_TAIL], *order[::-1][:NAMES_A_TAIL]]
    out = [i for i in out if genes["changed"].to_numpy(dtype=bool)[i]]
    ringed = [int(i) for i in np.flatnonzero(np.isin(symbol, list(highlight)))]
    chosen = np.array([*ringed, *(i for i in dict.fromkeys(out) if i not in ringed)], dtype=int)
    if not len(chosen):
        return []
    return names_over_bars(symbol[chosen], delta[chosen], len(ringed), edges, total, x, y, on)


def names_over_bars(
    symbols: Any, values: Floats, n_bold: int, edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet
) -> list[Spec]:
    """Names hung over the bars in which their values lie, the first ``n_bold`` of them in bold and always."""
    bin_of = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(total) - 1)
    middle = (edges[bin_of] + edges[bin_of + 1]) / 2
    height = np.maximum(total[bin_of], 1).astype(float)
    px, py = x.share(middle) * on.plot_width, (1 - y.share(height)) * on.plot_height
    labels = place_labels(
        [plain(symbol, theme.LONGEST_LABEL) for symbol in symbols],
        px,
        py - on.text * 0.4,
        size=(on.plot_width, on.plot_height),
        text=on.text,
        dot=0.0,
        dots=(px[:0], py[:0]),
        always=n_bold,
        most=2 * NAMES_A_TAIL,
        above=True,
        wider=1.0 if on.paper else 1.07,
        taken=_bar_boxes(edges, total, x, y, on),
    )
    layers: list[Spec] = []
    for bold in (False, True):
        some = [label for label in labels if (label.item < n_bold) == bold]
        if not some:
            continue
        rows = theme.records(
            name=np.array([plain(symbols[s.item], theme.LONGEST_LABEL) for s in some], dtype=object),
            x=middle[[s.item for s in some]],
            y=height[[s.item for s in some]],
            align=np.array([s.align for s in some], dtype=object),
            dx=np.array([s.dx for s in some]),
            dy=np.array([s.dy - on.text * 0.4 for s in some]),
            rank=np.array([s.rank for s in some]),
        )
        layers += hung_texts(rows, x, y, on, weight="bold" if bold else "normal")
    return layers


def _bar_boxes(edges: Floats, total: Any, x: Axis, y: Axis, on: Sheet) -> list[tuple[float, float, float, float]]:
    lefts, rights = x.share(edges[:-1]) * on.plot_width, x.share(edges[1:]) * on.plot_width
    tops = (1 - y.share(np.maximum(total, LOWEST_COUNT).astype(float))) * on.plot_height
    return [
        (float(a), float(t), float(b), on.plot_height)
        for a, b, t, n in zip(lefts, rights, tops, total, strict=True)
        if n > 0
    ]


def delta_key(view: PerturbationLike, **_: Any) -> key.Key:
    """The key on the page, of the bars that are drawn."""
    table = delta_bins(view)[1]
    return key.of_roles(DELTA_KEY, ["neutral", *(role for role in ("down", "up") if table[role].any())])


def delta_data(view: PerturbationLike, **_: Any) -> pd.DataFrame:
    """Genes in each bin of delta: left, right, neutral, down, up."""
    return delta_bins(view)[1]


def delta_caption(view: PerturbationLike, **_: Any) -> str:
    """What the distribution of deltas shows, in sentences."""
    table = delta_bins(view)[1]
    n = int(table[["neutral", "down", "up"]].to_numpy().sum())
    missing = len(gene_table(view)) - n
    sentences = [
        f"Deltas of {plural(n, 'gene')}; the count axis is logarithmic, so that single genes show.",
        f"In color: {plural(int(table['down'].sum() + table['up'].sum()), 'change')} at {change_rule(view)}.",
    ]
    return " ".join(sentences + ([f"{plural(missing, 'gene')} without a delta are left out."] if missing else []))


def delta_drawn(view: PerturbationLike, **_: Any) -> str:
    """What the histogram of deltas draws, for a methods section."""
    genes = plural(len(view.genes), "gene")
    return f"number of genes by delta, the difference of {view.scale_name} means, {genes}, on a logarithmic axis"


def delta_alt(view: PerturbationLike, **_: Any) -> str:
    """The distribution of deltas in words."""
    table = delta_bins(view)[1]
    genes = gene_table(view)
    order = np.argsort(-np.abs(np.nan_to_num(genes["delta"].to_numpy(dtype=float))), kind="stable")[:5]
    names = ", ".join(plain(g, theme.LONGEST_LABEL) for g in genes["gene"].to_numpy()[order])
    return (
        f"Histogram of deltas, {what_is_done(view)} against control: {number(table['down'].sum())} genes fall, "
        f"{number(table['up'].sum())} rise at {change_rule(view)}. Furthest out: {names}."
    )


# ------------------------------------------------------------------------------------------------------- totals

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
        True or a :class:`~core.figures.theme.Paper` for print.
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
    x = theme.log_axis(title, max(low, 1e-6), max(high, low * 1.01))
    shares = table[["control_share", "perturbed_share"]].to_numpy(dtype=float)
    y = theme.share_axis("Share of the group's cells", 1.08 * max(float(shares.max(initial=0.0)), 1e-3))
    rows = [
        key.Row("line", theme.LIGHT["neutral"], f"{number(table['control'].sum())} control cells"),
        key.Row("line", theme.LIGHT["observed"], f"{number(table['perturbed'].sum())} perturbed cells"),
    ]
    on = key.sheet_with_strip(view, paper, width, y.labels(), rows, height=300.0)
    middle = np.sqrt(table["left"].to_numpy(dtype=float) * table["right"].to_numpy(dtype=float))
    layers = [
        theme.curve(middle, table[f"{group}_share"].to_numpy(dtype=float), x, y, on, role)
        for group, role in (("control", "neutral"), ("perturbed", "observed"))
    ]
    return theme.compose(layers + (key.above(rows, on, view) + key.note(view, on) if on.paper else []), on)


def totals_data(view: Any, *, quantity: str = "totals", **_: Any) -> pd.DataFrame:
    """Cells in each bin: left, right, control, perturbed, and each group's share."""
    theme.one_of("quantity", quantity, QUANTITIES)
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


# ------------------------------------------------------------------------------------------------ cells a target

MOST_CELL_ROWS = 60
CELL_LAYOUTS = ("auto", "rows", "histogram")


def cells_per_target(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    layout: str = "auto",
) -> Drawing:
    """How many cells each target has: a row each where they are few, else a histogram.

    Parameters
    ----------
    view
        The study.
    highlight
        Targets to set in bold.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.theme.Paper` for print.
    layout
        ``"rows"``, ``"histogram"``, or ``"auto"``: rows for up to 60 targets.

    Raises
    ------
    OptionError
        If the layout is none of these.
    """
    theme.one_of("layout", layout, CELL_LAYOUTS)
    table = cells_data(view)
    if layout == "histogram" or (layout == "auto" and len(table) > MOST_CELL_ROWS):
        return _cells_histogram(view, table, width, paper)
    return _cells_rows(view, table, highlight, width, paper)


def cells_data(view: Any, **_: Any) -> pd.DataFrame:
    """Targets with their cells, most first: target, n_cells, n_guides, n_batches."""
    table = target_table(view)
    columns = [c for c in ("target", "n_cells", "n_guides", "n_batches") if c in table.columns]
    return table[columns].sort_values("n_cells", ascending=False, kind="stable").reset_index(drop=True)


def target_table(view: Any) -> pd.DataFrame:
    """The view's targets with a column ``target``, whether the names are a column or the index."""
    targets: pd.DataFrame = view.targets
    return targets if "target" in targets.columns else targets.rename_axis("target").reset_index()


def _cells_rows(
    view: Any, table: pd.DataFrame, highlight: Sequence[str], width: float | None, paper: bool | Paper
) -> Drawing:
    page = theme.paper_of(paper)
    if page:
        table = table.head(rows_that_fit(len(table)))
    names = unique_names(table["target"])
    on = row_sheet(view, paper, width or 430.0, names, [], ROW_PT if page else ROW_PX)
    n = table["n_cells"].to_numpy(dtype=float)
    x = theme.linear_axis(
        "Cells with a guide against the target", 0.0, 1.04 * float(n.max(initial=1.0)), about=4, form=",.0f"
    )
    y = row_axis(names, on, **name_look(on))
    values = theme.records(name=np.array(names, dtype=object), target=table["target"].to_numpy(dtype=object), n=n)
    tooltip = [
        {"field": "target", "type": "nominal", "title": "Target"},
        {"field": "n", "type": "quantitative", "format": ",d", "title": "Cells"},
    ]
    bars: Spec = {
        "name": "bars",
        "data": {"values": values},
        "mark": {"type": "bar", "color": theme.color("neutral", on)},
        "encoding": {"x": x.encoding("n", orient="top"), "y": y} | ({} if on.paper else {"tooltip": tooltip}),
    }
    pick = {"params": [{"name": "pick", "select": {"type": "point", "fields": ["target"], "on": "@bars_marks:click"}}]}
    few = [theme.upright(float(FEW_CELLS), x, on, orient="top")] if FEW_CELLS < x.high else []
    layers = [bars if on.paper else bars | pick, *few]
    chosen = [name for name, target in zip(names, table["target"], strict=True) if target in set(highlight)]
    layers += key.note(view, on) if on.paper else []
    return theme.compose(layers, on, params=[{"name": "highlighted", "value": chosen}])


def _cells_histogram(view: Any, table: pd.DataFrame, width: float | None, paper: bool | Paper) -> Drawing:
    edges, counts = cells_bins(table)
    x = theme.log_axis("Cells with a guide against the target", float(edges[0]), float(edges[-1]))
    y = theme.linear_axis("Targets", 0.0, 1.06 * max(float(counts.max(initial=1)), 1.0), about=4, form=",.0f")
    on = theme.sheet(
        paper, width, y_labels=y.labels(), strip=key.note_height(view, paper), height=None if paper else 300.0
    )
    few = [theme.upright(float(FEW_CELLS), x, on)] if x.low < FEW_CELLS < x.high else []
    layers = [histogram(edges, counts.astype(float), x, y, on, "neutral", noun="Targets"), *few]
    return theme.compose(layers + (key.note(view, on) if on.paper else []), on)


def cells_bins(table: pd.DataFrame) -> tuple[Floats, Any]:
    """Bins of equal width on a log axis, and targets in each."""
    n = np.maximum(table["n_cells"].to_numpy(dtype=float), 1.0)
    low, high = float(n.min(initial=1e9)) if len(n) else 1.0, float(n.max(initial=1.0))
    low, high = min(low, high) * 0.97, max(high, low) * 1.03
    edges = np.geomspace(low, max(high, low * 1.5), 31)
    return edges, np.histogram(n, edges)[0]


def cells_caption(view: Any, *, layout: str = "auto", paper: bool | Paper = False, **_: Any) -> str:
    """What it shows, in sentences."""
    n = cells_data(view)["n_cells"].to_numpy(dtype=float)
    if not len(n):
        return "The study has no targets."
    few = int((n < FEW_CELLS).sum())
    rows = layout == "rows" or (layout == "auto" and len(n) <= MOST_CELL_ROWS)
    shown = rows_that_fit(len(n)) if paper and rows else len(n)
    start = f"The {shown} targets with most cells of {number(len(n))}" if shown < len(n) else plural(len(n), "target")
    return (
        f"{start}, {number(np.median(n))} cells in the middle one. Dashed: {FEW_CELLS} cells; "
        f"{plural(few, 'target')} {'has' if few < 2 else 'have'} fewer."
    )


def cells_drawn(view: Any, **_: Any) -> str:
    """What is counted, for a methods section."""
    return f"number of cells with a guide against each of {plural(len(view.targets), 'target')}"


def cells_alt(view: Any, **_: Any) -> str:
    """Cells a target in words."""
    table = cells_data(view)
    top = zip(table["target"].head(5), table["n_cells"].head(5), strict=True)
    most = ", ".join(f"{plain(t, theme.LONGEST_LABEL)} {number(n)}" for t, n in top)
    return f"Cells of {plural(len(table), 'target')}. Most: {most or 'none'}."


# ------------------------------------------------------------------------------------------------- genes' means

MEAN_SCALES = ("counts", "log-normalized")
LOWEST_GENE_MEAN = 1e-4
MOST_NAMED = 24


def gene_mean_distribution(
    view: Any,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    scale: str = "counts",
) -> Drawing:
    """How many genes have which mean over all cells.

    Parameters
    ----------
    view
        Anything with ``genes`` (columns ``mean``, ``mean_log``) and ``simulated``: a study or its view.
    highlight
        Symbols to name over the bars in which they lie.
    width
        Width on screen in px, where it is known.
    paper
        True or a :class:`~core.figures.theme.Paper` for print.
    scale
        ``"counts"`` or ``"log-normalized"``, both on a logarithmic axis with real numbers.

    Raises
    ------
    OptionError
        If the scale is unknown, or the study holds no counts.
    """
    edges, counts = mean_bins(view, scale)
    what = "Mean count a cell" if scale == "counts" else "Mean log-normalized expression"
    x = theme.log_axis(f"{what}, all cells", float(edges[0]), float(edges[-1]))
    y = theme.linear_axis("Genes", 0.0, 1.06 * max(float(counts.max(initial=1)), 1.0), about=5, form=",.0f")
    on = theme.sheet(
        paper, width, y_labels=y.labels(), strip=key.note_height(view, paper), height=None if paper else 300.0
    )
    layers = [histogram(edges, counts.astype(float), x, y, on, "neutral")]
    if scale == "counts" and x.low < MEASURABLE_MEAN < x.high:
        layers.append(theme.upright(MEASURABLE_MEAN, x, on))
    layers += _named_means(view, scale, highlight, edges, counts, x, y, on)
    return theme.compose(layers + (key.note(view, on) if on.paper else []), on)


def _named_means(
    view: Any, scale: str, highlight: Sequence[str], edges: Floats, counts: Any, x: Axis, y: Axis, on: Sheet
) -> list[Spec]:
    """Names of highlighted genes over their bars."""
    means = pd.Series(gene_means(view, scale), index=view.genes.index)
    named = means[[gene for gene in highlight if gene in means.index]][:MOST_NAMED]
    named = named[named >= LOWEST_GENE_MEAN]
    return names_over_bars(named.index, named.to_numpy(), len(named), edges, counts, x, y, on) if len(named) else []


def gene_means(view: Any, scale: str) -> Floats:
    """The genes' means on a scale."""
    theme.one_of("scale", scale, MEAN_SCALES)
    column = "mean" if scale == "counts" else "mean_log"
    means: Floats = view.genes[column].to_numpy(dtype=float)
    if not np.isfinite(means).any() and scale == "counts":
        raise OptionError("This study holds log-normalized values, no counts. Take the scale log-normalized.")
    return means


def mean_bins(view: Any, scale: str = "counts") -> tuple[Floats, Any]:
    """Bins of the genes' means, of equal width on a logarithmic axis from 0.0001 on, and genes in each."""
    means = gene_means(view, scale)
    shown = means[np.isfinite(means) & (means >= LOWEST_GENE_MEAN)]
    high = 10.0 ** math.ceil(math.log10(max(float(shown.max(initial=1.0)), 1.0)) - 1e-9)
    edges = np.geomspace(LOWEST_GENE_MEAN, max(high, 10.0), 71)
    return edges, np.histogram(shown, edges)[0]


def mean_data(view: Any, *, scale: str = "counts", **_: Any) -> pd.DataFrame:
    """Genes in each bin: left, right, genes."""
    edges, counts = mean_bins(view, scale)
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "genes": counts})


def mean_caption(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """What the distribution shows, in sentences."""
    means = gene_means(view, scale)
    means = means[np.isfinite(means)]
    n_cells = getattr(view, "n_cells", None)
    sentences = [f"Mean of {plural(len(means), 'gene')} over all {f'{number(n_cells)} ' if n_cells else ''}cells."]
    hidden, zero = int((means < LOWEST_GENE_MEAN).sum()), int((means == 0).sum())
    if scale == "counts":
        below = int((means < MEASURABLE_MEAN).sum())
        sentences.append(
            f"Left of the dashed line, {threshold(MEASURABLE_MEAN)} counts a cell, lie {number(below)}: a fall "
            "cannot be measured there."
        )
    if hidden:
        sentences.append(
            f"{plural(hidden, 'gene')} below 0.0001 {'is' if hidden == 1 else 'are'} not drawn"
            f"{f' ({number(zero)} never seen)' if zero else ''}."
        )
    return " ".join(sentences)


def mean_drawn(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """What the histogram of means draws, for a methods section."""
    counts = "mean counts a cell, not normalized, on a logarithmic axis"
    kind = counts if scale == "counts" else f"mean of {view.methods.values}, on a logarithmic axis"
    return f"number of genes by {kind}; {plural(len(view.genes), 'gene')} over all {plural(view.n_cells, 'cell')}"


def mean_alt(view: Any, *, scale: str = "counts", **_: Any) -> str:
    """The distribution in words."""
    means = pd.Series(gene_means(view, scale), index=view.genes.index.astype(str)).sort_values(ascending=False)
    names = ", ".join(plain(g, theme.LONGEST_LABEL) for g in means.index[:5])
    return f"Histogram of the means of {plural(int(means.notna().sum()), 'gene')} ({scale}). Highest: {names}."
