"""Options: a value that is none of the known ones is refused, with those that there are."""

from collections.abc import Iterable
from typing import Any

from core.errors import OptionError


def one_of(option: str, value: Any, known: Iterable[str]) -> None:
    """Refuse an option's value that is none of the known ones.

    Raises
    ------
    OptionError
        With the values that there are.
    """
    names = list(known)
    if value not in names:
        raise OptionError(f"{option} cannot be {str(value)[:40]!r}. Take {', '.join(names[:-1])} or {names[-1]}.")
