"""A cloud of genes in words: its key on the page and on paper, sentences for under it and in its stead."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.figures import colors, key
from core.figures.cloud import MOST_DOTS, Cloud, dots_of
from core.figures.labels import LONGEST_LABEL
from core.figures.perturbation import PerturbationLike, change_rule, what_is_done
from core.views.text import number, plain, plural

KEY = (
    ("dot", "down", "falls"),
    ("dot", "up", "rises"),
)
TILES_KEY = ("tiles", "faint", "how many genes lie there")


def key_for(
    make: Callable[..., Cloud], entries: key.Key, other: str = "under the thresholds"
) -> Callable[..., key.Key]:
    """A figure's key on the page, given how its cloud is made, the entries of genes that change, and that of others."""

    def entries_of(view: Any, *, highlight: Sequence[str] = (), every: bool = False, **options: Any) -> key.Key:
        return key_of(make(view, **options), entries, highlight=highlight, every=every, other=other)

    return entries_of


def key_of(
    cloud: Cloud, entries: key.Key, *, highlight: Sequence[str] = (), every: bool = False, other: str
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
    role = cloud.genes["role"].to_numpy()[cloud.genes["changed"].to_numpy(dtype=bool)]
    named = {kind: int((role == kind).sum()) for kind, _, _ in cloud.words}
    drawn = [(kind, plural(named[kind], one, many)) for kind, one, many in cloud.words if named[kind]]
    rows = [key.Row("dot", colors.LIGHT[kind], words) for kind, words in drawn]
    others = len(cloud.genes) - sum(named.values())
    rows.append(key.Row("dot", colors.CLOUD, f"{number(others)} {'other' if others == 1 else 'others'}"))
    if np.isin(cloud.genes["gene"].to_numpy(), list(highlight)).any():
        rows.append(key.Row("ring", colors.INK, "highlighted"))
    return rows


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
    top = [plain(g, LONGEST_LABEL) for g in cloud.genes["gene"].to_numpy()[order[changed][:5]]]
    largest = f" Largest: {', '.join(top)}." if top else ""
    n_up, n_down = ((cloud.genes["role"] == r).sum() for r in ("up", "down"))
    return (
        f"{kind} of {number(len(cloud.genes))} genes, {what_is_done(view)} against control: {number(n_down)} fall, "
        f"{number(n_up)} rise at {change_rule(view)}.{largest}"
    )
