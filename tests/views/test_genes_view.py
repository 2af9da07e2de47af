"""All genes at once, against scanpy's own means and dispersions."""

import warnings

import anndata as ad
import numpy as np
import pytest
import scanpy as sc

from core.errors import OptionError
from core.views import genes_view
from core.views.genes import NEITHER, QUADRANTS, genes_shown
from tests.small_screens import small_screen


@pytest.fixture(scope="module")
def scanpys():
    """scanpy's table of the same cells: all of the file that have a count."""
    adata = small_screen().adata()
    adata = ad.AnnData(adata.X.copy(), var=adata.var.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some cells have no count; they stay, as in the Store
        totals = small_screen().counts.sum(axis=1)
        sc.pp.normalize_total(adata, target_sum=np.median(totals[totals > 0]))
        sc.pp.log1p(adata)
        sc.pp.highly_variable_genes(adata, n_top_genes=2000)  # more than there are
    return adata.var


def test_quadrants_are_cut_at_the_medians_of_scanpys_means_and_dispersions(screen_study, scanpys):
    view = genes_view(screen_study)

    seen = scanpys[scanpys["means"] > 1e-9]
    mean, dispersion = seen["means"].median(), seen["dispersions_norm"].median()
    high, spread = seen["means"] >= mean * (1 - 1e-9), seen["dispersions_norm"] >= dispersion - 1e-6
    known = seen["dispersions_norm"].notna()
    expected = [
        int((a & b & known).sum()) for a, b in ((high, spread), (high, ~spread), (~high, spread), (~high, ~spread))
    ]
    assert [int(v.value) for v in view.vitals] == expected
    assert [v.label.lower() for v in view.vitals] == list(QUADRANTS)
    assert view.mean_cut == pytest.approx(np.expm1(mean), rel=1e-5)
    assert view.dispersion_cut == pytest.approx(dispersion, rel=1e-4)


def test_every_gene_that_is_seen_is_in_one_quadrant(screen_study):
    genes = genes_view(screen_study).genes

    counts = genes["quadrant"].value_counts()
    assert counts[list(QUADRANTS)].sum() + counts[NEITHER] == 45
    assert genes.loc["GENE22", "quadrant"] == NEITHER  # the empty gene


def test_a_cut_that_is_moved_moves_genes_between_quadrants(screen_study):
    view = genes_view(screen_study, mean_cut=0.0, dispersion_cut=-1e3)

    assert int(view.vitals[0].value) == (view.genes["quadrant"] != NEITHER).sum()
    assert view.moved_cuts and not genes_view(screen_study).moved_cuts


@pytest.mark.parametrize("cuts", [{"mean_cut": -1}, {"mean_cut": float("nan")}, {"dispersion_cut": float("inf")}])
def test_a_cut_that_makes_no_sense_is_refused(screen_study, cuts):
    with pytest.raises(OptionError, match="A cut cannot be"):
        genes_view(screen_study, **cuts)


def test_the_headline_counts_the_genes_that_controls_show_and_names_those_with_most_counts(screen_study):
    controls = screen_study.controls

    headline = genes_view(screen_study).headline

    assert headline.startswith(f"**{(controls['pct_control'] > 0).sum()} of 45 genes are seen in control cells**")
    top = controls["ctrl_mean_counts"].nlargest(3).index
    assert f"{top[0]}, {top[1]} and {top[2]} carry the most counts." in headline
    assert "vary more" not in headline, "of 45 genes all are among the 2,000 most variable"


def test_the_table_shows_the_rows_that_are_asked_for(screen_study):
    view = genes_view(screen_study)

    assert len(genes_shown(view, "all")) == 45
    assert view.genes["dispersions_norm"].dropna().is_monotonic_decreasing
    assert list(genes_shown(view, "highlighted", ["GENE7", "NOSUCH", "GENE3"]).index) == ["GENE7", "GENE3"]
    for quadrant, vital in zip(QUADRANTS, view.vitals, strict=True):
        assert len(genes_shown(view, quadrant)) == int(vital.value)


def test_a_log_normalized_file_says_means_and_no_counts(other_study):
    def log(adata):
        adata.X = np.log1p(adata.X / 3).astype(np.float32)

    view = genes_view(other_study(log))

    assert not view.has_counts and "have the highest means." in view.headline
    assert view.genes["mean"].isna().all()
