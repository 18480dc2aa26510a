import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.analyses.precision import Precision
from offdiag.stats.calibration import calibration
from offdiag.stats.components import components, prompt_variance
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.power import power_of
from support import synthetic

PRECISION = Precision(name="precision")


@pytest.fixture(scope="module")
def drawn():
    """Arm lora-8 with two draws, all others with one."""
    return synthetic.drawn_twice(80, {"lora-8/base=10,digits=2": ("missing", "")})


@pytest.fixture(scope="module")
def table(drawn):
    return PRECISION.table(drawn).set_index(["learner", "eval"])


def grid(frames, arms, base):
    rows = frames.records[frames.records["arm"].isin(arms) & (frames.records["eval_base"] == base)]
    wide = rows.assign(correct=rows["correct"].astype(float)).pivot(index="arm", columns="example", values="correct")
    return wide.to_numpy(float)


def test_components_are_those_of_the_draws(drawn, table):
    row = table.loc["lora-8", "base=8,digits=2"]
    answers = grid(drawn, ["lora-8", "lora-8.s1"], 8)
    part = components(answers)
    assert (row["n_items"], row["n_seeds"]) == (80, 2)
    assert row["sd_seeds"] == pytest.approx(math.sqrt(part.seeds))
    assert row["sd_items"] == pytest.approx(math.sqrt(part.items))
    assert row["sd_chance"] == pytest.approx(math.sqrt(part.residual))
    assert row["bayes_low"] < row["accuracy"] < row["bayes_high"]


def test_prompts_are_a_component_where_a_learner_is_asked_in_several(drawn, table):
    assert table["sd_prompts"].isna().all()
    harder = drawn.records.assign(cell=drawn.records["cell"] + " aloud", prompt="aloud")
    harder.loc[harder["example"].isin(sorted(set(harder["example"]))[::3]), "correct"] = False
    cells = drawn.cells.assign(cell=drawn.cells["cell"] + " aloud", prompt="aloud", baseline=None)
    both = Frames(cells=pd.concat([drawn.cells, cells]), records=pd.concat([drawn.records, harder]))
    found = PRECISION.table(both).set_index(["learner", "eval", "prompt"])["sd_prompts"]
    answers = [grid(frames, ["lora-8", "lora-8.s1"], 8) for frames in (drawn, Frames(cells=cells, records=harder))]
    variance = prompt_variance(np.stack(answers))
    assert variance > 0
    for prompt in ("direct", "aloud"):
        assert found["lora-8", "base=8,digits=2", prompt] == pytest.approx(math.sqrt(variance))


def test_the_comparison_with_the_baseline(drawn, table):
    row = table.loc["lora-8", "base=8,digits=2"]
    ours, theirs = grid(drawn, ["lora-8", "lora-8.s1"], 8), grid(drawn, ["zero-shot"], 8)
    found = learner_difference(ours, theirs, untrained=(False, True), level=0.9).difference
    assert row["difference"] == pytest.approx(found.value)
    assert row["gap"] == pytest.approx(abs(found.value))
    assert row["equal_within"] == pytest.approx(max(abs(found.low), abs(found.high)))
    assert row["detectable"] > 0


def test_one_draw_tells_no_seeds(table):
    row = table.loc["lora-8", "base=10,digits=2"]  # one of its two draws is done
    assert row["n_seeds"] == 1
    assert np.isnan([row["sd_seeds"], row["seeds_needed"]]).all()
    assert row["detectable"] > 0


def test_a_gap_of_ones_own_is_what_is_needed_for(drawn):
    found = Precision(name="p", gap=0.1).table(drawn)
    assert set(found["gap"].dropna()) == {0.1}
    bigger = Precision(name="p", gap=0.2).table(drawn)
    known = found["items_needed"].notna() & np.isfinite(found["items_needed"])
    assert known.any()
    assert (bigger["items_needed"][known] < found["items_needed"][known]).all()


def test_the_baseline_itself_has_no_comparison(table):
    row = table.loc["zero-shot", "base=8,digits=2"]
    assert np.isnan([row["difference"], row["detectable"], row["equal_within"]]).all()


def test_choices_have_a_calibration():
    study = synthetic.build(60, {})
    chances = np.random.default_rng(0).uniform(0.3, 1, len(study.records))
    records = study.records.assign(confidence=chances)
    row = PRECISION.table(Frames(cells=study.cells, records=records)).iloc[0]
    own = records[records["cell"] == study.cells["cell"].iloc[0]]
    expected = calibration(
        own.sort_values("example")["confidence"], own.sort_values("example")["correct"].astype(float)
    )
    assert row["brier"] == pytest.approx(expected.brier.value)
    assert row["ece"] == pytest.approx(expected.ece.value)
    assert row["ece_low"] <= row["ece"] <= row["ece_high"]


def test_nothing_is_done_yet():
    assert PRECISION.table(Frames(cells=pd.DataFrame(), records=pd.DataFrame())).empty
    study = synthetic.build(4, {})
    nothing = Frames(cells=study.cells.assign(state="missing"), records=study.records.iloc[:0])
    assert PRECISION.table(nothing).empty


def test_the_power_at_the_detectable_gap_is_the_power_that_is_asked_for():
    from offdiag.stats.power import GapVariance, minimum_detectable_gap

    variance = GapVariance(0.4, 0.001, learners=1, residual=0.2)
    assert power_of(minimum_detectable_gap(variance, 100, 4), variance, 100, 4) == pytest.approx(0.8, abs=1e-3)
