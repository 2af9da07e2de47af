"""False discovery rates of a sweep: worked out from its tests and written beside them, target by target."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from core.stats.fdr import benjamini_hochberg
from core.store.files import RELEASE_ROWS, letting_go, map_arrays


def false_discovery_rates(folder: Path, threads: int) -> None:
    """Benjamini-Hochberg within every target, over all genes."""
    for file_name in ("effects.h5ad", "pooled.h5ad"):
        layers = map_arrays(folder / file_name, "layers", writable=True)
        for suffix in ("", "_stratified"):
            if f"fdr{suffix}" in layers:
                _adjust_rows(layers, suffix, threads)


def _adjust_rows(layers: dict[str, np.ndarray], suffix: str, threads: int) -> None:
    log10_p, fdr = layers[f"log10_p{suffix}"], layers[f"fdr{suffix}"]

    def adjust(row: int) -> None:
        fdr[row] = benjamini_hochberg(np.asarray(log10_p[row]))

    with ThreadPoolExecutor(threads) as pool:
        for first in letting_go(range(0, len(fdr), RELEASE_ROWS), layers, every=1):
            list(pool.map(adjust, range(first, min(first + RELEASE_ROWS, len(fdr)))))
