"""The pieces a page is made of: vitals, checks, notes, and targets that need care.

Every string here is markdown in which names from the file are escaped.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Vital:
    """One of the numbers under the headline.

    Parameters
    ----------
    label
        What it is.
    value
        The number, at most nine characters, so that no screen cuts it.
    context
        One line under it.
    help
        What it is and how it is computed; empty where the label says it all.
    warn
        Whether the context line carries the warning triangle.
    beside
        A second line: beside a count of significant genes, what control sets of that size give; empty for none.
    """

    label: str
    value: str
    context: str
    help: str = ""
    warn: bool = False
    beside: str = ""


@dataclass(frozen=True)
class Check:
    """One reason to trust an effect, or not to.

    Parameters
    ----------
    title
        The claim, worded by how it came out.
    sentence
        The number behind it, in words.
    passed
        None where the data cannot tell; such a check counts neither for nor against.
    short
        The sentence in a few words, for the context line of "Can I trust it?".
    """

    title: str
    sentence: str
    passed: bool | None
    short: str = ""


@dataclass(frozen=True)
class Note:
    """A box on the page that states a fact and its consequence."""

    kind: Literal["warning", "info", "error"]
    text: str


@dataclass(frozen=True)
class Care:
    """A target that needs care, and why: ``name`` in bold, then ``sentence``.

    ``target`` is the plain name, for a link; empty where a line stands for several targets.
    """

    target: str
    name: str
    sentence: str
