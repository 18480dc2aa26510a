"""What went wrong in the original study must not come back; ``docs/studies/base-addition.md`` lists all of it.

One small run on a tiny random model stands in for the grid: worked and answer-only demonstrations, both wordings,
one fine-tuned model, bases 8 and 18.
"""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import offdiag
from offdiag.analyses import Frames, fit_transition
from offdiag.analyses.logistic import logistic
from offdiag.figures import drawn
from offdiag.methods import FineTuning, InContext, ZeroShot
from offdiag.parameters import parse_sets
from offdiag.planning import Plan
from offdiag.results import Results
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Cell
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from support.lms import SHORT, ids_of, tiny_lm

TASK = get_task("base_addition")
CUE = "step by step"
RATIONALE = "First add the ones"
SMALL = """
bases=8,18 other_bases=[] digits=2 shots=1,2 per_query_shots=1 tuned_bases=8 policy_bases=[] seeds=0
n_eval=3 n_counting=2 n_train=8 max_new_tokens=4 max_direct_tokens=4
recipe.adapter=lora recipe.warmup_updates=0 recipe.batch_size=4 recipe.rank=2
"""


def planned(model: Path, *sets: str) -> Plan:
    """The published grid made small, as the command line expands it from the words after ``--set``."""
    given = parse_sets(sets)
    small = {name: value for name, value in parse_sets(SMALL.split()).items() if name not in given}
    return offdiag.plan("base-addition", "paper", **small, **given, model=f"dir:{model}")


@pytest.fixture(scope="module")
def plan(tiny_model):
    return planned(tiny_model, "shown_rationales=false,true", "tuned_rationales=False")


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    """The finished run, made in an empty working folder with a stray file in the store."""
    folder, here = tmp_path_factory.mktemp("run"), Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert offdiag.run(plan, store="store").complete
        assert [path.name for path in folder.iterdir()] == ["store"]
    assert Path.cwd() == here
    return folder / "store"


@pytest.fixture(scope="module")
def results(plan, store):
    return offdiag.load(plan, store=store)


@pytest.fixture(scope="module")
def cells_csv(plan, store, tmp_path_factory):
    page = offdiag.report(plan, store=store, folder=tmp_path_factory.mktemp("page"))
    return pd.read_csv(page.parent / "tables" / "cells.csv")


def arms(results: Results, **factors: object) -> pd.DataFrame:
    cells = results.cells
    for name, value in factors.items():
        cells = cells[(cells[name] == value).fillna(False).astype(bool)]
    assert len(cells), factors
    return cells


def prompts(results: Results, **factors: object) -> list[str]:
    factors = {"task": "base_addition", **factors}
    return [record["prompt"] for cell in arms(results, **factors)["cell"] for record in results.read_records(cell)]


def sums(cell: Cell) -> bool:
    return cell.evaluation.domain.task == "base_addition"


# Whatever a plan takes is reported (the cells of these plans are among those of the run).


@pytest.mark.parametrize(
    ("sets", "not_planned", "not_drawn"),
    [
        (["prompts=step-by-step"], {"transition-answer-only"}, {"k-shot-answer-only", "transfer-bases"}),
        (
            ["prompts=step-by-step", "bases=18", "shots=2"],
            {"transition-answer-only", "demonstrations"},
            {"k-shot-answer-only"},
        ),
        (["shots=[]", "per_query_shots=[]"], {"transition", "transition-answer-only"}, {"k-shot", "fit-base-8"}),
        (["shown_rationales=false", "tuned_bases=[]"], {"transition", "demonstrations"}, {"k-shot", "transfer-bases"}),
        (["bases=18"], set(), {"fit-base-8"}),
    ],
)
def test_a_report_has_what_is_planned_and_says_what_is_not(tiny_model, store, sets, not_planned, not_drawn):
    plan = planned(tiny_model, "tuned_rationales=False", *sets)
    found = offdiag.load(plan, store=store)
    assert (found.cells["state"] == "done").all()
    tables = found.report_tables
    says = {name for name, table in tables.items() if list(table) == ["note"]}
    assert says == not_planned
    for name in says:
        begins = "empty: " if name == "demonstrations" else "not planned: "
        assert tables[name]["note"].item().startswith(begins)
    figures = {figure.name: drawn(figure, found.frames)[0].get_suptitle() for figure in plan.design.figures}
    absent = {name for name, title in figures.items() if title.startswith(f"{name}: not planned")}
    assert not_drawn <= absent | ({"k-shot", "fit-base-8", "transfer-bases"} - set(figures))
    assert "carries" in set(figures) - absent


# 1, 2: booleans that are true whatever they say


@pytest.mark.parametrize(("typed", "value"), [("false", False), ("False", False), ("true", True), ("True", True)])
def test_booleans_survive_from_the_command_line_to_the_cells(tiny_model, typed, value):
    plan = planned(tiny_model, f"shown_rationales={typed}", f"tuned_rationales={typed}")
    assert plan.params.shown_rationales == plan.params.tuned_rationales == (value,)
    methods = {cell.arm.method for cell in plan.cells if not isinstance(cell.arm.method, ZeroShot)}
    fixed = {method for method in methods if not (isinstance(method, InContext) and method.demonstrations != "fixed")}
    assert {method.rationale for method in fixed} == {value}
    assert {cell.factors()["rationale"] for cell in plan.cells if cell.arm.method in fixed} == {value}


def test_booleans_survive_from_the_cells_to_a_table_on_disk(results, cells_csv):
    told = cells_csv.set_index("cell")["rationale"]
    for cell in results.cells.to_dict(orient="records"):
        if pd.isna(cell["rationale"]):
            assert pd.isna(told[cell["cell"]])
        else:
            assert str(told[cell["cell"]]) == str(cell["rationale"])
    in_context = results.cells[results.cells["method"] == "in-context"]
    assert in_context["rationale"].dtype == "boolean"
    assert set(in_context["rationale"]) == {True, False}


def test_worked_and_answer_only_demonstrations_are_two_arms(results):
    for base in (8, 18):
        for k in (1, 2):
            shared = {"method": "in-context", "k": k, "eval_base": base, "prompt": "step-by-step"}
            worked = prompts(results, **shared, rationale=True, demonstrations="fixed")
            bare = prompts(results, **shared, rationale=False, demonstrations="fixed")
            assert len(worked) == len(bare) == 3
            assert all(one != other for one, other in zip(worked, bare, strict=True))
            assert all(prompt.count(RATIONALE) == k for prompt in worked)
            assert all(RATIONALE not in prompt for prompt in bare)
            assert all(prompt.count("\\boxed{") == 2 * k + 1 for prompt in (*worked, *bare))
            # the cue belongs to the query, which asks for it, and to no answer-only demonstration
            assert all(prompt.count(CUE) == 1 and CUE in prompt.splitlines()[-1] for prompt in bare)
            assert all(prompt.count(CUE) == k + 1 for prompt in worked)


def test_with_its_own_wording_an_answer_only_prompt_never_asks_for_steps(results):
    bare = prompts(results, method="in-context", rationale=False, prompt="direct")
    assert len(bare) == 2 * 2 * 3
    assert not any(CUE in prompt or RATIONALE in prompt for prompt in bare)
    assert set(arms(results, method="in-context", rationale=False, prompt="direct")["matched"]) == {True}
    assert set(arms(results, method="in-context", rationale=False, prompt="step-by-step")["matched"]) == {False}


# 3, 6: what an arm is must not be read off a name


def test_bases_whose_names_hold_one_another_stay_apart(results):
    assert set(results.cells["eval_base"]) == {8, 18}
    assert set(arms(results, eval_base=8, method="in-context")["train_base"]) == {8}
    assert set(arms(results, eval_base=18, method="in-context")["train_base"]) == {18}
    assert all("base-18," in prompt for prompt in prompts(results, eval_base=18))
    assert all("base-8," in prompt and "base-18" not in prompt for prompt in prompts(results, eval_base=8))


def test_strange_files_in_the_store_change_nothing(plan, store, results):
    for name in ("models.json", "grades/8_cot_True_n_digits_2.txt", "grades/8-9-10/result.json", "weights/.DS_Store"):
        (store / name).parent.mkdir(exist_ok=True)
        (store / name).write_text("stray\n", encoding="utf-8")
    again = offdiag.load(plan, store=store)
    pd.testing.assert_frame_equal(again.cells, results.cells)
    pd.testing.assert_frame_equal(again.records, results.records)


def test_a_model_called_unsloth_is_untuned_only_where_it_is(tiny_model, tmp_path):
    (tmp_path / "unsloth").symlink_to(tiny_model, target_is_directory=True)
    plan = planned(tmp_path / "unsloth")
    assert {isinstance(cell.arm.method, FineTuning) for cell in plan.cells} == {False, True}
    for cell in plan.cells:
        tuned = isinstance(cell.arm.method, FineTuning)
        assert (cell.factors()["method"] == "fine-tuning") is tuned
        assert (cell.step().answers.weights.trained is not None) is tuned


# 4: the order in which tables and figures are made


def test_drawing_changes_neither_frames_nor_tables(plan, results):
    cells, records = results.cells.copy(deep=True), results.records.copy(deep=True)
    before = [analysis.table(results) for analysis in plan.design.analyses]
    for figure in (*plan.design.figures, *reversed(plan.design.figures)):
        figure.plot(results)
    for table, analysis in zip(before, plan.design.analyses, strict=True):
        pd.testing.assert_frame_equal(table, analysis.table(results))
    pd.testing.assert_frame_equal(results.cells, cells)
    pd.testing.assert_frame_equal(results.records, records)


# 5, 7, 9: what a curve is made of


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_every_curve_begins_with_a_measured_zero_shot_point(scale):
    plan = offdiag.plan("base-addition", scale)
    asked = {cell.evaluation for cell in plan.cells if isinstance(cell.arm.method, ZeroShot)}
    shown = [cell for cell in plan.cells if isinstance(cell.arm.method, InContext)]
    assert shown
    assert all(cell.evaluation in asked for cell in shown)


def test_no_point_is_made_up_where_zero_shot_was_not_measured(plan, results):
    lost = results.cells["method"] == "zero-shot"
    bare = Frames(
        cells=results.cells.assign(state=results.cells["state"].mask(lost, "missing")), records=results.records
    )
    without = Frames(cells=results.cells[~lost], records=results.records[results.records["method"] != "zero-shot"])
    (analysis, *_) = [analysis for analysis in plan.design.analyses if analysis.name == "transition"]
    pd.testing.assert_frame_equal(analysis.table(bare), analysis.table(without))
    k = np.arange(1.0, 17)
    assert fit_transition(k, logistic(k, np.array([0.0, 0.948, 4.0, 0.28]))).midpoint_upper == 1


def test_the_paper_scale_evaluates_every_k_that_was_drawn():
    plan = offdiag.plan("base-addition", "paper")
    for base in (8, 9, 10):
        for rationale in (True, False):
            found = {
                cell.arm.method.k
                for cell in plan.cells
                if isinstance(cell.arm.method, InContext)
                and (cell.evaluation.domain, cell.arm.method.demonstrations) == (AdditionDomain(base=base), "fixed")
                and cell.arm.method.rationale is rationale
            }
            assert found == {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32}


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_no_evaluation_is_listed_twice(scale):
    plan = offdiag.plan("base-addition", scale)
    assert len({step.fingerprint for step in plan.cells.values()}) == len(plan.cells) == len(plan.design.cells)
    spots = pd.DataFrame([cell.factors() for cell in plan.cells])
    assert not spots.astype(str).duplicated().any()


def test_a_second_run_does_nothing(plan, store):
    before = sorted(path.as_posix() for path in store.rglob("*"))
    assert offdiag.run(plan, store=store).planned == 0
    assert sorted(path.as_posix() for path in store.rglob("*")) == before


# 8: a loop variable that was a constant


@pytest.mark.parametrize("digits", [2, 3, 4])
@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_number_of_digits_is_the_domains(digits, split):
    domain = AdditionDomain(base=11, digits=digits)
    drawn = TASK.examples(domain, split, 20, 0)
    shown = TASK.demonstrations(domain, TASK.examples(domain, "eval", 1, 0)[0], 5, 0)
    assert {len(side) for example in [*drawn, *shown] for side in example.problem.split("+")} == {digits}


# 10: what is asked of a model against what it was taught


def test_the_wording_at_evaluation_is_a_factor(plan):
    tuned = [cell for cell in plan.cells if isinstance(cell.arm.method, FineTuning) and sums(cell)]
    worded = {(cell.factors()["prompt"], cell.factors()["matched"]) for cell in tuned}
    assert worded == {("direct", True), ("step-by-step", False)}
    (weights,) = {cell.step().answers.weights for cell in tuned}
    assert weights.trained.style == "direct"


# 11: leakage


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_nothing_that_is_taught_or_shown_is_asked(scale, model_stub):
    offdiag.plan("base-addition", scale, model=f"dir:{model_stub}").check()


def test_no_demonstration_is_the_query_or_its_mirror(results):
    cells = arms(results, method="in-context")["cell"]
    assert len(cells)
    for cell in cells:
        for record in results.read_records(cell):
            mirrored = "+".join(reversed(record["problem"].split("+")))
            *demonstrations, query = record["prompt"].splitlines()
            assert f"What is {record['problem']}?" in query
            assert demonstrations
            assert not any(f"What is {p}?" in line for p in (record["problem"], mirrored) for line in demonstrations)


# 12, 13: what is scored and what is kept


def test_the_completion_alone_is_scored_and_every_one_is_kept(plan, results):
    for cell, name in plan.cell_names.items():
        records = results.read_records(name)
        assert len(records) == cell.evaluation.n
        for record in records:
            assert "mathematician" in record["prompt"]
            assert "mathematician" not in record["completion"]
            assert not record["completion"].startswith(record["prompt"][:10])
            assert regraded(cell, record) == (record["parsed"], record["correct"])


def regraded(cell: Cell, record: dict[str, object]) -> tuple[object, bool]:
    domain = cell.evaluation.domain
    task = get_task(domain.task)
    verdict = task.grade(domain, task.parse_problem(domain, str(record["problem"])), str(record["completion"]))
    return verdict.parsed, verdict.correct


# 14: seeds


def test_every_random_choice_hangs_on_a_seed_of_the_identity(plan):
    tuned = [cell for cell in plan.cells if isinstance(cell.arm.method, FineTuning)]
    assert tuned
    for cell in tuned:
        trained = cell.step().answers.weights.trained
        again = trained.model_copy(update={"seed": trained.seed + 1})
        redrawn = trained.model_copy(
            update={"examples": trained.examples.model_copy(update={"seed": trained.examples.seed + 1})}
        )
        assert len({step.fingerprint for step in (trained, again, redrawn)}) == 3
        assert trained.examples.sample() != redrawn.examples.sample()


def test_the_paper_scale_trains_every_model_with_three_seeds():
    plan = offdiag.plan("base-addition", "paper")
    tuned = {cell.arm for cell in plan.cells if isinstance(cell.arm.method, FineTuning)}
    assert {arm.seed for arm in tuned} == {0, 1, 2}
    assert len(tuned) == 3 * 2 * 3  # bases, with and without rationale, seeds


# 24: greedy, whatever a model's own settings say


def test_sampling_settings_of_a_model_do_not_matter(tiny_model, tmp_path):
    eager = tmp_path / "eager"
    shutil.copytree(tiny_model, eager)
    settings = '{"do_sample": true, "temperature": 5.0, "top_p": 0.9, "min_p": 0.1}'
    (eager / "generation_config.json").write_text(settings, encoding="utf-8")
    torch.manual_seed(0)
    assert ids_of(tiny_lm(eager), SHORT) == ids_of(tiny_lm(tiny_model), SHORT)


# 25: which hyper-parameters a number belongs to


def test_the_paper_scale_has_the_published_recipe():
    params = load_study("base-addition").params("paper")
    recipe = params.recipe
    assert (recipe.rank, recipe.alpha, recipe.dropout) == (16, 32, 0.0)
    assert (recipe.learning_rate, recipe.schedule, recipe.warmup_updates, recipe.weight_decay) == (1e-4, "linear", 5, 0)
    assert (recipe.batch_size, recipe.epochs, recipe.updates(params.n_train)) == (16, 1, 63)
    assert set(recipe.targets) == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert (params.n_train, params.n_eval, params.max_new_tokens) == (1000, 250, 2000)


def test_the_rank_is_in_every_identity_that_it_shapes(plan):
    tuned = next(cell for cell in plan.cells if isinstance(cell.arm.method, FineTuning))
    wider = tuned.arm.method.recipe.model_copy(update={"rank": 64, "alpha": 128})
    method = tuned.arm.method.model_copy(update={"recipe": wider})
    other = tuned.model_copy(update={"arm": tuned.arm.model_copy(update={"method": method})})
    assert other.step().fingerprint != tuned.step().fingerprint


# 26: the adapter that answers is the one that was trained


def test_the_trained_adapter_answers(plan, store):
    """It is the one adapter that is stored, and its second factors are no longer the zeros of a fresh one."""
    tuned = next(cell for cell in plan.cells if isinstance(cell.arm.method, FineTuning))
    trained = tuned.step().answers.weights.trained
    (file,) = Store(store).folder(trained).rglob("adapter_model.safetensors")
    learnt = {name: tensor for name, tensor in load_file(file).items() if "lora_B" in name}
    assert learnt
    assert all(tensor.abs().max() > 0 for tensor in learnt.values())
