from importlib.util import find_spec

import pytest

from offdiag.cost import estimate
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import FineTuning, PolicyOptimisation, Recipe, Reinforcement
from offdiag.methods.policy_optimisation import judge_of
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import Weights
from offdiag.store import Store
from offdiag.studies.base_addition.counting import CountingDomain
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import get_task
from offdiag.training.reinforcement import Verdict
from support import tiny_study
from support.tiny_study import RECIPE, RUNTIME, steps_of, tell_context
from support.tiny_study import tiny_study as study_of

BASE = Weights(spec=ModelSpec(source="hub:org/name"))
SUMS, NUMBERS = AdditionDomain(base=8), CountingDomain(base=8)
SMALL = PolicyOptimisation(
    n=4,
    recipe=RECIPE.model_copy(update={"batch_size": 2}),
    reinforcement=Reinforcement(group_size=2, max_new_tokens=6),
)


def trained(method, seed=0, base=BASE, train=SUMS):
    return method.predictor(base, train, seed).weights.trained


def plan_of(model, *methods, train=NUMBERS):
    spec = ModelSpec(source=f"dir:{model}")
    asked = Evaluation(domain=train, n=2, max_new_tokens=4)
    cells = tuple(Cell(arm=Arm(model=spec, method=method, train=train), evaluation=asked) for method in methods)
    return make_plan(study_of(tiny_study.Params(model=spec), lambda p: Design(cells=cells)), "only")


@pytest.mark.parametrize(
    ("domain", "problem", "completion", "verdict"),
    [
        (SUMS, "76+76", r"\boxed{174}", Verdict(parsed=True, correct=True)),
        (SUMS, "76+76", r"\boxed{152}", Verdict(parsed=True, correct=False)),
        (SUMS, "76+76", "I cannot tell.", Verdict(parsed=False, correct=False)),
        (NUMBERS, "17", r"15, 16, 17, so \boxed{20}", Verdict(parsed=True, correct=True)),
        (NUMBERS, "17", r"\boxed{18}", Verdict(parsed=True, correct=False)),
    ],
)
def test_the_reward_is_the_verdict_of_the_tasks_own_grader(domain, problem, completion, verdict):
    task = get_task(domain.task)
    examples = [task.examples(domain, "train", 1, 0)[0], task.parse_problem(domain, problem)]
    assert judge_of(domain, examples)(1, completion) == verdict


def test_it_asks_the_examples_that_fine_tuning_teaches():
    assert trained(PolicyOptimisation(n=96)).examples == trained(FineTuning(n=96)).examples
    rl_task = trained(PolicyOptimisation(n=3, style="direct")).rl_task(trained(SMALL).examples.sample()[:3])
    task = get_task("base_addition")
    assert rl_task.prompts == [task.prompt(SUMS, e, "direct") for e in task.examples(SUMS, "train", 3, 0)]


def test_names_tell_arms_apart():
    arms = [PolicyOptimisation(n=96), PolicyOptimisation(n=97), PolicyOptimisation(n=96, style="direct")]
    names = [trained(arm).name for arm in arms] + [trained(arms[0], seed=1).name, trained(arms[0], train=NUMBERS).name]
    assert names[0] == "name.lora.grpo.step-by-step.base=8,digits=2.n96.s0"
    assert len(set(names)) == len(names)
    assert arms[2].taught_style == "direct"


def test_the_adapter_shares_its_base():
    learner = PolicyOptimisation(n=96).predictor(BASE, SUMS, 0)
    assert learner.context is None
    assert learner.weights.base_key == BASE.base_key
    four_bits = PolicyOptimisation(n=96, recipe=Recipe(adapter="qlora", warmup_updates=0)).predictor(BASE, SUMS, 0)
    assert four_bits.weights.base.spec.quantization == four_bits.weights.trained.start.spec.quantization == "nf4"


def test_another_grader_rewards_something_else(monkeypatch):
    before = trained(SMALL).fingerprint, trained(FineTuning(n=96)).fingerprint
    monkeypatch.setattr(type(get_task("base_addition")), "extractor_version", 99)
    after = trained(SMALL).fingerprint, trained(FineTuning(n=96)).fingerprint
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_what_cannot_be_optimised_is_one_line():
    for method, train, message in (
        (SMALL, None, "policy optimisation needs a training domain: set train="),
        (PolicyOptimisation(n=4, recipe=Recipe(adapter="full")), SUMS, "found adapter='full'"),
        (PolicyOptimisation(n=4, recipe=Recipe(dropout=0.1)), SUMS, r"found dropout=0\.1"),
        (PolicyOptimisation(n=4, recipe=Recipe(warmup_updates=5)), SUMS, "warmup_updates = 5 leaves nothing"),
    ):
        with pytest.raises(UserError, match=message):
            method.predictor(BASE, train, 0)


def test_a_run_without_trl_is_refused_before_anything_runs(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.training.reinforcement.find_spec", lambda name: None)
    watcher = tiny_study.Recorder()
    with pytest.raises(UserError, match=r'needs trl, which is not installed; type: pip install "offdiag\[rl\]"'):
        run_plan(plan_of(tiny_model, SMALL), Store(tmp_path / "store"), RUNTIME, watcher=watcher)
    assert not watcher.ends


@pytest.mark.skipif(find_spec("trl") is None, reason='trl is not installed: pip install "offdiag[rl]"')
def test_an_arm_of_a_study_from_plan_to_table(tiny_model, tmp_path):
    plan, store = plan_of(tiny_model, SMALL), Store(tmp_path / "store")
    watcher = tiny_study.Recorder()
    assert run_plan(plan, store, RUNTIME, watcher=watcher).complete
    (step,) = steps_of(plan, "training")
    summary = store.result(step)["summary"]
    assert (summary["rounds"], summary["completions"], summary["examples"]) == (2, 8, 4)
    assert watcher.progress[f"training/{step.name}"] == [(1, 2), (2, 2)]
    assert len((store.folder(step) / "history.jsonl").read_text().splitlines()) == 2
    (row,) = gather(plan, store).cells.to_dict("records")
    assert (row["method"], row["state"], row["n_train"], row["group_size"]) == ("policy-optimisation", "done", 4, 2)


def test_completions_that_no_context_can_hold_are_refused(model_stub):
    method = SMALL.model_copy(update={"reinforcement": Reinforcement(group_size=8, max_new_tokens=9000)})
    tell_context(model_stub, 8000)
    with pytest.raises(UserError, match="context is 8000: use a smaller max_new_tokens"):
        estimate(plan_of(model_stub, method))
    estimate(plan_of(model_stub, SMALL))


def test_its_cost_is_counted(model_stub):
    method = SMALL.model_copy(update={"reinforcement": Reinforcement(group_size=8, max_new_tokens=1000, passes=2)})
    cost = estimate(plan_of(model_stub, method))
    (line,) = [line for line in cost.lines if line.kind == "training"]
    assert line.generated_most == 2 * 2 * 8 * 1000  # rounds, prompts, completions, tokens
    assert 0 < line.generated_expected < line.generated_most
    assert line.trained_tokens == pytest.approx(2 * (line.prompt_tokens + line.generated_expected), abs=2)
    assert cost.notes == estimate(plan_of(model_stub, FineTuning(n=4, recipe=RECIPE))).notes
