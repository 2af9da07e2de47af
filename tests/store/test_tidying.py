"""What studies take on the disk, and what of it can be made again."""

import pytest

from core.errors import UnknownStudyError
from core.store import build_study, open_study, prune, sizes
from tests.small_screens import small_screen


@pytest.fixture
def study(tmp_path, root):
    return build_study(small_screen(200, 30, seed=71).write(tmp_path / "mine.h5ad"), data_root=root)


def test_sizes_are_those_of_the_files(study, root):
    found = sizes(study.id, data_root=root)

    files = [path for path in study.folder.rglob("*") if path.is_file() and path.parent != study.folder]
    assert found.values + found.tables + found.others == sum(path.stat().st_size for path in files)
    assert found.values > 0 and found.tables > 0 and found.others == found.n_others == 0


def test_tables_of_other_choices_go_and_are_made_again(study, root, tmp_path):
    other = build_study(tmp_path / "mine.h5ad", data_root=root, size_factors="no-dominant")
    expected = other.effects("GENE3")["delta"].to_numpy()
    before = sizes(study.id, data_root=root)

    freed = prune(study.id, data_root=root)

    after = sizes(study.id, data_root=root)
    assert before.n_others == 1 and freed == before.others > 0
    assert (after.n_others, after.values, after.tables) == (0, before.values, before.tables)
    assert open_study("mine", data_root=root).roles.size_factors == "all"
    again = build_study(tmp_path / "mine.h5ad", data_root=root, size_factors="no-dominant")
    assert (again.effects("GENE3")["delta"].to_numpy() == expected).all()


def test_a_study_that_is_not_there_is_said(root):
    with pytest.raises(UnknownStudyError):
        prune("0" * 16, data_root=root)
