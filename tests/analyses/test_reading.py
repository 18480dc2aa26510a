import re
from typing import ClassVar

import pytest

from offdiag.analyses import LINE_FORMATS, LineFormat, read_table
from offdiag.analyses.columns import numbers, truths
from offdiag.analyses.series import series_columns
from offdiag.errors import UserError


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
        ("series,k\na,1\nb\n", r"line 3 has 1 fields, expected 2 \(series, k\)"),
        ('series,k\na,"1\n', "line 2: a quote .* is opened in this row and never closed"),
        ('{"series": "a", "k": 1}\n', "found JSON .*: expected a table"),
        ("series;k,accuracy\na;1,2\n", "line 1: commas or semicolons may separate the columns"),
    ],
)
def test_a_broken_table_is_named(text, message):
    with pytest.raises(UserError, match=message):
        read_table(text)


class Seconds(LineFormat):
    """A toy format: ``MODEL after KNs: ACCURACY``."""

    name: ClassVar[str] = "seconds"
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?P<model>\w+) after (?P<k>\d+)s: (?P<accuracy>\S+)")
    expected: ClassVar[str] = "MODEL after KNs: ACCURACY"
    series: ClassVar[tuple[str, ...]] = ("model",)

    @classmethod
    def row(cls, match: re.Match[str]) -> dict[str, str | None]:
        return dict(match.groupdict())


@pytest.fixture
def seconds(monkeypatch):
    monkeypatch.setattr(LINE_FORMATS, "_added", {})
    LINE_FORMATS.add("seconds", Seconds)


@pytest.mark.usefixtures("seconds")
def test_a_package_may_add_a_format_of_lines():
    table = read_table("m after 2s: 0.5\n\nother after 3s: 1\n")
    assert table.index.tolist() == [1, 3]
    assert table.loc[3].to_dict() == {"model": "other", "k": "3", "accuracy": "1"}
    assert series_columns(table) == ["model"]
    with pytest.raises(UserError, match="line 2: .* is no result; expected MODEL after KNs: ACCURACY"):
        read_table("m after 2s: 0.5\nm 2: 0.5\n")


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1_0", "95%", "-0.1", "1.5"])
def test_what_is_no_share_is_named_with_its_line(text):
    table = read_table(f'a\n0.5\n"{text}"\n')
    with pytest.raises(UserError, match=f"line 3: a is '{text}', expected a number from 0 to 1"):
        numbers(table, "a", 0, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n0,5;x\n1;y\n0,125;z\n", [0.5, 1, 0.125]),
        ("a\tb\n0,5\tx\n-1,25e-3\ty\n", [0.5, -0.00125]),
        ('a,b\n"1,080",x\n"1,5",y\n', [1.08, 1.5]),  # the second says what the first means
    ],
)
def test_decimal_commas_are_read(text, expected):
    assert numbers(read_table(text), "a").tolist() == expected


def test_commas_that_may_be_two_things_are_refused():
    with pytest.raises(UserError, match=r"line 3: a is '1,080', which may be 1.080 or 1080: write one"):
        numbers(read_table("a;b\n7;x\n1,080;y\n"), "a")
    with pytest.raises(UserError, match=r"line 2: a is '0,5', and '1.080' on line 3: write points in all"):
        numbers(read_table("a;b\n0,5;x\n1.080;y\n"), "a")


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
