"""Subsets: some cells of a file by labels of obs columns, written so that any label survives an address."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.cells import OUTSIDE, assign_cells
from core.data.subsets import (
    cells_of_subset,
    subset_from_options,
    subset_from_text,
    subset_of,
    subset_options,
    subset_text,
    subset_words,
)
from core.errors import RolesError
from core.schema import CONTROL, LEFT_OUT, Roles

NAMES = st.text(min_size=1).map(str.strip).filter(bool)
OBS = pd.DataFrame(
    {
        "target_gene": ["A", "A", "B", "ctrl", "ctrl", "C", "unassigned", "doublet"],
        "cell_type": ["H1", "H1", "H9", "H1", "H9", "H9", "H1", "H9"],
        "batch": [1, 2, 2, 1, 2, 10, 1, 2],
        "note": ["x", None, "x", "x", "x", "x", "x", "x"],
    }
)
ROLES = Roles("target_gene", ("ctrl",), batch_col="batch", stratum_col="cell_type")


@given(st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=3))
def test_any_label_survives_the_address_and_the_command_line(asked):
    subset = subset_of(asked.items())

    assert subset_from_text(subset_text(subset)) == subset
    assert subset_from_options(subset_options(subset)) == subset


def test_the_order_in_which_labels_are_named_makes_no_other_subset():
    one = subset_from_options(["cell_type=H9,H1", "batch=1"])

    assert one == subset_from_text("batch:1;cell_type:H1,H9") == (("batch", ("1",)), ("cell_type", ("H1", "H9")))
    assert one == subset_from_options(["batch=1", "cell_type=H1", "cell_type=H9"])


def test_a_subset_leaves_cells_out_and_names_only_what_is_inside():
    cells = assign_cells(OBS, ROLES.with_changes(subset=(("cell_type", ("H1",)),)))

    assert cells.targets == ("A",) and cells.batches == ("1", "2") and cells.strata == ("H1",)
    np.testing.assert_array_equal(cells.target, [0, 0, LEFT_OUT, CONTROL, LEFT_OUT, LEFT_OUT, LEFT_OUT, LEFT_OUT])
    assert cells.left_out == {"unassigned": 1, OUTSIDE: 4}


def test_two_columns_are_both_asked_for():
    np.testing.assert_array_equal(
        np.flatnonzero(cells_of_subset(OBS, (("batch", ("2",)), ("cell_type", ("H9",))))), [2, 4, 7]
    )


def test_cells_without_a_label_can_be_asked_for():
    assert np.flatnonzero(cells_of_subset(OBS, subset_from_text("note:"))).tolist() == [1]
    assert subset_words(subset_from_text("note:")) == "note (empty)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("celltype:H1", "no column 'celltype'.*cell_type"),
        ("cell_type:H2", "never says 'H2'.*H1"),
        ("cell_type:H1;batch:10", "No cell belongs to the subset batch 10, cell_type H1"),
        ("batch:10", "1 perturbed cell and no control"),
        ("target_gene:ctrl", "2 control cells and no perturbed one"),
        ("H1", "reads 'H1'; expected COLUMN:LABEL"),
        (":H1", "expected COLUMN:LABEL"),
    ],
    ids=["column", "label", "empty", "no control", "no target", "no column named", "column without a name"],
)
def test_a_subset_that_cannot_be_is_said_in_a_sentence(text, said):
    with pytest.raises(RolesError, match=said):
        assign_cells(OBS, ROLES.with_changes(subset=subset_from_text(text)))


def test_roles_of_all_cells_are_written_as_before_there_were_subsets():
    assert "subset" not in ROLES.to_dict() and Roles.from_dict(ROLES.to_dict()) == ROLES

    some = ROLES.with_changes(subset=(("cell_type", ("H1",)),))
    assert Roles.from_dict(some.to_dict()) == some
