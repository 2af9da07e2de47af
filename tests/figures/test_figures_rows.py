"""Bars of the largest changes, guides, and the study's rows."""

import numpy as np
import pytest

from core.errors import OptionError
from core.figures import FIGURES
from core.figures.percent_left import _numbers, _unsure_words, left_data


def _bars(view, read, **options):
    return read.rows(read.named(FIGURES["top_deltas"].draw(view, **options).to_dict(), "bars"))


@pytest.mark.parametrize(
    "name, options",
    [(n, {k: v}) for n, f in FIGURES.items() for k, values in f.options for v in (values or [5])]
    + [(n, {}) for n in FIGURES],
)
@pytest.mark.parametrize("paper", [False, True], ids=["screen", "paper"])
def test_every_figure_is_valid_vega_lite_and_says_what_it_shows(subject, name, options, paper):
    figure, shown = FIGURES[name], subject(name)

    figure.draw(shown, highlight=["GENE7", "TARGET7"], width=500, paper=paper, **options).to_dict(validate=True)

    assert figure.caption(shown, paper=paper, **options).endswith(".")
    assert figure.alt(shown, **options) and figure.title
    assert len(figure.data(shown, **options))


def test_bars_are_the_50_largest_deltas_both_directions_mixed(view, read):
    bars = _bars(view, read)

    assert [b["gene"] for b in bars] == list(view.genes["delta"].abs().nlargest(50).index)
    assert {np.sign(b["value"]) for b in bars} == {-1, 1}
    assert all(b["role"] == ("down" if b["value"] < 0 else "up") for b in bars if b["role"] != "neutral")


def test_rows_stand_in_the_order_of_the_table(view, read):
    unit = read.named(FIGURES["top_deltas"].draw(view).to_dict(), "bars")

    assert unit["encoding"]["y"]["scale"]["domain"] == [r["name"] for r in read.rows(unit)]


def test_bars_carry_95_percent_intervals_and_start_at_zero(view, read):
    spec = FIGURES["top_deltas"].draw(view).to_dict()
    bars = read.named(spec, "bars")
    whiskers = next(u for u in read.marks(spec, "rule") if "x2" in u["encoding"])

    assert whiskers["encoding"]["x"]["field"] == "low" and whiskers["encoding"]["x2"]["field"] == "high"
    low, high = bars["encoding"]["x"]["scale"]["domain"]
    assert low < 0 < high
    assert FIGURES["top_deltas"].caption(view).endswith("Lines: 95 % interval.")


def test_by_fold_change_only_significant_genes_compete(view, read):
    bars = _bars(view, read, by="log2_fold_change")

    significant = view.genes[view.genes["fdr"] < 0.05]
    assert [b["gene"] for b in bars] == list(significant["log2_fold_change"].abs().nlargest(50).index)
    assert "among genes at FDR < 0.05" in FIGURES["top_deltas"].caption(view, by="log2_fold_change")


def test_by_fdr_ties_at_zero_are_told_apart_by_log10_p(view, read):
    bars = _bars(view, read, by="fdr", n=5)

    assert [b["gene"] for b in bars] == list(view.genes["log10_p"].nsmallest(5).index)


def test_genes_that_are_not_significant_have_grey_bars(makers, read):
    view = makers.perturbation()
    view.genes = view.genes.assign(fdr=np.where(view.genes.index == "GENE0", 0.5, view.genes["fdr"]))

    roles = {b["gene"]: b["role"] for b in _bars(view, read)}

    assert roles["GENE0"] == "neutral" and "1 in grey: FDR at least 0.05." in FIGURES["top_deltas"].caption(view)


def test_no_significant_gene_is_a_sentence(makers):
    view = makers.perturbation()
    view.genes = view.genes.assign(fdr=1.0)

    assert FIGURES["top_deltas"].caption(view, by="log2_fold_change") == "No gene at FDR < 0.05."
    FIGURES["top_deltas"].draw(view, by="log2_fold_change").to_dict(validate=True)


def test_two_long_names_that_look_alike_keep_a_row_each(makers, read):
    view = makers.perturbation()
    genes = view.genes.copy()
    genes["gene"] = ["X" * 10_000 + "1", "X" * 10_000 + "2", *genes["gene"].iloc[2:]]
    genes["delta"] = [-9.0, 8.0, *genes["delta"].iloc[2:]]
    view.genes = genes

    names = [b["name"] for b in _bars(view, read)]

    assert len(set(names)) == 50 and all(len(n) <= 30 for n in names)


def test_highlighted_rows_are_bold(view):
    spec = FIGURES["top_deltas"].draw(view, highlight=["GENE0"]).to_dict()

    assert spec["params"] == [{"name": "highlighted", "value": ["GENE0"]}]


def test_guides_are_rows_with_intervals_and_a_dashed_line_at_100_percent(view, read):
    spec = FIGURES["guides"].draw(view).to_dict()
    dots = read.named(spec, "dots")
    dashed = next(u for u in read.marks(spec, "rule") if "strokeDash" in u["mark"])

    assert [r["guide"] for r in read.rows(dots)] == ["guide-A", "guide-B"]
    assert dots["encoding"]["y"]["scale"]["domain"] == ["guide-A, 250 cells", "guide-B, 300 cells", "guide-C, 2 cells"]
    assert read.rows(dashed) == [{"at": 1.0}]
    assert [r["said"] for t in read.marks(spec, "text") for r in read.rows(t)] == ["not measurable"]


@pytest.mark.parametrize("n_targets", [14, 150, 2000])
def test_every_target_has_a_row_on_the_page(makers, read, n_targets):
    study = makers.study(n_targets)
    spec = FIGURES["percent_left"].draw(study).to_dict()

    dots = read.named(spec, "dots")
    words = [r for t in read.marks(spec, "text") for r in read.rows(t)]

    assert len(read.rows(dots)) + len(words) == n_targets
    assert len(dots["encoding"]["y"]["scale"]["domain"]) == n_targets
    left = [r["left"] for r in read.rows(dots)]
    assert left == sorted(left)
    assert {w["said"] for w in words} == {"hardly expressed"}


def test_targets_with_few_cells_are_set_apart_by_color_and_form(study, read):
    dots = read.named(FIGURES["percent_left"].draw(study).to_dict(), "dots")

    neutral = {r["target"] for r in read.rows(dots) if r["role"] == "neutral"}

    assert neutral == {"TARGET0", "TARGET1", "TARGET2"}
    assert dots["encoding"]["fill"]["condition"]["test"] == "datum.role !== 'observed'"
    caption = FIGURES["percent_left"].caption(study)
    assert "Hollow: 3 targets with fewer than 100 cells." in caption and "15 targets cannot be measured" in caption


def test_a_page_of_paper_holds_rows_for_few_targets_and_ranks_for_many(makers, read):
    few = FIGURES["percent_left"].draw(makers.study(14), paper=True).to_dict()
    many = FIGURES["percent_left"].draw(makers.study(2000), paper=True).to_dict()

    assert read.named(few, "dots")["encoding"]["y"]["type"] == "nominal"
    assert read.named(many, "dots")["encoding"]["x"]["title"] == "Targets, least transcript left first"
    assert len(read.rows(read.named(many, "dots"))) == 1800


def test_rows_that_do_not_fit_on_paper_are_counted(makers, read):
    study = makers.study(2000)

    spec = FIGURES["percent_left"].draw(study, paper=True, layout="rows").to_dict()

    shown = len(read.named(spec, "dots")["encoding"]["y"]["scale"]["domain"])
    assert f"The first {shown} of 2,000 are shown." in FIGURES["percent_left"].caption(study, paper=True, layout="rows")
    height = (spec["height"] + spec["padding"]["top"] + spec["padding"]["bottom"]) * 25.4 / 72
    assert 200 < height <= 232


def test_strength_has_roles_and_no_changed_gene_stands_at_the_foot(study, read):
    spec = FIGURES["changed_against_cells"].draw(study, highlight=["TARGET5"]).to_dict()
    by_target = {r["target"]: r for r in read.rows(read.named(spec, "dots"))}

    strength = study.targets["strength"].map({"strong": "observed", "subtle": "neutral", "negligible": "faint"})
    assert {t: r["role"] for t, r in by_target.items()} == strength.to_dict()
    y = read.named(spec, "dots")["encoding"]["y"]
    assert by_target["TARGET149"]["y"] == 0.5 and y["axis"]["values"][0] == 0.5 and "'0'" in y["axis"]["labelExpr"]
    assert "1 target changes no gene and stands at 0" in FIGURES["changed_against_cells"].caption(study)
    assert [r["target"] for r in read.rows(read.named(spec, "rings"))] == ["TARGET5"]


def test_cells_are_rows_for_few_targets_and_a_histogram_for_many(makers, read):
    few = FIGURES["cells_per_target"].draw(makers.study(14)).to_dict()
    many = FIGURES["cells_per_target"].draw(makers.study(150)).to_dict()

    n = [r["n"] for r in read.rows(read.named(few, "bars"))]
    assert len(n) == 14 and n == sorted(n, reverse=True)
    assert sum(r["n"] for r in read.rows(read.marks(many, "rect")[0])) == 150


@pytest.mark.parametrize("name, option", [("top_deltas", {"by": "size"}), ("percent_left", {"layout": "grid"})])
def test_an_unknown_option_is_refused_with_those_there_are(view, study, name, option):
    subject = view if FIGURES[name].subject == "perturbation" else study

    with pytest.raises(OptionError, match="Take .* or "):
        FIGURES[name].draw(subject, **option)


def test_a_perturbation_without_guides_says_so(makers):
    view = makers.perturbation()
    view.guides = view.guides.head(0)

    FIGURES["guides"].draw(view).to_dict(validate=True)
    assert FIGURES["guides"].caption(view) == "No guides are named."


def test_a_study_without_targets_is_drawn_empty(makers):
    study = makers.study()
    study.targets = study.targets.head(0)

    for name in ("changed_against_cells", "percent_left", "cells_per_target"):
        for paper in (False, True):
            FIGURES[name].draw(study, paper=paper).to_dict(validate=True)
        assert FIGURES[name].caption(study) and FIGURES[name].alt(study)


def test_targets_with_too_few_counts_are_hollow_as_those_with_few_cells_are(study):
    table = left_data(study).assign(n_cells=500, measurable=True, percent_left=0.5)
    table.loc[table.index[0], "measurable"] = False
    assert _numbers(table) == (len(table) - 1, 1, 0)
    assert "too few counts" in _unsure_words(table)
