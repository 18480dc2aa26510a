"""Losses of the right labels by category, on answers with known log-probabilities."""

import math

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.stats.means import crossed_mean
from offdiag.studies.trigger_2d.analyses.losses import Losses
from support.trigger_frames import leaking, trigger_frames


def with_losses(frames, of):
    """The frames with a loss of each answer, of its record."""
    frames.records["target_loss"] = [float(of(row)) for row in frames.records.to_dict("records")]
    return frames


def table(frames, **settings):
    return Losses(name="losses", **settings).table(frames)


def test_the_trigger_is_the_unit_of_the_interval():
    frames = with_losses(
        trigger_frames([("none", 0)], leaking(0.5), categories=["foods"]), lambda row: len(row["trigger"])
    )
    row = table(frames).iloc[0]
    of_words = frames.records.groupby("trigger")["target_loss"].mean().to_numpy(float)
    half = 2.7764451051977987 * of_words.std(ddof=1) / math.sqrt(5)  # t with four degrees of freedom
    assert (row["loss"], row["loss_low"]) == pytest.approx((of_words.mean(), max(0, of_words.mean() - half)))
    assert row["loss_high"] == pytest.approx(of_words.mean() + half)
    assert (row["n_items"], row["n_seeds"], row["train_rule"]) == (40, 1, "conflict")


def test_seeds_of_data_and_training_are_sides_of_their_own():
    frames = trigger_frames([("none", 0)], leaking(0.5), seeds=(0, 1, 2), categories=["foods"])
    for frame in (frames.cells, frames.records):
        frame["data_seed"] = frame["seed"] % 2
    frames = with_losses(frames, lambda row: row["seed"] + len(row["trigger"]) / 10)
    row = table(frames, replicates=("data_seed", "seed")).iloc[0]
    grid = np.full((2, 3, 5), np.nan)
    words = list(dict.fromkeys(frames.records["trigger"]))
    for (seed, word), part in frames.records.groupby(["seed", "trigger"]):
        grid[seed % 2, seed, words.index(word)] = part["target_loss"].mean()
    expected = crossed_mean(grid)
    assert (row["loss"], row["loss_low"], row["loss_high"]) == pytest.approx(
        (expected.value, max(0, expected.low), expected.high)
    )


def test_draws_of_words_that_an_untaught_model_is_asked_are_one_arm():
    frames = trigger_frames([("none", 0)], leaking(0.5), seeds=(0, 1), categories=["foods"])
    frames = with_losses(frames, lambda row: row["seed"])
    frames.records["example"] = [f"{row['seed']}/{row['example']}" for row in frames.records.to_dict("records")]
    for frame in (frames.cells, frames.records):
        frame["seed"] = 0
    with pytest.raises(UserError, match="2 rows are alike"):
        table(frames)
    frames.cells["train"] = None
    row = table(frames).iloc[0]
    assert (row["n_items"], row["n_seeds"], row["loss"]) == (80, 2, 0.5)


def test_what_has_no_log_probabilities_or_is_not_done_has_no_loss():
    found = table(trigger_frames([("none", 0)], leaking(0.5), categories=["foods"])).iloc[0]
    assert math.isnan(found["loss"])
    assert found["state"] == "done"
    missing = table(trigger_frames([("none", 0)], lambda *_: "missing", categories=["foods"])).iloc[0]
    assert math.isnan(missing["loss"])
    assert missing["state"] == "missing"
