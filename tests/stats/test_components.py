import math

import numpy as np
import pytest
from scipy.stats import bartlett, t, ttest_1samp

from offdiag.stats import wilson
from offdiag.stats.bayes import beta_posterior
from offdiag.stats.components import (
    MeanVariance,
    Part,
    components,
    linear_scores,
    pooled_seed_variance,
    prompt_variance,
    residual_share,
)
from offdiag.stats.contrast import contrast
from offdiag.stats.replicated import accuracy, mean_of_replicates, spread_of

NAN = np.nan


def answers(seeds, items, of_seeds=0.1, of_items=0.3, of_residual=0.5, seed=0):
    draw = np.random.default_rng(seed)
    a, b = of_seeds * draw.standard_normal((seeds, 1)), of_items * draw.standard_normal((1, items))
    return 1 + a + b + of_residual * draw.standard_normal((seeds, items))


def test_mean_squares_by_hand():
    """Squares of the table 1 2 6 / 3 2 7: 1.5 of the rows, 27 of the columns, 1 of the rest; freedoms 1, 2, 2."""
    found = components([[1, 2, 6], [3, 2, 7]])
    assert found == pytest.approx((3.5, 2, 3, 1.5, 13.5, 0.5))
    assert (found.seeds, found.items, found.residual) == pytest.approx((1 / 3, 6.5, 0.5))


def test_components_are_unbiased_and_so_is_the_variance_of_the_mean():
    tables = [answers(3, 40, 0.2, 0.3, 0.5, seed=number) for number in range(600)]
    found = [components(table) for table in tables]
    raw = [((c.of_seeds - c.of_residual) / 40, (c.of_items - c.of_residual) / 3, c.of_residual) for c in found]
    assert np.mean(raw, axis=0) == pytest.approx([0.04, 0.09, 0.25], rel=0.1)
    expected = 0.04 / 3 + 0.09 / 40 + 0.25 / 120
    assert np.mean([spread_of(c).variance for c in found]) == pytest.approx(expected, rel=0.1)
    assert np.var([c.mean for c in found]) == pytest.approx(expected, rel=0.15)


def test_one_seed_is_students_t():
    values = answers(1, 12)[0]
    expected = ttest_1samp(values, 0)
    found = mean_of_replicates(values[None])
    assert found[:3] == pytest.approx((values.mean(), *expected.confidence_interval()), rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_seeds_and_items_have_equal_rights():
    table = answers(4, 9)
    one, other = components(table), components(table.T)
    assert (one.of_seeds, one.of_items, one.of_residual) == pytest.approx(
        (other.of_items, other.of_seeds, other.of_residual)
    )


def test_gaps_leave_the_mean_and_two_ways_of_clustering():
    """Two seeds that were asked different items: seeds differ by 1/2, and there is nothing to tell items by."""
    table = np.array([[1.0, 0, NAN, NAN], [NAN, NAN, 1, 1]])
    scores = linear_scores(table)
    assert scores.mean() == pytest.approx(0.75)
    assert scores.mean(axis=1) == pytest.approx([0.5, 1.0])
    assert linear_scores([[1, NAN], [NAN, NAN]]).shape == (1, 1)


def test_items_of_a_cluster_are_one():
    table = answers(3, 5)
    twice = np.repeat(table, 2, axis=1)
    labels = np.repeat(list("abcde"), 2)
    assert components(twice, labels) == pytest.approx(components(table))
    assert components(table, range(5)) == pytest.approx(components(table))


def test_pooled_is_the_mean_and_homogeneity_is_bartletts():
    draw = np.random.default_rng(1)
    tables = [(draw.random((3, 60)) < 0.5 + 0.1 * draw.standard_normal((3, 1))).astype(float) for _ in range(4)]
    parts = [components(table) for table in tables]
    found = pooled_seed_variance(parts)
    assert found is not None
    assert found.share == pytest.approx(
        sum(p.of_seeds - p.of_residual for p in parts) / 60 / sum(p.bernoulli for p in parts)
    )
    assert 7.5 < found.freedom <= 8
    scaled = [table.mean(axis=1) / math.sqrt(part.bernoulli) for table, part in zip(tables, parts, strict=True)]
    assert found.p_equal == pytest.approx(bartlett(*scaled).pvalue, rel=1e-9)


def test_arms_without_a_mistake_or_a_second_seed_tell_nothing():
    part = components(np.ones((3, 9)))
    assert pooled_seed_variance([part, components(np.eye(3)[:1])]) is None


def test_quantiles_lie_between_those_of_the_parts():
    spread = MeanVariance((Part(1.0, 2), Part(1.0)))
    assert 1.96 < spread.quantile(0.95) < t.ppf(0.975, 2)
    assert MeanVariance((Part(1.0, 2), Part(0.0))).quantile(0.95) == pytest.approx(t.ppf(0.975, 2))
    assert spread.p_value(spread.quantile(0.9)) == pytest.approx(0.1)
    assert spread.p_value(0.0) == 1


def test_few_seeds_keep_most_of_the_residual():
    assert [residual_share(freedom) for freedom in (1, 4, math.inf)] == pytest.approx([0.2, 0.5, 1.0], nan_ok=True)


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="seeds, items"):
        components([1, 2])
    with pytest.raises(ValueError, match="a label per item"):
        components([[1, 2]], ["a"])


def test_clusters_that_are_alike_count_once_each():
    """One cluster of 24 answers, or two that are alike, tell no variance: they are one observation, or two."""
    halves = np.tile([1.0, 0.0], 12)[None]
    for clusters in (["a"] * 24, ["a"] * 12 + ["b"] * 12):
        n = len(set(clusters))
        for answers in (halves, np.vstack([halves, halves])):
            assert accuracy(answers, clusters=clusters)[1:3] == pytest.approx(
                [float(end) for end in wilson(n / 2, n)], abs=1e-12
            )
        assert beta_posterior(halves, clusters=clusters)[1] == pytest.approx((0.5 + n / 2, 0.5 + n / 2))
        ends = contrast([halves, halves], [1, -1], clusters=[clusters, clusters])
        assert ends.high == pytest.approx(np.sqrt(2) * (float(wilson(n / 2, n).high) - 0.5))


def test_the_variance_between_prompts_is_unbiased():
    """Prompts, seeds and items, and how prompts meet seeds and items: of all of it the prompts alone are told."""
    found = []
    for number in range(400):
        draw = np.random.default_rng([7, number])
        shapes = {(4, 1, 1): 0.2, (1, 3, 1): 0.3, (1, 1, 20): 0.4, (4, 3, 1): 0.2, (4, 1, 20): 0.3, (4, 3, 20): 0.5}
        found.append(prompt_variance(sum(sd * draw.standard_normal(shape) for shape, sd in shapes.items())))
    assert np.mean(found) == pytest.approx(0.2**2, abs=3 * np.std(found) / 20)
    assert np.std(found) / 20 < 0.004
    assert min(found) < 0  # by chance


def test_the_variance_between_prompts_by_hand():
    """Two prompts differ by 1, 1 and 4 on three items: MS(prompts) 6, MS(prompts x items) 3 / 2, by one seed."""
    one = [[[0, 1, 2]], [[1, 2, 6]]]
    assert prompt_variance(one) == pytest.approx((6 - 1.5) / 3)
    both = [[[0, 1, 2], [0, 1, 2]], [[1, 2, 6], [1, 2, 6]]]  # seeds that agree
    assert prompt_variance(both) == pytest.approx((12 - 3) / 6)
    with pytest.raises(ValueError, match="two prompts"):
        prompt_variance([[[1, 2]]])
