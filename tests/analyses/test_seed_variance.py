import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import accuracy_by_stratum
from offdiag.analyses.estimates import estimate
from offdiag.analyses.seed_variance import SEED_COLUMNS, common_variance, seed_variances, with_seed_variance
from offdiag.reporting.matrix import build_matrix
from offdiag.reporting.remarks import remarks_on
from offdiag.stats.components import components, pooled_seed_variance
from offdiag.stats.replicated import accuracy
from support import synthetic
from support.framed import framed

FACTORS = ("cell", "arm", "first_draw", "method", "model", "seed", "train", "eval", "train_base")
NO_STEPS = pd.DataFrame(columns=["kind", "name", "fingerprint", "state", "note", "folder"])


def study(spreads=(0.1, 0.1, 0.1), n_seeds=3, n_items=40):
    """Learners that are taught another base each, under several seeds; all are asked the same items."""
    draw = np.random.default_rng(1)
    template = synthetic.build(4, {}).cells.iloc[0].to_dict()
    cells, rows = [], []
    for base, spread in enumerate(spreads):
        for seed in range(n_seeds):
            name = f"tuned-{base}-{seed}"
            right = draw.random(n_items) < 0.6 + spread * draw.standard_normal()
            factors = {"cell": name, "arm": name, "first_draw": f"tuned-{base}-0", "seed": seed, "method": "tuned",
                       "model": "m", "train": f"base={base}", "train_base": base, "eval": "base=8"}  # fmt: skip
            cells.append({**template, **factors, "state": "done", "n_planned": n_items, "n": n_items,
                          "n_correct": right.sum(), "accuracy": right.mean(), "baseline": None})  # fmt: skip
            rows += [{**factors, "example": f"e{i}", "all": "all", "correct": bool(r)} for i, r in enumerate(right)]
    frames = framed(pd.DataFrame(cells), pd.DataFrame(rows))
    return framed(with_seed_variance(frames.cells, frames.records, FACTORS), frames.records)


def grid(frames, base):
    rows = frames.records[frames.records["train_base"] == base]
    return rows.assign(c=rows["correct"].astype(float)).pivot(index="cell", columns="example", values="c").to_numpy()


def test_arms_that_differ_in_what_they_are_taught_share_the_variance_between_seeds():
    frames = study()
    expected = pooled_seed_variance([components(grid(frames, base)) for base in range(3)])
    assert common_variance(frames.cells) == pytest.approx(expected)
    assert frames.cells[list(SEED_COLUMNS)].drop_duplicates().shape[0] == 1


def test_other_methods_and_other_evaluations_are_of_another_kind():
    frames = study()
    cells = frames.cells.assign(method=["a"] * 6 + ["b"] * 3)
    found = seed_variances(cells, frames.records, FACTORS)
    assert {name: variance.n_arms for name, variance in found.items()} == {
        **dict.fromkeys(cells["cell"][:6], 2), **dict.fromkeys(cells["cell"][6:], 1)
    }  # fmt: skip


def test_arms_that_vary_differently_stand_alone():
    frames = study((0.0, 0.0, 0.5), n_seeds=6, n_items=200)
    assert (frames.cells["seed_p_equal"] < 0.05).all()
    assert common_variance(frames.cells) is None
    assert any("vary differently" in remark for remark in remarks_on(frames))


def test_the_same_answers_have_one_interval_in_the_matrix_in_strata_and_in_comparisons():
    frames = study()
    one = frames.cells[frames.cells["train_base"] == 1]
    expected = accuracy(grid(frames, 1), pooled=common_variance(one))
    assert estimate(one, frames.records)[:3] == pytest.approx(expected[:3])
    strata = accuracy_by_stratum(frames, "all", None, {"tuned": {"train_base": 1}}).iloc[0]
    assert (strata["accuracy"], strata["ci_low"], strata["ci_high"]) == pytest.approx(expected[:3])
    matrix = build_matrix(frames, NO_STEPS)
    (mean,) = [row.grid_cells[0].mean for _, rows in matrix.groups for row in rows if "tuned-1" in row.name]
    assert mean.interval == f"{100 * expected.low:.1f}–{100 * expected.high:.1f}"
    alone = accuracy(grid(frames, 1))
    assert mean.alone == f"{100 * alone.low:.1f}–{100 * alone.high:.1f}"
    assert "pooled over the 3 learners" in matrix.remarks[0]


def test_one_draw_and_few_mistakes_are_said():
    frames = study(n_seeds=1)
    few = framed(frames.cells.assign(n_correct=38), frames.records)
    said = " ".join(remarks_on(few))
    assert "3 of 3 results are of one draw" in said
    assert "3 of 3 results have fewer than 5 right or fewer than 5 wrong answers" in said


def test_a_difference_of_two_draws_from_one_is_said():
    frames = study((0.1, 0.1), n_seeds=2)
    cells = frames.cells[frames.cells["cell"] != "tuned-1-1"].assign(seed_arms=1.0)
    cells["baseline"] = ["tuned-1-0", "tuned-1-0", None]

    def said(**columns):
        found = remarks_on(framed(cells.assign(**columns), frames.records))
        return [remark for remark in found if "two draws with one of one draw" in remark]

    assert said()[0].startswith("1 difference compares")  # of two cells, which one square shows
    assert said(seed_arms=4.0) == []  # other learners tell the spread, too
    assert said(seed=[0, 1, None]) == []  # of a model that nobody trained
    assert said(baseline=None) == []


def test_examples_of_a_cluster_count_as_one():
    frames = study(n_seeds=2)
    labels = frames.records["example"].map(lambda name: f"p{int(name[1:]) // 4}")
    clustered = framed(frames.cells.drop(columns=list(SEED_COLUMNS)), frames.records.assign(cluster=labels))
    one = clustered.cells[clustered.cells["train_base"] == 1]
    ids = sorted(frames.records["example"].unique())
    expected = accuracy(grid(frames, 1), clusters=[f"p{int(name[1:]) // 4}" for name in ids])
    assert estimate(one, clustered.records)[:3] == pytest.approx(expected[:3])
    assert any("10 different ones of 40" in remark for remark in remarks_on(clustered))


def test_draws_that_do_not_differ_are_said_to_have_long_intervals():
    """Two draws that answer alike: nobody can know from two that there is no spread."""
    answers = {f"arm{arm}.s{seed}": [(i + arm) % 3 > 0 for i in range(40)] for arm in range(3) for seed in range(2)}
    cells = pd.DataFrame(
        [
            {"cell": name, "arm": name, "first_draw": f"{name[:4]}.s0", "seed": int(name[-1]), "state": "done",
             "method": "fine-tuning", "train": name[:4], "eval": "e", "n": 40, "n_correct": sum(right)}
            for name, right in answers.items()
        ]
    )  # fmt: skip
    records = pd.DataFrame(
        [{"cell": name, "example": f"e{i}", "correct": one, "method": "fine-tuning"}
         for name, right in answers.items() for i, one in enumerate(right)]
    )  # fmt: skip
    frames = framed(with_seed_variance(cells, records, ["method"]), records)
    assert any("In 1 of 1 sets of learners draws differ no more than chance" in remark for remark in remarks_on(frames))
