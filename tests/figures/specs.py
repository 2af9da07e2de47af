"""Reading a Vega-Lite specification in tests."""

from collections.abc import Iterator
from typing import Any


def units(spec: dict[str, Any], data: Any = None) -> Iterator[dict[str, Any]]:
    """All single views of a specification, each with its data."""
    own = spec.get("data", data)
    if "layer" in spec:
        for layer in spec["layer"]:
            yield from units(layer, own)
    else:
        yield spec | {"data": own}


def named(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """The view of that name."""
    return next(u for u in units(spec) if u.get("name") == name)


def rows(unit: dict[str, Any]) -> list[dict[str, Any]]:
    """A view's rows."""
    values: list[dict[str, Any]] = unit["data"]["values"]
    return values


def marks(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """All views with that mark."""
    return [u for u in units(spec) if u["mark"]["type"] == kind]
