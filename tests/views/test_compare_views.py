"""Similar, Compare, combinations and two studies: over a small screen with planted relations."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from core.errors import OptionError, UnknownTargetError
from core.store import build_study
from core.views.combination import combination_view, combinations
from core.views.compare import moves_words, pair_view
from core.views.compare_map import map_view, named_groups
from core.views.compared import alike_words
from core.views.power import detectable_fold
from core.views.similar import own_places, similar_view, study_profiles
from core.views.two_studies import other_ways, shared_gene_names, studies_view
from tests.views.compare_screens import DOWN, UP, compare_screen


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    return build_study(compare_screen(folder / "screen.h5ad"), data_root=folder / "root")


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """Another experiment with the same targets, named as in mouse, without GENE6 and without batches."""
    folder = tmp_path_factory.mktemp("twin")
    path = compare_screen(folder / "twin.h5ad", names="Gene{}", seed=5, batches=False, drop="GENE6")
    return build_study(path, data_root=folder / "root")


# -------------------------------------------------------------------------------------------------------- similar


def test_r_is_pearsons_of_within_batch_deltas_less_their_median_without_own_genes(study):
    found = similar_view(study, "GENE1").all

    delta = pd.DataFrame(
        np.array(study.layer("delta_within_batch")), index=study.targets.index, columns=study.genes.index
    )
    own = {t: t.split("+") for t in delta.index}
    masked = delta.copy()
    for target, genes in own.items():
        masked.loc[target, genes] = np.nan
    typical, residual = masked.median(), delta.copy()
    for target, genes in own.items():
        rest = delta.columns.difference(genes)
        slope = np.polyfit(typical[rest], delta.loc[target, rest], 1)[0]
        residual.loc[target] -= np.clip(slope, 0, 1) * typical
    for other in found.index:
        genes = [g for g in delta.columns if g not in {*own["GENE1"], *own[other]}]
        expected = pearsonr(residual.loc["GENE1", genes], residual.loc[other, genes]).statistic
        assert found[other] == pytest.approx(expected, abs=1e-5)


def test_the_most_alike_and_the_most_opposite_target_are_those_that_were_planted(study):
    view = similar_view(study, "GENE2")

    assert view.similar["target"].iloc[0] in ("GENE1", "GENE1+GENE4")
    assert view.opposite["target"].iloc[0] == "GENE3"
    assert "here, " in view.opposite["words"].iloc[0] and "there" in view.opposite["words"].iloc[0]
    planted = {f"GENE{g}" for g in (*UP, *DOWN)}
    assert set(view.similar["shared"].iloc[0]) <= planted and view.similar["shared"].iloc[0]
    assert "batch halves agree at r" in view.doubt


def test_a_target_that_looks_like_none_is_said_to(study):
    assert similar_view(study, "GENE6").sentence.startswith("**GENE6 looks like no other target**")


def test_targets_without_effect_do_not_look_alike(study):
    assert abs(similar_view(study, "GENE5").all["GENE6"]) < 0.35


def test_both_genes_of_a_combination_are_its_own(study):
    places = own_places(study)

    assert places[study.targets.index.get_loc("GENE1+GENE4")] == [1, 4]


def test_a_target_of_a_few_cells_is_nobodys_nearest(tmp_path):
    import anndata as ad

    adata = ad.read_h5ad(compare_screen(tmp_path / "few.h5ad"))
    few = np.flatnonzero(adata.obs["target_gene"] == "GENE2")[9:]
    adata = adata[np.setdiff1d(np.arange(adata.n_obs), few)].copy()
    adata.write_h5ad(tmp_path / "few.h5ad")
    view = similar_view(build_study(tmp_path / "few.h5ad", data_root=tmp_path / "root"), "GENE1")

    assert "GENE2" not in set(view.similar["target"]) and np.isnan(view.all["GENE2"])


def test_an_unknown_target_is_refused_with_a_hint(study):
    with pytest.raises(UnknownTargetError, match="GENE1"):
        similar_view(study, "GENE100")


def test_the_definition_says_scale_genes_and_typical_profile(study):
    said = study_profiles(study).definition

    assert "deltas within batch" in said and "80 genes" in said and "median over 7 targets" in said


# ------------------------------------------------------------------------------------------------------- a pair


def test_a_pair_says_how_it_compares_and_by_which_genes(study):
    alike, opposite = pair_view(study, "GENE1", "GENE2"), pair_view(study, "GENE1", "GENE3")

    assert alike.headline.startswith("**GENE1 and GENE2 look alike** (r 0.9")
    assert opposite.headline.startswith("**GENE1 and GENE3 go opposite ways** (r −0.9")
    assert alike.r == pytest.approx(pair_view(study, "GENE2", "GENE1").r, abs=1e-6)


def test_words_for_opposite_profiles_ask_for_as_much_as_words_for_alike_ones():
    words = {r: alike_words(r) for r in (0.6, 0.3, 0.1, -0.1, -0.3, -0.6)}

    assert words[0.6] == "look alike" and words[-0.6] == "go opposite ways"
    assert words[0.3] == "look partly alike" and words[-0.3] == "go partly opposite ways"
    assert words[0.1] == words[-0.1] == "have little in common"


def test_genes_that_change_in_both_have_their_direction(study):
    genes = pair_view(study, "GENE1", "GENE3").genes

    assert set(genes.loc[[f"GENE{g}" for g in UP], "role"]) == {"accent"}
    assert set(pair_view(study, "GENE1", "GENE2").genes.loc[[f"GENE{g}" for g in DOWN], "role"]) == {"down"}


def test_who_moves_whom_is_told_with_numbers(study):
    view = pair_view(study, "GENE1", "GENE2")

    rows = view.reciprocal.set_index("target")
    assert rows.loc["GENE1", "gene"] == "GENE2" and rows.loc["GENE1", "moves"] and rows.loc["GENE1", "delta"] > 0.5
    assert abs(rows.loc["GENE2", "delta"]) < 0.15 and rows.loc["GENE2", "moves"] == (rows.loc["GENE2", "fdr"] < 0.05)
    effects = study.effects("GENE1").loc["GENE2"]
    assert rows.loc["GENE1", "fdr"] == pytest.approx(effects["fdr"])
    assert "**GENE1 knock-down raises GENE2**" in view.reciprocal_words


def test_genes_named_as_changed_in_both_are_among_those_counted_and_the_definition_stands_beside_both(study):
    view = pair_view(study, "GENE1", "GENE2")

    both = view.genes[view.genes["changed_x"] & view.genes["changed_y"]]
    assert len(view.shared) and set(view.shared["gene"]) <= set(both["gene"])
    number = next(v for v in view.vitals if v.label == "Change in both")
    assert number.value == str(len(both)) and number.context == "FDR < 0.05, at least 1.4-fold"
    assert "(FDR < 0.05, at least 1.4-fold)" in view.headline


def test_no_change_is_denied_only_where_it_would_have_been_seen():
    row = {"target": "HBE1", "gene": "GATA1", "delta": 0.1, "log2_fold_change": 0.1, "fdr": 0.8, "n_cells": 30}

    blind = moves_words("knock-down", "HBE1", "GATA1", pd.DataFrame([row | {"moves": False, "detectable": 3.2}]))
    seeing = moves_words("knock-down", "HBE1", "GATA1", pd.DataFrame([row | {"moves": False, "detectable": 1.3}]))
    moved = moves_words("knock-down", "HBE1", "GATA1", pd.DataFrame([row | {"moves": True, "detectable": 3.2}]))

    assert "HBE1 knock-down: no change of GATA1 seen" in blind
    assert "30 cells; only changes above 3.2-fold could be seen" in blind
    assert "HBE1 knock-down does not move GATA1" in seeing and "1.3-fold would be seen" in seeing
    assert "**HBE1 knock-down raises GATA1**" in moved


def test_the_smallest_change_seen_is_of_the_gene_itself(study):
    rows = pair_view(study, "GENE1", "GENE2").reciprocal.set_index("target")
    genes = study.genes.assign(control_mean=study.genes["control_mean"]["GENE2"])
    genes["dispersions"] = study.genes["dispersions"]["GENE2"]

    n = study.targets["n_cells"]["GENE1"]
    assert rows.loc["GENE1", "detectable"] == pytest.approx(detectable_fold(genes, n, study.n_control))


def test_deltas_of_a_combination_and_of_a_pair_name_their_kind(study):
    assert pair_view(study, "GENE1", "GENE2").scale == "log-normalized, within batch"
    view = combination_view(study, "GENE1+GENE4")
    assert view.scale == "log-normalized, pooled" and view.y_title.endswith("pooled")


def test_a_combination_and_its_part_are_said_to_share_a_gene(study):
    view = pair_view(study, "GENE1", "GENE1+GENE4")

    assert "GENE1 is perturbed in both" in view.notes[0].text
    assert list(view.reciprocal["gene"]) == ["GENE4"]


def test_a_target_without_a_change_is_said_to_hold_little(study):
    view = pair_view(study, "GENE1", "GENE5")

    assert "agree at r" in view.headline or "changes no gene" in view.headline or "little in common" in view.headline


def test_a_target_beside_itself_is_refused(study):
    with pytest.raises(OptionError, match="both sides"):
        pair_view(study, "GENE1", "GENE1")


# --------------------------------------------------------------------------------------------------------- map


def test_planted_relatives_form_a_group_named_by_what_they_move(study):
    view = map_view(study, n_targets=7, n_genes=20)

    group = next(row for row in view.groups.itertuples() if "GENE1" in row.targets)
    assert "GENE2" in group.targets and "GENE3" not in group.targets
    assert set(group.genes) <= {f"GENE{g}" for g in (*UP, *DOWN, *range(45, 60))}
    assert "rise" in group.words
    assert not {"GENE1", "GENE2"} & set(group.genes), "own genes name no group"


def test_the_map_is_ordered_both_ways_and_holds_the_deltas(study):
    view = map_view(study, n_targets=5, n_genes=10)

    assert len(view.targets) == 5 and len(view.genes) == 10 and view.delta.shape == (5, 10)
    layer = study.layer("delta_within_batch")
    t, g = study.targets.index.get_loc(view.targets[2]), study.genes.index.get_loc(view.genes[3])
    assert view.delta[2, 3] == layer[t, g]
    assert view.r[1, 2] == pytest.approx(view.r[2, 1], abs=1e-6)


def test_marked_targets_are_on_the_map_however_weak(study):
    assert {"GENE5", "GENE6"} <= set(map_view(study, n_targets=3, marked=("GENE5", "GENE6")).targets)


def test_a_gene_set_names_a_group_where_one_is_given(study):
    def name_group(genes, background):
        assert background.sum() == 80
        return "PROGRAM" if UP[0] in genes else ""

    view = map_view(study)

    assert "PROGRAM rises" in set(named_groups(view, name_group)["gene_set"])
    assert set(view.groups["gene_set"]) == {""}


@pytest.mark.parametrize("size", [{"n_targets": 1}, {"n_genes": 10_000}])
def test_a_map_of_no_sense_is_refused(study, size):
    with pytest.raises(OptionError, match="cannot be drawn"):
        map_view(study, **size)


# ------------------------------------------------------------------------------------------------- combinations


def test_an_additive_combination_is_near_additive(study):
    assert combinations(study) == ["GENE1+GENE4"]
    view = combination_view(study, "GENE1+GENE4")

    assert view.verdict == "additive" and view.parts == ("GENE1", "GENE4")
    assert 0.75 < view.found.slope.low < view.found.slope.high < 1.33
    assert view.headline.startswith("**GENE1+GENE4 is near additive**")
    single = study.effects("GENE1")["delta"] + study.effects("GENE4")["delta"]
    row = view.genes.loc["GENE25"]
    assert row["x"] == pytest.approx(single["GENE25"]) and row["y"] == study.effects("GENE1+GENE4")["delta"]["GENE25"]


def test_a_combination_of_one_known_part_says_what_is_missing(tmp_path):
    study = build_study(compare_screen(tmp_path / "one.h5ad", drop="GENE4"), data_root=tmp_path / "root")

    view = combination_view(study, "GENE1+GENE4")

    assert view.missing == ("GENE4",) and view.verdict in ("incomplete", "unknown")
    assert "GENE4 was not perturbed alone" in view.headline


def test_a_single_target_is_no_combination(study):
    with pytest.raises(OptionError, match="no combination"):
        combination_view(study, "GENE1")


# -------------------------------------------------------------------------------------------------- two studies


def test_a_target_is_compared_over_the_genes_that_two_studies_share_whatever_their_case(study, twin):
    view = studies_view(study, twin, "GENE1")

    assert view.n_shared == 80 and view.r > 0.9
    mine, theirs = study.layer("delta_within_batch")[0], twin.layer("delta")[0]
    keep = np.arange(80) != 1
    assert view.r == pytest.approx(pearsonr(mine[keep], theirs[keep]).statistic, abs=1e-9)
    assert "look alike" in view.headline


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        (("knock-down", "knock-down"), ""),
        (("activation", "activation"), ""),
        (("knock-down", "perturbation"), ""),
        (("activation", "knock-down"), " one activates its targets and two is a knock-down screen: opposite"),
        (("perturbation", "activation"), " two activates its targets and one does not say what it does: opposite"),
    ],
)
def test_screens_that_push_opposite_ways_are_said_to(ways, said):
    studies = [SimpleNamespace(name=name, modality=way) for name, way in zip(("one", "two"), ways, strict=True)]

    assert other_ways(*studies).startswith(said) and bool(other_ways(*studies)) is bool(said)


def test_a_target_that_the_other_study_lacks_is_said(study, twin):
    with pytest.raises(OptionError, match="does not perturb GENE6"):
        studies_view(study, twin, "GENE6")


def test_studies_without_shared_genes_are_said(study, tmp_path):
    path = compare_screen(tmp_path / "far.h5ad", names="FAR{}")
    import anndata as ad

    adata = ad.read_h5ad(path)
    adata.obs["target_gene"] = adata.obs["target_gene"].astype(str).str.replace("FAR", "GENE")
    adata.write_h5ad(path)
    other = build_study(path, data_root=tmp_path / "root")

    with pytest.raises(OptionError, match="share no gene"):
        studies_view(study, other, "GENE1")


def test_a_gene_that_two_would_be_is_matched_to_none(study, twin):
    match = shared_gene_names(study, twin)

    assert match["GENE7"] == "Gene7" and match.is_unique and match.index.is_unique
