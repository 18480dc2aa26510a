"""What stands beside an accuracy: chance, majority rate, the commonest answer, and the table of confusions."""

import pandas as pd
import pytest
from pydantic import ValidationError

from offdiag.analyses import ANALYSES
from offdiag.analyses.frames import FramedRecords, Frames
from offdiag.analyses.sanity import confusion, confusion_or_note, sanity
from offdiag.cli.matrix_table import collapsed_cells

LABELS = ("orange", "green", "blue")


def records(targets, given):
    return [
        {"example": str(i), "target": target, "parsed": parsed}
        for i, (target, parsed) in enumerate(zip(targets, given, strict=True))
    ]


def test_a_collapsed_learner_is_told_by_its_one_answer():
    targets = ["orange", "green", "blue", "orange"] * 4
    found = sanity(records(targets, ["orange"] * 16), {str(i): LABELS for i in range(16)})
    assert found["chance"] == pytest.approx(1 / 3)
    assert (found["majority_rate"], found["top_answer"], found["top_rate"]) == (0.5, "orange", 1.0)
    assert found["one_answer"] is True


def test_always_the_same_letter_is_one_answer_whatever_the_texts():
    choices = {str(i): (f"a{i}", f"b{i}", f"c{i}", f"d{i}") for i in range(8)}
    targets = [choices[str(i)][i % 4] for i in range(8)]
    found = sanity(records(targets, [choices[str(i)][2] for i in range(8)]), choices)
    assert found == {"chance": 0.25, "majority_rate": 0.25, "top_answer": "C", "top_rate": 1.0, "one_answer": True}


@pytest.mark.parametrize(
    ("targets", "given", "one"),
    [
        (["1", "2", "3", "4", "5"], ["1", "2", "3", "4", "5"], False),
        (["1", "1", "1", "1", "1"], ["1", "1", "1", "1", "1"], False),  # what is right of all may be said of all
        (["1", "2", "3", "4"], ["1", "1", "1", "1"], False),  # too few to tell
        (["1", "2", "3", "4", "5", "6"], ["9", "9", "9", "9", "9", None], True),
        (["1", "2"], [None, None], False),
    ],
)
def test_one_answer_needs_several_right_ones(targets, given, one):
    found = sanity(records(targets, given), {})
    assert found["one_answer"] is one
    assert found["chance"] is None


def test_nothing_is_known_of_no_records():
    assert set(sanity([], {}).values()) == {None}


def test_the_table_of_confusions_counts_each_pair():
    frame = pd.DataFrame(
        {"cell": ["a"] * 4, "right_option": ["A", "A", "B", "B"], "given_option": ["A", "B", "B", None]}
    )
    table = confusion(FramedRecords(frame))
    assert list(table) == ["cell", "right answer", "A", "B", "none", "n"]
    assert table.to_numpy().tolist() == [["a", "A", 1, 1, 0, 2], ["a", "B", 0, 1, 1, 2]]
    assert confusion(FramedRecords(frame[["cell"]])).empty
    unread = frame.assign(
        given_option=pd.array([None] * len(frame), dtype="Int64")
    )  # as a column without a value is held
    assert list(confusion(FramedRecords(unread)).columns) == ["cell", "right answer", "none", "n"]


def test_confusions_that_cannot_be_counted_say_why():
    records = pd.DataFrame({"cell": ["a"], "score": [0.4], "correct": [pd.NA]})
    cells = pd.DataFrame({"cell": ["a"], "state": ["done"], "metric": ["f1"]})
    (said,) = confusion_or_note(Frames(cells=cells, records=records))["note"]
    assert said.endswith("no done cell has any: give the data set choices or labels (graded by f1)")
    undone = confusion_or_note(Frames(cells=cells.assign(state="missing"), records=records[:0]))
    assert undone["note"].tolist() == ["empty: nothing is done yet"]


def made_of_a_name(name):
    try:
        return ANALYSES.get(name)(name="one")
    except ValidationError:  # it needs settings
        return None


@pytest.mark.parametrize("analysis", [*filter(None, map(made_of_a_name, ANALYSES.names()))], ids=lambda a: type(a).tag)
def test_no_analysis_is_empty_without_saying_why(analysis):
    cells = pd.DataFrame({"cell": [], "state": [], "arm": []})
    (said,) = Frames(cells=cells, records=cells[["cell"]]).table_or_note(analysis)["note"]
    assert said.startswith(("empty: ", "not planned: "))


def test_the_terminal_tells_of_collapsed_cells():
    cells = pd.DataFrame({"one_answer": [True, False, pd.NA], "top_answer": ["blue", "red", pd.NA]})
    (line,) = collapsed_cells(cells)
    assert line.startswith("= one answer for 95 to 100 % of the items in 1 cell (blue)")
    assert len(line) <= 80
    assert collapsed_cells(cells[1:]) == []
