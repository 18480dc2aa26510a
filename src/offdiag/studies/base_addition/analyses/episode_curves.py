"""The curves of the controlled replica: accuracy over k of the models and the ideal observer, with their resamples."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.errors import UserError
from offdiag.stats import FloatArray, item_counts, percentile_ends, replicate_ends, seed_counts
from offdiag.studies.base_addition.analyses.threshold import half_crossing

if TYPE_CHECKING:
    import pandas as pd

TABLE = "episodes"


class Band(NamedTuple):
    """A statistic and the ends of its interval, numbers or arrays."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


class Replicates(NamedTuple):
    """A curve ``[K]``, its resamples ``[R, K]`` and those of each seed ``[S, K]`` (one row for the ideal observer)."""

    curve: FloatArray
    resampled: FloatArray
    by_seed: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class EpisodeCurve:
    """What was asked in episodes of one base, of the models in whose stream it had one share.

    Attributes:
        base, share: which. n_planned: models planned, one a seed. n_resamples, seed: of the bootstrap.
        k: ``[K]``. correct: ``[S, n, K]``, verdicts of S models on n sequences; S is 0 where none is done.
        expected: ``[n, K]``, the ideal observer's chance of being right.
    """

    base: int
    share: float
    n_planned: int
    k: FloatArray
    correct: FloatArray
    expected: FloatArray
    n_resamples: int = 2000
    seed: int = 0

    @property
    def done(self) -> bool:
        return len(self.correct) > 0

    @property
    def anchoring(self) -> float:
        """``-ln(share)``, in nats: the less, the better anchored."""
        return -math.log(self.share)

    @cached_property
    def model(self) -> Replicates:
        """Resamples of seeds and sequences, crossed: a sequence is drawn for all seeds together."""
        seeds, n, size = self.correct.shape
        counts = seed_counts(seeds, self.n_resamples, self.seed, "episodes", "seeds")
        weights = counts / counts.sum(axis=1, keepdims=True)
        means = self._items @ np.moveaxis(self.correct, 0, 1).reshape(n, seeds * size) / n
        resampled = np.einsum("rs,rsk->rk", weights, means.reshape(-1, seeds, size))
        by_seed = self.correct.mean(axis=1)
        return Replicates(by_seed.mean(axis=0), resampled, by_seed)

    @cached_property
    def ideal(self) -> Replicates:
        """Resamples of the same sequences."""
        curve = self.expected.mean(axis=0)
        return Replicates(curve, self._items @ self.expected / len(self.expected), curve[None])

    @cached_property
    def _items(self) -> FloatArray:
        # named by the base: its sequences are the same whatever its share, and so are their resamples
        return item_counts(len(self.expected), self.n_resamples, self.seed, "episodes", self.base).astype(np.float64)


def read_curves(frames: Frames, *, n_resamples: int = 2000, seed: int = 0) -> list[EpisodeCurve]:
    """All planned curves, by base and share.

    Raises:
        UserError: the study measures no episodes, or a measurement lacks questions.
    """
    frame = frames.measured(TABLE)
    curves = []
    for shares, group in frame.groupby("shares"):
        done = group[group["state"] == "done"]
        for base, share in (item.split("=") for item in str(shares).split(",")):
            rows = done[done["base"] == int(base)] if len(done) else done
            k, correct, expected = _verdicts(rows, f"base {base} of {shares}")
            curves.append(
                EpisodeCurve(
                    base=int(base),
                    share=float(share),
                    n_planned=group["seed"].nunique(),
                    k=k,
                    correct=correct,
                    expected=expected,
                    n_resamples=n_resamples,
                    seed=seed,
                )
            )
    return sorted(curves, key=lambda curve: (curve.base, curve.share))


def band(replicates: Replicates) -> Band:
    """The curve with its interval at each k, ``[K]`` each, within [0, 1]."""
    ends = [
        replicate_ends(float(value), resampled, by_seed)
        for value, resampled, by_seed in zip(
            replicates.curve, replicates.resampled.T, replicates.by_seed.T, strict=True
        )
    ]
    low, high = np.clip(np.array(ends).T, 0, 1)
    return Band(replicates.curve, low, high)


def threshold(k: FloatArray, replicates: Replicates) -> tuple[float, float, float]:
    """k50 of a curve and its interval; ``k[0]`` means at most that, an infinity that it is never reached."""
    value = float(half_crossing(k, replicates.curve))
    resampled = half_crossing(k, replicates.resampled)
    if not k[0] < value < math.inf or np.isinf(resampled).any():
        return value, *percentile_ends(resampled)
    low, high = replicate_ends(value, resampled, within(k, half_crossing(k, replicates.by_seed)))
    return value, max(low, float(k[0])), high


def within(k: FloatArray, k50: FloatArray) -> FloatArray:
    """Thresholds with those that are not known held at the ends of the measured k."""
    return np.clip(k50, k[0], k[-1])


def _verdicts(rows: "pd.DataFrame", where: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    if rows.empty:
        return np.zeros(0), np.zeros((0, 0, 0)), np.zeros((0, 0))
    rows = rows.sort_values(["seed", "sequence", "k"])
    k = np.unique(rows["k"].to_numpy(np.float64))
    shape = (rows["seed"].nunique(), rows["sequence"].nunique(), len(k))
    if len(rows) != math.prod(shape) or rows.duplicated(["seed", "sequence", "k"]).any():
        raise UserError(
            f"{len(rows)} questions in {where}: expected {' x '.join(map(str, shape))} (seeds, sequences, k)"
        )
    correct = rows["correct"].to_numpy(np.float64).reshape(shape)
    return k, correct, rows["ideal"].to_numpy(np.float64).reshape(shape)[0]
