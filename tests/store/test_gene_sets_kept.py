"""Gene sets that are kept and fetched."""

import gzip
import http.server
import threading

import pytest

from core.errors import DamagedStoreError, GeneSetError, StorageError
from core.store import gene_sets
from core.store.gene_sets import Offer, collection_named, collections, fetch, keep, kept_sets

GMT = "A\tabout\tG1\tG2\nB\t\tG3\n"


def test_what_is_given_is_kept_with_name_source_date_and_numbers(tmp_path, data_root):
    path = tmp_path / "mine.gmt.gz"
    path.write_bytes(gzip.compress(GMT.encode()))

    kept = keep(path, "mine", str(path), "CC0")

    assert (kept.name, kept.source, kept.licence, kept.n_sets, kept.n_genes) == ("mine", str(path), "CC0", 2, 3)
    assert len(kept.date) == 10
    assert collections() == [kept] and collection_named("mine") == collection_named(kept.id) == kept
    assert kept_sets(kept.id, data_root / "gene_sets").names == ("A", "B")


def test_the_same_sets_are_kept_once_and_a_name_that_is_taken_is_numbered(data_root):
    first = keep(GMT.encode(), "mine", "upload")

    assert keep(gzip.compress(GMT.encode()), "other", "upload") == first
    assert keep(b"A\t\tG9\n", "mine", "upload").name == "mine (2)"
    assert len(collections()) == 2


def test_what_is_no_gmt_leaves_nothing_behind(data_root):
    with pytest.raises(GeneSetError):
        keep(b"no tabs\n", "mine", "upload")

    assert collections() == [] and not list(data_root.rglob("*"))


def test_a_data_root_that_cannot_be_written_is_said(data_root):
    data_root.write_text("a file where the folder should be")

    with pytest.raises(StorageError, match="Cannot write"):
        keep(GMT.encode(), "mine", "upload")


def test_damage_is_said_and_giving_the_file_again_is_the_way_out(data_root):
    kept = keep(GMT.encode(), "mine", "upload")
    folder = data_root / "gene_sets"
    (folder / kept.id / "sets.gmt.gz").write_bytes(b"\x1f\x8bxx")
    kept_sets.cache_clear()

    with pytest.raises(DamagedStoreError, match="Give them again"):
        kept_sets(kept.id, folder)
    (folder / kept.id / "record.json").write_text("{")
    assert collections() == []
    keep(GMT.encode(), "mine", "upload")
    assert kept_sets(kept.id, folder).names == ("A", "B")


def test_an_unknown_collection_is_named_with_those_there_are(data_root):
    keep(GMT.encode(), "mine", "upload")

    with pytest.raises(GeneSetError, match="There are: mine"):
        collection_named("other")


@pytest.fixture
def served():
    """An address of this machine that answers with gene sets, and what it was asked."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            found = self.path == "/sets.gmt"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(GMT.encode() if found else b"none")

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_fetching_asks_one_address_and_sends_nothing_of_the_user(served, data_root):
    url, asked = served

    kept = fetch(Offer("Public", f"{url}/sets.gmt", "CC0 1.0", "2 sets"))

    assert (kept.name, kept.licence, kept.source, kept.n_sets) == ("Public", "CC0 1.0", f"{url}/sets.gmt", 2)
    assert [path for path, _ in asked] == ["/sets.gmt"]
    assert set(asked[0][1]) <= {"Accept-Encoding", "Host", "User-Agent", "Connection"}
    assert asked[0][1]["User-Agent"].startswith("Perturbscope/")


@pytest.mark.parametrize("address", ["/gone.gmt", None], ids=["404", "nobody answers"])
def test_failing_network_is_said_plainly(served, data_root, address):
    url = f"{served[0]}{address}" if address else "http://127.0.0.1:9/sets.gmt"

    with pytest.raises(GeneSetError, match="could not be fetched from") as failed:
        fetch(Offer("Public", url, "CC0 1.0", "2 sets"))

    assert "give it here as a GMT" in str(failed.value)
    assert collections() == []


def test_every_offer_names_a_licence_and_an_address_that_is_encrypted():
    for offer in gene_sets.OFFERS:
        assert offer.address.startswith("https://") and offer.licence.startswith("CC")
