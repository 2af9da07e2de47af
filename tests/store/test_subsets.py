"""A subset of a study is what a file of its cells alone would be, and leaves the study as it was."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from core.errors import OptionError, RolesError
from core.schema import Roles
from core.store import build_study, list_studies, open_study, open_subset, subset_choices
from core.store.layout import tables_key
from core.store.preprocess import preprocess
from core.store.tables import TABLES_VERSION
from core.store.values import VALUES_VERSION
from tests.small_screens import small_screen

H1 = (("cell_type", ("alpha",)),)
BOTH = (("batch", ("b1", "b2")), ("cell_type", ("alpha",)))


def alone(adata, subset):
    """The cells of a subset as a file of their own."""
    inside = np.logical_and.reduce([adata.obs[column].astype(str).isin(labels) for column, labels in subset])
    return adata[inside].copy()


@pytest.mark.parametrize("subset", [H1, BOTH], ids=["one column", "two columns"])
@pytest.mark.parametrize("recipe", ["all", "no-dominant"])
def test_a_subset_equals_a_file_that_holds_only_its_cells(build, subset, recipe):
    adata = small_screen(n_strata=2, seed=5).adata()
    roles = {"guide_col": "guide_id", "batch_col": "batch", "stratum_col": "cell_type", "size_factors": recipe}
    expected = build(alone(adata, subset), "alone", **roles)

    got = build(adata, "whole", subset=subset, **roles)

    assert (got.n_cells, got.n_control, got.n_perturbed) == (expected.n_cells, expected.n_control, expected.n_perturbed)
    assert got.median_total == expected.median_total
    pd.testing.assert_frame_equal(got.genes, expected.genes)
    pd.testing.assert_frame_equal(got.targets, expected.targets)
    pd.testing.assert_frame_equal(got.guides, expected.guides)
    pd.testing.assert_frame_equal(got.batches, expected.batches)
    pd.testing.assert_frame_equal(got.control_sets, expected.control_sets)
    pd.testing.assert_frame_equal(got.totals_histogram, expected.totals_histogram)
    for target in expected.targets.index:
        pd.testing.assert_frame_equal(got.effects(target), expected.effects(target))


def test_one_gene_without_its_totals_is_the_same_in_a_subset_and_a_file_of_its_cells(build):
    adata = small_screen(n_strata=2, seed=5).adata()
    expected = build(alone(adata, H1), "alone")

    got = build(adata, "whole", subset=H1)

    pd.testing.assert_frame_equal(
        got.effects_without_own_gene("GENE3"), expected.effects_without_own_gene("GENE3"), rtol=1e-9
    )


def test_a_log_normalized_file_has_subsets_too(build, logged):
    import anndata as ad

    adata = ad.read_h5ad(logged.path)
    expected = build(alone(adata, H1), "alone")

    got = build(adata, "whole", subset=H1)

    pd.testing.assert_frame_equal(got.genes, expected.genes)
    pd.testing.assert_frame_equal(got.effects("GENE3"), expected.effects("GENE3"))


def test_a_subset_is_not_remembered_and_reads_the_file_no_second_time(build, root, monkeypatch):
    adata = small_screen(n_strata=2, seed=5).adata()
    whole = build(adata)
    before = (whole.folder / "study.json").read_text()
    monkeypatch.setattr("core.store.building.turn", lambda *_: pytest.fail("the file was read again"))

    some = build_study(whole.path, data_root=root, subset=H1, remember=True)

    assert (whole.folder / "study.json").read_text() == before
    assert open_study(whole.id, data_root=root).fingerprint == whole.fingerprint != some.fingerprint
    assert some.id == whole.id and len(list_studies(root)) == 1


def test_a_subset_of_a_new_file_comes_with_the_whole_study(build, root):
    some = build(small_screen(n_strata=2, seed=5).adata(), subset=H1)

    whole = open_study(some.id, data_root=root)
    assert whole.roles.subset == () and whole.n_cells > some.n_cells


def test_a_subset_is_found_from_the_study_and_the_study_from_it(build, root):
    whole = build(small_screen(n_strata=2, seed=5).adata())
    assert open_subset(whole, H1) is None
    built = build_study(whole.path, data_root=root, subset=H1)

    found = open_subset(whole, H1)

    assert found is not None and found.fingerprint == built.fingerprint
    back = open_subset(found, ())
    assert back is not None and back.fingerprint == whole.fingerprint


def test_tables_of_all_cells_keep_the_key_they_had_before_there_were_subsets():
    record = {
        "target_col": "target_gene", "control": ["non-targeting"], "guide_col": "guide_id", "batch_col": "batch",
        "stratum_col": None, "symbol_col": None, "matrix": "X", "values": "counts", "size_factors": "all",
    }  # fmt: skip
    named = {"roles": record, "tables": TABLES_VERSION, "values": VALUES_VERSION}
    expected = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]

    assert tables_key(Roles.from_dict(record)) == expected


def test_only_columns_that_group_cells_are_offered(build):
    screen = small_screen(n_strata=2, seed=5)
    adata = screen.adata()
    adata.obs["barcode"] = [f"cell {k}" for k in range(adata.n_obs)]
    adata.obs["share"] = np.linspace(0, 1, adata.n_obs)
    adata.obs["same"] = "x"
    study = build(adata)

    choices = subset_choices(study)

    assert list(choices) == ["cell_type", "batch"]
    assert sum(perturbed for perturbed, _ in choices["cell_type"].values()) >= study.n_perturbed


def test_what_cannot_be_looked_at_is_said_and_leaves_nothing(build, root):
    whole = build(small_screen(n_strata=2, seed=5).adata())
    tables = sorted((whole.folder / "tables").iterdir())

    with pytest.raises(RolesError, match="never says 'K562'"):
        build_study(whole.path, data_root=root, subset=(("cell_type", ("K562",)),))

    assert sorted((whole.folder / "tables").iterdir()) == tables


def test_preprocess_writes_all_cells_or_says_that_it_does(build, tmp_path):
    some = build(small_screen(n_strata=2, seed=5).adata(), subset=H1)

    with pytest.raises(OptionError, match="Leave out --subset"):
        preprocess(some, tmp_path / "out.h5ad", n_top_genes=10, threads=1, report=lambda *_: None)
