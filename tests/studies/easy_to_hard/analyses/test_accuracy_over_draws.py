import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import wilson
from offdiag.stats.replicated import accuracy
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from support.hardness_frames import hardness_frames, joined

ACCURACIES = {("zero-shot", None): 0.3, ("in-context", "easy"): 0.6, ("in-context", "hard"): 0.7}
OVER = AccuracyOverDraws(name="x", items={"level": "hard"})


def test_a_row_is_the_mean_over_draws_and_items_that_count():
    frames = hardness_frames(ACCURACIES)
    found = OVER.table(frames)
    assert found["train_level"].tolist()[1:] == ["easy", "hard"]
    hard = frames.records[frames.records["level"] == "hard"]
    for row in found[found["method"] != "zero-shot"].itertuples():
        own = hard[hard["train_level"] == row.train_level]
        assert row.accuracy == pytest.approx(own["correct"].astype(float).mean())
        grid = own.assign(c=own["correct"].astype(float)).pivot(index="cell", columns="example", values="c").to_numpy()
        expected = accuracy(grid)
        np.testing.assert_allclose([row.low, row.high], [expected.low, expected.high], rtol=1e-9)
        assert (row.state, row.n_draws, row.n_planned) == ("done", 3, 3)
    untrained = found.iloc[0]
    own = hard[hard["method"] == "zero-shot"]["correct"]
    assert untrained["n_items"] == 40
    np.testing.assert_allclose([untrained["low"], untrained["high"]], wilson(own.sum(), 40))


def test_untrained_cells_that_share_items_are_one_learner():
    frames = hardness_frames({("zero-shot", None): 0.4})
    parts = (frames.cells, frames.records)
    cells, records = (pd.concat([part, part.assign(cell="b")]) for part in parts)
    columns = ["accuracy", "low", "high", "n_items"]
    pd.testing.assert_frame_equal(
        OVER.table(Frames(cells=cells, records=records))[columns], OVER.table(frames)[columns]
    )


def test_what_is_not_done_and_what_cannot_be():
    undone = [f"in-context.arc.grade.easy.{b}" for b in range(3)] + ["in-context.arc.grade.hard.0"]
    frames = hardness_frames(ACCURACIES, undone=undone)
    found = OVER.table(frames).set_index("train_level")
    assert (found.loc["easy", "state"], found.loc["hard", "n_draws"]) == ("missing", 2)
    assert np.isnan(found.loc["easy", "accuracy"])
    assert OVER.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
    with pytest.raises(UserError, match="rows are alike in train_bootstrap, seed"):
        OVER.model_copy(update={"by": ("method",)}).table(joined(frames, hardness_frames(ACCURACIES, dataset="mmlu")))
    with pytest.raises(UserError, match="name others with items="):
        OVER.model_copy(update={"items": {"level": "none"}}).table(frames)


def test_levels_are_rows_of_their_own():
    frames = hardness_frames(ACCURACIES)
    found = OVER.model_copy(update={"items": {}, "levels": ("all", "hard")}).table(frames)
    assert found["asked"].tolist() == ["all", "hard"] * 3
    apart = [OVER.model_copy(update={"items": items}).table(frames) for items in ({}, {"level": "hard"})]
    numbers = ["accuracy", "low", "high", "n_items"]
    for level, expected in zip(("all", "hard"), apart, strict=True):
        own = found[found["asked"] == level].reset_index(drop=True)
        pd.testing.assert_frame_equal(own[numbers], expected[numbers])


def test_draws_that_agree_in_every_answer_are_not_certain():
    frames = hardness_frames(ACCURACIES)
    right = Frames(cells=frames.cells, records=frames.records.assign(correct=True))
    row = OVER.table(right).iloc[1]
    assert row["accuracy"] == row["high"] == 1
    assert row["low"] == pytest.approx(wilson(row["n_items"], row["n_items"]).low)
