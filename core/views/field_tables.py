"""The CSV tables that the field's notes use, under the names they have there."""

import pandas as pd

from core.errors import OptionError
from core.schema import ALL_PERTURBED
from core.store import Study

TOP = 50


def gene_statistics(study: Study, scale: str) -> pd.DataFrame:
    """gene, mean, max, min, nonzero_fraction over all cells of the file, in the file's order.

    Parameters
    ----------
    study
        A built study.
    scale
        ``"counts"`` or ``"log-normalized"``.

    Raises
    ------
    OptionError
        If counts are asked of a log-normalized file.
    """
    _check_scale(study, scale)
    genes = study.genes
    suffix = "" if scale == "counts" else "_log"
    return pd.DataFrame(
        {
            "gene": genes.index,
            "mean": genes[f"mean{suffix}"].to_numpy(),
            "max": genes[f"max{suffix}"].to_numpy(),
            "min": genes[f"min{suffix}"].to_numpy(),
            "nonzero_fraction": genes["nonzero_fraction"].to_numpy(),
        }
    )


def delta_table(study: Study, target: str = ALL_PERTURBED, scale: str = "counts") -> pd.DataFrame:
    """gene, ctrl_mean, pert_mean, delta, abs_delta, ctrl_nonzero_fraction; the largest absolute delta first.

    The share of control cells that show a gene is joined by gene, not by row.

    Parameters
    ----------
    study
        A built study.
    target
        A target, or all perturbed cells together.
    scale
        ``"counts"`` or ``"log-normalized"``.

    Raises
    ------
    OptionError
        If counts are asked of a log-normalized file.
    UnknownTargetError
        If the study does not perturb the target.
    """
    _check_scale(study, scale)
    effects = study.effects(target)
    suffix = "_counts" if scale == "counts" else ""
    control, perturbed = effects[f"ctrl_mean{suffix}"], effects[f"pert_mean{suffix}"]
    delta = perturbed - control
    table = pd.DataFrame(
        {
            "gene": effects.index,
            "ctrl_mean": control.to_numpy(),
            "pert_mean": perturbed.to_numpy(),
            "delta": delta.to_numpy(),
            "abs_delta": delta.abs().to_numpy(),
            "ctrl_nonzero_fraction": effects["pct_control"].to_numpy(),
        }
    )
    return table.sort_values("abs_delta", ascending=False, kind="stable", ignore_index=True)


def effect_table(study: Study, target: str) -> pd.DataFrame:
    """One target's effects in long form, by p value.

    target_mean and ref_mean are mean log-normalized expression, so that delta is their difference; pct_target and
    pct_control are shares of cells, from 0 to 1.

    Raises
    ------
    UnknownTargetError
        If the study does not perturb the target.
    """
    effects = study.effects(target)
    n_target = study.n_perturbed if target == ALL_PERTURBED else int(study.targets.loc[target, "n_cells"])
    table = pd.DataFrame(
        {
            "target": target,
            "feature": effects.index,
            "target_mean": effects["pert_mean"].to_numpy(),
            "ref_mean": effects["ctrl_mean"].to_numpy(),
            **{
                column: effects[column].to_numpy()
                for column in ("delta", "log2_fold_change", "p_value", "log10_p", "fdr", "pct_target", "pct_control")
            },
            "n_target": n_target,
            "n_control": study.n_control,
        }
    )
    return table.sort_values(
        ["log10_p", "delta"], key=lambda c: c if c.name == "log10_p" else -c.abs(), ignore_index=True
    )


def _check_scale(study: Study, scale: str) -> None:
    if scale not in ("counts", "log-normalized"):
        raise OptionError(f"Unknown scale {scale!r}: expected counts or log-normalized.")
    if scale == "counts" and not study.has_counts:
        raise OptionError(
            f"{study.name} holds log-normalized values, so means of counts are not known. Use --scale log-normalized, "
            "or open the file that holds the counts."
        )
