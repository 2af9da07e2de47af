"""Target features: a vector for each gene, out of a table or an array file."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class TargetFeatures:
    """A feature vector for each of a number of genes.

    Parameters
    ----------
    names
        Gene symbols, each once.
    matrix
        float32, shape ``(len(names), width)``, all finite.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float32]
