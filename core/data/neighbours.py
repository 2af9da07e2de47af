"""Genes next door: a guide at one promoter can silence the next one."""

import csv
import gzip
from functools import lru_cache
from pathlib import Path

POSITIONS = Path(__file__).parents[2] / "assets" / "gene_positions.tsv.gz"
NEXT_DOOR = 100_000
"""Base pairs between transcription starts: wide enough for LRRCC1 and E2F5, which falls with it, 70 kb apart."""

SHARED_PROMOTER = 10_000
"""Closer starts may be served by one promoter, and a guide at one of them sits at the other too."""

COORDINATES = "Ensembl 100, GRCh38"


def neighbours(symbol: str, within: int = NEXT_DOOR) -> list[str]:
    """Human protein-coding genes whose transcription starts near that of ``symbol``, the nearest first.

    Parameters
    ----------
    symbol
        An approved symbol; a gene that is not known has no neighbours.
    within
        Largest distance in base pairs.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "E2F5" in neighbours("LRRCC1")
    True
    """
    return list(distances(symbol, within))


def distances(symbol: str, within: int = NEXT_DOOR) -> dict[str, int]:
    """The genes of :func:`neighbours` with the base pairs between the transcription starts, the nearest first.

    Examples
    --------
    >>> 50_000 < distances("LRRCC1")["E2F5"] < 100_000
    True
    """
    genome, place = _genome()
    if symbol not in place:
        return {}
    here = place[symbol]
    chromosome, start, _ = genome[here]
    near = []
    for step in (-1, 1):
        k = here + step
        while 0 <= k < len(genome) and genome[k][0] == chromosome and abs(genome[k][1] - start) <= within:
            near.append((abs(genome[k][1] - start), genome[k][2]))
            k += step
    return {name: distance for distance, name in sorted(near)}


@lru_cache(maxsize=1)
def _genome() -> tuple[list[tuple[str, int, str]], dict[str, int]]:
    with gzip.open(POSITIONS, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    genome = [(chromosome, int(start), symbol) for chromosome, start, symbol in rows]
    return genome, {symbol: k for k, (_, _, symbol) in enumerate(genome)}
