"""Rows of the table of transitions: fits with intervals from refits on resampled curves."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses.logistic import fit_logistic
from offdiag.analyses.logistic_shape import shape, shape_4p, usable
from offdiag.analyses.transition_fit import TransitionFit
from offdiag.stats import FloatArray, percentile_ends

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = ("plateau", "slope", "midpoint", "width_10_90", "fwhm", "fw2_3m", "k50")
INTERVALS_4P = ("floor_4p", "plateau_4p", "slope_4p", "midpoint_4p", "width_10_90_4p", "k50_4p")


def transition_row(
    value: Hashable, fit: TransitionFit, k: FloatArray, resampled: FloatArray, level: float, n_items: float, note: str
) -> dict[str, Any]:
    """Return one row: the fit with its intervals from the resampled accuracies ``[B, K]``, B = 0 for none."""
    point = asdict(fit) | {"note": "; ".join(filter(None, [fit.note, note]))}
    found = {"value": value, **point, **_no_ends(), "n_failed_refits": 0, "n_failed_refits_4p": 0, "n_items": n_items}
    if not len(resampled):
        return found
    if fit.identified:
        start = (0.0, fit.plateau, fit.slope, fit.midpoint)
        ends, failed = _refitted(k, resampled, start, point, shape, level, floor=False)
        found |= {**ends, "n_failed_refits": failed}
    elif not math.isnan(fit.plateau):
        flat = math.isnan(fit.r_squared)
        plateaus = resampled.mean(axis=1) if flat else fit_logistic(k, resampled, floor=False).parameters[:, 1]
        found |= _ends("plateau", plateaus, level)
    if not math.isnan(fit.floor_4p):
        start = (fit.floor_4p, fit.plateau_4p - fit.floor_4p, fit.slope_4p, fit.midpoint_4p)
        ends, failed = _refitted(k, resampled, start, point, shape_4p, level, floor=True)
        found |= {**ends, "n_failed_refits_4p": failed}
    return found


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


def _ends(name: str, replicates: FloatArray, level: float) -> dict[str, float]:
    low, high = percentile_ends(replicates, level)
    return {f"{name}_low": low, f"{name}_high": high}


def _refitted(
    k: FloatArray,
    resampled: FloatArray,
    start: tuple[float, ...],
    point: Mapping[str, Any],
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
    ends: dict[str, float] = {}
    for name, values in numbers(refits.parameters[good]).items():
        if not math.isnan(point[name]):
            ends |= _ends(name, values, level)
    return ends, failed
