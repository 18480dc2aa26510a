"""A set of questions that grows: only what is new is asked, and the result is that of a fresh run."""

import json
from collections import Counter
from pathlib import Path

import pytest

from offdiag.cost import estimate
from offdiag.engine import run_plan
from offdiag.models.lm import LM
from offdiag.planning import make_plan
from offdiag.runtime import Requests, Runtime
from offdiag.steps.earlier_answers import KEPT
from offdiag.store import Store, read_json
from offdiag.study_files import load_study
from support.stand_in_server import stand_in, written
from support.tiny_study import RUNTIME, list_again, steps_of, tiny_plan, write_result


@pytest.fixture
def asked(monkeypatch) -> Counter:
    """The number of prompts that the model was asked, by how."""
    found: Counter = Counter()
    generate, score = LM.generate, LM.score

    def counted(lm, prompts, *, skip=(), **how):
        found["written"] += sum(i not in skip for i in range(len(prompts)))
        return generate(lm, prompts, skip=skip, **how)

    def chosen(lm, prompts, *rest):
        found["chosen"] += len(prompts)
        return score(lm, prompts, *rest)

    monkeypatch.setattr(LM, "generate", counted)
    monkeypatch.setattr(LM, "score", chosen)
    return found


def run(plan, store):
    assert run_plan(plan, store, RUNTIME).complete


def results(plan, store) -> dict[str, bytes]:
    """The bytes of all answers and records of a plan."""
    folders = [store.folder(step) for step in plan.steps if step.kind in ("answers", "cells")]
    return {f"{f.name}/{p.name}": p.read_bytes() for f in folders for p in f.glob("*.jsonl")}


def assert_same(plan, store, fresh, answering):
    """Check that two stores hold the same: written answers byte by byte, scores of choices up to rounding."""
    if answering == "generation":
        assert results(plan, store) == results(plan, fresh)
        return
    for name, one in results(plan, store).items():
        pairs = zip(one.splitlines(), results(plan, fresh)[name].splitlines(), strict=True)
        for ours, theirs in ((json.loads(a), json.loads(b)) for a, b in pairs):
            assert ours.pop("scores") == pytest.approx(theirs.pop("scores"), abs=2e-5)
            assert ours == theirs


def taken(plan, store) -> list[int]:
    """How many answers each answering step of a plan took, from all its sources together."""
    found = [store.provenance(step).get("taken", []) for step in steps_of(plan, "answers")]
    return [sum(source["items"] for source in sources) for sources in found]


def rows(numbers) -> str:
    return "".join(json.dumps({"prompt": f"Is {i} even?", "target": "no" if i % 2 else "yes"}) + "\n" for i in numbers)


@pytest.fixture
def own(tiny_model, tmp_path, monkeypatch):
    """Plans of a person's own files, of which the test file may grow."""
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text(rows(range(100, 108)))

    def plan(numbers, **given):
        Path("a_test.jsonl").write_text(rows(numbers))
        files = {"models": [f"dir:{tiny_model}"], "train": ["a.jsonl"], "eval": ["a_test.jsonl"]}
        return make_plan(load_study("matrix"), "quick", {"methods": ["zero-shot", "in-context:2"], **files, **given})

    return plan


def test_a_larger_n_asks_the_new_questions_alone(tiny_model, tmp_path, asked):
    few, many, fewest = (tiny_plan(tiny_model, n_eval=n, shots=(1,)) for n in (5, 8, 3))
    store, fresh = Store(tmp_path / "store"), Store(tmp_path / "fresh")
    run(few, store)
    assert asked["written"] == 4 * 5
    run(many, store)
    assert asked["written"] == 4 * 8
    assert (taken(few, store), taken(many, store)) == ([0] * 4, [5] * 4)
    run(fewest, store)
    assert asked["written"] == 4 * 8  # they are among those that are there
    alike = many.select("k1")
    run(alike, fresh)
    assert results(alike, store) == results(alike, fresh)


@pytest.mark.parametrize("answering", ["generation", "choice"])
def test_a_plan_tells_what_is_new_and_counts_no_more(own, tmp_path, answering):
    store = Store(tmp_path / "store")
    run(own(range(6), answering=answering), store)
    plan = own([*range(20, 23), *range(1, 6), 30], answering=answering)
    needed = {state.step.fingerprint for state in plan.survey(store) if state.needed}
    whole, part = estimate(plan, needed), estimate(plan, needed, store=store)
    assert (whole.held, whole.new, part.held, part.new) == (0, 0, 2 * 5, 2 * 4)
    assert part.total.steps == whole.total.steps
    assert part.total.prompt_tokens == pytest.approx(whole.total.prompt_tokens * 4 / 9, rel=0.1)
    alone = own([*range(2, 6)], answering=answering)
    needed = {state.step.fingerprint for state in alone.survey(store) if state.needed}
    assert (found := estimate(alone, needed, store=store)).held == 2 * 4
    assert (found.new, found.total.prompt_tokens) == (0, 0)


def test_more_shots_and_more_seeds_leave_what_is_there(tiny_model, tmp_path, asked):
    store = Store(tmp_path / "store")
    run(tiny_plan(tiny_model, shots=(1,), n_eval=2), store)
    assert asked["written"] == 4 * 2
    run(tiny_plan(tiny_model, shots=(1, 2), n_eval=2, seeds=(0, 1)), store)
    assert asked["written"] == 6 * 2


@pytest.mark.parametrize("answering", ["generation", "choice"])
def test_a_file_that_gained_rows_asks_those_alone(own, tmp_path, asked, answering):
    store, fresh = Store(tmp_path / "store"), Store(tmp_path / "fresh")
    how = "written" if answering == "generation" else "chosen"
    run(own(range(6), answering=answering), store)
    assert asked[how] == 2 * 6
    plan = own([*range(20, 23), *range(1, 6), 30], answering=answering)  # in front, behind, and without the first
    run(plan, store)
    assert (asked[how], taken(plan, store)) == (2 * 6 + 2 * 4, [5, 5])
    run(plan, fresh)
    assert_same(plan, store, fresh, answering)
    grown = own([*range(20, 23), *range(7), 30], answering=answering)
    run(grown, store)
    assert taken(grown, store) == [10, 10]  # nine of the newest, and the first of the oldest


def test_other_rows_to_show_make_other_prompts(own, tmp_path, asked):
    store = Store(tmp_path / "store")
    run(own(range(4)), store)
    Path("a.jsonl").write_text(rows(range(200, 208)))
    plan = own(range(6))
    run(plan, store)
    assert taken(plan, store) == [4, 0]  # of the untaught model, and of the one that is shown others


def test_other_choices_after_the_same_prompt_are_compared_anew(tiny_model, tmp_path, asked):
    def plan(n, other):
        data = [{"q": f"Is {i} even?", "c": ["yes", other], "a": "yes"} for i in range(n)]
        (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
        given = {"models": [f"dir:{tiny_model}"], "eval": [str(tmp_path / "c.jsonl")], "methods": ["zero-shot"]}
        columns = {"prompt": "q", "choices": "c", "target": "a", "options": "hidden"}
        return make_plan(load_study("matrix"), "quick", given | columns)

    store = Store(tmp_path / "store")
    run(plan(3, "no"), store)
    run(grown := plan(4, "never"), store)
    assert (asked["chosen"], taken(grown, store)) == (3 + 4, [0])
    run(grown := plan(6, "never"), store)
    assert (asked["chosen"], taken(grown, store)) == (3 + 6, [4])


def spoil(folder, how):
    """Make a finished step one whose answers must not be used; of each only one thing is wrong."""
    answers = folder / "answers.jsonl"
    result = read_json(folder / "result.json")
    match how:
        case "another answer":
            answers.write_text(answers.read_text().replace('"completion": "', '"completion": "x', 1))
        case "the same size":
            answers.write_bytes(answers.read_bytes().replace(b'"finish": "length"', b'"finish": "lengtH"', 1))
        case "other versions":
            versions = {**result["provenance"]["versions"], "torch": "1.0"}
            write_result(folder, {**result, "provenance": {**result["provenance"], "versions": versions}})
        case "no versions":
            write_result(folder, {name: value for name, value in result.items() if name != "provenance"})
        case "set aside":
            (folder / "damaged.json").write_text('{"why": "a test"}')
        case "another identity":
            cell = read_json(folder / "cell.json")
            cell["identity"]["max_new_tokens"] += 1
            (folder / "cell.json").write_text(json.dumps(cell))
            list_again(folder)
        case "no result":
            (folder / "result.json").unlink()
        case "no list of files":
            write_result(folder, {name: value for name, value in result.items() if name != "files"})


@pytest.mark.parametrize(
    "how",
    ["another answer", "the same size", "other versions", "no versions", "set aside", "another identity", "no result",
     "no list of files"],
)  # fmt: skip
def test_what_is_damaged_or_stale_is_not_used(tiny_model, tmp_path, asked, how):
    few, many = tiny_plan(tiny_model, n_eval=2, shots=(1,)), tiny_plan(tiny_model, n_eval=3, shots=(1,))
    few, many = few.select("k1"), many.select("k1")
    store = Store(tmp_path / "store")
    run(few, store)
    spoil(store.folder(steps_of(few, "answers")[0]), how)
    run(many, Store(store.root))
    assert (asked["written"], taken(many, store)) == (2 + 3, [0])


def test_examples_that_are_gone_or_damaged_prove_nothing(tiny_model, tmp_path, asked):
    few, many = tiny_plan(tiny_model, n_eval=2, shots=(1,)).select("k1"), tiny_plan(tiny_model, n_eval=3, shots=(1,))
    store = Store(tmp_path / "store")
    run(few, store)
    (examples,) = [step for step in steps_of(few, "examples") if step.split == "eval"]
    (store.folder(examples) / "examples.jsonl").write_text("")
    run(many.select("k1"), Store(store.root))
    assert asked["written"] == 2 + 3


@pytest.mark.parametrize("change", [{"dtype": "bfloat16"}])
def test_in_16_bits_every_question_is_asked(tiny_model, tmp_path, asked, change):
    store = Store(tmp_path / "store")
    for n in (2, 3):
        plan = tiny_plan(tiny_model, n_eval=n, shots=(1,))
        spec = plan.params.model.model_copy(update=change)
        plan = make_plan(plan.study, plan.scale, {"model": spec, "n_eval": n, "shots": (1,)}).select("k1")
        run(plan, store)
    assert (asked["written"], taken(plan, store)) == (2 + 3, [0])


class Killed(BaseException):
    """As if the process had ended."""


@pytest.mark.parametrize("answering", ["generation", "choice"])
def test_a_killed_run_goes_on_with_what_it_had_taken(own, tmp_path, asked, monkeypatch, answering):
    store, fresh = Store(tmp_path / "store"), Store(tmp_path / "fresh")
    how = "written" if answering == "generation" else "chosen"
    one = {"answering": answering, "methods": ["zero-shot"]}
    run(few := own(range(4), **one), store)
    plan = own([*range(4), *range(50, 58)], **one)
    if answering == "choice":
        monkeypatch.setattr("offdiag.steps.jsonl.CHUNK", 3)

    class Watcher:
        def progressed(self, step, done, total):
            if step.kind == "answers" and done > 6:
                raise Killed

        def __getattr__(self, name):
            return lambda *args: None

    asked.clear()
    with pytest.raises(Killed):
        run_plan(plan, store, RUNTIME, watcher=Watcher())
    before = asked[how]
    (answers,) = steps_of(plan, "answers")
    assert (store.folder(answers) / KEPT).exists()
    store.discard(steps_of(few, "answers")[0])  # what was taken is kept here
    run(plan, Store(store.root))
    assert not (store.folder(answers) / KEPT).exists()
    assert taken(plan, Store(store.root)) == [4]
    assert before == (8 if how == "written" else 3)
    assert 8 <= asked[how] < 8 + 8
    run(plan, fresh)
    assert_same(plan, store, fresh, answering)


def test_a_server_is_asked_the_new_questions_alone(tmp_path):
    pytest.importorskip("openai", reason="the extra api is not installed")
    data = tmp_path / "a_test.jsonl"
    with stand_in(lambda body: written(f"{len(body['messages'][-1]['content'])}")) as server:
        for n in (4, 7):
            data.write_text(rows(range(n)))
            given = {"models": [server.source], "eval": [str(data)], "methods": ["zero-shot"]}
            plan = make_plan(load_study("matrix"), "quick", {**given, "answering": "generation"})
            runtime = Runtime(device="cpu", threads=1, requests=Requests(pause=0.01, timeout=5))
            assert run_plan(plan, Store(tmp_path / "store"), runtime).complete
        questions = Counter(body["messages"][-1]["content"].split("\n")[0] for body in server.asked)
    assert len(questions) == 7
    assert sum(questions.values()) == 7 + 2  # and one to try it out before each run
    assert taken(plan, Store(tmp_path / "store")) == [4]
