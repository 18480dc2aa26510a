"""``offdiag analyse transfer-matrix``: the statistics of recorded matrices, as a person and as a script read them."""

import json
from collections.abc import Callable

import pytest

from support.cli_types import Said
from support.recorded import RECORDED_TRANSFER

RECORDED = RECORDED_TRANSFER
Offdiag = Callable[..., Said]
Mistake = Callable[..., str]


def test_json_is_one_document(offdiag: Offdiag) -> None:
    said = offdiag("analyse", "transfer-matrix", RECORDED, "--where", "source=wide", "--split-by", "distance", "--json")
    assert said.code == 0, said
    found = json.loads(said.out)
    assert set(found) == {"single", "pair", "difference"}
    assert found["single"]["trained"]["mean"] == pytest.approx(0.803, abs=0.002)
    assert found["pair"]["transfer"]["std"] == pytest.approx(0.274, abs=0.002)
    assert set(found["difference"]) == {"trained", "transfer", "overall", "with", "without"}
    assert found["difference"]["with"]["transfer"]["mean"] == pytest.approx(-0.252, abs=0.002)
    assert found["difference"]["with"]["transfer"]["low"] is None  # one seed says nothing of the spread between seeds


def test_a_person_reads_a_table(offdiag: Offdiag) -> None:
    said = offdiag("analyse", "transfer-matrix", RECORDED, "--where", "source=base")
    assert said.code == 0, said
    (row,) = [line.split() for line in said.out.splitlines() if line.split()[:3] == ["single", "all", "trained"]]
    assert row[3] == "0.8371"
    assert row[-1] == "4"


def test_a_task_that_no_pair_has_is_an_error(mistake: Mistake) -> None:
    said = mistake("analyse", "transfer-matrix", RECORDED, "--where", "source=wide", "--split-by", "distanse")
    assert "no pair was trained on 'distanse': expected one of angle, compass" in said
