"""A cloud of all measured genes: what scatter, MA plot and volcano have in common.

On screen the many are tiles shaded by how many genes lie there, and only genes that changed are dots. On paper every
gene is a point of one embedded picture under vector axes, names and key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.figures import key, theme
from core.figures.labels import Crowd, Label, place_labels
from core.figures.raster import points_picture
from core.figures.theme import Axis, Drawing, Paper, Sheet, Spec
from core.schema import ALL_PERTURBED
from core.views.methods import Methods
from core.views.text import number, p_value, plain, plural, threshold

Floats = NDArray[np.float64]

TILES = 64
MOST_DOTS = 500
MOST_LABELS = 18
LABELS_IF_NARROW = 6

KEY = (
    ("dot", "down", "falls"),
    ("dot", "up", "rises"),
)
TILES_KEY = ("tiles", "faint", "how many genes lie there")

TOOLTIP: tuple[Spec, ...] = (
    {"field": "gene", "type": "nominal", "title": "Gene"},
    {"field": "ctrl_mean", "type": "quantitative", "format": ".2f", "title": "Control"},
    {"field": "pert_mean", "type": "quantitative", "format": ".2f", "title": "Perturbed"},
    {"field": "delta", "type": "quantitative", "format": "+.2f", "title": "delta"},
    {"field": "log2_fold_change", "type": "quantitative", "format": "+.2f", "title": "log2 FC"},
    {"field": "fdr", "type": "nominal", "title": "FDR"},
)
TOOLTIP_P_VALUES = ("fdr", "fdr_x", "fdr_y")

PICK: Spec = {
    "name": "pick",
    # a click on a dot, its name or its ring; elsewhere Vega would report a gene called null
    "select": {
        "type": "point",
        "fields": ["gene"],
        "on": "@dots_marks:click, @names_marks:click, @bold_names_marks:click, @rings_marks:click",
    },
}
BOX: Spec = {"name": "box", "select": {"type": "interval", "encodings": ["x", "y"], "zoom": False}}


class PerturbationLike(Protocol):
    """What the figures read of a perturbation's view."""

    target: str
    modality: str
    simulated: bool
    fdr: float
    fold: float
    n_target: int
    n_control: int
    genes: pd.DataFrame
    guides: pd.DataFrame
    scale_name: str
    methods: Methods


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where each gene lies in one of the figures.

    Parameters
    ----------
    genes
        Table of the drawn genes: ``gene, name, x, y, role, changed, weight`` and what the tooltip shows.
    x, y
        The axes, which fix the domain.
    dashes
        Dashed lines, as ends ``{"x": [..], "y": [..]}``.
    own
        Symbols that the perturbation itself is about.
    sides
        Where to hang names first: ``"left"`` or ``"right"`` for each gene.
    not_drawn, at_edge
        Genes that have no place in the plot; those drawn at its edge.
    tooltip
        What a dot says.
    words
        What the printed key says of the genes of each role: role, then one and many.
    """

    genes: pd.DataFrame
    x: Axis
    y: Axis
    dashes: tuple[Mapping[str, Sequence[float]], ...]
    own: frozenset[str]
    sides: NDArray[np.str_]
    not_drawn: int = 0
    at_edge: int = 0
    tooltip: tuple[Spec, ...] = TOOLTIP
    words: tuple[tuple[str, str, str], ...] = (("up", "gene rises", "genes rise"), ("down", "gene falls", "genes fall"))

    def pixels(self, on: Sheet) -> tuple[Floats, Floats]:
        """Positions inside the plot, y down."""
        x = self.x.share(self.genes["x"].to_numpy()) * on.plot_width
        y = (1 - self.y.share(self.genes["y"].to_numpy())) * on.plot_height
        return x, y


def gene_table(view: PerturbationLike) -> pd.DataFrame:
    """The view's genes with a column ``gene``, whether the symbols are a column or the index."""
    genes = view.genes
    return genes if "gene" in genes.columns else genes.rename_axis("gene").reset_index()


def make_cloud(
    view: PerturbationLike,
    x: NDArray[Any],
    y: NDArray[Any],
    weight: NDArray[Any],
    axes: tuple[Axis, Axis],
    *,
    keep: NDArray[np.bool_],
    dashes: Sequence[Mapping[str, Sequence[float]]],
    left: NDArray[np.bool_],
    at_edge: int = 0,
) -> Cloud:
    """Collect what a cloud needs of the view's genes.

    Parameters
    ----------
    view
        The perturbation.
    x, y
        Positions as drawn, one a gene.
    weight
        How outlying a gene is; the heaviest changes become dots and get names.
    axes
        The two axes.
    keep
        Genes that are drawn.
    dashes
        Dashed lines.
    left
        Genes whose names had better stand left of the dot.
    at_edge
        How many genes are drawn at the edge for lack of room.
    """
    genes = gene_table(view)
    changed = genes["changed"].to_numpy(dtype=bool)
    role = np.where(changed, genes["role"].to_numpy(dtype=object).astype(str), "neutral")
    drawn = pd.DataFrame(
        {
            "gene": genes["gene"].to_numpy(dtype=object),
            "x": np.asarray(x, dtype=float),
            "y": np.asarray(y, dtype=float),
            "role": role,
            "changed": changed,
            "weight": np.nan_to_num(np.asarray(weight, dtype=float)),
            "next_door": changed & is_next_door(genes),
            **{c: genes[c].to_numpy() for c in ("ctrl_mean", "pert_mean", "delta", "log2_fold_change", "fdr")},
        }
    )[keep]
    own = frozenset(getattr(view, "own_genes", None) or (view.target, *view.target.split("+")))
    own |= frozenset(genes["gene"][changed & is_next_door(genes)])
    return Cloud(
        drawn.reset_index(drop=True),
        *axes,
        tuple(dashes),
        own,
        np.where(left, "left", "right")[keep],
        int(len(genes) - keep.sum()),
        at_edge,
    )


NEXT_DOOR_SUFFIX = ", next door"


def is_next_door(genes: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each gene lies within 100 kb of a perturbed one, where the table knows it."""
    if "next_door" not in genes.columns:
        return np.zeros(len(genes), dtype=bool)
    return np.asarray(genes["next_door"].notna())


def names_in(genes: pd.DataFrame) -> list[str]:
    """The names of a cloud's rows; a gene that changes next door to the perturbed one says so."""
    flagged = genes["next_door"] if "next_door" in genes.columns else np.zeros(len(genes), dtype=bool)
    names = [plain(gene, theme.LONGEST_LABEL) for gene in genes["gene"]]
    return [f"{n}{NEXT_DOOR_SUFFIX}" if f else n for n, f in zip(names, flagged, strict=True)]


def draw_cloud(
    view: PerturbationLike,
    cloud: Cloud,
    *,
    highlight: Sequence[str] = (),
    width: float | None = None,
    paper: bool | Paper = False,
    every: bool = False,
    rows: Sequence[key.Row] | None = None,
) -> Drawing:
    """The figure of a cloud, for screen or paper; ``rows`` is its key on paper, by default how many rise and fall."""
    rows = key_rows(view, cloud, highlight) if rows is None else rows
    on = theme.sheet(paper, width, y_labels=cloud.y.labels(), strip=key.note_height(view, paper))
    x, y = cloud.pixels(on)
    spot = key.free_corner(x, y, cloud.genes["changed"].to_numpy(), rows, on) if on.paper else None
    if on.paper and spot is None:  # no corner is free: the key gets a strip of its own above the plot
        strip = key.note_height(view, paper) + key.strip_height(rows, on)
        on = theme.sheet(paper, width, y_labels=cloud.y.labels(), strip=strip)
        x, y = cloud.pixels(on)
    ringed = np.isin(cloud.genes["gene"].to_numpy(), list(highlight))
    dots = dots_of(cloud, ringed, every=every)
    taken = [spot] if spot else []
    names = hang_names(cloud, on, x, y, dots if not on.paper else cloud.genes["changed"].to_numpy(), ringed, taken)
    body = paper_body(cloud, on, x, y) if on.paper else screen_body(cloud, dots, every=every)
    lines = [theme.dashed(ends, cloud.x, cloud.y, on) for ends in cloud.dashes]
    many, few = body
    layers = [*many, *lines, *few, *rings(cloud, ringed, on), *name_layers(cloud, names, ringed, on)]
    if on.paper:
        layers += key.inside(rows, on, spot, view) + key.note(view, on)
    return theme.compose(layers, on)


def dots_of(cloud: Cloud, ringed: NDArray[np.bool_], *, every: bool) -> NDArray[np.bool_]:
    """The genes drawn as dots: all, or the 500 most outlying changes, the highlighted genes and the target's own."""
    if every:
        return np.ones(len(cloud.genes), dtype=bool)
    changed = np.flatnonzero(cloud.genes["changed"].to_numpy())
    weight = cloud.genes["weight"].to_numpy()
    chosen = ringed | np.isin(cloud.genes["gene"].to_numpy(), list(cloud.own))
    chosen[changed[np.argsort(-weight[changed], kind="stable")[:MOST_DOTS]]] = True
    return np.asarray(chosen)


# ------------------------------------------------------------------------------------------------------- screen


def screen_body(cloud: Cloud, dots: NDArray[np.bool_], *, every: bool) -> tuple[list[Spec], list[Spec]]:
    """Tiles under the lines, dots over them."""
    x, y = cloud.x.encoding("x"), cloud.y.encoding("y")
    drawn = cloud.genes[dots]
    # the few that changed lie over the others, the most outlying on top
    drawn = drawn.iloc[np.lexsort((drawn["weight"].to_numpy(), drawn["changed"].to_numpy()))]
    circles: Spec = {
        "name": "dots",
        "data": {"values": dot_records(cloud, drawn)},
        "params": [PICK, BOX],
        # the unseen stroke makes a dot easier to hit
        "mark": {"type": "circle", "size": 28, "opacity": 1, "clip": False, "cursor": "pointer"}
        | ({} if every else {"stroke": "transparent", "strokeWidth": 5}),
        "encoding": {"x": x, "y": y, "color": theme.roles(), "tooltip": list(cloud.tooltip)},
    }
    return ([] if every else [tiles(cloud, ~dots)]), [circles]


def dot_records(cloud: Cloud, genes: pd.DataFrame) -> list[Spec]:
    """Rows for dots, with all that the tooltip says."""
    fields = dict.fromkeys(["x", "y", "role", *(item["field"] for item in cloud.tooltip)])
    return theme.records(**{field: _told(genes[field], field) for field in fields})


def _told(column: pd.Series, field: str) -> NDArray[Any]:
    if field in TOOLTIP_P_VALUES:
        return np.array([p_value(p) for p in column.to_numpy(dtype=float)], dtype=object)
    return column.to_numpy()


def tiles(cloud: Cloud, which: NDArray[np.bool_]) -> Spec:
    """Density of the genes that are no dots, as 64 x 64 tiles in a grey ramp on the log of their number.

    They use the ``fill`` channel and dots use ``color``: two scales that do not meet.
    """
    i = np.clip((cloud.x.share(cloud.genes["x"].to_numpy()[which]) * TILES).astype(int), 0, TILES - 1)
    j = np.clip((cloud.y.share(cloud.genes["y"].to_numpy()[which]) * TILES).astype(int), 0, TILES - 1)
    counts = np.bincount(i * TILES + j, minlength=TILES * TILES)
    cell = np.flatnonzero(counts)
    xs, ys = cloud.x.at(np.arange(TILES + 1) / TILES), cloud.y.at(np.arange(TILES + 1) / TILES)
    i, j = cell // TILES, cell % TILES
    most = int(counts.max(initial=1))
    return {
        "data": {"values": theme.records(x=xs[i], x2=xs[i + 1], y=ys[j], y2=ys[j + 1], n=counts[cell])},
        "mark": {"type": "rect"},
        "encoding": {
            "x": cloud.x.encoding("x"),
            "x2": {"field": "x2"},
            "y": cloud.y.encoding("y"),
            "y2": {"field": "y2"},
            "fill": {
                "field": "n",
                "type": "quantitative",
                "scale": {"type": "log", "domain": [1, max(most, 2)]},
                "legend": None,
            },
            "tooltip": [{"field": "n", "type": "quantitative", "format": ",d", "title": "Genes here"}],
        },
    }


# -------------------------------------------------------------------------------------------------------- paper


def paper_body(cloud: Cloud, on: Sheet, x: Floats, y: Floats) -> tuple[list[Spec], list[Spec]]:
    """All genes as one picture that fills the plot; the axes are pinned by an empty layer."""
    assert on.paper is not None
    order = np.lexsort((cloud.genes["weight"].to_numpy(), cloud.genes["changed"].to_numpy()))
    role = cloud.genes["role"].to_numpy(dtype=str)[order]
    changed = role != "neutral"
    color = np.where(changed, np.vectorize(lambda r: theme.LIGHT.get(r, theme.CLOUD))(role), theme.CLOUD)
    size = np.where(changed, on.dot, 0.75 * on.dot)
    url = points_picture(x[order], y[order], color, size, (on.plot_width, on.plot_height), on.paper.dpi)
    picture: Spec = {
        "data": {"values": [{}]},
        "mark": {"type": "image", "aspect": False, "url": url},
        "encoding": {
            "x": {"value": 0},
            "x2": {"value": "width"},
            "y": {"value": 0},
            "y2": {"value": "height"},
        },
    }
    pin: Spec = {
        "data": {"values": []},
        "mark": {"type": "point"},
        "encoding": {"x": cloud.x.encoding("x"), "y": cloud.y.encoding("y")},
    }
    return [picture, pin], []


# -------------------------------------------------------------------------------------------------------- names


def hang_names(
    cloud: Cloud,
    on: Sheet,
    x: Floats,
    y: Floats,
    dots: NDArray[np.bool_],
    ringed: NDArray[np.bool_],
    taken: Sequence[tuple[float, float, float, float]],
) -> list[tuple[int, Label]]:
    """Names for the highlighted genes, the target's own and then the most outlying: (row of the cloud, place)."""
    gene, weight = cloud.genes["gene"].to_numpy(), cloud.genes["weight"].to_numpy()
    own = np.isin(gene, list(cloud.own)) & ~ringed
    changed = cloud.genes["changed"].to_numpy() & ~ringed & ~own
    first = np.flatnonzero(ringed)
    rest = np.flatnonzero(changed)
    rest = rest[np.argsort(-weight[rest], kind="stable")[: 4 * MOST_LABELS]]
    order = np.concatenate([first, np.flatnonzero(own), rest]).astype(int)
    labels = place_labels(
        names_in(cloud.genes.iloc[order]),
        x[order],
        y[order],
        size=(on.plot_width, on.plot_height),
        text=on.text,
        dot=on.dot,
        dots=(x[dots], y[dots]),
        crowd=Crowd.of(x, y, on.plot_width, on.plot_height),
        sides=cloud.sides[order],
        always=len(first),
        ring=on.ring,
        most=MOST_LABELS,
        wider=1.0 if on.paper else 1.07,  # the page's Inter is wider than Arial
        taken=taken,
    )
    return [(int(order[label.item]), label) for label in labels]


def name_layers(cloud: Cloud, names: Sequence[tuple[int, Label]], ringed: NDArray[np.bool_], on: Sheet) -> list[Spec]:
    """Names hung on their dots by pixels; on screen with a halo, and only six on a narrow one."""
    rows = [i for i, _ in names]
    genes = cloud.genes.iloc[rows]
    # on screen a name answers to pointer and click as its dot does
    known = [{"x": x, "y": y} for x, y in genes[["x", "y"]].to_numpy()] if on.paper else dot_records(cloud, genes)
    places = place_records(names_in(genes), [label for _, label in names])
    values = [a | b for a, b in zip(known, places, strict=True)]
    bold = ringed[rows]
    layers: list[Spec] = []
    for which, weight in ((~bold, "normal"), (bold, "bold")):
        some = [v for v, keep in zip(values, which, strict=True) if keep]
        if some:
            layers += hung_texts(some, cloud.x, cloud.y, on, weight=weight, tooltip=list(cloud.tooltip))
    return layers


def place_records(names: Sequence[str], labels: Sequence[Label]) -> list[Spec]:
    """Rows that hang names on their dots: ``name, align, dx, dy, rank``."""
    return [
        {"name": name, "align": label.align, "dx": label.dx, "dy": label.dy, "rank": label.rank}
        for name, label in zip(names, labels, strict=True)
    ]


def hung_texts(
    values: list[Spec],
    x: Axis,
    y: Axis,
    on: Sheet,
    *,
    weight: str = "normal",
    tooltip: list[Spec] | None = None,
) -> list[Spec]:
    """Text layers of rows with ``name, x, y, align, dx, dy, rank``; with a tooltip they take clicks too."""
    mark: Spec = {
        "type": "text",
        "align": {"expr": "datum.align"},
        "dx": {"expr": "datum.dx"},
        "dy": {"expr": "datum.dy"},
        "baseline": "middle",
        "fontSize": on.text,
        "fontWeight": weight,
        "tooltip": None,
        "color": theme.color("observed", on),
        **on.italic,
    }
    encoding = {"x": x.encoding("x"), "y": y.encoding("y"), "text": {"field": "name", "type": "nominal"}}
    base: Spec = {"mark": mark, "encoding": encoding}
    data: Spec = {"data": {"values": values}}
    if on.paper:
        return [data | base]
    mark["opacity"] = {"expr": f"datum.rank < (width < 400 ? {LABELS_IF_NARROW} : 99) ? 1 : 0"}
    halo = base | {"mark": mark | {"stroke": theme.paint("paper"), "strokeWidth": 3, "strokeJoin": "round"}}
    if tooltip:
        base = base | {"mark": mark | {"cursor": "pointer"}, "encoding": encoding | {"tooltip": tooltip}}
    top = base | {"name": "names" if weight == "normal" else "bold_names"}
    return [data | {"layer": [halo, top]}]


def rings(cloud: Cloud, ringed: NDArray[np.bool_], on: Sheet) -> list[Spec]:
    """A ring in ink round each highlighted gene; it works over every color."""
    if not ringed.any():
        return []
    drawn = cloud.genes[ringed]
    mark: Spec = {
        "type": "point",
        "filled": False,
        "size": 14 if on.paper else 110,
        "strokeWidth": 0.75 if on.paper else 2,
        "opacity": 1,
        "stroke": theme.color("observed", on),
    }
    encoding: Spec = {"x": cloud.x.encoding("x"), "y": cloud.y.encoding("y")}
    if not on.paper:
        encoding["tooltip"] = list(cloud.tooltip)
    return [{"name": "rings", "data": {"values": dot_records(cloud, drawn)}, "mark": mark, "encoding": encoding}]


# -------------------------------------------------------------------------------------------- words and look-ups


def key_for(make: Callable[..., Cloud], entries: key.Key) -> Callable[..., key.Key]:
    """A figure's key on the page, given how its cloud is made and the entries of genes that change."""

    def entries_of(view: Any, *, highlight: Sequence[str] = (), every: bool = False, **options: Any) -> key.Key:
        return key_of(make(view, **options), entries, highlight=highlight, every=every)

    return entries_of


def key_of(
    cloud: Cloud, entries: key.Key, *, highlight: Sequence[str] = (), every: bool = False, other: str = "no change"
) -> key.Key:
    """The key on the page: the roles among the dots, what the other dots are, and tiles where there are any."""
    dots = dots_of(cloud, np.isin(cloud.genes["gene"].to_numpy(), list(highlight)), every=every)
    changed = cloud.genes["changed"].to_numpy(dtype=bool)
    shown = key.of_roles(entries, cloud.genes["role"][dots & changed])
    if (dots & ~changed).any():  # they are grey, as some that change may be
        grey = [words for _, role, words in shown if role == "neutral"]
        shown = tuple(entry for entry in shown if entry[1] != "neutral")
        shown += (("dot", "neutral", ", or ".join([*grey, other])),)
    return shown if dots.all() else (*shown, TILES_KEY)


def key_rows(view: PerturbationLike, cloud: Cloud, highlight: Sequence[str]) -> list[key.Row]:
    """The key's rows with counts, for paper."""
    role = cloud.genes["role"].to_numpy()
    named = {kind: int((role == kind).sum()) for kind, _, _ in cloud.words}
    rows = [key.Row("dot", theme.LIGHT[kind], plural(named[kind], one, many)) for kind, one, many in cloud.words]
    others = len(role) - sum(named.values())
    rows.append(key.Row("dot", theme.CLOUD, f"{number(others)} {'other' if others == 1 else 'others'}"))
    if np.isin(cloud.genes["gene"].to_numpy(), list(highlight)).any():
        rows.append(key.Row("ring", theme.INK, "highlighted"))
    return rows


def genes_in(cloud: Cloud, ranges: Mapping[str, Sequence[float]]) -> list[str]:
    """Symbols of the genes drawn inside a box, the most outlying first.

    Parameters
    ----------
    cloud
        The cloud that the box was drawn over.
    ranges
        ``{"x": [from, to], "y": [from, to]}`` in units of the axes, as Streamlit reports the selection "box"; a missing
        side is open.
    """
    inside = np.ones(len(cloud.genes), dtype=bool)
    for side in ("x", "y"):
        bounds = ranges.get(side)
        if bounds is not None and len(bounds) == 2:
            low, high = sorted(float(b) for b in bounds)
            values = cloud.genes[side].to_numpy()
            inside &= (values >= low) & (values <= high)
    if not any(ranges.get(side) for side in ("x", "y")):
        return []
    rows = np.flatnonzero(inside)
    rows = rows[np.argsort(-cloud.genes["weight"].to_numpy()[rows], kind="stable")]
    return [str(g) for g in cloud.genes["gene"].to_numpy()[rows]]


def started_with(spec: Spec, genes: Sequence[str], box: Mapping[str, Sequence[float]]) -> Spec:
    """A cloud's specification for the screen, in which dots are picked and a box is drawn from the start.

    Parameters
    ----------
    spec
        As :meth:`core.figures.Drawing.to_dict` gives it; it is left as it is.
    genes
        Symbols of the picked dots.
    box
        Ends on both axes, as in :func:`genes_in`; it is cut at the plot's edge, and what lies beyond is not drawn.
    """
    value: Spec = {"pick": [{"gene": gene} for gene in genes], "box": _inside_plot(spec, box)}
    return spec | {
        "layer": [
            layer | {"params": [p | {"value": value[p["name"]]} if value[p["name"]] else p for p in layer["params"]]}
            if layer.get("name") == "dots"
            else layer
            for layer in spec["layer"]
        ]
    }


def _inside_plot(spec: Spec, box: Mapping[str, Sequence[float]]) -> Spec:
    dots = next(layer for layer in spec["layer"] if layer.get("name") == "dots")
    inside = {}
    for axis, ends in box.items():
        first, last = dots["encoding"][axis]["scale"]["domain"]
        inside[axis] = [min(max(end, first), last) for end in sorted(ends)]
    return inside if all(low < high for low, high in inside.values()) else {}


def what_is_done(view: PerturbationLike, longest: int = 26) -> str:
    """The perturbed side of an axis: ``ACAT2 knock-down`` or ``All perturbed cells``."""
    if view.target == ALL_PERTURBED:
        return ALL_PERTURBED
    words = f" {view.modality}"
    return plain(view.target, max(6, longest - len(words))) + words


def change_rule(view: PerturbationLike) -> str:
    """What counts as changed: ``FDR < 0.05, at least 1.4-fold``."""
    rule = f"FDR < {threshold(view.fdr)}"
    return rule if view.fold <= 1 else f"{rule} and at least {threshold(view.fold)}-fold"


def dots_sentence(view: PerturbationLike, cloud: Cloud, *, every: bool) -> str:
    """Which genes are dots, as a sentence."""
    n = int(cloud.genes["changed"].sum())
    if every:
        return f"Every gene is a dot; in color: {plural(n, 'change')} at {change_rule(view)}."
    if n > MOST_DOTS:
        return f"Dots: the {MOST_DOTS} largest of {number(n)} changes at {change_rule(view)}."
    return f"Dots: {plural(n, 'change')} at {change_rule(view)}."


def describe(view: PerturbationLike, kind: str, cloud: Cloud) -> str:
    """Kind, n and the five largest names, for those who cannot see the figure."""
    order = np.argsort(-cloud.genes["weight"].to_numpy(), kind="stable")
    changed = cloud.genes["changed"].to_numpy()[order]
    top = [plain(g, theme.LONGEST_LABEL) for g in cloud.genes["gene"].to_numpy()[order[changed][:5]]]
    largest = f" Largest: {', '.join(top)}." if top else ""
    n_up, n_down = ((cloud.genes["role"] == r).sum() for r in ("up", "down"))
    return (
        f"{kind} of {number(len(cloud.genes))} genes, {what_is_done(view)} against control: {number(n_down)} fall, "
        f"{number(n_up)} rise at {change_rule(view)}.{largest}"
    )
