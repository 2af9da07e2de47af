import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.gene_names import _gene_table
from core.data.labels import (
    AMBIGUOUS,
    CERTAIN,
    DOUBTFUL,
    LIKELY,
    MULTIPLET,
    NO_LABEL,
    UNASSIGNED,
    closest,
    control_certainty,
    left_out_reason,
    read_labels,
    text,
)


@pytest.mark.parametrize(
    "label",
    "non-targeting nontargeting non_targeting Non-Targeting NT NTC ctrl control Control safe-targeting scramble scr "
    "unperturbed non-targeting_00021 NT-1 NTg3 NT_1 NT1 NegCtrl0 neg_ctrl_3 negative_control NTC-12 sgNT sgNTC-1 "
    "NonTargetingControlGuideForHuman_0001 NO-TARGET NO-SITE_2 CONTROL_12 ctrl_2 control_guide_3 safe_harbor "
    "non-targeting_00021|non-targeting_03430 NegCtrl0+NegCtrl1 ctrl+ctrl p_sgNT_1".split(),
)
def test_words_for_a_guide_that_cuts_nothing_are_certain_controls(label):
    assert control_certainty(label) == CERTAIN


@pytest.mark.parametrize("label", ["luciferase", "vehicle", "WT", "wild type", "DMSO", "AAVS1_g2", "untreated", "mock"])
def test_words_that_are_control_only_where_no_better_one_is_are_likely(label):
    assert control_certainty(label) == LIKELY


@pytest.mark.parametrize("label", ["negative", "Negative", "neg", "none", "no_guide"])
def test_words_that_may_also_mean_no_guide_are_doubtful(label):
    assert control_certainty(label) == DOUBTFUL


@pytest.mark.parametrize(
    "label",
    "NTRK1 NT5E NTN1 NTF3 NTS SCRIB SCRN1 SCRG1 CNTRL CTRB1 NEGR1 NT5C NTM LUC7L SAFB WTAP WT1 NTHL1 STAT1 A+ctrl "
    "NOTCH1 NONO control_k562 stimulated NT-1|STAT1-2".split(),
)
def test_genes_that_begin_like_a_control_are_none(label):
    assert control_certainty(label) == 0


def test_of_all_approved_symbols_only_ctrl_reads_as_control():
    # CTRL, chymotrypsin-like, is GEARS' word for control as well; nobody has screened the gene
    symbols = [line.split("\t")[1] for line in _gene_table().lines[1:]]

    assert [s for s in symbols if control_certainty(s)] == ["CTRL"]
    assert [s for s in symbols if left_out_reason(s)] == []


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        *((label, NO_LABEL) for label in ("", "nan", "NaN", "NA", "None", "n/a", "<NA>")),
        *(
            (label, UNASSIGNED)
            for label in ("unassigned", "Unknown", "not assigned", "no_guide", "negative", "No-Call")
        ),
        *((label, MULTIPLET) for label in ("multiplet", "Doublet", "multiple_guides", "Multi")),
        ("ambiguous", AMBIGUOUS),
        *((label, None) for label in ("STAT1", "A+B", "NANOG", "MULTI1", "x" * 10_000)),
    ],
)
def test_labels_of_no_target_say_why(label, reason):
    assert left_out_reason(label) == reason


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["A", " A ", "B", None, "C"]),
        pd.Series(pd.Categorical(["A", " A ", "B", None, "C"], categories=["unused", "C", "B", " A ", "A"])),
        pd.Series([b"A", b" A", b"B", None, b"C"]),
        pd.Series(["A", "A", "B", pd.NA, "C"], dtype="string"),
        pd.Series(["A", "A\n", "B", np.nan, "C\t"], dtype=object),
    ],
    ids=["objects", "categories, one unused", "bytes", "pandas strings", "blanks and NaN"],
)
def test_labels_are_the_same_whatever_the_type_of_the_column(column):
    labels = read_labels(column)

    assert [labels.names[code] for code in labels.codes] == ["A", "A", "B", "", "C"]
    assert dict(zip(labels.names, labels.counts, strict=True)) == {"A": 2, "B": 1, "": 1, "C": 1}
    assert labels.codes.dtype == np.int32


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (pd.Series([1, 2, 10]), ["1", "2", "10"]),
        (pd.Series([1.0, np.nan, 2.5]), ["1", "", "2.5"]),
        (pd.Series([True, False, True]), ["True", "False", "True"]),
        (pd.Series([1, pd.NA], dtype="Int64"), ["1", ""]),
        (pd.Series([], dtype=object), []),
        (pd.Series(pd.Categorical([3, 1, 3])), ["3", "1", "3"]),
    ],
    ids=["whole numbers", "fractions", "booleans", "nullable numbers", "no cells", "categories of numbers"],
)
def test_numbers_become_labels(column, names):
    labels = read_labels(column)

    assert [labels.names[code] for code in labels.codes] == names


def test_a_label_of_10_kb_and_one_with_html_stay_as_they_are():
    long, html = "G" * 10_000, "<script>alert('x')</script>"

    assert read_labels(pd.Series([long, html])).names == [long, html]


def test_a_label_made_to_slow_the_patterns_down_does_not():  # a pattern that backtracks would never end
    for label in ("nt" + "-" * 196, "control " * 25, "non" + "_" * 10_000, "negative-" * 22 + "x", "-" * 200):
        control_certainty(label)
        left_out_reason(label)


@given(st.lists(st.one_of(st.none(), st.text(max_size=6), st.integers(-3, 3), st.binary(max_size=3)), max_size=30))
def test_every_entry_keeps_its_own_text(entries):
    labels = read_labels(pd.Series(entries, dtype=object))

    assert [labels.names[code] for code in labels.codes] == [text(entry) for entry in entries]
    assert labels.counts.sum() == len(entries)


def test_the_closest_names_are_found_in_any_case():
    assert closest("TargetGene", ["batch", "target_gene"]) == "Did you mean 'target_gene'?"
    assert closest("zzz", ["batch", "lane"]) == "There are batch, lane."
    assert closest("zzz", ["batch"], suggest=False) == ""
