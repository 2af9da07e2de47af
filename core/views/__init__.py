"""What each page shows: tables and sentences, nothing drawn, nothing read from a file."""

from core.views.parts import Care, Check, Note, Vital
from core.views.perturbation import PerturbationView, perturbation_view
from core.views.study import StudyView, study_view

__all__ = ["Care", "Check", "Note", "PerturbationView", "StudyView", "Vital", "perturbation_view", "study_view"]
