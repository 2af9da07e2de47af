"""Strength of an effect: genes at FDR < 0.05 of every target, and the class that their number makes."""

from typing import Any

import pandas as pd


def strength_counts(study: Any, stratified: bool) -> pd.Series:
    """Genes at FDR < 0.05 of every target, by the test that is shown."""
    targets = study.targets
    if stratified and "n_significant_stratified" in targets:
        return targets["n_significant_stratified"]
    return targets["n_significant"]


def strength_class(n_significant: int) -> str:
    """The class of an effect by its genes at FDR < 0.05, with the cuts of the Virtual Cell Challenge.

    Examples
    --------
    >>> [strength_class(n) for n in (0, 9, 10, 100, 101)]
    ['negligible', 'negligible', 'subtle', 'subtle', 'strong']
    """
    return "strong" if n_significant > 100 else "subtle" if n_significant >= 10 else "negligible"
