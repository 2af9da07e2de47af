"""What a figure is to those who draw it: a name, a title, and the functions that draw it and put it into words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.figures.drawing import Drawing
from core.figures.key import Key
from core.views.methods import Methods, RestsOn


@dataclass(frozen=True)
class Figure:
    """A figure that pages, the command line and the export menu know by its name.

    Parameters
    ----------
    name
        Its name in addresses, file names and on the command line.
    title
        What it shows; a description, never a claim.
    subject
        The kind of view it takes, a name of ``core.views.subjects``: ``"perturbation"``, ``"study"``, ``"genes"``, ...
    draw
        ``(view, *, highlight=(), width=None, paper=False, **options) -> Drawing``.
    data
        ``(view, **options) -> DataFrame``, the table behind it in a stable order of columns.
    caption
        ``(view, **options) -> str``: sentences for under the figure; they hold no names out of files, so they are
        safe as markdown too.
    alt
        ``(view, **options) -> str``: kind, n and the largest names, as plain text.
    drawn
        ``(view, **options) -> str``: what is drawn, as a methods section says it.
    rests_on
        What that rests on, which the methods section says after it.
    key
        Entries of the key on the page as ``(shape, role, words)``, or ``(view, **options)`` that gives them where not
        every view has them all; shapes are dot, tiles, bar, line, ring, cross, diamond. Words have 40 letters at most.
    cloud
        Whether it shows all genes and takes a box selection (see :func:`core.figures.genes_in_box`).
    selections
        Names of the selections it offers, for ``st.vega_lite_chart(selection_mode=...)``; "pick" gives the field
        ``gene`` or ``target``.
    options
        Options it takes, with their values (None where any value of the kind will do).
    shapes
        Whether wide, square and tall apply on paper; figures made of rows are as high as their rows.
    """

    name: str
    title: str
    subject: str
    draw: Callable[..., Drawing]
    data: Callable[..., pd.DataFrame]
    caption: Callable[..., str]
    alt: Callable[..., str]
    drawn: Callable[..., str]
    rests_on: RestsOn = "changed"
    key: Key | Callable[..., Key] = ()
    cloud: bool = False
    selections: tuple[str, ...] = ()
    options: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    shapes: bool = True

    def key_of(self, view: Any, **options: Any) -> Key:
        """The key of what is drawn of a view."""
        return self.key(view, **options) if callable(self.key) else self.key

    def methods(self, view: Any, **options: Any) -> str:
        """The sentence for a paper: cells, what is drawn, and scale, test and threshold where it rests on them."""
        methods: Methods = view.methods
        return methods.sentence(self.drawn(view, **options), self.rests_on)
