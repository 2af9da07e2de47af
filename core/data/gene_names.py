"""Gene names: the symbols of a file's genes, and which gene a typed name, an old symbol or an Ensembl id means."""

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.labels import texts
from core.schema import Roles

ALIAS_TABLE = Path(__file__).resolve().parents[2] / "assets" / "gene_aliases.tsv.gz"

_ENSEMBL = re.compile(r"(ENS[A-Z]{0,4}G\d{6,})(\.\d+)?(_PAR_Y)?", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")

ID_COLUMNS = ("gene_id", "gene_ids", "ensembl_id", "ensembl_gene_id", "ensembl", "ensembl_ids", "ensg", "gene_ens_id",
              "feature_id", "id", "ids")  # fmt: skip
SYMBOL_COLUMNS = ("gene_symbol", "gene_symbols", "symbol", "symbols", "gene_name", "gene_names", "feature_name",
                  "gene_short_name", "hgnc_symbol", "external_gene_name", "gene", "genes", "name")  # fmt: skip


@dataclass(frozen=True)
class GeneIndex:
    """The names of a matrix's genes, in the order of the file.

    Parameters
    ----------
    symbols
        One symbol a gene: unique, never empty, without line breaks; object array of str.
    ids
        One gene id a gene, as in the file; "" where the file names none.
    n_duplicates
        Genes whose symbol stands earlier in the file; they carry ``-1``, ``-2``, ... as AnnData would name them.
    n_unnamed
        Genes without a symbol; they go by their id, or by ``gene_<place in the file>``.
    n_translated
        Genes named from the table of HGNC names, because the file gives Ensembl ids and no symbols.
    """

    symbols: np.ndarray
    ids: np.ndarray
    n_duplicates: int
    n_unnamed: int = 0
    n_translated: int = 0


def gene_index(var: pd.DataFrame, roles: Roles) -> GeneIndex:
    """The unique symbols and the ids of the genes of ``var``.

    Parameters
    ----------
    var
        The gene table that belongs to the matrix (``raw``'s own where the roles name ``raw``).
    roles
        Only ``symbol_col`` is read; None means the index. An index of Ensembl ids, when no column holds symbols,
        is translated by the table of HGNC names; genes that are not in it keep their id.
    """
    index = texts(pd.Series(var.index))
    ids = _ids(var, index, roles.symbol_col)
    names = index if roles.symbol_col is None else texts(var[roles.symbol_col])
    n_translated = 0
    if roles.symbol_col is None and mostly_ensembl(index):
        ids = index
        names = [symbol_of_id(name) or name for name in index]
        n_translated = sum(name != gene_id for name, gene_id in zip(names, ids, strict=True))
    names = [_UNPRINTABLE.sub(" ", name).strip() for name in names]
    unnamed = [place for place, name in enumerate(names) if not name]
    for place in unnamed:
        names[place] = ids[place] or f"gene_{place + 1}"
    symbols, n_duplicates = _unique(names)
    return GeneIndex(_objects(symbols), _objects(ids), n_duplicates, len(unnamed), n_translated)


def resolve(name: str, symbols: Sequence[str] | np.ndarray, ids: Sequence[str] | np.ndarray) -> str | None:
    """The measured gene that ``name`` means, or None where none or more than one could be meant.

    Tried in this order: a measured symbol as written; in any case; an Ensembl id, with or without its version; then by
    the table of HGNC names: an approved symbol measured under an older name, a previous symbol, an alias.

    Parameters
    ----------
    name
        What was typed, or what a target is called.
    symbols, ids
        As in :class:`GeneIndex`.
    """
    if name and name in symbols:  # the usual case needs no index
        return name
    return resolve_all([name], symbols, ids)[0]


def resolve_all(
    names: Iterable[str], symbols: Sequence[str] | np.ndarray, ids: Sequence[str] | np.ndarray
) -> list[str | None]:
    """:func:`resolve` for many names, in their order; the measured genes are indexed only once."""
    genes = _MeasuredGenes(symbols, ids)
    return [genes.find(name) for name in names]


def is_gene_name(name: str) -> bool:
    """Whether the table of human genes knows ``name`` as symbol, previous symbol, alias or Ensembl id, in any case."""
    table, key = _gene_table(), name.upper()
    return key in table.approved or key in table.previous or key in table.alias or ensembl_id(name) is not None


def is_gene_symbol(name: str) -> bool:
    """Whether ``name`` is the approved or a previous symbol of a human gene: stricter than :func:`is_gene_name`."""
    table, key = _gene_table(), name.upper()
    return key in table.approved or key in table.previous


def ensembl_id(name: str) -> str | None:
    """The Ensembl gene id without its version, in capitals; None for anything else.

    Examples
    --------
    >>> ensembl_id("ENSG00000115415.21")
    'ENSG00000115415'
    >>> ensembl_id("AC099489.1") is None
    True
    """
    match = _ENSEMBL.fullmatch(name.strip())
    return match[1].upper() if match else None


def symbol_of_id(gene_id: str) -> str | None:
    """The approved symbol of a human protein-coding gene's Ensembl id; None where the table has none."""
    bare = ensembl_id(gene_id)
    row = _gene_table().by_id.get(bare) if bare else None
    return None if row is None else _gene_table().row(row)[1]


@dataclass(frozen=True)
class KnownNames:
    """What the table of human genes knows of a gene.

    Parameters
    ----------
    ensembl_id, symbol
        Its Ensembl gene id and approved symbol.
    previous, aliases
        Symbols it had before, and other names in use.
    """

    ensembl_id: str
    symbol: str
    previous: tuple[str, ...]
    aliases: tuple[str, ...]


def known_names(symbol: str, gene_id: str = "") -> KnownNames | None:
    """The names of a measured gene, found by its id, else by its approved or previous symbol; None where unknown.

    Examples
    --------
    >>> known_names("STAT1").ensembl_id
    'ENSG00000115415'
    >>> known_names("no such gene") is None
    True
    """
    table, bare = _gene_table(), ensembl_id(gene_id or symbol)
    row = table.by_id.get(bare) if bare else None
    row = row or table.approved.get(symbol.upper())
    if row is None:
        rows = table.previous.get(symbol.upper(), [])
        if len(rows) != 1:
            return None
        row = rows[0]
    known, approved, previous, aliases = table.row(row)
    return KnownNames(
        known, approved, tuple(filter(None, previous.split("|"))), tuple(filter(None, aliases.split("|")))
    )


def mostly_ensembl(names: Sequence[str]) -> bool:
    """Whether at least half of the names, and at least one, are Ensembl gene ids."""
    likely = (name for name in names if "ENS" in name or "ens" in name)  # spares most names the pattern
    return bool(names) and 2 * sum(ensembl_id(name) is not None for name in likely) >= len(names)


class _MeasuredGenes:
    """A file's genes by symbol, by symbol in capitals and by id."""

    def __init__(self, symbols: Sequence[str] | np.ndarray, ids: Sequence[str] | np.ndarray) -> None:
        self.exact = set(symbols)
        self.by_upper: dict[str, str] = {}
        self.by_id: dict[str, str] = {}
        for symbol, gene_id in zip(symbols, ids, strict=True):
            self.by_upper.setdefault(symbol.upper(), symbol)
            if gene_id:
                self.by_id.setdefault(ensembl_id(gene_id) or gene_id.upper(), symbol)

    def find(self, name: str) -> str | None:
        name = name.strip()
        if not name or name in self.exact:
            return name or None
        return self.by_upper.get(name.upper()) or self.by_id.get(ensembl_id(name) or name.upper()) or self._known(name)

    def _known(self, name: str) -> str | None:
        """By the table; the first kind of name that fits decides.

        So a gene's own symbol is never read as the alias of another; several measured genes mean that none can be told.
        """
        table, key = _gene_table(), ensembl_id(name) or name.upper()
        if key in table.approved or key in table.by_id:
            row = table.approved.get(key, table.by_id.get(key, -1))
            return self._measured(row, with_aliases=True)
        rows = table.previous.get(key) or table.alias.get(key) or []
        found = {symbol for row in rows if (symbol := self._measured(row, with_aliases=False))}
        return found.pop() if len(found) == 1 else None

    def _measured(self, row: int, *, with_aliases: bool) -> str | None:
        """The name under which the file measures the gene of this row of the table."""
        gene_id, symbol, previous, aliases = _gene_table().row(row)
        if found := self.by_id.get(gene_id) or self.by_upper.get(symbol.upper()):
            return found
        older = previous.split("|") + (aliases.split("|") if with_aliases else [])
        taken = _gene_table().approved  # a name that is another gene's own symbol means that other gene
        measured = (self.by_upper.get(o.upper()) for o in older if o and o.upper() not in taken)
        return next((found for found in measured if found), None)


class _GeneTable:
    """The table of human genes, indexed by every kind of name, in capitals; values are row numbers."""

    def __init__(self, path: Path) -> None:
        text = gzip.decompress(path.read_bytes()).decode()
        self.lines = text.splitlines()
        self.approved: dict[str, int] = {}
        self.by_id: dict[str, int] = {}
        self.previous: dict[str, list[int]] = {}
        self.alias: dict[str, list[int]] = {}
        for row, line in enumerate(text.upper().splitlines()):
            if row == 0:
                continue  # the header
            gene_id, symbol, previous, aliases = line.split("\t")
            self.by_id[gene_id] = self.approved[symbol] = row
            if previous:
                for name in previous.split("|"):
                    self.previous.setdefault(name, []).append(row)
            if aliases:
                for name in aliases.split("|"):
                    self.alias.setdefault(name, []).append(row)

    def row(self, number: int) -> list[str]:
        """Ensembl id, approved symbol, previous symbols and aliases, the last two joined by ``|``."""
        return self.lines[number].split("\t")


@lru_cache(maxsize=1)
def _gene_table() -> _GeneTable:
    return _GeneTable(ALIAS_TABLE)


def id_column(var: pd.DataFrame) -> str | None:
    """The column of ``var`` that holds gene ids, by its name; None where there is none."""
    return _named(var, ID_COLUMNS)


def symbol_columns(var: pd.DataFrame) -> list[str]:
    """The columns of ``var`` that by their name hold gene symbols, the likeliest first; Ensembl ids are no symbols."""
    by_name = {str(column).lower().replace(".", "_").replace(" ", "_"): column for column in var.columns}
    found = [str(by_name[name]) for name in SYMBOL_COLUMNS if name in by_name]
    return [column for column in found if not mostly_ensembl(texts(var[column]))]


def _ids(var: pd.DataFrame, index: list[str], symbol_col: str | None) -> list[str]:
    if symbol_col is not None and mostly_ensembl(index):
        return index
    column = id_column(var)
    if column is not None and column != symbol_col:
        return texts(var[column])
    return [""] * len(var) if symbol_col is None else index


def _named(table: pd.DataFrame, names: Sequence[str]) -> str | None:
    by_name = {str(column).lower().replace(".", "_").replace(" ", "_"): column for column in table.columns}
    return next((str(by_name[name]) for name in names if name in by_name), None)


def _unique(names: list[str]) -> tuple[list[str], int]:
    """The names with ``-1``, ``-2``, ... behind later copies, stepping over names that are taken, as AnnData does."""
    taken = set(names)
    if len(taken) == len(names):
        return names, 0
    seen: set[str] = set()
    copies: Counter[str] = Counter()
    unique = []
    for name in names:
        if name not in seen:
            seen.add(name)
            unique.append(name)
            continue
        fresh = name
        while fresh in taken:
            copies[name] += 1
            fresh = f"{name}-{copies[name]}"
        taken.add(fresh)
        unique.append(fresh)
    return unique, sum(old != new for old, new in zip(names, unique, strict=True))


def _objects(names: list[str]) -> np.ndarray:
    """An object array: one name of 10 kB must not make each of the 18,080 take 40 kB, as fixed-width text would."""
    array = np.empty(len(names), dtype=object)
    array[:] = names
    return array
