"""The layer-wise curves of the anchoring score, averaged over seeds: what its analyses and figures start from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.studies.base_addition.analyses.layerwise import Curve, summarise_layers

if TYPE_CHECKING:
    import pandas as pd

TABLE = "anchoring"
PLANNED = ("model", "learner", "embedder", "form", "query_form", "prompt")
WITHIN = ("pooling", "k")
NUMBERS = ("density", "mismatch", "score", "score_low", "score_high", "score_sd", "anchors_se", "k50_ratio")
MEASURED = (*WITHIN, "layer", "n_layers", *NUMBERS, "n_queries", "n_undefined", "note")


@dataclass(frozen=True, kw_only=True)
class LayerCurve:
    """The score of one learner, form, pooling and k at every layer, averaged over seeds.

    Attributes:
        factors: what it is of, by column; without ``pooling`` and ``k`` where nothing is measured yet.
        state: ``done`` if a seed is; otherwise ``failed`` or ``missing``, and the arrays are empty.
        n_seeds, n_planned: seeds that are done, and all. n_queries: of each seed.
        layers: indices ``[L]``. score, low, high: S over queries and seeds with its 95 % interval ``[L]``.
        density, mismatch, k50_ratio: means ``[L]``. A layer that is undefined for any seed is NaN.
        note: why there are undefined layers.
    """

    factors: Mapping[str, Any]
    state: str
    n_seeds: int = 0
    n_planned: int
    n_queries: int = 0
    layers: FloatArray
    score: FloatArray
    low: FloatArray
    high: FloatArray
    density: FloatArray
    mismatch: FloatArray
    k50_ratio: FloatArray
    note: str = ""

    @property
    def summary(self) -> Curve:
        """S_max, its index and AUSN of the averaged curve."""
        return summarise_layers(self.score)

    @property
    def depth(self) -> FloatArray:
        """Relative depth ``[L]``, from 0 at the embeddings to 1; 1 for a single layer, as of a sentence embedder."""
        last = self.layers[-1] if self.layers.size else 1.0
        return self.layers / last

    def at(self, where: str) -> tuple[float, float, float]:
        """S with its interval at the ``last`` layer, or at the layer where it is highest (``max``)."""
        index = self.summary.layer if where == "max" else self.layers.size - 1
        if not 0 <= index < self.layers.size:
            return math.nan, math.nan, math.nan
        return float(self.score[index]), float(self.low[index]), float(self.high[index])


def layer_curves(
    frames: Frames, where: Mapping[str, str | int | float | bool], match_on: Sequence[str], series: str
) -> list[LayerCurve]:
    """One curve for each value of ``series``, learner, form, pooling and k that the study measures.

    The interval is Student's, with two variances added: that over queries, which seeds share, and that by the draw of
    the anchors, which comes from the spread between seeds where there are several and from the jackknife where there
    is one (none for two anchors: then there is no interval). Degrees of freedom are Satterthwaite's.

    Args:
        frames: with the table ``anchoring``. where: column -> value; what was not measured yet has no pooling and k
            and passes those. match_on: domain parameters on which anchors and queries must agree.
        series: column whose values are told apart, such as ``eval_base``.

    Raises:
        UserError: the study measures no anchoring, nothing is selected, or two measurements claim one place.
    """
    frame = frames.measured(TABLE)
    frame = frame.reindex(columns=[*frame.columns, *(name for name in MEASURED if name not in frame)])
    planned = select(frame, {name: value for name, value in where.items() if name not in WITHIN}, match_on)
    require(planned, series)
    keys = [series, *(name for name in PLANNED if name != series)]
    found: list[LayerCurve] = []
    for values, rows in planned.groupby(keys, dropna=False, sort=True):
        factors = dict(zip(keys, values, strict=True))
        found += _of_one(factors, rows, {name: where[name] for name in WITHIN if name in where})
    return found


def _of_one(factors: dict[str, Any], rows: "pd.DataFrame", within: Mapping[str, Any]) -> Iterator[LayerCurve]:
    """The curves of one learner and form."""
    n_planned = rows["measurement"].nunique()
    twice = rows.duplicated(["seed", *WITHIN, "layer"]).any()
    if twice or n_planned != rows["seed"].nunique(dropna=False):
        names = ", ".join(sorted(rows["measurement"].unique())[:3])
        raise UserError(f"{n_planned} measurements claim one curve ({names}): tell them apart with where= or match_on=")
    done = rows[rows["state"] == "done"]
    if done.empty:
        state = "failed" if (rows["state"] == "failed").any() else "missing"
        none = np.array([], np.float64)
        yield LayerCurve(factors=factors, state=state, n_planned=n_planned, layers=none, score=none, low=none,
                         high=none, density=none, mismatch=none, k50_ratio=none)  # fmt: skip
        return
    chosen = select(done, within)
    for pooling in sorted(chosen["pooling"].unique()):
        for k in sorted(chosen["k"].unique()):
            group = chosen[(chosen["pooling"] == pooling) & (chosen["k"] == k)]
            if not group.empty:
                yield _averaged({**factors, "pooling": str(pooling), "k": int(k)}, group, n_planned)


def _averaged(factors: dict[str, Any], group: "pd.DataFrame", n_planned: int) -> LayerCurve:
    plain = group.assign(**{name: group[name].to_numpy(np.float64, na_value=np.nan) for name in NUMBERS})
    wide = plain.pivot(index="layer", columns="measurement", values=list(NUMBERS))
    grids = {name: wide[name].to_numpy(np.float64) for name in NUMBERS}
    means = {name: grid.mean(axis=1) for name, grid in grids.items()}
    n_queries = int(group["n_queries"].min())
    n_seeds = group["measurement"].nunique()
    of_anchors, draws = grids["anchors_se"].mean(axis=1) ** 2, int(factors["k"])
    if n_seeds > 1:
        of_anchors, draws = grids["score"].var(axis=1, ddof=1) / n_seeds, n_seeds
    half = _half_width((grids["score_sd"] ** 2).mean(axis=1) / n_queries, n_queries, of_anchors, draws)
    return LayerCurve(
        factors=factors,
        state="done",
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
    """Half of the interval from two variances of the mean ``[L]`` and the numbers of draws behind them."""
    from scipy.special import stdtrit

    variance = of_queries + of_anchors
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = of_queries**2 / (n_queries - 1) + of_anchors**2 / (n_draws - 1)
        freedom = np.where(terms > 0, variance**2 / terms, 1.0)
    return np.asarray(stdtrit(freedom, 0.5 + level / 2) * np.sqrt(variance), np.float64)
