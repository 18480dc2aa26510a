"""Variance components of a table of crossed seeds and items, and what they say of the variance of its mean.

The model is y[s, i] = mean + seed[s] + item[i] + residual[s, i], all random: every seed answers every item once. The
components come from mean squares (Searle, Casella and McCulloch 1992, Variance Components, section 4.4):

    E MS(seeds) = residual + n seed,   E MS(items) = residual + S item,   E MS(residual) = residual

so that the variance of the mean, seed / S + item / n + residual / (S n), has the unbiased estimate
(MS(seeds) + MS(items) - MS(residual)) / (S n). Clusters of items are summed up first, each being one item then.
"""

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.intervals import FloatArray, normal_quantile

UNEQUAL = 0.05  # p of the test of equal variances between seeds, below which arms are not pooled
NEEDED = 4  # degrees of freedom of the seeds at which half of the residual is told apart from their variance


class Components(NamedTuple):
    """Mean and mean squares of a table of seeds by items; what cannot be known is NaN.

    Attributes:
        mean: over all known values.
        n_seeds: rows with a value. n_items: columns with a value, or clusters of them.
        of_seeds, of_items, of_residual: the mean squares MS(seeds), MS(items) and MS(residual). With one seed there are
            no mean squares of seeds and residual, with one item none at all.
    """

    mean: float
    n_seeds: int
    n_items: int
    of_seeds: float
    of_items: float
    of_residual: float

    @property
    def seeds(self) -> float:
        """Variance between seeds, at least 0; NaN with one seed."""
        return _positive((self.of_seeds - self.of_residual) / self.n_items) if self.n_items else math.nan

    @property
    def items(self) -> float:
        """Variance between items, at least 0; with one seed NaN, since the residual cannot be told from it."""
        return _positive((self.of_items - self.of_residual) / self.n_seeds) if self.n_seeds else math.nan

    @property
    def residual(self) -> float:
        """Variance of what neither the seed nor the item explains: their interaction and chance."""
        return self.of_residual

    @property
    def bernoulli(self) -> float:
        """``p (1 - p)``, the variance of one answer with this chance of being right."""
        return self.mean * (1 - self.mean)


def components(values: ArrayLike, clusters: Sequence[Hashable] | None = None) -> Components:
    """Return the mean squares of ``values`` ``[seeds, items]``, NaN where missing.

    Args:
        clusters: one label per item; items of one label (that repeat, or share a passage) are one unit.

    Raises:
        ValueError: ``values`` is not two-dimensional, or has no label for each item.
    """
    scores = linear_scores(values, clusters)
    n_seeds, n_items = scores.shape
    if not scores.size:
        return Components(math.nan, n_seeds, n_items, math.nan, math.nan, math.nan)
    mean = float(scores.mean())
    by_seed, by_item = scores.mean(axis=1) - mean, scores.mean(axis=0) - mean
    rest = scores - mean - by_seed[:, None] - by_item
    squares = (n_items * float(by_seed @ by_seed), n_seeds * float(by_item @ by_item), float(np.sum(rest**2)))
    freedoms = (n_seeds - 1, n_items - 1, (n_seeds - 1) * (n_items - 1))
    found = [square / freedom if freedom else math.nan for square, freedom in zip(squares, freedoms, strict=True)]
    return Components(mean, n_seeds, n_items, *found)


def linear_scores(values: ArrayLike, clusters: Sequence[Hashable] | None = None) -> FloatArray:
    """Return a complete table ``[seeds, clusters]`` with the mean of ``values`` and, to first order, its variance.

    Each known value adds its distance from the mean to its seed and cluster, missing ones add nothing (the linearised
    ratio of sums to counts; Cameron, Gelbach and Miller 2011, Journal of Business & Economic Statistics 29:238, for two
    ways of clustering). Without clusters and gaps this is the table itself.

    Raises:
        ValueError: as :func:`components`.
    """
    grid = np.asarray(values, np.float64)
    if grid.ndim != 2 or (clusters is not None and len(clusters) != grid.shape[1]):
        told = "" if clusters is None else f" and {len(clusters)} clusters"
        raise ValueError(f"components of shape {grid.shape}{told}: expected [seeds, items], a label per item")
    known = ~np.isnan(grid)
    columns = np.flatnonzero(known.any(axis=0))
    kept = np.ix_(np.flatnonzero(known.any(axis=1)), columns)
    grid, known = grid[kept], known[kept]
    if not grid.size or (clusters is None and known.all()):
        return grid
    labels = [column if clusters is None else clusters[column] for column in columns.tolist()]
    codes = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    mean = grid[known].mean()
    sums = np.zeros((len(grid), len(codes)))
    places = np.array([codes[label] for label in labels], np.intp)
    np.add.at(sums.T, places, np.where(known, grid - mean, 0.0).T)
    found: FloatArray = mean + sums * (sums.size / known.sum())
    return found


def prompt_variance(values: ArrayLike) -> float:
    """Return the variance between prompts of the mean over endless seeds and items, without bias, so it may be below 0.

    All are crossed, y[p, s, i] with all interactions (Searle, Casella and McCulloch 1992, section 4.4), so that it is
    (MS(prompts) - MS(prompts x seeds) - MS(prompts x items) + MS(prompts x seeds x items)) / (S n). With one seed what
    that seed does with a prompt is in it.

    Args:
        values: ``[prompts, seeds, items]``, none of them missing.

    Raises:
        ValueError: fewer than two prompts or items, or no seed.
    """
    grid = np.asarray(values, np.float64)
    if grid.ndim != 3 or grid.shape[0] < 2 or grid.shape[1] < 1 or grid.shape[2] < 2:
        raise ValueError(
            f"prompt_variance of shape {grid.shape}: expected [prompts, seeds, items], two prompts and items"
        )
    n_prompts, n_seeds, n_items = grid.shape
    apart = grid - grid.mean(axis=0)
    prompts, by_seed, by_item = apart.mean(axis=(1, 2)), apart.mean(axis=2), apart.mean(axis=1)
    of_seeds, of_items = by_seed - prompts[:, None], by_item - prompts[:, None]
    rest = apart - of_seeds[:, :, None] - by_item[:, None, :]
    free = n_prompts - 1
    squares = n_seeds * n_items * float(prompts @ prompts) / free
    squares -= n_seeds * float(np.sum(of_items**2)) / (free * (n_items - 1))
    if n_seeds > 1:
        squares -= n_items * float(np.sum(of_seeds**2)) / (free * (n_seeds - 1))
        squares += float(np.sum(rest**2)) / (free * (n_seeds - 1) * (n_items - 1))
    return float(squares / (n_seeds * n_items))


class SeedVariance(NamedTuple):
    """The variance between seeds, pooled over arms of one kind, relative to ``p (1 - p)`` of each arm.

    Attributes:
        share: variance between seeds / (p (1 - p)): the intraclass correlation of the answers of one seed. It can be
            negative by chance.
        residual: MS(residual) / (p (1 - p)). freedom: degrees of freedom of the seeds.
        n_arms: arms with two seeds or more. p_equal: of Bartlett's test that all have the same share; NaN for one arm.
    """

    share: float
    residual: float
    freedom: float
    n_arms: int
    p_equal: float

    @property
    def usable(self) -> bool:
        """Whether several arms tell it, and nothing says that they differ: p of 0.05 or more, or no test."""
        return self.n_arms > 1 and not self.p_equal < UNEQUAL


def pooled_seed_variance(arms: Sequence[Components]) -> SeedVariance | None:
    """Return the variance between seeds that the arms have in common; None where no arm tells any.

    Sums over the arms are divided by sums of p (1 - p), weighted by the degrees of freedom, so that an arm whose
    answers are all right says nothing. The degrees of freedom are those of Satterthwaite for such a sum.
    """
    told = [arm for arm in arms if arm.n_seeds > 1 and arm.n_items > 1 and 0 < arm.mean < 1]
    if not told:
        return None
    free = np.array([arm.n_seeds - 1 for arm in told], np.float64)
    scale = np.array([arm.bernoulli for arm in told])
    between = np.array([(arm.of_seeds - arm.of_residual) / arm.n_items for arm in told])
    residual = np.array([arm.of_residual for arm in told])
    weight = float(free @ scale)
    freedom = weight**2 / float(free @ scale**2)
    squares = np.array([arm.of_seeds for arm in told]) / scale
    return SeedVariance(
        float(free @ between) / weight, float(free @ residual) / weight, freedom, len(told), _bartlett(squares, free)
    )


def _bartlett(variances: FloatArray, freedom: FloatArray) -> float:
    """Return the p value of Bartlett's test of equal variances (1937), from variances and degrees of freedom."""
    from scipy.special import chdtrc

    if len(variances) < 2 or not np.all(variances > 0):
        return math.nan
    total = freedom.sum()
    statistic = total * math.log(float(freedom @ variances) / total) - float(freedom @ np.log(variances))
    correction = 1 + (np.sum(1 / freedom) - 1 / total) / (3 * (len(variances) - 1))
    return float(chdtrc(len(variances) - 1, statistic / correction))


class Part(NamedTuple):
    """A part of a variance, with the degrees of freedom to which it is known: infinite where it counts as known."""

    variance: float
    freedom: float = math.inf


class MeanVariance(NamedTuple):
    """The variance of a mean as a sum of parts."""

    parts: tuple[Part, ...]

    @property
    def variance(self) -> float:
        """The sum of the parts."""
        return sum(part.variance for part in self.parts)

    def quantile(self, level: float) -> float:
        """Return how many standard errors hold the central ``level``: t of each part, weighted by the variances.

        As in the modified large-sample intervals of sums of mean squares (Burdick and Graybill 1992, section 3.2), the
        distance is the root of the sum over the parts of t² x variance. Satterthwaite's one t would be far too small
        where the few seeds happen to agree.
        """
        if not self.variance > 0:
            return normal_quantile(level)
        squares = (part.variance * _t(part.freedom, level) ** 2 for part in self.parts)
        return math.sqrt(sum(squares) / self.variance)

    def p_value(self, distance: float) -> float:
        """Return 1 minus the level whose quantile is ``distance`` (in standard errors, at least 0)."""
        from scipy.optimize import brentq

        tiny = 1e-15
        if not distance > self.quantile(tiny):
            return 1.0
        if distance >= self.quantile(1 - tiny):
            return tiny
        return 1 - float(brentq(lambda level: self.quantile(level) - distance, tiny, 1 - tiny, xtol=1e-15))


def residual_share(freedom: float, needed: float = NEEDED) -> float:
    """Return the share of the residual that is taken off MS(seeds); the rest of it is taken off MS(items).

    The whole of it would leave a variance between seeds of 0 whenever few seeds happen to agree, and the interval would
    be far too short; none of it would give the residual the long t of few seeds. The sum of the parts is the same.
    The simulation of docs/statistics.md chose this share.

    Args:
        freedom: degrees of freedom of the seeds. needed: those at which half of the residual is taken off.
    """
    return 1.0 if math.isinf(freedom) else freedom / (freedom + needed)


def _t(freedom: float, level: float) -> float:
    from scipy.special import stdtrit

    return normal_quantile(level) if math.isinf(freedom) else float(stdtrit(freedom, 0.5 + level / 2))


def _positive(variance: float) -> float:
    return variance if math.isnan(variance) else max(0.0, variance)
