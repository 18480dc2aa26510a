import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses.estimates import estimate
from offdiag.errors import UserError
from offdiag.stats.learner_difference import LENT, learner_difference


def cells(*states, **columns):
    n = len(states)
    done = [state == "done" for state in states]
    frame = {
        "cell": [f"c{i}" for i in range(n)],
        "seed": range(n),
        "state": states,
        "n_planned": 40,
        "accuracy": np.where(done, 0.5, np.nan),
        "ci_low": 0.35,
        "ci_high": 0.65,
        "baseline": "zero",
        "difference": np.where(done, 0.2, np.nan),
        "diff_low": 0.1,
        "diff_high": 0.3,
    }
    return pd.DataFrame(frame | columns)


def records(**accuracies):
    rows = [(name, f"e{i}", i < 40 * accuracy) for name, accuracy in accuracies.items() for i in range(40)]
    return pd.DataFrame(rows, columns=["cell", "example", "correct"])


def test_one_cell_keeps_its_own_interval():
    found = estimate(cells("done"), records())
    assert found[:7] == (0.5, 0.35, 0.65, "done", 1, 1, 40)
    assert estimate(cells("done"), records(), "difference")[:3] == (0.2, 0.1, 0.3)


def test_several_seeds_are_averaged_with_an_interval_over_both():
    found = estimate(cells("done", "done", "done"), records(c0=0.4, c1=0.5, c2=0.6))
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.4 < 0.6 < found.high
    assert (found.n_done, found.n_planned) == (3, 3)


def test_differences_are_paired_with_the_baseline():
    found = estimate(cells("done", "done"), records(c0=0.7, c1=0.7, zero=0.5), "difference")
    assert found.value == pytest.approx(0.2)
    assert 0 < found.low < 0.2 < found.high < 0.5


def test_a_trained_baseline_of_one_draw_is_no_fixed_model():
    # The page takes it for one draw of many, with the spread of the other learner's draws; so do compare and tables.
    done, answers = cells("done", "done"), records(c0=0.7, c1=0.5, zero=0.5)
    untrained = pd.DataFrame({"cell": ["zero"], "seed": [math.nan]})
    fixed = estimate(done, answers, "difference", baselines=untrained)
    assert fixed == estimate(done, answers, "difference")
    drawn = estimate(done, answers, "difference", baselines=untrained.assign(seed=3))
    grid = answers.assign(score=answers["correct"]).pivot(index="cell", columns="example", values="score").astype(float)
    expected = learner_difference(grid.loc[["c0", "c1"]], grid.loc[["zero"]]).difference
    assert (drawn.low, drawn.high, drawn.p_value) == (expected.low, expected.high, expected.p_value)
    assert drawn.high - drawn.low > fixed.high - fixed.low
    assert (drawn.remark, fixed.remark) == (LENT, "")


def test_unfinished_seeds_are_counted():
    found = estimate(cells("done", "missing", "failed"), records())
    assert (found.value, found.n_done, found.n_planned) == (0.5, 1, 3)


@pytest.mark.parametrize(
    ("states", "expected"), [(("missing",), "missing"), (("missing", "failed"), "failed"), (("partial",), "partial")]
)
def test_without_any_result_the_state_says_why(states, expected):
    found = estimate(cells(*states), records())
    assert math.isnan(found.value)
    assert found.state == expected


def test_a_difference_without_baseline():
    assert estimate(cells("done", difference=np.nan), records(), "difference").state == "no baseline"


def test_two_cells_in_one_spot_are_an_error():
    with pytest.raises(UserError, match=r"accuracy: 2 rows are alike in seed \(c0, c1\): tell them apart with where="):
        estimate(cells("done", "done", seed=0), records())
    with pytest.raises(UserError, match="2 rows are alike in seed"):
        estimate(cells("done", "done", seed=None), records())


def test_no_cell_is_an_error():
    with pytest.raises(UserError, match="accuracy: no cell is selected, expected one for each seed"):
        estimate(cells("done")[:0], records())


def test_seeds_without_records_are_an_error():
    with pytest.raises(UserError, match="no records of c1"):
        estimate(cells("done", "done"), records(c0=0.5))
