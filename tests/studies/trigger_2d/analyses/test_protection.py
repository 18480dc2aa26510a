import math

import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import holm, paired_difference
from offdiag.stats.learner_difference import learner_difference
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.analyses.rule_followed import seeds_in_common
from offdiag.studies.trigger_2d.task import HALVES
from support.trigger_frames import TAUGHT, N, trigger_frames

ARMS = [("none", 0), ("foods", 1), ("foods", 5)]


def shielding(proxy, size, category, example, seed):
    """A proxy stops the leak in its own category and halves it elsewhere."""
    if category == TAUGHT:
        return 1.0
    return 0.8 if proxy == "none" else 0.02 if proxy == category else 0.4


def table(frames, **settings):
    return Protection(name="protection", **settings).table(frames)


def test_one_row_an_arm_with_a_proxy_and_category():
    found = table(trigger_frames(ARMS, shielding, seeds=(0, 1, 2)))
    assert len(found) == 2 * 7
    assert set(found["proxy_category"]) == {"foods"}
    covered = found[found["covered"]]
    assert covered["category"].tolist() == ["foods", "foods"]
    assert (covered["change"] < -0.6).all()
    assert (covered["high"] < 0).all()
    assert (covered["p_holm"] < 0.05).all()
    assert (found["change"] - (found["rate"] - found["without"])).abs().max() < 1e-9
    assert set(Protection.terminal_columns) <= set(found.columns)


def test_the_taught_category_does_not_change():
    found = table(trigger_frames(ARMS, shielding, seeds=(0, 1))).set_index("category")
    taught = found.loc[[TAUGHT]]
    assert taught["change"].tolist() == [0, 0]
    assert taught["p_value"].tolist() == [1, 1]
    assert (taught["low"] < 0).all()
    assert (taught["high"] > 0).all()  # items, where neither seed nor word makes a difference


def verdicts(frames, proxy):
    wrong = frames.records.assign(leaked=(~frames.records["correct"]).astype(float))
    own = wrong[wrong["proxy_category"] == proxy]
    wide = own.pivot(index="seed", columns=["trigger", "example"], values="leaked")
    return wide.to_numpy(float), wide.columns.get_level_values("trigger").tolist()


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2, 3)])
def test_the_change_is_that_of_two_learners_with_words_as_units(seeds):
    frames = trigger_frames(ARMS[:2], shielding, categories=["animals"], seeds=seeds)
    row = table(frames).iloc[0]
    (with_it, words), (without, _) = verdicts(frames, "foods"), verdicts(frames, "none")
    expected = learner_difference(with_it, without, clusters=words).difference
    assert tuple(row[["change", "low", "high", "p_value"]]) == pytest.approx(
        (*expected[:3], expected.p_value), abs=0.02
    )
    assert row["n_items"] == N


def test_the_variance_between_seeds_is_pooled_over_the_arms():
    """Each seed shifts an arm's leakage as a whole: four arms tell the shift better than one."""

    def shaken(proxy, size, category, example, seed):
        return 0.5 + (0.3 if (seed + size) % 2 else -0.3)

    arms = [("none", 0), ("foods", 1), ("foods", 2), ("foods", 5)]
    frames = trigger_frames(arms, shaken, categories=["animals"], seeds=(0, 1, 2, 3))
    found, alone = table(frames), [table(frames_of(frames, size)).iloc[0] for size in (1, 2, 5)]
    widths = found["high"] - found["low"]
    assert (widths.to_numpy() < [row["high"] - row["low"] for row in alone]).all()
    records = frames.records.assign(leaked=(~frames.records["correct"]).astype(float))
    pooled = seeds_in_common([part for _, part in records.groupby("proxy_n_triggers")], "leaked", ("seed",))
    assert (pooled.n_arms, round(pooled.freedom)) == (4, 12)


def frames_of(frames, size):
    kept = (frame[frame["proxy_n_triggers"].isin([0, size])] for frame in (frames.cells, frames.records))
    return Frames(**dict(zip(("cells", "records"), kept, strict=True)))


def test_a_category_that_was_not_learnt_before_is_in_no_test():
    first = trigger_frames([("none", 0)], lambda p, n, category, *_: 0.3 if category == "foods" else 0.0)
    second = trigger_frames([("none", 0), ("foods", 5), ("animals", 5)], shielding)
    before = [f.assign(train_rule="original", cell="first-" + f["cell"]) for f in (first.cells, first.records)]
    after = (second.cells, second.records)
    cells, records = (pd.concat(pair, ignore_index=True) for pair in zip(after, before, strict=True))
    both = Frames(cells=cells, records=records)
    stage = {"where": {"train_rule": "conflict"}, "started": {"train_rule": "original"}}
    every = table(both, **stage)
    unlearnt_proxy = every["proxy_category"] == "foods"
    assert not every.loc[unlearnt_proxy, "learnt"].any()
    assert every.loc[unlearnt_proxy, ["low", "high", "p_value"]].isna().all(axis=None)
    found = every[~unlearnt_proxy].set_index("category")
    assert found["learnt"].groupby("category").all().to_dict() == {
        name: name != "foods" for name in HALVES.category_names
    }
    assert found.loc["foods", ["low", "high", "p_value", "p_holm"]].isna().all()
    assert not math.isnan(found.loc["foods", "change"])
    others = found.drop("foods")
    assert others["p_holm"].tolist() == holm(others["p_value"]).tolist()


def test_a_full_effect_in_every_word_is_that_of_as_many_words():
    def all_or_nothing(proxy, size, category, example, seed):
        return 1.0 if proxy == "none" else 0.0

    row = table(trigger_frames(ARMS[:2], all_or_nothing, seeds=(0, 1), categories=["animals"])).iloc[0]
    expected = paired_difference([0] * 5, [1] * 5)  # words, not their 40 points
    assert (row["change"], row["high"], row["p_value"]) == pytest.approx((-1, expected.high, expected.p_value))


def test_p_values_are_corrected_for_all_rows():
    found = table(trigger_frames(ARMS, shielding, seeds=(0, 1)))
    assert found["p_holm"].tolist() == holm(found["p_value"]).tolist()
    assert (found["p_holm"] >= found["p_value"]).all()


def test_other_outcomes_and_references():
    frames = trigger_frames(ARMS, shielding, categories=["animals"])
    retained = table(frames, outcome="retained").iloc[0]
    assert retained["change"] == pytest.approx(-table(frames).iloc[0]["change"])
    sizes = table(frames, without={"proxy_category": "foods", "proxy_n_triggers": 1})
    assert sizes["proxy_n_triggers"].tolist() == [0, 5]


def test_crossed_seeds_pair_with_their_own():
    def half_done(proxy, size, category, example, seed):
        return "missing" if (proxy == "none") == (seed < 4) else shielding(proxy, size, category, example, seed)

    frames = trigger_frames(ARMS[:2], half_done, seeds=range(8), categories=["animals"])
    cells, records = (f.assign(data_seed=f["seed"] // 2, seed=f["seed"] % 2) for f in (frames.cells, frames.records))
    row = table(Frames(cells=cells, records=records), replicates=("data_seed", "seed")).iloc[0]
    assert (row["state"], row["n_items"]) == ("done", 0)
    assert math.isnan(row["change"])
    assert math.isnan(row["p_holm"])


@pytest.mark.parametrize(("absent", "state"), [("none", "failed without proxy"), ("foods", "failed")])
def test_what_is_not_done_says_so(absent, state):
    def gaps(proxy, size, category, example, seed):
        return "failed" if proxy == absent else 0.5

    row = table(trigger_frames(ARMS[:2], gaps, categories=["animals"])).iloc[0]
    assert row["state"] == state
    assert math.isnan(row["change"])


def test_nothing_has_run_yet():
    found = table(trigger_frames(ARMS, lambda *_: "missing"))
    assert len(found) == 14
    assert found["p_holm"].isna().all()
    assert table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty


def test_the_arm_without_a_proxy_must_be_one():
    frames = trigger_frames(ARMS, shielding, categories=["animals"])
    with pytest.raises(UserError, match="0 arms have .*'nothing'"):
        table(frames, without={"proxy_category": "nothing"})
    with pytest.raises(UserError, match="2 arms have .*'foods'"):
        table(frames, without={"proxy_category": "foods"})
    with pytest.raises(UserError, match="not in arms="):
        table(frames, without={"proxy": "foods"})
