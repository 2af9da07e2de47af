"""Recipes of size factors: all genes, without dominant ones, totals of an obs column, without the own gene."""

import numpy as np
import pytest
import scipy.sparse as sp

from core.errors import OptionError, RolesError, UnknownTargetError
from core.store import build_study
from tests.small_screens import small_screen
from tests.store.reference import EVERYONE, Reference


def dominated(seed=31):
    """GENE5 and GENE9 hold far over 5 % of all counts; GENE12 stays below it."""
    screen = small_screen(700, 60, seed=seed)
    rng = np.random.default_rng(seed)
    for gene, mean in (("GENE5", 80), ("GENE9", 60)):
        screen.counts[:, screen.var_names.index(gene)] = rng.negative_binomial(1, 1 / (1 + mean), 700)
    screen.counts[~(np.arange(700) % 7 > 0)] //= 2
    return screen


def check(study, expected, targets=("GENE3", "GENE7", EVERYONE)):
    assert study.median_total == pytest.approx(expected.median, rel=1e-12)
    for target in targets:
        got, wanted = study.effects(target), expected.effects(target)
        for column in ("delta", "log2_fold_change", "auc", "pert_mean_normalized", "ctrl_mean_normalized"):
            np.testing.assert_allclose(got[column], wanted[column], rtol=1e-6, atol=1e-12, err_msg=column)
        np.testing.assert_allclose(got["log10_p"] * np.log(10), wanted["log10_p"] * np.log(10), rtol=1e-6, atol=1e-12)


def test_all_genes_are_the_default(build):
    screen = dominated()
    check(build(screen), Reference(screen.counts, screen.obs))


def test_no_dominant_leaves_genes_with_over_five_percent_of_counts_out_of_the_totals(build):
    screen = dominated()
    share = screen.counts.sum(axis=0) / screen.counts.sum()
    dominant = share > 0.05
    assert set(np.flatnonzero(dominant)) >= {5, 9} and dominant.sum() < 8
    totals = screen.counts[:, ~dominant].sum(axis=1)
    keep = (totals > 0) | (screen.counts.sum(axis=1) == 0)  # a cell of dominant genes alone: see below
    screen.counts[~keep] = 0
    check(build(screen, size_factors="no-dominant"), Reference(screen.counts, screen.obs, totals))


def test_a_cell_with_dominant_genes_alone_has_no_size_factor_and_is_left_out(build):
    """Its total by the recipe is 0: DESIGN.md leaves such a cell out and counts it; it cannot be normalized."""
    screen = small_screen(700, 60, seed=31)
    screen.counts[:, 5] = 100
    alone = np.flatnonzero(screen.obs["target_gene"].to_numpy(object) == "GENE3")[:30]
    screen.counts[alone] = 0
    screen.counts[alone, 5] = 100
    study = build(screen, size_factors="no-dominant")
    without = screen.counts.copy()
    without[alone] = 0
    totals = np.delete(without, 5, axis=1).sum(axis=1)
    without[totals == 0] = 0
    expected = Reference(without, screen.obs, totals)
    assert study.targets.loc["GENE3", "n_cells"] == expected.cells("GENE3").sum()
    assert sum(study.left_out.values()) == study.n_cells - expected.used.sum()
    check(study, expected, ("GENE3",))


def test_fractional_counts_of_dominant_genes_alone_leave_no_residue_of_rounding(build):
    """Totals are sums of the file's float64, a gene's values float32: what is left of 100.1 - 100.1 is nothing."""
    screen = small_screen(700, 60, seed=31)
    counts = screen.counts * 1.1
    counts[:, 5] = 330.3
    alone = np.flatnonzero(screen.obs["target_gene"].to_numpy(object) == "non-targeting")[:5]
    counts[alone] = 0
    counts[alone, 5], counts[alone, 9] = 1000.1, 0.7 * 300.3
    counts[:, 9] = np.maximum(counts[:, 9], 210.21)
    adata = screen.adata()
    adata.X = sp.csr_matrix(counts)
    study = build(adata, size_factors="no-dominant", values="counts")
    assert study.genes["control_mean"].drop(["GENE5", "GENE9"]).max() < 1e4
    rest = np.delete(counts, np.flatnonzero(counts.sum(axis=0) > 0.05 * counts.sum()), axis=1).sum(axis=1)
    assert study.n_control == ((screen.obs["target_gene"] == "non-targeting") & (rest > 0)).sum()


def test_totals_come_from_an_obs_column_as_they_stand(build):
    screen = small_screen(700, 60, seed=32)
    check(build(screen, size_factors="obs:n_umi"), Reference(screen.counts, screen.obs, screen.obs["n_umi"]))


def test_totals_of_any_unit_rank_as_they_should(build):
    """Size factors around 1, or totals that span ten orders of magnitude, are ranked like any other."""
    screen = small_screen(500, 20, seed=33)
    rng = np.random.default_rng(0)
    for name, totals in {"near_one": rng.lognormal(0, 0.5, 500), "wide": 10.0 ** rng.uniform(-2, 8, 500)}.items():
        screen.obs[name] = totals
        check(build(screen, name, size_factors=f"obs:{name}"), Reference(screen.counts, screen.obs, totals), ("GENE3",))


@pytest.mark.parametrize("bad", [0.0, -3.0, np.nan, np.inf])
def test_a_total_that_is_no_positive_number_is_refused(bad, build):
    screen = small_screen(120, 20, seed=34)
    totals = np.full(120, 100.0)
    used = (screen.counts.sum(axis=1) > 0) & screen.obs["target_gene"].notna().to_numpy()
    totals[np.flatnonzero(used)[3]] = bad
    screen.obs["depth"] = totals
    with pytest.raises(RolesError, match="depth"):
        build(screen, size_factors="obs:depth")


@pytest.mark.parametrize("recipe", ["obs:nowhere", "obs:target_gene", "some"])
def test_a_recipe_that_is_none_is_refused(recipe, build):
    with pytest.raises(RolesError):
        build(small_screen(120, 20, seed=34), size_factors=recipe)


def test_size_factors_change_no_count(plain, root):
    other = build_study(plain.path, data_root=root, size_factors="obs:n_umi")
    for target in ("GENE3", EVERYONE):
        for column in ("ctrl_mean_counts", "pert_mean_counts", "pct_control", "pct_target"):
            np.testing.assert_array_equal(other.effects(target)[column], plain.study.effects(target)[column])
    np.testing.assert_array_equal(other.genes["mean"], plain.study.genes["mean"])


def test_without_its_own_gene_the_totals_are_those_of_all_others(build):
    screen = dominated()
    screen.counts[:, 3] = np.random.default_rng(0).poisson(150, 700)
    screen.counts[screen.obs["target_gene"].to_numpy(object) == "GENE3", 3] //= 10
    study = build(screen)
    got = study.effects_without_own_gene("GENE3")
    label = screen.obs["target_gene"].to_numpy(object)
    both = np.isin(label, ["GENE3", "non-targeting"])
    totals = screen.counts.sum(axis=1) - screen.counts[:, 3]
    wanted = Reference(screen.counts[both], screen.obs[both], totals[both]).effects("GENE3")
    for column in ("auc", "pct_control", "pct_target", "ctrl_mean_counts"):
        np.testing.assert_allclose(got[column], wanted[column], rtol=1e-6, atol=1e-12, err_msg=column)
    assert got.index.equals(study.genes.index) and set(got) == set(study.effects("GENE3"))
    # its own fall lifts every other gene as long as it is in the totals
    others = np.arange(60) != 3
    assert study.effects("GENE3")["delta"][others].mean() > 0.2 > abs(got["delta"][others].mean())


def test_nothing_is_left_out_twice(build):
    """Totals that lack dominant genes may lack the target's own already."""
    study = build(small_screen(), size_factors="no-dominant")
    with pytest.raises(OptionError, match="no-dominant"):
        study.effects_without_own_gene("GENE3")


def test_only_a_measured_gene_of_counts_can_be_left_out(plain, logged):
    with pytest.raises(OptionError, match="STAT1"):
        plain.study.effects_without_own_gene("STAT1")
    with pytest.raises(OptionError, match="no counts"):
        logged.study.effects_without_own_gene("GENE3")
    with pytest.raises(UnknownTargetError):
        plain.study.effects_without_own_gene("nobody")
