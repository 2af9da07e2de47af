"""Exported files, opened and measured."""

import io
import re
import struct
import xml.etree.ElementTree as ElementTree
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.errors import OptionError
from core.figures import FIGURES, colors
from core.figures.export import export_figure, figure_data_bytes, file_name, with_pdf_info
from core.figures.raster import points_picture
from core.figures.sheet import Paper

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


@pytest.fixture(scope="module")
def full(makers):
    """A simulated view of as many genes as the Virtual Cell Challenge measures."""
    return makers.perturbation(n_genes=18_080, simulated=True)


@pytest.fixture(scope="module")
def svg(full):
    return export_figure("scatter", full, format="svg", width_mm=85, dpi=450, highlight=["GENE7"])


@pytest.fixture(scope="module")
def root(svg):
    return ElementTree.fromstring(svg)


@pytest.fixture(scope="module")
def pdf(full):
    return export_figure("scatter", full, format="pdf", width_mm=85, highlight=["GENE7"])


@pytest.fixture(scope="module")
def png(view):
    return export_figure("scatter", view, format="png", width_mm=85, dpi=300)


def _texts(root):
    return {"".join(t.itertext()): t for t in root.iter(f"{SVG}text")}


def _chunks(png):
    at, found = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.setdefault(png[at + 4 : at + 8], []).append(png[at + 8 : at + 8 + length])
        at += 12 + length
    return found


def _media_box(pdf):
    box = re.search(rb"/MediaBox\s*\[([^\]]*)\]", pdf)
    return [float(v) for v in box[1].split()]


# --------------------------------------------------------------------------------------------------------- SVG


def test_an_svg_of_18080_genes_is_under_1_mb_and_85_mm_wide(svg, root):
    assert len(svg) < 1_000_000
    assert root.get("width") == "85mm"
    _, _, width, height = (float(v) for v in root.get("viewBox").split())
    assert width == pytest.approx(85 * 72 / 25.4, abs=1e-3)
    assert float(root.get("height").removesuffix("mm")) == pytest.approx(height * 25.4 / 72, abs=1e-3)


def test_text_stays_text_in_arial_of_7_and_6_points(root):
    texts = _texts(root)

    sizes = {words: (t.get("font-size"), t.get("font-family")) for words, t in texts.items()}
    assert sizes["Control, log-normalized mean"] == ("7px", "Arial, Liberation Sans, sans-serif")
    assert {size for size, _ in sizes.values()} == {"6px", "7px"}  # one unit is one point
    assert {t.get("fill") for t in texts.values()} == {"#22303C"}, "no colored text on paper"
    assert len(texts) > 20


def test_gene_symbols_are_italic_and_nothing_else(root):
    texts = _texts(root)

    assert texts["GENE0"].get("font-style") == "italic" and texts["GENE7"].get("font-weight") == "bold"
    title = texts["GENE0 knock-down, log-normalized mean"]
    assert [s.text for s in title.iter(f"{SVG}tspan")] == ["GENE0"] and title.get("font-style") is None


def test_only_the_cloud_is_an_image_and_it_fills_the_plot(root, full):
    images = list(root.iter(f"{SVG}image"))

    assert len(images) == 1 and images[0].get(HREF).startswith("data:image/png;base64,")
    spec = FIGURES["scatter"].draw(full, paper=True).to_dict()
    assert float(images[0].get("width")) == pytest.approx(spec["width"], abs=0.01)
    assert float(images[0].get("height")) == pytest.approx(spec["height"], abs=0.01)


def test_nothing_is_fetched_from_elsewhere(svg):
    links = re.findall(rb'(?:href|src)="([^"]{0,30})', svg)

    assert all(link.startswith((b"data:", b"#")) for link in links)


def test_every_gene_is_a_point_of_the_picture():
    """Three genes far apart leave three spots of ink, in the colors of their roles."""
    xy = np.array([20.0, 100.0, 180.0])
    ink = np.array([colors.CLOUD, colors.LIGHT["up"], colors.LIGHT["down"]])
    url = points_picture(xy, xy, ink, np.full(3, 4.0), (200.0, 200.0), 288)

    image = np.asarray(Image.open(io.BytesIO(b64decode(url.split(",")[1]))).convert("RGBA"))
    assert image.shape[:2] == (800, 800)
    for at, color in zip(xy, ink, strict=True):
        r, g, b, a = (int(v) for v in image[round(at * 4), round(at * 4)])
        assert a >= 250
        assert np.abs(np.array([r, g, b]) - [int(color[i : i + 2], 16) for i in (1, 3, 5)]).max() <= 6
    assert (image[..., 3] > 0).mean() < 0.01


def test_the_key_is_inside_with_counts_and_so_is_simulated(root, full):
    texts = _texts(root)

    up, down = ((full.genes["role"] == r).sum() for r in ("up", "down"))
    assert {f"{up:,} genes rise", f"{down:,} genes fall", f"{18_080 - up - down:,} others"} <= set(texts)
    assert "Simulated data" in texts


def test_real_data_are_not_called_simulated(view):
    svg = export_figure("top_deltas", view, format="svg")

    assert b"imulated" not in svg


def test_title_n_test_and_version_are_inside(root):
    title, words = root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text

    assert title == "GENE0 knock-down: Control against perturbed, one dot a gene"
    for part in (
        "552 cells against 4,000 control cells",
        "two-sided Mann-Whitney U",
        "Perturbscope 0.",
        "Simulated data.",
    ):
        assert part in words


def test_lines_are_half_a_point_and_there_is_no_grid(root):
    widths = {e.get("stroke-width") for e in root.iter(f"{SVG}line")}

    assert widths == {"0.5"}
    assert not [g for g in root.iter(f"{SVG}g") if "axis-grid" in (g.get("class") or "")]


@pytest.mark.parametrize("shape, wider", [("wide", True), ("tall", False)])
def test_the_shape_decides_the_height(view, shape, wider):
    root = ElementTree.fromstring(export_figure("volcano", view, format="svg", width_mm=114, shape=shape))

    assert root.get("width") == "114mm"
    assert (float(root.get("height").removesuffix("mm")) < 114) == wider


# --------------------------------------------------------------------------------------------------------- PDF


def test_a_pdf_opens_85_mm_wide(pdf):
    _, _, width, height = _media_box(pdf)

    assert width * 25.4 / 72 == pytest.approx(85, abs=0.01)
    assert height < width
    assert len(pdf) < 1_000_000


def test_a_pdf_embeds_its_fonts(pdf):
    assert pdf.count(b"/FontFile2") >= 2  # upright and italic, TrueType
    assert b"/Type3" not in pdf


def test_a_pdf_says_what_it_is(pdf):
    info = pdf[pdf.rindex(b" 0 obj") :]
    title = bytes.fromhex(re.search(rb"/Title <FEFF([0-9A-F]*)>", info)[1].decode()).decode("utf-16-be")
    keywords = bytes.fromhex(re.search(rb"/Keywords <FEFF([0-9A-F]*)>", info)[1].decode()).decode("utf-16-be")

    assert title.startswith("GENE0 knock-down") and "552 cells" in keywords and "Mann-Whitney" in keywords


def test_a_pdf_reader_finds_text_and_metadata(pdf):
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

    reader = pypdf.PdfReader(io.BytesIO(pdf))

    text = reader.pages[0].extract_text()
    assert "Control, log-normalized mean" in text and "GENE7" in text and "Simulated data" in text
    assert reader.metadata.creator.startswith("Perturbscope")
    assert float(reader.pages[0].mediabox.width) * 25.4 / 72 == pytest.approx(85, abs=0.01)


def test_a_pdf_of_another_writer_is_left_as_it_is():
    assert with_pdf_info(b"%PDF-2.0 something new", {"Title": "x"}) == b"%PDF-2.0 something new"


# --------------------------------------------------------------------------------------------------------- PNG


def test_a_png_has_as_many_pixels_as_its_width_has_dots(png):
    image = Image.open(io.BytesIO(png))

    assert image.width == round(85 / 25.4 * 300)
    assert struct.unpack(">IIB", _chunks(png)[b"pHYs"][0]) == (11811, 11811, 1)


def test_a_png_has_ink_where_its_names_and_titles_are(png, view):
    """vl-convert draws no text at all, and says nothing, where it finds no font."""
    image = np.asarray(Image.open(io.BytesIO(png)).convert("L")).astype(int)
    spec = FIGURES["scatter"].draw(view, paper=True).to_dict()
    scale = 300 / 72
    bottom = image[round((spec["padding"]["top"] + spec["height"] + 12) * scale) :, :]
    left = image[:, : round((spec["padding"]["left"] - 9) * scale)]

    assert (bottom < 100).mean() > 0.005 and (left < 100).mean() > 0.005


def test_a_png_carries_its_metadata(png):
    texts = dict(t.split(b"\0", 1) for t in _chunks(png)[b"tEXt"])

    assert texts[b"Title"].startswith(b"GENE0 knock-down") and texts[b"n"] == b"552 cells against 4,000 control cells"
    assert texts[b"Software"].startswith(b"Perturbscope")


def test_a_png_is_white_where_nothing_is(png):
    assert Image.open(io.BytesIO(png)).convert("RGBA").getpixel((1, 1)) == (255, 255, 255, 255)


# --------------------------------------------------------------------------------------------- every figure, names


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_exports_as_svg_of_its_width(subject, name):
    root = ElementTree.fromstring(export_figure(name, subject(name), format="svg", width_mm=89, dpi=100))

    assert root.get("width") == "89mm" and len(list(root.iter(f"{SVG}text"))) > 4


def test_a_hostile_name_is_escaped_and_stays_readable(makers):
    name = "<script>&\"'\x0b"
    view = makers.perturbation(n_genes=200, target=name)
    view.genes = view.genes.assign(gene=[name, *view.genes["gene"].iloc[1:]])
    view.own_genes = (name,)

    svg = export_figure("scatter", view, format="svg", highlight=[name])

    assert b"<script" not in svg
    assert "<script>&\"'" in _texts(ElementTree.fromstring(svg))
    assert export_figure("top_deltas", view, format="pdf", highlight=[name]).startswith(b"%PDF")


@pytest.mark.parametrize("width", [19, 401, float("nan"), "85", None])
def test_a_width_out_of_range_is_refused(view, width):
    with pytest.raises(OptionError, match="mm wide. Take 20 to 400 mm"):
        export_figure("scatter", view, format="svg", width_mm=width)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"format": "gif"}, "format cannot be 'gif'. Take svg, pdf or png."),
        ({"format": "svg", "shape": "round"}, "shape cannot be 'round'"),
        ({"format": "svg", "dpi": 10}, "10 dots per inch"),
        ({"format": "png", "width_mm": 400, "dpi": 1200}, "Take fewer dpi"),
    ],
)
def test_an_export_that_makes_no_sense_is_refused(view, options, sentence):
    with pytest.raises(OptionError, match=re.escape(sentence)):
        export_figure("top_deltas", view, **options)


def test_an_unknown_figure_is_refused(view):
    with pytest.raises(OptionError, match="No figure is called 'pie'"):
        export_figure("pie", view, format="svg")


@pytest.mark.parametrize(
    "target, simulated, name",
    [
        ("ACAT2", False, "ACAT2_scatter_85mm.pdf"),
        ("ACAT2", True, "simulated_ACAT2_scatter_85mm.pdf"),
        ("KLF1+MAPK1", False, "KLF1+MAPK1_scatter_85mm.pdf"),
        ("../../etc/passwd", False, "etc_passwd_scatter_85mm.pdf"),
        ("All perturbed cells", False, "All_perturbed_cells_scatter_85mm.pdf"),
        ("¿?", False, "figure_scatter_85mm.pdf"),
        ("A" * 10_000, False, f"{'A' * 39}_scatter_85mm.pdf"),
    ],
)
def test_file_names_are_safe_and_say_simulated(makers, target, simulated, name):
    view = makers.perturbation(n_genes=10, simulated=simulated, target=target)

    assert file_name("scatter", view, 85, "pdf") == name


def test_a_study_gives_its_name_to_the_file(study):
    assert file_name("totals", study, 114.5, "svg") == "screen_totals_114.5mm.svg"
    assert file_name("totals", study, None, "csv") == "screen_totals.csv"


# -------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("name", FIGURES)
def test_the_data_behind_a_figure_are_the_same_as_csv_and_parquet(subject, name):
    text = pd.read_csv(io.BytesIO(figure_data_bytes(name, subject(name), "csv")))
    binary = pd.read_parquet(io.BytesIO(figure_data_bytes(name, subject(name), "parquet")))

    assert list(text.columns) == list(binary.columns) == list(FIGURES[name].data(subject(name)).columns)
    assert len(text) == len(binary) > 0


def test_columns_keep_their_order_whatever_order_the_view_has(makers):
    view = makers.perturbation(n_genes=50)
    first = figure_data_bytes("scatter", view)
    view.genes = view.genes[view.genes.columns[::-1]]

    assert figure_data_bytes("scatter", view) == first
    assert first.startswith(b"gene,ctrl_mean,pert_mean,delta,delta_low,delta_high,")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1"])
def test_a_name_that_a_spreadsheet_would_run_is_made_inert_in_csv_only(makers, name):
    view = makers.perturbation(n_genes=50)
    view.genes = view.genes.assign(gene=[name, *view.genes["gene"].iloc[1:]])

    text = pd.read_csv(io.BytesIO(figure_data_bytes("scatter", view)))
    binary = pd.read_parquet(io.BytesIO(figure_data_bytes("scatter", view, "parquet")))

    assert f"'{name}" in set(text["gene"]) and name not in set(text["gene"])
    assert name in set(binary["gene"])
    assert text["delta"].dtype == float, "negative numbers stay numbers"


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [20, 400])
def test_the_smallest_and_the_widest_figure_still_have_a_plot(makers, subject, name, width):
    shown = makers.study(20) if FIGURES[name].subject == "study" else subject(name)
    if FIGURES[name].subject == "perturbation":
        shown = makers.perturbation(n_genes=300)
        shown.guides = shown.guides.assign(guide=["a" * 80, "b" * 80, "c"])

    spec = FIGURES[name].draw(shown, paper=Paper(width, "wide", 72)).to_dict()

    assert spec["width"] > 5 and spec["height"] > 5
    assert spec["width"] + spec["padding"]["left"] + spec["padding"]["right"] == pytest.approx(width * 72 / 25.4)


# ------------------------------------------------------------------------------------------------------ methods


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_the_methods_sentence_names_cells_and_what_is_drawn_and_a_test_only_where_one_was_made(figure, subject):
    view = subject(figure.name)

    sentence = figure.methods(view)

    assert "4,000 controls" in sentence or "150 targets" in sentence
    assert f"; drawn: {figure.drawn(view)}" in sentence
    assert ("Mann-Whitney" in sentence) == (figure.rests_on in ("changed", "test"))
    assert sentence in figure.methods(view, highlight=["GENE1"], paper=True)  # what an export passes on


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("scatter", {"scale": "counts"}, "mean counts a cell of 3,000 genes, not normalized, on logarithmic axes"),
        ("scatter", {}, "mean log-normalized expression of 3,000 genes"),
        ("volcano", {"height": "p"}, "\N{MINUS SIGN}log10 p against"),
        ("top_deltas", {"by": "log2_fold_change"}, "largest log2 fold changes of mean normalized counts"),
        ("top_deltas", {"n": 7}, "the 7 largest deltas (difference of log-normalized means) with 95 % intervals"),
        ("guides", {}, "guides ("),
        ("totals", {"quantity": "genes_seen"}, "by number of genes seen, not normalized"),
        ("gene_mean_distribution", {"scale": "log-normalized"}, "mean of log1p of shares"),
        ("percent_left", {}, "intervals by the delta method; shares"),
    ],
)
def test_the_methods_sentence_is_of_the_scale_that_is_drawn(name, options, said, makers):
    view = (makers.perturbation if FIGURES[name].subject == "perturbation" else makers.study)()

    assert said in FIGURES[name].methods(view, **options)


def test_a_file_without_a_test_carries_none(makers):
    svg = export_figure("cells_per_target", makers.study(), format="svg").decode()

    assert "drawn: number of cells" in svg and "Mann-Whitney" not in svg
