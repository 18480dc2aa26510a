import numpy as np
import pytest
from scipy import stats

from offdiag.stats.means import mean_interval


def test_the_interval_is_students():
    x = np.random.default_rng(0).normal(3, 2, (2, 12))
    found = mean_interval(x)
    for i, row in enumerate(x):
        low, high = stats.t.interval(0.95, 11, loc=row.mean(), scale=stats.sem(row))
        assert [found.mean[i], found.low[i], found.high[i]] == pytest.approx([row.mean(), low, high])
    assert found.sd == pytest.approx(x.std(1, ddof=1))


def test_what_is_not_there_does_not_count():
    found = mean_interval([[1.0, 3.0, np.nan], [np.nan] * 3, [5.0, np.nan, np.nan]])
    assert found.n.tolist() == [2, 0, 1]
    np.testing.assert_equal(found.mean, [2, np.nan, 5])
    assert np.isfinite(found.low).tolist() == [True, False, False]
