from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.studies.world_map.analyses.alignment_transfer import AlignmentTransfer, fit_line, mantel_p_value
from support.city_frames import alignment_pairs
from support.city_study import improved

NAMES = ("distance", "angle", "compass", "inside", "crossing")
TABLE = AlignmentTransfer(name="alignment")


def frames(improvement, alignment=None, layers=(2,), names=NAMES):
    """Every specialist's ``improvement(taught, evaluated)`` and every ``alignment(train, other)``."""
    wanted = {("base", 1, one): {other: improvement(one, other) for other in names} for one in names}
    found = improved(wanted, n=200).frames()
    measured = alignment_pairs(names, layers=layers, value=alignment).measurements
    return Frames(cells=found.cells, records=found.records, measurements=measured)


def points(values):
    rows = [{"layer": 2, "train": a, "other": b, "alignment": x, "improvement": y} for (a, b), (x, y) in values.items()]
    return pd.DataFrame(rows)


def some_points(names="abcd", seed=0):
    generator = np.random.default_rng(seed)
    alignment = {frozenset(pair): generator.random() for pair in permutations(names, 2)}
    return points({pair: (alignment[frozenset(pair)], generator.random()) for pair in permutations(names, 2)})


def test_pairs_that_share_a_map_and_teach_each_other():
    def near(one, other):
        return round(0.2 + 0.1 * abs(NAMES.index(one) - NAMES.index(other)), 2)

    table = TABLE.table(frames(near, near, layers=(1, 2)))
    assert table["layer"].tolist() == [1, 2]
    assert (table["n_pairs"] == 12).all()  # four geometries without crossing, in both directions
    assert (table["r"] > 0.9).all()
    assert (table["r_high"] <= 1).all()
    assert (table["p_value"] <= 2 / 24).all()  # the order itself and its reverse


def test_the_numbers_of_the_points():
    def improvement(one, other):
        return 0.5 if one == "angle" else 0.25

    found = TABLE.points(frames(improvement))
    assert set(found["train"]) == {"distance", "angle", "compass", "inside"}
    assert found.loc[found["train"] == "angle", "improvement"].tolist() == pytest.approx([0.5] * 3)
    with_crossing = AlignmentTransfer(name="alignment", without=()).points(frames(improvement))
    assert len(with_crossing) == 20


def test_the_line_and_r_are_those_of_least_squares():
    found = some_points()
    fit = fit_line(found)
    slope, intercept = np.polyfit(found["alignment"], found["improvement"], 1)
    assert (fit.slope.value, fit.intercept) == pytest.approx((slope, intercept))
    assert fit.r.value == pytest.approx(np.corrcoef(found["alignment"], found["improvement"])[0, 1])


def test_the_interval_leaves_out_one_geometry_at_a_time():
    found = some_points()
    left = []
    for name in "abcd":
        rest = found[(found["train"] != name) & (found["other"] != name)]
        left.append(np.polyfit(rest["alignment"], rest["improvement"], 1)[0])
    half = 3.1824 * np.sqrt(3 / 4 * np.sum((left - np.mean(left)) ** 2))  # t with 3 degrees of freedom
    fit = fit_line(found)
    assert fit.slope.high - fit.slope.value == pytest.approx(half, rel=1e-4)


def test_p_counts_orders_of_the_geometries():
    found = some_points(seed=3)
    alignment = {(a, b): x for a, b, x in zip(found["train"], found["other"], found["alignment"], strict=True)}
    pairs = list(zip(found["train"], found["other"], strict=True))

    def correlation(order):
        new = dict(zip("abcd", order, strict=True))
        return np.corrcoef([alignment[new[a], new[b]] for a, b in pairs], found["improvement"])[0, 1]

    every = [abs(correlation(order)) for order in permutations("abcd")]
    assert mantel_p_value(found) == pytest.approx(np.mean([value >= every[0] - 1e-9 for value in every]))
    assert np.isnan(mantel_p_value(found.iloc[1:]))  # a pair is missing


def test_too_few_or_flat_points_give_no_fit():
    assert np.isnan(fit_line(some_points("abc")).r.value)
    flat = some_points().assign(improvement=0.5)
    assert np.isnan(fit_line(flat).r.value)


def test_what_is_not_done_is_no_point():
    def improvement(one, other):
        return "failed" if one == "angle" else 0.5

    table = TABLE.points(frames(improvement))
    assert "angle" not in set(table["train"])


def test_nothing_gives_an_empty_table():
    empty = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements=alignment_pairs(NAMES).measurements)
    assert TABLE.table(empty).empty
