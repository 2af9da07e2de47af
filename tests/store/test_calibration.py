"""How many genes a set of controls would seem to change: each set against the other controls, by scipy directly."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.data.cells import Cells
from core.schema import CONTROL
from core.stats.calibration import control_sets
from core.stats.groups import visiting_groups
from tests.small_screens import small_screen


@pytest.mark.parametrize("name", ["plain", "stratified", "logged"])
def test_a_control_guide_is_tested_against_the_other_controls(name, request):
    built = request.getfixturevalue(name)
    control = built.expected.cells("non-targeting")
    guides = built.screen.obs["guide_id"].to_numpy(object)
    table = built.study.control_sets
    table = table[table["kind"] == "guide"].set_index("name")
    assert sorted(table.index) == sorted(set(guides[control]))
    for guide, row in table.iterrows():
        mine = control & (guides == guide)
        log_p = built.expected.u_and_log_p(mine, control & ~mine)[1]
        assert row["n_cells"] == mine.sum()
        assert row["n_significant"] == (stats.false_discovery_control(np.exp(log_p)) < 0.05).sum()


def test_within_strata_a_control_guide_is_tested_by_van_elterens_test(stratified):
    control = stratified.expected.cells("non-targeting")
    guides = stratified.screen.obs["guide_id"].to_numpy(object)
    table = stratified.study.control_sets
    for guide, row in table[table["kind"] == "guide"].set_index("name").iterrows():
        mine = control & (guides == guide)
        log_p = stratified.expected.van_elteren_of(mine, control & ~mine, "cell_type")["log_p"]
        assert row["n_significant_stratified"] == (stats.false_discovery_control(np.exp(log_p)) < 0.05).sum()
        kept = stratified.study.control_p_stratified.loc[table.index[table["name"] == guide][0]]
        assert kept["1"] * np.log(10) == pytest.approx(log_p.min(), rel=1e-5)


def test_a_control_guide_of_one_stratum_calls_no_gene_within_strata(build):
    screen = small_screen(1200, 60, seed=3)
    control = screen.obs["target_gene"].to_numpy(object) == "non-targeting"
    guide = screen.obs["guide_id"].to_numpy(object)
    stimulated = (guide == "non-targeting_g2") | (np.arange(1200) % 2 == 0)
    screen.obs["condition"] = np.where(stimulated, "stimulated", "resting")
    screen.counts[np.ix_(stimulated, np.arange(20))] *= 3
    table = build(screen, stratum_col="condition").control_sets
    calls = table[table["kind"] == "guide"].set_index("name").loc["non-targeting_g2"]
    assert control.sum() > 100 and calls["n_significant"] >= 10 and calls["n_significant_stratified"] == 0


def test_p_of_every_set_is_scipys(plain):
    """Random sets too: U against all controls less n^2/2 is U against the others, ties included."""
    study, expected = plain.study, plain.expected
    targets = study.targets.index.tolist()
    names, guide = np.unique(plain.screen.obs["guide_id"].to_numpy(str), return_inverse=True)
    code = {**{t: k for k, t in enumerate(targets)}, "non-targeting": CONTROL, None: -2}
    n = study.n_cells
    cells = Cells(
        n_cells=n, targets=tuple(targets), target=np.array([code[x] for x in expected.label], np.int32),
        guides=tuple(names), guide=guide.astype(np.int32), batches=(), batch=np.zeros(n, np.int32), strata=(),
        stratum=np.zeros(n, np.int32), left_out={},
    )  # fmt: skip
    groups = visiting_groups(cells, expected.counted)
    sets = control_sets(groups)
    assert set(sets.kind) == {"guide", "random"}
    cell_code = np.empty(n, int)
    cell_code[groups.order] = groups.code
    control = expected.cells("non-targeting")
    sizes = {}
    for k in range(len(sets.kind)):
        mine = (cell_code >= 0) & (sets.members[k][cell_code] > 0)
        assert mine.sum() == sets.n_cells[k] and not (mine & ~control).any()
        sizes.setdefault(sets.kind[k], []).append(mine.sum())
        row = study.control_sets.iloc[k]
        assert (row["kind"], row["n_cells"]) == (sets.kind[k], mine.sum())
        log_p = expected.u_and_log_p(mine, control & ~mine)[1]
        assert row["n_significant"] == (stats.false_discovery_control(np.exp(log_p)) < 0.05).sum()
    assert max(sizes["random"]) > 1.9 * min(sizes["random"])  # sizes double


def test_calls_among_controls_are_rare_where_nothing_differs_and_many_for_a_guide_that_acts(build):
    screen = small_screen(1200, 60, seed=3)
    control = screen.obs["target_gene"].to_numpy(object) == "non-targeting"
    rogue = control & (screen.obs["guide_id"].to_numpy(object) == "non-targeting_g2")
    screen.counts[np.ix_(rogue, np.arange(20))] *= 3
    table = build(screen).control_sets
    random = table[table["kind"] == "random"]
    assert len(random) >= 10 and random["n_significant"].mean() < 1
    assert (table[table["kind"] == "guide"]["n_significant"] >= 10).all()  # two guides: each is the other's control


def test_few_controls_give_no_sets_and_no_error(build):
    screen = small_screen(120, 20, seed=1)
    adata = screen.adata()
    label = np.repeat(["non-targeting", "GENE3"], [4, 116])
    adata.obs = pd.DataFrame({"target_gene": label}, index=adata.obs_names)
    study = build(adata)
    assert study.control_sets.empty and list(study.control_sets)[:4] == ["kind", "name", "n_cells", "n_significant"]
