from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.exports import file_in
from offdiag.figures import KShot
from offdiag.methods import FineTuning, InContext, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import Grades
from offdiag.store import State, Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.base_addition.task.task import BaseAddition
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.trigger_2d.analyses.stage_check import StageCheck
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.study_files import load_study
from offdiag.tasks import TASKS, Domain, Example, Grade, get_task, register, task
from support.tiny_study import RECIPE, Params, answer_by_hand, build, steps_of, tiny_plan, tiny_study

HUB = ModelSpec(source="hub:org/name")


@pytest.fixture
def plan(model_stub):
    return tiny_plan(model_stub)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def fill(store, plan):
    """Finish every cell of the plan, with answers written by hand."""
    for answers in steps_of(plan, "answers"):
        if store.state(answers) is not State.DONE:
            answer_by_hand(store, answers, lambda i: i % 2 == 0)
    rest = [state.step.kind for state in plan.survey(store) if state.needed]
    assert set(rest) <= {"examples", "cells"}
    assert run_plan(plan, store).complete


def needed(plan, store):
    return [state.step.kind for state in plan.survey(store) if state.needed]


def test_arms_that_differ_in_chance_alone_have_one_first_draw(model_stub):
    plan = tiny_plan(model_stub, seeds=(0, 1, 2))
    first = {arm: name for arm, name in plan.first_replicates.items() if isinstance(arm.method, FineTuning)}
    assert [arm.seed for arm in first] == [0, 1, 2]
    assert len(set(first.values())) == 1
    assert len(set(plan.first_replicates.values())) == 4  # untrained, k = 1, k = 2, tuned


def test_a_draw_is_one_of_the_training_data_and_of_what_came_before():
    method = FineTuning(n=4, recipe=RECIPE)

    def arm(seed, bootstrap, level="easy", **before):
        train = HardnessDomain(hardness="num_steps", level=level, bootstrap=bootstrap)
        return Arm(model=HUB, method=method, train=train, seed=seed, **before)

    assert arm(0, 0).learner == arm(3, 2).learner != arm(0, 0, level="hard").learner
    assert arm(0, 0, init_from=arm(0, 0)).learner == arm(1, 1, init_from=arm(1, 1)).learner
    assert arm(0, 0, init_from=arm(0, 0)).learner != arm(0, 0, init_from=arm(0, 0, level="hard")).learner
    assert arm(0, 0, checkpoint=3).learner != arm(0, 0).learner


def plan_of(*cells: Cell, baseline=None):
    @study("given", scales={"only": StudyParams()})
    def given(p: StudyParams) -> Design:
        return Design(cells=cells, baseline=baseline)

    return make_plan(given, "only")


@pytest.mark.parametrize(
    ("design", "named"),
    [
        (Design(analyses=(StageCheck(name="a"), StageCheck(name="a"))), "table 'a'"),
        (Design(analyses=(StageCheck(name="cells"),)), "table 'cells'"),
        (Design(figures=(KShot(name="f"), KShot(name="f"))), "figure 'f'"),
    ],
)
def test_two_tables_or_figures_of_one_name_are_refused_before_anything_runs(design, named):
    @study("named", scales={"only": StudyParams()})
    def given(p: StudyParams) -> Design:
        return design

    with pytest.raises(UserError, match=named):
        make_plan(given, "only")


def test_an_analysis_cannot_take_the_name_of_a_measured_table():
    design = load_study("hidden-states").build(load_study("hidden-states").params("quick"))
    taken = design.measurements[0].table
    with pytest.raises(UserError, match=f"table {taken!r}"):
        replace(design, analyses=(StageCheck(name=taken),)).check_names()


def test_each_step_once_and_inputs_first(plan):
    prints = [step.fingerprint for step in plan.steps]
    assert len(set(prints)) == len(prints)
    for step in plan.steps:
        assert all(prints.index(i.fingerprint) < prints.index(step.fingerprint) for i in step.inputs)
    kinds = [step.kind for step in plan.steps]
    # evaluated, shown once and twice, taught; a training; five cells
    assert {kind: kinds.count(kind) for kind in kinds} == {"examples": 4, "training": 1, "answers": 5, "cells": 5}
    assert [type(step) for step in plan.cells.values()] == [Grades] * 5


def test_scales_share_the_steps_that_are_the_same(model_stub):
    small, large = tiny_plan(model_stub), tiny_plan(model_stub, shots=(1, 2, 4), seeds=(0, 1))
    ours, theirs = ({step.fingerprint for step in p.steps} for p in (small, large))
    assert ours < theirs
    assert len(theirs - ours) == 6  # k = 4: examples, answers, grades; seed 1: training, answers, grades


def test_a_plan_is_the_same_each_time_and_is_json(plan, model_stub):
    assert plan.to_json() == tiny_plan(model_stub).to_json()
    listed = plan.to_json()["steps"]
    assert [step["fingerprint"] for step in listed] == [step.fingerprint for step in plan.steps]


def test_select_keeps_the_cells_with_all_words_and_what_they_need(plan):
    chosen = plan.select("k2 step")
    assert [step.name for step in chosen.cells.values()] == [
        "stub.k2.rationale.base=8,digits=2.s0--base=8,digits=2.step-by-step.n6"
    ]
    assert [step.kind for step in chosen.steps] == ["examples", "examples", "answers", "cells"]
    assert plan.select("").cells == plan.cells
    beside = plan.select("k2 step", compared=True)
    assert [step.name for step in beside.cells.values()] == [
        "stub--base=8,digits=2.step-by-step.n6",
        "stub.k2.rationale.base=8,digits=2.s0--base=8,digits=2.step-by-step.n6",
    ]
    assert set(beside.again().cells) == set(beside.cells)
    assert [step.name for step in plan.select("zero-shot step").cells.values()] == list(plan.cell_names.values())[:1]
    with pytest.raises(UserError, match=r"'k9' matches none of the 5 cells: names are such as stub--"):
        plan.select("k9")


def test_everything_is_needed_at_first_and_nothing_at_last(plan, store):
    assert len(needed(plan, store)) == len(plan.steps)
    assert {state.state for state in plan.survey(store)} == {State.MISSING}
    fill(store, plan)
    assert needed(plan, store) == []


def test_finished_cells_need_nothing_upstream(plan, store):
    fill(store, plan)  # no training was ever done
    states = {state.step.kind: state.state for state in plan.survey(store)}
    assert states["training"] is State.MISSING
    assert states["cells"] is State.DONE


def remove(store, *steps):
    for step in steps:
        for path in store.folder(step).iterdir():
            path.unlink()
        store.folder(step).rmdir()


def test_lost_grades_are_made_again_from_the_answers(plan, store):
    fill(store, plan)
    grades = steps_of(plan, "cells")[0]
    before = (store.folder(grades) / "records.jsonl").read_text()
    remove(store, grades)
    assert needed(plan, store) == ["cells"]
    assert run_plan(plan, store).done == 1
    assert (store.folder(grades) / "records.jsonl").read_text() == before


def test_lost_grades_and_examples_are_both_made_again(plan, store):
    fill(store, plan)
    grades = steps_of(plan, "cells")[0]
    remove(store, grades, grades.answers.examples)
    assert needed(plan, store) == ["examples", "cells"]
    assert run_plan(plan, store).complete


def test_lost_answers_alone_need_nothing(plan, store):
    fill(store, plan)
    remove(store, *steps_of(plan, "answers"))
    assert needed(plan, store) == []


def test_a_new_extractor_grades_again_and_generates_nothing(plan, store, model_stub, monkeypatch):
    fill(store, plan)
    monkeypatch.setattr(BaseAddition, "extractor_version", 99)
    newer = tiny_plan(model_stub)
    assert needed(newer, store) == ["cells"] * 5
    survey = {state.step.kind: state for state in newer.survey(store)}
    assert survey["cells"].state is State.STALE
    assert "extractor_version: " in survey["cells"].note
    assert survey["cells"].note.endswith("→ 99")
    assert run_plan(newer, store).complete


def test_a_new_prompt_generates_again_from_the_same_examples(plan, store, model_stub, monkeypatch):
    fill(store, plan)
    monkeypatch.setattr(BaseAddition, "prompt_version", 99)
    newer = tiny_plan(model_stub)
    kinds = needed(newer, store)
    assert kinds.count("answers") == kinds.count("cells") == 5
    assert [s.step.name for s in newer.survey(store) if s.needed and s.step.kind == "examples"] == [
        "base_addition.base=8,digits=2.train.n1.s0",
        "base_addition.base=8,digits=2.train.n2.s0",
        "base_addition.base=8,digits=2.train.n8.s0",
    ]  # never drawn in this store, and needed by demonstrations and training


def test_a_changed_hyper_parameter_is_stale_and_another_arm_is_missing(plan, store, model_stub):
    fill(store, plan)
    changed = tiny_plan(model_stub, recipe=RECIPE.model_copy(update={"rank": 3}), seeds=(0, 1))
    states = {s.step.name: s for s in changed.survey(store) if s.step.kind == "cells"}
    tuned = [states[name] for name in states if ".lora." in name]
    assert [s.state for s in tuned] == [State.STALE, State.MISSING]
    assert "answers.weights.trained.recipe.rank: 2 → 3" in tuned[0].note
    assert all(s.state is State.DONE for name, s in states.items() if ".lora." not in name)


def test_a_survey_sees_what_was_finished_since_the_last_one(plan, store, model_stub):
    assert plan.survey(store)[0].state is State.MISSING
    fill(store, plan)
    changed = tiny_plan(model_stub, max_new_tokens=9)
    assert {s.state for s in changed.survey(store) if s.step.kind == "cells"} == {State.STALE}


def test_a_pool_that_is_too_small_is_found_before_anything_runs(plan, store):
    plan.check()
    asked = Evaluation(domain=AdditionDomain(base=8), n=1001)
    zero = plan_of(Cell(arm=Arm(model=HUB, method=ZeroShot()), evaluation=asked))
    with pytest.raises(UserError, match="1001 examples of split 'eval' asked for, but it has 1000"):
        zero.check()
    few = Arm(model=HUB, method=InContext(k=700, rationale=True), train=AdditionDomain(base=8, digits=1))
    other = Evaluation(domain=AdditionDomain(base=8), n=3)
    with pytest.raises(UserError, match="700 examples of split 'train'"):
        run_plan(plan_of(Cell(arm=few, evaluation=other)), store)
    assert not store.root.exists()


def test_the_same_cell_twice_is_refused():
    asked = Evaluation(domain=AdditionDomain(base=8), n=3)
    cell = Cell(arm=Arm(model=HUB, method=ZeroShot()), evaluation=asked)
    with pytest.raises(UserError, match="given lists the same cell twice: name--base=8"):
        plan_of(cell, cell)
    # another seed of an arm that learns nothing is the same learner
    with pytest.raises(UserError, match="twice"):
        plan_of(cell, Cell(arm=Arm(model=HUB, method=ZeroShot(), seed=1), evaluation=asked))


def test_evaluating_on_the_training_split_is_refused():
    arm = Arm(model=HUB, method=FineTuning(n=96), train=AdditionDomain(base=8))
    with pytest.raises(UserError, match="split='train' of base=8,digits=2: evaluate on a held-out split"):
        plan_of(Cell(arm=arm, evaluation=Evaluation(domain=AdditionDomain(base=8), n=3, split="train")))


class LeakyDomain(Domain):
    task: ClassVar[str] = "leaky"
    first: int = 0


@pytest.fixture
def leaky(monkeypatch):
    """A task whose splits are not disjoint: ``train`` counts from ``first``, ``eval`` from 5."""
    monkeypatch.setattr(TASKS, "_added", dict(TASKS._added))

    @register
    class Leaky(task.Task[LeakyDomain]):
        name = "leaky"
        domain_type = LeakyDomain

        def domains(self) -> Sequence[LeakyDomain]:
            return [LeakyDomain()]

        def examples(self, domain: LeakyDomain, split: str, n: int, seed: int) -> list[Example]:
            first = domain.first if split == "train" else 5
            return [Example(id=f"{split}/{i}", problem=str(i), target=str(i)) for i in range(first, first + n)]

        def demonstrations(self, domain: LeakyDomain, query: Example, k: int, seed: int) -> list[Example]:
            return self.examples(domain, "train", k, seed)

        def prompt(self, domain: LeakyDomain, example: Example, style: str) -> str:
            return example.problem

        def response(self, domain: LeakyDomain, example: Example, *, rationale: bool) -> str:
            return example.target

        def grade(self, domain: LeakyDomain, example: Example, completion: str) -> Grade:
            return Grade(parsed=completion, status="parsed", correct=completion == example.target)

        def parse_problem(self, domain: LeakyDomain, problem: str) -> Example:
            return Example(id=problem, problem=problem, target=problem)

    assert get_task("leaky").name == "leaky"


@pytest.mark.parametrize(
    "method", [InContext(k=6, rationale=True), FineTuning(n=6, recipe=Recipe(warmup_updates=0))], ids=["shown", "tuned"]
)
def test_an_item_that_is_taught_and_evaluated_is_refused_by_name(leaky, store, method):
    asked = Evaluation(domain=LeakyDomain(), n=3)
    leak = plan_of(Cell(arm=Arm(model=HUB, method=method, train=LeakyDomain()), evaluation=asked))
    with pytest.raises(UserError, match=r"leaky: train/5 \(5\) .* eval/5 \(5\) .* same item, and 1 such items"):
        leak.check()
    with pytest.raises(UserError, match="train/5"):
        run_plan(leak, store)
    assert not store.root.exists()
    plan_of(Cell(arm=Arm(model=HUB, method=method, train=LeakyDomain(first=90)), evaluation=asked)).check()


def test_an_unknown_scale_names_those_there_are():
    with pytest.raises(UserError, match="study tiny has no scale 'huge': expected one of only"):
        make_plan(tiny_study(Params(model=HUB)), "huge")


def test_a_study_reads_its_docstring():
    @study("named", scales={"only": Params(model=HUB)})
    def named(p: Params) -> Design:
        """The title.

        The claim
        on two lines.
        """
        return build(p)

    assert (named.title, named.claim) == ("The title.", "The claim\non two lines.")


def test_parameters_are_closed():
    with pytest.raises(ValueError, match="n_evil"):
        Params(model=HUB, n_evil=3)


def test_the_baseline_of_a_cell_is_the_untuned_model_on_the_same_items(model_stub):
    design = build(Params(model=ModelSpec(source=f"dir:{model_stub}")))
    bases = [design.baseline_of(cell) for cell in design.cells]
    assert bases[:2] == [None, None]
    assert bases[2:] == [design.cells[0], design.cells[0], design.cells[1]]


def test_of_paths_the_portable_command_has_the_last_part_alone(tiny_model: Path) -> None:
    study = replace(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}"))), file=Path("/home/me/my study.py"))
    plan = make_plan(study, "only", {"model": f"dir:{tiny_model}", "shots": (1,)})
    assert f"model=dir:{tiny_model}" in plan.command
    assert plan.command.startswith("'/home/me/my study.py' --scale only ")
    assert plan.portable_command == f"'my study.py' --scale only --set model=dir:{tiny_model.name} --set 'shots=[1]'"


def test_a_study_file_is_named_as_one_types_it_here(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")))
    plan = make_plan(replace(study, file=tmp_path / "deep" / "my study.py"), "only")
    for here, said in (
        (tmp_path, "'deep/my study.py' --scale only"),
        (tmp_path / "deep", "'my study.py' --scale only"),
    ):
        here.mkdir(exist_ok=True)
        monkeypatch.chdir(here)
        assert plan.command == said
    monkeypatch.chdir("/")
    assert plan.command == f"'{str(tmp_path / 'deep' / 'my study.py').removeprefix('/')}' --scale only"


@pytest.mark.parametrize(
    "name", ["../out", "a/b", "a\\b", "..", "", " ", "-rf", "a\nb", "a\u202eb", "a:b", "x" * 201, 3]
)
def test_names_that_would_leave_the_reports_folder_are_refused(name: object) -> None:
    with pytest.raises(UserError):
        study(name, scales={"quick": StudyParams()})(lambda p: Design())
    with pytest.raises(UserError):
        study("own", scales={name: StudyParams()})(lambda p: Design())
    with pytest.raises(UserError):
        Design(analyses=(StageCheck.model_construct(name=name),)).check_names()
    with pytest.raises(UserError):
        Design(figures=(KShot.model_construct(name=name),)).check_names()
    with pytest.raises(UserError):
        file_in(Path("out"), name)


def test_results_of_another_scale_are_no_older_form_of_this_one(plan, store, model_stub):
    """What a scale names alike and does otherwise is missing there, and stale at its own scale."""
    fill(store, plan)
    changed = tiny_plan(model_stub, max_new_tokens=9)
    other = replace(changed, scale="another")
    for made, state in ((changed, State.STALE), (other, State.MISSING)):
        assert {s.state for s in made.survey(store) if s.step.kind == "cells"} == {state}
    assert plan.origin["scale"] != other.origin["scale"]
