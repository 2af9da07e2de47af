"""One gene in every cell, against the file's own matrix."""

import numpy as np
import pytest

from core.errors import UnknownGeneError
from core.schema import CONTROL, LEFT_OUT
from tests.small_screens import CONTROL as CONTROL_LABEL


@pytest.mark.parametrize("gene", ["GENE0", "GENE3", "GENE44"])
def test_values_are_log_normalized_as_by_hand_in_the_order_of_the_file(built, gene):
    found = built.study.one_gene(gene)

    g = built.screen.var_names.index(gene)
    expected = built.expected
    values = expected.values[:, g]
    if not expected.logged:
        values = np.log1p(values / expected.divisor * expected.median)
    np.testing.assert_allclose(found.values, values, rtol=1e-6, atol=1e-12)


def test_every_cell_has_the_target_that_the_file_names_and_cells_without_counts_have_none(built):
    found = built.study.one_gene("GENE3")

    names = built.study.part_names("targets")
    labels = [CONTROL_LABEL if code == CONTROL else None if code == LEFT_OUT else names[code] for code in found.target]
    expected = np.where(built.expected.used, built.expected.label, None)
    assert labels == list(expected)


def test_batches_and_guides_are_those_of_the_file(plain):
    found = plain.study.one_gene("GENE3")

    batches = np.array(plain.study.part_names("batches"), object)
    assert list(batches[found.batch]) == list(plain.screen.obs["batch"])
    guides = np.array(plain.study.part_names("guides"), object)
    perturbed = found.target >= 0
    assert list(guides[found.guide[perturbed]]) == list(plain.screen.obs["guide_id"][perturbed])


def test_controls_hold_the_means_and_shares_of_the_control_cells(built):
    cells = built.expected.cells(CONTROL_LABEL)

    controls = built.study.controls

    shown = (built.expected.values[cells] > 0).mean(axis=0)
    np.testing.assert_allclose(controls["pct_control"], shown, rtol=1e-12)
    if built.study.has_counts:
        np.testing.assert_allclose(controls["ctrl_mean_counts"], built.expected.values[cells].mean(axis=0), rtol=1e-6)
    else:
        assert controls["ctrl_mean_counts"].isna().all()
        np.testing.assert_allclose(controls["ctrl_mean"], built.expected.values[cells].mean(axis=0), rtol=1e-6)


def test_a_gene_that_is_not_measured_is_said_to_be_so(plain):
    with pytest.raises(UnknownGeneError, match="No gene 'NOSUCH' is measured"):
        plain.study.one_gene("NOSUCH")
