"""Pass@k against its definition, the majority's rule, and intervals of scores that are not right or wrong."""

from itertools import combinations

import numpy as np
import pytest

from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.replicated import accuracy
from offdiag.stats.samples import majority, pass_at_k


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pass_at_k_is_the_share_of_all_sets_with_a_right_answer(n):
    for correct in range(n + 1):
        answers = [i < correct for i in range(n)]
        for k in range(1, n + 1):
            sets = [any(chosen) for chosen in combinations(answers, k)]
            assert pass_at_k(n, correct, k) == pytest.approx(sum(sets) / len(sets), abs=1e-12)


def test_pass_at_k_is_unbiased():
    chance, n, k = 0.3, 8, 4
    counts = np.random.default_rng(0).binomial(n, chance, 20_000)
    found = np.mean([pass_at_k(n, int(c), k) for c in counts])
    assert found == pytest.approx(1 - (1 - chance) ** k, abs=0.01)
    assert 1 - (1 - np.mean(counts / n)) ** k == pytest.approx(found, abs=0.01)
    naive = np.mean(1 - (1 - counts / n) ** k)
    assert abs(naive - found) > 0.03, "the plug-in estimate is biased"


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 1, 0), (4, 1, 5), (4, 5, 2), (4, -1, 2)])
def test_pass_at_k_of_nothing_is_refused(n, correct, k):
    with pytest.raises(ValueError, match="pass_at_k"):
        pass_at_k(n, correct, k)


def test_pass_at_k_does_not_overflow():
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        (["a", "b", "b"], 1),
        (["a", "b"], 0),
        (["b", "a", "a", "b"], 0),
        ([None, None, "a"], 2),
        ([None], None),
        ([], None),
    ],
)
def test_the_majority_has_a_stated_rule(answers, chosen):
    assert majority(answers) == chosen


def test_right_and_wrong_have_the_interval_they_had():
    verdicts = [1, 1, 0, 1, 0, 1, 1, 0, 1, 1]
    assert accuracy([verdicts])[:3] == pytest.approx((0.7, 0.39678, 0.89221), abs=1e-5)  # Wilson


def test_scores_have_a_shorter_interval_than_right_and_wrong_of_that_mean():
    draw = np.random.default_rng(1)
    scores = draw.beta(8, 8, 60)
    found = accuracy([scores])
    t_half = 2.001 * scores.std(ddof=1) / np.sqrt(60)
    assert (found.high - found.low) / 2 == pytest.approx(t_half, rel=0.02)
    assert 0 < found.low < scores.mean() < found.high < 1


def test_scores_that_are_alike_count_once_each():
    found = accuracy([[0.5] * 20])
    assert found[:3] == pytest.approx(accuracy([[0, 1] * 10])[:3])


def test_a_difference_of_scores_is_a_paired_t_test_within_its_range():
    draw = np.random.default_rng(2)
    first = draw.beta(4, 4, 80)
    second = np.clip(first - 0.02 + 0.05 * draw.standard_normal(80), 0, 1)
    found = learner_difference([first], [second]).difference
    apart = first - second
    half = 1.990 * apart.std(ddof=1) / np.sqrt(80)
    assert found[:3] == pytest.approx((apart.mean(), apart.mean() - half, apart.mean() + half), abs=5e-4)
    from scipy.stats import ttest_rel

    assert found.p_value == pytest.approx(ttest_rel(first, second).pvalue, rel=0.1)
