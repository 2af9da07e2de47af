"""The state of every cell of a small screen: scores against the plain computation, kept and read again."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from core.data.cell_cycle import list_of_genes
from core.store import build_study
from core.store.cell_state import cell_states, measure
from core.store.responders import expression_of_cells

N = 400


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """All genes of the two lists, mitochondrial ones and others; half the cells of T1 are in S, the others in G1."""
    folder = tmp_path_factory.mktemp("cycle")
    rng = np.random.default_rng(0)
    lists = list_of_genes()
    others = [f"GENE{k}" for k in range(200)]
    names = [*lists["S"], *others[:100], "MT-CO1", "MT-ND1", *lists["G2M"], *others[100:], "T1"]
    target = np.where(np.arange(N) < 100, "T1", "non-targeting")
    in_s = (np.arange(N) < 50) | (rng.random(N) < 0.1)
    rate = np.full((N, len(names)), 2.0)
    rate[np.ix_(in_s, [names.index(g) for g in lists["S"]])] *= 3
    rate[:, names.index("MT-CO1")] = np.where(np.arange(N) < 100, 30, 15)
    counts = rng.poisson(rate).astype(np.float32)
    counts[7] = 0
    adata = ad.AnnData(counts, obs=pd.DataFrame({"target_gene": target}, index=[f"c{k}" for k in range(N)]),
                       var=pd.DataFrame(index=names))  # fmt: skip
    adata.write_h5ad(folder / "cycle.h5ad")
    built = build_study(folder / "cycle.h5ad", data_root=folder / "root")
    return built, counts, names, in_s


def test_scores_tell_cells_in_s_apart_and_are_means_over_lists(study):
    built, counts, names, in_s = study

    states = measure(built)

    assert states.n_found == {"S": 43, "G2M": 54, "MT": 2}
    assert np.isnan(states.s_score[7])
    kept = np.arange(N) != 7
    told = states.s_score[kept] > (states.s_score[in_s & kept].mean() + states.s_score[~in_s & kept].mean()) / 2
    assert (told == in_s[kept]).mean() > 0.93
    total = counts.sum(axis=1)
    log = np.log1p(counts[kept] * (np.median(total[kept]) / total[kept])[:, None])
    listed = [names.index(g) for g in list_of_genes()["S"]]
    own_part = log[:, listed].mean(axis=1)
    assert np.corrcoef(own_part, states.s_score[kept])[0, 1] > 0.75
    unlisted = [k for k, name in enumerate(names) if name.startswith("GENE")]
    reference = own_part - states.s_score[kept]  # the mean over genes of like expression, none of a list
    assert np.corrcoef(reference, log[:, unlisted].mean(axis=1))[0, 1] > 0.2
    assert log[:, unlisted].min() <= reference.min() and reference.max() <= log[:, unlisted].max()


def test_the_mitochondrial_share_is_of_all_counts(study):
    built, counts, names, _ = study

    share = measure(built).mitochondrial

    expected = counts[:, [names.index("MT-CO1"), names.index("MT-ND1")]].sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    np.testing.assert_allclose(share[np.arange(N) != 7], expected[np.arange(N) != 7], rtol=1e-5)
    assert np.isnan(share[7])


def test_states_are_kept_beside_the_tables_and_made_anew_if_damaged(study):
    built = study[0]
    first = cell_states(built)
    folder = built.tables_folder / "cell_state"
    assert (folder / "manifest.json").is_file()

    (folder / "scores.npz").write_bytes((folder / "scores.npz").read_bytes()[:-40] + b"x" * 40)
    again = cell_states(built)

    np.testing.assert_array_equal(first.s_score, again.s_score)
    built.verify()


def test_a_store_that_cannot_be_written_still_answers(study, monkeypatch):
    import shutil

    built = study[0]
    shutil.rmtree(built.tables_folder / "cell_state", ignore_errors=True)
    monkeypatch.setattr("core.store.cell_state.unfinished_folder", refused)

    assert cell_states(built).n_found["S"] == 43
    assert not (built.tables_folder / "cell_state").exists()


def refused(folder):
    import errno

    raise OSError(errno.EROFS, "read-only")


def test_expression_of_some_cells_is_log_normalized_and_in_file_order(study):
    built, counts, names, _ = study
    target, genes = np.arange(N) < 100, np.array([5, 60, names.index("T1")])

    cells, x = expression_of_cells(built, target & (np.arange(N) != 7), ~target, genes)

    total = counts.sum(axis=1)
    log = np.log1p(counts * (np.median(total[total > 0]) / np.maximum(total, 1))[:, None])
    np.testing.assert_allclose(x, log[cells][:, genes].T, rtol=1e-5)
    assert (np.diff(cells) > 0).all() and 7 not in cells


def test_genes_out_of_order_are_refused_rather_than_mixed_up(study):
    everyone = np.ones(N, bool)
    for genes in ([60, 5], [5, 5]):
        with pytest.raises(ValueError, match="in rising order"):
            expression_of_cells(study[0], everyone, ~everyone, np.array(genes))
