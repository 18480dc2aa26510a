import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.measurements import TrainingHistory
from offdiag.methods import FineTuning, GradientProjection, KLPenalty, Mixing, Proxy, Recipe, UpWeighting, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import Weights
from offdiag.store import Store
from offdiag.studies.base_addition.counting import CountingDomain
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import get_task
from support import tiny_study

BASE = Weights(spec=ModelSpec(source="hub:org/name"))
DOMAIN, OTHER = AdditionDomain(base=8), AdditionDomain(base=9)


def trained(method, seed=0):
    return method.predictor(BASE, DOMAIN, seed).weights.trained


def test_proxy_examples_are_training_examples_of_the_data_seed():
    step = trained(FineTuning(n=96, data_seed=3, proxy=Proxy(domain=OTHER, n=20)), seed=1)
    taught, beside = step.examples, step.proxy.examples
    assert (taught.domain, taught.n, taught.seed, taught.split) == (DOMAIN, 96, 3, "train")
    assert (beside.domain, beside.n, beside.seed, beside.split) == (OTHER, 20, 3, "train")
    assert step.inputs == (taught, beside)


def test_only_what_is_pooled_makes_an_epoch_longer():
    recipe = Recipe(batch_size=16, epochs=2)
    for strategy, updates in [(Mixing(), 16), (UpWeighting(weight=2), 16), (KLPenalty(beta=1), 12)]:
        step = trained(FineTuning(n=96, recipe=recipe, proxy=Proxy(domain=OTHER, n=20, strategy=strategy)))
        assert step.updates == updates


def test_names_tell_strategies_and_their_strengths_apart():
    strategies = [Mixing(), UpWeighting(weight=2), UpWeighting(weight=2.5), KLPenalty(beta=0.1), GradientProjection()]
    names = [trained(FineTuning(n=96, proxy=Proxy(domain=OTHER, n=20, strategy=s))).name for s in strategies]
    assert len(set(names)) == len(names)
    assert names[3] == "name.lora.answer-only.base=8,digits=2.n96.beside.base=9,digits=2.n20.kl-penalty-0.1.s0"


def test_the_columns_of_a_proxy():
    method = FineTuning(n=96, proxy=Proxy(domain=OTHER, n=20, strategy=KLPenalty(beta=0.1)))
    own = FineTuning(n=96).factors()
    assert method.factors() == {
        **own,
        "proxy": "base=9,digits=2",
        "n_proxy": 20,
        "strategy": "kl-penalty",
        "strength": 0.1,
        "proxy_base": 9,
        "proxy_digits": 2,
    }
    assert not [name for name in own if "proxy" in name or "str" in name]


def test_strategies_are_read_back_from_their_fields():
    for strategy in (UpWeighting(weight=2), KLPenalty(beta=0.1)):
        proxy = Proxy.model_validate({"domain": OTHER, "n": 2, "strategy": strategy.model_dump()})
        assert proxy.strategy == strategy


def test_words_of_the_proxys_task_are_identity(monkeypatch):
    method = FineTuning(n=96, proxy=Proxy(domain=CountingDomain(base=8), n=2))
    before = trained(method).fingerprint
    monkeypatch.setattr(type(get_task("counting")), "prompt_version", 99)
    assert trained(method).fingerprint != before


@pytest.mark.parametrize("strategy", [UpWeighting, KLPenalty])
@pytest.mark.parametrize("number", [0.0, -1.0, float("inf")])
def test_strengths_are_positive(strategy, number):
    (name,) = strategy.model_fields
    with pytest.raises(ValueError, match=name):
        strategy(**{name: number})


def test_a_proxy_of_the_training_domain_is_refused():
    with pytest.raises(UserError, match="a proxy of the same domain: give the proxy another one"):
        trained(FineTuning(n=96, proxy=Proxy(domain=DOMAIN, n=2)))


def test_a_study_with_a_proxy_of_another_task_runs(tiny_model, tmp_path):
    """From the plan to the table of its history."""
    model = ModelSpec(source=f"dir:{tiny_model}")
    recipe = tiny_study.RECIPE.model_copy(update={"snapshots": (0, 1)})
    proxy = Proxy(domain=CountingDomain(base=8), n=3, strategy=KLPenalty(beta=1))
    method = FineTuning(n=8, recipe=recipe, proxy=proxy)
    arms = [Arm(model=model, method=method, train=DOMAIN, checkpoint=at) for at in (None, 0, 1)]
    asked = Evaluation(domain=DOMAIN, n=2, max_new_tokens=2)
    cells = tuple(Cell(arm=arm, evaluation=asked) for arm in [*arms, Arm(model=model, method=ZeroShot())])
    history = TrainingHistory.of(arms[1].predictor().weights, arms[1].factors())
    study = tiny_study.tiny_study(
        tiny_study.Params(model=model), lambda p: Design(cells=cells, measurements=(history,), baseline=ZeroShot())
    )
    plan, store = make_plan(study, "only"), Store(tmp_path / "store")
    assert run_plan(plan, store, tiny_study.RUNTIME).complete
    results = gather(plan, store)
    frame = results.measurements["training"]
    assert frame["update"].tolist() == [1, 2]
    assert frame["strategy"].tolist() == ["kl-penalty"] * 2
    assert frame["proxy_kl"].notna().all()
    assert "seconds" not in frame
    assert results.cells["update"].fillna(-1).tolist() == [-1, 0, 1, -1]
    said = results.records.groupby("cell", sort=False)["parsed"].apply(list).tolist()
    assert said[1] == said[3]  # before the first update the arm is its start model
