"""A perturbation: what the figures read of its view, and how they word what is done and what counts as changed."""

from typing import Protocol

import pandas as pd

from core.schema import ALL_PERTURBED
from core.views.methods import Methods
from core.views.text import plain, threshold


class PerturbationLike(Protocol):
    """What the figures read of a perturbation's view."""

    target: str
    modality: str
    simulated: bool
    fdr: float
    fold: float
    n_target: int
    n_control: int
    genes: pd.DataFrame
    guides: pd.DataFrame
    scale_name: str
    methods: Methods


def gene_table(view: PerturbationLike) -> pd.DataFrame:
    """The view's genes with a column ``gene``, whether the symbols are a column or the index."""
    genes = view.genes
    return genes if "gene" in genes.columns else genes.rename_axis("gene").reset_index()


def what_is_done(view: PerturbationLike, longest: int = 26) -> str:
    """The perturbed side of an axis: ``ACAT2 knock-down`` or ``All perturbed cells``."""
    if view.target == ALL_PERTURBED:
        return ALL_PERTURBED
    words = f" {view.modality}"
    return plain(view.target, max(6, longest - len(words))) + words


def change_rule(view: PerturbationLike) -> str:
    """What counts as changed: ``FDR < 0.05, at least 1.4-fold``."""
    rule = f"FDR < {threshold(view.fdr)}"
    return rule if view.fold <= 1 else f"{rule} and at least {threshold(view.fold)}-fold"
