"""The map of a study's targets: effect profiles and correlations, clustered, with the groups that look alike."""

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.schema import FDR_THRESHOLD
from core.stats import similarity
from core.views import text
from core.views.about import crumb
from core.views.methods import Methods, methods_of
from core.views.power import TOO_FEW_CELLS
from core.views.similar import StudyProfiles, study_profiles
from core.views.strength import strength_counts
from core.views.text import escape_markdown as name

N_TARGETS, MOST_TARGETS = 60, 150
N_GENES, MOST_GENES = 30, 100
GROUP_R = 0.4
"""Targets form a group where they correlate at least so far on average."""
COLOR_SHARE = 0.98
"""Share of the deltas that lie within the colors' range."""

NameGroup = Callable[[np.ndarray, np.ndarray], str]
"""The gene set that names some genes, "" where none fits: of their places among the study's genes, and a mask of those
that could have been among them."""


@dataclass(frozen=True, eq=False)
class MapView:
    """Targets and genes in the order of their clustering.

    Strings but ``study_name`` and the names in ``targets`` and ``genes`` are markdown with names escaped.

    Parameters
    ----------
    key, study_name, fingerprint, simulated, crumb, methods
        As in :class:`core.views.compared.Compared`.
    targets, genes
        Names, in order.
    delta, fdr
        Of every target and gene, shape ``(targets, genes)``.
    r
        Correlation of all pairs of targets, shape ``(targets, targets)``; NaN where there is none.
    limit
        Deltas beyond are drawn in the outermost colors.
    groups
        One row a group, in the order of the map: ``group`` (a letter), ``targets`` (a tuple), ``n``, ``r`` (mean over
        its pairs), ``genes`` (what its members move alike), ``words`` (these in a sentence), ``up`` and
        ``down`` (places of all genes that most members raise or lower), ``gene_set`` (see :func:`named_groups`).
    group
        The letter of every target's group, "" where it is in none.
    n_all
        Targets of the study.
    marked
        Targets to set in bold.
    scale, definition
        What the deltas are, and how r is computed.
    headline
        How many groups there are, and the largest.
    n_cells
        Cells of the study.
    background
        Whether a gene of the study could have been moved by a group, shape ``(genes of the study,)``.
    """

    key: str
    study_name: str
    fingerprint: str
    simulated: bool
    crumb: str
    targets: tuple[str, ...]
    genes: tuple[str, ...]
    delta: np.ndarray
    fdr: np.ndarray
    r: np.ndarray
    limit: float
    groups: pd.DataFrame
    group: tuple[str, ...]
    n_all: int
    marked: tuple[str, ...]
    scale: str
    definition: str
    headline: str
    n_cells: int
    methods: Methods
    background: np.ndarray


def map_view(
    study: Any,
    ready: StudyProfiles | None = None,
    *,
    n_targets: int = N_TARGETS,
    n_genes: int = N_GENES,
    marked: Sequence[str] = (),
) -> MapView:
    """The strongest targets of a study and the genes that they move most, clustered both ways.

    Parameters
    ----------
    study
        An opened study.
    ready
        What :func:`core.views.similar.study_profiles` gives, where it is at hand.
    n_targets, n_genes
        How many: targets by genes at FDR < 0.05, genes by the significant deltas of these targets, squared and summed,
        own genes left out.
    marked
        Targets that are shown however weak they are, and set in bold.

    Raises
    ------
    OptionError
        If a number is out of range, or fewer than two targets can be compared.
    """
    for what, n, most in (("targets", n_targets, MOST_TARGETS), ("genes", n_genes, MOST_GENES)):
        if not 2 <= n <= most:
            raise OptionError(f"A map of {n} {what} cannot be drawn. Take 2 to {most}.")
    ready = ready or study_profiles(study)
    rows = shown_targets(study, ready, n_targets, marked)
    if len(rows) < 2:
        raise OptionError(
            f"{text.plain(study.name)} has fewer than two targets with a profile, so that nothing can be compared."
        )
    r = similarity.correlate(ready.profiles, rows, rows)
    order, letters = clustered(r)
    rows = [rows[k] for k in order]
    keep = ready.profiles.keep
    delta, fdr = (
        np.stack([np.asarray(study.layer(layer)[k])[keep] for k in rows]) for layer in (ready.layer, ready.fdr_layer)
    )
    columns = shown_genes(ready, rows, delta, fdr, n_genes)
    columns = columns[gene_order(delta[:, columns])]
    r = r[np.ix_(order, order)]
    groups = group_table(ready, rows, letters, r, delta, fdr)
    background = np.zeros(study.n_genes, bool)
    background[keep] = True
    shown = delta[:, columns]
    within = ready.scale.partition(", within ")[2] if ready.stratified else ""
    return MapView(
        key=f"map {n_targets} {n_genes} {' '.join(marked)}",
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, [name(study.name), text.plural(len(study.targets), "target"), "observed"]),
        targets=tuple(str(ready.targets[k]) for k in rows),
        genes=tuple(ready.genes[columns].astype(str)),
        delta=shown,
        fdr=fdr[:, columns],
        r=r,
        limit=color_limit(shown),
        groups=groups,
        group=tuple(letters),
        n_all=len(study.targets),
        marked=tuple(marked),
        scale=ready.scale,
        definition=ready.definition,
        headline=headline(groups, len(rows)),
        n_cells=study.n_cells,
        methods=methods_of(
            study,
            f"{text.plain(study.name)}: {text.plural(len(rows), 'target')}",
            within,
            "",
        ),
        background=background,
    )


def shown_targets(study: Any, ready: StudyProfiles, n: int, marked: Sequence[str]) -> list[int]:
    """Numbers of the targets with most genes at FDR < 0.05 that have a profile, and the marked ones among them."""
    known = (ready.profiles.squares > 0) & (study.targets["n_cells"].to_numpy() >= TOO_FEW_CELLS)
    asked = np.isin(ready.targets.to_numpy(dtype=object), list(marked)) & (ready.profiles.squares > 0)
    order = np.lexsort((-strength_counts(study, ready.stratified).to_numpy(), ~asked))
    return [int(k) for k in order if known[k] or asked[k]][:n]


def shown_genes(ready: StudyProfiles, rows: Sequence[int], delta: np.ndarray, fdr: np.ndarray, n: int) -> np.ndarray:
    """Places of the genes that the targets move most; those at FDR < 0.05 somewhere come first."""
    moved = np.where(np.isfinite(delta), delta, 0) ** 2
    for at, row in enumerate(rows):
        own = ready.profiles.own[row]
        moved[at, own[own >= 0]] = 0
    significant = np.where(fdr < FDR_THRESHOLD, moved, 0).sum(axis=0)
    return np.lexsort((-moved.sum(axis=0), -significant))[:n]


def color_limit(delta: np.ndarray) -> float:
    """Where the colors end: two digits, and all but the largest deltas within."""
    limit = float(np.nanquantile(np.abs(delta), COLOR_SHARE)) if np.isfinite(delta).any() else 0.0
    return float(f"{max(limit, 0.01):.2g}")


def clustered(r: np.ndarray) -> tuple[list[int], list[str]]:
    """Order of the leaves by average linkage of 1 - r, and each leaf's group: a letter, "" where it is alone."""
    from scipy.cluster.hierarchy import fcluster, leaves_list

    tree = _tree(r)
    order = [int(k) for k in leaves_list(tree)]
    cut = fcluster(tree, 1 - GROUP_R, "distance")[order]
    letters: list[str] = []
    known: dict[int, str] = {}
    for group in cut:
        if (cut == group).sum() > 1 and group not in known:
            known[group] = _letter(len(known))
        letters.append(known.get(group, ""))
    return order, letters


def _letter(k: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    letters = string.ascii_uppercase
    return letters[k] if k < len(letters) else letters[k // len(letters) - 1] + letters[k % len(letters)]


def gene_order(delta: np.ndarray) -> np.ndarray:
    """Order of the genes by average linkage of one minus their correlation over the shown targets."""
    from scipy.cluster.hierarchy import leaves_list

    if delta.shape[1] < 3:
        return np.arange(delta.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.corrcoef(np.nan_to_num(delta), rowvar=False)
    return np.asarray(leaves_list(_tree(r)))


def _tree(r: np.ndarray) -> np.ndarray:
    """Average linkage of 1 - r, the leaves in the order that puts the nearest side by side."""
    from scipy.cluster.hierarchy import linkage  # 0.1 s, and only maps need it
    from scipy.spatial.distance import squareform

    distance = 1 - np.nan_to_num(np.asarray(r, float))
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    return np.asarray(linkage(squareform(np.maximum(distance, 0), checks=False), "average", optimal_ordering=True))


# ------------------------------------------------------------------------------------------------------- groups


def group_table(
    ready: StudyProfiles,
    rows: Sequence[int],
    letters: Sequence[str],
    r: np.ndarray,
    delta: np.ndarray,
    fdr: np.ndarray,
) -> pd.DataFrame:
    """One row a group; see :class:`MapView`."""
    found = []
    for letter in dict.fromkeys(k for k in letters if k):
        members = [at for at, k in enumerate(letters) if k == letter]
        own = {int(g) for at in members for g in ready.profiles.own[rows[at]] if g >= 0}
        up, down = moved_alike(delta[members], fdr[members], own)
        names_up, names_down = ([str(ready.genes[g]) for g in genes] for genes in (up, down))
        pairs = r[np.ix_(members, members)][np.triu_indices(len(members), 1)]
        found.append(
            {
                "group": letter,
                "targets": tuple(str(ready.targets[rows[at]]) for at in members),
                "n": len(members),
                "r": float(np.nanmean(pairs)),
                "genes": tuple(names_up[:3] + names_down[:3]),
                "words": direction_words(names_up[:3], names_down[:3]),
                "up": ready.profiles.keep[up],
                "down": ready.profiles.keep[down],
                "gene_set": "",
            }
        )
    return pd.DataFrame(found, columns=["group", "targets", "n", "r", "genes", "words", "up", "down", "gene_set"])


def moved_alike(delta: np.ndarray, fdr: np.ndarray, own: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """Genes that at least half of a group's members (and two) raise, and those that they lower, most members first."""
    least = max(2, -(-len(delta) // 2))
    found = []
    for sign in (1, -1):
        moved = (fdr < FDR_THRESHOLD) & (sign * delta > 0)
        members = moved.sum(axis=0)
        members[list(own)] = 0
        mean = np.where(moved, np.abs(delta), 0).sum(axis=0)
        order = np.lexsort((-mean, -members))
        found.append(order[members[order] >= least])
    return found[0], found[1]


def direction_words(up: Sequence[str], down: Sequence[str]) -> str:
    """``HBG2 and HBZ rise; TMSB4X falls``."""
    said = []
    for genes, one, many in ((up, "rises", "rise"), (down, "falls", "fall")):
        if genes:
            said.append(f"{text.enumerate_words([name(g) for g in genes])} {one if len(genes) == 1 else many}")
    return "; ".join(said) or "no gene that half of them move alike"


def named_groups(view: MapView, name_group: NameGroup) -> pd.DataFrame:
    """The groups of a map with the gene sets that their members move alike.

    Parameters
    ----------
    view
        The map.
    name_group
        Names some genes by a gene set.

    Returns
    -------
    pandas.DataFrame
        ``view.groups`` with ``gene_set``: ``Cholesterol homeostasis rises``, "" where no set is sure.
    """
    said = [set_words((row.up, row.down), view.background, name_group) for row in view.groups.itertuples()]
    return view.groups.assign(gene_set=pd.Series(said, index=view.groups.index, dtype=object))


def set_words(lists: Sequence[np.ndarray], background: np.ndarray, name_group: NameGroup) -> str:
    """The gene sets that rise and fall in a group: ``CHOLESTEROL_HOMEOSTASIS rises``; "" where none is sure."""
    named = [(name_group(genes, background) if len(genes) else "") for genes in lists]
    return "; ".join(f"{gene_set} {verb}" for gene_set, verb in zip(named, ("rises", "falls"), strict=True) if gene_set)


def headline(groups: pd.DataFrame, n: int) -> str:
    """How many groups, and the largest."""
    if groups.empty:
        start = f"**No two of {text.plural(n, 'target')} correlate at r {GROUP_R:g} or more**"
        return f"{start}: each looks like itself alone."
    told = groups[groups["genes"].map(len) > 0]
    first = (told if len(told) else groups).sort_values("n", ascending=False, kind="stable").iloc[0]
    members = text.enumerate_words([name(t) for t in first["targets"]], at_most=4)
    many = text.plural(len(groups), "group")
    largest = "the largest, " if first["n"] == groups["n"].max() and len(groups) > 1 else ""
    return f"**{many} among {text.plural(n, 'target')}**; {largest}{members}: {first['words']}."
