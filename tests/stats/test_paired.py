import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from offdiag.seeds import stream
from offdiag.stats import holm, mcnemar, minimum_detectable_difference, paired_difference, paired_from_counts, wilson
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.paired import CLEAR, tango


def test_published_example():
    # Airway reactivity of 21 children, Bentur et al. 2009, as worked out by Fagerland, Lydersen and Laake (2014).
    found = paired_from_counts(only_first=1, only_second=7, n=21)
    assert found.difference == pytest.approx(-6 / 21)
    assert (found.low, found.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert found.p_value == pytest.approx(0.0391, abs=5e-5)  # mid-p
    assert mcnemar(1, 7, exact=True) == pytest.approx(0.0703, abs=5e-5)


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
def test_tangos_interval_excludes_zero_where_the_score_test_rejects(b, c):
    _, high = tango(b, c, 100, 1.959964)
    assert (high < 0) == ((b - c) ** 2 / (b + c) > 1.959964**2)


def test_mcnemar_is_the_binomial_test():
    for b, c in [(0, 0), (3, 3), (1, 7), (40, 20)]:
        expected = binomtest(b, b + c).pvalue if b + c else 1
        assert mcnemar(b, c, exact=True) == pytest.approx(expected)
        half = binom.pmf(b, b + c, 0.5) if b + c else 0
        assert mcnemar(b, c) == pytest.approx(min(1, expected - half if b != c else 1), rel=1e-9)


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


def test_holm_agrees_with_a_textbook_example():
    # Worked by hand: 4 x 0.005, 3 x 0.01, then 2 x 0.03 and 1 x 0.04, which may not fall below its predecessor.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_one_is_the_ceiling_and_the_input_stays():
    p = np.array([0.6, 0.7])
    assert holm(p).tolist() == [1, 1]
    assert p.tolist() == [0.6, 0.7]


def test_holm_tests_that_were_not_made_do_not_count():
    adjusted = holm([0.01, np.nan, 0.04])
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])
    assert holm([]).size == 0


def test_minimum_detectable_solves_connors_equation():
    n, p = 250, 0.3
    d = minimum_detectable_difference(n, p)
    assert math.sqrt(n) * d == pytest.approx(1.959964 * math.sqrt(p) + 0.841621 * math.sqrt(p - d**2), rel=1e-5)


def test_minimum_detectable_more_items_reveal_less():
    found = [minimum_detectable_difference(n, 0.2) for n in (50, 200, 1000)]
    assert found == sorted(found, reverse=True)


def test_minimum_detectable_difference_has_the_power_that_was_asked_for():
    n, p = 400, 0.25
    d = minimum_detectable_difference(n, p)
    draws = stream(0, "power").multinomial(n, [(p + d) / 2, (p - d) / 2, 1 - p], size=4000)
    b, c = draws[:, 0], draws[:, 1]
    assert ((b - c) ** 2 / (b + c) > 1.959964**2).mean() == pytest.approx(0.8, abs=0.02)


def test_minimum_detectable_too_few_items_detect_nothing():
    assert math.isnan(minimum_detectable_difference(5, 0.1))
    assert math.isnan(minimum_detectable_difference(1, 1.0))
    assert math.isnan(minimum_detectable_difference(100, 0.0))


@pytest.mark.parametrize("bad", [{"n": 0}, {"disagreement": 1.2}, {"power": 0.3}])
def test_minimum_detectable_arguments_out_of_range(bad):
    with pytest.raises(ValueError, match="minimum_detectable_difference"):
        minimum_detectable_difference(**({"n": 10, "disagreement": 0.5} | bad))


def test_interval_and_test_agree_on_zero_in_every_table_of_up_to_twenty_items():
    for n in range(1, 21):
        for first in range(n + 1):
            for second in range(n + 1 - first):
                one = paired_from_counts(first, second, n)
                ours = np.repeat([1, 0, 0], [first, second, n - first - second])[None]
                theirs = np.repeat([0, 1, 0], [first, second, n - first - second])[None]
                shown = learner_difference(ours, theirs, untrained=(True, True)).difference
                for low, high, p_value in ((one.low, one.high, one.p_value), (*shown[1:3], shown.p_value)):
                    assert (low > 0 or high < 0) == (p_value < 0.05), (n, first, second, low, high, p_value)


def test_a_bold_difference_leaves_out_zero():
    tables = [(first, second, 40) for first in range(20) for second in range(5)]
    found = [paired_from_counts(*table) for table in tables]
    adjusted = holm([one.p_value for one in found])
    bold = [one for one, p in zip(found, adjusted, strict=True) if p < CLEAR]
    assert bold
    assert all(one.low > 0 or one.high < 0 for one in bold)
