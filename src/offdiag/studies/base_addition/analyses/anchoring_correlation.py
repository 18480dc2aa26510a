"""Correlation of the anchoring score with accuracy: one point per series and k."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.estimates import CellEstimate, estimate
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, IN_CONTEXT, Where, require, select
from offdiag.errors import UserError
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.stats.correlation import correlation
from offdiag.studies.base_addition.analyses.anchoring_curves import LayerCurve, layer_curves

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("model", "learner", "embedder", "form", "query_form", "pooling", "rationale")
ANSWERS = {"rationale": True, "answer": False}  # what the demonstrations show that a form of anchors stands for


class AnchoringPoint(NamedTuple):
    """One series and k: its curve of scores, and the accuracy with k demonstrations of one kind.

    Attributes:
        rationale: whether the demonstrations show a worked solution.
    """

    curve: LayerCurve
    series: Any
    k: int
    rationale: bool
    accuracy: CellEstimate

    @property
    def key(self) -> tuple[Any, ...]:
        """The values of ``KEYS``: points with the same key are compared with one another."""
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
        series: column that both tables have, and that tells points apart.
        measured: column -> value for the rows of the measurement; ``where`` chooses the cells.
        n_resamples, seed: of bootstrap and permutations.
    """

    tag: ClassVar[str] = "anchoring-correlation"
    series: str = "eval_base"
    measured: Where = Field(default_factory=dict)
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return a row per learner, form, pooling, demonstrations, ``at`` (which S) and ``over`` (which points)."""
        import pandas as pd

        points = anchoring_points(frames, self.where, self.match_on, self.measured, self.series)
        rows = []
        for key, group in grouped(points).items():
            for at, scores in _scores(group).items():
                for over in ("all", "at fixed k", "at fixed series"):
                    row = self._row(scores, group, over, (*map(str, key), at))
                    rows.append({**dict(zip(KEYS, key, strict=True)), "at": at, "over": over, **row})
        return pd.DataFrame(rows, columns=[*KEYS, "at", "over", *_COLUMNS])

    def _row(
        self, scores: list[float], group: Sequence[AnchoringPoint], over: str, names: tuple[str, ...]
    ) -> dict[str, Any]:
        strata = {"all": None, "at fixed k": [p.k for p in group], "at fixed series": [p.series for p in group]}[over]
        accuracies = [point.accuracy.value for point in group]
        result = correlation(
            scores, accuracies, strata, n_resamples=self.n_resamples, seed=self.seed, names=(*names, over)
        )
        known = [p for p, s in zip(group, scores, strict=True) if np.isfinite(s) and np.isfinite(p.accuracy.value)]
        counts = (result.n, len({p.series for p in known}), len({p.k for p in known}), len(group) - len(known))
        both = (number for each in (result.spearman, result.pearson) for number in (*each[:3], each.p_value))
        return dict(zip(_COLUMNS, (*both, *counts, result.note), strict=True))


_COLUMNS = (
    "spearman", "spearman_low", "spearman_high", "spearman_p", "pearson", "pearson_low", "pearson_high", "pearson_p",
    "n_points", "n_series", "n_k", "n_left_out", "note",
)  # fmt: skip


def anchoring_points(
    frames: Frames, where: Where, match_on: Sequence[str], measured: Where, series: str
) -> list[AnchoringPoint]:
    """Return the measured curves with the accuracy of their in-context cells; a curve without cells is left out.

    Raises:
        UserError: nothing is selected in one of the two tables, or two cells of one seed belong to one point.
    """
    cells = select(frames.cells, {"method": IN_CONTEXT, **where}, match_on)
    for column in (series, "k", "rationale"):
        require(cells, column)
    points = []
    for curve in layer_curves(frames, measured, match_on, series):
        if curve.state == DONE:
            points += _points(curve, cells, frames.records, series)
    return points


def grouped(points: Sequence[AnchoringPoint]) -> dict[tuple[Any, ...], list[AnchoringPoint]]:
    """Return the points by their key, each group in order of series and k."""
    groups: defaultdict[tuple[Any, ...], list[AnchoringPoint]] = defaultdict(list)
    for point in sorted(points, key=lambda p: (str(p.key), str(p.series).zfill(9), p.k)):
        groups[point.key].append(point)
    return dict(groups)


def _points(curve: LayerCurve, cells: "pd.DataFrame", records: "pd.DataFrame", series: str) -> list[AnchoringPoint]:
    """Return the points of one curve: one per kind of demonstrations that its anchors stand for."""
    value, k, form = curve.factors[series], int(curve.factors["k"]), str(curve.factors["form"])
    here = cells[(cells[series] == value) & (cells["k"] == k)]
    if curve.factors["embedder"] != "sentence":  # hidden states explain their own model only, as it was when measured
        here = here[(here["model"] == curve.factors["model"]) & (curve.factors["learner"] == curve.factors["model"])]
    points = []
    for rationale, rows in here.groupby("rationale"):
        if ANSWERS.get(form, bool(rationale)) != bool(rationale):
            continue
        try:
            accuracy = estimate(rows, records)
        except UserError as error:
            raise UserError(f"accuracy at {series} = {value}, k = {k}: {error}") from error
        points.append(AnchoringPoint(curve, value, k, bool(rationale), accuracy))
    return points


def _scores(group: Sequence[AnchoringPoint]) -> dict[str, list[float]]:
    """Return S of each point by the layer at which it is read; of a single layer once."""
    scores = {"last layer": [point.curve.at("last").value for point in group]}
    if max(point.curve.layers.size for point in group) > 1:
        scores["highest layer"] = [point.curve.at("max").value for point in group]
        scores["area"] = [point.curve.summary.area for point in group]
    return scores
