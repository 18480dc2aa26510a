import pytest

from offdiag.conversation import Spoken, after_system, turns_of, with_system, written
from offdiag.engine.execute import ModelSlot, StepWork, execute_step
from offdiag.errors import UserError
from offdiag.methods import InContext, ZeroShot
from offdiag.methods.in_context import few_shot_prompt
from offdiag.models import ModelSpec
from offdiag.models.turn import bare_turn
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Weights
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import Task, get_task

HUB = ModelSpec(source="hub:org/name")
DOMAIN = AdditionDomain(base=8)
TASK = get_task("base_addition")
N = 4


@pytest.fixture
def work(tmp_path):
    return StepWork(tmp_path, Store(tmp_path / "store"), Runtime(threads=1), ModelSlot())


def answers_of(method, train=DOMAIN, style="step-by-step", asked=DOMAIN, seed=0):
    arm = Arm(model=HUB, method=method, train=train, seed=seed)
    return Cell(arm=arm, evaluation=Evaluation(domain=asked, n=N, style=style)).step().answers


def prompts_of(work, method, **options):
    """The prompts of a method's cell; the examples that it needs are drawn into a store."""
    answers = answers_of(method, **options)
    for step in answers.inputs:
        if isinstance(step, Examples):
            execute_step(step, work.store, work.runtime, work.slot, {}, lambda done, total: None)
    return answers.prompts(work, answers.examples.sample())


def queries(style="step-by-step", domain=DOMAIN):
    return [TASK.prompt(domain, example, style) for example in TASK.examples(domain, "eval", N, 0)]


def demonstration(example, domain=DOMAIN, style="step-by-step", *, rationale=True):
    return f"{TASK.prompt(domain, example, style)} {TASK.response(domain, example, rationale=rationale)}"


def sorted_operands(example):
    return tuple(sorted(example.problem.split("+")))


def shown(prompt, query):
    """The demonstrations of a prompt as lines, its query taken off."""
    assert prompt.startswith("Examples: ")
    assert prompt.endswith(f"\n{query}")
    return prompt.removeprefix("Examples: ").removesuffix(f"\n{query}")


def test_zero_shot_asks_the_question_alone(work):
    for style in ("direct", "step-by-step"):
        assert prompts_of(work, ZeroShot(), train=None, style=style) == queries(style)


def test_the_layout_of_a_prompt():
    assert few_shot_prompt(["1+1? 2", "1+2? 3"], "2+2?") == "Examples: 1+1? 2\n1+2? 3\n2+2?"


@pytest.mark.parametrize("k", [1, 2, 5])
def test_fixed_demonstrations_are_the_first_k_training_examples(work, k):
    taught = TASK.examples(DOMAIN, "train", k, 0)
    expected = "\n".join(demonstration(example) for example in taught)
    for prompt, query in zip(prompts_of(work, InContext(k=k, rationale=True)), queries(), strict=True):
        assert shown(prompt, query) == expected


def test_the_prompt_of_k_begins_that_of_k_plus_one(work):
    three, four = (prompts_of(work, InContext(k=k, rationale=True)) for k in (3, 4))
    for query, short, long in zip(queries(), three, four, strict=True):
        assert long.startswith(short.removesuffix(query))


def test_demonstrations_of_each_query_are_its_own(work):
    prompts = prompts_of(work, InContext(k=3, rationale=True, demonstrations="per-query"))
    found = [shown(prompt, query) for prompt, query in zip(prompts, queries(), strict=True)]
    assert len(set(found)) == N
    for text, query in zip(found, TASK.examples(DOMAIN, "eval", N, 0), strict=True):
        drawn = TASK.demonstrations(DOMAIN, query, 3, 0)
        assert text == "\n".join(demonstration(example) for example in drawn)
        assert {sorted_operands(query)}.isdisjoint(map(sorted_operands, drawn))
    assert prompts_of(work, InContext(k=3, rationale=True, demonstrations="per-query")) == prompts


def test_a_seed_draws_other_demonstrations(work):
    for kind in ("fixed", "per-query"):
        method = InContext(k=2, rationale=True, demonstrations=kind)
        assert prompts_of(work, method, seed=1) != prompts_of(work, method)


def test_rationale_and_answer_only_are_two_arms(work):
    with_rationale, bare = InContext(k=1, rationale=True), InContext(k=1)
    first = TASK.examples(DOMAIN, "train", 1, 0)[0]
    worked, short = (prompts_of(work, m)[0] for m in (with_rationale, bare))
    assert first.rationale in worked
    assert first.rationale not in short
    assert f"\\boxed{{{first.target}}}\n" in short
    assert answers_of(with_rationale).fingerprint != answers_of(bare).fingerprint
    assert answers_of(with_rationale).name != answers_of(bare).name


@pytest.mark.parametrize(
    ("method", "style"),
    [
        (InContext(k=1, rationale=True), "step-by-step"),
        (InContext(k=1, rationale=False), "direct"),
        (InContext(k=1, rationale=False, style="step-by-step"), "step-by-step"),
        (InContext(k=1, rationale=True, style="direct"), "direct"),
    ],
)
def test_a_demonstrated_question_asks_for_what_its_answer_does(work, method, style):
    taught = demonstration(TASK.examples(DOMAIN, "train", 1, 0)[0], style=style, rationale=method.rationale)
    for asked in ("direct", "step-by-step"):
        (prompt, *_) = prompts_of(work, method, style=asked)
        assert shown(prompt, queries(asked)[0]) == taught


def test_demonstrations_of_another_domain_keep_their_own_words(work):
    other = AdditionDomain(base=9)
    (prompt, *_) = prompts_of(work, InContext(k=2, rationale=True), train=other)
    taught = [demonstration(example, other) for example in TASK.examples(other, "train", 2, 0)]
    assert shown(prompt, queries()[0]) == "\n".join(taught)


def test_what_a_method_cannot_do_is_one_line():
    with pytest.raises(UserError, match="in-context learning needs a training domain .* set train="):
        InContext(k=1, rationale=True).predictor(Weights(spec=HUB), None, 0)
    with pytest.raises(UserError, match="zero-shot learns nothing: .* train=None, not train=base=8,digits=2"):
        ZeroShot().predictor(Weights(spec=HUB), DOMAIN, 0)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        InContext(k=0, rationale=True)


@pytest.mark.parametrize("kind", ["fixed", "per-query"])
def test_more_demonstrations_than_there_are_is_one_line(work, kind):
    tiny = AdditionDomain(base=3, digits=1)
    with pytest.raises(UserError, match=r"base=3,digits=1: .*asked for, but"):
        answers = answers_of(InContext(k=50, rationale=True, demonstrations=kind), train=tiny)
        for step in answers.inputs:
            step.sample()
        prompts_of(work, InContext(k=50, rationale=True, demonstrations=kind), train=tiny)


def test_demonstrations_are_turns_after_the_system_and_before_the_question(work):
    few, more = (prompts_of(work, InContext(k=k, rationale=True, turns=True)) for k in (1, 2))
    told = turns_of(more[0])
    taught = TASK.examples(DOMAIN, "train", 2, 0)
    asked = [TASK.prompt(DOMAIN, example, "step-by-step") for example in taught]
    said = [TASK.response(DOMAIN, example, rationale=True) for example in taught]
    assert told == [
        *(Spoken(role, text) for pair in zip(asked, said, strict=True)
          for role, text in zip(("user", "assistant"), pair, strict=True)),
        Spoken("user", queries()[0]),
    ]  # fmt: skip
    assert turns_of(few[0])[:2] == told[:2], "the prompt for k begins that for k + 1"
    arm = Arm(model=HUB, method=InContext(k=1, rationale=True, turns=True), train=DOMAIN)
    evaluation = Evaluation(domain=DOMAIN, n=N, style="step-by-step", system="Be terse.")
    answers = Cell(arm=arm, evaluation=evaluation).step().answers
    (first, *_) = answers.prompts(work, answers.examples.sample())
    assert [turn.role for turn in turns_of(first)] == ["system", "user", "assistant", "user"]
    assert turns_of(first)[0].text == "Be terse."
    own = written([Spoken("system", "Mine."), Spoken("user", "Why?")])
    assert [t.role for t in turns_of(after_system(own, told[:2]))] == ["system", "user", "assistant", "user"]
    with pytest.raises(UserError, match="system turn of its own"):
        with_system(own, "Be terse.")


def test_a_question_ends_as_those_of_the_demonstrations_do():
    prompt = few_shot_prompt(["Answer: order", "Answer: track"], "Answer:", separator="\n")
    asked = bare_turn(Task.response_prefix, "").opened(prompt)
    assert not asked.endswith("\n")
    whole = asked + bare_turn(Task.response_prefix, "").bridge + "cancel"
    assert whole.split("\n")[-2:] == ["Answer: track", "Answer: cancel"]
