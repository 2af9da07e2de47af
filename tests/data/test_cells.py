from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.cells import NOT_NAMED, MeasuredNames, assign_cells, combination, without_guide
from core.data.gene_names import gene_index
from core.errors import RolesError
from core.schema import CONTROL, LEFT_OUT, Roles
from tests.data.screens import GENES, screen

ROLES = Roles("target_gene", ("non-targeting",), guide_col="guide_id", batch_col="batch", stratum_col="cell_type")
ONLY_TARGET = Roles("target_gene", ("non-targeting",))
MEASURED = MeasuredNames(gene_index(pd.DataFrame(index=GENES), Roles("target_gene", ())))


def cells_of(labels, control="non-targeting", **roles):
    """The cells of a column with these labels, one cell each, and what each is called."""
    obs = pd.DataFrame({"target_gene": labels})
    control = control if isinstance(control, tuple) else (control,)
    cells = assign_cells(obs, Roles("target_gene", control, **roles), MEASURED)
    return cells, [meaning(cells, i) for i in range(len(labels))]


def meaning(cells, i):
    code = cells.target[i]
    return {CONTROL: "control", LEFT_OUT: "left out"}.get(code) or cells.targets[code]


# ----------------------------------------------------------------------------------------------------------- targets


def test_every_cell_gets_its_target_guide_batch_and_stratum():
    obs = pd.DataFrame(
        {
            "target_gene": ["STAT1", "non-targeting", "JAK2", "STAT1"],
            "guide_id": ["STAT1_2", "NT_1", "JAK2_1", "STAT1_1"],
            "batch": ["b10", "b2", "b2", "b10"],
            "cell_type": ["K562", "K562", "H1", "H1"],
        }
    )

    cells = assign_cells(obs, ROLES)

    assert cells.targets == ("JAK2", "STAT1")
    assert cells.target.tolist() == [1, CONTROL, 0, 1]
    assert cells.guides == ("JAK2_1", "NT_1", "STAT1_1", "STAT1_2")
    assert cells.guide.tolist() == [3, 1, 0, 2]
    assert cells.batches == ("b2", "b10") and cells.batch.tolist() == [1, 0, 0, 1]
    assert cells.strata == ("H1", "K562") and cells.stratum.tolist() == [1, 1, 0, 0]
    assert cells.left_out == {} and not cells.guide_level_labels
    assert {array.dtype for array in (cells.target, cells.guide, cells.batch, cells.stratum)} == {np.dtype(np.int32)}


def test_without_columns_there_is_one_batch_one_stratum_and_no_guide():
    cells = assign_cells(screen({"STAT1": 3, "non-targeting": 2}), ONLY_TARGET)

    assert (cells.guides, cells.batches, cells.strata) == ((), (), ())
    assert set(cells.guide) == {-1} and set(cells.batch) == {0} and set(cells.stratum) == {0}


def test_cells_without_a_target_are_left_out_and_counted_by_reason():
    labels = ["STAT1", "non-targeting", None, np.nan, "", " nan", "unassigned", "Unknown", "doublet", "ambiguous"]

    cells, meanings = cells_of(labels)

    assert meanings == ["STAT1", "control", *["left out"] * 8]
    assert cells.left_out == {"no label": 4, "unassigned": 2, "multiplet": 1, "ambiguous": 1}


def test_a_label_named_as_control_is_control_even_if_it_reads_like_no_guide():
    _, meanings = cells_of(["STAT1", "negative", "unassigned"], control=("negative",))

    assert meanings == ["STAT1", "control", "left out"]


def test_several_labels_can_be_control():
    _, meanings = cells_of(["STAT1", "NT", "safe-targeting", "WT"], control=("NT", "safe-targeting"))

    assert meanings == ["STAT1", "control", "control", "WT"]


def test_gears_labels_name_single_genes_and_combinations():
    labels = ["ctrl", "STAT1+ctrl", "ctrl+STAT1", "STAT1", "STAT1+JAK2", "ctrl+ctrl", "MYC + ctrl"]

    _, meanings = cells_of(labels, control="ctrl")

    assert meanings == ["control", "STAT1", "STAT1", "STAT1", "STAT1+JAK2", "control", "MYC"]


def test_a_combination_is_one_target_whatever_the_order_of_its_genes():
    labels = ["non-targeting", "STAT1+JAK2", "STAT1+JAK2", "JAK2+STAT1", "MYC+IRF1", "IRF1+MYC"]

    cells, meanings = cells_of(labels)

    assert meanings[1:] == ["STAT1+JAK2"] * 3 + ["IRF1+MYC"] * 2  # more cells win, then the alphabet
    assert "2 combinations named in two orders" in cells.notes[0]


@pytest.mark.parametrize("label", ["CD4+", "+", "IFNG+", "AAAS_+_53715438.23-P1P2"])
def test_a_plus_that_joins_nothing_stays_in_the_name(label):
    assert combination(label) == [label]
    assert cells_of(["non-targeting", label])[1][1] == label


def test_targets_given_by_ensembl_id_go_by_the_files_symbols():
    obs = pd.DataFrame({"target_gene": ["ENSG00000115415.2", "ENSG00000096968", "ENSG00000999999", "non-targeting"]})
    var = pd.DataFrame({"gene_id": ["ENSG00000115415"]}, index=["STAT1-own-name"])

    measured = MeasuredNames(gene_index(var, ONLY_TARGET))
    assert assign_cells(obs, ONLY_TARGET, measured).targets == (
        "ENSG00000999999",
        "JAK2",
        "STAT1-own-name",
    )
    assert assign_cells(obs, ONLY_TARGET).targets == ("ENSG00000999999", "JAK2", "STAT1")


def test_html_and_10_kb_labels_are_plain_targets():
    labels = ["non-targeting", "<img src=x onerror=alert(1)>", "G" * 10_000, "=HYPERLINK()"]

    assert cells_of(labels)[1][1:] == labels[1:]


def test_unused_categories_are_no_targets():
    obs = screen({"STAT1": 3, "JAK2": 2, "non-targeting": 2}, batch=["a", "b"])
    obs = obs.astype({"target_gene": "category", "batch": "category"})
    obs["batch"] = obs.batch.cat.add_categories("never")

    cells = assign_cells(obs[obs.target_gene != "JAK2"], ROLES.with_changes(guide_col=None, stratum_col=None))

    assert cells.targets == ("STAT1",) and "never" not in cells.batches


# ------------------------------------------------------------------------------------------------------------ guides


@pytest.mark.parametrize(
    ("label", "gene"),
    [
        *((label, "STAT1") for label in "STAT1g2 STAT1_g2 sgSTAT1-2 STAT1_1 STAT1-sg1 STAT1-1 STAT1sg3 STAT1_sgRNA_2 "
          "STAT1.g1 STAT1_A p_sgSTAT1_2 STAT1_P1P2_A STAT1_pDS034 STAT1_+_191014.23-P1P2 STAT1_-_19-P1".split()),
        ("NKX2-1_3", "NKX2-1"), ("NKX2-1g2", "NKX2-1"), ("HLA-A_2", "HLA-A"), ("H1-2-1", "H1-2"),
        ("MT-ND1-2", "MT-ND1"), ("x" * 10_000, None),
        *((label, None) for label in ("STAT1", "HLA-A", "MT-ND1", "AC099489.1", "SEPT2", "C1orf43", "HS2-D")),
    ],
)  # fmt: skip
def test_the_number_of_a_guide_is_cut_off_and_nothing_else(label, gene):
    assert without_guide(label) == gene


GUIDE_STYLES = {
    "STAT1g2": "{}g{}",
    "STAT1_g2": "{}_g{}",
    "sgSTAT1-2": "sg{}-{}",
    "STAT1_1": "{}_{}",
    "STAT1-sg1": "{}-sg{}",
    "STAT1-1": "{}-{}",
    "STAT1_sgRNA_2": "{}_sgRNA_{}",
}


@pytest.mark.parametrize("style", GUIDE_STYLES.values(), ids=GUIDE_STYLES.keys())
def test_a_target_column_of_guides_is_read_by_gene(style):
    guides = [style.format(gene, k) for gene in GENES for k in (1, 2, 3)]
    controls = tuple(style.format("NT", k) for k in (1, 2))

    cells, meanings = cells_of([*guides, *controls], control=controls, guide_col="target_gene")

    assert meanings == [gene for gene in GENES for _ in range(3)] + ["control"] * 2
    assert cells.guide_level_labels
    assert cells.guides == tuple(sorted([*guides, *controls]))
    assert [cells.guides[k] for k in cells.guide] == [*guides, *controls]


def test_real_symbols_that_look_like_guides_stay_whole_beside_guides():
    labels = ["NT_1", "STAT1_1", "STAT1_2", "JAK2_1", "JAK2_2", "NKX2-1", "HLA-A", "MT-ND1", "H1-2", "AC099489.1"]

    _, meanings = cells_of(labels, control="NT_1", guide_col="target_gene")

    assert meanings[1:] == ["STAT1", "STAT1", "JAK2", "JAK2", "NKX2-1", "HLA-A", "MT-ND1", "H1-2", "AC099489.1"]


def test_families_of_genes_are_not_taken_for_guides():
    families = ["NKX2-1", "NKX2-2", "NKX2-3", "NKX3-1", "NKX3-2", "H1-1", "H1-2", "H1-3", "HLA-A", "HLA-B", "KRTAP5-1",
                "KRTAP5-2", "PCDHB1", "PCDHB2", "ERVK3-1", "TRAPPC2"]  # fmt: skip

    cells, meanings = cells_of(["non-targeting", *families], guide_col="target_gene")
    auto, _ = cells_of(["non-targeting", *families])

    assert meanings[1:] == families  # even where the user says that the column holds guides
    assert not auto.guide_level_labels


def test_an_unknown_name_is_cut_only_where_several_guides_share_it():
    labels = ["NT_1", "enhancerX_1", "enhancerX_2", "regionY_1", "STAT1_1", "STAT1_2"]

    _, meanings = cells_of(labels, control="NT_1", guide_col="target_gene")

    assert meanings[1:] == ["enhancerX", "enhancerX", "regionY_1", "STAT1", "STAT1"]


def test_without_a_guide_role_labels_stay_as_they_are():
    _, meanings = cells_of(["NT_1", "STAT1_1", "STAT1_2"], control="NT_1", guide_col=None)

    assert meanings[1:] == ["STAT1_1", "STAT1_2"]


def test_a_guide_column_of_its_own_gives_the_guides_of_guide_level_targets():
    obs = pd.DataFrame({"target_gene": ["NT_1", "STAT1_1", "STAT1_2"], "guide_id": ["a", "b", "c"]})

    cells = assign_cells(obs, Roles("target_gene", ("NT_1",), guide_col="guide_id"), MEASURED)

    assert cells.targets == ("STAT1",) and cells.guides == ("a", "b", "c") and cells.guide_level_labels


def test_pairs_of_guides_against_one_gene_are_that_gene_and_against_two_a_multiplet():
    labels = ["NT-1|NT-2", "STAT1-1|STAT1-2", "JAK2-1", "JAK2-2", "STAT1-1|JAK2-1", "STAT1-3", "NT-1|STAT1-1"]

    cells, meanings = cells_of(labels, control=("NT-1|NT-2",), guide_col="target_gene")

    assert meanings == ["control", "STAT1", "JAK2", "JAK2", "left out", "STAT1", "left out"]
    assert cells.left_out == {"multiplet": 2}


def test_cells_that_name_no_guide_or_are_left_out_have_none():
    obs = pd.DataFrame(
        {
            "target_gene": ["STAT1", "STAT1", "doublet", "non-targeting"],
            "guide_id": ["STAT1_1", None, "MYC_1", "unassigned"],
        }
    )

    cells = assign_cells(obs, Roles("target_gene", ("non-targeting",), guide_col="guide_id"))

    assert cells.guides == ("STAT1_1",)
    assert cells.guide.tolist() == [0, -1, -1, -1]


# ------------------------------------------------------------------------------------------------------------ groups


def test_cells_without_a_batch_form_one_of_their_own():
    obs = pd.DataFrame({"target_gene": ["STAT1", "non-targeting", "STAT1"], "batch": [2.0, np.nan, 10.0]})

    cells = assign_cells(obs, Roles("target_gene", ("non-targeting",), batch_col="batch"))

    assert cells.batches == ("2", "10", NOT_NAMED) and cells.batch.tolist() == [0, 2, 1]
    assert cells.notes == ("1 cell without a batch in obs['batch']: the batch 'not named'.",)


# HDF5 and numpy end a text at NUL, so no file names anything by it; surrogates are no text
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=8
    )
)
def test_any_text_names_a_batch(names):
    obs = pd.DataFrame({"target_gene": ["STAT1", *["non-targeting"] * len(names)], "batch": [names[0], *names]})

    cells = assign_cells(obs, Roles("target_gene", ("non-targeting",), batch_col="batch"))

    assert [cells.batches[k] for k in cells.batch[1:]] == [name.strip() or NOT_NAMED for name in names]


# ------------------------------------------------------------------------------------------------------------ errors


def test_a_column_that_is_not_there_is_an_error_with_the_closest_names():
    with pytest.raises(RolesError, match=r"no column 'target', named as target\. Did you mean 'target_gene'\?"):
        assign_cells(screen({"STAT1": 1}), Roles("target", ("non-targeting",)))
    with pytest.raises(RolesError, match=r"no column 'lane', named as batch.*--batch-col"):
        assign_cells(screen({"STAT1": 1, "non-targeting": 1}), ONLY_TARGET.with_changes(batch_col="lane"))


def test_no_control_cell_is_an_error_with_the_most_frequent_labels():
    obs = screen({"STAT1": 3, "JAK2": 2, "Non-targeting": 5})

    with pytest.raises(RolesError) as error:
        assign_cells(obs, ONLY_TARGET)

    assert str(error.value) == (
        "No cell is control: obs['target_gene'] never says 'non-targeting'. Did you mean 'Non-targeting'? Its most "
        "frequent labels are Non-targeting (5 cells), STAT1 (3 cells), JAK2 (2 cells). Pass --control with the label "
        "of the control cells."
    )


def test_no_perturbed_cell_is_an_error_with_the_counts():
    with pytest.raises(RolesError, match="No cell is perturbed.*3 cells are control and 2 are left out"):
        assign_cells(screen({"non-targeting": 3, "unassigned": 2}), ONLY_TARGET)


# -------------------------------------------------------------------------------------------------- whatever the input

LABELS = ["non-targeting", "STAT1", "JAK2", "STAT1+JAK2", "JAK2+STAT1", "unassigned", "", "MYC "]


@given(st.lists(st.sampled_from(LABELS), max_size=40), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_the_order_of_cells_and_the_type_of_the_column_change_nothing(labels, seed):
    labels = [*labels, "non-targeting", "STAT1"]
    order = np.random.default_rng(seed).permutation(len(labels))
    obs = pd.DataFrame({"target_gene": labels})

    plain = assign_cells(obs, ONLY_TARGET)
    shuffled = assign_cells(obs.iloc[order].astype("category"), ONLY_TARGET)

    assert plain.targets == shuffled.targets and plain.left_out == shuffled.left_out
    np.testing.assert_array_equal(plain.target[order], shuffled.target)


@given(st.lists(st.sampled_from(LABELS), max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_cell_is_control_perturbed_or_counted_as_left_out(labels):
    labels = [*labels, "non-targeting", "STAT1"]

    cells, meanings = cells_of(labels)

    assert sum(cells.left_out.values()) == meanings.count("left out") == int((cells.target == LEFT_OUT).sum())
    assert meanings.count("control") == labels.count("non-targeting")
    assert set(cells.target[cells.target >= 0]) == set(range(len(cells.targets)))
    assert cells.labels == dict(Counter(label.strip() for label in labels))
