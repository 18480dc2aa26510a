"""Intervals that claim 95 % hold the truth in about 95 of 100 simulated studies: not in fewer, and not in more."""

import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import transition, transition_from_accuracies
from offdiag.analyses.logistic import logistic
from offdiag.seeds import stream

K = np.array([0, 1, 2, 3, 4, 6, 8, 12.0])
PLATEAU, SLOPE, MIDPOINT, N = 0.92, 1.5, 2.0, 250
TRUTH = {
    "plateau": PLATEAU,
    "slope": SLOPE,
    "midpoint": MIDPOINT,
    "width_10_90": math.log(81) / SLOPE,
    "k50": MIDPOINT - math.log(2 * PLATEAU - 1) / SLOPE,
}


def verdicts(trial):
    """Answers ``[items, K]``, independent of each other."""
    accuracy = logistic(K, np.array([0, PLATEAU, SLOPE, MIDPOINT]))
    return stream(trial, "verdicts").random((N, K.size)) < accuracy


def from_answers(trials, level):
    """The fits of ``trials`` simulated studies, each a series."""
    one = pd.DataFrame({"k": np.repeat(K, N), "example": np.tile(np.arange(N), K.size)})
    table = pd.concat([one.assign(study=trial, correct=verdicts(trial).T.ravel()) for trial in range(trials)])
    return transition(table, "study", n_resamples=200, level=level)


def from_accuracies(trials, level):
    one = pd.DataFrame({"k": K, "n": N})
    table = pd.concat([one.assign(study=trial, accuracy=verdicts(trial).mean(axis=0)) for trial in range(trials)])
    return transition_from_accuracies(table, "study", n_resamples=200, level=level)


def coverage(fits):
    return {
        name: float(np.mean((fits[f"{name}_low"] <= truth) & (truth <= fits[f"{name}_high"])))
        for name, truth in TRUTH.items()
    }


@pytest.mark.parametrize("fit", [from_answers, from_accuracies])
def test_95_percent(fit):
    """A true 95 % is outside of these bounds for a number less than once in 200 tests."""
    found = coverage(fit(120, 0.95))
    assert all(0.885 <= share <= 0.992 for share in found.values()), found
    assert 0.91 <= np.mean(list(found.values())) <= 0.98, found


def test_the_coverage_is_what_is_asked_for():
    """Intervals that hold the truth too often would show here, where there is room above."""
    found = coverage(from_answers(60, 0.6))
    assert 0.5 <= np.mean(list(found.values())) <= 0.7, found
