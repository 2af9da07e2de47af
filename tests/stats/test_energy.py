"""Energy distance against brute force in float64: 1e-4 relative, 0 within 1e-5 for identical sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from core.stats import energy
from core.stats.energy import covariance, energy_distance, energy_distances, mean_distance, principal_axes


def brute_force(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()


@given(
    seed=st.integers(0, 2**16), n=st.integers(1, 60), m=st.integers(1, 60), offset=st.sampled_from([0.0, 50.0, 3000.0])
)
@settings(max_examples=40, deadline=None)
def test_energy_distance_equals_brute_force(seed, n, m, offset):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, 8)) + offset).astype(np.float32)
    y = (rng.normal(0.5, 1.5, size=(m, 8)) + offset).astype(np.float32)
    np.testing.assert_allclose(energy_distance(x, y), brute_force(x, y), rtol=1e-4, atol=1e-9)


@given(seed=st.integers(0, 2**16), offset=st.sampled_from([0.0, 100.0, 1e4]))
@settings(max_examples=30, deadline=None)
def test_the_same_cells_in_another_order_are_at_no_distance(seed, offset):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(90, 20)) + offset).astype(np.float32)
    assert abs(energy_distance(x, rng.permutation(x))) < 1e-5


def test_cells_that_repeat_are_at_no_distance_from_themselves():
    x = np.repeat(np.random.default_rng(0).normal(size=(5, 50)) * 30, 40, axis=0).astype(np.float32)
    np.testing.assert_allclose(mean_distance(x, x), cdist(x, x).mean(), rtol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(37, 4)), rng.normal(1, 1, (53, 4))
    whole = energy_distance(x, y)
    monkeypatch.setattr(energy, "BLOCK", 10)
    np.testing.assert_allclose(energy_distance(x, y), whole, rtol=1e-12)


def test_distance_is_symmetric_and_grows_with_the_shift():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 6))
    near, far = rng.normal(size=(80, 6)) + 0.3, rng.normal(size=(80, 6)) + 2
    np.testing.assert_allclose(energy_distance(x, far), energy_distance(far, x), rtol=1e-12)
    assert energy_distance(x, near) < energy_distance(x, far)
    assert energy_distances([near, far], x) == pytest.approx([energy_distance(near, x), energy_distance(far, x)])


@pytest.mark.parametrize(("n_genes", "n_cells"), [(40, 200), (60, 30), (3, 200)])
def test_principal_axes_are_those_of_the_singular_values(n_genes, n_cells):
    rng = np.random.default_rng(0)
    sample = (rng.normal(size=(n_genes, n_cells)) * np.linspace(5, 0.2, n_genes)[:, None]).astype(np.float32)
    spread = covariance(sample, threads=3)
    np.testing.assert_allclose(spread, np.cov(sample.astype(float)), atol=1e-4)
    axes = principal_axes(spread, min(10, n_cells))
    n_axes = min(10, n_genes)
    assert axes.shape == (n_genes, n_axes)
    left = np.linalg.svd(sample.astype(float) - sample.mean(axis=1, keepdims=True), full_matrices=False)[0][:, :n_axes]
    np.testing.assert_allclose(np.abs((left * axes).sum(axis=0)), 1, atol=1e-3)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(n_axes)] > 0).all()


def test_axes_of_many_genes_are_those_of_the_singular_values():
    rng = np.random.default_rng(0)
    spread = np.concatenate([0.8 ** np.arange(30), np.full(energy.LANCZOS_GENES, 1e-4)])
    sample = (rng.normal(size=(spread.size, 300)) * spread[:, None]).astype(np.float32)
    axes = principal_axes(covariance(sample), 8)
    left = np.linalg.svd(sample.astype(float) - sample.mean(axis=1, keepdims=True), full_matrices=False)[0][:, :8]
    np.testing.assert_allclose(np.abs((left * axes).sum(axis=0)), 1, atol=1e-3)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-5)
    np.testing.assert_array_equal(axes, principal_axes(covariance(sample), 8))


def test_axes_of_genes_that_never_differ():
    axes = principal_axes(np.zeros((energy.LANCZOS_GENES + 1,) * 2, np.float32), 8)
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-5)
