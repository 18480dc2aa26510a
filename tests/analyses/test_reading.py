import pytest

from offdiag.analyses import read_table
from offdiag.analyses.columns import numbers, truths
from offdiag.errors import UserError

LINES = """unsloth/Phi-4 8 True 2 0 False: 0.25
out puts/10 True 8/checkpoint-63 8 False 3 16 True: 0.996

unsloth/Phi-4 10 False 2 1 False: 1.0

"""


def test_names_and_texts_and_numbers_of_lines():
    table = read_table("series, k ,accuracy\n\n a,0,0.5\n,,\nb,1,\n")
    assert table.columns.tolist() == ["series", "k", "accuracy"]
    assert table.index.tolist() == [3, 5]
    assert table.loc[3].tolist() == ["a", "0", "0.5"]
    assert table.loc[5].tolist() == ["b", "1", None]


def test_quoted_commas_windows_line_ends_and_a_byte_order_mark():
    table = read_table('\ufeffseries,k\r\n"base 8, rationale",1\r\n')
    assert table.loc[2].tolist() == ["base 8, rationale", "1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("series,k,accuracy\n", "no row"),
        ("k,k\n1,2\n", "'k' is there twice"),
        ("series,k\na,1\nb\n", "line 3 has 1 fields: expected 2"),
        ('series,k\na,"1\n', "not comma-separated values"),
    ],
)
def test_a_broken_table_is_named(text, message):
    with pytest.raises(UserError, match=message):
        read_table(text)


def test_lines_of_results_with_booleans_as_they_are():
    table = read_table(LINES)
    assert table.index.tolist() == [1, 2, 4]
    assert table["model"].tolist() == ["unsloth/Phi-4", "out puts/10 True 8/checkpoint-63", "unsloth/Phi-4"]
    assert table["base"].tolist() == ["8", "8", "10"]
    assert table["cot"].tolist() == ["True", "False", "False"]
    assert table["icl_cot"].tolist() == [None, "True", "False"]
    assert table["k"].tolist() == ["0", "16", "1"]
    assert table["accuracy"].tolist() == ["0.25", "0.996", "1.0"]


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


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1_0", "95%", "-0.1", "1.5", "0,5"])
def test_what_is_no_share_is_named_with_its_line(text):
    table = read_table(f'a\n0.5\n"{text}"\n')
    with pytest.raises(UserError, match=f"line 3: a is '{text}', expected a number from 0 to 1"):
        numbers(table, "a", 0, 1)


def test_gaps_only_where_they_are_allowed():
    table = read_table("a,b\n1,x\n,y\n")
    assert numbers(table, "a", gaps=True).isna().tolist() == [False, True]
    with pytest.raises(UserError, match="line 3: a is empty, expected a number"):
        numbers(table, "a")
    with pytest.raises(UserError, match="'2.5', expected a whole number of at least 0"):
        numbers(read_table("a\n2.5\n"), "a", low=0, whole=True)


def test_truths_are_never_guessed():
    assert truths(read_table("a\nTrue\nfalse\n1\n0\n"), "a").tolist() == [True, False, True, False]
    with pytest.raises(UserError, match="line 2: a is 'yes', expected True or False"):
        truths(read_table("a\nyes\n"), "a")
