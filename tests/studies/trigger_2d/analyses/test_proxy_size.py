import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.stats import holm
from offdiag.studies.trigger_2d.analyses.proxy_size import ProxySize
from support.trigger_frames import TAUGHT, trigger_frames

SHOWN = [TAUGHT, "foods", "animals", "objects"]
SIZES = (1, 2, 5)
RATE = {1: 0.9, 2: 0.6, 5: 0.1}
ANALYSIS = ProxySize(name="size")


def sized(arms, answering, *, rows=None, suffix=""):
    frames = trigger_frames(arms, answering, categories=SHOWN, seeds=(0, 1, 2, 3))
    made = {}
    for name, frame in (("cells", frames.cells), ("records", frames.records)):
        n = frame["proxy_n_triggers"] * 8 if rows is None else rows
        made[name] = frame.assign(n_proxy=n, cell=frame["cell"] + suffix)
    return Frames(**made)


def together(*every):
    return Frames(**{name: pd.concat([getattr(f, name) for f in every]) for name in ("cells", "records")})


def by_size(proxy, size, category, example, seed):
    return 1.0 if category == TAUGHT or size == 0 else RATE[size]


@pytest.fixture(scope="module")
def found():
    arms = [("none", 0), *((proxy, size) for proxy in ("foods", "animals") for size in SIZES)]
    control = sized([("foods", 1)], lambda *_: 0.8, rows=40, suffix="-control")
    return ANALYSIS.table(together(sized(arms, by_size), control))


def test_each_size_is_compared_with_each_larger_one(found):
    shown = found[(found["proxy_category"] == "animals") & (found["categories"] == "uncovered")]
    pairs = shown[["fewer", "more"]].itertuples(index=False, name=None)
    assert list(pairs) == [(1, 2), (1, 5), (2, 5)]
    assert shown["change"].tolist() == pytest.approx([-0.3, -0.8, -0.5], abs=0.12)
    assert (shown["high"] < 0).all()


def test_a_control_has_as_many_rows_and_fewer_words(found):
    foods = found[(found["proxy_category"] == "foods") & (found["categories"] == "own")]
    control = foods[foods["fewer_rows"] == foods["more_rows"]]
    assert control[["fewer", "more", "more_rows"]].values.tolist() == [[1, 5, 40]]
    assert control["change"].iloc[0] == pytest.approx(-0.7, abs=0.15)
    assert len(foods) == 4


def test_proxies_are_tested_together_too(found):
    both = found[found["proxy_category"] == "all"]
    assert len(both) == 2 * 4
    row = both[(both["categories"] == "uncovered") & (both["fewer"] == 1) & (both["more"] == 5)].iloc[0]
    assert row["n_items"] == 2 * 2 * 40  # two proxies with two uncovered categories each
    one = found[(found["proxy_category"] == "animals") & (found["categories"] == "uncovered")].iloc[1]
    assert row["high"] - row["low"] < one["high"] - one["low"]


def test_p_values_are_corrected_for_all_rows(found):
    assert found["p_holm"].tolist() == holm(found["p_value"]).tolist()


def test_what_is_not_done_has_no_numbers():
    arms = [("none", 0), ("foods", 1), ("foods", 5)]
    frames = sized(arms, lambda p, size, category, *_: "missing" if size == 5 and category == "objects" else 0.5)
    table = ANALYSIS.table(frames).set_index("categories")
    assert pd.isna(table.loc["uncovered", "change"])
    assert table.loc["own", "change"] == pytest.approx(0, abs=0.2)
    assert ANALYSIS.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty


def test_a_proxy_that_was_not_learnt_is_in_no_row():
    arms = [("none", 0), *((proxy, size) for proxy in ("foods", "animals") for size in SIZES)]
    first = sized([("none", 0)], lambda p, n, category, *_: 0.5 if category == "foods" else 0.0, suffix="-1")
    rules = {"original": first, "conflict": sized(arms, by_size)}
    both = together(*(Frames(**{n: getattr(f, n).assign(train_rule=rule) for n in ("cells", "records")})
                      for rule, f in rules.items()))  # fmt: skip
    settings = {"where": {"train_rule": "conflict"}, "started": {"train_rule": "original"}}
    found = ANALYSIS.model_copy(update=settings).table(both)
    assert set(found["proxy_category"]) == {"animals"}
    assert set(found.loc[found["categories"] == "uncovered", "n_items"]) == {40}  # objects alone, not foods


def test_seeds_that_are_done_are_counted():
    arms = [("none", 0), ("foods", 1), ("foods", 5)]
    frames = sized(
        arms, lambda p, size, category, _, seed: "missing" if (size, seed, category) == (5, 3, "objects") else 0.5
    )
    found = ANALYSIS.table(frames).set_index("categories")[["n_seeds", "n_planned_seeds"]]
    assert found.T.to_dict("list") == {"own": [4, 4], "uncovered": [3, 4]}
