"""The doors: which paths may be opened, what becomes of an upload, and what the build job is told."""

import errno
import io
import os
from pathlib import Path

import pytest

from core.errors import OutsideFoldersError, StorageError, UploadError
from core.jobs import queue
from core.settings import settings
from core.ui import doors, opening
from tests.small_screens import small_screen


class Upload(io.BytesIO):
    """An uploaded file as Streamlit hands it over."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name
        self.size = len(content)


HDF5 = doors.HDF5_MAGIC + b"the rest of it"


# ------------------------------------------------------------------------------------------------------- paths


def test_a_path_in_a_data_folder_is_opened_absolute_or_relative(tmp_path):
    file = tmp_path / "below" / "screen.h5ad"
    file.parent.mkdir()
    file.touch()

    assert doors.allowed_path(str(file)) == file
    assert doors.allowed_path("below/screen.h5ad") == file
    assert doors.allowed_path(f"  {file} ") == file


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("/etc/passwd", id="an absolute path outside"),
        pytest.param("../../etc/passwd", id="dots that lead out"),
        pytest.param("~root/x.h5ad", id="another home"),
        pytest.param("", id="nothing"),
        pytest.param("   ", id="blanks"),
        pytest.param("a\0b.h5ad", id="a NUL character"),
        pytest.param("x" * 10_000, id="ten thousand letters"),
    ],
)
def test_any_other_path_is_refused_with_a_sentence(text):
    with pytest.raises(OutsideFoldersError) as refused:
        doors.allowed_path(text)
    assert len(str(refused.value)) < 700


def test_a_link_that_leads_out_of_the_folders_is_refused(tmp_path):
    (tmp_path / "link.h5ad").symlink_to("/etc/hostname")
    (tmp_path / "folder").symlink_to("/etc")

    for text in ("link.h5ad", "folder/hostname", str(tmp_path / "folder" / "hostname")):
        with pytest.raises(OutsideFoldersError):
            doors.allowed_path(text)


def test_a_circle_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    try:
        path = doors.allowed_path(str(tmp_path / "a"))
    except OutsideFoldersError:
        return
    assert not path.exists()  # Python 3.13 leaves the circle as it is; the reader then says that nothing is there


def test_the_data_roots_own_uploads_may_be_opened(data_root):
    file = data_root / "uploads" / "0123" / "screen.h5ad"
    file.parent.mkdir(parents=True)
    file.touch()

    assert doors.allowed_path(str(file)) == file.resolve()


def test_the_rest_of_the_data_root_may_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PERTURBSCOPE_DATA_FOLDERS", str(tmp_path / "elsewhere"))
    settings.cache_clear()

    with pytest.raises(OutsideFoldersError):
        doors.allowed_path(str(settings().data_root / "jobs.sqlite"))


def test_files_are_found_by_their_ending_and_neither_hidden_ones_nor_links(tmp_path):
    for name in ("a.h5ad", "deep/b.h5", "deep/c.zarr/.zgroup", ".hidden/d.h5ad", "e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "a.h5ad")

    found = [Path(path).relative_to(tmp_path).as_posix() for path in doors.found_files()]

    assert found == ["a.h5ad", "deep/b.h5", "deep/c.zarr"]


def test_a_folder_of_several_files_is_offered_as_one_screen(tmp_path):
    (tmp_path / "lanes").mkdir()
    for name in ("lanes/1.h5ad", "lanes/2.h5ad", "alone.h5ad"):
        (tmp_path / name).touch()

    found = [Path(path).relative_to(tmp_path).as_posix() for path in doors.found_files()]

    assert found == ["alone.h5ad", "lanes/1.h5ad", "lanes/2.h5ad", "lanes"]


# ----------------------------------------------------------------------------------------------------- uploads


def test_an_upload_is_kept_once_under_the_hash_of_its_content(data_root):
    first = doors.save_upload(Upload("My screen (1).h5ad", HDF5))
    again = doors.save_upload(Upload("My screen (1).h5ad", HDF5))

    assert first == again
    assert first.read_bytes() == HDF5
    assert first.name == "My_screen_1.h5ad"
    assert first.parent.parent == data_root / "uploads"


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "..\\..\\x.h5ad", "/abs/olute.h5ad", "", "....", "a" * 5000])
def test_the_name_of_an_upload_leads_nowhere(data_root, name):
    path = doors.save_upload(Upload(name, HDF5))

    assert path.resolve().is_relative_to((data_root / "uploads").resolve())
    assert path.suffix == ".h5ad" and len(path.name) < 100


def test_an_upload_over_the_limit_is_refused_with_both_sizes(monkeypatch, data_root):
    monkeypatch.setenv("PERTURBSCOPE_UPLOAD_LIMIT_MB", "1")
    settings.cache_clear()

    with pytest.raises(UploadError, match="2 MB; uploads may have 1 MB"):
        doors.save_upload(Upload("large.h5ad", HDF5 + bytes(2 * 2**20)))
    assert not (data_root / "uploads").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"gene,cell\n1,2\n", doors.HDF5_MAGIC[:5]])
def test_an_upload_that_is_no_hdf5_file_is_refused(data_root, content):
    with pytest.raises(UploadError, match="not an HDF5 file"):
        doors.save_upload(Upload("screen.h5ad", content))
    assert not (data_root / "uploads").exists()


def test_a_full_disk_leaves_nothing_half_written(monkeypatch, data_root):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StorageError, match="No space left on device"):
        doors.save_upload(Upload("screen.h5ad", HDF5))
    assert list((data_root / "uploads").rglob("*")) == []


# ------------------------------------------------------------------------------------------------------ builds


def test_the_build_job_is_told_the_roles_as_options(data_root, tmp_path):
    opening.build(
        "id1", "screen", tmp_path / "s.h5ad", {"target_col": "gene", "control": ("NT", "-"), "guide_col": None}
    )

    (job,) = queue.jobs()
    assert job.key == "build:id1" and job.title == "screen"
    assert list(job.args) == [
        str(tmp_path / "s.h5ad"), "--target-col=gene", "--control=NT", "--control=-", "--guide-col=none",
    ]  # fmt: skip


def test_the_command_line_understands_what_the_build_job_is_told(tmp_path, data_root):
    from core.__main__ import main

    path = small_screen().write(tmp_path / "s.h5ad")
    opening.build("id1", "s", path, {"control": ("non-targeting",), "guide_col": None, "values": "counts"})

    assert main(["build", *queue.jobs()[0].args]) == 0


def test_the_same_build_twice_is_one_job(data_root, tmp_path):
    first = opening.build("id1", "screen", tmp_path / "s.h5ad", {})

    assert opening.build("id1", "screen", tmp_path / "s.h5ad", {}) == first
    assert len(queue.jobs()) == 1
