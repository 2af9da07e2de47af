"""Errors a user can act on: what was found, what was expected, how to go on.

PerturbscopeError
├── UnreadableFileError      not an AnnData file, truncated, no access
├── InvalidValuesError       the matrix holds something no expression value can be
├── RolesError               a column or label that the roles name is not there, or none could be guessed
├── UnknownGeneError         (KeyError) a gene that the study does not measure
├── UnknownTargetError       (KeyError) a target that the study does not perturb
├── UnknownStudyError        (KeyError) no study of this name or id
├── GeneSetError             no GMT, or sets of other genes than the study's
├── OutsideFoldersError      a path outside the configured data folders
├── UploadError              an upload that is too large or of no readable kind
├── StorageError             the data root cannot be written, or the disk is full
├── DamagedStoreError        a part of the Store fails its checksum or is of another version
├── JobError                 a job failed, was cancelled or could not be started
└── OptionError              a command-line or export option that makes no sense
"""

import difflib
from collections.abc import Iterable


class PerturbscopeError(Exception):
    """Base of every error that is shown to the user as a sentence."""


class UnreadableFileError(PerturbscopeError):
    """A file that is not an AnnData file, is cut off, or cannot be accessed."""


class InvalidValuesError(PerturbscopeError):
    """The matrix holds a value that is neither a count nor a log-normalized expression."""


class RolesError(PerturbscopeError):
    """A role names a column or label that is not there, or no target column could be found."""


class GeneSetError(PerturbscopeError):
    """Gene sets that cannot be read, fetched, or matched with a study's genes."""


class OutsideFoldersError(PerturbscopeError):
    """A path that leads out of the configured data folders."""


class UploadError(PerturbscopeError):
    """An upload that is too large or is no readable file."""


class StorageError(PerturbscopeError):
    """The data root cannot be written to."""


class DamagedStoreError(PerturbscopeError):
    """A part of the Store is missing, damaged or of another version."""


class JobError(PerturbscopeError):
    """A job failed, was cancelled or could not be started."""


class OptionError(PerturbscopeError):
    """An option that makes no sense, or that contradicts another."""


class _UnknownNameError(PerturbscopeError, KeyError):
    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])


class UnknownGeneError(_UnknownNameError):
    """A gene was asked for that the study does not measure; ``is_gene`` if it is one that others measure."""

    def __init__(self, gene: str, known: Iterable[str], *, is_gene: bool = False) -> None:
        names = list(known)
        hint = _close(gene, names) or "Check its spelling, or try its Ensembl id."  # five of 18,080 would not help
        if is_gene:
            hint = "It is a human gene, but not in this file."
        super().__init__(f"No gene {_short(gene)} is measured among {len(names):,} genes. {hint}")


class UnknownTargetError(_UnknownNameError):
    """A target was asked for that the study does not perturb."""

    def __init__(self, target: str, known: Iterable[str], column: str = "target_gene") -> None:
        names = list(known)
        super().__init__(
            f"No cells carry a guide against {_short(target)}. The study names {len(names):,} targets in "
            f"obs[{column!r}]. {_hint(target, names)}"
        )


class UnknownStudyError(_UnknownNameError):
    """A study was asked for that is not in the data root."""

    def __init__(self, study: str, known: Iterable[str]) -> None:
        names = list(known)
        hint = _hint(study, names) if names else "Open a file first."
        super().__init__(f"No study is called {_short(study)}. {hint}")


def _short(name: str, width: int = 60) -> str:
    """The name in quotes, cut so that a 10 kB name stays readable."""
    return repr(name if len(name) <= width else f"{name[: width - 1]}…")


def _hint(name: str, known: list[str]) -> str:
    return _close(name, known) or f"Pick one of {', '.join(_short(k, 30)[1:-1] for k in sorted(known)[:5])}, ..."


def _close(name: str, known: list[str]) -> str:
    by_upper = {k.upper(): k for k in known}
    close = difflib.get_close_matches(name[:60].upper(), list(by_upper)[:50_000], n=3)
    return f"Did you mean {' or '.join(by_upper[c] for c in close)}?" if close else ""
