"""Targets of a study, as several figures draw them: their table, and dots that are ringed, named and picked."""

from typing import Any

import numpy as np
import pandas as pd

from core.figures.axes import Axis
from core.figures.hung_names import hung_texts, place_records
from core.figures.labels import LONGEST_LABEL, place_labels
from core.figures.sheet import Sheet
from core.figures.spec import Spec
from core.views.text import plain

MOST_LABELS = 18
RING_PX = 120
"""Area of the ring round a highlighted target on screen."""

ON_CLICK = "@dots_marks:click, @names_marks:click, @bold_names_marks:click, @rings_marks:click"


def target_table(view: Any) -> pd.DataFrame:
    """The view's targets with a column ``target``, whether the names are a column or the index."""
    targets: pd.DataFrame = view.targets
    return targets if "target" in targets.columns else targets.rename_axis("target").reset_index()


def target_names(
    table: pd.DataFrame,
    at: tuple[Any, Any],
    ringed: Any,
    x: Axis,
    y: Axis,
    on: Sheet,
    values: list[Spec],
    tooltip: list[Spec],
) -> list[Spec]:
    """Names of highlighted targets, then of those that change most; of the many that change little none."""
    px, py = x.share(at[0]) * on.plot_width, (1 - y.share(at[1])) * on.plot_height
    found = table["n_significant"].to_numpy(dtype=float)
    rest = np.flatnonzero(~ringed & (found >= 10))
    rest = rest[np.argsort(-found[rest], kind="stable")[: 3 * MOST_LABELS]]
    order = np.concatenate([np.flatnonzero(ringed), rest]).astype(int)
    name = [plain(t, LONGEST_LABEL) for t in table["target"]]
    labels = place_labels(
        [name[i] for i in order],
        px[order],
        py[order],
        size=(on.plot_width, on.plot_height),
        text=on.text,
        dot=on.dot * 1.3,
        dots=(px, py),
        always=int(ringed.sum()),
        ring=on.ring,
        most=MOST_LABELS,
        wider=1.0 if on.paper else 1.07,
    )
    layers: list[Spec] = []
    for bold in (False, True):
        some = [label for label in labels if bool(ringed[order[label.item]]) == bold]
        if some:
            at_row = [int(order[s.item]) for s in some]
            rows = [
                values[i] | place
                for i, place in zip(at_row, place_records([name[i] for i in at_row], some), strict=True)
            ]
            layers += hung_texts(rows, x, y, on, weight="bold" if bold else "normal", tooltip=tooltip)
    return layers


def with_pick(layers: list[Spec]) -> list[Spec]:
    """The layers, the dots among them answering to a click."""
    pick = {"name": "pick", "select": {"type": "point", "fields": ["target"], "on": ON_CLICK}}
    nested = [layer | {"layer": with_pick(layer["layer"])} if "layer" in layer else layer for layer in layers]
    return [layer | {"params": [pick]} if layer.get("name") == "dots" else layer for layer in nested]
