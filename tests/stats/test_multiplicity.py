import numpy as np
import pytest

from offdiag.stats import holm


def test_textbook_example():
    # Worked by hand: 4 x 0.005, 3 x 0.01, then 2 x 0.03 and 1 x 0.04, which may not fall below its predecessor.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_is_the_ceiling_and_the_input_stays():
    p = np.array([0.6, 0.7])
    assert holm(p).tolist() == [1, 1]
    assert p.tolist() == [0.6, 0.7]


def test_tests_that_were_not_made_do_not_count():
    adjusted = holm([0.01, np.nan, 0.04])
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])
    assert holm([]).size == 0
