"""Study: what was built of a file, and the questions it answers about genes, targets, cells and effects; read-only."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.data.cells import combination
from core.data.gene_names import is_gene_name, resolve
from core.errors import DamagedStoreError, OptionError, UnknownGeneError, UnknownTargetError
from core.schema import ALL_PERTURBED, CONTROL, Roles, Values
from core.store.effects import Effects
from core.store.files import check_manifest, marking_damage
from core.store.layout import values_folder
from core.store.one_gene import OneGene, one_gene
from core.store.one_target import one_target_effects
from core.store.records import read_study_json
from core.store.size_factors import totals_without
from core.store.tables import TABLES_VERSION
from core.store.values import GeneMajor


class Study:
    """A built study: tables and one gene's values, all read-only.

    Parameters
    ----------
    folder
        ``studies/<id>``.
    key
        Which of its tables.

    Raises
    ------
    DamagedStoreError
        If they are not complete or of another version.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._tables = folder / "tables" / key
        check_manifest(self._tables, contents=False)
        with marking_damage(self._tables):
            self._record: dict[str, Any] = json.loads((self._tables / "tables.json").read_text())
        if self._record.get("version") != TABLES_VERSION:
            raise DamagedStoreError("The tables were written by another version of Perturbscope. Build them again.")
        self._about = read_study_json(folder)
        self.id: str = folder.name
        self.name: str = self._about.get("name", self._record["name"])
        self.path = Path(self._about.get("path", self._record["path"]))
        self.fingerprint = f"{self.id}-{key}"
        self.simulated: bool = self._record["simulated"]
        self.roles = Roles.from_dict(self._record["roles"])
        self.evidence = pd.DataFrame(self._record["evidence"], columns=["role", "read_from", "evidence"])
        self.candidates: dict[str, list[str]] = self._record["candidates"]
        self.notes: list[str] = self._record["notes"]
        self.n_cells: int = self._record["n_cells"]
        self.n_genes: int = self._record["n_genes"]
        self.n_control: int = self._record["n_control"]
        self.n_perturbed: int = self._record["n_perturbed"]
        self.left_out: dict[str, int] = self._record["left_out"]
        self.median_total: float = self._record["median_total"]
        self.built_at: float = self._record["built_at"]

    def __repr__(self) -> str:
        return f"<Study {self.name}: {self.n_cells:,} cells, {self.n_genes:,} genes, {len(self.targets):,} targets>"

    @property
    def has_counts(self) -> bool:
        """Whether the file holds counts."""
        return self.roles.values is Values.COUNTS

    @property
    def has_strata(self) -> bool:
        """Whether there are strata to compare within."""
        return bool(self._record["n_strata"] > 1)

    @cached_property
    def stratified_default(self) -> bool:
        """Whether effects are compared within strata unless asked otherwise: some target is confounded with them."""
        return self.has_strata and bool(self.targets["stratum_warning"].any())

    @cached_property
    def modality(self) -> str:
        """``"knock-down"`` or ``"activation"`` by what own genes do, ``"perturbation"`` where they do not tell."""
        table = self.targets[self.targets["measurable"]]
        falls = int((table["percent_left_high"] < 1).sum())
        rises = int((table["percent_left_low"] > 1).sum())
        if falls > 2 * rises:
            return "knock-down"
        return "activation" if rises > 2 * falls else "perturbation"

    def _table(self, name: str) -> pd.DataFrame:
        with marking_damage(self._tables):
            return pd.read_parquet(self._tables / f"{name}.parquet")

    @cached_property
    def genes(self) -> pd.DataFrame:
        """One row a gene; see :mod:`core.store.tables`."""
        return self._table("genes")

    @cached_property
    def targets(self) -> pd.DataFrame:
        """One row a target."""
        return self._table("targets")

    @cached_property
    def pooled(self) -> pd.Series:
        """The row of all perturbed cells together."""
        return self._table("pooled").iloc[0]

    @cached_property
    def guides(self) -> pd.DataFrame:
        """One row a guide against a target."""
        return self._table("guides").drop(columns="row")

    @cached_property
    def batches(self) -> pd.DataFrame:
        """One row a batch."""
        return self._table("batches")

    @cached_property
    def strata(self) -> pd.DataFrame:
        """One row a stratum."""
        return self._table("strata")

    @cached_property
    def control_sets(self) -> pd.DataFrame:
        """One row a set of controls tested against the others."""
        return self._table("control_sets")

    @cached_property
    def control_p(self) -> pd.DataFrame:
        """Of each of these sets, in their order, the r-th smallest log10 p of its genes; r is the column's name."""
        return self._table("control_p")

    @cached_property
    def control_p_stratified(self) -> pd.DataFrame:
        """The same within strata; only a study with strata has it."""
        return self._table("control_p_stratified")

    @cached_property
    def totals_histogram(self) -> pd.DataFrame:
        """Cells by their total of counts."""
        return self._table("totals")

    @cached_property
    def genes_seen_histogram(self) -> pd.DataFrame:
        """Cells by how many genes they show."""
        return self._table("genes_seen")

    @cached_property
    def cell_codes(self) -> dict[str, np.ndarray]:
        """Of every cell in file order: codes of target, guide, batch and stratum (see core.data.cells), and total."""
        with marking_damage(self._tables), np.load(self._tables / "cells.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def part_names(self, part: str) -> list[str]:
        """Names behind the codes of a part of :attr:`cell_codes`: targets, guides, batches or strata."""
        return list(self._record["parts"][part])

    @cached_property
    def controls(self) -> pd.DataFrame:
        """Every gene in the controls: ctrl_mean (log-normalized; _counts, _normalized on those scales), pct_control."""
        return pd.DataFrame(self._effects.of_controls(), index=self.genes.index)

    @property
    def tables_folder(self) -> Path:
        """Where the study's tables lie, and what is derived from them later."""
        return self._tables

    @cached_property
    def gene_values(self) -> GeneMajor:
        """The turned file."""
        return GeneMajor.open(self.folder / "values" / values_folder(self.roles))

    def values(self, gene: str) -> np.ndarray:
        """One gene's values in all cells, in file order.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        return self.gene_values.gene(self._gene(gene))

    def one_gene(self, gene: str) -> OneGene:
        """One gene's log-normalized values with the target, guide, batch and stratum of every cell.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        return one_gene(self, gene)

    def find_gene(self, name: str) -> str | None:
        """The measured gene that a symbol, alias or Ensembl id means, None if there is none."""
        return resolve(name, self.genes.index.to_numpy(), self.genes["gene_id"].to_numpy())

    def find_target(self, name: str) -> str | None:
        """The target that a symbol, alias or Ensembl id means, None if there is none."""
        if name in self.targets.index or name == ALL_PERTURBED:
            return name
        by_upper = {target.upper(): target for target in self.targets.index}
        if name.strip().upper() in by_upper:
            return by_upper[name.strip().upper()]
        if "+" in name:  # A+B and B+A are one target
            asked = sorted(combination(name.strip().upper()))
            return next((t for upper, t in by_upper.items() if "+" in t and sorted(combination(upper)) == asked), None)
        found = resolve(name, self.targets.index.to_numpy(), np.full(len(self.targets), "", object))
        return found or by_upper.get((self.find_gene(name) or "").upper())

    def effects(self, target: str) -> pd.DataFrame:
        """Effects of one target on all genes, or of all perturbed cells together.

        Parameters
        ----------
        target
            A target's name or :data:`core.schema.ALL_PERTURBED`.

        Returns
        -------
        pandas.DataFrame
            Indexed by gene: means of control and target (log-normalized; ``_counts`` and ``_normalized`` on those
            scales), deltas with standard errors, fold change, test; see DESIGN.md "The Store".

        Raises
        ------
        UnknownTargetError
            If the study does not perturb it.
        """
        everything = target == ALL_PERTURBED
        found = self._effects.of_all_targets() if everything else self._effects.of_target(self._target(target))
        return pd.DataFrame(found, index=self.genes.index)

    def effects_without_own_gene(self, target: str) -> pd.DataFrame:
        """Effects of one target with totals that leave out its own gene: one more sweep, of its cells and the controls.

        Where a target's own gene holds a large share of all counts, its fall alone makes every other gene look raised.

        Raises
        ------
        UnknownTargetError
            If the study does not perturb it.
        OptionError
            If its own gene is not measured, the file holds no counts, or totals are not those of all genes.
        """
        own = self.targets["own_gene"].iat[self._target(target)]
        if not own or not self.has_counts:
            reason = "the file holds no counts" if own else f"{target} is not measured"
            raise OptionError(f"The totals cannot be taken without {target}: {reason}.")
        if self.roles.size_factors != "all":
            raise OptionError(
                f"The totals cannot be taken without {target}: they are {self.roles.size_factors}, not those of all "
                "genes. Choose the size factors all first."
            )
        effects = one_target_effects(
            self.gene_values,
            self.cell_codes,
            self._record["parts"],
            target,
            own_gene=self._gene(own),
            totals=totals_without(self.cell_codes["total"], self.values(own)),
        )
        return pd.DataFrame(effects, index=self.genes.index)

    def gene_effects(self, gene: str) -> pd.DataFrame:
        """What every target does to one gene, indexed by target; columns as :meth:`effects`.

        Raises
        ------
        UnknownGeneError
            If the study does not measure it.
        """
        return pd.DataFrame(self._effects.on_gene(self._gene(gene)), index=self.targets.index)

    @cached_property
    def _effects(self) -> Effects:
        return Effects(self._tables, self.n_genes, self._record["target_cells"], counts=self.has_counts)

    @property
    def effects_path(self) -> Path:
        """The effects of all targets as an AnnData file."""
        return self._tables / "effects.h5ad"

    def layer(self, name: str) -> np.ndarray:
        """One layer of the effects of all targets, shape ``(targets, genes)``, read from the disk where it is used.

        Raises
        ------
        OptionError
            If the study has no such layer.
        """
        layers = self._effects.layers
        if name not in layers:
            raise OptionError(f"The effects have no layer {name!r}. Take one of {', '.join(layers)}.")
        return layers[name]

    def replicates(self, target: str | None) -> dict[str, np.ndarray]:
        """Sums over the cells of a target (None: of the controls) in every fold of batches.

        Returns
        -------
        dict
            ``n``, cells, shape ``(folds,)``; ``total`` and ``squares``, sums of log-normalized values and of their
            squares, float64, shape ``(folds, genes)``. One fold where there are no batches.
        """
        code, row = (CONTROL, len(self.targets)) if target is None else (self._target(target),) * 2
        sums = self._effects.sums_in_folds(row)
        folds = len(sums["total"])
        cells = self.cell_codes
        counted = (cells["target"] == code) & (cells["total"] > 0)
        return {"n": np.bincount(cells["batch"][counted] % folds, minlength=folds)} | sums

    def _target(self, target: str) -> int:
        if target not in self.targets.index:
            raise UnknownTargetError(target, self.targets.index, self.roles.target_col)
        return int(self.targets.index.get_loc(target))

    def _gene(self, gene: str) -> int:
        if gene not in self.genes.index:
            raise UnknownGeneError(gene, self.genes.index, is_gene=is_gene_name(gene))
        return int(self.genes.index.get_loc(gene))

    def verify(self) -> None:
        """Check every checksum of the study's current parts.

        Raises
        ------
        DamagedStoreError
            At the first part that is not as it was written.
        """
        check_manifest(self._tables, contents=True)
        self.gene_values.verify()
