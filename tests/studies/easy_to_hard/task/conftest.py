"""Small hand-made files in the formats of the official releases."""

import json
from pathlib import Path

import pytest

from offdiag.tasks.data import ENV

SUBJECTS = ("computer_science", "physics", "mathematics", "chemistry", "biology")


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few hand-made items of each data set."""
    folder = tmp_path / "raw data"
    for write in (_arc, _mmlu, _gsm8k, _strategyqa):
        write(folder)
    monkeypatch.setenv(ENV, str(folder))
    return folder


def lines(path: Path, rows: list[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def arc_row(name: str, key: str = "B") -> dict[str, object]:
    choices = [{"text": f"{colour} {name}", "label": label} for colour, label in zip(COLOURS, "ABCD", strict=True)]
    return {"id": name, "question": {"stem": f"Which {name} is right?", "choices": choices}, "answerKey": key}


COLOURS = ("red", "blue", "green", "grey")


def _arc(folder: Path) -> None:
    annotations = {}
    for prefix, name in (("ARCEZ_", "easy"), ("ARCCH_", "challenge")):
        for place, split in enumerate(("train", "dev", "test")):
            ids = [f"{name}_{split}_{i}" for i in range(3)]
            lines(folder / "arc" / f"arc_{name}_{split}.jsonl", [arc_row(i) for i in ids])
            for number, item in enumerate(ids):
                annotations[prefix + item] = {
                    "grade": ("Grade 03", "Grade 06", "Biology")[number],
                    "bloom": ("Remembering", "Applying", "Evaluating")[place],
                    "depth_of_knowledge": "II",
                    "difficulty": "Low" if name == "easy" else "High",
                }
    annotations["ARCEZ_easy_train_0"]["grade"] = "Grade 08"
    del annotations["ARCCH_challenge_test_1"]
    (folder / "arc" / "arc-challenge-easy-annotations.json").write_text(json.dumps(annotations))


def _mmlu(folder: Path) -> None:
    (folder / "mmlu").mkdir()
    for subject in SUBJECTS:
        for school in ("high_school", "college"):
            for split in ("val", "test"):
                asked = (
                    f'"What, in {school} {subject},\nis asked?"' if split == "val" else f"{split} of {school} {subject}"
                )
                path = folder / "mmlu" / f"{school}_{subject}_{split}.csv"
                path.write_text(f"{asked},one,two,three,four,C\n", encoding="utf-8")


def _gsm8k(folder: Path) -> None:
    def row(n: int, steps: int, answer: str) -> dict[str, str]:
        working = "\n".join(f"Step {i} is <<{i}+1={i + 1}>>{i + 1}" for i in range(steps))
        return {"question": f"How many are {n} and some?", "answer": f"{working}\n#### {answer}"}

    lines(folder / "gsm8k" / "train.jsonl", [row(0, 2, "1,080"), row(1, 5, "-5"), row(2, 13, "7")])
    lines(folder / "gsm8k" / "test.jsonl", [row(3, 7, "18")])


def _strategyqa(folder: Path) -> None:
    def row(n: int) -> dict[str, object]:
        facts = [f"Fact {i} of {n}." for i in range(n)]
        return {"qid": f"q{n}", "term": "T", "description": "D", "question": f"Is {n} much?", "answer": n % 2 == 0,
                "facts": facts, "decomposition": [f"Part {i}?" for i in range(n)], "evidence": []}  # fmt: skip

    (folder / "strategyqa").mkdir()
    (folder / "strategyqa" / "train.json").write_text(json.dumps([row(n) for n in (1, 2, 3)]))
    (folder / "strategyqa" / "dev.json").write_text(json.dumps([row(n) for n in (4, 5)]))
