import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.stats import holm
from offdiag.stats.learner_difference import learner_difference
from offdiag.studies.easy_to_hard.analyses.supervision_tests import SupervisionTests
from support.hardness_frames import hardness_frames

ACCURACIES = {
    ("zero-shot", None): 0.3,
    ("in-context", "easy"): 0.75,
    ("in-context", "hard"): 0.78,
    ("linear-probe", "easy"): 0.32,
    ("linear-probe", "hard"): 0.7,
}
TESTS = SupervisionTests(name="tests")


def grid(frames, method, level):
    """Verdicts on hard items, record by record, with the ids."""
    rows = frames.records[(frames.records["level"] == "hard") & (frames.records["method"] == method)]
    rows = rows[rows["train_level"].isna() if level is None else (rows["train_level"] == level).fillna(False)]
    wide = rows.assign(c=rows["correct"].astype(float)).pivot(index="cell", columns="example", values="c")
    return wide.reindex(columns=sorted(f"q{i}" for i in range(2, 240, 3))).sort_index()


def test_rows_are_the_paired_differences_of_two_learners():
    frames = hardness_frames(ACCURACIES, n=240)
    found = TESTS.table(frames)
    assert found["comparison"].tolist() == ["easy - untrained", "hard - easy"] * 2
    for row in found.itertuples():
        levels = ("easy", None) if row.comparison == "easy - untrained" else ("hard", "easy")
        sides = [grid(frames, row.method if level else "zero-shot", level) for level in levels]
        untrained = (False, levels[1] is None)
        first, second, expected = learner_difference(*(side.to_numpy() for side in sides), untrained=untrained)
        assert (row.first, row.second) == pytest.approx((first, second))
        assert (row.difference, row.low, row.high, row.n_items) == pytest.approx(expected[:4], abs=1e-9)
        assert row.n_draws == (3 if row.comparison == "easy - untrained" else 6)
    by = found.set_index(["method", "comparison"])["p_holm"]
    assert by["in-context", "easy - untrained"] < 0.05
    assert by["linear-probe", "easy - untrained"] > 0.2
    assert by["linear-probe", "hard - easy"] < 0.05


def test_the_family_is_the_whole_table():
    found = TESTS.table(hardness_frames(ACCURACIES, measures=("grade", "bloom")))
    np.testing.assert_allclose(found["p_holm"], holm(found["p_value"]))
    assert (found["p_holm"] >= found["p_value"]).all()
    assert len(found) == 8


def test_what_is_not_done_yet_is_no_test():
    undone = [f"linear-probe.arc.grade.hard.{b}" for b in range(3)]
    found = TESTS.table(hardness_frames(ACCURACIES, undone=undone)).set_index(["method", "comparison"])
    row = found.loc[("linear-probe", "hard - easy")]
    assert (row["state"], row["n_items"]) == ("missing", 0)
    assert np.isnan(row["p_holm"])
    known = found["p_value"].dropna()
    assert found["p_holm"].min() <= 3 * known.min()  # of three tests, not of four
    assert TESTS.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
