"""A data root that is full or read-only: a sentence that says so, never a crash, and nothing half-written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import StorageError
from core.store import build_study, list_studies, open_study, save_roles
from core.store import tables as tables_module
from core.store import values as values_module
from core.store.files import unfinished_file, unfinished_folder
from tests.small_screens import small_screen
from tests.store.test_killed_builds import builds_apart

ROOT = Path(__file__).parents[2]
SIZES_KB = [4, 800, 1300, 1600]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A screen whose study takes about 2 MB."""
    return small_screen(3000, 400, seed=95, n_strata=2).write(tmp_path_factory.mktemp("storage") / "mine.h5ad")


@pytest.fixture
def disk(tmp_path):
    """Function that mounts a disk of so many kilobytes; all are unmounted at the end."""
    mounted = []

    def mount(kilobytes, *options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        flags = ",".join([f"size={kilobytes}k", *options])
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", flags, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip("a small disk can only be mounted by root")
        mounted.append(folder)
        return folder

    if os.geteuid() or sys.platform != "linux":
        pytest.skip("a small disk can only be mounted by root")
    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_disk_that_fills_up_at_any_moment_is_said_in_a_sentence(path, disk):
    """Memory maps over a file with holes die of SIGBUS when the disk is full: space is taken beforehand."""
    places = {str(disk(size)): "unwarned" for size in SIZES_KB}
    for (folder, outcomes), size in zip(builds_apart(path, places).items(), SIZES_KB, strict=True):
        (outcome,) = outcomes
        assert outcome == "built" or outcome.startswith("StorageError") and "disk is full" in outcome, (size, outcome)
        if outcome != "built":
            assert list_studies(Path(folder)) == []
            assert not [p for p in Path(folder).rglob("*") if p.is_file() and "unfinished" in str(p)], size


def test_with_room_again_the_build_goes_on(path, disk):
    folder = disk(700)
    assert "StorageError" in builds_apart(path, {str(folder): "end"})[str(folder)][0]
    subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)
    build_study(path, data_root=folder).verify()


def test_a_study_on_a_read_only_disk_can_be_read_and_not_changed(path, disk, tmp_path):
    folder = disk(20_000)
    study = build_study(path, data_root=folder)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    assert open_study(study.id, data_root=folder).values("GENE3").size == 3000
    assert build_study(path, data_root=folder).fingerprint == study.fingerprint
    for change in (
        lambda: build_study(path, data_root=folder, batch_col="none"),
        lambda: save_roles(study.id, {"batch_col": "none"}, data_root=folder),
        lambda: build_study(small_screen(60, 10).write(tmp_path / "other.h5ad"), data_root=folder),
    ):
        with pytest.raises(StorageError, match="read-only|Read-only"):
            change()


@pytest.mark.parametrize("verb", ["preprocess", "demo"])
def test_a_full_disk_ends_a_verb_with_one_line_and_exit_code_1(verb, path, disk, root):
    study = build_study(path, data_root=root)
    for size in (8, 2000):
        out = disk(size) / "out.h5ad"
        arguments = {
            "preprocess": ["preprocess", study.id, out, "--num-hvgs", "50", "--data-root", root],
            "demo": ["demo", out, "--cells", "2000", "--genes", "400", "--targets", "5"],
        }[verb]
        done = subprocess.run(
            [sys.executable, "-m", "core", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert done.returncode == 1 and len(errors) == 1, (size, done.returncode, done.stderr)
        assert done.stderr.rstrip().splitlines()[-1] == errors[0], done.stderr  # all of it on that one line
        assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "function", "number", "words"),
    [
        (values_module._TileWriter, "_append", errno.EROFS, "read-only"),
        (values_module._TileWriter, "_append", errno.EDQUOT, "quota"),
        (np, "savez", errno.ENOSPC, "disk is full"),
        (values_module, "fsync_folder", errno.ENOSPC, "disk is full"),
        (tables_module, "write_manifest", errno.ENOSPC, "disk is full"),
    ],
    ids=["tile on a read-only disk", "tile over quota", "arrays", "sync", "manifest"],
)
def test_any_write_that_fails_is_a_sentence_and_leaves_nothing(
    module, function, number, words, root, tmp_path, monkeypatch
):
    small = small_screen(120, 20, seed=96).write(tmp_path / "mine.h5ad")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(module, function, fail)
        with pytest.raises(StorageError, match=words) as said:
            build_study(small, data_root=root)
    assert "PERTURBSCOPE_DATA_ROOT" in str(said.value) and "\n" not in str(said.value)
    assert list_studies(root) == [] and not list(root.rglob("*unfinished*"))
    build_study(small, data_root=root).verify()


def test_a_data_root_that_is_a_file_is_a_sentence(tmp_path):
    small = small_screen(120, 20, seed=96).write(tmp_path / "mine.h5ad")
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError):
        build_study(small, data_root=tmp_path / "taken")


def test_another_error_keeps_its_traceback(root, tmp_path, monkeypatch):
    small = small_screen(120, 20, seed=96).write(tmp_path / "mine.h5ad")

    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(tables_module, "write_manifest", fail)
    with pytest.raises(ZeroDivisionError):
        build_study(small, data_root=root)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    with unfinished_file(path) as temporary:
        temporary.write_text("new")
        assert not path.exists() and temporary.suffix == ".txt"
    assert path.read_text() == "new"
    with pytest.raises(RuntimeError), unfinished_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "new" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "part"
    (tmp_path / "part.unfinished").mkdir()
    (tmp_path / "part.unfinished" / "left by a killed process").write_text("")
    with unfinished_folder(folder) as unfinished:
        (unfinished / "a").write_text("1")
        assert not folder.exists()
    assert [p.name for p in folder.iterdir()] == ["a"]
    with pytest.raises(RuntimeError), unfinished_folder(folder) as unfinished:
        (unfinished / "b").write_text("2")
        raise RuntimeError
    assert [p.name for p in folder.iterdir()] == ["a"] and [p.name for p in tmp_path.iterdir()] == ["part"]
