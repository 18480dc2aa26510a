"""Hardness measured with a tiny random model, against a slow reference, and on to where the task reads it."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

import offdiag
from offdiag.exports import Exported
from offdiag.methods import FineTuning, LinearProbe, Recipe
from offdiag.models import ModelSpec
from offdiag.models.chat import begun_ids, tokenise
from offdiag.models.lm import LM
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import load_answers
from offdiag.store import Store
from offdiag.studies.easy_to_hard.item_hardness.params import MEASURES
from offdiag.studies.easy_to_hard.item_hardness.study import ItemHardnessParams
from offdiag.study_files import load_study
from offdiag.tasks import get_task, parse_domain
from offdiag.tasks.data import ENV
from support.small_items import small_items

RUNTIME = Runtime(device="cpu", threads=1)
SIZES = (2, 5)


@pytest.fixture(scope="module")
def few_items():
    """144 items, of which 24 are measured: 20 of the others are learnt from, 100 left for development."""
    with small_items(per_steps=24, held_out=120):
        yield


def planned(model, **sets):
    recipe = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=4)
    params = ItemHardnessParams(
        models=(f"dir:{model}",), datasets=("synthetic",), sizes=SIZES, bootstraps=2, recipe=recipe, least_updates=3
    )
    return make_plan(replace(load_study("item-hardness"), scales={"micro": params}), "micro", sets)


@pytest.fixture(scope="module")
def plan(few_items, tiny_model):
    return planned(tiny_model)


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("item hardness") / "store"
    assert offdiag.run(plan, store=folder, runtime=RUNTIME).complete
    return folder


@pytest.fixture(scope="module")
def measured(plan, store):
    """Values by item of each measure of the model."""
    frame = offdiag.load(plan, store=store).measured("item_hardness")
    assert (frame["state"] == "done").all()
    wide = frame.pivot(index="item", columns="measure", values="value").astype(float)
    return wide.rename(columns=lambda name: name.partition("@")[0])


@pytest.fixture(scope="module")
def lm(tiny_model):
    return LM.load(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, RUNTIME, shared_prefix=False)


def logprob(lm, ids, start):
    """Of the tokens from ``start`` on, in one full forward pass."""
    with torch.inference_mode():
        logprobs = torch.log_softmax(lm.model(torch.tensor([ids])).logits[0].double(), -1)
    return sum(float(logprobs[i - 1, ids[i]]) for i in range(start, len(ids)))


def share(scores, place):
    return math.exp(scores[place]) / sum(map(math.exp, scores))


def items(plan):
    task = get_task("easy_to_hard")
    domain = next(cell.evaluation.domain for cell in plan.cells)
    return domain, task.examples(domain, "eval", 24, 0)


def test_untrained_hardness_is_that_of_a_slow_reference(plan, measured, lm):
    domain, examples = items(plan)
    for example in examples[:6]:
        prompt = get_task("easy_to_hard").prompt(domain, example, "direct")
        both = [tokenise(lm.tokenizer, prompt, choice) for choice in example.choices]
        scores = [logprob(lm, b.ids[:-1], b.n_prompt) for b in both]  # without the end token
        expected = 1 - share(scores, example.choices.index(example.target))
        assert measured["zero_shot_mdl"][example.id] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("measure", "text"), [("question_nll", "problem"), ("answer_nll", "target"), ("reasoning_nll", "rationale")]
)
def test_likelihoods_are_those_of_a_slow_reference(plan, measured, lm, measure, text):
    for example in items(plan)[1][:6]:
        expected = -logprob(lm, begun_ids(lm.tokenizer, getattr(example, text)), 1)
        assert measured[measure][example.id] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("measure", "method"), [("probe_mdl", LinearProbe), ("finetuned_mdl", FineTuning)])
def test_hardness_after_training_is_the_mean_over_sizes_and_draws(plan, store, measured, measure, method):
    examples = items(plan)[1]
    steps = [step.answers for cell, step in plan.cells.items() if isinstance(cell.arm.method, method)]
    assert len(steps) == len(SIZES) * 2
    answers = [load_answers(Store(store).folder(step)) for step in steps]
    for i, example in enumerate(examples):
        right = example.choices.index(example.target)
        expected = 1 - sum(share(found[i]["scores"], right) for found in answers) / len(answers)
        assert measured[measure][example.id] == pytest.approx(expected, abs=1e-9)


def test_training_sets_are_nested_and_leave_the_development_items_out(plan):
    task = get_task("easy_to_hard")
    taught = {}
    for cell in plan.cells:
        if cell.arm.train is not None:
            found = [e.id for e in task.examples(cell.arm.train, "train", cell.arm.method.n, 0)]
            taught.setdefault((cell.arm.train.bootstrap, cell.arm.method.n), set()).add(tuple(found))
            assert (cell.arm.train.pool, cell.evaluation.domain.pool) == ("held_out", "main")
            assert cell.arm.seed == (cell.arm.train.bootstrap if isinstance(cell.arm.method, FineTuning) else 0)
    assert all(len(sets) == 1 for sets in taught.values())  # the same for both methods
    by_draw = {key: next(iter(sets)) for key, sets in taught.items()}
    for b in (0, 1):
        assert by_draw[b, 5][:2] == by_draw[b, 2]
    assert by_draw[0, 5] != by_draw[1, 5]
    held_out = {e.id for e in task.examples(parse_domain(task, "pool=held_out,n_train=0"), "eval", 120, 0)}
    asked = {e.id for e in items(plan)[1]}
    assert not held_out & asked
    assert set().union(*by_draw.values()) <= held_out


def test_items_without_a_model_have_their_hardness_too(plan, measured):
    assert list(measured.columns) == sorted(
        [*MEASURES, "num_steps", "question_words", "answer_words", "answer_chars", "reasoning_words"]
    )
    for example in items(plan)[1]:
        assert measured["num_steps"][example.id] == example.strata["num_steps"]
    assert len(measured) == 24


def test_tables_and_figures(plan, store, measured):
    results = offdiag.load(plan, store=store)
    tables = {analysis.name: analysis.table(results) for analysis in plan.design.analyses}
    found = tables["measured"].set_index("measure")
    name = next(name for name in found.index if name.startswith("probe_mdl@"))
    assert found.loc[name, ["state", "items"]].tolist() == ["done", 24]
    assert found.loc[name, "mean"] == pytest.approx(measured["probe_mdl"].mean())
    assert found.loc[name, "low"] < found.loc[name, "mean"] < found.loc[name, "high"]
    pairs = tables["correlations"].set_index(["first", "second"])
    row = pairs.loc["num_steps", next(second for _, second in pairs.index if second.startswith("reasoning_nll@"))]
    expected = measured["num_steps"].corr(measured["reasoning_nll"], method="spearman")
    assert row["spearman"] == pytest.approx(expected)
    assert [figure.name for figure in plan.design.figures] == ["correlations-synthetic", "histograms-synthetic"]
    for figure in plan.design.figures:
        assert figure.plot(results).axes


def test_what_is_missing_is_in_the_tables(plan, tmp_path):
    results = offdiag.load(plan, store=tmp_path)
    found = plan.design.analyses[0].table(results)
    assert set(found["state"]) == {"missing"}
    assert found["items"].tolist() == [0] * len(plan.measurements)


def test_the_tables_are_where_the_task_reads_them(plan, store, measured, tiny_model, tmp_path, monkeypatch):
    files = offdiag.export(plan, to=tmp_path, store=store)
    folder = tmp_path / "hardness" / "synthetic"
    assert {file.path for file in files} == {folder / f"{name}.csv" for name in MEASURES}
    monkeypatch.setenv(ENV, str(tmp_path))
    task, model = get_task("easy_to_hard"), Path(tiny_model).name
    about = task.summary(parse_domain(task, "pool=main"))
    for name in MEASURES:
        assert about["measures"][f"{name}@{model}"]["values"]["min"] == pytest.approx(measured[name].min())
    assert about["spearman"]["num_steps"][f"probe_mdl@{model}"] is not None
    domain = parse_domain(task, f"hardness=probe_mdl@{model},level=hard,n_train=0,pool=main")
    hardest = {e.id for e in task.examples(domain, "eval", 7, 0)}
    assert hardest == set(measured["probe_mdl"].nlargest(7).index)


def test_the_other_study_cuts_its_levels_from_the_tables(plan, store, measured, tiny_model, tmp_path, monkeypatch):
    """ModelOutputs again, the model gets fewer of those items right that it gave less to."""
    offdiag.export(plan, to=tmp_path, store=store)
    monkeypatch.setenv(ENV, str(tmp_path))
    sets = {"models": f"dir:{tiny_model}", "methods": "[]", "n_test": 0}
    untrained = offdiag.plan("easy-to-hard", hardness="zero_shot_mdl@average", **sets)
    assert offdiag.run(untrained, store=store, runtime=RUNTIME).complete
    results = offdiag.load(untrained, store=store)
    hardness = results.records.set_index("example")["hardness"].astype(float)
    assert hardness.to_dict() == pytest.approx(measured["zero_shot_mdl"].to_dict())
    right = results.records.groupby("level")["correct"].mean()
    assert right["easy"] > right["hard"]


def test_rows_of_other_models_stay_and_make_an_average(plan, store, measured, tiny_model, tmp_path, monkeypatch):
    path = tmp_path / "hardness" / "synthetic" / "zero_shot_mdl.csv"
    path.parent.mkdir(parents=True)
    mine = Path(tiny_model).name
    ids = list(measured.index)
    path.write_text("item,model,value\n" + "".join(f"{i},other,0.5\n{i},{mine},9\n" for i in ids))
    offdiag.export(plan, to=tmp_path, store=store)
    rows = pd.read_csv(path).pivot(index="item", columns="model", values="value")
    assert rows["other"].tolist() == [0.5] * 24
    assert rows[mine].to_dict() == pytest.approx(measured["zero_shot_mdl"].to_dict())
    assert not list(path.parent.glob("*.part"))
    monkeypatch.setenv(ENV, str(tmp_path))
    task = get_task("easy_to_hard")
    named = task.summary(parse_domain(task, "pool=main"))["measures"]
    assert "zero_shot_mdl@average" in named
    assert "probe_mdl@average" not in named


def test_what_is_not_finished_is_not_written(plan, store, tiny_model, tmp_path):
    assert offdiag.export(plan, to=tmp_path, store=tmp_path / "empty")[0] == Exported(
        None, f"synthetic, zero_shot_mdl@{Path(tiny_model).name} is missing"
    )
    more = planned(tiny_model, sizes="2,5,20")  # one more size of each draw
    files = offdiag.export(more, to=tmp_path, store=store)
    missing = [file.about for file in files if file.path is None]
    assert [about.split("@")[0] for about in missing] == ["synthetic, probe_mdl", "synthetic, finetuned_mdl"]
    assert len([file for file in files if file.path is not None]) == 4


def test_a_second_run_does_nothing(plan, store):
    assert offdiag.run(plan, store=store, runtime=RUNTIME).planned == 0


def test_several_models_have_an_average(few_items, tiny_model, model_stub):
    both = planned(tiny_model, models=f"dir:{tiny_model},dir:{model_stub}")
    averages = [m.factors()["measure"] for m in both.measurements if m.factors()["measure"].endswith("@average")]
    assert averages == [f"{name}@average" for name in MEASURES]
