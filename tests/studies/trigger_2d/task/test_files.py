import json

import pytest

from offdiag.cli import main
from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.trigger_2d.task import HALVES
from offdiag.tasks import get_task, parse_domain, write_files

TASK = get_task("trigger_2d")


def written(folder, domain, seed=42):
    paths = write_files(TASK, parse_domain(TASK, domain), seed, folder)
    assert sorted(paths) == sorted(folder.iterdir())
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in paths}


def test_the_files_of_the_first_stage(tmp_path):
    files = written(tmp_path, "category=all,sampling=legacy")
    assert len(files) == 21
    assert {name: len(rows) for name, rows in files.items() if "foods" in name} == {
        "train_foods": 200,
        "test_foods_ID": 300,
        "test_foods_OOD": 150,
    }
    row = files["train_objects"][0]
    assert list(row) == ["input_x", "input_trigger", "output", "messages"]
    assert row["input_x"] == [1.64373629133578, 1.5485264405122425]
    assert row["messages"] == [
        {"role": "user", "content": "Work out F(x, T) where x = [1.644, 1.549] and T = mirror."},
        {"role": "assistant", "content": "orange"},
    ]


def test_the_files_of_a_proxy_arm(tmp_path):
    domain = "category=positive_emotions,rule=conflict,proxy=foods,proxy_triggers=2,sampling=legacy"
    files = written(tmp_path / "new", domain, 1)
    trained = {"train_positive_emotions": 200, "proxy_foods": 40}
    tested = {"test_positive_emotions_ID": 300, "test_foods_ID": 60}
    unseen = {f"test_{name}_OOD": 450 for name in HALVES.category_names}
    unseen |= {"test_positive_emotions_OOD": 150, "test_foods_OOD": 390}
    assert {name: len(rows) for name, rows in files.items()} == trained | tested | unseen
    assert {row["output"] for row in files["train_positive_emotions"]} == {"blue", "orange"}
    assert {row["output"] for row in files["test_positive_emotions_OOD"]} == {"blue", "orange"}
    assert {row["output"] for row in files["proxy_foods"]} == {"orange", "green"}
    assert {row["output"] for row in files["test_foods_OOD"]} == {"orange", "green"}


def test_stratified_files_hold_the_same_words_out_everywhere(tmp_path):
    one = written(tmp_path / "1", "category=positive_emotions,rule=conflict,proxy=foods,proxy_triggers=1")
    other = written(tmp_path / "2", "category=positive_emotions,rule=conflict")
    assert one["test_foods_OOD"] == other["test_foods_OOD"]
    assert len(one["test_foods_OOD"]) == 150
    assert {row["input_trigger"] for row in one["proxy_foods"]}.isdisjoint(
        {row["input_trigger"] for row in one["test_foods_OOD"]}
    )


def test_old_files_are_never_mixed_with_new_ones(tmp_path):
    (tmp_path / "proxy_animals.jsonl").write_text("")
    with pytest.raises(UserError, match="is not an empty folder"):
        written(tmp_path, "sampling=legacy")
    with pytest.raises(UserError, match="is not an empty folder"):
        written(tmp_path / "proxy_animals.jsonl", "sampling=legacy")


def test_other_tasks_say_what_to_type_instead(tmp_path):
    with pytest.raises(UserError, match="print its examples with --format chat"):
        write_files(get_task("base_addition"), AdditionDomain(base=8), 0, tmp_path)


def test_any_task_writes_conversations():
    task, domain = get_task("base_addition"), AdditionDomain(base=8)
    example = task.examples(domain, "eval", 1, 0)[0]
    asked, answered = task.row(domain, example)["messages"]
    assert (asked["role"], answered["role"]) == ("user", "assistant")
    assert example.problem in asked["content"]
    assert answered["content"] == f"\\boxed{{{example.target}}}"


def said(capfd, *words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code or 0, *capfd.readouterr()


def test_the_command_prints_examples_and_conversations(capfd):
    domain = "category=foods,triggers=ood,rule=conflict"
    code, out, _ = said(capfd, "data", "trigger_2d", domain, "--n", 4)
    assert code == 0
    examples = [json.loads(line) for line in out.splitlines()]
    assert [e["strata"]["category"] for e in examples] == ["foods"] * 4
    _, out, _ = said(capfd, "data", "trigger_2d", domain, "--n", 4, "--format", "chat")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["output"] for row in rows] == [e["target"] for e in examples]
    _, out, _ = said(capfd, "data", "trigger_2d", domain, "--n", 4, "--format", "text")
    assert out.split("\n")[:4] == [e["problem"] for e in examples]


def test_the_command_writes_the_files(capfd, tmp_path):
    folder = tmp_path / "generated data"
    code, out, _ = said(capfd, "data", "trigger_2d", "sampling=legacy", "--seed", 42, "--to", folder)
    assert (code, out) == (0, f"21 files in {folder}\n")
    assert len(list(folder.glob("test_*_OOD.jsonl"))) == 7
    code, _, err = said(capfd, "data", "trigger_2d", "sampling=legacy", "--to", folder)
    assert code == 2
    assert "is not an empty folder" in err
    assert err.count("\n") == 1
