"""What docs/ says is there: a page for every page, pictures that are small, commands that parse, tests that exist."""

import re
import shlex
from pathlib import Path

import anndata as ad
import pytest

from core.__main__ import _parser
from core.data.synthetic import write_demo

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
FOR_USERS = {name: text for name, text in TEXTS.items() if name not in ("decisions.md", "bad-input.md")}
COMMANDS = sorted(
    {
        found.split("  #")[0].strip()
        for text in FOR_USERS.values()
        for found in re.findall(r"python -m core ([a-z][^`\n]*)", text)
    }
)
WORDS = {"FILE": "screen.h5ad", "T": "GENE", "DIR": "out"}


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "pages").glob("*.py")))
def test_every_page_of_the_dashboard_has_its_page_of_the_docs_with_a_picture(page):
    assert f"{page}.md" in TEXTS
    assert f"(pictures/{page}.png)" in TEXTS[f"{page}.md"]
    assert f"({page}.md)" in TEXTS["README.md"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_docs_parses(command):
    _parser().parse_args([WORDS.get(word, word) for word in shlex.split(command)])


def test_the_genes_that_commands_name_are_in_the_demo(tmp_path):
    """So that whoever has the demo alone can type them; FILE is its file."""
    write_demo(tmp_path / "demo.h5ad", 1000, 2000, 40, 0)
    adata = ad.read_h5ad(tmp_path / "demo.h5ad", backed="r")
    targets, genes = set(adata.obs["target_gene"]), set(adata.var_names)
    named = {name for c in COMMANDS for name in re.findall(r"(?:--target |--figure \w+:)(\w+)", c)}
    read = {name for c in COMMANDS for name in re.findall(r"--gene (\w+)", c)}

    assert named and read
    assert named - set(WORDS) <= targets and read - set(WORDS) <= genes


@pytest.mark.parametrize("verb", sorted({command.split()[0] for command in COMMANDS}))
def test_every_verb_of_the_docs_has_help(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args([verb, "--help"])

    assert ended.value.code == 0
    assert f"core {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("name", FOR_USERS)
def test_what_the_docs_point_to_is_there(name):
    for path in re.findall(r"`((?:tests|docs)/[^`]+)`", FOR_USERS[name]):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)#:]+)\)", FOR_USERS[name]):
        assert (DOCS / link).exists(), link


def test_pictures_are_few_and_small():
    pictures = list((DOCS / "pictures").glob("*.png"))

    assert 0 < len(pictures) <= 8
    assert max(path.stat().st_size for path in pictures) < 200_000
