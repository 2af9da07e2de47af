"""moments.h5 and the gene table against plain numpy on the file: integers exact, the rest within 1e-6."""

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from core.errors import InvalidValuesError
from core.store import build_study
from tests.small_screens import small_screen
from tests.store.reference import Reference

FIELDS = ("n_nonzero", "sum_counts", "sum_normalized", "sum_log", "sum_log_squared", "maximum")
INTEGERS = ("n_nonzero", "sum_counts", "maximum")
KINDS = ("target", "guide", "fold")
MAX_FOLDS = 8


def by_group(runs, n_genes):
    """(runs of genes, groups, genes of a run) as (groups, genes)."""
    return np.concatenate(list(runs), axis=1)[:, :n_genes]


def plain_sums(expected, cells):
    """What moments.h5 says of these cells, field by field."""
    values, normalized, log = expected.values[cells], expected.normalized[cells], expected.log[cells]
    return {
        "n_nonzero": (values > 0).sum(axis=0),
        "sum_counts": values.sum(axis=0),
        "sum_normalized": normalized.sum(axis=0),
        "sum_log": log.sum(axis=0),
        "sum_log_squared": (log**2).sum(axis=0),
        "maximum": values.max(axis=0, initial=0),
    }


def check_row(moments, row, expected, cells, whole):
    for name, sums in plain_sums(expected, cells).items():
        tolerance = 0 if whole and name in INTEGERS else 1e-6
        np.testing.assert_allclose(moments[name][row], sums, rtol=tolerance, err_msg=f"{name} in row {row}")


def check_all(study, expected, whole):
    obs = expected.obs
    with h5py.File(study.effects_path.with_name("moments.h5")) as file:
        moments = {kind: {name: by_group(file[kind][name][:], study.n_genes) for name in FIELDS} for kind in KINDS}
    labels = [*study.targets.index, "non-targeting"]
    for row, label in enumerate(labels):
        check_row(moments["target"], row, expected, expected.cells(label), whole)
    guides = pd.read_parquet(study.effects_path.with_name("guides.parquet"))
    for row in guides.itertuples():
        mine = expected.cells(row.target) & (obs["guide_id"].to_numpy(object) == row.guide)
        assert row.n_cells == mine.sum()
        check_row(moments["guide"], row.row, expected, mine, whole)
    batch = obs["batch"].to_numpy(object)
    n_folds, rest = divmod(moments["fold"]["sum_log"].shape[0], len(labels))
    assert rest == 0 and min(2, len(study.batches)) <= n_folds <= min(MAX_FOLDS, len(study.batches))
    fold = {name: k % n_folds for k, name in enumerate(study.batches.index)}
    folds = np.array([fold[b] for b in batch])
    for row, label in enumerate(labels):
        for k in range(n_folds):
            check_row(moments["fold"], row * n_folds + k, expected, expected.cells(label) & (folds == k), whole)


def test_moments_of_targets_guides_and_folds_equal_numpy(built):
    whole = built.study.has_counts and (built.expected.values == np.floor(built.expected.values)).all()
    check_all(built.study, built.expected, whole)


def test_batches_beyond_eight_share_folds(build):
    screen = small_screen(700, 20, seed=2)
    screen.obs["batch"] = pd.Categorical([f"lane{k % 11}" for k in range(700)])
    study = build(screen)
    assert study.batches.index.tolist() == [f"lane{k}" for k in range(11)]  # natural order: lane10 comes last
    check_all(study, Reference(screen.counts, screen.obs), whole=True)


@pytest.mark.parametrize(
    ("layout", "top"),
    [("csr", 255), ("csr", 256), ("csr", 65_535), ("csr", 65_536), ("csc", 256), ("csc", 65_536), ("dense", 3_000_000)],
)
def test_large_counts_are_kept_to_the_last_unit(layout, top, tmp_path):
    screen = small_screen(150, 40, seed=4)
    screen.counts[7, 33], screen.counts[149, 0] = top, top - 1
    study = build_study(screen.write(tmp_path / "a.h5ad", layout, "float64"), data_root=tmp_path)
    for g in (0, 33, 39):
        np.testing.assert_array_equal(study.values(f"GENE{g}"), screen.counts[:, g])
    check_all(study, Reference(screen.counts, screen.obs), whole=True)


@pytest.mark.parametrize(
    ("layout", "dtype"),
    [("csr", "uint8"), ("csr", "int64"), ("csr", "float64"), ("csc", "uint16"), ("csc", "int32"), ("dense", "int16"),
     ("dense", "float64")],
)  # fmt: skip
def test_the_type_and_layout_of_the_file_change_no_number(layout, dtype, tmp_path):
    screen = small_screen(130, 33, seed=6)
    screen.counts[:] = np.minimum(screen.counts, 250)
    study = build_study(screen.write(tmp_path / "a.h5ad", layout, dtype), data_root=tmp_path)
    check_all(study, Reference(screen.counts, screen.obs), whole=True)


def test_a_count_too_large_to_be_kept_is_refused_rather_than_wrapped(tmp_path):
    """5e9 is no 32-bit number; a value of 705,032,704 or 4,294,967,295 in its place would be a lie."""
    screen = small_screen(150, 40, seed=4)
    screen.counts[7, 33] = 5_000_000_000
    path = screen.write(tmp_path / "a.h5ad", "csr", "float64")
    with pytest.raises(InvalidValuesError, match="4,294,967,295"):
        build_study(path, data_root=tmp_path)


@pytest.mark.parametrize(("n_cells", "n_genes"), [(61, 1), (61, 33), (1023, 32), (1024, 64), (1025, 31)])
def test_sizes_at_the_edges_of_blocks_lose_nothing(n_cells, n_genes, tmp_path):
    screen = small_screen(n_cells, n_genes, seed=8)
    for layout in ("csr", "csc"):
        study = build_study(screen.write(tmp_path / f"{layout}.h5ad", layout), data_root=tmp_path)
        assert (study.n_cells, study.n_genes) == (n_cells, n_genes)
        np.testing.assert_array_equal(study.values(f"GENE{n_genes - 1}"), screen.counts[:, -1])
        np.testing.assert_array_equal(study.genes["sum_normalized"] > 0, screen.counts.sum(axis=0) > 0)
        np.testing.assert_allclose(study.genes["mean"], screen.counts.mean(axis=0), rtol=1e-12)


def test_chunks_of_cells_join_without_a_seam(tmp_path):
    """8,192 cells a tile: 8,191, 8,192 and 8,193 cells, and the columns around the seam."""
    rng = np.random.default_rng(0)
    for n in (8192, 8193, 16400):
        x = sp.random(n, 35, 0.2, "csr", np.float32, rng, data_rvs=lambda k: rng.integers(1, 400, k))
        folder = tmp_path / str(n)
        folder.mkdir()
        label = np.where(rng.random(n) < 0.5, "non-targeting", "GENE1")
        obs = pd.DataFrame({"target_gene": label}, index=[f"c{i}" for i in range(n)])
        write(folder / "a.h5ad", x, obs)
        study = build_study(folder / "a.h5ad", data_root=folder)
        for g in (0, 32, 34):
            np.testing.assert_array_equal(study.values(f"GENE{g}"), x[:, g].toarray().ravel())


def write(path, x, obs):
    ad.AnnData(x, obs=obs, var=pd.DataFrame(index=[f"GENE{g}" for g in range(x.shape[1])])).write_h5ad(path)


def test_the_gene_table_is_over_all_cells_of_the_file(built):
    genes, expected = built.study.genes, built.expected
    everything = expected.values
    assert genes.index.tolist() == built.screen.var_names
    assert genes["gene_id"].tolist() == built.screen.var["gene_id"].tolist()
    if built.study.has_counts:
        for column in ("max", "min"):
            np.testing.assert_array_equal(genes[column], getattr(everything, column)(axis=0))
        np.testing.assert_allclose(genes["mean"], everything.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(genes["count_share"], everything.sum(axis=0) / everything.sum(), rtol=1e-12)
    np.testing.assert_allclose(genes["nonzero_fraction"], (everything > 0).mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(genes["mean_log"], expected.log.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(genes["max_log"], expected.log.max(axis=0), rtol=1e-9)
    np.testing.assert_allclose(genes["min_log"], expected.log.min(axis=0), rtol=1e-9)
    control = expected.cells("non-targeting")
    np.testing.assert_allclose(genes["control_mean"], expected.normalized[control].mean(axis=0), rtol=1e-6)


def test_a_gene_without_a_zero_has_its_own_minimum(build):
    screen = small_screen(200, 10, seed=3)
    screen.counts[:] = np.maximum(screen.counts, 0)
    screen.counts[:, 4] = np.maximum(screen.counts[:, 4], 2)
    genes = build(screen).genes
    assert genes.loc["GENE4", "min"] == 2 and genes.loc["GENE5", "min"] == 0
    log = np.log1p(screen.counts[:, 4] / screen.counts.sum(axis=1) * np.median(screen.counts.sum(axis=1)))
    np.testing.assert_allclose(genes.loc["GENE4", "min_log"], log.min(), rtol=1e-9)
