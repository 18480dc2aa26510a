from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from offdiag.cost import Cost, Throughput, estimate, measured
from offdiag.cost.prefill import Prefill
from offdiag.cost.tokens import split
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import FineTuning, InContext, LinearProbe, ZeroShot
from offdiag.methods.method import Method
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Runtime
from offdiag.steps import Examples, HiddenStates, LoglikelihoodChoices, Weights
from offdiag.store import Store
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import get_task
from offdiag.tasks.stream import NO_TARGET, Stream, TokenBatch
from offdiag.training import Recipe
from support.tiny_study import Params, tell_context, tiny_study

TASK = get_task("easy_to_hard")
DOMAIN = HardnessDomain(dataset="synthetic", n_train=8)
MODEL = ModelSpec(source="hub:a/b-1b")
CHAT, N, SAMPLES = 8, 40, 4


def planned(*methods: Method, model: ModelSpec = MODEL, domain: HardnessDomain = DOMAIN) -> Plan:
    asked = Evaluation(domain=domain, n=N, answering="choice")
    trains = [None if isinstance(method, ZeroShot) else domain for method in methods]
    arms = [Arm(model=model, method=method, train=train) for method, train in zip(methods, trains, strict=True)]
    cells = tuple(Cell(arm=arm, evaluation=asked) for arm in arms)
    return make_plan(tiny_study(Params(model=model), lambda p: Design(cells=cells)), "only")


def line(cost: Cost, kind: str):
    return next(line for line in cost.lines if line.kind == kind)


def by_hand(split_name: str = "eval") -> tuple[float, float, float]:
    """Means over the first items: tokens of a prompt with its template, of its choices together, number of choices."""
    items = TASK.examples(DOMAIN, split_name, SAMPLES, 0)
    prompts = [len(split(TASK.prompt(DOMAIN, e, "direct"))) + CHAT for e in items]
    choices = [sum(len(split(f" {choice}")) for choice in e.choices) for e in items]
    return float(np.mean(prompts)), float(np.mean(choices)), float(np.mean([len(e.choices) for e in items]))


def test_every_question_and_choice_is_read_once() -> None:
    cost = estimate(planned(ZeroShot()))
    prompt, choices, m = by_hand()
    found = line(cost, "answers")
    assert found.prompt_tokens == round(N * prompt) + round(N * choices)
    # "<before>" three times and "Question:", which is what all of them begin with
    shared = 3 + len(split("Question:"))
    assert found.prefill_tokens == round(shared + N * (prompt - shared)) + round(N * (choices - m))
    assert found.read_tokens == found.prefill_tokens
    assert (found.generated_expected, found.generated_most) == (0, 0)
    assert found.flops_expected == found.flops_most == 2 * 1e9 * found.prefill_tokens


def test_prompts_that_are_too_long_are_planned_with_fewer_demonstrations() -> None:
    llama = MODEL.model_copy(update={"source": "hub:meta-llama/Llama-2-7b-hf"})
    many = HardnessDomain(dataset="synthetic", n_train=80)

    def cost(k: int) -> Cost:
        return estimate(planned(InContext(k=k, rationale=False), model=llama, domain=many))

    said = "hub:meta-llama/Llama-2-7b-hf: prompts longer than its context (4096 tokens) lose their last demonstrations"
    assert said in cost(80).notes
    assert said not in cost(8).notes
    assert 0.9 * N * 4096 < line(cost(80), "answers").prompt_tokens < 1.1 * N * 4096


def test_questions_that_no_context_can_hold_are_refused_before_a_model_is_there(
    tmp_path: Path, model_stub: Path
) -> None:
    estimate(planned(InContext(k=8, rationale=False)))  # of unknown context
    tell_context(model_stub, 30)
    short = planned(InContext(k=8, rationale=False), model=ModelSpec(source=f"dir:{model_stub}"))
    said = r"item .*about \d+ tokens, but the model's context is 30: shorten it, or use fewer demonstrations"
    with pytest.raises(UserError, match=said):
        estimate(short)
    with pytest.raises(UserError, match=said):
        run_plan(short, Store(tmp_path / "store"))
    assert not (tmp_path / "store" / "examples").exists()


def test_lessons_that_no_context_can_hold_are_refused_before_a_model_is_there(model_stub: Path) -> None:
    taught = FineTuning(n=4, recipe=Recipe(batch_size=4, warmup_updates=0))
    plan = planned(taught, model=ModelSpec(source=f"dir:{model_stub}"))
    tell_context(model_stub, 300)
    estimate(plan)
    tell_context(model_stub, 30)
    with pytest.raises(UserError, match="context is 30: choose shorter examples"):
        estimate(plan)


def test_recipes_that_need_the_same_memory_are_told_once() -> None:
    recipes = [Recipe(batch_size=4, warmup_updates=0, epochs=epochs) for epochs in (1, 2)]
    plan = planned(*(FineTuning(n=4, recipe=recipe) for recipe in recipes))
    assert len([step for step in plan.steps if step.kind == "training"]) == 2
    assert [phase.phase for phase in estimate(plan).memory] == ["answer", "train"]


def test_a_text_is_read_once() -> None:
    pool = Examples(domain=DOMAIN, split="eval", n=N)
    step = TextHardness(of="question_nll", weights=Weights(spec=MODEL), examples=pool)
    study = tiny_study(Params(model=MODEL), lambda p: Design(measurements=(step,)))
    cost = estimate(make_plan(study, "only"))
    found = line(cost, "measurements")
    mean = np.mean([len(split(e.problem)) for e in TASK.examples(DOMAIN, "eval", SAMPLES, 0)])
    assert found.prompt_tokens == found.prefill_tokens == round(N * float(mean))
    assert found.flops_expected == found.flops_most == 2 * 1e9 * found.prefill_tokens
    assert found.read_tokens == found.prefill_tokens
    assert [phase.phase for phase in cost.memory] == ["answer"]


def test_demonstrations_are_computed_once_for_all() -> None:
    bare, shown = (line(estimate(planned(m)), "answers") for m in (ZeroShot(), InContext(k=8, rationale=False)))
    items = TASK.examples(DOMAIN, "train", 8, 0)
    demonstrations = "".join(f"{TASK.prompt(DOMAIN, e, 'direct')} {e.target}\n\n" for e in items)
    extra = len(split(demonstrations))
    assert shown.prompt_tokens == bare.prompt_tokens + N * extra
    assert shown.prefill_tokens == bare.prefill_tokens + extra


def test_hidden_states_take_the_last_token_of_each_choice_too() -> None:
    probe = LinearProbe(n=8, pools=(DOMAIN,))
    plan = planned(probe)
    (states,) = (step for step in plan.steps if isinstance(step, HiddenStates))
    found = line(estimate(plan), "states")
    prompt, choices, _ = by_hand()
    shared = 3 + len(split("Question:"))
    assert found.prefill_tokens == round(shared + states.examples.n * (prompt - shared)) + round(
        states.examples.n * choices
    )
    assert line(estimate(plan), "answers").prompt_tokens == 0, "a probe reads no text again"
    assert estimate(plan).memory[0].phase == "answer"


def test_counts_are_those_of_the_model_class(tiny_model: Path) -> None:
    from offdiag.models.chat import tokenise
    from offdiag.models.lm import LM

    lm = LM.load(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, Runtime(device="cpu", threads=1))
    passed = []
    layer = lm.model.base_model.layers[0]
    layer.register_forward_hook(lambda module, args, output: passed.append(args[0].shape[0] * args[0].shape[1]))
    asked, options = [f"{'2+2 is 4, ' * 20}{chr(97 + i)} is what?" for i in range(12)], ["four", "five"]
    lm.score(asked, [options] * 12)
    ids = [tuple(map(str, tokenise(lm.tokenizer, prompt).ids)) for prompt in asked]
    assert sum(passed) == Prefill().ask("base", ids, n=12).computed + 12 * 2 * (len("four") - 1)


def test_the_rate_of_reading_is_that_of_the_finished_steps(tmp_path: Path) -> None:
    plan, store = planned(ZeroShot()), Store(tmp_path / "store")
    cost = estimate(plan, throughput=measured(plan, store))
    assert cost.time is None
    (choices,) = (step for step in plan.steps if isinstance(step, LoglikelihoodChoices))
    with store.claim(choices, {}):
        store.finish(choices, {"n": N, "seconds": 4.0})
    rate = measured(plan, store)
    assert rate == Throughput(read=cost.total.read_tokens / 4.0)
    timed = estimate(plan, throughput=rate).time
    assert timed is not None
    assert timed.most == pytest.approx(4.0)


class Uneven(Stream):
    """Rows of 3 and of 7 tokens in 8 columns."""

    tag: ClassVar[str] = "test-uneven"
    label: ClassVar[str] = "uneven"
    vocabulary: ClassVar[int] = 9
    columns: ClassVar[int] = 8

    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        targets = np.full((rows, 8), NO_TARGET)
        targets[::2, 2], targets[1::2, 6] = 1, 1
        return TokenBatch(np.zeros((rows, 8), np.int64), targets)


def test_what_fills_up_the_rows_of_a_stream_is_not_counted() -> None:
    assert Uneven().mean_length() == 5.0
