"""A judge behind a server: what it is asked, how its verdicts are read, and what has none."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from offdiag.cost import estimate
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Requests, Runtime
from offdiag.steps import Judge, load_answers, load_records
from offdiag.steps.scoring import check_score, item_record
from offdiag.store import Store
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks.files import FilesDomain
from offdiag.tasks.task import Grade
from support.stand_in_server import StandIn, stand_in, written
from support.tiny_study import Params, tiny_study

HUB = ModelSpec(source="hub:org/name")
REPLIES = {"Rome?": "rome it is", "Oslo?": "{answer} maybe", "Lima?": "no idea", "Baku?": ""}
VERDICTS = {"rome it is": "Yes.", "{answer} maybe": "**no**", "no idea": "Hard to say."}


def talk(body: dict[str, Any]) -> dict[str, Any]:
    """Answer the four questions, and judge an answer by what is written about it above."""
    asked = body["messages"][-1]["content"]
    if "Answer to judge:" not in asked:
        return written(REPLIES.get(asked.split("\n")[0], "a town"))
    return written(next((said for text, said in VERDICTS.items() if text in asked), "yes"))


def plan_of(server: StandIn, data: Path, questions: Sequence[str] = tuple(REPLIES), **asked: Any) -> Plan:
    rows = [{"question": q, "answer": q[:-1]} for q in questions]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = ModelSpec(source=server.source)

    def build(p: Params) -> Design:
        domain = FilesDomain(eval=str(data), grader="judge")
        judge = Judge(model=model, **asked)
        return Design(cells=(Cell(arm=Arm(model=model, method=ZeroShot()),
                                  evaluation=Evaluation(domain=domain, n=len(questions), judge=judge)),))  # fmt: skip

    return make_plan(tiny_study(Params(model=model), build), "only")


@pytest.fixture
def server():
    pytest.importorskip("openai", reason="the extra api is not installed")
    with stand_in(talk) as running:
        yield running


def run(plan: Plan, folder: Path) -> Store:
    store = Store(folder)
    assert run_plan(plan, store, Runtime(device="cpu", threads=1, requests=Requests(pause=0.01, attempts=2))).complete
    return store


def test_verdicts_are_read_and_what_has_none_is_counted(server, tmp_path):
    plan = plan_of(server, tmp_path / "rows.jsonl")
    store = run(plan, tmp_path / "store")
    (step,) = plan.cells.values()
    found = {r["problem"]: (r["status"], r["correct"], r["verdict"]) for r in load_records(store.folder(step))}
    assert found == {
        "Rome?": ("parsed", True, ["Yes."]),
        "Oslo?": ("parsed", False, ["**no**"]),
        "Lima?": ("ungraded", False, ["Hard to say."]),
        "Baku?": ("unparsed", False, ["yes"]),  # nothing was said, whatever the judge says
    }
    said = [r["prompt"] for r in load_answers(store.folder(step.judged))]
    assert any("Reference answer:\nOslo\n" in p and "Answer to judge:\n{answer} maybe\n" in p for p in said)
    results = gather(plan, store)
    cell = results.cells.iloc[0]
    assert (cell["n"], cell["n_correct"], cell["n_unparsed"], cell["n_errors"]) == (3, 1, 1, 1)
    assert cell["judge"].startswith("stand-in@")
    assert any(
        "1 answer is ungraded in 1 of 1 cell:" in notice and "no verdict" in notice for notice in results.notices
    )


def test_another_template_asks_again_and_the_answers_are_kept(server, tmp_path):
    first = plan_of(server, tmp_path / "rows.jsonl")
    store, n = run(first, tmp_path / "store"), len(server.asked)
    second = plan_of(server, tmp_path / "rows.jsonl", template="Answer to judge: {answer}. Is it {target}?")
    run(second, tmp_path / "store")
    assert {s.fingerprint for s in first.steps if s.kind == "answers"} == {
        s.fingerprint for s in second.steps if s.kind == "answers"
    }
    asked = [body["messages"][-1]["content"] for body in server.asked[n:] if body["max_tokens"] > 1]
    assert sorted(asked)[0].startswith("Answer to judge: (nothing). Is it")
    assert len(asked) == 4
    assert store.root.joinpath("judgements").is_dir()


def planned(plan: Plan, store: Store) -> tuple[int, int, int]:
    """Requests that a plan counts, answers that it takes, and answers that are new."""
    found = estimate(plan, {s.step.fingerprint for s in plan.survey(store) if s.needed}, store=store)
    return sum(served.requests for served in found.served), found.held, found.new


def asked_since(server: StandIn, n: int) -> int:
    return sum(body["max_tokens"] > 1 for body in server.asked[n:])  # the others try the server out


def test_a_plan_counts_what_a_judge_will_really_be_asked(server, tmp_path):
    data, store = tmp_path / "rows.jsonl", Store(tmp_path / "store")
    first = plan_of(server, data)
    assert planned(first, store) == (8, 0, 8)
    run(first, store.root)
    more, n = plan_of(server, data, (*REPLIES, "Bonn?", "Cork?")), len(server.asked)
    assert planned(more, store) == (4, 8, 4)
    run(more, store.root)
    assert asked_since(server, n) == 4
    assert planned(more, store) == (0, 0, 0)


def test_a_plan_leaves_out_what_a_killed_run_was_told(server, tmp_path):
    data, store = tmp_path / "rows.jsonl", Store(tmp_path / "store")
    run(plan_of(server, data), store.root)
    grown = plan_of(server, data, (*REPLIES, "Bonn?", "Cork?"))
    calm = Runtime(device="cpu", threads=1, requests=Requests(pause=0.01, attempts=1, at_once=1))
    server.faults.extend(["", "", "status 500"])  # it is tried out and answers Bonn?, and then it breaks
    assert not run_plan(grown, store, calm).complete
    server.faults.clear()
    left, n = planned(grown, store), len(server.asked)
    run(grown, store.root)
    assert left[0] == left[2] == asked_since(server, n) == 3
    other = plan_of(server, data, (*REPLIES, "Bonn?", "Cork?"), template="Answer to judge: {answer}. {target}?")
    server.faults.extend(["", "", "", "status 500"])
    assert not run_plan(other, store, calm).complete
    server.faults.clear()
    left, n = planned(other, store), len(server.asked)
    run(other, store.root)
    assert left[0] == left[2] == asked_since(server, n)
    assert 0 < left[0] < 6


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("4", 0.75),
        ("I give it a 5.", 1.0),
        ("1", 0.0),
        ("7", None),
        ("Score: 3/5", 0.5),
        ("4/10", None),
        ("3 or 4", None),
        ("no number", None),
        ("", None),
    ],
)
def test_a_scale_gives_scores_and_refuses_what_is_not_on_it(said, score):
    grade = Judge(model=HUB, scale=(1, 5)).grade("an answer", {"completion": said, "finish": "stop"})
    assert (grade.status, grade.score) == (("ungraded", None) if score is None else ("parsed", score))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"template": "Is it good?"}, "no {answer}"),
        ({"template": "{answer} {targt}"}, "has {targt}"),
        ({"scale": (5, 1)}, "expected a lowest number"),
    ],
)
def test_a_judge_that_cannot_judge_is_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        Judge(model=HUB, **wrong)


@pytest.mark.parametrize(
    ("score", "samples", "metric", "says"),
    [
        ("pass@4", None, "", "needs sampled answers"),
        ("pass@4", 3, "", "needs 4 samples"),
        ("pass@0", 3, "", "expected mean"),
        ("best", 3, "", "expected mean"),
        ("majority", 3, "f1", "f1 is not right or wrong"),
        ("pass@2", 3, "rougeL", "rougeL is not right or wrong"),
    ],
)
def test_a_score_that_cannot_be_had_is_refused(score, samples, metric, says):
    with pytest.raises(UserError, match=says):
        check_score(score, samples, metric)


def test_a_grader_judge_without_a_judge_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"question": "Rome?", "answer": "Rome"}\n')
    asked = Evaluation(domain=FilesDomain(eval=str(tmp_path / "rows.jsonl"), grader="judge"), n=1)
    with pytest.raises(UserError, match="needs a model that judges"):
        Cell(arm=Arm(model=HUB, method=ZeroShot()), evaluation=asked).step()


def test_unparsed_samples_are_wrong_have_no_vote_and_are_counted():
    answers = [
        {"sample": i, "completion": text, "n_tokens": 2, "finish": finish}
        for i, (text, finish) in enumerate([("?", "length"), ("7", "stop"), ("8", "stop"), ("8", "stop")])
    ]
    grades = [
        Grade(parsed=None, status="unparsed", correct=False, flags=("odd",)),
        Grade(parsed="7", status="parsed", correct=True),
        *[Grade(parsed="8", status="parsed", correct=False)] * 2,
    ]
    record = item_record("majority", answers, grades)
    assert (record["score"], record["correct"], record["parsed"], record["completion"]) == (0.0, False, "8", "8")
    assert (record["n_unparsed"], record["n_tokens"], record["finish"], record["flags"]) == (1, 8, "length", ["odd"])
    assert item_record("mean", answers, grades)["score"] == 0.25
    assert item_record("pass@4", answers, grades)["correct"] is True
    lost = Grade(parsed="8", status="ungraded", correct=False, flags=("the judge gave no verdict",))
    fewer = [*grades[:2], lost, lost]
    record = item_record("mean", answers, fewer)
    assert (record["score"], record["status"], record["parsed"], record["n_ungraded"]) == (0.5, "parsed", "7", 2)
    assert item_record("majority", answers, fewer)["correct"] is True
    assert item_record("pass@2", answers, fewer)["score"] == 1.0
    assert item_record("pass@3", answers, fewer)["status"] == "ungraded", "too few are judged"
    assert item_record("mean", answers, [lost] * 4)["status"] == "ungraded"
    spoilt = Grade(parsed=None, status="not-finite", correct=False)
    assert item_record("mean", answers, [*grades[:3], spoilt])["status"] == "not-finite"
