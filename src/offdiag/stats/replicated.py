"""Means of answers by several seeds to shared items, with intervals: the one door for every accuracy that is shown."""

import math
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import (
    Components,
    MeanVariance,
    Part,
    SeedVariance,
    components,
    residual_share,
)
from offdiag.stats.intervals import UNKNOWN, Estimate, normal_quantile, score_interval

PRIOR = (0.5, 0.5)  # Jeffreys: right and wrong answers that the prior is worth

IntervalKind: TypeAlias = Literal["score", "bayes"]
_KIND: ContextVar[IntervalKind] = ContextVar("interval of accuracies", default="score")


@contextmanager
def intervals_by(kind: IntervalKind) -> Iterator[None]:
    """Give all accuracies inside the block Wilson's ``score`` interval (the default) or the one of ``bayes``.

    That is the central interval of the Beta posterior under Jeffreys' prior, with the same effective number of answers.
    Differences and other means keep theirs.
    """
    token = _KIND.set(kind)
    try:
        yield
    finally:
        _KIND.reset(token)


def interval_kind() -> IntervalKind:
    """Return how accuracies get their intervals here."""
    return _KIND.get()


def interval_words() -> tuple[str, str]:
    """Return what the interval of an accuracy is called here, and the word for how one of a single seed is made."""
    return ("95 % interval", "Wilson") if interval_kind() == "score" else ("95 % credible interval", "Jeffreys’ prior")


def accuracy(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    pooled: SeedVariance | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of verdicts or scores ``[seeds, items]`` (0 to 1, NaN where missing); ``n`` counts the items.

    The interval is for new seeds and new items: Wilson's of the effective number of independent answers, which is
    p (1 - p) / variance of p, with the variance of :mod:`offdiag.stats.components` and t where it is known from few
    seeds or clusters. With one seed and nothing pooled it is Wilson's of the items, and says nothing of other seeds.
    Where all answers agree, they cannot tell their own variance: each item (or cluster) counts once.

    Scores that are not all 0 or 1 (a share of samples, F1) spread less than right and wrong answers of that mean do, so
    that one of them may count as more than one answer. Their spread is known from the items alone, so the quantile is
    that of t.

    Args:
        clusters: one label per item; items of one label are not independent. pooled: the variance between seeds that
            arms of this kind have in common; by default that of these seeds.
    """
    grid = np.asarray(values, np.float64)
    part = components(grid, clusters)
    n = int((~np.isnan(grid)).any(axis=0).sum())
    if not part.n_items:
        return UNKNOWN
    mean = min(1.0, max(0.0, part.mean))
    graded = is_graded(grid)
    spread = accuracy_spread(part, n, pooled, graded=graded)
    n_answers = math.inf if graded else int((~np.isnan(grid)).sum())
    return Estimate(mean, *accuracy_ends(mean, n, n_answers, spread, level, units=part.n_items), n)


def is_graded(values: ArrayLike) -> bool:
    """Return whether some of the known values are neither 0 nor 1."""
    grid = np.asarray(values, np.float64)
    return bool(np.any((grid > 0) & (grid < 1)))


def accuracy_ends(
    mean: float, n: int, n_answers: float, variance: MeanVariance, level: float = 0.95, *, units: int
) -> tuple[float, float]:
    """Return the ends for the effective number of answers that ``variance`` gives (0: each unit counts once).

    They are Wilson's, or those of :func:`posterior_ends` inside ``intervals_by("bayes")``.

    Args:
        mean: of all answers, 0 to 1. n: items. n_answers: answers to them, by all seeds, which are the
            most that they can be worth; infinite for scores. variance: of the mean.
        units: items, or clusters of them, that are independent.
    """
    trials, quantile = effective_answers(mean, n, n_answers, variance, units), variance.quantile(level)
    if interval_kind() == "bayes":
        low, high = posterior_ends(*posterior(mean, trials, quantile, level), level)
    else:
        low, high = map(float, score_interval(np.asarray(mean * trials), np.asarray(trials), quantile))
    return 0.0 if mean == 0 else max(0.0, low), 1.0 if mean == 1 else min(1.0, high)


def effective_answers(mean: float, n: int, n_answers: float, variance: MeanVariance, units: int) -> float:
    """Return how many independent answers a mean with this variance is worth; one at least, at most all.

    Args:
        mean, n, n_answers, variance, units: as for :func:`accuracy_ends`.
    """
    if not variance.variance > 1e-24:  # nothing but rounding
        return float(units)
    bernoulli = mean * (1 - mean)
    single = bernoulli * n / (n - 1) if bernoulli > 0 and n > 1 else 1.0
    return min(max(1.0, single / variance.variance), n_answers)


def posterior(
    mean: float, trials: float, quantile: float, level: float, prior: tuple[float, float] = PRIOR
) -> tuple[float, float]:
    """Return the Beta posterior's parameters, prior + right and prior + wrong, after so many independent answers.

    Where their number is known from few seeds or clusters (``quantile``, that of t, is above the normal one), the
    answers count less by the square of the ratio of the quantiles, so that the interval is as much longer.
    """
    worth = trials * (normal_quantile(level) / quantile) ** 2
    return prior[0] + mean * worth, prior[1] + (1 - mean) * worth


def posterior_ends(a: float, b: float, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the central credible interval of Beta(a, b)."""
    from scipy.special import betaincinv

    low, high = (float(betaincinv(a, b, (1 + sign * level) / 2)) for sign in (-1, 1))
    return low, high


def mean_of_replicates(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    low: float = -math.inf,
    high: float = math.inf,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of ``values`` ``[seeds, items]`` of any size, such as errors, and the test that it is 0.

    Mean ± quantile x standard error, for new seeds and new items; no further than ``low`` and ``high``, the ends of the
    range of values. Both ends are NaN where the values tell no variance: one item, or all of them alike.
    """
    grid = np.asarray(values, np.float64)
    part = components(grid, clusters)
    if not part.n_items:
        return UNKNOWN
    n = int((~np.isnan(grid)).any(axis=0).sum())
    spread = spread_of(part, items_freedom=part.n_items - 1)
    if part.n_items < 2 or spread.variance < 1e-24:  # nothing but rounding
        return Estimate(part.mean, n=n)
    error = math.sqrt(spread.variance)
    half = spread.quantile(level) * error
    p_value = spread.p_value(abs(part.mean) / error)
    return Estimate(part.mean, max(low, part.mean - half), min(high, part.mean + half), n, p_value)


def accuracy_spread(
    part: Components, n: int, pooled: SeedVariance | None = None, *, graded: bool = False
) -> MeanVariance:
    """Return the variance of an accuracy over ``n`` items; relative to p (1 - p) where that is 0."""
    if part.bernoulli <= 0:
        share = max(0.0, pooled.share) if pooled else 0.0
        freedom = pooled.freedom if pooled else math.inf
        return MeanVariance((Part(share / part.n_seeds, freedom), Part((1 - share) / part.n_items)))
    known = part.n_items == n and not graded  # of right and wrong answers the mean tells the variance
    return spread_of(part, pooled, items_freedom=math.inf if known else max(1, part.n_items - 1))


def spread_of(part: Components, pooled: SeedVariance | None = None, items_freedom: float = math.inf) -> MeanVariance:
    """Return the variance of a mean as the parts of seeds and of items (NaN counts as 0)."""
    size = part.n_seeds * part.n_items
    items = 0.0 if part.n_items < 2 else part.of_items
    if pooled is not None:
        freedom, residual = pooled.freedom, pooled.residual * part.bernoulli
        seeds = pooled.share * part.bernoulli * part.n_items + residual
    elif part.n_seeds > 1:
        freedom = part.n_seeds - 1
        seeds = part.of_seeds
        residual = 0.0 if math.isnan(part.of_residual) else part.of_residual
    else:
        return MeanVariance((Part(items / size, items_freedom),))
    own = residual if part.n_seeds < 2 or math.isnan(part.of_residual) else part.of_residual
    share = residual_share(freedom)
    of_seeds = max(0.0, seeds - share * residual)
    of_items = max(0.0, own - of_seeds, items - (1 - share) * own)  # no less than if all answers were independent
    return MeanVariance((Part(of_seeds / size, freedom), Part(of_items / size, items_freedom)))
