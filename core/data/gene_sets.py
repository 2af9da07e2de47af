"""Gene sets: a GMT read strictly, and which of its genes a study measures.

A GMT is a text with one set a line: name, description, then genes, separated by tabs. It may be gzipped, or zipped as
the only file of an archive; that is told by its content, never by its name.
"""

import codecs
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.gene_names import resolve_all
from core.errors import GeneSetError

MOST_BYTES = 200_000_000
"""A text longer than this, unpacked, is no collection of gene sets."""

MOST_SETS = 100_000
LONGEST_NAME = 200
SMALLEST, LARGEST = 10, 500
"""Sets of which fewer, or more, genes are measured are left out: too few prove nothing, too many say nothing."""

FEWEST_MATCHES = 100
"""With fewer genes in common a collection and a study do not speak of the same genes."""

SMALL_PANEL = 500
"""A study that measures fewer genes is a panel chosen by hand: no set can be over-represented in it."""

_WEIGHT = re.compile(r",-?\d+(\.\d+)?$")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True)
class GeneSets:
    """A collection of gene sets as its file has it.

    Parameters
    ----------
    names, descriptions
        Of every set; names are unique.
    members
        The genes of every set, each once, in the order of the file.
    notes
        What was odd about the file, in sentences.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def id(self) -> str:
        """A name for the content: the same sets have the same id."""
        return hashlib.sha256(gmt_text(self).encode()).hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class MeasuredSets:
    """The gene sets that a study can say something about.

    Parameters
    ----------
    names, descriptions
        Of every set that is kept.
    members
        Places of each set's measured genes among the study's genes, ascending.
    n_sets
        Sets of the collection.
    n_small, n_large
        Sets left out: fewer than :data:`SMALLEST` or more than :data:`LARGEST` genes measured.
    n_symbols, n_matched
        Different symbols in the collection, and those that the study measures.
    notes
        What is odd about the match, in sentences.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    members: tuple[np.ndarray, ...]
    n_sets: int
    n_small: int
    n_large: int
    n_symbols: int
    n_matched: int
    notes: tuple[str, ...] = ()


def read_gmt(source: Path | bytes) -> GeneSets:
    """The gene sets of a GMT, plain, gzipped or zipped.

    Parameters
    ----------
    source
        Its path, or what it holds.

    Returns
    -------
    GeneSets

    Raises
    ------
    GeneSetError
        If it cannot be read, is no GMT, or holds no set.
    """
    return parse_gmt(_text(_content(source)))


def parse_gmt(text: str) -> GeneSets:
    """The gene sets in the text of a GMT.

    A line of one gene list without tabs, a set without genes, a name that stands twice: each is told apart. Sets of one
    name and the same genes are one; of one name and other genes, the later is called ``NAME (2)``.

    Raises
    ------
    GeneSetError
        If a line is no set.
    """
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    empty = twice = renamed = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, description, genes = _set_of(line, number)
        if not genes:
            empty += 1
            continue
        fresh = _fresh_name(name, genes, found)
        twice += fresh is None
        renamed += fresh not in (None, name)
        if fresh is not None:
            found[fresh] = (description, genes)
        if len(found) > MOST_SETS:
            raise GeneSetError(f"The file holds more than {MOST_SETS:,} gene sets. Split it, or take a smaller one.")
    if not found:
        what = f"{empty:,} sets and no gene" if empty else "no line"
        raise GeneSetError(f"The file holds {what}. Expected a GMT: one set a line, its name, a description and genes.")
    notes = [f"{empty:,} {_sets(empty)} without genes left out."] if empty else []
    notes += [f"{twice:,} {_sets(twice)} given twice, kept once."] if twice else []
    notes += [f"{renamed:,} {_sets(renamed)} of a name that was taken by other genes, numbered."] if renamed else []
    members = tuple(genes for _, genes in found.values())
    return GeneSets(tuple(found), tuple(d for d, _ in found.values()), members, tuple(notes))


def gmt_text(sets: GeneSets) -> str:
    """The sets as a GMT."""
    rows = zip(sets.names, sets.descriptions, sets.members, strict=True)
    return "".join("\t".join([name, description, *genes]) + "\n" for name, description, genes in rows)


def measured_sets(sets: GeneSets, symbols: Sequence[str] | np.ndarray, ids: Sequence[str] | np.ndarray) -> MeasuredSets:
    """The sets in terms of a study's genes; genes are found by symbol, old symbol, alias or Ensembl id.

    Parameters
    ----------
    sets
        The collection.
    symbols, ids
        The study's genes, as in :class:`core.data.gene_names.GeneIndex`.

    Returns
    -------
    MeasuredSets
        Sets with 10 to 500 measured genes, in the order of the collection.

    Raises
    ------
    GeneSetError
        If so few genes are in common that nothing can be said.
    """
    every = list(dict.fromkeys(gene for genes in sets.members for gene in genes))
    found = dict(zip(every, resolve_all(every, symbols, ids), strict=True))
    matched = {gene: symbol for gene, symbol in found.items() if symbol is not None}
    _check_matches(every, matched, len(symbols))
    place = {symbol: k for k, symbol in enumerate(symbols)}
    members = [np.unique([place[matched[g]] for g in genes if g in matched]).astype(int) for genes in sets.members]
    sizes = np.array([m.size for m in members])
    kept = np.flatnonzero((sizes >= SMALLEST) & (sizes <= LARGEST))
    return MeasuredSets(
        tuple(sets.names[k] for k in kept),
        tuple(sets.descriptions[k] for k in kept),
        tuple(members[k] for k in kept),
        len(sets),
        int((sizes < SMALLEST).sum()),
        int((sizes > LARGEST).sum()),
        len(every),
        len(matched),
        _case_note(matched),
    )


def _check_matches(every: list[str], matched: dict[str, str], n_genes: int) -> None:
    """Refuse a collection that does not speak of the study's genes."""
    few = min(FEWEST_MATCHES, len(every), max(n_genes // 10, 1))
    if len(matched) >= few:
        return
    some = ", ".join(every[:3])
    n, genes = len(matched), "gene" if len(every) == 1 else "genes"
    raise GeneSetError(
        f"The study measures {n or 'none'} of the {len(every):,} {genes} in these sets ({some[:80]}, ...). Expected "
        f"at least {few:,}, under the symbols or Ensembl ids of the study: sets of another species or of other "
        "identifiers (Entrez numbers, for example) cannot be used."
    )


def _case_note(matched: dict[str, str]) -> tuple[str, ...]:
    """Say so where symbols agree only if capitals are disregarded, as those of mouse and human do."""
    other = sum(gene != symbol and gene.upper() == symbol.upper() for gene, symbol in matched.items())
    if 2 * other < len(matched):
        return ()
    example = next(f"{g} for {s}" for g, s in matched.items() if g != s and g.upper() == s.upper())
    mouse = sum(gene[1:] == gene[1:].lower() and gene[:1].isupper() for gene in matched)
    whose = "written as mouse genes are" if 2 * mouse >= len(matched) else "written with other capitals"
    return (
        f"The sets' symbols are {whose} ({example}): {other:,} of {len(matched):,} were matched without regard to "
        "capitals. Genes of two species that share a name are not always counterparts.",
    )


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        if source.stat().st_size > MOST_BYTES:
            raise GeneSetError(f"{source.name} has {source.stat().st_size / 1e6:,.0f} MB; no GMT is as large.")
        return source.read_bytes()
    except OSError as error:
        raise GeneSetError(f"{source} cannot be read: {error.strerror}. Expected a GMT of gene sets.") from error


def _text(content: bytes) -> str:
    content = _unpacked(content)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # Excel's "Unicode text"
        return content.decode("utf-16", "replace")
    if b"\0" in content[:4096]:
        raise GeneSetError("The file is binary, no text. Expected a GMT: one gene set a line, separated by tabs.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # names of authors in descriptions; symbols are ASCII


def _unpacked(content: bytes) -> bytes:
    try:
        if content.startswith(_GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(MOST_BYTES + 1)
        elif content.startswith(_ZIP):
            content = _only_file(content)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise GeneSetError("The file is compressed and damaged. Copy or download it again.") from error
    if len(content) > MOST_BYTES:
        raise GeneSetError(f"The file holds more than {MOST_BYTES / 1e6:,.0f} MB of text; no GMT is as large.")
    return content


def _only_file(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".gmt")]
        if len(names) != 1:
            raise GeneSetError(f"The archive holds {len(names)} GMT files; expected one.")
        with archive.open(names[0]) as file:
            return file.read(MOST_BYTES + 1)


def _set_of(line: str, number: int) -> tuple[str, str, tuple[str, ...]]:
    """Name, description and genes of a line."""
    fields = line.split("\t")
    name = _plain(fields[0])
    if len(fields) < 3 or not name:
        found = f"{len(fields)} field{'' if len(fields) == 1 else 's'}" if name else "no name"
        raise GeneSetError(
            f"Line {number:,} is no gene set: it has {found} ({_plain(line)[:40]!r}). Expected a GMT: name, "
            "description and genes, separated by tabs."
        )
    genes = (
        _WEIGHT.sub("", _UNPRINTABLE.sub(" ", field).strip()) for field in fields[2:]
    )  # Enrichr's may have weights
    return name, _plain(fields[1]), tuple(dict.fromkeys(gene for gene in genes if gene))


def _fresh_name(name: str, genes: tuple[str, ...], found: dict[str, tuple[str, tuple[str, ...]]]) -> str | None:
    """The name under which a set is kept; None where it is there already."""
    fresh, k = name, 2
    while fresh in found:
        if set(found[fresh][1]) == set(genes):
            return None
        fresh, k = f"{name} ({k})", k + 1
    return fresh


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()[:LONGEST_NAME]


def _sets(n: int) -> str:
    return "set" if n == 1 else "sets"
