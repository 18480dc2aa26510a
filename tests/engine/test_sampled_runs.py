"""Sampled answers in a run: whatever the batch, a kill or more questions, the records are those of a quiet run."""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from offdiag.analyses import AccuracyByStratum, Transition
from offdiag.analyses.precision import Precision
from offdiag.cost import estimate
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.figures import KShot
from offdiag.gather import gather
from offdiag.methods import InContext, ZeroShot
from offdiag.models.lm import LM
from offdiag.models.sampling import Sampling
from offdiag.planning import Plan, make_plan
from offdiag.stats.samples import majority, pass_at_k
from offdiag.steps import Judge, load_answers, load_records
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Design, Evaluation
from support.tiny_study import RUNTIME, ModelSpec, Params, steps_of, tiny_study


def build(p: Params, samples: int = 3) -> Design:
    """Pass@2 and the majority of some samples, and the same samples as a judge finds them."""
    domain = Sums(base=p.base)
    few = Arm(model=p.model, method=InContext(k=1, turns=True), train=domain)
    asked = {
        "domain": domain,
        "n": p.n_eval,
        "max_new_tokens": 4,
        "system": "Be terse.",
        "sampling": Sampling(temperature=1.2, samples=samples),
    }
    judge = Judge(model=p.model, scale=(0, 9), max_new_tokens=3)
    wanted = [
        Evaluation(**asked, score="pass@2"),
        Evaluation(**asked, score="majority"),
        Evaluation(**asked, judge=judge),
    ]
    zero = Arm(model=p.model, method=ZeroShot())
    return Design(cells=tuple(Cell(arm=arm, evaluation=e) for arm in (zero, few) for e in wanted), baseline=ZeroShot())


def plan_of(model: Path, n: int = 4, samples: int = 3) -> Plan:
    found = tiny_study(Params(model=ModelSpec(source=f"dir:{model}"), n_eval=n), partial(build, samples=samples))
    return make_plan(found, "only")


def rows(plan: Plan, store: Store) -> dict[str, bytes]:
    folders = [store.folder(step) for step in plan.steps if step.kind in ("answers", "judgements", "cells")]
    return {f"{f.name}/{p.name}": p.read_bytes() for f in folders for p in f.glob("*.jsonl")}


@pytest.fixture(scope="module")
def quiet(tiny_model, tmp_path_factory) -> tuple[Plan, Store]:
    plan, store = plan_of(tiny_model), Store(tmp_path_factory.mktemp("quiet"))
    assert run_plan(plan, store, RUNTIME).complete
    return plan, store


def test_scores_are_those_of_the_samples(quiet):
    plan, store = quiet
    for cell, step in plan.cells.items():
        answers = load_answers(store.folder(step.answers))
        assert [(r["index"], r["sample"]) for r in answers] == [(i, i % 3) for i in range(12)]
        for i, record in enumerate(load_records(store.folder(step))):
            assert [s["completion"] for s in record["samples"]] == [r["completion"] for r in answers[3 * i : 3 * i + 3]]
            right = [s["correct"] for s in record["samples"]]
            if cell.evaluation.score == "pass@2":
                assert record["score"] == pass_at_k(3, sum(right), 2)
                assert record["correct"] is None
            elif cell.evaluation.score == "majority":
                chosen = majority([s["parsed"] for s in record["samples"]])
                assert record["correct"] is (chosen is not None and right[chosen])
            else:
                assert len(record["verdict"]) == 3


def test_neither_the_batch_nor_a_kill_changes_a_record(quiet, tiny_model, tmp_path, monkeypatch):
    plan, _ = quiet
    store, generate = Store(tmp_path / "store"), LM.generate

    def killed(lm, *asked, **how):
        batches = generate(lm, *asked, **how)
        yield next(batches)
        raise RuntimeError("killed")

    other = replace(RUNTIME, token_budget=60)
    with monkeypatch.context() as patch:
        patch.setattr(LM, "generate", killed)
        assert not run_plan(plan, store, other).complete
    begun = [p for step in steps_of(plan, "answers") for p in store.folder(step).glob("answers.partial.jsonl")]
    assert len(begun) == 2
    assert run_plan(plan, store, other).complete
    assert rows(plan, store) == rows(*quiet)


def test_more_questions_leave_the_old_answers_and_ask_the_new_ones_alone(quiet, tiny_model, monkeypatch):
    _, store = quiet
    more, asked, generate = plan_of(tiny_model, n=6), [], LM.generate

    def counted(lm, prompts, **how):
        asked.append(len(prompts))
        return generate(lm, prompts, **how)

    monkeypatch.setattr(LM, "generate", counted)
    assert run_plan(more, store, RUNTIME).complete
    assert sorted(asked) == [2, 2, 6, 6]  # each new question thrice, and the judge of each new answer
    for step, grown in zip(steps_of(quiet[0], "answers"), steps_of(more, "answers"), strict=True):
        old = load_answers(store.folder(step))
        assert load_answers(store.folder(grown))[: len(old)] == old


def test_more_samples_are_drawn_beside_those_that_are_there(quiet, tiny_model, tmp_path, monkeypatch):
    _, store = quiet
    more, fewer, asked, generate = (
        plan_of(tiny_model, samples=5),
        plan_of(tiny_model, samples=2),
        Counter(),
        LM.generate,
    )

    def counted(lm, prompts, *, skip=(), draws=None, **how):
        places = len(prompts) * (1 if draws is None else draws.sampling.samples)
        asked["judge" if draws is None else "model"] += sum(i not in skip for i in range(places))
        return generate(lm, prompts, skip=skip, draws=draws, **how)

    monkeypatch.setattr(LM, "generate", counted)
    needed = {state.step.fingerprint for state in more.survey(store) if state.needed}
    whole, part = estimate(more, needed), estimate(more, needed, store=store)
    assert (part.held, part.new) == (2 * (2 * 4 * 3), 2 * (2 * 4 * 2))  # a judge's replies are answers, too
    most = [{line.kind: line.generated_most for line in found.lines} for found in (whole, part)]
    assert [found["answers"] for found in most] == [2 * 4 * 5 * 4, 2 * 4 * 2 * 4]
    assert [found["judgements"] for found in most] == [2 * 4 * 5 * 3, 2 * 4 * 2 * 3]
    assert run_plan(more, store, RUNTIME).complete
    assert asked == {"model": 2 * 4 * 2, "judge": 2 * 4 * 2}
    fresh = Store(tmp_path / "fresh")
    assert run_plan(more, fresh, RUNTIME).complete
    assert rows(more, store) == rows(more, fresh)
    asked.clear()
    assert run_plan(fewer, store, RUNTIME).complete
    assert asked == {}  # they are among those that are there


def test_frames_have_the_scores_and_count_what_has_none(quiet):
    results = gather(*quiet)
    assert list(results.cells["metric"].iloc[:3]) == ["pass@2", "majority", "judge 0-9"]
    by_cell = results.records.groupby("cell")["score"].mean()
    done = results.cells[results.cells["n"] > 0]
    assert list(done["accuracy"]) == pytest.approx(by_cell[list(done["cell"])].tolist())
    assert list(done["n_correct"].isna()) == list(done["metric"] != "majority")
    assert list(results.records["correct"].isna()) == list(results.records["metric"] != "majority")
    judged = results.cells[results.cells["metric"] == "judge 0-9"]
    assert ((judged["n"] + judged["n_errors"]) == 4).all()


def test_what_counts_right_answers_refuses_scores(tiny_model):
    def with_fit(p: Params) -> Design:
        return replace(build(p), analyses=(Transition(name="fit"),))

    with pytest.raises(UserError, match=r"fit counts right answers, and .* is scored by pass@2"):
        make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")), with_fit), "only")

    def beside(p: Params) -> Design:
        return replace(build(p), analyses=(Transition(name="fit", where={"metric": "majority"}),))

    assert make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")), beside), "only").cells


def test_tables_and_figures_read_scores(quiet):
    results = gather(*quiet)
    table = results.table(Precision(name="precision"))
    by_metric = table.set_index(["learner", "metric"])["accuracy"]
    done = results.cells[results.cells["n"] > 0]
    for cell in done.to_dict("records"):
        assert by_metric[cell["first_draw"] if "first_draw" in cell else cell["arm"], cell["metric"]] == pytest.approx(
            cell["accuracy"]
        )
    wanted = {"few": {"metric": "pass@2", "method": "in-context"}}
    strata = results.table(AccuracyByStratum(name="strata", stratum="carries", arms=wanted))
    few = done[(done["metric"] == "pass@2") & (done["method"] == "in-context")].iloc[0]
    share = (strata["accuracy"] * strata["n_items"]).sum() / strata["n_items"].sum()
    assert share == pytest.approx(few["accuracy"])
    assert KShot(name="k", where={"metric": "pass@2"}).plot(results).axes


def test_workers_draw_the_same_answers(quiet, tmp_path):
    plan, store = quiet
    shared = Store(tmp_path / "store")
    assert run_plan(plan, shared, RUNTIME, workers=2).complete
    ours, theirs = rows(plan, store), rows(plan, shared)
    assert len(ours) == 2 + 2 + 6  # answers, judgements and cells of two arms
    assert ours == theirs
