"""Tasks of lm-evaluation-harness as domains: what we ask, choose and grade is what the harness itself does."""

import json
import re
from pathlib import Path
from socket import gaierror
from typing import Any

import numpy as np
import pytest

from offdiag.conversation import plain
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.methods import InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.seeds import stream
from offdiag.steps import load_records
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from offdiag.tasks import get_task
from offdiag.tasks.harness import (
    HarnessDomain,
    HarnessTask,
    _files_by_name,
    _offline_where_it_is_certain,
    _own_file,
)
from offdiag.tasks.parsing import named_domain
from support.tiny_study import Params, tiny_study

N = 24
TASK = HarnessTask()
THINGS = ("a red fox", "gold", "the long way round", "ice", "an oak", "rain", "nobody at all", "seven")
YAML = """
task: own_choices
dataset_path: json
dataset_kwargs:
  data_files: {{train: {folder}/train.jsonl, test: {folder}/test.jsonl}}
output_type: multiple_choice
training_split: train
test_split: test
description: "Choose well.\\n\\n"
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{options}}}}"
doc_to_target: "{{{{options.index(answer)}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""
WRITTEN = """
task: own_sums
dataset_path: json
dataset_kwargs:
  data_files: {{train: {folder}/train.jsonl, test: {folder}/test.jsonl}}
output_type: generate_until
training_split: train
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n\\n"], do_sample: false}}
filter_list:
  - {{name: marked, filter: [{{function: regex, regex_pattern: "#### (\\\\w+)"}}, {{function: take_first}}]}}
  - {{name: last, filter: [{{function: regex, regex_pattern: "(\\\\w+)", group_select: -1}}, {{function: take_first}}]}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}}
"""


def rows(split: str, written: bool) -> list[dict[str, Any]]:
    found = []
    for i in range(N):
        draw = stream(0, split, i)
        options = [THINGS[j] for j in draw.permutation(len(THINGS))[:3]]
        answer = "gold" if written else options[int(draw.integers(3))]
        found.append({"question": f"Which one comes {split} {i}?", "options": options, "answer": answer})
    return found


def own_task(folder: Path, yaml: str = YAML) -> str:
    pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")
    for split in ("train", "test"):
        lines = [json.dumps(row) for row in rows(split, yaml is WRITTEN)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "own.yaml").write_text(yaml.format(folder=folder))
    return str(folder / "own.yaml")


@pytest.fixture(autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def of_the_harness(task: str, model: Path, *, chat: bool) -> list[dict[str, Any]]:
    """The harness's own results of its own model class, one by document."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    found = simple_evaluate(
        model="hf", model_args={"pretrained": str(model), "dtype": "float32"}, tasks=[task], device="cpu", batch_size=4,
        task_manager=TaskManager(include_defaults=False), apply_chat_template=chat, bootstrap_iters=0, num_fewshot=0,
    )  # fmt: skip
    return sorted(found["samples"]["own_choices"], key=lambda sample: sample["doc_id"])


@pytest.mark.parametrize("chat", [False, True], ids=["completion", "chat"])
def test_answers_by_choice_are_those_of_the_harness(tiny_model, tmp_path, chat):
    name = own_task(tmp_path)

    def asks(p: Params) -> Design:
        arm = Arm(model=p.model, method=ZeroShot())
        evaluations = [
            Evaluation(
                domain=f"lm_eval:{name}", n=N, answering="choice", per=per,
                chat={"format": "chat" if chat else "completion"},
            )
            for per in ("none", "characters")
        ]  # fmt: skip
        return Design(cells=tuple(Cell(arm=arm, evaluation=evaluation) for evaluation in evaluations))

    plan = make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")), asks), "only")
    store = Store(tmp_path / "store")
    assert run_plan(plan, store, Runtime(device="cpu", threads=1)).complete
    summed, by_length = (load_records(store.folder(step)) for step in plan.cells.values())

    theirs = of_the_harness(name, tiny_model, chat=chat)
    scores = [[float(resp[0]) for resp in sample["filtered_resps"]] for sample in theirs]
    np.testing.assert_allclose([record["scores"] for record in summed], scores, atol=1e-3)
    options = [row["options"] for row in rows("test", written=False)]
    picks = [own[int(np.argmax(values))] for own, values in zip(options, scores, strict=True)]
    flips = sum(record["completion"] != pick for record, pick in zip(summed, picks, strict=True))
    assert flips == 0
    assert len(set(picks)) > 3
    for metric, records in (("acc", summed), ("acc_norm", by_length)):
        assert [record["correct"] for record in records] == [bool(sample[metric]) for sample in theirs]
    assert [record["completion"] for record in summed] != [record["completion"] for record in by_length]


def test_prompts_with_demonstrations_are_those_of_the_harness(tmp_path, monkeypatch):
    from offdiag.tasks import harness

    domain = HarnessDomain(name=own_task(tmp_path))
    taught = InContext(k=3, rationale=False)
    cell = Cell(
        arm=Arm(model=ModelSpec(source="hub:org/name"), method=taught, train=domain),
        evaluation=Evaluation(domain=domain, n=2, answering="choice"),
    )
    outputs = cell.step().answers
    shown = TASK.examples(domain, "train", 3, 0)

    class Work:
        def output(self, step: Any) -> Path:
            from dataclasses import asdict

            from offdiag.steps.jsonl import write_jsonl

            write_jsonl(tmp_path / "examples.jsonl", [asdict(example) for example in step.sample()])
            return tmp_path

    ours = [plain(prompt) for prompt in outputs.prompts(Work(), outputs.examples.sample())]
    read = harness._read(domain)
    documents = [TASK._document(read, example) for example in shown]
    monkeypatch.setattr(read.task.sampler, "sample", lambda n, eval_doc=None: documents)
    assert ours == [read.task.fewshot_context(doc, num_fewshot=3) for doc in read.by_split["eval"][:2]]
    assert ours[0].startswith("Choose well.\n\nQuestion: Which one comes train ")


@pytest.mark.parametrize(
    ("completion", "marked", "last"),
    [
        ("It is #### gold", ("gold", True), ("gold", True)),
        ("#### GOLD", ("GOLD", True), ("GOLD", True)),
        ("#### ice and then gold", ("ice", False), ("gold", True)),
        ("gold\n\n#### ice", (None, False), ("gold", True)),  # what follows a blank line is cut off
        ("...", (None, False), (None, False)),
    ],
)
def test_written_answers_are_cut_filtered_and_graded_by_the_harness(tmp_path, completion, marked, last):
    name = own_task(tmp_path, WRITTEN)
    for domain, expected in ((HarnessDomain(name=name), marked), (HarnessDomain(name=name, filter="last"), last)):
        (example,) = TASK.examples(domain, "eval", 1, 0)
        grade = TASK.grade(domain, example, completion)
        assert (grade.parsed, grade.correct) == expected
        assert grade.status == ("unparsed" if expected[0] is None else "parsed")


def test_the_ideal_answer_is_right_and_splits_are_those_of_the_harness(tmp_path):
    domain = HarnessDomain(name=own_task(tmp_path))
    for split, word in (("train", "train"), ("eval", "test")):
        for example in TASK.examples(domain, split, N, 0):
            assert f"comes {word}" in example.problem
            assert TASK.grade(domain, example, TASK.response(domain, example, rationale=False)).correct
    assert [e.id for e in TASK.examples(domain, "eval", 3, 5)] == ["eval-0", "eval-1", "eval-2"]
    assert TASK.examples(domain, "train", N, 0) != TASK.examples(domain, "train", N, 1)
    with pytest.raises(UserError, match="ask for 24 or fewer"):
        TASK.examples(domain, "eval", N + 1, 0)


def test_an_edited_document_is_another_identity_and_a_moved_file_is_not(tmp_path):
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    cells = []
    for home in homes:
        name = own_task(home)
        cells.append(Evaluation(domain=HarnessDomain(name=name), n=4).examples.fingerprint)
    assert cells[0] == cells[1]
    path = homes[0] / "test.jsonl"
    path.write_text(path.read_text().replace("test 2?", "test two?"))
    moved = Evaluation(domain=HarnessDomain(name=str(homes[0] / "own.yaml")), n=4).examples.fingerprint
    assert moved != cells[1]


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        (
            YAML.replace("multiple_choice", "loglikelihood"),
            "asks no question that is answered by a choice or in writing",
        ),
        (YAML.replace("test.jsonl", "gone.jsonl"), "its data cannot be read"),
        (
            YAML.replace("index(answer)", "index(answer if ' 0?' in question else 7)"),
            "word document eval-1 .Value",
        ),
        (YAML + "gen_prefix: The answer is\n", "a reply that is begun"),
    ],
)
def test_what_cannot_be_asked_is_one_line(tmp_path, yaml, told):
    name = own_task(tmp_path, yaml)
    with pytest.raises(UserError, match=told) as caught:
        TASK.examples(HarnessDomain(name=name), "eval", 2, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("arc_esy", "did you mean arc_easy? type: lm_eval ls subtasks"),
        ("hellaswagg", "did you mean hellaswag?"),
        ("ai2_arc", "groups and tags are none"),
        ("*", "no task of that name"),
        ("arc/arc_easy", "no task of that name"),
        ("gone.yaml", "no such file"),
        ("no/folder/gone.yml", "no such file"),
    ],
)
def test_an_unknown_name_is_told_without_reading_all_tasks(monkeypatch, name, told):
    monkeypatch.setattr("lm_eval.tasks.TaskManager", lambda **_: pytest.fail("that takes 20 seconds"))
    with pytest.raises(UserError) as caught:
        TASK.examples(HarnessDomain(name=name), "eval", 1, 0)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["arc_easy", "mmlu_abstract_algebra", "hellaswag", "mmlu_abstract_algebra_generative"])
def test_the_file_of_a_task_is_the_one_that_says_its_name(name):
    from lm_eval.tasks import TaskManager

    path = _own_file(name)
    assert path is not None
    assert re.search(rf"^.?task.?: .?{name}.?$", path.read_text(), re.MULTILINE)
    manager = TaskManager(include_defaults=False, include_path=str(path.parent))
    assert Path(manager.task_index[name].yaml_path) == path


def test_tasks_in_files_of_other_names_are_found():
    others = {name for name, path in _files_by_name().items() if path is not None and path.stem != name}
    assert "mmlu_abstract_algebra_generative" in others
    assert len(others) > 1000


def test_a_domain_is_named_with_its_task():
    assert named_domain("lm_eval:arc_easy") == HarnessDomain(name="arc_easy")
    assert named_domain("base_addition:base=8") == AdditionDomain(base=8)
    asked = Evaluation(domain="lm_eval:name=arc_challenge,learn=few-shot", n=3)
    assert asked.domain == HarnessDomain(name="arc_challenge", learn="few-shot")
    assert str(asked.domain) == "name=arc_challenge,learn=few-shot"
    assert get_task("lm_eval").domains() == ()
    with pytest.raises(UserError, match="no such task|unknown"):
        named_domain("nothing:base=8")


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (
            "\n  - arc_easy\n  - task: own_sums # mine\n    num_fewshot: 2\n  - 'piqa'\n",
            ", such as arc_easy, own_sums, piqa$",
        ),
        ("\n- arc_easy\n", ", such as arc_easy$"),
        (" [arc_easy]\n", "$"),
    ],
)
def test_a_file_of_a_group_is_refused_with_its_tasks(members: str, told: str, tmp_path: Path) -> None:
    text = (
        f"group: mine\ntag:\n  - some\ntask:{members}aggregate_metric_list:\n  - metric: acc\nmetadata:\n  version: 1\n"
    )
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"mine\.yaml is a group: name one of its tasks{told}"):
        TASK.size(HarnessDomain(name=str(path)), "eval")


@pytest.mark.parametrize("proxy", [False, True])
def test_the_hub_is_asked_nothing_where_its_name_has_no_address(proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import config
    from huggingface_hub import constants

    def unknown(*asked: object) -> None:
        raise gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr("offdiag.tasks.harness.getaddrinfo", unknown)
    monkeypatch.setattr("offdiag.tasks.harness.getproxies", lambda: {"https": "proxy:80"} if proxy else {})
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(config, "HF_HUB_OFFLINE", False)
    with _offline_where_it_is_certain():
        assert constants.HF_HUB_OFFLINE is config.HF_HUB_OFFLINE is not proxy
    assert (constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE) == (False, False)
