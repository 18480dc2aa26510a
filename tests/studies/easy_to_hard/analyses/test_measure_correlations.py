import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from support.item_frames import of_items

DRAW = np.random.default_rng(3)
STEPS = DRAW.integers(1, 6, 200)
VALUES = {"steps": STEPS, "words": STEPS * 3 + DRAW.integers(0, 9, 200), "chars": DRAW.integers(0, 50, 200)}
OF = MeasureCorrelations(name="x")


def test_each_pair_once_with_the_rank_correlation_of_scipy():
    found = OF.table(of_items(VALUES))
    assert found[["first", "second"]].to_numpy().tolist() == [
        ["steps", "words"],
        ["steps", "chars"],
        ["words", "chars"],
    ]
    for row in found.itertuples():
        expected = spearmanr(VALUES[row.first], VALUES[row.second]).statistic
        assert row.spearman == pytest.approx(expected)
        assert row.low < row.spearman < row.high
        assert (row.items, row.state, row.dataset) == (200, "done", "arc")


def test_the_interval_is_about_that_of_resampled_items():
    row = OF.table(of_items(VALUES)).iloc[0]
    drawn = np.random.default_rng(0).integers(0, 200, (400, 200))
    resampled = [spearmanr(VALUES["steps"][i], VALUES["words"][i]).statistic for i in drawn]
    np.testing.assert_allclose([row["low"], row["high"]], np.quantile(resampled, [0.025, 0.975]), atol=0.03)


def test_a_measure_that_is_missing_or_the_same_for_all():
    found = OF.table(of_items({**VALUES, "letters": [1] * 200}, missing=["words"])).set_index(["first", "second"])
    assert found.loc[("steps", "words"), ["state", "items"]].tolist() == ["missing", 0]
    assert found.loc[("steps", "letters"), "state"] == "done"
    assert np.isnan(found.loc[("steps", "letters"), "spearman"])
    assert np.isnan(found.loc[("words", "chars"), "spearman"])


def test_what_cannot_be():
    empty = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
    with pytest.raises(UserError, match="no measurement 'item_hardness'"):
        OF.table(empty)
    with pytest.raises(UserError, match="no measure of hardness of 'mmlu': there is arc"):
        OF.model_copy(update={"datasets": ("mmlu",)}).table(of_items(VALUES))
    twice = of_items(VALUES)
    table = twice.measurements["item_hardness"]
    doubled = Frames(cells=twice.cells, records=twice.records,
                     measurements={"item_hardness": pd.concat([table, table])})  # fmt: skip
    with pytest.raises(UserError, match="an item has two values of one measure"):
        OF.table(doubled)
