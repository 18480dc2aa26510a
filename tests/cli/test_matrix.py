"""The command that teaches and asks a person's own data."""

import csv
import json
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.stand_in_server import stand_in, written

LABELS = ("order", "cancel", "track")
METHODS = ("--methods", "zero-shot,in-context:2", "--seeds", "2", "--labels", "auto")


def rows(n: int, start: int = 0) -> list[dict[str, str]]:
    return [{"text": f"{LABELS[i % 3]} number {i}", "label": LABELS[i % 3]} for i in range(start, start + n)]


@pytest.fixture
def words(tmp_path, monkeypatch, tiny_model):
    """What to type for two data sets that are taught, and three that are asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    sets = {"food_train": rows(12), "food_test": rows(9, 20), "trips_train": rows(12, 30), "trips_test": rows(9, 50)}
    for name, own in sets.items():
        Path(f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in own))
    with Path("plain.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["text", "label"])
        table.writeheader()
        table.writerows(rows(9, 70))
    train, asked = ("food_train.jsonl", "trips_train.jsonl"), ("food_test.jsonl", "trips_test.jsonl", "plain.csv")
    return ["matrix", "--train", *train, "--eval", *asked, "--model", f"dir:{tiny_model}", "--store", "store"]


def test_a_matrix_is_run_printed_and_written(offdiag, words):
    said = offdiag(*words, *METHODS)
    assert said.code == 0, said
    lines = said.out.split("\n")
    assert lines[0] == "food: 12 rows to teach from food_train.jsonl, 9 rows to ask from food_test.jsonl"
    assert "  columns guessed: prompt=text, target=label" in lines
    header = next(line for line in lines if "taught" in line and "food" in line and "trips" in line)
    assert header.split() == ["taught", "food", "trips", "plain"]
    diagonal = [line for line in lines if "*" in line and "[" in line and "diagonal" not in line]
    assert len(diagonal) == 2  # one method on two data sets, the mean of two seeds each
    assert "(the diagonal)" in said.out
    page = Path(lines[-2].removeprefix("Page: "))
    assert page.is_file()
    again = offdiag(*words, *METHODS)
    assert again.code == 0
    assert [line for line in again.out.split("\n") if "*" in line] == [line for line in lines if "*" in line]
    for name in ("food_train.jsonl", "food_test.jsonl"):
        Path(name).rename(f"renamed_{name}")
    moved = [word.replace("food_", "renamed_food_") if word.startswith("food_") else word for word in words]
    third = offdiag(*moved, *METHODS)
    assert "steps done" not in third.out  # all of them were


def test_columns_are_guessed_or_said_for_each_file(offdiag, words):
    Path("a.jsonl").write_text("".join(f"{json.dumps({'prompt': r['text'], 'label': r['label']})}\n" for r in rows(12)))
    Path("b.csv").write_text("text,answer\n" + "".join(f"{r['text']},{r['label']}\n" for r in rows(9, 20)))
    Path("c.csv").write_text("said,kind\n" + "".join(f"{r['text']},{r['label']}\n" for r in rows(9, 40)))
    asked = ["matrix", *words[words.index("--model") :], "--train", "a.jsonl", "--eval", "b.csv"]
    found = offdiag(*asked, "--dry-run")
    assert found.code == 0, found
    lines = [line.strip() for line in found.out.split("\n")]
    assert [line for line in lines if line.startswith("columns guessed")] == [
        "columns guessed: prompt=prompt, target=label", "columns guessed: prompt=text, target=answer"
    ]  # fmt: skip
    refused = offdiag(*asked, "c.csv", "--dry-run")
    assert refused.code == 2
    assert "--prompt c.csv=said" in refused.err
    found = offdiag(*asked, "c.csv", "--prompt", "c.csv=said", "--target", "c.csv=kind", "--save", "mine.py")
    assert found.code == 0, found
    assert offdiag("plan", "mine.py", "--store", "store").code == 0
    twice = offdiag(*asked, "--prompt", "text", "said", "--dry-run")
    assert "type one, and FILE=COLUMN" in twice.err


def test_a_rehearsal_shows_prompts_and_the_plan_and_runs_nothing(offdiag, words):
    said = offdiag(*words, "--dry-run", "--labels", "auto", "--methods", "zero-shot,lora")
    assert said.code == 0, said
    assert said.out.count("that the loss sees") == 4
    assert said.out.count("food, asked (food_test.jsonl, line ") == 2
    assert "  > order<|end|>" in said.out or "  > track<|end|>" in said.out or "  > cancel<|end|>" in said.out
    assert "  = " in said.out
    assert "Cost of what is to be done" in said.out
    assert not Path("store").exists()


def test_a_rehearsal_shows_the_solutions_that_are_taught(offdiag, words):
    for name in ("food_train", "food_test"):
        sums = [{"question": f"{i} + 1?", "rationale": f"One more than {i}.", "answer": str(i + 1)} for i in range(9)]
        rows_of = sums[:6] if name == "food_train" else sums[6:]
        Path(f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows_of))
    typed = ("matrix", "--train", "food_train.jsonl", "--eval", "food_test.jsonl", *words[-4:], "--dry-run")
    said = offdiag(*typed, "--methods", "zero-shot,lora:rationale").out
    assert said.count("  > One more than ") == said.count("that the loss sees") == 2
    assert said.count("  | Think step by step") == 4  # two that are taught, and two that are asked
    both = offdiag(*typed, "--methods", "lora,lora:rationale").out
    assert (both.count("that the loss sees"), both.count("food, asked (")) == (4, 4)


def test_a_row_that_is_too_long_is_told_by_its_file_and_line(mistake, words):
    long = [{"text": "word " * 3000 if i == 4 else f"a {i}", "label": LABELS[i % 3]} for i in range(9)]
    Path("food_test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in long))
    typed = (*words, "--labels", "auto", "--methods", "zero-shot", "--dry-run")
    assert ", food_test.jsonl, line 5: about 30" in mistake(*typed)


@pytest.mark.parametrize("name", ["1.py", "class.py", "methods.py", "my study.py", "été.py"])
def test_a_study_may_be_saved_under_any_name(offdiag, words, name):
    said = offdiag(*words, *METHODS, "--save", name)
    assert said.out.strip().endswith(f"Next: offdiag run {shlex.quote(name)}")
    assert offdiag("plan", name, "--store", "store").code == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--to", "food_test.jsonl"], "--to food_test.jsonl: it is a file, and a report is a folder"),
        (["--workers", "999"], "--workers 999: this machine has "),
        (["--device", "mps"], "this torch sees no MPS device; type: --device cpu"),
    ],
)
def test_what_a_run_cannot_have_is_told_before_it(mistake, words, more, message):
    assert message in mistake(*words, *METHODS, *more)
    assert not Path("store").exists()


def test_a_tracker_is_looked_for_where_all_is_done_too(offdiag, mistake, words):
    typed = (*words, "--labels", "auto", "--methods", "zero-shot", "--n-eval", "2")
    assert offdiag(*typed).code == 0
    assert "unknown tracker 'tensorbord': did you mean tensorboard?" in mistake(*typed, "--track", "tensorbord")


def test_a_budget_of_requests_and_a_price_are_those_of_a_server(offdiag, mistake, words):
    pytest.importorskip("openai", reason="the extra api is not installed")
    with stand_in(lambda body: written("order")) as server:
        typed = [*words, "--labels", "auto", "--methods", "zero-shot", "--answering", "generation"]
        typed[typed.index("--model") + 1] = server.source
        shown = offdiag(*typed, "--dry-run", "--price", "2,8")
        said = offdiag(*typed, "--requests", "12", "--at-once", "1")
        asked = len(server.asked)
    assert "price" in shown.out, shown
    assert (said.code, "the budget of 12 requests is spent" in said.out) == (1, True), said
    assert asked <= 12
    assert "--price is for the plan that --dry-run shows" in mistake(*typed, "--price", "2,8")


def test_it_is_saved_as_a_study(offdiag, mistake, words):
    said = offdiag(*words, "--save", "my_study.py", "--labels", "auto")
    assert "Next: offdiag run my_study.py" in said.out
    assert offdiag("plan", "my_study.py", "--store", "store").code == 0
    assert "it is there already" in mistake(*words, "--save", "my_study.py")
    assert "expected the name of a Python file" in mistake(*words, "--save", "my_study.txt")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--prompt", "txet"], "food_train.jsonl has no column 'txet' (prompt=txet): did you mean text?"),
        (["--target", "{lable}"], "no column 'lable' (a template with {lable}): did you mean label?"),
        (["--methods", "lora,loar"], "--methods 'loar': did you mean lora?"),
        (["--grader", "nmber"], "no grader 'nmber'; did you mean number?"),
        (["--grader", "none.py:grade"], "none.py: expected a Python file with a function"),
        (["--labels", "order"], "labels=order: a set of one label decides nothing"),
        (["--labels", "order", "cancel"], "the target 'track' is none of the labels order, cancel"),
        (["--methods", "in-context:13"], "food has 12 training rows: ask for 12 demonstrations or fewer"),
        (["--holdout", "2"], "--holdout 2.0 should be less than 1"),
    ],
)
def test_mistakes_are_one_line(mistake, words, more, message):
    assert message in mistake(*words, *more)
    assert not Path("store").exists()


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason='bitsandbytes: pip install "offdiag[gpu]"')
def test_qlora_is_a_method_of_the_matrix(offdiag, words, blocks_of_64):
    there = words.index("--model") + 1
    words[there] = f"dir:{blocks_of_64}"
    words.remove("trips_train.jsonl")
    said = offdiag(*words, "--methods", "qlora", "--labels", "auto")
    assert said.code == 0, said
    taught = [line for line in said.out.split("\n") if "*" in line and "[" in line and "diagonal" not in line]
    assert [line.split()[0].startswith("qlora") for line in taught] == [True]


@pytest.mark.parametrize("name", ["a\nb.py", "a\x07b.py", "a\udcffb.py"])
def test_a_study_is_not_saved_under_a_name_that_it_cannot_write(mistake, words, name):
    assert "give a name without such characters" in mistake(*words, "--methods", "zero-shot", "--save", name)
    assert not Path(name).exists()


def test_a_report_is_not_written_below_a_file(mistake, words):
    assert "plain.csv is a file, and a report is a folder" in mistake(*words, *METHODS, "--to", "plain.csv/x")
