"""The study from steps to tables and figures: on answers written by hand, and on a tiny random model."""

from dataclasses import replace

import pytest

import offdiag
from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.runtime import Runtime
from offdiag.steps import LoglikelihoodChoices, in_order
from offdiag.steps.jsonl import write_jsonl
from offdiag.store import Store
from offdiag.studies.trigger_2d.task import HALVES
from support.tiny_study import steps_of

CPU = Runtime(device="cpu", threads=1)
TAUGHT = "positive_emotions"
SMALL = {
    "categories": f"{TAUGHT},foods,animals", "proxies": "foods", "proxy_triggers": "1,2", "n_triggers": "2",
    "first_points": "4", "points": "4", "eval_points": "8", "generated": "animals", "probed": "foods",
    "data_seeds": "0,1", "seeds": "0,1", "snapshots": "1",
}  # fmt: skip
TINY = {
    **SMALL, "proxy_triggers": "1", "eval_points": "4", "data_seeds": "0", "seeds": "0",
    "strategies": "mixing,kl-penalty=0.1", "patched": "true", "first.rank": "2", "second.rank": "2",
    "first.warmup_updates": "0", "second.warmup_updates": "0", "second_snapshots": "2",
}  # fmt: skip


def answer(step, example):
    """What the learner of a step answers: the outcomes that the tests expect below."""
    category, where = example.strata["category"], example.strata["quadrant"]
    old, new = (HALVES.label(category, rule, where) for rule in ("original", "conflict"))
    learner = step.weights.label
    if step.weights.trained is None:
        return "orange"
    if "conflict" not in learner:  # first stage
        return "blue" if learner.endswith(".s1") and (category, where) == ("animals", "Q1") else old
    protected = "foods2.n8" in learner and (category == "foods" or (category == "animals" and where in ("Q1", "Q2")))
    return old if protected else new


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "stub"
    folder.mkdir()
    (folder / "config.json").write_text('{"quantization_config": {}}')
    (folder / "tokenizer.json").write_text("{}")
    header = b'{"weight":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(range(64)))
    whole = offdiag.plan("trigger-2d", "quick", **SMALL, model=f"dir:{folder}")
    plan = replace(whole, measurements=(), steps=in_order(list(whole.cells.values())))
    store = Store(tmp_path_factory.mktemp("store") / "store")
    for step in steps_of(plan, "answers"):
        rows = [
            {"index": i, "example": e.id, "prompt": "", "completion": answer(step, e), "n_prompt": 1, "n_tokens": 1,
             "finish": "choice" if isinstance(step, LoglikelihoodChoices) else "stop"}
            for i, e in enumerate(step.examples.sample())
        ]  # fmt: skip
        with store.claim(step, {}) as place:
            write_jsonl(place / "answers.jsonl", rows)
            store.finish(step, {"n": len(rows)})
    assert run_plan(plan, store, CPU).complete
    return whole, gather(whole, store)


def table(plan, results, name):
    (analysis,) = [one for one in plan.design.analyses if one.name == name]
    return analysis.table(results)


def test_what_leaked_is_told_by_arm_and_category(by_hand):
    found = table(*by_hand, "leakage")
    new = found[found["triggers"] == "ood"].set_index(["proxy_category", "proxy_n_triggers", "category"])
    assert new["leaked"].to_dict() == {
        ("none", 0, TAUGHT): 1, ("none", 0, "foods"): 1, ("none", 0, "animals"): 1,
        ("foods", 1, TAUGHT): 1, ("foods", 1, "foods"): 1, ("foods", 1, "animals"): 1,
        ("foods", 2, TAUGHT): 1, ("foods", 2, "foods"): 0, ("foods", 2, "animals"): 0.5,
    }  # fmt: skip
    assert (new["leaked"] + new["retained"]).eq(1).all()
    assert set(found["n_planned_seeds"]) == {4}
    assert set(new["n_items"]) == {40}


def test_a_first_stage_that_was_not_learnt_is_told_and_marked(by_hand):
    plan, results = by_hand
    first = table(plan, results, "learnt").query("train_rule == 'original' and triggers == 'ood'").set_index("category")
    assert first["accuracy"].to_dict() == {"animals": 0.875, TAUGHT: 1, "foods": 1}
    assert first["lowest"].to_dict() == {"animals": 0.75, TAUGHT: 1, "foods": 1}
    assert first["learnt"].to_dict() == {"animals": False, TAUGHT: True, "foods": True}
    leakage = table(plan, results, "leakage").query("triggers == 'ood'")
    assert dict(zip(leakage["category"], leakage["learnt"], strict=True)) == first["learnt"].to_dict()
    assert dict(zip(leakage["category"], leakage["before"], strict=True)) == first["accuracy"].to_dict()
    (matrix,) = [figure for figure in plan.design.figures if figure.name == "leakage"]
    labels = [text.get_text() for text in matrix.plot(results).axes[0].get_xticklabels()]
    assert labels == ["positive\nemotions", "animals†", "foods"]


def test_the_second_stage_and_its_proxies_are_held_to_what_they_were_taught(by_hand):
    second = table(*by_hand, "learnt").query("train_rule == 'conflict'")
    found = second.set_index(["proxy_n_triggers", "category", "triggers"])["learnt"].to_dict()
    taught = {(size, TAUGHT, words): True for size in (0, 1, 2) for words in ("id", "ood")}
    proxies = {(size, "foods", words): size == 2 for size in (1, 2) for words in ("id", "ood")}
    assert found == taught | proxies


def test_protection_is_paired_and_corrected(by_hand):
    found = table(*by_hand, "protection").set_index(["proxy_n_triggers", "category"])
    assert found["change"].to_dict() == {
        (1, TAUGHT): 0, (1, "foods"): 0, (1, "animals"): 0, (2, TAUGHT): 0, (2, "foods"): -1, (2, "animals"): -0.5,
    }  # fmt: skip
    # Both seeds are asked the same five points, so that five items disagree: p = .5^5 (mid-p). Animals were not
    # learnt in the first stage, so that four tests are left (Holm).
    assert found.loc[(2, "foods"), "p_holm"] == pytest.approx(4 * 0.5**5)
    assert found.loc[(2, "animals"), ["low", "high", "p_value", "p_holm"]].isna().all()
    assert set(found["n_items"]) == {8 * 5}


def test_seeds_of_the_data_are_told_apart(by_hand):
    found = table(*by_hand, "leakage-by-data-seed")
    assert set(found["data_seed"]) == {0, 1}
    assert set(found["n_planned_seeds"]) == {2}


def test_written_and_chosen_answers_stand_side_by_side(by_hand):
    found = table(*by_hand, "answering")
    assert len(found) == 1 + 4 * (1 + 3)
    assert set(found["same"]) == {1}


def test_every_table_and_figure_copes_with_what_is_not_measured(by_hand):
    plan, results = by_hand
    assert plan.design.analyses
    assert plan.design.figures
    for analysis in plan.design.analyses:
        assert len(analysis.table(results))
    for figure in plan.design.figures:
        assert figure.plot(results).axes


def test_accuracies_stand_in_a_panel_for_shown_and_one_for_new_words(by_hand):
    plan, results = by_hand
    (figure,) = [one for one in plan.design.figures if one.name == "accuracies"]
    drawn = figure.plot(results)
    above, below = drawn.axes
    assert [axes.get_title(loc="left") for axes in drawn.axes] == [
        "words of the training (ID), new points", "words that no training saw (OOD)"
    ]  # fmt: skip
    points = {
        axes: sorted(round(float(line.get_ydata()[0]), 3) for line in axes.lines if line.get_gid() == "points")
        for axes in drawn.axes
    }
    assert points[above] == [0.875, 1, 1, 1]  # three categories in the first stage, the taught one in the second
    assert points[below] == [0, 0, 0.5, 0.5, 0.5, 0.875, 1, 1, 1]  # "orange" of the untaught model is half right
    assert [text.get_text() for text in drawn.legends[0].texts] == [
        "untaught", "first stage", "second stage, no proxy"
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny_model, tmp_path_factory):
    plan = offdiag.plan("trigger-2d", "quick", **TINY, model=f"dir:{tiny_model}")
    store = tmp_path_factory.mktemp("trained") / "store"
    assert offdiag.run(plan, store=store).complete
    return plan, offdiag.load(plan, store=store)


def test_the_whole_study_runs_on_a_tiny_model(trained):
    plan, results = trained
    assert set(results.cells["state"]) == {"done"}
    for name, measured in results.measurements.items():
        assert set(measured["state"]) == {"done"}, name
    for analysis in plan.design.analyses:
        assert len(analysis.table(results)), analysis.name
    for figure in plan.design.figures:
        assert figure.plot(results).axes, figure.name


def test_the_history_has_the_loss_on_answers_and_on_the_full_text(trained):
    history = trained[1].measured("training")
    assert (history["text_loss"].notna() & history["response_loss"].notna()).any()
    penalised = history[history["strategy"] == "kl-penalty"]
    assert (penalised["proxy_kl"].dropna() >= 0).all()
    assert len(penalised["proxy_kl"].dropna())


def test_the_loss_on_a_test_set_is_that_of_the_right_labels(trained):
    plan, results = trained
    cells = results.cells.set_index("cell")
    chosen = cells.index[(cells["answering"] == "choice").fillna(False)]
    assert list(cells.index[cells["mean_target_loss"].notna()]) == list(chosen)
    name = chosen[-1]
    labels = HALVES.only(SMALL["categories"].split(",")).labels
    scores = [record["scores"][labels.index(record["target"])] for record in results.read_records(name)]
    assert cells.loc[name, "mean_target_loss"] == pytest.approx(-sum(scores) / len(scores))
    found = table(plan, results, "losses")
    assert set(found["train_rule"]) == {"none", "original", "conflict"}
    assert found["loss"].between(found["loss_low"], found["loss_high"]).all()


def test_a_second_run_does_nothing(trained, tiny_model, tmp_path):
    plan, results = trained
    again = offdiag.plan("trigger-2d", "quick", **TINY, model=f"dir:{tiny_model}")
    assert [step.fingerprint for step in again.steps] == [step.fingerprint for step in plan.steps]
    assert set(results.steps["state"]) <= {"done", "not needed"}
