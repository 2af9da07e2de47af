"""How values are spread within groups of cells: a smooth curve of those that show a gene, and the share that do."""

from dataclasses import dataclass

import numpy as np

N_POINTS = 256
HEADROOM = 1.06
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Curves:
    """Distribution of a gene's values in groups of cells.

    Parameters
    ----------
    at
        Where the curves are known, shape ``(n_points,)``, in the unit of the values.
    density
        Of the values above 0 of each group, shape ``(n_groups, n_points)``; each integrates to 1, or is 0 throughout
        for a group in which no cell shows the gene.
    n, n_shown
        Cells of each group, and those with a value above 0.
    mean
        Mean over all cells of each group, zeros included; NaN for an empty group.
    """

    at: np.ndarray
    density: np.ndarray
    n: np.ndarray
    n_shown: np.ndarray
    mean: np.ndarray


def group_curves(values: np.ndarray, group: np.ndarray, n_groups: int, n_points: int = N_POINTS) -> Curves:
    """Kernel density of the values above 0 in each group, with the number of cells behind it.

    Values are counted in ``n_points`` bins and the counts smoothed by a Gaussian kernel of Silverman's width, mirrored
    at both ends, so that nothing is drawn where no value can be. One pass over the cells serves all groups.

    Parameters
    ----------
    values
        One value a cell, zeros for cells that do not show the gene, shape ``(n_cells,)``.
    group
        Group of each cell, ``-1`` for cells in none, shape ``(n_cells,)``.
    n_groups
        How many groups there are.
    n_points
        How finely a curve is drawn.

    Returns
    -------
    Curves

    References
    ----------
    Silverman, Density Estimation (1986), equation 3.31: 0.9 min(sd, IQR / 1.34) n^(-1/5).
    """
    inside = group >= 0
    group, values = group[inside], np.asarray(values[inside], np.float64)
    n = np.bincount(group, minlength=n_groups)
    sums = np.bincount(group, values, minlength=n_groups)
    shown = values > 0
    group, values = group[shown], values[shown]
    high = HEADROOM * float(values.max(initial=0.0)) or 1.0
    width = high / n_points
    bins = np.minimum((values / width).astype(np.int64), n_points - 1)
    counts = np.bincount(group * n_points + bins, minlength=n_groups * n_points).reshape(n_groups, n_points)
    at = (np.arange(n_points) + 0.5) * width
    density = np.stack([_smooth(row, at, width) for row in counts]) if n_groups else np.zeros((0, n_points))
    mean = sums / np.where(n > 0, n, np.nan)
    return Curves(at, density, n, counts.sum(axis=1), mean)


def share_interval(n_shown: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share of cells; NaN where there are no cells.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    Examples
    --------
    >>> low, high = share_interval(np.array([0, 5]), np.array([10, 10]))
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.0, 0.24], [0.28, 0.76])
    """
    n = np.where(n > 0, n, np.nan)
    share, z = n_shown / n, NORMAL_95**2 / n
    middle = (share + z / 2) / (1 + z)
    half = np.sqrt(share * (1 - share) * z + z**2 / 4) / (1 + z)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _smooth(counts: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """The density of one group out of its binned values."""
    n = counts.sum()
    if n == 0:
        return np.zeros(counts.size)
    reach = max(_silverman(counts, at) / width, 1.0)  # in bins; a curve is no finer than they are
    half = min(int(np.ceil(4 * reach)), counts.size)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / reach) ** 2)
    mirrored = np.concatenate([counts[:half][::-1], counts, counts[-half:][::-1]])
    density = np.convolve(mirrored, kernel / kernel.sum(), "valid")
    return density / (density.sum() * width)


def _silverman(counts: np.ndarray, at: np.ndarray) -> float:
    n = counts.sum()
    mean = counts @ at / n
    sd = np.sqrt(counts @ (at - mean) ** 2 / max(n - 1, 1))
    q1, q3 = np.searchsorted(np.cumsum(counts), [0.25 * n, 0.75 * n])
    spread = (at[q3] - at[q1]) / 1.34
    return float(0.9 * (min(sd, spread) if spread > 0 else sd) * n**-0.2)
