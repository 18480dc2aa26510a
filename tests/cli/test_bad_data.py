"""Bad data of a person's own: one line with file, row and remedy, by ``matrix`` and by ``plan`` of a saved study."""

import gzip
import json
from pathlib import Path

import pytest

LABELS = ("order", "cancel", "track")


def rows(n: int, start: int = 0) -> list[dict[str, object]]:
    return [{"text": f"{LABELS[i % 3]} number {i}, please", "label": LABELS[i % 3]} for i in range(start, start + n)]


def lines(listed: list[dict[str, object]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in listed).encode()


def but(place: int = 7, **changed: object) -> bytes:
    """Rows of which one is another."""
    return lines([{**row, **changed} if i == place else row for i, row in enumerate(rows(30))])


def each(**added: object) -> bytes:
    return lines([{**row, **added} for row in rows(30)])


def broken(line: bytes, n: int = 5000) -> bytes:
    """Rows of which the last but 100 is another."""
    many = lines(rows(n)).split(b"\n")
    many[n - 101] = line
    return b"\n".join(many)


TAUGHT = [
    (b"", "a_train.jsonl has no rows"),
    (b"\n \n", "a_train.jsonl has no rows"),
    (None, "a_train.jsonl cannot be read (No such file or directory): did you mean a_test.jsonl?"),
    ('{"text": "caf\xe9", "label": "order"}\n'.encode("latin-1"), "line 1: byte 13 of the file (0xe9) is not UTF-8"),
    (lines(rows(30)).decode().encode("utf-16"), "is in UTF-16: save it as UTF-8"),
    (gzip.compress(lines(rows(30)))[:-9], "the gzip archive is damaged or cut off"),
    (broken(b'{"text": "x", "label": "order"', 100_000), "a_train.jsonl, line 99900, column 31: not JSON"),
    (broken(b'["x", "order"]'), "a_train.jsonl, line 4900: found ['x', 'order'], expected an object with text"),
    (broken(b'{"text": "x"}'), "a_train.jsonl, line 4900: no target 'label'; it has text: mend the row"),
    (broken(b'{"text": "x", "text": "y"}'), "a_train.jsonl, line 4900: the name 'text' is there twice"),
    (
        lines([{"a": 1, "b": 2}]),
        "none is called like a prompt (prompt, question, text, input, …): say which, such as --prompt",
    ),
    (b"{}\n", "line 1: the object {} has no names, expected one for each value: mend the row"),
    (b"null\n", "line 1: found null, expected an object with a name for each value: mend the row"),
    (json.dumps(rows(30)).encode(), "a name for each value: name the file .json, if it is one list of rows"),
    (broken(b"{}"), "a_train.jsonl, line 4900: no prompt 'text'; it has no names: mend the row"),
    (lines([{"text": {"0": "a"}, "label": {"0": "b"}}]), "found one object of tables or lists (text, label), expected"),
    (but(label=3), "line 8: the target is a number (3), and that of a_train.jsonl, line 1 is text"),
    (but(label=["order"]), "line 8: the target is a list (['order']), and that of a_train.jsonl, line 1 is text"),
    (but(text=None), "line 8: the prompt is empty: fill it in, or leave the row out"),
    (but(label=float("nan")), "line 8: NaN is no JSON number"),
    (
        but(label=None),
        "line 8: the target is empty (blank, null or NaN): fill it in, or leave such rows out with empty=skip",
    ),
    (
        but(label="  "),
        "line 8: the target is empty (blank, null or NaN): fill it in, or leave such rows out with empty=skip",
    ),
    (each(label=None), "line 1: the target is empty, as in each row: fill targets in, or name another column"),
    (each(id=5), "line 2: the id '5' is that of a_train.jsonl, line 1: give each row an id of its own"),
    (each(id=None), "line 1: the id is empty"),
    (each(choices=["order", "cancel"]), "line 3: the target 'track' is none of its choices ('order', 'cancel')"),
    (each(choices=["order"]), "line 1: it has 1 choice, expected two or more"),
    (each(choices="[order, cancel, track]"), "line 1: it has 1 choice, expected two or more"),
    (each(choices='["order", "cancel'), "line 1: it has 1 choice, expected two or more"),
    (each(choices='["order", cancel]'), "line 1, choices, column 11: not JSON"),
    (each(choices=[*LABELS, "order"]), "line 1: the choice 'order' is there twice"),
    (each(choices=[None, *LABELS]), "line 1: choice 1 is empty"),
    (each(messages=[{"role": "usr", "content": "x"}]), "line 1: a turn of messages has the role 'usr'"),
    (each(messages=[{"role": "user", "content": "x"}]), "the last of them the reply to be learnt"),
    (lines(rows(30, 40)), "9 such items of 9 are shared by what is learnt and what is asked"),
]


@pytest.fixture
def words(tmp_path, monkeypatch, tiny_model):
    """What to type for data that are right."""
    monkeypatch.chdir(tmp_path)
    Path("a_train.jsonl").write_bytes(lines(rows(30)))
    Path("a_test.jsonl").write_bytes(lines(rows(9, 50)))
    return ["matrix", "--model", f"dir:{tiny_model}", "--train", "a_train.jsonl", "--eval", "a_test.jsonl"]


@pytest.mark.parametrize(("data", "told"), TAUGHT, ids=[told[:40] for _, told in TAUGHT])
def test_a_file_is_refused_before_a_run_and_by_a_saved_study(words, mistake, offdiag, data, told):
    methods = ("--methods", "zero-shot,in-context:2,lora", "--labels", "auto")
    chosen = methods[:2] if data and (b"choices" in data or b"messages" in data) else methods
    assert offdiag(*words, *chosen, "--save", "saved.py").code == 0
    Path("a_train.jsonl").unlink()
    if data is not None:
        Path("a_train.jsonl").write_bytes(data)
    for typed in ((*words, *chosen), ("plan", "saved.py"), ("run", "saved.py")):
        assert told in mistake(*typed)
    assert not Path("offdiag-store").exists() or not list(Path("offdiag-store").glob("*/*/result.json"))


GRADER = "grade.py:grade"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--prompt txet", "has no column 'txet' (prompt=txet): did you mean text? it has text, label"),
        ("--prompt {txet}?", "has no column 'txet' (a template with {txet}): did you mean text?"),
        ("--prompt {text", "the template '{text' has a { without its other brace: close it"),
        ("--prompt text}", "has no column 'text}'"),
        ("--prompt {text}}", "the template '{text}}' has a } without its other brace"),
        ("--prompt {{text}}", "the template '{{text}}' names no column"),
        ("--prompt {text}{label}", "shows the answer, the column 'label'"),
        ("--target text", "shows the answer, the column 'text'"),
        ("--strata city", "has no column 'city' (strata=city)"),
        ("--choices options", "has no column 'options'"),
        ("--labels order", "a set of one label decides nothing"),
        ("--labels order order", "'order' is there twice"),
        ("--labels order cancel", "line 3: the target 'track' is none of the labels order, cancel"),
        ("--methods in-context:31", "a has 30 training rows: ask for 30 demonstrations or fewer"),
        ("--methods in-context:4 --n-train 3", "a has 3 training rows: ask for 3 demonstrations or fewer"),
        ("--methods lora:rationale", "a has no worked solutions: name their column with --rationale"),
        ("--answering choice --grader exact", "a has no choices: give --labels auto, or --choices COLUMN"),
        ("--answer letter", "answer=letter needs rows with choices"),
        ("--grader exat", "did you mean exact?"),
        ("--grader grade.py", "names a file and no function in it: type grade.py:grade"),
        ("--labels order,cancel", "a set of one label decides nothing; give two or more (--labels a b, labels=a|b)"),
        ("--methods zero-shot --save gone/x.py", "--save gone/x.py: there is no folder gone: make it"),
        ("--top-p 1.5 --temperature 1", "--top-p 1.5 should be less than or equal to 1"),
        ("--grader number", "the grader number accepts no answer to the target"),
        ("--grader regex:(", "no regular expression"),
        ("--grader gone.py:grade", "no grader file"),
        (f"--grader {GRADER[:-1]}", "grade.py has no function 'grad'; did you mean grade?"),
        ("--train --dry-run", "--train has no value behind it"),
        ("--eval |", "--eval |: it names no file"),
        ("--eval x=", "--eval x=: it names no file"),
        ("--eval lm_eval:arc_easy", "domains of the task lm_eval are for a study file"),
        ("--eval b.json", "b.json: found a JSON object, expected a list of rows: [ … ]; 'data' in it is a list"),
        ("--eval c.csv", "c.csv, line 3: the target is empty (blank, null or NaN): fill it in"),
        ("--eval d.csv", "d.csv, line 3 has 3 fields, expected 2 (text, label)"),
        ("--methods lora --model api:m@http://127.0.0.1:9/v1", "give its arms the methods zero-shot or in-context"),
        ("--methods zero-shot --model api:m@http://127.0.0.1:9/v1", "127.0.0.1:9"),
        ("--model dir:/nowhere", "no model in /nowhere"),
    ],
)
def test_words_that_do_not_fit_the_data_are_refused(words, mistake, typed, told):
    Path("grade.py").write_text("def grade(completion, target):\n    return True\n")
    Path("b.json").write_text(json.dumps({"data": rows(9, 50)}, indent=1))
    Path("c.csv").write_text("text,label\na,order\nb,nan\n")
    Path("d.csv").write_text("text,label\na,order\nb,cancel,c\n")
    assert told in mistake(*words, *typed.split(" "))


@pytest.mark.parametrize("failure", ["raise ValueError('x')", "import sys; sys.exit(3)", "return 'yes'"])
def test_answers_on_which_a_grader_fails_are_ungraded_and_never_wrong(words, offdiag, failure):
    Path("grade.py").write_text(f"def grade(completion, target):\n    {failure}\n")
    said = offdiag(*words, "--methods", "zero-shot", "--grader", GRADER, "--max-new-tokens", "2")
    assert said.code == 0, said.err
    assert "! the grader fails on 9 of 9 right answers: " in said.out
    record = next(Path("offdiag-store").glob("cells/*/records.jsonl")).read_text().split("\n")[0]
    assert (json.loads(record)["status"], json.loads(record)["correct"]) == ("ungraded", False)
    cells = next(Path("offdiag-report").rglob("cells.csv")).read_text().split("\n")
    cell = dict(zip(*(line.split(",") for line in cells[:2]), strict=False))
    assert (cell["n_errors"], cell["n"], cell["accuracy"]) == ("9", "0", "")


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + lines(rows(9, 50)), lines(rows(9, 50)).replace(b"\n", b"\r\n\r\n")])
def test_marks_line_ends_and_blank_lines_change_no_step(words, offdiag, data):
    typed = (*words, "--methods", "zero-shot", "--labels", "auto", "--max-new-tokens", "2")
    assert offdiag(*typed).code == 0
    Path("a_test.jsonl").write_bytes(data)
    again = offdiag(*typed)
    assert again.code == 0
    assert "steps done" not in again.out  # all of them were


def test_labels_that_are_never_taught_and_rows_that_nearly_are_taught_are_told_by_each_command(words, offdiag):
    new = [{"text": "what else?", "label": "other"}, {"text": "ORDER number 0 please", "label": "order"}]
    Path("a_test.jsonl").write_bytes(lines([*rows(9, 50), *new]))
    typed = (*words, "--methods", "zero-shot,in-context:2", "--labels", "auto")
    never = "! 1 row that is asked has an answer that is never taught, such as 'other'"
    nearly = "! 1 row of a asks what a teaches (0 word for word, the others up to case"
    saved = offdiag(*typed, "--save", "saved.py").out
    assert never in saved
    assert nearly in saved
    for verb in ("plan", "run"):
        said = offdiag(verb, "saved.py").out
        assert nearly in said
        assert never.removeprefix("! ") in said
