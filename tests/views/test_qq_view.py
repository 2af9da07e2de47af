"""QQ: ordered p values of a target beside those of control sets of its size."""

import numpy as np
import pandas as pd
import pytest

from core.stats.calibration import ranks_kept, sets_that_call, smallest_p
from core.stats.fdr import benjamini_hochberg
from core.store import build_study
from core.views import perturbation_view
from core.views.control_sets import calibration, controls_words, most_that_controls_give, sets_of_size
from core.views.qq import qq_view
from tests.small_screens import small_screen

SETS = pd.DataFrame(
    [("guide", "nt_1", 250, 23), ("guide", "nt_2", 240, 0)]
    + [("random", f"set {k}", size, calls) for size, most in ((50, 1), (200, 4)) for k, calls in enumerate((0, most))],
    columns=["kind", "name", "n_cells", "n_significant"],
).assign(smallest_log10_p=-5.0)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qq")
    return build_study(small_screen(1500, 60, seed=3).write(folder / "screen.h5ad"), data_root=folder / "root")


def test_the_points_are_the_targets_own_p_values_in_order(study):
    found = qq_view(study, perturbation_view(study, "GENE3"))

    log10_p = study.effects("GENE3")["log10_p"].drop("GENE3").fillna(0).sort_values()
    assert len(found.points) == found.n_genes == study.n_genes - 1  # few genes: none is thinned out
    np.testing.assert_allclose(found.points["observed"], -log10_p)
    np.testing.assert_allclose(10 ** -found.points["expected"], (np.arange(1, 60) - 0.5) / 59)
    assert found.points["gene"].iloc[0] == log10_p.index[0]


def test_the_band_holds_the_random_sets_of_the_targets_size(study):
    view = perturbation_view(study, "GENE3")
    found = qq_view(study, view)

    sets = sets_of_size(study.control_sets, view.n_target)
    kept = -study.control_p.iloc[sets.index].to_numpy()
    assert found.n_sets == len(sets) > 1
    np.testing.assert_allclose(found.controls["low"], kept.min(axis=0))
    np.testing.assert_allclose(found.controls["median"], np.median(kept, axis=0))
    np.testing.assert_allclose(found.controls["high"], kept.max(axis=0))
    assert (found.controls["low"] <= found.controls["high"]).all()


def test_control_sets_lie_near_chance_where_nothing_differs_and_a_target_that_acts_does_not(study):
    found = qq_view(study, perturbation_view(study, "GENE3"))

    assert abs(np.log10(2) - found.controls["median"].iloc[29]) < 0.2  # the middle p of 60 is near 1/2
    assert found.points["observed"].iloc[0] > 2 * found.controls["high"].max()


def test_what_is_kept_of_the_control_sets_are_their_own_p_values(study):
    assert len(study.control_p) == len(study.control_sets)
    log10_p = study.control_p.to_numpy(float)
    fdr = np.array([(benjamini_hochberg(row) < 0.05).sum() for row in log10_p])
    np.testing.assert_array_equal(fdr, study.control_sets["n_significant"])


def test_ranks_kept_are_few_and_all_where_genes_are_few():
    np.testing.assert_array_equal(ranks_kept(72), np.arange(1, 73))
    many = ranks_kept(18_080)
    assert many.size <= 200 and many[0] == 1 and many[-1] == 18_080 and (np.diff(many) > 0).all()
    assert ranks_kept(0).size == 0


def test_order_statistics_are_those_of_sorting_and_a_test_not_made_counts_as_one():
    log10_p = np.log10(np.random.default_rng(0).uniform(size=(3, 500)))
    log10_p[1, 7] = np.nan
    kept = smallest_p(log10_p)

    expected = np.sort(np.nan_to_num(log10_p), axis=1)[:, ranks_kept(500) - 1]
    np.testing.assert_allclose(kept, expected, rtol=1e-6)


def test_a_gene_is_called_by_as_many_sets_as_find_it_below_the_fdr():
    log10_p = np.log10(np.array([[1e-5, 0.2, 0.9], [1e-4, 1e-4, 0.5], [0.3, 0.4, np.nan]]))
    np.testing.assert_array_equal(sets_that_call(log10_p), [2, 1, 0])


@pytest.mark.parametrize(("n_cells", "most"), [(40, 1), (55, 1), (190, 4), (5000, 4)])
def test_the_most_that_sets_of_a_size_give_is_the_calibration_of_that_size(n_cells, most):
    assert calibration(SETS, n_cells).maximum == most
    np.testing.assert_array_equal(most_that_controls_give(SETS, np.array([n_cells, n_cells])), [most, most])


def test_without_random_sets_it_is_not_known():
    assert np.isnan(most_that_controls_give(SETS.iloc[:2], np.array([10, 20]))).all()
    assert controls_words(calibration(SETS.iloc[:0], 100)) == ""


def test_the_words_beside_a_count_name_the_worst_guide_where_it_calls_more():
    assert controls_words(calibration(SETS, 200)) == "control sets up to 4, a guide 23"
    assert controls_words(calibration(SETS[SETS["name"] != "nt_1"], 200)) == "control sets up to 4"


def test_every_count_of_genes_has_the_controls_beside_it(study):
    from core.views import study_view
    from core.views.compare import pair_view
    from core.views.gene import gene_view

    changed = next(v for v in perturbation_view(study, "GENE3").vitals if v.label == "Genes changed")
    assert changed.beside.startswith("control sets up to ")
    moved = next(v for v in gene_view(study, "GENE2").vitals if v.label == "Moved by")
    assert moved.beside.endswith("control sets calls it") or moved.beside.endswith("control sets call it")
    both = next(v for v in pair_view(study, "GENE3", "GENE7").vitals if v.label == "Change in both")
    assert both.beside.startswith("control sets up to ")
    table = study_view(study)
    assert table.targets_table["Control sets, at most"].notna().all()
    np.testing.assert_array_equal(
        table.targets["controls_give"], [calibration(study.control_sets, n).maximum for n in table.targets["n_cells"]]
    )
