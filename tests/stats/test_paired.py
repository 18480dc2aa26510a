import math

import numpy as np
import pytest
from scipy.stats import binomtest

from offdiag.seeds import stream
from offdiag.stats import mcnemar, paired_difference, paired_from_counts, wilson


def test_published_example():
    # Airway reactivity of 21 children, Bentur et al. 2009, as worked out by Fagerland, Lydersen and Laake (2014).
    found = paired_from_counts(only_first=1, only_second=7, n=21)
    assert found.difference == pytest.approx(-6 / 21)
    assert (found.low, found.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert found.p_value == pytest.approx(0.0703, abs=5e-5)


def test_counts_come_from_the_aligned_vectors():
    found = paired_difference([True, True, False, False, True], [True, False, True, False, False])
    assert (found.n, found.only_first, found.only_second) == (5, 2, 1)
    assert found.difference == pytest.approx(0.2)
    assert found == paired_from_counts(2, 1, 5)


def test_swapping_the_two_mirrors_everything():
    one, other = paired_from_counts(12, 3, 80), paired_from_counts(3, 12, 80)
    assert (one.low, one.high, one.p_value) == pytest.approx((-other.high, -other.low, other.p_value))


def test_without_disagreement_the_interval_is_that_of_wilson_for_nothing():
    found = paired_from_counts(0, 0, 250)
    assert found.high == pytest.approx(float(wilson(0, 250).high), abs=1e-9)
    assert found.low == -found.high
    assert found.p_value == 1


def test_with_nothing_but_disagreement_the_interval_ends_at_one():
    found = paired_from_counts(250, 0, 250)
    assert found.difference == found.high == 1
    assert 0.95 < found.low < 1


@pytest.mark.parametrize(("b", "c"), [(4, 16), (5, 14), (10, 20), (11, 20), (0, 4), (0, 3)])
def test_interval_excludes_zero_where_the_score_test_rejects(b, c):
    found = paired_from_counts(b, c, 100)
    assert (found.high < 0) == ((b - c) ** 2 / (b + c) > 1.959964**2)


def test_mcnemar_is_the_binomial_test():
    for b, c in [(0, 0), (3, 3), (1, 7), (40, 20)]:
        expected = binomtest(b, b + c).pvalue if b + c else 1
        assert mcnemar(b, c) == pytest.approx(expected)


def test_no_items_are_no_numbers():
    found = paired_difference([], [])
    assert found.n == 0
    assert all(math.isnan(value) for value in found[1:5])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([1, 0], [1], "aligned"), ([0.5, 1], [1, 1], "booleans"), (["True", "False"], ["True", "True"], "booleans")],
)
def test_bad_verdicts_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(first, second)


@pytest.mark.parametrize("cells", [(0.02, 0.01, 0.97), (0.2, 0.1, 0.7), (0.5, 0.05, 0.45)])
def test_interval_covers_the_truth(cells):
    truth = cells[0] - cells[1]
    draws, counts = np.unique(
        stream(0, "paired", str(cells)).multinomial(150, cells, size=3000), axis=0, return_counts=True
    )
    intervals = [paired_from_counts(int(b), int(c), 150) for b, c, _ in draws]
    hits = np.array([one.low <= truth <= one.high for one in intervals])
    assert 0.935 <= counts[hits].sum() / 3000 <= 0.985
