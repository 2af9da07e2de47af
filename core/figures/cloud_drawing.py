"""Drawing a cloud of genes: what scatter, MA plot and volcano have in common.

On screen the many are tiles shaded by how many genes lie there, and only genes that changed are dots. On paper every
gene is a point of one embedded picture under vector axes, names and key.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.figures import colors, key
from core.figures.cloud import Cloud, dot_records, dots_of, names_in
from core.figures.cloud_selection import BOX, PICK
from core.figures.cloud_words import key_rows
from core.figures.drawing import Drawing, compose
from core.figures.hung_names import hung_texts, place_records
from core.figures.labels import Crowd, Label, place_labels
from core.figures.marks import dashed, rings
from core.figures.perturbation import PerturbationLike
from core.figures.raster import points_picture
from core.figures.sheet import Paper, Sheet, sheet
from core.figures.spec import Floats, Spec, records

TILES = 64
MOST_LABELS = 18
RING_PX = 110
"""Area of the ring round a highlighted gene on screen."""


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
    on = sheet(paper, width, y_labels=cloud.y.labels(), strip=key.note_height(view, paper))
    x, y = cloud.pixels(on)
    spot = key.free_corner(x, y, cloud.genes["changed"].to_numpy(), rows, on) if on.paper else None
    if on.paper and spot is None:  # no corner is free: the key gets a strip of its own above the plot
        strip = key.note_height(view, paper) + key.strip_height(rows, on)
        on = sheet(paper, width, y_labels=cloud.y.labels(), strip=strip)
        x, y = cloud.pixels(on)
    ringed = np.isin(cloud.genes["gene"].to_numpy(), list(highlight))
    dots = dots_of(cloud, ringed, every=every)
    taken = [spot] if spot else []
    names = hang_names(cloud, on, x, y, dots if not on.paper else cloud.genes["changed"].to_numpy(), ringed, taken)
    body = paper_body(cloud, on, x, y) if on.paper else screen_body(cloud, dots, every=every)
    lines = [dashed(ends, cloud.x, cloud.y, on) for ends in cloud.dashes]
    many, few = body
    ringed_dots = dot_records(cloud, cloud.genes[ringed])
    circles = rings(ringed_dots, cloud.x, cloud.y, on, size=RING_PX, tooltip=cloud.tooltip)
    layers = [*many, *lines, *few, *circles, *name_layers(cloud, names, ringed, on)]
    if on.paper:
        layers += key.inside(rows, on, spot, view) + key.note(view, on)
    return compose(layers, on)


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
        "encoding": {"x": x, "y": y, "color": colors.roles(), "tooltip": list(cloud.tooltip)},
    }
    return ([] if every else [tiles(cloud, ~dots)]), [circles]


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
        "data": {"values": records(x=xs[i], x2=xs[i + 1], y=ys[j], y2=ys[j + 1], n=counts[cell])},
        "mark": {"type": "rect", "aria": False},  # a thousand descriptions of "genes here" help nobody
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


def paper_body(cloud: Cloud, on: Sheet, x: Floats, y: Floats) -> tuple[list[Spec], list[Spec]]:
    """All genes as one picture that fills the plot; the axes are pinned by an empty layer."""
    assert on.paper is not None
    order = np.lexsort((cloud.genes["weight"].to_numpy(), cloud.genes["changed"].to_numpy()))
    role = cloud.genes["role"].to_numpy(dtype=str)[order]
    changed = cloud.genes["changed"].to_numpy(dtype=bool)[order]
    color = np.where(changed, np.vectorize(lambda r: colors.LIGHT.get(r, colors.CLOUD))(role), colors.CLOUD)
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
