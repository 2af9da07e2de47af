"""Unreadable: the sentences about a file that cannot be read, whichever library failed at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anndata._io.specs.registry import IORegistryError

from core.errors import UnreadableFileError

EXPECTED = "an AnnData file (.h5ad, .h5 or a zarr folder)"
COPY_AGAIN = "Copy or download it again"
WRITE_AGAIN = "Write the file again from its origin"

DECODING_ERRORS: tuple[type[BaseException], ...] = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    IORegistryError,
)
"""What h5py, zarr and anndata raise on data they cannot decode."""


@contextmanager
def damage_said(name: str) -> Iterator[None]:
    """Turn what the libraries raise into a sentence."""
    try:
        yield
    except DECODING_ERRORS as error:
        raise unreadable(name, f"it is damaged ({first_line(error)})", COPY_AGAIN) from error


def unreadable(name: str, found: str, advice: str = "") -> UnreadableFileError:
    """The error: what was found in the file, and how to go on; without advice, what was expected."""
    return UnreadableFileError(f"{name} cannot be read: {found}. {advice or f'Expected {EXPECTED}'}.")


def first_line(error: BaseException) -> str:
    """What a library said, cut to a line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:200]


def short_name(name: str) -> str:
    """A name from a file, cut to 40 characters."""
    return name if len(name) <= 40 else f"{name[:39]}…"


def shown_path(path: Path) -> str:
    """A path, cut to its last 120 characters."""
    text = str(path)
    return text if len(text) <= 120 else f"…{text[-119:]}"
