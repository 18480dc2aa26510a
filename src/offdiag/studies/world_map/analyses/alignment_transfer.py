"""Whether geometries that shape a model alike also teach each other: alignment of specialists against transfer."""

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.stats import FloatArray
from offdiag.studies.world_map.analyses.alignment import Quantity, cka_table
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics, matrices

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 4  # geometries
MOST_PERMUTED = 7  # geometries whose orders are all tried


class Estimated(NamedTuple):
    """A number with its 95 % interval; NaN where there are too few geometries."""

    value: float
    low: float
    high: float


class Fit(NamedTuple):
    """Improvement over alignment: Pearson's r, the line, and the line without each geometry in turn.

    ``others`` is ``[geometries, 2]``: intercepts and slopes.
    """

    r: Estimated
    slope: Estimated
    intercept: float
    others: FloatArray


class AlignmentTransfer(StudyAnalysis):
    """Correlation of CKA(X, Y) with the improvement on Y after fine-tuning on X, over ordered pairs X, Y.

    CKA is that of models pre-trained on X alone and on Y alone; improvements are those of
    :class:`offdiag.analyses.TransferStatistics`, averaged over seeds and, where there are several, over widths.

    Attributes:
        measured: column -> value; only these alignments count. ``where`` selects the fine-tuned arms.
        quantity: ``debiased`` or ``cka``. without: geometries that are left out, as they may form no map alone.
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
    measured: Mapping[str, str | int | float | bool] = {}
    quantity: Quantity = "debiased"
    without: tuple[str, ...] = ("crossing",)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a layer: Pearson's ``r`` and the least-squares line, ``intercept`` and ``slope``.

        Pairs that share a geometry are not independent, so the 95 % intervals leave out one geometry at a time with all
        of its pairs (jackknife, t), and ``p_value`` (two-sided) counts all orders of the geometries of the alignments
        (Mantel 1967, Cancer Research 27:209); it is empty where a pair is missing. Both are rough with so few.
        """
        import pandas as pd

        points = self.points(frames)
        groups = points.groupby("layer", sort=False)
        return pd.DataFrame([{"layer": layer, **self._row(group)} for layer, group in groups])

    def points(self, frames: Frames) -> "pd.DataFrame":
        """One row a layer and ordered pair that has both: ``layer, train, other, alignment, improvement``."""
        import pandas as pd

        improvements = self._improvements(frames)
        alignments = cka_table(frames, self.measured, self.quantity)
        rows = []
        for row in alignments.to_dict("records"):
            pair = (str(row["train"]), str(row["other"]))
            if pair[0] != pair[1] and pair in improvements:
                named = {"layer": row["layer"], "train": pair[0], "other": pair[1]}
                rows.append({**named, "alignment": row["value"], "improvement": improvements[pair]})
        return pd.DataFrame(rows, columns=["layer", "train", "other", "alignment", "improvement"])

    def _row(self, points: "pd.DataFrame") -> dict[str, Any]:
        fit = fitted(points)
        row = {"n_pairs": len(points), "r": fit.r.value, "r_low": max(-1.0, fit.r.low), "r_high": min(1.0, fit.r.high)}
        row |= {"r_squared": fit.r.value**2, "slope": fit.slope.value, "slope_low": fit.slope.low}
        return row | {"slope_high": fit.slope.high, "intercept": fit.intercept, "p_value": mantel(points)}

    def _improvements(self, frames: Frames) -> dict[tuple[str, str], float]:
        settings = TransferStatistics(name=self.name, where=self.where, match_on=self.match_on)
        found: dict[tuple[str, str], list[float]] = {}
        for each in matrices(frames.cells, settings).values():
            for i, (taught,) in enumerate(each.single.rows):
                for j, evaluated in enumerate(each.single.columns):
                    if not {taught, evaluated} & {*self.without} and not np.isnan(each.single.mean[i, j]):
                        found.setdefault((taught, evaluated), []).append(float(each.single.mean[i, j]))
        return {pair: float(np.mean(values)) for pair, values in found.items()}


def fitted(points: "pd.DataFrame") -> Fit:
    """Least squares over the points of one layer; all NaN with fewer than four geometries, or where nothing varies."""
    names = sorted({*points["train"], *points["other"]})
    whole = _line(points)
    if len(names) < FEWEST or np.isnan(whole).any():
        none = Estimated(np.nan, np.nan, np.nan)
        return Fit(none, none, np.nan, np.empty((0, 2)))
    left = np.array([_line(points[(points["train"] != name) & (points["other"] != name)]) for name in names])
    intercept, slope, r = whole.tolist()
    return Fit(_estimated(r, left[:, 2]), _estimated(slope, left[:, 1]), intercept, left[:, :2])


def half_width(left: FloatArray, level: float = 0.95) -> FloatArray:
    """Half the jackknife interval of a statistic from its values without each geometry, along the first axis."""
    from scipy.special import stdtrit

    freedom = len(left) - 1
    return np.asarray(stdtrit(freedom, 0.5 + level / 2) * np.sqrt(freedom * np.var(left, axis=0)))


def mantel(points: "pd.DataFrame") -> float:
    """Share of all orders of the geometries whose absolute correlation is at least the one found; the found one too."""
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
    products = np.abs(x @ y)  # the spreads of both are the same in every order
    return float((products >= products[0] * (1 - 1e-12)).mean())


def _line(points: "pd.DataFrame") -> FloatArray:
    """Intercept, slope and r; NaN where one of the two does not vary."""
    x, y = points["alignment"].to_numpy(np.float64), points["improvement"].to_numpy(np.float64)
    if len(points) < 2 or np.ptp(x) < 1e-12 or np.ptp(y) < 1e-12:
        return np.full(3, np.nan)
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx @ dy) / (dx @ dx)
    return np.array([y.mean() - slope * x.mean(), slope, (dx @ dy) / np.sqrt((dx @ dx) * (dy @ dy))])


def _estimated(value: float, left: FloatArray) -> Estimated:
    half = float(half_width(left))
    return Estimated(value, value - half, value + half)
