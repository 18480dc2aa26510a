import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from offdiag.analyses import Frames
from offdiag.studies.world_map.analyses.forgetting import Forgetting
from support.city_study import CityStudy

TABLE = Forgetting(name="forgetting")


def study(before, after, geometry="distance", found=None, seed=1):
    found = found or CityStudy()
    found.add("base", seed, None, geometry, "real", before)
    return found.add("base", seed, "distance", geometry, "real", after)


def only(found):
    rows = TABLE.table(found.frames()).to_dict("records")
    assert len(rows) == 1
    return rows[0]


def test_an_error_that_grows():
    row = only(study([2.0, 4.0, 6.0, 4.0], [20.0, 40.0, 60.0, 40.0]))
    assert (row["before"], row["after"], row["change"]) == (4.0, 40.0, 36.0)
    expected = ttest_1samp([18, 36, 54, 36], 0).confidence_interval()
    assert [row["low"], row["high"]] == pytest.approx(list(expected))
    assert row["factor"] == pytest.approx(10)
    assert np.isnan([row["factor_low"], row["factor_high"]]).all()  # ten times on every item: no uncertainty to see
    assert (row["before_median"], row["after_median"], row["taught"]) == (4.0, 40.0, True)


def test_an_accuracy_that_falls_is_paired_by_item():
    row = only(study([True] * 8 + [False] * 2, [True] * 4 + [False] * 6, geometry="compass"))
    assert (row["before"], row["after"], row["change"]) == pytest.approx((0.8, 0.4, -0.4))
    assert 0.4 < row["equal_within"] < -row["low"]  # the end of the 90 % interval, within that of 95 %
    ends = np.quantile(
        np.random.default_rng(0).multinomial(10, [0.1] * 10, 20_000)[:, 4:8].sum(1) / -10, [0.025, 0.975]
    )
    assert [row["low"], row["high"]] == pytest.approx(ends, abs=0.101)  # one item
    assert math.isnan(row["factor"])
    assert not row["taught"]


def test_unparsed_answers_are_counted_and_leave_their_item_out():
    row = only(study([1.0, 1.0, 100.0], [3.0, 3.0, None]))
    assert (row["before"], row["after"]) == (34.0, 3.0)
    assert row["change"] == 2.0
    assert row["unparsed"] == pytest.approx(1 / 3)


def test_an_error_of_zero_counts_as_half_a_unit_in_the_factor():
    row = only(study([0.0] * 3, [5.0] * 3))
    assert row["factor"] == pytest.approx(10)
    assert row["change"] == 5.0


def test_seeds_are_averaged_each_with_its_own_start():
    row = only(study([1.0], [100.0], found=study([1.0], [1.0]), seed=2))
    assert (row["change"], row["n_seeds"]) == (49.5, 2)
    assert row["factor"] == pytest.approx(10)
    half = 12.7062 * math.log(100) * math.sqrt(0.5) / math.sqrt(2)
    assert math.log(row["factor_high"]) == pytest.approx(math.log(10) + half, rel=1e-3)


def test_what_is_missing_is_a_row_with_its_reason():
    found = study([1.0], "failed")
    study("missing", [1.0], "angle", found)
    found.add("base", 1, "distance", "perimeter", "real", [1.0])
    table = TABLE.table(found.frames()).set_index("geometry")
    assert table["state"].to_dict() == {"distance": "failed", "angle": "missing", "perimeter": "no baseline"}
    assert table[["before", "after", "change", "factor"]].isna().all(axis=None)


def test_all_answers_unparsed():
    row = only(study([1.0, 2.0], [None, None]))
    assert (row["before"], row["unparsed"]) == (1.5, 1.0)
    assert math.isnan(row["after"])
    assert math.isnan(row["change"])
    assert math.isnan(row["factor"])


def test_nothing_gives_an_empty_table():
    assert TABLE.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
    assert TABLE.table(CityStudy().add("base", 1, None, "distance", "real", [1.0]).frames()).empty
