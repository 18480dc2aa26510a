import pytest

from offdiag.analyses import read_table
from offdiag.analyses.series import series_columns
from offdiag.errors import UserError

LINES = """unsloth/Phi-4 8 True 2 0 False: 0.25
out puts/10 True 8/checkpoint-63 8 False 3 16 True: 0.996

unsloth/Phi-4 10 False 2 1 False: 1.0

"""


def test_lines_of_results_with_booleans_as_they_are():
    table = read_table(LINES)
    assert table.index.tolist() == [1, 2, 4]
    assert table["model"].tolist() == ["unsloth/Phi-4", "out puts/10 True 8/checkpoint-63", "unsloth/Phi-4"]
    assert table["base"].tolist() == ["8", "8", "10"]
    assert table["cot"].tolist() == ["True", "False", "False"]
    assert table["icl_cot"].tolist() == [None, "True", "False"]
    assert table["k"].tolist() == ["0", "16", "1"]
    assert table["accuracy"].tolist() == ["0.25", "0.996", "1.0"]
    assert series_columns(table) == ["model", "base", "cot", "n_digits", "icl_cot"]


def test_repeated_lines_count_once_and_contradictions_are_refused():
    once = "m 8 True 2 1 True: 0.5\n"
    assert len(read_table(once + once)) == 1
    assert len(read_table("m 8 True 2 0 True: 0.5\nm 8 True 2 0 False: 0.5\n")) == 1  # zero-shot: nothing was shown
    with pytest.raises(UserError, match=r"lines 1 and 3 give 0\.5 and 0\.6 for the same evaluation"):
        read_table(once + "\nm 8 True 2 1 True: 0.6\n")


@pytest.mark.parametrize("line", ["m 8 true 2 1 True: 0.5", "m 8 True 2 1: 0.5", "m 8 1 2 1 True: 0.5", "m: 0.5"])
def test_a_line_that_is_no_result_is_named(line):
    with pytest.raises(UserError, match="line 1: .* is no result; expected MODEL BASE True|False"):
        read_table(line)
    with pytest.raises(UserError, match="line 2: .* is no result"):
        read_table(f"m 8 True 2 1 True: 0.5\n{line}\n")
