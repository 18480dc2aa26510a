"""Linear probes: a weight vector scores the choices of an item by their features; many are fitted at once.

As in Hase et al. (2024, arXiv 2401.06751, as released) features are z-normalised over the items and choices that the
probe is trained on, there is no intercept (it would cancel between choices), and the probability of a choice is the
softmax of the scores. Their penalty is the plain Euclidean norm, stopped after 100 steps of gradient descent; ours is
the ridge l2 / 2 |w|², whose optimum is unique: theirs is that of l2 / |w|.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.stats.choice_logit import Reals, solve_choices

_GRAM_BYTES = 1 << 23  # of the sets that are solved together: about what a core's caches hold


class Probes(NamedTuple):
    """Fitted probes.

    Attributes:
        weights: for raw features, ``[S, P, D]``; the score of a choice is the inner product with its features.
        error: bound on the distance to the best weights, relative to their length (z-normalised), ``[S, P]``.
        iterations: of the slowest problem.
    """

    weights: Reals
    error: Reals
    iterations: int


def fit_probes(
    features: Reals,
    present: NDArray[np.bool_],
    sets: NDArray[np.intp],
    labels: NDArray[np.intp],
    l2: float = 1.0,
) -> Probes:
    """Fit S x P probes: P labellings (such as label noise) of each of S training sets of one size.

    The Gram matrix of a set is computed once for all of its labellings. Half precision is computed in single.

    Args:
        features: of all items, ``[N, m, D]``. present: ``[N, m]``: False where an item has fewer choices than m.
        sets: items of each training set, ``[S, n]``. labels: the choice that is the label, ``[S, P, n]``.
        l2: of the ridge, in z-normalised units.

    Raises:
        ValueError: the shapes do not fit, a label is no choice of its item, or ``l2`` is not above 0.
    """
    _check(features, present, sets, labels, l2)
    real = np.result_type(features, np.float32)
    n_sets, n_problems, n = labels.shape
    width = (features.shape[1] - 1) * n
    weights = np.empty((n_sets, n_problems, features.shape[2]), real)
    error = np.empty((n_sets, n_problems), real)
    block, iterations = max(1, _GRAM_BYTES // (width**2 * real.itemsize)), 0
    for start in range(0, n_sets, block):
        chosen = range(start, min(start + block, n_sets))
        rows = [_rows(features[sets[s]].astype(real), present[sets[s]]) for s in chosen]
        gram = np.stack([z @ z.T for z, _ in rows])
        solved = solve_choices(gram, labels[chosen], present[sets[chosen]], l2)
        for s, (z, scale), found in zip(chosen, rows, solved.coefficients, strict=True):
            weights[s] = found @ z * scale
        error[chosen] = solved.error
        iterations = max(iterations, solved.iterations)
    return Probes(weights, error, iterations)


def probe_scores(features: Reals, present: NDArray[np.bool_], weights: Reals) -> Reals:
    """Return scores ``[P, N, m]`` of the choices by probes of ``weights`` ``[P, D]``; -inf where there is no choice."""
    n_items, most, width = features.shape
    flat = features.reshape(-1, width).astype(weights.dtype, copy=False)
    scores = (weights @ flat.T).reshape(len(weights), n_items, most)
    return np.where(present, scores, -np.inf)


def _rows(x: Reals, present: NDArray[np.bool_]) -> tuple[Reals, Reals]:
    """Return differences to the first choice in z-normalised units, ``[(m - 1) n, D]``, and each feature's factor.

    A feature that is the same everywhere has the factor 0; the rows of absent choices are 0.
    """
    x = x - x[0, 0]  # so that the sums of squares keep their digits where a mean is far from 0
    x[~present] = 0
    n, total = int(present.sum()), x.sum(axis=(0, 1))
    variance = (np.einsum("nmd,nmd->d", x, x) - total**2 / n) / (n - 1)
    scale = np.divide(1, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 0)
    differences = (x[:, 1:] - x[:, :1]).swapaxes(0, 1) * scale
    differences[~present[:, 1:].T] = 0
    return differences.reshape(-1, x.shape[2]), scale


def _check(
    features: Reals,
    present: NDArray[np.bool_],
    sets: NDArray[np.intp],
    labels: NDArray[np.intp],
    l2: float,
) -> None:
    if features.ndim != 3 or present.shape != features.shape[:2] or features.shape[1] < 2:
        raise ValueError(
            f"fit_probes: features {features.shape} and present {present.shape}; expected [N, m, D], m > 1"
        )
    if labels.ndim != 3 or sets.shape != (labels.shape[0], labels.shape[2]):
        raise ValueError(f"fit_probes: sets {sets.shape} and labels {labels.shape}; expected [S, n] and [S, P, n]")
    if not present[:, 0].all() or not np.take_along_axis(present[sets], labels.swapaxes(1, 2), 2).all():
        raise ValueError("fit_probes: an item lacks its first choice, or has a label that is none of its choices")
    if not l2 > 0:
        raise ValueError(f"fit_probes: l2 = {l2}; expected a number above 0")
