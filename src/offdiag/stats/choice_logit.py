"""Fit many ridge-penalised logistic regressions over choices at once, in the space of their training rows.

The probability of choice j of an item is the softmax over its choices of w · x_j. The objective of a problem is

    mean over items of -log p(right choice)  +  l2 / 2 |w|²

Only differences to the first choice matter, so an item of m choices is m - 1 rows z, and the best w is a combination
of them, w = Σ a z: all that is needed of the features is the Gram matrix of the rows, however many features there
are. With two choices this is the logistic regression of z without an intercept (``C = 1 / (l2 n)`` in scikit-learn).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.floating[Any]]

_SEARCH_STEPS = 3
_INNER_STEPS, _ENOUGH = 100, 0.1
_TINY = 1e-30


class Solved(NamedTuple):
    """The solutions of S sets of n items with P problems each.

    Attributes:
        coefficients: a, ``[S, P, (m - 1) n]``, in the order of the rows.
        error: bound on the distance to the best w, relative to the length of the one found, ``[S, P]``.
        iterations: Newton steps of the slowest problem.
    """

    coefficients: Reals
    error: Reals
    iterations: int


def solve_choices(
    gram: Reals,
    labels: NDArray[np.intp],
    present: NDArray[np.bool_],
    l2: float,
    *,
    tolerance: float = 1e-3,
    most: int = 100,
) -> Solved:
    """Minimise all problems by Newton's method, its steps from conjugate gradients in the metric of the Gram matrix.

    In that metric the steepest descent is the residual (y - p) / (n l2) - a itself, so that one step of the conjugate
    gradients is one product with the Gram matrix for all the problems of a set. The objective is strongly convex: where
    its gradient is g, the best w is no farther than |g| / l2, which is what ``tolerance`` bounds.

    Args:
        gram: inner products of the rows z, ``[S, (m - 1) n, (m - 1) n]``; first the second choices of all items, then
            the third ones, and so on.
        labels: index of the choice that is the label, ``[S, P, n]``.
        present: ``[S, n, m]``: False where an item has fewer choices than m; the first is always there.
        l2: penalty, above 0. tolerance: error of w at which a problem is solved. most: Newton steps.
    """
    sets, problems, items = labels.shape
    others = present.shape[2] - 1
    shape = (sets, problems, others, items)
    absent = ~present[..., 1:].swapaxes(1, 2)[:, None]
    taught = (labels[:, :, None] == np.arange(1, others + 1)[:, None]).astype(gram.dtype)
    total = items * l2

    def times(vector: Reals) -> Reals:
        return (vector.reshape(sets, problems, -1) @ gram).reshape(shape)  # it is symmetric

    a = np.zeros(shape, gram.dtype)
    logits, iteration = a.copy(), 0
    while True:
        p = _softmax(logits, absent)
        residual = (taught - p) / total - a
        turned = times(residual)
        size = _dot(residual, turned)
        error = np.sqrt(np.maximum(size, 0) / np.maximum(_dot(a, logits), _TINY))
        solved = (error <= tolerance) | (size <= _TINY)
        if iteration == most or np.all(solved):
            return Solved(a.reshape(sets, problems, -1), error, iteration)
        direction, moved = _newton(times, p, residual, turned, total, solved)
        step = _search(logits, moved, taught, absent, p, *(total * _dot(v, moved) for v in (a, direction)))
        step = _wide(np.where(solved, 0, step))  # a solved problem stays put, so its bits do not depend on the others
        a, logits, iteration = a + step * direction, logits + step * moved, iteration + 1


def _newton(
    times: Callable[[Reals], Reals], p: Reals, residual: Reals, turned: Reals, total: float, solved: NDArray[np.bool_]
) -> tuple[Reals, Reals]:
    """Return the Newton step of a, to a tenth of the residual, and the change of the logits.

    It solves (1 + H K / (n l2)) d = residual, where K is the Gram matrix and H the Hessian of the losses with respect
    to the logits; the operator is symmetric in the metric of K.
    """
    found, moved = np.zeros_like(residual), np.zeros_like(residual)
    d, along = residual, turned
    first = size = _dot(residual, turned)
    for _ in range(_INNER_STEPS):
        open_ = ~solved & (size > _ENOUGH**2 * first)
        if not open_.any():
            break
        curved = p * along
        image = d + (curved - p * curved.sum(2, keepdims=True)) / total
        length = _wide(np.where(open_, size / np.maximum(_dot(along, image), _TINY), 0))
        found, moved, residual = found + length * d, moved + length * along, residual - length * image
        turned = times(residual)
        size, before = _dot(residual, turned), size
        beta = _wide(size / np.maximum(before, _TINY))
        d, along = residual + beta * d, turned + beta * along
    return found, moved


def _softmax(logits: Reals, absent: NDArray[np.bool_]) -> Reals:
    """Return probabilities of all choices but the first, whose logit is 0."""
    logits = np.where(absent, -np.inf, logits)
    top = np.maximum(logits.max(2, keepdims=True), 0)
    weights = np.exp(logits - top)
    return np.asarray(weights / (weights.sum(2, keepdims=True) + np.exp(-top)))


def _dot(left: Reals, right: Reals) -> Reals:
    """Return the inner product per problem, ``[S, P]``."""
    return np.asarray(np.einsum("spjn,spjn->sp", left, right))


def _wide(values: Reals) -> Reals:
    """Return one number per problem, broadcast over its rows."""
    return values[..., None, None]


def _search(
    logits: Reals,
    moved: Reals,
    taught: Reals,
    absent: NDArray[np.bool_],
    p: Reals,
    slope: Reals,
    curvature: Reals,
) -> Reals:
    """Return the step to the minimum per problem: Newton's method, or bisection where that leaves the bracket.

    ``p`` are the probabilities at 0; ``slope`` and ``curvature`` those of the penalty there, for the sum over items
    instead of the mean.
    """
    low, high = np.zeros_like(slope), np.full_like(slope, np.inf)
    step = low
    for i in range(_SEARCH_STEPS):
        p = _softmax(logits + _wide(step) * moved, absent) if i else p
        along = p * moved
        first = _dot(p - taught, moved) + slope + step * curvature
        second = _dot(along, moved) - np.square(along.sum(2)).sum(2) + curvature
        low, high = np.where(first < 0, step, low), np.where(first < 0, high, step)
        newton = step - first / np.maximum(second, _TINY)
        middle = np.where(np.isinf(high), newton, (low + np.where(np.isinf(high), low, high)) / 2)
        step = np.where((newton >= low) & (newton <= high), newton, middle)
    return step
