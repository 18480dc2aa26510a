"""The ideal observer of episodes: Bayes' rule applied to the demonstrations, with known shares and noise.

With prior shares pi, the demonstrations D so far and the noise rho, Bayes' rule gives the posterior over bases; the
answer y to the next question has the predictive probability ``sum_b P(b | D) P(y | b)``, and answering with the most
probable y has the least expected loss under 0/1 loss on the answer. A model that is trained on the stream with the
cross-entropy can do no better.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from offdiag.studies.base_addition.episodes.draws import Trial
from offdiag.studies.base_addition.episodes.episodes import Episodes, add
from offdiag.tasks.stream import IntArray

FloatArray: TypeAlias = NDArray[np.float64]


def predictive(episodes: Episodes, trial: Trial) -> FloatArray:
    """Return the probability ``[n, K + 1, bases]`` of each base's sum as the answer after k demonstrations.

    Where two bases have the same sum, both have the probability of that sum.
    """
    evidence = np.cumsum(log_likelihoods(episodes, trial), axis=1)
    prior = np.log(episodes.shares)
    belief = prior + np.concatenate([np.zeros_like(evidence[:, :1]), evidence], axis=1)
    belief = np.exp(belief - belief.max(axis=-1, keepdims=True))
    posterior = belief / belief.sum(axis=-1, keepdims=True)
    emission = _emission(episodes, _agreement(episodes, trial.asked_left, trial.asked_right))
    return np.asarray(np.einsum("nkb,nkyb->nky", posterior, emission))


def log_likelihoods(episodes: Episodes, trial: Trial) -> FloatArray:
    """Return the log-probability ``[n, K, bases]`` of each shown sum in an episode of each base; -inf if impossible."""
    agreement = _agreement(episodes, trial.left, trial.right)
    emission = _emission(episodes, agreement)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.take_along_axis(emission, trial.shown[..., None, None], axis=-2)[..., 0, :]))


def ideal_correct(episodes: Episodes, trial: Trial) -> FloatArray:
    """Return the chance ``[n, K + 1]`` that the ideal observer answers with the sum in the episode's base.

    It is 0 or 1, or 1/m where m answers tie for the most probable.
    """
    probability = predictive(episodes, trial)
    best = np.isclose(probability, probability.max(axis=-1, keepdims=True), rtol=1e-9, atol=0)
    return np.asarray(best[..., trial.truth] / best.sum(axis=-1))


def _agreement(episodes: Episodes, left: IntArray, right: IntArray) -> FloatArray:
    """Return 1 where two bases have the same sum, else 0: ``[..., bases, bases]``."""
    sums = np.stack([add(left, right, base) for base in episodes.bases], axis=-2)
    return np.asarray(np.all(sums[..., :, None, :] == sums[..., None, :, :], axis=-1), np.float64)


def _emission(episodes: Episodes, agreement: FloatArray) -> FloatArray:
    """Return P(sum of base y | episode in base b), ``[..., y, b]``: b's own sum, or by noise that of another base."""
    others = agreement.sum(axis=-1, keepdims=True) - agreement
    return np.asarray((1 - episodes.rho) * agreement + episodes.rho / (len(episodes.bases) - 1) * others)
