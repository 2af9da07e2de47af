"""Gene lists as files: GMT and CSV out, and GMT, CSV or plain lists of genes in. Reading runs nothing."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from core.errors import UploadError
from core.store.notebook import LONGEST_LIST_NAME, MOST_GENES, GeneList

LARGEST_BYTES = 5 * 2**20
MOST_LISTS = 500
_GENE = re.compile(r"[^\s,;]{1,60}")
_HEADINGS = {"gene", "genes", "symbol", "gene_symbol", "gene_name", "feature"}


def lists_as_gmt(lists: Iterable[GeneList]) -> bytes:
    """Gene lists as GMT: name, where it comes from, then its genes, set off by tabs."""
    lines = ["\t".join([_one_line(kept.name), _one_line(kept.source) or "-", *kept.genes]) for kept in lists]
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def lists_as_csv(lists: Iterable[GeneList]) -> bytes:
    """Gene lists as CSV: one row a gene, with the list's name before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["list", "gene"])
    writer.writerows([_inert(kept.name), _inert(gene)] for kept in lists for gene in kept.genes)
    return out.getvalue().encode("utf-8")


def read_lists(file_name: str, content: bytes) -> dict[str, list[str]]:
    """Gene lists out of a file, by name.

    Parameters
    ----------
    file_name
        Its name: ``.gmt`` is read as GMT; a list without a name of its own is called as the file.
    content
        The file: GMT, CSV with columns ``list`` and ``gene``, CSV with a column of genes, or one gene a line.

    Raises
    ------
    UploadError
        If it is too large, no text, or holds no genes or more lists than can be kept.
    """
    text = _text(file_name, content)
    name = PurePath(file_name.replace("\\", "/")).name
    found = _gmt(text, name) if name.lower().endswith(".gmt") else _table(text, PurePath(name).stem)
    found = {words[:LONGEST_LIST_NAME]: list(dict.fromkeys(genes)) for words, genes in found.items() if genes}
    if not found:
        raise UploadError(f"{name} holds no genes. Expected a GMT file, a CSV with a column gene, or one gene a line.")
    if len(found) > MOST_LISTS:
        raise UploadError(
            f"{name} holds {len(found):,} lists; at most {MOST_LISTS} are kept at once. A library of pathways is "
            "chosen on the Perturbation page, where all of it is tested."
        )
    long = next((words for words, genes in found.items() if len(genes) > MOST_GENES), None)
    if long is not None:
        raise UploadError(f"The list {long!r} in {name} holds {len(found[long]):,} genes; at most {MOST_GENES:,} fit.")
    return found


def _text(file_name: str, content: bytes) -> str:
    if len(content) > LARGEST_BYTES:
        raise UploadError(f"{file_name} has {len(content) / 2**20:.0f} MB; a file of gene lists may have 5 MB.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or "\0" in text:
        raise UploadError(f"{file_name} is empty or no text (UTF-8). Expected GMT, CSV or one gene a line.")
    return text


def _gmt(text: str, file_name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = [part.strip() for part in line.split("\t")]
        if len(rest) < 2 or not name:
            raise UploadError(
                f"Line {n} of {file_name} is no line of a GMT file: name, description and genes, set off by tabs."
            )
        found.setdefault(name, []).extend(gene for gene in rest[1:] if _GENE.fullmatch(gene))
    return found


def _table(text: str, stem: str) -> dict[str, list[str]]:
    """Genes out of a CSV or a plain list: a column that is called gene, or else the first."""
    rows = [[cell.strip() for cell in row] for row in _rows(text) if any(cell.strip() for cell in row)]
    heading = [cell.lower() for cell in rows[0]]
    column = next((i for i, cell in enumerate(heading) if cell in _HEADINGS), None)
    names = heading.index("list") if "list" in heading else None
    if column is None:
        cells = [gene for row in rows for gene in (row if len(rows) == 1 else row[:1])]
        return {stem: [word for cell in cells for word in _GENE.findall(cell)]}
    found: dict[str, list[str]] = {}
    for row in rows[1:]:
        name = row[names] if names is not None and names < len(row) and row[names] else stem
        if column < len(row) and _GENE.fullmatch(row[column].removeprefix("'")):
            found.setdefault(name.removeprefix("'"), []).append(row[column].removeprefix("'"))
    return found


def _rows(text: str) -> list[list[str]]:
    first = text.lstrip().splitlines()[0]
    delimiter = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise UploadError(f"The file is no readable CSV ({error}). Expected one gene a line.") from error


def merged_lists(lists: Mapping[str, GeneList]) -> list[GeneList]:
    """The lists of a mapping by name, for a file that holds them all."""
    return sorted(lists.values(), key=lambda kept: kept.name.casefold())


def _one_line(words: str) -> str:
    return " ".join(words.split())


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
