"""What the Store says of targets, guides, batches and strata, against pandas and numpy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from core.stats.deltas import percent_left
from tests.small_screens import FALLS, UNMEASURED, small_screen
from tests.store.reference import EVERYONE, Reference


def test_cells_are_counted_without_the_unlabelled_and_the_empty(built):
    study, expected = built.study, built.expected
    unlabelled = int((expected.label == None).sum())  # noqa: E711 - elementwise
    empty = int((~expected.counted & (expected.label != None)).sum())  # noqa: E711 - elementwise
    assert unlabelled > 0 and empty > 0
    assert (
        sorted(study.left_out.values()) == sorted([unlabelled, empty]) and study.left_out["no counts at all"] == empty
    )
    assert study.n_control == expected.cells("non-targeting").sum()
    assert study.n_perturbed == expected.cells(EVERYONE).sum() == study.targets["n_cells"].sum()
    assert study.n_cells == len(built.screen.obs) == study.n_control + study.n_perturbed + sum(study.left_out.values())


def test_unused_categories_are_no_targets(built):
    assert built.study.targets.index.tolist() == sorted([*FALLS, UNMEASURED])


def test_percent_left_is_the_ratio_of_mean_normalized_counts_of_the_own_gene(built):
    control = built.expected.cells("non-targeting")
    targets = built.study.targets
    for target in FALLS:
        g = built.screen.var_names.index(target)
        mine, theirs = (built.expected.normalized[c, g] for c in (built.expected.cells(target), control))
        row = targets.loc[target]
        left = mine.mean() / theirs.mean()
        half = 1.959963984540054 * np.sqrt(
            mine.var(ddof=1) / mine.size / theirs.mean() ** 2
            + left**2 * theirs.var(ddof=1) / theirs.size / theirs.mean() ** 2
        )
        np.testing.assert_allclose(row["percent_left"], left, rtol=1e-9)
        np.testing.assert_allclose(row["percent_left_low"], max(left - half, 0), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(row["percent_left_high"], left + half, rtol=1e-6)
        np.testing.assert_allclose(row["control_mean"], theirs.mean(), rtol=1e-9)
        np.testing.assert_allclose(row["target_mean"], mine.mean(), rtol=1e-9)
        assert row["percent_left_p"] == built.study.effects(target).loc[target, "p_value"]
        assert row["in_genes"] and row["own_gene"] == target and row["measurable"] == (theirs.mean() >= 0.05)


def test_a_target_that_is_no_measured_gene_has_nothing_left_to_measure(built):
    row = built.study.targets.loc[UNMEASURED]
    assert not row["in_genes"] and not row["measurable"] and row["own_gene"] == ""
    assert row[["percent_left", "percent_left_low", "percent_left_high", "percent_left_p"]].isna().all()


def test_guides_carry_what_is_left_in_their_own_cells(plain):
    control = plain.expected.cells("non-targeting")
    guide = plain.screen.obs["guide_id"].to_numpy(object)
    table = plain.study.guides
    assert len(table) == 2 * (len(FALLS) + 1)
    for row in table.itertuples():
        mine = plain.expected.cells(row.target) & (guide == row.guide)
        assert row.n_cells == mine.sum()
        if row.target == UNMEASURED:
            assert np.isnan(row.percent_left)
            continue
        g = plain.screen.var_names.index(row.target)
        x, c = plain.expected.normalized[mine, g], plain.expected.normalized[control, g]
        expected = percent_left(x.mean(), x.var(ddof=1), x.size, c.mean(), c.var(ddof=1), c.size)
        np.testing.assert_allclose(
            [row.percent_left, row.low, row.high], [expected.left, expected.low, expected.high], rtol=1e-6
        )
    assert (plain.study.targets["n_guides"] == 2).all()


def test_counts_of_changed_genes_follow_from_the_effects(built):
    rows = [(t, built.study.targets.loc[t], built.study.effects(t)) for t in built.study.targets.index]
    rows.append((EVERYONE, built.study.pooled, built.study.effects(EVERYONE)))
    for _, row, effects in rows:
        for suffix in ("", "_stratified") if built.study.has_strata else ("",):
            significant = effects[f"fdr{suffix}"] < 0.05
            fold = effects[f"log2_fold_change{suffix}"]
            changed = significant & (fold.abs() >= np.log2(1.4))
            assert row[f"n_significant{suffix}"] == significant.sum()
            assert row[f"n_changed{suffix}"] == changed.sum()
            assert row[f"n_up{suffix}"] == (changed & (fold > 0)).sum()
            assert row[f"n_down{suffix}"] == (changed & (fold < 0)).sum()
        strength = "strong" if row["n_significant"] > 100 else "subtle" if row["n_significant"] >= 10 else "negligible"
        assert row["strength"] == strength


def test_batches_and_strata_are_counted_with_their_controls(built):
    for column, table in (("batch", built.study.batches), ("cell_type", built.study.strata)):
        if column not in built.screen.obs:
            continue
        group = built.screen.obs[column].to_numpy(object)
        control, used = built.expected.cells("non-targeting"), built.expected.used
        for name, row in table.iterrows():
            here = group == name
            assert (row["n_cells"], row["n_control"]) == ((here & used).sum(), (here & control).sum())
            assert row["median_total"] == pytest.approx(np.median(built.expected.values.sum(axis=1)[here & used]))
    assert built.study.batches.index.tolist() == ["b1", "b2", "b10"]


def test_a_target_unevenly_spread_over_strata_is_warned_of_and_makes_stratified_the_default(stratified):
    targets = stratified.study.targets
    control = stratified.expected.cells("non-targeting")
    group = stratified.screen.obs["cell_type"].to_numpy(object)
    for target, row in targets.iterrows():
        mine = stratified.expected.cells(target)
        counts = [[(cells & (group == s)).sum() for s in ("alpha", "beta")] for cells in (mine, control)]
        assert row["stratum_p"] == pytest.approx(stats.chi2_contingency(counts).pvalue, rel=1e-9)
    assert targets["stratum_warning"].tolist() == [t == "GENE7" for t in targets.index]
    assert stratified.study.stratified_default


def test_energy_distance_is_brute_force_in_the_space_of_variable_genes(plain, stratified, fractional):
    """45 genes have fewer than 50 axes, so distances in them are distances of the log-normalized values."""
    for built in (plain, stratified, fractional):
        variable = built.study.genes["highly_variable"].to_numpy()
        assert variable.sum() < 50
        x = built.expected.log[:, variable]
        control = x[built.expected.cells("non-targeting")]
        spread = cdist(control, control).mean()
        rows = {t: built.study.targets.loc[t, "e_distance"] for t in built.study.targets.index}
        rows[EVERYONE] = built.study.pooled["e_distance"]
        for target, got in rows.items():
            mine = x[built.expected.cells(target)]
            expected = 2 * cdist(mine, control).mean() - cdist(mine, mine).mean() - spread
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_fifty_axes_are_those_of_all_cells(build):
    screen = small_screen(800, 120, seed=11)
    study, expected = build(screen), Reference(screen.counts, screen.obs)
    x = expected.log[:, study.genes["highly_variable"].to_numpy()]
    centred = x - x[expected.used].mean(axis=0)
    axes = np.linalg.svd(centred[expected.used], full_matrices=False)[2][:50]
    y = centred @ axes.T
    control = y[expected.cells("non-targeting")]
    for target, row in study.targets.iterrows():
        mine = y[expected.cells(target)]
        distance = 2 * cdist(mine, control).mean() - cdist(mine, mine).mean() - cdist(control, control).mean()
        np.testing.assert_allclose(row["e_distance"], distance, rtol=1e-3)


def test_agreement_is_high_for_targets_that_act_and_none_for_those_that_do_not(build):
    screen = small_screen(4000, 200, seed=21)
    shift = np.random.default_rng(0).lognormal(0, 0.5, 200)
    acts = screen.obs["target_gene"].to_numpy(object) == "GENE3"
    screen.counts[acts] = np.random.default_rng(1).poisson(screen.counts[acts] * shift)
    targets = build(screen).targets
    assert targets.loc["GENE3", "guide_r"] > 0.8 and targets.loc["GENE3", "batch_r"] > 0.8
    # shared controls must not make guides agree: GENE20 and STAT1 do nothing
    assert targets.loc[["GENE20", UNMEASURED], "guide_r"].abs().max() < 0.35
    assert targets.loc[["GENE20", UNMEASURED], "batch_r"].abs().max() < 0.35


def test_modality_is_read_from_what_own_genes_do(plain, build):
    assert plain.study.modality == "knock-down"
    screen = small_screen(900, 45, seed=12)
    for target in FALLS:
        mine = screen.obs["target_gene"].to_numpy(object) == target
        screen.counts[mine, screen.var_names.index(target)] = 12
    assert build(screen, "up").modality == "activation"


def test_histograms_hold_every_cell_once(built):
    for table in (built.study.totals_histogram, built.study.genes_seen_histogram):
        assert table["control"].sum() == built.study.n_control and table["perturbed"].sum() == built.study.n_perturbed
        assert (table["left"].to_numpy()[1:] == table["right"].to_numpy()[:-1]).all()


def test_genes_that_fall_as_far_as_the_own_gene_are_named(build):
    screen = small_screen(900, 45, seed=13)
    mine = screen.obs["target_gene"].to_numpy(object) == "GENE3"
    screen.counts[:, 30] = np.random.default_rng(0).poisson(3, len(mine))
    screen.counts[mine, 30] = 0
    targets = build(screen).targets
    assert targets.loc["GENE3", "falls_as_far"].startswith("GENE30")
    assert "GENE3 " not in targets.loc["GENE3", "falls_as_far"]  # not its own


def test_tables_have_one_row_a_target_in_sorted_order_whatever_the_order_of_cells(plain):
    assert isinstance(plain.study.targets.index, pd.Index) and plain.study.targets.index.is_monotonic_increasing
