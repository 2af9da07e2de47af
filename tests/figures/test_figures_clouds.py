"""Scatter, MA plot and volcano: what they encode."""

import numpy as np
import pytest

from core.errors import OptionError
from core.figures import FIGURES, colors, genes_in_box
from core.figures.cloud import MOST_DOTS
from core.figures.cloud_drawing import TILES

CLOUDS = [name for name, figure in FIGURES.items() if figure.cloud and figure.subject == "perturbation"]
HOSTILE = {
    "html": "<script>alert(1)</script>",
    "formula": '=HYPERLINK("http://x",1)',
    "expression": "'] || alert(1) || ['",
    "control characters": "a\x00b\x0bc",
    "ten kilobytes": "A" * 10_000,
    "markdown": "[x](http://y) $a$",
    "entities": "A&amp;B<'\">",
}


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("paper", [False, True], ids=["screen", "paper"])
def test_a_cloud_is_valid_vega_lite(view, name, paper):
    FIGURES[name].draw(view, highlight=["GENE7"], paper=paper).to_dict(validate=True)


@pytest.mark.parametrize("name", CLOUDS)
def test_only_changed_highlighted_and_own_genes_are_dots(view, read, name):
    dots = read.rows(read.named(FIGURES[name].draw(view, highlight=["GENE7"]).to_dict(), "dots"))

    genes = view.genes.loc[[d["gene"] for d in dots]]
    allowed = genes["changed"] | genes.index.isin(["GENE0", "GENE7"])
    assert allowed.all()
    assert {"GENE0", "GENE7"} <= set(genes.index)
    assert set(genes.loc[~genes["changed"], "role"]) <= {"neutral"}


def test_at_most_500_changes_are_dots_and_every_other_gene_lies_in_a_tile(makers, read):
    view = makers.perturbation(n_genes=18_080)
    assert view.genes["changed"].sum() > MOST_DOTS
    spec = FIGURES["scatter"].draw(view).to_dict()

    dots = read.rows(read.named(spec, "dots"))
    tiles = read.rows(read.marks(spec, "rect")[0])

    assert len(dots) == MOST_DOTS
    assert len(tiles) <= TILES**2
    assert len(dots) + sum(t["n"] for t in tiles) == 18_080


def test_dots_are_the_most_outlying_changes(makers, read):
    view = makers.perturbation(n_genes=18_080)

    dots = {d["gene"] for d in read.rows(read.named(FIGURES["scatter"].draw(view).to_dict(), "dots"))}

    changed = view.genes[view.genes["changed"]]
    assert dots == set(changed["delta"].abs().nlargest(MOST_DOTS).index)


def test_colors_are_roles_of_a_fixed_domain_and_tiles_use_another_scale(view, read):
    spec = FIGURES["scatter"].draw(view).to_dict()

    color = read.named(spec, "dots")["encoding"]["color"]
    tile = read.marks(spec, "rect")[0]["encoding"]

    assert color["scale"]["domain"] == list(colors.ROLES) and "range" not in color["scale"]
    assert "color" not in tile and tile["fill"]["field"] == "n" and tile["fill"]["scale"]["type"] == "log"
    assert "#" not in str(spec["config"]), "the page's theme alone gives colors"
    assert "range" not in spec["config"]


def test_a_dot_lies_where_its_means_are(view, read):
    dots = read.rows(read.named(FIGURES["scatter"].draw(view).to_dict(), "dots"))

    for dot in dots:
        gene = view.genes.loc[dot["gene"]]
        assert dot["x"] == pytest.approx(gene["ctrl_mean"], rel=1e-4)
        assert dot["y"] == pytest.approx(gene["pert_mean"], rel=1e-4)
        assert dot["role"] == gene["role"]


@pytest.mark.parametrize("name", CLOUDS)
def test_axes_have_fixed_domains_and_short_titles(makers, read, name):
    view = makers.perturbation(target="A-TARGET-WITH-QUITE-A-LONG-NAME+AND-ITS-PARTNER")
    dots = read.named(FIGURES[name].draw(view).to_dict(), "dots")

    for side in ("x", "y"):
        channel = dots["encoding"][side]
        low, high = channel["scale"]["domain"]
        assert low < high and channel["scale"]["nice"] is False
        assert len(channel["title"]) <= 45
        values = [d[side] for d in read.rows(dots)]
        assert min(values) >= low and max(values) <= high


def test_all_layers_share_the_axis_titles(view, read):
    """Vega-Lite drops the title, or writes it twice, where layers disagree."""
    spec = FIGURES["scatter"].draw(view, highlight=["GENE7"]).to_dict()

    titles = {u["encoding"]["x"]["title"] for u in read.units(spec) if "title" in u.get("encoding", {}).get("x", {})}

    assert len(titles) == 1


@pytest.mark.parametrize("name", CLOUDS)
def test_at_most_18_names_besides_the_highlighted(view, read, name):
    spec = FIGURES[name].draw(view, highlight=["GENE7", "GENE8"]).to_dict()

    plain, bold = read.named(spec, "names"), read.named(spec, "bold_names")

    assert 6 <= len(read.rows(plain)) <= 18
    assert "GENE0" in {r["name"] for r in read.rows(plain)}, "the target's own gene is named"
    assert {r["name"] for r in read.rows(bold)} == {"GENE7", "GENE8"}
    assert bold["mark"]["fontWeight"] == "bold"
    assert {r["gene"] for r in read.rows(read.named(spec, "rings"))} == {"GENE7", "GENE8"}


def test_names_have_a_halo_and_only_six_show_on_a_narrow_screen(view, read):
    texts = read.marks(FIGURES["scatter"].draw(view).to_dict(), "text")

    assert texts[0]["mark"]["stroke"] == {"expr": "scale('color', 'paper')"} and "stroke" not in texts[1]["mark"]
    assert texts[1]["mark"]["opacity"]["expr"] == "datum.rank < (width < 400 ? 6 : 99) ? 1 : 0"
    assert sorted(r["rank"] for r in read.rows(texts[1])) == list(range(len(read.rows(texts[1]))))


def test_an_unknown_highlight_draws_nothing(view, read):
    assert not [
        u for u in read.units(FIGURES["scatter"].draw(view, highlight=["NOSUCH"]).to_dict()) if u.get("name") == "rings"
    ]


def test_tooltips_give_gene_both_means_delta_fold_change_and_fdr(view, read):
    dots = read.named(FIGURES["scatter"].draw(view).to_dict(), "dots")
    first = dots["data"]["values"][0]

    assert dots["mark"]["tooltip"] == {"expr": "datum.said"}
    assert list(first["said"]) == ["Gene", "Control", "Perturbed", "delta", "log2 FC", "FDR"]
    assert first["said"]["Gene"] == first["gene"] and first["said"]["FDR"] == first["fdr"]
    assert float(first["said"]["delta"].replace("−", "-")) == pytest.approx(first["delta"], abs=0.006)


def test_the_selections_are_a_click_and_a_box(view, read):
    params = {p["name"]: p["select"] for p in read.named(FIGURES["scatter"].draw(view).to_dict(), "dots")["params"]}

    assert set(params) == set(FIGURES["scatter"].selections) == {"pick", "box"}
    assert params["pick"]["fields"] == ["gene"] and params["box"]["encodings"] == ["x", "y"]


@pytest.mark.parametrize("name", CLOUDS)
def test_a_box_gives_the_genes_drawn_inside_it(view, read, name):
    dots = read.rows(read.named(FIGURES[name].draw(view, every=True).to_dict(), "dots"))
    xs, ys = sorted(d["x"] for d in dots), sorted(d["y"] for d in dots)
    n = len(dots)
    box = {"x": [xs[n // 5] - 1e-9, xs[4 * n // 5]], "y": [ys[4 * n // 5], ys[n // 5]]}

    inside = genes_in_box(view, name, box)

    # numbers are sent with five digits, so genes on the very edge may fall either way
    wanted = {d["gene"] for d in dots if box["x"][0] <= d["x"] <= box["x"][1] and box["y"][1] <= d["y"] <= box["y"][0]}
    assert len(wanted ^ set(inside)) <= 0.01 * n
    assert len(inside) > n // 10


def test_a_box_lists_the_most_outlying_first(view):
    genes = genes_in_box(view, "scatter", {"x": [-1, 100], "y": [-1, 100]})

    assert genes[0] == view.genes["delta"].abs().idxmax() and len(genes) == len(view.genes)


def test_an_empty_box_holds_nothing(view):
    assert genes_in_box(view, "scatter", {}) == [] == genes_in_box(view, "scatter", {"x": [], "y": []})


def test_only_clouds_take_a_box(view):
    with pytest.raises(OptionError, match="takes no box"):
        genes_in_box(view, "top_deltas", {"x": [0, 1]})


def test_every_gene_can_be_a_dot(view, read):
    spec = FIGURES["scatter"].draw(view, every=True).to_dict()

    assert len(read.rows(read.named(spec, "dots"))) == len(view.genes)
    assert not read.marks(spec, "rect")
    assert FIGURES["scatter"].caption(view, every=True).count("Every gene is a dot")


# ------------------------------------------------------------------------------------------- scales and captions


def test_counts_stand_on_log_axes_with_real_numbers_and_zeros_at_the_edge(view, read):
    dots = read.named(FIGURES["scatter"].draw(view, scale="counts", highlight=["GENE2", "GENE4"]).to_dict(), "dots")
    by_gene = {d["gene"]: d for d in read.rows(dots)}

    for side in ("x", "y"):
        channel = dots["encoding"][side]
        assert channel["scale"]["type"] == "log" and channel["scale"]["domain"][0] == 0.001
        assert 0.1 in channel["axis"]["values"] and 10.0 in channel["axis"]["values"]
    assert by_gene["GENE4"]["y"] == 0.001 and by_gene["GENE4"]["x"] == 0.5
    assert by_gene["GENE2"]["x"] == 0.001


def test_the_caption_counts_the_genes_that_counts_do_not_show(view):
    means = view.genes[["ctrl_mean_counts", "pert_mean_counts"]]
    hidden, edge = int((means < 0.001).all(axis=1).sum()), int((means < 0.001).sum(axis=1).eq(1).sum())

    caption = FIGURES["scatter"].caption(view, scale="counts")

    assert f"{hidden} genes below 0.001 are not drawn." in caption
    assert f"{edge} genes below 0.001 on one side stand at the edge." in caption
    assert "not drawn" not in FIGURES["scatter"].caption(view)


def test_a_study_without_counts_says_so(makers):
    view = makers.perturbation()
    view.genes = view.genes.assign(ctrl_mean_counts=np.nan, pert_mean_counts=np.nan)

    with pytest.raises(OptionError, match="holds log-normalized values, no counts"):
        FIGURES["scatter"].draw(view, scale="counts")


def test_a_study_without_counts_has_an_ma_plot_on_log_normalized_means(makers, read):
    view = makers.perturbation()
    view.genes = view.genes.assign(ctrl_mean_normalized=np.nan, pert_mean_normalized=np.nan)

    x = read.named(FIGURES["ma"].draw(view).to_dict(), "dots")["encoding"]["x"]

    assert "log-normalized" in x["title"] and "type" not in x["scale"]


def test_the_scatter_is_described_as_in_the_guide(view):
    n = int(view.genes["changed"].sum())

    assert FIGURES["scatter"].caption(view) == (
        f"Mean of 3,000 genes in control and perturbed cells. Dots: {n} changes at FDR < 0.05 and at least 1.4-fold. "
        "On the dashed line nothing changed."
    )


def test_the_caption_says_when_only_the_largest_changes_are_dots(makers):
    view = makers.perturbation(n_genes=18_080)

    assert f"the 500 largest of {int(view.genes['changed'].sum()):,} changes" in FIGURES["scatter"].caption(view)


def test_the_volcano_is_capped_and_says_so(view, read):
    dots = read.named(FIGURES["volcano"].draw(view).to_dict(), "dots")

    assert "capped at 300" in dots["encoding"]["y"]["title"]
    assert max(d["y"] for d in read.rows(dots)) == 300
    capped = int((view.genes["fdr"] <= 1e-300).sum())
    assert f"{capped} genes stand at the cap of 300." in FIGURES["volcano"].caption(view)
    assert "Fold changes beyond ±4 are drawn at the edge" in FIGURES["volcano"].caption(view)


def test_the_volcano_takes_log10_p_where_p_has_underflown(view, read):
    dots = read.named(FIGURES["volcano"].draw(view, height="p").to_dict(), "dots")

    for d in read.rows(dots):
        assert d["y"] == pytest.approx(min(-view.genes.loc[d["gene"], "log10_p"], 300), rel=1e-4)


def test_thresholds_are_thin_dashes(view, read):
    lines = read.marks(FIGURES["volcano"].draw(view).to_dict(), "line")

    assert len(lines) == 3 and all(line["mark"]["strokeDash"] for line in lines)
    upright = sorted({r["x"] for line in lines[:2] for r in read.rows(line)})
    assert upright == pytest.approx([-np.log2(1.4), np.log2(1.4)], abs=1e-4)
    assert read.rows(lines[2])[0]["y"] == pytest.approx(-np.log10(0.05), abs=1e-4)


def test_nothing_changed_is_drawn_and_said(makers, read):
    view = makers.perturbation()
    view.genes = view.genes.assign(changed=False, role="neutral", fdr=1.0)

    for name in CLOUDS:
        spec = FIGURES[name].draw(view).to_dict()
        assert [d["gene"] for d in read.rows(read.named(spec, "dots"))] == ["GENE0"]
        assert "no change at FDR" in FIGURES[name].caption(view)


@pytest.mark.parametrize("name", CLOUDS)
def test_missing_numbers_are_left_out_and_never_reach_the_page_as_nan(makers, name):
    view = makers.perturbation()
    genes = view.genes.copy()
    genes.iloc[10:20, genes.columns.get_indexer(["ctrl_mean", "delta", "log2_fold_change", "fdr", "log10_p"])] = np.nan
    view.genes = genes

    text = str(FIGURES[name].draw(view, highlight=["GENE12"]).to_dict())

    assert "nan" not in text.lower().replace("nanometer", "")


def test_pooled_cells_are_named_as_such(makers, read):
    view = makers.perturbation(target="All perturbed cells")

    y = read.named(FIGURES["scatter"].draw(view).to_dict(), "dots")["encoding"]["y"]

    assert y["title"] == "All perturbed cells, log-normalized mean"


def test_both_genes_of_a_combination_are_dots(makers, read):
    view = makers.perturbation(target="GENE7+GENE9")
    del view.own_genes

    assert {"GENE7", "GENE9"} <= {
        d["gene"] for d in read.rows(read.named(FIGURES["scatter"].draw(view).to_dict(), "dots"))
    }


def test_the_alternative_text_names_kind_n_and_the_five_largest(view):
    text = FIGURES["scatter"].alt(view)

    assert text.startswith("Scatter of 3,000 genes, GENE0 knock-down against control:")
    assert view.genes["delta"].abs().where(view.genes["changed"]).idxmax() in text
    assert len(text.split("Largest: ")[1].split(", ")) == 5


@pytest.mark.parametrize("option", [{"scale": "raw"}, {"scale": None}])
def test_an_unknown_scale_is_refused(view, option):
    with pytest.raises(OptionError, match="scale cannot be"):
        FIGURES["scatter"].draw(view, **option)


# --------------------------------------------------------------------------------------------- names from files


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_name_from_a_file_is_data_and_never_part_of_an_expression(makers, read, name):
    view = makers.perturbation()
    genes = view.genes.copy()
    genes["gene"] = [name, *genes["gene"].iloc[1:]]
    view.genes = genes.set_index("gene", drop=False).rename_axis(None)
    view.target, view.own_genes = name, (name,)

    spec = FIGURES["scatter"].draw(view, highlight=[name]).to_dict(validate=True)

    expressions = _expressions(spec)
    assert expressions and not any(name[:8] in e for e in expressions)
    assert read.rows(read.named(spec, "rings"))[0]["gene"] == name, "a click must give the whole name"
    shown = read.rows(read.named(spec, "bold_names"))[0]["name"]
    assert len(shown) <= 24 and not any(ord(c) < 32 for c in shown)


def _expressions(spec):
    found = []
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in ("expr", "test", "labelExpr", "filter", "calculate", "on", "update"):
                found.append(str(value))
            if key != "values":
                found += _expressions(value)
    elif isinstance(spec, list):
        for value in spec:
            found += _expressions(value)
    return found
