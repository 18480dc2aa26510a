"""Logistic fit of one curve of accuracy over k, and what the data can and cannot tell of it."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offdiag.analyses.logistic import WIDTH, Fits, fit_logistic, logistic, shape, shape_4p, usable
from offdiag.errors import UserError, some
from offdiag.stats import FloatArray, wilson
from offdiag.stats.isotonic import bracket, half_crossing

MIN_POINTS = 4
MIN_POINTS_4P = 5
POOR_FIT = 0.5
SEEN_FLOOR = 0.01
SEEN_FALL = 0.1
FALLING = "accuracy does not rise with k"
BETTER = 2  # of Akaike's criterion; less is no reason to prefer a fit (Burnham and Anderson 2002, section 2.6)


@dataclass(frozen=True, kw_only=True)
class TransitionFit:
    """A logistic fitted to accuracy against k; whatever the data cannot tell is NaN and ``note`` says why.

    Attributes:
        plateau, slope, midpoint: L, alpha and k0 of ``L / (1 + exp(-alpha (k - k0)))``, least squares.
        width_10_90: demonstrations from 10 % to 90 % of the plateau, ln 81 / alpha.
        fwhm: full width at half maximum of the curve's derivative, 2 ln(3 + 2 sqrt 2) / alpha.
        fw2_3m: full width at two thirds of that maximum, 2 ln(2 + sqrt 3) / alpha; some call this one FWHM.
        k50: where the accuracy reaches one half: by the logistic, or, where none describes the curve, by the isotonic
            fit, the best curve that never falls (``k50_by``). NaN where only a bound is known, and where neither
            describes a curve that falls.
        k50_from, k50_to: the measured k between which one half is reached, where the data tell no more than that: 0 and
            the least k if it is reached there already, the largest k and infinity if it never is; NaN of a flat curve
            whose level may be one half itself (Wilson's 95 % interval).
        midpoint_from, midpoint_to: the neighbouring k between which the whole rise (10 % to 90 % of the plateau) lies:
            then the data tell these two, and not where between them the midpoint lies or how steep the rise is.
        r_squared: 1 - SS_res / SS_tot; NaN for a constant curve, where it has no meaning.
        saturated: the least accuracy is above half of the plateau (or of 1, where the plateau is an extrapolation
            beyond it), so the rise lies before the first k that was measured: then ``midpoint_upper`` bounds the
            midpoint, and slope, midpoint, width and k50 are NaN, as is a plateau beyond 1.
        midpoint_upper: the least k measured, if saturated.
        aic3, aic4: Akaike's criterion of the least-squares fits with three parameters and with a free floor.
        floor_4p, plateau_4p, slope_4p, midpoint_4p, width_10_90_4p, k50_4p, r_squared_4p: the fit with a free floor,
            ``A + B / (1 + exp(-alpha (k - k0)))``, for curves that do not start at 0; its plateau is A + B. NaN where
            that fit does not rise, or fewer than five k were measured. Compare ``aic4`` with ``aic3``.
        saturated_4p: no accuracy is below A + B / 2, or the midpoint is at its bound of 0, so that nothing shows where
            the floor is and when the rise began: then only the plateau of that fit is given.
        note: what a reader must know before using the numbers; empty if there is nothing.
    """

    plateau: float = math.nan
    slope: float = math.nan
    midpoint: float = math.nan
    width_10_90: float = math.nan
    fwhm: float = math.nan
    fw2_3m: float = math.nan
    k50: float = math.nan
    k50_by: str = ""
    k50_from: float = math.nan
    k50_to: float = math.nan
    midpoint_from: float = math.nan
    midpoint_to: float = math.nan
    r_squared: float = math.nan
    saturated: bool = False
    midpoint_upper: float = math.nan
    aic3: float = math.nan
    aic4: float = math.nan
    floor_4p: float = math.nan
    plateau_4p: float = math.nan
    slope_4p: float = math.nan
    midpoint_4p: float = math.nan
    width_10_90_4p: float = math.nan
    k50_4p: float = math.nan
    r_squared_4p: float = math.nan
    saturated_4p: bool = False
    note: str = ""

    @property
    def identified(self) -> bool:
        """Whether there is a curve to draw."""
        return math.isfinite(self.midpoint)

    @property
    def bracketed(self) -> bool:
        """Whether the midpoint is known to lie between two neighbouring k, and no better."""
        return math.isfinite(self.midpoint_from)

    def curve(self, k: ArrayLike) -> FloatArray:
        """Return the fitted accuracies at ``k``; NaN unless :attr:`identified`."""
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
        return TransitionFit(
            note=f"{some(x.size, 'value')} of k measured: a fit needs {MIN_POINTS}", **_isotonic_k50(x, y)
        )
    if _flat(y, n_items):
        level = float(y.mean())
        bound = _isotonic_k50(x, np.full_like(y, level)) if _apart_from_half(level, n_items) else {}
        if y.min() <= level / 2:
            return TransitionFit(note=f"flat at {level:.3g}: no transition", **bound)
        note = f"flat at {level:.3g}: no transition seen"
        return TransitionFit(plateau=level, saturated=True, midpoint_upper=float(x[0]), note=note, **bound)
    three, four = fit_logistic(x, y[None], floor=False), fit_logistic(x, y[None], floor=True)
    return _summary(x, y, three, four, _fall(x, y, n_items))


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
    """Return whether the accuracies differ no more than chance allows."""
    if np.ptp(y) == 0:
        return True
    if n_items is None:
        return False
    from scipy.special import chdtrc

    mean = y.mean()
    statistic = n_items * np.sum((y - mean) ** 2) / (mean * (1 - mean))
    return bool(chdtrc(y.size - 1, statistic) > 0.05)


def _apart_from_half(level: float, n_items: int | None) -> bool:
    """Return whether Wilson's 95 % interval of a flat level leaves out one half, so that its side of it is known."""
    if n_items is None:
        return True
    low, high = wilson(level * n_items, n_items)
    return not low <= 0.5 <= high


def _summary(x: FloatArray, y: FloatArray, three: Fits, four: Fits, fall: str) -> TransitionFit:
    numbers: dict[str, Any] = {name: float(value[0]) for name, value in shape(three.parameters).items()}
    r_squared, r_squared_4p = (float(1 - fit.residual[0] / np.sum((y - y.mean()) ** 2)) for fit in (three, four))
    saturated = bool(y.min() > min(numbers["plateau"], 1.0) / 2)
    fault = "" if saturated else _fault(x, three, r_squared)
    if saturated:
        numbers = {"plateau": numbers["plateau"]} if numbers["plateau"] <= 1 else {}
    elif fault:
        numbers = {}
    if not (saturated or fault or r_squared < POOR_FIT):
        numbers |= _logistic_k50(x, three)
    else:
        within = _midpoint_gap(x, three) if "midpoint" in numbers else {}
        numbers |= {"k50": math.nan} | ({} if fall else _isotonic_k50(x, y)) | within
    enough = y.size >= MIN_POINTS_4P
    with_floor = _with_floor(y, four, r_squared_4p) if enough and usable(four, x)[0] else {}
    about = fault or _note(x, three, r_squared, saturated=saturated)
    told_fall = "" if fault == FALLING else fall
    return TransitionFit(
        **numbers,
        r_squared=r_squared,
        saturated=saturated,
        midpoint_upper=float(x[0]) if saturated else math.nan,
        aic3=_aic(three, y.size, 3),
        aic4=_aic(four, y.size, 4) if enough else math.nan,
        **with_floor,
        note="; ".join(filter(None, [about, told_fall, _note_on_floor(y.size, three, four, with_floor)])),
    )


def _logistic_k50(x: FloatArray, fit: Fits) -> dict[str, Any]:
    """Return k50 of a logistic, and what is bracketed where its rise lies between two neighbouring k."""
    k50 = shape(fit.parameters)["k50"]
    known = bool(0 <= k50[0] < math.inf)
    found: dict[str, Any] = {"k50": float(k50[0]), "k50_by": "logistic"} if known else {"k50": math.nan}
    within = _midpoint_gap(x, fit)
    if within or not known:
        low, high = bracket(x, k50)
        found |= {"k50_from": float(low[0]), "k50_to": float(high[0])}
    return found | within


def _midpoint_gap(x: FloatArray, fit: Fits) -> dict[str, float]:
    """Return the neighbouring k between which the whole rise lies, if there are two."""
    rise = gap(x, fit.parameters)
    if not rise.bracketed[0]:
        return {}
    return {"midpoint_from": float(rise.low[0]), "midpoint_to": float(rise.high[0])}


def _isotonic_k50(x: FloatArray, y: FloatArray) -> dict[str, Any]:
    """Return k50 of the best curve that never falls, with the measured k on both sides of it."""
    k50 = half_crossing(x, y[None]) if x.size else np.array([math.nan])
    if math.isnan(k50[0]):
        return {}
    low, high = bracket(x, k50)
    found: dict[str, Any] = {"k50_from": float(low[0]), "k50_to": float(high[0])}
    return found | ({"k50": float(k50[0]), "k50_by": "isotonic"} if x[0] < k50[0] < math.inf else {})


class Gap(NamedTuple):
    """Of n fits: the neighbouring k around the midpoint, and whether the whole rise lies between them."""

    low: FloatArray
    high: FloatArray
    bracketed: NDArray[np.bool_]


def gap(k: FloatArray, parameters: FloatArray) -> Gap:
    """Return the gap of each of the fits ``[n, 4]``; one whose midpoint is beyond the largest k is not bracketed.

    A rise around a measured k is in no gap. What lies before the least k, where nothing is measured, counts as inside.
    """
    slope, midpoint = parameters[:, 2], parameters[:, 3]
    low, high = bracket(k, midpoint)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = WIDTH / slope / 2
        begins = (low <= k[0]) | (low <= midpoint - half)
        return Gap(low, high, np.isfinite(high) & begins & (midpoint + half <= high))


def _fall(x: FloatArray, y: FloatArray, n_items: int | None) -> str:
    """Return a note on the largest fall of the accuracy, if it is more than chance allows.

    With ``n_items`` a fall counts from z = 3 on, as of independent items, and conservatively of shared ones; without,
    from :data:`SEEN_FALL` on.
    """
    highest = np.maximum.accumulate(y)
    last = int(np.argmax(highest - y))
    first = int(np.argmax(y[: last + 1]))
    fall, mean = float(y[first] - y[last]), float(y[first] + y[last]) / 2
    allowed = SEEN_FALL if not n_items else 3 * math.sqrt(2 * mean * (1 - mean) / n_items)
    if fall <= allowed:
        return ""
    return f"not monotone: accuracy falls from {y[first]:.3g} at k = {x[first]:g} to {y[last]:.3g} at k = {x[last]:g}"


def _fault(x: FloatArray, fit: Fits, r_squared: float) -> str:
    """Return why a fit is refused, or nothing; a midpoint at its lower bound is not identified by the data."""
    if not fit.converged[0]:
        return "the fit did not converge"
    if not usable(fit, x)[0]:
        return FALLING
    if r_squared < 0 or fit.parameters[0, 3] <= 0:
        return "a curve that rises from 0 does not describe it"
    return ""


def _aic(fit: Fits, n: int, n_parameters: int) -> float:
    """Return the least-squares AIC; the variance is one more parameter, and a perfect fit counts as one to rounding."""
    return n * math.log(max(float(fit.residual[0]) / n, 1e-32)) + 2 * (n_parameters + 1)


def _with_floor(y: FloatArray, fit: Fits, r_squared: float) -> dict[str, Any]:
    """Return the fields of the four-parameter fit."""
    numbers = {name: float(value[0]) for name, value in shape_4p(fit.parameters).items()}
    half = (numbers["floor_4p"] + min(numbers["plateau_4p"], 1.0)) / 2
    if y.min() > half or numbers["midpoint_4p"] <= 0:
        known = {"plateau_4p": numbers["plateau_4p"]} if numbers["plateau_4p"] <= 1 else {}
        return {**known, "r_squared_4p": r_squared, "saturated_4p": True}
    if not 0 <= numbers["k50_4p"] < math.inf:
        numbers["k50_4p"] = math.nan
    return {**numbers, "r_squared_4p": r_squared}


def _note_on_floor(n: int, three: Fits, four: Fits, with_floor: dict[str, Any]) -> str:
    floor = with_floor.get("floor_4p", 0.0)
    if floor < SEEN_FLOOR or _aic(four, n, 4) > _aic(three, n, 3) - BETTER:
        return ""
    return f"a curve that rises from {floor:.2g} describes it better: see the fit with a floor (4p)"


def _note(x: FloatArray, fit: Fits, r_squared: float, *, saturated: bool) -> str:
    plateau, _, midpoint = map(float, fit.parameters[0, 1:])
    if saturated:
        text = f"saturated: above half of its plateau at k = {x[0]:g} already"
        return text if plateau <= 1 else f"{text}; a curve that rises from 0 does not describe it"
    notes = []
    if midpoint >= x[-1]:
        notes.append(f"the midpoint is beyond the largest k ({x[-1]:g})")
    rise = gap(x, fit.parameters)
    if rise.bracketed[0]:
        where = f"between k = {rise.low[0]:g} and {rise.high[0]:g}"
        notes.append(f"the rise falls {where}: that is all that is known of its midpoint, slope and width")
    if r_squared < POOR_FIT:
        notes.append("a logistic describes little of this curve")
    if plateau > 1 + 1e-6:
        notes.append("the curve has not levelled off: its plateau is an extrapolation")
    return "; ".join(notes)
