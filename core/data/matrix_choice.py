"""Matrix choice: which of a file's matrices the values are read from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.data.labels import short
from core.errors import InvalidValuesError, RolesError
from core.schema import Values

if TYPE_CHECKING:
    from core.data.source import MatrixLook, Source

COUNT_LAYERS = ("counts", "raw_counts", "count", "raw", "umi", "umis", "umi_counts")
"""Layers that by their name hold counts, the likeliest first."""

PART_LAYERS = ("spliced", "unspliced", "ambiguous", "binary", "binarized", "mask")
"""Layers of whole numbers that are not all of a cell's counts: read only where nothing else can be."""


def choose_matrix(source: "Source", given: Mapping[str, object]) -> tuple[str, "MatrixLook", list[str]]:
    """The matrix to read: counts in X, then counts elsewhere, then log-normalized values in X, then elsewhere."""
    wanted = Values(str(given["values"])) if "values" in given else None
    if "matrix" in given:
        name = str(given["matrix"])
        if name not in source.matrices:
            raise RolesError(
                f"The file has no matrix {short(name)!r}; it has {', '.join(source.matrices)}. Name one of them."
            )
        look = source.look(source.matrices[name])
        _check_values(name, look, wanted, [m for m in source.matrices if m != name])
        return name, look, []
    looks: dict[str, MatrixLook] = {}
    for name in sorted(source.matrices, key=_matrix_rank):
        looks[name] = source.look(source.matrices[name])
        if _is_part(name):
            continue
        if _fits(looks[name]) and looks[name].values == (wanted or Values.COUNTS):
            return name, looks[name], _matrix_notes(name, looks)
    for name in looks:  # nothing is just what was wanted: log-normalized values, or what the user vouches for
        if _fits(looks[name]) or (wanted and _flaw(looks[name]) is None):
            return name, looks[name], _matrix_notes(name, looks)
    first = next(iter(looks))
    _check_values(first, looks[first], wanted, list(looks)[1:])
    raise AssertionError("unreachable: a matrix without a flaw fits")


def _is_part(name: str) -> bool:
    return name.startswith("layers/") and name.removeprefix("layers/").lower() in PART_LAYERS


def _matrix_rank(name: str) -> tuple[int, int, str]:
    """X first, then layers called counts, then raw, then the other layers."""
    layer = name.removeprefix("layers/").lower()
    if name == "X":
        return 0, 0, name
    if name.startswith("layers/") and layer in COUNT_LAYERS:
        return 1, COUNT_LAYERS.index(layer), name
    return (2, 0, name) if name == "raw" else (3, int(_is_part(name)), name)


def _flaw(look: "MatrixLook") -> str | None:
    """What no override can heal."""
    if not look.finite:
        return "values that are NaN or infinite"
    return "negative values" if look.negative else None


def _fits(look: "MatrixLook") -> bool:
    return _flaw(look) is None and not (look.values is Values.LOG_NORMALIZED and look.verdict_note)


def _check_values(name: str, look: "MatrixLook", wanted: Values | None, others: list[str]) -> None:
    flaw = _flaw(look)
    elsewhere = (
        f"The file also has {', '.join(others)}: choose one that does, or save counts in X"
        if others
        else "Save the counts in X, in a layer called counts, or in raw"
    )
    if flaw:
        raise InvalidValuesError(
            f"{name} holds {flaw} ({look.evidence}); expected counts or log-normalized values, which are zero or more. "
            f"{elsewhere}, and open the file again."
        )
    if wanted is None and not _fits(look):
        raise InvalidValuesError(
            f"{name} holds {look.evidence}: neither counts nor log-normalized values. {elsewhere}, or say how they are "
            "to be read with --values counts or --values log-normalized."
        )


def _matrix_notes(chosen: str, looks: Mapping[str, "MatrixLook"]) -> list[str]:
    passed = [f"{name} holds {look.evidence}" for name, look in looks.items() if name != chosen and name == "X"]
    return [f"Values are read from {chosen}: {passed[0]}; {chosen} {looks[chosen].evidence}."] if passed else []
