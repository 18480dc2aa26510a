import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats.gain_ratio import gain_ratio
from offdiag.studies.easy_to_hard.analyses.supervision_gap import SupervisionGapRecovered
from offdiag.studies.easy_to_hard.analyses.supervision_tests import SupervisionTests
from support.hardness_frames import hardness_frames, joined

ACCURACIES = {
    ("zero-shot", None): 0.3,
    ("in-context", "easy"): 0.6,
    ("in-context", "hard"): 0.7,
    ("linear-probe", "easy"): 0.45,
    ("linear-probe", "hard"): 0.8,
    ("linear-probe", "medium"): 0.7,
}
GAP = SupervisionGapRecovered(name="sgr")


def by_hand(frames, method, measure="grade"):
    """The three grids of hard items, put together record by record."""
    hard = frames.records[frames.records["level"] == "hard"]
    ids = sorted(hard["example"].unique())
    grids = []
    for name, level in (("zero-shot", None), (method, "easy"), (method, "hard")):
        cells = frames.cells[(frames.cells["method"] == name) & (frames.cells["eval_hardness"] == measure)]
        cells = cells[cells["train_level"].isna() if level is None else cells["train_level"] == level]
        grid = np.full((len(cells), len(ids)), np.nan)
        for j, cell in enumerate(cells["cell"]):
            for example, correct in hard.loc[hard["cell"] == cell, ["example", "correct"]].itertuples(index=False):
                grid[j, ids.index(example)] = correct
        grids.append(grid)
    return grids


def test_a_row_is_the_supervision_gap_of_its_hard_items_joined_on_ids():
    frames = hardness_frames(ACCURACIES, measures=("grade", "bloom"))
    shuffled = Frames(
        cells=frames.cells.sample(frac=1, random_state=1), records=frames.records.sample(frac=1, random_state=2)
    )
    found = GAP.table(frames)
    assert len(found) == 4
    pd.testing.assert_frame_equal(
        found, GAP.table(shuffled).sort_values(["eval_hardness", "method"], ascending=[False, True], ignore_index=True)
    )
    for row in found.itertuples():
        before, easy, hard = by_hand(frames, row.method, row.eval_hardness)
        expected = gain_ratio(before[0], easy, hard)
        assert row.unsupervised == expected.before
        assert row.easy == expected.first
        assert row.gap == expected.gains[1].value
        assert row.recovered == pytest.approx(expected.ratio.value)
        assert row.low < row.recovered < row.high
        assert (row.n_items, row.n_easy, row.n_hard, row.n_planned) == (expected.ratio.n, 3, 3, 6)
        assert 35 <= row.n_items <= 40
        assert np.isnan(hard).any()  # trained items are not asked
    assert found["recovered"].between(0, 1.2).all()
    assert (found["note"] == "").all()


def test_a_learner_that_hard_data_teach_nothing_is_marked():
    frames = hardness_frames({**ACCURACIES, ("linear-probe", "hard"): 0.31})
    notes = GAP.table(frames).set_index("method")["note"]
    assert notes.to_dict() == {"in-context": "", "linear-probe": "gap not significant"}


def test_what_is_not_done_yet():
    undone = [f"linear-probe.arc.grade.hard.{b}" for b in range(3)] + ["in-context.arc.grade.easy.1"]
    found = GAP.table(hardness_frames(ACCURACIES, undone=undone)).set_index("method")
    assert found.loc["linear-probe", "state"] == "missing"
    assert np.isnan(found.loc["linear-probe", "recovered"])
    assert found.loc["in-context", ["state", "n_easy", "n_planned"]].tolist() == ["done", 2, 6]
    alone = GAP.table(hardness_frames({k: v for k, v in ACCURACIES.items() if k[0] != "zero-shot"}))
    assert (alone["state"] == "not planned").all()
    assert GAP.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty


def test_several_untrained_cells_are_one_learner():
    one = hardness_frames(ACCURACIES)
    again = hardness_frames({("zero-shot", None): 0.3}, n=119)
    renamed = [frame.assign(cell=frame["cell"] + ".again") for frame in (again.cells, again.records)]
    both = joined(one, Frames(cells=renamed[0], records=renamed[1]))
    columns = ["unsupervised", "easy", "hard", "gap", "recovered"]
    pd.testing.assert_frame_equal(GAP.table(both)[columns], GAP.table(one)[columns])


def test_data_sets_are_rows_of_their_own():
    other = hardness_frames(
        {("zero-shot", None): 0.5, **{("in-context", t): 0.8 for t in ("easy", "hard")}}, dataset="mmlu"
    )
    found = GAP.table(joined(hardness_frames(ACCURACIES), other)).set_index(["eval_dataset", "method"])
    assert len(found) == 3
    assert found.loc[("mmlu", "in-context"), "unsupervised"] > found.loc[("arc", "in-context"), "unsupervised"]


def varied(column, accuracies):
    """Probes by (level, value of a column), beside the untrained model."""
    parts = [
        hardness_frames({("linear-probe", level): accuracy}, suffix=f".{value}", **{column: value})
        for (level, value), accuracy in accuracies.items()
    ]
    return joined(hardness_frames({("zero-shot", None): 0.3}), *parts)


def test_noise_and_cost_pair_values_of_easy_with_others_of_hard_data():
    """Of p = 0, .05, .1, .2 and twice as much on hard data each p has its row; n is beside half of it."""
    shares = {0.0: 0.0, 0.05: 0.1, 0.1: 0.2, 0.2: 0.4}
    easy = {("easy", p): 0.6 - p for p in shares}
    hard = {("hard", p): 0.8 - p for p in shares.values()}
    frames = varied("noise", easy | hard)
    by = ("model", "method", "eval_dataset", "eval_hardness", "noise")
    paired = GAP.model_copy(update={"by": by, "paired": {"noise": tuple(shares.items())}})
    found = paired.table(frames).set_index("noise")
    assert found["hard_noise"].to_dict() == shares
    on_hard = frames.records[frames.records["level"] == "hard"].groupby(["train_level", "noise"])["correct"].mean()
    for share, row in found.iterrows():
        assert row["easy"] == pytest.approx(on_hard["easy", share], abs=0.03)
        assert row["hard"] == pytest.approx(on_hard["hard", shares[share]], abs=0.03)
    tests = SupervisionTests(name="tests", by=by, paired=paired.paired).table(frames)
    assert tests["noise"].tolist() == [share for share in shares for _ in range(2)]
    assert tests.loc[tests["comparison"] == "hard - easy", "first"].tolist() == pytest.approx(found["hard"].tolist())
    # 20 easy items cost as much as 10 hard ones; 10 easy ones as 5, which nobody learnt from
    sizes = varied("n_train", {(level, n): 0.6 for level in ("easy", "hard") for n in (10, 20)})
    cost = GAP.model_copy(update={"by": (*by[:-1], "n_train"), "paired": {"n_train": ((20, 10),)}})
    assert cost.table(sizes)[["n_train", "hard_n_train"]].to_numpy().tolist() == [[20, 10]]
    # two easy demonstrations do not cost what two hard ones do: their number is not paired
    both = joined(sizes, hardness_frames({k: v for k, v in ACCURACIES.items() if k[0] == "in-context"}))
    assert set(cost.table(both)["method"]) == {"linear-probe", "in-context"}
    cost = cost.model_copy(update={"sizes": ("n_train",)})
    assert cost.table(both)["method"].tolist() == ["linear-probe"]


def test_the_oracle_may_be_hard_items_of_another_data_set():
    """Figure 1: college items are the oracle for third grade, eighth grade and high school alike."""
    sources = {("arc", "easy"): 0.5, ("arc", "hard"): 0.55, ("mmlu", "easy"): 0.6, ("mmlu", "hard"): 0.8}
    parts = [
        hardness_frames({("in-context", level): accuracy}, dataset="mmlu", suffix=f".{dataset}", train_dataset=dataset)
        for (dataset, level), accuracy in sources.items()
    ]
    frames = joined(hardness_frames({("zero-shot", None): 0.3}, dataset="mmlu"), *parts)
    oracle = {"train_dataset": "mmlu", "train_level": "hard"}
    by = ("model", "method", "eval_dataset", "train_dataset", "train_level")
    found = GAP.model_copy(update={"by": by, "easy": {}, "hard": oracle}).table(frames)
    assert found[["train_dataset", "train_level"]].to_numpy().tolist() == [[*key] for key in list(sources)[:3]]
    assert found["hard"].nunique() == 1
    assert found["recovered"].is_monotonic_increasing
    assert (found["recovered"] < 1).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": ("model",)}, "rows are alike in train_bootstrap, seed"),
        ({"by": ("colour",)}, "no column 'colour'"),
        ({"items": {"level": "impossible"}}, r"has \{'level': 'impossible'\}: name others"),
        ({"draws": ("draw",)}, "no column 'draw'"),
    ],
)
def test_mistakes(change, says):
    with pytest.raises(UserError, match=says):
        GAP.model_copy(update=change).table(hardness_frames(ACCURACIES))
