"""Choices of a model behind a server: the same as ours where it scores prompts, bounds where it lists tokens."""

from collections.abc import Iterator
from json import loads
from math import exp, isnan, log
from typing import Any

import numpy as np
import pytest
import torch

from offdiag.conversation import Spoken
from offdiag.conversation import written as written_turns
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.lm import LM
from offdiag.models.server.model import ServedModel, bounded
from offdiag.models.server.replies import NoReplyError, reply_of
from offdiag.models.server.source import Api
from offdiag.planning import make_plan
from offdiag.runtime import Requests, Runtime
from offdiag.store import Store
from offdiag.studies.trigger_2d.task import TriggerDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from support.lms import tiny_lm
from support.stand_in_server import NAME, StandIn, stand_in, written
from support.tiny_study import Params, tiny_study

pytest.importorskip("openai", reason="the extra api is not installed")

COMPLETION = ChatSettings(format="completion")
QUICK = Requests(pause=0.01, attempts=2)
PROMPTS = ["Which one is red?", "10 + 10 = ", "Say x or y"]
LABELS = TriggerDomain().world.labels
CHOICES = [("an apple", "an ape", "grass"), ("20", "2", "100"), ("x", "y", "xx")]


def echoing(lm: LM) -> Any:
    """A server that scores prompts, as vLLM does, with the weights of ``lm``, each text by itself."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        ids = lm.tokenizer(body["prompt"])["input_ids"]
        with torch.inference_mode():
            logits = lm.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        last = int(logits[-1].argmax())
        values = [None, *(float(logits[i, token]) for i, token in enumerate([*ids[1:], last]))]
        tokens = [f"token_id:{token}" for token in [*ids, last]]
        choice = {"text": body["prompt"] + lm.tokenizer.decode(last), "finish_reason": "length", "index": 0,
                  "logprobs": {"tokens": tokens, "token_logprobs": values, "top_logprobs": None}}  # fmt: skip
        return {"model": NAME, "choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": 1}}

    return answer


def listing(likeliest: dict[str, float]) -> Any:
    """A server that lists the likeliest first tokens of a chat, as OpenAI's and llama.cpp do."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        if "logprobs" not in body:
            return written("A")
        top = [{"token": token, "logprob": value} for token, value in likeliest.items()]
        return written("A", logprobs={"content": [{**top[0], "top_logprobs": top}]})

    return answer


@pytest.fixture(scope="module")
def lm(tiny_model) -> LM:
    return tiny_lm(tiny_model)


@pytest.fixture
def echo(lm) -> Iterator[StandIn]:
    with stand_in(echoing(lm)) as server:
        yield server


def served(server: StandIn, requests: Requests = QUICK) -> ServedModel:
    return Api(server.source.removeprefix("api:")).connect(requests)


@pytest.mark.parametrize("prefix", ["\n", " ", "\nAnswer: "])
def test_a_server_that_scores_prompts_gives_our_scores(lm, echo, prefix):
    ours = lm.score(PROMPTS, CHOICES, prefix, COMPLETION)
    theirs = served(echo).score(PROMPTS, CHOICES, prefix, COMPLETION)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose([s.logprob for s in mine], [s.logprob for s in other], atol=2e-4)
        assert [s.n_tokens for s in mine] == [s.n_tokens for s in other]


def test_the_likeliest_first_tokens_decide_between_choices_of_one_token():
    scores = bounded(["A", "B", "C"], {"B": -0.5, "A": -1.5, "The": -3.0})
    assert [(s.logprob, s.exact) for s in scores] == [(-1.5, True), (-0.5, True), (-3.0, False)]


@pytest.mark.parametrize(
    "likeliest",
    [
        {"The": -0.5, "It": -1.0},  # no choice is among them
        {"red": -2.0, "blu": -0.5},  # blue begins with a likelier token, and how it goes on is not known
    ],
)
def test_where_a_bound_is_above_what_is_known_nobody_can_tell(likeliest):
    assert all(isnan(score.logprob) for score in bounded(["red", "blue"], likeliest))


def test_a_token_that_begins_a_choice_bounds_it():
    scores = bounded(["red", "blue"], {"red": -0.5, "blu": -2.0, "bl": -3.0})
    assert [(s.logprob, s.exact) for s in scores] == [(-0.5, True), (-2.0, False)]


def test_chats_are_asked_for_the_likeliest_tokens():
    with stand_in(listing({"A": log(0.7), "B": log(0.2)})) as server:
        (scores,) = served(server).score(["Which?"], [("A", "B")], "\n", AS_THE_TEMPLATE)
        assert [exp(s.logprob) for s in scores] == pytest.approx([0.7, 0.2])
        (body,) = server.asked
        assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)
        assert body["messages"] == [{"role": "user", "content": "Which?"}]


def test_a_prompt_of_several_turns_is_sent_as_turns():
    prompt = written_turns([Spoken("system", "Be terse."), Spoken("user", "Which?")])
    with stand_in(listing({"A": -1.0, "B": -2.0})) as server:
        served(server).score([prompt], [("A", "B")], "\n", AS_THE_TEMPLATE)
        assert server.asked[0]["messages"] == [
            {"role": "system", "content": "Be terse."},
            {"role": "user", "content": "Which?"},
        ]


def test_completions_of_a_server_that_only_lists_are_bounded_with_their_blank():
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        top = {" yes": -0.2, " no": -1.9}
        choice = {"text": " yes", "logprobs": {"tokens": [" yes"], "token_logprobs": [-0.2], "top_logprobs": [top]}}
        return {"model": NAME, "choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": 1}}

    with stand_in(answer) as server:
        (scores,) = served(server).score(["Hot?"], [("yes", "no")], "\nAnswer: ", COMPLETION)
        assert [(s.logprob, s.exact) for s in scores] == [(-0.2, True), (-1.9, True)]
        assert server.asked[-1]["prompt"] == "Hot?\nAnswer:"


def asks(p: Params, **evaluated: Any) -> Design:
    asked = Evaluation(domain=TriggerDomain(), n=6, answering="choice", **evaluated)
    return Design(cells=(Cell(arm=Arm(model=p.model, method=ZeroShot()), evaluation=asked),))


def run(server: StandIn, folder: Any, *, requests: Requests = QUICK, **evaluated: Any) -> Any:
    params = Params(model=ModelSpec(source=server.source))
    plan = make_plan(tiny_study(params, lambda p: asks(p, **evaluated)), "only")
    return plan, run_plan(plan, Store(folder), Runtime(requests=requests))


def test_a_server_without_log_probabilities_is_told_before_the_run(tmp_path):
    with stand_in(lambda body: written("A")) as server, pytest.raises(UserError, match="gives no log-probabilities"):
        run(server, tmp_path)


@pytest.mark.parametrize(
    "evaluated", [{"per": "tokens"}, {"per": "unconditional"}, {"per": "unconditional", "chat": COMPLETION}]
)
def test_what_no_list_of_tokens_can_tell_is_refused_by_the_plan(tmp_path, evaluated):
    with stand_in(listing({"A": -1.0})) as server:
        with pytest.raises(UserError, match="gives no whole log-probability for per="):
            run(server, tmp_path, **evaluated)
        assert not server.asked


def test_a_run_in_which_no_question_could_be_told_fails_with_the_way_out(tmp_path):
    with stand_in(listing({"Hm": -0.1, "Well": -2.0})) as server:
        plan, summary = run(server, tmp_path)
        assert not summary.complete
        told = [state.note for state in plan.survey(Store(tmp_path)) if state.note]
        assert "give choices of one token, such as A and B" in told[0]


def test_a_whole_run_by_choice_equals_ours_on_the_same_weights(lm, tiny_model, tmp_path):
    from offdiag.steps import load_records

    with stand_in(echoing(lm)) as server:
        records = []
        for source in (f"dir:{tiny_model}", server.source):
            params = Params(model=ModelSpec(source=source))
            plan = make_plan(tiny_study(params, lambda p: asks(p, chat=COMPLETION, per="tokens")), "only")
            assert run_plan(plan, Store(tmp_path), Runtime(device="cpu", threads=1, requests=QUICK)).complete
            records.append(load_records(Store(tmp_path).folder(*plan.cells.values())))
    ours, theirs = records
    assert [r["completion"] for r in ours] == [r["completion"] for r in theirs]
    assert [r["scores"] for r in ours] == [pytest.approx(r["scores"], abs=1e-4) for r in theirs]


def answers(folder: Any) -> list[dict[str, Any]]:
    (path,) = folder.glob("answers/*/answers.jsonl")
    return [loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_choices_are_kept_as_they_come_and_never_asked_again(tmp_path):
    with stand_in(listing({label: -float(i + 1) for i, label in enumerate(LABELS)})) as server:
        server.faults.extend(["", "", "", "", "status 400"])  # the trial, three answers, and a refusal
        plan, first = run(server, tmp_path / "cut", requests=Requests(pause=0.01, at_once=1))
        assert first.failed == 1
        before = [body["messages"] for body in server.asked]
        assert run_plan(plan, Store(tmp_path / "cut"), Runtime(requests=Requests(at_once=4))).complete
        again = [body["messages"] for body in server.asked[len(before) + 1 :]]  # after its trial
        assert len(again) == 6 - 3
        assert before[4] in again
        assert not [question for question in before[1:4] if question in again]
        run(server, tmp_path / "whole")
    assert answers(tmp_path / "cut") == answers(tmp_path / "whole")


@pytest.mark.parametrize("chat", [AS_THE_TEMPLATE, COMPLETION])
def test_a_plan_counts_the_requests_of_choices_as_they_are_sent(lm, chat, tmp_path):
    from offdiag.cost import estimate

    answer = listing({LABELS[0]: -1.0}) if chat is AS_THE_TEMPLATE else echoing(lm)
    with stand_in(answer) as server:
        params = Params(model=ModelSpec(source=server.source))
        plan = make_plan(tiny_study(params, lambda p: asks(p, chat=chat)), "only")
        (served,) = estimate(plan).served
        run_plan(plan, Store(tmp_path), Runtime(requests=QUICK))
        each = 1 if chat is AS_THE_TEMPLATE else 1 + len(LABELS)
        trial = each if chat is AS_THE_TEMPLATE else 1 + each  # and whether it scores prompts
        assert served.requests == 6 * each
        assert len(server.asked) - trial - (chat is COMPLETION) == served.requests
        assert served.new_most == served.requests  # one token each


def test_a_budget_counts_every_choice_and_what_was_told_is_kept(lm, tmp_path):
    with stand_in(echoing(lm)) as server:
        each, before = 1 + len(LABELS), 2 + 1 + len(LABELS) + 1  # list, scoring, the trial; and scoring once more
        tight = Requests(pause=0.01, at_once=1, most=before + 2 * each + 1)
        plan, first = run(server, tmp_path, requests=tight, chat=COMPLETION)
        assert not first.complete
        assert len(server.asked) == before + 2 * each  # and the list of models
        assert "requests is spent" in " ".join(state.note for state in plan.survey(Store(tmp_path)) if state.note)
        rest = Requests(pause=0.01, most=before + 4 * each)
        server.asked.clear()
        assert run_plan(plan, Store(tmp_path), Runtime(requests=rest)).complete
        assert len(server.asked) == before + 4 * each - 1


@pytest.mark.parametrize(
    "data",
    [{}, {"choices": None}, {"choices": [None]}, {"choices": [{}]}, {"choices": [{"text": 3}]}, {"choices": "text"},
     {"error": {"message": "overloaded"}}],
)  # fmt: skip
def test_what_is_no_reply_is_told_from_one(data):
    with pytest.raises(NoReplyError):
        reply_of(data)


def test_a_reply_without_text_is_an_empty_answer_and_a_filtered_one_says_so():
    choice = {"message": {"content": None}, "finish_reason": "content_filter", "logprobs": {"content": [{"token": 1}]}}
    reply = reply_of({"choices": [choice], "usage": {"prompt_tokens": True}})
    assert (reply.text, reply.finish, reply.n_prompt, reply.n_tokens, reply.likeliest) == (
        "",
        "filtered",
        None,
        None,
        {},
    )
