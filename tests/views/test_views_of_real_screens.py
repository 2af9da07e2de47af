"""What the pages say of published screens; the READMEs beside the files name what is known of them."""

import re
from pathlib import Path

import pytest

from core.data.gene_sets import measured_sets, read_gmt
from core.figures import FIGURES
from core.schema import ALL_PERTURBED
from core.store import open_study
from core.store.cell_state import cell_states
from core.store.gene_sets import described
from core.views import gene_cells_view, gene_view, genes_view, perturbation_view, study_view
from core.views.cell_state import cell_state_view
from core.views.pathways import pathways_view, standing
from core.views.responders import responders_view

DATA = Path(__file__).parents[3] / "shared" / "data"
FILES = {
    "schraivogel": "schraivogel20_k562_tap/schraivogel20_k562_tap.h5ad",
    "datlinger": "datlinger21_jurkat_scifi/datlinger21_jurkat_scifi.h5ad",
    "norman": "perturbench_devel/norman19_k562_crispra.h5ad",
    "mcfaline": "perturbench_devel/mcfaline23_gbm_crispri.h5ad",
}

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.exists(), reason="real screens lie in ../shared/data, which is absent"),
]


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    root, opened = tmp_path_factory.mktemp("studies"), {}

    def open_screen(name):
        if name not in opened:
            opened[name] = open_study(DATA / FILES[name], data_root=root)
        return opened[name]

    return open_screen


def test_hbe1_at_44_percent_of_control_counts_is_warned_of_in_the_headline_and_on_the_study_page(screen):
    view = perturbation_view(screen("schraivogel"), "HBE1")

    assert view.headline == (
        "**HBE1 knock-down leaves 29\u00a0% of its transcript** in 953 cells and changes **55 of 72 genes** "
        "(FDR < 0.05); HBE1 is 44\u00a0% of all control counts, so its fall alone makes other genes look raised."
    )
    assert "HBE1 is 44\u00a0% of all control counts" in study_view(screen("schraivogel")).notes[0].text


def test_the_non_targeting_guide_that_calls_23_of_72_genes_stands_beside_every_count(screen):
    assert (
        "One of 30 control guides calls 23 of 72 genes" in perturbation_view(screen("schraivogel"), "RIPK2").calibration
    )


def test_lrrcc1_flags_e2f5_next_door_in_table_and_figure(screen):
    view = perturbation_view(screen("schraivogel"), "LRRCC1")

    assert 60_000 < view.genes.loc["E2F5", "next_door"] < 80_000
    assert view.genes["next_door"].notna().sum() == 1
    assert "E2F5, next door" in str(FIGURES["scatter"].draw(view).to_dict())
    assert "next door" not in str(FIGURES["scatter"].draw(perturbation_view(screen("schraivogel"), "HBE1")).to_dict())


@pytest.mark.parametrize(("name", "said"), [("norman", "0 of 43 S genes"), ("schraivogel", "3 of 43 S genes")])
def test_a_cell_cycle_that_a_panel_cannot_show_is_not_measured_with_what_is_there(screen, name, said):
    study = screen(name)
    target = "KLF1" if name == "norman" else "GATA1"

    view = cell_state_view(study, perturbation_view(study, target), cell_states(study))

    assert said in view.not_measured[0] and "no gene called MT- is measured" in view.not_measured[1]
    assert list(view.rows["quantity"]) == ["Total counts", "Genes seen"]
    assert "cannot be told: the file holds no counts of the guide library" in view.cells_left


def test_targets_without_effect_give_neither_pathway_nor_responders(screen):
    study = screen("datlinger")
    symbols = study.genes.index.to_numpy()
    sets = measured_sets(
        read_gmt(DATA / "gene_sets" / "ReactomePathways.gmt.gz"), symbols, study.genes["gene_id"].to_numpy()
    )
    for target in study.targets.index:
        view = perturbation_view(study, target)
        pathways = pathways_view(study, view, sets, described(read_gmt(b"A\t\tG\n"), "Reactome", "test"))
        assert pathways.claim == "" and not len(standing(pathways.listed))
        if view.is_like_controls:
            assert pathways.why_not and responders_view(study, view).why_not


@pytest.mark.parametrize(("name", "controls"), [("datlinger", 200), ("mcfaline", 300)])
def test_a_screen_in_which_nothing_is_seen_is_said_to_be_one(screen, name, controls):
    headline = study_view(screen(name)).headline

    assert re.search(rf"No target changes (a gene|more than \d genes?) .*with {controls} controls", headline)
    assert "to be seen" in headline


def test_bach2_answers_to_few_targets_once_conditions_are_compared_within(screen):
    study = screen("datlinger")
    targets = study.targets.index

    pooled = sum("BACH2" in _called(perturbation_view(study, t, stratified=False)) for t in targets)
    within = sum("BACH2" in _called(perturbation_view(study, t)) for t in targets)

    assert within < pooled
    assert "within condition" in perturbation_view(study, targets[0]).crumb


@pytest.mark.parametrize("gene", ["HBZ", "HBG2"])
def test_klf1_raises_the_fetal_globins_on_their_own_pages(screen, gene):
    view = gene_view(screen("norman"), gene)

    moved = view.others[view.others["role"] == "up"]
    assert "KLF1" in moved.index and moved.loc["KLF1", "delta_low"] > 0
    shown = gene_cells_view(screen("norman"), view).by("target").rows.set_index("group")
    assert (shown.loc["KLF1", "mean"] if "KLF1" in shown.index else 9) > shown.loc["controls", "mean"]


def test_hbe1s_page_says_that_it_is_44_percent_of_control_counts(screen):
    view = gene_view(screen("schraivogel"), "HBE1")

    assert "HBE1 is 44\u00a0% of all control counts" in view.notes[0].text
    assert view.as_target is not None and "leaves 29\u00a0%" in view.as_target.headline
    assert "HBE1" in genes_view(screen("schraivogel")).headline


def test_bach2s_page_counts_targets_within_condition_and_says_why(screen):
    study = screen("datlinger")

    view, pooled = gene_view(study, "BACH2"), gene_view(study, "BACH2", stratified=False)

    targets = study.targets.index
    for shown, stratified in ((view, None), (pooled, False)):
        own_page = [t for t in targets if "BACH2" in _called(perturbation_view(study, t, stratified=stratified))]
        assert set(shown.movers.index[shown.movers["fdr"] < 0.05]) == set(own_page)
    assert (view.movers["fdr"] < 0.05).sum() < (pooled.movers["fdr"] < 0.05).sum()
    assert "within condition" in view.headline
    assert any("differs between condition groups" in caution for caution in view.cautions)


@pytest.mark.parametrize("name", FILES)
def test_every_gene_of_a_real_screen_has_a_page_of_short_words(screen, name):
    study = screen(name)
    for gene in study.genes.index[:: max(len(study.genes) // 60, 1)]:
        view = gene_view(study, gene)
        words = [w for w in re.sub(r"\([^()]*\)", "", view.headline).split() if re.search(r"\w", w)]

        assert len(words) <= 30, view.headline
        assert all(len(v.value) <= 9 for v in view.vitals)
        assert not re.search(r"nan|inf\b", " ".join([view.headline, view.sentence, *view.cautions]))


def _called(view):
    return set(view.genes.index[view.genes["fdr"] < 0.05])


@pytest.mark.parametrize("name", FILES)
def test_every_target_of_a_real_screen_gets_a_headline_of_at_most_30_words_and_five_short_vitals(screen, name):
    study = screen(name)
    for target in [ALL_PERTURBED, *study.targets.index]:
        view = perturbation_view(study, target)
        words = [w for w in re.sub(r"\([^()]*\)", "", view.headline).split() if re.search(r"\w", w)]
        own_dominant = "so its fall alone" in view.headline  # the design guide's own example, 32 words

        assert len(words) <= (32 if own_dominant else 30), view.headline
        assert all(len(v.value) <= 9 for v in view.vitals)
        assert not re.search(r"nan|inf\b", " ".join([view.headline, *(c.sentence for c in view.checks)]))
