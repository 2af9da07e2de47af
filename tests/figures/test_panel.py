"""Panels: exact sizes, letters, ids that are unique, text that stays text, and what is said beside them."""

import io
import re
import xml.etree.ElementTree as ET
import zipfile
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from core.errors import OptionError
from core.figures.panel import (
    Part,
    own_ids,
    panel_bytes,
    panel_data_zip,
    panel_file_name,
    panel_methods,
    part_widths,
)
from core.figures.sheet import MM_PER_PT, Paper

SVG = "{http://www.w3.org/2000/svg}"
LETTERS = "abcdef"


@pytest.fixture(scope="module")
def parts(view) -> list[Part]:
    return [
        Part("scatter", view, {"highlight": ("GENE12",)}),
        Part("volcano", view),
        Part("guides", view),
        Part("top_deltas", view, {"n": 10}),
    ]


@pytest.fixture(scope="module")
def svg(parts) -> ET.Element:
    return ET.fromstring(panel_bytes(parts, format="svg", width_mm=174, dpi=100))


def letters(svg: ET.Element) -> list[ET.Element]:
    return [text for text in svg.findall(f"{SVG}text") if text.text in LETTERS]


@pytest.mark.parametrize("width_mm", [85, 114, 174])
def test_the_panel_opens_at_its_exact_width_in_every_format(parts, width_mm):
    columns = 1 if width_mm == 85 else 2
    svg, pdf, png = (
        panel_bytes(parts, format=kind, width_mm=width_mm, columns=columns, dpi=100) for kind in ("svg", "pdf", "png")
    )

    box = PdfReader(io.BytesIO(pdf)).pages[0].mediabox
    with Image.open(io.BytesIO(png)) as picture:
        pixels, tall = picture.size
    root = ET.fromstring(svg)

    assert float(box.width) * MM_PER_PT == pytest.approx(width_mm, abs=0.01)
    assert root.get("width") == f"{width_mm}mm"
    assert float(root.get("height").removesuffix("mm")) == pytest.approx(float(box.height) * MM_PER_PT, abs=0.01)
    assert pixels == round(width_mm / 25.4 * 100)
    assert tall == pytest.approx(float(box.height) / 72 * 100, abs=1.5)


def test_each_figure_has_its_letter_in_bold_8_points_at_its_top_left(svg):
    found = letters(svg)

    assert [letter.text for letter in found] == ["a", "b", "c", "d"]
    for letter in found:
        assert (letter.get("font-weight"), letter.get("font-size")) == ("bold", "8px")
        figure = svg.find(f"{SVG}g[@id='panel-{letter.text}']")
        x, y = map(float, re.findall(r"[\d.]+", figure.get("transform")))
        assert float(letter.get("x")) == x
        assert float(letter.get("y")) == y  # the letter stands on the figure's upper edge


def test_ids_are_unique_and_every_reference_finds_its_own_figure(svg):
    ids = [element.get("id") for element in svg.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert sum(re.fullmatch(r"[ab]-clip\d+", id) is not None for id in ids) >= 2  # both clouds have clips of their own

    for letter in LETTERS[:4]:
        figure = svg.find(f"{SVG}g[@id='panel-{letter}']")
        for element in figure.iter():
            for value in element.attrib.values():
                for target in re.findall(r"url\(#([^)]+)\)", value):
                    assert target in ids and target.startswith(f"{letter}-")


def test_a_name_that_looks_like_a_reference_is_left_alone():
    figure = ET.fromstring('<svg><text id="clip1">url(#clip1)</text><g clip-path="url(#clip1)"/></svg>')

    own_ids(figure, "a-")

    assert figure[0].text == "url(#clip1)"
    assert figure[0].get("id") == "a-clip1" and figure[1].get("clip-path") == "url(#a-clip1)"


def test_text_stays_text_at_the_size_of_a_single_export_and_fonts_are_embedded(parts, svg):
    sizes = {text.get("font-size") for text in svg.iter(f"{SVG}text")}
    assert sizes <= {"6px", "7px", "8px"}  # nothing was scaled

    assert not any("scale" in (g.get("transform") or "") for g in svg.findall(f"{SVG}g"))
    reader = PdfReader(io.BytesIO(panel_bytes(parts, format="pdf", dpi=100)))
    assert "Control, log-normalized mean" in reader.pages[0].extract_text()
    fonts = reader.pages[0]["/Resources"]["/Font"].values()
    descendants = [font.get_object()["/DescendantFonts"][0].get_object() for font in fonts]
    assert all({"/FontFile2", "/FontFile3"} & set(d["/FontDescriptor"].get_object()) for d in descendants)


def test_a_low_figure_leaves_no_hole_beside_a_high_one(view):
    low_high_low = [Part("guides", view), Part("scatter", view), Part("guides", view)]

    svg = ET.fromstring(panel_bytes(low_high_low, format="svg", dpi=100))

    at = {t.text: (float(t.get("x")), float(t.get("y"))) for t in letters(svg)}
    assert at["c"][0] == at["a"][0] == 0 and at["b"][0] > 0
    assert at["a"][1] < at["c"][1] < 120  # right under a, not under the end of b


@given(
    full=st.lists(st.booleans(), min_size=1, max_size=6),
    columns=st.sampled_from([1, 2, 3]),
    width_mm=st.sampled_from([114.0, 174.0, 183.0]),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_widths_fill_the_panel_whatever_the_layout(full, columns, width_mm):
    parts = [Part("guides", SimpleNamespace(), full_width=wide) for wide in full]

    widths = part_widths(parts, Paper(width_mm), columns)

    narrow = {width for width, wide in zip(widths, full, strict=True) if not wide}
    assert all(width == Paper(width_mm).width for width, wide in zip(widths, full, strict=True) if wide)
    assert len(narrow) <= 1
    for width in narrow:
        n = min(columns, full.count(False))
        assert n * width + (n - 1) * 8 == pytest.approx(Paper(width_mm).width)


@pytest.mark.parametrize(
    ("n", "columns", "width_mm", "said"),
    [(0, 2, 174, "one to 6"), (7, 2, 174, "one to 6"), (3, 3, 60, "too narrow"), (2, 4, 174, "4 columns"),
     (2, 2, 10, "cannot be 10 mm wide")],
)  # fmt: skip
def test_a_panel_that_cannot_be_read_is_refused_with_a_reason(view, n, columns, width_mm, said):
    with pytest.raises(OptionError, match=said):
        panel_bytes([Part("guides", view)] * n, format="svg", width_mm=width_mm, columns=columns)


def test_simulated_figures_say_so_each_once_and_in_the_file_name(makers):
    simulated = makers.perturbation(300, simulated=True)
    parts = [Part("scatter", simulated), Part("guides", simulated)]

    svg = panel_bytes(parts, format="svg", dpi=100).decode()

    assert len(re.findall(r">Simulated data</text>", svg)) == 2
    assert panel_file_name(parts, 85, "pdf") == "simulated_GENE0_panel_a-b_85mm.pdf"


def test_a_panel_of_several_targets_is_not_named_after_one(makers):
    one, other = makers.perturbation(300), makers.perturbation(300, simulated=True, target="GENE5")

    assert panel_file_name([Part("guides", one), Part("guides", other)], 174, "svg") == "simulated_panel_a-b_174mm.svg"


def test_methods_name_each_letter_and_the_data_have_a_table_a_letter(parts, view):
    methods = panel_methods([parts[0], parts[1], parts[0]])
    assert re.match(r"\(a, c\) GENE0: 552 cells against 4,000 controls; drawn: mean log-normalized", methods)
    assert "\n(b) GENE0" in methods

    with zipfile.ZipFile(io.BytesIO(panel_data_zip(parts))) as archive:
        names = archive.namelist()
        table = pd.read_csv(archive.open(names[3]))
        assert archive.read("methods.txt").decode().startswith("(a) GENE0")

    assert names == [
        "a_GENE0_scatter_data.csv", "b_GENE0_volcano_data.csv", "c_GENE0_guides_data.csv",
        "d_GENE0_top_deltas_data.csv", "methods.txt",
    ]  # fmt: skip
    assert len(table) == 10
    assert panel_data_zip(parts) == panel_data_zip(parts)
