"""What must not matter: the order of cells and genes, their names, the layout of the file, the number of threads."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from core.settings import settings
from core.store import build_study
from tests.small_screens import small_screen

EXACT = ("auc", "log10_p", "p_value", "fdr", "pct_control", "pct_target", "ctrl_mean_counts", "pert_mean_counts")


def same_effects(one, other, targets=None, genes=None):
    targets = {t: t for t in one.targets.index} if targets is None else targets
    for target, name in [*targets.items(), ("All perturbed cells",) * 2]:
        a, b = one.effects(target), other.effects(name)
        b = b if genes is None else b.loc[[genes[g] for g in a.index]]
        for column in a:
            if not column.startswith(("e_",)):
                tolerance = 1e-13 if column in EXACT else 1e-9
                np.testing.assert_allclose(
                    a[column].astype(float), b[column].astype(float), atol=1e-11, err_msg=column,
                    rtol=tolerance if a[column].dtype == "f8" else 1e-6,
                )  # fmt: skip


def same_targets(one, other, columns=("n_cells", "percent_left", "percent_left_low", "n_significant", "n_changed")):
    for column in columns:
        np.testing.assert_allclose(one.targets[column].astype(float), other.targets[column].astype(float), rtol=1e-6)


def test_the_order_of_cells_does_not_matter(plain, build):
    order = np.random.default_rng(0).permutation(plain.study.n_cells)
    shuffled = build(plain.screen.adata()[order].copy())
    same_effects(plain.study, shuffled)
    same_targets(plain.study, shuffled)
    np.testing.assert_allclose(plain.study.targets["e_distance"], shuffled.targets["e_distance"], rtol=1e-4)
    np.testing.assert_array_equal(shuffled.values("GENE3"), plain.study.values("GENE3")[order])


def test_the_order_of_genes_does_not_matter(plain, build):
    order = np.random.default_rng(0).permutation(plain.study.n_genes)
    shuffled = build(plain.screen.adata()[:, order].copy())
    same_effects(plain.study, shuffled, genes={g: g for g in plain.study.genes.index})
    same_targets(plain.study, shuffled)
    assert shuffled.genes["highly_variable"].sum() == plain.study.genes["highly_variable"].sum()


def test_names_do_not_matter(plain, build):
    adata = plain.screen.adata()
    new = {g: f"AC{i:06d}.1" for i, g in enumerate(adata.var_names)}
    adata.var_names = list(new.values())
    label = adata.obs["target_gene"].astype(object)
    targets = {t: new.get(t, t) for t in plain.study.targets.index}
    adata.obs = adata.obs.rename(columns={"batch": "lane"})
    adata.obs["target_gene"] = label.map(lambda x: targets.get(x, x))
    adata.obs["guide_id"] = adata.obs["guide_id"].astype(str)
    renamed = build(adata)
    same_effects(plain.study, renamed, targets, new)
    assert set(renamed.targets.index) == set(targets.values())


@pytest.mark.parametrize("layout", ["csc", "dense", "layer", "raw", "zarr", "int64", "gzip", "unsorted"])
def test_the_way_the_file_is_stored_does_not_matter(layout, plain, tmp_path, root):
    adata = plain.screen.adata("csr" if layout not in ("csc", "dense") else layout)
    path = tmp_path / ("screen.zarr" if layout == "zarr" else "screen.h5ad")
    if layout == "layer":
        adata.layers["counts"] = adata.X.copy()
        adata.X = adata.X.log1p()
    if layout == "raw":
        adata.raw = adata.copy()
        adata = adata[:, ::2].copy()
        adata.X = sp.csr_matrix(adata.X.log1p())
    if layout == "int64":
        adata.X.indptr = adata.X.indptr.astype(np.int64)
    if layout == "unsorted":
        x = adata.X
        for i in range(x.shape[0]):
            row = slice(x.indptr[i], x.indptr[i + 1])
            x.indices[row], x.data[row] = x.indices[row][::-1].copy(), x.data[row][::-1].copy()
        x.has_sorted_indices = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if layout == "zarr":
            adata.write_zarr(path)
        else:
            adata.write_h5ad(path, compression="gzip" if layout == "gzip" else None)
    study = build_study(path, data_root=root)
    assert study.has_counts
    same_effects(plain.study, study)
    same_targets(plain.study, study)


def test_the_number_of_threads_changes_no_bit(stratified, tmp_path, monkeypatch):
    studies = []
    for threads in ("1", "5"):
        monkeypatch.setenv("PERTURBSCOPE_THREADS", threads)
        settings.cache_clear()
        studies.append(build_study(stratified.path, data_root=tmp_path / threads))
    for target in stratified.study.targets.index:
        pd.testing.assert_frame_equal(*(study.effects(target) for study in studies))
    for name in ("genes", "targets", "guides", "control_sets", "batches", "strata"):
        pd.testing.assert_frame_equal(*(getattr(study, name) for study in studies))


def test_building_twice_gives_the_same_tables(plain, root):
    again = build_study(plain.path, data_root=root)
    assert again.fingerprint == plain.study.fingerprint
    for name in ("genes", "targets", "guides", "control_sets"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(plain.study, name))


def test_cells_like_the_controls_have_no_effect(build):
    """A target whose cells are copies of all controls: every delta 0, every p 1, no distance."""
    screen = small_screen(400, 40, seed=41)
    control = screen.obs["target_gene"].to_numpy(object) == "non-targeting"
    counts = np.concatenate([screen.counts[control]] * 2)
    label = np.repeat(["non-targeting", "GENE3"], control.sum())
    obs = pd.DataFrame({"target_gene": label, "batch": np.tile(screen.obs["batch"][control].astype(str), 2)})
    obs.index = [f"c{i}" for i in range(len(obs))]
    study = build(ad.AnnData(sp.csr_matrix(counts.astype("f4")), obs=obs, var=screen.var))
    effects = study.effects("GENE3")
    np.testing.assert_allclose(effects[["delta", "delta_within_batch", "log2_fold_change"]], 0, atol=1e-12)
    np.testing.assert_array_equal(effects["auc"], 0.5)
    np.testing.assert_array_equal(effects["log10_p"], 0)
    assert abs(study.targets.loc["GENE3", "e_distance"]) < 1e-5 and study.targets.loc["GENE3", "n_significant"] == 0


def test_twice_as_deep_a_cell_is_the_same_cell(plain, build):
    """Doubling the counts of every cell doubles the median and changes no test."""
    adata = plain.screen.adata()
    adata.X = adata.X * 2
    doubled = build(adata)
    assert doubled.median_total == 2 * plain.study.median_total
    for target in plain.study.targets.index:
        for column in ("auc", "log10_p", "pct_target"):
            np.testing.assert_array_equal(doubled.effects(target)[column], plain.study.effects(target)[column])
