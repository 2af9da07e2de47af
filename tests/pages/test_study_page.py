"""The Study page: before there is a study, while one is built, and over a built one."""

import time

import pytest

from core import store
from core.jobs import queue, table
from tests.pages.conftest import vitals, words
from tests.small_screens import small_screen


def buttons(page):
    return [button.label for button in page.button]


def test_an_empty_data_root_offers_a_file_or_the_demo(open_page):
    page = open_page("study")

    assert not page.exception
    assert "No study open" in words(page)
    assert {"Open a file", "Show the demo"} <= set(buttons(page))


def test_the_perturbation_page_without_a_study_offers_the_same(open_page):
    page = open_page("perturbation")

    assert {"Open a file", "Show the demo"} <= set(buttons(page))


def test_show_the_demo_queues_the_job_that_makes_it(open_page, data_root):
    page = open_page("study")

    next(button for button in page.button if button.label == "Show the demo").click().run()

    assert [(job.verb, list(job.args)) for job in queue.jobs()] == [
        ("demo", [str(data_root / "demo" / "simulated_screen.h5ad")])
    ]
    assert "Making the simulated demo" in words(page)


@pytest.mark.usefixtures("study_root")
def test_the_page_says_what_is_in_the_file_and_how_it_was_read(open_page):
    page = open_page("study")

    assert not page.exception
    assert page.markdown[0].value.startswith("**5 targets in 900 cells.**")
    assert [number.label for number in vitals(page)] == ["Cells", "Controls", "Genes", "Targets", "Batches"]
    roles = page.table[0].value
    assert "target\\_gene" in roles.to_string() or "target_gene" in roles.to_string()
    assert "non-targeting" in roles.to_string()


@pytest.mark.usefixtures("study_root")
def test_targets_that_need_care_are_named_apart(open_page):
    page = open_page("study")

    said = words(page) + " ".join(str(link.proto.label) for link in page.get("page_link"))
    assert "STAT1" in said and "not" in said


@pytest.mark.usefixtures("study_root")
def test_the_targets_are_listed_with_knock_down_cells_and_strength(open_page):
    page = open_page("study")

    targets = page.dataframe[0].value.set_index("Target")

    assert targets.loc["GENE3", "Transcript left, %"] < 25
    assert targets.loc["GENE3", "Cells"] > 100
    assert set(targets["Strength"]) <= {"strong", "subtle", "negligible"}


@pytest.mark.usefixtures("study_root")
@pytest.mark.parametrize("tab", ["Transcript left", "Cells a target", "totals a CELL", "Mean of genes"])
def test_each_quality_figure_is_drawn_where_its_tab_is_open(open_page, tab):
    page = open_page("study", quality=tab)

    assert not page.exception and not page.error
    assert len(page.get("vega_lite_chart")) == 2  # the main figure, and the one tab that is open
    assert page.session_state["quality"].casefold() == tab.casefold()


@pytest.mark.usefixtures("study_root")
def test_an_unknown_study_in_the_address_gives_a_sentence(open_page):
    page = open_page("study", study="nothing like it")

    assert "No study is called 'nothing like it'" in page.error[0].value
    page.run()  # as after any click
    assert "No study is called 'nothing like it'" in page.error[0].value

    page.selectbox(key="study").set_value("screen").run()
    assert not page.error and page.title[0].value == "screen"


@pytest.mark.usefixtures("study_root")
def test_a_study_is_found_by_its_id_too(open_page):
    record = store.list_studies()[0]

    page = open_page("study", study=record.id)

    assert page.selectbox(key="study").value == "screen"


def test_several_studies_are_switched_without_a_restart(open_page, study_root, tmp_path):
    store.build_study(small_screen(seed=5).write(tmp_path / "second.h5ad"))
    page = open_page("study", study="screen")
    assert set(page.selectbox(key="study").options) == {"screen", "second"}

    page.selectbox(key="study").set_value("second").run()

    assert page.title[0].value == "second"


def test_a_path_in_the_address_is_built_by_a_job_and_its_progress_is_shown(open_page, tmp_path):
    path = small_screen().write(tmp_path / "new.h5ad")

    page = open_page("study", open=str(path))

    assert not page.exception and not page.error
    assert "Reading new" in words(page)
    assert "Cancel" in buttons(page)
    assert [(job.verb, job.args[0]) for job in queue.jobs()] == [("build", str(path))]
    assert "open" not in page.query_params


def test_a_built_file_in_the_address_is_shown_at_once(open_page, tmp_path):
    path = small_screen().write(tmp_path / "known.h5ad")
    store.build_study(path)

    page = open_page("study", open=str(path))

    assert page.title[0].value == "known"
    assert not queue.jobs()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        pytest.param(lambda path: None, "no file", id="a file that is not there"),
        pytest.param(lambda path: path.write_text("gene,cell\n"), "AnnData", id="a file that is no HDF5"),
        pytest.param(
            lambda path: small_screen().write(path) and path.write_bytes(path.read_bytes()[:5000]),
            "",
            id="a truncated file",
        ),
        pytest.param(
            lambda path: path.symlink_to("/etc/hostname"),
            "not a file in the data folders",
            id="a link out of the folders",
        ),
    ],
)
def test_a_path_that_cannot_be_opened_gives_a_sentence_and_no_traceback(open_page, tmp_path, make, sentence):
    path = tmp_path / "bad.h5ad"
    make(path)

    page = open_page("study", open=str(path))

    assert not page.exception
    assert len(page.error) == 1
    assert "Traceback" not in words(page) and "This part of the page failed" not in words(page)
    assert sentence.lower() in page.error[0].value.lower()
    assert "No study open" in words(page)  # the rest of the page stays


def test_an_address_to_a_file_without_a_target_column_asks_for_the_roles(open_page, tmp_path):
    path = tmp_path / "bare.h5ad"
    adata = small_screen().adata()
    adata.obs = adata.obs[["target_gene"]].rename(columns={"target_gene": "what"})
    adata.obs["what"] = ["x"] * adata.n_obs
    adata.write_h5ad(path)

    page = open_page("study", open=str(path))

    assert not page.exception and not page.error
    assert "target" in page.warning[0].value
    assert "Show the studies instead" in buttons(page)
    assert page.query_params["open"] == str(path)  # a reload asks again


def test_a_path_outside_the_folders_gives_a_sentence(open_page):
    page = open_page("study", open="/etc/passwd")

    assert "not a file in the data folders" in page.error[0].value
    assert not queue.jobs()


def test_a_build_that_failed_says_why_and_offers_to_go_on(open_page, tmp_path, data_root):
    path = small_screen().write(tmp_path / "new.h5ad")
    open_page("study", open=str(path))
    job = queue.jobs()[0]
    table_end(data_root, job.id, "The disk is full: 3 MB are free, 20 MB are needed.")

    page = open_page("study")

    assert "The disk is full" in page.error[0].value
    assert "Go on" in buttons(page)


def table_end(data_root, job_id, error):
    """End a queued job as the worker would."""
    import sqlite3

    with sqlite3.connect(data_root / "jobs.sqlite") as connection:
        connection.execute(
            "UPDATE jobs SET state = 'failed', error = ?, started = ?, ended = ? WHERE id = ?",
            (error, time.time(), time.time(), job_id),
        )
    assert table.find(data_root, job_id).state == "failed"


def test_a_file_that_was_changed_since_is_said_with_both_times(open_page, tmp_path):
    path = small_screen().write(tmp_path / "changing.h5ad")
    store.build_study(path)
    small_screen(seed=9).write(path)

    page = open_page("study")

    assert "These numbers are older than the file" in page.info[0].value
    assert "Rebuild" in buttons(page)


def test_a_file_that_is_gone_is_said_and_its_tables_are_shown(open_page, tmp_path):
    path = small_screen().write(tmp_path / "gone.h5ad")
    store.build_study(path)
    path.unlink()

    page = open_page("study")

    assert "no longer at" in page.info[0].value
    assert vitals(page)[0].value == "900"


def test_names_out_of_the_file_are_shown_letter_by_letter(open_page, tmp_path):
    nasty = "<b>x</b>[y](http://z)"
    adata = small_screen().adata()
    adata.obs["target_gene"] = adata.obs["target_gene"].astype(str).replace({"GENE7": nasty, "GENE11": "G" * 10_000})
    adata.write_h5ad(tmp_path / "names.h5ad")
    store.build_study(tmp_path / "names.h5ad")

    page = open_page("perturbation", target=nasty)

    assert not page.exception
    assert "\\<b\\>x\\</b\\>" in page.title[0].value
    assert max(len(line) for line in words(page).split("\n")) < 2000


def test_the_demo_says_simulated_on_every_page(open_page, tmp_path):
    from core.data.synthetic import write_demo

    path = tmp_path / "simulated_screen.h5ad"
    write_demo(path, 1200, 150, 6)
    store.build_study(path)

    for name in ("study", "perturbation"):
        page = open_page(name)
        assert "**Simulated data.**" in words(page)
        assert "simulated" in page.caption[0].value
