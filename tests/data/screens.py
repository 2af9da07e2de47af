"""A source without a file: tables and matrices as a test gives them, so that roles are tested apart from reading."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.data.matrix_look import judge
from core.data.source import MatrixLook

GENES = ["STAT1", "JAK2", "IRF1", "MYC", "GATA1", "NKX2-1", "HLA-A", "MT-ND1", "H1-2", "AC099489.1", "ACTB", "CD24"]
COUNTS = np.array([1.0, 2.0, 7.0, 1204.0])
LOGS = np.array([0.3, 1.7, 6.9])
FRACTIONS = LOGS * 101.3  # normalized, but on no log scale


@dataclass
class FakeSource:
    """What :func:`core.data.roles.read_roles` asks of a file."""

    obs: pd.DataFrame
    var: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(index=GENES))
    values: dict[str, np.ndarray] = field(default_factory=lambda: {"X": COUNTS})
    raw_var: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def matrices(self) -> dict[str, str]:
        return {name: name for name in self.values}

    def look(self, matrix: str) -> MatrixLook:
        return judge(np.asarray(self.values[matrix], float))


def screen(labels: dict[str, int], seed: int = 0, column: str = "target_gene", **columns: Any) -> pd.DataFrame:
    """A cell table with so many cells of every label, shuffled.

    Further columns are drawn from the values given, evenly; a function of the label is applied to it.
    """
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.repeat(np.array(list(labels), dtype=object), list(labels.values())))
    table: dict[str, Any] = {column: label}
    for name, values in columns.items():
        table[name] = [values(x) for x in label] if callable(values) else rng.choice(values, len(label))
    return pd.DataFrame(table, index=[f"cell{i}" for i in range(len(label))])
