"""Dots of pathways, rows of cell state, curves of responders: what they encode."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from core.errors import OptionError
from core.figures import FIGURES
from core.figures.export import export_figure, file_name
from tests.figures.cell_views import make_cell_state, make_pathways, make_responders


def dots(name, view, read, **options):
    return read.rows(read.named(FIGURES[name].draw(view, **options).to_dict(), "dots"))


def test_the_surest_sets_are_dots_by_surety_direction_and_hits(read):
    view = make_pathways()

    drawn = dots("pathways", view, read)

    assert [d["set"] for d in drawn] == [f"Process number {k} of a cell" for k in (0, 1, 2, 4, 5, 6, 7, 8)]
    np.testing.assert_allclose([d["sure"] for d in drawn], [30, 29, 28, 26, 25, 24, 23, 22])
    assert {d["role"] for d in drawn if d["set"].split()[2] in "258"} == {"down"}
    size = read.named(FIGURES["pathways"].draw(view).to_dict(), "dots")["encoding"]["size"]
    assert size["field"] == "hits" and size["scale"]["domain"][0] == 0


def test_a_set_that_repeats_a_surer_one_is_not_drawn_but_counted(read):
    caption = FIGURES["pathways"].caption(make_pathways())

    assert "The 8 surest of 11 sets among the 239 genes that rise and 475 that fall" in caption
    assert "1 more set mostly repeats these genes" in caption


def test_where_none_passes_the_nearest_are_grey_and_it_is_said(read):
    view = make_pathways(n_sure=0)

    assert {d["role"] for d in dots("pathways", view, read)} == {"neutral"}
    assert FIGURES["pathways"].caption(view).startswith("No set passes FDR < 0.05 among")


def test_the_two_tests_draw_their_own_tables(read):
    view = make_pathways()
    view.profile = view.profile.assign(fdr=0.5)

    assert {d["role"] for d in dots("pathways", view, read, test="profile")} == {"neutral"}
    assert {d["role"] for d in dots("pathways", view, read, test="genes")} == {"up", "down"}
    assert "camera" in FIGURES["pathways"].methods(view, test="profile")
    assert "hypergeometric" in FIGURES["pathways"].methods(view, test="genes")
    with pytest.raises(OptionError, match="test cannot be"):
        FIGURES["pathways"].draw(view, test="magic")


def test_an_empty_table_is_a_sentence():
    view = make_pathways()
    view.listed, view.about = view.listed.head(0), "40 of 50 sets tested; 10 with more than 500 left out."

    assert FIGURES["pathways"].caption(view).startswith("None of the sets tested holds a gene that changed, though")

    view.profile = view.profile.head(0)
    assert FIGURES["pathways"].caption(view) == f"No set could be tested: {view.about}"
    assert "none" in FIGURES["pathways"].alt(view)
    FIGURES["pathways"].draw(view, paper=True).to_dict(validate=True)


@pytest.mark.parametrize("name", ["pathways", "cell_state", "responders"])
def test_simulated_data_say_so_in_figure_and_file_name(name):
    view = {"pathways": make_pathways, "cell_state": make_cell_state, "responders": make_responders}[name](
        simulated=True
    )

    root = ElementTree.fromstring(export_figure(name, view, format="svg"))

    assert any("Simulated data" in (t.text or "") for t in root.iter("{http://www.w3.org/2000/svg}text"))
    assert file_name(name, view, 85, "svg") == f"simulated_GENE0_{name}_85mm.svg"
    assert FIGURES[name].methods(view).startswith("GENE0")  # the view's own methods say "Simulated data"


def test_rows_of_cell_state_hold_values_in_words_and_intervals(read):
    drawn = dots("cell_state", make_cell_state(), read)

    assert [d["name"] for d in drawn][:2] == [
        "Total counts: 54,815, controls 55,100",
        "Genes seen: 6,000, controls 6,010",
    ]
    assert drawn[2]["name"] == "Mitochondrial: 4.0 %, controls 5.0 %"
    assert drawn[3]["name"] == "In S: 21 %, controls 38 %"
    assert [d["role"] for d in drawn] == ["neutral", "neutral", "down", "down", "up"]
    assert all(d["low"] <= d["auc"] <= d["high"] for d in drawn)


def test_curves_of_responders_are_shares_of_either_group(read):
    spec = FIGURES["responders"].draw(make_responders()).to_dict(validate=True)

    curves = [read.rows(u) for u in read.marks(spec, "line")]
    assert len(curves) == 2
    for curve in curves:
        assert sum(row["y"] for row in curve) == pytest.approx(1, abs=1e-3)
