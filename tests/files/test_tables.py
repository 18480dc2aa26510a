"""Tables between commas, semicolons and tabs."""

import pytest

from offdiag.errors import UserError
from offdiag.files import split_lines, table_rows


def rows(text: str, *columns: str) -> list[tuple[int, dict[str, str]]]:
    return [(row.line, row.value) for row in table_rows(split_lines(text), "a.csv", columns)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_fields_and_the_lines_on_which_rows_begin(separator: str, end: str) -> None:
    text = f'\ufeffx,y{end}{end}1,"a{end}b ""c"" , ; \t"{end},{end}2,\u2028{end}{end}'.replace(",", separator)
    field = 'a@b "c" , ; \t'.replace("@", "\n").replace(",", separator)
    assert rows(text) == [(3, {"x": "1", "y": field}), (6, {"x": "2", "y": "\u2028"})]


def test_what_excel_says_of_the_separator_is_heard() -> None:
    assert rows("sep=;\r\nx,a;y\r\n1;2\r\n") == [(3, {"x,a": "1", "y": "2"})]


def test_a_table_of_one_column_and_a_long_field() -> None:
    assert rows(f"x\n{'a' * 200_000}\n") == [(2, {"x": "a" * 200_000})]


def test_a_table_without_a_header_is_separated_as_its_columns_say() -> None:
    assert rows('"a;b",c\n', "x", "y") == [(1, {"x": "a;b", "y": "c"})]
    assert rows("a,a;c\n", "x", "y") == [(1, {"x": "a", "y": "a;c"})]
    assert rows("a,a,a;c\n", "x", "y") == [(1, {"x": "a,a,a", "y": "c"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.csv: the table is empty: expected a line of column names"),
        ("x,y\n\n", "a.csv: the table has the columns x, y and no row"),
        ("x,y\n1,2\n3\n", "a.csv, line 3 has 1 fields, expected 2 (x, y)"),
        ("x,y\n1,2,3\n", "a.csv, line 2 has 3 fields, expected 2"),
        ('x,y\n"1\n\n2",3\n4\n', "a.csv, line 5 has 1 fields"),
        ("x, x\n1,2\n", "a.csv, line 1: column 'x' is there twice"),
        ('x,y\n1,2\n3,"4\n5,6\n', 'a.csv, line 3: a quote (") is opened in this row and never closed'),
        ('x,y\n"a"b,2\n', "a.csv, line 2: not a table (',' expected after '\"')"),
        ("x,y;z\n1,2\n", "a.csv, line 1: commas or semicolons may separate the columns 'x,y;z'"),
        ("x,y\n1,2\n\ufeffx,y\n", "a.csv, line 3 begins with a byte order mark: two files were joined"),
    ],
)
def test_what_is_no_table_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        rows(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
