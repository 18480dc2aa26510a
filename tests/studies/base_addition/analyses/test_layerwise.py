import math

import numpy as np
import pytest

from offdiag.studies.base_addition.analyses.layerwise import summarise_layers


def test_the_highest_layer_and_the_area():
    found = summarise_layers([0, 4, 2])
    assert found == (4, 1, 2.5, 0)  # (0 + 4) / 2 / 2 + (4 + 2) / 2 / 2
    assert summarise_layers([3.0] * 7).area == 3
    deeper = summarise_layers(np.interp(np.linspace(0, 2, 9), [0, 1, 2], [0, 4, 2]))
    assert deeper.area == pytest.approx(2.5)


def test_layers_without_a_score_are_counted():
    assert summarise_layers([np.nan, 1, np.nan, 3]) == (3, 3, 2, 2)
    alone = summarise_layers([np.nan, 1])
    assert alone[:2] == (1, 1)
    assert math.isnan(alone.area)
    none = summarise_layers([np.nan, np.nan])
    assert (none.layer, none.n_undefined) == (-1, 2)
    assert math.isnan(none.highest)
