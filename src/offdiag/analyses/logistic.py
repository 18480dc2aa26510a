"""Logistic curves, their least-squares fit to many rows at once, and the numbers that describe them.

One model covers the three- and the four-parameter curve: ``floor + rise / (1 + exp(-slope (k - midpoint)))``. The
three-parameter curve is the one whose floor is held at 0 by its bounds.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.stats import FloatArray

NO_RISE = 1e-3
WIDTH = math.log(81)
FWHM = 2 * math.log(3 + 2 * math.sqrt(2))
FW_2_3M = 2 * math.log(2 + math.sqrt(3))
MAX_SLOPE = 100.0
MAX_ITERATIONS = 300
PERFECT = 1e-8  # sum of squared residuals: no accuracy of fewer than ten thousand items can tell it from nothing


class Fits(NamedTuple):
    """Least-squares fits of n rows.

    Attributes:
        parameters: ``[n, 4]``: floor, rise, slope, midpoint.
        residual: ``[n]``, sum of squared residuals.
        converged: ``[n]``.
    """

    parameters: FloatArray
    residual: FloatArray
    converged: NDArray[np.bool_]


def logistic(k: FloatArray, parameters: FloatArray) -> FloatArray:
    """Return values ``[..., K]`` at ``k`` ``[K]`` for parameters ``[..., 4]`` (floor, rise, slope, midpoint)."""
    floor, rise, _, _ = np.moveaxis(parameters[..., None], -2, 0)
    return np.asarray(floor + rise * _sigmoid(k, parameters))


def fit_logistic(k: FloatArray, rows: FloatArray, *, floor: bool, starts: FloatArray | None = None) -> Fits:
    """Fit by unweighted bounded least squares each of ``rows`` ``[n, K]`` at ``k`` ``[K]``.

    Bounds: floor in [0, max] (0 without ``floor``), rise in [0, 1.5 max], slope in [0, 100], midpoint in [0, max k],
    where max is the row's largest value. Every row is fitted from each start and the best fit is kept.

    Args:
        k: positions.
        rows: accuracies.
        floor: whether the floor is free (four parameters) or 0 (three).
        starts: ``[s, 4]`` starts for all rows, tried besides the default start; by default a small grid of slopes and
            midpoints.
    """
    top = rows.max(axis=1)
    lower = np.zeros((len(rows), 4))
    one = np.ones_like(top)
    upper = np.stack([top * floor, 1.5 * top, MAX_SLOPE * one, k.max() * one], axis=1)
    if starts is None:
        guesses = _grid_of_starts(k, rows)
    else:
        guesses = np.stack([_default_start(k, rows), *(np.broadcast_to(start, lower.shape) for start in starts)])
    n_starts = len(guesses)
    tiled = [np.tile(bound, (n_starts, 1)) for bound in (rows, lower, upper)]
    flat = np.clip(guesses.reshape(-1, 4), *tiled[1:])
    return _best(_levenberg_marquardt(k, tiled[0], flat, *tiled[1:]), n_starts)


def _sigmoid(k: FloatArray, parameters: FloatArray) -> FloatArray:
    z = parameters[..., 2, None] * (k - parameters[..., 3, None])
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))  # does not overflow


def _default_start(k: FloatArray, rows: FloatArray) -> FloatArray:
    """Return starts with rise = max, slope 1 and the midpoint at the accuracy nearest half of the maximum."""
    top = rows.max(axis=1)
    midpoint = k[np.argmin(np.abs(rows - top[:, None] / 2), axis=1)]
    return np.stack([0 * top, top, np.ones_like(top), midpoint], axis=1)


def _grid_of_starts(k: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the default start and slopes 0.3, 1, 4 at three midpoints: ``[10, n, 4]``."""
    default = _default_start(k, rows)
    starts = [default]
    for slope in (0.3, 1.0, 4.0):
        for midpoint in np.quantile(k, [0.1, 0.4, 0.7]):
            start = default.copy()
            start[:, 2:] = slope, midpoint
            starts.append(start)
    return np.stack(starts)


def _best(fits: Fits, n_starts: int) -> Fits:
    """Return the best fit of each row; ``fits`` holds all rows from the first start, then all from the next one."""
    parameters, residual, converged = (values.reshape(n_starts, -1, *values.shape[1:]) for values in fits)
    best, row = residual.argmin(axis=0), np.arange(residual.shape[1])
    return Fits(parameters[best, row], residual[best, row], converged[best, row])


def _levenberg_marquardt(k: FloatArray, y: FloatArray, p: FloatArray, lower: FloatArray, upper: FloatArray) -> Fits:
    """Fit by projected Levenberg-Marquardt with Marquardt's scaling, all rows in step; finished rows drop out."""
    p, damping = p.copy(), np.full(len(y), 1e-2)
    residual = np.sum((y - logistic(k, p)) ** 2, axis=1)
    open_rows = np.arange(len(y))
    for _ in range(MAX_ITERATIONS):
        r = open_rows
        step = _damped_step(k, y[r], p[r], lower[r], upper[r], damping[r])
        trial = np.clip(p[r] + step, lower[r], upper[r])
        cost = np.sum((y[r] - logistic(k, trial)) ** 2, axis=1)
        better = cost < residual[r]
        small = better & (residual[r] - cost <= 1e-8 * residual[r])
        p[r[better]], residual[r[better]] = trial[better], cost[better]
        damping[r] = np.where(better, np.maximum(damping[r] * 0.2, 1e-9), damping[r] * 5)
        stuck = damping[r] > 1e12  # not even a tiny step downhill lowers the residual: a minimum to rounding
        open_rows = r[~(small | stuck | (residual[r] < 1e-20))]
        if not open_rows.size:
            break
    converged = np.ones(len(y), np.bool_)
    # A curve that fits perfectly is better still with ever more slope, and never settles.
    converged[open_rows] = residual[open_rows] < PERFECT
    return Fits(p, residual, converged)


def _damped_step(
    k: FloatArray, y: FloatArray, p: FloatArray, lower: FloatArray, upper: FloatArray, damping: FloatArray
) -> FloatArray:
    """Return one step ``[n, 4]`` from ``p``; parameters that would leave their bounds stay where they are."""
    s, rise, slope = _sigmoid(k, p), p[:, 1, None], p[:, 2, None]
    bend = rise * s * (1 - s)
    jacobian = np.stack([np.ones_like(s), s, bend * (k - p[:, 3, None]), -bend * slope], axis=2)
    gradient = np.einsum("nkp,nk->np", jacobian, y - logistic(k, p))
    normal = np.einsum("nkp,nkq->npq", jacobian, jacobian)
    held = ((p <= lower) & (gradient <= 0)) | ((p >= upper) & (gradient >= 0))
    free = ~held
    gradient = np.where(held, 0.0, gradient)
    normal = normal * (free[:, :, None] & free[:, None, :])
    diagonal = np.einsum("npp->np", normal)
    normal[:, range(4), range(4)] += damping[:, None] * np.maximum(diagonal, 1e-12) + np.where(held, 1.0, 0.0)
    return np.asarray(np.linalg.solve(normal, gradient[..., None])[..., 0])


def shape(parameters: FloatArray) -> dict[str, FloatArray]:
    """Return the numbers ``[n]`` of three-parameter fits ``[n, 4]``; k50 is infinite if never reached."""
    slope = parameters[:, 2]
    with np.errstate(divide="ignore"):
        return {
            "plateau": parameters[:, 1],
            "slope": slope,
            "midpoint": parameters[:, 3],
            "width_10_90": WIDTH / slope,
            "fwhm": FWHM / slope,
            "fw2_3m": FW_2_3M / slope,
            "k50": _half_reached(parameters),
        }


def shape_4p(parameters: FloatArray) -> dict[str, FloatArray]:
    """Return those of :func:`shape` with a free floor; k50 is minus infinite if the floor is above one half."""
    floor, rise, slope, midpoint = parameters.T
    with np.errstate(divide="ignore"):
        return {
            "floor_4p": floor,
            "plateau_4p": floor + rise,
            "slope_4p": slope,
            "midpoint_4p": midpoint,
            "width_10_90_4p": WIDTH / slope,
            "k50_4p": _half_reached(parameters),
        }


def _half_reached(parameters: FloatArray) -> FloatArray:
    """Return where curves ``[n, 4]`` reach one half: ``k0 - ln(B / (1/2 - A) - 1) / alpha``."""
    floor, rise, slope, midpoint = parameters.T
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = midpoint - np.log(rise / (0.5 - floor) - 1) / slope
    return np.select([floor >= 0.5, floor + rise <= 0.5], [-np.inf, np.inf], reached)


def usable(fits: Fits, k: FloatArray) -> NDArray[np.bool_]:
    """Return which fits can be used: converged, and rising from the least to the largest ``k``."""
    ends = logistic(np.array([k.min(), k.max()]), fits.parameters)
    return np.asarray(fits.converged & (ends[:, 1] - ends[:, 0] > NO_RISE))
