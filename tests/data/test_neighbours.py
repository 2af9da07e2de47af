"""Genes next door, by the table of positions that comes with the program."""

from core.data.neighbours import NEXT_DOOR, SHARED_PROMOTER, distances, neighbours


def test_e2f5_lies_70_kb_from_lrrcc1_and_the_other_way_round():
    assert distances("LRRCC1")["E2F5"] == distances("E2F5")["LRRCC1"]
    assert SHARED_PROMOTER < distances("LRRCC1")["E2F5"] < NEXT_DOOR


def test_the_nearest_come_first_and_none_beyond_the_limit():
    found = distances("HBE1")

    assert list(found.values()) == sorted(found.values()) and max(found.values()) <= NEXT_DOOR
    assert neighbours("HBE1") == list(found)
    assert "HBG2" in found


def test_a_gene_that_is_not_known_has_no_neighbours():
    assert distances("NOT_A_GENE") == {} and neighbours("NOT_A_GENE") == []
