"""Models of several geometries against specialists that other answers chose: no bias where all are equally good."""

import numpy as np
import pytest

from offdiag.studies.world_map.analyses.improvement import ArmScores
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.analyses.specialists import held_out_differences
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics, matrices_by_arm
from support.city_study import CityStudy

MODELS, ITEMS = 60, 40
SETTINGS = PairDifferences(name="p", clipped=False, n_resamples=100)


def equally_good(models=MODELS, seeds=(0,), taught=("distance", "angle", "distance+angle")):
    """Models whose errors come from one distribution, whatever they were taught, asked one geometry."""
    study, draw = CityStudy(), np.random.default_rng(0)
    for model in (f"m{i}" for i in range(models)):
        for seed in seeds:
            study.add(model, seed, None, "inside", "atlantis", (np.arange(ITEMS) < 0.25 * ITEMS).tolist())
            study.add(model, seed, None, "inside", "real", (np.arange(ITEMS) < 0.9 * ITEMS).tolist())
            for trained in taught:
                study.add(model, seed, trained, "inside", "atlantis", (draw.random(ITEMS) < 0.6).tolist())
    return study.frames()


def apart(values):
    """Return how many standard errors a mean is from 0."""
    values = np.asarray(values, float)
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_pair_equal_to_both_singles_has_no_difference_on_average(seeds):
    table = SETTINGS.table(equally_good(seeds=seeds))
    assert len(table) == MODELS
    assert abs(apart(table["held_out"])) < 2.5
    assert apart(table["difference"]) < -4  # the better of two noisy scores


def test_a_triple_equal_to_its_singles_has_none_either():
    taught = ("distance", "angle", "compass", "distance+angle+compass")
    table = SETTINGS.table(equally_good(taught=taught))
    assert abs(apart(table["held_out"])) < 2.5
    assert apart(table["difference"]) < -4


def test_a_specialist_that_is_clearly_better_is_chosen_by_both():
    study = CityStudy()
    study.add("base", 0, None, "inside", "atlantis", [False] * 100)
    study.add("base", 0, None, "inside", "real", [True] * 100)
    for trained, right in (("distance", 10), ("angle", 90), ("distance+angle", 70)):
        study.add("base", 0, trained, "inside", "atlantis", (np.arange(100) < right).tolist())
    row = SETTINGS.table(study.frames()).iloc[0]
    assert row["difference"] == pytest.approx(-0.2)
    assert row["held_out"] == pytest.approx(-0.2, abs=0.05)  # halves have other items
    assert row["held_out_low"] < row["held_out"] < row["held_out_high"] < 0


def test_the_statistics_have_both_forms():
    frames = equally_good(models=3)
    settings = TransferStatistics(name="t", clipped=False, n_resamples=100)
    rows = settings.table(frames).set_index(["model", "matrix", "rows", "cells"])["mean"]
    for model, matrices in matrices_by_arm(frames, settings).items():
        assert rows[(*model, "held-out", "all", "overall")] == pytest.approx(float(np.nanmean(matrices.held_out.mean)))
    by_pair = SETTINGS.table(frames).set_index("model")
    assert rows["m1", "held-out", "with", "overall"] == pytest.approx(by_pair.loc["m1", "held_out"])
    assert rows["m1", "difference", "with", "overall"] == pytest.approx(by_pair.loc["m1", "difference"])


def test_one_item_has_no_halves():
    study = CityStudy()
    study.add("base", 0, None, "distance", "atlantis", [1000.0])
    study.add("base", 0, None, "distance", "real", [100.0])
    for trained in ("distance", "angle", "distance+angle"):
        study.add("base", 0, trained, "distance", "atlantis", [300.0])
    row = SETTINGS.table(study.frames()).iloc[0]
    assert np.isnan(row["held_out"])
    assert row["difference"] == 0


@pytest.mark.parametrize(("n_splits", "expected"), [(2, np.nan), (1, 0.0)])
def test_a_split_whose_specialists_cannot_be_compared_has_no_difference(n_splits, expected):
    """A specialist without an answer in the half that chooses was the one that was chosen, 100 better in the other."""
    answered = {"several": [[10, 10], [10, 10]], "good": [[10, 10], [10, 10]], "blind": [[np.nan, 1], [100, 100]]}

    class Halves:
        def halves(self, cell, centre, *, resampled):
            return np.array(answered[cell][-n_splits:], float)[..., None]  # [splits, halves, resamples]

    def scores(cell):
        row = {"cell": cell, "seed": 0, "unclipped": 0.5, "value": 1.0, "before": 1000.0, "reference": 1.0}
        return ArmScores((), cell, "distance", [row])

    several, *singles = map(scores, answered)
    value = held_out_differences(several, singles, [0], Halves(), SETTINGS, resampled=False)
    assert value[0, 0] == pytest.approx(expected, nan_ok=True)
