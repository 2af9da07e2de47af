"""The QQ plot: what it encodes, says and exports."""

import numpy as np
import pytest

from core.figures import FIGURES
from core.figures.export import export_figure, file_name
from core.figures.qq import axes
from tests.figures.cell_views import METHODS
from tests.figures.qq_views import make_qq


def test_the_dots_are_ordered_p_values_and_those_beyond_the_axis_stand_on_its_edge_and_are_counted():
    view = make_qq()
    spec = FIGURES["qq"].draw(view).to_dict()
    dots = next(
        layer for layer in spec["layer"] if layer["mark"].get("type") == "circle" and len(layer["data"]["values"]) > 1
    )
    top = axes(view)[1].high

    y = np.array([d["y"] for d in dots["data"]["values"]])
    assert y.max() == pytest.approx(top, rel=1e-4) and top < 15  # the controls stay readable
    beyond = (view.points["observed"] > top).to_numpy()
    assert f"{view.points['rank'][beyond].max():,} genes with smaller p lie on the upper edge" in (
        FIGURES["qq"].caption(view)
    )


def test_the_caption_says_how_many_genes_cells_and_control_sets(read):
    caption = FIGURES["qq"].caption(make_qq())

    for words in ("18,079 genes in 552 cells", "20 random sets of 500 control cells", "calls most genes, 23"):
        assert words in caption
    assert "strata" in FIGURES["qq"].caption(make_qq(stratified=True))


def test_without_control_sets_the_target_stands_alone():
    view = make_qq(n_sets=0)

    assert "Band" not in FIGURES["qq"].caption(view)
    spec = FIGURES["qq"].draw(view).to_dict()
    assert not any(layer["mark"].get("type") == "area" for layer in spec["layer"])


def test_the_table_behind_it_names_whose_p_values_they_are():
    table = FIGURES["qq"].data(make_qq(72))

    assert table["whose"].value_counts().to_dict() == dict.fromkeys(
        ["target", "lowest control set", "median control set", "highest control set", "worst control guide"], 72
    )


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_it_is_exported(form):
    assert len(export_figure("qq", make_qq(), format=form, width_mm=85)) > 1000


def test_a_subset_stands_in_the_file_name_and_the_methods():
    from dataclasses import replace

    methods = replace(METHODS, subset="cells of cell_type H1; a/b only", who="GENE0 (cells of cell_type H1 only)")
    name = file_name("qq", make_qq(methods=methods), 85, "svg")

    assert name == "GENE0_qq_cells_of_cell_type_H1_a_b_only_85mm.svg"
