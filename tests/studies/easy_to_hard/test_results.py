"""The recipe from the data to the page with a tiny random model, so small that it says nothing about hardness."""

from dataclasses import replace

import pandas as pd
import pytest

import offdiag
from offdiag.methods import Recipe
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.stats.gain_ratio import gain_ratio
from offdiag.studies.easy_to_hard.study import HardnessParams
from offdiag.study_files import load_study
from support.small_items import small_items

RECIPE = Recipe(rank=2, alpha=4, learning_rate=1e-2, warmup_updates=0, batch_size=4)
LEARNERS = ("in-context", "in-context + rationale", "linear-probe", "fine-tuning", "fine-tuning + rationale")
RUNTIME = Runtime(device="cpu", threads=1)
OF_ITEMS = ("correlations-synthetic", "histograms-synthetic")
WITHOUT_LEVELS = ("by-hardness-synthetic", *OF_ITEMS)


@pytest.fixture(scope="module")
def few_items():
    """180 of the 1500 built-in items, 60 of each level; none is held out."""
    with small_items(per_steps=30, held_out=0):
        yield


@pytest.fixture(scope="module")
def plan(few_items, tiny_model):
    params = HardnessParams(
        models=(f"dir:{tiny_model}",), datasets=("synthetic",), hardness=("num_steps",), train_on=("easy", "hard"),
        bootstraps=2, pool="whole", sizes=(6,), shots=(2,), n_test=12, max_new_tokens=4, recipe=RECIPE,
        rationale_recipe=RECIPE,
    )  # fmt: skip
    return make_plan(replace(load_study("easy-to-hard"), scales={"micro": params}), "micro")


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    plan.check()
    folder = tmp_path_factory.mktemp("hardness") / "store"
    assert offdiag.run(plan, store=folder, runtime=RUNTIME).complete
    return folder


@pytest.fixture(scope="module")
def results(plan, store):
    return offdiag.load(plan, store=store)


@pytest.fixture(scope="module")
def page(plan, store, tmp_path_factory):
    return offdiag.report(plan, store=store, folder=tmp_path_factory.mktemp("page"))


def table(page, name):
    return pd.read_csv(page.parent / "tables" / f"{name}.csv")


def test_every_learner_is_done_on_both_levels_and_draws(results):
    cells = results.cells
    assert (cells["state"] == "done").all()
    assert len(cells) == 1 + len(LEARNERS) * 2 * 2
    trained = cells[cells["method"] != "zero-shot"]
    assert (trained.groupby(["train_level", "train_bootstrap"]).size() == len(LEARNERS)).all()


def test_learners_of_a_draw_are_paired_on_item_ids(results):
    answers = results.records
    draws = answers[answers["method"] != "zero-shot"].groupby(["train_level", "train_bootstrap"])
    assert len(draws) == 2 * 2
    for _, of_draw in draws:
        assert of_draw.groupby("cell")["example"].agg(lambda ids: " ".join(sorted(ids))).nunique() == 1


def test_reasoning_is_written_and_everything_else_is_chosen(results):
    cells = results.cells
    written = cells["rationale"].fillna(False).astype(bool)
    assert (cells.loc[written, "prompt"] == "step-by-step").all()
    assert cells.loc[~written, "answering"].eq("choice").all()
    assert cells.loc[~written, "n_unparsed"].eq(0).all()


def test_prompts_have_the_shapes_of_the_original(plan, results):
    name = results.cells.query("method == 'in-context' and rationale == False")["cell"].iloc[0]
    shown = results.read_records(name)[0]["prompt"].split("\n\n")
    assert len(shown) == 2 + 1
    for solved in shown[:2]:
        question, *offered, label = solved.split("\n")
        assert question.startswith("Question: ")
        assert [line[:3] for line in offered] == ["A) ", "B) ", "C) ", "D) "]
        assert label.startswith("Answer: ")
        assert label.removeprefix("Answer: ") in {line[3:] for line in offered}
    assert shown[2].endswith("\nAnswer:")
    name = results.cells.query("method == 'in-context' and rationale == True")["cell"].iloc[0]
    solved = results.read_records(name)[0]["prompt"].split("\n\n")[0]
    assert "\nA: " in solved
    assert " So the answer is " in solved


def test_the_gap_is_that_of_the_records(page, results):
    found = table(page, "recovered").set_index("learner")
    assert set(found.index) == set(LEARNERS)
    answers = results.records
    hard = answers[answers["level"] == "hard"].assign(correct=lambda rows: rows["correct"].astype(float))

    def grid(rows):
        return rows.pivot(index="cell", columns="example", values="correct").reindex(columns=ids).to_numpy()

    ids = sorted(hard["example"].unique())
    probes = hard[hard["method"] == "linear-probe"]
    parts = [probes[probes["train_level"] == level] for level in ("easy", "hard")]
    gap = gain_ratio(grid(hard[hard["method"] == "zero-shot"])[0], *map(grid, parts))
    row = found.loc["linear-probe"]
    assert row[["unsupervised", "easy", "hard", "n_items"]].tolist() == pytest.approx(
        [gap.before, gap.first, gap.second, gap.ratio.n]
    )
    assert row["n_items"] == 4
    assert row[["n_easy", "n_hard", "n_planned"]].tolist() == [2, 2, 4]


def test_the_page_has_every_table_and_figure(plan, page):
    assert [figure.name for figure in plan.design.figures] == [
        "recovered", "by-training-synthetic", "gap-synthetic", *WITHOUT_LEVELS
    ]  # fmt: skip
    for analysis in plan.design.analyses:
        assert len(table(page, analysis.name)), analysis.name
    text = page.read_text(encoding="utf-8")
    for figure in plan.design.figures:
        assert figure.caption.split(":")[0] in text, figure.name
        assert list(page.parent.glob(f"figures/{figure.name}.*")), figure.name


def test_a_second_run_does_nothing(plan, store):
    assert offdiag.run(plan, store=store, runtime=RUNTIME).planned == 0


@pytest.mark.parametrize(
    ("sets", "figures"),
    [
        ({"hardness": "none", "methods": "in-context,linear-probe"}, ["all-to-all", *WITHOUT_LEVELS]),
        ({"hardness": "none", "methods": "[]"}, ["all-to-all", *WITHOUT_LEVELS]),
        ({"methods": "[]"}, WITHOUT_LEVELS),
        ({"methods": "linear-probe", "noises": "0,0.25,0.5"}, ["noise-linear-probe-synthetic", *WITHOUT_LEVELS]),
        ({"methods": "in-context", "noises": "0,0.5"}, ["noise-in-context-synthetic", *WITHOUT_LEVELS]),
        (
            {"methods": "fine-tuning", "noises": "0,0.5", "recipe.objective": "choices"},
            ["noise-fine-tuning-synthetic", *WITHOUT_LEVELS],
        ),
        (
            {"methods": "linear-probe,in-context", "sizes": "2,6"},
            ["sizes-linear-probe-synthetic", "cost-linear-probe-synthetic", *WITHOUT_LEVELS],
        ),
        (
            {"methods": "in-context", "prompts": "0000,0306", "shots": "1", "n_test": "6"},
            ["prompts-in-context-synthetic", *WITHOUT_LEVELS],
        ),
        ({"methods": "in-context", "shots": "1,2"}, ["shots-in-context-synthetic", *WITHOUT_LEVELS]),
        (
            {"methods": "in-context,linear-probe", "asked": "synthetic"},
            ["recovered", "from-elsewhere-synthetic", *OF_ITEMS],
        ),
    ],
)
def test_other_experiments_have_tables_and_figures(plan, store, sets, figures):
    other = make_plan(plan.study, "micro", sets)
    assert offdiag.run(other, store=store, runtime=RUNTIME).complete
    results = offdiag.load(other, store=store)
    assert [figure.name for figure in other.design.figures] == list(figures)
    for figure in other.design.figures:
        assert figure.plot(results).axes
    for analysis in other.design.analyses:
        found = analysis.table(results)
        assert len(found)
        if "state" in found:
            assert (found["state"] == "done").all()
            assert found["items" if "items" in found else "n_items"].gt(0).all()
