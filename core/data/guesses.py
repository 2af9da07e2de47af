"""Guesses: the column of obs that plays each part, from its name and from what stands in it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from core.data.cells import holds_guides, obs_column, without_guide
from core.data.columns import (
    BATCH_NAMES,
    CELL_TYPE_NAMES,
    CONDITION_NAMES,
    GUIDE_NAMES,
    LOOSE_GUIDE_NAMES,
    Columns,
    TargetEvidence,
)
from core.data.gene_names import mostly_ensembl, symbol_columns
from core.data.labels import (
    DOUBTFUL,
    Labels,
    closest,
    control_certainty,
    counted,
    left_out_reason,
    most_frequent,
    short,
    texts,
)
from core.errors import RolesError

NONE = "none"
MAX_STRATA = 50
"""Columns with more values than this are no cell types or conditions."""


def choose_target(columns: Columns, given: Mapping[str, object], notes: Sequence[str] = ()) -> str:
    """The column whose name, gene names and control label speak loudest for it; ``notes`` say what was left out."""
    if "target_col" in given:
        name = str(given["target_col"])
        obs_column(columns.obs, name, "target")
        return name
    wanted = given.get("control", ())
    assert isinstance(wanted, tuple)
    evidence = [columns.target_evidence(name) for name in columns.names if not columns.is_measurement(name)]
    possible = sorted((e for e in evidence if e.could_be_target), key=lambda e: -e.score)
    with_control = [e for e in possible if e.holds_control(wanted)]
    if wanted and not with_control:  # the label itself is the best evidence there is
        with_control = sorted(
            (e for e in evidence if e.is_grouping and e.holds_control(wanted)), key=lambda e: -e.score
        )
    named_genes = [e for e in possible if e.exact and e.gene_share >= 0.5]
    if with_control and not (named_genes and with_control[0].gene_share < 0.1 and named_genes[0] not in with_control):
        return with_control[0].name
    if named_genes or possible:
        return (named_genes or possible)[0].name  # choosing its control will say what is missing
    raise RolesError(_no_target(columns, [note for note in notes if note.startswith("obs[")]))


def _no_target(columns: Columns, left_out: Sequence[str]) -> str:
    looked = []
    for name in columns.names[:12]:
        n = 0 if columns.is_measurement(name) else len(columns.labels(name).names)
        looked.append(f"{short(name)} ({'numbers' if columns.is_numeric(name) else counted(n, 'label')})")
    seen = f"looked at {', '.join(looked)}{', ...' if len(columns.names) > 12 else ''}"
    if not looked:
        seen = "obs has no columns that can be read" if left_out else "obs has no columns"
    return " ".join(
        [
            f"No column of obs could be a target: {seen}.",
            *left_out[:2],
            "Expected one that names the perturbed gene of each cell and has a label for controls, such as target_gene "
            "with non-targeting. Pass --target-col and --control, or add the column.",
        ]
    )


def choose_control(columns: Columns, target_col: str, given: Mapping[str, object]) -> tuple[tuple[str, ...], list[str]]:
    """Every label of the surest kind that means control; notes on those that may mean it too.

    ``negative`` is control only where no other label is: beside one it is a cell in which no guide was found.
    """
    wanted, evidence = given.get("control"), columns.target_evidence(target_col)
    if isinstance(wanted, tuple):
        return _with_guide_numbers(target_col, wanted, evidence.labels)
    if not evidence.controls:
        raise RolesError(
            f"obs[{target_col!r}] has {len(evidence.labels.names):,} labels, none of which reads like a control; the "
            f"most frequent are {most_frequent(evidence.labels)}. Expected one such as non-targeting, NT, ctrl or "
            "control. Pass --control with the label of the control cells, or --target-col with another column."
        )
    cells = dict(zip(evidence.labels.names, evidence.labels.counts.tolist(), strict=True))
    controls = tuple(sorted(evidence.controls, key=lambda label: (-cells[label], label)))
    return controls, _doubts(evidence, cells, controls)


def _with_guide_numbers(target_col: str, wanted: tuple[str, ...], labels: Labels) -> tuple[tuple[str, ...], list[str]]:
    """Control labels as told; one that no cell carries stands for its guides (NT for NTg1, NTg2), if there are any."""
    controls, notes = [], []
    for label in wanted:
        guides = [name for name in labels.names if without_guide(name) == label]
        if label in labels.names:
            controls.append(label)
        elif guides:
            controls += guides
            notes.append(
                f"Control {short(label)} is read as its {counted(len(guides), 'guide')}, such as {short(guides[0])}."
            )
        else:
            raise RolesError(
                f"No cell is labelled {short(label)!r}, named as control, in obs[{target_col!r}]. "
                f"{closest(label, labels.names, suggest=False)}The most frequent labels are {most_frequent(labels)}. "
                "Pass --control with the label of the control cells."
            )
    return tuple(controls), notes


def _doubts(evidence: TargetEvidence, cells: Mapping[str, int], controls: tuple[str, ...]) -> list[str]:
    """What a reader should know about labels that may or may not mean control."""
    notes = []
    if evidence.certainty == DOUBTFUL:
        notes.append(
            f"{short(controls[0])} is read as control because no other label is one; if it means cells in which no "
            "guide was found, name the control."
        )
    maybe = [label for label in cells if label not in controls and control_certainty(label)]
    unguided = [label for label in maybe if left_out_reason(label)]
    if unguided:
        n_cells = sum(cells[label] for label in unguided)
        notes.append(
            f"{counted(n_cells, 'cell')} labelled {', '.join(short(x) for x in unguided[:3])} left out, as if no guide "
            "was found; name the label as control if it means a negative control."
        )
    also = [short(label) for label in maybe if label not in unguided]
    if also:
        notes.append(f"{', '.join(also[:5])} may mean control too; kept as targets unless named as control.")
    return notes


def _given_column(columns: Columns, field: str, given: Mapping[str, object]) -> tuple[bool, str | None]:
    """Whether the user decided, and what."""
    if field not in given:
        return False, None
    if _no_role(columns, given[field]):
        return True, None
    name = str(given[field])
    obs_column(columns.obs, name, field.removesuffix("_col"))
    return True, name


def choose_guide(
    columns: Columns, target_col: str, control: tuple[str, ...], given: Mapping[str, object]
) -> str | None:
    """The guide column; the target column itself where it holds guides; None where guides are not told apart."""
    decided, name = _given_column(columns, "guide_col", given)
    if decided:
        return name
    possible = guide_columns(columns, target_col)
    if possible:
        return possible[0]
    labels = columns.labels(target_col).names
    plain = [label for label in labels if label not in control and left_out_reason(label) is None]
    return target_col if holds_guides(plain, columns.genes) else None


def guide_columns(columns: Columns, target_col: str) -> list[str]:
    """Columns that name guides: those that divide targets further first; loosely named ones only if they do."""
    n_cells = len(columns.obs)
    strict = [n for n in columns.named(GUIDE_NAMES) if n != target_col and not columns.is_measurement(n)]
    loose = [n for n in columns.named(LOOSE_GUIDE_NAMES) if n != target_col and not columns.is_measurement(n)]
    divides = [n for n in strict + loose if _divides_targets(columns, n, target_col)]
    found = [
        *(n for n in strict if n in divides),
        *(n for n in loose if n in divides),
        *(n for n in strict if n not in divides),
    ]
    return [n for n in found if 2 <= len(columns.labels(n).names) <= max(20, n_cells / 2)]


def _divides_targets(columns: Columns, name: str, target_col: str) -> bool:
    """Whether nine in ten labels belong to one target each, and there are more of them than targets."""
    guides, targets = columns.labels(name), columns.labels(target_col)
    n_targets = max(1, len(targets.names))
    pairs = np.unique(guides.codes.astype(np.int64) * n_targets + targets.codes)
    targets_of_guide = np.bincount(pairs // n_targets, minlength=len(guides.names))
    return len(guides.names) > len(targets.names) and bool((targets_of_guide == 1).mean() >= 0.9)


def choose_batch(columns: Columns, target_col: str, guide_col: str | None, given: Mapping[str, object]) -> str | None:
    """The likeliest column of several batches, else one that names a single batch, else None."""
    decided, name = _given_column(columns, "batch_col", given)
    if decided:
        return name
    possible = batch_columns(columns, target_col, guide_col)
    several = [n for n in possible if len(columns.labels(n).names) > 1]
    return next(iter(several or possible), None)


def batch_columns(columns: Columns, target_col: str, guide_col: str | None) -> list[str]:
    """Columns that name batches; not those in which each batch holds a single target."""
    most = max(10, len(columns.obs) / 2)
    found = [
        n for n in columns.named(BATCH_NAMES) if n not in (target_col, guide_col) and not columns.is_measurement(n)
    ]
    found = [n for n in found if len(columns.labels(n).names) <= most and any(columns.labels(n).names)]
    return [n for n in found if len(columns.labels(n).names) == 1 or not columns.determines(n, target_col)]


def choose_stratum(
    columns: Columns, target_col: str, guide_col: str | None, given: Mapping[str, object]
) -> tuple[str | None, list[str]]:
    """The cell type where several are named, else the condition, else a cell type that all cells share.

    Where both vary the cell type comes first: an effect is a cell type's, and cell sets are drawn within it. The note
    names the condition, which "Correct the roles" can choose instead.
    """
    decided, name = _given_column(columns, "stratum_col", given)
    if decided:
        return name, []
    types, conditions = stratum_columns(columns, target_col, guide_col)
    several = [n for n in types if len(columns.labels(n).names) > 1]
    varying = [n for n in conditions if len(columns.labels(n).names) > 1]
    if several and varying and not columns.same_groups(several[0], varying[0]):
        note = f"Effects are compared within {several[0]}; {varying[0]} varies too."
        return several[0], [note]
    return next(iter(several or varying or types), None), []


def stratum_columns(columns: Columns, target_col: str, guide_col: str | None) -> tuple[list[str], list[str]]:
    """Columns of cell types and of conditions; what follows from the target alone is no stratum."""

    def possible(conventions: tuple[str, ...]) -> list[str]:
        found = [
            n for n in columns.named(conventions) if n not in (target_col, guide_col) and not columns.is_measurement(n)
        ]
        found = [n for n in found if len(columns.labels(n).names) <= MAX_STRATA and any(columns.labels(n).names)]
        return [n for n in found if len(columns.labels(n).names) == 1 or not columns.determines(target_col, n)]

    return possible(CELL_TYPE_NAMES), possible(CONDITION_NAMES)


def choose_symbols(var: pd.DataFrame, given: Mapping[str, object]) -> str | None:
    """None for an index of symbols; the likeliest symbol column where the index holds ids or bare numbers."""
    if "symbol_col" in given:
        name = str(given["symbol_col"])
        if name in var.columns:
            return name
        if name.lower() in ("index", NONE):
            return None
        columns = [str(column) for column in var.columns]
        hint = closest(name, columns) if columns else "var has none at all."
        raise RolesError(f"var has no column {short(name)!r} of gene symbols. {hint} Name one that is there, or index.")
    index = texts(pd.Series(var.index))
    if mostly_ensembl(index) or all(name.isdigit() or not name for name in index):
        return next(iter(symbol_columns(var)), None)
    return None


def _no_role(columns: Columns, name: object) -> bool:
    return name is None or name == "" or (str(name).lower() == NONE and name not in columns.names)
