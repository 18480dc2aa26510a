"""Episodes for evaluation: demonstrations as in training, and after each number of them a decisive question."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.seeds import stream
from offdiag.studies.base_addition.episodes.episodes import Episodes, add
from offdiag.tasks.stream import IntArray


class Trial(NamedTuple):
    """Episodes in one base: n sequences of K demonstrations, with operands of d digits.

    Demonstrations are drawn as in training, noise included. The question after k of them is drawn apart, uniformly
    among the sums that tell all bases apart (:func:`deciding`); its right answer is that of the episode's base. So the
    demonstrations tell no more than those of the training, and yet every k has n decisive questions.

    Attributes:
        truth: index of the base.
        left, right: ``[n, K, d]``, operands of the demonstrations. shown: ``[n, K]``, index of the base of each sum.
        asked_left, asked_right: ``[n, K + 1, d]``, operands of the question after 0, 1, …, K demonstrations.
    """

    truth: int
    left: IntArray
    right: IntArray
    shown: IntArray
    asked_left: IntArray
    asked_right: IntArray


def draw_trials(episodes: Episodes, n: int, seed: int) -> list[Trial]:
    """Return ``n`` sequences per base, in the order of the bases.

    They depend neither on the shares nor on the other bases, so that models of other shares answer the same ones.
    """
    return [_trial(episodes, n, seed, truth) for truth in range(len(episodes.bases))]


def deciding(episodes: Episodes, left: IntArray, right: IntArray) -> NDArray[np.bool_]:
    """Return which additions ``[..., digits]`` tell all bases apart: only the last digits differ, and all of them do.

    So one token decides, after a beginning that is the same for all: the most probable answer is then the greedy one
    (a first digit that several bases share could win by their joint weight and carry none of them to the end).
    """
    sums = np.stack([add(left, right, base) for base in episodes.bases])
    alike = np.all(sums[..., :-1] == sums[:1, ..., :-1], axis=(0, -1))
    last = np.sort(sums[..., -1], axis=0)
    return np.asarray(alike & np.all(np.diff(last, axis=0) > 0, axis=0))


def _trial(episodes: Episodes, n: int, seed: int, truth: int) -> Trial:
    shown_by = stream(seed, "episodes", "demonstrations", truth)
    left, right = episodes.operands(shown_by, n, episodes.demonstrations)
    shown = episodes.shown(shown_by, np.full(n, truth), episodes.demonstrations)
    asked = _questions(episodes, stream(seed, "episodes", "questions", truth), n * episodes.additions)
    shape = (n, episodes.additions, episodes.digits)
    return Trial(truth, left, right, shown, asked[0].reshape(shape), asked[1].reshape(shape))


def _questions(episodes: Episodes, generator: np.random.Generator, n: int) -> tuple[IntArray, IntArray]:
    lefts: list[IntArray] = []
    rights: list[IntArray] = []
    while sum(map(len, lefts)) < n:
        left, right = episodes.operands(generator, 4 * n)
        kept = deciding(episodes, left, right)
        lefts.append(left[kept])
        rights.append(right[kept])
    return np.concatenate(lefts)[:n], np.concatenate(rights)[:n]
