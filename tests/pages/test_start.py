"""Starting: what the server imports, what the first start makes, and what make says where venv is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core import store
from core.ui import first_start

ROOT = Path(__file__).parents[2]


def test_the_server_and_its_pages_import_neither_torch_nor_scanpy():
    code = (
        "import sys, app, core.ui.study_status, core.ui.study_cards, core.ui.perturbation_cards\n"
        "print([name for name in ('torch', 'scanpy', 'sklearn') if name in sys.modules])"
    )

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert run.stdout.strip() == "[]", run.stderr


def test_the_server_listens_before_it_has_loaded_pandas():
    code = "import sys, app; print('pandas' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)

    assert run.stdout.strip() == "False", run.stderr


def test_the_first_start_makes_the_demo_study_and_the_second_does_nothing(data_root, monkeypatch, capsys):
    from core.data import synthetic

    whole = synthetic.write_demo
    monkeypatch.setattr(synthetic, "write_demo", lambda path, report: whole(path, 1200, 150, 6, report=report))

    first_start.main()
    (record,) = store.list_studies()
    assert record.simulated and record.name == "simulated_screen"
    assert "First start" in capsys.readouterr().err

    monkeypatch.setattr(first_start, "make_demo", lambda _root: pytest.fail("it was made again"))
    first_start.main()


def test_a_demo_that_cannot_be_made_does_not_keep_the_server_from_starting(data_root, capsys):
    data_root.write_text("a file where the folder should be")

    first_start.main()

    assert "The demo could not be made" in capsys.readouterr().err


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, env=environment)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make, which is not here")
def test_a_python_without_venv_prints_the_line_to_type(tmp_path):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")  # it cannot import ensurepip
    python.chmod(0o755)

    run = make(tmp_path, ".venv/bin/python", f"PYTHON={python}")

    assert run.returncode != 0
    assert "sudo apt install python3-venv" in run.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make, which is not here")
def test_a_machine_without_a_fitting_python_is_told_which_are(tmp_path):
    run = make(tmp_path, ".venv/bin/python", "PYTHON=")

    assert run.returncode != 0
    assert "No Python 3.11, 3.12 or 3.13 was found" in run.stdout
