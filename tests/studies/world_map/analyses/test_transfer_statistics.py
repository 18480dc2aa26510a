"""The statistics of a study against the recorded ones of Park (2026, arXiv 2602.00533)."""

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.stats import crossed_mean
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics
from offdiag.studies.world_map.analyses.transfer_to_untrained import TransferToUntrained
from offdiag.studies.world_map.task import NAMES
from support.city_study import improved
from support.recorded import RECORDED_TRANSFER

RECORDED = pd.read_csv(RECORDED_TRANSFER)


def wanted(model, source, seeds=None):
    """The recorded improvements of a source, as (model, seed, trained) -> geometry -> improvement."""
    rows = RECORDED[RECORDED["source"] == source]
    found = {}
    for row in rows.itertuples():
        seed = 0 if np.isnan(row.seed) else int(row.seed)
        if seeds is None or seed in seeds:
            found.setdefault((model, seed, row.trained), {})[row.evaluated] = row.value
    return found


def statistics(found, **settings):
    table = TransferStatistics(name="statistics", **settings).table(improved(found, n=200).frames())
    return table.set_index(["model", "matrix", "rows", "cells"])


def mean_and_std(table, *row):
    return table.loc[row, ["mean", "std"]].tolist()


def test_the_recorded_statistics_of_the_wide_model():
    table = statistics(wanted("wide", "wide"))
    near = {"abs": 0.002}
    assert mean_and_std(table, "wide", "single", "all", "trained") == pytest.approx([0.803, 0.146], **near)
    assert mean_and_std(table, "wide", "single", "all", "transfer") == pytest.approx([0.491, 0.267], **near)
    assert mean_and_std(table, "wide", "pair", "all", "trained") == pytest.approx([0.856, 0.186], **near)
    assert mean_and_std(table, "wide", "pair", "all", "transfer") == pytest.approx([0.496, 0.274], **near)
    assert mean_and_std(table, "wide", "difference", "all", "trained") == pytest.approx([0.042, 0.186], **near)
    assert mean_and_std(table, "wide", "difference", "all", "transfer") == pytest.approx([-0.056, 0.219], **near)
    assert table.loc[("wide", "difference", "all", "overall"), "mean"] == pytest.approx(-0.028, **near)
    assert table.loc[("wide", "difference", "with", "overall"), "mean"] == pytest.approx(-0.20, abs=0.005)
    assert table.loc[("wide", "difference", "without", "overall"), "mean"] == pytest.approx(0.14, abs=0.005)
    assert (table["n_seeds"] == 1).all()
    known = table["mean_low"].dropna()  # one seed says nothing of other seeds, but its rows of other rows
    assert set(known.index.get_level_values("cells")) == {"gap"}


def test_the_recorded_statistics_over_four_seeds_and_two_widths_at_once():
    table = statistics(wanted("base", "base") | wanted("wide", "wide"))
    assert mean_and_std(table, "base", "single", "all", "trained") == pytest.approx([0.838, 0.136], abs=0.002)
    assert mean_and_std(table, "base", "single", "all", "transfer") == pytest.approx([0.474, 0.292], abs=0.002)
    assert mean_and_std(table, "wide", "single", "all", "trained") == pytest.approx([0.803, 0.146], abs=0.002)
    trained = table.loc[("base", "single", "all", "trained")]
    assert trained["n_seeds"] == 4
    half = 3.1824 * np.std([0.8014, 0.8529, 0.8929, 0.8014], ddof=1) / 2  # t with 3 degrees of freedom
    assert trained["mean_high"] - trained["mean"] == pytest.approx(half, abs=0.001)
    assert ("base", "pair", "all", "trained") not in table.index  # none is planned


def test_the_recorded_statistics_of_all_pairs():
    table = statistics(wanted("base", "base-mean"))
    assert mean_and_std(table, "base", "pair", "all", "trained") == pytest.approx([0.897, 0.142], abs=0.002)
    assert mean_and_std(table, "base", "pair", "all", "transfer") == pytest.approx([0.601, 0.278], abs=0.002)
    assert table.loc[("base", "pair", "with", "transfer"), "mean"] == pytest.approx(0.319, abs=0.002)
    assert table.loc[("base", "pair", "without", "transfer"), "mean"] == pytest.approx(0.715, abs=0.002)
    assert table.loc[("base", "difference", "with", "overall"), "mean"] == pytest.approx(-0.185, abs=0.005)
    assert table.loc[("base", "difference", "without", "overall"), "mean"] == pytest.approx(0.077, abs=0.005)


def test_clipping_can_be_left_out():
    found = {("base", 1, "distance"): {"distance": 2.0, "angle": -0.4}}
    clipped, whole = statistics(found), statistics(found, clipped=False)
    assert clipped.loc[("base", "single", "all"), "mean"].tolist() == pytest.approx([1.5, 0.0, 0.75, 1.5])
    assert whole.loc[("base", "single", "all"), "mean"].tolist() == pytest.approx([2.0, -0.4, 0.8, 2.4])


def test_missing_and_failed_cells_are_counted():
    found = wanted("base", "wide", {42})
    found["base", 42, "distance"] |= {"angle": "failed", "compass": "missing"}
    table = statistics(found)
    single = table.loc[("base", "single", "all", "transfer")]
    assert (single["n_cells"], single["n_missing"]) == (40, 2)
    difference = table.loc[("base", "difference", "with", "transfer")]
    assert (difference["n_cells"], difference["n_missing"]) == (10, 5)  # compass is trained in one of the three pairs


def test_a_seed_that_has_not_run_hides_nothing():
    found = wanted("base", "base")
    for (_, seed, _), row in found.items():
        if seed == 3:
            row.update(dict.fromkeys(NAMES, "missing"))
    trained = statistics(found).loc[("base", "single", "all", "trained")]
    assert (trained["n_seeds"], trained["n_missing"]) == (3, 0)
    assert trained["mean_low"] < trained["mean"] < trained["mean_high"]


def test_more_than_three_geometries_are_left_out():
    four = "distance+angle+compass+inside"
    table = statistics({("base", 1, "distance"): {"distance": 1.0}, ("base", 1, four): {"distance": 0.1}})
    assert set(table.index.get_level_values("matrix")) == {"single"}


def test_triples_have_rows_of_their_own():
    found = {("base", 1, name): {"distance": value, "angle": 0.2} for name, value in
             (("distance", 1.0), ("angle", 0.3), ("compass", 0.4), ("distance+angle+compass", 0.8))}  # fmt: skip
    table = statistics(found)["mean"]
    assert table["base", "triple", "all", "trained"] == pytest.approx(0.5)
    assert table["base", "triple-difference", "with", "overall"] == pytest.approx((-0.2 + 0.0) / 2)


def test_squares_without_a_scale_are_counted_and_in_no_mean():
    study = improved({("base", 1, "distance"): {"distance": 0.5, "compass": 0.9}})
    study.add("base", 2, None, "inside", "atlantis", [True] * 30 + [False] * 10)
    study.add("base", 2, None, "inside", "real", [True] * 31 + [False] * 9)
    study.add("base", 2, "distance", "inside", "atlantis", [True] * 40)
    row = TransferStatistics(name="s").table(study.frames()).set_index("cells").loc["overall"]
    assert (row["n_cells"], row["n_undefined"], row["n_missing"]) == (2, 1, 0)
    assert row["mean"] == pytest.approx(0.7)


def test_medians_instead_of_means():
    study = improved({("base", 1, "distance"): {}})
    study.add("base", 1, "distance", "distance", "atlantis", [100.0, 100.0, 2800.0])
    for centre, mean in (("mean", 0.0), ("median", 1.0)):
        table = TransferStatistics(name="s", centre=centre).table(study.frames())
        assert table["mean"].iloc[0] == pytest.approx(mean)


def test_nothing_gives_an_empty_table():
    assert TransferStatistics(name="s").table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty


def test_what_is_handed_on_is_the_mean_of_the_squares_that_were_not_taught():
    found = wanted("base", "base", seeds=(42, 1))
    table = TransferToUntrained(name="handed-on").table(improved(found, n=200).frames()).set_index("trained")
    others = [name for name in NAMES if name != "distance"]
    values = [[found["base", seed, "distance"][name] for name in others] for seed in (42, 1)]
    expected, of = crossed_mean(values), table.loc["distance"]
    assert [of["mean"], of["low"], of["high"]] == pytest.approx(
        [expected.value, expected.low, expected.high], abs=0.005
    )
    assert (of["n_asked"], of["n_seeds"]) == (6, 2)
    assert table["mean"].idxmin() == "distance"
