"""One row of a table of transitions: the fit of a curve, with intervals from resampled accuracies."""

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses.logistic import WIDTH, fit_logistic, shape, shape_4p, usable
from offdiag.analyses.transition_fit import TransitionFit, gap
from offdiag.stats import FloatArray, percentile_ends, wilson
from offdiag.stats.isotonic import bracket, half_crossing

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = ("plateau", "slope", "midpoint", "width_10_90", "fwhm", "fw2_3m", "k50")
INTERVALS_4P = ("floor_4p", "plateau_4p", "slope_4p", "midpoint_4p", "width_10_90_4p", "k50_4p")
WIDTHS = ("width_10_90", "fwhm", "fw2_3m")


def transition_row(
    value: Hashable, fit: TransitionFit, k: FloatArray, resampled: FloatArray, level: float, n_items: float, note: str
) -> dict[str, Any]:
    """Return one row: the fit with its intervals from the resampled accuracies ``[B, K]``, B = 0 for none.

    Each refit says for each number between which ends it lies. Mostly both are the number itself; where the rise of the
    refit fits between two neighbouring k they are these, and a slope of infinity and a width of 0 are possible. An
    interval goes from the lower quantile of the lower ends to the upper one of the upper ends, and always holds the
    estimate and its own ends. So a number that the data only bracket has their bracket at least.
    """
    point = asdict(fit)
    found = {"value": value, **point, **_no_ends(), "n_failed_refits": 0, "n_failed_refits_4p": 0, "n_items": n_items}
    told = [fit.note, note]
    if len(resampled) and fit.identified:
        start = (0.0, fit.plateau, fit.slope, fit.midpoint)
        ends, failed = _refitted(k, resampled, start, point, shape, level, floor=False)
        found |= {**ends, "n_failed_refits": failed}
        told.append(_told_of_failed(failed, resampled, level, "refits"))
    elif len(resampled) and not math.isnan(fit.plateau):
        flat = math.isnan(fit.r_squared)
        plateaus = resampled.mean(axis=1) if flat else fit_logistic(k, resampled, floor=False).parameters[:, 1]
        found |= _ends("plateau", fit.plateau, plateaus, plateaus, level)
    if len(resampled) and fit.k50_by == "isotonic":
        found |= _ends("k50", fit.k50, *bracket(k, half_crossing(k, resampled)), level)
    if len(resampled) and not math.isnan(fit.floor_4p):
        start = (fit.floor_4p, fit.plateau_4p - fit.floor_4p, fit.slope_4p, fit.midpoint_4p)
        ends, failed = _refitted(k, resampled, start, point, shape_4p, level, floor=True)
        found |= {**ends, "n_failed_refits_4p": failed}
        told.append(_told_of_failed(failed, resampled, level, "refits with a floor"))
    return found | _of_all_right(found, n_items, level) | {"note": "; ".join(filter(None, told))}


def transition_table(rows: Iterable[dict[str, Any]], series: str) -> "pd.DataFrame":
    """Return the rows as a frame: the series, each number with the ends of its interval, counts and the note."""
    import pandas as pd

    names = []
    for name in asdict(TransitionFit()):
        names += [name, f"{name}_low", f"{name}_high"] if name in (*INTERVALS, *INTERVALS_4P) else [name]
    names.remove("note")
    columns = ["value", *names, "n_items", "n_failed_refits", "n_failed_refits_4p", "note"]
    table = pd.DataFrame(list(rows), columns=columns).astype({"n_items": "Int64"})
    return table.rename(columns={"value": series})


def _no_ends() -> dict[str, float]:
    return {f"{name}_{end}": math.nan for name in (*INTERVALS, *INTERVALS_4P) for end in ("low", "high")}


def _told_of_failed(failed: int, resampled: FloatArray, level: float, what: str) -> str:
    if failed <= (1 - level) * len(resampled):
        return ""
    return f"{failed} of {len(resampled)} {what} failed, more than {1 - level:.0%}: no interval"


def _of_all_right(found: dict[str, Any], n_items: float, level: float) -> dict[str, float]:
    """Return the lower end of a plateau without a wrong answer: no resample of right answers has a wrong one."""
    if math.isnan(found["plateau_low"]) or not n_items > 0 or round(found["plateau"] * n_items) < n_items:
        return {}
    return {"plateau_low": min(found["plateau_low"], float(wilson(int(n_items), int(n_items), level).low))}


def _ends(name: str, value: float, lows: FloatArray, highs: FloatArray, level: float) -> dict[str, float]:
    """Return the interval of a number whose replicates lie between ``lows`` and ``highs``; it holds ``value``."""
    low, high = percentile_ends(lows, level)[0], percentile_ends(highs, level)[1]
    return {f"{name}_low": min(low, value), f"{name}_high": max(high, value)}


def _refitted(
    k: FloatArray,
    resampled: FloatArray,
    start: tuple[float, ...],
    point: dict[str, Any],
    numbers: Callable[[FloatArray], dict[str, FloatArray]],
    level: float,
    *,
    floor: bool,
) -> tuple[dict[str, float], int]:
    """Return the ends for each number in ``point``, and the count of failed refits; no ends if too many failed."""
    refits = fit_logistic(k, resampled, floor=floor, starts=np.array([start]))
    good = usable(refits, k)
    failed = int(np.sum(~good))
    if failed > (1 - level) * len(resampled):
        return {}, failed
    parameters = np.concatenate([np.array([start]), refits.parameters[good]])
    ends: dict[str, float] = {}
    for name, values in numbers(parameters).items():
        if not math.isnan(point[name]):
            lows, highs = _range(name.removesuffix("_4p"), values, k, parameters)
            own = _ends(name, point[name], lows[1:], highs[1:], level)
            ends[f"{name}_low"] = min(own[f"{name}_low"], float(lows[0]))
            ends[f"{name}_high"] = max(own[f"{name}_high"], float(highs[0]))
    return ends, failed


def _range(name: str, values: FloatArray, k: FloatArray, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends between which the data of each fit leave a number: itself, or those of a bracketed rise."""
    rise = gap(k, parameters)
    low, high = values, values
    if name == "midpoint":
        low, high = rise.low, rise.high
    elif name == "k50":
        low, high = bracket(k, values)
    elif name == "slope":
        with np.errstate(divide="ignore"):  # a midpoint at k = 0 has no gap, and is not bracketed
            low, high = WIDTH / (rise.high - rise.low), np.full_like(values, np.inf)
    elif name in WIDTHS:
        low, high = np.zeros_like(values), values * parameters[:, 2] / WIDTH * (rise.high - rise.low)
    return np.where(rise.bracketed, low, values), np.where(rise.bracketed, high, values)
