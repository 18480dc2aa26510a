"""What the commands say of a store that is damaged, foreign, half-finished or stale."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from offdiag.errors import printable
from offdiag.planning import Plan, StepState
from offdiag.store import Store
from support.cli_types import Finished, Said, cells

Offdiag = Callable[..., Said]
Mistake = Callable[..., str]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The stores that were looked through for all steps of a plan, once for each time."""
    found: list[Path] = []
    survey = Plan.survey

    def watched(plan: Plan, store: Store, *, closely: bool = False) -> list[StepState]:
        found.append(store.root)
        return survey(plan, store, closely=closely)

    monkeypatch.setattr(Plan, "survey", watched)
    return found


def test_a_store_of_another_version(mistake: Mistake, copied: Finished) -> None:
    (copied.store / "store.json").write_text('{"format": 99}')
    said = mistake("status", *copied.words, "--store", copied.store, code=1)
    assert "has format 99, this offdiag reads format 1" in said


def test_a_folder_that_is_no_store(mistake: Mistake, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert "is not an offdiag store" in mistake("run", *finished.words, "--store", tmp_path)
    assert "is not an offdiag store" in mistake("run", *finished.words, "--store", tmp_path / "letter.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": "0"}', '{"a": "\udcff"}'])
def test_a_result_that_cannot_be_read(offdiag: Offdiag, copied: Finished, tmp_path: Path, text: str) -> None:
    path = cells(copied.store)[0] / "result.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    words = (*copied.words, "--store", copied.store)
    status = offdiag("status", *words)
    assert status.code == 0
    assert [line.split()[1] for line in status.out.splitlines() if line.startswith("damaged")] == [
        f"cells/{path.parent.name}"
    ]
    assert offdiag("plan", *words).code == 0
    assert offdiag("report", *words, "-o", tmp_path / "page").code == 0
    run = offdiag("run", *words)
    assert (run.code, run.err) == (0, "")
    assert "1 of 1 step done." in run.out
    assert "damaged" not in offdiag("status", *words).out


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"origin": 3, "kind": "cells", "name": "x", "fingerprint": "0"}']
)
def test_a_cell_that_cannot_be_read(mistake: Mistake, copied: Finished, text: str) -> None:
    folder = cells(copied.store)[0]
    (folder / "cell.json").write_text(text)
    for verb in ("why", "show"):
        said = mistake(verb, folder.name, "--store", copied.store, code=1)
        assert f"delete {folder} and run again" in said


@pytest.mark.parametrize("damage", ["torn", "missing"])
def test_records_that_are_damaged(offdiag: Offdiag, copied: Finished, tmp_path: Path, damage: str) -> None:
    folder = cells(copied.store)[0]
    path = folder / "records.jsonl"
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    report = offdiag("report", *copied.words, "--store", copied.store, "-o", tmp_path / "page")
    assert (report.code, report.err) == (0, "")
    assert "Steps that it still lacks: 1 damaged." in report.out
    assert "records.jsonl" in (tmp_path / "page" / "index.html").read_text()  # the reason in its square
    assert offdiag("show", folder.name, "--store", copied.store).out == f"cells/{folder.name} (damaged)\n"
    why = offdiag("why", folder.name, "--store", copied.store).out
    assert why.startswith(f"damaged: cells/{folder.name}\n  records.jsonl ")


def test_several_cells_of_that_name_are_listed(mistake: Mistake, finished: Finished) -> None:
    said = mistake("show", "tiny", "--store", finished.store)
    assert "matches 4 cells" in said
    assert all(folder.name in said for folder in cells(finished.store))
    assert "no cell 'nothing'" in mistake("why", "nothing", "--store", finished.store)
    name = cells(finished.store)[0].name
    near = mistake("show", name.replace("base", "bsae"), "--store", finished.store)
    assert f"did you mean {name}? there are " in near


def test_every_spelling_that_a_run_or_the_page_tells_shows_the_same_cell(offdiag: Offdiag, finished: Finished) -> None:
    folder = cells(finished.store, "lora")[0]
    name, _, code = folder.name.rpartition("-")
    whole = offdiag("show", folder.name, "--store", finished.store).out
    assert "target " in whole
    for text in (name, code, f"cells/{name}", f"{finished.store}/cells/{folder.name}", "tiny lora --base"):
        assert offdiag("show", text, "--store", finished.store).out == whole
    answers = offdiag("show", f"answers/{name}", "--store", finished.store, "--n", "1").out  # as progress names it
    record = json.loads((folder / "records.jsonl").read_text().splitlines()[0])
    assert answers.startswith(f"answers/{name}")
    assert (
        f"\n{record['example']}: {record['finish']}\n  | {printable(record['completion'].split(chr(10))[0])}" in answers
    )
    examples = next((finished.store / "examples").iterdir()).name
    assert ": target " in offdiag("show", examples, "--store", finished.store).out


def test_a_report_of_nothing_and_of_a_half_finished_store(offdiag: Offdiag, copied: Finished, tmp_path: Path) -> None:
    empty = offdiag("report", *copied.words, "--store", tmp_path / "empty", "-o", tmp_path / "one")
    assert (empty.code, empty.err) == (0, "")
    assert empty.out.partition("Steps")[0].count("missing") == 4
    (cells(copied.store, "lora")[0] / "result.json").unlink()
    half = offdiag("report", *copied.words, "--store", copied.store, "-o", tmp_path / "two")
    assert (half.code, half.err) == (0, "")
    assert "partial" in half.out
    last = half.out.splitlines()[-3:]
    assert last[:2] == [f"Report: {tmp_path / 'two' / 'index.html'}", "Steps that it still lacks: 1 missing."]
    assert last[2].startswith("Next: offdiag run ")
    assert (tmp_path / "two" / "tables" / "records.csv").exists()


@pytest.mark.parametrize(
    ("verb", "most"), [("plan", 1), ("status", 1), ("report", 1), ("compare", 1), ("export", 1), ("show", 1)]
)
def test_a_command_looks_through_the_store_once(
    offdiag: Offdiag, finished: Finished, tmp_path: Path, looks: list[Path], verb: str, most: int
) -> None:
    folder = {"report": ("-o", tmp_path / "page"), "export": ("--to", tmp_path / "files")}.get(verb, ())
    words = (cells(finished.store)[0].name,) if verb == "show" else finished.words
    offdiag(verb, *words, "--store", finished.store, *folder)
    assert len(looks) <= most


def test_a_run_looks_through_the_store_before_and_after(offdiag: Offdiag, copied: Finished, looks: list[Path]) -> None:
    (cells(copied.store)[0] / "result.json").unlink()
    assert offdiag("run", *copied.words, "--store", copied.store).code == 0
    assert len(looks) == 2
    assert offdiag("run", *copied.words, "--store", copied.store).code == 0
    assert len(looks) == 3  # nothing was to be done


def test_a_report_that_cannot_be_written(mistake: Mistake, finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = mistake("report", *finished.words, "--store", finished.store, "-o", tmp_path / "file", code=2)
    assert str(tmp_path / "file") in said


def test_a_full_disk_is_told_in_one_line(offdiag: Offdiag, copied: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cells(copied.store)[0]
    (folder / "result.json").unlink()

    def full(path: object, records: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("offdiag.steps.grades.write_jsonl", full)
    said = offdiag("run", *copied.words, "--store", copied.store)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "is full: free some space" in said.err
    assert "Traceback" not in said.out


def test_why_names_the_field_that_changed(offdiag: Offdiag, finished: Finished) -> None:
    changed = ("--set", "recipe.learning_rate=0.5", "--store", finished.store)
    plan = offdiag("plan", *finished.words, *changed)
    assert "recipe.learning_rate: 0.001 → 0.5" in plan.out
    steps = json.loads(offdiag("plan", *finished.words, *changed, "--json").out)["steps"]
    assert [step["kind"] for step in steps if step["state"] == "stale"] == ["training", "answers", "cells"]
    status = offdiag("status", *finished.words, *changed)
    assert [line.split()[0] for line in status.out.splitlines() if line].count("stale") == 3
    assert status.out.endswith("\nStill to be done: 3 stale.\n")


def test_an_edited_study_makes_its_cells_stale(
    offdiag: Offdiag, mistake: Mistake, own_study: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    assert offdiag("run", own_study, "--store", store).code == 0
    before = own_study.stat()
    own_study.write_text(own_study.read_text().replace("max_new_tokens=4", "max_new_tokens=5"))
    os.utime(own_study, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if edited at once, to the same length
    cell = cells(store, "k1")[0].name
    named = ("--study", own_study)
    why = offdiag("why", cell, *named, "--store", store)
    assert why.out.splitlines()[0] == f"stale: cells/{cell}"
    assert "  answers.max_new_tokens: 4 → 5" in why.out.splitlines()
    shown = mistake("show", cell, *named, "--store", store)
    assert f"type `offdiag why {cell} --study '{own_study}' --store {store}`" in shown
    assert json.loads(offdiag("why", cell, *named, "--store", store, "--json").out)["state"] == "stale"
    own_study.unlink()
    assert "no study file" in mistake("why", cell, *named, "--store", store)
