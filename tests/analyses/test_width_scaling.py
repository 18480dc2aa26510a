import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import WidthScalingOfTable, fit_width_scaling, read_table, scaling_table, transition
from offdiag.analyses.logistic import logistic
from offdiag.errors import UserError
from offdiag.seeds import stream

N = np.array([100, 400, 1600.0])


def test_exact_widths_are_recovered():
    fit = fit_width_scaling(N, 12 / np.sqrt(N))
    assert fit.amplitude == pytest.approx(12)
    assert (fit.low, fit.high) == pytest.approx((12, 12))
    assert fit.r_squared == pytest.approx(1)
    assert not fit.weighted


def test_unweighted_closed_form():
    widths = np.array([1.5, 0.4, 0.35])
    expected = np.sum(widths / np.sqrt(N)) / np.sum(1 / N)
    assert fit_width_scaling(N, widths).amplitude == pytest.approx(expected)
    assert fit_width_scaling(N, widths, [0, 0, 0]).amplitude == pytest.approx(expected)


def test_errors_weigh():
    widths, errors = np.array([1.5, 0.4, 0.35]), np.array([0.1, 0.2, 0.05])
    fit = fit_width_scaling(N, widths, errors)
    weights = 1 / errors**2
    assert fit.amplitude == pytest.approx(np.sum(weights * widths / np.sqrt(N)) / np.sum(weights / N))
    assert fit.weighted


def test_a_zero_error_does_not_weigh_infinitely():
    widths = np.array([1.5, 0.4, 0.35])
    found = fit_width_scaling(N, widths, [0.1, 0.0, 0.05])
    assert found == fit_width_scaling(N, widths, [0.1, 0.1, 0.05])
    assert math.isfinite(found.high)


def test_one_width_alone():
    assert fit_width_scaling([4], [3], [0.5])[:3] == pytest.approx((6, 6 - 1.96, 6 + 1.96), abs=1e-3)
    alone = fit_width_scaling([4], [3])
    assert alone.amplitude == 6
    assert math.isnan(alone.low)
    assert math.isnan(fit_width_scaling([], []).amplitude)


@pytest.mark.parametrize("weighted", [True, False])
def test_the_interval_covers_the_truth(weighted):
    noise = stream(0, "widths").normal(0, 0.05, (800, N.size))
    fits = [fit_width_scaling(N, 12 / np.sqrt(N) + row, [0.05] * 3 if weighted else None) for row in noise]
    assert 0.93 <= np.mean([fit.low <= 12 <= fit.high for fit in fits]) <= 0.985


def test_errors_that_are_too_small_for_the_scatter_widen_the_interval():
    widths = 12 / np.sqrt(N) + [0.2, -0.2, 0.1]
    honest, bold = (fit_width_scaling(N, widths, [error] * 3) for error in (0.2, 0.001))
    assert bold.high - bold.low > 0.5 * (honest.high - honest.low)


@pytest.mark.parametrize(
    ("sizes", "widths", "errors", "message"),
    [
        ([1, 2], [1], None, "as many of each"),
        ([0, 2], [1, 1], None, "above 0"),
        ([1, 2], [1, math.nan], None, "leave out fits that failed"),
        ([1, 2], [1, 1], [-1, 1], "not negative"),
    ],
)
def test_bad_input_is_named(sizes, widths, errors, message):
    with pytest.raises(UserError, match=message):
        fit_width_scaling(sizes, widths, errors)


def transitions():
    table = pd.DataFrame({"size": [400, 100, 900.0], "width_10_90": [0.6, 1.2, math.nan], "n_items": 250, "note": ""})
    return table.assign(width_10_90_low=[0.5, 1.0, math.nan], width_10_90_high=[0.7, 1.4, math.nan])


def test_a_fit_that_failed_is_dropped_with_its_size():
    found = scaling_table(transitions())
    assert found["size"].tolist() == [100, 400, 900]
    assert found["used"].tolist() == [True, True, False]
    assert found["note"].tolist() == ["", "", "dropped: it has no width"]
    assert found["amplitude"].tolist() == pytest.approx([12] * 3)
    assert found["error"].tolist()[:2] == pytest.approx([0.2 / 1.96, 0.1 / 1.96], abs=1e-4)
    assert found["fitted"].tolist() == pytest.approx([1.2, 0.6, 0.4])
    assert found["n_sizes"].tolist() == [2, 2, 2]


def test_a_width_without_a_bound_is_dropped():
    unbounded = transitions().assign(width_10_90_high=[math.inf, 1.4, math.nan])
    found = scaling_table(unbounded)
    assert found["used"].tolist() == [True, False, False]
    assert "not bounded" in found["note"][1]


def records(sizes, n=200):
    rows = []
    for size in sizes:
        parameters = np.array([0.0, 0.95, math.log(81) / (20 / math.sqrt(size)), 4])
        for k in range(11):
            share = logistic(np.array([float(k)]), parameters)[0]
            verdicts = stream(0, "answers", size, k).random(n) < share
            rows += [(size, k, f"e{i}", bool(v), f"c{size}-{k}") for i, v in enumerate(verdicts)]
    return pd.DataFrame(rows, columns=["n_train", "k", "example", "correct", "cell"])


def test_of_transitions():
    found = scaling_table(transition(records([16, 64, 144]), "n_train", n_resamples=200), "n_train")
    assert found["n_train"].tolist() == [16, 64, 144]
    assert found["used"].all()
    assert found["weighted"].all()
    assert found["amplitude_low"][0] < 20 < found["amplitude_high"][0]


def test_of_a_table():
    shares = records([16, 64]).groupby(["n_train", "k"])["correct"].mean().reset_index()
    lines = [f"{row.n_train},{row.k},{row.correct}" for row in shares.itertuples()]
    table = read_table("\n".join(["size,k,accuracy", *lines]))
    unweighted = WidthScalingOfTable(counted="parameters").analyse(table)
    assert not unweighted["weighted"].any()
    assert unweighted["amplitude"][0] == pytest.approx(20, rel=0.2)
    assert WidthScalingOfTable(n=200, resamples=100).analyse(table)["weighted"].all()
    with pytest.raises(UserError, match="line 2: size is '-1', expected a number of at least 0"):
        WidthScalingOfTable().analyse(read_table("size,k,accuracy\n-1,1,0.5\n"))
