import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.base_addition.analyses.anchoring_correlation import AnchoringCorrelation
from support.anchored import anchored

ACCURACY = {8: (0.3, 0.5, 0.7), 9: (0.2, 0.4, 0.6), 10: (0.5, 0.7, 0.9)}  # at k = 2, 4, 8


def cells(accuracies=ACCURACY, *, rationales=(True,), seeds=(0,), **factors):
    rows = []
    for base, values in accuracies.items():
        for k, accuracy in zip((2, 4, 8), values, strict=True):
            for rationale in rationales:
                for seed in seeds:
                    row = {
                        "cell": f"{base}.{k}.{rationale}.{seed}", "method": "in-context", "model": "m", "seed": seed,
                        "k": k,
                        "rationale": rationale, "train_base": base, "eval_base": base, "eval_digits": 2,
                        "prompt": "step-by-step", "state": "missing" if accuracy is None else "done", "n_planned": 40,
                        "accuracy": accuracy, "ci_low": 0.1, "ci_high": 0.95, **factors,
                    }  # fmt: skip
                    rows.append(row)
    return pd.DataFrame(rows).convert_dtypes()


def score(base, k, layer, seed, pooling):
    """At layer 0 it grows with the accuracy of the base and falls with k; further up it only falls with k."""
    return (ACCURACY[base][0] if layer == 0 else 0) * 10 - np.log(k)


def table(cells, measured, **fields):
    frames = Frames(cells=cells, records=pd.DataFrame(), measurements={"anchoring": measured})
    return AnchoringCorrelation(name="c", n_resamples=300, **fields).table(frames)


def pick(found, at, over, pooling="last"):
    chosen = found[(found["at"] == at) & (found["over"] == over) & (found["pooling"] == pooling)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_bases_and_k_are_told_apart():
    found = table(cells(), anchored(score, layers=(0, 1)))
    assert len(found) == 2 * 3 * 3
    last = pick(found, "last layer", "all")
    assert last[["n_points", "n_series", "n_k", "n_left_out"]].tolist() == [9, 3, 3, 0]
    assert last["spearman"] < 0
    assert last["note"] == "only 9 points"
    assert pick(found, "last layer", "at fixed series")["pearson"] == pytest.approx(-1, abs=0.02)
    assert pick(found, "last layer", "at fixed k")["note"] == "one of the two does not vary"
    highest = pick(found, "highest layer", "at fixed k")
    assert highest["pearson"] == pytest.approx(1)
    assert 0.9 < highest["pearson_low"] < 1  # nine points of which three means are taken off
    assert highest["pearson_p"] == pytest.approx(1 / 6**3, abs=0.02)  # 3! orders within each of three k


def test_anchors_meet_the_cells_that_show_what_they_hold():
    both = cells(rationales=(True, False))
    for form, expected in (("rationale", [True]), ("answer", [False]), ("equation", [False, True])):
        found = table(both, anchored(score, form=form, poolings=("mean",)))
        assert sorted(found["rationale"].unique()) == expected


def test_sentence_embeddings_meet_every_model_and_trained_weights_none():
    sentence = anchored(score, layers=(6,), poolings=("mean",), embedder="sentence", model="x", learner="x")
    found = table(cells(), sentence)
    assert found["at"].unique().tolist() == ["last layer"]
    assert found["n_points"].tolist()[0] == 9
    assert table(cells(), anchored(score, model="other", learner="other")).empty
    assert table(cells(), anchored(score, learner="m.lora")).empty


def test_what_is_not_there_is_counted():
    gaps = cells({**ACCURACY, 9: (0.2, None, 0.6)})
    found = table(gaps, anchored(score, layers=(0, 1), missing=[10]))
    row = pick(found, "last layer", "all")
    assert row[["n_points", "n_series", "n_left_out"]].tolist() == [5, 2, 1]
    undefined = anchored(lambda base, k, layer, *rest: None if k == 2 else score(base, k, layer, *rest))
    assert pick(table(cells(), undefined), "last layer", "all")[["n_points", "n_left_out"]].tolist() == [6, 3]


def test_cells_that_claim_one_point_are_an_error():
    two = pd.concat([cells(), cells(prompt="direct").assign(cell=lambda f: f["cell"] + "d")])
    with pytest.raises(UserError, match="accuracy at eval_base = 8, k = 2: accuracy: 2 rows are alike in seed"):
        table(two, anchored(score))
    assert not table(two, anchored(score), where={"prompt": "direct"}).empty
