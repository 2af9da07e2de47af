"""A part of the Store that is damaged is never believed: a sentence when it is opened, and a rebuild that heals it."""

import errno
import os
import shutil

import numpy as np
import pytest

from core.errors import DamagedStoreError, PerturbscopeError
from core.store import Study, build_study, open_study
from tests.small_screens import small_screen

VALUES = ["blocks.bin", "index.npz", "cells.npz", "values.json"]
TABLES = [
    "effects.h5ad",
    "moments.h5",
    "targets.parquet",
    "genes.parquet",
    "tables.json",
    "manifest.json",
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return small_screen(200, 40, seed=91).write(tmp_path_factory.mktemp("damage") / "mine.h5ad")


@pytest.fixture(scope="module")
def whole(path, tmp_path_factory):
    """A data root in which nothing is damaged."""
    root = tmp_path_factory.mktemp("whole")
    build_study(path, data_root=root)
    return root


@pytest.fixture
def study(path, whole, root):
    """A copy of its study, to be damaged."""
    shutil.copytree(whole, root)
    return build_study(path, data_root=root)


def part(study, name):
    """The file of that name, of the values or of the tables."""
    folder = study.folder / "values" / "X" if name in VALUES else study.effects_path.parent
    return folder / name


def remove(file):
    file.unlink()


def cut_off(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file):
    file.write_bytes(np.random.default_rng(0).bytes(file.stat().st_size))


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def use(study):
    """Ask a study all it is asked by the pages."""
    study.values("GENE3"), study.effects("GENE3"), study.gene_effects("GENE3"), study.effects("All perturbed cells")
    for table in ("genes", "targets", "pooled", "guides", "batches", "strata", "control_sets", "totals_histogram"):
        getattr(study, table)
    study.gene_values.totals  # noqa: B018 - read from the disk


@pytest.mark.parametrize("damage", [remove, cut_off, overwrite])
@pytest.mark.parametrize("name", VALUES + TABLES)
def test_a_damaged_part_is_a_sentence_and_the_next_build_heals_it(name, damage, study, path, root):
    expected = study.effects("GENE3")["delta"].to_numpy().copy()
    damage(part(study, name))

    with pytest.raises(DamagedStoreError):  # and no traceback of h5py, pyarrow or zipfile
        again = open_study(study.id, data_root=root)
        use(again)
        again.verify()

    healed = build_study(path, data_root=root)
    use(healed)
    healed.verify()
    np.testing.assert_array_equal(healed.effects("GENE3")["delta"], expected)


@pytest.mark.parametrize(
    "name", ["blocks.bin", "cells.npz", "index.npz", "effects.h5ad", "moments.h5", "targets.parquet"]
)
def test_one_wrong_bit_is_found_by_verify_and_healed_by_building_as_the_sentence_says(name, study, path, root):
    flip_a_bit(part(study, name))
    with pytest.raises(DamagedStoreError, match="[Bb]uild"):
        open_study(study.id, data_root=root).verify()
    build_study(path, data_root=root).verify()


def test_a_gene_in_a_damaged_tile_is_refused_and_others_are_served(study):
    file = part(study, "blocks.bin")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1  # the last tile: GENE32 to GENE39
    file.write_bytes(content)
    with pytest.raises(DamagedStoreError, match="damaged at byte"):
        study.values("GENE39")
    assert study.values("GENE3").size == 200


def test_a_study_folder_without_values_is_built_again(study, path, root):
    for file in (study.folder / "values" / "X").iterdir():
        file.unlink()
    os.rmdir(study.folder / "values" / "X")
    use(build_study(path, data_root=root))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.ENOMEM])
def test_a_read_that_fails_in_passing_is_no_damage(number, study, path, root, monkeypatch):
    """Too many open files, or no right to read, says nothing of the file: no whole study is thrown away for it."""
    before = {p: p.stat().st_ino for p in study.folder.rglob("*") if p.is_file()}

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "read_text", fail)
        with pytest.raises((OSError, PerturbscopeError)):
            use(Study(study.folder, study.fingerprint.partition("-")[2]))
    use(build_study(path, data_root=root))
    assert {p: p.stat().st_ino for p in study.folder.rglob("*") if p.is_file()} == before
