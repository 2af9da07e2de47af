"""A cloud of all measured genes: where each lies, which are dots, and what a dot says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.figures.axes import Axis
from core.figures.labels import LONGEST_LABEL
from core.figures.perturbation import PerturbationLike, gene_table
from core.figures.sheet import Sheet
from core.figures.spec import Floats, Spec, records
from core.views.text import p_value, plain

MOST_DOTS = 500
NEXT_DOOR_SUFFIX = ", next door"

TOOLTIP: tuple[Spec, ...] = (
    {"field": "gene", "type": "nominal", "title": "Gene"},
    {"field": "ctrl_mean", "type": "quantitative", "format": ".2f", "title": "Control"},
    {"field": "pert_mean", "type": "quantitative", "format": ".2f", "title": "Perturbed"},
    {"field": "delta", "type": "quantitative", "format": "+.2f", "title": "delta"},
    {"field": "log2_fold_change", "type": "quantitative", "format": "+.2f", "title": "log2 FC"},
    {"field": "fdr", "type": "nominal", "title": "FDR"},
)
TOOLTIP_P_VALUES = ("fdr", "fdr_x", "fdr_y")


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


def once(make: Callable[..., Cloud]) -> Callable[..., Cloud]:
    """Keep what was made last: a figure, its caption, its key and its words ask for the same cloud, one by one.

    Views do not change once they are made.
    """
    takes = {p.name: p.default for p in signature(make).parameters.values() if p.default is not Parameter.empty}
    last: tuple[Any, dict[str, Any], Cloud] | None = None

    @wraps(make)
    def made(view: Any, **options: Any) -> Cloud:
        nonlocal last
        chosen = {name: options.get(name, default) for name, default in takes.items()}
        kept = last  # another session may put its own there meanwhile
        if kept is None or kept[0] is not view or kept[1] != chosen:
            last = kept = view, chosen, make(view, **chosen)
        return kept[2]

    return made


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


def is_next_door(genes: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each gene lies within 100 kb of a perturbed one, where the table knows it."""
    if "next_door" not in genes.columns:
        return np.zeros(len(genes), dtype=bool)
    return np.asarray(genes["next_door"].notna())


def names_in(genes: pd.DataFrame) -> list[str]:
    """The names of a cloud's rows; a gene that changes next door to the perturbed one says so."""
    flagged = genes["next_door"] if "next_door" in genes.columns else np.zeros(len(genes), dtype=bool)
    names = [plain(gene, LONGEST_LABEL) for gene in genes["gene"]]
    return [f"{n}{NEXT_DOOR_SUFFIX}" if f else n for n, f in zip(names, flagged, strict=True)]


def dots_of(cloud: Cloud, ringed: NDArray[np.bool_], *, every: bool) -> NDArray[np.bool_]:
    """The genes drawn as dots: all, or the 500 most outlying changes, the highlighted genes and the target's own."""
    if every:
        return np.ones(len(cloud.genes), dtype=bool)
    changed = np.flatnonzero(cloud.genes["changed"].to_numpy())
    weight = cloud.genes["weight"].to_numpy()
    chosen = ringed | np.isin(cloud.genes["gene"].to_numpy(), list(cloud.own))
    chosen[changed[np.argsort(-weight[changed], kind="stable")[:MOST_DOTS]]] = True
    return np.asarray(chosen)


def dot_records(cloud: Cloud, genes: pd.DataFrame) -> list[Spec]:
    """Rows for dots, with all that the tooltip says."""
    fields = dict.fromkeys(["x", "y", "role", *(item["field"] for item in cloud.tooltip)])
    return records(**{field: _told(genes[field], field) for field in fields})


def _told(column: pd.Series, field: str) -> NDArray[Any]:
    if field in TOOLTIP_P_VALUES:
        return np.array([p_value(p) for p in column.to_numpy(dtype=float)], dtype=object)
    return column.to_numpy()
