import json

import pytest

from offdiag.cli.options import planned

NUMBERS = ("power", "--items", "250", "--seeds", "4", "--accuracy", "0.6", "--gap", "0.1", "--seed-sd", "0.02")


def test_a_plan_from_numbers(offdiag):
    lines = offdiag(*NUMBERS).out.splitlines()
    assert lines[0] == "A gap of +10 points to 60 %, to be found with chance 0.8 (alpha 0.05)"
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[0] == "seeds"
    rows = json.loads(offdiag(*NUMBERS, "--json").out)
    assert [row["seeds"] for row in rows] == [1, 2, 3, 4, 5, 10]
    assert [row["seeds"] for row in rows if row["asked"]] == [4]
    assert rows[0]["power"] is None  # one seed tells nothing of others
    assert rows[1]["power"] < rows[3]["power"] < rows[5]["power"]
    assert rows[5]["detectable"] < rows[3]["detectable"]


def test_without_a_spread_of_seeds_it_says_what_it_is_about(offdiag):
    assert "says nothing of other seeds" in offdiag("power", "--items", "100").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give a study, or --items"),
        (("base-addition", "--items", "9"), "not both"),
        (("--items", "100", "--gap", "5"), "--gap 5: expected a fraction between 0 and 1, such as 0.05"),
        (("--items", "100", "--accuracy", "0.99"), "a gap may be negative"),
        (("--items", "100", "--gap", "0.2", "--disagreement", "0.1"), "expected at least the gap"),
        (("base-addition", "--seeds", "3"), "--seeds: a study has its own; leave it out"),
        (("base-thresholds",), "asks no questions of its own (it has 1 measurement)"),
        (("--items", "100", "--cluster-by", "passage"), "--cluster-by: of the records of a study"),
        (("base-addition",), "has no result yet; type: offdiag run base-addition --scale quick"),
    ],
)
def test_mistakes_are_told_in_one_line(mistake, words, says, tmp_path):
    assert says in mistake("power", *words, "--store", tmp_path / "store")


def test_clusters_may_be_named_on_the_command_line():
    plan = planned("base-addition", "quick", None, cluster_by="carries")
    assert plan.design.clusters == "carries"
    assert plan.design.cells == planned("base-addition", "quick", None).design.cells
