import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import wilson
from offdiag.stats.replicated import accuracy
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import AccuracyByHardness
from support.hardness_frames import hardness_frames
from support.item_frames import with_hardness

N = 240
ACCURACIES = {("zero-shot", None): 0.3, ("in-context", "easy"): 0.6, ("in-context", "hard"): 0.7}
STEPS = np.arange(N) % 7 + 1  # seven values
WORDS = np.arange(N) % 60 + 4  # sixty of them, 4 to 63
VALUES = {"steps": STEPS, "words": WORDS}
ARMS = {
    "untrained": {"method": "zero-shot"},
    **{level: {"method": "in-context", "train_level": level} for level in ("easy", "hard")},
}
OF = AccuracyByHardness(name="x", dataset="arc", arms=ARMS)


def frames(measures=("steps",), **options):
    return with_hardness(hardness_frames(ACCURACIES, measures=measures, n=N, **options), VALUES)


def answers(found, method, level, measure, items):
    rows = found.records[(found.records["method"] == method) & (found.records["eval_hardness"] == measure)]
    rows = rows[rows["train_level"].isna() if level is None else rows["train_level"] == level]
    return rows[rows["example"].isin([f"q{i}" for i in items])]


def test_few_values_are_places_of_their_own():
    found = frames()
    table = OF.table(found).query("measure == 'steps'").set_index(["arm", "stratum"])
    assert table.loc["untrained"].index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert table.loc["untrained", "label"].tolist() == list("1234567")
    for value in range(1, 8):
        items = np.flatnonzero(value == STEPS)
        own = answers(found, "zero-shot", None, "steps", items)["correct"]
        row = table.loc[("untrained", value)]
        assert row["accuracy"] == pytest.approx(own.mean())
        np.testing.assert_allclose([row["ci_low"], row["ci_high"]], wilson(own.sum(), len(own)))
        assert row["n_items"] == len(items)
        taught = answers(found, "in-context", "easy", "steps", items)
        assert table.loc[("easy", value), "accuracy"] == pytest.approx(taught["correct"].mean())
        assert table.loc[("easy", value), "n_seeds"] == 3
    one = answers(found, "in-context", "hard", "steps", np.flatnonzero(STEPS == 4))
    grid = one.assign(c=one["correct"].astype(float)).pivot(index="cell", columns="example", values="c").to_numpy()
    expected = accuracy(grid)
    row = table.loc[("hard", 4)]
    np.testing.assert_allclose([row["ci_low"], row["ci_high"]], [expected.low, expected.high], rtol=1e-9)


def test_nine_values_and_more_are_four_bins_of_equal_width():
    found = frames()
    table = OF.table(found).query("measure == 'words' and arm == 'untrained'")
    # 4 to 63: edges at 4, 18.75, 33.5, 48.25, 63
    assert table["label"].tolist() == ["4 to 18", "19 to 33", "34 to 48", "49 to 63"]
    np.testing.assert_allclose(table["stratum"], [11.375, 26.125, 40.875, 55.625])
    assert table["n_items"].tolist() == [60, 60, 60, 60]
    own = answers(found, "zero-shot", None, "steps", np.flatnonzero((WORDS >= 19) & (WORDS <= 33)))
    assert table["accuracy"].iloc[1] == pytest.approx(own["correct"].mean())


def test_bins_that_say_little_are_marked():
    """Five items of 240 in the last bin: its interval is as long as to make a standard error of 0.1 and more."""
    words = np.where(np.arange(N) % 48 == 0, 90, np.arange(N) % 20)
    table = OF.table(with_hardness(frames(), {"words": words})).query("arm == 'untrained'")
    assert table["state"].tolist() == ["done", "interval too long"]
    errors = (table["ci_high"] - table["ci_low"]) / 3.92
    assert errors.iloc[0] < 0.1 <= errors.iloc[1]


def test_answers_that_all_agree_have_an_interval():
    found = frames()
    wrong = Frames(cells=found.cells, records=found.records.assign(correct=False), measurements=found.measurements)
    row = OF.table(wrong).query("measure == 'steps' and arm == 'easy' and stratum == 1").iloc[0]
    assert row["ci_low"] == row["accuracy"] == 0
    assert row["ci_high"] == pytest.approx(wilson(0, 35).high)


def test_large_values_can_count_as_one():
    table = OF.model_copy(update={"most": {"steps": 5.0}}).table(frames()).query("measure == 'steps' and arm == 'easy'")
    assert table["label"].tolist() == ["1", "2", "3", "4", "5+"]
    assert table["n_items"].iloc[4] == np.isin(STEPS, (5, 6, 7)).sum()


def test_cells_that_were_asked_for_a_measure_count_for_it_and_otherwise_all():
    found = frames(measures=("steps", "grade"))
    table = OF.table(found).set_index(["measure", "arm"])
    assert (table.loc[("steps", "easy"), "n_planned_seeds"] == 3).all()
    assert (table.loc[("words", "easy"), "n_planned_seeds"] == 6).all()
    assert (table.loc[("words", "untrained"), "n_seeds"] == 1).all()  # one learner, asked in parts


def test_an_arm_that_a_measure_lacks_has_no_rows_there():
    both = frames(measures=("steps", "grade"))
    gone = (both.cells["train_level"] == "hard").fillna(False) & (both.cells["eval_hardness"] == "steps")
    cells = both.cells[~gone]
    table = OF.table(Frames(cells=cells, records=both.records, measurements=both.measurements))
    assert set(table.loc[table["measure"] == "steps", "arm"]) == {"untrained", "easy"}
    assert set(table.loc[table["measure"] == "words", "arm"]) == {"untrained", "easy", "hard"}


def test_what_is_not_there_yet():
    undone = [f"in-context.arc.steps.easy.{b}" for b in range(3)]
    table = OF.table(frames(undone=undone)).set_index(["measure", "arm"])
    assert (table.loc[("steps", "easy"), "state"] == "missing").all()
    assert len(table.loc[("steps", "easy")]) == 7
    found = hardness_frames(ACCURACIES, measures=("steps",), n=N)
    unmeasured = OF.table(with_hardness(found, VALUES, missing=["words"])).query("measure == 'words'")
    assert unmeasured["state"].tolist() == ["missing"] * 3
    assert unmeasured["stratum"].isna().all()
    nothing = Frames(cells=found.cells.assign(state="missing"), records=found.records.iloc[:0],
                     measurements=frames().measurements)  # fmt: skip
    assert set(OF.table(nothing)["state"]) == {"missing"}
    assert isinstance(OF.table(nothing), pd.DataFrame)


def test_an_arm_that_nobody_planned_is_refused():
    with pytest.raises(UserError, match="no cell with method = 'guessing'"):
        OF.model_copy(update={"arms": {"x": {"method": "guessing"}}}).table(frames())
