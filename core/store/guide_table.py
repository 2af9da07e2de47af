"""The table of guides: what is left of the target's transcript in the cells of each."""

import numpy as np
import pandas as pd

from core.stats.deltas import PercentLeft, percent_left
from core.stats.groups import Groups
from core.stats.moments import Moments
from core.store.sweep import Swept
from core.store.table_inputs import TableInputs


def guide_table(inputs: TableInputs, groups: Groups, swept: Swept) -> pd.DataFrame:
    """What is left of the target's transcript in the cells of each guide."""
    is_guide = (groups.guide_target >= 0) & (groups.guide_target < groups.n_targets)
    own = swept.own_guides[is_guide]
    target = groups.guide_target[is_guide]
    n = groups.guide_cells[is_guide]
    left = transcript_left(own, n, swept.own_control[target], groups)
    names = np.array(inputs.cells.targets, object)
    return pd.DataFrame(
        {
            "target": names[target] if target.size else np.array([], object),
            "guide": [inputs.cells.guides[g] for g in groups.guide_name[is_guide]],
            "n_cells": n.astype(np.int64),
            "percent_left": left.left,
            "low": left.low,
            "high": left.high,
            "row": np.flatnonzero(is_guide),
        }
    )


def transcript_left(sums: np.ndarray, n: np.ndarray, control_sums: np.ndarray, groups: Groups) -> PercentLeft:
    """What is left of a transcript in groups of ``n`` cells, from its sums in them and in the controls, one a row."""
    n_control = int(groups.target_cells[groups.n_targets])
    mine = Moments.from_sums(sums, n)
    control = Moments.from_sums(control_sums, np.full(len(control_sums), n_control))
    return percent_left(
        mine.mean_normalized,
        mine.variance_normalized,
        n,
        np.nan_to_num(control.mean_normalized),
        control.variance_normalized,
        n_control,
    )
