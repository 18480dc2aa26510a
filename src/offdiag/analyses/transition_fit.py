"""The phase transition of one accuracy curve: how many demonstrations does it take?"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from offdiag.analyses.logistic import Fits, fit_logistic, logistic
from offdiag.errors import UserError
from offdiag.stats import FloatArray

MIN_POINTS = 4
NO_RISE = 1e-3
POOR_FIT = 0.5
WIDTH = math.log(81)
FWHM = 2 * math.log(3 + 2 * math.sqrt(2))


@dataclass(frozen=True, kw_only=True)
class TransitionFit:
    """A logistic fitted to accuracy against k; whatever the data cannot tell is NaN and ``note`` says why.

    Attributes:
        plateau, slope, midpoint: L, alpha and k0 of ``L / (1 + exp(-alpha (k - k0)))``, least squares.
        width_10_90: demonstrations from 10 % to 90 % of the plateau, ln 81 / alpha.
        fwhm: full width at half maximum of the curve's derivative, 2 ln(3 + 2 sqrt 2) / alpha.
        k50: where the fitted accuracy is one half; NaN if that is never, or before k = 0.
        r_squared: 1 - SS_res / SS_tot; NaN for a constant curve, where it has no meaning.
        saturated: the least accuracy is above half of the plateau (or of 1, where the plateau is an extrapolation
            beyond it), so the rise lies before the first k that was measured: then ``midpoint_upper`` bounds the
            midpoint, and slope, midpoint, width and k50 are NaN, as is a plateau beyond 1.
        midpoint_upper: the least k measured, if saturated.
        aic3, aic4: Akaike's criterion of the least-squares fits with three parameters and with a free floor.
        floor_4p, plateau_4p, midpoint_4p, width_10_90_4p: the fit with a free floor, for curves that do not start at
            0; its plateau is floor + rise. Compare ``aic4`` with ``aic3``.
        note: what a reader must know before using the numbers; empty if there is nothing.
    """

    plateau: float = math.nan
    slope: float = math.nan
    midpoint: float = math.nan
    width_10_90: float = math.nan
    fwhm: float = math.nan
    k50: float = math.nan
    r_squared: float = math.nan
    saturated: bool = False
    midpoint_upper: float = math.nan
    aic3: float = math.nan
    aic4: float = math.nan
    floor_4p: float = math.nan
    plateau_4p: float = math.nan
    midpoint_4p: float = math.nan
    width_10_90_4p: float = math.nan
    note: str = ""

    @property
    def identified(self) -> bool:
        """Whether there is a curve to draw."""
        return math.isfinite(self.midpoint)

    def curve(self, k: ArrayLike) -> FloatArray:
        """The fitted accuracies at ``k``; NaN unless :attr:`identified`."""
        return logistic(np.asarray(k, np.float64), np.array([0.0, self.plateau, self.slope, self.midpoint]))


def fit_transition(k: ArrayLike, accuracy: ArrayLike, n_items: int | None = None) -> TransitionFit:
    """Fit the transition; give the measured zero-shot accuracy as k = 0.

    Args:
        k: numbers of demonstrations, each once.
        accuracy: accuracies from 0 to 1, as many.
        n_items: items behind each accuracy. With it, a curve whose accuracies differ no more than chance allows
            (chi-square test of homogeneity at 5 %, conservative for shared items) counts as flat.

    Raises:
        UserError: the lengths differ, a k comes twice or is negative, an accuracy is missing or not in [0, 1].
    """
    x, y = _checked(k, accuracy)
    if x.size < MIN_POINTS:
        return TransitionFit(note=f"{x.size} values of k measured: a fit needs {MIN_POINTS}")
    if _flat(y, n_items):
        level = float(y.mean())
        if y.min() <= level / 2:
            return TransitionFit(note=f"flat at {level:.3g}: no transition")
        return TransitionFit(
            plateau=level, saturated=True, midpoint_upper=float(x[0]), note=f"flat at {level:.3g}: no transition seen"
        )
    three, four = fit_logistic(x, y[None], floor=False), fit_logistic(x, y[None], floor=True)
    return _summary(x, y, three, four)


def derived(parameters: FloatArray) -> dict[str, FloatArray]:
    """Plateau, slope, midpoint, widths and k50 of three-parameter fits ``[n, 4]``; k50 is infinite if never reached."""
    plateau, slope, midpoint = parameters[:, 1], parameters[:, 2], parameters[:, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = midpoint - np.log(2 * plateau - 1) / slope
        return {
            "plateau": plateau,
            "slope": slope,
            "midpoint": midpoint,
            "width_10_90": WIDTH / slope,
            "fwhm": FWHM / slope,
            "k50": np.where(plateau > 0.5, reached, np.inf),
        }


def usable(fits: Fits, k: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which fits mean something: converged, and rising from the least to the largest ``k``."""
    ends = logistic(np.array([k.min(), k.max()]), fits.parameters)
    return np.asarray(fits.converged & (ends[:, 1] - ends[:, 0] > NO_RISE))


def _checked(k: ArrayLike, accuracy: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = np.asarray(k, np.float64), np.asarray(accuracy, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise UserError(f"{x.size} values of k and {y.size} accuracies: expected one accuracy for each k")
    if not (np.all(np.isfinite(x)) and np.all(x >= 0) and np.unique(x).size == x.size):
        raise UserError(f"k = {x.tolist()}: expected each number of demonstrations once, none negative")
    if not np.all((y >= 0) & (y <= 1)):
        raise UserError(f"accuracies {y.tolist()}: expected numbers from 0 to 1; leave out what was not measured")
    order = np.argsort(x)
    return x[order], y[order]


def _flat(y: FloatArray, n_items: int | None) -> bool:
    if np.ptp(y) == 0:
        return True
    if n_items is None:
        return False
    from scipy.special import chdtrc

    mean = y.mean()
    statistic = n_items * np.sum((y - mean) ** 2) / (mean * (1 - mean))
    return bool(chdtrc(y.size - 1, statistic) > 0.05)


def _summary(x: FloatArray, y: FloatArray, three: Fits, four: Fits) -> TransitionFit:
    numbers = {name: float(value[0]) for name, value in derived(three.parameters).items()}
    saturated = bool(y.min() > min(numbers["plateau"], 1.0) / 2)
    known = bool(usable(three, x)[0]) and not saturated
    if saturated:
        numbers = {"plateau": numbers["plateau"]} if numbers["plateau"] <= 1 else {}
    elif not 0 <= numbers["k50"] < math.inf:
        numbers["k50"] = math.nan
    if not (known or saturated):
        return TransitionFit(note="accuracy does not rise with k" if three.converged[0] else "the fit did not converge")
    r_squared = float(1 - three.residual[0] / np.sum((y - y.mean()) ** 2))
    return TransitionFit(
        **numbers,
        r_squared=r_squared,
        saturated=saturated,
        midpoint_upper=float(x[0]) if saturated else math.nan,
        aic3=_aic(three, y.size, 3),
        aic4=_aic(four, y.size, 4),
        **(_with_floor(four) if usable(four, x)[0] else {}),
        note=_note(x, three, r_squared, saturated=saturated),
    )


def _aic(fit: Fits, n: int, n_parameters: int) -> float:
    """Least-squares AIC; the variance is one more parameter. A perfect fit counts as one to rounding."""
    return n * math.log(max(float(fit.residual[0]) / n, 1e-32)) + 2 * (n_parameters + 1)


def _with_floor(fit: Fits) -> dict[str, float]:
    floor, rise, slope, midpoint = map(float, fit.parameters[0])
    return {
        "floor_4p": floor,
        "plateau_4p": floor + rise,
        "midpoint_4p": midpoint,
        "width_10_90_4p": WIDTH / slope,
    }


def _note(x: FloatArray, fit: Fits, r_squared: float, *, saturated: bool) -> str:
    plateau, slope, midpoint = map(float, fit.parameters[0, 1:])
    if saturated:
        text = f"saturated: above half of its plateau at k = {x[0]:g} already"
        return text if plateau <= 1 else f"{text}; a curve that rises from 0 does not describe it"
    notes = []
    if midpoint >= x[-1]:
        notes.append(f"the midpoint is beyond the largest k ({x[-1]:g})")
    below, above = x[x <= midpoint].max(initial=x[0]), x[x > midpoint].min(initial=x[-1])
    if WIDTH / slope < above - below:
        notes.append(f"the rise falls between k = {below:g} and {above:g}: slope and width are poorly known")
    if r_squared < POOR_FIT:
        notes.append("a logistic describes little of this curve")
    if plateau > 1:
        notes.append("the curve has not levelled off: its plateau is an extrapolation")
    return "; ".join(notes)
