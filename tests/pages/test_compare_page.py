"""The Compare page over a screen with planted relations between targets."""

import pytest

from core.store import build_study
from tests.pages.conftest import vitals, words
from tests.small_screens import small_screen
from tests.views.compare_screens import compare_screen


@pytest.fixture(scope="module")
def relations(tmp_path_factory):
    """A data root with two studies of the same targets."""
    folder = tmp_path_factory.mktemp("relations")
    build_study(compare_screen(folder / "second.h5ad", names="Gene{}", seed=3), data_root=folder / "root")
    build_study(compare_screen(folder / "first.h5ad", cells=120), data_root=folder / "root")  # the newest is shown
    return folder / "root"


@pytest.fixture
def page(relations, open_page, monkeypatch):
    """Open the page with a query."""
    from core.settings import settings

    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", str(relations))
    settings.cache_clear()
    return lambda **query: open_page("compare", **({"study": "first"} | query))


def labels(page):
    return [str(link.proto.label) for link in page.get("page_link")]


def test_without_a_choice_the_strongest_target_stands_beside_its_nearest(page):
    shown = page()

    assert not shown.exception and not shown.error
    a, b = shown.selectbox(key="a").value, shown.selectbox(key="b").value
    assert shown.title[0].value == f"{a} and {b}"
    assert [m.label for m in vitals(shown)[:3]] == ["Similarity, r", "Replicates agree, r", "Change in both"]


def test_the_address_names_both_targets_in_any_case_and_the_view(page):
    shown = page(a="gene1", b="GENE3", view="two targets")

    assert shown.title[0].value == "GENE1 and GENE3"
    assert "go opposite ways" in shown.markdown[0].value
    assert shown.session_state["view"].casefold() == "two targets"
    assert len(shown.get("vega_lite_chart")) == 1


@pytest.mark.parametrize("view", ["Effects", "Correlation", "Two targets"])
def test_each_view_draws_one_chart(page, view):
    shown = page(a="GENE1", b="GENE2", view=view)

    assert not shown.exception and not shown.error
    assert len(shown.get("vega_lite_chart")) == 1


def test_groups_are_named_by_what_they_move(page):
    shown = page(a="GENE1", b="GENE2")

    assert "group" in words(shown) and "rise" in words(shown)


def test_what_looks_alike_leads_to_its_comparison(page):
    shown = page(a="GENE1", b="GENE2")

    assert any(label.startswith("**GENE2** r 0.9") for label in labels(shown))
    assert any(label.startswith("**GENE3** r −0.9") for label in labels(shown))


def test_who_moves_whom_stands_in_a_sentence_and_a_table(page):
    shown = page(a="GENE1", b="GENE2")

    assert "**GENE1 knock-down raises GENE2**" in words(shown)
    table = next(t.value for t in shown.dataframe if "n_cells" in t.value)
    assert list(table["gene"]) == ["GENE2", "GENE1"]


def test_a_combination_stands_beside_its_parts_with_an_interval(page):
    shown = page(combo="GENE4+GENE1")  # in either order

    assert "GENE1+GENE4" in words(shown) and "95 % interval" in words(shown)
    table = next(t.value for t in shown.dataframe if "added up" in t.value.to_string())
    assert list(table["target"]) == ["GENE1+GENE4", "GENE1", "GENE4", "added up"]


def test_the_same_target_in_another_study_is_found_by_the_address(page):
    shown = page(a="GENE1", b="GENE2", other="second")

    assert not shown.exception and not shown.error
    assert "GENE1 in first and in second look alike" in words(shown)


def test_a_target_beside_itself_gives_a_sentence(page):
    shown = page(a="GENE1", b="GENE1")

    assert "on both sides" in shown.error[0].value and not shown.exception


def test_an_unknown_target_gives_a_sentence(page):
    shown = page(a="NOSUCH", b="GENE1")

    assert shown.title[0].value == "Compare"
    assert "NOSUCH" in shown.error[0].value and not shown.exception


def test_a_size_of_the_map_is_in_the_address(page):
    shown = page(a="GENE1", b="GENE2", shown_targets="4", shown_genes="10")

    assert shown.number_input(key="shown_targets").value == 4
    assert "10 genes that the 4 strongest of 7 targets move most" in words(shown)


@pytest.mark.usefixtures("study_root")
def test_a_study_of_few_targets_without_combinations_says_so(open_page):
    shown = open_page("compare")

    assert not shown.exception and not shown.error
    assert "No target of this study is a combination" in words(shown)
    assert "Only one study is built" in words(shown)


def test_one_target_is_nothing_to_compare(open_page, tmp_path):
    adata = small_screen().adata()
    adata = adata[adata.obs["target_gene"].astype(str).isin(["GENE3", "non-targeting"])].copy()
    adata.write_h5ad(tmp_path / "one.h5ad")
    build_study(tmp_path / "one.h5ad")

    shown = open_page("compare")

    assert "a comparison needs two" in shown.error[0].value and not shown.exception
