"""Pathways: which gene sets the genes that rise, and those that fall, gather in; and which a whole profile moves."""

from collections.abc import Collection as Listed
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.data.gene_sets import LARGEST, SMALL_PANEL, SMALLEST, MeasuredSets
from core.stats.enrichment import (
    GENE_CORRELATION,
    group_by_shared,
    leading_edge,
    membership,
    mid_ranks,
    over_representation,
    rank_test,
)
from core.stats.fdr import benjamini_hochberg
from core.views import text
from core.views.about import AboutTarget, about_target
from core.views.perturbation import PerturbationView
from core.views.set_names import readable, within_sentence
from core.views.text import escape_markdown

FDR_SHOWN = 0.05
FDR_CLAIMED, HITS_CLAIMED = 0.01, 5
"""A pathway is named in a sentence at FDR < 0.01 with at least 5 hits; the first alone."""

MOST_GROUPED = 1000
"""So many of the sets that pass are looked at for what they share."""

LONGEST_HEADLINE = 30
"""Words of the headline, as everywhere."""

LONGEST_TITLE = 54
"""Characters of the card's title that leave room for the export beside it."""

DIRECTIONS = ("up", "down")
VERBS = {"up": "rises", "down": "falls"}
COLUMNS = (
    "set", "name", "direction", "n_measured", "n_hits", "expected", "auc", "p_value", "fdr", "genes", "stands_for",
    "n_alike", "description",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PathwaysView(AboutTarget):
    """What gene sets say of one target.

    Parameters
    ----------
    collection, collection_id, about
        The collection's name and id; how many of its sets were tested and why others were not, in sentences.
    listed
        One row a set and direction, the smallest p first: over-representation among the changed genes. ``genes`` are
        the hits, the most changed first.
    profile
        One row a set, the smallest p first: rank test of the whole profile; ``genes`` are the leading edge, and
        ``n_hits`` how many these are.
    n_up, n_down, n_background
        Changed genes that rise and fall, own genes left out; genes that could have been among them.
    title, claim
        What the card says first; what the headline may add ("" where nothing is sure enough).
    why_not
        Why nothing was tested; "" where it was.
    notes
        What is odd about the sets.
    """

    collection: str
    collection_id: str
    about: str
    listed: pd.DataFrame
    profile: pd.DataFrame
    n_up: int
    n_down: int
    n_background: int
    title: str
    claim: str
    why_not: str
    notes: tuple[str, ...]

    def table(self, test: str) -> pd.DataFrame:
        """The table of one test, ``"genes"`` or ``"profile"``."""
        return self.profile if test == "profile" else self.listed


def as_one_table(view: PathwaysView) -> pd.DataFrame:
    """Both tests one under the other, each row with its ``test``; collection and cells stand in every row."""
    tables = [view.listed.assign(test="over-representation"), view.profile.assign(test="rank test of the profile")]
    table = pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
    table = table.assign(target=view.target, collection=view.collection, simulated=view.simulated)
    first = ["target", "collection", "test"]
    return table[[*first, *(c for c in table.columns if c not in first)]]


def pathways_view(study: Any, view: PerturbationView, sets: MeasuredSets, collection: Any) -> PathwaysView:
    """What a collection of gene sets says of a target.

    Parameters
    ----------
    study
        The opened study.
    view
        What the perturbation did, with the thresholds of "changed".
    sets
        The collection in terms of the study's genes.
    collection
        Its ``id`` and ``name``.

    Returns
    -------
    PathwaysView
        With empty tables and a sentence where nothing can be tested: too small a panel, or no effect.
    """
    why_not = why_not_tested(study, view)
    genes = view.genes.reindex(study.genes.index)
    background = _background(genes, view)
    role = genes["role"].to_numpy(dtype=object)
    lists = {way: background & (role == way) for way in DIRECTIONS}
    listed = profile = empty_table()
    if not why_not:
        listed = over_represented(lists, background, sets, genes)
        profile = moved_sets(genes, background, sets)
    claim = claim_of(listed)
    return PathwaysView(
        **about_target(view),
        collection=text.plain(collection.name, 60),
        collection_id=str(collection.id),
        about=about_sets(sets),
        listed=listed,
        profile=profile,
        n_up=int(lists["up"].sum()),
        n_down=int(lists["down"].sum()),
        n_background=int(background.sum()),
        title="Pathways" if why_not else title_of(listed),
        claim=claim,
        why_not=why_not,
        notes=sets.notes,
    )


def why_not_tested(study: Any, view: PerturbationView) -> str:
    """Why no pathway is tested; "" where there is no reason."""
    if study.n_genes < SMALL_PANEL:
        return (
            f"{text.plural(study.n_genes, 'gene')} were measured. In a panel chosen by hand no pathway can be "
            f"over-represented; at least {SMALL_PANEL} genes are needed."
        )
    if view.is_like_controls:
        return (
            f"{escape_markdown(view.target)} changes no more genes than control sets of cells do, so no pathway is "
            "tested: sets of genes that vary together would look changed by chance."
        )
    return ""


def about_sets(sets: MeasuredSets) -> str:
    """How many sets were tested, and why the others were not."""
    said = f"{text.number(len(sets.names))} of {text.plural(sets.n_sets, 'set')} tested"
    left = [f"{text.number(sets.n_small)} with fewer than {SMALLEST} measured genes"] if sets.n_small else []
    left += [f"{text.number(sets.n_large)} with more than {LARGEST}"] if sets.n_large else []
    return f"{said}; {' and '.join(left)} left out." if left else f"{said}."


def _background(genes: pd.DataFrame, view: PerturbationView) -> np.ndarray:
    """Genes that could have changed: tested and seen, the perturbed ones left out."""
    seen = (genes["ctrl_mean"].to_numpy(dtype=float) > 0) | (genes["pert_mean"].to_numpy(dtype=float) > 0)
    tested = np.isfinite(genes["log10_p"].to_numpy(dtype=float))
    return np.asarray(seen & tested & ~genes.index.isin(view.own_genes))


def empty_table() -> pd.DataFrame:
    """No set, with all columns."""
    return pd.DataFrame({column: [] for column in COLUMNS})


# ----------------------------------------------------------------------------------------------------- the tests


def over_represented(
    lists: dict[str, np.ndarray], background: np.ndarray, sets: MeasuredSets, genes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Sets that hold more of the listed genes than chance would put there.

    Parameters
    ----------
    lists
        By direction: whether a gene of the study is listed.
    background
        Whether a gene could have been.
    sets
        The gene sets.
    genes
        With ``delta``, to order the hits; in the study's order.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`COLUMNS`; one row a direction and set that has a hit, the smallest p first; FDR over all sets
        and directions.
    """
    matrix = membership(sets.members, background.size)
    size = matrix @ background.astype(float)
    n_background = int(background.sum())
    found, log10_p = [], []
    for way, listed in lists.items():
        listed = listed & background
        hits = matrix @ listed.astype(float)
        p = over_representation(hits, size, int(listed.sum()), n_background)
        p[size < SMALLEST] = np.nan
        log10_p.append(p)
        expected = size * listed.sum() / max(n_background, 1)
        found.append(pd.DataFrame({"k": np.arange(size.size), "direction": way, "n_hits": hits, "expected": expected}))
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    table = table.assign(log10_p=np.concatenate(log10_p), fdr=benjamini_hochberg(np.concatenate(log10_p)), auc=np.nan)
    table = table[(table["n_hits"] > 0) & table["log10_p"].notna()].sort_values("log10_p", kind="stable")
    order = _outermost_first(genes, background.size)
    hits = [
        _hits(sets.members[k], lists[way] & background, order) for k, way in zip(table.k, table.direction, strict=True)
    ]
    return _finished(table, size, sets, hits, genes)


def moved_sets(genes: pd.DataFrame, background: np.ndarray, sets: MeasuredSets) -> pd.DataFrame:
    """Sets whose genes rank higher or lower than all others in the whole profile.

    Genes are ranked by the signed log10 p of their test, from the surest fall to the surest rise.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`COLUMNS`, one row a set, the smallest p first; FDR over the sets.
    """
    places = np.flatnonzero(background)
    rank = np.zeros(background.size)
    rank[places] = mid_ranks(signed_significance(genes)[places])
    new_place = np.cumsum(background) - 1
    members = [new_place[m[background[m]]] for m in sets.members]
    size = np.array([m.size for m in members], dtype=float)
    kept = np.flatnonzero((size >= SMALLEST) & (size < places.size))
    log10_p, auc = rank_test(rank[places], membership([members[k] for k in kept], places.size))
    table = pd.DataFrame({"k": kept, "direction": np.where(auc < 0.5, "down", "up"), "auc": auc, "log10_p": log10_p})
    table = table.assign(fdr=benjamini_hochberg(log10_p), expected=np.nan).sort_values("log10_p", kind="stable")
    edges = [
        places[leading_edge(rank[places], members[k], rises=way == "up")] if fdr < FDR_SHOWN else np.zeros(0, int)
        for k, way, fdr in zip(table.k, table.direction, table.fdr, strict=True)
    ]
    table["n_hits"] = [float(e.size) for e in edges]
    return _finished(table, size, sets, edges, genes)


def signed_significance(genes: pd.DataFrame) -> np.ndarray:
    """-log10 p with the sign of the shift: the profile that the rank test ranks."""
    sign = np.sign(np.nan_to_num(genes["auc"].to_numpy(dtype=float), nan=0.5) - 0.5)
    return -genes["log10_p"].to_numpy(dtype=float) * sign


def _outermost_first(genes: pd.DataFrame | None, n_genes: int) -> np.ndarray:
    """Place of every gene in the order of |delta|."""
    if genes is None:
        return np.arange(n_genes)
    order = np.argsort(-genes["delta"].abs().fillna(-1.0).to_numpy(), kind="stable")
    place = np.empty(n_genes, int)
    place[order] = np.arange(n_genes)
    return place


def _hits(members: np.ndarray, listed: np.ndarray, order: np.ndarray) -> np.ndarray:
    hits = members[listed[members]]
    return hits[np.argsort(order[hits], kind="stable")]


def _finished(
    table: pd.DataFrame, size: np.ndarray, sets: MeasuredSets, hits: list[np.ndarray], genes: pd.DataFrame | None
) -> pd.DataFrame:
    """Names, genes and groups of the rows of one test."""
    if not len(table):
        return empty_table()
    k = table["k"].to_numpy()
    symbols = np.arange(size.size) if genes is None else genes.index.to_numpy(dtype=object)
    names = np.array(sets.names, dtype=object)[k]
    stands_for = _groups(table, hits)
    table = table.assign(
        set=names,
        name=[readable(name) for name in names],
        description=np.array(sets.descriptions, dtype=object)[k],
        n_measured=size[k].astype(int),
        n_hits=table["n_hits"].astype(int),
        p_value=10.0 ** table["log10_p"],
        genes=[", ".join(map(str, symbols[h])) if genes is not None else "" for h in hits],
        stands_for=names[stands_for],
        n_alike=np.bincount(stands_for, minlength=len(table)) - 1,
    )
    table.loc[stands_for != np.arange(len(table)), "n_alike"] = 0
    return table[list(COLUMNS)].reset_index(drop=True)


def _groups(table: pd.DataFrame, hits: list[np.ndarray]) -> np.ndarray:
    """Which row stands for which, among those of one direction that pass."""
    stands_for = np.arange(len(table))
    passes = table["fdr"].to_numpy() < FDR_SHOWN
    for way in DIRECTIONS:
        rows = np.flatnonzero(passes & (table["direction"].to_numpy() == way))[:MOST_GROUPED]
        stands_for[rows] = rows[group_by_shared([hits[r] for r in rows])] if rows.size else rows
    return stands_for


# ----------------------------------------------------------------------------------------------------- the words


def standing(table: pd.DataFrame, fdr: float = FDR_SHOWN) -> pd.DataFrame:
    """The sets that pass and stand for themselves, the surest first."""
    return table[(table["fdr"] < fdr) & (table["stands_for"] == table["set"])]


def sure(listed: pd.DataFrame) -> pd.DataFrame:
    """The sets of which a sentence may speak."""
    table = standing(listed, FDR_CLAIMED)
    return table[table["n_hits"] >= HITS_CLAIMED]


def title_of(listed: pd.DataFrame) -> str:
    """What the over-representation shows, as a title; two pathways at most."""
    top = sure(listed)
    if not len(top):
        passed = len(standing(listed))
        return "Pathways: none is sure" if passed else "No pathway stands out"
    rows = list(top.head(2).itertuples())
    first = f"{rows[0].name} {VERBS[rows[0].direction]}"
    both = "; ".join([first, *(f"{within_sentence(row.set)} {VERBS[row.direction]}" for row in rows[1:])])
    return both if len(both) <= LONGEST_TITLE else first


def claim_of(listed: pd.DataFrame) -> str:
    """The first pathway for the headline: "cholesterol homeostasis rises"; "" where none is sure."""
    top = sure(listed)
    return f"{within_sentence(top.iloc[0]['set'])} {VERBS[top.iloc[0]['direction']]}" if len(top) else ""


def headline_with(headline: str, claim: str) -> str:
    """The headline with a pathway before its caveat, if the sentence stays within 30 words.

    Examples
    --------
    >>> headline_with("**A changes 7 of 900 genes** (FDR < 0.05); SP1 falls as far.", "DNA repair rises")
    '**A changes 7 of 900 genes** (FDR < 0.05); DNA repair rises; SP1 falls as far.'
    """
    at = headline.rfind(")")
    if not claim or at < 0 or headline[at + 1 :][:1] not in (".", ";"):
        return headline
    longer = f"{headline[: at + 1]}; {escape_markdown(claim, 60)}{headline[at + 1 :]}"
    outside = " ".join(part.rpartition(")")[2] for part in longer.split("("))
    words = [word for word in outside.split() if any(c.isalnum() for c in word)]
    return longer if len(words) <= LONGEST_HEADLINE else headline


def nothing_found(view: PathwaysView, test: str) -> str:
    """Why a test has no row to show."""
    if not len(view.profile):
        return f"No set could be tested: {view.about}"
    if test == "profile":
        return "No set could be tested."
    left_out = "" if view.about.endswith("tested.") else ", though one that is left out may"
    return f"None of the sets tested holds a gene that changed{left_out}. The whole profile is tested apart."


def limits(view: PathwaysView, test: str) -> str:
    """What a test does not know, in a sentence."""
    if test == "profile":
        return (
            f"The test allows two genes of a set a correlation of {GENE_CORRELATION}; sets whose genes vary together "
            "more than that, as those of ribosome or cell cycle, look surer than they are."
        )
    return "Genes are taken for independent: sets whose genes vary together look surer than they are."


def name_of(listed: Listed[int] | np.ndarray, background: np.ndarray, sets: MeasuredSets) -> str:
    """The pathway that names a group of genes: the best set at FDR < 0.01 with at least 5 hits, "" if there is none.

    Parameters
    ----------
    listed
        Places of the genes among the study's genes.
    background
        Whether a gene of the study could have been in the group.
    sets
        The gene sets in terms of the study's genes; see :func:`core.store.gene_sets.measured`.
    """
    mask = np.zeros(background.size, bool)
    mask[np.asarray(list(listed), dtype=int)] = True
    top = sure(over_represented({"up": mask}, background, sets))
    return str(top.iloc[0]["name"]) if len(top) else ""
