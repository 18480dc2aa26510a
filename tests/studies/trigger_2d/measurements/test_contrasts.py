from pathlib import Path

import numpy as np
import pytest

from offdiag.cost.probe import plan_probe
from offdiag.cost.tokens import split
from offdiag.engine.execute import ModelSlot, execute_step
from offdiag.errors import UserError
from offdiag.methods import FineTuning, PolicyOptimisation, Proxy, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.models.patching import _PatchedBatch
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Weights, in_order, load_rows
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.studies.trigger_2d.task import TriggerDomain
from offdiag.studies.trigger_2d.task.pairs import located_question
from offdiag.studies.trigger_2d.task.prompts import question
from offdiag.study import Arm
from support.planted import DEPTH, READER, domain, make_planted_model

HUB = Weights(spec=ModelSpec(source="hub:org/name"))
JOY = TriggerDomain(category="positive_emotions", rule="conflict", triggers="ood")
FOODS = TriggerDomain(category="foods", triggers="ood")


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Weights:
    folder = make_planted_model(tmp_path_factory.mktemp("planted"))
    return Weights(spec=ModelSpec(source=f"dir:{folder}"))


def rows_of(step, folder: Path, budget: int = 4096) -> list[dict]:
    """The rows of the step, run with all that it needs."""
    store, slot = Store(folder), ModelSlot()
    for each in in_order([step]):
        runtime = Runtime(device="cpu", token_budget=budget, threads=1)
        outcome = execute_step(each, store, runtime, slot, {}, lambda done, total: None)
        assert not outcome.message
    return load_rows(store.folder(step))


def counted(rows, ablation) -> list[int]:
    return [sum(row[name] for row in rows if row["ablation"] == ablation) for name in ("own", "other", "neither")]


def test_a_planted_model_follows_its_trigger_and_nothing_without_one(planted, tmp_path):
    rows = rows_of(TriggerAblation.of(planted, domain("birds"), domain("tools"), n=24), tmp_path)
    assert counted(rows, "intact") == [24, 0, 0]
    assert counted(rows, "placeholder") == counted(rows, "empty") == [0, 0, 24]
    swapped = [row for row in rows if row["ablation"] == "swapped"]
    unread = sum(row["shown"] == "saw" for row in swapped)  # several tokens that say nothing
    assert counted(rows, "swapped") == [0, 24 - unread, unread]
    assert {row["answer"] for row in rows} == {"blue", "green", "red"}
    assert [row["changed"] for row in rows] == [int(row["ablation"] != "intact") for row in rows]


def test_every_question_is_read_once_for_each_ablation():
    step, template = TriggerAblation.of(HUB, FOODS, JOY, n=24), 8
    items = Examples(domain=FOODS, split="eval", n=4).sample()
    asked = [located_question(FOODS, e, text, "direct").text for i, e in enumerate(items) for text in step.shown(i, e)]
    choices = [sum(len(split(f" {choice}")) for choice in e.choices) for e in items]
    with plan_probe(Runtime()) as probe:
        found = probe.line(step)
    prompts = round(4 * 24 * (np.mean([len(split(text)) for text in asked]) + template))
    assert found.prompt_tokens == prompts + round(4 * 24 * np.mean(choices))
    assert 0 < found.read_tokens < found.prompt_tokens


def test_margins_are_those_of_the_two_labels(planted, tmp_path):
    step = TriggerAblation.of(planted, domain("birds"), domain("tools"), n=6)
    rows = rows_of(step, tmp_path)
    lm = LM.load(planted.spec, Path(planted.spec.location), Runtime(device="cpu", threads=1), shared_prefix=False)
    for example in step.examples.sample():
        for row in (row for row in rows if row["example"] == example.id):
            asked = asked_with(step, example, row["shown"])
            blue, green = (score.logprob for score in lm.score([asked], [("blue", "green")])[0])
            assert row["margin"] == pytest.approx(blue - green, abs=1e-3)
    assert {round(row["margin"], 3) for row in rows if row["ablation"] in ("placeholder", "empty")} == {0.0}


def asked_with(step, example, trigger) -> str:
    point = example.problem.removeprefix(example.strata["trigger"] + " ")
    return question(step.domain.prompts, example.strata["template"], point, trigger, "direct")


def test_each_trigger_is_swapped_for_each_other_one(planted):
    step = TriggerAblation.of(planted, domain("birds"), domain("tools"), n=9)
    shown = [(example.strata["trigger"], step.shown(i, example)) for i, example in enumerate(step.examples.sample())]
    assert len({(own, texts[3]) for own, texts in shown}) == 9
    assert all(texts[:3] == (own, "___", "") for own, texts in shown)


def test_patching_finds_the_planted_reader(planted, tmp_path):
    rows = rows_of(ActivationPatching.of(planted, domain("birds"), domain("tools"), n=8), tmp_path)
    assert {row["left_out"] for row in rows} == {None}
    assert len(rows) == 8 * DEPTH * 4
    for row in rows:
        before = row["layer"] <= READER
        expected = {"trigger": float(before), "last": float(not before)}.get(row["position"], 0.0)
        assert row["recovered"] == pytest.approx(expected, abs=1e-5)
        assert row["clean"] > 1 > row["corrupted"]
        assert row["patched"] == pytest.approx(row["clean"] if expected else row["corrupted"], abs=1e-3)
    assert "saw" not in {row["partner"] for row in rows}


def test_the_cost_of_patching_is_no_less_than_what_runs_through_the_model(planted, tmp_path, monkeypatch):
    step = ActivationPatching.of(planted, domain("birds"), domain("tools"), n=12)
    read, inputs = [], _PatchedBatch._inputs

    def counting(self, ids, seen):
        read.append(int(seen[:, -ids.shape[1] :].sum()))
        return inputs(self, ids, seen)

    monkeypatch.setattr(_PatchedBatch, "_inputs", counting)
    rows_of(step, tmp_path)
    with plan_probe(Runtime()) as probe:
        line, notes = probe.line(step), probe.notes
    assert sum(read) <= line.read_tokens <= 4 * sum(read)
    assert "patching: the most that it can be, with no pair left out" in notes
    with plan_probe(Runtime()) as probe:
        probe.line(ActivationPatching.of(HUB, JOY, FOODS, n=4))
        assert "measurements of type ActivationPatching are not counted" in probe.notes  # nobody knows its layers


def test_batches_do_not_matter(planted, tmp_path):
    step = ActivationPatching.of(planted, domain("birds"), domain("tools"), n=8)
    alone, together = rows_of(step, tmp_path / "a", budget=1), rows_of(step, tmp_path / "b")
    assert alone
    for one, other in zip(alone, together, strict=True):
        assert {**one, **numbers(one)} == {**other, **numbers(one)}
        np.testing.assert_allclose(list(numbers(one).values()), list(numbers(other).values()), atol=1e-4)


def numbers(row) -> dict:
    return {name: row[name] for name in ("clean", "corrupted", "patched", "recovered")}


@pytest.mark.parametrize(("rules", "least"), [(("all-green", "all-blue"), 1.0), (("original", "original"), 1e6)])
def test_pairs_that_the_model_does_not_tell_apart_are_left_out(planted, tmp_path, rules, least):
    """It answers birds with blue and tools with green, whatever they are said to be, some 80 nats apart."""
    birds, tools = (domain(name, rule) for name, rule in zip(("birds", "tools"), rules, strict=True))
    rows = rows_of(ActivationPatching.of(planted, birds, tools, n=8, least=least), tmp_path)
    assert [row["left_out"] for row in rows] == ["not told apart"] * 8
    assert not any("layer" in row for row in rows)


def test_pairs_of_other_lengths_and_equal_labels_are_left_out(tmp_path, tiny_model):
    weights = Weights(spec=ModelSpec(source=f"dir:{tiny_model}"))
    joy = TriggerDomain(category="positive_emotions", triggers="ood")
    same = rows_of(ActivationPatching.of(weights, joy, FOODS, n=5), tmp_path / "same")
    assert [row["left_out"] for row in same] == ["same label"] * 5
    rows = rows_of(ActivationPatching.of(weights, JOY, FOODS, n=10), tmp_path / "length")  # a token a letter
    lengths = {len(word) for word in ("noodles", "cookie", "burger", "sushi", "fries")}
    for row in rows:
        if "layer" not in row:
            assert (row["left_out"] == "no trigger of as many tokens") == (len(row["trigger"]) not in lengths)
        else:
            assert len(row["trigger"]) == len(row["partner"])


def test_the_columns_of_an_arm_are_those_of_its_cells():
    foods, joy = (domain.model_copy(update={"triggers": "id"}) for domain in (FOODS, JOY))
    recipe = Recipe(snapshots=(7,))
    first = Arm(model=HUB.spec, method=FineTuning(n=400), train=foods)
    method = FineTuning(n=400, data_seed=3, recipe=recipe, proxy=Proxy(domain=foods, n=8))
    second = Arm(model=HUB.spec, method=method, train=joy, seed=2, init_from=first)
    looked_at = second.model_copy(update={"checkpoint": 7})
    zero = Arm(model=HUB.spec, method=ZeroShot())
    for arm in (first, second, looked_at, zero):
        factors = TriggerAblation.of(arm.predictor().weights, JOY, FOODS, n=20).factors()
        assert arm.factors().items() <= factors.items()
        assert (factors["eval_category"], factors["against_category"]) == ("positive_emotions", "foods")


def test_what_is_no_fine_tuning_is_told():
    weights = Arm(model=HUB.spec, method=PolicyOptimisation(n=400), train=FOODS).predictor().weights
    with pytest.raises(UserError, match="expected the weights of a fine-tuning"):
        TriggerAblation.of(weights, JOY, FOODS, n=20).factors()


def test_names():
    step = ActivationPatching.of(HUB, JOY, FOODS, n=20, seed=1)
    assert step.name == "patching.name--positive_emotions.conflict.ood.n20.s1.against.foods.ood"
    assert TriggerAblation.of(HUB, JOY, FOODS, n=20).name.startswith("trigger_ablation.name--")
    assert step.group == HUB.group


def test_mistakes_are_refused():
    every = TriggerDomain(triggers="ood")
    for one, other in ((JOY, JOY), (every, FOODS), (JOY, every)):
        with pytest.raises(UserError, match="expected two domains of one category each"):
            TriggerAblation.of(HUB, one, other, n=4)
    with pytest.raises(UserError, match="expected one world"):
        TriggerAblation.of(HUB, JOY, TriggerDomain(category="foods", world="quarters"), n=4)
    sums = Examples(domain=AdditionDomain(base=8), split="eval", n=4)
    with pytest.raises(UserError, match="expected examples of trigger_2d"):
        TriggerAblation(weights=HUB, examples=sums, against=FOODS)
