"""Foreign: what leads out of a file, or could run code, and is therefore neither followed nor decoded."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from core.data.nodes import Node
from core.data.unreadable import COPY_AGAIN, first_line, unreadable


def links_outside(root: h5py.File, name: str) -> list[str]:
    """Paths of links that lead, or may lead, out of the file."""
    external, soft = [], []

    def note(path: bytes, info: Any) -> None:
        if info.type == h5py.h5l.TYPE_EXTERNAL:
            external.append(path.decode("utf-8", "replace"))
        elif info.type == h5py.h5l.TYPE_SOFT:
            soft.append(path.decode("utf-8", "replace"))

    try:
        root.id.links.visit(note, info=True)
    except (RuntimeError, OSError, KeyError) as error:
        raise unreadable(name, f"it is damaged ({first_line(error)})", COPY_AGAIN) from error
    return external + soft if external else []  # a soft link may pass through an external one


def refuse_foreign(array: Node, name: str) -> None:
    """Raise UnreadableFileError if an array lies in another file or is a pickle."""
    if isinstance(array, h5py.Dataset):
        if array.external or array.is_virtual:
            raise unreadable(
                name, f"its {array.name} lies in another file, which is not followed", "Write the data into one file"
            )
    elif "pickle" in _codec_names(array.metadata.to_dict()):
        raise unreadable(name, f"its {array.path} is a pickle, which could run code", "Write it as text or numbers")


def _codec_names(metadata: Any) -> set[str]:
    """Every codec that zarr metadata names, at any depth."""
    if isinstance(metadata, Mapping):
        own = {str(metadata[key]).removeprefix("numcodecs.") for key in ("id", "name") if key in metadata}
        return own.union(*(_codec_names(value) for value in metadata.values()))
    if isinstance(metadata, list | tuple):
        return set().union(*(_codec_names(value) for value in metadata))
    if hasattr(metadata, "get_config"):
        return _codec_names(metadata.get_config())
    return set()


def refuse_links_outside(folder: Path) -> None:
    """Raise UnreadableFileError if a link in the folder leads out of it."""
    home = folder.resolve()
    for where, folders, names in os.walk(folder):
        for path in (Path(where, name) for name in folders + names):
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                found = f"its {path.relative_to(folder)} is a link out of the folder"
                raise unreadable(folder.name, found, "Copy it with the data inside")
