"""Fold changes and what is left of a transcript, against arithmetic and repeated draws."""

import numpy as np
import pytest

from core.stats.deltas import log2_fold_change, percent_left, standard_error


def test_log2_fold_change_has_a_pseudocount_of_a_hundredth():
    assert log2_fold_change(np.array(0.0), np.array(0.0)) == 0
    np.testing.assert_allclose(
        log2_fold_change(np.array([3.0, 0.0]), np.array([1.0, 2.0])), np.log2([3.01 / 1.01, 0.01 / 2.01])
    )


def test_standard_error_is_welchs():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=30), rng.normal(scale=3, size=50)
    expected = np.sqrt(a.var(ddof=1) / 30 + b.var(ddof=1) / 50)
    np.testing.assert_allclose(standard_error(a.var(ddof=1), 30, b.var(ddof=1), 50), expected)


def test_percent_left_and_its_interval_are_the_delta_methods():
    got = percent_left(np.array([0.6]), np.array([0.5]), np.array([80.0]), np.array([2.0]), np.array([3.0]), 400)
    half = 1.959963984540054 * np.sqrt(0.5 / 80 / 2**2 + 0.3**2 * 3.0 / 400 / 2**2)
    np.testing.assert_allclose([got.left[0], got.low[0], got.high[0]], [0.3, 0.3 - half, 0.3 + half])
    assert got.measurable[0]


@pytest.mark.parametrize(("control_mean", "measurable"), [(0.0499, False), (0.05, True), (0.0, False)])
def test_under_five_hundredths_of_a_count_nothing_is_measurable(control_mean, measurable):
    got = percent_left(
        np.array([0.01]), np.array([0.01]), np.array([50.0]), np.array([control_mean]), np.array([0.1]), 100
    )
    assert got.measurable[0] == measurable
    assert np.isnan(got.left[0]) == (control_mean == 0)


def test_a_target_without_a_single_count_is_not_called_certain():
    got = percent_left(np.array([0.0]), np.array([0.0]), np.array([40.0]), np.array([1.0]), np.array([1.0]), 1000)
    assert got.left[0] == 0 and got.low[0] == 0 and 0.01 < got.high[0] < 0.2


def test_one_cell_gets_an_interval_too_and_a_wide_one():
    got = percent_left(np.array([1.0]), np.array([np.nan]), np.array([1.0]), np.array([2.0]), np.array([2.0]), 1000)
    assert got.high[0] - got.low[0] > 0.9


def test_intervals_of_percent_left_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    mine, control = rng.poisson(0.8, (2000, 100)), rng.poisson(2.0, (2000, 600))
    got = percent_left(
        mine.mean(1), mine.var(1, ddof=1), np.full(2000, 100.0), control.mean(1), control.var(1, ddof=1), 600
    )
    assert 0.93 < ((got.low < 0.4) & (0.4 < got.high)).mean() < 0.97
