import numpy as np
import pytest
from scipy.optimize import least_squares

from offdiag.analyses.logistic import fit_logistic, logistic
from offdiag.seeds import stream

K = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16.0])


def test_published_vector():
    values = logistic(K[1:], np.array([0, 0.924, 1.5, 1.83]))
    expected = [0.2066, 0.5206, 0.7878, 0.8897, 0.9161, 0.9222, 0.9239, 0.9240, 0.9240, 0.9240]
    assert values == pytest.approx(expected, abs=5e-5)


def test_extreme_slopes_do_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        assert logistic(K, np.array([0, 1, 1e4, 2.5])).tolist() == [0] * 3 + [1] * 8


@pytest.mark.parametrize("floor", [False, True])
@pytest.mark.parametrize("truth", [(0, 0.92, 1.5, 1.83), (0.1, 0.8, 1, 2.91), (0, 0.9, 0.3, 8), (0, 0.95, 4, 0.28)])
def test_no_worse_than_scipy(truth, floor):
    rows = stream(0, "curves", str(truth)).binomial(250, logistic(K, np.array(truth)), (6, K.size)) / 250
    found = fit_logistic(K, rows, floor=floor)
    for row, residual in zip(rows, found.residual, strict=True):
        assert residual <= _scipy(row, floor=floor) + 1e-7


@pytest.mark.parametrize("floor", [False, True])
def test_a_warm_start_finds_the_same_minimum(floor):
    truth = np.array([0.0, 0.9, 1, 3])
    rows = stream(0, "warm").binomial(250, logistic(K, truth), (200, K.size)) / 250
    cold, warm = fit_logistic(K, rows, floor=floor), fit_logistic(K, rows, floor=floor, starts=truth[None])
    assert warm.converged.all()
    assert warm.residual == pytest.approx(cold.residual, abs=1e-7)
    assert warm.parameters == pytest.approx(cold.parameters, abs=1e-2)


def test_parameters_stay_within_their_bounds():
    rows = stream(0, "noise").random((300, K.size))
    found = fit_logistic(K, rows, floor=True, starts=np.array([[0.0, 0.5, 1, 3]]))
    top = rows.max(axis=1)
    ceilings = np.stack([top, 1.5 * top, np.full(300, 100), np.full(300, 16)], axis=1)
    assert (found.parameters >= 0).all()
    assert (found.parameters <= ceilings).all()
    assert fit_logistic(K, rows, floor=False).parameters[:, 0].tolist() == [0] * 300


def test_rows_do_not_depend_on_one_another():
    rows = stream(0, "rows").binomial(100, logistic(K, np.array([0, 0.9, 1, 3])), (20, K.size)) / 100
    together = fit_logistic(K, rows, floor=False)
    alone = fit_logistic(K, rows[7:8], floor=False)
    assert alone.parameters[0] == pytest.approx(together.parameters[7], abs=1e-12)


def _scipy(row, *, floor):
    top = row.max()
    low, high = np.zeros(4), np.array([top if floor else 1e-12, 1.5 * top, 100, K.max()])
    starts = [(0, top, slope, middle) for slope in (0.3, 1, 4) for middle in (0.5, 2, 5, 10)]
    fits = [least_squares(lambda p: logistic(K, p) - row, start, bounds=(low, high)) for start in starts]
    return min(2 * fit.cost for fit in fits)
