import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from core.data.reading import open_source
from core.data.synthetic import simulate_screen, truth_path, write_demo
from core.data.synthetic_design import CONTROL_LABEL, Design, help_text
from core.errors import OptionError, StorageError

ROOT = Path(__file__).parents[2]
SEEDS = range(6)  # those over which the design was studied
SMALL = {"n_cells": 900, "n_genes": 300, "n_targets": 10}


# --- the ground on which models are judged ---
# Pearson of predicted and observed delta over all genes but the target's own, mean of the 8 held-out targets of the
# ready split. Deltas are pooled, log-normalized, against all controls.

DESIGNED = {"halves": 0.83, "mean profile": 0.22, "ridge": 0.44, "kernel ridge": 0.53, "neighbours": 0.57}
"""What the design was found to give over six seeds (DEMO.md)."""

BY_SEED = {
    "halves": (0.81, 0.79, 0.80, 0.80, 0.81, 0.81),
    "mean profile": (0.24, 0.19, 0.22, 0.22, 0.16, 0.26),
    "ridge": (0.43, 0.44, 0.44, 0.38, 0.42, 0.49),
    "kernel ridge": (0.53, 0.55, 0.54, 0.44, 0.52, 0.57),
    "neighbours": (0.56, 0.62, 0.60, 0.44, 0.58, 0.58),
}
"""What each seed gives now, so that a change of the simulator is seen. Seed 3 is hard: its held-out repressor is taken
for the activators of its pathway."""


@lru_cache(maxsize=1)
def demo():
    """The demo itself, seed 0."""
    return simulate_screen()


@lru_cache
def ground(seed):
    """How far each way of predicting gets on a seed, and how many targets show nothing."""
    screen = demo() if seed == 0 else simulate_screen(seed=seed)
    x, label = log_normalized(screen.adata.X), screen.adata.obs["target_gene"].to_numpy()
    targets = sorted(set(label) - {CONTROL_LABEL})
    control = x[label == CONTROL_LABEL]
    cells = [x[label == target] for target in targets]
    deltas = np.array([c.mean(axis=0) - control.mean(axis=0) for c in cells])
    names = list(screen.features.names)
    features = screen.features.matrix[[names.index(target) for target in targets]].astype(float)
    held_out = np.random.default_rng(0).permutation(len(targets))[0::5]
    train = np.setdiff1d(np.arange(len(targets)), held_out)
    own = screen.adata.var_names.get_indexer(targets)

    def mean_r(predicted):
        without_own = [np.delete(np.arange(x.shape[1]), own[t]) for t in held_out]
        pairs = zip(predicted, deltas[held_out], without_own, strict=True)
        return float(np.mean([np.corrcoef(p[keep], o[keep])[0, 1] for p, o, keep in pairs]))

    return {
        "halves": np.mean([halves_r(cells[t], control.mean(axis=0), own[t]) for t in held_out]),
        "mean profile": mean_r(np.tile(deltas[train].mean(axis=0), (len(held_out), 1))),
        "ridge": mean_r(ridge(features[train], deltas[train], features[held_out])),
        "kernel ridge": mean_r(kernel_ridge(features[train], deltas[train], features[held_out])),
        "neighbours": mean_r(neighbours(features[train], deltas[train], features[held_out])),
        "show nothing": sum(n_significant(c, control, gene) < 10 for c, gene in zip(cells, own, strict=True)),
    }


def log_normalized(counts):
    x = counts.toarray()
    total = x.sum(axis=1, keepdims=True)
    return np.log1p(x * (np.median(total) / total))


def halves_r(cells, control_mean, own):
    order = np.random.default_rng(0).permutation(len(cells))
    halves = [np.delete(cells[order[i::2]].mean(axis=0) - control_mean, own) for i in (0, 1)]
    return np.corrcoef(halves)[0, 1]


def n_significant(cells, control, own):
    p = stats.ttest_ind(cells, control, equal_var=False).pvalue
    return int((stats.false_discovery_control(np.delete(p, own)) < 0.05).sum())


def ridge(features, deltas, new):
    centre, level = features.mean(axis=0), deltas.mean(axis=0)
    x = features - centre
    penalty = 2 * (x**2).sum(axis=1).mean()
    return level + (new - centre) @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (deltas - level))


def kernel_ridge(features, deltas, new):
    within, across = squared_distances(features, features), squared_distances(new, features)
    width = np.median(within[np.triu_indices(len(features), 1)])
    kernel = np.exp(-within / width) + 0.3 * np.eye(len(features))
    return np.exp(-across / width) @ np.linalg.solve(kernel, deltas)


def neighbours(features, deltas, new, k=5):
    distance = squared_distances(new, features)
    near = np.argsort(distance, axis=1)[:, :k]
    weight = 1 / np.take_along_axis(distance, near, axis=1)
    return (weight[:, :, None] * deltas[near]).sum(axis=1) / weight.sum(axis=1, keepdims=True)


def squared_distances(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(axis=2)


@pytest.mark.parametrize("what", DESIGNED)
def test_predicting_unseen_targets_is_as_hard_as_designed(what):
    assert np.mean([ground(seed)[what] for seed in SEEDS]) == pytest.approx(DESIGNED[what], abs=0.05)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", BY_SEED)
def test_each_seed_stays_as_hard_as_it_was(what, seed):
    assert ground(seed)[what] == pytest.approx(BY_SEED[what][seed], abs=0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_five_to_ten_of_forty_targets_show_nothing(seed):
    assert 5 <= ground(seed)["show nothing"] <= 10


@pytest.mark.parametrize("seed", SEEDS)
def test_replicates_beat_neighbours_beat_ridge_beat_the_mean_profile(seed):
    r = ground(seed)

    assert r["halves"] > r["neighbours"] + 0.1
    assert r["neighbours"] > r["ridge"] > r["mean profile"] + 0.1


# --- the demo looks like a screen ---


def test_the_demo_has_its_size_and_names():
    adata = demo().adata

    assert adata.shape == (12_000, 2_000)
    assert list(adata.obs) == ["target_gene", "guide_id", "batch", "cell_type"]
    assert all(isinstance(kind, pd.CategoricalDtype) for kind in adata.obs.dtypes)
    assert (adata.obs["target_gene"] == CONTROL_LABEL).mean() == pytest.approx(0.2, abs=1e-4)
    assert adata.obs["target_gene"].nunique() == 41
    assert adata.obs["batch"].nunique() == 4
    assert set(adata.obs["target_gene"]) - {CONTROL_LABEL} < set(adata.var_names)
    assert adata.var_names.is_unique and adata.obs_names.is_unique
    assert adata.var["gene_id"].str.fullmatch(r"SIM\d{6}").all()


def test_every_target_has_two_guides_and_controls_have_enough_for_calibration():
    obs = demo().adata.obs
    guides = obs.groupby("target_gene", observed=True)["guide_id"].nunique()
    cells = obs["guide_id"].value_counts()

    assert (guides.drop(CONTROL_LABEL) == 2).all()
    assert guides[CONTROL_LABEL] >= 10
    assert "non-targeting_00001" in set(obs["guide_id"])
    assert cells.min() >= 40
    assert cells.max() > 1.5 * cells.min()  # guides are never equally many


def test_counts_are_whole_about_three_and_two_thirds_non_zero():
    x = demo().adata.X

    assert sparse.isspmatrix_csr(x)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.data, np.round(x.data))
    assert x.data.min() >= 1
    assert x.mean() == pytest.approx(3, abs=0.1)
    assert x.nnz / np.prod(x.shape) == pytest.approx(0.64, abs=0.03)


def test_totals_vary_between_cells_as_designed():
    total = np.asarray(demo().adata.X.sum(axis=1)).ravel()

    assert total.mean() == pytest.approx(6000, rel=0.02)
    assert np.log(total).std() == pytest.approx(0.35, abs=0.02)


# --- biology ---


@pytest.fixture(scope="module")
def seen():
    """Seed 0: deltas, their z against a control set of that size, and log2 folds of normalized means, beside the truth.

    Tables of targets x the genes that are expressed enough to tell (one count a cell in controls).
    """
    screen = demo()
    x, label = log_normalized(screen.adata.X), screen.adata.obs["target_gene"].to_numpy()
    targets = sorted(set(label) - {CONTROL_LABEL})
    genes = screen.adata.var_names[np.expm1(x[label == CONTROL_LABEL]).mean(axis=0) > 1]
    x = pd.DataFrame(x, label, screen.adata.var_names)[genes]
    control = x.loc[CONTROL_LABEL]
    delta = pd.DataFrame({t: x.loc[t].mean() - control.mean() for t in targets}).T
    error = pd.DataFrame({t: control.std() * np.sqrt(1 / len(x.loc[t]) + 1 / len(control)) for t in targets}).T
    fold = pd.DataFrame({t: np.log2(np.expm1(x.loc[t]).mean() / np.expm1(control).mean()) for t in targets}).T
    true_fold = pd.DataFrame(screen.truth["log2_fold_change"]).T.reindex(index=targets, columns=genes).fillna(0.0)
    return {"delta": delta, "z": delta / error, "fold": fold, "true_fold": true_fold, "control": control.mean()}


def without_own_genes(table):
    return table.mask(table.columns.to_numpy() == table.index.to_numpy()[:, None])


def test_genes_that_must_move_move_in_their_direction(seen):
    true_fold = without_own_genes(seen["true_fold"])
    must_move = (true_fold.abs() > 0.5).to_numpy()

    assert must_move.sum() > 1_000
    assert (np.sign(seen["delta"]) == np.sign(true_fold)).to_numpy()[must_move].mean() > 0.99


def test_folds_seen_are_the_folds_planted(seen):
    true_fold, fold = without_own_genes(seen["true_fold"]), without_own_genes(seen["fold"])
    for target in true_fold.index.difference(demo().truth["inert_targets"]):
        moved = true_fold.loc[target].abs() > 0.02
        # a cell's total is fixed: where many genes rise, all others sink by a common factor
        common = fold.loc[target][~moved].median()
        off = fold.loc[target][moved] - common - true_fold.loc[target][moved]

        assert off.abs().median() < 0.2  # two standard errors of a fold


def test_genes_outside_of_the_network_do_not_move(seen):
    truth = demo().truth
    module = pd.Series(truth["genes"]["module"], truth["genes"]["symbol"])
    fold = seen["fold"].loc[:, module[seen["fold"].columns] < 0]
    alone = fold.sub(fold.median(axis=1), axis=0)

    assert not seen["true_fold"][fold.columns].to_numpy().any()
    assert (alone.abs() > 0.4).to_numpy().mean() < 0.01  # the standard error of a fold is about 0.1


def test_inert_targets_lose_their_own_transcript_and_nothing_else(seen):
    inert = demo().truth["inert_targets"]

    assert len(inert) == 6
    for target in inert:
        assert set(demo().truth["log2_fold_change"][target]) == {target}
        assert seen["z"].loc[target, target] < -8
        assert seen["z"].loc[target].drop(target).abs().max() < 5


def test_the_own_transcript_falls_to_the_guides_share():
    adata, guides = demo().adata, demo().truth["guides"]
    share = adata.X.multiply(1 / adata.X.sum(axis=1)).tocsr()
    guide, control = adata.obs["guide_id"].to_numpy(), (adata.obs["target_gene"] == CONTROL_LABEL).to_numpy()
    left = {"strong": [], "weak": []}
    for name, record in guides.items():
        if record["target"] != CONTROL_LABEL:
            own = share[:, adata.var_names.get_loc(record["target"])].toarray().ravel()
            left["strong" if record["knock_down"] > 0.7 else "weak"].append(
                own[guide == name].mean() / own[control].mean()
            )

    assert np.mean(left["strong"]) == pytest.approx(0.15, abs=0.02)
    assert np.mean(left["weak"]) == pytest.approx(0.45, abs=0.03)
    assert np.mean(left["strong"] + left["weak"]) == pytest.approx(0.30, abs=0.02)
    assert np.mean(np.array(left["strong"]) < np.array(left["weak"])) > 0.95


def test_the_weaker_guide_has_the_smaller_effect(seen):
    adata, truth = demo().adata, demo().truth
    x, guide = log_normalized(adata.X), adata.obs["guide_id"].to_numpy()
    larger = []
    for target in sorted(set(truth["log2_fold_change"]) - set(truth["inert_targets"])):
        fold = seen["true_fold"].loc[target].drop(target)
        moved = fold.index[fold.abs() > 0.3]
        where = adata.var_names.get_indexer(moved)
        sizes = [
            (
                (x[guide == f"{target}_{i}"][:, where].mean(axis=0) - seen["control"][moved]) * np.sign(fold[moved])
            ).mean()
            for i in (1, 2)
        ]
        larger.append(sizes[0] > sizes[1])

    assert np.mean(larger) > 0.9


def test_a_pathway_that_is_off_in_a_cell_does_not_answer(seen):
    adata, truth = demo().adata, demo().truth
    x, label = log_normalized(adata.X), adata.obs["target_gene"].to_numpy()
    answers = np.array(truth["responsiveness"]["cells"])
    assert answers.shape == (adata.n_obs, 5)
    module_of = dict(zip(truth["genes"]["symbol"], truth["genes"]["module"], strict=True))
    on_over_off = []
    for target in sorted(set(truth["log2_fold_change"]) - set(truth["inert_targets"])):
        module = truth["regulators"][target]["module"]
        fold = seen["true_fold"].loc[target].drop(target)
        genes = [g for g in fold.index[fold.abs() > 0.3] if module_of[g] == module]
        where, sign = adata.var_names.get_indexer(genes), np.sign(fold[genes].to_numpy())
        sizes = []
        for state in (answers[:, module] > 1.5, answers[:, module] < 0.5):  # each against controls of its own state
            moved, rest = x[state & (label == target)][:, where], x[state & (label == CONTROL_LABEL)][:, where]
            sizes.append(((moved.mean(axis=0) - rest.mean(axis=0)) * sign).mean())
        on_over_off.append(sizes[0] > 2 * sizes[1])

    assert np.mean(on_over_off) > 0.9


def test_batches_differ_in_their_mix_of_two_states():
    adata = demo().adata
    answers = np.array(demo().truth["responsiveness"]["cells"])
    high = pd.Series(answers[:, 0] > 1).groupby(adata.obs["batch"].to_numpy()).mean()

    assert high.max() - high.min() > 0.15
    assert ((answers < 0.6) | (answers > 1.4)).mean() > 0.6  # two states, few cells between


def test_a_knock_down_runs_on_to_regulators_below_it():
    truth = demo().truth
    inert = set(truth["inert_targets"])
    reached = [
        end in truth["log2_fold_change"][target]
        for target in truth["log2_fold_change"]
        if target not in inert and truth["regulators"][target]["strength"] > 0.5
        for end, weight in truth["edges"]["on_regulators"][target].items()
        if weight > 0.15
    ]

    assert len(reached) > 20
    assert np.mean(reached) > 0.9


# --- the truth beside the file ---


def test_the_truth_says_all_that_was_planted():
    truth = demo().truth
    symbols = set(truth["genes"]["symbol"])
    targets = {name for name, regulator in truth["regulators"].items() if regulator["screened"]}

    assert truth["simulated"] is True
    assert truth["size"] == {"cells": 12_000, "genes": 2_000, "targets": 40, "seed": 0}
    assert len(truth["regulators"]) == 240
    assert {k: truth["genes"]["module"].count(k) - 48 for k in range(5)} == dict.fromkeys(range(5), 160)
    assert set(truth["log2_fold_change"]) == targets and len(targets) == 40
    assert {end for ends in truth["edges"]["on_genes"].values() for end in ends} <= symbols
    assert max(map(len, truth["edges"]["on_regulators"].values())) == 3
    assert set(truth["inert_targets"]) == {t for t in targets if truth["regulators"][t]["strength"] == 0}
    assert {guide["target"] for guide in truth["guides"].values()} == targets | {CONTROL_LABEL}
    assert truth["features"]["names"] == list(truth["regulators"])


def test_regulators_are_drawn_as_designed():
    regulators = pd.DataFrame(demo().truth["regulators"]).T.infer_objects()
    strength = regulators["strength"].astype(float)

    assert (regulators["direction"] == -1).mean() == pytest.approx(0.2, abs=0.01)
    assert (strength == 0).mean() == pytest.approx(0.15, abs=0.01)
    assert strength[strength > 0].mean() == pytest.approx(0.7, abs=0.06)
    assert strength[strength > 0].std() / 0.7 == pytest.approx(0.5, abs=0.1)
    assert (regulators["second_weight"] > 0).mean() == pytest.approx(0.35, abs=0.01)


def test_the_ready_split_holds_out_every_fifth_of_a_fixed_permutation():
    split, truth = demo().truth["split"], demo().truth
    targets = sorted(truth["log2_fold_change"])

    assert split["held_out"] == [targets[i] for i in sorted(np.random.default_rng(0).permutation(40)[0::5])]
    assert sorted(split["train"] + split["held_out"]) == targets
    modules = [truth["regulators"][target]["module"] for target in split["held_out"]]
    assert set(modules) == {0, 1, 2, 3, 4}


def test_features_see_module_and_direction_but_not_perfectly():
    features, truth = demo().features, demo().truth
    distance = squared_distances(features.matrix.astype(float), features.matrix.astype(float))
    np.fill_diagonal(distance, np.inf)
    nearest = [features.names[i] for i in distance.argmin(axis=1)]
    kind = {name: (r["module"], r["direction"]) for name, r in truth["regulators"].items()}
    alike = np.mean([kind[name] == kind[near] for name, near in zip(features.names, nearest, strict=True)])

    assert features.matrix.shape == (240, 64)
    assert 0.7 < alike < 1


# --- seeds and files ---


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "simulated_screen.h5ad"
    write_demo(path, **SMALL, seed=3)
    return path


def test_the_same_seed_gives_the_same_bytes(written, tmp_path):
    again = tmp_path / "again.h5ad"

    write_demo(again, **SMALL, seed=3)

    assert again.read_bytes() == written.read_bytes()
    assert truth_path(again).read_bytes() == truth_path(written).read_bytes()


def test_another_seed_gives_another_screen():
    one, other = simulate_screen(**SMALL, seed=1), simulate_screen(**SMALL, seed=2)

    assert set(one.truth["log2_fold_change"]) != set(other.truth["log2_fold_change"])
    assert (one.adata.X != other.adata.X).nnz > 0.2 * one.adata.X.nnz


def test_the_file_holds_what_the_memory_holds(written):
    screen = simulate_screen(**SMALL, seed=3)

    adata = ad.read_h5ad(written)

    assert (adata.X != screen.adata.X).nnz == 0
    pd.testing.assert_frame_equal(adata.obs, screen.adata.obs)
    pd.testing.assert_frame_equal(adata.var, screen.adata.var)
    assert json.loads(truth_path(written).read_text()) == json.loads(json.dumps(screen.truth))
    np.testing.assert_array_equal(adata.uns["target_features"]["matrix"], screen.features.matrix)


def test_the_file_says_that_it_is_simulated(written):
    adata = ad.read_h5ad(written, backed="r")
    try:
        assert adata.uns["simulated"]
        assert adata.uns["perturbscope_demo"]["description"] == help_text
    finally:
        adata.file.close()
    with open_source(written) as source:
        assert source.uns_simulated
        assert source.name == "simulated_screen"


def test_the_help_names_what_is_not_realistic():
    for said in ("simulated", "co-expression in controls", "growth", "doublets", "ambient RNA"):
        assert said in help_text


def test_more_genes_than_known_symbols_get_names_that_say_so():
    names = simulate_screen(n_cells=200, n_genes=2_600, n_targets=5).adata.var_names

    assert names.is_unique
    assert names.str.startswith("SIMGENE").sum() == 2_600 - 1_760 - 312


def test_memory_does_not_grow_with_the_counts(tmp_path):
    def peak(n_cells):
        tracemalloc.start()
        write_demo(tmp_path / f"{n_cells}.h5ad", n_cells=n_cells, n_genes=2_000, n_targets=5)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    # 3,000 more cells are 32 MB of counts
    assert peak(5_000) - peak(2_000) < 8e6


def test_progress_is_told_in_cells(tmp_path):
    told = []

    write_demo(
        tmp_path / "demo.h5ad", n_cells=2_500, n_genes=1_000, n_targets=5, report=lambda *said: told.append(said)
    )

    assert told == [("Simulating", 2_000, 2_500, "cells"), ("Simulating", 2_500, 2_500, "cells")]


def test_without_strength_only_own_genes_fall():
    folds = simulate_screen(**SMALL, design=Design(strength_mean=0.0)).truth["log2_fold_change"]

    assert all(set(moved) == {target} for target, moved in folds.items())


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        pytest.param({"n_genes": 99}, "100 to 50,000 genes", id="too few genes"),
        pytest.param({"n_genes": 60_000}, "100 to 50,000 genes", id="too many genes"),
        pytest.param({"n_genes": 200, "n_targets": 40}, "24 regulators", id="more targets than regulators"),
        pytest.param({"n_targets": 1}, "not 1", id="one target"),
        pytest.param({"n_cells": 300}, "800 to 1,000,000 cells", id="too few cells for the targets"),
        pytest.param({"n_cells": 2_000_000}, "1,000,000 cells", id="too many cells"),
        pytest.param({"seed": -1}, "A seed is 0", id="a negative seed"),
    ],
)
def test_sizes_that_make_no_screen_are_named(tmp_path, sizes, said):
    with pytest.raises(OptionError, match=said):
        write_demo(tmp_path / "demo.h5ad", **sizes)
    assert not (tmp_path / "demo.h5ad").exists()


def test_a_name_that_is_no_h5ad_is_an_option_error(tmp_path):
    with pytest.raises(OptionError, match=r"OUT\.h5ad"):
        write_demo(tmp_path / "demo.zarr", **SMALL)


def test_an_unwritable_place_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="could not be written"):
        write_demo(tmp_path / "file" / "demo.h5ad", **SMALL)


def test_a_disk_without_room_is_said_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=50_000_000))

    with pytest.raises(StorageError, match="takes about 142 MB, but .* has 50 MB left"):
        write_demo(tmp_path / "demo.h5ad")
    assert list(tmp_path.glob("*demo*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file size there")
@pytest.mark.parametrize("room", [100_000, 1_300_000], ids=["amid the counts", "at the end"])
def test_a_disk_that_fills_up_leaves_the_old_files_and_nothing_half_written(tmp_path, room):
    for name in ("demo.h5ad", "demo.truth.json"):
        (tmp_path / name).write_text("old")
    script = (
        "import resource, sys\n"
        "from core.data.synthetic import write_demo\n"
        "from core.errors import StorageError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n"
        "try:\n"
        "    write_demo(sys.argv[1], n_cells=900, n_genes=300, n_targets=10)\n"
        "except StorageError as error:\n"
        "    print(error, flush=True)\n"  # HDF5 may end the process when it exits: not to be helped from here
    )

    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "demo.h5ad"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    ).stdout

    assert "could not be written" in said
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["demo.h5ad", "demo.truth.json"]
    assert (tmp_path / "demo.h5ad").read_text() == "old"
    assert (tmp_path / "demo.truth.json").read_text() == "old"
