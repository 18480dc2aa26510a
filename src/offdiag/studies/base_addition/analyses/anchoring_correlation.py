"""Whether the anchoring score goes with accuracy: one point a series and k."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.estimates import CellEstimate, estimate
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import IN_CONTEXT, require, select
from offdiag.errors import UserError
from offdiag.stats.correlation import correlation
from offdiag.studies.base_addition.analyses.anchoring_curves import LayerCurve, layer_curves

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("model", "learner", "embedder", "form", "query_form", "pooling", "rationale")
ANSWERS = {"rationale": True, "answer": False}  # what the demonstrations show that a form of anchors stands for


class Point(NamedTuple):
    """One series and k: the curve of its score, and the accuracy with as many demonstrations of a kind."""

    curve: LayerCurve
    series: Any
    k: int
    rationale: bool
    accuracy: CellEstimate

    @property
    def key(self) -> tuple[Any, ...]:
        """The points that are compared with one another share this: the values of ``KEYS``."""
        return tuple(self.rationale if name == "rationale" else self.curve.factors[name] for name in KEYS)


class AnchoringCorrelation(StudyAnalysis):
    """Pearson's and Spearman's correlation of S with the accuracy of in-context cells, over series and k.

    A point is a series (a base) and a k, averaged over seeds on both sides. Anchors in the form ``rationale`` stand for
    demonstrations with a rationale, ``answer`` for those without, ``equation`` for either. S holds ``-ln k`` and
    accuracy grows with k, so beside the correlation over ``all`` points there is one ``at fixed k`` (each k's mean is
    taken off both sides: does the better anchored base do better?) and one ``at fixed series`` (does the k with the
    higher score do better?). Intervals and p values take points as exchangeable, see
    :func:`offdiag.stats.correlation.correlation`; the points of one base are not, so three bases are never more than
    three independent witnesses.

    Attributes:
        series: column that is the same on both sides. measured: column -> value for the rows of the measurement;
            ``where`` and ``own`` are for the cells. n_resamples, seed: of bootstrap and permutations.
    """

    tag: ClassVar[str] = "anchoring-correlation"
    series: str = "eval_base"
    measured: Mapping[str, str | int | float | bool] = {}
    n_resamples: int = Field(default=2000, ge=100)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """One row a learner, form, pooling and demonstrations, by ``at`` (which S) and ``over`` (which points)."""
        import pandas as pd

        points = joined(frames, self.where, self.match_on, self.measured, self.series)
        rows = []
        for key, group in grouped(points).items():
            for at, scores in _scores(group).items():
                for over in ("all", "at fixed k", "at fixed series"):
                    row = self._row(scores, group, over, (*map(str, key), at))
                    rows.append({**dict(zip(KEYS, key, strict=True)), "at": at, "over": over, **row})
        return pd.DataFrame(rows, columns=[*KEYS, "at", "over", *_COLUMNS])

    def _row(self, scores: list[float], group: Sequence[Point], over: str, names: tuple[str, ...]) -> dict[str, Any]:
        strata = {"all": None, "at fixed k": [p.k for p in group], "at fixed series": [p.series for p in group]}[over]
        accuracies = [point.accuracy.value for point in group]
        found = correlation(
            scores, accuracies, strata, n_resamples=self.n_resamples, seed=self.seed, names=(*names, over)
        )
        there = [p for p, s in zip(group, scores, strict=True) if np.isfinite(s) and np.isfinite(p.accuracy.value)]
        counts = (found.n, len({p.series for p in there}), len({p.k for p in there}), len(group) - len(there))
        return dict(zip(_COLUMNS, (*found.spearman, *found.pearson, *counts, found.note), strict=True))


_COLUMNS = (
    "spearman", "spearman_low", "spearman_high", "spearman_p", "pearson", "pearson_low", "pearson_high", "pearson_p",
    "n_points", "n_series", "n_k", "n_left_out", "note",
)  # fmt: skip


def joined(
    frames: Frames,
    where: Mapping[str, str | int | float | bool],
    match_on: Sequence[str],
    measured: Mapping[str, str | int | float | bool],
    series: str,
) -> list[Point]:
    """Every measured curve with the accuracy of the cells that it stands for; one that has no such cell is left out.

    Raises:
        UserError: nothing is selected on one of the sides, or two cells of one seed claim a point.
    """
    cells = select(frames.cells, {"method": IN_CONTEXT, **where}, match_on)
    for column in (series, "k", "rationale"):
        require(cells, column)
    points = []
    for curve in layer_curves(frames, measured, match_on, series):
        if curve.state == "done":
            points += _points(curve, cells, frames.records, series)
    return points


def grouped(points: Sequence[Point]) -> dict[tuple[Any, ...], list[Point]]:
    """The points by what is compared with one another, each group in order of series and k."""
    groups: defaultdict[tuple[Any, ...], list[Point]] = defaultdict(list)
    for point in sorted(points, key=lambda p: (str(p.key), str(p.series).zfill(9), p.k)):
        groups[point.key].append(point)
    return dict(groups)


def _points(curve: LayerCurve, cells: "pd.DataFrame", records: "pd.DataFrame", series: str) -> list[Point]:
    value, k, form = curve.factors[series], int(curve.factors["k"]), str(curve.factors["form"])
    here = cells[(cells[series] == value) & (cells["k"] == k)]
    if curve.factors["embedder"] != "sentence":  # those see with their own eyes, which a training changes
        here = here[(here["model"] == curve.factors["model"]) & (curve.factors["learner"] == curve.factors["model"])]
    points = []
    for rationale, rows in here.groupby("rationale"):
        if ANSWERS.get(form, bool(rationale)) != bool(rationale):
            continue
        try:
            accuracy = estimate(rows, records)
        except UserError as error:
            raise UserError(f"accuracy at {series} = {value}, k = {k}: {error}") from error
        points.append(Point(curve, value, k, bool(rationale), accuracy))
    return points


def _scores(group: Sequence[Point]) -> dict[str, list[float]]:
    """S of each point, by where it is read; a single layer is read once."""
    found = {"last layer": [point.curve.at("last")[0] for point in group]}
    if max(point.curve.layers.size for point in group) > 1:
        found["highest layer"] = [point.curve.at("max")[0] for point in group]
        found["area"] = [point.curve.summary.area for point in group]
    return found
