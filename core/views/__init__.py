"""What each page shows: tables and sentences, nothing drawn, nothing read from a file."""

from core.views.gene import GeneView, gene_view
from core.views.gene_cells import GeneCellsView, gene_cells_view
from core.views.genes import GenesView, genes_view
from core.views.parts import Care, Check, Note, Vital
from core.views.perturbation import PerturbationView, perturbation_view
from core.views.study import StudyView, study_view

__all__ = [
    "Care",
    "Check",
    "GeneCellsView",
    "GeneView",
    "GenesView",
    "Note",
    "PerturbationView",
    "StudyView",
    "Vital",
    "gene_cells_view",
    "gene_view",
    "genes_view",
    "perturbation_view",
    "study_view",
]
