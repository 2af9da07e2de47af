"""The address of a view: every choice is in it, by name, and an address that is followed shows the same view.

A bound widget leaves the address when it has its default value. Where the default can change (the first study, the
strongest target) a choice therefore starts empty and is written into the address here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

PAGE, _LAST = "_page", "_last_addresses"
SUBSET, SHOWN_SUBSET = "subset", "_shown_subset"
"""The address's word for a subset of cells, and where the session keeps the study, the page and the subset shown."""


def asked(key: str) -> str | None:
    """What the session or, on the first look at a page, the address asks for; the last one if the address has many."""
    value = st.session_state[key] if key in st.session_state else st.query_params.get(key)
    return str(value) if value else None


def pick(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    start: str | None,
    resolve: Callable[[str], str | None],
    shared: bool = False,
    **look: Any,
) -> str | None:
    """The option picked by name in a select box that the address follows; other names for an option are understood.

    Parameters
    ----------
    label, options, key, look
        As of ``st.selectbox``.
    start
        The option where nothing is asked for.
    resolve
        The option that a typed or linked text means; None where it means none: the text is then returned as it is,
        and it is for the caller to say that nothing is called so.
    shared
        Whether several pages have a box of this key: the one that is turned to then shows what the last one showed.
    """
    is_turned = shared and _page_is_turned(key)
    is_new = is_turned or key not in st.session_state
    if is_turned:  # a name that is no option is said on its own page alone
        _forget_unknown(key)
    _take_settled(key)
    text = asked(key) or st.session_state.get(_unknown(key)) or start
    meant = resolve(text) if text else None
    if is_new and text:
        st.session_state[key] = meant or text
        is_other_name = meant is not None and st.query_params.get(key, meant) != meant
        _write(key, meant or text)
        if is_other_name:  # its widget would take the address's name for none of its options, and drop it
            settle(key, meant)
    value = st.selectbox(label, options, index=None, key=key, bind="query-params", required=True, **look)
    if value is not None and value not in (text, meant):  # Back and Forward change the widget as it is made
        text, meant = value, resolve(value)
    if meant is not None and meant != value:
        settle(key, meant)
    # the widget forgets a name that is no option; the page says it until something else is picked
    st.session_state[_unknown(key)] = None if meant else text
    return meant or text


def switch(label: str, options: Sequence[str], *, key: str, **look: Any) -> str:
    """One of a few options, the first where the address names none; an address that names no option is cleaned."""
    read_in_any_case(key, options)
    picked = st.segmented_control(
        label, options, default=options[0], key=key, required=True, bind="query-params", **look
    )
    return picked if picked in options else options[0]


def read_in_any_case(key: str, options: Sequence[str]) -> None:
    """Where the address has an option in other capitals, write it as it is called: its widget knows it only so."""
    text = st.query_params.get(key, "")
    meant = next((option for option in options if option.casefold() == text.casefold()), text)
    if meant != text and key not in st.session_state:
        st.query_params[key] = meant
        st.rerun()


def carry(*keys: str) -> None:
    """Go on with choices made on another page: call it before their widgets are made, and :func:`keep` after.

    A page that is left takes its widgets' choices with it, so they are written into the address again; a widget of the
    same name on the page that is turned to has its choice still, and does not write it there by itself.
    """
    written: dict[str, list[str]] = {}
    for key in keys:
        is_turned = _is_other_page(f"_carried_{key}")
        kept = st.session_state.get(_kept(key))
        if kept and (is_turned or key not in st.session_state) and key not in st.query_params:
            written[key] = kept
    if written:  # at once: each change of the address is a step that Back goes through
        st.query_params.update(written)


def keep(*keys: str) -> None:
    """Keep what the address says of these choices for the pages that share them."""
    for key in keys:
        st.session_state[_kept(key)] = st.query_params.get_all(key)


def keep_as(key: str, value: str) -> None:
    """Keep a choice that the address may not say yet, as where a picker was just told what to show."""
    st.session_state[_kept(key)] = [value]


def kept(key: str) -> str | None:
    """What was kept of a choice, on whatever page: the first where there are several."""
    values = st.session_state.get(_kept(key)) or [None]
    return str(values[0]) if values[0] else None


def settle(key: str, value: str | None) -> None:
    """Run the page again with another value in a widget that is made already, as when an alias was typed."""
    settle_next(key, value)
    st.rerun()


def _page_is_turned(key: str) -> bool:
    """Whether another page than this one had the box of this key last; its choice, or the address's, is then taken.

    Each page's box has a memory of its own in the browser, which would show what this page showed before.
    """
    is_turned = _is_other_page(f"_page_of_{key}")
    if is_turned and key in st.query_params:
        st.session_state[key] = st.query_params[key]
    return is_turned


def _is_other_page(place: str) -> bool:
    """Whether another page than the one that is shown was noted in this place last; this one is noted now."""
    page = st.session_state.get(PAGE)
    is_other = st.session_state.get(place) != page
    st.session_state[place] = page
    return is_other


def settle_next(key: str, value: str | None) -> None:
    """Give a widget another value on the next run: one that all pages have does not take it from a link."""
    st.session_state[_settled(key)] = value


def page_is(name: str) -> None:
    """Note which page is shown, so that its address can be kept."""
    st.session_state[PAGE] = name


def page_title() -> str:
    """The name of the page that is shown, as the menu has it."""
    return str(st.session_state.get(PAGE) or "study").replace("_", " ").capitalize()


def here() -> tuple[str, list[tuple[str, str]]]:
    """The address of what is shown: the page's name and its query, pair by pair."""
    query = [(key, value) for key in st.query_params for value in st.query_params.get_all(key)]
    return st.session_state.get(PAGE, ""), query


def remember() -> None:
    """Keep the address of what is shown as this session's last one of its page."""
    page, query = here()
    if page:
        st.session_state.setdefault(_LAST, {})[page] = query


def remembered() -> dict[str, list[tuple[str, str]]]:
    """The last address of each page that this session has shown: its query by the page's name."""
    return dict(st.session_state.get(_LAST, {}))


def go_to(path: Path, page: str, *, study: str, query: Sequence[tuple[str, str]]) -> None:
    """Turn to a page as an address says, from whatever this session has shown before.

    A link would not do it: the study picker, which all pages have, keeps its study over the one that a link names, and
    choices made earlier on that page would stay where the address says nothing of them.
    """
    asked: dict[str, list[str]] = {}
    for key, value in query:
        if key != "study":
            asked.setdefault(key, []).append(value)
    for key, _ in remembered().get(page, []):
        if key not in asked and key != "study":
            st.session_state.pop(key, None)
    st.session_state.pop(SHOWN_SUBSET, None)  # all cells, unless the address names a subset
    settle_next("study", study)
    st.switch_page(path, query_params=asked)


def _write(key: str, value: str) -> None:
    """Put a choice into the address before its widget is made; after that the widget keeps it there."""
    if st.query_params.get(key) != value:
        st.query_params[key] = value


def _take_settled(key: str) -> None:
    if _settled(key) in st.session_state:
        st.session_state[key] = st.session_state.pop(_settled(key))


def _forget_unknown(key: str) -> None:
    """Forget a name that is no option, unless it is the address of this page that asks for it."""
    text = st.session_state.pop(_unknown(key), None)
    if text and st.query_params.get(key) != text and st.session_state.get(key) in (None, text):
        st.session_state.pop(key, None)


def _unknown(key: str) -> str:
    return f"_unknown_{key}"


def _kept(key: str) -> str:
    return f"_kept_{key}"


def _settled(key: str) -> str:
    return f"_settled_{key}"
