"""JSON of others is what it says, or one line that says where it is not."""

import json
from pathlib import Path

import pytest

from offdiag.errors import UserError
from offdiag.files import TextFile, json_lines, json_list, json_value


def file_with(path: Path, text: str) -> TextFile:
    path.write_bytes(text.encode())
    return TextFile.at(path)


def test_values_have_the_lines_on_which_they_stand(tmp_path: Path) -> None:
    text = '\ufeff{"a": "x\u2028y\u0085"}\r\n\r\n  [1.5, null]\n\ufeff"joined"\n \n\n'
    found = list(json_lines(file_with(tmp_path / "a.jsonl", text)))
    assert [(row.number, row.line, row.value) for row in found] == [
        (0, 1, {"a": "x\u2028y\u0085"}), (1, 3, [1.5, None]), (2, 4, "joined"),
    ]  # fmt: skip
    assert found[1].where == f"{tmp_path / 'a.jsonl'}, line 3"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_items_of_a_list_have_the_lines_on_which_they_begin(tmp_path: Path, end: str) -> None:
    text = end.join(["[", '{"a":', " 1},", "", '  "b"  ,{}', "]", ""])
    found = list(json_list(file_with(tmp_path / "a.json", text)))
    assert [(row.line, row.value) for row in found] == [(2, {"a": 1}), (5, "b"), (5, {})]


def test_a_list_is_what_python_reads(tmp_path: Path) -> None:
    values = [{"a": [1, {"b": '\\ "]'}]}, "]", 3, [], None, True, "\U0001f642", -0.5]
    for indent in (None, 2):
        text = json.dumps(values, indent=indent)
        assert [row.value for row in json_list(file_with(tmp_path / "a.json", text))] == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a" 2}\n', "line 2, column 6: not JSON (expecting ':' delimiter) at '2}': mend it"),
        ('{"a": 1}\n{"a": "b', "line 2, column 7: not JSON (unterminated string starting at): it is not whole; make"),
        ('{"a": 1}\n{"a":\n', "line 2, column 6: not JSON (expecting value): it is not whole; make"),
        ("{'a': 1}\n", "line 1, column 2: not JSON"),
        ('{"a": NaN}\n', "line 1: NaN is no JSON number: write null"),
        ('{"a": -Infinity}\n', "line 1: -Infinity is no JSON number"),
        ('{"a": 1e999}\n', "line 1: 1e999 is beyond the numbers of a computer"),
        ('{"a": 1, "b": {"c": 2, "c": 2}}\n', "line 1: the name 'c' is there twice in one object"),
        ('{"a": {"b": ["ok", "x\\ud83d"]}}\n', "line 1: a.b[1] has half a character, \\ud83d as character 2"),
        ('{"\\udc00": 1}\n', "line 1: a text has half a character"),
        ('{"a": 1} {"a": 2}\n', "line 1, column 10: '{\"a\": 2}' stands behind a whole JSON value"),
        ('{"a": "x\ty"}\n', "line 1, column 9: not JSON (invalid control character at)"),
        (f"{'[' * 100_000}\n", "line 1: values are nested too deeply"),
        (f'{{"a": {"7" * 5000}}}\n', "line 1: a number has too many digits"),
        ("\n \n", "has no rows: expected a JSON value on each line"),
        ("<!DOCTYPE html>\n", "line 1, column 1: not JSON (expecting value) at '<!DOCTYPE html>'"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_taken_at_its_word_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        list(json_lines(file_with(tmp_path / "a.jsonl", text)))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: expected a list of rows"),
        ('{"a": 1}', "found a JSON object, expected a list of rows"),
        ("[\n]", "the list has no rows"),
        ("[1,\n2", "line 2, column 2: not JSON (expected , or ] after a row): it is not whole; make"),
        ("[1,\n2 3]", "line 2, column 3: not JSON (expected , or ] after a row) at '3]'"),
        ("[1,\n{2}]", "line 2, column 2: not JSON"),
        ("[1,\n]", "line 2, column 1: not JSON (expecting value)"),
        ("[1]\n[2]", "line 2, column 1: '[2]' stands behind a whole JSON value"),
        ('[1,\n\n{"a": NaN}]', "line 3: NaN is no JSON number"),
        ('[1,\n\n{"a":\n"\\udfff"}]', "line 3: a has half a character"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_taken_at_its_word_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        list(json_list(file_with(tmp_path / "a.json", text)))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_pairs_of_halves_are_one_character() -> None:
    assert json_value('"\\ud83d\\ude42 \\u00e9"', "here") == "\U0001f642 é"
