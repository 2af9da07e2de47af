"""Labels: what the words in a column of obs mean, whatever type the column has."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

NO_LABEL, UNASSIGNED, MULTIPLET, AMBIGUOUS = "no label", "unassigned", "multiplet", "ambiguous"
"""Why a cell is left out."""

_LEFT_OUT = {
    NO_LABEL: {"", "nan", "na", "n/a", "none", "null", "nil", "<na>", "nat", "-", "--", ".", "?", "#n/a"},
    UNASSIGNED: {
        *("unassigned", "unknown", "undetermined", "undefined", "unmapped", "unlabeled", "unlabelled", "notassigned"),
        *("noguide", "nosgrna", "nogrna", "noguideassigned", "noassignment", "nocall", "nofeature", "nofeaturecall"),
        *("nofeaturescall", "nobarcode", "nosgrnaassigned", "noperturbation", "uncalled", "negative", "neg", "blank"),
        *("empty", "missing", "failed", "lowquality", "unclassified", "unassignable"),
    },
    MULTIPLET: {
        *("multiplet", "multiplets", "doublet", "doublets", "multi", "multiple", "multipleguides", "multiguide"),
        *("multiplesgrnas", "multiplesgrna", "multipleperturbations", "multifeature", "multiplefeatures", "triplet"),
        *("multipleassignments", "multipleassigned", "multiplegrnas", "collision"),
    },
    AMBIGUOUS: {"ambiguous", "ambig", "conflict", "conflicting", "mixed", "unsure", "uncertain"},
}
_REASONS = {word: reason for reason, words in _LEFT_OUT.items() for word in words}

CERTAIN, LIKELY, DOUBTFUL = 3, 2, 1
"""How surely a label means control."""

_GUIDE_NUMBER = r"""
    (?: [-_ .]* (?: g | sg | grna | sgrna | guide | human | mouse | hs | mm | control | ctrl )?
        [-_ .]* \d+ (?: [-_.] [a-z0-9]{1,4} )? )?"""
_CERTAIN = re.compile(
    r"""(?: p[-_] )? (?: sgrna | grna | sg )? [-_ .]*
    (?: (?: non | no | not ) [-_ .]* target (?: ing | ed | s )?
            (?: [-_ .]* (?: controls? | ctrls? | guides? | grnas? | sgrnas? | for | human | mouse ) )*
      | ntcs? | nt | nt [-_ .]* (?: ctrl | control | sgrna | grna )
      | neg (?: ative )? [-_ .]* (?: ctrl | control | cntrl | con ) s?
      | controls? | ctrls? | control [-_ .]* (?: guide | grna | sgrna | cell ) s?
      | safe (?: [-_ .]* (?: target (?: ing | ed )? | harbou?r | cutting | cutter ) )?
      | scr (?! g\d ) | scrambled? | scrmbl
      | (?: one [-_ .] )? non? [-_ .]* (?: gene [-_ .] )? site
      | unperturbed | not [-_ .]* perturbed
    )"""
    + _GUIDE_NUMBER,
    re.IGNORECASE | re.VERBOSE,
)
_LIKELY = re.compile(
    r"""(?: sgrna | grna | sg )? [-_ .]*
    (?: luciferase | luc | fluc | vehicle (?: [-_ .] control )? | dmso | pbs | mock | untreated | wt | wild [-_ ]* type
      | e?gfp | lac [-_ ]? z | rfp | mcherry | aavs1 | rosa26 | ccr5 [-_ ]? safe | intergenic | non [-_ .]* genic
      | empty [-_ .]* vector | ev | parental | uninfected | untransduced | unstimulated | baseline | reference
    ) (?: [-_ .]+ (?: g | sg )? \d+ | [-_ .]? g \d+ )?""",
    re.IGNORECASE | re.VERBOSE,
)
_DOUBTFUL = {"negative", "neg", "none", "noguide", "nogrna", "nosgrna", "noperturbation"}


@dataclass(frozen=True)
class Labels:
    """A column of obs as text.

    Parameters
    ----------
    names
        The different labels that at least one cell carries, in order of first use by the column's own order
        (categories keep theirs); white space around a label is dropped, so ``"A "`` and ``"A"`` are one.
    codes
        int32, one a cell: a place in ``names``; an empty label (NaN, None) is the label "".
    counts
        Cells of each label.
    """

    names: list[str]
    codes: np.ndarray
    counts: np.ndarray


def read_labels(column: pd.Series) -> Labels:
    """The column's labels as text, whether categories, strings, bytes, numbers or booleans; unused ones dropped."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        raw, codes = list(column.cat.categories), column.cat.codes.to_numpy().astype(np.int64)
    else:
        codes, values = pd.factorize(column, use_na_sentinel=True)
        raw = list(values)
    clean = np.array([-1] * len(raw), dtype=np.int64)
    names: dict[str, int] = {}
    counts = np.bincount(codes + 1, minlength=len(raw) + 1)
    for place in np.flatnonzero(counts[1:]):
        clean[place] = names.setdefault(text(raw[place]), len(names))
    if counts[0]:
        missing = names.setdefault("", len(names))
        clean = np.append(clean, missing)  # code -1 takes the last place
    final = clean[codes].astype(np.int32) if len(codes) else np.zeros(0, np.int32)
    return Labels(list(names), final, np.bincount(final, minlength=len(names)))


def texts(column: pd.Series) -> list[str]:
    """Every entry of a column as :func:`text`, a missing one as ""."""
    labels = read_labels(column)
    return [labels.names[code] for code in labels.codes]


def text(value: Any) -> str:
    """One entry of a table as text without white space around it: bytes are decoded, 1.0 is "1", NaN is ""."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else str(int(value)) if float(value).is_integer() else str(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    return str(value).strip()


def control_certainty(label: str) -> int:
    """How surely a label means control: CERTAIN, LIKELY, DOUBTFUL or 0.

    CERTAIN are the words for "a guide that cuts nothing" and "control", with or without the number of a guide
    (``non-targeting_00021``, ``NT-1``, ``NTg3``). LIKELY are words that name a control where no other label does
    (``luciferase``, ``DMSO``, ``WT``). DOUBTFUL is ``negative``, which also means a cell without a hashtag, and
    its like. A pair joined by ``|`` or ``+`` is as certain as its less certain half.

    Examples
    --------
    >>> [control_certainty(x) for x in ("non-targeting_00021|non-targeting_03430", "WT", "negative", "NTRK1", "WT1")]
    [3, 2, 1, 0, 0]
    """
    if len(label) > 200:  # no control is called like that, and a pattern need not walk through 10 kB
        return 0
    return min((_part_certainty(part.strip()) for part in re.split(r"[|+]", label)), default=0)


def _part_certainty(part: str) -> int:
    if _CERTAIN.fullmatch(part):
        return CERTAIN
    if _LIKELY.fullmatch(part):
        return LIKELY
    return DOUBTFUL if _letters(part) in _DOUBTFUL else 0


def left_out_reason(label: str) -> str | None:
    """Why a cell with this label is neither perturbed nor control; None where the label could be a target.

    ``negative`` alone is read as "no guide found" (as in cell hashing) and left out, unless it is named as control.
    """
    if len(label) > 60:
        return None
    return _REASONS.get(label.lower()) or _REASONS.get(_letters(label)) if label else NO_LABEL


def _letters(label: str) -> str:
    return re.sub(r"[-_ .()/]+", "", label.lower())


def short(label: str, width: int = 40) -> str:
    """The label cut to ``width`` characters, for a sentence."""
    return label if len(label) <= width else f"{label[: width - 1]}…"


def most_frequent(labels: Labels, n: int = 5) -> str:
    """The ``n`` most frequent labels with their cells, for a sentence."""
    order = sorted(zip(labels.counts.tolist(), labels.names, strict=True), key=lambda item: (-item[0], item[1]))
    return ", ".join(f"{short(name) or 'no label'} ({counted(count, 'cell')})" for count, name in order[:n])


def counted(n: int, noun: str) -> str:
    """``1 cell``, ``1,200 cells``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def closest(name: str, known: Sequence[str], *, suggest: bool = True) -> str:
    """A sentence with the known names that look like ``name``; with ``suggest``, some that are there otherwise.

    Without ``suggest`` the sentence may be empty, and ends in a blank when it is not.
    """
    by_key = {label[:60].casefold(): label for label in known if label}
    close = [by_key[key] for key in difflib.get_close_matches(name[:60].casefold(), list(by_key)[:5000], n=3)]
    if close:
        return f"Did you mean {' or '.join(repr(short(label)) for label in close)}?{'' if suggest else ' '}"
    if not suggest:
        return ""
    return f"There are {', '.join(short(label) for label in known[:12])}{', ...' if len(known) > 12 else ''}."
