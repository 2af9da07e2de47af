"""Subsets: some cells of a file, by the labels of obs columns; how they are written in an address and a command."""

from collections.abc import Iterable, Sequence
from urllib.parse import unquote

import numpy as np
import pandas as pd

from core.data.labels import closest, read_labels, short
from core.errors import RolesError
from core.schema import Subset

_MARKS = "%:;,="
"""Characters with a meaning in the text of a subset; in a label they stand as %25, %3A and so on."""

MOST_LABELS_SAID = 4


def subset_of(pairs: Iterable[tuple[str, Iterable[str]]]) -> Subset:
    """The subset that asks for these labels, in the one order that names it; a column may come twice.

    Examples
    --------
    >>> subset_of([("batch", ["2", "1"]), ("batch", ["1"])])
    (('batch', ('1', '2')),)
    """
    asked: dict[str, set[str]] = {}
    for column, labels in pairs:
        asked.setdefault(str(column), set()).update(str(label).strip() for label in labels)
    return tuple((column, tuple(sorted(asked[column]))) for column in sorted(asked) if asked[column])


def subset_text(subset: Subset) -> str:
    """The subset as an address has it: ``batch:1,2;cell_type:H1``.

    Examples
    --------
    >>> subset_text((("cell type", ("CD4+; naive", "H1")),))
    'cell type:CD4+%3B naive,H1'
    """
    return ";".join(f"{_escaped(column)}:{','.join(map(_escaped, labels))}" for column, labels in subset)


def subset_from_text(text: str) -> Subset:
    """The subset out of :func:`subset_text`'s result.

    Raises
    ------
    RolesError
        If the text is no subset.
    """
    return _parsed([part for part in text.split(";") if part], ":", "a subset", "COLUMN:LABEL[,LABEL]")


def subset_options(subset: Subset) -> list[str]:
    """The subset as the values of the command line's ``--subset``, one a column."""
    return [f"{_escaped(column)}={','.join(map(_escaped, labels))}" for column, labels in subset]


def subset_from_options(options: Sequence[str]) -> Subset:
    """The subset out of the values of ``--subset``: ``COLUMN=LABEL[,LABEL]``.

    Raises
    ------
    RolesError
        If one reads otherwise.
    """
    return _parsed(options, "=", "--subset", "COLUMN=LABEL[,LABEL]")


def _parsed(parts: Sequence[str], mark: str, what: str, form: str) -> Subset:
    pairs = []
    for part in parts:
        column, found, labels = part.partition(mark)
        if not (column and found):
            raise RolesError(
                f"{what} reads {short(part)!r}; expected {form}, such as cell_type{mark}H1. In a name, write "
                f"{', '.join(f'%{ord(mark):02X} for {mark}' for mark in ',;:=')}."
            )
        pairs.append((unquote(column), [unquote(label) for label in labels.split(",")]))
    return subset_of(pairs)


def _escaped(name: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in _MARKS else c for c in name)


def subset_words(subset: Subset) -> str:
    """The subset in words, plain: ``batch 1 or 2, cell_type H1``; "" for all cells."""
    return ", ".join(f"{short(column)} {_labels_words(labels)}" for column, labels in subset)


def _labels_words(labels: Sequence[str]) -> str:
    said = [short(label) or "(empty)" for label in labels]
    if len(said) > MOST_LABELS_SAID:
        said = [*said[: MOST_LABELS_SAID - 1], f"{len(said) - MOST_LABELS_SAID + 1} more"]
    return " or ".join(said)


def cells_of_subset(obs: pd.DataFrame, subset: Subset) -> np.ndarray:
    """Whether each cell carries one of the labels in every column that the subset names.

    Labels are compared as text without white space around it, as :func:`core.data.labels.read_labels` reads them; an
    empty entry is the label "".

    Raises
    ------
    RolesError
        If a column or label is not there, or no cell has all that is asked for.
    """
    inside = np.ones(len(obs), bool)
    for column, wanted in subset:
        if column not in obs.columns:
            columns = [str(name) for name in obs.columns]
            raise RolesError(f"obs has no column {short(column)!r} to take a subset by. {closest(column, columns)}")
        found = obs[column]
        labels = read_labels(found.iloc[:, 0] if isinstance(found, pd.DataFrame) else found)
        absent = [label for label in wanted if label not in labels.names]
        if absent:
            raise RolesError(
                f"obs[{column!r}] never says {short(absent[0])!r}, as the subset does. "
                f"{closest(absent[0], labels.names)}"
            )
        codes = [labels.names.index(label) for label in wanted]
        inside &= np.isin(labels.codes, codes)
    if not inside.any():
        raise RolesError(f"No cell belongs to the subset {subset_words(subset)}. Choose labels that go together.")
    return inside
