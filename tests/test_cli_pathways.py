"""``python -m core pathways`` and the figures of pathways and cells on the command line."""

import pandas as pd
import pytest

from core.__main__ import main
from core.data.synthetic import write_demo
from core.store import build_study
from core.views import perturbation_view


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_demo(folder / "demo.h5ad", 2000, 600, 8)
    study = build_study(folder / "demo.h5ad", data_root=folder / "root")
    target = str(study.targets["n_significant"].idxmax())
    genes = perturbation_view(study, target).genes
    up = list(genes.index[genes["role"] == "up"][:15])
    fill = [list(study.genes.index[20 * k : 20 * k + 15]) for k in range(20)]
    rows = [("PLANTED_RISING", up), *((f"FILL_{k}", f) for k, f in enumerate(fill))]
    (folder / "sets.gmt").write_text("".join(f"{n}\t\t" + "\t".join(g) + "\n" for n, g in rows))
    return folder, target


def run(folder, *args):
    return main([args[0], "--data-root", str(folder / "root"), *map(str, args[1:])])


def test_pathways_writes_both_tests_of_one_target(screen, capsys, tmp_path):
    folder, target = screen

    code = run(folder, "pathways", folder / "demo.h5ad", "--target", target, "--gmt", folder / "sets.gmt", "--out",
               tmp_path / "X.csv")  # fmt: skip

    assert code == 0
    table = pd.read_csv(tmp_path / "X.csv")
    assert table.iloc[0]["set"] == "PLANTED_RISING" and table.iloc[0]["direction"] == "up"
    assert table["simulated"].all() and set(table["collection"]) == {"sets"}
    assert set(table["test"]) == {"over-representation", "rank test of the profile"}
    assert "21 of 21 sets tested." in capsys.readouterr().err


@pytest.mark.parametrize("figure", ["pathways", "cell_state", "responders"])
def test_figures_are_exported_with_data_and_methods(screen, tmp_path, figure):
    folder, target = screen

    code = run(folder, "export", folder / "demo.h5ad", "--figure", figure, "--target", target, "--gmt",
               folder / "sets.gmt", "--format", "svg", "--out", tmp_path / "x.svg", "--data", tmp_path / "x.csv",
               "--methods", tmp_path / "x.txt")  # fmt: skip

    assert code == 0
    assert "Simulated data" in (tmp_path / "x.svg").read_text()
    assert len(pd.read_csv(tmp_path / "x.csv")) > 0
    assert target in (tmp_path / "x.txt").read_text()


@pytest.mark.parametrize(
    ("gmt", "said"),
    [
        ("none.gmt", "No gene sets are kept as"),
        (None, "Say which gene sets"),
    ],
)
def test_missing_gene_sets_are_said_in_a_line(screen, capsys, tmp_path, gmt, said):
    folder, target = screen
    given = ["--gmt", gmt] if gmt else []

    code = run(folder, "export", folder / "demo.h5ad", "--figure", "pathways", "--target", target, *given, "--format",
               "svg", "--out", tmp_path / "x.svg")  # fmt: skip

    assert code == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.svg").exists()
