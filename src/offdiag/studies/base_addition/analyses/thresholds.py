"""Tables of k-shot thresholds against the base's share of the training, for models and the ideal observer."""

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.transition_fit import fit_transition
from offdiag.stats import UNKNOWN, Estimate, FloatArray, replicate_ends
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.stats.isotonic import half_crossing
from offdiag.studies.base_addition.analyses.episode_curves import (
    EpisodeCurve,
    Replicates,
    Side,
    read_curves,
    threshold,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

SIDES: tuple[Side, Side] = ("model", "ideal")


class Thresholds(StudyAnalysis):
    """k50 of the models and of the ideal observer with their intervals, one row per base and share.

    k50 is where the isotonic fit to the accuracy over k, averaged over seeds, reaches one half
    (:func:`half_crossing`): it needs no shape, and noise makes no second crossing. Where the
    accuracy is at one half without a demonstration, ``k50`` is empty and ``k50_at_most`` is 0; where it never gets
    there, ``k50_above`` is the largest k. ``logistic_k50`` is that of the fitted logistic, as a check. ``excess`` is
    k50 minus the ideal observer's. Intervals: measured k between which the curve reaches one half, over sequences and
    seeds, in at least 95 % of samples whatever the curve's shape (:func:`half_bracket`); of the excess the two brackets
    at 97.5 %. An infinite end means: not bounded by these data.

    Attributes:
        n_resamples, seed: of the bootstrap of curves and slopes.
    """

    tag: ClassVar[str] = "thresholds"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("base", "share", "k50", "k50_low", "k50_high", "k50_at_most", "k50_above"),
        *("ideal_k50", "ideal_k50_low", "ideal_k50_high"),
    )
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per base and share, also where nothing is trained yet; ``note`` says so."""
        import pandas as pd

        curves = read_curves(frames, n_resamples=self.n_resamples, seed=self.seed)
        return pd.DataFrame([_row(curve) for curve in curves])


class ThresholdSlopes(StudyAnalysis):
    """The slope of k50 against ``-ln(share)``, one row each for the models, the ideal observer and their difference.

    ``slope`` is demonstrations per nat of prior odds, least squares over bases and shares with an intercept for each
    base where a base has several shares (so that the bases' own difficulty does not enter), else over all of them;
    ``note`` says which. Its inverse, ``nats_per_demonstration``, is the evidence that a demonstration is worth.
    Thresholds that are bounds only are left out; the difference is over what both have. Intervals: 95 %, resampling the
    sequences (the same for model and ideal observer) and the seeds.

    Attributes:
        n_resamples, seed: of the bootstrap.
    """

    tag: ClassVar[str] = "threshold-slopes"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "observer",
        "slope",
        "slope_low",
        "slope_high",
        "n_thresholds",
        "n_bounds",
    )
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return the three rows: ``model``, ``ideal`` and ``model - ideal``."""
        import pandas as pd

        curves = [c for c in read_curves(frames, n_resamples=self.n_resamples, seed=self.seed) if c.done]
        return pd.DataFrame([slope_row(who, curves) for who in ("model", "ideal", "model - ideal")])


class ThresholdLine(NamedTuple):
    """A line through thresholds: ``intercepts[base] + slope * anchoring``; one intercept for all bases if pooled."""

    slope: float
    intercepts: dict[int, float]
    pooled: bool


def slope_row(who: str, curves: list[EpisodeCurve]) -> dict[str, Any]:
    """Return a row of :class:`ThresholdSlopes`; numbers are NaN where fewer than two shares have a threshold."""
    sides = tuple(side for side in SIDES if side in who)
    used = [curve for curve in curves if all(_known(curve, _side(curve, side)) for side in sides)]
    row: dict[str, Any] = {"observer": who, "slope": math.nan, "slope_low": math.nan, "slope_high": math.nan,
           "nats_per_demonstration": math.nan, "nats_low": math.nan, "nats_high": math.nan, "r_squared": math.nan,
           "n_thresholds": len(used), "n_bounds": len(curves) - len(used),
           "n_seeds": min((len(curve.correct) for curve in used), default=0), "note": ""}  # fmt: skip
    if len({curve.share for curve in used}) < 2:
        return row | {"note": f"{len(used)} thresholds are known: a slope needs two shares"}
    centre, pooled = _centring(used)
    point, resampled, by_seed = (
        _combined([_slopes(used, side, at, centre) for side in sides]) for at in ("curve", "resampled", "by_seed")
    )
    low, high = replicate_ends(float(point[0]), resampled, by_seed)
    row |= {"slope": float(point[0]), "slope_low": low, "slope_high": high}
    if len(sides) == 1:
        fit = _r_squared(used, sides[0], centre)
        nats = {"nats_per_demonstration": 1 / row["slope"]}
        if low > 0:
            nats |= {"nats_low": 1 / high, "nats_high": 1 / low}
        row |= nats | {"r_squared": fit}
    return row | {"note": "share and base vary together: one line for all bases" if pooled else ""}


def threshold_line(curves: list[EpisodeCurve], side: Side) -> ThresholdLine | None:
    """Return the line of :class:`ThresholdSlopes` to draw; None where fewer than two shares have a threshold."""
    used = [curve for curve in curves if curve.done and _known(curve, _side(curve, side))]
    if len({curve.share for curve in used}) < 2:
        return None
    centre, pooled = _centring(used)
    slope = float(_slopes(used, side, "curve", centre)[0])
    left = _thresholds(used, side, "curve")[0] - slope * np.array([curve.anchoring for curve in used])
    groups = np.array([0 if pooled else curve.base for curve in used])
    means = {int(group): float(left[groups == group].mean()) for group in groups}
    return ThresholdLine(slope, {curve.base: means[0 if pooled else curve.base] for curve in used}, pooled)


def _side(curve: EpisodeCurve, side: Side) -> Replicates:
    """Return the curve of the ``model``, or of the ``ideal`` observer."""
    return curve.model if side == "model" else curve.ideal


def _known(curve: EpisodeCurve, replicates: Replicates) -> bool:
    """Return whether the threshold is a number, not a bound."""
    return bool(curve.k[0] < half_crossing(curve.k, replicates.curve) < math.inf)


def _centring(used: list[EpisodeCurve]) -> tuple[FloatArray, bool]:
    """Return a projection ``[points, points]`` that takes off each base's mean, and whether it takes the common one.

    The common mean is taken off where no base has two shares: nothing would be left of the shares within a base.
    """
    bases, x = np.array([curve.base for curve in used]), np.array([curve.anchoring for curve in used])
    same = (bases[:, None] == bases).astype(np.float64)
    within_base = np.eye(len(used)) - same / same.sum(axis=1, keepdims=True)
    if np.allclose(within_base @ x, 0):
        return np.eye(len(used)) - 1 / len(used), True
    return within_base, False


def _thresholds(used: list[EpisodeCurve], side: Side, at: str) -> FloatArray:
    """Return thresholds ``[rows, points]`` of the curves, their resamples or their seeds (``at``)."""
    columns = []
    for curve in used:
        replicates = _side(curve, side)
        values = {"curve": replicates.curve[None], "resampled": replicates.resampled, "by_seed": replicates.by_seed}
        columns.append(within(curve.k, half_crossing(curve.k, values[at])))
    rows = min(map(len, columns))
    return np.stack([values[:rows] for values in columns], axis=1)


def _slopes(used: list[EpisodeCurve], side: Side, at: str, centre: FloatArray) -> FloatArray:
    """Return least-squares slopes ``[rows]`` of the thresholds over ``-ln(share)``, both centred."""
    x = centre @ np.array([curve.anchoring for curve in used])
    return np.asarray(_thresholds(used, side, at) @ x / (x @ x))


def _combined(slopes: list[FloatArray]) -> FloatArray:
    """Return the slope of one side, or the difference of two (the ideal observer has one row for all seeds)."""
    return slopes[0] if len(slopes) == 1 else slopes[0] - slopes[1]


def _r_squared(used: list[EpisodeCurve], side: Side, centre: FloatArray) -> float:
    x = centre @ np.array([curve.anchoring for curve in used])
    y = centre @ _thresholds(used, side, "curve")[0]
    return float((x @ y) ** 2 / (x @ x) / (y @ y))


def _row(curve: EpisodeCurve) -> dict[str, Any]:
    known = {"base": curve.base, "share": curve.share, "anchoring": curve.anchoring, "n_seeds": len(curve.correct),
             "n_sequences": len(curve.expected)}  # fmt: skip
    if not curve.done:
        return known | {"note": "no model is trained yet, or all have failed"}
    missing = curve.n_planned - len(curve.correct)
    return {
        **known,
        **_described("", curve, "model"),
        **_described("ideal_", curve, "ideal"),
        **_columns("excess", _excess(curve)),
        "logistic_k50": fit_transition(curve.k, curve.model.curve, len(curve.expected)).k50,
        "accuracy_at_0": float(curve.model.curve[0]),
        "accuracy_at_end": float(curve.model.curve[-1]),
        "note": f"{missing} of {curve.n_planned} seeds missing" if missing else "",
    }


def _described(prefix: str, curve: EpisodeCurve, side: Side) -> dict[str, float]:
    """Return k50 with its interval, or the bound that is known instead."""
    k50 = threshold(curve, side)
    return {
        **_columns(f"{prefix}k50", k50 if _known(curve, _side(curve, side)) else UNKNOWN),
        f"{prefix}k50_at_most": float(curve.k[0]) if k50.value <= curve.k[0] else math.nan,
        f"{prefix}k50_above": float(curve.k[-1]) if math.isinf(k50.value) else math.nan,
    }


def _excess(curve: EpisodeCurve) -> Estimate:
    """Return k50 of the models minus that of the ideal observer, unknown where one of them is a bound."""
    if not (_known(curve, curve.model) and _known(curve, curve.ideal)):
        return UNKNOWN
    model, ideal = (threshold(curve, side, level=0.975) for side in SIDES)
    return Estimate(model.value - ideal.value, model.low - ideal.high, model.high - ideal.low, model.n)


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
