"""What a study will need on the disk is known before anything starts."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from core.data.reading import open_source
from core.data.roles import read_roles
from core.errors import StorageError
from core.store import build_study
from core.store.room import bytes_of_tables, bytes_of_values
from tests.small_screens import small_screen

Usage = namedtuple("Usage", "total used free")


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_build_that_would_not_fit_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    path = small_screen(300, 30).write(tmp_path / "mine.h5ad")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1000, 1000))

    with pytest.raises(StorageError, match=r"needs about 0\.\d MB under .*; 0\.0 MB are free"):
        build_study(path, data_root=tmp_path / "root")

    assert not any(p.is_file() for p in (tmp_path / "root").rglob("*") if p.suffix != ".lock")


@pytest.mark.parametrize("n_strata", [1, 2])
def test_the_estimate_of_tables_is_enough_and_not_wildly_more(tmp_path, n_strata):
    path = small_screen(900, 2000, n_strata=n_strata).write(tmp_path / "mine.h5ad")
    study = build_study(path, data_root=tmp_path / "root")
    with open_source(path) as source:
        reading = read_roles(source)
        tables, values = (
            bytes_of_tables(reading.cells, 2000),
            bytes_of_values(source.matrices["X"], reading.roles.values),
        )

    written = size_of(study.folder / "tables")
    assert 0.3 * tables < written < tables + 100_000
    assert size_of(study.folder / "values") < 2 * values + 500_000


def test_a_build_that_has_its_values_needs_room_for_tables_alone(tmp_path, monkeypatch):
    path = small_screen(300, 300).write(tmp_path / "mine.h5ad")
    study = build_study(path, data_root=tmp_path / "root")
    with open_source(path) as source:
        tables = bytes_of_tables(read_roles(source).cells, 300)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, tables + 1))

    again = build_study(path, data_root=tmp_path / "root", size_factors="no-dominant")

    assert again.roles.size_factors == "no-dominant" and again.id == study.id
