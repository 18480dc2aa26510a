"""Records in little memory: frames of them are those that pandas makes of the rows, whichever are asked for."""

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.columns import CLUSTER
from offdiag.compact_records import CompactRecords

CELLS = {
    "a": ({"cell": "a", "model": "m", "k": 1}, [
        {"example": "1", "correct": True, "score": 1.0, "error": 0.5, "level": 3},
        {"example": "2", "correct": False, "score": 0.0, "error": None, "level": None},
    ]),
    "b": ({"cell": "b", "model": "m"}, [
        {"example": "1", "correct": None, "score": 0.25, "parsed": "7", "late": "x"},
        {"example": "2", "correct": None, "score": 1.0, "parsed": None},
    ]),
    "c": ({"cell": "c", "model": "n", "k": 2, "level": "of the cell"}, [
        {"example": "1", "correct": True, "score": 1.0, "error": 2.0, "level": "of the item"},
        {"example": "3", "correct": True, "score": 1.0, "error": 2.0},
    ]),
}  # fmt: skip


@pytest.fixture
def records():
    found = CompactRecords()
    for factors, rows in CELLS.values():
        found.add(factors, rows)
    found.add({"cell": "nothing"}, [])
    return found


def whole():
    names = dict.fromkeys(name for factors, rows in CELLS.values() for part in (factors, *rows) for name in part)
    rows = [
        {name: row[name] if row.get(name) is not None else factors.get(name) for name in names}
        for factors, of_cell in CELLS.values()
        for row in of_cell
    ]
    return pd.DataFrame(rows).convert_dtypes().astype({"correct": "boolean", "score": "Float64"})


@pytest.mark.parametrize("cells", [["a"], ["c", "a"], ["b", "b", "unknown"], ["a", "b", "c"]])
def test_frames_are_those_of_the_rows(records, cells):
    found, expected = records.of(cells), whole()
    expected = expected[expected["cell"].isin(cells)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False)
    everything = records.of(records.sizes)
    kept = [name for name in found if name != "level"]  # which has numbers and texts: its parts are of their own types
    assert found[kept].dtypes.tolist() == everything[kept].dtypes.tolist()
    assert found[kept].dtypes.tolist() == whole()[kept].dtypes.tolist()


def test_some_columns_are_those_of_the_whole(records):
    names = ("score", "cell", "error")
    pd.testing.assert_frame_equal(records.of(["a", "c"], names), records.of(["a", "c"])[list(names)])
    with pytest.raises(KeyError, match="unknown"):
        records.of(["a"], ("unknown",))


def test_nothing_has_the_columns_that_are_said():
    empty = CompactRecords()
    empty.columns_if_empty = ("cell", "correct")
    assert (list(empty.of(["a"])), len(empty.of(["a"])), dict(empty.sizes)) == (["cell", "correct"], 0, {})


def test_a_cell_without_records_has_no_size(records):
    assert dict(records.sizes) == {"a": 2, "b": 2, "c": 2}
    assert len(records.of(())) == 0
    assert list(records.of(())) == list(records.columns)


def test_a_column_is_renamed_or_forgotten():
    def made(to):
        found = CompactRecords()
        found.add({"cell": "a"}, [{"\0": "one", CLUSTER.name: "own"}, {"\0": "two", CLUSTER.name: "own"}])
        found.rename("\0", to)
        return found.of(["a"])

    assert made(CLUSTER.name)[CLUSTER.name].tolist() == ["one", "two"]
    assert made(None)[CLUSTER.name].tolist() == ["own", "own"]
    assert list(made(None)) == ["cell", CLUSTER.name]


def test_what_cells_share_is_held_once():
    one, many = (CompactRecords() for _ in range(2))
    items = [{"example": str(i), "error": float(i)} for i in range(500)]
    for records, n in ((one, 1), (many, 40)):
        for i in range(n):
            records.add({"cell": f"c{i}"}, items)
    assert {len(records._arrays) for records in (one, many)} == {2}
    assert np.array_equal(many.of(["c39"])["error"], np.arange(500))


@pytest.mark.parametrize(("most", "sizes"), [(1, [2, 2, 2]), (4, [4, 2]), (5, [4, 2]), (100, [6])])
def test_parts_are_whole_cells(records, most, sizes, monkeypatch):
    monkeypatch.setattr("offdiag.analyses.frames.AT_ONCE", most)
    parts = list(records.parts(("cell", "example")))
    assert [len(part) for part in parts] == sizes
    assert pd.concat(parts)["cell"].tolist() == list("aabbcc")


def test_no_frame_is_made_of_all_records_unless_it_is_read(records, monkeypatch):
    asked = []
    whole_of = CompactRecords.of
    monkeypatch.setattr(CompactRecords, "of", lambda self, cells, columns=None: (
        asked.append((sorted(cells), columns)), whole_of(self, cells, columns))[1])  # fmt: skip
    frames = Frames(cells=pd.DataFrame(), records=records)
    assert len(frames.answers(["b"], ("score",))) == 2
    assert asked == [(["b"], ("score",))]
    assert frames.records is frames.records
    assert asked[1:] == [(["a", "b", "c"], None)]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 2.0**63, 1e19])
def test_numbers_beyond_whole_ones_of_64_bits_stay_what_they_are(value):
    found = CompactRecords()
    found.add({"cell": "a"}, [{"example": "1", "error": 1.0}, {"example": "2", "error": value}])
    assert found.of(["a"])["error"].tolist() == [1.0, value]


def test_whole_numbers_have_whole_columns():
    found = CompactRecords()
    found.add({"cell": "a"}, [{"example": "1", "error": -(2.0**62)}, {"example": "2", "error": None}])
    column = found.of(["a"])["error"]
    assert column.dtype == "Int64"
    assert column[0] == -(2**62)
