"""What marks say under the pointer: words made before they are sent."""

import altair as alt
import pytest
import vl_convert

from core.figures.cloud import once
from core.figures.drawing import compose
from core.figures.hover import with_words
from core.figures.sheet import sheet

ITEMS = [
    {"field": "gene", "type": "nominal", "title": "Gene"},
    {"field": "delta", "type": "quantitative", "format": "+.2f", "title": "delta"},
    {"field": "n", "type": "quantitative", "format": ",d", "title": "Cells"},
    {"field": "share", "type": "quantitative", "format": ".1%"},
    {"field": "mean", "type": "quantitative", "format": ".3~g", "title": "Mean"},
]
ROW = {"gene": "STAT1", "delta": -0.346, "n": 12345.0, "share": 0.1234, "mean": 2.5}
SAID = {"Gene": "STAT1", "delta": "−0.35", "Cells": "12,345", "share": "12.3%", "Mean": "2.5"}


def layer(values, items=ITEMS, **more):
    return {"data": {"values": values}, "mark": {"type": "circle"}, "encoding": {"x": {}, "tooltip": items}} | more


def test_each_row_holds_its_words_and_the_mark_points_at_them():
    (made,) = with_words([layer([ROW])])
    assert made["data"]["values"] == [ROW | {"said": SAID}]
    assert made["mark"]["tooltip"] == {"expr": "datum.said"} and made["encoding"] == {"x": {}}


def test_the_words_are_read_aloud_unless_the_marks_are_too_many():
    drawn = {"$schema": alt.SCHEMA_URL, "layer": with_words([layer([ROW])])}
    svg = vl_convert.vegalite_to_svg(drawn)
    assert "Gene: STAT1; delta: −0.35; Cells: 12,345; share: 12.3%; Mean: 2.5" in svg
    (quiet,) = with_words([layer([ROW], mark={"type": "rect", "aria": False})])
    assert quiet["mark"] == {"type": "rect", "aria": False, "tooltip": {"expr": "datum.said"}}


@pytest.mark.parametrize("field", ["gene", "delta", "n", "share", "mean"])
def test_what_is_not_known_is_said_so_and_never_zero(field):
    (made,) = with_words([layer([ROW | {field: None}])])
    assert list(made["data"]["values"][0]["said"].values()).count("not known") == 1
    assert "0" not in [*made["data"]["values"][0]["said"].values()]


def test_layers_within_a_layer_share_its_rows():
    inner = [{"mark": "rule", "encoding": {"tooltip": ITEMS}}, {"mark": {"type": "text"}, "encoding": {}}]
    (made,) = with_words([{"data": {"values": [ROW]}, "layer": inner}])
    assert made["data"]["values"][0]["said"] == SAID
    assert [part["mark"].get("tooltip") for part in made["layer"]] == [{"expr": "datum.said"}, None]


def test_layers_stay_as_they_are_without_rows_or_with_two_things_to_say():
    two = {"data": {"values": [ROW]}, "layer": [{"mark": "rule", "encoding": {"tooltip": ITEMS[:n]}} for n in (1, 2)]}
    without = [layer([]), {"mark": "rule", "encoding": {"tooltip": ITEMS}}, {"data": {"values": [ROW]}, "mark": "rule"}]
    assert with_words([two, *without]) == [two, *without]


def test_what_is_given_stays_as_it_is():
    given = layer([dict(ROW)])
    with_words([given])
    assert given == layer([ROW])


@pytest.mark.parametrize(
    ("form", "value", "said"),
    [
        (".2f", -0.001, "0.00"),
        (".0%", -0.001, "0%"),
        (".3~g", 1e-7, "1e−7"),
        (".3~g", 12345, "1.23e+4"),
        ("", 3.0, "3"),
    ],
)
def test_numbers_are_written_as_on_the_axes(form, value, said):
    item = {"field": "v", "type": "quantitative", "title": "V"} | ({"format": form} if form else {})
    (made,) = with_words([layer([{"v": value}], [item])])
    assert made["data"]["values"][0]["said"] == {"V": said}


def test_two_things_by_one_name_and_thousands_of_rows_are_left_to_the_browser():
    twice = [layer([ROW], [ITEMS[0], ITEMS[1] | {"title": "Gene"}]), layer([ROW] * 4001)]
    assert with_words(twice) == twice


def test_a_cloud_is_made_once_for_a_figure_and_its_words():
    views, made = [object(), object()], []
    cloud = once(lambda view, *, scale="log", **_: made.append((view, scale)) or len(made))
    assert [cloud(views[0]), cloud(views[0], scale="log", highlight=("A",)), cloud(views[0], scale="counts")] == [
        1,
        1,
        2,
    ]
    assert [cloud(views[0], scale="counts"), cloud(views[1]), cloud(views[0])] == [2, 3, 4]


def test_maps_are_painted_as_pixels_on_screen_alone():
    on_screen, on_paper = (
        compose([], sheet(paper, 800.0, y_labels=()), many=True).to_dict() for paper in (False, True)
    )
    assert on_screen["usermeta"] == {"embedOptions": {"renderer": "hybrid"}} and "usermeta" not in on_paper
