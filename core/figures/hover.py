"""What a mark says under the pointer, in words before it is sent.

The browser's own number format makes 0.00 of what is not known. It also takes an expression apart for every field of
every mark, before anyone points at one: 10 ms for the tiles of a heatmap.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from core.figures.spec import Spec
from core.views.text import MINUS

SAID = "said"
"""The field of a row that holds what its mark says: ``{title: words}``."""
UNKNOWN = "not known"
MOST_ROWS = 4000
EXPONENT = re.compile(r"e([+-])0*(\d)")
"""Python writes 1e-07 where others write 1e-7."""


def with_words(layers: Sequence[Spec]) -> list[Spec]:
    """The layers, in which a list of tooltip fields has become words in each row of data.

    Layers without rows of their own or of the layer around them stay as they are, and so do those of thousands of rows,
    whose words would be most of what is sent, and those that say different things of one row or two by one name.
    """
    return [_with_words(layer) for layer in layers]


def _with_words(layer: Spec) -> Spec:
    rows = layer.get("data", {}).get("values")
    tooltips = [found for part in _parts(layer) if (found := part.get("encoding", {}).get("tooltip"))]
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS or not tooltips:
        return layer
    say = [(_title(item), item["field"], _format(item)) for item in tooltips[0]]
    if any(found != tooltips[0] for found in tooltips[1:]) or len({title for title, *_ in say}) < len(say):
        return layer
    said = [{**row, SAID: {title: words(row.get(field)) for title, field, words in say}} for row in rows]
    return _pointing_at_words(layer) | {"data": {"values": said}}


def _parts(layer: Spec) -> list[Spec]:
    return [layer, *(part for inner in layer.get("layer", []) for part in _parts(inner))]


def _pointing_at_words(layer: Spec) -> Spec:
    changed = dict(layer)
    if "layer" in layer:
        changed["layer"] = [_pointing_at_words(inner) for inner in layer["layer"]]
    if layer.get("encoding", {}).get("tooltip"):
        changed["encoding"] = {channel: x for channel, x in layer["encoding"].items() if channel != "tooltip"}
        mark = layer["mark"] if isinstance(layer["mark"], dict) else {"type": layer["mark"]}
        changed["mark"] = mark | {"tooltip": {"expr": f"datum.{SAID}"}}
        if mark.get("aria", True):  # the same words for those who have them read aloud
            changed["mark"]["description"] = {"expr": _read_aloud(layer["encoding"]["tooltip"])}
    return changed


def _read_aloud(tooltip: Sequence[Spec]) -> str:
    titles = [_title(item) for item in tooltip]
    return " + '; ' + ".join(f"{json.dumps(f'{title}: ')} + datum.{SAID}[{json.dumps(title)}]" for title in titles)


def _title(item: Spec) -> str:
    return str(item.get("title", item["field"]))


def _format(item: Spec) -> Callable[[Any], str]:
    form = item.get("format") or ("~g" if item.get("type") == "quantitative" else "")
    if not form:
        return lambda value: UNKNOWN if value is None else str(value)
    plain = form.replace("~", "").replace("d", ".0f")  # Python's "g" leaves zeros at the end out by itself
    plain = plain if plain.startswith("+") else f"z{plain}"  # what rounds to 0 has no sign

    def words(value: Any) -> str:
        if value is None:
            return UNKNOWN
        return EXPONENT.sub(r"e\1\2", f"{float(value):{plain}}").replace("-", MINUS)

    return words
