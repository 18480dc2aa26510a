import pytest

from offdiag.errors import UserError
from offdiag.methods import LinearProbe
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import Examples, HiddenStates, ProbeChoices, ProbeFits, ProbeGrid, Weights
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams
from offdiag.tasks import get_task

MODEL = ModelSpec(source="hub:org/name")
POOL = HardnessDomain(n_train=0)
TRAINS = tuple(
    HardnessDomain(hardness="num_steps", level=level, bootstrap=b, n_train=40)
    for level in ("easy", "hard")
    for b in range(2)
)
GRID = ProbeGrid(trains=TRAINS, sizes=(10, 40), noises=(0.0, 0.3))


def probe(**fields):
    return LinearProbe(**{"n": 10, "pools": (POOL,), **fields})


def cell(train=TRAINS[0], seed=0, answering="choice", model=MODEL, **fields):
    asked = train.model_copy(update={"level": "hard", "train_on": train.level})
    evaluation = Evaluation(domain=asked, n=20, answering=answering)
    return Cell(arm=Arm(model=model, method=probe(**fields), train=train, seed=seed), evaluation=evaluation)


def grid_plan():
    def build(_):
        cells = [cell(t, n=n, noise=p, beside=GRID) for t in TRAINS for n in GRID.sizes for p in GRID.noises]
        return Design(cells=tuple(cells))

    return make_plan(Study(name="p", title="P.", claim="", scales={"only": StudyParams()}, build=build), "only")


def test_a_grid_is_encoded_once_and_fitted_once():
    plan = grid_plan()
    assert len(plan.cells) == 16
    for kind, n in ((HiddenStates, 1), (ProbeFits, 1), (ProbeChoices, 16)):
        assert sum(isinstance(step, kind) for step in plan.steps) == n
    (states,) = [step for step in plan.steps if isinstance(step, HiddenStates)]
    assert states.examples.n == 1500
    assert len({step.name for step in plan.cells.values()}) == 16
    plan.check()


def test_what_is_fitted_beside_it_is_no_part_of_a_cell():
    alone, beside = cell().step(), cell(beside=GRID).step()
    assert alone.fingerprint == beside.fingerprint
    assert alone.name == beside.name
    assert alone.answers.probe.fits.fingerprint != beside.answers.probe.fits.fingerprint


def test_what_is_needed_is_no_part_of_a_cell_and_is_not_picked_where_a_state_moves_with_its_batch():
    needed = tuple(GRID.largest.values())
    half = ModelSpec(source="hub:org/name", dtype="bfloat16")
    assert cell(needed=needed).step().fingerprint == cell().step().fingerprint
    for model, picked in ((MODEL, needed), (half, ())):
        (states,) = cell(needed=needed, model=model).step().answers.probe.fits.states
        assert states.needed == picked


def test_every_other_field_is():
    others = {
        "n": 11,
        "noise": 0.1,
        "pools": (TRAINS[0].model_copy(update={"n_train": 0}),),
        "layers": ("last",),
        "l2": 0.5,
        "style": "step-by-step",
    }
    assert {*others, "beside", "needed"} == set(LinearProbe.model_fields)
    changed = [cell(**{name: other}) for name, other in others.items()]
    cells = [cell(), *changed, cell(seed=1), cell(TRAINS[1]), cell(model=ModelSpec(source="hub:org/other"))]
    assert len({one.step().fingerprint for one in cells}) == len(cells)


def test_an_evaluation_that_was_taught_is_refused():
    def build(_):
        asked = Evaluation(domain=HardnessDomain(n_train=0), n=1500, answering="choice")
        return Design(cells=(Cell(arm=Arm(model=MODEL, method=probe(n=40), train=TRAINS[0]), evaluation=asked),))

    plan = make_plan(Study(name="p", title="P.", claim="", scales={"only": StudyParams()}, build=build), "only")
    with pytest.raises(UserError, match="40 of|share|both|taught"):
        plan.check()


def test_columns():
    found = cell(noise=0.3).factors()
    assert (found["method"], found["n_train"], found["noise"], found["train_level"]) == (
        "linear-probe",
        10,
        0.3,
        "easy",
    )


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: probe().predictor(Weights.of(MODEL), None, 0), "needs a training domain"),
        (lambda: cell(answering="generation").step(), "answering='choice'"),
        (lambda: cell(n=11, beside=GRID).step(), "not among its training sets"),
    ],
)
def test_mistakes(build, says):
    with pytest.raises(UserError, match=says):
        build()


def test_a_pool_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(type(get_task("easy_to_hard")), "size", lambda self, domain, split: None)
    with pytest.raises(UserError, match="never runs out"):
        cell().step()


def test_the_training_set_is_that_of_the_other_methods():
    training_set = cell().step().answers.probe.training_set
    assert training_set.examples == Examples(domain=TRAINS[0], split="train", n=10, seed=0)
