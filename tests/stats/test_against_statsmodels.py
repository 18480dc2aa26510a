"""Our formulas beside those of statsmodels 0.15.0, whose numbers stand here; it is not needed to run the tests.

They were made with statsmodels in an environment of its own by what stands above each: ``proportion_confint`` (Wilson,
Jeffreys), ``multipletests`` (Holm), ``mcnemar`` (exact), ``anova_lm`` (mean squares), ``OLS`` with clusters and
``use_t=True`` (means), ``DescrStatsW`` (mean with t) and ``ttost_paired`` (equivalence).
"""

import numpy as np
import pytest

from offdiag.stats import holm, mcnemar, wilson
from offdiag.stats.bayes import beta_posterior
from offdiag.stats.components import components
from offdiag.stats.paired import equivalent
from offdiag.stats.replicated import accuracy, mean_of_replicates

# proportion_confint(right, n, 1 - level, "wilson") and the same with "jeffreys"
PROPORTIONS = [
    (0, 10, 0.95, (0.0, 0.27753279986288926), (4.7890433157581876e-05, 0.2171962675092106)),
    (7, 10, 0.95, (0.39677814746114537, 0.8922087325936989), (0.3941816818513287, 0.9073054060618468)),
    (199, 250, 0.95, (0.7417463408228052, 0.8412947458758916), (0.7428159131376599, 0.8423772586221152)),
    (25, 25, 0.9, (0.902346493993949, 1.0), (0.9267606061888465, 0.9999221426930902)),
    (1, 1000, 0.95, (0.00017654637062607765, 0.005642558597957937), (0.00010791880468097968, 0.004664458808791373)),
]
VALUES = np.array([0.3, -0.1, 0.4, 0.25, -0.2, 0.15, 0.05, 0.5, 0.1, 0.2, 0.35, -0.05])


def same(numbers):
    return pytest.approx(numbers, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("right", "n", "level", "of_wilson", "of_jeffreys"), PROPORTIONS)
def test_proportions(right, n, level, of_wilson, of_jeffreys):
    verdicts = [[1] * right + [0] * (n - right)]
    assert [float(end) for end in wilson(right, n, level)] == same(of_wilson)
    assert accuracy(verdicts, level=level)[1:3] == same(of_wilson)
    assert beta_posterior(verdicts, level=level)[0][1:3] == same(of_jeffreys)


def test_tests():
    # multipletests(p, method="holm")[1]; mcnemar([[5, b], [c, 9]], exact=True).pvalue
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.04]).tolist() == same([0.05, 0.12, 0.12, 0.03, 0.2, 0.12])
    exact = {(1, 7): 0.0703125, (12, 3): 0.03515625, (0, 5): 0.0625, (30, 14): 0.022628841205914796}
    assert [mcnemar(*counts, exact=True) for counts in exact] == same(list(exact.values()))


def test_mean_squares():
    # anova_lm(ols("y ~ C(seed) + C(item)", data).fit()): sum_sq / df
    grid = [[1, 0, 1, 1, 0, 1, 0, 1], [1, 1, 1, 0, 0, 1, 0, 1], [0, 0, 1, 1, 1, 1, 0, 0]]
    assert components(grid)[3:] == same((0.04166666666666672, 0.3571428571428571, 0.23214285714285712))


@pytest.mark.parametrize(
    ("clusters", "ends", "p_value"),
    [
        ([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], (0.05559290673617634, 0.26940709326382367), 0.01684860958754783),
        ([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3], (-0.01955621964477805, 0.34455621964477806), 0.06561457716569348),
        (None, (0.027632672687306625, 0.2973673273126934), 0.02250828830894237),
    ],
)
def test_means_by_item_and_by_cluster(clusters, ends, p_value):
    # OLS(VALUES, ones).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True); DescrStatsW(VALUES)
    found = mean_of_replicates(VALUES[None], clusters=clusters)
    assert found[1:3] == same(ends)
    assert found.p_value == same(p_value)


def test_equivalence():
    # ttost_paired(VALUES, zeros, -margin, margin)[0] is 0.00543 at .35; the ends at 90 % decide alike
    at_90 = mean_of_replicates(VALUES[None], level=0.9)
    assert equivalent(at_90, 0.35)
    assert not equivalent(at_90, at_90.high - 1e-9)
