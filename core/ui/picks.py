"""What is picked in a cloud of genes, dots and a box: the address has it, and the figure starts with it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

BOX, PICK = "box", "pick"
MOST_PICKED = 50
SEEN, START = "_picks_seen", "_picks_start"


class Picks(NamedTuple):
    """Genes whose dots were clicked, and the box that was drawn: its ends on the axes x and y, or empty."""

    genes: tuple[str, ...]
    box: dict[str, list[float]]


class Start(NamedTuple):
    """What a figure starts with, under a key of its own: started anew it is no longer as hands left it."""

    picks: Picks
    key: str


def picked() -> Picks:
    """What the address says is picked; a box that makes no sense is none."""
    return Picks(tuple(dict.fromkeys(st.query_params.get_all(PICK)[:MOST_PICKED])), _box(st.query_params.get(BOX, "")))


def start_of(chart: str) -> Start:
    """What a figure starts with; it is started anew when the address says something that was not picked in it."""
    now = picked()
    if st.session_state.get(SEEN) != (chart, now):
        n = st.session_state[START].key.rpartition(" ")[2] if START in st.session_state else "0"
        st.session_state[START] = Start(now, f"{chart} {int(n) + 1}")
        st.session_state[SEEN] = (chart, now)
    start: Start = st.session_state[START]
    return start


def keep(chart: str, key: str, on_pick: Callable[[str], None] | None = None) -> None:
    """Write what was just picked in a figure into the address; a selection that was not touched is not reported.

    ``on_pick`` is told the gene of the dot that was clicked last, if one was.
    """
    before = picked().genes
    selection = st.session_state[key]["selection"]
    if BOX in selection:
        box = selection[BOX] or {}
        ends = [end for axis in ("x", "y") for end in box.get(axis, ())]
        st.query_params[BOX] = ",".join(f"{end:.4g}" for end in ends)
    if PICK in selection:
        st.query_params[PICK] = [str(point["gene"]) for point in selection[PICK] or () if point.get("gene")]
    for name in (BOX, PICK):
        if not st.query_params.get(name):
            st.query_params.pop(name, None)
    now = picked()
    st.session_state[SEEN] = (chart, now)
    if on_pick and now.genes and now.genes != before:
        on_pick(now.genes[-1])


def forget_box() -> None:
    """Other axes are chosen, on which the box would be another one."""
    st.query_params.pop(BOX, None)


def _box(text: str) -> dict[str, list[float]]:
    try:
        x, x2, y, y2 = (float(end) for end in text.split(","))
    except ValueError:
        return {}
    return {"x": [x, x2], "y": [y, y2]} if all(map(math.isfinite, (x, x2, y, y2))) else {}
