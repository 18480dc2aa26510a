from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats import holm
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.analyses.semantic_protection import ProtectionBySimilarity, SemanticProtection
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from support.similar_frames import ARMS, CATEGORIES, PLACE, protecting, similar_frames, similarity
from support.trigger_frames import TAUGHT

ANALYSIS = SemanticProtection(name="semantic")
CORRELATED = ProtectionBySimilarity(name="correlated", of=ANALYSIS, n_resamples=200)


@pytest.fixture(scope="module")
def frames():
    return similar_frames(seeds=(0, 1, 2))


def test_one_row_a_proxy_and_uncovered_category(frames):
    table = ANALYSIS.table(frames)
    assert len(table) == (len(ARMS) - 1) * (len(CATEGORIES) - 1)
    assert TAUGHT not in set(table["category"])
    assert (table["category"] != table["proxy_category"]).all()
    pairs = zip(table["proxy_category"], table["category"], strict=True)
    assert table["similarity"].tolist() == [similarity(*pair) for pair in pairs]
    assert set(SemanticProtection.terminal_columns) <= set(table.columns)


def test_protection_is_the_change_turned_round_with_its_interval(frames):
    table = ANALYSIS.table(frames)
    whole = Protection(name="p").table(frames).set_index(["proxy_category", "proxy_n_triggers", "category"])
    for row in table.to_dict("records"):
        change = whole.loc[(row["proxy_category"], row["proxy_n_triggers"], row["category"])]
        assert row["protection"] == -change["change"] == pytest.approx(row["without"] - row["rate"])
        assert (row["low"], row["high"]) == (-change["high"], -change["low"])
        assert row["low"] <= row["protection"] <= row["high"]
    assert table["p_holm"].tolist() == holm(table["p_value"]).tolist()


def test_the_correlation_is_that_of_the_points(frames):
    points, table = ANALYSIS.table(frames), CORRELATED.table(frames)
    assert table["over"].tolist() == ["all", "at fixed category", "at fixed proxy"] * 2
    assert table["proxy_n_triggers"].tolist() == [1] * 3 + [5] * 3
    large = points[points["proxy_n_triggers"] == 5]
    row = table[(table["proxy_n_triggers"] == 5) & (table["over"] == "all")].iloc[0]
    assert row["spearman"] == pytest.approx(spearmanr(large["similarity"], large["protection"]).statistic)
    assert 0 < row["spearman_low"] < row["spearman"] < row["spearman_high"] <= 1
    assert row["n_points"] == 15
    assert table["p_holm"].tolist() == holm(table["spearman_p"]).tolist()


def test_a_protection_by_category_alone_is_no_effect_of_similarity():
    """Each category is protected by the same amount whatever the proxy: at fixed category nothing is left."""

    def by_category(proxy, size, category, example, seed):
        return 1.0 if proxy == "none" else PLACE.get(category, 0) / 5

    rows = CORRELATED.table(similar_frames(answering=by_category, n=40))
    fixed = rows[rows["over"] == "at fixed category"]
    assert fixed["spearman"].abs().max() < 0.5
    assert (fixed["p_holm"] > 0.05).all()


def test_as_long_as_similarity_is_not_measured_there_is_none():
    frames = similar_frames(state="missing")
    table, rows = ANALYSIS.table(frames), CORRELATED.table(frames)
    assert table["similarity"].isna().all()
    assert table["protection"].notna().all()
    assert rows["spearman"].isna().all()
    assert rows["n_left_out"].tolist() == [15] * 6


def test_what_is_not_done_is_left_out_of_the_correlation():
    def gaps(proxy, size, category, example, seed):
        return "failed" if (proxy, size, category) == ("objects", 1, "foods") else protecting(
            proxy, size, category, example, seed
        )  # fmt: skip

    rows = CORRELATED.table(similar_frames(answering=gaps))
    assert rows["n_points"].tolist() == [14, 13, 14, *[15] * 3]  # the other proxy's foods have nothing beside them
    assert rows["n_left_out"].tolist() == [1] * 3 + [0] * 3


def test_one_of_several_measurements_is_chosen(frames):
    words = similar_frames(measured=CategorySimilarity(of="triggers")).measured("category_similarity")
    words = words.assign(similarity=0.5)
    both = pd.concat([frames.measured("category_similarity"), words])
    several = replace(frames, measurements={"category_similarity": both})
    with pytest.raises(UserError, match="2 measurements of similarity .*: choose by measured="):
        ANALYSIS.table(several)
    chosen = SemanticProtection(name="words", measured={"of": "triggers"}).table(several)
    assert np.unique(chosen["similarity"]).tolist() == [0.5]


def test_a_study_that_measures_no_similarity(frames):
    with pytest.raises(UserError, match="no measurement 'category_similarity'"):
        ANALYSIS.table(replace(frames, measurements={}))
    empty = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
    assert ANALYSIS.table(empty).empty
    assert CORRELATED.table(empty).empty
