"""Target features: a vector for each gene, read from and written to .npz, .parquet and .csv, never a pickle."""

import os
import uuid
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.errors import InvalidValuesError, OptionError, StorageError, UnreadableFileError

KINDS = (".npz", ".parquet", ".csv", ".csv.gz")


@dataclass(frozen=True, eq=False)
class TargetFeatures:
    """A feature vector for each of a number of genes.

    Parameters
    ----------
    names
        Gene symbols, each once.
    matrix
        float32, shape ``(len(names), width)``, all finite.

    Raises
    ------
    InvalidValuesError
        If names and matrix do not fit together, a name stands twice or a value is not finite.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float32]

    def __post_init__(self) -> None:
        shape = self.matrix.shape
        if len(shape) != 2 or shape[0] != len(self.names) or 0 in shape:
            raise InvalidValuesError(
                f"Target features are one row of numbers for each gene, but there are {len(self.names):,} names and a "
                f"matrix of shape {shape}."
            )
        names = pd.Index(self.names)
        if names.has_duplicates:
            raise InvalidValuesError(f"A gene has one row of features, but {names[names.duplicated()][0]!r} has more.")
        bad = np.flatnonzero(~np.isfinite(self.matrix).all(axis=1))
        if len(bad):
            raise InvalidValuesError(
                f"The features of {self.names[bad[0]]!r} hold a value that is missing, infinite or beyond float32."
            )


def read_features(path: str | Path) -> TargetFeatures:
    """The target features in a file, in its order.

    Parameters
    ----------
    path
        ``.npz`` with the arrays ``names`` (text) and ``matrix``; or ``.parquet``, ``.csv`` or ``.csv.gz`` with the
        symbols in the first column (of a Parquet file: in the index or the first column) and numbers in the others.

    Raises
    ------
    OptionError
        If the ending is none of these.
    UnreadableFileError
        If the file is not what its ending says; arrays of Python objects are pickles and are not read.
    InvalidValuesError
        If it holds no features.
    """
    path = Path(path)
    kind = _kind(path)
    try:
        if kind == ".npz":
            return _from_npz(path)
        table = pd.read_parquet(path) if kind == ".parquet" else pd.read_csv(path, keep_default_na=False)
    except OSError as error:
        raise UnreadableFileError(f"{path.name} could not be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, pa.ArrowException) as error:
        raise UnreadableFileError(f"{path.name} could not be read as {kind}: {error}") from error
    return _from_table(table, path)


def write_features(features: TargetFeatures, path: str | Path) -> None:
    """Write features so that :func:`read_features` gives the same back; the ending of the path chooses the kind.

    Raises
    ------
    OptionError
        If the ending is none that is read.
    StorageError
        If the file cannot be written; one that was there before is then untouched.
    """
    path = Path(path)
    kind = _kind(path)
    table = pd.DataFrame(features.matrix, index=pd.Index(features.names, name="gene"))
    table.columns = [f"feature_{i + 1}" for i in range(table.shape[1])]
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.part{kind}")
    try:
        if kind == ".npz":
            np.savez_compressed(part, names=np.array(features.names), matrix=features.matrix)
        elif kind == ".parquet":
            table.to_parquet(part)
        else:
            table.to_csv(part)
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _kind(path: Path) -> str:
    kind = next((kind for kind in KINDS if path.name.lower().endswith(kind)), None)
    if kind is None:
        raise OptionError(f"Target features are read from {', '.join(KINDS)}, but the file is called {path.name!r}.")
    return kind


def _from_npz(path: Path) -> TargetFeatures:
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise UnreadableFileError(
            f"{path.name} is one bare array; target features are two, names and matrix, in an .npz."
        )
    with loaded as arrays:
        missing = {"names", "matrix"} - set(arrays.files)
        if missing:
            raise InvalidValuesError(
                f"{path.name} holds {', '.join(arrays.files) or 'nothing'}; target features are two arrays, names and "
                "matrix."
            )
        names, matrix = arrays["names"], arrays["matrix"]
    if names.dtype.kind != "U" or names.ndim != 1 or matrix.dtype.kind not in "fiu":
        raise InvalidValuesError(
            f"In {path.name} names is {names.dtype} and matrix {matrix.dtype}; they must be a list of text and numbers."
        )
    return TargetFeatures(tuple(names.tolist()), _float32(matrix))


def _from_table(table: pd.DataFrame, path: Path) -> TargetFeatures:
    if isinstance(table.index, pd.RangeIndex) and table.shape[1]:
        table = table.set_index(table.columns[0])
    wordy = [str(column) for column, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if wordy and len(table):
        raise InvalidValuesError(
            f"In {path.name} column {wordy[0][:60]!r} is not all numbers; beside the symbols in the first column all "
            "others are features."
        )
    return TargetFeatures(
        tuple(map(str, table.index)),
        _float32(table.to_numpy(np.float64, na_value=np.nan) if len(table) else np.empty(table.shape)),
    )


def _float32(matrix: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # becomes infinite, which TargetFeatures names
        return matrix.astype(np.float32)
