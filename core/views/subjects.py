"""Subjects: the view that a figure takes, made of what is named outside a page: targets, a gene, gene sets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.gene_sets import read_gmt
from core.errors import OptionError
from core.schema import ALL_PERTURBED
from core.store import Study, open_study
from core.store.cell_state import cell_states
from core.store.gene_sets import collection_name, collection_named, described, measured
from core.views.cell_state import cell_state_view
from core.views.combination import combination_view
from core.views.compare import pair_view
from core.views.compare_map import map_view
from core.views.gene import gene_view
from core.views.gene_cells import gene_cells_view
from core.views.genes import genes_view
from core.views.pathways import pathways_view
from core.views.perturbation import perturbation_view
from core.views.qq import qq_view
from core.views.responders import responders_view
from core.views.study import study_view
from core.views.two_studies import studies_view

OF_ONE_GENE = ("gene", "gene_cells")
"""Subjects that are one gene; for all others genes are names to highlight."""


@dataclass(frozen=True)
class Asked:
    """What is named for a figure, in the study's own names.

    Parameters
    ----------
    target, beside
        One target, :data:`core.schema.ALL_PERTURBED` too, and the one it is compared with.
    genes
        Genes.
    other
        The id, name or file of a second study.
    gmt
        A file of gene sets, or the name of a collection that is kept.
    """

    target: str | None = None
    beside: str | None = None
    genes: tuple[str, ...] = ()
    other: str | None = None
    gmt: str | None = None


def view_of(study: Study, subject: str, asked: Asked) -> Any:
    """The view of a figure's subject.

    Raises
    ------
    OptionError
        If something it needs is not named, or it can tell nothing.
    """
    view = _MAKERS[subject](study, asked)
    why_not = getattr(view, "why_not", "")
    if why_not:
        raise OptionError(why_not)
    return view


def _perturbed(asked: Asked) -> str:
    return asked.target or ALL_PERTURBED


def _one_target(asked: Asked) -> str:
    if asked.target is None:
        raise OptionError("This figure is of one target: add --target NAME.")
    return asked.target


def _gene_of(asked: Asked) -> str:
    if len(asked.genes) != 1:
        raise OptionError(f"This figure is of one gene: give --gene once, not {len(asked.genes)} times.")
    return asked.genes[0]


def _pair(study: Study, asked: Asked) -> Any:
    target = _one_target(asked)
    if asked.beside is None:
        raise OptionError("The figure pair is of two targets: add --with NAME.")
    return pair_view(study, target, asked.beside)


def _studies(study: Study, asked: Asked) -> Any:
    if asked.other is None:
        raise OptionError("The figure studies is of two studies: add --other FILE, or the id or name of a study.")
    return studies_view(study, open_study(asked.other), _one_target(asked))


def _gene_cells(study: Study, asked: Asked) -> Any:
    return gene_cells_view(study, gene_view(study, _gene_of(asked)), [asked.target] if asked.target else [])


def _pathways(study: Study, asked: Asked) -> Any:
    if asked.gmt is None:
        raise OptionError("Say which gene sets: --gmt FILE.gmt, or the name of a collection that is kept.")
    view = perturbation_view(study, _perturbed(asked))
    if not Path(asked.gmt).exists():
        kept = collection_named(asked.gmt)
        return pathways_view(study, view, measured(study, kept), kept)
    sets = read_gmt(Path(asked.gmt))
    return pathways_view(study, view, measured(study, sets), described(sets, collection_name(asked.gmt), asked.gmt))


def _cell_state(study: Study, asked: Asked) -> Any:
    return cell_state_view(study, perturbation_view(study, _perturbed(asked)), cell_states(study))


_MAKERS: Mapping[str, Callable[[Study, Asked], Any]] = {
    "study": lambda study, _: study_view(study),
    "genes": lambda study, _: genes_view(study),
    "map": lambda study, _: map_view(study),
    "gene": lambda study, asked: gene_view(study, _gene_of(asked)),
    "gene_cells": _gene_cells,
    "perturbation": lambda study, asked: perturbation_view(study, _perturbed(asked)),
    "qq": lambda study, asked: qq_view(study, perturbation_view(study, _perturbed(asked))),
    "pair": _pair,
    "combination": lambda study, asked: combination_view(study, _one_target(asked)),
    "studies": _studies,
    "pathways": _pathways,
    "cell_state": _cell_state,
    "responders": lambda study, asked: responders_view(study, perturbation_view(study, _perturbed(asked))),
}
