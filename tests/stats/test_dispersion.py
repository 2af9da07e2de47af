"""Dispersions and highly variable genes against scanpy's ``seurat`` flavour."""

import warnings

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from core.stats.dispersion import dispersion_table

COLUMNS = ["means", "dispersions", "dispersions_norm"]


def scanpys(counts, n_top_genes):
    """scanpy's columns, and the sums of its normalized counts that ours starts from."""
    adata = ad.AnnData(sp.csr_matrix(counts.astype(np.float32)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.normalize_total(adata)
        normalized = adata.X.toarray().astype(np.float64)
        sc.pp.log1p(adata)
        sc.pp.highly_variable_genes(adata, n_top_genes=n_top_genes)
    return adata.var, normalized.sum(axis=0), (normalized**2).sum(axis=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_top", [1, 20, 150, 297, None])
def test_columns_and_genes_are_scanpys(seed, n_top):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.outer(rng.lognormal(0, 0.4, 250), rng.gamma(0.3, 3, 300)))
    counts[:, :3] = 0
    counts[:, 3] = rng.poisson(200, 250)
    expected, total, squares = scanpys(counts, n_top)
    got = dispersion_table(total, squares, len(counts), n_top)
    np.testing.assert_allclose(got[COLUMNS], expected[COLUMNS], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(got["highly_variable"], expected["highly_variable"])


def test_ties_at_the_cut_give_more_genes_as_in_scanpy():
    rng = np.random.default_rng(0)
    counts = np.repeat(rng.poisson(rng.uniform(0.5, 3, 200), (100, 200)), 2, axis=1)  # every gene twice
    for n_top in (7, 8, 9):
        expected, total, squares = scanpys(counts, n_top)
        got = dispersion_table(total, squares, len(counts), n_top)
        np.testing.assert_array_equal(got["highly_variable"], expected["highly_variable"])
        assert got["highly_variable"].sum() % 2 == 0


def test_a_bin_of_genes_that_are_all_alike_has_no_scores():
    """Two copies of a gene far from all others: their spread is 0, and scanpy's score NaN."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.uniform(0.5, 1.0, 60), (100, 60))
    counts[:, 1] = counts[:, 0] = rng.poisson(50, 100)
    expected, total, squares = scanpys(counts, 10)
    got = dispersion_table(total, squares, len(counts), 10)
    assert got["dispersions_norm"].isna()[:2].all() and expected["dispersions_norm"].isna()[:2].all()
    np.testing.assert_allclose(got[COLUMNS], expected[COLUMNS], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_genes", [0, 1, 2])
def test_hardly_any_genes_give_a_table_and_no_error(n_genes):
    got = dispersion_table(np.full(n_genes, 5.0), np.full(n_genes, 9.0), 10, 5)
    assert len(got) == n_genes and not got["highly_variable"].any() | got["dispersions_norm"].notna().any()


def test_the_sums_given_are_not_changed():
    total, squares = np.array([0.0, 5.0, 9.0]), np.array([0.0, 9.0, 40.0])
    total.flags.writeable = squares.flags.writeable = False
    dispersion_table(total, squares, 10)
