"""Means, dispersions and highly variable genes: scanpy's ``seurat`` flavour, from sums instead of a matrix."""

import numpy as np
import pandas as pd

N_BINS = 20


def dispersion_table(
    total: np.ndarray, squares: np.ndarray, n_cells: int, n_top_genes: int | None = 2000
) -> pd.DataFrame:
    """Columns of scanpy's ``pp.highly_variable_genes``.

    Parameters
    ----------
    total, squares
        Sum of normalized counts (expm1 of the log-normalized values) and of their squares over all cells, shape
        ``(genes,)``.
    n_cells
        Cells summed over.
    n_top_genes
        How many genes to call highly variable; ties at the cut give more. None takes scanpy's default cuts.

    Returns
    -------
    pandas.DataFrame
        means = log1p(mean), dispersions = ln(variance / mean), dispersions_norm = their z score among genes of one
        of 20 bins of means, highly_variable.

    References
    ----------
    scanpy 1.11, ``_highly_variable_genes.py``; Satija et al., Nat. Biotechnol. 33, 495 (2015).
    """
    mean = np.asarray(total, float) / max(n_cells, 1)
    variance = (squares / max(n_cells, 1) - mean**2) * n_cells / max(n_cells - 1, 1)
    mean[mean == 0] = 1e-12
    dispersion = variance / mean
    dispersion[dispersion == 0] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame({"means": np.log1p(mean), "dispersions": np.log(dispersion)})
    table["dispersions_norm"] = _normalized_within_bins(table)
    table["highly_variable"] = _highly_variable(table, n_top_genes)
    return table


def _normalized_within_bins(table: pd.DataFrame) -> np.ndarray:
    """float32 as in scanpy: genes that tie at the cut are not told apart by rounding."""
    if len(table) < 2 or table["means"].nunique() < 2:
        return np.full(len(table), np.nan, np.float32)
    bins = pd.cut(table["means"], bins=N_BINS)
    grouped = table["dispersions"].groupby(bins, observed=True)
    mean, sd = grouped.mean(), grouped.std(ddof=1)
    single = sd.isna()  # one gene in a bin gets 1, as in scanpy
    sd[single], mean[single] = mean[single], 0.0
    with np.errstate(invalid="ignore", divide="ignore"):  # genes that are all alike have no score
        z = (table["dispersions"].to_numpy() - mean[bins].to_numpy()) / sd[bins].to_numpy()
    return np.asarray(z, np.float32)


def _highly_variable(table: pd.DataFrame, n_top_genes: int | None) -> np.ndarray:
    z = table["dispersions_norm"].to_numpy()
    if n_top_genes is None:
        z = np.nan_to_num(z)
        means = table["means"].to_numpy()
        return (means > 0.0125) & (means < 3) & (z > 0.5)
    known = np.sort(z[~np.isnan(z)])[::-1]
    if not known.size or n_top_genes <= 0:
        return np.zeros(z.size, bool)
    cut = known[min(n_top_genes, known.size) - 1]
    return np.nan_to_num(z, nan=-np.inf) >= cut
