"""Table of the correlation between alignment (CKA) of two geometries and their transfer."""

from itertools import permutations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where
from offdiag.stats import UNKNOWN, Estimate, FloatArray
from offdiag.studies.world_map.analyses.alignment import cka_table
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics, matrices_by_arm

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 4  # geometries
MOST_PERMUTED = 7  # geometries whose orders are all tried


class AlignmentFit(NamedTuple):
    """Least-squares fit of improvement on alignment; all NaN where there are too few geometries.

    Attributes:
        r: Pearson's correlation. slope, intercept: of the line.
        left_out: intercepts and slopes without each geometry in turn, ``[geometries, 2]``.
    """

    r: Estimate
    slope: Estimate
    intercept: float
    left_out: FloatArray


class AlignmentTransfer(StudyAnalysis):
    """Correlation of CKA(X, Y) with the improvement on Y after fine-tuning on X, over ordered pairs X, Y.

    CKA is the debiased one of models pre-trained on X alone and on Y alone; improvements are those of
    :class:`TransferStatistics`, averaged over seeds and, where there are several, over widths.

    Attributes:
        measured: column -> value; only these alignments count. ``where`` selects the fine-tuned arms.
        without: geometries that are left out, as they may form no map alone.
    """

    tag: ClassVar[str] = "alignment-transfer"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "layer",
        "n_pairs",
        "r",
        "r_low",
        "r_high",
        "r_squared",
        "slope",
        "p_value",
    )
    measured: Where = Field(default_factory=dict)
    without: tuple[str, ...] = ("crossing",)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per layer: Pearson's ``r`` and the least-squares line, ``intercept`` and ``slope``.

        Pairs that share a geometry are not independent, so the 95 % intervals leave out one geometry at a time with all
        of its pairs (jackknife, t), and ``p_value`` (two-sided) counts all orders of the geometries of the alignments
        (Mantel 1967, Cancer Research 27:209); it is empty where a pair is missing. Both are rough with so few.
        """
        import pandas as pd

        points = self.points(frames)
        groups = points.groupby("layer", sort=False)
        return pd.DataFrame([{"layer": layer, **self._row(group)} for layer, group in groups])

    def points(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per layer and ordered pair that has both: ``layer, train, other, alignment, improvement``."""
        import pandas as pd

        improvements = self._improvements(frames)
        alignments = cka_table(frames, self.measured)
        rows = []
        for row in alignments.to_dict("records"):
            pair = (str(row["train"]), str(row["other"]))
            if pair[0] != pair[1] and pair in improvements:
                factors = {"layer": row["layer"], "train": pair[0], "other": pair[1]}
                rows.append({**factors, "alignment": row["value"], "improvement": improvements[pair]})
        return pd.DataFrame(rows, columns=["layer", "train", "other", "alignment", "improvement"])

    def _row(self, points: "pd.DataFrame") -> dict[str, Any]:
        fit = fit_line(points)
        row = {"n_pairs": len(points), "r": fit.r.value, "r_low": max(-1.0, fit.r.low), "r_high": min(1.0, fit.r.high)}
        row |= {"r_squared": fit.r.value**2, "slope": fit.slope.value, "slope_low": fit.slope.low}
        return row | {"slope_high": fit.slope.high, "intercept": fit.intercept, "p_value": mantel_p_value(points)}

    def _improvements(self, frames: Frames) -> dict[tuple[str, str], float]:
        """Return the mean improvement of each (trained, evaluated) pair of geometries, over all arms."""
        settings = TransferStatistics(name=self.name, where=self.where, match_on=self.match_on)
        by_pair: dict[tuple[str, str], list[float]] = {}
        for matrices in matrices_by_arm(frames, settings).values():
            single = matrices.single
            for i, (taught,) in enumerate(single.rows):
                for j, evaluated in enumerate(single.columns):
                    if not {taught, evaluated} & {*self.without} and not np.isnan(single.mean[i, j]):
                        by_pair.setdefault((taught, evaluated), []).append(float(single.mean[i, j]))
        return {pair: float(np.mean(values)) for pair, values in by_pair.items()}


def fit_line(points: "pd.DataFrame") -> AlignmentFit:
    """Fit a least-squares line to the points of one layer, with jackknife intervals over geometries.

    All NaN with fewer than four geometries, or where nothing varies.
    """
    names = sorted({*points["train"], *points["other"]})
    line = _line(points)
    if len(names) < FEWEST or np.isnan(line).any():
        return AlignmentFit(UNKNOWN, UNKNOWN, np.nan, np.empty((0, 2)))
    left_out = np.array([_line(points[(points["train"] != name) & (points["other"] != name)]) for name in names])
    intercept, slope, r = line.tolist()
    return AlignmentFit(_estimate(r, left_out[:, 2]), _estimate(slope, left_out[:, 1]), intercept, left_out[:, :2])


def jackknife_half_width(left_out: FloatArray, level: float = 0.95) -> FloatArray:
    """Return half the jackknife interval of a statistic.

    Args:
        left_out: its values without each geometry, ``[geometries, …]``. level: coverage.
    """
    from scipy.special import stdtrit

    freedom = len(left_out) - 1
    return np.asarray(stdtrit(freedom, 0.5 + level / 2) * np.sqrt(freedom * np.var(left_out, axis=0)))


def mantel_p_value(points: "pd.DataFrame") -> float:
    """Return the exact two-sided p value of the Mantel test (all permutations of the geometries, identity included).

    It is the share of permutations of the geometries of the alignments whose absolute correlation with the improvements
    is at least the observed one. NaN with fewer than four or more than seven geometries, or where a pair is missing.
    """
    names = sorted({*points["train"], *points["other"]})
    if not FEWEST <= len(names) <= MOST_PERMUTED or len(points) < len(names) * (len(names) - 1):
        return np.nan
    alignment, improvement = (
        points.pivot(index="train", columns="other", values=column).loc[names, names].to_numpy(np.float64)
        for column in ("alignment", "improvement")
    )
    orders = np.array(list(permutations(range(len(names)))))
    off = ~np.eye(len(names), dtype=bool)
    shuffled = alignment[orders[:, :, None], orders[:, None, :]][:, off]
    x, y = shuffled - shuffled.mean(axis=1, keepdims=True), improvement[off] - improvement[off].mean()
    products = np.abs(x @ y)  # the spreads of both are the same in every order, so products rank as correlations do
    return float((products >= products[0] * (1 - 1e-12)).mean())  # the first permutation is the identity


def _line(points: "pd.DataFrame") -> FloatArray:
    """Return intercept, slope and r ``[3]``; NaN where one of the two does not vary."""
    x, y = points["alignment"].to_numpy(np.float64), points["improvement"].to_numpy(np.float64)
    if len(points) < 2 or np.ptp(x) < 1e-12 or np.ptp(y) < 1e-12:
        return np.full(3, np.nan)
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx @ dy) / (dx @ dx)
    return np.array([y.mean() - slope * x.mean(), slope, (dx @ dy) / np.sqrt((dx @ dx) * (dy @ dy))])


def _estimate(value: float, left_out: FloatArray) -> Estimate:
    half = float(jackknife_half_width(left_out))
    return Estimate(value, value - half, value + half, len(left_out))
