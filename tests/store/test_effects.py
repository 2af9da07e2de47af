"""Effects in the Store against scipy and a regression, gene by gene in float64."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from core.errors import UnknownGeneError, UnknownTargetError
from tests.store.reference import EVERYONE

CLOSE = {"rtol": 1e-6, "atol": 1e-12}  # DESIGN.md: 1e-6 relative; sums over cells in another order differ by 1e-13
LN10 = np.log(10)
LAYERS = [
    "delta",
    "delta_within_batch",
    "log2_fold_change",
    "auc",
    "p_value",
    "log10_p",
    "fdr",
    "pct_control",
    "pct_target",
]


def everyone(built):
    return [*built.study.targets.index, EVERYONE]


def test_u_is_exact_and_p_is_scipys_for_every_gene_and_target(built):
    control = built.expected.cells("non-targeting")
    for target in everyone(built):
        cells = built.expected.cells(target)
        u, log_p = built.expected.u_and_log_p(cells, control)
        effects = built.study.effects(target)
        np.testing.assert_allclose(effects["auc"] * cells.sum() * control.sum(), u, rtol=0, atol=1e-6)
        np.testing.assert_allclose(effects["log10_p"] * LN10, log_p, **CLOSE)


def test_fdr_is_benjamini_and_hochbergs_over_all_genes(built):
    for target in everyone(built):
        np.testing.assert_allclose(built.study.effects(target)["fdr"], built.expected.effects(target)["fdr"], **CLOSE)


def test_means_deltas_and_fold_changes_are_plain_arithmetic(built):
    for target in everyone(built):
        expected, effects = built.expected.effects(target), built.study.effects(target)
        for column in expected.columns:
            if column not in ("auc", "log10_p", "p_value", "fdr"):
                np.testing.assert_allclose(effects[column], expected[column], **CLOSE, err_msg=f"{column} of {target}")


def test_counts_have_no_meaning_in_a_log_normalized_file(logged):
    effects = logged.study.effects("GENE3")
    assert effects[["ctrl_mean_counts", "pert_mean_counts"]].isna().all(axis=None)
    assert logged.study.genes[["mean", "max", "min"]].isna().all(axis=None)
    assert not logged.study.has_counts


def test_delta_within_batch_is_a_regression_on_target_and_batches(built):
    for target in everyone(built):
        expected, effects = built.expected.within(target, "batch"), built.study.effects(target)
        np.testing.assert_allclose(effects["delta_within_batch"], expected["delta"], rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(effects["delta_within_batch_se"], expected["se"], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("name", ["stratified", "logged"])
def test_the_stratified_test_is_van_elterens(name, request):
    built = request.getfixturevalue(name)
    for target in everyone(built):
        expected, effects = built.expected.van_elteren(target, "cell_type"), built.study.effects(target)
        np.testing.assert_allclose(effects["log10_p_stratified"] * LN10, expected["log_p"], **CLOSE)
        np.testing.assert_allclose(effects["auc_stratified"], expected["auc"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(effects["p_value_stratified"], np.exp(expected["log_p"]), **CLOSE)


@pytest.mark.parametrize("name", ["stratified", "logged"])
def test_the_stratified_delta_and_fold_change_weigh_strata_as_within_batch_ones_do(name, request):
    built = request.getfixturevalue(name)
    for target in everyone(built):
        expected, effects = built.expected.within(target, "cell_type"), built.study.effects(target)
        np.testing.assert_allclose(effects["delta_stratified"], expected["delta"], rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(effects["delta_stratified_se"], expected["se"], rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(effects["log2_fold_change_stratified"], expected["fold"], rtol=1e-6, atol=1e-10)


def test_without_strata_there_is_no_stratified_twin(plain):
    assert not [c for c in plain.study.effects("GENE3") if c.endswith("_stratified")]
    assert not plain.study.has_strata and not plain.study.stratified_default


def test_a_row_and_a_column_of_the_effects_agree(built):
    rows = {target: built.study.effects(target) for target in built.study.targets.index}
    for gene in ("GENE0", "GENE31", "GENE32", "GENE44"):  # either side of a block of genes
        column = built.study.gene_effects(gene)
        assert column.index.tolist() == built.study.targets.index.tolist()
        expected = pd.DataFrame({target: row.loc[gene] for target, row in rows.items()}).T
        pd.testing.assert_frame_equal(column, expected[column.columns].astype(column.dtypes), check_names=False)


def test_effects_open_in_anndata_with_targets_as_rows(built):
    adata = ad.read_h5ad(built.study.effects_path)
    assert adata.obs_names.tolist() == built.study.targets.index.tolist()
    assert adata.var_names.tolist() == built.screen.var_names
    twins = [f"{c}_stratified" for c in ("log10_p", "p_value", "fdr", "auc")] if built.study.has_strata else []
    assert set(LAYERS + twins) <= set(adata.layers)
    for name in LAYERS:
        np.testing.assert_array_equal(adata.layers[name][0], built.study.effects(adata.obs_names[0])[name])
    assert adata.obs["n_cells"].tolist() == [int(built.expected.cells(t).sum()) for t in adata.obs_names]


def test_planted_effects_are_found_and_nothing_else_is_called_strong(plain):
    effects = {t: plain.study.effects(t) for t in ("GENE3", "GENE7", "GENE11", "GENE20")}
    assert effects["GENE3"].loc["GENE2", "fdr"] < 1e-6 and effects["GENE3"].loc["GENE2", "delta_within_batch"] > 0.5
    assert effects["GENE7"].loc["GENE5", "fdr"] < 1e-6 and effects["GENE7"].loc["GENE5", "delta"] < 0
    assert effects["GENE11"].loc["GENE6", "log2_fold_change"] > 0.8
    assert (effects["GENE20"]["fdr"] > 0.05).all()


def test_an_unknown_name_is_answered_with_a_suggestion(plain):
    with pytest.raises(UnknownTargetError, match="Did you mean GENE20"):
        plain.study.effects("GENE2O")
    with pytest.raises(UnknownGeneError, match="45 genes"):
        plain.study.gene_effects("nope")
    with pytest.raises(UnknownGeneError):
        plain.study.values("nope")


def test_values_are_the_files_in_the_files_order(built):
    for g in (0, 31, 32, 44):
        np.testing.assert_array_equal(built.study.values(f"GENE{g}"), built.expected.values[:, g].astype(np.float32))
