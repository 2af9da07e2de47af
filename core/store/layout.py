"""Layout: where the parts of a study lie, and the names of their folders.

On disk, below the data root, ``studies/<id>/``: study.json (core.store.records), ``values/<matrix>/``
(core.store.values) and ``tables/<key>/`` (core.store.tables). The id comes from the file's content, so a moved file
keeps its study and a changed one begins another. Several sets of tables of one study stand beside one another: choosing
other roles, and choosing the old ones again, is quick.
"""

import hashlib
import json
from pathlib import Path

from core.schema import Roles, Values
from core.settings import root_or_default
from core.store.tables import TABLES_VERSION
from core.store.values import VALUES_VERSION


def study_folder(study_id: str, data_root: str | Path | None) -> Path:
    """The folder of a study, there or not; None is the data root of the settings."""
    return root_or_default(data_root) / "studies" / study_id


def tables_key(roles: Roles) -> str:
    """The name of the tables that these roles, size factors and subset give: a hash, the same for the same choice."""
    record = {"roles": roles.to_dict(), "tables": TABLES_VERSION, "values": VALUES_VERSION}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]


def values_folder(roles: Roles) -> str:
    """A safe folder name, one a matrix and way of reading it: layer names come from files."""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in roles.matrix)[:40]
    name = plain if plain == roles.matrix else f"{plain}-{hashlib.sha256(roles.matrix.encode()).hexdigest()[:8]}"
    return name if roles.values is Values.COUNTS else f"{name}-log"
