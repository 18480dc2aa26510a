import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.base_addition.analyses.anchoring import AnchoringScores
from offdiag.studies.base_addition.analyses.anchoring_curves import layer_curves, summarise_layers
from support.anchored import anchored

NOTHING = pd.DataFrame()


def frames(table):
    return Frames(cells=NOTHING, records=NOTHING, measurements={"anchoring": table})


def hill(base, k, layer, seed=0, pooling="mean"):
    """Highest, at 4 + base / 10, on layer 2."""
    return 4 + base / 10 - abs(layer - 2)


def scores(table, **fields):
    return AnchoringScores(name="scores", **fields).table(frames(table))


def test_one_row_a_base_k_and_pooling():
    found = scores(anchored(hill))
    assert found[["eval_base", "pooling", "k"]].values.tolist() == [
        [base, pooling, k] for base in (8, 9, 10) for pooling in ("last", "mean") for k in (2, 4, 8)
    ]
    row = found.iloc[0]
    assert row[["score", "score_max", "ausn"]].tolist() == pytest.approx([2.8, 4.8, 3.8])
    assert row[["max_layer", "n_layers", "n_queries", "n_seeds", "n_undefined_layers"]].tolist() == [2, 4, 25, 1, 0]
    # one seed: 0.25 / 25 over queries and 0.3^2 by the draw of the anchors, with nearly k - 1 degrees of freedom
    assert np.isnan(row["score_low"])  # the draw of two anchors says nothing of itself
    eight = found.iloc[2]
    assert [eight["score_low"], eight["score_high"]] == pytest.approx([2.8 - 0.7203, 2.8 + 0.7203], abs=1e-3)
    assert row[["density", "mismatch", "k50_ratio", "state"]].tolist() == [2, 0.5, 0.25, "done"]


def test_layers_without_a_score_are_left_out_and_counted():
    found = scores(anchored(lambda b, k, layer, s, p: None if layer in (0, 4) else hill(b, k, layer)), where={"k": 2})
    row = found.iloc[0]
    assert np.isnan(row["score"])  # the last layer is one of them
    assert row[["score_max", "ausn"]].tolist() == pytest.approx([4.8, 4.3])
    assert row[["n_undefined_layers", "note"]].tolist() == [2, "identical anchors"]


def test_one_anchor_has_a_row_and_no_score():
    found = scores(anchored(lambda *_: None, shots=(1,)))
    assert found["score_max"].isna().all()
    assert found["max_layer"].isna().all()
    assert (found["n_undefined_layers"] == 5).all()


def test_a_measurement_that_is_missing_is_a_row():
    found = scores(anchored(hill, missing=[9]), where={"pooling": "mean", "k": 8})
    assert found[["eval_base", "state"]].values.tolist() == [[8, "done"], [9, "missing"], [10, "done"]]
    assert found.set_index("eval_base").loc[9, ["score", "ausn", "k"]].isna().all()
    none = scores(anchored(hill, missing=[8, 9, 10]), where={"pooling": "mean"})
    assert none["state"].tolist() == ["missing"] * 3


def test_seeds_are_averaged_and_widen_the_interval():
    table = anchored(lambda b, k, layer, seed, p: hill(b, k, layer) + (0, 3, 6)[seed], seeds=(0, 1, 2))
    (curve,) = layer_curves(frames(table), {"pooling": "mean", "k": 2, "eval_base": 8}, (), "eval_base")
    assert (curve.n_seeds, curve.n_queries) == (3, 25)
    assert curve.score == pytest.approx(np.array([2.8, 3.8, 4.8, 3.8, 2.8]) + 3)
    # variance of the seeds' mean 9 / 3, of the queries' 0.25 / 25: t with nearly 2 degrees of freedom
    assert (curve.high - curve.low) / 2 == pytest.approx([4.3 * np.sqrt(3.01)] * 5, rel=0.01)


def test_a_layer_that_one_seed_lacks_is_not_averaged_over_the_others():
    table = anchored(lambda b, k, layer, seed, p: None if (layer, seed) == (0, 1) else 1.0, seeds=(0, 1))
    curve = layer_curves(frames(table), {}, (), "eval_base")[0]
    assert np.isnan(curve.score).tolist() == [True, False, False, False, False]


def test_two_measurements_of_one_place_are_an_error():
    both = pd.concat([anchored(hill), anchored(hill, bases=(8, 9), train_base=10).assign(measurement="other")])
    with pytest.raises(UserError, match="anchoring scores: 2 rows are alike in .*where= or match_on="):
        scores(both)
    assert len(scores(both, match_on=("base",), where={"k": 2, "pooling": "last"})) == 3


def test_a_study_without_the_measurement():
    with pytest.raises(UserError, match="no measurement 'anchoring'"):
        AnchoringScores(name="s").table(Frames(cells=NOTHING, records=NOTHING))


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
