"""Subjects: the view that a figure takes, made of what is named outside a page, and what a view was made of.

The command line and "My figures" draw figures by the same way: :func:`view_of` makes a view of an :class:`Asked`, and
:func:`choices_of` says of a view what to ask for to have it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.data.gene_sets import MeasuredSets, read_gmt
from core.errors import OptionError
from core.schema import ALL_PERTURBED, FDR_THRESHOLD, FOLD_THRESHOLD
from core.store import Study, open_study
from core.store.cell_state import cell_states
from core.store.gene_sets import Collection, collection_name, collection_named, described, measured
from core.views.cell_state import cell_state_view
from core.views.combination import combination_view
from core.views.compare import pair_view
from core.views.compare_map import N_GENES, N_TARGETS, map_view
from core.views.gene import GeneView, gene_view
from core.views.gene_cells import gene_cells_view
from core.views.genes import genes_view
from core.views.pathways import pathways_view
from core.views.perturbation import PerturbationView, perturbation_view
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
        A file of gene sets, or the name or id of a collection that is kept.
    fdr, fold, stratified, left_out_of_totals, seen_in
        What counts as changed, and against which controls; a gene that is left out of all totals; cells that must show
        a gene for it to be tested.
    chosen
        Targets to show beside those that move a gene.
    mean_cut, dispersion_cut
        Where the quadrants of all genes are cut; None is the median.
    n_targets, n_genes, marked
        The size of the map, and targets that are set in bold there.
    """

    target: str | None = None
    beside: str | None = None
    genes: tuple[str, ...] = ()
    other: str | None = None
    gmt: str | None = None
    fdr: float = FDR_THRESHOLD
    fold: float = FOLD_THRESHOLD
    stratified: bool | None = None
    left_out_of_totals: str = ""
    seen_in: int = 0
    chosen: tuple[str, ...] = ()
    mean_cut: float | None = None
    dispersion_cut: float | None = None
    n_targets: int = N_TARGETS
    n_genes: int = N_GENES
    marked: tuple[str, ...] = ()

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> "Asked":
        """What was kept of a view, as :func:`choices_of` gave it; lists are tuples here.

        Raises
        ------
        OptionError
            If a later version chose what this one does not know.
        """
        unknown = set(choices) - {field.name for field in fields(cls)}
        if unknown:
            raise OptionError(
                f"This version does not know the choice {min(unknown)[:40]!r} of a kept figure. Open it with the "
                "version of Perturbscope that kept it, or export its view again."
            )
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in choices.items()}
        return cls(**given)


@dataclass(frozen=True)
class Subject:
    """A kind of view.

    Parameters
    ----------
    make
        The view of a study, of what is asked.
    choices
        What a view was made with: fields of :class:`Asked`, by name.
    """

    make: Callable[[Study, Asked], Any]
    choices: Callable[[Any], dict[str, Any]]


def view_of(study: Study, subject: str, asked: Asked) -> Any:
    """The view of a figure's subject.

    Raises
    ------
    OptionError
        If something it needs is not named, or it can tell nothing.
    """
    view = SUBJECTS[subject].make(study, asked)
    why_not = getattr(view, "why_not", "")
    if why_not:
        raise OptionError(why_not)
    return view


def choices_of(subject: str, view: Any) -> dict[str, Any]:
    """What to ask for to have this view again: fields of :class:`Asked`, by name."""
    return SUBJECTS[subject].choices(view)


def sets_named(study: Study, gmt: str) -> tuple[MeasuredSets, Collection]:
    """Gene sets by the path of a GMT, or the name or id of a collection that is kept.

    Raises
    ------
    GeneSetError
        If there are none, or the study measures too few of their genes.
    """
    if not Path(gmt).exists():
        kept = collection_named(gmt)
        return measured(study, kept), kept
    sets = read_gmt(Path(gmt))
    return measured(study, sets), described(sets, collection_name(gmt), gmt)


# ------------------------------------------------------------------------------------------------------- makers


def _one_target(asked: Asked) -> str:
    if asked.target is None:
        raise OptionError("This figure is of one target: add --target NAME.")
    return asked.target


def _within(study: Study, asked: Asked) -> bool | None:
    return asked.stratified if study.has_strata else None


def _perturbation(study: Study, asked: Asked) -> PerturbationView:
    target = asked.target or ALL_PERTURBED
    effects = study.effects_without_own_gene(target) if asked.left_out_of_totals else None
    return perturbation_view(
        study, target, fdr=asked.fdr, fold=asked.fold, stratified=_within(study, asked), without_own_gene=effects,
        seen_in=asked.seen_in,
    )  # fmt: skip


def _gene(study: Study, asked: Asked) -> GeneView:
    if len(asked.genes) != 1:
        raise OptionError(f"This figure is of one gene: give --gene once, not {len(asked.genes)} times.")
    return gene_view(study, asked.genes[0], fdr=asked.fdr, fold=asked.fold, stratified=_within(study, asked))


def _gene_cells(study: Study, asked: Asked) -> Any:
    return gene_cells_view(study, _gene(study, asked), asked.chosen or ([asked.target] if asked.target else []))


def _genes(study: Study, asked: Asked) -> Any:
    return genes_view(study, mean_cut=asked.mean_cut, dispersion_cut=asked.dispersion_cut)


def _map(study: Study, asked: Asked) -> Any:
    return map_view(study, n_targets=asked.n_targets, n_genes=asked.n_genes, marked=asked.marked)


def _pair(study: Study, asked: Asked) -> Any:
    target = _one_target(asked)
    if asked.beside is None:
        raise OptionError("The figure pair is of two targets: add --with NAME.")
    return pair_view(study, target, asked.beside)


def _studies(study: Study, asked: Asked) -> Any:
    if asked.other is None:
        raise OptionError("The figure studies is of two studies: add --other FILE, or the id or name of a study.")
    return studies_view(study, open_study(asked.other), _one_target(asked))


def _pathways(study: Study, asked: Asked) -> Any:
    if asked.gmt is None:
        raise OptionError("Say which gene sets: --gmt FILE.gmt, or the name of a collection that is kept.")
    return pathways_view(study, _perturbation(study, asked), *sets_named(study, asked.gmt))


# ------------------------------------------------------------------------------------------------------ choices


def _same(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Choices that views call as :class:`Asked` does."""
    return lambda view: {name: getattr(view, name) for name in names}


_TARGET = ("target", "fdr", "fold", "stratified", "left_out_of_totals", "seen_in")


def _of_gene(view: Any) -> dict[str, Any]:
    return {"genes": (view.gene,), "fdr": view.fdr, "fold": view.fold, "stratified": view.stratified}


def _of_genes(view: Any) -> dict[str, Any]:
    return _same("mean_cut", "dispersion_cut")(view) if view.moved_cuts else {}


def _of_map(view: Any) -> dict[str, Any]:
    return {"n_targets": len(view.targets), "n_genes": len(view.genes), "marked": view.marked}


SUBJECTS: Mapping[str, Subject] = {
    "study": Subject(lambda study, _: study_view(study), _same()),
    "genes": Subject(_genes, _of_genes),
    "map": Subject(_map, _of_map),
    "gene": Subject(_gene, _of_gene),
    "gene_cells": Subject(_gene_cells, lambda view: _of_gene(view) | {"chosen": view.chosen}),
    "perturbation": Subject(_perturbation, _same(*_TARGET)),
    "pair": Subject(_pair, lambda view: {"target": view.a, "beside": view.b}),
    "combination": Subject(
        lambda study, asked: combination_view(study, _one_target(asked)), lambda view: {"target": view.combination}
    ),
    "studies": Subject(_studies, lambda view: {"target": view.twins[0], "other": view.other_id}),
    "pathways": Subject(_pathways, lambda view: _same(*_TARGET)(view) | {"gmt": view.collection_id}),
    "cell_state": Subject(
        lambda study, asked: cell_state_view(study, _perturbation(study, asked), cell_states(study)), _same("target")
    ),
    "responders": Subject(lambda study, asked: responders_view(study, _perturbation(study, asked)), _same(*_TARGET)),
    "qq": Subject(lambda study, asked: qq_view(study, _perturbation(study, asked)), _same(*_TARGET)),
}
"""Every kind of view by its name."""
