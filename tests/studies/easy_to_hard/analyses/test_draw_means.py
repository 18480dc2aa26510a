import pandas as pd
import pytest

from offdiag.studies.easy_to_hard.analyses.draw_means import DrawMeans
from offdiag.studies.easy_to_hard.measurements.draw_summary import TABLE


class Measured:
    """Frames of which only the draws are there."""

    def __init__(self, rows):
        self.rows = pd.DataFrame(rows)

    def measured(self, table):
        assert table == TABLE
        return self.rows


def row(side, draw, grade, **more):
    return {"dataset": "arc", "state": "done", "side": side, "hardness": "grade", "train_level": "easy", "draw": draw,
            "n": 10, "grade_mean": grade, **more}  # fmt: skip


def test_a_row_is_the_mean_over_draws():
    rows = [row("train", 0, 3.0), row("test", 0, 6.0), row("train", 1, 4.0), row("test", 1, 7.0)]
    table = DrawMeans(name="draws").table(Measured(rows))
    assert table["side"].tolist() == ["train", "test"]
    assert table["draws"].tolist() == [2, 2]
    assert table["grade_mean"].tolist() == pytest.approx([3.5, 6.5])


def test_what_a_data_set_lacks_is_na_and_what_is_not_measured_says_so():
    other = {**row("train", 0, None), "dataset": "mmlu", "physics_share": 0.25}
    table = DrawMeans(name="draws").table(Measured([row("train", 0, 3.0), other, {"dataset": "x", "state": "missing"}]))
    assert table["state"].tolist() == ["missing", "done", "done"]
    assert table.set_index("dataset").loc["mmlu", "physics_share"] == 0.25
    assert pd.isna(table.set_index("dataset").loc["mmlu", "grade_mean"])
    assert pd.isna(table.set_index("dataset").loc["arc", "physics_share"])
