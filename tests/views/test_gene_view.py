"""What is said of one gene, against pandas over the screen itself."""

import re

import numpy as np
import pandas as pd
import pytest

from core.errors import OptionError, UnknownGeneError
from core.views import gene_cells_view, gene_view, movers
from core.views.gene import names_sentences, share_words
from core.views.movers import MOVER_COLUMNS
from tests.small_screens import CONTROL, small_screen


@pytest.fixture(scope="module")
def logged():
    """The screen's log-normalized values, cells x genes, with each cell's label; cells without counts left out."""
    screen = small_screen()
    totals = screen.counts.sum(axis=1)
    used = (totals > 0) & screen.obs["target_gene"].notna().to_numpy()
    values = np.log1p(screen.counts / np.maximum(totals, 1)[:, None] * np.median(totals[totals > 0]))
    table = pd.DataFrame(values, columns=screen.var_names)[used]
    obs = screen.obs.reset_index(drop=True)[used]
    return table, obs["target_gene"].astype(str), obs


def test_the_headline_says_how_many_cells_show_it_and_which_knock_down_moves_it_most(screen_study, logged):
    table, label, _ = logged
    shown = (table["GENE2"][label == CONTROL] > 0).mean()

    headline = gene_view(screen_study, "GENE2").headline

    assert headline.startswith(f"**GENE2 is seen in {share_words(shown)} of control cells**")
    assert "**1 knock-down of 5 moves it** (FDR < 0.05, at least 1.4-fold), GENE3 most (delta +" in headline


def test_movers_stand_with_the_strongest_first_and_carry_delta_and_interval(screen_study, logged):
    table, label, _ = logged

    view = gene_view(screen_study, "GENE2")

    assert list(view.movers.columns) == list(MOVER_COLUMNS)
    first = view.movers.iloc[0]
    mine, control = table["GENE2"][label == "GENE3"], table["GENE2"][label == CONTROL]
    assert first["target"] == "GENE3" and first["role"] == "up"
    assert first["delta"] == pytest.approx(mine.mean() - control.mean(), rel=1e-6)
    half = 1.96 * np.sqrt(mine.var() / len(mine) + control.var() / len(control))
    assert first["delta_high"] - first["delta"] == pytest.approx(half, rel=1e-5)
    assert len(view.movers) == 5 and view.movers["log10_p"].iloc[1:].is_monotonic_increasing


def test_the_knock_down_of_the_gene_itself_is_no_mover_but_its_target(screen_study):
    view = gene_view(screen_study, "GENE3")

    assert view.own_target == "GENE3" and "GENE3" not in view.others.index
    assert view.movers.loc["GENE3", "own"] and view.n_moved_by == 0
    assert view.as_target is not None and "leaves 12\N{NO-BREAK SPACE}%" in view.as_target.headline
    assert [v.label for v in view.vitals] == [
        "Mean in controls", "Cells that show it", "Moved by", "Transcript left", "Strength",
    ]  # fmt: skip
    assert view.vitals[3].value == "12\N{NO-BREAK SPACE}%"


def test_a_gene_that_is_not_perturbed_says_so_in_its_last_vitals(screen_study):
    view = gene_view(screen_study, "GENE2")

    assert view.as_target is None and view.own_target == ""
    assert [v.value for v in view.vitals[3:]] == ["–", "–"]
    assert all(v.context == "not perturbed in this study" for v in view.vitals[3:])


def test_percentiles_are_shares_of_the_other_genes_that_have_less(screen_study):
    controls = screen_study.controls

    for column, place in (("ctrl_mean_normalized", 0), ("pct_control", 1)):
        for gene in ("GENE0", "GENE2", "GENE44"):
            below = (controls[column] < controls.at[gene, column]).sum()
            context = gene_view(screen_study, gene).vitals[place].context
            if below == 44:
                assert context == "the highest of all genes"
            else:
                assert int(re.match(r"[\d,]+", context)[0]) == int(100 * below / 44)


def test_a_gene_that_no_control_shows_is_said_to_be_seen_in_none(screen_study):
    view = gene_view(screen_study, "GENE22")  # the screen's empty gene

    assert view.headline.startswith("**GENE22 is not seen in any of ")
    assert view.sentence == "Seen in no control cell."
    assert "barely detected" in view.cautions[0] and "no control cell of" in view.cautions[0]


def test_a_gene_that_holds_more_than_5_percent_of_the_counts_is_warned_of(other_study):
    def raise_gene3(adata):
        adata.X[:, 3] *= 40

    study = other_study(raise_gene3)
    share = study.controls["ctrl_mean_counts"] / study.controls["ctrl_mean_counts"].sum()

    assert share["GENE3"] > 0.05
    said = gene_view(study, "GENE3").notes[0].text
    assert f"GENE3 is {share['GENE3'] * 100:.0f}\N{NO-BREAK SPACE}% of all control counts" in said
    light = share.index[share < 0.05][0]
    assert not any("of all control counts" in caution for caution in gene_view(study, light).cautions)


def test_a_gene_next_door_to_a_target_is_warned_of(other_study):
    def rename(adata):
        adata.var.index = ["LRRCC1" if g == "GENE3" else "E2F5" if g == "GENE2" else g for g in adata.var.index]
        adata.obs["target_gene"] = adata.obs["target_gene"].cat.rename_categories({"GENE3": "LRRCC1"})
        adata.obs["guide_id"] = adata.obs["guide_id"].astype(str).str.replace("GENE3_", "LRRCC1_")

    view = gene_view(other_study(rename), "E2F5")

    assert view.movers.loc["LRRCC1", "next_door"]
    assert any("**E2F5 lies next door to LRRCC1**" in c and "moves with LRRCC1" in c for c in view.cautions)


def test_where_targets_and_strata_are_confounded_the_stratified_effect_is_the_default(strata_study):
    assert strata_study.stratified_default
    view, pooled = gene_view(strata_study, "GENE1"), gene_view(strata_study, "GENE1", stratified=False)

    effects = strata_study.gene_effects("GENE1")
    assert view.stratified and view.movers.loc["GENE7", "delta"] == effects.loc["GENE7", "delta_stratified"]
    assert pooled.movers.loc["GENE7", "delta"] == effects.loc["GENE7", "delta"]
    assert "within cell type" in view.crumb and "within cell type" in view.scale_name
    assert any("differs between cell type groups in controls" in c for c in view.cautions)


def test_a_stratified_effect_of_a_study_without_strata_is_refused(screen_study):
    with pytest.raises(OptionError, match="names no stratum"):
        gene_view(screen_study, "GENE2", stratified=True)


@pytest.mark.parametrize("thresholds", [{"fdr": 0.0}, {"fdr": 2}, {"fold": 0.5}, {"fold": float("nan")}])
def test_thresholds_that_make_no_sense_are_refused(screen_study, thresholds):
    with pytest.raises(OptionError, match="threshold"):
        gene_view(screen_study, "GENE2", **thresholds)


def test_a_gene_that_is_not_measured_is_refused(screen_study):
    with pytest.raises(UnknownGeneError):
        gene_view(screen_study, "STAT1")


def test_names_come_from_the_table_and_links_hold_no_name_of_the_file(other_study):
    def rename(adata):
        adata.var.index = ["STAT2" if g == "GENE2" else "=EVIL(<b>)" if g == "GENE4" else g for g in adata.var.index]
        adata.var["gene_id"] = ""

    study = other_study(rename)

    known = names_sentences(gene_view(study, "STAT2"))
    assert known[0] == "**Ensembl id** ENSG00000170581" and "**Aliases** STAT113" in known
    assert gene_view(study, "STAT2").links[1][1].endswith("g=ENSG00000170581")
    evil = gene_view(study, "=EVIL(<b>)")
    assert evil.links == () and "is not in the table of names" in names_sentences(evil)[0]
    assert "<b>" not in evil.headline.replace(r"\<b\>", "")


@pytest.mark.parametrize("gene", [f"GENE{k}" for k in range(0, 45, 4)])
def test_every_headline_has_at_most_30_words_and_every_vital_nine_characters(screen_study, gene):
    view = gene_view(screen_study, gene)

    words = [w for w in re.sub(r"\([^()]*\)", "", view.headline).split() if re.search(r"\w", w)]
    assert len(words) <= 30, view.headline
    assert all(len(v.value) <= 9 for v in view.vitals)


# ---------------------------------------------------------------------------------------------------- in the cells


def test_the_distribution_by_target_has_controls_the_own_target_what_moves_it_and_what_was_chosen(screen_study):
    view = gene_view(screen_study, "GENE2")

    found = gene_cells_view(screen_study, view, ["GENE20", "NOSUCH"]).by("target")

    assert list(found.rows["group"]) == ["controls", "GENE3", "GENE20"]
    assert list(found.rows["role"]) == ["neutral", "up", "observed"]
    assert found.note == "Controls, the target that moves it and the chosen targets."


@pytest.mark.parametrize(("by", "column"), [("target", "target_gene"), ("batch", "batch"), ("guide", "guide_id")])
def test_shares_and_means_of_every_grouping_equal_pandas(screen_study, logged, by, column):
    table, label, obs = logged
    view = gene_view(screen_study, "GENE3")

    rows = gene_cells_view(screen_study, view).by(by).rows.set_index("group")

    cells = pd.DataFrame({"value": table["GENE3"], "group": obs[column].astype(str), "label": label})
    if by == "batch":
        cells = cells[cells["label"] == CONTROL]
    elif by == "guide":
        cells.loc[cells["label"] == CONTROL, "group"] = CONTROL
        cells = cells[cells["label"].isin([CONTROL, "GENE3"])]
    expected = cells.groupby("group")["value"].agg(n="size", mean="mean", share=lambda v: (v > 0).mean())
    expected = expected.rename(index={CONTROL: "controls"}).loc[rows.index]
    for name in ("n", "mean", "share"):
        np.testing.assert_allclose(rows[name], expected[name], rtol=1e-6)


def test_a_study_without_strata_has_no_distribution_by_stratum(screen_study, strata_study):
    without = gene_cells_view(screen_study, gene_view(screen_study, "GENE2"))
    with_strata = gene_cells_view(strata_study, gene_view(strata_study, "GENE2"))

    assert list(without.distributions) == ["target", "guide", "batch"]
    assert list(with_strata.by("stratum").rows["group"]) == ["alpha", "beta"]
    with pytest.raises(OptionError, match="no distribution by 'stratum'. Take one of target, guide, batch"):
        without.by("stratum")


def test_few_cells_make_no_curve_but_every_value_is_there(screen_study):
    view = gene_view(screen_study, "GENE22")

    found = gene_cells_view(screen_study, view).by("target")

    assert not found.density.any() and found.ticks.empty and (found.rows["n_shown"] == 0).all()


@pytest.mark.parametrize("block", [4_000_000, 100, 1])
def test_how_many_targets_move_each_gene_is_what_each_gene_says_in_blocks_of_any_size(screen_study, monkeypatch, block):
    monkeypatch.setattr(movers, "BLOCK_VALUES", block)

    counted = movers.n_moved_by(screen_study, 0.2, 1.2, False)

    said = [gene_view(screen_study, gene, fdr=0.2, fold=1.2, stratified=False).n_moved_by for gene in counted.index]
    assert list(counted) == said
    assert counted.max() > 0
