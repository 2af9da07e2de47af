"""``preprocess`` against scanpy's normalize_total, log1p, highly_variable_genes: X, X_hvg within 1e-5, same genes."""

import warnings

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from core.data.reading import open_source
from core.errors import OptionError
from core.stats.dispersion import dispersion_table
from core.store import build_study
from core.store.preprocess import preprocess
from tests.small_screens import small_screen

N_HVG = 25
# Two genes alone in a bin score +-0.7071, equal but for rounding: the screens here have no such tie at the cut.


def scanpys(adata, n_top_genes=N_HVG, logged=False):
    adata = adata.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not logged:
            adata.X = adata.X.astype(np.float32)
            totals = dense(adata.X).sum(axis=1, dtype=np.float64)
            # scanpy 1.11.5 takes empty cells into the median for CSR and not for CSC or dense; DESIGN.md: never
            sc.pp.normalize_total(adata, target_sum=np.median(totals[totals > 0]))
            sc.pp.log1p(adata)
        sc.pp.highly_variable_genes(adata, n_top_genes=n_top_genes)
    adata.obsm["X_hvg"] = dense(adata[:, adata.var["highly_variable"]].X)
    return adata


def dense(x):
    return x.toarray() if sp.issparse(x) else np.asarray(x)


def preprocessed(study, out, n_top_genes=N_HVG):
    n = preprocess(study, out, n_top_genes=n_top_genes, threads=2, report=lambda *_: None)
    result = ad.read_h5ad(out)
    assert n == result.var["highly_variable"].sum() == result.obsm["X_hvg"].shape[1]
    return result


def test_without_empty_cells_the_target_sum_is_scanpys_own_default(tmp_path):
    screen = small_screen(300, 30, seed=1)
    screen.counts[:, 5] += 1
    study = build_study(screen.write(tmp_path / "a.h5ad"), data_root=tmp_path)
    expected = screen.adata()
    sc.pp.normalize_total(expected)
    sc.pp.log1p(expected)
    np.testing.assert_allclose(
        preprocessed(study, tmp_path / "out.h5ad").X.toarray(), expected.X.toarray(), rtol=0, atol=1e-5
    )


def check_equal(got, expected):
    assert sp.issparse(got.X) and got.X.format == "csr" and got.X.dtype == np.float32
    indptr, indices = got.X.indptr, got.X.indices
    rows = np.repeat(np.arange(got.n_obs), np.diff(indptr))
    assert (np.diff(rows * got.n_vars + indices) > 0).all()  # sorted, no gene twice
    assert (got.X.data > 0).all()
    np.testing.assert_allclose(got.X.toarray(), dense(expected.X), rtol=0, atol=1e-5)
    np.testing.assert_allclose(got.obsm["X_hvg"], expected.obsm["X_hvg"], rtol=0, atol=1e-5)
    assert got.var["highly_variable"].tolist() == expected.var["highly_variable"].tolist()
    for column in ("means", "dispersions", "dispersions_norm"):
        np.testing.assert_allclose(got.var[column], expected.var[column], rtol=1e-5, atol=1e-5, err_msg=column)
    assert got.obs_names.equals(expected.obs_names) and got.var_names.equals(expected.var_names)
    assert list(got.obs.columns) == list(expected.obs.columns)
    assert got.uns["log1p"] == {"base": None} and got.uns["hvg"]["flavor"] == "seurat"
    assert got.X.indptr.dtype == got.X.indices.dtype == np.int32  # a mixture breaks scanpy's tests
    assert got.var["dispersions_norm"].dtype == expected.var["dispersions_norm"].dtype


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
def test_counts_in_any_layout_give_what_scanpy_gives(layout, tmp_path):
    screen = small_screen(seed=1)
    study = build_study(screen.write(tmp_path / "a.h5ad", layout), data_root=tmp_path)
    check_equal(preprocessed(study, tmp_path / "out.h5ad"), scanpys(screen.adata()))


def test_a_zarr_gives_the_same(tmp_path):
    screen = small_screen(200, 60, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = screen.write(tmp_path / "a.zarr")
    check_equal(preprocessed(build_study(path, data_root=tmp_path), tmp_path / "out.h5ad"), scanpys(screen.adata()))


@pytest.mark.parametrize("n_cells", [1023, 8192, 8200])
def test_chunks_of_cells_join_without_a_seam(n_cells, tmp_path):
    screen = small_screen(n_cells, 70, seed=2)
    study = build_study(screen.write(tmp_path / "a.h5ad"), data_root=tmp_path)
    check_equal(preprocessed(study, tmp_path / "out.h5ad"), scanpys(screen.adata()))


@pytest.mark.parametrize("where", ["raw", "layers/counts"])
def test_counts_beside_x_are_taken_with_their_own_genes(where, tmp_path):
    screen = small_screen(200, 60, seed=6)
    adata = screen.adata()
    if where == "raw":
        adata.raw = adata.copy()
        adata = adata[:, ::2].copy()
        adata.varm["PCs"] = np.ones((adata.n_vars, 2))  # of X's genes, which are not those of raw
        adata.layers["scaled"] = adata.X.copy()
    else:
        adata.layers["counts"] = adata.X.copy()
    adata.X = sp.csr_matrix(adata.X.log1p())
    adata.write_h5ad(tmp_path / "a.h5ad")
    study = build_study(tmp_path / "a.h5ad", data_root=tmp_path)
    assert study.roles.matrix == where
    check_equal(preprocessed(study, tmp_path / "out.h5ad"), scanpys(screen.adata()))


def test_log_normalized_values_are_not_normalized_twice(logged, tmp_path):
    source = ad.read_h5ad(logged.path)
    got = preprocessed(logged.study, tmp_path / "out.h5ad")
    check_equal(got, scanpys(source, logged=True))
    np.testing.assert_array_equal(got.X.toarray(), source.X.toarray())


def test_fractional_counts_are_normalized_as_any(fractional, tmp_path):
    check_equal(preprocessed(fractional.study, tmp_path / "out.h5ad"), scanpys(ad.read_h5ad(fractional.path)))


@pytest.mark.parametrize("n_top", [1, 44, 45, 2000])
def test_more_variable_genes_than_there_are_choose_as_scanpy_does(n_top, plain, tmp_path):
    check_equal(preprocessed(plain.study, tmp_path / "out.h5ad", n_top), scanpys(plain.screen.adata(), n_top))


def test_the_result_is_a_log_normalized_study_of_the_same_cells(plain, tmp_path, root):
    preprocessed(plain.study, tmp_path / "out.h5ad")
    again = build_study(tmp_path / "out.h5ad", data_root=root)
    assert not again.has_counts and again.targets.index.equals(plain.study.targets.index)
    for target in again.targets.index:
        np.testing.assert_allclose(
            again.effects(target)["delta"], plain.study.effects(target)["delta"], rtol=1e-4, atol=1e-6
        )


def test_what_else_the_file_holds_is_kept_as_state_keeps_it(tmp_path, root):
    """``state tx preprocess_train`` reads, changes and writes the AnnData: obsm, layers, varm and uns stay in it."""
    adata = small_screen(200, 30, seed=3).adata()
    adata.obsm["X_pca"] = np.arange(400.0).reshape(200, 2)
    adata.uns["note"] = "mine"
    adata.varm["PCs"] = np.arange(60.0).reshape(30, 2)
    adata.layers["spliced"] = adata.X.copy()
    adata.write_h5ad(tmp_path / "a.h5ad")
    got = preprocessed(build_study(tmp_path / "a.h5ad", data_root=root), tmp_path / "out.h5ad")
    np.testing.assert_array_equal(got.obsm["X_pca"], adata.obsm["X_pca"])
    np.testing.assert_array_equal(got.varm["PCs"], adata.varm["PCs"])
    np.testing.assert_array_equal(got.layers["spliced"].toarray(), adata.layers["spliced"].toarray())
    assert got.uns["note"] == "mine"


def test_scanpy_tests_genes_on_the_result(plain, tmp_path):
    got = preprocessed(plain.study, tmp_path / "out.h5ad")
    sc.tl.rank_genes_groups(got, "target_gene", groups=["GENE3"], reference="non-targeting", method="wilcoxon")
    assert "GENE3" in got.uns["rank_genes_groups"]["names"]["GENE3"][-3:]


def test_genes_that_tie_at_the_cut_are_all_called_whatever_rounding_says():
    """Two genes alone in a bin score plus and minus half the root of two: every such pair ties."""
    rng = np.random.default_rng(0)
    means = np.repeat(np.geomspace(0.1, 40, 12), 2) * (1 + 1e-3 * np.arange(24) % 2)
    total, squares = 500 * means, 500 * means**2 * (2 + rng.random(24))
    table = dispersion_table(total, squares, 500, 3)
    tied = np.isclose(table["dispersions_norm"], np.sqrt(0.5), rtol=1e-5)
    assert tied.sum() > 3 and table.loc[tied, "highly_variable"].nunique() == 1


def test_a_simulated_screen_still_says_so(tmp_path, root):
    adata = small_screen(200, 30, seed=3).adata()
    adata.uns["simulated"] = True
    adata.write_h5ad(tmp_path / "a.h5ad")
    preprocessed(build_study(tmp_path / "a.h5ad", data_root=root), tmp_path / "out.h5ad")
    with open_source(tmp_path / "out.h5ad") as source:
        assert source.uns_simulated


def test_a_look_at_the_counts_as_log_normalized_does_not_spoil_them(tmp_path, root):
    """Two readings of one file stand beside one another; neither takes the other's values."""
    screen = small_screen(200, 60, seed=4)
    path = screen.write(tmp_path / "a.h5ad")
    build_study(path, data_root=root)
    build_study(path, data_root=root, values="log-normalized")
    check_equal(preprocessed(build_study(path, data_root=root), tmp_path / "out.h5ad"), scanpys(screen.adata()))


@pytest.mark.parametrize("tiny", [1e-50, 1e-320])
def test_values_too_small_for_the_result_leave_no_holes_in_it(tiny, tmp_path, root):
    """A float64 that float32 rounds to 0 is no stored value: an unfilled place in CSR would point anywhere."""
    adata = small_screen(60, 12, seed=5).adata()
    x = np.log1p(adata.X.toarray().astype(np.float64))
    x[3] = 0
    x[3, 4], x[7, 2] = tiny, tiny
    adata.X = sp.csr_matrix(x)
    adata.write_h5ad(tmp_path / "a.h5ad")
    study = build_study(tmp_path / "a.h5ad", data_root=root)
    preprocess(study, tmp_path / "out.h5ad", n_top_genes=5, threads=2, report=lambda *_: None)
    with open_source(tmp_path / "out.h5ad") as source:
        stored = source.stored(source.matrices["X"], "indptr").read(0, 61)
    assert stored[-1] == (x.astype(np.float32) > 0).sum()


def test_the_source_itself_is_never_written_over(plain):
    before = plain.path.read_bytes()
    with pytest.raises(OptionError, match="source itself"):
        preprocess(plain.study, plain.path, n_top_genes=5, threads=1, report=lambda *_: None)
    assert plain.path.read_bytes() == before


def test_no_variable_gene_is_no_choice(plain, tmp_path):
    with pytest.raises(OptionError, match="at least 1"):
        preprocess(plain.study, tmp_path / "out.h5ad", n_top_genes=0, threads=1, report=lambda *_: None)
    assert not list(tmp_path.glob("*out.h5ad"))
