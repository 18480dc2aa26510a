import math

import pytest

from offdiag.seeds import stream
from offdiag.stats import minimum_detectable_difference


def test_solves_connors_equation():
    n, p = 250, 0.3
    d = minimum_detectable_difference(n, p)
    assert math.sqrt(n) * d == pytest.approx(1.959964 * math.sqrt(p) + 0.841621 * math.sqrt(p - d**2), rel=1e-5)


def test_more_items_reveal_less():
    found = [minimum_detectable_difference(n, 0.2) for n in (50, 200, 1000)]
    assert found == sorted(found, reverse=True)


def test_power_is_what_was_asked_for():
    n, p = 400, 0.25
    d = minimum_detectable_difference(n, p)
    draws = stream(0, "power").multinomial(n, [(p + d) / 2, (p - d) / 2, 1 - p], size=4000)
    b, c = draws[:, 0], draws[:, 1]
    assert ((b - c) ** 2 / (b + c) > 1.959964**2).mean() == pytest.approx(0.8, abs=0.02)


def test_too_few_items_detect_nothing():
    assert math.isnan(minimum_detectable_difference(5, 0.1))
    assert math.isnan(minimum_detectable_difference(1, 1.0))
    assert math.isnan(minimum_detectable_difference(100, 0.0))


@pytest.mark.parametrize("bad", [{"n": 0}, {"disagreement": 1.2}, {"power": 0.3}])
def test_arguments_out_of_range(bad):
    with pytest.raises(ValueError, match="minimum_detectable_difference"):
        minimum_detectable_difference(**({"n": 10, "disagreement": 0.5} | bad))
