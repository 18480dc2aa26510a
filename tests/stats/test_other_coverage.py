"""A few settings of ``make simulate`` (tests/support/coverage_of_others.py), which has them all."""

import pytest

from support.coverage_of_others import LOWEST, SETTINGS, coverage_of

SOME = (
    "Pearson of 10 skewed points",
    "Spearman of 15 normal points",
    "k50 at 18, k of 0, 1, 2, 4 … 32, n = 40",
    "length of a bias of 0, 20 places",
    "debiased CKA, 20 items x 64 features, noise 0.3",
    "leak rate 0.8, 10 words x 8 points, spread 1",
    "SGR, 3 draws, hard -0.2, spread 0.3",
    "posterior, n = 40, accuracy 0.9",
    "pass@4 of 30 items, Beta(2, 2)",
    "paired scores of 30 items, 0.9 of them 0",
    "mean of 2 seeds by resamples, seeds vary by 0, items by 0",
    "scores of 2 v 2 seeds, seeds vary by 0, items by 0",
)


@pytest.mark.parametrize("label", SOME)
def test_a_setting_is_covered(label):
    found = coverage_of(label, 60)
    assert found.share >= LOWEST - 3 * found.error, found


def test_all_settings_are_named_once():
    assert len(SETTINGS) > 70
    assert set(SOME) <= set(SETTINGS)
