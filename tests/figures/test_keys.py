"""The key under a figure on the page names what is drawn, and nothing else."""

from types import SimpleNamespace

import pytest

from core.figures import FIGURES
from tests.figures.gene_views import make_all_genes

LONGEST = 40


def key_of(name, view, **options) -> tuple[tuple[str, str, str], ...]:
    return FIGURES[name].key_of(view, **options)


def words_of(name, view, **options) -> list[str]:
    return [words for _, _, words in key_of(name, view, **options)]


@pytest.mark.parametrize("name", FIGURES)
def test_words_of_a_key_are_short_enough_to_stand_whole_and_no_two_are_the_same(name, subject):
    words = words_of(name, subject(name))

    assert all(0 < len(w) <= LONGEST for w in words)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.cloud])
def test_a_cloud_s_key_has_the_roles_of_its_dots_and_tiles_only_where_there_are_any(name, subject, read):
    view = subject(name)
    for every in (False, True):
        spec = FIGURES[name].draw(view, every=every).to_dict()
        dots = {row["role"] for row in read.rows(read.named(spec, "dots"))}
        entries = key_of(name, view, every=every)

        assert {role for shape, role, _ in entries if shape == "dot"} == dots
        assert ("tiles" in {shape for shape, _, _ in entries}) == bool(read.marks(spec, "rect"))


def test_where_few_genes_are_measured_and_none_is_variable_the_key_says_neither_variable_nor_tiles():
    full = make_all_genes()
    assert "highly variable" in " ".join(words_of("mean_dispersion", full))

    none = SimpleNamespace(**vars(full) | {"genes": full.genes.assign(highly_variable=False)})
    assert "highly variable" not in " ".join(words_of("mean_dispersion", none))


def test_the_crosses_of_control_sets_are_named_and_counted_only_where_they_are_drawn(study, read):
    figure = FIGURES["changed_against_cells"]
    far = SimpleNamespace(**vars(study) | {"control_sets": study.control_sets.assign(n_cells=10**6)})

    for view, is_drawn in ((study, True), (far, False)):
        assert ("cross" in {shape for shape, _, _ in key_of("changed_against_cells", view)}) == is_drawn
        assert any(u.get("name") == "crosses" for u in read.units(figure.draw(view).to_dict())) == is_drawn
        assert ("Crosses" in figure.caption(view)) == is_drawn


def test_a_target_that_raises_everything_has_no_entry_for_falls(view):
    rising = view.genes.assign(delta=view.genes["delta"].abs(), log2_fold_change=view.genes["log2_fold_change"].abs())
    other = SimpleNamespace(**vars(view) | {"genes": rising})

    assert "falls" in words_of("top_deltas", view)
    assert "falls" not in words_of("top_deltas", other)
    assert "rises" in words_of("top_deltas", other)


@pytest.mark.parametrize("name", ["pair", "combination"])
def test_on_paper_the_key_of_two_profiles_counts_the_genes_that_change_in_one_and_names_no_role_that_none_has(
    name, makers, read
):
    view = makers.pair(name)
    alike = SimpleNamespace(**vars(view) | {"genes": view.genes.assign(role=view.genes["role"].replace("down", "up"))})
    alone = int((view.genes["changed"] & (view.genes["role"] == "neutral")).sum())

    texts = " | ".join(
        str(row.get("words", row))
        for u in read.units(FIGURES[name].draw(alike, paper=True).to_dict())
        if u["mark"]["type"] == "text"
        for row in read.rows(u)
    )

    assert alone and f"{alone} genes change in" in texts
    assert " fall" not in texts
