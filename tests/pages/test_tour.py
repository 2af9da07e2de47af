"""The tour: offered once for each data root, ended for good, opened again by its button."""

from core.store.seen import is_seen
from core.ui.tour import STEPS
from tests.pages.conftest import SHELL


def tour_words(page) -> str:
    return "\n".join(element.value for element in (*page.sidebar.markdown, *page.sidebar.caption))


def test_every_page_has_its_step():
    assert {step.page for step in STEPS} == {path.stem for path in (SHELL.parents[2] / "pages").glob("*.py")}


def test_the_first_visit_shows_the_step_of_the_page(study_root, open_page):
    for step in STEPS[:2]:
        assert step.title in tour_words(open_page(step.page, study="screen"))


def test_once_ended_it_stays_away_from_new_windows_until_its_button_is_pressed(study_root, open_page):
    open_page("study", study="screen").button(key="end-tour").click().run()

    assert is_seen("tour")
    page = open_page("study", study="screen")
    assert STEPS[0].title not in tour_words(page)
    page = page.button(key="open-tour").click().run()
    assert STEPS[0].title in tour_words(page)


def test_an_empty_data_root_shows_no_tour(open_page):
    assert STEPS[0].title not in tour_words(open_page("study"))
