"""Every wrong or odd input of tests/bad_inputs.py through every door: what is shown, what is left, what ran.

Of each: the sentence, no traceback, nothing half-written in the data root, nothing executed; on the command line one
line ``error: …`` and exit code 1.
"""

import csv
import io
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import store
from core.__main__ import main
from core.jobs import queue, table
from core.settings import settings
from tests.bad_inputs import (
    ADDRESS,
    BOMB,
    CLI,
    FORM,
    FORMULA,
    LINKS,
    LONG,
    MARKUP,
    OPEN,
    OPENED,
    OPTIONS,
    REFUSED,
    UPLOAD,
    Choice,
    Input,
    document,
    screen,
    with_roles_to_correct,
)

ROOT = Path(__file__).parents[1]
SHELL = ROOT / "core" / "ui" / "shell.py"
SECONDS = 60  # a run of a page, on a machine that does other things too


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """Jobs stay queued until the test works them off."""
    monkeypatch.setattr(queue, "ensure_worker", lambda: None)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch, data_root):
    """After each case: nothing half-written, and no pickle has run."""
    monkeypatch.setenv(BOMB, str(tmp_path / "executed"))
    yield
    assert not (tmp_path / "executed").exists()
    names = [path.name for path in data_root.rglob("*")] if data_root.is_dir() else []
    assert not [name for name in names if "unfinished" in name or name.endswith((".part", ".tmp")) or name[0] == "."]


# ------------------------------------------------------------------------------------------------------- doors


def command(*arguments: object) -> tuple[int, str]:
    """A verb in this process: its exit code and all that it says."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main([str(argument) for argument in arguments])
    return code, said.getvalue()


def error_of(code: int, said: str) -> str:
    """The one line that a verb which fails ends with."""
    lines = said.rstrip("\n").splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert code == 1 and len(errors) == 1 and lines[-1] == errors[0], said
    return errors[0].removeprefix("error: ")


def work_off() -> None:
    """Run the queued jobs as the worker would, in this process."""
    while job := table.take_oldest(table.data_root()):
        code, said = command(job.verb, *job.args)
        table.end(table.data_root(), job.id, "failed" if code else "done", error_of(code, said) if code else None)


def dialog() -> None:
    """The door "Open a file", opened."""
    from core.ui.opening import open_dialog

    open_dialog()


def form() -> None:
    """The door "Correct the roles", opened for the one study."""
    from core import store
    from core.ui.opening import correct_roles_dialog

    correct_roles_dialog(store.open_study("screen"))


def opened_by(door: str, path: Path) -> AppTest:
    """The page after a file was brought in; a file that can be opened is."""
    if door == ADDRESS:
        return shell(open=str(path))
    page = AppTest.from_function(dialog, default_timeout=SECONDS).run()
    if door == UPLOAD:
        page.file_uploader[0].upload(path.name, path.read_bytes()).run()
    else:
        choose(page, "File on this machine", str(path))
        page.run()
    press(page, "Open")
    return page


def shell(page_name: str = "study", **query: object) -> AppTest:
    """A page of the app at an address."""
    page = AppTest.from_file(SHELL, default_timeout=SECONDS)
    if page_name != "study":
        page.run().switch_page(f"../../pages/{page_name}.py")
    page.query_params |= query
    return page.run()


def choose(page: AppTest, label: str, value: object) -> None:
    """Choose or type a value; a select box of AppTest refuses what is typed, unlike the browser's."""
    box = next(box for box in (*page.selectbox, *page.multiselect) if box.label == label)
    if isinstance(value, str) and value not in box.options:
        assert box.proto.accept_new_options, f"{value} is not among {box.options}"
        box.options.append(value)
    box.set_value(value)


def press(page: AppTest, label: str) -> None:
    """Press a button, where it is there and can be."""
    for button in [b for b in page.button if b.label == label and not b.disabled][:1]:
        button.click().run()


def words(page: AppTest) -> str:
    """All that a page says, as a reader sees it; neither a traceback nor a fault of ours."""
    assert not page.exception, page.exception
    kinds = (page.error, page.warning, page.info, page.title, page.header, page.markdown, page.caption)
    said = [element.value for kind in kinds for element in kind]
    said += [str(link.proto.label) for link in page.get("page_link")]
    raw = "\n".join(said).replace("**", "")
    assert MARKUP not in raw  # its brackets are escaped
    text = re.sub(r"\\(.)", r"\1", raw).replace("\u2060", "").replace("\u00a0", " ")
    assert "Traceback" not in text and "fault of Perturbscope" not in text, text
    return text


def says(text: str, sentence: str) -> bool:
    """Whether the sentence stands in the text; ``…`` is anything on its line."""
    return re.search("[^\n]*".join(re.escape(part) for part in sentence.split("…")), text) is not None


# ------------------------------------------------------------------------------------------------------- files


def through(inputs: list[Input]) -> pytest.MarkDecorator:
    """Every input through each of its doors."""
    cases = [pytest.param(door, each, id=f"{each.name} by {door}") for each in inputs for door in each.says]
    return pytest.mark.parametrize(("door", "given"), cases)


@through(REFUSED)
def test_what_cannot_be_used_is_a_sentence(door, given, tmp_path, data_root, monkeypatch):
    path = given.make(tmp_path)
    with monkeypatch.context() as patch:
        given.spoil(patch)
        if door == CLI:
            text = error_of(*command("build", path))
        else:
            text = words(opened_by(door, path))
            if queue.jobs():  # the file passed the door, and its build meets what is wrong
                work_off()
                text += words(shell())

    assert says(text, given.says[door]), text
    assert store.list_studies() == []
    settings.cache_clear()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Function that writes and builds an odd input, once for all doors: its folder, and what ``build`` said."""
    made: dict[object, tuple[Path, str]] = {}

    def build(given: Input) -> tuple[Path, str]:
        if given.make not in made:
            folder = tmp_path_factory.mktemp("built")
            code, said = command("build", given.make(folder), "--data-root", folder / "root")
            assert code == 0, said
            made[given.make] = folder, said
        return made[given.make]

    return build


@through(OPENED)
def test_what_is_odd_opens_and_is_said(door, given, built, data_root, monkeypatch):
    folder, said = built(given)
    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", str(data_root))  # the build was told another
    monkeypatch.setenv("PERTURBSCOPE_DATA_FOLDERS", str(folder))
    settings.cache_clear()
    shutil.copytree(folder / "root", data_root)
    if door == CLI:
        text = said
    else:
        page = opened_by(door, folder / "screen.h5ad")
        words(page)
        if door != ADDRESS:
            assert page.session_state["_settled_study"] == "screen"  # it is what the pages turn to
            page = shell()
        text = words(shell("perturbation", target=given.target) if given.target else page)

    assert says(text, given.says[door]), text
    assert max(len(line) for line in text.splitlines()) < 2000
    assert given.holds(store.open_study("screen"), screen())
    assert not queue.jobs()


@pytest.mark.parametrize("given", [OPENED[0]], ids=["Two genes of one name"])
@pytest.mark.parametrize("door", [OPEN, UPLOAD, ADDRESS])
def test_a_file_that_comes_in_by_the_page_is_built_by_its_job(door, given, tmp_path):
    words(opened_by(door, given.make(tmp_path)))
    work_off()

    assert says(words(shell()), given.says[door])
    assert given.holds(store.open_study("screen"), screen())


def test_a_formula_in_a_gene_name_is_no_formula_in_a_table(built, tmp_path):
    given = next(each for each in OPENED if each.name.startswith("Gene names"))
    folder, _ = built(given)
    root = ("--data-root", folder / "root")
    assert command("stats", folder / "screen.h5ad", "--out", tmp_path, *root)[0] == 0

    with (tmp_path / "gene_statistics.csv").open(newline="") as file:
        names = [row["gene"] for row in csv.DictReader(file)]
    assert f"'{FORMULA}" in names and FORMULA not in names and LONG in names


def test_an_upload_that_can_never_be_read_is_not_kept(tmp_path, data_root):
    truncated = next(each for each in REFUSED if each.name == "Truncated")

    opened_by(UPLOAD, truncated.make(tmp_path))

    assert list((data_root / "uploads").rglob("*")) == []


# ------------------------------------------------------------------------------------------ roles and addresses


@pytest.fixture(scope="module")
def to_correct(tmp_path_factory):
    """A folder with a built study whose roles can be corrected badly."""
    folder = tmp_path_factory.mktemp("roles")
    code, said = command("build", with_roles_to_correct(folder), "--data-root", folder / "root")
    assert code == 0, said
    return folder


@pytest.fixture
def study(to_correct, data_root, monkeypatch):
    """This test's own copy of it."""
    monkeypatch.setenv("PERTURBSCOPE_DATA_ROOT", str(data_root))
    settings.cache_clear()
    shutil.copytree(to_correct / "root", data_root)
    return store.open_study("screen")


def each(choices: list[Choice]) -> pytest.MarkDecorator:
    """Every choice."""
    return pytest.mark.parametrize("choice", [pytest.param(choice, id=choice.name) for choice in choices])


@each(FORM)
def test_a_role_that_cannot_be_is_refused_by_the_form(choice, study):
    page = AppTest.from_function(form, default_timeout=SECONDS).run()
    for label, value in choice.choose.items():
        choose(page, label, value)
        page.run()
    press(page, "Rebuild the tables")
    text = words(page)
    work_off()
    text += words(shell())

    assert says(text, choice.says), text
    assert store.open_study("screen").fingerprint == study.fingerprint  # what was shown before is shown still


@each(OPTIONS)
def test_a_role_that_cannot_be_is_refused_by_the_command_line(choice, study):
    text = error_of(*command("build", study.path, *(word for option in choice.choose.items() for word in option)))

    assert says(text, choice.says), text
    assert store.open_study("screen").fingerprint == study.fingerprint


def test_without_a_control_the_form_cannot_be_sent(study):
    page = AppTest.from_function(form, default_timeout=SECONDS).run()
    choose(page, "Control", [])
    page.run()

    assert next(button for button in page.button if button.label == "Rebuild the tables").disabled


def test_roles_of_a_file_that_is_gone_cannot_be_corrected(tmp_path):
    path = with_roles_to_correct(tmp_path)
    assert command("build", path)[0] == 0
    path.unlink()

    text = words(AppTest.from_function(form, default_timeout=SECONDS).run())

    assert says(text, "screen.h5ad is no longer there. Put it back, or open it at its new place.")


@each(LINKS)
@pytest.mark.usefixtures("study")
def test_an_address_that_means_nothing_is_a_sentence(choice):
    text = words(shell("perturbation" if "target" in choice.choose else "study", **choice.choose))

    assert says(text, choice.says), text
    assert not queue.jobs()


# -------------------------------------------------------------------------------------------------------- page


def test_the_document_says_what_the_table_says():
    assert (ROOT / "docs" / "bad-input.md").read_text() == document(), (
        "docs/bad-input.md differs from tests/bad_inputs.py: python -m tests.bad_inputs > docs/bad-input.md"
    )
