import re
import subprocess
import sys

import pandas as pd
import pytest

from core.views import study_view
from tests.views.fake_study import FOLDS, fake_study

STUDY = fake_study()


def words(headline):
    return [w for w in re.sub(r"\([^()]*\)", "", headline).split() if re.search(r"\w", w)]


def large(study, n_genes=18_080):
    """The same study with the gene table of a whole transcriptome."""
    rest = pd.DataFrame(0.5, index=[f"X{k}" for k in range(n_genes - len(study.genes))], columns=study.genes.columns)
    study.genes = pd.concat([study.genes, rest])
    return study


def test_the_headline_counts_targets_cells_and_strengths():
    view = study_view(large(fake_study()))

    assert view.headline == (
        "**11 targets in 44,681 cells.** 3 targets change more than 100 genes at FDR < 0.05, 5 change fewer than 10; "
        "2 have fewer than 100 cells."
    )


def test_on_a_small_panel_strength_is_a_tenth_of_the_genes():
    assert "5 targets change more than 30 of 300 genes at FDR < 0.05, 3 change none" in study_view(STUDY).headline


def test_nothing_seen_is_said_as_such_with_what_could_have_been_seen():
    shallow = fake_study(null=True, n_control=200, depth=0.02, median_total=59)

    headline = study_view(shallow).headline

    assert re.search(
        r"No target changes a gene \(FDR < 0.05\); with 200 controls and 59 counts a cell, "
        r"most genes must change \d[\d.]*-fold to be seen\.$",
        headline,
    )


def test_a_handful_of_calls_is_nothing_seen_too_and_says_how_many():
    study = fake_study(targets=("MAP3K21", "FAILKD", "ENSG00000172936"))

    assert "No target changes more than 4 genes" in study_view(study).headline


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strata": True},
        {"null": True, "n_control": 200, "depth": 0.02},
        {"dominant": True},
        {"targets": ("ACAT2",)},
    ],
    ids=str,
)
def test_every_headline_has_at_most_30_words_and_every_value_nine_characters(options):
    view = study_view(fake_study(**options))

    assert len(words(view.headline)) <= 30, view.headline
    assert [v.label for v in view.vitals] == ["Cells", "Controls", "Genes", "Targets", "Batches"]
    assert all(len(v.value) <= 9 and v.context for v in view.vitals)
    assert len(view.notes) <= 2


def test_the_vitals_say_what_is_in_the_file():
    view = study_view(STUDY)

    assert [(v.value, v.context) for v in view.vitals] == [
        ("44,681", "6,505 perturbed"),
        ("38,176", "non-targeting"),
        ("300", "all seen"),
        ("11", "median 400 cells"),
        ("48", "4,083 to 5,082 cells each"),
    ]


def test_a_file_without_batches_says_that_none_was_read():
    assert study_view(fake_study(batches=0)).vitals[4].context == "no batch column was read"


def test_few_cells_with_many_changes_lead_the_list_of_care():
    view = study_view(STUDY)

    assert (view.care[0].name, view.care[0].sentence) == ("RNF20", "47 cells, yet 131 genes changed")
    assert view.care_note.startswith("Fewer than 100 cells and many genes changed")


def test_the_ways_a_knock_down_cannot_be_seen_are_said_apart():
    care = {c.target: c.sentence for c in study_view(STUDY).care}

    assert care["FAILKD"].startswith("no knock-down in 400 cells: 97\u00a0% left")
    assert "too few" in care["RARE1"]
    assert "hardly expressed" in care["LOWEX"]
    assert "not among the measured genes" in care["ENSG00000172936"]
    assert "ACAT2" not in care


def test_a_pair_is_not_blamed_for_having_no_gene_of_its_own():
    view = study_view(STUDY)

    assert "KLF1+MAP2K6" not in {c.target for c in view.care}
    assert view.targets.loc["KLF1+MAP2K6", "outcome"] == "several genes"


def test_a_knock_out_that_leaves_its_transcript_needs_no_care():
    assert "FAILKD" not in {c.target for c in study_view(fake_study(modality="knock-out")).care}


def test_at_most_eight_lines_of_care_are_shown_and_the_rest_is_counted():
    study = fake_study()
    failed = study.targets.loc[["FAILKD"] * 12].set_axis([f"T{k}" for k in range(12)])
    study.targets = pd.concat([study.targets, failed])

    view = study_view(study)

    assert len(view.care) == 8
    assert view.care_more == "and 9 more."


def test_many_targets_of_one_lesser_kind_share_a_line():
    study = fake_study()
    absent = study.targets.loc[["ENSG00000172936"] * 14].set_axis([f"T{k}" for k in range(14)])
    study.targets = pd.concat([study.targets, absent])

    care = [c for c in study_view(study).care if c.target == ""]

    assert [c.name for c in care] == ["15 targets"]
    assert "and 12 more" in care[0].sentence


def test_strata_change_every_count_and_are_warned_of():
    view = study_view(fake_study(strata=True))

    assert view.targets.loc["CONF1", "n_significant"] == 2
    assert "within condition" in view.headline
    assert view.notes[0].kind == "warning"
    assert "1 target of 11 differs from the controls in condition" in view.notes[0].text


def test_a_dominant_gene_is_warned_of_with_its_share_of_control_counts():
    assert "HBE1 is 44\u00a0% of all control counts" in study_view(fake_study(dominant=True)).notes[0].text


def test_without_a_dominant_gene_the_pooled_effects_are_not_even_read():
    study = fake_study()

    study_view(study)

    assert study.asked == []


def test_few_controls_are_warned_of():
    assert any("200 control cells" in n.text for n in study_view(fake_study(n_control=200)).notes)


def test_cells_that_are_left_out_are_counted_by_reason():
    view = study_view(fake_study(left_out={"two targets": 1200, "no counts at all": 34}))

    assert view.left_out == "1,234 cells are left out: 1,200 two targets, 34 no counts at all."
    assert view.vitals[0].context.endswith("1,234 left out")


def test_the_strongest_target_stands_first_and_none_is_lost():
    view = study_view(STUDY)

    assert set(view.targets.index) == set(FOLDS)
    assert view.targets["n_significant"].is_monotonic_decreasing
    assert list(view.targets_table["Target"]) == list(view.targets["target"])


def test_the_readable_table_shows_no_percentage_for_what_was_not_measured():
    table = study_view(STUDY).targets_table.set_index("Target")

    assert table.loc["ACAT2", "Transcript left, %"] == pytest.approx(3)
    assert table.loc[["RARE1", "LOWEX", "ENSG00000172936"], "Transcript left, %"].isna().all()


def test_roles_are_shown_as_read_with_evidence():
    roles = study_view(STUDY).roles

    assert list(roles.columns) == ["Role", "Read from", "Evidence"]
    assert list(roles["Role"]) == ["Target", "Control"]


def test_simulated_data_say_so():
    view = study_view(fake_study(simulated=True))

    assert view.simulated
    assert "simulated" in view.crumb
    assert view.methods.sentence("x").startswith("Simulated data.")


def test_a_hostile_name_reaches_no_sentence_unescaped():
    evil = "<b>[x](y)$z$"
    view = study_view(fake_study(names={"RNF20": evil, "FAILKD": evil + "2"}, name=evil))

    shown = [view.headline, view.crumb, *(c.name + c.sentence for c in view.care)]
    assert not any(re.search(r"(?<!\\)(<(?=\w)|[\[$])", s) for s in shown)


def test_making_a_view_leaves_the_study_s_own_table_alone():
    study = fake_study(strata=True)
    before = study.targets.copy()

    study_view(study)

    assert study.targets.equals(before)


def test_views_load_neither_streamlit_nor_a_drawing_or_learning_library():
    code = (
        "import sys, core.views; "
        "print(sorted({'streamlit', 'altair', 'scanpy', 'torch', 'anndata', 'matplotlib'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
