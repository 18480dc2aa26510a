"""Bayesian intervals of an accuracy: the Beta posterior of Jeffreys' prior, for new seeds and items."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from offdiag.stats.components import SeedVariance, components
from offdiag.stats.intervals import UNKNOWN, Estimate
from offdiag.stats.replicated import (
    PRIOR,
    accuracy_spread,
    effective_answers,
    is_graded,
    posterior,
    posterior_ends,
)


def beta_posterior(
    values: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    pooled: SeedVariance | None = None,
    prior: tuple[float, float] = PRIOR,
    level: float = 0.95,
) -> tuple[Estimate, tuple[float, float]]:
    """Return the posterior mean of an accuracy with its central credible interval, and the Beta's two parameters.

    The likelihood is binomial with as many independent answers as the verdicts are worth: p (1 - p) / variance of their
    mean, the variance from seeds and items (:mod:`offdiag.stats.components`), at most one per item and seed but for
    scores that are not all 0 or 1. With one
    seed that is the number of items, and the posterior is the textbook's: Beta(a + right, b + wrong) (Gelman et al.
    2013, Bayesian Data Analysis, section 2.4). Where the variance is known from few seeds or clusters, the answers are
    worth less, as in :func:`offdiag.stats.replicated.posterior`.

    Args:
        values: verdicts (0 to 1) ``[seeds, items]``, NaN where missing. clusters: one label per item; items of one
            label are not independent. prior: a and b of the Beta prior.
        pooled: as for :func:`offdiag.stats.replicated.accuracy`.

    Raises:
        ValueError: a or b is not above 0.
    """
    if not min(prior) > 0:
        raise ValueError(f"prior {prior}: expected two numbers above 0, such as 0.5 and 0.5 (Jeffreys)")
    grid = np.asarray(values, np.float64)
    part = components(grid, clusters)
    known = ~np.isnan(grid)
    n = int(known.any(axis=0).sum())
    if not part.n_items:
        return UNKNOWN, prior
    mean, graded = min(1.0, max(0.0, part.mean)), is_graded(grid)
    variance = accuracy_spread(part, n, pooled, graded=graded)
    trials = effective_answers(mean, n, math.inf if graded else float(known.sum()), variance, part.n_items)
    a, b = posterior(mean, trials, variance.quantile(level), level, prior)
    return Estimate(a / (a + b), *posterior_ends(a, b, level), n), (a, b)


def chance_of_better(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the posterior chance that the first of two independent Beta-distributed accuracies is the larger one.

    ``P = ∫ f(x; first) F(x; second) dx``, by quadrature over the quantiles of the first.
    """
    from scipy.special import betainc, betaincinv

    if math.isnan(sum(first) + sum(second)):
        return math.nan
    shares = (np.arange(2000) + 0.5) / 2000
    return float(np.mean(betainc(*second, betaincinv(*first, shares))))
