import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import independent_difference
from offdiag.stats.replicated import accuracy
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from support.hardness_frames import hardness_frames, joined

ACCURACIES = {
    ("zero-shot", None): 0.3,
    ("in-context", "easy"): 0.5,
    ("in-context", "medium"): 0.5,
    ("in-context", "hard"): 0.6,
    ("in-context", "all"): 0.5,
    ("in-context", "easy_and_hard"): 0.5,
}
GAP = GeneralisationGap(name="gap")


def accuracies(frames, level, bootstrap=None):
    """By the level of the items."""
    rows = frames.records[frames.records["train_level"] == level]
    if bootstrap is not None:
        rows = rows[rows["train_bootstrap"] == bootstrap]
    return rows.assign(c=rows["correct"].astype(float)).groupby("level")["c"].mean(), rows["correct"].mean()


def test_a_row_is_accuracy_on_hard_items_less_that_on_the_level_that_was_learnt():
    frames = hardness_frames(ACCURACIES)
    found = GAP.table(frames).set_index("train_level")
    assert list(found.index) == ["easy", "medium", "all", "easy_and_hard"]  # neither untrained nor trained on hard
    for level, row in found.iterrows():
        by_level, overall = accuracies(frames, level)
        both = (by_level["easy"] + by_level["hard"]) / 2
        own = {"all": overall, "easy_and_hard": both}.get(level, by_level.get(level))
        assert row["tested"] == pytest.approx(by_level["hard"])
        assert row["own"] == pytest.approx(own)
        assert row["gap"] == pytest.approx(by_level["hard"] - own)
        assert row["low"] < row["gap"] < row["high"]
        assert (row["state"], row["n_draws"], row["n_planned"]) == ("done", 3, 3)
    taught = frames.records[frames.records["train_level"] == "easy"]
    assert found.loc["easy", "n_items"] == taught.loc[taught["level"].isin(["easy", "hard"]), "example"].nunique()


def test_the_interval_is_shorter_than_that_of_two_learners_apart():
    """As draws that are good at one level are good at the other, which differences leave out."""
    frames = hardness_frames({("in-context", "easy"): 0.5}, n=600)
    shift = {f"in-context.arc.grade.easy.{b}": by for b, by in enumerate((0.0, 0.45, 0.9))}
    draw = np.random.default_rng(0)
    lucky = np.array([draw.random() < shift[cell] for cell in frames.records["cell"]])
    records = frames.records.assign(correct=frames.records["correct"].astype(bool) | lucky)
    row = GAP.table(Frames(cells=frames.cells, records=records)).iloc[0]
    apart = []
    for level in ("hard", "easy"):
        own = records[records["level"] == level]
        apart.append(
            accuracy(own.assign(c=own["correct"].astype(float)).pivot(index="cell", columns="example", values="c"))
        )
    alone = independent_difference(*apart)
    assert row["high"] - row["low"] < alone.high - alone.low


def test_what_is_not_done_and_what_cannot_be():
    undone = [f"in-context.arc.grade.easy.{b}" for b in range(3)]
    found = GAP.table(hardness_frames(ACCURACIES, undone=undone)).set_index("train_level")
    assert found.loc["easy", ["state", "n_draws", "n_planned"]].tolist() == ["missing", 0, 3]
    assert np.isnan(found.loc["easy", "gap"])
    assert GAP.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
    twice = joined(hardness_frames(ACCURACIES), hardness_frames(ACCURACIES, suffix=".again"))
    with pytest.raises(UserError, match="rows are alike in train_bootstrap, seed"):
        GAP.table(twice)
