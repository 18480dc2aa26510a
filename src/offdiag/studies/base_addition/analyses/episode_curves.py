"""Accuracy over k of the models and the ideal observer of base-thresholds, with resamples and thresholds."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError, UserError
from offdiag.stats import (
    Estimate,
    FloatArray,
    Interval,
    item_counts,
    seed_counts,
)
from offdiag.stats.bootstrap import simultaneous_band
from offdiag.stats.isotonic import half_crossing
from offdiag.stats.replicated import accuracy

if TYPE_CHECKING:
    import pandas as pd

TABLE = "episodes"
Side: TypeAlias = Literal["model", "ideal"]


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
        raise NotPlannedError(f"figure {name}: no episodes are planned; give the study at least one seed")
    return curves


def band(curve: EpisodeCurve) -> Interval:
    """Return the 95 % band of the models' curve, ``[K]`` each end: it holds the whole curve, not one k at a time."""
    ends = np.array([one[1:3] for one in simultaneous_band(curve.correct)]).T
    return Interval(*ends)


def threshold(curve: EpisodeCurve, side: Side, level: float = 0.95) -> Estimate:
    """Return k50 of a side with its bracket; ``k[0]`` means at most that, infinity that it is never reached.

    The value lies on the line between two measured k; where between them the accuracy reaches one half the data do not
    say. So the ends are measured k, see :func:`half_bracket`.
    """
    answers, replicates = (curve.correct, curve.model) if side == "model" else (curve.expected[None], curve.ideal)
    value = float(half_crossing(curve.k, replicates.curve))
    low, high = half_bracket(curve.k, answers, level)
    return Estimate(value, min(low, value), max(high, value), len(curve.expected))


def half_bracket(k: FloatArray, answers: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Return two measured k between which a curve that never falls reaches one half, in ``level`` of samples.

    From the least k on, the accuracies are tested one after another, each at (1 - level) / 2, to be below one half, and
    from the largest k down to be above it, until one test fails. As the first test of a true hypothesis ends each
    sequence, no correction for their number is needed (Maurer, Hothorn and Lehmacher 1995), and nothing is assumed of
    the curve between the measured k, where a line between two of them would claim to know the place.

    Args:
        k: ``[K]``. answers: verdicts or chances of being right, ``[seeds, sequences, K]``.

    Returns:
        The last k that is below, or ``k[0]`` if none is, and the first that is above, infinity if none is.
    """
    ends = [accuracy(answers[:, :, i], level=level) for i in range(len(k))]
    below = int(np.argmin([end.high < 0.5 for end in ends] + [False]))
    above = int(np.argmin([end.low > 0.5 for end in reversed(ends)] + [False]))
    return float(k[max(0, below - 1)]), float(k[-above]) if above else math.inf


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
