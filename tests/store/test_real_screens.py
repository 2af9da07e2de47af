"""Known truths of real screens (../shared/data): what their authors and the design's study of them found."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from core.store import build_study
from tests.small_screens import CONTROL
from tests.store.reference import Reference

pytestmark = pytest.mark.real_data

PERCENT_LEFT = {
    "CPQ": 0.07, "LRRCC1": 0.07, "FAM83A": 0.10, "RIPK2": 0.16, "ZFPM2": 0.17, "DSCC1": 0.21, "PHF20L1": 0.23,
    "STK3": 0.23, "HBE1": 0.29, "UBR5": 0.34, "CCNE2": 0.57, "OXR1": 0.59, "GATA1": 0.76, "MYC": 0.84,
}  # fmt: skip

# mean ln(1 + 1e4 x / total) in the target less that in the controls
NORMAN = [
    ("KLF1", "HBZ", 1.58), ("KLF1", "HBG2", 1.16), ("SET+KLF1", "HBZ", 1.56), ("SET+KLF1", "HBG2", 1.44),
    ("CEBPE+RUNX1T1", "HBG2", -0.91), ("CEBPE+RUNX1T1", "HBZ", -0.73), ("MAPK1", "HBG2", -1.23),
    ("MAPK1", "HBZ", -0.81), ("MAPK1", "TMSB4X", 0.89),
]  # fmt: skip


@pytest.fixture(scope="module")
def open_screen(tmp_path_factory, real_data):
    """Function that builds a screen once a module and recipe."""
    root, built = tmp_path_factory.mktemp("real"), {}

    def build(name, **roles):
        key = (name, *roles.items())
        if key not in built:
            (path,) = real_data.glob(f"*/{name}.h5ad")
            built[key] = build_study(path, data_root=root, **roles)
        return built[key]

    return build


@pytest.fixture
def schraivogel(open_screen):
    return open_screen("schraivogel20_k562_tap")


def test_schraivogels_targets_keep_what_its_readme_lists(schraivogel):
    left = schraivogel.targets["percent_left"]
    assert sorted(left.index) == sorted(PERCENT_LEFT)
    assert (left - pd.Series(PERCENT_LEFT)).abs().max() < 0.03
    hardly = schraivogel.targets.index[~schraivogel.targets["measurable"]].tolist()
    assert hardly == ["CCNE2"] and schraivogel.targets.loc["CCNE2", "control_mean"] < 0.05
    assert schraivogel.modality == "knock-down"
    inside = (schraivogel.targets["percent_left_low"] <= left) & (left <= schraivogel.targets["percent_left_high"])
    assert inside.all() and (schraivogel.targets["percent_left_high"] < 1).all()


def test_schraivogels_hbe1_lifts_every_gene_while_it_is_in_the_totals(schraivogel, open_screen):
    assert schraivogel.genes["count_share"].idxmax() == "HBE1"
    assert schraivogel.genes.loc["HBE1", "control_mean"] > 0
    raised = (schraivogel.effects("HBE1")["delta"] > 0).sum()
    without = (schraivogel.effects_without_own_gene("HBE1")["delta"] > 0).sum()
    no_dominant = (open_screen("schraivogel20_k562_tap", size_factors="no-dominant").effects("HBE1")["delta"] > 0).sum()
    assert (raised, without) == (67, 41) and abs(no_dominant - 41) <= 1


def test_schraivogels_controls_are_not_all_alike(schraivogel):
    guides = schraivogel.control_sets.query("kind == 'guide'").set_index("name")["n_significant"]
    assert len(guides) == 30 and guides.max() == 23 and (guides <= 1).sum() > 20
    random = schraivogel.control_sets.query("kind == 'random'")["n_significant"]
    assert random.mean() < 1.5


def test_schraivogels_neighbours_on_the_genome_are_flagged(schraivogel):
    assert "E2F5" in schraivogel.targets.loc["LRRCC1", "neighbours"]


def test_schraivogels_effects_are_scipys(schraivogel):
    adata = ad.read_h5ad(schraivogel.path)
    expected = Reference(adata.X.toarray(), adata.obs)
    for target in ("HBE1", "ZFPM2"):
        u, log_p = expected.u_and_log_p(expected.cells(target), expected.cells(CONTROL))
        got = schraivogel.effects(target)
        n = expected.cells(target).sum() * expected.cells(CONTROL).sum()
        np.testing.assert_allclose(got["auc"] * n, u, rtol=0, atol=1e-4)
        finite = np.isfinite(log_p)  # scipy's p underflows for HBE1 itself; ours is finite
        np.testing.assert_allclose((got["log10_p"] * np.log(10))[finite], log_p[finite], rtol=1e-6)
        assert np.isfinite(got["log10_p"]).all()


def test_datlingers_bach2_answers_to_stimulation_and_not_to_the_targets(open_screen):
    study = open_screen("datlinger21_jurkat_scifi", size_factors="obs:ncounts_all_genes")
    bach2 = study.gene_effects("BACH2")
    assert len(study.targets) == 20 and study.roles.stratum_col == "condition"
    assert (bach2["fdr"] < 0.05).sum() == 15 and (bach2["fdr_stratified"] < 0.05).sum() == 7
    assert study.targets["n_significant"].sum() > 2 * study.targets["n_significant_stratified"].sum()
    assert study.targets["stratum_warning"].sum() >= 10 and study.stratified_default


def test_datlingers_targets_are_hardly_measurable(open_screen):
    targets = open_screen("datlinger21_jurkat_scifi").targets
    assert targets.index[targets["measurable"]].tolist() == ["JUND"]
    for target in {"EGR1", "JUN", "RELA"} & set(targets.index[targets["in_genes"]]):
        assert np.isnan(targets.loc[target, "percent_left"])
    assert (np.abs(open_screen("datlinger21_jurkat_scifi").effects("JUND")["log2_fold_change"]) < 20).all()


@pytest.mark.parametrize(("target", "gene", "difference"), NORMAN)
def test_normans_activations_move_the_globins_as_known(target, gene, difference, open_screen):
    study = open_screen("norman19_k562_crispra", size_factors="obs:ncounts_all_genes")
    obs = ad.read_h5ad(study.path, backed="r").obs
    label, totals = obs["target_gene"].astype(str), obs["ncounts_all_genes"].to_numpy(float)
    log = np.log1p(1e4 * study.values(gene) / totals)
    assert log[label == target].mean() - log[label == CONTROL].mean() == pytest.approx(difference, abs=0.006)
    effect = study.effects(target).loc[gene]
    log = np.log1p(study.values(gene) / totals * study.median_total)  # ours is per median total, 13,523, not per 1e4
    assert effect["delta"] == pytest.approx(log[label == target].mean() - log[label == CONTROL].mean(), rel=1e-6)
    assert effect["fdr"] < 1e-5 and abs(effect["delta"]) > 0.9 * abs(difference)


def test_normans_screen_reads_as_activation_with_combinations(open_screen):
    study = open_screen("norman19_k562_crispra")
    assert len(study.targets) == 33 and sum("+" in t for t in study.targets.index) == 15 and study.n_control == 100


def test_mcfalines_screen_shows_next_to_nothing(open_screen):
    study = open_screen("mcfaline23_gbm_crispri")
    assert len(study.targets) == 9 and study.targets["n_significant"].sum() <= 2
    assert study.targets["n_significant_stratified"].sum() == 0
    assert (study.targets["strength"] == "negligible").all()


def test_a_file_that_is_log_normalized_is_not_normalized_again(open_screen):
    study = open_screen("devel_original")
    assert not study.has_counts and study.roles.control == ("control",) and study.roles.target_col == "perturbation"
    x = ad.read_h5ad(study.path).to_df()
    label = ad.read_h5ad(study.path, backed="r").obs["perturbation"].astype(str).to_numpy()
    target = study.targets.index[3]
    expected = x[label == target].mean() - x[label == "control"].mean()
    np.testing.assert_allclose(study.effects(target)["delta"], expected, rtol=1e-5, atol=1e-6)
