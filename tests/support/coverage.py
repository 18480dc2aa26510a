"""Simulate how often the intervals of the product hold the truth: ``make simulate``, and a few settings as a test.

Answers are drawn from a logistic model: the log-odds of seed s being right on item i are a constant, plus a normal
deviate of the seed, plus one of the item. The truth is the mean over all seeds and all items. Printed are the share of
intervals that hold it, with its Monte-Carlo error, and the mean length in points.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from offdiag.stats.components import components, pooled_seed_variance
from offdiag.stats.intervals import Estimate
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy

ARMS = 4  # learners of one kind, whose variance between seeds is pooled
AIM = (0.93, 0.97)
PAIRS = ((2, 2), (2, 1), (3, 3), (3, 1), (3, 0), (5, 5), (5, 1))  # seeds of two learners; 0 is an untrained one
SPREADS, OF_ITEMS = {"no": 0.0, "small": 0.3, "large": 1.0}, {"alike": 0.0, "unlike": 1.5}
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)


class Coverage(NamedTuple):
    """The share of intervals that hold the truth, its Monte-Carlo error, and the mean length, all from 0 to 1."""

    share: float
    error: float
    length: float

    @property
    def in_aim(self) -> bool:
        """Whether the share lies within 93 to 97 %, give or take two Monte-Carlo errors."""
        return AIM[0] - 2 * self.error <= self.share <= AIM[1] + 2 * self.error


class Setting(NamedTuple):
    """A number of seeds and items, the spreads (log-odds) of both, the truth, and whether arms of a kind are pooled."""

    seeds: int
    items: int
    of_seeds: float
    of_items: float
    truth: float
    pooled: bool = True


def log_odds(truth: float, spread: float) -> float:
    """Return the constant at which a normal deviate of that spread gives this mean."""
    return float(brentq(lambda c: _WEIGHTS @ expit(c + spread * _NODES) / _WEIGHTS.sum() - truth, -30, 30))


def answers(
    draw: np.random.Generator, centre: float, of_seeds: float, seeds: int, difficulty: np.ndarray
) -> np.ndarray:
    """Return verdicts ``[seeds, items]``."""
    skill = of_seeds * draw.standard_normal((seeds, 1))
    return (draw.random((seeds, len(difficulty))) < expit(centre + skill + difficulty)).astype(float)


def of_means(setting: Setting, replicates: int, seed: int = 0) -> Coverage:
    """Return the coverage of accuracies; that of one seed is of the items of this very model."""
    draw = np.random.default_rng([seed, *_numbers(setting)])
    centre = log_odds(setting.truth, float(np.hypot(setting.of_seeds, setting.of_items)))

    def replicate() -> Iterator[tuple[Estimate, float]]:
        difficulty = setting.of_items * draw.standard_normal(setting.items)
        grids = [answers(draw, centre, setting.of_seeds, setting.seeds, difficulty) for _ in range(ARMS)]
        pooled = pooled_seed_variance([components(grid) for grid in grids]) if setting.pooled else None
        for grid in grids:
            yield accuracy(grid, pooled=pooled if pooled and pooled.usable else None), setting.truth

    return covered(replicate, replicates)


def of_differences(
    first: int, second: int, items: int, of_seeds: float, truths: tuple[float, float], replicates: int, seed: int = 0
) -> Coverage:
    """Return the coverage of differences of two learners on the same unlike items; no second seed: it is untrained."""
    draw = np.random.default_rng([seed, first, second, items, *(int(1000 * x) for x in (of_seeds, *truths))])
    spreads = (of_seeds, of_seeds if second else 0.0)
    centres = [log_odds(truth, float(np.hypot(of, 1.5))) for truth, of in zip(truths, spreads, strict=True)]

    def replicate() -> Iterator[tuple[Estimate, float]]:
        difficulty = 1.5 * draw.standard_normal(items)
        ours, theirs = (
            answers(draw, centre, of, max(1, n), difficulty)
            for centre, of, n in zip(centres, spreads, (first, second), strict=True)
        )
        yield learner_difference(ours, theirs, untrained=(False, not second)).difference, truths[0] - truths[1]

    return covered(replicate, replicates)


def of_repeats(items: int, distinct: int, truth: float, replicates: int, clustered: bool, seed: int = 0) -> Coverage:
    """Return the coverage of one model's accuracy on items drawn with repeats, which it answers alike."""
    draw = np.random.default_rng([seed, items, distinct, int(1000 * truth)])

    def replicate() -> Iterator[tuple[Estimate, float]]:
        labels = draw.integers(0, distinct, items).tolist()
        verdicts = (draw.random(distinct) < truth).astype(float)[labels]
        yield accuracy(verdicts[None], clusters=labels if clustered else None), truth

    return covered(replicate, replicates)


def of_passages(passages: int, each: int, spread: float, truth: float, replicates: int, clustered: bool) -> Coverage:
    """Return the coverage of one model's accuracy on items of which ``each`` share a passage that is easy or hard."""
    draw = np.random.default_rng([passages, each, int(1000 * spread), int(1000 * truth)])
    centre = log_odds(truth, spread)

    def replicate() -> Iterator[tuple[Estimate, float]]:
        labels = np.repeat(np.arange(passages), each)
        verdicts = answers(draw, centre, 0.0, 1, spread * draw.standard_normal(passages)[labels])
        yield accuracy(verdicts, clusters=labels.tolist() if clustered else None), truth

    return covered(replicate, replicates)


def covered(replicate: Callable[[], Iterator[tuple[Estimate, float]]], replicates: int) -> Coverage:
    """Return the coverage of what ``replicate`` yields, intervals and the truths that they should hold."""
    shares, lengths = np.empty(replicates), np.empty(replicates)
    for number in range(replicates):
        found = list(replicate())
        shares[number] = np.mean([one.low - 1e-12 <= truth <= one.high + 1e-12 for one, truth in found])
        lengths[number] = np.mean([one.high - one.low for one, _ in found])
    error = max(float(shares.std(ddof=1)), 0.05) / replicates**0.5  # not 0 where all of them hold it
    return Coverage(float(shares.mean()), error, float(lengths.mean()))


def _numbers(setting: Setting) -> list[int]:
    return [int(1000 * value) for value in setting]


def main(replicates: int) -> None:
    """Print the tables, with the number of settings within the aim."""
    found: list[Coverage] = []

    def line(label: str, *columns: Coverage, counted: bool = True) -> None:
        found.extend(columns if counted else ())
        texts = (
            f"{100 * c.share:5.1f} ± {100 * c.error:.1f} [{100 * c.length:5.1f}]{' ' if c.in_aim else '*'}"
            for c in columns
        )
        print(f"{label:<44}", *texts, flush=True)

    for pooled in (True, False):
        print(f"\nMeans, {f'pooled over {ARMS} arms' if pooled else 'each arm alone'}; truth .5, .9, .98\n")
        for seeds, items, spread, of_items in product((2, 3, 4, 5), (24, 40, 250), SPREADS, OF_ITEMS):
            settings = [
                Setting(seeds, items, SPREADS[spread], OF_ITEMS[of_items], truth, pooled) for truth in (0.5, 0.9, 0.98)
            ]
            label = f"{seeds} seeds x {items} {of_items} items, {spread} spread"
            line(label, *(of_means(setting, replicates) for setting in settings), counted=pooled)
    print("\nMeans of one seed, for this very model; truth .5, .9, .98\n")
    for items, of_items in product((24, 40, 250), OF_ITEMS):
        settings = [Setting(1, items, 0.0, OF_ITEMS[of_items], truth) for truth in (0.5, 0.9, 0.98)]
        line(f"1 seed x {items} {of_items} items", *(of_means(setting, replicates) for setting in settings))
    print("\nDifferences; truths .5 and .5, .9 and .9, .9 and .6, .98 and .98\n")
    truths = ((0.5, 0.5), (0.9, 0.9), (0.9, 0.6), (0.98, 0.98))
    for (first, second), items, spread in product(PAIRS, (24, 250), SPREADS):
        label = f"{first} against {second or 'untrained'} x {items} items, {spread} spread"
        found_here = (of_differences(first, second, items, SPREADS[spread], pair, replicates) for pair in truths)
        line(label, *found_here)
    print("\nItems that repeat, and items that share a passage; truth .5, .9\n")
    for items, distinct in ((1000, 2048), (250, 250), (40, 40)):
        columns: list[Any] = [of_repeats(items, distinct, truth, replicates, True) for truth in (0.5, 0.9)]
        line(f"{items} items drawn from {distinct}, by cluster", *columns)
        columns = [of_repeats(items, distinct, truth, replicates, False) for truth in (0.5, 0.9)]
        line(f"{items} items drawn from {distinct}, by item", *columns, counted=False)
    for passages in (8, 24, 60):
        for clustered in (True, False):
            columns = [of_passages(passages, 5, 1.5, truth, replicates, clustered) for truth in (0.5, 0.9)]
            how = "cluster" if clustered else "item"
            line(f"{passages} passages of 5 items, by {how}", *columns, counted=clustered)
    print(f"\n{sum(c.in_aim for c in found)} of {len(found)} within 93 to 97 %, give or take two errors; * is not.")
    print(f"Lowest {100 * min(c.share for c in found):.1f} %, highest {100 * max(c.share for c in found):.1f} %.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
