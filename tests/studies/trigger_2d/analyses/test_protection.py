import math

import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import holm, paired_difference
from offdiag.studies.trigger_2d.analyses.protection import Protection
from support.trigger_frames import TAUGHT, trigger_frames

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


def test_one_seed_gives_the_paired_t_test_over_triggers():
    frames = trigger_frames(ARMS[:2], shielding, categories=["animals"])
    row = table(frames).iloc[0]
    wrong = frames.records.assign(leaked=~frames.records["correct"])
    by_word = wrong.groupby(["proxy_category", "trigger"])["leaked"].mean().unstack()
    expected = ttest_1samp((by_word.loc["foods"] - by_word.loc["none"]).to_numpy(float), 0)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval()))
    assert row["n_pairs"] == 5


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
    assert retained["change"] == -table(frames).iloc[0]["change"]
    sizes = table(frames, without={"proxy_category": "foods", "proxy_n_triggers": 1})
    assert sizes["proxy_n_triggers"].tolist() == [0, 5]


def test_seeds_pair_with_their_own():
    def half_done(proxy, size, category, example, seed):
        return "missing" if (proxy == "none") == (seed == 0) else shielding(proxy, size, category, example, seed)

    row = table(trigger_frames(ARMS[:2], half_done, seeds=(0, 1), categories=["animals"])).iloc[0]
    assert (row["state"], row["n_pairs"]) == ("done", 0)
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
