"""The table of genes: mean, extremes and dispersion of each over all cells, and its mean in the controls."""

import numpy as np
import pandas as pd

from core.schema import Values
from core.stats.calibration import sets_that_call
from core.stats.dispersion import dispersion_table
from core.stats.groups import Groups
from core.store.group_sums import GroupSums
from core.store.sweep import Swept
from core.store.table_inputs import TableInputs

N_HVG = 2000


def gene_table(inputs: TableInputs, groups: Groups, swept: Swept, sums: GroupSums) -> pd.DataFrame:
    """One row a gene; ``sums`` are those of the targets."""
    n = groups.order.size
    found, has_counts = swept.genes, inputs.values.kind is Values.COUNTS
    counts = {name: found[name] if has_counts else np.nan for name in ("max", "min")}
    total, is_random = found["sum_counts"], np.array(swept.sets.kind) == "random"
    table = pd.DataFrame(
        {
            "gene_id": inputs.gene_ids,
            "mean": total / n if has_counts else np.nan,
            **counts,
            "nonzero_fraction": found["n_nonzero"] / n,
            "mean_log": found["sum_log"] / n,
            "max_log": found["max_log"],
            "min_log": found["min_log"],
            "count_share": (total if has_counts else found["sum_normalized"])
            / max((total if has_counts else found["sum_normalized"]).sum(), 1e-300),
            "sum_normalized": found["sum_normalized"],
            "sum_normalized_squared": found["sum_normalized_squared"],
            "n_random_sets_call": sets_that_call(swept.calibration[is_random]),
        },
        index=pd.Index(inputs.symbols, name="gene"),
    )
    dispersions = dispersion_table(found["sum_normalized"].copy(), found["sum_normalized_squared"], n, N_HVG)
    dispersions.index = table.index
    table = pd.concat([table, dispersions], axis=1)
    t = groups.n_targets
    if swept.calibration_within is not None:
        table["n_random_sets_call_stratified"] = sets_that_call(swept.calibration_within[is_random])
    table["control_mean"] = sums.row("sum_normalized", t) / max(groups.target_cells[t], 1)
    return table
