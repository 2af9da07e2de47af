"""What a user made is never lost: not by two windows at once, not by a killed process, not by a damaged file."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import OptionError, StorageError
from core.schema import Roles
from core.store import kept, my_figures, notebook
from core.store.my_figures import KeptFigure, figures, keep_figure
from core.store.study_ref import StudyRef

ROOT = Path(__file__).parents[2]
ROLES = Roles("target_gene", ("non-targeting",))
STUDY = SimpleNamespace(
    id="0123", fingerprint="0123-a", roles=ROLES, name="screen", path="/data/screen.h5ad", simulated=False
)
OTHER = SimpleNamespace(
    id="4567", fingerprint="4567-a", roles=ROLES, name="other", path="/data/other.h5ad", simulated=False
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=200)


def figure(target: str = "GENE3", **changes) -> KeptFigure:
    base = KeptFigure(
        figure="scatter", title="Control against perturbed", subject="perturbation", about=target,
        study=StudyRef.of(STUDY), choices={"target": target, "fdr": 0.05}, options={"highlight": ["GENE2"]},
        page="perturbation", query=[("study", "screen"), ("target", target)],
    )  # fmt: skip
    return base.model_copy(update=changes)


# ------------------------------------------------------------------------------------------------------ figures


def test_a_kept_figure_comes_back_with_its_address_and_options(data_root):
    id = keep_figure(figure(), b"\x89PNG picture")

    found = figures()[id]

    assert found.query == [("study", "screen"), ("target", "GENE3")]
    assert found.drawn_with == {"highlight": ("GENE2",)}
    assert found.saved_at and found.version
    assert my_figures.preview(id) == b"\x89PNG picture"
    on_disk = json.loads((data_root / "kept" / "figures" / f"{id}.json").read_text(encoding="utf-8"))
    assert on_disk["study"]["file"] == "screen.h5ad"  # a person can read it


def test_the_same_figure_exported_twice_is_kept_once_with_its_note():
    id = keep_figure(figure())
    my_figures.note_figure(id, "for the paper")

    assert keep_figure(figure(width_mm=174)) == id

    assert len(figures()) == 1
    assert (figures()[id].note, figures()[id].width_mm) == ("for the paper", 174)


def test_another_target_other_options_or_other_tables_are_other_figures():
    other_tables = StudyRef.of(STUDY).model_copy(update={"fingerprint": "0123-b"})

    for one in (figure(), figure("GENE7"), figure(options={"highlight": []}), figure(study=other_tables)):
        keep_figure(one)

    assert len(figures()) == 4


def test_a_removed_figure_comes_back_with_undo_and_is_never_deleted(data_root):
    id = keep_figure(figure(), b"png")

    my_figures.remove_figure(id)
    assert figures() == {}
    assert (data_root / "kept" / "figures" / "removed" / f"{id}.json").exists()

    my_figures.restore_figure(id)
    assert list(figures()) == [id]


def test_a_change_made_by_another_process_is_seen_in_the_list(data_root):
    id = keep_figure(figure())
    assert figures()[id].note == ""
    path = data_root / "kept" / "figures" / f"{id}.json"

    path.write_text(path.read_text().replace('"note":""', '"note": ""').replace('"note": ""', '"note": "theirs"'))

    assert figures()[id].note == "theirs"


def test_undo_brings_back_the_last_one_that_was_removed(data_root):
    for width in (85.0, 114.0, 174.0):
        id = keep_figure(figure(width_mm=width))
        my_figures.remove_figure(id)

    my_figures.restore_figure(id)

    assert figures()[id].width_mm == 174
    assert len(list((data_root / "kept" / "figures" / "removed").iterdir())) == 2


def test_undo_does_not_write_over_what_was_kept_meanwhile():
    id = keep_figure(figure(width_mm=85))
    my_figures.remove_figure(id)
    keep_figure(figure(width_mm=174))

    my_figures.restore_figure(id)

    assert figures()[id].width_mm == 174


def test_a_note_on_a_figure_that_was_removed_in_another_window_is_no_error():
    id = keep_figure(figure())
    my_figures.remove_figure(id)

    my_figures.note_figure(id, "too late")

    assert figures() == {}


@pytest.mark.parametrize("id", ["../../studies/x/study", "/etc/passwd", "..", "", ".hidden", "a" * 300, "x\0y"])
def test_an_id_out_of_an_address_leads_nowhere(id):
    assert my_figures.SHELF.get(id) is None
    assert my_figures.preview(id) is None


# ----------------------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"figure": 3}', b"[" * 100_000, b'{"schema_version": "new"}'],
    ids=["empty", "cut", "list", "null", "no text", "wrong", "deep", "odd version"],
)  # fmt: skip
def test_a_damaged_file_is_set_aside_unchanged_and_the_others_are_shown(data_root, content):
    good = keep_figure(figure())
    path = data_root / "kept" / "figures" / "bad-1.json"
    path.write_bytes(content)

    assert list(figures()) == [good]

    assert [p.read_bytes() for p in kept.damaged_files()] == [content]
    assert not path.exists()
    assert list(figures()) == [good]


def test_keeping_over_a_damaged_file_sets_it_aside_first(data_root):
    notebook.save_note(STUDY, "GENE3", "first")
    (path,) = (data_root / "kept" / "notes").glob("*.json")
    path.write_bytes(b"{ damaged words of the user")

    notebook.save_note(STUDY, "GENE3", "second")

    assert notebook.note(STUDY, "GENE3").text == "second"
    assert [p.read_bytes() for p in kept.damaged_files()] == [b"{ damaged words of the user"]


def test_two_damaged_files_of_one_name_are_both_set_aside(data_root):
    path = data_root / "kept" / "figures" / "bad-1.json"
    for content in (b"one", b"two"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        figures()

    assert {p.read_bytes() for p in kept.damaged_files()} == {b"one", b"two"}


def test_a_file_of_a_later_version_is_neither_shown_nor_changed(data_root):
    notebook.save_note(STUDY, "GENE3", "words")
    (path,) = (data_root / "kept" / "notes").glob("*.json")
    later = json.dumps({"schema_version": 99, "text": {"rich": "words"}}).encode()
    path.write_bytes(later)

    assert notebook.notes() == {}
    with pytest.raises(StorageError, match="later version"):
        notebook.save_note(STUDY, "GENE3", "mine")

    assert path.read_bytes() == later
    assert kept.damaged_files() == []


def test_what_a_later_version_adds_to_a_file_survives_a_change(data_root):
    id = keep_figure(figure())
    path = data_root / "kept" / "figures" / f"{id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"color": "teal"}))

    my_figures.note_figure(id, "noted")

    assert json.loads(path.read_text())["color"] == "teal"


def test_a_data_root_that_cannot_be_written_says_so(data_root):
    data_root.mkdir(parents=True)
    (data_root / "kept").write_text("a file where a folder should be")

    with pytest.raises(StorageError, match="cannot be written"):
        keep_figure(figure())


# ---------------------------------------------------------------------------------------------- two at once


def _append(n: int) -> None:
    for i in range(10):
        notebook.save_note(STUDY, "GENE3", f"window {n}, words {i}")
        notebook.keep_list(f"list {n}-{i}", ["GENE1", "GENE2"])


def test_windows_of_several_processes_that_write_to_one_note_lose_no_word(data_root):
    code = "import sys; from tests.store.test_kept import _append; _append(int(sys.argv[1]))"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=ROOT) for n in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(_append, (2, 3)))

    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    note = notebook.note(STUDY, "GENE3")
    said = {note.text, *(earlier.text for earlier in note.earlier)}
    assert said == {f"window {n}, words {i}" for n in range(4) for i in range(10)}
    assert len(notebook.gene_lists()) == 40
    assert not [p for p in (data_root / "kept").rglob("*") if p.name.startswith(".")]  # nothing half-written is left


# ------------------------------------------------------------------------------------------ notes and lists


@given(texts=st.lists(TEXT, min_size=1, max_size=6))
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_that_was_kept_can_be_read_again(texts):
    for text in texts:
        notebook.save_note(STUDY, "GENE3", text)

    note = notebook.note(STUDY, "GENE3")

    assert note.text == texts[-1]
    assert set(texts) <= {note.text, *(earlier.text for earlier in note.earlier)}


def test_notes_are_found_by_a_word_in_any_capitals_and_in_other_studies():
    notebook.save_note(STUDY, "GENE3", "Cholesterol again?")
    notebook.save_note(OTHER, "GENE3", "nothing here")
    notebook.save_note(STUDY, "GENE7", "")

    assert [note.about for note in notebook.notes("CHOLEST").values()] == ["GENE3"]
    assert len(notebook.notes()) == 2  # an empty note is none
    assert [note.text for note in notebook.notes_elsewhere(STUDY, "gene3")] == ["nothing here"]


def test_a_note_too_long_to_keep_is_refused_and_the_old_one_stays():
    notebook.save_note(STUDY, "GENE3", "short")

    with pytest.raises(OptionError, match="20,001 characters"):
        notebook.save_note(STUDY, "GENE3", "x" * 20_001)

    assert notebook.note(STUDY, "GENE3").text == "short"


def test_a_list_is_found_by_its_name_or_a_gene_and_its_earlier_genes_are_kept():
    notebook.keep_list("Hypoxia", ["HIF1A", "VEGFA", "HIF1A"], "by hand")
    notebook.keep_list("  HYPOXIA ", ["HIF1A"])
    notebook.keep_list("Ribosome", ["RPL3"])

    (hypoxia,) = notebook.gene_lists("hif1").values()

    assert hypoxia.genes == ["HIF1A"]
    assert hypoxia.earlier[0].genes == ["HIF1A", "VEGFA"]
    assert len(notebook.gene_lists()) == 2


@pytest.mark.parametrize(("name", "genes"), [("", ["A"]), ("   ", ["A"]), ("x" * 81, ["A"]), ("empty", [" "])])
def test_a_list_without_a_name_or_genes_is_refused(name, genes):
    with pytest.raises(OptionError):
        notebook.keep_list(name, genes)
