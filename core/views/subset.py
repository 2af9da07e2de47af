"""Subset: that only some cells of a study are shown, said wherever a number of them is read."""

from typing import Any

from core.data.subsets import subset_words


def of_subset(study: Any) -> str:
    """``cells of cell_type H1 only``, plain; "" where all cells are shown."""
    subset = getattr(study.roles, "subset", ())
    return f"cells of {subset_words(subset)} only" if subset else ""
