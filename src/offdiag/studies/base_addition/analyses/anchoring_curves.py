"""Curves of the anchoring score over the layers of a model, averaged over seeds, and their summaries."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, MISSING, Where, one_per, require, select, state_of
from offdiag.stats import UNKNOWN, Estimate, FloatArray

if TYPE_CHECKING:
    import pandas as pd

TABLE = "anchoring"
PLANNED = ("model", "learner", "embedder", "form", "query_form", "prompt")
WITHIN = ("pooling", "k")
NUMBERS = ("density", "mismatch", "score", "score_low", "score_high", "score_sd", "anchors_se", "k50_ratio")
MEASURED = (*WITHIN, "layer", "n_layers", *NUMBERS, "n_queries", "n_undefined", "note")


class LayerSummary(NamedTuple):
    """A curve of scores over layers in four numbers.

    Attributes:
        highest: the largest score over layers, S_max; NaN if none is defined. layer: its index; -1 if none is.
        area: AUSN, see :func:`summarise_layers`.
        n_undefined: layers without a score.
    """

    highest: float
    layer: int
    area: float
    n_undefined: int


@dataclass(frozen=True, kw_only=True)
class LayerCurve:
    """The score of one learner, form, pooling and k at every layer, averaged over seeds.

    Attributes:
        factors: what is measured, by column; without ``pooling`` and ``k`` where nothing is measured yet.
        state: ``done`` if a seed is; otherwise ``failed`` or ``missing``, and the arrays are empty.
        n_seeds, n_planned: finished and planned seeds. n_queries: of each seed.
        layers: indices ``[L]``. score, low, high: S over queries and seeds with its 95 % interval ``[L]``.
        density, mismatch, k50_ratio: means ``[L]``. A layer that is undefined for any seed is NaN.
        note: why there are undefined layers.
    """

    factors: Mapping[str, Any]
    state: str
    n_seeds: int = 0
    n_planned: int
    n_queries: int = 0
    layers: FloatArray = field(default_factory=lambda: np.empty(0))
    score: FloatArray = field(default_factory=lambda: np.empty(0))
    low: FloatArray = field(default_factory=lambda: np.empty(0))
    high: FloatArray = field(default_factory=lambda: np.empty(0))
    density: FloatArray = field(default_factory=lambda: np.empty(0))
    mismatch: FloatArray = field(default_factory=lambda: np.empty(0))
    k50_ratio: FloatArray = field(default_factory=lambda: np.empty(0))
    note: str = ""

    @property
    def summary(self) -> LayerSummary:
        """S_max, its layer and AUSN of the averaged curve."""
        return summarise_layers(self.score)

    @property
    def depth(self) -> FloatArray:
        """Relative depth ``[L]``, from 0 at the embeddings to 1; 1 for a single layer, as of a sentence embedder."""
        last = self.layers[-1] if self.layers.size else 1.0
        return self.layers / last

    def at(self, where: str) -> Estimate:
        """Return S at the ``last`` layer, or at the layer where it is highest (``max``); ``n`` counts the queries."""
        index = self.summary.layer if where == "max" else self.layers.size - 1
        if not 0 <= index < self.layers.size:
            return UNKNOWN
        return Estimate(float(self.score[index]), float(self.low[index]), float(self.high[index]), self.n_queries)


def layer_curves(frames: Frames, where: Where, match_on: Sequence[str], series: str) -> list[LayerCurve]:
    """Return one curve per value of ``series``, learner, form, pooling and k that the study measures.

    The interval is Student's, from the sum of two variances. That over queries is the same in all seeds, which share
    them. That by the draw of the anchors comes from the spread between seeds where there are several, and from the
    jackknife where there is one (none for two anchors: then there is no interval). Degrees of freedom are
    Satterthwaite's.

    Args:
        frames: with the table ``anchoring``.
        where: column -> value; what was not measured yet has no pooling and k, and passes those.
        match_on: domain parameters on which anchors and queries must agree.
        series: column whose values are told apart, such as ``eval_base``.

    Raises:
        UserError: the study measures no anchoring, nothing is selected, or two measurements belong to one curve.
    """
    frame = frames.measured(TABLE)
    frame = frame.reindex(columns=[*frame.columns, *(name for name in MEASURED if name not in frame)])
    planned = select(frame, {name: value for name, value in where.items() if name not in WITHIN}, match_on)
    require(planned, series)
    keys = [series, *(name for name in PLANNED if name != series)]
    one_per(planned, [*keys, "seed", *WITHIN, "layer"], "anchoring scores", "where= or match_on=")
    within = {name: where[name] for name in WITHIN if name in where}
    curves: list[LayerCurve] = []
    for values, rows in planned.groupby(keys, dropna=False, sort=True):
        curves += _curves_of_learner(dict(zip(keys, values, strict=True)), rows, within)
    return curves


def summarise_layers(scores: ArrayLike) -> LayerSummary:
    """Return S_max and AUSN of the scores ``[layers]`` from the embeddings (index 0) to the last layer.

    AUSN, the normalised area under the layer-wise curve, is the integral of S over relative depth (0 at the embeddings,
    1 at the last layer) by the trapezoidal rule, so models of any depth compare; it has the unit of S and equals S for
    a flat curve. Where layers have no score the line joins their neighbours, and the area is divided by the depth from
    the first to the last layer that has one; NaN with fewer than two.

    Raises:
        ValueError: ``scores`` is not one-dimensional.
    """
    curve = np.asarray(scores, np.float64)
    if curve.ndim != 1:
        raise ValueError(f"summarise_layers: expected [layers], got {curve.ndim} dimensions")
    known = np.flatnonzero(np.isfinite(curve))
    if not known.size:
        return LayerSummary(math.nan, -1, math.nan, curve.size)
    layer = int(known[np.argmax(curve[known])])
    span = known[-1] - known[0]
    area = float(np.trapezoid(curve[known], known) / span) if span else math.nan
    return LayerSummary(float(curve[layer]), layer, area, curve.size - known.size)


def _curves_of_learner(factors: dict[str, Any], rows: "pd.DataFrame", within: Where) -> Iterator[LayerCurve]:
    """Yield the curves of one learner and form: one per pooling and k, or one without numbers."""
    n_planned = rows["measurement"].nunique()
    done = rows[rows["state"] == DONE]
    if done.empty:
        yield LayerCurve(factors=factors, state=state_of(rows["state"], MISSING), n_planned=n_planned)
        return
    chosen = select(done, within)
    for pooling in sorted(chosen["pooling"].unique()):
        for k in sorted(chosen["k"].unique()):
            group = chosen[(chosen["pooling"] == pooling) & (chosen["k"] == k)]
            if not group.empty:
                yield _averaged({**factors, "pooling": str(pooling), "k": int(k)}, group, n_planned)


def _averaged(factors: dict[str, Any], group: "pd.DataFrame", n_planned: int) -> LayerCurve:
    """Return the mean curve of the seeds in ``group``, which holds one row per seed and layer."""
    plain = group.assign(**{name: group[name].to_numpy(np.float64, na_value=np.nan) for name in NUMBERS})
    wide = plain.pivot(index="layer", columns="measurement", values=list(NUMBERS))
    grids = {name: wide[name].to_numpy(np.float64) for name in NUMBERS}
    means = {name: grid.mean(axis=1) for name, grid in grids.items()}
    n_queries = int(group["n_queries"].min())
    n_seeds = group["measurement"].nunique()
    # Variance by the draw of the anchors: seeds show it directly; one seed leaves the jackknife over its k anchors.
    of_anchors, draws = grids["anchors_se"].mean(axis=1) ** 2, int(factors["k"])
    if n_seeds > 1:
        of_anchors, draws = grids["score"].var(axis=1, ddof=1) / n_seeds, n_seeds
    half = _half_width((grids["score_sd"] ** 2).mean(axis=1) / n_queries, n_queries, of_anchors, draws)
    return LayerCurve(
        factors=factors,
        state=DONE,
        n_seeds=n_seeds,
        n_planned=n_planned,
        n_queries=n_queries,
        layers=wide.index.to_numpy(np.float64),
        score=means["score"],
        low=means["score"] - half,
        high=means["score"] + half,
        density=means["density"],
        mismatch=means["mismatch"],
        k50_ratio=means["k50_ratio"],
        note="; ".join(sorted({note for note in group["note"].dropna() if note})),
    )


def _half_width(
    of_queries: FloatArray, n_queries: int, of_anchors: FloatArray, n_draws: int, level: float = 0.95
) -> FloatArray:
    """Return half the interval's length ``[L]`` from two variances of the mean ``[L]`` and the draws behind them."""
    from scipy.special import stdtrit

    variance = of_queries + of_anchors
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = of_queries**2 / (n_queries - 1) + of_anchors**2 / (n_draws - 1)
        freedom = np.where(terms > 0, variance**2 / terms, 1.0)
    return np.asarray(stdtrit(freedom, 0.5 + level / 2) * np.sqrt(variance), np.float64)
