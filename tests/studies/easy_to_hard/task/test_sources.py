"""Reading hand-made files in the official formats, the hub's rows, and what is wrong with either."""

import json
import sys
from types import SimpleNamespace

import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task import HardnessDomain, library
from offdiag.studies.easy_to_hard.task.sources import arc, gsm8k, mmlu, strategyqa
from offdiag.studies.easy_to_hard.task.summary import summary
from offdiag.tasks import get_task
from offdiag.tasks.data import ENV, data_at


def test_arc_joins_its_annotations_easy_before_challenge(raw):
    data = library.dataset("arc")
    assert len(data.items) == 11  # two annotated items with a grade in each of six files, but for one
    first = data.items[0]
    assert (first.id, first.question) == ("ARCEZ_easy_train_0", "Which easy_train_0 is right?")
    assert first.choices[1] == first.answer == "blue easy_train_0"
    assert {name: table[first.id] for name, table in data.human.items()} == {
        "grade": 8, "difficulty": 1, "bloom": 1, "depth_of_knowledge": 2,
    }  # fmt: skip
    assert data.items[-1].id == "ARCCH_challenge_test_0"
    assert data.remarks == ("7 of 18 items are left out: not annotated, or without a grade",)


def test_mmlu_reads_fields_that_span_lines_and_has_no_development_items(raw):
    data = library.dataset("mmlu")
    assert len(data.items) == 20
    assert data.items[0].question == "What, in high_school computer_science,\nis asked?"
    assert (data.items[0].answer, data.items[0].subject) == ("three", "high_school_computer_science")
    assert [data.human["school"][item.id] for item in data.items[:4]] == [0, 0, 1, 1]


def test_subjects_of_an_own_folder_are_those_of_its_files(raw):
    folder = raw / "mmlu"
    for path in folder.glob("*.csv"):
        if "physics" not in path.name:
            path.unlink()
    (folder / "astronomy_test.csv").write_text("How far?,a;1,b,c,d,B\nHow old?,a,b,c,d,D\n")
    data = library.dataset("mmlu")
    subjects = ["high_school_physics"] * 2 + ["college_physics"] * 2 + ["astronomy"] * 2
    assert [item.subject for item in data.items] == subjects
    assert [item.id for item in data.items[4:]] == ["astronomy/test/0", "astronomy/test/1"]
    assert sorted(data.human["school"].values()) == [0, 0, 1, 1]
    assert data.remarks == ("the folder has 2 of the 10 released subjects: all of its own are read",)
    task = get_task("easy_to_hard")
    strata = [e.strata for e in task.examples(HardnessDomain(dataset="mmlu", n_train=0), "eval", 6, 0)]
    assert {s["subject"]: s.get("school") for s in strata} == {
        "high_school_physics": 0, "college_physics": 1, "astronomy": None,
    }  # fmt: skip
    with pytest.raises(UserError, match="2 of 6 items have no school, such as 'astronomy/test/0'"):
        task.size(HardnessDomain(dataset="mmlu", hardness="school", n_train=0), "eval")
    (folder / "college_physics_val.csv").unlink()
    with pytest.raises(
        UserError, match=r"no file .*college_physics_val.csv: put college_physics_val.csv into .*mmlu, or"
    ):
        library.dataset("mmlu")


def test_subjects_beside_the_released_ones_are_left_out_and_told(raw):
    before = library.dataset("mmlu")
    (raw / "mmlu" / "astronomy_test.csv").write_text("How far?,a,b,c,d,B\n")
    after = library.dataset("mmlu")
    assert (after.items, after.content) == (before.items, before.content)
    assert after.remarks == ("not read, since the folder has the ten released subjects: astronomy",)


def test_gsm8k_keeps_its_working_and_caps_the_steps(raw):
    data = library.dataset("gsm8k")
    assert [item.id for item in data.items] == ["train/0", "train/1", "train/2", "test/0"]
    assert data.items[0].rationale == "Step 0 is <<0+1=1>>1\nStep 1 is <<1+1=2>>2"
    assert [item.answer for item in data.items] == ["1,080", "-5", "7", "18"]
    assert list(data.human["num_steps"].values()) == [2, 5, 10, 7]


def test_strategyqa_joins_facts_and_counts_questions(raw):
    data = library.dataset("strategyqa")
    assert data.items[1].rationale == "Fact 0 of 2. Fact 1 of 2."
    assert [item.answer for item in data.items] == ["no", "yes", "no", "yes", "no"]
    assert data.items[0].choices == ("yes", "no")
    assert list(data.human["num_steps"].values()) == [1, 2, 3, 4, 5]


def test_synthetic_items_are_solved_by_their_own_working():
    data = library.dataset("synthetic")
    assert len(data.items) == len({item.question for item in data.items}) == 1500
    for item in data.items:
        steps = item.rationale.split(". ")
        assert len(steps) == data.human["num_steps"][item.id]
        for step in steps:
            left, right = step.rstrip(".").split(" = ")
            a, operator, b = left.split()
            assert {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[operator] == int(right)
        assert item.rationale.endswith(f"= {item.answer}.")
        assert len(set(item.choices)) == 4
        assert item.answer in item.choices
        assert item.answer not in item.question
    places = [item.choices.index(item.answer) for item in data.items]
    assert all(places.count(place) > 300 for place in range(4))


def test_equal_items_have_equal_content_wherever_they_lie(raw, tmp_path, monkeypatch):
    before = library.dataset("gsm8k").content
    copy = tmp_path / "elsewhere"
    raw.rename(copy)
    monkeypatch.setenv(ENV, str(copy))
    assert library.dataset("gsm8k").content == before
    path = copy / "gsm8k" / "test.jsonl"
    path.write_text(path.read_text().replace("#### 18", "#### 1800"))
    assert library.dataset("gsm8k").content != before


WRONG = [
    ("gsm8k", "gsm8k/test.jsonl", lambda text: None, r"no file .*gsm8k/test.jsonl: .*data_dir=FOLDER"),
    ("gsm8k", "gsm8k/train.jsonl", lambda text: text[:-20], r"line 3, column \d+: not JSON .*not whole; make"),
    ("gsm8k", "gsm8k/train.jsonl", lambda text: "", r"train.jsonl has no rows: expected a JSON value on each line"),
    ("gsm8k", "gsm8k/train.jsonl", lambda text: text.replace("####", "##", 1), r"line 1: the answer does not end in"),
    ("gsm8k", "gsm8k/test.jsonl", lambda text: text.replace("question", "q"), r"line 1: question is missing; expected"),
    ("gsm8k", "gsm8k/test.jsonl", lambda text: f"[{text.strip()}]", r"line 1: found \[.*, expected an object with"),
    ("strategyqa", "strategyqa/dev.json", lambda text: text[:-9], r"dev.json, column \d+: not JSON .*cut off"),
    ("strategyqa", "strategyqa/dev.json", lambda text: text.replace("q4", "q1"), r"line 1: id 'q1' is also"),
    ("strategyqa", "strategyqa/dev.json", lambda text: '{"a": 1}', r"found a JSON object, expected a list"),
    ("strategyqa", "strategyqa/dev.json", lambda text: text.replace("true", '"perhaps"'), r"line 1: answer=perhaps"),
    ("mmlu", "mmlu/college_physics_test.csv", lambda text: text + "a,b,C\n", r"line 2 has 3 fields, expected 6 "),
    ("mmlu", "mmlu/college_physics_val.csv", lambda text: text.replace(",C", ",E"), r"line 1: the right choice is 'E'"),
    ("arc", "arc/arc_easy_dev.jsonl", lambda text: text.replace('Key": "B', 'Key": "Z', 1), r"line 1: answerKey 'Z'"),
    ("arc", "arc/arc_easy_dev.jsonl", lambda text: text.replace("red ", "blue ", 1), r"line 1: .* the right one once"),
    ("arc", "arc/arc_easy_dev.jsonl", lambda text: text.replace("red easy_dev_0", ""), r"line 1: .* none of them empt"),
    ("arc", "arc/arc_easy_dev.jsonl", lambda text: text + text, r"line 4: id 'ARCEZ_easy_dev_0' is also .*: mend"),
    ("arc", "arc/arc-challenge-easy-annotations.json", lambda text: "{}", r"none of the 18 items is annotated"),
    ("arc", "arc/arc-challenge-easy-annotations.json", lambda text: text.replace("Low", "Lo"), r"difficulty is 'Lo'"),
]  # fmt: skip


@pytest.mark.parametrize("there", [("grade",), ("difficulty",), ("grade", "bloom"), ("depth_of_knowledge", "bloom")])
def test_annotations_may_have_some_of_the_measures_alone(raw, there):
    path = raw / "arc" / "arc-challenge-easy-annotations.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps({key: {name: own[name] for name in there} for key, own in entries.items()}))
    data = library.dataset("arc")
    assert {*data.human} == {*there}
    # of three items one has a subject for a grade, and one of the 18 has no entry at all
    assert len(data.items) == (11 if "grade" in there else 17)
    assert set(data.remarks[-1].removeprefix("the annotations have no ").split(", ")) == {*data.spec.human} - {*there}
    assert {*summary(data, "whole", {})["measures"]} == {*there, "question_words", "answer_words", "answer_chars"}
    lacking = "bloom" if "bloom" not in there else "difficulty"
    with pytest.raises(UserError, match=f"arc here has no {lacking}: it has .*answer_chars; take one"):
        library.table(data, lacking)


@pytest.mark.parametrize(("name", "prefix"), [("arc_easy", "ARCEZ_easy"), ("arc_challenge", "ARCCH_challenge")])
def test_half_of_arc_is_all_its_test_items(raw, name, prefix):
    """Annotated or not: of the three, one has a subject for a grade, and one of the hard ones lacks its annotation."""
    data = library.dataset(name)
    assert [item.id for item in data.items] == [f"{prefix}_test_{i}" for i in range(3)]
    assert {item.answer for item in data.items} == {f"blue {prefix[6:]}_test_{i}" for i in range(3)}
    assert not data.human
    assert HardnessDomain(dataset=f"ai2_arc/ARC-{name[4:].capitalize()}").dataset == name
    assert summary(data, "whole", {})["measures"].keys() == {"question_words", "answer_words", "answer_chars"}


@pytest.mark.parametrize(("name", "file", "damage", "complaint"), WRONG)
def test_what_is_wrong_with_a_file_is_said_in_one_line_with_its_row(raw, name, file, damage, complaint):
    path = raw / file
    damaged = damage(path.read_text(encoding="utf-8"))
    path.unlink() if damaged is None else path.write_text(damaged, encoding="utf-8")
    with pytest.raises(UserError, match=complaint) as raised:
        library.dataset(name)
    assert "\n" not in str(raised.value)


def test_text_that_is_not_utf8_is_refused(raw):
    (raw / "gsm8k" / "test.jsonl").write_bytes(b'{"question": "\xff"}')
    with pytest.raises(UserError, match="line 1: byte 14 of the file .* is not UTF-8"):
        library.dataset("gsm8k")


def test_a_place_must_be_named_and_be_there(tmp_path):
    with pytest.raises(UserError, match="no place is given for it"):
        library.dataset("arc")
    with data_at(str(tmp_path)), pytest.raises(UserError, match="no folder .*arc"):
        library.dataset("arc")


def hub(monkeypatch, splits):
    """A stand-in for the package that reads the hub, which has only these splits."""

    def load_dataset(repository, config, split, revision):
        if (config, split) not in splits:
            raise ValueError(f"no split {split} of {repository}")
        return splits[config, split]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))


def arc_hub_row(name, labels="ABCD"):
    texts = [f"{colour} {name}" for colour in ("red", "blue", "green", "grey")]
    return {"id": name, "question": f"Which {name} is right?", "choices": {"text": texts, "label": list(labels)},
            "answerKey": labels[1]}  # fmt: skip


def test_rows_of_the_hub_make_the_same_items(raw, monkeypatch):
    splits = {
        (f"ARC-{name.capitalize()}", hub_split): [arc_hub_row(f"{name}_{split}_{i}", "1234") for i in range(3)]
        for name in ("easy", "challenge")
        for split, hub_split in (("train", "train"), ("dev", "validation"), ("test", "test"))
    }
    hub(monkeypatch, splits)
    assert arc.load_hub(raw / "arc") == library.dataset("arc")
    assert arc.load_test_hub("arc_challenge") == library.dataset("arc_challenge")
    official = gsm8k.load(raw / "gsm8k")
    answers = [{"question": i.question, "answer": f"{i.rationale}\n#### {i.answer}"} for i in official.items]
    hub(monkeypatch, {("main", "train"): answers[:3], ("main", "test"): answers[3:]})
    monkeypatch.setenv(ENV, "hub")
    assert library.dataset("gsm8k") == official
    assert summary(official, "whole", {})["items"] == 4
    facts = {"facts": ["F."], "decomposition": ["D?"]}
    hub(monkeypatch, {(None, "test"): [{"qid": "a", "question": "Q?", "answer": True, **facts}]})
    assert strategyqa.load_hub().items[0].answer == "yes"
    row = {"question": "Q", "subject": "", "choices": ["a", "b", "c", "d"], "answer": 3}
    hub(monkeypatch, {(s, "validation" if split == "val" else split): [row] for s, split in mmlu.PARTS})
    assert {item.answer for item in mmlu.load_hub().items} == {"d"}


def test_what_is_wrong_with_the_hub_is_said_in_one_line(raw, monkeypatch):
    hub(monkeypatch, {("main", "train"): [{"question": "Q"}]})
    with pytest.raises(UserError, match=r"gsm8k \(main, train\), row 1: answer is missing; .*: name a folder"):
        gsm8k.load_hub()
    with pytest.raises(UserError, match=r"no split test of wics/strategy-qa; try again, or name a folder"):
        strategyqa.load_hub()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match="pip install datasets"):
        mmlu.load_hub()
    monkeypatch.setenv(ENV, "hub")
    with pytest.raises(UserError, match="type data_dir=hub:FOLDER"):
        library.dataset("arc")
