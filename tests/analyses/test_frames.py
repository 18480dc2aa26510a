"""Records by cell."""

import pandas as pd

from support.framed import framed


def test_answers_are_the_records_of_the_cells_in_their_order():
    records = pd.DataFrame({"cell": list("abacb"), "example": range(5)})
    frames = framed(pd.DataFrame(), records)
    for cells in (["a"], ["b", "a"], ["c", "c", "unknown"], []):
        pd.testing.assert_frame_equal(frames.answers(cells), records[records["cell"].isin(cells)])
    assert framed(pd.DataFrame(), records.iloc[:0]).answers(["a"]).empty
