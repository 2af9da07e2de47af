"""Heatmaps and pairs by what they encode."""

import io

import numpy as np
import pytest
from PIL import Image

from core.figures import FIGURES, genes_in_box
from core.figures.export import thumbnail


def test_a_heatmap_has_a_cell_for_every_target_and_gene_with_its_delta(makers, read):
    view = makers.map()

    cells = read.rows(read.named(FIGURES["effect_map"].draw(view).to_dict(), "cells"))

    assert len(cells) == 12 * 8
    drawn = {(c["target"], c["gene"]): c["v"] for c in cells}
    assert drawn["TARGET0", "GENE0"] == 3.0
    assert drawn["TARGET5", "GENE3"] == pytest.approx(view.delta[5, 3], rel=1e-4)


@pytest.mark.parametrize("name, limit", [("effect_map", 0.5), ("correlation_map", 1.0)])
def test_colors_are_symmetric_around_zero_and_values_beyond_are_said(makers, read, name, limit):
    view = makers.map()
    unit = read.named(FIGURES[name].draw(view).to_dict(), "cells")

    scale = unit["encoding"]["fill"]["scale"]
    assert scale["domain"] == [-limit, limit] and scale["domainMid"] == 0 and scale["clamp"]
    if name == "effect_map":
        assert "1 value beyond have" in FIGURES[name].caption(view)


def test_targets_stand_in_the_order_of_the_view_and_groups_have_a_line_and_a_letter(makers, read):
    view = makers.map()
    spec = FIGURES["effect_map"].draw(view).to_dict()

    assert read.named(spec, "cells")["encoding"]["x"]["scale"]["domain"] == list(view.targets)
    line = next(u for u in read.marks(spec, "rule") if "x2" in u["encoding"])
    assert [(s["first"], s["last"], s["letter"]) for s in read.rows(line)] == [("TARGET0", "TARGET2", "A")]


def test_a_correlation_map_is_square_with_ones_on_its_diagonal(makers, read):
    view = makers.map()
    cells = read.rows(read.named(FIGURES["correlation_map"].draw(view).to_dict(), "cells"))

    assert len(cells) == 144
    assert all(c["v"] == pytest.approx(1) for c in cells if c["target"] == c["gene"])


def test_both_axes_of_a_pair_have_the_same_limits_and_the_perturbed_gene_stands_at_the_edge(makers, read):
    view = makers.pair()
    dots = read.named(FIGURES["pair"].draw(view).to_dict(), "dots")

    x, y = (dots["encoding"][side]["scale"]["domain"] for side in ("x", "y"))
    assert x == y and x[0] > -2
    own = next(d for d in read.rows(dots) if d["gene"] == "GENE40")
    assert own["x"] == pytest.approx(x[0], rel=1e-4)
    assert "1 perturbed gene stands at the edge." in FIGURES["pair"].caption(view)


def test_a_pair_draws_identity_and_zero_lines(makers, read):
    lines = [u for u in read.marks(FIGURES["pair"].draw(makers.pair()).to_dict(), "line")]

    ends = [[(p["x"], p["y"]) for p in read.rows(line)] for line in lines]
    assert [all(x == y for x, y in e) for e in ends].count(True) == 1
    assert [all(y == 0 for _, y in e) for e in ends].count(True) == 1
    assert [all(x == 0 for x, _ in e) for e in ends].count(True) == 1


def test_genes_that_go_opposite_ways_have_a_color_of_their_own_and_both_numbers(makers, read):
    dots = read.rows(read.named(FIGURES["pair"].draw(makers.pair()).to_dict(), "dots"))

    roles = {d["gene"]: d["role"] for d in dots}
    assert roles["GENE0"] == "up" and roles["GENE20"] == "down"
    assert roles["GENE30"] == "accent" and roles["GENE36"] == "neutral"
    assert next(d for d in dots if d["gene"] == "GENE30")["fdr_x"] == "1e−9"


def test_a_box_over_a_pair_gives_its_genes(makers):
    view = makers.pair()

    found = genes_in_box(view, "pair", {"x": [0.85, 0.95], "y": [-0.8, -0.6]})

    assert sorted(found) == [f"GENE{i}" for i in range(30, 36)]


def test_missing_correlations_are_drawn_as_nothing(makers, read):
    view = makers.map()
    view.r = np.where(np.eye(12) > 0, np.nan, view.r)

    cells = read.rows(read.named(FIGURES["correlation_map"].draw(view).to_dict(), "cells"))

    assert sum(c["v"] is None for c in cells) == 12


@pytest.mark.parametrize("paper", [False, True])
def test_a_heatmap_says_the_values_of_its_colors_at_both_ends_and_zero(makers, read, paper):
    spec = FIGURES["effect_map"].draw(makers.map(), paper=paper).to_dict()

    strip = read.rows(read.named(spec, "color-key"))
    assert strip[0]["v"] == -0.5 and strip[-1]["v"] == 0.5 and strip[len(strip) // 2]["v"] == 0
    said = [unit["encoding"]["text"].get("value") for unit in read.marks(spec, "text")]
    assert {"falls, to \u22120.50", "0", "rises, to +0.50"} <= set(said)


def test_a_small_picture_keeps_the_names_under_a_map_and_cuts_what_is_very_high():
    def size(width, height):
        file = io.BytesIO()
        Image.new("RGB", (width, height)).save(file, "PNG")
        return Image.open(io.BytesIO(thumbnail(file.getvalue()))).size

    assert size(1000, 1250) == (384, 480)
    assert size(1000, 3000) == (480, 480)
