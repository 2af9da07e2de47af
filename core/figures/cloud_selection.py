"""What is picked in a cloud of genes: dots that are clicked and a box that is drawn."""

from collections.abc import Mapping, Sequence

import numpy as np

from core.figures.cloud import Cloud
from core.figures.spec import Spec

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
