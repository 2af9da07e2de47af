"""Histograms and curves, labels and axes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.figures import FIGURES
from core.figures.axes import Axis, linear_axis, log_axis
from core.figures.labels import Crowd, place_labels, text_width
from core.figures.spec import significant


def test_the_distribution_of_deltas_holds_every_gene_once(view):
    table = FIGURES["delta_distribution"].data(view)

    assert table[["neutral", "down", "up"]].to_numpy().sum() == len(view.genes)
    assert table["down"].sum() == (view.genes["role"] == "down").sum()
    assert np.allclose(table["left"].iloc[1:], table["right"].iloc[:-1])


def test_its_tails_show_because_the_count_axis_is_logarithmic(view, read):
    spec = FIGURES["delta_distribution"].draw(view).to_dict()
    bars = read.marks(spec, "rect")

    assert all(b["encoding"]["y"]["scale"]["type"] == "log" for b in bars)
    assert bars[0]["encoding"]["y"]["scale"]["domain"][0] < 1
    names = {r["name"] for t in read.marks(spec, "text") for r in read.rows(t)}
    assert view.genes["delta"].idxmin() in names


def test_curves_of_totals_are_shares_of_each_group(study, read):
    table = FIGURES["totals"].data(study)

    assert table["control_share"].sum() == pytest.approx(1) and table["perturbed_share"].sum() == pytest.approx(1)
    lines = read.marks(FIGURES["totals"].draw(study).to_dict(), "line")
    assert [line["mark"]["color"]["expr"] for line in lines] == [
        "scale('color', 'neutral')",
        "scale('color', 'observed')",
    ]
    assert all(line["encoding"]["x"]["scale"]["type"] == "log" for line in lines)


def test_the_middle_cell_is_the_median_to_within_a_bin(study):
    caption = FIGURES["totals"].caption(study)

    middle = float(caption.split("About ")[1].split(" in")[0].replace(",", ""))
    assert middle == pytest.approx(9000, rel=0.05)


@pytest.mark.parametrize("scale", ["counts", "log-normalized"])
def test_the_genes_means_are_counted_once_each(study, scale):
    table = FIGURES["gene_mean_distribution"].data(study, scale=scale)

    column = study.genes["mean" if scale == "counts" else "mean_log"]
    assert table["genes"].sum() == (column >= 1e-4).sum()


@pytest.mark.parametrize("scale", ["counts", "log-normalized"])
def test_the_genes_means_stand_on_a_logarithmic_axis_with_real_numbers(study, read, scale):
    spec = FIGURES["gene_mean_distribution"].draw(study, scale=scale, highlight=["GENE0"]).to_dict(validate=True)

    x = read.marks(spec, "rect")[0]["encoding"]["x"]
    assert x["scale"]["type"] == "log" and {0.01, 1.0} <= set(x["axis"]["values"])
    assert "GENE0" in {row["name"] for text in read.marks(spec, "text") for row in read.rows(text)}
    assert "3 never seen" in FIGURES["gene_mean_distribution"].caption(study, scale=scale)


def test_genes_too_low_to_draw_are_counted_in_the_caption(study):
    hidden = int((study.genes["mean"] < 1e-4).sum())

    caption = FIGURES["gene_mean_distribution"].caption(study)

    assert f"{hidden} genes below 0.0001 are not drawn (3 never seen)." in caption


# ---------------------------------------------------------------------------------------------------- labels


def test_text_is_measured_as_arial_measures_it():
    assert text_width("ACAT2", 1000) == 667 + 722 + 667 + 611 + 556
    assert text_width("iii", 10) < text_width("MMM", 10)


@given(seed=st.integers(0, 2**16), n=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_names_never_cover_one_another_nor_a_dot_nor_the_edge(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 300, n), rng.uniform(0, 200, n)
    names = [f"GENE{i}" for i in range(n)]

    labels = place_labels(
        names, x, y, size=(300.0, 200.0), text=11.0, dot=5.6, dots=(x, y), crowd=Crowd.of(x, y, 300.0, 200.0)
    )

    boxes = []
    for label in labels:
        w = text_width(names[label.item], 11.0)
        left = x[label.item] + label.dx - {"left": 0, "center": w / 2, "right": w}[label.align]
        middle = y[label.item] + label.dy
        assert left >= -1 and left + w <= 301
        assert not ((x > left) & (x < left + w) & (np.abs(y - middle) < 5)).any()
        assert not any(left < r and left + w > a and abs(middle - m) < 10 for a, r, m in boxes)
        boxes.append((left, left + w, middle))
    assert [label.rank for label in labels] == list(range(len(labels)))


def test_a_name_without_room_is_left_out_unless_it_must_be_drawn():
    x = np.repeat(np.arange(0, 100, 4.0), 25)
    y = np.tile(np.arange(0, 100, 4.0), 25)
    around = {"size": (100.0, 100.0), "text": 11.0, "dot": 5.6, "dots": (x, y)}

    assert place_labels(["GENE"], x[312:313], y[312:313], **around) == []
    assert len(place_labels(["GENE"], x[312:313], y[312:313], always=1, **around)) == 1


# ------------------------------------------------------------------------------------------------------ axes


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6))
@settings(max_examples=60, deadline=None)
def test_linear_ticks_are_round_and_lie_inside(low, span):
    axis = linear_axis("x", low, low + span)

    assert 2 <= len(axis.ticks) <= 12
    assert all(low - 1e-6 * span <= t <= low + span + 1e-6 * span for t in axis.ticks)


@given(low=st.floats(1e-4, 1e3), decades=st.floats(0.2, 8))
@settings(max_examples=60, deadline=None)
def test_logarithmic_ticks_are_real_numbers_inside_the_axis(low, decades):
    axis = log_axis("x", low, low * 10**decades)

    assert 3 <= len(axis.ticks) <= 9
    assert all(low * 0.999 <= t <= axis.high * 1.001 for t in axis.ticks)
    assert all(float(f"{t:.2e}") == pytest.approx(t) for t in axis.ticks)


@pytest.mark.parametrize("log", [False, True])
def test_positions_on_an_axis_can_be_turned_back(log):
    axis = Axis("x", 0.5, 300.0, (), log=log)
    values = np.array([0.5, 1.0, 20.0, 300.0])

    np.testing.assert_allclose(axis.at(axis.share(values)), values, rtol=1e-12)
    assert axis.share([0.5])[0] == 0 and axis.share([300.0])[0] == pytest.approx(1)


def test_numbers_are_sent_with_five_digits():
    np.testing.assert_array_equal(significant([123456.0, -0.00123456, 0.0, 5.0]), [123460.0, -0.0012346, 0.0, 5.0])
    assert math.isnan(significant([math.nan])[0])
