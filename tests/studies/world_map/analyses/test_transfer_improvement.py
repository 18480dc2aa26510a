import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement
from support.city_study import CityStudy, improved

TABLE = TransferImprovement(name="improvement")


def only(frames, table=TABLE):
    rows = table.table(frames).to_dict("records")
    assert len(rows) == 1
    return rows[0]


def study(value, before, reference, geometry="distance", study=None, model="base", seed=1):
    found = study or CityStudy()
    found.add(model, seed, None, geometry, "atlantis", before)
    found.add(model, seed, None, geometry, "real", reference)
    return found.add(model, seed, "distance", geometry, "atlantis", value)


def test_an_error_is_placed_by_ratios():
    row = only(study([316.2277660168379] * 2, [1000.0] * 2, [100.0] * 2).frames())
    assert row["improvement"] == pytest.approx(0.5)
    assert np.isnan([row["low"], row["high"]]).all()  # nothing varies between the items, so nothing tells the spread
    assert (row["value"], row["before"], row["reference"]) == pytest.approx((316.2277660168379, 1000, 100))
    assert (row["trained"], row["evaluated"], row["taught"], row["state"]) == ("distance", "distance", True, "done")


def test_an_accuracy_is_placed_linearly():
    row = only(study([1] * 6 + [0] * 4, [1] * 3 + [0] * 7, [1] * 9 + [0], geometry="compass").frames())
    assert row["improvement"] == pytest.approx(0.5)
    assert math.isnan(row["by_median"])
    assert row["low"] < 0.5 < row["high"]
    assert not row["taught"]


def test_an_error_of_zero_counts_as_half_a_unit():
    row = only(study([0.0] * 3, [50.0] * 3, [0.0] * 3).frames())
    assert row["improvement"] == pytest.approx(1.0)
    row = only(study([5.0] * 3, [50.0] * 3, [0.0] * 3).frames())
    assert row["improvement"] == pytest.approx(math.log(10) / math.log(100))


def test_harm_is_kept_beside_the_clipped_value():
    row = only(study([10_000.0], [1000.0], [100.0]).frames())
    assert row["improvement"] == pytest.approx(-1.0)
    assert row["clipped"] == 0.0
    row = only(study([1.0], [1000.0], [100.0]).frames())
    assert (row["improvement"], row["clipped"]) == pytest.approx((3.0, 1.5))


def test_mean_and_median_error_differ_where_tails_are_heavy():
    row = only(study([10.0, 10.0, 2980.0], [1000.0] * 3, [100.0] * 3).frames())
    assert row["improvement"] == pytest.approx(0.0)  # mean 1000
    assert row["by_median"] == pytest.approx(2.0)  # median 10


def test_unparsed_answers_are_counted_and_enter_no_mean():
    row = only(study([None, 10.0, 10.0, None], [1000.0] * 4, [10.0] * 4).frames())
    assert row["improvement"] == pytest.approx(1.0)
    assert (row["unparsed"], row["before_unparsed"]) == (0.5, 0.0)
    row = only(study([None] * 4, [1000.0] * 4, [10.0] * 4).frames())
    assert row["state"] == "no answers"
    assert math.isnan(row["improvement"])
    assert row["unparsed"] == 1.0


def test_an_unparsed_word_is_wrong():
    row = only(study([True, None], [False, False], [True, True], geometry="inside").frames())
    assert (row["improvement"], row["unparsed"]) == (0.5, 0.5)


def test_a_reference_that_is_no_better_is_counted():
    row = only(study([1, 0], [1, 0], [1, 0], geometry="crossing").frames())
    assert (row["state"], row["n_seeds"], row["n_undefined"], row["before"]) == ("no scale", 0, 1, 0.5)
    assert np.isnan(row["improvement"])
    assert np.isnan(row["clipped"])


def test_a_seed_without_a_scale_is_in_none_of_the_means():
    both = study([10.0] * 3, [1000.0] * 3, [1.0] * 3, seed=1)
    row = only(study([500.0] * 3, [700.0] * 3, [700.0] * 3, study=both, seed=2).frames())
    assert (row["n_seeds"], row["n_undefined"]) == (1, 1)
    assert (row["value"], row["before"], row["reference"]) == (10, 1000, 1)
    assert row["improvement"] == pytest.approx(math.log(100) / math.log(1000))


def test_a_reference_that_is_better_by_chance_is_no_scale():
    """Areas of 840 and 808 on average made an improvement of 1.50 of them."""
    generator = np.random.default_rng(1)
    before, reference, value = (generator.exponential(size, 100) for size in (840, 808, 750))
    row = only(study(*(part.tolist() for part in (value, before, reference))).frames())
    assert (row["state"], row["n_undefined"]) == ("no scale", 1)
    assert row["value"] == pytest.approx(value.mean())
    known = only(study(*(part.tolist() for part in (value, before * 3, reference))).frames())
    assert (known["state"], known["n_undefined"]) == ("done", 0)


def test_the_interval_of_one_seed_pairs_the_items():
    generator = np.random.default_rng(0)
    before = generator.lognormal(6, 1.5, 80)
    value, reference = before * 0.1, np.full(80, 10.0)
    row = only(study(value.tolist(), before.tolist(), reference.tolist()).frames())
    # v / a is 0.1 on every item, so all that varies is the denominator ln(a / s).
    counts = generator.multinomial(80, np.full(80, 1 / 80), size=20_000)
    ends = np.quantile(math.log(10) / np.log(counts @ before / 80 / 10), [0.025, 0.975])
    assert [row["low"], row["high"]] == pytest.approx(ends, abs=0.02)


def test_the_interval_of_the_median_is_that_of_resampled_medians():
    generator = np.random.default_rng(1)
    value = generator.lognormal(5, 1, 41)
    row = only(study(value.tolist(), [1000.0] * 41, [10.0] * 41).frames())
    drawn = np.median(value[generator.integers(0, 41, (20_000, 41))], axis=1)
    ends = np.quantile(np.log(1000 / drawn) / math.log(100), [0.025, 0.975])
    assert row["by_median"] == pytest.approx(math.log(1000 / np.median(value)) / math.log(100))
    assert [row["by_median_low"], row["by_median_high"]] == pytest.approx(ends, abs=0.03)


def test_seeds_have_their_own_baselines_and_widen_the_interval():
    found = study([100.0], [1000.0], [100.0])
    row = only(study([400.0], [400.0], [40.0], study=found, seed=2).frames())
    assert (row["improvement"], row["n_seeds"]) == (0.5, 2)
    half = 12.7062 * np.std([1, 0], ddof=1) / math.sqrt(2)  # t with one degree of freedom
    assert row["high"] - row["improvement"] == pytest.approx(half, rel=1e-3)


def test_widths_have_their_own_baselines():
    found = study([100.0], [1000.0], [100.0])
    table = TABLE.table(study([400.0], [400.0], [40.0], study=found, model="wide").frames())
    assert dict(zip(table["model"], table["improvement"], strict=True)) == {"base": 1.0, "wide": 0.0}


def test_what_is_missing_is_a_row_with_its_reason():
    found = study("failed", [1000.0], [100.0])
    study([100.0], "missing", [100.0], "angle", found)
    found.add("base", 1, "distance", "perimeter", "atlantis", [3.0])
    table = TABLE.table(found.frames()).set_index("evaluated")
    assert table["state"].to_dict() == {"distance": "failed", "angle": "missing", "perimeter": "no baseline"}
    assert table["improvement"].isna().all()
    assert (table["n_seeds"] == 0).all()
    assert (table["n_planned_seeds"] == 1).all()


def test_other_cells_are_not_read():
    found = study([100.0], [1000.0], [100.0])
    found.add("base", 1, "distance", "distance", "real", [5.0])
    found.add("base", 1, "distance", "distance+angle", "mixed", [5.0])
    found.add("base", 1, "distance", "distance", "atlantis", [5.0], update=100)
    assert only(found.frames())["improvement"] == 1.0


def test_two_arms_in_one_place_are_refused_until_they_are_told_apart():
    found = study([100.0], [1000.0], [100.0])
    found.add("base", 1, "distance", "distance", "atlantis", [1000.0], elicitation=8)
    with pytest.raises(UserError, match=r"2 rows are alike in .*arms= or where="):
        TABLE.table(found.frames())
    apart = TransferImprovement(name="improvement", where={"elicitation": 8})
    assert only(found.frames(), apart)["improvement"] == 0.0


def test_nothing_gives_an_empty_table():
    empty = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
    assert TABLE.table(empty).empty
    assert PairDifferences(name="d").table(empty).empty
    only_pretrained = CityStudy().add("base", 1, None, "distance", "real", [1.0]).frames()
    assert TABLE.table(only_pretrained).empty


def test_a_pair_is_compared_with_the_better_specialist_of_its_seed():
    wanted = {
        ("base", 1, "distance"): {"angle": 0.2},
        ("base", 1, "crossing"): {"angle": 0.6},
        ("base", 1, "crossing+distance"): {"angle": 0.5},
        ("base", 2, "distance"): {"angle": 0.9},
        ("base", 2, "crossing"): {"angle": 0.1},
        ("base", 2, "crossing+distance"): {"angle": 1.2},
        ("wide", 1, "crossing+distance"): {"angle": 1.0},
    }
    table = PairDifferences(name="d").table(improved(wanted).frames()).set_index("model")
    assert table.loc["base", "difference"] == pytest.approx((-0.1 + 0.3) / 2)
    assert (table.loc["base", "actual"], table.loc["base", "expected"]) == pytest.approx((0.85, 0.75))
    assert table.loc["base", "high"] == pytest.approx(0.1 + 12.7062 * 0.2, rel=1e-3)
    assert table.loc["wide", "state"] == "specialist: not planned"
    assert math.isnan(table.loc["wide", "difference"])


def test_the_better_specialist_is_chosen_before_or_after_clipping():
    wanted = {
        ("base", 1, "distance"): {"angle": -0.5},
        ("base", 1, "angle"): {"angle": -0.2},
        ("base", 1, "distance+angle"): {"angle": 0.3},
    }
    frames = improved(wanted).frames()
    assert PairDifferences(name="d").table(frames)["difference"].item() == pytest.approx(0.3)
    assert PairDifferences(name="d", clipped=False).table(frames)["difference"].item() == pytest.approx(0.5)


def test_a_pair_waits_for_its_specialists():
    wanted = {
        ("base", 1, "distance"): {"angle": "failed"},
        ("base", 1, "angle"): {"angle": 0.2},
        ("base", 1, "distance+angle"): {"angle": 0.3},
    }
    row = PairDifferences(name="d").table(improved(wanted).frames()).iloc[0]
    assert (row["state"], row["n_seeds"], row["n_planned_seeds"]) == ("specialist: failed", 0, 1)
