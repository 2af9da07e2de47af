import dataclasses
import functools
import math
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from core.errors import OptionError, UnknownTargetError
from core.schema import ALL_PERTURBED
from core.store import build_study
from core.views import perturbation_view, text
from tests.views.fake_study import CELLS, FOLDS, fake_study

STUDY = fake_study()
shared = functools.cache(fake_study)  # for tests that only read
EVERY_TARGET = [*FOLDS, ALL_PERTURBED]


def words(headline):
    """Words of a headline, without what stands in brackets and without signs such as %."""
    return [w for w in re.sub(r"\([^()]*\)", "", headline).split() if re.search(r"\w", w)]


def vital(view, label):
    return next(v for v in view.vitals if v.label == label)


def check(view, at):
    return view.checks[at]


VERIFIED, CELLS_CHECK, BATCHES, GUIDES, DEPTH, DOMINANCE = range(6)


# ---------------------------------------------------------------------------------------------------- headlines


def test_a_strong_knock_down_is_told_with_what_is_left_what_moved_and_its_biggest_doubt():
    view = perturbation_view(STUDY, "ACAT2")

    assert view.headline == (
        "**ACAT2 knock-down leaves 3\u00a0% of its transcript** in 1,765 cells and changes **125 of 300 genes** "
        "(FDR < 0.05, at least 1.4-fold); HVCN1 and SP1 fall as far as ACAT2 itself."
    )


def test_finding_nothing_with_enough_cells_is_a_result_not_a_fault():
    view = perturbation_view(STUDY, "MAP3K21")

    assert "changes **no other gene**" in view.headline
    assert vital(view, "Genes changed").context == "the perturbed gene alone"
    assert view.headline.endswith("That is a result, not a fault.")


def test_finding_nothing_where_nothing_could_be_seen_is_not_called_a_result():
    shallow = fake_study(targets=("MAP3K21", "FAILKD"), null=True, depth=0.03, n_control=200)

    headline = perturbation_view(shallow, "FAILKD").headline

    assert "result" not in headline
    assert re.search(r"only changes above [\d.]+-fold could be seen", headline)


def test_a_knock_out_that_leaves_its_transcript_may_still_have_worked():
    view = perturbation_view(fake_study(modality="knock-out"), "FAILKD")

    assert view.headline.startswith("**FAILKD knock-out changes no gene** (FDR < 0.05, 400 cells)")
    assert check(view, VERIFIED).passed is None
    assert "a knock-out can leave the transcript as it is" in check(view, VERIFIED).sentence


def test_a_gene_that_is_not_measured_is_said_to_be_so_and_its_effect_is_told_all_the_same():
    view = perturbation_view(STUDY, "ENSG00000172936")

    assert view.headline.startswith(
        "**ENSG00000172936 is not among the measured genes**; its knock-down cannot be checked."
    )
    assert "**4 of 300 genes change** in 250 cells" in view.headline
    assert check(view, VERIFIED).passed is None
    assert vital(view, "Transcript left").value == text.NOTHING


def test_a_gene_that_controls_hardly_express_is_not_measurable_and_shows_no_fold_change_of_infinity():
    view = perturbation_view(STUDY, "LOWEX")

    assert view.headline.startswith("**LOWEX is hardly expressed in controls**")
    assert "0.02 counts" in vital(view, "Transcript left").context
    assert "inf" not in str(dataclasses.asdict(vital(view, "Transcript left")))


def test_a_failed_knock_down_is_said_to_leave_its_transcript_unchanged():
    view = perturbation_view(STUDY, "FAILKD")

    assert "leaves its transcript unchanged (97\u00a0%)" in view.headline
    assert view.headline.endswith("the guides may not work.")
    assert "result" not in view.headline
    assert check(view, VERIFIED).passed is False


def test_two_cells_give_no_verdict():
    view = perturbation_view(STUDY, "RARE1")

    assert view.headline.startswith("**RARE1 has 2 cells, too few for a verdict**")
    assert vital(view, "Strength").value == text.NOTHING
    assert check(view, VERIFIED).passed is None
    assert check(view, CELLS_CHECK).passed is False
    assert [n.kind for n in view.notes] == ["warning"]


def test_few_cells_with_many_changes_carry_that_as_their_caveat_and_are_not_ranked():
    view = perturbation_view(STUDY, "RNF20")

    assert "so few cells may differ in other ways" in view.headline
    assert view.notes[0].text.startswith("**RNF20 has 47 cells.** With so few, an effect of less than ")
    assert vital(view, "Strength").context == "too few cells to rank"


def test_an_activated_gene_rises_so_many_fold():
    study = fake_study(modality="activation", targets=("KLF1+MAP2K6", "FAILKD"))
    study.targets.loc["FAILKD", ["percent_left", "percent_left_low", "percent_left_high", "percent_left_p"]] = [
        5.2,
        4.8,
        5.6,
        1e-9,
    ]

    view = perturbation_view(study, "FAILKD")

    assert "**FAILKD activation raises its transcript 5.2-fold**" in view.headline
    assert vital(view, "Transcript").value == "5.2-fold"
    assert check(view, VERIFIED).passed is True


def test_an_activated_gene_that_controls_do_not_show_is_seen_to_appear_without_a_ratio():
    study = fake_study(modality="activation", targets=("LOWEX", "FAILKD"))
    study.targets.loc["LOWEX", ["target_mean", "percent_left_p"]] = [3.2, 1e-80]

    view = perturbation_view(study, "LOWEX")

    assert "raises its transcript from 0.02 to 3.20 counts" in view.headline
    assert check(view, VERIFIED).passed is True
    assert vital(view, "Transcript").value == ">64-fold"


def test_two_activated_genes_are_told_together_and_each_transcript_apart():
    view = perturbation_view(fake_study(modality="activation"), "KLF1+MAP2K6")

    assert view.headline.startswith("**KLF1 and MAP2K6, activated together, change 31 of 300 genes** in 400 cells")
    assert "KLF1 rises 5.2-fold and MAP2K6 is not measurable" in view.headline
    assert check(view, VERIFIED).passed is True
    assert view.own_genes == ("KLF1",)


def test_a_pair_of_which_neither_gene_is_measured_says_neither():
    study = fake_study(modality="activation", names={"KLF1": "G999", "KLF1+MAP2K6": "CBL+CNN1"})

    view = perturbation_view(study, "CBL+CNN1")

    assert "neither transcript can be measured" in view.headline
    assert check(view, VERIFIED).sentence == "CBL and CNN1 are not among the measured genes"


def test_all_perturbed_cells_are_said_to_be_a_mixture():
    view = perturbation_view(STUDY, ALL_PERTURBED)

    assert view.headline.startswith("**All perturbed cells, 11 targets mixed: 1 of 300 genes changes** in 6,505 cells")
    assert [c.passed for c in view.checks] == [None, True, None, None, None, True]


def test_a_knocked_down_transcript_above_100_percent_rises():
    study = fake_study()
    study.targets.loc["FAILKD", ["percent_left", "percent_left_low", "percent_left_high", "percent_left_p"]] = [
        1.6,
        1.3,
        1.9,
        1e-6,
    ]

    view = perturbation_view(study, "FAILKD")

    assert "raises its transcript 1.6-fold" in view.headline
    assert check(view, VERIFIED).passed is False
    assert vital(view, "Transcript left").value == "160\u00a0%"


def test_a_gene_that_holds_44_percent_of_control_counts_explains_why_others_look_raised():
    view = perturbation_view(fake_study(dominant=True), "HBE1")

    assert view.headline == (
        "**HBE1 knock-down leaves 29\u00a0% of its transcript** in 953 cells and changes **201 of 300 genes** "
        "(FDR < 0.05); HBE1 is 44\u00a0% of all control counts, so its fall alone makes other genes look raised."
    )
    assert check(view, DOMINANCE).passed is False
    assert vital(view, "Can I trust it?").context == "HBE1 is 44\u00a0% of counts"


def test_leaving_the_dominant_gene_out_of_the_size_factors_takes_the_caveat_away():
    view = perturbation_view(fake_study(dominant=True, size_factors="no-dominant"), "HBE1")

    assert "44" not in view.headline
    assert check(view, DOMINANCE).passed is True


def test_a_dominant_gene_fails_the_check_of_targets_that_do_not_move_it_too():
    view = perturbation_view(fake_study(dominant=True), "ACAT2")

    assert check(view, DOMINANCE).passed is False
    assert "alone" not in view.headline


@pytest.mark.parametrize("target", EVERY_TARGET)
@pytest.mark.parametrize(
    "options",
    [{}, {"strata": True}, {"n_control": 60, "depth": 0.05, "null": True}],
    ids=["plain", "strata", "shallow"],
)
def test_every_headline_has_at_most_30_words_two_lines_and_the_claim_in_bold(target, options):
    headline = perturbation_view(shared(**options), target).headline

    assert len(words(headline)) <= 30, headline
    assert len(headline.replace("*", "")) <= 230
    assert headline.startswith("**")
    assert headline.endswith(".")
    assert headline.count("**") % 2 == 0


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_no_sentence_praises_or_shouts(target):
    view = perturbation_view(STUDY, target)
    everything = " ".join(
        [view.headline, view.calibration, view.methods.sentence("x"), *(c.sentence for c in view.checks)]
    )

    assert "!" not in everything
    assert not re.search(r"upregulated|downregulated|adj\. p|\bWT\b|dramatic|significantly|nan|inf\b", everything)


# ------------------------------------------------------------------------------------------------ vitals and checks


@pytest.mark.parametrize("target", EVERY_TARGET)
@pytest.mark.parametrize("options", [{}, {"dominant": True}, {"modality": "activation"}, {"batches": 0}], ids=str)
def test_there_are_five_vitals_of_at_most_nine_characters_and_six_checks_in_a_fixed_order(target, options):
    view = perturbation_view(shared(**options), target)

    assert [v.label for v in view.vitals[1:]] == ["Cells", "Genes changed", "Strength", "Can I trust it?"]
    assert view.vitals[0].label in ("Transcript left", "Transcript")
    assert all(1 <= len(v.value) <= 9 and v.context for v in view.vitals)
    kinds = ["knock-|activation", "cells", "batches", "guides", "gene|depth|height", "library"]
    assert len(view.checks) == 6
    for found, kind in zip(view.checks, kinds, strict=True):
        assert re.search(kind, found.title.lower())
        assert found.sentence


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_the_fifth_vital_follows_from_the_checks_and_names_a_failed_one(target):
    view = perturbation_view(STUDY, target)
    told = [c for c in view.checks if c.passed is not None]
    failed = [c for c in told if not c.passed]

    trust = vital(view, "Can I trust it?")

    if trust.value == text.NOTHING:
        assert "no effect to trust" in trust.context and not re.search(r"leaves|strong|subtle", view.headline)
        return
    assert trust.value == f"{len(told) - len(failed)} of {len(told)}"
    assert trust.warn == bool(failed)
    assert not failed or trust.context in {c.short for c in failed}


def test_the_vitals_of_a_strong_target_read_as_a_biologist_asks():
    view = perturbation_view(STUDY, "ACAT2")

    assert [(v.value, v.context) for v in view.vitals] == [
        ("3\u00a0%", "4.83 → 0.14 counts"),
        ("1,765", "38,176 controls, 48 batches"),
        ("125", "43 down, 82 up"),
        ("3rd", "of 11 targets: strong"),
        ("5 of 6", "other genes fall as far"),
    ]


def test_significant_is_not_large_so_both_counts_stand_side_by_side():
    view = perturbation_view(STUDY, "HBE1")

    assert vital(view, "Genes changed").value == "1"
    assert "201 pass FDR" in vital(view, "Genes changed").context


def test_other_genes_that_fall_as_far_are_named_with_what_is_left_of_them():
    found = check(perturbation_view(STUDY, "ACAT2"), DEPTH)

    assert found.passed is False
    assert "HVCN1 (2\u00a0% left) and SP1 (3\u00a0% left)" in found.sentence


def test_a_gene_that_does_not_pass_the_fdr_that_is_shown_is_not_said_to_be_silenced():
    study = fake_study(strata=True)
    table = study.tables["ACAT2"].copy()
    table.loc["HVCN1", "fdr_stratified"] = 0.2
    study.tables["ACAT2"] = table

    within = check(perturbation_view(study, "ACAT2"), DEPTH)
    pooled = check(perturbation_view(study, "ACAT2", stratified=False), DEPTH)

    assert "SP1" in within.sentence and "HVCN1" not in within.sentence
    assert "HVCN1" in pooled.sentence


def _shifted(study, falling):
    """The same study with 60 % of ACAT2's genes shifted a little, a share of them down."""
    table = study.tables["ACAT2"].copy()
    others = [g for g in table.index if g not in ("ACAT2", "HVCN1", "SP1")][: round(0.6 * len(table))]
    n_falling = round(falling * len(others))
    table.loc[others, "fdr"] = 1e-4
    table.loc[others, "delta"] = np.where(np.arange(len(others)) < n_falling, -0.05, 0.05)
    study.tables["ACAT2"] = table
    return study


def test_where_most_genes_shift_one_way_the_library_is_not_ticked():
    one_way = check(perturbation_view(_shifted(fake_study(), 0.9), "ACAT2"), DOMINANCE)
    both_ways = check(perturbation_view(_shifted(fake_study(), 0.5), "ACAT2"), DOMINANCE)

    assert one_way.passed is False and one_way.title == "The library may have changed"
    assert "of 300 genes shift, most the same way: totals may have changed" in one_way.sentence
    assert "compare with other size factors" in one_way.sentence
    assert both_ways.passed is True


def test_a_guide_that_fails_is_named():
    found = check(perturbation_view(STUDY, "FAILG"), GUIDES)

    assert found.passed is False
    assert "FAILG_P1P2_C leaves 105\u00a0%" in found.sentence


def test_a_weak_guide_that_is_no_worse_than_its_target_has_not_failed():
    study = fake_study()
    study.guides.loc[study.guides["target"] == "MAP3K21", ["percent_left", "low", "high"]] = [0.3, 0.15, 1.02]

    assert check(perturbation_view(study, "MAP3K21"), GUIDES).passed is not False


def test_a_null_target_whose_halves_do_not_correlate_is_not_blamed_for_it():
    assert check(perturbation_view(STUDY, "MAP3K21"), BATCHES).passed is None


def test_an_effect_whose_batches_disagree_fails_that_check():
    study = fake_study()
    study.targets.loc["FAILG", "batch_r"] = 0.05

    found = check(perturbation_view(study, "FAILG"), BATCHES)

    assert found.passed is False
    assert "r = 0.05" in found.sentence


def test_without_batches_or_guides_there_is_nothing_to_compare():
    view = perturbation_view(fake_study(batches=0), "KLF1+MAP2K6")

    assert check(view, BATCHES).passed is None
    assert check(view, BATCHES).sentence == "the file names no batch"
    assert check(view, GUIDES).passed is None
    assert "batch" not in vital(view, "Cells").context


def test_few_controls_fail_the_check_however_many_cells_the_target_has():
    assert check(perturbation_view(fake_study(n_control=60), "ACAT2"), CELLS_CHECK).passed is False


# ---------------------------------------------------------------------------------------------------- strata


def test_a_confounded_target_is_compared_within_the_condition_and_says_so_everywhere():
    study = fake_study(strata=True)

    view = perturbation_view(study, "CONF1")

    assert view.stratified
    assert view.n_changed == 2
    assert "(FDR < 0.05 within condition, at least 1.4-fold)" in view.headline
    assert view.crumb.endswith("within condition")
    assert "within condition (van Elteren)" in view.methods.test
    assert "within condition" in view.scale_name
    assert [n.kind for n in view.notes] == ["info"]


def test_the_same_target_pooled_warns_of_the_condition():
    view = perturbation_view(fake_study(strata=True), "CONF1", stratified=False)

    assert view.n_changed == 52
    assert "differ in condition" in view.headline
    assert [n.kind for n in view.notes] == ["warning"]


def test_asking_for_strata_that_are_not_there_is_an_error_that_says_so():
    with pytest.raises(OptionError, match="names no stratum"):
        perturbation_view(STUDY, "ACAT2", stratified=True)


# ------------------------------------------------------------------------------------------------ the table of genes


def test_the_table_holds_every_gene_the_largest_change_first():
    genes = perturbation_view(STUDY, "ACAT2").genes

    assert len(genes) == 300
    assert genes["gene"].iloc[0] == "ACAT2"
    assert genes["delta"].abs().is_monotonic_decreasing
    assert genes.loc["ACAT2", "delta"] < 0


@pytest.mark.parametrize("target", EVERY_TARGET)
def test_changed_genes_add_up_and_lie_on_the_side_their_role_names(target):
    view = perturbation_view(STUDY, target)
    genes = view.genes

    assert view.n_changed == view.n_down + view.n_up == genes["changed"].sum()
    assert view.n_changed <= view.n_significant
    assert (genes.loc[genes["role"] == "down", "delta"] < 0).all()
    assert (genes.loc[genes["role"] == "up", "delta"] > 0).all()
    assert (genes["changed"] == (genes["role"] != "neutral")).all()


def test_a_looser_fold_threshold_never_loses_a_gene():
    strict = perturbation_view(STUDY, "HBE1", fold=1.4).genes
    loose = perturbation_view(STUDY, "HBE1", fold=1.0).genes

    assert set(strict.index[strict["changed"]]) <= set(loose.index[loose["changed"]])
    assert loose["changed"].sum() == 201
    assert "fold" not in perturbation_view(STUDY, "HBE1", fold=1.0).headline


def test_the_interval_of_a_delta_is_95_percent_wide_around_it():
    genes = perturbation_view(STUDY, "ACAT2").genes

    np.testing.assert_allclose(genes["delta_high"] - genes["delta_low"], 2 * 1.96 * genes["delta_se"])
    assert ((genes["delta_low"] <= genes["delta"]) & (genes["delta"] <= genes["delta_high"])).all()


@pytest.mark.parametrize(("by", "first"), [("delta", "ACAT2"), ("log2_fold_change", "HVCN1")])
def test_the_top_genes_mix_both_directions_largest_first(by, first):
    top = perturbation_view(STUDY, "ACAT2").top(50, by)

    assert len(top) == 50
    assert top.index[0] == first
    assert {"down", "up"} <= set(top["role"])


def test_ranking_by_fdr_goes_on_where_the_p_value_has_underflown():
    view = perturbation_view(STUDY, "ACAT2")
    top = view.top(10, "fdr")

    assert (top["p_value"] == 0).sum() > 1
    assert top["log10_p"].is_monotonic_increasing


def test_making_a_view_leaves_the_study_s_own_table_alone():
    study = fake_study()
    before = study.effects("ACAT2").copy()

    perturbation_view(study, "ACAT2")

    assert study.effects("ACAT2").equals(before)


# ---------------------------------------------------------------------------------------- calibration and methods


def test_control_sets_are_counted_by_the_test_that_is_shown():
    study = fake_study(strata=True)
    study.control_sets = study.control_sets.assign(n_significant_stratified=5)

    within, pooled = (perturbation_view(study, "CONF1", stratified=choice).calibration for choice in (True, False))

    assert "call a median of 5 and at most 5." in within and within.endswith("compared within condition.")
    assert "call a median of 1 and at most 2." in pooled and "within" not in pooled


def test_calibration_takes_the_random_sets_nearest_in_size_and_names_the_worst_control_guide():
    sentence = perturbation_view(STUDY, "ENSG00000172936").calibration

    assert sentence == (
        "At FDR < 0.05 this target calls 4 genes. 20 random sets of 200 control cells call a median of 1 and at most "
        "2. One of 30 control guides calls 23 of 300 genes (non-targeting_00017, 250 cells)."
    )


def test_an_effect_no_larger_than_chance_s_says_so():
    study = fake_study()
    study.targets.loc["ENSG00000172936", "n_significant"] = 2

    view = perturbation_view(study, "ENSG00000172936")

    assert view.headline == (
        "**ENSG00000172936 knock-down changes no more genes than control sets do**: 2 of 300 (FDR < 0.05, 250 cells), "
        "where they give up to 2; the gene itself is not measured."
    )
    assert vital(view, "Strength").value == "none"
    assert vital(view, "Genes changed").context == "control sets give up to 2"
    assert vital(view, "Can I trust it?").value == text.NOTHING


@pytest.mark.real_data
def test_the_perturbed_gene_itself_is_no_gene_that_control_sets_are_compared_with(real_data, tmp_path):
    (path,) = real_data.glob("*/schraivogel*.h5ad")

    headline = perturbation_view(build_study(path, data_root=tmp_path), "CCNE2").headline

    assert "no more genes than control sets do**: 1 beside its own of 72" in headline


def test_where_no_control_set_is_as_large_as_the_target_all_of_them_are_the_yardstick():
    study = fake_study()
    study.control_sets = study.control_sets[study.control_sets["n_cells"] <= 50].copy()
    study.control_sets.loc[study.control_sets.index[0], ["n_cells", "n_significant"]] = [25, 7]

    view = perturbation_view(study, "ENSG00000172936")

    assert "changes no more genes than control sets do**: 4 of 300" in view.headline
    assert "where those of 25 to 50 cells give up to 7" in view.headline
    assert "20 random sets of 25 to 50 control cells (no larger ones can be drawn)" in view.calibration


def test_a_gene_that_is_far_surer_than_any_control_set_calls_is_no_chance():
    """Datlinger's LCK moves BACH2 at p of 1e-19, while sets of few cells call ten genes at 1e-6."""
    study = fake_study()
    sets = study.control_sets.assign(n_significant=10)
    surest = perturbation_view(study, "ENSG00000172936").genes["log10_p"].min()
    asked = {}
    for name, smallest in (("chance", surest - 1), ("surer", surest + 3.5)):
        study.control_sets = sets.assign(smallest_log10_p=smallest)
        asked[name] = perturbation_view(study, "ENSG00000172936").headline

    assert "no more genes than control sets do" in asked["chance"]
    assert "no more genes" not in asked["surer"] and "4 of 300 genes change" in asked["surer"]


def test_a_knock_down_that_is_seen_is_not_taken_back_by_control_sets_that_give_as_many_genes():
    study = fake_study()
    study.targets.loc["ACAT2", "n_significant"] = 2  # itself and one more

    headline = perturbation_view(study, "ACAT2").headline

    assert headline.startswith("**ACAT2 knock-down leaves")
    assert headline.endswith("a random control set gives as many.")


def test_the_place_among_targets_that_change_next_to_nothing_is_no_praise():
    study = fake_study(targets=("MAP3K21", "LOWEX"))
    study.control_sets = study.control_sets.iloc[:0]
    study.targets.loc["MAP3K21", "n_significant"] = 1

    strength = vital(perturbation_view(study, "MAP3K21"), "Strength")

    assert (strength.value, strength.context) == ("1 gene", "negligible: fewer than 10")


def test_cells_that_could_not_show_a_change_are_not_enough_where_none_is_seen():
    shallow = fake_study(targets=("MAP3K21", "LOWEX"), null=True, depth=0.03, n_control=200)

    found = check(perturbation_view(shallow, "LOWEX"), CELLS_CHECK)

    assert found.title == "Small changes cannot be seen" and found.passed is False
    assert re.fullmatch(r"most genes must change [\d.]+-fold", found.short)


# ---------------------------------------------------------------------------------- totals without the own gene


def without_own_gene(study, target):
    """The effects as they are, but for one more gene that no longer changes: what another sweep gives."""
    effects = study.effects(target).copy()
    effects.loc["G000", ["fdr", "p_value", "log2_fold_change"]] = [0.9, 0.9, 0.0]
    return effects


def test_totals_without_the_own_gene_are_offered_where_it_dominates_and_then_said_everywhere():
    study = fake_study(dominant=True)
    assert perturbation_view(study, "HBE1").own_dominant == "HBE1"
    assert perturbation_view(study, "ACAT2").own_dominant == ""

    view = perturbation_view(study, "HBE1", without_own_gene=without_own_gene(study, "HBE1"))

    assert view.left_out_of_totals == "HBE1" and view.own_dominant == ""
    assert "no other gene** (FDR < 0.05, at least 1.4-fold, totals without HBE1)" in view.headline
    assert "look raised" not in view.headline
    assert view.crumb.endswith("totals without HBE1")
    assert "HBE1 left out of all totals, log1p" in view.methods.values
    assert "left out" not in view.methods.normalized  # what guides leave is a share of all genes
    assert view.n_significant == 200
    assert check(view, DOMINANCE).passed is True and "left out of the size factors" in check(view, DOMINANCE).sentence
    assert "not ranked" in vital(view, "Strength").context
    assert view.calibration.endswith("Controls are compared with totals of all genes.")


def test_without_control_sets_chance_is_said_to_be_unknown():
    study = fake_study()
    study.control_sets = study.control_sets.iloc[:0]

    assert "not known" in perturbation_view(study, "ACAT2").calibration


def test_the_methods_sentence_can_be_pasted_into_a_paper():
    methods = perturbation_view(STUDY, "ACAT2").methods.sentence("a cloud")

    assert methods.startswith(
        "ACAT2: 1,765 cells against 38,176 non-targeting controls; drawn: a cloud; test on counts normalized to the "
        "median library size, log1p: two-sided Mann-Whitney U, Benjamini-Hochberg over 300 genes; changed: FDR < 0.05"
    )
    assert re.search(r"\(Perturbscope [^)]+\)\.$", methods)
    assert "*" not in methods


def test_the_methods_of_a_figure_without_a_test_name_none():
    methods = perturbation_view(STUDY, "ACAT2").methods.sentence("cells", "cells")

    assert "38,176" in methods and "drawn: cells (Perturbscope" in methods
    assert not re.search("Mann|FDR|normalized|scipy", methods)


def test_simulated_data_say_so_in_crumb_and_methods():
    view = perturbation_view(fake_study(simulated=True), "ACAT2")

    assert "simulated" in view.crumb
    assert view.methods.sentence("x").startswith("Simulated data.")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [("no-dominant", "without genes that hold over 5 %"), ("obs:ncounts_all_genes", "obs['ncounts_all_genes']")],
)
def test_the_methods_name_the_size_factors(recipe, said):
    assert said in perturbation_view(fake_study(size_factors=recipe), "ACAT2").methods.values


# ------------------------------------------------------------------------------------------------------- doors


def test_an_unknown_target_is_an_error_with_a_suggestion():
    with pytest.raises(UnknownTargetError, match="Did you mean ACAT2"):
        perturbation_view(STUDY, "ACAT3")


@pytest.mark.parametrize(
    "options", [{"fdr": 0}, {"fdr": 2}, {"fdr": math.nan}, {"fold": 0.5}, {"fold": math.inf}], ids=str
)
def test_a_threshold_that_makes_no_sense_is_refused(options):
    with pytest.raises(OptionError):
        perturbation_view(STUDY, "ACAT2", **options)


@pytest.mark.parametrize(
    "evil", ["<img src=x onerror=alert(1)>", "[x](http://e.example)", "$x$ **b** :red[y]", "A" * 10_000]
)
def test_a_hostile_name_reaches_no_sentence_unescaped(evil):
    study = fake_study(dominant=True, names={"HBE1": evil, "SP1": evil})

    view = perturbation_view(study, evil)

    shown = [view.headline, view.crumb, *(v.context for v in view.vitals), *(c.sentence for c in view.checks)]
    assert not any(re.search(r"(?<!\\)(<(?=\w)|[\[$])", s) for s in shown)
    assert all(len(s) < 700 for s in shown)
    assert view.target == evil


def test_a_view_can_be_cached_by_pickling():
    view = pickle.loads(pickle.dumps(perturbation_view(STUDY, "ACAT2")))

    assert view.headline == perturbation_view(STUDY, "ACAT2").headline


def test_cells_of_every_planted_target_are_told():
    assert {t: perturbation_view(STUDY, t).n_target for t in CELLS} == CELLS


# -------------------------------------------------------------------------------------------- genes that few cells show


def with_control_sets(study, median):
    """The study with random control sets, of ACAT2's size, that call so many genes."""
    sets = study.control_sets.query("kind != 'random'")
    random = sets.iloc[:0].reindex(range(5)).assign(kind="random", n_cells=CELLS["ACAT2"], n_significant=median)
    random["name"] = [f"random set {k + 1}" for k in range(5)]
    return dataclasses.replace(
        study, control_sets=pd.concat([sets, random.astype({"n_cells": int, "n_significant": int})])
    )


def test_what_control_sets_call_is_the_first_doubt_where_it_is_a_quarter_of_what_the_target_calls():
    few = perturbation_view(with_control_sets(STUDY, 5), "ACAT2")
    many = perturbation_view(with_control_sets(STUDY, 60), "ACAT2")

    assert "control cells" not in few.headline
    assert "; sets of 1,765 control cells call 60." in many.headline
    assert vital(many, "Genes changed").context == "control sets call 60 (median)" and vital(many, "Genes changed").warn


@pytest.mark.parametrize("least", [1, 20, 400])
def test_the_fdr_over_genes_that_enough_cells_show_is_scipys_over_those_genes(least):
    effects = STUDY.effects("ACAT2")
    n_target, n_control = CELLS["ACAT2"], STUDY.n_control
    seen = np.maximum(effects["pct_target"] * n_target, effects["pct_control"] * n_control).round() >= least

    genes = perturbation_view(STUDY, "ACAT2", seen_in=least).genes

    expected = false_discovery_control(10 ** effects.loc[seen, "log10_p"])
    np.testing.assert_allclose(genes.loc[effects.index[seen], "fdr"], expected, rtol=1e-6)
    assert genes.loc[effects.index[~seen], "fdr"].isna().all()
    assert not genes.loc[effects.index[~seen], "changed"].any()


def test_a_view_of_genes_that_enough_cells_show_says_so_wherever_it_is_read():
    view = perturbation_view(STUDY, "ACAT2", seen_in=20)
    n = int(view.genes["fdr"].notna().sum())

    assert f"{n} genes seen in 20 cells or more" in view.crumb
    assert f"of {n} genes" in view.headline
    assert f"Benjamini-Hochberg over {n} genes seen in at least 20 cells of either group" in view.methods.test
    assert "Control sets are counted over all measured genes." in view.calibration


def test_a_gene_cannot_be_seen_in_less_than_no_cell():
    with pytest.raises(OptionError, match="cannot be seen in -1 cells"):
        perturbation_view(STUDY, "ACAT2", seen_in=-1)
