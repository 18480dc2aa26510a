"""A grid of linear probes, fitted together against one after the other.

Strata x sizes x bootstraps x label noise, on half-precision states (random ones with structure, or those of a finished
``states`` step). Of two choices the probe is scikit-learn's LogisticRegression of the difference of the two, with the
same penalty; scikit-learn has no softmax over more choices with shared weights, so there the other way is SciPy's
L-BFGS-B on the same objective. Both ways select, z-normalise and fit; then all items are answered.

    python benchmarks/probes.py                      (pip install "offdiag[benchmarks]")
    python benchmarks/probes.py --choices 4
    python benchmarks/probes.py --states STORE/states/FOLDER --examples STORE/examples/FOLDER
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.seeds import stream
from offdiag.stats.choice_probes import fit_probes, probe_scores
from offdiag.stats.label_noise import noisy_labels

SIZES = (10, 20, 40, 80, 160)
NOISES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6)
STRATA = 4
L2 = 1.0
FLOOR = 20


class Items(NamedTuple):
    """Features ``[N, m, D]`` and the right choice of each item."""

    features: NDArray[np.float16]
    right: NDArray[np.intp]


class Lessons(NamedTuple):
    """All probes of one size: ``sets [S, n]``, ``labels [S, noises, n]``."""

    sets: NDArray[np.intp]
    labels: NDArray[np.intp]


def random_items(n: int, choices: int, width: int) -> Items:
    """States as models have them: a few directions carry most of the variance, and the right choice lies on some."""
    draw = stream(0, "benchmark", "states")
    directions = draw.standard_normal((60, width)) * np.linspace(3, 0.3, 60)[:, None]
    hidden = draw.standard_normal((n, choices, 60))
    states = hidden @ directions + draw.standard_normal((n, choices, width))
    right = (hidden @ draw.standard_normal(60) + 6 * draw.standard_normal((n, choices))).argmax(-1)
    return Items(states.astype(np.float16), right)


def encoded_items(states: Path, examples: Path) -> Items:
    """Those of two finished steps of a store."""
    from offdiag.steps import load_examples
    from offdiag.steps.hidden_states import load_states

    asked = load_examples(examples)
    right = np.array([example.choices.index(example.target) for example in asked])
    return Items(np.array(load_states(states).features), right)


def lessons(items: Items, bootstraps: int) -> Iterator[Lessons]:
    """Everything there is and a third of it each; smaller sets begin larger ones."""
    n, choices = items.features.shape[:2]
    thirds = [np.arange(n), *np.array_split(np.arange(n), STRATA - 1)]
    drawn = [
        stream(0, "benchmark", stratum, b).permutation(thirds[stratum])
        for stratum, b in product(range(STRATA), range(bootstraps))
    ]
    for size in SIZES:
        sets = np.stack([one[:size] for one in drawn])
        labels = [
            [noisy_labels(items.right[one], choices, noise, stream(0, "noise", i)) for noise in NOISES]
            for i, one in enumerate(sets)
        ]
        yield Lessons(sets, np.array(labels))


def with_scikit_learn(x: NDArray[np.float64], y: NDArray[np.intp], tolerance: float) -> NDArray[np.float64]:
    """Weights for z-normalised features, of two choices."""
    from sklearn.linear_model import LogisticRegression

    if len(set(y)) == 1:  # which scikit-learn refuses
        return with_scipy(x, y, tolerance)
    model = LogisticRegression(C=1 / (L2 * len(y)), fit_intercept=False, tol=tolerance, max_iter=1000)
    return np.asarray(model.fit(x[:, 1] - x[:, 0], y).coef_[0])


def with_scipy(x: NDArray[np.float64], y: NDArray[np.intp], tolerance: float) -> NDArray[np.float64]:
    """Weights for z-normalised features, of any number of choices."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    n, m, width = x.shape
    flat, taught = x.reshape(-1, width), np.eye(m)[y]

    def objective(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_p = log_softmax((flat @ w).reshape(n, m), axis=1)
        gradient = (np.exp(log_p) - taught).ravel() @ flat / n + L2 * w
        return float(-(log_p * taught).sum() / n + L2 / 2 * w @ w), gradient

    options = {"gtol": tolerance, "ftol": 1e-14, "maxiter": 1000}
    return np.asarray(minimize(objective, np.zeros(width), jac=True, method="L-BFGS-B", options=options).x)


def one_by_one(items: Items, grid: list[Lessons], fit: Callable[..., NDArray[np.float64]]) -> NDArray[np.float64]:
    """Weights of all probes for raw features, ``[P, D]``."""
    found = []
    for part in grid:
        for rows, noised in zip(part.sets, part.labels, strict=True):
            for labels in noised:
                x = items.features[rows].astype(np.float64)
                flat = x.reshape(-1, x.shape[2])
                spread = flat.std(axis=0, ddof=1)
                found.append(fit((x - flat.mean(axis=0)) / spread, labels) / spread)
    return np.array(found)


def together(items: Items, grid: list[Lessons]) -> NDArray[np.float32]:
    """The same, as the package does it."""
    present = np.ones(items.features.shape[:2], bool)
    found = [fit_probes(items.features, present, part.sets, part.labels, L2).weights for part in grid]
    return np.concatenate([weights.reshape(-1, weights.shape[2]) for weights in found])


def timed(work: Callable[[], NDArray[np.floating]]) -> tuple[NDArray[np.floating], float]:
    """A result and the processor's seconds, which a busy machine changes least."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def main() -> None:
    """Prints the times, their ratio, the accuracies and the flipped answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--choices", type=int, default=2)
    parser.add_argument("--width", type=int, default=2 * 576, help="two layers of the embedded model")
    parser.add_argument("--bootstraps", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of the other way; scikit-learn's default")
    parser.add_argument("--states", type=Path, help="folder of a finished states step")
    parser.add_argument("--examples", type=Path, help="folder of the examples that it encodes")
    asked = parser.parse_args()
    given = None not in (asked.states, asked.examples)
    items = (
        encoded_items(asked.states, asked.examples) if given else random_items(asked.items, asked.choices, asked.width)
    )
    n, choices, width = items.features.shape
    grid = list(lessons(items, asked.bootstraps))
    other = "scikit-learn" if choices == 2 else "SciPy L-BFGS-B"
    print(f"{n} items of {choices} choices, {width} features; training sets of {', '.join(map(str, SIZES))} items")
    together(items, grid[:1])
    ours, fast = min((timed(lambda: together(items, grid)) for _ in range(3)), key=lambda run: run[1])
    fit = partial(with_scikit_learn if choices == 2 else with_scipy, tolerance=asked.tolerance)
    theirs, slow = timed(lambda: one_by_one(items, grid, fit))
    for name, seconds in (("together", fast), (other, slow)):
        print(f"{name:16}{seconds:8.2f} s{1000 * seconds / len(ours):8.2f} ms a probe")
    verdict = "" if choices > 2 else f" (at least {FLOOR}x)" if slow >= FLOOR * fast else f" (BELOW {FLOOR}x)"
    print(f"{len(ours)} probes: {slow / fast:.1f}x{verdict}")
    present = np.ones((n, choices), bool)
    answers = [probe_scores(items.features, present, weights).argmax(-1) for weights in (ours, theirs)]
    right = [(answer == items.right).mean(axis=1) for answer in answers]
    print(f"mean accuracy {right[0].mean():.5f} and {right[1].mean():.5f}; largest difference of a probe "
          f"{np.abs(right[0] - right[1]).max():.5f}")  # fmt: skip
    print(f"{(answers[0] != answers[1]).sum()} of {answers[0].size:,} answers differ")


if __name__ == "__main__":
    main()
