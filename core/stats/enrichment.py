"""Enrichment of gene sets: over-representation in a list of genes, and a rank test of a whole profile.

Both ask whether the genes of a set stand out among all genes; both treat genes as drawn independently, which they are
not: genes of a pathway rise and fall together in cells that nothing was done to. The rank test takes a small
correlation into account, the over-representation none.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from scipy.special import log_ndtr

GENE_CORRELATION = 0.01
"""Correlation of two genes of a set beyond the effect, as limma's camera assumes where it cannot be estimated."""


def membership(members: Sequence[np.ndarray], n_genes: int) -> sp.csr_matrix:
    """Sets x genes, 1 where a gene belongs to a set.

    Parameters
    ----------
    members
        Places of the genes of every set.
    n_genes
        How many genes there are.
    """
    start = np.concatenate([[0], np.cumsum([m.size for m in members])])
    places = np.concatenate([*members, np.zeros(0, int)]).astype(np.int64)
    return sp.csr_matrix((np.ones(places.size), places, start), shape=(len(members), n_genes))


def over_representation(n_hits: np.ndarray, set_size: np.ndarray, n_listed: int, n_background: int) -> np.ndarray:
    """log10 of the one-sided hypergeometric p value: as many hits or more, by chance.

    Parameters
    ----------
    n_hits
        Genes of every set that are in the list.
    set_size
        Genes of every set that are in the background.
    n_listed, n_background
        Genes of the list, and all genes that could have been in it.

    Returns
    -------
    numpy.ndarray
        As ``log10(scipy.stats.hypergeom.sf(n_hits - 1, n_background, set_size, n_listed))``, at least 1e-300.

    Examples
    --------
    >>> over_representation(np.array([5, 1]), np.array([20, 20]), 50, 1000).round(2)
    array([-2.65, -0.19])
    """
    from scipy.stats import hypergeom  # half a second, and only who looks at pathways needs it

    pairs, place = np.unique(np.stack([n_hits, set_size]), axis=1, return_inverse=True)  # many sets are alike
    p = np.where(pairs[0] > 0, hypergeom.sf(pairs[0] - 1, n_background, pairs[1], n_listed), 1.0)
    return np.log10(np.clip(p, 1e-300, 1.0))[place.reshape(-1)]


def rank_test(
    ranks: np.ndarray, sets: sp.csr_matrix, correlation: float = GENE_CORRELATION
) -> tuple[np.ndarray, np.ndarray]:
    r"""Whether the genes of every set rank higher or lower than all other genes.

    Wilcoxon's rank sum of a set's genes, with a variance that allows each two of them a correlation (Wu and Smyth's
    camera): with correlation 0 it is the Mann-Whitney test.

    Parameters
    ----------
    ranks
        Mid-ranks of all genes, 1 the lowest; shape ``(n_genes,)``.
    sets
        Sets x genes, 1 where a gene belongs to a set; every set has at least one gene and lacks one.
    correlation
        Of two genes of a set.

    Returns
    -------
    log10_p
        Two-sided, normal approximation with ties and continuity correction.
    auc
        Chance that a gene of the set ranks above another gene: over 0.5 the set rises.

    References
    ----------
    Wu & Smyth, Nucleic Acids Research 40, e133 (2012); Barry, Nobel & Wright, Annals of Applied Statistics 2, 286
    (2008) for the variance of a rank sum under correlation.
    """
    n_genes = ranks.size
    n = np.asarray(sets.sum(axis=1)).ravel()
    rest = n_genes - n
    u = sets @ ranks - n * (n + 1) / 2
    pairs = n * rest
    variance = (
        np.arcsin(1.0) * pairs
        + np.arcsin(0.5) * pairs * (rest - 1)
        + np.arcsin(correlation / 2) * pairs * (n - 1) * (rest - 1)
        + np.arcsin((correlation + 1) / 2) * pairs * (n - 1)
    ) / (2 * np.pi)
    _, tied = np.unique(ranks, return_counts=True)
    variance *= 1 - (tied.astype(float) ** 3 - tied).sum() / max(float(n_genes) ** 3 - n_genes, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(variance > 0, (np.abs(u - pairs / 2) - 0.5) / np.sqrt(variance), 0.0)
    log10_p = np.minimum((np.log(2) + log_ndtr(-np.maximum(z, 0))) / np.log(10), 0)
    return log10_p, u / pairs


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, the lowest; tied values share the mean of theirs.

    Examples
    --------
    >>> mid_ranks(np.array([2.0, 1.0, 2.0]))
    array([2.5, 1. , 2.5])
    """
    distinct, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    middle: np.ndarray = (last - (count - 1) / 2)[place.reshape(values.shape)]
    return middle


def leading_edge(ranks: np.ndarray, genes: np.ndarray, *, rises: bool) -> np.ndarray:
    """The genes of a set that carry its shift: those up to the peak of the running sum, the furthest out first.

    Going from the end of the ranking at which the set gathers, the running sum rises by 1/n at a gene of the set and
    falls by 1/(N - n) at another.

    Parameters
    ----------
    ranks
        Of all genes.
    genes
        Places of the set's genes.
    rises
        From which end.
    """
    if genes.size == 0:
        return genes
    position = ranks.size + 1 - ranks[genes] if rises else ranks[genes]  # 1 is the outermost
    order = np.argsort(position, kind="stable")
    met = np.arange(1, genes.size + 1)
    others = position[order] - met
    running = met / genes.size - others / max(ranks.size - genes.size, 1)
    return genes[order[: int(np.argmax(running)) + 1]]


def group_by_shared(hits: Sequence[np.ndarray], share: float = 0.5) -> np.ndarray:
    """Which set stands for which: one of whose hits more than ``share`` are a better set's is told by that one.

    Parameters
    ----------
    hits
        Places of the genes by which every set was found, the best set first.
    share
        Of a set's own hits.

    Returns
    -------
    numpy.ndarray
        For every set the number of the set that stands for it, its own where it stands for itself.

    Examples
    --------
    >>> group_by_shared([np.array([1, 2, 3, 4]), np.array([2, 3, 9]), np.array([7, 8])])
    array([0, 0, 2])
    """
    stands_for = np.arange(len(hits))
    if not len(hits):
        return stands_for
    sizes = np.array([genes.size for genes in hits])
    matrix = membership(hits, max((int(genes.max(initial=0)) for genes in hits), default=0) + 1)
    shared = (matrix @ matrix.T).toarray()
    standing = [0]
    for k in range(1, len(hits)):
        with_each = shared[k, standing]
        best = int(np.argmax(with_each))
        if sizes[k] and with_each[best] > share * sizes[k]:
            stands_for[k] = standing[best]
        else:
            standing.append(k)
    return stands_for
