"""A subset of cells on the pages: asked for by the address or the form, built by a job, shown on every page."""

import pytest

from core.jobs import queue
from core.store import build_study, list_studies, open_study
from tests.pages.conftest import vitals, words

pytestmark = pytest.mark.usefixtures("study_root")

B1 = (("batch", ("b1",)),)


@pytest.fixture
def subset(study_root):
    """The study of batch b1 only, built beside the whole one."""
    return build_study(list_studies(study_root)[0].path, data_root=study_root, subset=B1)


def test_the_address_names_the_subset_and_every_page_shows_it(open_page, subset):
    for page_name in ("study", "genes", "gene", "perturbation", "compare"):
        page = open_page(page_name, subset="batch:b1")

        assert not page.exception and not page.error, page_name
        assert page.query_params["subset"] == "batch:b1"
        crumb = page.main.caption[0].value
        assert "cells of batch b1 only" in crumb, page_name


def test_the_numbers_are_those_of_the_subset(open_page, subset):
    page = open_page("perturbation", subset="batch:b1", target="GENE3")

    n = subset.targets["n_cells"]["GENE3"]
    assert n < open_study(subset.id).targets["n_cells"]["GENE3"]
    assert f"{n} cells" in words(page) or any(metric.value == str(n) for metric in vitals(page))


def test_the_whole_study_is_one_click_away(open_page, subset):
    page = open_page("perturbation", subset="batch:b1", target="GENE3")

    page.button(key="all-cells").click().run()

    assert not page.exception
    assert "subset" not in page.query_params and page.query_params["target"] == "GENE3"
    assert "only" not in page.main.caption[0].value
    assert "all-cells" not in [button.key for button in page.button]


def test_a_subset_goes_along_to_the_next_page(open_page, subset):
    page = open_page("study", subset="batch:b1")

    page.switch_page("../../pages/genes.py").run()

    assert page.query_params["subset"] == "batch:b1"
    assert "cells of batch b1 only" in page.main.caption[0].value


def test_a_subset_that_is_not_built_is_offered_by_one_button_and_built_by_a_job(open_page):
    page = open_page("perturbation", subset="batch:b2")
    assert not page.exception and not page.error
    assert "have not been compared yet" in words(page)

    next(button for button in page.button if button.label == "Compare these cells").click().run()

    assert not page.exception
    (job,) = [job for job in queue.jobs() if job.is_live]
    assert job.verb == "build" and job.args[1:] == ("--subset=batch=b2",)
    assert "Comparing the cells of batch b2" in words(page)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("batch:b7", "never says 'b7'"),
        ("plate:1", "no column 'plate'"),
        ("nonsense", "reads 'nonsense'; expected COLUMN"),
        ("target_gene:GENE3", "no control"),
        ("<script>:*_[x](y)", "no column"),
    ],
)
def test_an_address_whose_subset_cannot_be_is_said_and_left_by_one_click(open_page, text, said):
    page = open_page("study", subset=text)

    assert not page.exception
    assert said in "\n".join(error.value for error in page.error).replace("\\", "")

    page.button(key="all-cells").click().run()
    assert not page.exception and not page.error
    assert page.title[0].value == "screen"


def test_the_form_offers_columns_that_group_cells_and_builds_what_is_chosen(open_page):
    page = open_page("study")
    page.button(key="look-at-a-subset").click().run()
    assert page.selectbox(key="subset-column").options == ["batch"]

    page.multiselect(key="subset-labels-batch").select("b10")
    page.button(key="look-at-a-subset").click().run()  # a run of all closes the dialog: it is opened again
    page.button(key="look-at-a-subset").click()
    page.button(key="show-subset").click().run()

    assert not page.exception
    assert page.query_params["subset"] == "batch:b10"
    assert [job.args[1:] for job in queue.jobs()] == [("--subset=batch=b10",)]


def test_where_the_file_is_gone_a_subset_that_is_built_is_shown_and_no_other_is_built(open_page, subset):
    about = subset.folder / "study.json"
    about.write_text(about.read_text().replace(str(subset.path), "/gone/screen.h5ad"))

    page = open_page("study", subset="batch:b1")
    assert not page.exception and "cells of batch b1 only" in page.main.caption[0].value

    page = open_page("study", subset="batch:b2")
    assert not page.exception
    assert "no longer there" in words(page)


def test_a_figure_of_a_subset_is_kept_with_it_and_drawn_again_from_it(open_page, subset):
    from core.figures import FIGURES
    from core.store.study_ref import Standing
    from core.ui.kept_views import kept_figure, view_of
    from core.views import perturbation_view

    view = perturbation_view(subset, "GENE3")
    address = ("perturbation", [("study", "screen"), ("subset", "batch:b1"), ("target", "GENE3")])

    kept = kept_figure("scatter", view, {}, address, width_mm=85, shape="square")

    assert kept.study.standing() is Standing.SAME
    assert view_of(kept).n_target == view.n_target
    assert "cells of batch b1 only" in FIGURES["scatter"].methods(view)
