import math

import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.task_learning import TaskLearning
from support.city_study import CityStudy

TABLE = TaskLearning(name="learning")


def only(study):
    rows = TABLE.table(study.frames()).to_dict("records")
    assert len(rows) == 1
    return rows[0]


def numbers(errors, targets, sizes=None, study=None, seed=1):
    sizes = sizes or [2] * len(targets)
    return (study or CityStudy()).add(
        "base", seed, None, "perimeter", "real", errors, targets=[str(t) for t in targets], sizes=sizes
    )


def words(verdicts, targets, sizes):
    return CityStudy().add("base", 1, None, "inside", "real", verdicts, targets=targets, sizes=sizes)


def test_an_error_beside_the_best_constant_and_the_best_for_each_size():
    row = only(numbers([1.0] * 6, [10, 20, 30, 110, 120, 130], [2, 2, 2, 5, 5, 5]))
    assert row["constant"] == pytest.approx((60 + 50 + 40 + 40 + 50 + 60) / 6)  # the median is 70, halfway
    assert row["by_size"] == pytest.approx((10 + 0 + 10) / 3)  # medians 20 and 120
    assert (row["result"], row["median_error"]) == (1.0, 1.0)
    assert row["margin"] == pytest.approx(20 / 3 - 1)
    assert row["learnt"]


def test_a_model_that_answers_the_median_has_learnt_nothing():
    targets = [10, 20, 30, 40, 50] * 4
    row = only(numbers([float(abs(t - 30)) for t in targets], targets))
    assert row["margin"] == 0.0
    assert row["learnt"] is False


def test_beating_the_constant_by_knowing_the_size_alone_is_not_learning():
    targets, sizes = [10, 20, 30, 110, 120, 130] * 5, [2, 2, 2, 5, 5, 5] * 5
    row = only(numbers([10.0, 0.0, 10.0] * 10, targets, sizes))
    assert row["result"] < row["constant"] / 5
    assert row["learnt"] is False


def test_words_beside_the_commonest_one():
    targets, sizes = ["TRUE"] * 4 + ["FALSE"] * 2 + ["FALSE"] * 4, [4] * 6 + [6] * 4
    row = only(words([True] * 5 + [False] * 5, targets, sizes))
    assert row["constant"] == pytest.approx(0.6)
    assert row["by_size"] == pytest.approx(0.8)
    assert (row["result"], row["margin"]) == pytest.approx((0.5, -0.3))
    assert row["learnt"] is False
    assert math.isnan(row["median_error"])


def test_unparsed_words_are_wrong_and_unparsed_numbers_are_left_out():
    row = only(words([True, True, None, True], ["TRUE"] * 4, [4] * 4))
    assert (row["result"], row["unparsed"]) == (0.75, 0.25)
    row = only(numbers([2.0, None, 4.0, None], [10, 20, 30, 40]))
    assert (row["result"], row["unparsed"]) == (3.0, 0.5)


def test_seeds_widen_the_interval_until_it_claims_nothing():
    targets = [10, 30] * 5
    sure = only(numbers([7.5, 8.0, 8.0, 8.0, 8.5] * 2, targets))
    assert (sure["margin"], sure["learnt"]) == (2.0, True)
    row = only(numbers([12.0] * 10, targets, study=numbers([2.0] * 10, targets), seed=2))
    assert (row["margin"], row["n_seeds"], row["learnt"]) == (3.0, 2, False)
    assert row["low"] < 7 < row["high"]


def test_what_is_missing_is_a_row_with_its_reason():
    study = CityStudy().add("base", 1, None, "distance", "real", "failed")
    row = only(study)
    assert (row["state"], row["n_seeds"], row["n_planned_seeds"], row["learnt"]) == ("failed", 0, 1, None)
    assert math.isnan(row["result"])


def test_groups_of_cities_and_widths_are_rows_and_fine_tuned_arms_are_not():
    study = CityStudy()
    for model in ("narrow", "base"):
        for cities in ("real", "atlantis"):
            study.add(model, 1, None, "distance", cities, [1.0, 2.0])
    study.add("base", 1, "distance", "distance", "real", [1.0, 2.0])
    study.add("base", 1, None, "distance", "real", [9.0, 9.0], update=10)
    table = TABLE.table(study.frames())
    assert list(zip(table["model"], table["cities"], strict=True)) == [
        ("narrow", "real"), ("narrow", "atlantis"), ("base", "real"), ("base", "atlantis"),
    ]  # fmt: skip
    assert (table["result"] == 1.5).all()


def test_models_that_learnt_different_geometries_are_told_apart():
    study = CityStudy()
    for taught in ("distance", "distance+angle"):
        study.add("base", 1, None, "distance", "real", [1.0, 2.0], train_geometry=taught, arm=taught, cell=taught)
    with pytest.raises(UserError, match=r"2 rows are alike in .* \(distance, distance\+angle\): .*arms="):
        TABLE.table(study.frames())
    apart = TaskLearning(name="learning", arms=("model", "train_geometry")).table(study.frames())
    assert apart["train_geometry"].tolist() == ["distance", "distance+angle"]


def test_snapshots_are_rows_of_their_own_until_the_end():
    study = CityStudy()
    for update, error in ((10, 9.0), (500, 2.0), (None, 1.0)):  # the end, kept as a snapshot too, is taken once
        extra = {} if update is None else {"update": update}
        study.add("base", 1, None, "distance", "real", [error, error], updates=500, **extra)
    table = TaskLearning(name="learning", over_training=True).table(study.frames())
    assert dict(zip(table["update"], table["result"], strict=True)) == {10: 9.0, 500: 1.0}
    assert TABLE.table(study.frames())["result"].tolist() == [1.0]


def test_nothing_gives_an_empty_table():
    assert TABLE.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
