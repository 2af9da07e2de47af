"""Bad input: every file that is wrong or odd, the doors it may come in by, and the sentence that each door shows.

The one table. tests/test_doors.py opens every row through its doors; docs/bad-input.md is written from it by
``python -m tests.bad_inputs > docs/bad-input.md`` and the tests fail where the two differ.
"""

import errno
import os
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest

from core.settings import settings
from core.store import Study
from core.store import tables as tables_module
from tests.data.files import change, write_h5ad
from tests.small_screens import CONTROL, Screen, small_screen

OPEN, UPLOAD, ADDRESS, CLI = "open a file", "upload", "address", "command line"
DOORS = (OPEN, UPLOAD, ADDRESS, CLI)
PAGE = (OPEN, UPLOAD, ADDRESS)
FOLDERS = (OPEN, ADDRESS, CLI)

FORMULA, MARKUP, LONG = '=HYPERLINK("http://x")', "<img src=x onerror=alert(1)>", "G" * 10_000
BOMB = "PERTURBSCOPE_TEST_BOMB"
"""Variable that names the folder which a pickle would make if anything loaded it."""


@dataclass(frozen=True)
class Input:
    """A file, wrong or odd, and what is shown of it.

    Parameters
    ----------
    name
        In words.
    make
        Writes it into a folder; the path to open.
    says
        What each door shows; ``…`` stands for what differs from file to file. Of a file that opens: what its page says,
        and on the command line ``build``.
    opens
        Whether it is a study nonetheless.
    target
        The target on whose Perturbation page it is said; else it is the Study page.
    so
        What follows for the numbers, in words; ``holds`` checks it.
    spoil
        What is wrong with the machine rather than the file.
    """

    name: str
    make: Callable[[Path], Path]
    says: Mapping[str, str]
    opens: bool = False
    target: str = ""
    so: str = ""
    holds: Callable[[Study, Screen], bool] = lambda *_: True
    spoil: Callable[[pytest.MonkeyPatch], None] = lambda _: None


@dataclass(frozen=True)
class Choice:
    """A choice of roles, or an address, that cannot be, and what is shown.

    Parameters
    ----------
    name
        In words.
    choose
        What is chosen: label of the form's box -> value, option of ``build`` -> value, or key of the address -> value.
    says
        As of :class:`Input`.
    """

    name: str
    choose: Mapping[str, object]
    says: str


# ------------------------------------------------------------------------------------------------------- files


def screen() -> Screen:
    """The screen that every file starts from."""
    return small_screen(240, 30, seed=3)


def written(edit: Callable[[ad.AnnData], None], **storage: object) -> Callable[[Path], Path]:
    """A maker: the screen as ``edit`` changes it, as ``screen.h5ad``."""

    def make(folder: Path) -> Path:
        adata = screen().adata()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata says that names are repeated
            edit(adata)
            return write_h5ad(folder / "screen.h5ad", adata, **storage)

    return make


def text_file(folder: Path) -> Path:
    (folder / "screen.h5ad").write_text("gene,cell\n")
    return folder / "screen.h5ad"


def empty_file(folder: Path) -> Path:
    (folder / "screen.h5ad").touch()
    return folder / "screen.h5ad"


def cut_off(folder: Path) -> Path:
    path = screen().write(folder / "screen.h5ad")
    path.write_bytes(path.read_bytes()[:5000])
    return path


def other_hdf5(folder: Path) -> Path:
    with h5py.File(folder / "screen.h5ad", "w") as file:
        file["values"] = np.arange(3)
    return folder / "screen.h5ad"


def absent(folder: Path) -> Path:
    return folder / "nowhere.h5ad"


def with_value(value: float) -> Callable[[Path], Path]:
    def edit(adata: ad.AnnData) -> None:
        adata.X[7, 3] = value

    return written(edit)


def only_totals(adata: ad.AnnData) -> None:
    adata.obs = adata.obs[["n_umi"]]


def no_control(adata: ad.AnnData) -> None:
    del adata.obs["guide_id"]  # else its labels name the controls, and the file opens
    adata.obs["target_gene"] = adata.obs["target_gene"].cat.rename_categories({CONTROL: "GENE1"})


def unchanged(_adata: ad.AnnData) -> None:
    """The screen as it is has an empty gene, cells without a count, a target that is no gene, an unused category."""


def silent_controls(adata: ad.AnnData) -> None:
    counts = screen().counts.copy()
    counts[adata.obs["target_gene"].to_numpy(object) == CONTROL] = 0
    adata.X = type(adata.X)(counts.astype(np.float32))


def repeated_genes(adata: ad.AnnData) -> None:
    names = adata.var_names.tolist()
    names[10] = "GENE3"
    adata.var_names = names


def repeated_cells(adata: ad.AnnData) -> None:
    adata.obs_names = ["cell"] * adata.n_obs


def one_and_two(adata: ad.AnnData) -> None:
    label = adata.obs["target_gene"].to_numpy(object)
    label[(label == "GENE3") | (label == "GENE7")] = CONTROL
    places = np.flatnonzero(label == CONTROL)
    places = places[np.asarray(adata.X[places].sum(axis=1)).ravel() > 0]
    label[places[:3]] = ["GENE3", "GENE7", "GENE7"]
    adata.obs["target_gene"] = label


def odd_gene_names(adata: ad.AnnData) -> None:
    names = adata.var_names.tolist()
    names[4], names[5], names[6] = FORMULA, MARKUP, LONG
    adata.var_names = names


def odd_targets(adata: ad.AnnData) -> None:
    odd_gene_names(adata)
    label = adata.obs["target_gene"].astype(str).replace("nan", "NA")
    adata.obs["target_gene"] = label.replace({"GENE3": FORMULA, "GENE7": MARKUP, "GENE11": LONG})


class Bomb:
    """What makes a folder when its pickle is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ[BOMB],)


def pickle_in_uns(folder: Path) -> Path:
    content = np.void(pickle.dumps(Bomb()))

    def edit(file: h5py.File) -> None:
        file["uns/simulated"] = content
        file["uns/model"] = content

    return change(screen().write(folder / "screen.h5ad"), edit)


def link_out(folder: Path) -> Path:
    (folder / "screen.h5ad").symlink_to("/etc/hostname")
    return folder / "screen.h5ad"


def too_large(folder: Path) -> Path:
    (folder / "screen.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2 * 2**20))
    return folder / "screen.h5ad"


def outside(_folder: Path) -> Path:
    return Path("/etc/hostname")


def climbing(_folder: Path) -> Path:
    return Path("../" * 20 + "etc/hostname")


def with_roles_to_correct(folder: Path) -> Path:
    """A screen with a layer that holds NaN, and columns that cannot be what they might be taken for."""
    adata = screen().adata()
    adata.layers["spoilt"] = adata.X.copy()
    adata.layers["spoilt"].data[::7] = np.nan
    adata.obs["n_counts"] = 0
    adata.obs["silent"] = np.where(np.asarray(adata.X.sum(axis=1)).ravel() == 0, "no guide seen", "other")
    adata.write_h5ad(folder / "screen.h5ad")
    return folder / "screen.h5ad"


# ----------------------------------------------------------------------------------------------------- machine


def disk_refuses(number: int) -> Callable[[pytest.MonkeyPatch], None]:
    """No folder can be made in the data root: it is full or read-only."""
    make_folder = os.mkdir

    def mkdir(path: str, *arguments: int, **options: int) -> None:
        if Path(path).is_relative_to(settings().data_root):
            raise OSError(number, os.strerror(number), str(path))
        make_folder(path, *arguments, **options)

    return lambda patch: patch.setattr(os, "mkdir", mkdir)


def disk_fills_up(patch: pytest.MonkeyPatch) -> None:
    """The last of the tables does not fit."""

    def write_manifest(_folder: Path, known: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr(tables_module, "write_manifest", write_manifest)


def small_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PERTURBSCOPE_UPLOAD_LIMIT_MB", "1")
    settings.cache_clear()


# ------------------------------------------------------------------------------------------------------- table


def by(doors: tuple[str, ...], sentence: str) -> dict[str, str]:
    """The same sentence at these doors."""
    return dict.fromkeys(doors, sentence)


NO_HDF5 = "… is not an HDF5 file. An AnnData file (.h5ad) is expected; a zarr folder cannot be uploaded, but can be …"
OUTSIDE = "… is not a file in the data folders. Files are opened from: …. Move or upload the file, or set …"
NAN = "X holds values that are NaN or infinite (…); expected counts or log-normalized values, which are zero or more. …"
FULL = "Cannot write to …: the disk is full. Make room, or choose another folder with --data-root or …"
IN_ALL = "5 targets in 240 cells."

PLAIN = written(unchanged)

REFUSED = [
    Input(
        "Not HDF5: a text file",
        text_file,
        by(FOLDERS, "… is not an HDF5 file: it begins with 'gene,cell…'. Expected an AnnData file …")
        | {UPLOAD: NO_HDF5},
    ),
    Input(
        "Not HDF5: an empty file",
        empty_file,
        by(FOLDERS, "… is not an HDF5 file: it is empty. Expected an AnnData file …") | {UPLOAD: NO_HDF5},
    ),
    Input(
        "HDF5, but no AnnData",
        other_hdf5,
        by(DOORS, "… cannot be read: it is HDF5 but no AnnData: it holds …. Expected an AnnData file …"),
    ),
    Input(
        "Truncated",
        cut_off,
        by(DOORS, "… cannot be read: it is cut off: 5,000 of … bytes are there. Copy or download it again."),
    ),
    Input(
        "A file that is not there",
        absent,
        by((OPEN, ADDRESS), "There is no file …. Check the path; expected an AnnData file …")
        | {CLI: "There is no file …. Expected an AnnData file; check the path."},
    ),
    Input(
        "No column that could be a target",
        written(only_totals),
        by(DOORS, "No column of obs could be a target: looked at n_umi (numbers). Expected one that names the …"),
    ),
    Input(
        "No label that reads like a control",
        written(no_control),
        by(DOORS, "obs['target_gene'] has … labels, none of which reads like a control; the most frequent are …"),
    ),
    Input(
        "Controls without a single count",
        written(silent_controls),
        by(DOORS, "No control cell has any count (non-targeting). Choose other control labels."),
    ),
    Input("A NaN among the counts", with_value(np.nan), by(DOORS, NAN)),
    Input("An infinite count", with_value(np.inf), by(DOORS, NAN)),
    Input(
        "A negative count",
        with_value(-1),
        by(DOORS, "X holds negative values (…lowest -1…); expected counts or log-normalized values, which are …"),
    ),
    Input("A path out of the data folders", outside, by((OPEN, ADDRESS), OUTSIDE)),
    Input("A path that climbs out of the data folders", climbing, by((OPEN, ADDRESS), OUTSIDE)),
    Input("A link that leads out of the data folders", link_out, by((OPEN, ADDRESS), OUTSIDE)),
    Input(
        "An upload over the limit",
        too_large,
        {UPLOAD: "… has 2 MB; uploads may have 1 MB. Put the file into a data folder of the machine that runs …"},
        spoil=small_limit,
    ),
    Input(
        "A read-only disk",
        PLAIN,
        by((OPEN, ADDRESS), "The folder … cannot be made: Read-only file system. Choose another data folder with …")
        | {UPLOAD: "The upload could not be kept in …: Read-only file system. Make room, or choose another folder …"}
        | {CLI: "Cannot write to …: the disk is read-only. Make room, or choose another folder with --data-root or …"},
        spoil=disk_refuses(errno.EROFS),
    ),
    Input(
        "A full disk",
        PLAIN,
        by((OPEN, ADDRESS), "The folder … cannot be made: No space left on device. Choose another data folder with …")
        | {UPLOAD: "The upload could not be kept in …: No space left on device. Make room, or choose another folder …"}
        | {CLI: FULL},
        spoil=disk_refuses(errno.ENOSPC),
    ),
    Input(
        "A disk that fills up while the tables are written",
        PLAIN,
        by(DOORS, FULL),
        spoil=disk_fills_up,
    ),
]

OPENED = [
    Input(
        "Two genes of one name",
        written(repeated_genes),
        by(DOORS, "Repeated gene names get -1, -2, ... behind them (1 gene)."),
        True,
        so="each keeps its own values",
        holds=lambda study, made: (study.values("GENE3-1") == made.counts[:, 10]).all(),
    ),
    Input(
        "Cells of one name",
        written(repeated_cells),
        by(PAGE, IN_ALL) | {CLI: "control: non-targeting (74 cells)"},
        True,
        so="cells go by their place, their names are not used",
        holds=lambda study, made: study.n_cells == len(made.obs),
    ),
    Input(
        "A target that is no measured gene",
        PLAIN,
        by(PAGE, "STAT1 is not among the measured genes; its … cannot be checked.")
        | {CLI: "target: target_gene (5 genes + controls, 1 not measured)"},
        True,
        target="STAT1",
        so="its effects on the measured genes are given",
        holds=lambda study, _: (
            not study.targets.loc["STAT1", "in_genes"] and study.effects("STAT1")["fdr"].notna().all()
        ),
    ),
    Input(
        "Targets of 1 and of 2 cells",
        written(one_and_two),
        by(PAGE, "5 targets have fewer than 100 cells (GENE3, GENE7…") | {CLI: "5 genes + controls"},
        True,
        so="they are tested like any other; of one cell there is no standard error",
        holds=lambda study, _: (
            study.targets.loc[["GENE3", "GENE7"], "n_cells"].tolist() == [1, 2]
            and study.effects("GENE3")["delta_se"].isna().all()
            and study.effects("GENE7")["fdr"].notna().all()
        ),
    ),
    Input(
        "Cells without a count",
        PLAIN,
        by(PAGE, "9 cells are left out: 5 no label, 4 no counts at all.")
        | {CLI: "left out: 4 cells, no counts at all"},
        True,
        so="they are in no comparison",
        holds=lambda study, made: study.n_control + study.n_perturbed == len(made.obs) - 9,
    ),
    Input(
        "A gene without a count",
        PLAIN,
        by(PAGE, "All 30 genes") | {CLI: "genes: index (30 genes, with ids)"},
        True,
        target="GENE3",
        so="it stays in the tables: means and deltas 0, p 1",
        holds=lambda study, _: (
            study.genes.loc["GENE15", "mean"] == 0 and (study.gene_effects("GENE15")["p_value"] == 1).all()
        ),
    ),
    Input(
        "Categories that no cell has",
        PLAIN,
        by(PAGE, IN_ALL) | {CLI: "target: target_gene (5 genes + controls, 1 not measured)"},
        True,
        so="they are no targets",
        holds=lambda study, made: (
            "NEVER_SEEN" in made.obs["target_gene"].cat.categories and "NEVER_SEEN" not in study.targets.index
        ),
    ),
    Input(
        "64-bit row pointers beside 32-bit indices",
        written(unchanged, index_dtypes=("int64", "int32")),
        by(PAGE, IN_ALL) | {CLI: "genes: index (30 genes, with ids)"},
        True,
        so="the values are those of the file",
        holds=lambda study, made: (study.values("GENE9") == made.counts[:, 9]).all(),
    ),
    Input(
        "Gene names that are markup, a formula, 10 kB long",
        written(odd_gene_names),
        by(PAGE, "All 30 genes") | {CLI: "genes: index (30 genes, with ids)"},
        True,
        target="GENE11",
        so="they are shown letter by letter and cut; a formula gets an apostrophe in CSV",
        holds=lambda study, made: (study.values(MARKUP) == made.counts[:, 5]).all(),
    ),
    Input(
        "Targets that are markup, a formula, 10 kB long",
        written(odd_targets),
        by(PAGE, MARKUP) | {CLI: "target: target_gene (5 genes + controls"},
        True,
        target=MARKUP,
        so="they are shown letter by letter and cut",
        holds=lambda study, _: {MARKUP, FORMULA, LONG} < set(study.targets.index),
    ),
    Input(
        "A pickle in uns",
        pickle_in_uns,
        by(PAGE, IN_ALL) | {CLI: "control: non-targeting (74 cells)"},
        True,
        so="it is not read, so nothing of it is executed, and the study is not taken for a simulated one",
        holds=lambda study, _: not study.simulated,
    ),
]

FORM = [
    Choice(
        "Every label of the column is named as control",
        {"Target": "batch", "Control": ["b1", "b2", "b10"]},
        "No cell is perturbed: by obs['batch'], 240 cells are control and 0 are left out. …",
    ),
    Choice(
        "A matrix with NaN",
        {"Matrix": "layers/spoilt"},
        "layers/spoilt holds values that are NaN or infinite (…); expected counts or log-normalized values, …",
    ),
    Choice(
        "Controls that have no count",
        {"Target": "silent", "Control": ["no guide seen"]},
        "No control cell has any count (no guide seen). Choose other control labels.",
    ),
]

OPTIONS = [
    Choice(
        "A control label that is absent",
        {"--control": "nobody"},
        "No cell is labelled 'nobody', named as control, in obs['target_gene']. … Pass --control with the label of …",
    ),
    Choice("A column that is absent", {"--target-col": "nowhere"}, "obs has no column 'nowhere', named as target. …"),
    Choice("A matrix that is absent", {"--matrix": "layers/none"}, "The file has no matrix 'layers/none'; it has X, …"),
    Choice(
        "Size factors from a column of zeros",
        {"--size-factors": "obs:n_counts"},
        "obs['n_counts'] is not above 0 for 235 of 235 cells; size factors need each cell's total as a number …",
    ),
    Choice(
        "Size factors of no known recipe",
        {"--size-factors": "some"},
        "size factors are 'some'; expected all, no-dominant or obs:COLUMN. Pass --size-factors.",
    ),
]

LINKS = [
    Choice("A study that is not there", {"study": "nothing"}, "No study is called 'nothing'. Pick one of screen, …"),
    Choice("Markup for a study", {"study": MARKUP}, f"No study is called '{MARKUP}'. …"),
    Choice(
        "A target that is not there",
        {"target": "GENE33"},
        "No cells carry a guide against 'GENE33'. The study names 5 targets in obs['target_gene']. Did you mean …",
    ),
    Choice("Markup for a target", {"target": MARKUP}, f"No cells carry a guide against '{MARKUP}'. …"),
    Choice("A target of 10 kB", {"target": LONG}, "No cells carry a guide against 'GGGGG…'. …"),
    Choice(
        "A path with a NUL character", {"open": "a\0b.h5ad"}, "The path is empty or holds a character that no path …"
    ),
    Choice("A path of 10 kB", {"open": LONG}, OUTSIDE),
]


# ---------------------------------------------------------------------------------------------------- document

BEFORE = """# Bad input

What Perturbscope shows of a file, a choice or an address that is wrong or odd. Written from `tests/bad_inputs.py` by
`python -m tests.bad_inputs > docs/bad-input.md`; `tests/test_doors.py` opens every line through every door named.

The doors: **open a file** (a path chosen or typed), **upload**, **address** (`?open=`, `?study=`, `?target=`), the
**command line** (`python -m core build`), and **Correct the roles** on the Study page. `…` stands for what differs from
file to file. The command line reads whatever its user may read: the data folders bound the page alone. Whatever comes
in, nothing half-written stays in the data root and nothing in a file is executed; the command line ends with one line
`error: …` and exit code 1.
"""


def document() -> str:
    """docs/bad-input.md."""
    parts = [
        BEFORE,
        "## Refused\n\n" + _table(("Input", "Door", "What is shown"), _lines(REFUSED)),
        "## Odd, and opened all the same\n\n"
        + _table(("Input", "Door", "What is shown", "So"), [(*line, so) for line, so in _opened()]),
        "## Roles\n\n" + _table(("Choice", "Door", "What is shown"), _chosen()),
        "## Addresses\n\n" + _table(("Address", "What is shown"), [(c.name, _code(c.says)) for c in LINKS]),
    ]
    return "\n".join(parts)


def _lines(inputs: list[Input]) -> list[tuple[str, ...]]:
    """One line for each sentence of each input, with the doors that show it."""
    lines = []
    for given in inputs:
        for sentence in dict.fromkeys(given.says.values()):
            doors = [door for door in given.says if given.says[door] == sentence]
            lines.append((given.name, "every door" if len(doors) == len(DOORS) else ", ".join(doors), _code(sentence)))
    return lines


def _opened() -> list[tuple[tuple[str, ...], str]]:
    return [(line, given.so) for given in OPENED for line in _lines([given])]


def _chosen() -> list[tuple[str, ...]]:
    form = [(c.name, "Correct the roles", _code(c.says)) for c in FORM]
    return form + [(c.name, f"command line, `{next(iter(c.choose))}`", _code(c.says)) for c in OPTIONS]


def _code(sentence: str) -> str:
    return f"`{sentence}`"


def _table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    rows = [header, tuple("---" for _ in header), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(document(), end="")
