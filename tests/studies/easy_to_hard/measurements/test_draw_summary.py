from types import SimpleNamespace

import pytest

import offdiag
from offdiag.studies.easy_to_hard.analyses.draw_means import DrawMeans
from offdiag.studies.easy_to_hard.measurements.draw_summary import DrawSummary


def measured(step, tmp_path):
    """The rows of a measurement whose sets are drawn now."""

    def output(examples):
        folder = tmp_path / examples.fingerprint[:12]
        folder.mkdir(exist_ok=True)
        examples.run(SimpleNamespace(folder=folder))
        return folder

    return list(step.measure(SimpleNamespace(output=output)))


def summaries(scale="quick", **sets):
    plan = offdiag.plan("easy-to-hard", scale, describe_draws="true", **sets)
    return plan, [step for step in plan.measurements if isinstance(step, DrawSummary)]


def test_each_draw_is_described_by_what_it_trains_on_and_is_asked(tmp_path):
    plan, (step,) = summaries()
    rows = measured(step, tmp_path)
    assert len(rows) == 2 * 2 * 2  # levels, draws, sides
    taught = {row["train_level"]: row for row in rows if row["side"] == "train"}
    assert taught["easy"]["n"] == taught["hard"]["n"] == 48
    assert 1 <= taught["easy"]["num_steps_mean"] <= 2
    assert 5 <= taught["hard"]["num_steps_mean"] <= 6
    items = step.sets[0].sample()
    words = [item.strata["question_words"] for item in items]
    assert rows[0]["question_words_mean"] == pytest.approx(sum(words) / len(words))
    assert not any(name.endswith("_share") for name in rows[0])  # the built-in items have no subject
    assert next(a for a in plan.design.analyses if isinstance(a, DrawMeans)).name == "draws"
    assert not any(isinstance(step, DrawSummary) for step in offdiag.plan("easy-to-hard", "quick").measurements)


def test_topics_of_mmlu_have_shares(real, tmp_path):
    _, (step,) = summaries("cpu", datasets="mmlu", hardness="school", bootstraps="1", methods="in-context")
    for row in measured(step, tmp_path):
        shares = [value for name, value in row.items() if name.endswith("_share")]
        assert len(shares) == 5
        assert sum(shares) == pytest.approx(1)
        assert row["side"] == "test" or row["school_mean"] == (row["train_level"] == "hard")
