"""Files at the edge: tiny targets, empty and repeated genes, batches without controls, values that no count can be."""

import re

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from core.data.reading import open_source
from core.errors import InvalidValuesError, PerturbscopeError, RolesError
from core.schema import Values
from core.store import build_study
from core.store.values import turn
from tests.small_screens import CONTROL, small_screen
from tests.store.reference import EVERYONE, Reference


def with_labels(screen, label, **columns):
    obs = pd.DataFrame({"target_gene": label, **columns}, index=screen.obs.index)
    return ad.AnnData(sp.csr_matrix(screen.counts.astype(np.float32)), obs=obs, var=screen.var.copy()), obs


def test_targets_of_one_and_two_cells_are_tested_like_any_other(build):
    screen = small_screen(300, 40, seed=51)
    screen.counts[:, 5] += 1  # no empty cell
    label = np.full(300, CONTROL, object)
    label[:1], label[1:3], label[3:60] = "GENE3", "GENE7", "GENE11"
    adata, obs = with_labels(screen, label)
    study, expected = build(adata), Reference(screen.counts, obs)
    assert study.targets["n_cells"].to_dict() == {"GENE3": 1, "GENE7": 2, "GENE11": 57}
    for target in study.targets.index:
        got, wanted = study.effects(target), expected.effects(target)
        for column in ("auc", "delta", "log2_fold_change", "pct_target", "p_value", "fdr", "delta_se"):
            np.testing.assert_allclose(got[column], wanted[column], rtol=1e-6, atol=1e-12, err_msg=column)
    assert study.effects("GENE3")["delta_se"].isna().all()  # one cell has no spread
    assert study.targets.loc["GENE3", ["percent_left_low", "percent_left_high"]].notna().all()
    assert np.isnan(study.targets.loc["GENE3", "e_distance"])


def test_one_control_cell_is_enough_to_build(build):
    screen = small_screen(60, 20, seed=52)
    screen.counts[:, 5] += 1
    label = np.where(np.arange(60) == 0, CONTROL, "GENE3")
    adata, obs = with_labels(screen, label)
    study = build(adata)
    assert study.n_control == 1
    np.testing.assert_allclose(study.effects("GENE3")["auc"], Reference(screen.counts, obs).effects("GENE3")["auc"])


def test_an_empty_gene_says_nothing_and_harms_nothing(built):
    gene = "GENE22"
    assert built.study.genes.loc[gene, "nonzero_fraction"] == 0 and not built.study.genes.loc[gene, "highly_variable"]
    row = built.study.gene_effects(gene)
    assert (row[["delta", "log2_fold_change", "log10_p"]] == 0).all(axis=None)
    assert (row["auc"] == 0.5).all() and (row["p_value"] == 1).all() and row["fdr"].notna().all()


def test_repeated_genes_are_told_apart_by_number(build):
    screen = small_screen(200, 30, seed=53)
    adata = screen.adata()
    names = screen.var_names
    names[10] = names[20] = "GENE3"
    adata.var_names = names
    study = build(adata)
    assert study.genes.index.is_unique and {"GENE3", "GENE3-1", "GENE3-2"} <= set(study.genes.index)
    np.testing.assert_array_equal(study.values("GENE3-2"), screen.counts[:, 20])
    assert any("epeated" in note for note in study.notes)


def test_a_batch_without_controls_leaves_the_rest_comparable(build):
    screen = small_screen(600, 40, seed=54)
    bare = (screen.obs["batch"].to_numpy(object) == "b10") & (screen.obs["target_gene"].to_numpy(object) == CONTROL)
    screen.obs["batch"] = screen.obs["batch"].astype(str)
    screen.obs.loc[bare, "batch"] = "b1"
    study, expected = build(screen), Reference(screen.counts, screen.obs)
    for target in [*study.targets.index, EVERYONE]:
        wanted = expected.within(target, "batch")
        np.testing.assert_allclose(study.effects(target)["delta_within_batch"], wanted["delta"], rtol=1e-6, atol=1e-10)
    assert any("No control cell" in note for note in study.notes)
    assert study.batches.loc["b10", "n_control"] == 0


def test_a_target_in_batches_without_controls_has_no_delta_within_batch(build):
    screen = small_screen(300, 30, seed=55)
    label = screen.obs["target_gene"].to_numpy(object)
    batch = np.where(label == "GENE3", "alone", "shared")
    adata, _ = with_labels(screen, screen.obs["target_gene"], batch=batch)
    study = build(adata, batch_col="batch")
    assert study.effects("GENE3")["delta_within_batch"].isna().all()
    assert study.effects("GENE3")["delta"].notna().all() and study.effects("GENE7")["delta_within_batch"].notna().all()


def test_one_gene_alone_makes_a_study(build):
    screen = small_screen(200, 1, seed=56)
    study = build(screen)
    assert study.n_genes == 1 and len(study.effects("GENE3")) == 1
    assert study.targets["e_distance"].isna().all()


def test_no_batch_and_no_guide_columns_are_no_obstacle(build):
    screen = small_screen(200, 30, seed=57)
    adata, _ = with_labels(screen, screen.obs["target_gene"])
    study = build(adata)
    assert study.roles.batch_col is None and study.roles.guide_col is None
    assert study.guides.empty and study.batches.empty and study.strata.empty
    np.testing.assert_allclose(study.effects("GENE3")["delta_within_batch"], study.effects("GENE3")["delta"], rtol=1e-9)


def test_a_cell_with_no_batch_is_counted_and_compared_among_its_like(build):
    screen = small_screen(400, 30, seed=58)
    screen.obs["batch"] = screen.obs["batch"].astype(object).where(np.arange(400) % 9 > 0, None)
    study = build(screen)
    screen.obs["batch"] = screen.obs["batch"].astype(object).fillna("not named")
    wanted = Reference(screen.counts, screen.obs).within("GENE7", "batch")["delta"]
    np.testing.assert_allclose(study.effects("GENE7")["delta_within_batch"], wanted, rtol=1e-6, atol=1e-10)
    assert study.n_perturbed == study.targets["n_cells"].sum()


@pytest.mark.parametrize("dtypes", [("int64", "int32"), ("int64", "int64"), ("int32", "int32")])
def test_row_pointers_of_either_width_are_read(dtypes, plain, tmp_path, root):
    path = tmp_path / "a.h5ad"
    path.write_bytes(plain.path.read_bytes())
    with h5py.File(path, "r+") as file:
        for name, dtype in zip(("indptr", "indices"), dtypes, strict=True):
            values = file[f"X/{name}"][:].astype(dtype)
            del file[f"X/{name}"]
            file[f"X/{name}"] = values
    np.testing.assert_array_equal(build_study(path, data_root=root).values("GENE3"), plain.study.values("GENE3"))


@pytest.mark.parametrize("layout", ["csr", "csc", "dense"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_value_that_is_none_is_refused_with_its_place(value, layout, tmp_path, root):
    """The look samples 64 pieces; what it misses the turn meets, and says where."""
    screen = small_screen(400, 40, seed=59)
    x = screen.counts.astype(np.float32)
    x[123, 17] = value
    adata = screen.adata()
    adata.X = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}[layout](x)
    adata.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(InvalidValuesError, match="negative" if value < 0 else "NaN or infinite"):
        build_study(tmp_path / "a.h5ad", data_root=root)
    with open_source(tmp_path / "a.h5ad") as source, pytest.raises(InvalidValuesError) as said:
        turn(source, "X", Values.COUNTS, tmp_path / "values", 2, lambda *_: None)
    assert re.search(r"cell 124\b", str(said.value)) and re.search(r"gene 18\b", str(said.value)), str(said.value)
    assert not (tmp_path / "values").exists() and not list(tmp_path.glob("values*"))
    assert not list(root.rglob("blocks.bin"))


def test_the_place_is_named_beyond_the_first_chunk(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.poisson(0.5, (9000, 40)).astype(np.float32)
    x[8500, 33] = np.nan
    obs = pd.DataFrame({"target_gene": rng.choice([CONTROL, "GENE1"], 9000)}, index=[f"c{i}" for i in range(9000)])
    var = pd.DataFrame(index=[f"GENE{i}" for i in range(40)])
    ad.AnnData(sp.csr_matrix(x), obs=obs, var=var).write_h5ad(tmp_path / "a.h5ad")
    with open_source(tmp_path / "a.h5ad") as source, pytest.raises(InvalidValuesError, match=r"cell 8,501, gene 34"):
        turn(source, "X", Values.COUNTS, tmp_path / "values", 2, lambda *_: None)


def test_a_matrix_of_zeros_is_refused(build):
    screen = small_screen(60, 20, seed=60)
    screen.counts[:] = 0
    with pytest.raises(InvalidValuesError, match="Every value"):
        build(screen)


@pytest.mark.parametrize("side", ["control", "perturbed"])
def test_a_side_without_a_single_count_is_refused(side, build):
    screen = small_screen(200, 20, seed=61)
    is_control = screen.obs["target_gene"].to_numpy(object) == CONTROL
    screen.counts[is_control if side == "control" else ~is_control] = 0
    with pytest.raises(RolesError, match=side):
        build(screen)


def test_a_control_label_that_is_absent_is_refused_with_those_there(build):
    with pytest.raises(RolesError, match="nobody"):
        build(small_screen(100, 20, seed=62), control=("nobody",))


def test_several_control_labels_are_one_control(build):
    screen = small_screen(300, 30, seed=63)
    study = build(screen, control=(CONTROL, "GENE20"))
    label = screen.obs["target_gene"].astype(object).replace("GENE20", CONTROL)
    expected = Reference(screen.counts, screen.obs.assign(target_gene=label))
    assert "GENE20" not in study.targets.index and study.n_control == expected.cells(CONTROL).sum()
    np.testing.assert_allclose(study.effects("GENE3")["auc"], expected.effects("GENE3")["auc"], rtol=1e-12)


def test_combinations_are_targets_without_a_gene_of_their_own(build):
    screen = small_screen(300, 30, seed=64)
    label = screen.obs["target_gene"].astype(object).replace("GENE20", "GENE3+GENE7").replace("GENE11", "GENE11+ctrl")
    label = label.replace(CONTROL, "ctrl")
    adata, obs = with_labels(screen, label)
    study = build(adata)
    assert "GENE3+GENE7" in study.targets.index and "GENE11" in study.targets.index
    assert study.targets.loc["GENE3+GENE7", "own_gene"] == "" and study.targets.loc["GENE11", "own_gene"] == "GENE11"


def test_a_name_of_ten_kilobytes_or_of_html_is_only_a_name(build):
    screen = small_screen(200, 30, seed=65)
    adata = screen.adata()
    names = screen.var_names
    names[4], names[5], names[6] = "x" * 10_000, "<script>alert(1)</script>", "=HYPERLINK(1)"
    adata.var_names = names
    study = build(adata)
    for k in (4, 5, 6):
        np.testing.assert_array_equal(study.values(study.genes.index[k]), screen.counts[:, k])
    assert ad.read_h5ad(study.effects_path).var_names[4].startswith("xxx")


def test_a_matrix_that_says_nothing_of_its_kind_can_be_told(tmp_path, root):
    """Fractions up to 400 are neither counts nor log values by looking; the user says which."""
    screen = small_screen(200, 30, seed=66)
    adata = screen.adata()
    adata.X = sp.csr_matrix((screen.counts * 20.5).astype(np.float32))
    adata.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(PerturbscopeError, match="--values"):
        build_study(tmp_path / "a.h5ad", data_root=root)
    study = build_study(tmp_path / "a.h5ad", data_root=root, values="counts")
    assert study.has_counts
    np.testing.assert_allclose(study.genes["mean"], adata.X.toarray().mean(axis=0, dtype=float), rtol=1e-6)


def test_stored_zeros_are_zeros(plain, build):
    adata = plain.screen.adata()
    x = adata.X.tocoo()
    rows, cols = np.concatenate([x.row, np.arange(900)]), np.concatenate([x.col, np.full(900, 22)])
    adata.X = sp.csr_matrix((np.concatenate([x.data, np.zeros(900)]), (rows, cols)), shape=x.shape).astype("f4")
    assert adata.X.nnz == x.nnz + 900
    study = build(adata)
    assert study.genes.loc["GENE22", "nonzero_fraction"] == 0 and study.left_out == plain.study.left_out
    np.testing.assert_array_equal(study.effects("GENE3")["auc"], plain.study.effects("GENE3")["auc"])


def test_a_combination_is_found_in_either_order(build):
    screen = small_screen(300, 30, seed=9)
    label = screen.obs["target_gene"].astype(object).to_numpy()
    screen.obs["target_gene"] = np.where(label == "GENE3", "GENE3+GENE7", label)
    study = build(screen)
    assert study.find_target("GENE7+gene3") == study.find_target("GENE3+GENE7") == "GENE3+GENE7"
    assert study.find_target("GENE7+GENE99") is None
