"""What gene sets say of a target: known truths, the null, the words."""

import numpy as np
import pandas as pd
import pytest

from core.data.gene_sets import measured_sets, parse_gmt, read_gmt
from core.store.gene_sets import described
from core.views import perturbation_view
from core.views.pathways import (
    as_one_table,
    headline_with,
    moved_sets,
    name_of,
    over_represented,
    pathways_view,
    standing,
    sure,
)
from core.views.set_names import readable, within_sentence
from tests.views.fake_study import fake_study

COLLECTION = described(parse_gmt("A\t\tG1\n"), "Mine", "test")


@pytest.fixture(scope="session")
def acat2(real_data):
    """ACAT2's profile as the VCC's own project computed it: all 18,080 genes in the file's order."""
    facts = real_data / "vcc_facts"
    names = (facts / "gene_names.csv").read_text().split()
    genes = pd.read_csv(facts / "ACAT2_18080_stats.csv").set_index("gene").reindex(names)
    tests = pd.read_csv(facts / "ACAT2.csv").set_index("feature").reindex(names)
    genes["log10_p"] = np.log10(tests["p_value"].fillna(1).clip(lower=1e-300))
    genes["auc"] = 0.5 + 0.1 * np.sign(genes["delta"])
    fold = np.log2((tests["target_mean"] + 0.01) / (tests["reference_mean"] + 0.01)).abs()
    changed = (tests["fdr"] < 0.05) & (fold >= np.log2(1.4))
    genes["role"] = np.where(~changed, "neutral", np.where(genes["delta"] < 0, "down", "up"))
    background = ((genes["ctrl_mean"] > 0) | (genes["pert_mean"] > 0)).to_numpy() & (genes.index != "ACAT2")
    return genes, background


def sets_of(real_data, name, genes):
    symbols = genes.index.to_numpy(dtype=object)
    return measured_sets(read_gmt(real_data / "gene_sets" / name), symbols, np.full(symbols.size, "", object))


def lists_of(genes, background):
    return {way: background & (genes["role"] == way).to_numpy() for way in ("up", "down")}


@pytest.mark.real_data
def test_acat2s_raised_genes_put_cholesterol_homeostasis_first(acat2, real_data):
    genes, background = acat2
    sets = sets_of(real_data, "h.all.v7.0.symbols.gmt", genes)

    listed = over_represented(lists_of(genes, background), background, sets, genes)

    first = listed.iloc[0]
    assert (first["set"], first["direction"]) == ("HALLMARK_CHOLESTEROL_HOMEOSTASIS", "up")
    assert first["fdr"] < 1e-12 and first["n_hits"] >= 15
    assert first["genes"].split(", ")[:4] == ["MVD", "HMGCS1", "HMGCR", "DHCR7"]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("ReactomePathways.gmt.gz", "Cholesterol biosynthesis"),
        ("GO_Biological_Process_2021.gmt.gz", "cholesterol biosynthetic process (GO:0006695)"),
    ],
)
def test_of_thousands_of_sets_that_the_whole_profile_raises_cholesterol_synthesis_is_first(
    acat2, real_data, file, first
):
    genes, background = acat2

    moved = moved_sets(genes, background, sets_of(real_data, file, genes))

    assert len(moved) > 1400
    raised = moved[moved["direction"] == "up"]
    assert raised.iloc[0]["set"] == first and raised.iloc[0]["fdr"] < 1e-6
    assert {"HMGCS1", "HMGCR", "MVD", "SC5D"} <= set(raised.iloc[0]["genes"].split(", "))
    alike = moved[(moved["stands_for"] == first) & (moved["set"] != first)]
    assert len(alike) == raised.iloc[0]["n_alike"] >= 1
    assert alike["set"].str.contains("sterol", case=False).any()


@pytest.mark.real_data
def test_labels_that_are_shuffled_over_genes_give_no_pathway(acat2, real_data):
    genes, background = acat2
    sets, rng = sets_of(real_data, "ReactomePathways.gmt.gz", genes), np.random.default_rng(0)
    columns = ["log10_p", "auc", "role", "delta"]
    claimed = []

    for _ in range(10):
        mixed = genes.copy()
        order = rng.permutation(len(genes))
        for column in columns:
            mixed[column] = genes[column].to_numpy()[order]
        listed = over_represented(lists_of(mixed, background), background, sets, mixed)
        claimed += [len(sure(listed)), len(standing(moved_sets(mixed, background, sets), 0.01))]

    assert sum(claimed) <= 1


# ------------------------------------------------------------------------------------------------ a made-up study


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setattr("core.views.pathways.SMALL_PANEL", 100)
    return fake_study()


def planted(study, **more):
    """A set of genes that rise with ACAT2, one that fall, one of genes that nothing happens to."""
    up = [f"G{k:03d}" for k in range(1, 40) if k % 3]
    down = [f"G{k:03d}" for k in range(0, 120, 3)]
    none = [f"G{k:03d}" for k in range(150, 190)]
    sets = {"HALLMARK_MTORC1_SIGNALING": up, "FALLING_THINGS_OF_ALL": down, "STILL": none, "UP_AGAIN": up[:14], **more}
    text = "".join(f"{name}\tabout\t" + "\t".join(genes) + "\n" for name, genes in sets.items())
    return measured_sets(parse_gmt(text), study.genes.index.to_numpy(), np.full(len(study.genes), "", object))


def seen(study, target, **options):
    return pathways_view(study, perturbation_view(study, target), planted(study, **options), COLLECTION)


def test_planted_sets_are_found_with_their_direction_and_the_still_one_is_not(study):
    view = seen(study, "ACAT2")

    found = standing(view.listed).set_index("set")["direction"].to_dict()
    assert found == {"HALLMARK_MTORC1_SIGNALING": "up", "FALLING_THINGS_OF_ALL": "down"}
    moved = standing(view.profile).set_index("set")["direction"].to_dict()
    assert moved == {"HALLMARK_MTORC1_SIGNALING": "up", "FALLING_THINGS_OF_ALL": "down"}
    assert view.title == "Falling things of all falls; mTORC1 signaling rises"


def test_a_set_that_repeats_a_surer_one_is_listed_under_it(study):
    listed = seen(study, "ACAT2").listed.set_index("set")

    assert listed.loc["UP_AGAIN", "stands_for"] == "HALLMARK_MTORC1_SIGNALING"
    assert listed.loc["HALLMARK_MTORC1_SIGNALING", "n_alike"] == 1


def test_the_perturbed_gene_is_neither_hit_nor_background(study):
    view = seen(study, "ACAT2", OWN=["ACAT2", *(f"G{k:03d}" for k in range(200, 212))])

    assert "ACAT2" not in ", ".join(view.listed["genes"])
    assert view.n_background < len(study.genes)


def test_a_target_without_effect_gives_no_pathway_and_says_why(study):
    for target in ("MAP3K21", "FAILKD"):
        view = seen(study, target)

        assert not len(view.listed) and not len(view.profile) and view.claim == ""
        assert "changes no more genes than control sets of cells do" in view.why_not


def test_a_panel_chosen_by_hand_is_told_instead_of_tested():
    view = seen(fake_study(), "ACAT2")

    assert view.why_not.startswith("300 genes were measured. In a panel chosen by hand")
    assert not len(view.listed)


def test_both_tests_stand_in_one_table_with_target_and_collection(study):
    table = as_one_table(seen(study, "ACAT2"))

    assert list(table.columns[:4]) == ["target", "collection", "test", "set"]
    assert set(table["test"]) == {"over-representation", "rank test of the profile"}


def test_fdr_is_over_all_sets_and_both_directions(study):
    view = seen(study, "ACAT2")
    p = view.listed["p_value"].to_numpy()

    assert view.listed["fdr"].iloc[0] == pytest.approx(p[0] * 8, rel=1e-6)  # 4 sets, rises and falls


def test_a_group_of_genes_is_named_by_its_surest_set_or_not_at_all(study):
    sets, everything = planted(study), np.ones(len(study.genes), bool)
    up = [study.genes.index.get_loc(f"G{k:03d}") for k in range(1, 40) if k % 3]

    assert name_of(up, everything, sets) == "mTORC1 signaling"
    assert name_of(up[:4], everything, sets) == ""  # under five hits
    assert name_of([], everything, sets) == ""


# -------------------------------------------------------------------------------------------------------- words


def test_the_pathway_stands_before_the_caveat_and_keeps_the_sentence_short():
    headline = perturbation_view(fake_study(), "ACAT2").headline

    longer = headline_with(headline, "cholesterol homeostasis rises")

    assert "1.4-fold); cholesterol homeostasis rises; HVCN1 and SP1 fall as far" in longer
    assert headline_with(headline, "") == headline
    assert headline_with(headline, "a pathway " * 12 + "rises") == headline
    assert headline_with("**X changes no gene** (FDR < 0.05, 9 cells). A result.", "y rises").count("y rises") == 1
    assert headline_with("**X has 2 cells**.", "y rises") == "**X has 2 cells**."


@pytest.mark.parametrize(
    ("name", "words", "inside"),
    [
        ("HALLMARK_TNFA_SIGNALING_VIA_NFKB", "TNFA signaling via NFKB", "TNFA signaling via NFKB"),
        ("GOBP_STEROL_BIOSYNTHETIC_PROCESS", "Sterol biosynthetic process", "sterol biosynthetic process"),
        ("HALLMARK_P53_PATHWAY", "p53 pathway", "p53 pathway"),
        ("HALLMARK_E2F_TARGETS", "E2F targets", "E2F targets"),
        ("Cell Cycle, Mitotic", "Cell Cycle, Mitotic", "cell Cycle, Mitotic"),
        ("x" * 300, "X" + "x" * 46 + "…", "x" * 47 + "…"),
    ],
)
def test_names_of_sets_are_read_as_words(name, words, inside):
    assert readable(name) == words
    assert within_sentence(name) == inside


def test_a_collection_that_names_markup_shows_letters(study):
    view = seen(study, "ACAT2", **{":red[x] <b>": [f"G{k:03d}" for k in range(1, 120) if k % 3]})

    headline = headline_with("**A changes** (FDR < 0.05).", view.claim)
    assert "<b>" not in headline.replace(r"\<b\>", "")
