"""Figures of genes: all of them at once, one in the cells, and what moves one."""

import json
import re

import numpy as np
import pytest

from core.errors import OptionError
from core.figures import FIGURES, genes_in_box
from core.figures.cloud import MOST_DOTS
from core.figures.export import export_figure, file_name
from tests.figures.gene_views import make_all_genes, make_gene, make_gene_cells

HOSTILE = "'] || alert(1) || ['<script>"


# ------------------------------------------------------------------------------------------------- mean_dispersion


def test_the_500_most_dispersed_variable_genes_are_dots_and_every_other_lies_in_a_tile(read):
    view = make_all_genes()
    spec = FIGURES["mean_dispersion"].draw(view).to_dict()

    dots, tiles = read.rows(read.named(spec, "dots")), read.rows(read.marks(spec, "rect")[0])

    drawn = view.genes[(view.genes["mean_normalized"] >= 0.001) & view.genes["dispersions_norm"].notna()]
    variable = drawn[drawn["highly_variable"]]
    assert {d["gene"] for d in dots} == set(variable["dispersions_norm"].nlargest(MOST_DOTS).index)
    assert len(dots) + sum(t["n"] for t in tiles) == len(drawn)
    assert {d["role"] for d in dots} == {"accent"}


def test_genes_that_are_not_drawn_are_counted_in_the_caption():
    view = make_all_genes()
    hidden = int((view.genes["mean_normalized"] < 0.001).sum())

    assert f"{hidden} genes below 0.001 counts a cell or never seen are not drawn" in FIGURES[
        "mean_dispersion"
    ].caption(view)
    assert "over all 12,000 cells" in FIGURES["mean_dispersion"].caption(view)


def test_genes_that_stand_at_1_because_no_other_has_their_mean_are_counted_in_the_caption():
    view = make_all_genes()
    assert "for want of others" not in FIGURES["mean_dispersion"].caption(view)

    view.genes.loc[view.genes.index[:3], "dispersions_norm"] = 1.0

    assert "3 genes stand at 1 for want of others of their mean" in FIGURES["mean_dispersion"].caption(view)


def test_the_dashed_lines_are_the_cuts(read):
    view = make_all_genes()

    lines = [read.rows(line) for line in read.marks(FIGURES["mean_dispersion"].draw(view).to_dict(), "line")]

    upright, level = lines
    assert [row["x"] for row in upright] == pytest.approx([view.mean_cut] * 2, rel=1e-4)
    assert [row["y"] for row in level] == pytest.approx([view.dispersion_cut] * 2, rel=1e-4)


def test_means_stand_on_a_logarithmic_axis_with_real_numbers_and_say_over_which_cells(read):
    x = read.named(FIGURES["mean_dispersion"].draw(make_all_genes()).to_dict(), "dots")["encoding"]["x"]

    assert x["scale"]["type"] == "log" and {0.001, 1.0, 100.0} <= set(x["axis"]["values"])
    assert x["title"] == "Mean normalized count, all cells (log axis)"


def test_a_highlighted_gene_is_ringed_though_it_is_not_variable(read):
    spec = FIGURES["mean_dispersion"].draw(make_all_genes(), highlight=["GENE1500"]).to_dict()

    assert [row["gene"] for row in read.rows(read.named(spec, "rings"))] == ["GENE1500"]
    assert "GENE1500" in {row["gene"] for row in read.rows(read.named(spec, "dots"))}


def test_a_panel_in_which_every_gene_is_variable_has_a_grey_dot_for_each(read):
    view = make_all_genes(n_genes=80, n_variable=80)

    spec = FIGURES["mean_dispersion"].draw(view).to_dict()

    dots = read.rows(read.named(spec, "dots"))
    assert {d["role"] for d in dots} == {"neutral"} and not read.marks(spec, "rect")
    assert "highly variable" not in FIGURES["mean_dispersion"].caption(view)


def test_a_box_over_the_cloud_gives_the_genes_inside_it():
    view = make_all_genes()

    genes = genes_in_box(view, "mean_dispersion", {"x": [0.1, 10], "y": [0, 2]})

    table = view.genes
    inside = table["mean_normalized"].between(0.1, 10) & table["dispersions_norm"].between(0, 2)
    assert set(genes) == set(table.index[inside])
    assert genes[0] == table["dispersions_norm"][inside].idxmax()


# ----------------------------------------------------------------------------------------------------- gene_movers


def test_what_moves_a_gene_stands_from_the_largest_fall_to_the_largest_rise(read):
    view = make_gene()

    dots = read.rows(read.named(FIGURES["gene_movers"].draw(view).to_dict(), "dots"))

    deltas = [d["delta"] for d in dots]
    assert deltas == sorted(deltas) and len(dots) == 15
    assert {d["target"] for d in dots if d["role"] != "neutral"} == {f"TARGET{k}" for k in range(6)}
    assert all(d["delta_low"] < d["delta"] < d["delta_high"] for d in dots)
    assert "TARGET39" not in {d["target"] for d in dots}, "its own perturbation is left out"


def test_the_caption_counts_what_moves_it_what_does_not_and_what_is_left_out():
    caption = FIGURES["gene_movers"].caption(make_gene())

    assert caption.startswith("6 knock-downs of 39 move it (FDR < 0.05, at least 1.4-fold).")
    assert "In grey the next 9" in caption and "1 target that perturbs the gene itself is left out." in caption


def test_a_target_next_door_is_marked_at_its_row(read):
    spec = FIGURES["gene_movers"].draw(make_gene()).to_dict()

    names = read.named(spec, "dots")["encoding"]["y"]["scale"]["domain"]
    assert [name for name in names if "next door" in name] == ["TARGET1 (next door)"]


def test_a_gene_that_nothing_perturbs_is_drawn_empty():
    view = make_gene(n_targets=1, n_moved=0)

    FIGURES["gene_movers"].draw(view).to_dict(validate=True)
    assert FIGURES["gene_movers"].caption(view) == "No perturbation of another gene is known here."


# ----------------------------------------------------------------------------------------------- gene_distribution


def test_curves_have_the_same_area_and_stay_in_their_rows(read):
    view = make_gene_cells()
    (area,) = read.marks(FIGURES["gene_distribution"].draw(view, paper=True).to_dict(), "area")

    areas = {}
    for row in read.rows(area):
        assert row["base"] <= row["top"] <= np.floor(row["base"]) + 1
        areas.setdefault(row["row"], []).append(row["top"] - row["base"])
    sums = np.array([sum(heights) for heights in areas.values()])
    assert sums == pytest.approx(np.full(len(sums), sums[0]), rel=0.02)  # what is too faint is not drawn


def test_cells_too_few_for_a_curve_are_drawn_one_by_one(read):
    view = make_gene_cells(few=6)
    spec = FIGURES["gene_distribution"].draw(view).to_dict()

    (area,) = read.marks(spec, "area")
    assert {row["row"] for row in read.rows(area)} == {0, 1, 2, 3}
    strokes = [rule for rule in read.marks(spec, "rule") if len(read.rows(rule)) == 6]
    assert len(strokes) == 1
    assert "Fewer than 20 cells make no curve: in 1 row each is a stroke." in FIGURES["gene_distribution"].caption(view)


def test_every_row_says_how_many_cells_show_the_gene(read):
    view = make_gene_cells()
    spec = FIGURES["gene_distribution"].draw(view).to_dict()

    (names,) = [param["value"] for param in spec["params"] if param["name"] == "rowNames"]
    rows = view.by("target").rows
    assert [first for first, _ in names] == list(rows["group"])
    assert names[0][1] == f"{rows['share'][0] * 100:.0f}\N{NO-BREAK SPACE}% of {rows['n'][0]:,} cells"
    means = read.rows(read.named(spec, "means"))
    np.testing.assert_allclose([m["x"] for m in means], rows["mean"], rtol=1e-4)


def test_no_name_becomes_part_of_an_expression():
    view = make_gene_cells()
    view.by("target").rows.loc[1, "group"] = HOSTILE

    spec = FIGURES["gene_distribution"].draw(view).to_dict()

    assert "alert" not in " ".join(re.findall(r'"(?:labelExpr|expr|test)": "[^"]*"', json.dumps(spec)))
    svg = export_figure("gene_distribution", view, format="svg")
    assert b"<script>" not in svg


def test_an_unknown_grouping_is_refused():
    with pytest.raises(OptionError, match="Take target, guide, batch or stratum"):
        FIGURES["gene_distribution"].draw(make_gene_cells(), by="moon")


def test_a_genes_files_carry_its_name_and_say_simulated():
    assert file_name("gene_movers", make_gene(), 85, "pdf") == "GENE7_gene_movers_85mm.pdf"
    assert file_name("gene_movers", make_gene(simulated=True), 85, "pdf").startswith("simulated_GENE7")
    svg = export_figure("gene_distribution", make_gene_cells(simulated=True), format="svg")
    assert b"Simulated data" in svg
