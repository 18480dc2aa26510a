"""What a step depends on is what it reads: rows, wording, grader; never the path, nor rows that it does not read."""

from pathlib import Path

import pytest

from offdiag.methods import InContext
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Generations, Grades, Weights
from offdiag.tasks.files import FilesDomain

from .conftest import intents, write_lines

MODEL = Weights.of(ModelSpec(source="hub:org/none"))


def steps(path: Path, **fields) -> dict[str, str]:
    """Fingerprints of the steps of a small study: what is asked, taught, shown, and graded."""
    domain = FilesDomain(train=f"{path}/a_train.jsonl", eval=f"{path}/a_test.jsonl", **fields)
    asked = Examples(domain=domain, split="eval", n=4)
    answers = Generations(weights=MODEL, examples=asked, style="direct", max_new_tokens=4)

    def shown(method):
        context = method.predictor(MODEL, domain, 0).context
        return Generations(weights=MODEL, examples=asked, style="direct", max_new_tokens=4, context=context)

    found = {
        "asked": asked,
        "taught": Examples(domain=domain, split="train", n=12),
        "answers": answers,
        "shown": shown(InContext(k=2, rationale=False)),
        "shown per query": shown(InContext(k=2, rationale=False, demonstrations="per-query")),
        "shown in turn": shown(InContext(k=2, rationale=False, demonstrations="per-query", balanced=True)),
        "grades": Grades(answers=answers),
    }
    prints = {name: step.fingerprint for name, step in found.items()}
    assert len(set(prints.values())) == len(prints)
    return prints


@pytest.fixture
def place(tmp_path):
    write_lines(tmp_path / "a_train.jsonl", intents(12))
    write_lines(tmp_path / "a_test.jsonl", intents(8, 50))
    return tmp_path


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_the_path_the_name_and_the_format_do_not_count(place, tmp_path):
    before = steps(place)
    (place / "elsewhere").mkdir()
    for name in ("a_train.jsonl", "a_test.jsonl"):
        (place / name).rename(place / "elsewhere" / name)
    assert steps(place / "elsewhere", name="other") == before
    rows = [{"label": row["label"], "more": 1, "q": row["text"]} for row in intents(12)]
    write_lines(place / "elsewhere" / "a_train.jsonl", rows)  # other columns, the same rows
    write_lines(place / "elsewhere" / "a_test.jsonl", [{"q": r["text"], "label": r["label"]} for r in intents(8, 50)])
    assert steps(place / "elsewhere", prompt="q") == before


def test_a_changed_training_row_leaves_what_was_asked(place):
    before = steps(place)
    rows = intents(12)
    rows[5] = {**rows[5], "text": "Something else"}
    write_lines(place / "a_train.jsonl", rows)
    assert changed(before, steps(place)) <= {"taught", "shown", "shown per query", "shown in turn"}
    assert {"taught", "shown per query"} <= changed(before, steps(place))


def test_a_row_that_is_not_drawn_does_not_count(place):
    before = steps(place)
    rows = intents(8, 50)
    domain = FilesDomain(eval=f"{place}/a_test.jsonl")
    drawn = {e.problem for e in Examples(domain=domain, split="eval", n=4).sample()}
    unused = next(i for i, row in enumerate(rows) if row["text"] not in drawn)
    rows[unused] = {**rows[unused], "label": "order" if rows[unused]["label"] != "order" else "cancel"}
    write_lines(place / "a_test.jsonl", rows)
    after = steps(place)
    new = {e.problem for e in Examples(domain=domain, split="eval", n=4).sample()}
    assert (changed(before, after) == set()) == (new == drawn)


def test_a_changed_asked_row_leaves_what_was_taught(place):
    before = steps(place)
    write_lines(place / "a_test.jsonl", intents(8, 60))
    assert changed(before, steps(place)) == set(before) - {"taught"}


def test_wording_and_grader(place, tmp_path):
    before = steps(place)
    assert changed(before, steps(place, grader="contains")) == {"grades"}
    assert changed(before, steps(place, grader="exact:case")) == {"grades"}
    assert changed(before, steps(place, lead="Intent:")) == set(before) - {"asked", "taught"}
    assert changed(before, steps(place, labels="auto")) == set(before)
    own = tmp_path / "own.py"
    own.write_text("def grade(completion, target): return completion == target")
    first = steps(place, grader=f"{own}:grade")
    own.write_text("def grade(completion, target): return completion in target")
    assert changed(first, steps(place, grader=f"{own}:grade")) == {"grades"}
