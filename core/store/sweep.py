"""The sweep: everything a page needs to know of a gene, from one visit to its values.

Blocks of 32 genes are decoded one after another. A gene's non-zeros are gathered in the order of the finest groups of
cells, where every group is one slice. Its sums, and one sort of its values, then give in one go: moments of every
target, guide and fold of batches; deltas pooled, within batches and within strata; Mann-Whitney tests of every target,
pooled and stratified; and the tests of control sets that calibrate them. Roles and size factors enter here and nowhere
else, so correcting one reads no file again. Memory is a block of genes, whatever the number of cells or groups.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

import h5py
import numpy as np
from threadpoolctl import threadpool_limits

from core.schema import Values
from core.stats._kernels import nonzeros_in_order, slice_sums
from core.stats.calibration import ControlSets, control_sets
from core.stats.deltas import log2_fold_change, standard_error
from core.stats.groups import Groups
from core.stats.moments import FIELDS, Moments, add_up
from core.stats.ranksum import Ranker, RankGroups, Ranks, auc, log10_p
from core.stats.strata import van_elteren
from core.stats.within import Within, WithinMeans
from core.store.files import allocate_arrays, make_room, map_arrays, release
from core.store.group_sums import GroupSumsWriter, SumsTable
from core.store.values import GENES_A_BLOCK, GeneMajor, Report

FEW_BYTES = 2_500_000  # of non-zeros that stay in the processor's cache between the steps of a visit
RELEASE_BYTES = 100_000_000  # written pages that are kept before they are let go
BUFFER_BYTES = 16_000_000  # of results that a thread gathers before it writes: longer rows at a time

EFFECTS = {
    "delta": "f8",
    "delta_se": "f4",
    "delta_within_batch": "f8",
    "delta_within_batch_se": "f4",
    "log2_fold_change": "f8",
    "auc": "f8",
    "p_value": "f8",
    "log10_p": "f8",
    "fdr": "f8",
    "pct_control": "f4",
    "pct_target": "f4",
}
STRATIFIED = {
    "delta_stratified": "f8",
    "delta_stratified_se": "f4",
    "log2_fold_change_stratified": "f8",
    "auc_stratified": "f8",
    "p_value_stratified": "f8",
    "log10_p_stratified": "f8",
    "fdr_stratified": "f8",
}


@dataclass(frozen=True)
class SizeFactors:
    """What a cell's counts are divided by.

    Parameters
    ----------
    totals
        Totals of every cell by the chosen recipe, shape ``(n_cells,)``; 1 for log-normalized values.
    median
        Median of the non-zero totals: a cell of that total keeps its counts.
    """

    totals: np.ndarray
    median: float

    @property
    def scale(self) -> np.ndarray:
        """What every cell's counts are multiplied by; 0 for a cell without a total."""
        has_total = self.totals > 0
        return np.where(has_total, self.median / np.where(has_total, self.totals, 1), 0)


@dataclass(frozen=True)
class Swept:
    """What the sweep leaves in memory, a few numbers a gene; the rest is in the folder's files.

    Parameters
    ----------
    genes
        Per gene: min and max of the values and of the log-normalized ones over all cells, and the sums ``FIELDS``
        over all cells, keyed by name.
    own_target, own_control
        ``FIELDS`` of each target's own gene, in its cells and in the controls, shape ``(n_targets, len(FIELDS))``; NaN
        where the gene is not measured.
    own_guides
        The same in the cells of every guide group, of the gene that its target names.
    calibration, calibration_within
        log10 p of every control set, pooled and within strata, shape ``(sets, genes)``; None without strata.
    sets
        Those control sets.
    """

    genes: dict[str, np.ndarray]
    own_target: np.ndarray
    own_control: np.ndarray
    own_guides: np.ndarray
    calibration: np.ndarray
    calibration_within: np.ndarray | None
    sets: ControlSets


def sweep(
    values: GeneMajor,
    groups: Groups,
    factors: SizeFactors,
    own_gene: np.ndarray,
    folder: Path,
    threads: int,
    report: Report,
) -> Swept:
    """Visit every gene and write moments and effects.

    Parameters
    ----------
    values
        The turned file.
    groups
        The cells in visiting order.
    factors
        Size factors of all cells.
    own_gene
        Each target's own gene, -1 where it is not measured, shape ``(n_targets,)``.
    folder
        Where ``moments.h5``, ``effects.h5ad`` and ``pooled.h5ad`` go; the latter two get their layers only.
    threads
        Blocks visited at the same time.
    report
        Called with (phase, done, total, unit).

    Returns
    -------
    Swept
    """
    plan = _Plan.of(values, groups, factors)
    tables = _Tables(folder, groups, values, own_gene, plan.sets)
    runs = list(_runs_of_blocks(values.n_blocks, groups))
    threads = max(1, min(threads, len(runs)))
    lock, stopped, waiting, done = Lock(), Event(), iter(runs), 0

    def visit(_: int) -> None:
        nonlocal done
        scratch = _Visit(values, plan)
        while True:
            with lock:
                run = next(waiting, None)
            if run is None or stopped.is_set():
                return
            tables.write(run.start * GENES_A_BLOCK, scratch.run(run))
            with lock:
                done += len(run)
                report("Testing genes", min(done * GENES_A_BLOCK, values.n_genes), values.n_genes, "genes")
                tables.release(len(run) * GENES_A_BLOCK)

    # one BLAS thread a sweep thread: theirs would wait for one another
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        try:
            for visited in [pool.submit(visit, k) for k in range(threads)]:
                visited.result()
        finally:  # an error, or Ctrl-C: the threads end after the run they are at
            stopped.set()
    return tables.finish()


def _runs_of_blocks(n_blocks: int, groups: Groups) -> Iterator[range]:
    size = _genes_a_run(groups) // GENES_A_BLOCK
    for first in range(0, n_blocks, size):
        yield range(first, min(first + size, n_blocks))


def _genes_a_run(groups: Groups) -> int:
    """Genes of neighbouring blocks whose results fit the buffer, at most 16 blocks."""
    rows = (groups.n_targets + 2) * (groups.n_folds + groups.n_strata + 4) + groups.guide_target.size
    size = int(np.clip(BUFFER_BYTES // (rows * len(FIELDS) * 8 * GENES_A_BLOCK), 1, 16))
    return size * GENES_A_BLOCK


@dataclass(frozen=True)
class _Plan:
    """What all threads share: groups, divisors in visiting order, who is compared with whom."""

    groups: Groups
    kind: Values
    order: np.ndarray
    divisor: np.ndarray
    ratio_to_normalized: float
    ranks: RankGroups
    batches: Within
    strata: Within | None
    sets: ControlSets

    @classmethod
    def of(cls, values: GeneMajor, groups: Groups, factors: SizeFactors) -> "_Plan":
        t = groups.n_targets
        # A power of two near the median keeps ratios within the range of sort keys and changes no tie.
        unit = 2.0 ** np.floor(np.log2(factors.median)) if factors.median > 0 else 1.0
        totals = factors.totals[groups.order]
        rank_row = np.where(groups.code_target == t, t + 1, groups.code_target)
        return cls(
            groups=groups,
            kind=values.kind,
            order=groups.order.astype(np.uint32),
            divisor=np.where(totals > 0, totals / unit, np.inf),
            ratio_to_normalized=factors.median / unit,
            ranks=RankGroups(rank_row, groups.code_stratum, groups.code_cells, t + 2, groups.n_strata),
            batches=Within.of(groups.batches, t, groups.n_batches),
            strata=Within.of(groups.strata, t, groups.n_strata) if groups.n_strata > 1 else None,
            sets=control_sets(groups),
        )


@dataclass(frozen=True)
class _Few:
    """The non-zeros of a few genes in visiting order, each array (genes, cells); beyond a gene's own are leftovers.

    As few as fit the processor's cache, since every step of a visit reads them again.
    """

    where: np.ndarray
    value: np.ndarray
    ratio: np.ndarray
    logged: np.ndarray
    start: np.ndarray

    @classmethod
    def empty(cls, n_cells: int, n_slices: int) -> "_Few":
        genes = int(np.clip(FEW_BYTES // (28 * n_cells), 1, 16))
        value, ratio, logged = np.empty((3, genes, n_cells))
        return cls(np.empty(value.shape, np.int32), value, ratio, logged, np.empty((genes, n_slices + 1), np.int64))

    @property
    def n_genes(self) -> int:
        return len(self.value)

    def first(self, n: int) -> "_Few":
        return _Few(self.where[:n], self.value[:n], self.ratio[:n], self.logged[:n], self.start[:n])


@dataclass(frozen=True)
class _RunResult:
    """The numbers of a run of blocks; the last axis of all sums is FIELDS."""

    targets: np.ndarray  # (genes, T + 2, FIELDS): targets, controls, left out
    guides: np.ndarray  # (genes, guide groups, FIELDS)
    folds: np.ndarray  # (genes, (T + 2) x folds, FIELDS)
    ends: np.ndarray  # (genes, 4)
    effects: dict[str, np.ndarray]  # each (genes, T + 1): targets, then all perturbed cells together
    calibration: np.ndarray  # (genes, sets)
    calibration_within: np.ndarray | None


class _Visit:
    """Scratch space of one thread, and the steps of a visit."""

    def __init__(self, values: GeneMajor, plan: _Plan) -> None:
        n, groups = values.n_cells, plan.groups
        self._values, self._plan = values, plan
        self._block = values.new_block()
        self._few = _Few.empty(n, groups.start.size - 1)
        self._n_ranked = int((groups.fold < (groups.n_targets + 1) * groups.n_folds).sum())  # slices; others come last
        self._ranker = Ranker(n, exact_floats=plan.kind is Values.LOG_NORMALIZED)

    def run(self, blocks: range) -> _RunResult:
        """Visit the genes of some neighbouring blocks."""
        plan, groups = self._plan, self._plan.groups
        genes = min(blocks.stop * GENES_A_BLOCK, self._values.n_genes) - blocks.start * GENES_A_BLOCK
        n_groups = groups.n_targets + 2
        folds = np.zeros((genes, n_groups * groups.n_folds, len(FIELDS)))
        guides = np.zeros((genes, groups.guide_target.size, len(FIELDS)))
        ends = np.empty((genes, 4))
        ranks = Ranks.empty(genes, plan.ranks)
        in_batches = plan.batches.new_sums(genes)
        in_strata = [plan.strata.new_sums(genes) for _ in range(2)] if plan.strata else []
        for rows, few in self._gathered(blocks):
            slice_sums(
                few.value, few.ratio, plan.ratio_to_normalized, few.logged, few.start, groups.fold, groups.guide,
                folds[rows], guides[rows], ends[rows],
            )  # fmt: skip
            m = few.start[:, self._n_ranked]
            plan.batches.add_up(few.logged, few.where, m, rows, in_batches)
            if plan.strata:
                for values, sums in zip((few.logged, few.ratio), in_strata, strict=True):
                    plan.strata.add_up(values, few.where, m, rows, sums)
            values = few.value if plan.kind is Values.LOG_NORMALIZED else few.ratio
            self._ranker.rank(values, few.where, m, groups.code, plan.ranks, rows, ranks)
        targets = add_up(folds, np.repeat(np.arange(n_groups), groups.n_folds), n_groups)
        within = plan.batches.means(in_batches)
        effects = _pooled_effects(plan, targets, ranks)
        effects |= {"delta_within_batch": within.delta, "delta_within_batch_se": within.error}
        n_control = int(groups.target_cells[groups.n_targets])
        calibration = plan.sets.log10_p(ranks.u, ranks.tie[:, -1, 0], n_control)
        within_strata = None
        if plan.strata:
            logged, ratio = (plan.strata.means(sums) for sums in in_strata)
            effects |= _stratified_effects(plan, logged, ratio, ranks)
            controls = plan.ranks.group_cells[-1]
            within_strata = plan.sets.log10_p_within(ranks.u_within, ranks.tie_within[:, -1], controls)
        return _RunResult(targets, guides, folds, ends, effects, calibration, within_strata)

    def _gathered(self, blocks: range) -> Iterator[tuple[slice, _Few]]:
        """A few genes at a time, with their places in the run."""
        first = 0
        for b in blocks:
            block = self._values.block(b, self._block)
            for g in range(0, len(block), self._few.n_genes):
                few = block[g : g + self._few.n_genes]
                yield slice(first, first + len(few)), self._gather(few)
                first += len(few)

    def _gather(self, block: np.ndarray) -> _Few:
        """Non-zeros of a few genes, with normalized and log-normalized values."""
        plan, few = self._plan, self._few.first(block.shape[0])
        groups = plan.groups
        nonzeros_in_order(block, plan.order, groups.start, plan.divisor, few.where, few.value, few.ratio, few.start)
        for k, m in enumerate(few.start[:, -1]):
            value, ratio, logged = few.value[k, :m], few.ratio[k, :m], few.logged[k, :m]
            if plan.kind is Values.COUNTS:
                np.multiply(ratio, plan.ratio_to_normalized, out=logged)
                np.log1p(logged, out=logged)
            else:
                np.expm1(value, out=ratio)
                logged[:] = value
        return few


def _pooled_effects(plan: _Plan, targets: np.ndarray, ranks: Ranks) -> dict[str, np.ndarray]:
    """Pooled deltas and tests, each (genes, T + 1)."""
    groups, n_targets = plan.groups, plan.groups.n_targets
    with_pooled = np.concatenate([targets[:, :n_targets], targets[:, :n_targets].sum(axis=1, keepdims=True)], axis=1)
    n = np.append(groups.target_cells[:n_targets], groups.target_cells[:n_targets].sum())
    n_control = int(groups.target_cells[n_targets])
    target = Moments.from_sums(with_pooled, n)
    control = Moments.from_sums(targets[:, n_targets : n_targets + 1], np.array([n_control]))
    u_target = np.zeros((len(ranks.u), n_targets + 1))
    codes = groups.code_target[groups.code_target < n_targets]  # in the order of targets; the controls' come last
    tested, first = np.unique(codes, return_index=True)
    u_target[:, tested] = np.add.reduceat(ranks.u[:, : codes.size], first, axis=1)
    u_target[:, -1] = u_target[:, :-1].sum(axis=1)
    p = log10_p(u_target, n.astype(float), float(n_control), ranks.tie[:, :-1, 0])
    shape = u_target.shape
    return {
        "delta": target.mean_log - control.mean_log,
        "delta_se": standard_error(target.variance_log, n, control.variance_log, float(n_control)),
        "log2_fold_change": log2_fold_change(target.mean_normalized, control.mean_normalized),
        "auc": auc(u_target, n.astype(float), np.array(float(n_control))),
        "log10_p": p,
        "p_value": 10.0**p,
        "pct_control": np.broadcast_to(control.share_nonzero, shape),
        "pct_target": target.share_nonzero,
    }


def _stratified_effects(plan: _Plan, logged: WithinMeans, ratio: WithinMeans, ranks: Ranks) -> dict[str, np.ndarray]:
    """Deltas, fold changes and van Elteren's tests within strata, each (genes, T + 1)."""
    groups, cells, unit = plan.groups, plan.ranks.group_cells, plan.ratio_to_normalized
    u_target = np.zeros((len(ranks.u), groups.n_targets + 1, groups.n_strata))
    perturbed = np.flatnonzero(groups.code_target < groups.n_targets)
    u_target[:, groups.code_target[perturbed], groups.code_stratum[perturbed]] = ranks.u_within[:, perturbed]
    u_target[:, -1] = u_target[:, :-1].sum(axis=1)
    p, area = van_elteren(u_target, cells[:-1], cells[-1], ranks.tie_within[:, :-1])
    return {
        "delta_stratified": logged.delta,
        "delta_stratified_se": logged.error,
        "log2_fold_change_stratified": log2_fold_change(ratio.target * unit, ratio.control * unit),
        "auc_stratified": area,
        "log10_p_stratified": p,
        "p_value_stratified": 10.0**p,
    }


class _Tables:
    """The files of one sweep, written block by block through memory maps."""

    def __init__(
        self, folder: Path, groups: Groups, values: GeneMajor, own_gene: np.ndarray, sets: ControlSets
    ) -> None:
        n_genes = values.n_genes
        self._groups, self._own_gene, self._sets = groups, own_gene, sets
        t = groups.n_targets
        counts_fit = values.dtype == np.uint16
        fold_cells = np.bincount(groups.fold, np.diff(groups.start), minlength=(t + 2) * groups.n_folds)
        tables = {
            "target": SumsTable(t + 1, precise=True),
            "guide": SumsTable.of(groups.guide_cells[:-1], counts_fit=counts_fit),
            "fold": SumsTable.of(fold_cells[: (t + 1) * groups.n_folds], counts_fit=counts_fit),
        }
        self._sums = GroupSumsWriter(folder / "moments.h5", tables, n_genes, _genes_a_run(groups))
        columns = EFFECTS | (STRATIFIED if groups.n_strata > 1 else {})
        for file_name, rows in (("effects.h5ad", t), ("pooled.h5ad", 1)):
            with h5py.File(folder / file_name, "w") as file:
                allocate_arrays(file, {f"layers/{c}": ((rows, n_genes), kind) for c, kind in columns.items()})
            make_room(folder / file_name)
        self._effects = map_arrays(folder / "effects.h5ad", "layers", writable=True)
        self._pooled = map_arrays(folder / "pooled.h5ad", "layers", writable=True)
        self._kept = 0
        self._calibration = np.empty((len(sets.kind), n_genes), np.float32)
        self._calibration_within = np.empty_like(self._calibration) if groups.n_strata > 1 else None
        self._ends, self._all = np.empty((n_genes, 4)), np.empty((n_genes, len(FIELDS)))
        self._own_target, self._own_control = np.full((2, t, len(FIELDS)), np.nan)
        self._own_guides = np.full((groups.guide_target.size, len(FIELDS)), np.nan)

    def write(self, first: int, run: _RunResult) -> None:
        """Write the run of blocks that begins with gene ``first``; runs may come in any order, from several threads."""
        self._sums.write("target", first, run.targets)
        self._sums.write("guide", first, run.guides)
        self._sums.write("fold", first, run.folds)
        t, genes = self._groups.n_targets, slice(first, first + len(run.ends))
        for column, effect in run.effects.items():
            self._effects[column][:, genes] = effect[:, :t].T
            self._pooled[column][:, genes] = effect[:, t:].T
        self._keep(genes, run)

    def _keep(self, genes: slice, run: _RunResult) -> None:
        """Keep in memory what is a few numbers a gene."""
        t = self._groups.n_targets
        self._calibration[:, genes] = run.calibration.T
        if self._calibration_within is not None and run.calibration_within is not None:
            self._calibration_within[:, genes] = run.calibration_within.T
        self._ends[genes] = run.ends
        self._all[genes, :-1] = run.targets.sum(axis=1)[:, :-1]
        self._all[genes, -1] = run.targets[..., -1].max(axis=1)
        for target in np.flatnonzero((self._own_gene >= genes.start) & (self._own_gene < genes.stop)):
            g = self._own_gene[target] - genes.start
            self._own_target[target], self._own_control[target] = run.targets[g, target], run.targets[g, t]
            guides = self._groups.guide_target == target
            self._own_guides[guides] = run.guides[g, guides]

    def release(self, genes: int) -> None:
        """Count the genes written, and let go of their pages when they have become many."""
        every = (self._effects, self._pooled)
        self._kept += genes * sum(array[:, :1].nbytes for maps in every for array in maps.values())
        if self._kept > RELEASE_BYTES:
            self._kept = 0
            for maps in every:
                release(maps)

    def finish(self) -> Swept:
        """Hand over what stays in memory; the files are brought to the disk with their folder."""
        self._sums.close()
        n = self._groups.order.size
        everywhere = self._all[:, 0] == n  # no zero among the cells
        low = np.where(everywhere, self._ends[:, 0], 0.0)
        low_log = np.where(everywhere, self._ends[:, 2], 0.0)
        ends = {"min": low, "max": self._ends[:, 1], "min_log": low_log, "max_log": self._ends[:, 3]}
        return Swept(
            ends | {field: self._all[:, k] for k, field in enumerate(FIELDS)},
            self._own_target,
            self._own_control,
            self._own_guides,
            self._calibration,
            self._calibration_within,
            self._sets,
        )


def worker_threads(asked: int) -> int:
    """Threads to use: as asked, at most the processors this process may run on."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked, available))


def gene_sums(values: GeneMajor, threads: int, inside: np.ndarray | None = None) -> np.ndarray:
    """Sum of every gene's values over all cells, or those inside, shape ``(n_genes,)``; one pass over the blocks."""
    cells = slice(None) if inside is None else inside

    def sums(b: int) -> np.ndarray:
        return values.block(b)[:, cells].sum(axis=1, dtype=np.float64)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        return np.concatenate(list(pool.map(sums, range(values.n_blocks))))
