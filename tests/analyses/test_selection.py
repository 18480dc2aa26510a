import pandas as pd
import pytest

from offdiag.analyses import select, with_shots
from offdiag.errors import UserError

CELLS = pd.DataFrame(
    {
        "cell": ["zero", "one", "two", "tuned"],
        "method": ["zero-shot", "in-context", "in-context", "fine-tuning"],
        "k": [0, 1, 2, None],
        "rationale": [None, True, False, True],
        "train_base": [None, 8, 9, 8],
        "eval_base": [8, 8, 8, 8],
    }
)


def names(frame):
    return frame["cell"].tolist()


def test_filters_add_up():
    assert names(select(CELLS, {"method": "in-context", "rationale": True})) == ["one"]


def test_zero_shot_passes_filters_on_factors_that_it_lacks():
    assert names(select(CELLS, {"rationale": True})) == ["zero", "one", "tuned"]
    assert names(select(CELLS, {"eval_base": 8, "train_base": 9})) == ["zero", "two"]


def test_own_keeps_rows_whose_training_and_evaluation_agree():
    assert names(select(CELLS, {}, match_on=("base",))) == ["zero", "one", "tuned"]


@pytest.mark.parametrize("wanted", ["True", 1])
def test_true_is_neither_text_nor_one(wanted):
    tuned = CELLS[CELLS["method"] != "zero-shot"]
    with pytest.raises(UserError, match=r"no cell with rationale = .*: the table has False, True"):
        select(tuned, {"rationale": wanted})


def test_nothing_left_is_an_error_that_lists_what_there_is():
    with pytest.raises(UserError, match="eval_base = 10: the table has 8"):
        select(CELLS, {"eval_base": 10})
    with pytest.raises(UserError, match="no column 'base'"):
        select(CELLS, {"base": 8})
    with pytest.raises(UserError, match="no cell is left"):
        select(CELLS[2:3], {}, match_on=("base",))


def test_shots_are_numbers_and_zero_shot_is_none():
    shots = with_shots(CELLS.assign(k=["", "1", 2, None]))
    assert names(shots) == ["zero", "one", "two"]
    assert shots["k"].tolist() == [0, 1, 2]


def test_in_context_without_k_is_an_error():
    with pytest.raises(UserError, match="1 rows have no number"):
        with_shots(CELLS.assign(k=[0, None, 2, None]))
