"""Numbers that describe fitted logistics: plateau, slope, midpoint, widths, and where they reach one half."""

import math

import numpy as np
from numpy.typing import NDArray

from offdiag.analyses.logistic import Fits, logistic
from offdiag.stats import FloatArray

NO_RISE = 1e-3
WIDTH = math.log(81)
FWHM = 2 * math.log(3 + 2 * math.sqrt(2))
FW_2_3M = 2 * math.log(2 + math.sqrt(3))


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
