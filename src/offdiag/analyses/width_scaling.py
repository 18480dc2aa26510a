"""Fit of W(n) = A / sqrt(n): the width of a transition against the size n of a system."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.errors import UserError
from offdiag.stats import FloatArray, normal_quantile

if TYPE_CHECKING:
    import pandas as pd


class ScalingFit(NamedTuple):
    """The least-squares fit of A / sqrt(n).

    Attributes:
        amplitude, low, high: A with its interval, in demonstrations; NaN without a width, and the ends also where one
            width without an error leaves nothing to judge them by.
        r_squared: 1 - SS_res / SS_tot of the widths (weighted if the fit is); NaN for fewer than two sizes or equal
            widths, and negative where A / sqrt(n) describes them worse than their mean does.
        weighted: whether the errors weigh.
    """

    amplitude: float
    low: float
    high: float
    r_squared: float
    weighted: bool


def fit_width_scaling(
    sizes: ArrayLike, widths: ArrayLike, errors: ArrayLike | None = None, level: float = 0.95
) -> ScalingFit:
    """Fit A of ``W = A / sqrt(n)``: ``A = sum(w W / sqrt(n)) / sum(w / n)`` with weights ``w = 1 / error^2``.

    Without errors, or if all are 0, all weights are 1. Where only some are 0, the refits did not see those errors, and
    the largest error stands in for them; a width never weighs infinitely. The interval of a weighted fit is the normal
    one, widened by the root of chi-square per degree of freedom where that exceeds 1 (Particle Data Group, Review of
    Particle Physics, section 5.2.2); an unweighted fit takes the spread of the residuals and Student's t.

    Args:
        sizes: system sizes n, above 0. widths: W, in demonstrations. errors: standard errors of W, 0 if unknown.
        level: coverage of the interval.

    Raises:
        UserError: the lengths differ, a size is not above 0, or a width or an error is negative or not finite.
    """
    n, width = np.asarray(sizes, np.float64), np.asarray(widths, np.float64)
    error = np.zeros_like(width) if errors is None else np.asarray(errors, np.float64)
    _check(n, width, error)
    if not n.size:
        return ScalingFit(math.nan, math.nan, math.nan, math.nan, False)
    weighted = bool(error.any())
    weight = 1 / np.where(error > 0, error, error.max()) ** 2 if weighted else np.ones_like(width)
    information = float(np.sum(weight / n))
    amplitude = float(np.sum(weight * width / np.sqrt(n))) / information
    residual = float(np.sum(weight * (width - amplitude / np.sqrt(n)) ** 2))
    half = _half_length(residual, information, n.size, level, weighted=weighted)
    spread = float(np.sum(weight * (width - np.average(width, weights=weight)) ** 2))
    r_squared = 1 - residual / spread if spread > 0 else math.nan
    return ScalingFit(amplitude, amplitude - half, amplitude + half, r_squared, weighted)


def scaling_table(transitions: "pd.DataFrame", size: str = "size", level: float = 0.95) -> "pd.DataFrame":
    """Return the fit over transitions, one row per size in ``size``, as :func:`offdiag.analyses.transition` gives them.

    Sizes without a width, or with one that the data do not bound, are dropped together with their width; ``used`` and
    ``note`` say so. The error of a width is half the length of its interval over the normal quantile.

    Returns:
        One row per size, in order: the size, ``width_10_90`` with its ends, ``error``, ``used``, ``fitted``
        (A / sqrt(n)), ``note``, ``n_items``; and, the same in every row, ``amplitude`` with its ends, ``r_squared``,
        ``n_sizes`` (those used) and ``weighted``.

    Raises:
        UserError: a size is there twice, or is not above 0.
    """
    table = transitions.sort_values(size, ignore_index=True)
    if table[size].duplicated().any():
        raise UserError(f"{size} = {table[size][table[size].duplicated()].iloc[0]:g} is there more than once")
    n, width = (table[name].to_numpy(np.float64) for name in (size, "width_10_90"))
    half = (table["width_10_90_high"] - table["width_10_90_low"]).to_numpy(np.float64) / 2
    unbounded = np.isinf(half)
    used = np.isfinite(width) & ~unbounded
    error = np.nan_to_num(half / normal_quantile(level), nan=0.0, posinf=0.0)
    fit = fit_width_scaling(n[used], width[used], error[used], level)
    dropped = np.where(unbounded, "dropped: its width is not bounded by these data", "dropped: it has no width")
    notes = ["; ".join(filter(None, ["" if u else d, t])) for u, d, t in zip(used, dropped, table["note"], strict=True)]
    kept = [size, "width_10_90", "width_10_90_low", "width_10_90_high", "n_items"]
    return table[kept].assign(
        error=np.where(used & (error > 0), error, np.nan),
        used=used,
        fitted=fit.amplitude / np.sqrt(n),
        amplitude=fit.amplitude,
        amplitude_low=fit.low,
        amplitude_high=fit.high,
        r_squared=fit.r_squared,
        n_sizes=int(used.sum()),
        weighted=fit.weighted,
        note=notes,
    )


def _check(n: FloatArray, width: FloatArray, error: FloatArray) -> None:
    if not n.ndim == width.ndim == error.ndim == 1 or not n.size == width.size == error.size:
        raise UserError(f"{n.size} sizes, {width.size} widths, {error.size} errors: expected as many of each")
    if not np.all(np.isfinite(n) & (n > 0)):
        raise UserError(f"sizes {n.tolist()}: expected numbers above 0")
    if not np.all(np.isfinite(width) & (width >= 0) & np.isfinite(error) & (error >= 0)):
        raise UserError("widths and their errors must be finite and not negative; leave out fits that failed")


def _half_length(residual: float, information: float, n_sizes: int, level: float, *, weighted: bool) -> float:
    from scipy.special import stdtrit

    freedom = n_sizes - 1
    if weighted:
        scale = max(1.0, math.sqrt(residual / freedom)) if freedom else 1.0
        return normal_quantile(level) * scale / math.sqrt(information)
    if not freedom:
        return math.nan
    return float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(residual / freedom / information)
