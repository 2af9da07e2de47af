"""Gene sets that are kept: given by path or upload, or fetched on request; in ``gene_sets/`` under the data root.

``gene_sets/<id>/`` holds ``sets.gmt.gz`` and ``record.json``; the id comes from the content, so the same file given
twice is kept once. Nothing is ever fetched unasked.
"""

import gzip
import json
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from core import __version__
from core.data.gene_sets import MOST_BYTES, GeneSets, MeasuredSets, gmt_text, measured_sets, parse_gmt, read_gmt
from core.errors import DamagedStoreError, GeneSetError
from core.jobs.locks import build_lock
from core.settings import root_or_default
from core.store.files import storage_errors, unfinished_folder
from core.store.study import Study

SECONDS_TO_WAIT = 30
RECORD, SETS = "record.json", "sets.gmt.gz"


@dataclass(frozen=True)
class Collection:
    """A collection of gene sets that is kept.

    Parameters
    ----------
    id
        From its content.
    name, source, licence
        What it is called, where it came from (a path, "upload" or an address) and under which licence, "" if unknown.
    date
        When it was given, as ``YYYY-MM-DD``.
    n_sets, n_genes
        Its sets, and the different symbols in them.
    notes
        What was odd about its file.
    """

    id: str
    name: str
    source: str
    licence: str
    date: str
    n_sets: int
    n_genes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """A public collection that may be fetched on request.

    Parameters
    ----------
    name, address, licence
        What it is, where it is asked for, and the licence that lets anyone use it.
    about
        Its sets in a few words.
    """

    name: str
    address: str
    licence: str
    about: str


OFFERS = (
    Offer(
        "MSigDB Hallmark 2024.1",
        "https://data.broadinstitute.org/gsea-msigdb/msigdb/release/2024.1.Hs/h.all.v2024.1.Hs.symbols.gmt",
        "CC BY 4.0",
        "50 sets, each a process with little overlap",
    ),
    Offer(
        "Reactome pathways",
        "https://reactome.org/download/current/ReactomePathways.gmt.zip",
        "CC0 1.0",
        "about 2,500 pathways, the release of the day",
    ),
)
"""What can be fetched: human symbols, licences that allow anyone to use them."""


def collections(data_root: str | Path | None = None) -> list[Collection]:
    """All collections that are kept, by name."""
    folder = _root(data_root)
    found = [_record(path) for path in folder.glob(f"*/{RECORD}")] if folder.is_dir() else []
    return sorted((record for record in found if record), key=lambda record: (record.name.lower(), record.id))


def collection_named(text: str, data_root: str | Path | None = None) -> Collection:
    """The collection of this name or id.

    Raises
    ------
    GeneSetError
        If none is called so.
    """
    kept = collections(data_root)
    found = next((c for c in kept if text in (c.id, c.name)), None)
    if found is None:
        names = ", ".join(c.name for c in kept[:5]) or "none yet"
        raise GeneSetError(f"No gene sets are kept as {text[:60]!r}. There are: {names}. Give a GMT first.")
    return found


def keep(
    content: Path | bytes, name: str, source: str, licence: str = "", data_root: str | Path | None = None
) -> Collection:
    """Read a GMT and keep it; the record of what is kept.

    Parameters
    ----------
    content
        The file, or what it holds.
    name, source, licence
        What it is called, where it comes from, and under which licence, if known.
    data_root
        Default the setting.

    Raises
    ------
    GeneSetError
        If it is no GMT.
    StorageError
        If the data root cannot be written.
    """
    sets = read_gmt(content)
    folder = _root(data_root) / sets.id
    known = _record(folder / RECORD)
    if known is not None:
        return known
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with build_lock(folder.parent):
            fresh = _free_name(" ".join(name.split())[:60] or "gene sets", data_root)
            record = _record(folder / RECORD) or described(sets, fresh, source, licence)
            with unfinished_folder(folder) as unfinished:
                (unfinished / SETS).write_bytes(gzip.compress(gmt_text(sets).encode(), 6, mtime=0))
                (unfinished / RECORD).write_text(json.dumps(asdict(record), indent=1))
    return record


def described(sets: GeneSets, name: str, source: str, licence: str = "") -> Collection:
    """The record of a collection, kept or not."""
    symbols = {gene for genes in sets.members for gene in genes}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return Collection(sets.id, name, source, licence, today, len(sets), len(symbols), sets.notes)


def collection_name(file: str) -> str:
    """What a file of gene sets is called: its name without folder and endings.

    Examples
    --------
    >>> collection_name("h.all.v7.0.symbols.gmt"), collection_name("a/ReactomePathways.gmt.gz")
    ('h.all.v7.0.symbols', 'ReactomePathways')
    """
    name = file.replace("\\", "/").rpartition("/")[2]
    for ending in (".gz", ".zip", ".gmt", ".txt"):
        name = name.removesuffix(ending)
    return name or "gene sets"


def fetch(offer: Offer, data_root: str | Path | None = None) -> Collection:
    """Fetch a public collection and keep it. Asked for is its address alone: nothing of any study is sent.

    Raises
    ------
    GeneSetError
        If it cannot be had, or is no GMT.
    StorageError
        If the data root cannot be written.
    """
    return keep(_download(offer), offer.name, offer.address, offer.licence, data_root)


def _download(offer: Offer) -> bytes:
    request = urllib.request.Request(offer.address, headers={"User-Agent": f"Perturbscope/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_TO_WAIT) as answer:
            content: bytes = answer.read(MOST_BYTES + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise GeneSetError(
            f"{offer.name} could not be fetched from {offer.address}: {str(reason)[:200]}. This machine may have no "
            "way to the internet. Fetch the file elsewhere and give it here as a GMT."
        ) from error
    if len(content) > MOST_BYTES:
        raise GeneSetError(f"{offer.address} answered with more than {MOST_BYTES / 1e6:,.0f} MB; no GMT is as large.")
    return content


def measured(study: Study, collection: Collection | GeneSets, data_root: str | Path | None = None) -> MeasuredSets:
    """A collection in terms of a study's genes.

    Raises
    ------
    GeneSetError
        If they have too few genes in common.
    DamagedStoreError
        If what is kept cannot be read.
    """
    sets = collection if isinstance(collection, GeneSets) else kept_sets(collection.id, _root(data_root))
    return measured_sets(sets, study.genes.index.to_numpy(), study.genes["gene_id"].to_numpy())


def first_that_fits(study: Study, data_root: str | Path | None = None) -> Collection | None:
    """The first kept collection, by name, that has enough genes in common with a study; None where none has."""
    for collection in collections(data_root):
        with suppress(GeneSetError, DamagedStoreError):
            measured(study, collection, data_root)
            return collection
    return None


@lru_cache(maxsize=4)
def kept_sets(collection_id: str, root: Path) -> GeneSets:
    """The gene sets of a collection that is kept.

    Raises
    ------
    DamagedStoreError
        If they cannot be read.
    """
    try:
        return parse_gmt(gzip.decompress((root / collection_id / SETS).read_bytes()).decode())
    except (OSError, EOFError, ValueError, GeneSetError) as error:
        raise DamagedStoreError(f"The gene sets in {root / collection_id} are damaged. Give them again.") from error


def _root(data_root: str | Path | None) -> Path:
    return root_or_default(data_root) / "gene_sets"


def _record(path: Path) -> Collection | None:
    try:
        record = json.loads(path.read_text())
        return Collection(**record | {"notes": tuple(record["notes"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _free_name(name: str, data_root: str | Path | None) -> str:
    """The name, numbered where another collection has it."""
    taken = {c.name for c in collections(data_root)}
    fresh, k = name, 2
    while fresh in taken:
        fresh, k = f"{name} ({k})", k + 1
    return fresh
