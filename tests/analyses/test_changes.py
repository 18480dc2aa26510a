"""Table of changes: what a training gains and loses on the same items, and what their intervals rest on."""

import math

import pandas as pd
import pytest

from offdiag.analyses.changes import Changes
from offdiag.stats.learner_difference import LENT
from support.framed import framed

CHANGES = Changes(name="changes", by=("train", "eval"))
N = 10


def frames(*n_right, base_seed=math.nan):
    """A base that is right on 3 of 10 items, and one fine-tuning per seed, right on so many."""
    names = ["base", *(f"tuned-{seed}" for seed in range(len(n_right)))]
    seeds = [base_seed, *range(len(n_right))]
    cells = pd.DataFrame(
        {
            "cell": names, "baseline": [None] + ["base"] * len(n_right), "seed": seeds, "state": "done",
            "method": ["pre-training"] + ["fine-tuning"] * len(n_right), "train": [None] + ["eight"] * len(n_right),
            "eval": "nine", "n_planned": N, "accuracy": [right / N for right in (3, *n_right)],
            "ci_low": 0.0, "ci_high": 1.0, "difference": [math.nan, *((right - 3) / N for right in n_right)],
        }
    )  # fmt: skip
    rows = [
        {"cell": name, "example": str(item), "correct": item < right}
        for name, right in zip(names, (3, *n_right), strict=True)
        for item in range(N)
    ]
    return framed(cells, pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("base_seed", "n_right", "note"),
    [(0, (6, 8), LENT), (math.nan, (6, 8), ""), (0, (6, 8, 7), "")],
    ids=["two-draws-against-one", "against-a-fixed-model", "three-against-one"],
)
def test_a_change_of_two_draws_against_one_says_how_often_its_interval_holds(base_seed, n_right, note):
    (row,) = CHANGES.table(frames(*n_right, base_seed=base_seed)).to_dict("records")
    assert (row["before"], row["state"], row["note"]) == (pytest.approx(0.3), "done", note)
    assert row["change"] == pytest.approx(sum(n_right) / len(n_right) / N - 0.3)
    assert row["change_low"] < row["change"] < row["change_high"]
