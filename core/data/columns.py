"""Columns: the columns of obs as labels, under the names that the field gives them."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pandas as pd

from core.data.cells import MeasuredNames, combination, guide_pieces, obs_column, without_guide
from core.data.labels import CERTAIN, Labels, control_certainty, left_out_reason, read_labels

# The likeliest name first. Names are compared in lower case, with "_" for "-", "." and " ".
TARGET_NAMES = tuple(
    (
        "target_gene gene_target perturbation perturbed_gene target gene perturbation_name guide_target "
        "target_gene_name perturbation_target pert_gene knockdown knockout ko gene_name gene_symbol perturbations "
        "pert pert_name gene_perturbed condition grna_target sgrna_target assigned_gene crispr_target treatment "
        "drug compound guide_identity feature_call guide_id guide sgrna grna guide_ids genotype"
    ).split()
)
GUIDE_NAMES = tuple(
    (
        "guide_id guide sgrna grna guide_ids sgrna_id grna_id guide_identity sgid sgid_ab guide_name sgrna_name "
        "grna_name guide_call guides sgrnas guide_identities guide_rna protospacer assigned_guide guide_assignment "
        "sgrna_assignment feature_call"
    ).split()
)
LOOSE_GUIDE_NAMES = tuple("perturbation gene_transcript perturbation_name condition_name condition crispr".split())
BATCH_NAMES = tuple(
    (
        "batch_var batch gem_group gemgroup gem batch_id gem_batch lane channel 10x_lane sequencing_batch "
        "experiment_batch replicate rep plate library library_id library_preparation pool run sample sample_id "
        "orig_ident experiment donor donor_id dataset file file_of_set"
    ).split()
)
CELL_TYPE_NAMES = tuple(
    (
        "cell_type celltype cell_line cellline cell_types cell_type_name cell_ontology_class cell_label annotation "
        "cell_annotation"
    ).split()
)
CONDITION_NAMES = tuple(
    (
        "condition treatment stimulation stim stimulus stimulated state timepoint time_point time day context "
        "tissue tissue_type"
    ).split()
)

_SAMPLE = 400
"""Labels of a column that are compared with gene names."""


class Columns:
    """The columns of obs, their labels read once and only when asked for."""

    def __init__(self, obs: pd.DataFrame, genes: MeasuredNames) -> None:
        self.obs, self.genes = obs, genes
        self.names = list(dict.fromkeys(str(column) for column in obs.columns))
        self._labels: dict[str, Labels] = {}
        self._target_evidence: dict[str, TargetEvidence] = {}

    def key(self, name: str) -> str:
        """The name as it is compared with the conventions."""
        return name.lower().replace("-", "_").replace(".", "_").replace(" ", "_")

    def named(self, conventions: tuple[str, ...]) -> list[str]:
        """The columns that carry one of these names, the likeliest first."""
        rank = {name: place for place, name in enumerate(conventions)}
        return sorted(
            (n for n in self.names if self.key(n) in rank), key=lambda n: (rank[self.key(n)], self.names.index(n))
        )

    def labels(self, name: str) -> Labels:
        """The column's labels."""
        if name not in self._labels:
            self._labels[name] = read_labels(obs_column(self.obs, name, "a"))
        return self._labels[name]

    def is_numeric(self, name: str) -> bool:
        """Whether the column holds numbers or booleans (categories of numbers are labels)."""
        dtype = obs_column(self.obs, name, "a").dtype
        return not isinstance(dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(dtype)

    def is_measurement(self, name: str) -> bool:
        """Whether the column holds numbers with fractions, as no group of cells is called."""
        dtype = obs_column(self.obs, name, "a").dtype
        if isinstance(dtype, pd.CategoricalDtype) or not pd.api.types.is_float_dtype(dtype):
            return False
        column = obs_column(self.obs, name, "a").to_numpy(dtype=float, na_value=np.nan)
        column = column[np.isfinite(column)]
        return bool((column != np.rint(column)).any())

    def target_evidence(self, name: str) -> "TargetEvidence":
        """What speaks for the column as target column."""
        if name not in self._target_evidence:
            self._target_evidence[name] = TargetEvidence(self, name)
        return self._target_evidence[name]

    def same_groups(self, one: str, other: str) -> bool:
        """Whether two columns divide the cells alike."""
        return self.determines(one, other) and self.determines(other, one)

    def determines(self, one: str, other: str) -> bool:
        """Whether all cells with a label of ``one`` carry the same label of ``other``."""
        a, b = self.labels(one), self.labels(other)
        pairs = np.unique(a.codes.astype(np.int64) * max(1, len(b.names)) + b.codes)
        return len(pairs) == len(a.names)


class TargetEvidence:
    """What speaks for one column of obs as the target column."""

    def __init__(self, columns: Columns, name: str) -> None:
        self._genes = columns.genes
        self.name, self.labels, key = name, columns.labels(name), columns.key(name)
        self.exact = key in TARGET_NAMES
        self.alike = any(word in key for word in ("target", "perturb", "pert", "knock", "guide", "grna", "gene"))
        place = TARGET_NAMES.index(key) if self.exact else -1
        self.name_score = 3.0 - 0.08 * place if self.exact else 0.3 if self.alike else 0.0
        # barcodes and numbers are no groups of cells, unless the column is named like a target
        many = len(self.labels.names) > max(20, len(self.labels.codes) / 2)
        self._may_group = len(self.labels.names) > 1 and (self.exact or not (many or columns.is_numeric(name)))

    @cached_property
    def _certainties(self) -> dict[str, int]:
        found = {label: control_certainty(label) for label in self.labels.names}
        if "CTRL" in found and sum(sure == CERTAIN for sure in found.values()) > 1:
            found["CTRL"] = 0  # beside another control it is the gene, chymotrypsin-like
        return found

    @cached_property
    def certainty(self) -> int:
        """How surely the surest of the labels means control."""
        return max(self._certainties.values(), default=0)

    @cached_property
    def controls(self) -> list[str]:
        """The labels that most surely mean control."""
        return [label for label, sure in self._certainties.items() if sure and sure == self.certainty]

    @cached_property
    def others(self) -> list[str]:
        """The labels that could be targets."""
        controls = set(self.controls)
        return [label for label in self.labels.names if label not in controls and left_out_reason(label) is None]

    @cached_property
    def is_grouping(self) -> bool:
        """Whether it divides the cells by labels of which one could be a target."""
        return self._may_group and bool(self.others)

    @cached_property
    def gene_share(self) -> float:
        """Share of the labels, controls apart, that are genes or combinations of genes; guides count a tenth less."""
        step = max(1, len(self.others) // _SAMPLE)
        some = self.others[::step]
        return sum(self._gene_likeness(label) for label in some) / len(some) if some else 0.0

    def _gene_likeness(self, label: str) -> float:
        if len(label) > 200:
            return 0.0
        parts = [p for piece in guide_pieces(label) for p in combination(piece) if not control_certainty(p)]
        if all(self._genes.is_gene(part) for part in parts):
            return 1.0
        stems = [part if self._genes.is_symbol(part) else without_guide(part) for part in parts]
        return 0.9 if all(stem and self._genes.is_gene(stem) for stem in stems) else 0.0

    @property
    def score(self) -> float:
        """The weight of name, genes and control together; gene names weigh most."""
        return self.name_score + 4 * self.gene_share + self.certainty

    @property
    def could_be_target(self) -> bool:
        """Whether it divides the cells and its name, or the gene names in it, say target."""
        return self.is_grouping and (self.exact or self.gene_share >= 0.5 or (self.alike and self.gene_share >= 0.1))

    def holds_control(self, wanted: Iterable[str]) -> bool:
        """Whether it names a control: one of these labels, or without any a label that reads like one."""
        wanted = set(wanted)
        return bool(wanted & set(self.labels.names)) if wanted else self.certainty > 0


def total_columns(obs: pd.DataFrame) -> list[str]:
    """Columns of numbers above 0."""
    found = []
    for name in dict.fromkeys(obs.columns):
        column = obs_column(obs, name, "a")
        if isinstance(column.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(column.dtype):
            continue
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        if not pd.api.types.is_bool_dtype(column.dtype) and len(numbers) and bool((numbers > 0).all()):
            found.append(str(name))
    return found
