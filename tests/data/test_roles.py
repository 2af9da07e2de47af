from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.reading import open_source
from core.data.roles import read_roles
from core.errors import InvalidValuesError, RolesError
from core.schema import CONTROL, Values
from tests.data.screens import COUNTS, FRACTIONS, GENES, LOGS, FakeSource, screen

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
ROWS = ["target", "control", "guide", "batch", "stratum", "genes", "values", "size factors"]
SINGLES = {"STAT1": 12, "JAK2": 12, "IRF1": 12, "MYC": 12}


def real(name):
    """A file of real data, or a skip that says which is absent."""
    path = REAL / name
    return pytest.param(path, marks=[pytest.mark.real_data, pytest.mark.skipif(not path.exists(), reason=f"no {path}")],
                        id=path.stem)  # fmt: skip


def read(obs, overrides=None, **source):
    return read_roles(FakeSource(obs, **source), overrides or {})


def told(reading, role):
    """What the page says of one role: read from, evidence."""
    return tuple(reading.evidence.set_index("role").loc[role])


# -------------------------------------------------------------------------------------------- conventions of the field


def vcc():
    return screen({"non-targeting": 20} | SINGLES, guide_id=lambda t: f"{t}_P1P2_A|{t}_P1P2_B",
                  batch=["Flex_1_01", "Flex_1_02"])  # fmt: skip


def vcc_competition():
    obs = vcc()
    return obs.assign(batch_var=obs.batch, cell_type="ARC_H1")


def scperturb():
    rng = np.random.default_rng(1)
    obs = screen({"control": 20} | SINGLES, column="perturbation", guide_id=lambda t: f"{t}-{rng.integers(2)}")
    return obs.assign(
        disease="leukemia", celltype="lymphoblasts", organism="human", perturbation_type="CRISPR",
        nperts=(obs.perturbation != "control").astype(int), ncounts=rng.uniform(1e3, 1e4, len(obs)),
        percent_mito=rng.random(len(obs)))  # fmt: skip


def replogle():
    obs = screen({"non-targeting": 20} | SINGLES, column="gene", gem_group=[1, 2, 3],
                 sgID_AB=lambda t: f"{t}_+_1.23-P1P2|{t}_-_2.23-P1P2")  # fmt: skip
    ids = {"STAT1": "ENSG00000115415", "JAK2": "ENSG00000096968", "IRF1": "ENSG00000125347", "MYC": "ENSG00000136997"}
    return obs.assign(gene_id=[ids.get(g, "non-targeting") for g in obs.gene], mitopercent=0.05,
                      transcript=["P1P2"] * len(obs), UMI_count=np.arange(len(obs)) + 5.0)  # fmt: skip


def gears():
    obs = screen({"ctrl": 20, "STAT1+ctrl": 8, "ctrl+JAK2": 8, "STAT1+JAK2": 8}, column="condition")
    return obs.assign(cell_type="K562", dose_val="1+1", control=(obs.condition == "ctrl").astype(int),
                      condition_name=[f"K562_{c}_1+1" for c in obs.condition])  # fmt: skip


def papalexi():
    obs = screen({"NT": 20} | SINGLES, column="gene_target", guide_ID=lambda t: t, replicate=["rep1", "rep2"])
    rng = np.random.default_rng(2)
    guide = [f"{g}g{k}" for g, k in zip(obs.gene_target, rng.integers(1, 4, len(obs)), strict=True)]
    perturbed = np.where(obs.gene_target == "NT", "NT", "Perturbed")
    return obs.assign(guide_ID=guide, perturbation=perturbed, Phase=rng.choice(["G1", "S", "G2M"], len(obs)))


def seurat():
    obs = screen({"NT": 20} | SINGLES, column="gene")
    return obs.assign(**{"orig.ident": np.random.default_rng(0).choice(["run1", "run2"], len(obs)), "nCount_RNA": 1.5})


def cell_ranger():
    rng = np.random.default_rng(3)
    labels = {f"{g}-{k}": 6 for g in SINGLES for k in (1, 2)} | {f"Non-Targeting-{k}": 8 for k in (1, 2, 3)}
    obs = screen(labels | {"STAT1-1|JAK2-2": 2}, column="feature_call")
    return obs.assign(num_umis=rng.integers(5, 50, len(obs)), lane=rng.choice(["1", "2"], len(obs)))


CONVENTIONS = {
    # name: (obs, target, control, guide, batch, stratum, targets)
    "VCC": (vcc, "target_gene", ("non-targeting",), "guide_id", "batch", None, sorted(SINGLES)),
    "VCC .h5": (vcc_competition, "target_gene", ("non-targeting",), "guide_id", "batch_var", "cell_type",
                sorted(SINGLES)),
    "scPerturb": (scperturb, "perturbation", ("control",), "guide_id", None, "celltype", sorted(SINGLES)),
    "Replogle": (replogle, "gene", ("non-targeting",), "sgID_AB", "gem_group", None, sorted(SINGLES)),
    "GEARS": (gears, "condition", ("ctrl",), None, None, "cell_type", ["JAK2", "STAT1", "STAT1+JAK2"]),
    "pertpy's Papalexi": (papalexi, "gene_target", ("NT",), "guide_ID", "replicate", None, sorted(SINGLES)),
    "Seurat": (seurat, "gene", ("NT",), None, "orig.ident", None, sorted(SINGLES)),
    "Cell Ranger": (cell_ranger, "feature_call", ("Non-Targeting-1", "Non-Targeting-2", "Non-Targeting-3"),
                    "feature_call", "lane", None, sorted(SINGLES)),
}  # fmt: skip


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS.keys())
@pytest.mark.parametrize("kind", ["object", "category"])
def test_the_conventions_of_the_field_are_read(convention, kind):
    make, target, control, guide, batch, stratum, targets = convention
    obs = make()
    obs = obs.astype({c: kind for c in obs.columns if obs[c].dtype == object})

    reading = read(obs)

    roles = reading.roles
    assert (roles.target_col, roles.control, roles.guide_col) == (target, control, guide)
    assert (roles.batch_col, roles.stratum_col) == (batch, stratum)
    assert list(reading.cells.targets) == targets
    assert reading.evidence.role.tolist() == ROWS
    assert (reading.cells.target == CONTROL).any()


@pytest.mark.parametrize("name", ["perturbation_name", "guide_target", "gene_target", "target", "Target_Gene", "KO",
                                  "perturbed gene", "sgRNA.target"])  # fmt: skip
def test_a_column_of_genes_with_controls_is_the_target_whatever_it_is_called(name):
    obs = screen({"non-targeting": 20} | SINGLES, column=name, cell_type=["H1"], batch=["a", "b"])

    assert read(obs).roles.target_col == name


def test_an_unheard_of_name_is_read_by_the_genes_in_it():
    obs = screen({"NT": 20} | SINGLES, column="my_column", treatment=["vehicle", "drug"], batch=["a", "b"])

    reading = read(obs)

    assert (reading.roles.target_col, reading.roles.stratum_col) == ("my_column", "treatment")


def test_drugs_are_targets_where_no_gene_is_perturbed():
    obs = screen({"vehicle": 20, "dasatinib": 9, "JQ1": 9}, column="treatment", cell_type=["A549", "K562"])

    reading = read(obs)

    assert (reading.roles.target_col, reading.roles.control) == ("treatment", ("vehicle",))
    assert told(reading, "target") == ("treatment", "2 targets + controls, 2 not measured")


# ---------------------------------------------------------------------------------------------------------- controls


def test_all_sure_control_labels_are_control_at_once():
    obs = screen({"non-targeting_00021": 9, "non-targeting_00022": 4, "safe-targeting": 3} | SINGLES)

    reading = read(obs)

    assert reading.roles.control == ("non-targeting_00021", "non-targeting_00022", "safe-targeting")
    assert told(reading, "control")[1] == "16 cells"


def test_many_control_labels_are_named_in_short():
    obs = screen({f"NT-{k}": 2 for k in range(1, 31)} | SINGLES)

    assert told(read(obs), "control") == ("NT-1 and 29 more", "60 cells")


def test_a_likely_control_is_one_only_where_no_sure_one_is():
    alone = read(screen({"WT": 20} | SINGLES))
    beside = read(screen({"WT": 20, "NT": 9} | SINGLES))

    assert alone.roles.control == ("WT",)
    assert beside.roles.control == ("NT",) and "WT" in beside.cells.targets
    assert any("WT may mean control too" in note for note in beside.notes)


def test_ctrl_is_the_gene_beside_another_control():
    assert read(screen({"CTRL": 9, "NT": 9} | SINGLES)).roles.control == ("NT",)
    assert read(screen({"CTRL": 9} | SINGLES)).roles.control == ("CTRL",)


def test_negative_is_control_alone_and_no_guide_beside_another_control():
    alone = read(screen({"negative": 20} | SINGLES))
    beside = read(screen({"Negative": 20, "NT": 9, "Doublet": 3} | SINGLES))

    assert alone.roles.control == ("negative",) and any("no other label" in note for note in alone.notes)
    assert beside.roles.control == ("NT",)
    assert beside.cells.left_out == {"unassigned": 20, "multiplet": 3}
    assert any("20 cells labelled Negative left out" in note for note in beside.notes)


def test_a_control_named_without_its_guides_numbers_means_all_of_them():
    obs = screen({f"{g}g{k}": 5 for g in ("STAT1", "JAK2", "NT") for k in (1, 2)}, column="gene")

    reading = read(obs, {"control": "NT"})

    assert reading.roles.control == ("NTg1", "NTg2") or reading.roles.control == ("NTg2", "NTg1")
    assert reading.cells.targets == ("JAK2", "STAT1")


# ------------------------------------------------------------------------------------------------- guides in the target


def test_guides_in_the_target_column_are_read_by_gene_and_flagged():
    obs = screen({f"{g}g{k}": 6 for g in (*SINGLES, "NT") for k in (1, 2, 3)}, column="perturbation")

    reading = read(obs)

    assert reading.cells.targets == tuple(sorted(SINGLES)) and reading.cells.guide_level_labels
    assert reading.roles.guide_col == "perturbation" and reading.roles.control == ("NTg1", "NTg2", "NTg3")
    assert told(reading, "target") == ("perturbation", "4 genes + controls, from 12 guide labels")
    assert told(reading, "guide") == ("perturbation", "15 guides, 3 of them controls")
    assert any("holds guides" in note for note in reading.notes)


def test_guides_in_the_target_column_stay_labels_on_request():
    obs = screen({f"{g}g{k}": 6 for g in (*SINGLES, "NT") for k in (1, 2)}, column="perturbation")

    reading = read(obs, {"guide_col": "none"})

    assert reading.roles.guide_col is None and "STAT1g2" in reading.cells.targets


def test_guides_of_genes_that_only_this_file_knows_are_recognised():
    names = [f"GENE{i}" for i in range(6)]
    obs = screen({f"{g}_{k}": 4 for g in names for k in (1, 2)} | {"non-targeting": 10})

    assert read(obs, var=pd.DataFrame(index=names)).cells.targets == tuple(names)


def test_symbols_with_dashes_and_dots_are_not_taken_for_guides():
    obs = screen({gene: 6 for gene in GENES} | {"NKX2-2": 6, "H1-3": 6, "HLA-B": 6, "non-targeting": 20})

    reading = read(obs)

    assert not reading.cells.guide_level_labels and reading.roles.guide_col is None
    assert set(GENES) < set(reading.cells.targets)


def test_a_guide_column_that_repeats_the_target_says_so():
    obs = screen({"non-targeting": 20} | SINGLES, guide_id=lambda t: t)

    assert told(read(obs), "guide") == ("guide_id", "the same labels as target_gene: one guide a target")


# ------------------------------------------------------------------------------------------------- batch and stratum


def test_a_batch_with_several_values_comes_before_one_with_a_single_value():
    obs = screen({"non-targeting": 20} | SINGLES, batch=["all"], lane=["1", "2"])

    assert read(obs).roles.batch_col == "lane"
    assert told(read(obs.drop(columns="lane")), "batch") == ("batch", "one batch")
    assert told(read(obs[["target_gene"]]), "batch") == ("none", "one batch")


def test_the_cell_type_comes_before_the_condition_and_a_varying_column_before_a_single_value():
    both = screen({"non-targeting": 40} | SINGLES, cell_type=["A", "B"], condition=["rest", "stim"])
    one_type = both.assign(cell_type="A")

    assert read(both).roles.stratum_col == "cell_type"
    assert any("condition varies too" in note for note in read(both).notes)
    assert told(read(one_type), "stratum") == ("condition", "2 values: rest, stim")
    assert told(read(one_type.drop(columns="condition")), "stratum") == ("cell_type", "one cell type")


def test_what_follows_from_the_target_is_no_stratum():
    obs = screen({"non-targeting": 40} | SINGLES, condition=lambda t: "ctl" if t == "non-targeting" else f"{t}-KO")

    assert read(obs).roles.stratum_col is None


def test_batches_without_controls_are_noted():
    obs = screen({"non-targeting": 20} | SINGLES, batch=lambda t: "a")
    obs["batch"] = np.where((obs.target_gene == "non-targeting") | (np.arange(len(obs)) % 2 == 0), "a", "b")

    assert "No control cell in 1 of 2 batches (b)." in read(obs).notes


@pytest.mark.parametrize("nothing", [None, "", "none", "None"])
@pytest.mark.parametrize("field", ["guide_col", "batch_col", "stratum_col"])
def test_a_role_can_be_denied(field, nothing):
    reading = read(vcc_competition(), {field: nothing})

    assert getattr(reading.roles, field) is None
    assert told(reading, field.removesuffix("_col"))[0] == "none"


# ------------------------------------------------------------------------------------------------------------- genes


def test_a_file_with_ensembl_index_goes_by_its_symbol_column():
    ids = [f"ENSG{i:011d}" for i in range(len(GENES))]
    var = pd.DataFrame({"feature_name": GENES}, index=ids)

    reading = read(vcc(), var=var)

    assert reading.roles.symbol_col == "feature_name" and reading.genes.symbols.tolist() == GENES
    assert told(reading, "genes") == ("feature_name", "12 genes, with ids")
    assert reading.candidates["symbol_col"] == ["feature_name", "index"]
    assert told(read(vcc(), {"symbol_col": "index"}, var=var), "genes")[0] == "index"


def test_an_index_of_symbols_is_kept_though_a_symbol_column_stands_beside():
    var = pd.DataFrame({"gene_name": [g.lower() for g in GENES]}, index=GENES)

    assert read(vcc(), var=var).roles.symbol_col is None


def test_targets_by_ensembl_id_are_named_as_the_genes_are():
    ids = {"STAT1": "ENSG00000115415", "JAK2": "ENSG00000096968"}
    obs = screen({"non-targeting": 9, ids["STAT1"]: 5, ids["JAK2"]: 5})
    var = pd.DataFrame({"gene_id": list(ids.values())}, index=list(ids))

    assert read(obs, var=var).cells.targets == ("JAK2", "STAT1")


def test_duplicate_and_nameless_genes_are_noted():
    reading = read(vcc(), var=pd.DataFrame(index=["STAT1", "STAT1", ""]))

    assert told(reading, "genes") == ("index", "3 genes, 1 repeated")
    assert "Repeated gene names get -1, -2, ... behind them (1 gene)." in reading.notes
    assert "Genes without a symbol go by their id or their place in the file (1 gene)." in reading.notes


# ------------------------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize(
    ("values", "matrix", "kind"),
    [
        ({"X": COUNTS}, "X", Values.COUNTS),
        ({"X": LOGS}, "X", Values.LOG_NORMALIZED),
        ({"X": COUNTS, "layers/counts": COUNTS, "raw": COUNTS}, "X", Values.COUNTS),
        ({"X": LOGS, "raw": COUNTS}, "raw", Values.COUNTS),
        ({"X": LOGS, "raw": COUNTS, "layers/counts": COUNTS}, "layers/counts", Values.COUNTS),
        ({"X": LOGS, "raw": LOGS, "layers/molecules": COUNTS}, "layers/molecules", Values.COUNTS),
        ({"X": LOGS, "layers/unspliced": COUNTS, "layers/spliced": COUNTS}, "X", Values.LOG_NORMALIZED),
        ({"X": -LOGS, "layers/binary": np.ones(3)}, "layers/binary", Values.COUNTS),
        ({"X": -LOGS, "raw": LOGS}, "raw", Values.LOG_NORMALIZED),
        ({"X": FRACTIONS, "layers/lognorm": LOGS}, "layers/lognorm", Values.LOG_NORMALIZED),
        ({"layers/counts": COUNTS}, "layers/counts", Values.COUNTS),
        ({"X": np.array([np.nan, 1.0]), "raw": COUNTS}, "raw", Values.COUNTS),
    ],
)
def test_counts_are_preferred_wherever_they_lie_and_logs_where_there_are_none(values, matrix, kind):
    reading = read(vcc(), values=values, raw_var=pd.DataFrame(index=GENES))

    assert (reading.roles.matrix, reading.roles.values) == (matrix, kind)
    assert told(reading, "values")[0] == (str(kind) if matrix == "X" else f"{kind}, {matrix}")


def test_the_evidence_for_counts_names_the_largest():
    assert told(read(vcc()), "values") == ("counts", "whole numbers, largest 1,204 in 4 sampled values")


def test_a_matrix_passed_over_is_noted():
    notes = read(vcc(), values={"X": LOGS, "layers/counts": COUNTS}).notes

    assert notes[0].startswith("Values are read from layers/counts: X holds fractions")


def test_the_genes_of_raw_are_those_of_raw():
    reading = read(vcc(), values={"X": LOGS, "raw": COUNTS}, raw_var=pd.DataFrame(index=[*GENES, "EXTRA"]))

    assert len(reading.genes.symbols) == len(GENES) + 1


def test_matrix_and_values_are_taken_as_told():
    both = {"X": LOGS, "layers/counts": COUNTS}

    assert read(vcc(), {"matrix": "X"}, values=both).roles.values is Values.LOG_NORMALIZED
    assert read(vcc(), {"values": "log-normalized"}, values=both).roles.matrix == "X"
    fractions = read(vcc(), {"values": "counts"}, values={"X": FRACTIONS})
    assert fractions.roles.values is Values.COUNTS
    assert told(fractions, "values")[1].startswith("as told; fractions")


@pytest.mark.parametrize(
    ("values", "overrides", "sentence"),
    [
        ({"X": -LOGS}, {}, r"X holds negative values \(negative values, lowest -6.9.*counts or log-normalized"),
        ({"X": np.array([1.0, np.nan])}, {}, "X holds values that are NaN or infinite"),
        ({"X": np.array([1.0, np.inf])}, {"values": "counts"}, "X holds values that are NaN or infinite"),
        ({"X": -LOGS}, {"values": "counts"}, "X holds negative values"),
        ({"X": FRACTIONS}, {}, "X holds fractions, largest 699.*neither counts nor log-normalized.*--values counts"),
        ({"X": -LOGS, "raw": -LOGS}, {}, "The file also has raw"),
        ({"X": -LOGS, "raw": COUNTS}, {"matrix": "X"}, "The file also has raw: choose one that does"),
    ],
)  # fmt: skip
def test_values_that_are_no_expression_are_refused_with_a_way_out(values, overrides, sentence):
    with pytest.raises(InvalidValuesError, match=sentence):
        read(vcc(), overrides, values=values, raw_var=pd.DataFrame(index=GENES))


# ------------------------------------------------------------------------------------------------------ size factors


def test_size_factor_recipes_are_named_with_what_they_do():
    obs = vcc().assign(total=1000.0)

    assert told(read(obs), "size factors") == ("all", "total over the median total, all genes")
    assert told(read(obs, {"size_factors": "obs:total"}), "size factors") == ("obs:total", "totals from obs['total']")
    assert "not used" in told(read(obs, values={"X": LOGS}), "size factors")[1]
    assert read(obs).candidates["size_factors"] == ["all", "no-dominant", "obs:total"]


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("median", "expected all, no-dominant or obs:COLUMN"),
        ("obs:totl", "no column 'totl' of totals for the size factors. Did you mean 'total'"),
        ("obs:batch", r"obs\['batch'\] holds \w+ labels"),
        ("obs:zero", "is not above 0 for 68 of 68 cells"),
        ("obs:holes", "is not above 0 for 68 of 68 cells"),
    ],
)
def test_size_factors_that_cannot_be_are_refused(recipe, sentence):
    obs = vcc().assign(total=1000.0, zero=0, holes=np.nan)

    with pytest.raises(RolesError, match=sentence):
        read(obs, {"size_factors": recipe})


def test_totals_of_cells_that_are_left_out_may_be_zero():
    obs = screen({"non-targeting": 9, "unassigned": 5} | SINGLES)
    obs["total"] = np.where(obs.target_gene == "unassigned", 0, 900)

    assert read(obs, {"size_factors": "obs:total"}).roles.size_factors == "obs:total"


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("obs", "overrides", "sentence"),
    [
        (pd.DataFrame(index=range(5)), {}, "No column of obs could be a target: obs has no columns"),
        (screen({"A549": 9, "K562": 9}, column="cell_type").assign(depth=0.5), {},
         r"looked at cell_type \(2 labels\), depth \(numbers\)\. Expected .* Pass --target-col"),
        (screen({"non-targeting": 9}), {}, "No column of obs could be a target"),
        (pd.DataFrame({"cell_type": ["K562"] * 9, "n": range(9)}), {}, "No column of obs could be a target"),
        (screen({"sgLacI": 9} | SINGLES), {}, "none of which reads like a control.*IRF1 .12 cells.*--control"),
        (vcc(), {"target_col": "targetgene"}, "Did you mean 'target_gene'.*--target-col"),
        (vcc(), {"control": "non-targetting"}, "Did you mean 'non-targeting'.*most frequent labels are non-targeting"),
        (vcc(), {"control": ["non-targeting", "safe"]}, "No cell is labelled 'safe'"),
        (vcc(), {"guide_col": "guides"}, "no column 'guides', named as guide"),
        (vcc(), {"batch_col": "btach"}, "Did you mean 'batch'.*--batch-col"),
        (vcc(), {"stratum_col": "cell"}, "no column 'cell', named as stratum"),
        (vcc(), {"matrix": "layers/count"}, "no matrix 'layers/count'; it has X"),
        (vcc(), {"symbol_col": "name"}, "var has no column 'name'"),
        (vcc(), {"values": "log1p"}, "expected counts or log-normalized"),
        (vcc(), {"target": "target_gene"}, "no role 'target'. Did you mean 'target_col'"),
    ],
)  # fmt: skip
def test_roles_that_cannot_be_are_said_in_a_sentence(obs, overrides, sentence):
    with pytest.raises(RolesError, match=sentence):
        read(obs, overrides)


ENTRIES = st.one_of(
    st.sampled_from(
        ["STAT1", "STAT1g1", "NT", "control", "A+ctrl", "A+B", "B+A", "negative", "", "a|b", "ENSG00000115"]
    ),
    *(st.none(), st.integers(-2, 2), st.floats(allow_nan=True), st.booleans()),
    *(st.binary(max_size=2), st.text(max_size=3)),
)
NAMES = st.sampled_from(["target_gene", "gene", "guide_id", "batch", "cell_type", "condition", "none", "perturbation"])


@given(data=st.data(), n=st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_any_table_is_read_or_refused_in_a_sentence(data, n):
    columns = data.draw(st.dictionaries(NAMES, st.lists(ENTRIES, min_size=n, max_size=n), max_size=4))
    obs = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()}, index=range(n))
    overrides = data.draw(
        st.dictionaries(st.sampled_from(["target_col", "guide_col", "batch_col", "stratum_col"]), NAMES)
    )

    try:
        reading = read(obs, overrides)
    except RolesError as error:
        assert str(error)[0].isupper() or str(error).startswith("obs")
        assert str(error).endswith((".", "?", "there.")) and len(str(error)) < 1500
        return
    cells = reading.cells
    assert len(cells.target) == n and (cells.target == CONTROL).any() and (cells.target >= 0).any()
    assert read(obs, reading.roles.to_dict()).roles == reading.roles


def test_numbers_are_no_target_unless_named_so():
    counts = pd.DataFrame({"n_genes": np.arange(60) % 7, "target_gene": np.arange(60) % 3})

    assert read(counts, {"control": "0"}).roles.target_col == "target_gene"
    with pytest.raises(RolesError, match="could be a target"):
        read(counts[["n_genes"]])


def test_a_label_of_10_kb_makes_no_sentence_of_10_kb():
    obs = screen({"G" * 10_000: 9, "STAT1": 4})

    with pytest.raises(RolesError) as error:
        read(obs)
    assert len(str(error.value)) < 500
    reading = read(screen({"G" * 10_000: 9, "STAT1": 4, "NT": 4}))
    assert reading.evidence.evidence.str.len().max() < 200 and "G" * 10_000 in reading.cells.targets


# --------------------------------------------------------------------------------------------------------- overrides


def test_overrides_win_and_the_rest_is_guessed_anew():
    obs = vcc().assign(other=["vehicle", "drug"] * 34)

    reading = read(obs, {"target_col": "other", "control": None, "guide_col": ""})

    assert (reading.roles.target_col, reading.roles.control) == ("other", ("vehicle",))
    assert reading.roles.guide_col is None and reading.roles.batch_col == "batch"


def test_a_control_label_leads_to_its_column():
    obs = screen({"parent": 9, "odd": 9}, column="whatever").assign(batch="a")

    assert read(obs, {"control": "parent"}).roles.target_col == "whatever"


@pytest.mark.parametrize("control", ["STAT1", ["STAT1"], ("STAT1",), [" STAT1 ", "STAT1"]])
def test_control_is_one_label_or_several(control):
    assert read(vcc(), {"control": control}).roles.control == ("STAT1",)


def test_reading_again_with_the_roles_that_were_read_changes_nothing():
    first = read(vcc_competition())

    again = read(vcc_competition(), first.roles.to_dict())

    assert again.roles == first.roles
    pd.testing.assert_frame_equal(again.evidence, first.evidence)


# -------------------------------------------------------------------------------------------------------- candidates


def test_every_choice_that_was_made_is_offered_first():
    reading = read(vcc_competition(), {"control": "non-targeting"})

    for field in ("target_col", "guide_col", "batch_col", "stratum_col", "matrix", "size_factors"):
        assert reading.candidates[field][0] == getattr(reading.roles, field)
    assert reading.candidates["control"][0] == "non-targeting"
    assert dict(zip(reading.candidates["control"], reading.candidates["control_cells"], strict=True)) == {
        "non-targeting": "20", "STAT1": "12", "JAK2": "12", "IRF1": "12", "MYC": "12"}  # fmt: skip


def test_barcodes_and_measurements_are_offered_for_no_role():
    obs = vcc().assign(barcode=[f"ACGT{i}" for i in range(68)], mito=np.linspace(0, 1, 68))

    offered = {name for field, names in read(obs).candidates.items() if field != "size_factors" for name in names}

    assert not {"barcode", "mito"} & offered


# -------------------------------------------------------------------------------------------------------- real files


def test_a_written_file_is_read_as_the_tables_in_memory_are(tmp_path):
    obs = vcc_competition().astype("category")
    counts = np.random.default_rng(0).poisson(3, (len(obs), len(GENES))).astype("float32")
    ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=GENES)).write_h5ad(tmp_path / "screen.h5ad")

    with open_source(tmp_path / "screen.h5ad") as source:
        reading = read_roles(source)

    assert reading.roles == read(obs).roles


EXPECTED = {
    "datlinger21_jurkat_scifi": ("target_gene", "non-targeting", "guide_id", "batch", "condition", 20, 200),
    "devel_original": ("perturbation", "control", None, "dataset", "cell_type", 33, 400),
    "mcfaline23_gbm_crispri": ("target_gene", "non-targeting", "guide_id", "batch", "cell_type", 9, 300),
    "norman19_k562_crispra": ("target_gene", "non-targeting", "guide_id", "batch", "cell_type", 33, 100),
    "schraivogel20_k562_tap": ("target_gene", "non-targeting", "guide_id", "batch", None, 14, 7693),
}


@pytest.mark.parametrize(
    "path",
    [
        real("datlinger21_jurkat_scifi/datlinger21_jurkat_scifi.h5ad"),
        real("perturbench_devel/devel_original.h5ad"),
        real("perturbench_devel/mcfaline23_gbm_crispri.h5ad"),
        real("perturbench_devel/norman19_k562_crispra.h5ad"),
        real("schraivogel20_k562_tap/schraivogel20_k562_tap.h5ad"),
    ],
)
def test_each_real_file_is_read_as_its_readme_says(path):
    with open_source(path) as source:
        reading = read_roles(source)

    roles, cells = reading.roles, reading.cells
    n_control = int((cells.target == CONTROL).sum())
    assert (roles.target_col, *roles.control, roles.guide_col, roles.batch_col, roles.stratum_col, len(cells.targets),
            n_control) == EXPECTED[path.stem]  # fmt: skip
    assert roles.matrix == "X" and cells.left_out == {}
    assert roles.values is (Values.LOG_NORMALIZED if path.stem == "devel_original" else Values.COUNTS)
