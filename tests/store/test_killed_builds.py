"""A build that dies at any moment leaves nothing half-written to be seen, and the next one is clean and right."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import DamagedStoreError, UnknownStudyError
from core.store import build_study, list_studies, open_study
from tests.small_screens import small_screen

ROOT = Path(__file__).parents[2]
MOMENTS = [
    "Reading:1",
    "Reading:2",
    "core.store.values.fsync_folder",  # the turn is written and not yet under its name
    "Testing genes:1",
    "core.store.tables.false_discovery_rates",  # the sweep is done
    "Comparing cells:1",
    "Writing tables:1",
    "core.store.tables.write_manifest",
    "core.store.files.fsync_folder",
    "core.store.building.write_study_json",  # all is there but the record that names it
]


def builds_apart(path, places):
    """What became of builds of one file, each ``{root: moment}`` in a process of its own."""
    asked = [f"{root}={moment}" for root, moment in places.items()]
    command = [sys.executable, "-m", "tests.store.builds_apart", str(path), *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {root: found[f"{root}={moment}"] for root, moment in places.items()}


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """A file and a data root for each moment at which its build was killed, and one where two built at once."""
    folder = tmp_path_factory.mktemp("killed")
    path = small_screen(1100, 50, seed=81, n_strata=2).write(folder / "mine.h5ad")
    places = {str(folder / f"root{k}"): moment for k, moment in enumerate([*MOMENTS, "race", "end"])}
    return path, {moment: (Path(root), builds_apart_found) for (root, moment), builds_apart_found in zip(
        places.items(), builds_apart(path, places).values(), strict=True
    )}  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_build_that_was_killed_shows_nothing_and_the_next_one_is_right(moment, dead):
    path, places = dead
    root, outcome = places[moment]
    whole = build_study(path, data_root=places["end"][0])
    assert outcome == ["killed"]
    assert [r.state for r in list_studies(root)] == []
    with pytest.raises((UnknownStudyError, DamagedStoreError)):
        open_study("mine", data_root=root)

    left, turned = list(root.rglob("*.unfinished")), list(root.rglob("values.json"))
    said = []
    again = build_study(path, data_root=root, report=lambda phase, *_: said.append(phase))

    ended = [phase for phase in said if phase.startswith("An earlier build was ended")]
    assert len(ended) == bool(left)
    if ended:
        assert ("going on" in ended[0]) == any(".unfinished" not in str(p) for p in turned)
    again.verify()
    assert again.fingerprint == whole.fingerprint and [r.state for r in list_studies(root)] == ["ready"]
    for target in whole.targets.index:
        pd.testing.assert_frame_equal(again.effects(target), whole.effects(target))
    np.testing.assert_array_equal(again.values("GENE3"), whole.values("GENE3"))
    assert not [p for p in root.rglob("*") if "unfinished" in p.name]


def test_two_builds_at_once_give_one_study(dead):
    path, places = dead
    root, outcome = places["race"]
    assert outcome == ["built", "built"]
    study = build_study(path, data_root=root)
    study.verify()
    assert [r.state for r in list_studies(root)] == ["ready"]
    assert len(list((study.folder / "tables").iterdir())) == len(list((study.folder / "values").iterdir())) == 1


def test_a_build_that_fails_leaves_nothing_behind(root, tmp_path, monkeypatch):
    path = small_screen(200, 30, seed=82).write(tmp_path / "mine.h5ad")

    def report(phase, done, total, unit):
        if phase == "Testing genes":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_study(path, data_root=root, report=report)
    assert list_studies(root) == [] and not list(root.rglob("*.unfinished")) and not list(root.rglob("effects.h5ad"))
    build_study(path, data_root=root).verify()
