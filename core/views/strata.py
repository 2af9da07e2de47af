"""Strata: what the stratum column of a study is called."""

from typing import Any

from core.views import text


def stratum_word(study: Any) -> str:
    """The stratum column as a word; empty where there is none."""
    column = study.roles.stratum_col
    return text.column_word(column) if column and study.has_strata else ""
