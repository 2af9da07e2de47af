"""The command line: every verb's files, columns and numbers, and its errors on one line."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from core.__main__ import main
from core.settings import settings
from tests.small_screens import CONTROL, small_screen

ROOT = Path(__file__).parents[1]
EVERYONE = "All perturbed cells"
PNG = ("export", "{file}", "--figure", "volcano", "--format", "png", "--out", "{out}/x.png")


@pytest.fixture(scope="module")
def screen():
    return small_screen(700, 60, seed=101)


@pytest.fixture(scope="module")
def place(tmp_path_factory, screen):
    """A folder with the screen's file, and the data root all verbs share."""
    folder = tmp_path_factory.mktemp("cli")
    screen.write(folder / "mine.h5ad")
    logged = screen.adata()
    logged.X = logged.X.multiply(1 / 3).log1p().tocsr()
    logged.write_h5ad(folder / "logged.h5ad")
    return folder


@pytest.fixture
def run(place, capsys):
    """Function that runs a verb in this process; its exit code, output and errors."""

    def run_verb(*arguments):
        rooted = [] if "--data-root" in arguments or arguments[0] == "demo" else ["--data-root", place / "root"]
        code = main([str(argument) for argument in (*arguments, *rooted)])
        settings.cache_clear()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_verb


@pytest.fixture
def succeed(run):
    """Function that runs a verb which must succeed; its output."""

    def run_verb(*arguments):
        code, out, err = run(*arguments)
        assert code == 0, err
        return out

    return run_verb


def frame(screen, cells):
    """Counts of some cells as pandas has them."""
    return pd.DataFrame(screen.counts[cells].astype(np.float64), columns=screen.var_names)


def sides(screen, target=None):
    label = screen.obs["target_gene"].to_numpy(object)
    used = screen.obs["target_gene"].notna().to_numpy() & (screen.counts.sum(axis=1) > 0)
    mine = used & ((label != CONTROL) if target is None else (label == target))
    return frame(screen, used & (label == CONTROL)), frame(screen, mine)


def log_normalized(screen):
    totals = screen.counts.sum(axis=1)
    median = np.median(totals[totals > 0])
    return np.log1p(screen.counts / np.maximum(totals, 1)[:, None] * median)


# --- build -----------------------------------------------------------------------------------------------------------


def test_build_prints_the_roles_one_a_line_and_the_id(place, succeed):
    lines = succeed("build", place / "mine.h5ad").splitlines()
    assert lines[:5] == [
        "target: target_gene", "control: non-targeting", "guide: guide_id", "batch: batch", "stratum: none",
    ]  # fmt: skip
    assert lines[5] == "scale: counts" and lines[-1].startswith("id: ")
    study = lines[-1].removeprefix("id: ")
    assert (place / "root" / "studies" / study / "study.json").is_file()


def test_build_remembers_the_roles_it_was_given(tmp_path, screen, succeed):
    path, root = screen.write(tmp_path / "roles.h5ad"), ("--data-root", tmp_path / "root")
    roles = ("--batch-col", "none", "--size-factors", "no-dominant", "--control", "GENE20", "--control", CONTROL)
    first = succeed("build", path, *roles, *root)
    assert "batch: none" in first and "control: GENE20, non-targeting" in first
    assert succeed("build", path, *root) == first
    assert succeed("build", path, "--batch-col", "batch", *root).splitlines()[3] == "batch: batch"


def test_one_verbs_roles_are_not_remembered(place, tmp_path, succeed):
    succeed("build", place / "mine.h5ad")
    succeed("delta", place / "mine.h5ad", "--out", tmp_path, "--control", "GENE20")
    assert "control: non-targeting" in succeed("build", place / "mine.h5ad")


def test_a_log_normalized_file_says_so(place, succeed):
    assert "scale: log-normalized" in succeed("build", place / "logged.h5ad")


# --- stats and delta -------------------------------------------------------------------------------------------------


def test_gene_statistics_are_pandas_own(place, tmp_path, screen, succeed):
    succeed("stats", place / "mine.h5ad", "--out", tmp_path)
    everything = frame(screen, slice(None))
    got = pd.read_csv(tmp_path / "gene_statistics.csv", float_precision="round_trip")
    assert list(got) == ["gene", "mean", "max", "min", "nonzero_fraction"]
    assert got["gene"].tolist() == screen.var_names
    for column, expected in {
        "mean": everything.mean(), "max": everything.max(), "min": everything.min(),
        "nonzero_fraction": (everything > 0).mean(),
    }.items():  # fmt: skip
        np.testing.assert_array_equal(got[column], expected, err_msg=column)
    logged = pd.read_csv(tmp_path / "gene_statistics_log_normalized.csv", float_precision="round_trip")
    expected = pd.DataFrame(log_normalized(screen))
    assert list(logged) == list(got)
    np.testing.assert_allclose(logged["mean"], expected.mean(), rtol=1e-6)
    np.testing.assert_allclose(logged["max"], expected.max(), rtol=1e-6)
    np.testing.assert_array_equal(logged["nonzero_fraction"], got["nonzero_fraction"])
    check_plots(tmp_path / "plots", {"gene_mean_distribution"})


def check_plots(folder, names):
    assert {p.name for p in folder.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}
    for name in names:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<text" in (folder / f"{name}.svg").read_text()


@pytest.mark.parametrize("target", [None, "GENE3"])
def test_deltas_of_counts_are_pandas_own(target, place, tmp_path, screen, succeed):
    succeed("delta", place / "mine.h5ad", "--out", tmp_path, *(["--target", target] if target else []))
    control, perturbed = sides(screen, target)
    expected = pd.DataFrame({"ctrl_mean": control.mean(), "pert_mean": perturbed.mean()})
    expected["delta"] = expected["pert_mean"] - expected["ctrl_mean"]
    expected["abs_delta"] = expected["delta"].abs()
    got = pd.read_csv(tmp_path / "gene_delta_all_sorted.csv", float_precision="round_trip")
    assert list(got) == ["gene", "ctrl_mean", "pert_mean", "delta", "abs_delta"]
    assert sorted(got["gene"]) == sorted(screen.var_names)
    assert (got["abs_delta"].diff().dropna() <= 0).all()
    pd.testing.assert_frame_equal(
        got.set_index("gene"), expected.loc[got["gene"]].rename_axis("gene"), check_exact=True
    )
    top = pd.read_csv(tmp_path / "gene_delta_top50.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(top, got.head(50))
    assert len(top) == 50
    check_plots(tmp_path / "plots", {"scatter", "top_deltas"})


def test_the_share_of_control_cells_is_joined_by_gene_and_not_by_row(place, tmp_path, screen, succeed):
    """In a published table it stands by row: the most expressed gene shows the share of another."""
    succeed("delta", place / "mine.h5ad", "--out", tmp_path)
    got = pd.read_csv(tmp_path / "gene_delta_with_nonzero_fraction.csv").set_index("gene")
    assert list(got) == ["ctrl_mean", "pert_mean", "delta", "abs_delta", "ctrl_nonzero_fraction"]
    expected = (sides(screen)[0] > 0).mean()
    assert got.index.tolist() != screen.var_names
    np.testing.assert_allclose(got["ctrl_nonzero_fraction"], expected[got.index], rtol=1e-6)


def test_deltas_on_the_log_scale_are_those_of_log_normalized_means(place, tmp_path, screen, succeed):
    succeed("delta", place / "mine.h5ad", "--out", tmp_path, "--scale", "log-normalized", "--target", "GENE7")
    log, label = log_normalized(screen), screen.obs["target_gene"].to_numpy(object)
    counted = screen.counts.sum(axis=1) > 0
    expected = log[counted & (label == "GENE7")].mean(axis=0) - log[counted & (label == CONTROL)].mean(axis=0)
    got = pd.read_csv(tmp_path / "gene_delta_all_sorted.csv").set_index("gene").loc[screen.var_names]
    np.testing.assert_allclose(got["delta"], expected, rtol=1e-6, atol=1e-12)


def test_a_log_normalized_file_has_no_deltas_of_counts_but_others(place, tmp_path, run):
    code, _, err = run("delta", place / "logged.h5ad", "--out", tmp_path / "a")
    assert code == 1 and "--scale log-normalized" in one_error(err)
    assert not (tmp_path / "a").exists()
    assert run("delta", place / "logged.h5ad", "--out", tmp_path / "b", "--scale", "log-normalized")[0] == 0
    assert run("stats", place / "logged.h5ad", "--out", tmp_path / "c")[0] == 0
    assert not (tmp_path / "c" / "gene_statistics.csv").exists()
    assert (tmp_path / "c" / "gene_statistics_log_normalized.csv").exists()


# --- effects and preprocess ------------------------------------------------------------------------------------------


def test_effects_of_one_target_are_a_table(place, tmp_path, screen, succeed):
    out = succeed("effects", place / "mine.h5ad", "--out", tmp_path / "x.csv", "--target", "gene3")  # any case
    assert out.splitlines() == [str(tmp_path / "x.csv")]  # once
    got = pd.read_csv(tmp_path / "x.csv")
    assert list(got) == [
        "target", "feature", "target_mean", "ref_mean", "delta", "log2_fold_change", "p_value", "log10_p", "fdr",
        "pct_target", "pct_control", "n_target", "n_control",
    ]  # fmt: skip
    control, mine = sides(screen, "GENE3")
    assert (got["target"] == "GENE3").all() and sorted(got["feature"]) == sorted(screen.var_names)
    assert (got["n_target"] == len(mine)).all() and (got["n_control"] == len(control)).all()
    assert got["p_value"].is_monotonic_increasing
    np.testing.assert_allclose(got["target_mean"] - got["ref_mean"], got["delta"], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(got["pct_target"], (mine > 0).mean()[got["feature"]], rtol=1e-6)


def test_effects_of_all_targets_are_an_anndata(place, tmp_path, succeed):
    succeed("effects", place / "mine.h5ad", "--out", tmp_path / "x.h5ad")
    adata = ad.read_h5ad(tmp_path / "x.h5ad")
    assert adata.obs_names.tolist() == ["GENE11", "GENE20", "GENE3", "GENE7", "STAT1"] and adata.n_vars == 60
    assert {"delta", "delta_within_batch", "log2_fold_change", "auc", "p_value", "log10_p", "fdr", "pct_control",
            "pct_target"} <= set(adata.layers)  # fmt: skip


def test_pooled_effects_go_by_their_own_name(place, tmp_path, screen, succeed):
    succeed("effects", place / "mine.h5ad", "--out", tmp_path / "x.csv", "--target", EVERYONE)
    got = pd.read_csv(tmp_path / "x.csv")
    assert (got["n_target"] == len(sides(screen)[1])).all()


def test_preprocess_writes_an_anndata(place, tmp_path, screen, succeed):
    out = succeed("preprocess", place / "mine.h5ad", tmp_path / "x.h5ad", "--num-hvgs", 20)
    adata = ad.read_h5ad(tmp_path / "x.h5ad")
    n = int(adata.var["highly_variable"].sum())
    assert f"{n} highly variable" in out and 20 <= n < 25  # genes that tie at the cut are called too
    assert sp.issparse(adata.X) and adata.obsm["X_hvg"].shape == (700, n)
    np.testing.assert_allclose(adata.X.toarray(), log_normalized(screen), atol=1e-5)


# --- demo ------------------------------------------------------------------------------------------------------------


def test_the_demo_is_the_same_every_time_and_says_that_it_is_simulated(tmp_path, run, succeed):
    small = ("--cells", 800, "--genes", 400, "--targets", 6)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        succeed("demo", tmp_path / f"{name}.h5ad", *small, "--seed", seed)
    a, b, c = (ad.read_h5ad(tmp_path / f"{name}.h5ad") for name in "abc")
    assert (a.X != b.X).nnz == 0 and a.obs.equals(b.obs) and a.var.equals(b.var)
    assert (tmp_path / "a.truth.json").read_text() == (tmp_path / "b.truth.json").read_text()
    assert (a.X != c.X).nnz > 0
    assert a.shape == (800, 400) and a.obs["target_gene"].nunique() == 7
    assert json.loads((tmp_path / "a.truth.json").read_text())
    assert succeed("build", tmp_path / "a.h5ad", "--data-root", tmp_path / "root").count("id: ") == 1
    succeed("stats", tmp_path / "a.h5ad", "--out", tmp_path / "s", "--data-root", tmp_path / "root")
    assert "imulated" in (tmp_path / "s" / "plots" / "gene_mean_distribution.svg").read_text()


@pytest.mark.parametrize("wrong", [("--cells", 0), ("--targets", 500), ("--genes", -4), ("--cells", 3)])
def test_a_demo_that_cannot_be_is_refused(wrong, tmp_path, run):
    code, _, err = run("demo", tmp_path / "a.h5ad", "--genes", 400, "--targets", 6, "--cells", 800, *wrong)
    assert code == 1 and one_error(err) and not list(tmp_path.glob("*"))


# --- store, doctor, jobs ---------------------------------------------------------------------------------------------


def test_store_verify_checks_one_study_or_all(tmp_path, screen, run, succeed):
    root = ("--data-root", tmp_path / "root")
    path = screen.write(tmp_path / "mine.h5ad")
    study = succeed("build", path, *root).splitlines()[-1].removeprefix("id: ")
    for what in (path, study, "mine", "--all"):
        assert "all checksums right" in succeed("store", "verify", what, *root)
    blocks = next((tmp_path / "root").rglob("blocks.bin"))
    content = bytearray(blocks.read_bytes())
    content[100] ^= 4
    blocks.write_bytes(content)
    for what in (study, "--all"):
        code, out, err = run("store", "verify", what, *root)
        assert code == 1 and "damaged" in out + err and one_error(err)


@pytest.mark.parametrize("arguments", [(), ("mine", "--all")])
def test_store_verify_wants_one_study_or_all(arguments, run):
    code, _, err = run("store", "verify", *arguments)
    assert code == 1 and "--all" in one_error(err)


def test_doctor_tells_versions_and_places(place, succeed):
    out = succeed("doctor")
    for name in ("python", "anndata", "numba", "data root", str(place / "root")):
        assert name in out


def test_jobs_are_listed_and_an_unknown_one_is_an_error(run, succeed, tmp_path):
    root = ("--data-root", tmp_path)
    assert succeed("jobs", "list", *root) == ""
    for what in ("cancel", "log"):
        code, _, err = run("jobs", what, "nobody", *root)
        assert code == 1 and one_error(err)
        code, _, err = run("jobs", what, *root)
        assert code == 1 and "jobs list" in one_error(err)


# --- export ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "magic"), [("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG")], ids=["svg", "pdf", "png"]
)
def test_export_writes_the_figure_its_data_and_its_methods(kind, magic, place, tmp_path, succeed):
    succeed(
        "export", place / "mine.h5ad", "--figure", "volcano", "--target", "GENE3", "--gene", "GENE2", "--format", kind,
        "--out", tmp_path / f"x.{kind}", "--data", tmp_path / "x.csv", "--methods", tmp_path / "x.txt",
    )  # fmt: skip
    assert magic in (tmp_path / f"x.{kind}").read_bytes()[:200]
    assert len(pd.read_csv(tmp_path / "x.csv")) == 60
    methods = (tmp_path / "x.txt").read_text()
    assert "Mann" in methods and "Benjamini" in methods


@pytest.mark.parametrize(
    "asked",
    [["effect_map"], ["correlation_map"], ["pair", "--target", "GENE3", "--with", "gene11"]],
    ids=lambda a: a[0],
)
def test_figures_that_compare_targets_are_exported_too(asked, place, tmp_path, succeed):
    succeed(
        "export", place / "mine.h5ad", "--figure", *asked, "--format", "svg", "--out", tmp_path / "x.svg", "--data",
        tmp_path / "x.csv",
    )  # fmt: skip
    assert b"<svg" in (tmp_path / "x.svg").read_bytes()
    assert len(pd.read_csv(tmp_path / "x.csv"))


def test_similarity_writes_a_square_of_all_targets(place, tmp_path, succeed):
    succeed("similarity", place / "mine.h5ad", "--out", tmp_path / "r.csv")

    table = pd.read_csv(tmp_path / "r.csv", index_col="target")
    assert list(table.index) == list(table.columns)
    assert table.loc["GENE3", "GENE11"] == pytest.approx(table.loc["GENE11", "GENE3"], abs=1e-6)


def test_a_pair_without_its_second_target_and_a_combination_that_is_none_are_refused(place, tmp_path, run):
    for asked, said in (
        (["pair", "--target", "GENE3"], "--with"),
        (["pair"], "--target"),
        (["combination", "--target", "GENE3"], "no combination"),
        (["studies", "--target", "GENE3"], "--other"),
    ):
        code, _, err = run(
            "export", place / "mine.h5ad", "--figure", *asked, "--format", "svg", "--out", tmp_path / "x.svg"
        )
        assert code == 1 and said in one_error(err) and not (tmp_path / "x.svg").exists()


def test_a_figure_of_no_name_is_refused_with_those_there_are(place, tmp_path, run):
    code, _, err = run(
        "export", place / "mine.h5ad", "--figure", "vulcano", "--format", "svg", "--out", tmp_path / "x.svg"
    )
    assert code == 1 and "volcano" in one_error(err) and not (tmp_path / "x.svg").exists()


# --- errors ----------------------------------------------------------------------------------------------------------


def one_error(err):
    """The error, which stands on one line, the last."""
    lines = err.rstrip("\n").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1 and lines[-1] == errors[0] and "Traceback" not in err, err
    return errors[0]


def not_hdf5(folder):
    path = folder / "a.h5ad"
    path.write_text("gene,cell\n")
    return path


def cut_off(folder):
    path = small_screen(100, 20).write(folder / "a.h5ad")
    path.write_bytes(path.read_bytes()[:3000])
    return path


def no_target(folder):
    adata = small_screen(100, 20).adata()
    adata.obs = adata.obs[["n_umi"]]
    adata.write_h5ad(folder / "a.h5ad")
    return folder / "a.h5ad"


def negative(folder):
    adata = small_screen(100, 20).adata()
    adata.X.data[:] = -1
    adata.write_h5ad(folder / "a.h5ad")
    return folder / "a.h5ad"


def nothing(folder):
    return folder / "nowhere.h5ad"


def a_folder(folder):
    (folder / "a.h5ad").mkdir()
    return folder / "a.h5ad"


def a_table(folder):
    with h5py.File(folder / "a.h5ad", "w") as file:
        file["x"] = np.arange(3)
    return folder / "a.h5ad"


@pytest.mark.parametrize("verb", ["build", "stats"])
@pytest.mark.parametrize("make", [not_hdf5, cut_off, no_target, negative, nothing, a_folder, a_table])
def test_a_file_that_cannot_be_used_is_one_line(make, verb, tmp_path, run):
    out = [] if verb == "build" else ["--out", tmp_path / "out"]
    code, stdout, err = run(verb, make(tmp_path), *out, "--data-root", tmp_path / "root")
    assert code == 1 and stdout == "" and len(one_error(err)) > 40
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "root").rglob("study.json"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("delta", "{file}", "--out", "{out}", "--target", "GENE2O"), "Did you mean"),
        (("effects", "{file}", "--out", "{out}/x.csv"), "--target"),
        (("effects", "{file}", "--out", "{out}/x.h5ad", "--target", "GENE3"), "--target"),
        (("effects", "{file}", "--out", "{out}/x.txt"), ".h5ad"),
        (("preprocess", "{file}", "{file}"), "source itself"),
        (("preprocess", "{file}", "{out}/x.h5ad", "--num-hvgs", "0"), "num-hvgs"),
        (("build", "{file}", "--target-col", "nowhere"), "nowhere"),
        (("build", "{file}", "--control", "nobody"), "nobody"),
        (("build", "{file}", "--batch-col", "nowhere"), "nowhere"),
        (("build", "{file}", "--size-factors", "obs:nowhere"), "nowhere"),
        (("build", "{file}", "--matrix", "layers/nowhere"), "nowhere"),
        (("build", "no-such-study"), "no-such-study"),
        ((*PNG, "--dpi", "0"), "per inch"),
        ((*PNG, "--width-mm", "-5"), "mm"),
        ((*PNG, "--option", "x"), "NAME=VALUE"),
        ((*PNG, "--option", "nonsense=1"), "nonsense"),
        ((*PNG, "--gene", "NOSUCH"), "NOSUCH"),
        ((*PNG, "--target", "NOSUCH"), "NOSUCH"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(arguments, words, place, tmp_path, run):
    filled = [a.format(file=place / "mine.h5ad", out=tmp_path / "out") for a in arguments]
    before = (place / "mine.h5ad").read_bytes()
    code, _, err = run(*filled)
    assert code == 1 and words in one_error(err)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert (place / "mine.h5ad").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(place, tmp_path, run):
    (tmp_path / "taken").write_text("")
    for arguments in (
        ("stats", place / "mine.h5ad", "--out", tmp_path / "taken"),
        ("effects", place / "mine.h5ad", "--out", tmp_path / "taken" / "x.h5ad"),
        ("preprocess", place / "mine.h5ad", tmp_path / "taken" / "x.h5ad"),
        ("build", place / "mine.h5ad", "--data-root", tmp_path / "taken"),
        ("demo", tmp_path / "taken" / "x.h5ad", "--cells", 800, "--genes", 400, "--targets", 6),
    ):
        code, _, err = run(*arguments)
        assert code == 1 and "taken" in one_error(err), arguments


def test_names_of_the_file_make_no_second_line(tmp_path, run):
    """A label with a line break, and one of 10 kB, do not break the one line."""
    adata = small_screen(100, 20).adata()
    adata.obs["target_gene"] = adata.obs["target_gene"].cat.rename_categories(
        {"GENE3": "a\nerror: b", "GENE7": "y" * 10_000}
    )
    adata.write_h5ad(tmp_path / "a.h5ad")
    code, _, err = run("build", tmp_path / "a.h5ad", "--control", "nobody", "--data-root", tmp_path / "root")
    assert code == 1 and len(one_error(err)) < 2000
    code, _, err = run(
        "delta", tmp_path / "a.h5ad", "--target", "nobody\nx", "--out", tmp_path, "--data-root", tmp_path / "root"
    )
    assert code == 1 and len(one_error(err)) < 2000


# --- as a program ----------------------------------------------------------------------------------------------------


def test_as_a_program_it_reads_the_data_root_from_the_environment_and_ends_with_its_code(place, tmp_path):
    command = [sys.executable, "-m", "core", "build"]
    environment = {"PERTURBSCOPE_DATA_ROOT": str(tmp_path / "root"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, str(place / "mine.h5ad")], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "target: target_gene" in done.stdout, done.stderr
    assert (tmp_path / "root" / "studies").is_dir()
    failed = subprocess.run(
        [*command, "nowhere.h5ad"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1 and failed.stdout == "" and one_error(failed.stderr)


def test_no_verb_reaches_streamlit_or_torch(place):
    code = (
        "import sys; from core.__main__ import main; "
        f"main(['build', {str(place / 'mine.h5ad')!r}, '--data-root', {str(place / 'root')!r}]); "
        "print([m for m in ('streamlit', 'torch', 'scanpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        (("effects", "{file}", "--out", "{file}"), "is the source itself"),
        (("export", "{file}", "--figure", "scatter", "--format", "png", "--out", "{file}"), "is the source itself"),
        ((*PNG, "--data", "{file}"), "is the source itself"),
        ((*PNG, "--data", "{out}/x.png"), "the same file"),
        (("demo", "{file}"), "no simulated screen"),
    ],
    ids=["effects", "export", "data", "twice", "demo"],
)
def test_no_verb_writes_over_the_source_or_its_own_result(run, place, tmp_path, verb, sentence):
    file = place / "mine.h5ad"
    before = file.read_bytes()
    code, _, err = run(*(part.format(file=file, out=tmp_path) for part in verb))
    assert code != 0 and sentence in err
    assert file.read_bytes() == before and not list(tmp_path.iterdir())


def test_a_column_that_is_damaged_is_said(run, place, tmp_path, screen):
    file = screen.write(tmp_path / "damaged.h5ad")
    with h5py.File(file, "r+") as h5:
        h5["obs/batch/codes"][3] = 99
    code, out, err = run("build", file)
    assert code == 0 and "batch: none" in out and "obs['batch'] is left out" in err


# --------------------------------------------------------------------------------------------- figures of one gene


@pytest.mark.parametrize("figure", ["gene_movers", "gene_distribution"])
def test_a_figure_of_one_gene_is_written_with_its_data_and_methods(place, succeed, tmp_path, figure):
    out = tmp_path / "x.svg"

    succeed("export", place / "mine.h5ad", "--figure", figure, "--gene", "gene2", "--format", "svg", "--out", out,
            "--data", tmp_path / "x.csv", "--methods", tmp_path / "x.txt")  # fmt: skip

    assert "GENE2" in out.read_text() and "GENE2 in " in (tmp_path / "x.txt").read_text()
    assert {"target" if figure == "gene_movers" else "group"} <= set(pd.read_csv(tmp_path / "x.csv").columns)


@pytest.mark.parametrize("genes", [[], ["--gene", "GENE2", "--gene", "GENE3"]], ids=["none", "two"])
def test_a_figure_of_one_gene_asks_for_one_gene(place, run, tmp_path, genes):
    code, _, err = run("export", place / "mine.h5ad", "--figure", "gene_movers", "--format", "svg", "--out",
                       tmp_path / "x.svg", *genes)  # fmt: skip

    assert code == 1 and "give --gene once" in err and not (tmp_path / "x.svg").exists()


def test_the_figure_of_all_genes_highlights_the_genes_that_are_named(place, succeed, tmp_path):
    out = tmp_path / "x.svg"

    succeed(
        "export", place / "mine.h5ad", "--figure", "mean_dispersion", "--gene", "GENE2", "--format", "svg", "--out", out
    )

    assert "GENE2" in out.read_text() and "highlighted" in out.read_text()


def test_panel_writes_figures_with_letters_and_their_data(place, succeed, tmp_path):
    out, data, methods = tmp_path / "x.svg", tmp_path / "x.zip", tmp_path / "x.txt"

    succeed(
        "panel", place / "mine.h5ad", "--figure", "scatter:GENE3", "--figure", "guides:GENE7", "--figure",
        "changed_against_cells", "--format", "svg", "--width-mm", "174", "--out", out, "--data", data,
        "--methods", methods,
    )  # fmt: skip

    assert 'width="174mm"' in out.read_text(encoding="utf-8")
    with zipfile.ZipFile(data) as archive:
        assert archive.namelist()[:2] == ["a_GENE3_scatter_data.csv", "b_GENE7_guides_data.csv"]
    said = methods.read_text(encoding="utf-8")
    assert "(a) GENE3" in said and "(b) GENE7" in said and "(c) mine" in said


def test_a_panel_takes_figures_of_every_kind_and_a_gene_after_the_colon(place, succeed, tmp_path):
    out = tmp_path / "panel.svg"

    succeed(
        "panel", place / "mine.h5ad", "--figure", "gene_movers:GENE2", "--figure", "pair:GENE3", "--with", "GENE7",
        "--figure", "effect_map", "--figure", "cell_state:GENE3", "--format", "svg", "--out", out, "--methods",
        tmp_path / "methods.txt",
    )  # fmt: skip

    methods = (tmp_path / "methods.txt").read_text()
    assert all(f'id="panel-{letter}"' in out.read_text() for letter in "abcd")
    assert "GENE2" in methods and "GENE7" in methods


def test_a_panel_of_too_many_columns_is_one_line_of_error(place, run, tmp_path):
    code, _, err = run(
        "panel", place / "mine.h5ad", "--figure", "scatter", "--columns", "9", "--format", "svg", "--out",
        tmp_path / "x.svg",
    )  # fmt: skip

    assert code == 1 and err.splitlines()[-1].startswith("error: A panel cannot have 9 columns")
    assert not (tmp_path / "x.svg").exists()


def test_target_report_writes_one_html_file(place, succeed, tmp_path):
    succeed("target-report", place / "mine.h5ad", "--target", "gene3", "--out", tmp_path / "x.html")

    document = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert document.startswith("<!doctype html>") and "<h1>GENE3</h1>" in document
    assert document.count("<svg") == 7  # six of the page, and the state of the cells


def test_target_report_of_an_unknown_target_is_one_line_of_error(place, run, tmp_path):
    code, _, err = run("target-report", place / "mine.h5ad", "--target", "GENE33", "--out", tmp_path / "x.html")

    assert code == 1 and "No cells carry a guide against 'GENE33'" in err
    assert not (tmp_path / "x.html").exists()


def test_the_data_of_a_figure_go_to_excel_too(place, succeed, tmp_path):
    succeed(
        "export", place / "mine.h5ad", "--figure", "top_deltas", "--target", "GENE3", "--format", "svg", "--out",
        tmp_path / "x.svg", "--data", tmp_path / "x.xlsx",
    )  # fmt: skip

    assert "GENE3" in set(pd.read_excel(tmp_path / "x.xlsx")["gene"])


def test_a_subset_gives_the_effects_of_a_file_of_its_cells_and_is_not_remembered(place, screen, succeed, run, tmp_path):
    inside = (screen.obs["batch"] == "b1").to_numpy()
    screen.adata()[inside].copy().write_h5ad(place / "b1.h5ad")
    for file, subset, name in (
        ("b1", (), "alone"),
        ("mine", ("--subset", "batch=b1"), "subset"),
        ("mine", (), "whole"),
    ):
        succeed("effects", place / f"{file}.h5ad", *subset, "--target", "GENE7", "--out", tmp_path / f"{name}.csv")
    alone, subset, whole = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("alone", "subset", "whole"))

    pd.testing.assert_frame_equal(subset, alone)
    assert not whole.equals(subset)
    assert "subset: batch b1" in succeed("build", place / "mine.h5ad", "--subset", "batch=b1")
    assert "subset" not in succeed("build", place / "mine.h5ad")


@pytest.mark.parametrize(
    ("subset", "said"),
    [
        ("batch", "expected COLUMN=LABEL"),
        ("batch=b7", "never says 'b7'"),
        ("plate=1", "no column 'plate'"),
        ("target_gene=GENE7", "no control"),
    ],
)
def test_a_subset_that_cannot_be_is_one_line(place, run, tmp_path, subset, said):
    code, _, err = run("effects", place / "mine.h5ad", "--subset", subset, "--out", tmp_path / "x.h5ad")
    assert code == 1 and said in err and "Traceback" not in err and not (tmp_path / "x.h5ad").exists()
