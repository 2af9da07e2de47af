"""Genes: all measured genes at once: how much of them is seen, and which vary more than their mean explains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import OptionError
from core.views import text
from core.views.about import crumb
from core.views.methods import Methods, study_methods
from core.views.parts import Note, Vital
from core.views.text import escape_markdown as name

QUADRANTS = ("informative", "housekeeping", "rare signal", "little information")
"""High mean and high dispersion, high and low, low and high, low and low."""

NEITHER = "not counted"
"""Where a gene is in no quadrant: it is never seen, or its dispersion is not known."""


@dataclass(frozen=True, eq=False)
class GenesView:
    """Everything the Genes page and its figures show.

    Strings are markdown with names escaped, but for ``study_name`` and ``title`` (plain) and ``methods``.

    Parameters
    ----------
    study_id, study_name, fingerprint, simulated
        Of which study; whether a program made it.
    crumb, title, headline
        Where we are, the page's name, and what it says first.
    n_cells, n_control
        All cells of the file, over which means and dispersions are taken; the controls among them.
    vitals, notes
        The four quadrants; no box.
    genes
        The study's gene table, indexed by gene, the most dispersed first, with ``gene``; ``mean_normalized`` (mean
        normalized count over all cells: expm1 of scanpy's ``means``); ``ctrl_mean``, ``ctrl_mean_normalized`` and
        ``pct_control`` (controls); ``quadrant``.
    mean_cut, dispersion_cut
        Where the quadrants are cut, in mean normalized counts and in normalized dispersion.
    moved_cuts
        Whether a cut is not the median.
    has_counts
        Whether the file holds counts.
    methods
        What a paper should say.
    """

    study_id: str
    study_name: str
    fingerprint: str
    simulated: bool
    crumb: str
    title: str
    headline: str
    n_cells: int
    n_control: int
    vitals: tuple[Vital, ...]
    notes: tuple[Note, ...]
    genes: pd.DataFrame
    mean_cut: float
    dispersion_cut: float
    moved_cuts: bool
    has_counts: bool
    methods: Methods


def genes_view(study: Any, *, mean_cut: float | None = None, dispersion_cut: float | None = None) -> GenesView:
    """All genes of a study, cut into four quadrants.

    Parameters
    ----------
    study
        An opened study.
    mean_cut
        Mean normalized count from which on a mean is high; None for the median of the genes that are seen.
    dispersion_cut
        Normalized dispersion from which on it is high; None for the median of the genes that are seen.

    Raises
    ------
    OptionError
        If a cut is no finite number, or the mean's is below 0.
    """
    for cut, least in ((mean_cut, 0.0), (dispersion_cut, -math.inf)):
        if cut is not None and not (math.isfinite(cut) and cut >= least):
            raise OptionError(f"A cut cannot be {cut:g}; a mean is cut at 0 or more, a dispersion at any number.")
    table = _table(study)
    medians = default_cuts(table)
    cuts = (medians[0] if mean_cut is None else mean_cut, medians[1] if dispersion_cut is None else dispersion_cut)
    table["quadrant"] = quadrants(table, *cuts)
    return GenesView(
        study_id=study.id,
        study_name=text.plain(study.name),
        fingerprint=study.fingerprint,
        simulated=bool(study.simulated),
        crumb=crumb(study, [name(study.name), text.plural(study.n_control, "control cell")]),
        title="Genes",
        headline=_headline(study, table),
        n_cells=int(study.n_cells),
        n_control=int(study.n_control),
        vitals=_vitals(table, cuts),
        notes=(),
        genes=table,
        mean_cut=cuts[0],
        dispersion_cut=cuts[1],
        moved_cuts=mean_cut is not None or dispersion_cut is not None,
        has_counts=bool(study.has_counts),
        methods=study_methods(study),
    )


def _table(study: Any) -> pd.DataFrame:
    controls = study.controls[["ctrl_mean", "ctrl_mean_counts", "ctrl_mean_normalized", "pct_control"]]
    table = pd.concat([study.genes, controls], axis=1)
    table.insert(0, "gene", table.index.astype(str))
    table["mean_normalized"] = np.where(table["nonzero_fraction"] > 0, np.expm1(table["means"]), 0.0)
    order = np.argsort(-table["dispersions_norm"].fillna(-np.inf).to_numpy(), kind="stable")
    return table.iloc[order].rename_axis(None)


def default_cuts(table: pd.DataFrame) -> tuple[float, float]:
    """Medians of scanpy's ``means`` (as mean normalized count) and ``dispersions_norm`` over genes that are seen."""
    seen = table[table["nonzero_fraction"] > 0]
    if seen.empty:
        return 0.0, 0.0
    dispersion = float(seen["dispersions_norm"].median())
    return float(np.expm1(seen["means"].median())), dispersion if math.isfinite(dispersion) else 0.0


def tells_variable_genes(genes: pd.DataFrame) -> bool:
    """Whether being highly variable says something: a panel of fewer genes than are chosen has none that are not."""
    known = int(genes["dispersions_norm"].notna().sum())
    return 0 < int(genes["highly_variable"].sum()) < known


def quadrants(table: pd.DataFrame, mean_cut: float, dispersion_cut: float) -> np.ndarray:
    """The quadrant of each gene, :data:`NEITHER` for one without a mean or a dispersion; a gene on a cut is high."""
    mean, dispersion = table["mean_normalized"].to_numpy(), table["dispersions_norm"].to_numpy(dtype=float)
    low_mean, low_dispersion = mean < mean_cut * (1 - 1e-12), dispersion < dispersion_cut
    which = np.array(QUADRANTS, dtype=object)[2 * low_mean.astype(int) + low_dispersion]
    return np.where((mean > 0) & np.isfinite(dispersion), which, NEITHER)


# --------------------------------------------------------------------------------------------------------- words


def _headline(study: Any, table: pd.DataFrame) -> str:
    """How many genes are seen, how many vary, which carry the counts: at most 30 words."""
    n, seen = len(table), int((table["pct_control"] > 0).sum())
    if seen == n:
        start = f"**All {text.plural(n, 'gene')} {'is' if n == 1 else 'are'} seen in control cells**"
    else:
        of = f"{text.number(seen)} of {text.plural(n, 'gene')}"
        start = f"**{of} {'is' if seen == 1 else 'are'} seen in control cells**"
    variable = int(table["highly_variable"].sum())
    if tells_variable_genes(table):
        start += f"; {text.number(variable)} {'varies' if variable == 1 else 'vary'} more than their mean explains"
    column = "ctrl_mean_counts" if study.has_counts else "ctrl_mean"
    top = [name(g, 24) for g in table[column].nlargest(3).index if table.at[g, column] > 0]
    if not top:
        return f"{start}."
    what = "the most counts" if study.has_counts else "the highest means"
    verb = ("carries" if len(top) == 1 else "carry") if study.has_counts else ("has" if len(top) == 1 else "have")
    return f"{start}. {text.enumerate_words(top)} {verb} {what}."


def _vitals(table: pd.DataFrame, cuts: tuple[float, float]) -> tuple[Vital, ...]:
    counts = table["quadrant"].value_counts()
    help_text = (
        f"Cut at a mean of {text.counts(cuts[0])} normalized counts and a normalized dispersion of "
        f"{text.signed(cuts[1])}, by default the medians of the genes that are seen. Means and dispersions are "
        "scanpy's (flavor seurat), over all cells."
    )
    contexts = ("high mean, high dispersion", "high mean, low dispersion", "low mean, high dispersion",
                "low mean, low dispersion")  # fmt: skip
    return tuple(
        Vital(text.capitalized(quadrant), text.short_number(int(counts.get(quadrant, 0))), context, help_text)
        for quadrant, context in zip(QUADRANTS, contexts, strict=True)
    )


def genes_shown(view: GenesView, which: str, highlight: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of the table that are asked for.

    Parameters
    ----------
    view
        The view.
    which
        ``"all"``, ``"highly variable"``, ``"highlighted"`` or one of :data:`QUADRANTS`.
    highlight
        The highlighted genes, in the order in which they are then shown.
    """
    genes = view.genes
    if which == "highlighted":
        return genes.loc[[gene for gene in highlight if gene in genes.index]]
    if which == "highly variable":
        return genes[genes["highly_variable"].to_numpy(dtype=bool)]
    return genes if which == "all" else genes[genes["quadrant"] == which]
