"""Simulate how often the other intervals hold the truth: correlations, thresholds, biases, alignment, ratios and more.

``make simulate`` prints all settings of :data:`SETTINGS` with Monte-Carlo errors; a test runs some of them.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import numpy as np
from scipy.special import betaln
from scipy.stats import norm

from offdiag.stats.alignment import alignment
from offdiag.stats.bayes import beta_posterior
from offdiag.stats.bootstrap import seeds_and_items_mean, simultaneous_band
from offdiag.stats.calibration import calibration
from offdiag.stats.coordinate_probe import mean_length
from offdiag.stats.correlation import interval_of_correlation
from offdiag.stats.gain_ratio import gain_ratio
from offdiag.stats.intervals import Estimate
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy
from offdiag.stats.samples import pass_at_k
from offdiag.studies.base_addition.analyses.episode_curves import half_bracket
from support.coverage import Coverage, covered

Draw: TypeAlias = np.random.Generator
Found: TypeAlias = Iterator[tuple[Estimate, float]]
LOWEST = 0.92  # of these settings; the longest intervals hold nearly always


def of_correlation(draw: Draw, n: int, kind: str, ranks: bool) -> Found:
    """Correlation .8 of normal, uniform, heavy-tailed (t with 5 degrees of freedom) or log-normal points."""
    x, noise = draw.standard_normal((2, n))
    y, truth = 0.8 * x + 0.6 * noise, 6 / np.pi * np.arcsin(0.4) if ranks else 0.8
    if kind == "skewed":
        x, y = np.exp(0.8 * x), np.exp(0.8 * y)
        truth = truth if ranks else (np.exp(0.64 * 0.8) - 1) / (np.exp(0.64) - 1)
    elif kind == "heavy":
        x, y = np.stack([x, y]) / np.sqrt(draw.chisquare(5, n) / 5)
    low, high = interval_of_correlation(x, y, ranks=ranks)
    yield Estimate(0.0, low, high), float(truth)


def of_threshold(draw: Draw, k: tuple[int, ...], at: float, width: float, n: int) -> Found:
    """k50 of a logistic curve that is measured at some k, with n sequences each."""
    truth = 1 / (1 + np.exp(-(np.array(k) - at) / width))
    low, high = half_bracket(np.array(k, float), (draw.random((1, n, len(k))) < truth).astype(float))
    yield Estimate(at, low, min(high, k[-1])), at if high <= k[-1] else k[-1]


def of_bias(draw: Draw, n: int, true: float) -> Found:
    """Length of the mean of n vectors, twice as spread along one axis as along the other."""
    yield mean_length(draw.standard_normal((n, 2)) * [2, 1] + true * np.array([0.6, 0.8])), true


def of_alignment(draw: Draw, n: int, noise: float) -> Found:
    """Debiased CKA of two sets of 64 features of two latent variables, with noise."""
    maps = np.random.default_rng(0).standard_normal((2, 2, 64))
    latent = draw.standard_normal((n, 2))
    x, y = (latent @ one + noise * draw.standard_normal((n, 64)) for one in maps)
    own = [one.T @ one + noise**2 * np.eye(64) for one in maps]
    truth = np.sum((maps[0].T @ maps[1]) ** 2) / np.sqrt(np.prod([np.sum(one**2) for one in own]))
    yield alignment(x, y).debiased, float(truth)


def of_words(draw: Draw, words: int, points: int, spread: float, rate: float) -> Found:
    """Leak rate over words that leak more or less, each asked at some points under two seeds."""
    of_word = norm.cdf(norm.ppf(rate) * np.sqrt(1 + spread**2) + spread * draw.standard_normal(words))
    labels = np.repeat(np.arange(words), points)
    yield accuracy((draw.random((2, words * points)) < of_word[labels]).astype(float), clusters=labels.tolist()), rate


def of_gap(draw: Draw, seeds: int, hard: float, spread: float) -> Found:
    """Supervision gap recovered on 150 items, in all samples, whether the gap is significant or not."""
    skill = draw.standard_normal(150)

    def verdicts(shift: float, n: int, of_seed: float) -> np.ndarray:
        return (draw.standard_normal((n, 150)) + of_seed * draw.standard_normal((n, 1)) < skill + shift).astype(float)

    means = [norm.cdf(s / np.sqrt(2 + of**2)) for s, of in ((-0.6, 0), (-0.1, spread), (hard, spread))]
    found = gain_ratio(verdicts(-0.6, 1, 0)[0], verdicts(-0.1, seeds, spread), verdicts(hard, seeds, spread)).ratio
    yield (
        found._replace(low=max(found.low, -99), high=min(found.high, 99)),
        (means[1] - means[0]) / (means[2] - means[0]),
    )


def of_band(draw: Draw, points: int, shared: float) -> Found:
    """A whole curve of accuracies on 150 shared items: 1 where every point is held, else 0."""
    truth = np.linspace(0.1, 0.9, points)
    z = np.sqrt(shared) * draw.standard_normal((1, 150, 1)) + np.sqrt(1 - shared) * draw.standard_normal(
        (1, 150, points)
    )
    band = simultaneous_band((z < norm.ppf(truth)).astype(float))
    held = all(one.low <= t <= one.high for one, t in zip(band, truth, strict=True))
    yield Estimate(1.0, 1.0 - held, 1.0 if held else 0.5), 1.0


def of_posterior(draw: Draw, n: int, truth: float) -> Found:
    """Jeffreys' interval of one model's accuracy."""
    yield beta_posterior((draw.random((1, n)) < truth).astype(float))[0], truth


def of_calibration(draw: Draw, n: int, off: float) -> Found:
    """Expected calibration error of a model that is right less often than it says, by the same everywhere."""
    chances = draw.uniform(0.4, 1, n)
    yield calibration(chances, draw.random(n) < chances - off, n_resamples=300).ece, off


def of_pass(draw: Draw, n: int, k: int, a: float, b: float, samples: int = 8) -> Found:
    """pass@k of n items whose chances are Beta(a, b), from eight samples each."""
    right = draw.binomial(samples, draw.beta(a, b, n))
    truth = 1 - np.exp(betaln(a, b + k) - betaln(a, b))
    yield accuracy([[pass_at_k(samples, int(count), k) for count in right]]), float(truth)


def of_scores(draw: Draw, n: int, nothing: float, a: float, b: float) -> Found:
    """Mean score, such as F1, of n items: a share of them is worth nothing, the others' worth is Beta(a, b)."""
    yield accuracy([_scores(draw, n, nothing, a, b)]), (1 - nothing) * a / (a + b)


def of_paired_scores(draw: Draw, n: int, nothing: float, a: float, b: float) -> Found:
    """Difference of two learners' mean scores, of which each is half of what the items give both alike."""
    shared, *own = (_scores(draw, n, nothing, a, b) for _ in range(3))
    yield learner_difference(*([(shared + one) / 2] for one in own)).difference, 0.0


def of_resamples(draw: Draw, seeds: int, of_seed: float, of_item: float) -> Found:
    """Any statistic of 60 items by its resamples, averaged over seeds: here a mean of normal values."""
    grid = _crossed(draw, seeds, of_seed, of_item * draw.standard_normal(60), 1.0)
    counts = draw.multinomial(60, np.full(60, 1 / 60), 300)
    yield seeds_and_items_mean(grid.mean(axis=1), list((counts @ grid.T / 60).T)), 0.0


def of_seeded_scores(draw: Draw, seeds: tuple[int, int], of_seed: float, of_item: float) -> Found:
    """Difference of two learners of some seeds each, equally good, by scores of 60 items."""
    items = of_item * draw.standard_normal(60)
    pair = (np.clip(0.5 + _crossed(draw, n, of_seed, items, 0.15), 0, 1) for n in seeds)
    yield learner_difference(*pair).difference, 0.0


def _crossed(draw: Draw, seeds: int, of_seed: float, items: np.ndarray, residual: float) -> np.ndarray:
    """Values ``[seeds, items]`` that have a part of the seed, one of the item, and one of both."""
    rest = residual * draw.standard_normal((seeds, len(items)))
    return of_seed * draw.standard_normal((seeds, 1)) + items + rest


def _scores(draw: Draw, n: int, nothing: float, a: float, b: float) -> np.ndarray:
    return np.where(draw.random(n) < nothing, 0.0, draw.beta(a, b, n))


FAR = ("0, 1, 2, 4 … 32", (0, 1, 2, 4, 8, 16, 32))
CURVES = (("0, 1, 2 … 13", tuple(range(14)), 4.3, 1.0), (*FAR, 18.0, 0.5), (*FAR, 5.0, 2.0))
BETAS = ((0.5, 0.5), (0.3, 2.0), (2.0, 2.0))  # most items are either easy or hard; most are hard; all are in between
SETTINGS: dict[str, Callable[[Draw], Found]] = {
    **{
        f"{name} of {n} {kind} points": partial(of_correlation, n=n, kind=kind, ranks=name == "Spearman")
        for name in ("Pearson", "Spearman")
        for n in (6, 10, 15, 25)
        for kind in ("normal", "heavy", "skewed")
    },
    **{
        f"k50 at {at:g}, k of {name}, n = {n}": partial(of_threshold, k=k, at=at, width=width, n=n)
        for name, k, at, width in CURVES
        for n in (40, 300)
    },
    **{f"length of a bias of {true:g}, {n} places": partial(of_bias, n=n, true=true)
       for n in (8, 20, 40) for true in (0.0, 0.5, 3.0)},
    **{f"debiased CKA, {n} items x 64 features, noise {noise:g}": partial(of_alignment, n=n, noise=noise)
       for n in (20, 40, 200) for noise in (0.3, 3.0)},
    **{f"leak rate {rate:g}, {words} words x 8 points, spread {spread:g}":
       partial(of_words, words=words, points=8, spread=spread, rate=rate)
       for words in (5, 10) for spread in (0.0, 1.0, 3.0) for rate in (0.5, 0.8)},
    **{f"SGR, {seeds} draws, hard {hard:+g}, spread {spread:g}": partial(of_gap, seeds=seeds, hard=hard, spread=spread)
       for seeds in (1, 3, 5) for hard in (0.6, -0.2) for spread in (0.0, 0.3) if seeds > 1 or not spread},
    **{f"band of {points} points, shared {shared:g}": partial(of_band, points=points, shared=shared)
       for points in (5, 10) for shared in (0.0, 0.9)},
    **{f"posterior, n = {n}, accuracy {truth:g}": partial(of_posterior, n=n, truth=truth)
       for n in (24, 40, 250) for truth in (0.5, 0.9)},
    **{f"pass@{k} of {n} items, Beta({a:g}, {b:g})": partial(of_pass, n=n, k=k, a=a, b=b)
       for n in (30, 100) for k in (1, 4) for a, b in BETAS},
    **{f"{name} of {n} items, {nothing:g} of them 0": partial(of, n=n, nothing=nothing, a=3, b=2)
       for name, of in (("scores", of_scores), ("paired scores", of_paired_scores))
       for n in (30, 100) for nothing in (0.0, 0.6, 0.9)},
    **{f"mean of {seeds} seeds by resamples, seeds vary by {of_seed:g}, items by {of_item:g}":
       partial(of_resamples, seeds=seeds, of_seed=of_seed, of_item=of_item)
       for seeds in (2, 3, 5) for of_seed in (0.0, 0.1, 1.0) for of_item in (0.0, 1.0)},
    **{f"scores of {' v '.join(map(str, seeds))} seeds, seeds vary by {of_seed:g}, items by {of_item:g}":
       partial(of_seeded_scores, seeds=seeds, of_seed=of_seed, of_item=of_item)
       for seeds in ((2, 2), (3, 3), (5, 5)) for of_seed in (0.0, 0.03) for of_item in (0.0, 0.15)},
    **{f"calibration error {off:g}, n = {n}": partial(of_calibration, n=n, off=off)
       for n in (100, 400) for off in (0.0, 0.1)},
}  # fmt: skip


def coverage_of(label: str, replicates: int) -> Coverage:
    """Return the coverage of a setting, by its label."""
    draw = np.random.default_rng([ord(letter) for letter in label])
    return covered(lambda: SETTINGS[label](draw), replicates)


def main(replicates: int, *words: str) -> None:
    """Print the table of all settings, or of those that have one of the words in their label."""
    print("\nOther intervals (share that holds the truth, its Monte-Carlo error, mean length x 100)\n")
    found = {}
    for label in (label for label in SETTINGS if not words or any(word in label for word in words)):
        one = found[label] = coverage_of(label, replicates)
        share, mark = f"{100 * one.share:5.1f} ± {100 * one.error:.1f}", " " if one.in_aim else "*"
        print(f"{label:<56} {share} [{100 * one.length:6.1f}]{mark}", flush=True)
    low, high = (pick(found.values(), key=lambda one: one.share) for pick in (min, max))
    print(f"\n{sum(one.in_aim for one in found.values())} of {len(found)} within 93 to 97 %, give or take two errors; "
          f"lowest {100 * low.share:.1f} %, highest {100 * high.share:.1f} %.")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, *sys.argv[2:])
