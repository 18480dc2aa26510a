"""Demonstrations for each query against shared ones: the right pairs, and honest gaps."""

import numpy as np
import pandas as pd
import pytest

from offdiag.errors import NotPlannedError
from offdiag.studies.base_addition.analyses.demonstration_kinds import DemonstrationKinds
from support.framed import framed

TABLE = DemonstrationKinds(name="demonstrations", where={"rationale": True})
RIGHT = {("fixed", 4): [1, 1, 0, 0, 0, 0, 1, 0], ("per-query", 4): [1, 1, 1, 1, 1, 0, 1, 0], ("fixed", 8): [1] * 8}


def frames(absent=(), right=RIGHT):
    rows, records = [], []
    for (kind, k), verdicts in right.items():
        name, done = f"{kind}-{k}", (kind, k) not in absent
        accuracy = np.mean(verdicts) if done else pd.NA
        factors = {"method": "in-context", "demonstrations": kind, "k": k, "rationale": True, "eval_base": 8}
        rows.append({"cell": name, "seed": 0, **factors, "state": "done" if done else "failed", "n_planned": 8,
                     "accuracy": accuracy, "ci_low": accuracy, "ci_high": accuracy})  # fmt: skip
        records += [{"cell": name, "example": f"e{i}", "correct": bool(v)} for i, v in enumerate(verdicts) if done]
    return framed(pd.DataFrame(rows).convert_dtypes(), pd.DataFrame(records))


def test_only_a_k_that_has_both_kinds_is_compared_and_item_by_item():
    (row,) = TABLE.table(frames()).to_dict(orient="records")
    assert (row["eval_base"], row["k"], row["n_items"], row["state"]) == (8, 4, 8, "done")
    assert row["difference"] == pytest.approx(3 / 8)
    assert row["per_query"] - row["fixed"] == pytest.approx(3 / 8)
    assert row["p_value"] == pytest.approx(0.125)  # three of three pairs: 2 * (1/8 - 1/16)
    assert row["difference_low"] < 3 / 8 < row["difference_high"]


def test_p_values_are_adjusted_for_all_rows():
    more = {("fixed", 2): [0] * 8, ("per-query", 2): [1, 1, 1, 1, 1, 0, 0, 0]}
    table = TABLE.table(frames(right=RIGHT | more)).set_index("k")
    assert table.loc[2, "p_value"] == pytest.approx(1 / 32)  # five of five pairs: 2 * (1/32 - 1/64)
    assert table["p_holm"].to_dict() == pytest.approx({2: 2 / 32, 4: 0.125})


def test_what_failed_has_no_difference_and_says_so():
    (row,) = TABLE.table(frames(absent=[("per-query", 4)])).to_dict(orient="records")
    assert row["state"] == "failed"
    assert np.isnan(row["difference"])
    assert row["fixed"] == pytest.approx(3 / 8)


def test_without_demonstrations_there_is_nothing_to_compare():
    empty = frames()
    with pytest.raises(NotPlannedError):
        TABLE.table(framed(empty.cells.assign(method="zero-shot"), empty.records))
