import math

import pandas as pd
import pytest

from offdiag.analyses import AnsweringAgreement
from offdiag.errors import UserError
from offdiag.stats import holm, mcnemar, paired_difference, wilson
from offdiag.stats.replicated import accuracy
from support.framed import framed

ANALYSIS = AnsweringAgreement(name="agreement")
TARGETS = list("aabbccdd")


def both_ways(*learners, records=True):
    """Frames of learners given as (name, written answers, chosen answers); an answer is a letter, ``-`` unparsed."""
    cells, rows = [], []
    for name, *answers in learners:
        for way, said in zip((None, "choice"), answers, strict=True):
            factors = {"cell": f"{name}-{way}", "arm": name, "eval": "sums", "prompt": "direct", "seed": 0, "k": pd.NA}
            factors["answering"] = way
            cells.append({**factors, "state": "done" if said else "missing", "n_planned": len(TARGETS)})
            for i, (letter, target) in enumerate(zip(said, TARGETS, strict=bool(said))):
                parsed = None if letter == "-" else letter
                rows.append({**factors, "example": f"e{i}", "parsed": parsed, "correct": parsed == target})
    columns = [c for c in cells[0] if c not in ("state", "n_planned")] + ["example", "parsed", "correct"]
    frame = pd.DataFrame(rows if records else [], columns=columns)
    return framed(pd.DataFrame(cells).convert_dtypes(), frame.convert_dtypes())


def test_one_pair_against_hand_counts():
    row = ANALYSIS.table(both_ways(("x", "aab-cadd", "aabbccaa"))).iloc[0]
    assert (row["arm"], row["eval"], row["state"], row["n_items"]) == ("x", "sums", "done", 8)
    assert (row["same"], row["n_unparsed"], row["same_of_parsed"]) == (4 / 8, 1, 4 / 7)
    assert (row["same_low"], row["same_high"]) == tuple(map(float, wilson(4, 8)))
    assert (row["written"], row["chosen"]) == (6 / 8, 6 / 8)
    expected = paired_difference([1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0, 1, 1])
    assert (row["difference"], row["diff_low"], row["diff_high"]) == (0, expected.low, expected.high)
    assert row["p_value"] == mcnemar(2, 2) == 1


def test_mcnemar_counts_what_only_one_way_has_right():
    row = ANALYSIS.table(both_ways(("x", "dddddddd", "aabbccdd"))).iloc[0]
    assert row["p_value"] == pytest.approx(0.5**6)  # mid-p
    assert row["difference"] == pytest.approx(6 / 8)
    assert row["diff_low"] > 0


def test_unparsed_agrees_with_nothing():
    row = ANALYSIS.table(both_ways(("x", "--------", "--------"))).iloc[0]
    assert (row["same"], row["n_unparsed"]) == (0, 8)
    assert math.isnan(row["same_of_parsed"])


def test_rows_are_corrected_together():
    table = ANALYSIS.table(both_ways(("x", "dddddddd", "aabbccdd"), ("y", "aabbccdd", "aabbccdd")))
    assert table["arm"].tolist() == ["x", "y"]
    assert table["p_holm"].tolist() == holm(table["p_value"]).tolist() == [2 * 0.5**6, 1]


def test_pairs_of_one_group_are_averaged():
    frames = both_ways(("x", "aab-cadd", "aabbccaa"), ("y", "aabbccdd", "aabbccdd"))
    row = AnsweringAgreement(name="a", by=("eval",)).table(frames).iloc[0]
    assert (row["n_pairs"], row["n_items"], row["n_unparsed"]) == (2, 16, 1)
    expected = accuracy([[1, 1, 1, 0, 1, 0, 0, 0], [1] * 8])
    assert (row["same"], row["same_low"], row["same_high"]) == expected[:3]
    assert row["same"] == 0.75
    assert row["p_value"] > 0.05
    assert row["diff_low"] <= 0 <= row["diff_high"]


@pytest.mark.parametrize(
    ("answers", "state"), [(("", "aabbccdd"), "generation missing"), (("aabbccdd", ""), "choice missing")]
)
def test_what_is_not_done_says_which(answers, state):
    row = ANALYSIS.table(both_ways(("x", *answers))).iloc[0]
    assert (row["state"], row["n_items"], row["n_planned_pairs"]) == (state, 0, 1)
    assert math.isnan(row["same"])
    assert math.isnan(row["p_holm"])


def test_nothing_has_run_yet():
    table = ANALYSIS.table(both_ways(("x", "", ""), ("y", "", ""), records=False))
    assert table["state"].tolist() == ["generation missing"] * 2
    assert ANALYSIS.table(framed(pd.DataFrame(), pd.DataFrame())).empty


def test_cells_that_are_asked_one_way_do_not_matter():
    frames = both_ways(("x", "aabbccdd", "aabbccdd"), ("y", "aabbccdd", "aabbccdd"))
    one = framed(frames.cells[frames.cells["cell"] != "y-None"], frames.records)
    assert ANALYSIS.table(one)["arm"].tolist() == ["x"]
    chosen = framed(frames.cells[frames.cells["answering"].notna()], frames.records)
    with pytest.raises(UserError, match="no cell is asked both ways"):
        ANALYSIS.table(chosen)


def test_two_cells_of_one_kind_are_an_error():
    frames = both_ways(("x", "aabbccdd", "aabbccdd"))
    twice = pd.concat([frames.cells, frames.cells.assign(cell="again")])
    with pytest.raises(UserError, match="are asked the same: tell them apart with where="):
        ANALYSIS.table(framed(twice, frames.records))
