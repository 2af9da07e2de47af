"""What a user has seen already and need not be shown again, such as the tour; kept beside the other kept things."""

from core.store.kept import Kept, Shelf, now

_SEEN = Shelf("seen", Kept)


def is_seen(name: str) -> bool:
    """Whether this was marked as seen in this data root."""
    return _SEEN.get(name) is not None


def mark_seen(name: str) -> None:
    """Remember that this was seen.

    Raises
    ------
    StorageError
        If the data root cannot be written.
    """
    _SEEN.put(name, Kept(saved_at=now()))
