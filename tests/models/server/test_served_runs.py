"""Studies of models behind a server: what is asked, kept, refused, and made again after a failure."""

import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import FineTuning, InContext, LinearProbe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Requests, Runtime
from offdiag.steps import load_records
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from support.stand_in_server import NAME, StandIn, stand_in, written
from support.tiny_study import RECIPE, Params, tiny_study

pytest.importorskip("openai", reason="the extra api is not installed")

QUICK = Requests(pause=0.01, timeout=5, attempts=4)
DOMAIN = Sums(base=8)
N = 6


def solved(body: dict[str, Any]) -> dict[str, Any]:
    """Answer with the length of the prompt, which tells prompts apart."""
    prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    return written(f"\\boxed{{{len(prompt)}}}")


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in(solved) as running:
        yield running


def asks(p: Params) -> Design:
    """Zero-shot and two demonstrations."""
    asked = Evaluation(domain=DOMAIN, n=N, max_new_tokens=8)
    zero = Arm(model=p.model, method=ZeroShot())
    shown = Arm(model=p.model, method=InContext(k=2, rationale=True), train=DOMAIN)
    return Design(cells=(Cell(arm=zero, evaluation=asked), Cell(arm=shown, evaluation=asked)), baseline=ZeroShot())


def plan_of(source: str, build: Any = asks) -> Plan:
    return make_plan(tiny_study(Params(model=ModelSpec(source=source)), build), "only")


def run(plan: Plan, folder: Path, requests: Requests = QUICK) -> Any:
    return run_plan(plan, Store(folder), Runtime(device="cpu", threads=1, requests=requests))


def failures(plan: Plan, folder: Path) -> list[str]:
    return [state.note for state in plan.survey(Store(folder)) if state.note]


def test_a_served_model_is_asked_greedily_and_its_tokens_and_system_are_kept(server, tmp_path):
    plan = plan_of(server.source)
    assert run(plan, tmp_path).complete
    assert len(server.asked) == 2 * N + 1  # and one to try it out
    assert all(body["model"] == NAME and body["temperature"] == 0 for body in server.asked)
    assert {body["max_tokens"] for body in server.asked} == {1, 8}
    results = gather(plan, Store(tmp_path))
    assert set(results.cells["model"]) == {f"{NAME}@{server.url[7:-3]}"}
    assert set(results.records["n_tokens"]) == {1}
    answers = next(step for step in plan.steps if step.kind == "answers")
    result = Store(tmp_path).result(answers)
    assert result["summary"]["prompt_tokens"] == 7 * N
    assert result["summary"]["fingerprints"] == {"fp_1": N}
    provenance = Store(tmp_path).provenance(answers)
    assert provenance["served"] == {"source": server.source, "answered_as": NAME, "fingerprint": "fp_1"}


def test_the_answers_are_those_of_their_prompts_in_any_order_of_coming(tmp_path):
    def later_first(body: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.03 * (sum(map(ord, body["messages"][-1]["content"])) % 4))
        return solved(body)

    with stand_in(solved) as one, stand_in(later_first) as other:
        for source, folder, at_once in ((one.source, "one", 1), (other.source, "other", 5)):
            plan = plan_of(source)
            run(plan, tmp_path / folder, Requests(at_once=at_once))
            records = [r for step in plan.cells.values() for r in load_records(Store(tmp_path / folder).folder(step))]
            assert [f"\\boxed{{{len(r['prompt'])}}}" for r in records] == [r["completion"] for r in records]
        assert one.together == 1 < other.together <= 5


@pytest.mark.parametrize(
    "faults",
    [["status 500", "status 503"], ["retry-after 0.1"], ["cut-off"], ["broken-off"], ["html"], ["no-choices"], ["null"],
     ["slow 0.6"], ["status 500", "html", "retry-after 0"]],
)  # fmt: skip
def test_what_passes_is_asked_again(server, tmp_path, faults):
    plan = plan_of(server.source)
    server.faults.extend(["", *faults])
    assert run(plan, tmp_path, Requests(pause=0.01, timeout=0.3, attempts=4, at_once=1)).complete
    assert len(server.asked) == 2 * N + 1 + len(faults)


def test_the_pause_is_the_one_that_the_server_asks_for(server, tmp_path):
    server.faults.extend(["", "retry-after 0.5"])
    started = time.monotonic()
    assert run(plan_of(server.source), tmp_path, Requests(pause=0.001)).complete
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("status 500", "no answer from .*status 500"),
        ("html", "the answer is no JSON: '<html><body>Welcome"),
        ("cut-off", "the answer is no JSON"),
        ("no-choices", "the answer has no choices"),
        ("retry-after 5000", "the server refuses .status 429"),
    ],
)
def test_a_server_that_never_recovers_is_told_before_anything_runs(server, tmp_path, fault, told):
    plan = plan_of(server.source)
    server.faults.extend([fault] * 50)
    with pytest.raises(UserError, match=told):
        run(plan, tmp_path)
    assert not list(tmp_path.glob("answers/*"))


def test_a_server_that_hangs_counts_as_lost_after_the_timeout(server, tmp_path):
    server.faults.extend(["slow 0.6"] * 9)
    with pytest.raises(UserError, match=r"no answer in 0.2 s"):
        run(plan_of(server.source), tmp_path, Requests(timeout=0.2, pause=0.01))


def test_nobody_at_the_address(tmp_path):
    with stand_in(solved) as gone:
        source = gone.source
    with pytest.raises(UserError, match=r"api:stand-in@http.* no answer from .*[Cc]onnect.*: see that it runs"):
        run(plan_of(source), tmp_path)


def test_another_model_under_this_name_is_refused(server, tmp_path):
    server.faults.extend(["other-model stand-in-mini"])
    with pytest.raises(UserError, match="its server answers as stand-in-mini"):
        run(plan_of(server.source), tmp_path)


def test_a_server_that_takes_the_length_by_its_newer_name_gets_it(server, tmp_path):
    server.newer = True
    assert run(plan_of(server.source), tmp_path).complete
    assert sum("max_completion_tokens" in body for body in server.asked) == 2 * N + 1


def stories(p: Params) -> Design:
    """Written answers to a task whose prompts say how a further question begins."""
    asked = Evaluation(domain=HardnessDomain(form="free"), n=N, style="step-by-step", max_new_tokens=8)
    return Design(cells=(Cell(arm=Arm(model=p.model, method=ZeroShot()), evaluation=asked),))


def test_a_server_is_told_where_an_answer_ends(server, tmp_path):
    assert run(plan_of(server.source, stories), tmp_path).complete
    assert [body.get("stop") for body in server.asked] == [None, *[["\nQ:"]] * N]  # the trial is one token long
    assert run(plan_of(server.source), tmp_path).complete
    assert all("stop" not in body for body in server.asked[N + 1 :])  # its task has no such text


def test_a_server_that_refuses_stop_texts_is_asked_without(server, tmp_path):
    server.without_stops = True
    assert run(plan_of(server.source, stories), tmp_path, Requests(at_once=1)).complete
    assert ["stop" in body for body in server.asked] == [False, True, *[False] * N]


def test_another_refusal_is_no_matter_of_stop_texts(server, tmp_path):
    server.faults.extend(["", "status 400"])
    assert run(plan_of(server.source, stories), tmp_path, Requests(at_once=1)).failed == 1
    assert ["stop" in body for body in server.asked] == [False, True]


def test_a_dated_version_of_the_model_is_the_model(server, tmp_path):
    server.faults.extend(["other-model stand-in-2026-08-06"] * 3)
    assert run(plan_of(server.source), tmp_path).complete


def test_a_model_that_the_server_does_not_list_is_refused_with_what_it_has(server, tmp_path):
    server.models = ["some-model", "stand-out"]
    with pytest.raises(UserError, match="no model of that name: did you mean stand-out. it has some-model, stand-out"):
        run(plan_of(server.source), tmp_path)
    assert not server.asked


def test_a_server_without_a_list_is_asked_all_the_same(server, tmp_path):
    server.models = None
    assert run(plan_of(server.source), tmp_path).complete


def test_what_was_answered_before_a_failure_is_kept_and_never_asked_again(server, tmp_path):
    plan = plan_of(server.source)
    server.faults.extend(["", "", "", "", "status 400"])
    one_by_one = Requests(pause=0.01, at_once=1)
    assert run(plan, tmp_path, one_by_one).failed == 1
    assert any("the server refuses (status 400): no: " in note for note in failures(plan, tmp_path))
    before = [body["messages"] for body in server.asked]
    assert run(plan, tmp_path, one_by_one).complete
    again = [body["messages"] for body in server.asked[len(before) :]][1:]  # the first one tries it out
    refused = before[4]
    assert refused in again
    assert not [question for question in before[1:4] if question in again]
    assert len(before[1:4]) + len(again) + (len(before) - 5) == 2 * N


def test_a_budget_of_requests_is_never_exceeded_and_can_be_raised(server, tmp_path):
    plan = plan_of(server.source)
    tight = Requests(pause=0.01, most=8)
    assert not run(plan, tmp_path, tight).complete
    assert len(server.asked) <= 8
    assert any("the budget of 8 requests is spent" in note for note in failures(plan, tmp_path))
    asked = len(server.asked)
    assert run(plan, tmp_path, Requests(most=9)).complete
    assert len(server.asked) - asked <= 9


def test_a_budget_is_kept_by_one_process(server, tmp_path):
    with pytest.raises(UserError, match="leave --workers and --engine out"):
        run_plan(plan_of(server.source), Store(tmp_path), Runtime(requests=Requests(most=3)), workers=2)


def test_workers_are_told_how_to_ask():
    assert pickle.loads(pickle.dumps(Runtime(requests=QUICK))) == Runtime(requests=QUICK)


@pytest.mark.parametrize("method", [FineTuning(n=8, recipe=RECIPE), LinearProbe(n=8, pools=(DOMAIN,))])
def test_what_needs_weights_is_refused_by_the_plan(server, method):
    def trains(p: Params) -> Design:
        arm = Arm(model=p.model, method=method, train=DOMAIN)
        answering = "choice" if isinstance(method, LinearProbe) else "generation"
        return Design(cells=(Cell(arm=arm, evaluation=Evaluation(domain=DOMAIN, n=N, answering=answering)),))

    with pytest.raises(UserError, match="needs the weights of api:stand-in@.*zero-shot or in-context"):
        plan_of(server.source, trains).check()
    assert not server.asked


def test_a_key_reaches_the_server_and_no_file_and_no_message(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OFFDIAG_API_KEY", "sk-secret-123")
    plan = plan_of(server.source)
    server.faults.extend(["", "status 401"])
    assert not run(plan, tmp_path).complete
    assert set(server.keys) == {"Bearer sk-secret-123"}
    told = failures(plan, tmp_path)
    assert any("Bearer (key)" in note and "OFFDIAG_API_KEY" in note for note in told)
    assert run(plan, tmp_path).complete
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"sk-secret" in path.read_bytes()]
    assert not any("sk-secret" in note for note in told)


def test_no_key_of_openai_goes_to_somebody_else(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    assert run(plan_of(server.source), tmp_path).complete
    assert set(server.keys) == {"Bearer none"}
    monkeypatch.setenv("OFFDIAG_API_KEY", "sk-any")
    monkeypatch.setenv("OFFDIAG_API_KEY_127_0_0_1", "sk-for-this-host")
    assert run(plan_of(server.source), tmp_path / "again").complete
    assert set(server.keys) == {"Bearer none", "Bearer sk-for-this-host"}


def test_a_plan_tells_what_a_server_will_be_asked(server):
    from offdiag.cost import estimate

    cost = estimate(plan_of(server.source))
    assert cost.total.prompt_tokens == cost.total.generated_most == 0  # nothing is computed here
    assert cost.total.flops_most == 0
    assert not cost.memory
    (served,) = cost.served
    assert (served.model, served.requests) == (server.source, 2 * N)
    assert served.new_most == 2 * N * 8
    assert served.price(1.0, 10.0) == pytest.approx(
        ((served.prompt_tokens + 10 * served.new_expected) / 1e6, (served.prompt_tokens + 10 * served.new_most) / 1e6)
    )
    assert not server.asked


def test_the_records_are_plain_json(server, tmp_path):
    plan = plan_of(server.source)
    run(plan, tmp_path)
    line = next(tmp_path.glob("answers/*/answers.jsonl")).read_text().splitlines()[0]
    assert json.loads(line)["n_prompt"] == 7


def test_samples_of_a_served_model_have_a_seed_for_each_item_and_sample(server, tmp_path):
    def build(p: Params) -> Design:
        how = {"temperature": 0.7, "top_p": 0.9, "samples": 3}
        asked = Evaluation(domain=DOMAIN, n=N, max_new_tokens=8, system="Be terse.", sampling=how, score="pass@2")
        return Design(cells=(Cell(arm=Arm(model=p.model, method=ZeroShot()), evaluation=asked),))

    seeds = []
    for folder, at_once in (("one", 1), ("other", 4)):
        server.asked.clear()
        assert run(plan_of(server.source, build), tmp_path / folder, Requests(at_once=at_once)).complete
        drawn = [body for body in server.asked if "seed" in body]
        assert {(body["temperature"], body["top_p"], "top_k" in body) for body in drawn} == {(0.7, 0.9, False)}
        assert {body["messages"][0]["content"] for body in drawn} == {"Be terse."}
        seeds.append({(body["messages"][-1]["content"], body["seed"]) for body in drawn})
    assert len(seeds[0]) == 3 * N
    assert seeds[0] == seeds[1]
    assert all(0 <= seed < 2**31 for _, seed in seeds[0])
