"""Accuracy over k of the models and the ideal observer of base-thresholds, with resamples and thresholds."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import UserError
from offdiag.stats import (
    Estimate,
    FloatArray,
    Interval,
    item_counts,
    percentile_ends,
    replicate_ends,
    seed_counts,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE = "episodes"


class Replicates(NamedTuple):
    """A curve ``[K]``, its resamples ``[R, K]`` and those of each seed ``[S, K]`` (one row for the ideal observer)."""

    curve: FloatArray
    resampled: FloatArray
    by_seed: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class EpisodeCurve:
    """The answers in episodes of one base, by the models in whose training stream it had one share.

    Attributes:
        base, share: of the episodes. n_planned: models planned, one per seed. n_resamples, seed: of the bootstrap.
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
        """Whether a model of this share has answered."""
        return len(self.correct) > 0

    @property
    def anchoring(self) -> float:
        """``-ln(share)``, in nats: the less, the better anchored."""
        return -math.log(self.share)

    @cached_property
    def model(self) -> Replicates:
        """The mean curve of the models, with resamples of seeds and sequences.

        The two are crossed: a sequence is drawn for all seeds together.
        """
        seeds, n, size = self.correct.shape
        counts = seed_counts(seeds, self.n_resamples, self.seed, "episodes", "seeds")
        weights = counts / counts.sum(axis=1, keepdims=True)
        means = self._items @ np.moveaxis(self.correct, 0, 1).reshape(n, seeds * size) / n
        resampled = np.einsum("rs,rsk->rk", weights, means.reshape(-1, seeds, size))
        by_seed = self.correct.mean(axis=1)
        return Replicates(by_seed.mean(axis=0), resampled, by_seed)

    @cached_property
    def ideal(self) -> Replicates:
        """The curve of the ideal observer, with resamples of the same sequences."""
        curve = self.expected.mean(axis=0)
        return Replicates(curve, self._items @ self.expected / len(self.expected), curve[None])

    @cached_property
    def _items(self) -> FloatArray:
        # The random stream has the base's name: its sequences are the same whatever its share, so are the resamples.
        return item_counts(len(self.expected), self.n_resamples, self.seed, "episodes", self.base).astype(np.float64)


def read_curves(frames: Frames, *, n_resamples: int = 2000, seed: int = 0) -> list[EpisodeCurve]:
    """Return all planned curves, sorted by base and share.

    Raises:
        UserError: the study measures no episodes, or a measurement lacks questions.
    """
    frame = frames.measured(TABLE)
    curves = []
    for shares, group in frame.groupby("shares"):
        done = group[group["state"] == DONE]
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


def planned_curves(frames: Frames, name: str, *, n_resamples: int, seed: int) -> list[EpisodeCurve]:
    """Return the curves that the figure ``name`` draws, whether they are done or not.

    Raises:
        UserError: as :func:`read_curves`, or the study plans no episodes.
    """
    curves = read_curves(frames, n_resamples=n_resamples, seed=seed)
    if not curves:
        raise UserError(f"figure {name}: no episodes are planned; give the study at least one seed")
    return curves


def interval(replicates: Replicates) -> Interval:
    """Return the 95 % interval of the curve at each k, ``[K]`` each end, within [0, 1]."""
    ends = [
        replicate_ends(float(value), resampled, by_seed)
        for value, resampled, by_seed in zip(
            replicates.curve, replicates.resampled.T, replicates.by_seed.T, strict=True
        )
    ]
    low, high = np.clip(np.array(ends).T, 0, 1)
    return Interval(low, high)


def threshold(k: FloatArray, replicates: Replicates) -> Estimate:
    """Return k50 of a curve with its interval; ``k[0]`` means at most that, infinity that it is never reached."""
    value = float(half_crossing(k, replicates.curve))
    resampled = half_crossing(k, replicates.resampled)
    # Infinite resamples have no spread, but they have percentiles, as long as few enough of them are infinite.
    if not k[0] < value < math.inf or np.isinf(resampled).any():
        return Estimate(value, *percentile_ends(resampled))
    low, high = replicate_ends(value, resampled, within(k, half_crossing(k, replicates.by_seed)))
    return Estimate(value, max(low, float(k[0])), high)


def isotonic(accuracy: FloatArray) -> FloatArray:
    """Return the least-squares fit that never falls, along the last axis (equal weights).

    The max-min formula (Robertson, Wright and Dykstra 1988, section 1.4): the largest, over all beginnings up to k, of
    the smallest mean from there to an end at or after k.
    """
    size = accuracy.shape[-1]
    sums = np.concatenate([np.zeros_like(accuracy[..., :1]), np.cumsum(accuracy, axis=-1)], axis=-1)
    begin, end = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    lengths = np.where(end >= begin, end - begin + 1, 1)
    means = np.where(end >= begin, (sums[..., None, 1:] - sums[..., :-1, None]) / lengths, np.inf)
    smallest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.where(begin <= end, smallest, -np.inf).max(axis=-2))


def half_crossing(k: FloatArray, accuracy: FloatArray) -> FloatArray:
    """Return k50 ``[...]``: where the isotonic fit to ``accuracy`` ``[..., K]`` at ``k`` ``[K]`` first reaches 1/2.

    Lines join the points of the fit. k50 is ``k[0]`` where the fit is at 1/2 or above from the start, so that only an
    upper bound is known, and infinite where 1/2 is never reached.
    """
    fit = isotonic(accuracy)
    above = fit >= 0.5
    after = np.argmax(above, axis=-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(fit, at[..., None], axis=-1)[..., 0] for at in (before, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        within = k[before] + (0.5 - low) / (high - low) * (k[after] - k[before])
    return np.asarray(np.where(above[..., 0], k[0], np.where(above.any(axis=-1), within, np.inf)))


def within(k: FloatArray, k50: FloatArray) -> FloatArray:
    """Return the thresholds, those that are bounds only moved to the ends of the measured k."""
    return np.clip(k50, k[0], k[-1])


def _verdicts(rows: "pd.DataFrame", where: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return k ``[K]``, the models' verdicts ``[S, n, K]`` and the ideal observer's chances ``[n, K]``."""
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
