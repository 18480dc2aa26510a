import math
from itertools import combinations

import numpy as np
import pytest

from offdiag.stats.pairs import pair_mean


def test_the_interval_by_hand():
    # leaving out a, b, c keeps the pair b-c (6), a-c (2), a-b (1)
    found = pair_mean([1, 2, 6], ["a", "a", "b"], ["b", "c", "c"])
    left = np.array([6, 2, 1])
    half = 4.302653 * math.sqrt(2 / 3 * np.sum((left - left.mean()) ** 2))
    assert found.value == 3
    assert found.high - found.value == pytest.approx(half, rel=1e-5)
    assert found.value - found.low == pytest.approx(half, rel=1e-5)


def test_a_pair_alone_has_no_interval():
    assert math.isnan(pair_mean([1.0], ["a"], ["b"]).low)
    assert math.isnan(pair_mean([1.0, 3.0], ["a", "a"], ["b", "c"]).high)


def test_it_covers_where_pairs_share_what_varies():
    """Each thing adds its own effect to all of its pairs, so pairs taken as independent would be far too sure."""
    rng = np.random.default_rng(0)
    names = list(combinations(range(8), 2))
    inside = naive = 0
    for _ in range(400):
        effect = rng.normal(size=8)
        values = np.array([effect[i] + effect[j] for i, j in names]) + 0.3 * rng.normal(size=len(names))
        found = pair_mean(values, *zip(*names, strict=True))
        inside += found.low <= 0 <= found.high
        naive += abs(values.mean()) < 2 * values.std(ddof=1) / math.sqrt(len(values))
    assert inside / 400 > 0.92
    assert naive / 400 < 0.75


def test_nothing_to_average():
    with pytest.raises(ValueError, match="expected"):
        pair_mean([], [], [])
