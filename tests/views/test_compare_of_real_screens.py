"""Compare over published screens: what is known of them, and that targets without effect do not look alike."""

import anndata as ad
import numpy as np
import pytest

from core.errors import OptionError
from core.stats import similarity
from core.store import build_study
from core.views.combination import combination_view
from core.views.compare import pair_view
from core.views.compare_map import map_view
from core.views.similar import similar_view, study_profiles
from core.views.two_studies import studies_view

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def screen(tmp_path_factory, real_data):
    """Function that builds a screen once."""
    root, built = tmp_path_factory.mktemp("real"), {}

    def build(name):
        if name not in built:
            (path,) = real_data.glob(f"*/{name}*.h5ad")
            built[name] = build_study(path, data_root=root)
        return built[name]

    return build


def unrelated(study) -> np.ndarray:
    """r of all pairs of a study's targets."""
    r = similarity.all_by_all(study_profiles(study).profiles)
    return r[np.triu_indices(len(r), 1)]


def test_klf1_looks_like_its_combinations_by_the_globins_that_it_raises(screen):
    view = similar_view(screen("norman19"), "KLF1")

    assert set(view.similar["target"].head(3)) == {"KLF1+TGFBR2", "KLF1+MAP2K6", "SET+KLF1"}
    assert {"HBZ", "HBG2"} <= set(view.similar["shared"].iloc[0])
    assert "HBZ and HBG2 rise in both" in view.similar["words"].iloc[0]


def test_klf1_and_mapk1_go_opposite_ways_in_the_globins(screen):
    view = pair_view(screen("norman19"), "KLF1", "MAPK1")

    assert view.r < -0.8 and "go opposite ways" in view.headline
    assert {"HBZ", "HBG2"} <= set(view.genes.query("role == 'accent'").index)
    assert "cannot be told: KLF1 is not measured" in view.reciprocal_words


def test_set_klf1_is_told_from_klf1_with_its_interval_and_additivity_is_not_claimed(screen):
    view = combination_view(screen("norman19"), "SET+KLF1")

    slope = view.found.slope
    assert slope.value == pytest.approx(1.13, abs=0.02) and slope.low < 1 < slope.high < 1.5
    assert view.missing == ("SET",) and "SET was not perturbed alone" in view.headline
    assert view.verdict == "incomplete" and view.found.n_folds == 4


@pytest.mark.parametrize("name", ["KLF1+TGFBR2", "KLF1+MAP2K6", "MAPK1+TGFBR2"])
def test_normans_pairs_with_both_parts_fit_the_additive_expectation(screen, name):
    slope = combination_view(screen("norman19"), name).found.slope

    assert slope.low < 1 < slope.high and slope.high - slope.low < 0.8


def test_the_kinases_of_the_t_cell_receptor_form_a_group(screen):
    view = map_view(screen("datlinger21"))

    assert view.scale == "log-normalized, within condition"
    assert any({"LCK", "ZAP70", "LAT"} <= set(row.targets) for row in view.groups.itertuples())


@pytest.mark.parametrize("name", ["datlinger21", "mcfaline23", "norman19", "schraivogel20"])
def test_targets_share_their_controls_and_do_not_look_alike_for_it(screen, name):
    assert abs(np.median(unrelated(screen(name)))) < 0.1


def test_with_labels_shuffled_within_batches_nothing_looks_alike(screen, tmp_path, real_data):
    (path,) = real_data.glob("*/mcfaline23*.h5ad")
    adata = ad.read_h5ad(path)
    rng = np.random.default_rng(0)
    label = adata.obs["target_gene"].astype(str).to_numpy()
    for batch in adata.obs["batch"].unique():
        cells = np.flatnonzero(adata.obs["batch"] == batch)
        label[cells] = rng.permutation(label[cells])
    adata.obs["target_gene"] = label
    adata.obs["guide_id"] = label
    adata.write_h5ad(tmp_path / "shuffled.h5ad")
    study = build_study(tmp_path / "shuffled.h5ad", data_root=tmp_path / "root")

    found = unrelated(study)

    assert abs(np.median(found)) < 0.1 and np.max(np.abs(found)) < 0.5
    assert map_view(study).groups.empty


def test_of_a_panel_the_genes_that_move_together_are_named_though_none_changes_enough(screen):
    view = similar_view(screen("schraivogel20"), "UBR5")

    assert view.similar["target"].iloc[0] == "OXR1" and view.similar["r"].iloc[0] > 0.7
    assert "LAPTM4B, MYC, E2F5 and EIF3H fall in both (FDR < 0.05, under 1.4-fold)." in view.sentence


def test_a_target_of_two_screens_is_compared_on_the_genes_of_both(screen):
    view = studies_view(screen("norman19"), screen("mcfaline23"), "MAP2K6")

    assert view.n_shared == 500 and view.n_r == 54 and abs(view.r) < 0.2
    assert "norman19_k562_crispra activates its targets" in view.headline  # the other is CRISPRi
    assert "opposite changes may agree" in view.headline


def test_screens_that_perturb_other_genes_are_said_to(screen):
    with pytest.raises(OptionError, match="does not perturb KLF1"):
        studies_view(screen("norman19"), screen("schraivogel20"), "KLF1")


def test_where_one_gene_holds_the_counts_the_pair_warns_of_it(screen):
    notes = pair_view(screen("schraivogel20"), "HBE1", "GATA1").notes

    assert "HBE1 is" in notes[0].text and "of all counts" in notes[0].text
