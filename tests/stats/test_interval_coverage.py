"""A few settings of ``make simulate`` (tests/support/coverage.py), which has them all."""

import pytest

from support.coverage import Setting, of_differences, of_means, of_passages, of_repeats

LOWEST, HIGHEST = 0.93, 0.975  # three Monte-Carlo errors are allowed besides


def holds(found, lowest=LOWEST, highest=HIGHEST):
    return lowest - 3 * found.error <= found.share <= highest + 3 * found.error


@pytest.mark.parametrize(
    ("seeds", "items", "of_seeds", "of_items", "truth"),
    [(2, 40, 0.0, 0.0, 0.5), (2, 40, 0.3, 1.5, 0.5), (2, 40, 1.0, 1.5, 0.9), (3, 24, 0.3, 0.0, 0.9),
     (4, 24, 1.0, 1.5, 0.5), (5, 40, 0.3, 1.5, 0.9), (3, 250, 1.0, 0.0, 0.98)],
)  # fmt: skip
def test_means_of_pooled_arms_are_covered(seeds, items, of_seeds, of_items, truth):
    found = of_means(Setting(seeds, items, of_seeds, of_items, truth), 120)
    assert holds(found), found


@pytest.mark.parametrize("of_seeds", [0.0, 1.0])
def test_two_seeds_alone_are_covered_by_a_long_interval(of_seeds):
    alone, pooled = (of_means(Setting(2, 40, of_seeds, 1.5, 0.5, pooled), 120) for pooled in (False, True))
    assert holds(alone, lowest=0.92, highest=0.99), alone
    assert alone.length > 1.3 * pooled.length


@pytest.mark.parametrize(
    ("first", "second", "of_seeds", "truths"),
    [(2, 2, 0.3, (0.5, 0.5)), (2, 1, 1.0, (0.9, 0.9)), (3, 3, 1.0, (0.9, 0.6)), (3, 0, 0.3, (0.5, 0.5))],
)
def test_differences_are_covered(first, second, of_seeds, truths):
    found = of_differences(first, second, 40, of_seeds, truths, 200)
    assert holds(found, highest=0.985), found


@pytest.mark.parametrize("first", [2, 3])
def test_one_seed_that_is_far_worse_is_covered(first):
    """As if seeds varied alike in accuracy, 88 % of such intervals held the truth."""
    found = of_differences(first, 1, 250, 1.0, (0.9, 0.6), 400)
    assert holds(found), found


def test_repeats_and_passages_are_covered_by_cluster_and_not_by_item():
    clustered, naive = (of_repeats(250, 250, 0.5, 400, by) for by in (True, False))
    assert holds(clustered), clustered
    assert naive.share < 0.9
    passages, items = (of_passages(24, 5, 1.5, 0.5, 300, by) for by in (True, False))
    assert holds(passages), passages
    assert items.share < 0.9
