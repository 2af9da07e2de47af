"""Cells: the target, guide, batch and stratum of every cell, once the roles are known."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from core.data.gene_names import GeneIndex, ensembl_id, is_gene_name, is_gene_symbol, symbol_of_id
from core.data.labels import MULTIPLET, Labels, closest, counted, left_out_reason, most_frequent, read_labels, short
from core.data.subsets import cells_of_subset, subset_words
from core.errors import RolesError
from core.schema import CONTROL, LEFT_OUT, Roles

OUTSIDE = "outside the subset"
"""Why a cell is left out that does not belong to the subset that is looked at."""

NOT_NAMED = "not named"
"""The batch, or the stratum, of cells whose column is empty."""

GUIDE_SHARE = 0.6
"""A target column holds guides when this share of its labels becomes a gene's name once a guide's number is dropped."""

_COMBINATION = re.compile(r"(?<!_)\+(?!_)")  # but AAAS_+_53715438 is a guide on the plus strand

# STAT1g2, STAT1_g2, STAT1-sg1, STAT1_1, STAT1.guide2, sgSTAT1-2, p_sgSTAT1_2, CHMP3_P1P2_A, SPI1_pDS034,
# AAAS_+_53715438.23-P1P2, STAT1_A. Letters after a dash, and digits alone after a dot, stay: HLA-A, AC099489.1.
_GUIDE = re.compile(
    r"(?:p_)?(?:sgRNA[-_ ]|gRNA[-_ ]|sg(?=[A-Z]))?(?P<stem>.*?[A-Za-z0-9)])"
    r"(?:g\d+"
    r"|[-_ .]?sg(?:RNA)?[-_ ]?\d+"
    r"|[-_ .](?:g|gRNA|guide|sgRNA)[-_ ]?\d+"
    r"|[-_ ]\d{1,5}"
    r"|_[A-Ha-h]"
    r"|_P\d(?:P\d)?(?:_[A-Z])?"
    r"|_p[A-Z]{2,3}\d+"
    r"|_[-+]_\d+(?:\.\d+)?(?:[-_].*)?)"
)


@dataclass(frozen=True)
class Cells:
    """What every cell is, by codes.

    Parameters
    ----------
    n_cells
        Cells of the file, those left out among them.
    targets
        The perturbed genes and combinations, sorted.
    target
        int32, one a cell: a place in ``targets``, ``CONTROL`` or ``LEFT_OUT``.
    guides, guide
        The guides, sorted, and int32 places in them; -1 where a cell names none or is left out.
    batches, batch
        The batches in natural order (2 before 10) and int32 places in them; without a batch column no batches and
        all 0. Cells whose column is empty form the batch ``"not named"``.
    strata, stratum
        Likewise, the strata.
    left_out
        Cells left out by reason; reasons without cells are absent.
    guide_level_labels
        Whether the target column holds guides, so that targets are its labels without the guide's number.
    labels
        The target column's labels with their cells, most frequent first.
    notes
        What a reader should know, one sentence each.
    inside
        Whether a cell belongs to the subset that is looked at; None where all cells do. Those outside are left out,
        and targets, guides, batches and strata without a cell inside are not named.
    """

    n_cells: int
    targets: tuple[str, ...]
    target: np.ndarray
    guides: tuple[str, ...]
    guide: np.ndarray
    batches: tuple[str, ...]
    batch: np.ndarray
    strata: tuple[str, ...]
    stratum: np.ndarray
    left_out: dict[str, int]
    guide_level_labels: bool = False
    labels: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    inside: np.ndarray | None = None


def assign_cells(obs: pd.DataFrame, roles: Roles, names: "MeasuredNames | None" = None) -> Cells:
    """The target, guide, batch and stratum of every cell of ``obs``.

    ``A+control`` and ``control+A`` are the single target A; ``A+B`` and ``B+A`` are one target, under the name that
    more cells carry. Where the target column holds guides (``STAT1g2``), the target is the gene and, where no other
    column is the guide's, the guide is the label: the roles then name the target column as ``guide_col`` too.
    Without a guide role (None) labels are taken as they stand.

    Parameters
    ----------
    obs
        The cell table.
    roles
        Only the columns and the control labels are read.
    names
        The genes that the file measures. With them, targets given by Ensembl id go by the file's symbols, and names
        that only this file measures help to tell guides from genes.

    Raises
    ------
    RolesError
        If a column is absent, no cell is control, or none is perturbed; with a subset, if it names a label or column
        that is not there or no cell has all that it asks for.
    """
    labels = read_labels(obs_column(obs, roles.target_col, "target"))
    names = names or MeasuredNames()
    reading = _TargetReading(labels, roles, names)
    targets = tuple(sorted({name for name in reading.target_of_label if isinstance(name, str)}))
    place = {name: code for code, name in enumerate(targets)}
    codes = [place[name] if isinstance(name, str) else name for name in reading.target_of_label]
    target = np.array(codes, dtype=np.int32)[labels.codes] if codes else np.zeros(0, np.int32)
    _check_groups(target, labels, roles)
    guides, guide = _guides(obs, roles, target, labels)
    batches, batch = _groups(obs, roles.batch_col, "batch")
    strata, stratum = _groups(obs, roles.stratum_col, "stratum")
    most_first = sorted(zip(labels.names, labels.counts.tolist(), strict=True), key=lambda item: (-item[1], item[0]))
    cells = Cells(
        n_cells=len(obs),
        targets=targets,
        target=target,
        guides=guides,
        guide=guide,
        batches=batches,
        batch=batch,
        strata=strata,
        stratum=stratum,
        left_out=reading.left_out,
        guide_level_labels=reading.guide_level,
        labels=dict(most_first),
        notes=(*reading.notes, *_empty_notes(roles, (batches, batch), (strata, stratum))),
    )
    return _within_subset(cells, obs, roles, reading, labels) if roles.subset else cells


def _within_subset(cells: Cells, obs: pd.DataFrame, roles: Roles, reading: "_TargetReading", labels: Labels) -> Cells:
    """The same cells with those outside the subset left out, read as they are in the whole file."""
    inside = cells_of_subset(obs, roles.subset)
    target = np.where(inside, cells.target, LEFT_OUT).astype(np.int32)
    _check_subset(target, roles)
    targets, target = _used(cells.targets, target, inside)
    guides, guide = _used(cells.guides, np.where(inside, cells.guide, -1), inside)
    batches, batch = _used(cells.batches, cells.batch, inside)
    strata, stratum = _used(cells.strata, cells.stratum, inside)
    left_out = reading.cells_left_out(np.bincount(labels.codes[inside], minlength=len(labels.names)))
    return replace(
        cells, targets=targets, target=target, guides=guides, guide=guide, batches=batches, batch=batch, strata=strata,
        stratum=stratum, left_out=left_out | {OUTSIDE: int((~inside).sum())}, inside=inside,
    )  # fmt: skip


def _used(names: tuple[str, ...], codes: np.ndarray, inside: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The names that a cell inside carries, and codes of them; a code that names none stays, or is 0 outside."""
    if not names:
        return names, codes
    used = np.zeros(len(names), bool)
    used[codes[inside & (codes >= 0)]] = True
    place = np.where(used, np.cumsum(used) - 1, 0)
    recoded = np.where(codes >= 0, place[np.maximum(codes, 0)], codes)
    return tuple(name for name, is_used in zip(names, used, strict=True) if is_used), recoded.astype(np.int32)


def _check_subset(target: np.ndarray, roles: Roles) -> None:
    words = subset_words(roles.subset)
    n_control, n_perturbed = int((target == CONTROL).sum()), int((target >= 0).sum())
    if not n_control:
        raise RolesError(
            f"The subset {words} holds {counted(n_perturbed, 'perturbed cell')} and no control "
            f"({', '.join(short(label) for label in roles.control[:3])}): there is nothing to compare with. "
            "Add labels of which some cells are controls."
        )
    if not n_perturbed:
        raise RolesError(
            f"The subset {words} holds {counted(n_control, 'control cell')} and no perturbed one: there is nothing to "
            "compare. Add labels."
        )


def obs_column(obs: pd.DataFrame, name: str, role: str) -> pd.Series:
    """The column of obs; a RolesError that names the closest columns where it is absent."""
    if name not in obs.columns:
        columns = [str(column) for column in obs.columns]
        raise RolesError(
            f"obs has no column {short(name)!r}, named as {role}. {closest(name, columns)} "
            f"Pass --{role}-col with the name of a column that is there."
        )
    column = obs[name]
    return column.iloc[:, 0] if isinstance(column, pd.DataFrame) else column  # two columns of one name


def combination(label: str) -> list[str]:
    """The parts of ``A+B``; the whole label where it is none (``CD4+``)."""
    parts = [part.strip() for part in _COMBINATION.split(label)]
    return parts if all(parts) else [label]


class MeasuredNames:
    """Which names are genes: those that the file measures, and those of the table of human genes."""

    def __init__(self, genes: GeneIndex | None = None) -> None:
        self._measured: set[str] = set()
        self._symbol_of_id: dict[str, str] = {}
        if genes is not None:
            self._measured = {symbol.upper() for symbol in genes.symbols}
            ids = ((ensembl_id(gene_id), symbol) for gene_id, symbol in zip(genes.ids, genes.symbols, strict=True))
            self._symbol_of_id = {gene_id: symbol for gene_id, symbol in ids if gene_id}

    def measures(self, name: str) -> bool:
        """Whether the file measures a gene of this name or Ensembl id."""
        return name.upper() in self._measured or ensembl_id(name) in self._symbol_of_id

    def is_symbol(self, name: str) -> bool:
        """Whether the name as it stands is a gene's, so that nothing may be cut off (``NKX2-1``, ``H1-2``)."""
        return self.measures(name) or is_gene_symbol(name) or ensembl_id(name) is not None

    def is_gene(self, name: str) -> bool:
        """Whether the name is a gene's, an alias counting too."""
        return self.measures(name) or is_gene_name(name)

    def symbol(self, name: str) -> str:
        """The symbol of an Ensembl id, the file's own before the table's; any other name as it is."""
        gene_id = ensembl_id(name)
        if gene_id is None:
            return name
        return self._symbol_of_id.get(gene_id) or symbol_of_id(gene_id) or name


def without_guide(label: str) -> str | None:
    """The label without a guide's number, letter or place; None where it ends in no such thing.

    Examples
    --------
    >>> [without_guide(x) for x in ("STAT1g2", "sgSTAT1-2", "NKX2-1_3", "CHMP3_P1P2_A", "AC099489.1", "HLA-A")]
    ['STAT1', 'STAT1', 'NKX2-1', 'CHMP3', None, None]
    """
    match = _GUIDE.fullmatch(label) if len(label) <= 200 else None
    return match["stem"] if match else None


def guide_pieces(label: str) -> list[str]:
    """The guides of a label: two where a pair is joined by ``|``."""
    return [piece.strip() for piece in label.split("|")]


def holds_guides(labels: Sequence[str], names: MeasuredNames) -> bool:
    """Whether most of these labels are guides of genes rather than genes.

    Parameters
    ----------
    labels
        Different labels of a column, without those of controls and of cells left out.
    names
        What is known to be a gene.
    """
    guides: dict[str, set[str]] = defaultdict(set)
    for label in labels:
        piece = guide_pieces(label)[0]
        gene = None if names.is_symbol(piece) else without_guide(piece)
        if gene and names.is_gene(gene):
            guides[gene].add(label)
    n_guides = sum(len(of_gene) for of_gene in guides.values())
    n_several = sum(len(of_gene) > 1 for of_gene in guides.values())
    return len(guides) > 0 and n_guides >= GUIDE_SHARE * len(labels) and 3 * n_several >= len(guides)


class _TargetReading:
    """What every label of the target column means: a target's name, CONTROL or LEFT_OUT."""

    def __init__(self, labels: Labels, roles: Roles, names: MeasuredNames) -> None:
        self.notes: list[str] = []
        self._reasons: list[str] = []
        self._pairs_of_targets: list[tuple[str, int]] = []
        self._names = names
        self._controls = frozenset(roles.control)
        self._control_parts = self._controls | {p for c in self._controls for p in (*guide_pieces(c), *combination(c))}
        plain = [name for name in labels.names if name not in self._controls and left_out_reason(name) is None]
        forced = roles.guide_col == roles.target_col
        self.guide_level = forced or (roles.guide_col is not None and holds_guides(plain, names))
        self._shared_stems = self._stems(plain) if self.guide_level else Counter()
        self.target_of_label: list[str | int] = []
        for name, count in zip(labels.names, labels.counts.tolist(), strict=True):
            self.target_of_label.append(self._meaning(name, count))
        self.left_out = self.cells_left_out(labels.counts)
        self._merge_orders(labels)
        if self._pairs_of_targets:
            n_cells = sum(n for label, n in self._pairs_of_targets)
            self.notes.append(
                f"{counted(n_cells, 'cell')} with guides against different genes, such as "
                f"{short(self._pairs_of_targets[0][0])}, left out as multiplets."
            )

    def _meaning(self, label: str, n_cells: int) -> str | int:
        if label in self._controls:
            self._reasons.append("")
            return CONTROL
        reason = left_out_reason(label)
        meaning = "" if reason else self._target(label)
        if meaning == MULTIPLET:
            reason = MULTIPLET
            self._pairs_of_targets.append((label, n_cells))
        self._reasons.append(reason or "")
        if reason:
            return LEFT_OUT
        return meaning or CONTROL

    def cells_left_out(self, counts: np.ndarray) -> dict[str, int]:
        """Cells left out by reason, where so many cells carry each label."""
        found: Counter[str] = Counter()
        for reason, n_cells in zip(self._reasons, counts.tolist(), strict=True):
            if reason and n_cells:
                found[reason] += n_cells
        return dict(found)

    def _target(self, label: str) -> str:
        """The target of a label, "" for control, MULTIPLET where two guides of a cell hit different genes."""
        if not self.guide_level:
            parts = [part for part in combination(label) if part not in self._control_parts]
            if all(piece in self._control_parts for piece in guide_pieces(label)):
                return ""
            return "+".join(self._names.symbol(part) for part in parts)
        found = {self._gene_of_guide(piece) for piece in guide_pieces(label)}
        return found.pop() if len(found) == 1 else MULTIPLET

    def _gene_of_guide(self, piece: str) -> str:
        stems = [self._stem(part) for part in combination(piece) if part not in self._control_parts]
        return "+".join(self._names.symbol(stem) for stem in stems if stem not in self._control_parts)

    def _stem(self, part: str) -> str:
        """The gene of a guide; a name of no known gene is cut only where several guides share what is left."""
        if self._names.is_symbol(part):
            return part
        stem = without_guide(part)
        return stem if stem and (self._names.is_gene(stem) or self._shared_stems[stem] > 1) else part

    def _stems(self, labels: Sequence[str]) -> Counter[str]:
        pieces = {part for label in labels for piece in guide_pieces(label) for part in combination(piece)}
        return Counter(stem for piece in pieces if (stem := without_guide(piece)))

    def _merge_orders(self, labels: Labels) -> None:
        """``A+B`` and ``B+A`` become the one that more cells carry, the first in the alphabet where they draw."""
        cells: Counter[str] = Counter()
        for name, count in zip(self.target_of_label, labels.counts.tolist(), strict=True):
            if isinstance(name, str) and "+" in name:
                cells[name] += count
        orders: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name in cells:
            orders[tuple(sorted(combination(name)))].append(name)
        chosen: dict[str, str] = {}
        for same in orders.values():
            same.sort(key=lambda name: (-cells[name], name))
            chosen |= dict.fromkeys(same[1:], same[0])
        if chosen:
            other, kept = next(iter(chosen.items()))
            self.notes.append(
                f"{counted(len(chosen), 'combination')} named in two orders: each is one target, under the name that "
                f"more cells carry ({short(other)} is read as {short(kept)})."
            )
            self.target_of_label = [chosen.get(t, t) if isinstance(t, str) else t for t in self.target_of_label]


def _check_groups(target: np.ndarray, labels: Labels, roles: Roles) -> None:
    """Both sides of the comparison must have cells."""
    column = f"obs[{roles.target_col!r}]"
    if not (target == CONTROL).any():
        wanted = ", ".join(repr(short(label)) for label in roles.control) or "(none given)"
        hint = closest(roles.control[0], labels.names, suggest=False) if roles.control else ""
        raise RolesError(
            f"No cell is control: {column} never says {wanted}. {hint}Its most frequent labels "
            f"are {most_frequent(labels)}. Pass --control with the label of the control cells."
        )
    if not (target >= 0).any():
        n_control, n_left_out = int((target == CONTROL).sum()), int((target == LEFT_OUT).sum())
        raise RolesError(
            f"No cell is perturbed: by {column}, {n_control:,} cells are control and {n_left_out:,} are left out. "
            "A target needs at least one cell; check --target-col and --control."
        )


def _guides(
    obs: pd.DataFrame, roles: Roles, target: np.ndarray, target_labels: Labels
) -> tuple[tuple[str, ...], np.ndarray]:
    """The guides of cells that are not left out; -1 where a cell names none."""
    if roles.guide_col is None:
        return (), np.full(len(obs), -1, np.int32)
    same = roles.guide_col == roles.target_col
    labels = target_labels if same else read_labels(obs_column(obs, roles.guide_col, "guide"))
    named = [name in roles.control or left_out_reason(name) is None for name in labels.names]
    kept = target != LEFT_OUT
    used = np.bincount(labels.codes[kept], minlength=len(labels.names)) > 0
    guides = sorted(
        name for name, is_used, is_named in zip(labels.names, used, named, strict=True) if is_used and is_named
    )
    place = {name: code for code, name in enumerate(guides)}
    recode = np.array([*(place.get(name, -1) for name in labels.names), -1], dtype=np.int32)
    return tuple(guides), np.where(kept, recode[labels.codes], -1).astype(np.int32)


def _groups(obs: pd.DataFrame, column: str | None, role: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The values of a batch or stratum column in natural order and each cell's; all 0 without a column."""
    if column is None:
        return (), np.zeros(len(obs), np.int32)
    labels = read_labels(obs_column(obs, column, role))
    names = [name or NOT_NAMED for name in labels.names]
    groups = sorted(set(names), key=_natural)
    place = {name: code for code, name in enumerate(groups)}
    recode = np.array([place[name] for name in names] or [0], dtype=np.int32)
    return tuple(groups), recode[labels.codes]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts ``lane2`` before ``lane10``, and cells without a name last."""
    parts = re.split(r"(\d{1,15})", name[:200])
    key = [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts if part]
    return [(2, 0, ""), *key] if name == NOT_NAMED else [*key, (1, 0, name)]


def _empty_notes(
    roles: Roles, batches: tuple[tuple[str, ...], np.ndarray], strata: tuple[tuple[str, ...], np.ndarray]
) -> list[str]:
    notes = []
    for role, column, (names, codes) in (("batch", roles.batch_col, batches), ("stratum", roles.stratum_col, strata)):
        if NOT_NAMED in names:
            n_empty = int((codes == names.index(NOT_NAMED)).sum())
            notes.append(f"{counted(n_empty, 'cell')} without a {role} in obs[{column!r}]: the {role} {NOT_NAMED!r}.")
    return notes
