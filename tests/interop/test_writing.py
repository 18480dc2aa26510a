"""Results written for Inspect, as Parquet, Arrow and lines for trainers, and read back whole."""

import json
import os
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import offdiag
from offdiag.engine import run_plan
from offdiag.exports import StudyExport
from offdiag.interop.exports import ArrowTables, ColumnTables, InspectLogs, TrainerLines
from offdiag.interop.frames import read_results
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.seeds import stream
from offdiag.steps.jsonl import read_jsonl
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Arm, Cell, Design, Evaluation
from support.tiny_study import RUNTIME, Params, answer_by_hand, steps_of, tiny_plan, tiny_study

ELSEWHERE = {"study", "scale", "folder"}  # of the plan and the store


@pytest.fixture(scope="module")
def answered(tiny_model, tmp_path_factory):
    """A plan with three draws of a trained arm, two styles and a baseline, answered by chance; and its files."""
    plan = tiny_plan(tiny_model, seeds=(0, 1, 2), n_eval=12)
    store = Store(tmp_path_factory.mktemp("store"))
    for step in steps_of(plan, "answers"):
        rng, share = stream(0, step.name), 0.9 if "lora" in step.name else 0.4
        answer_by_hand(store, step, lambda i, rng=rng, share=share: rng.random() < share)
    assert run_plan(plan, store, RUNTIME).complete
    folder = tmp_path_factory.mktemp("files")
    written = offdiag.export(plan, to=folder, store=store, formats=["inspect", "parquet", "arrow", "trainer"])
    assert all(path is not None for path, _ in written)
    return offdiag.load(plan, store=store), folder


def differing(ours: pd.DataFrame, theirs: pd.DataFrame, by: list[str]) -> set[str]:
    """The columns that two frames do not share, or with other values in rows of the same name."""
    one, other = (frame.sort_values(by).reset_index(drop=True) for frame in (ours, theirs))
    found = set(one.columns) ^ set(other.columns)
    for name in set(one.columns) & set(other.columns):
        try:
            pd.testing.assert_series_equal(one[name], other[name], check_dtype=False, rtol=1e-12)
        except AssertionError:
            found.add(name)
    return found - ELSEWHERE


def test_clusters_are_read_back_and_count_as_they_did(tiny_model, tmp_path):
    plan = tiny_plan(tiny_model, n_eval=12)
    store = Store(tmp_path / "store")
    for step in steps_of(plan, "answers"):
        answer_by_hand(store, step, lambda i: i % 4 < 2)
    assert run_plan(plan, store, RUNTIME).complete
    alone = offdiag.load(plan, store=store)
    plan = replace(plan, design=replace(plan.design, clusters="carries"))
    ours = offdiag.load(plan, store=store)
    assert 1 < ours.records["cluster"].nunique() < 12
    assert ours.cells["ci_low"].iloc[0] != alone.cells["ci_low"].iloc[0]
    offdiag.export(plan, to=tmp_path, store=store, formats=["inspect", "parquet", "arrow", "trainer"])
    for file in ("inspect", "records.parquet", "records.arrow", "records.jsonl"):
        theirs = offdiag.load(tmp_path / file, baseline=str(ours.cells["arm"].iloc[0]))
        assert differing(ours.cells, theirs.cells, ["cell"]) == set()
        assert differing(ours.records, theirs.records, ["cell", "example"]) == set()


@pytest.mark.parametrize("file", ["inspect", "records.parquet", "records.arrow", "records.jsonl"])
def test_what_is_written_is_read_back_whole(answered, file):
    ours, folder = answered
    base = str(ours.cells.loc[ours.cells["method"] == "zero-shot", "arm"].iloc[0])
    theirs = offdiag.load(folder / file, baseline=base)
    assert len(theirs.cells) == 7
    assert len(theirs.records) == 7 * 12
    assert differing(ours.cells, theirs.cells, ["cell"]) == set()
    assert differing(ours.records, theirs.records, ["cell", "example"]) == set()


def test_logs_of_inspect_are_archives_as_its_format_says(answered):
    ours, folder = answered
    logs = sorted((folder / "inspect").glob("*.eval"))
    assert len(logs) == len(ours.cells)
    with zipfile.ZipFile(logs[0]) as archive:
        header, summaries = (json.loads(archive.read(name)) for name in ("header.json", "summaries.json"))
        assert (header["version"], header["status"], len(summaries)) == (2, "success", 12)
        row = ours.cells.set_index("cell").loc[header["eval"]["task"]]
        assert header["results"]["scores"][0]["metrics"]["accuracy"]["value"] == row["accuracy"]
        sample = json.loads(archive.read("samples/0_epoch_1.json"))
    assert sample["messages"][-1]["content"] == sample["output"]["completion"]


READER = """
import json, sys
from inspect_ai.log import read_eval_log
for log in map(read_eval_log, sys.argv[1:]):
    right = sum(sample.scores["grade"].value == "C" for sample in log.samples)
    print(json.dumps([log.eval.task, log.status, len(log.samples), right]))
"""


def test_inspect_itself_reads_the_logs(answered):
    if not (python := os.environ.get("INSPECT_PYTHON")):
        pytest.skip("Inspect has an environment of its own, as its pins clash with ours: type make inspect")
    ours, folder = answered
    logs = sorted(map(str, (folder / "inspect").glob("*.eval")))
    done = subprocess.run([python, "-c", READER, *logs], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    right = dict(zip(ours.cells["cell"], ours.cells["n_correct"], strict=True))
    assert sorted(rows) == sorted([cell, "success", 12, n] for cell, n in right.items())


def drawn(p: Params) -> Design:
    """Four drawn answers to each sum, scored in two ways."""
    domain = AdditionDomain(base=p.base)

    def asked(score: str) -> Cell:
        evaluation = Evaluation(domain=domain, n=3, style="direct", max_new_tokens=4, score=score,
                                sampling={"temperature": 0.7, "samples": 4})  # fmt: skip
        return Cell(arm=Arm(model=p.model, method=ZeroShot()), evaluation=evaluation)

    return Design(cells=(asked("mean"), asked("pass@2"), asked("majority")))


def test_drawn_answers_are_epochs_and_their_scores_come_back(tiny_model, tmp_path):
    plan = make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")), drawn), "only")
    store = Store(tmp_path / "store")
    assert run_plan(plan, store, RUNTIME).complete
    ours = offdiag.load(plan, store=store)
    offdiag.export(plan, to=tmp_path, store=store, formats=["inspect", "trainer"])
    theirs = offdiag.load(tmp_path / "inspect")
    assert differing(ours.cells, theirs.cells, ["cell"]) == set()
    assert differing(ours.records, theirs.records, ["cell", "example"]) == set()
    lines = read_jsonl(tmp_path / "records.jsonl")
    assert len(lines) == 3 * 3 * 4
    assert {type(line["label"]) for line in lines} == {bool}
    name = ours.cells["cell"].iloc[0]
    lengths = [record["n_prompt"] for record in ours.read_records(name)]
    assert [record["n_prompt"] for record in theirs.read_records(name)] == lengths
    assert min(lengths) > 0
    assert [[draw["completion"] for draw in record["samples"]] for record in ours.read_records(name)] == [
        [draw["completion"] for draw in record["samples"]] for record in theirs.read_records(name)
    ]


def test_a_cell_that_is_not_done_is_named_and_not_written(tiny_model, tmp_path):
    plan = tiny_plan(tiny_model)
    written = offdiag.export(plan, to=tmp_path, store=Store(tmp_path / "store"), formats=["inspect", "trainer"])
    assert [path for path, _ in written] == [None] * len(plan.cells) + [tmp_path / "records.jsonl"]
    assert not list(Path(tmp_path).rglob("*.eval"))


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def exported(path: Path, to: Path, *exports: StudyExport) -> list[Path]:
    """Files of results of others, which may be called anything."""
    results = read_results([path])
    return [Path(str(file)) for one in exports for file, _ in one.write(results, lambda step: None, to)]


def test_unfit_ids_and_names_that_become_one_are_kept_apart(tmp_path):
    rows = [{"arm": arm, "eval": "e", "example": example, "correct": i % 2}
            for arm in ("a/b", "a_b") for i, example in enumerate(("2", "a", "x/y"))]  # fmt: skip
    written = exported(lines(tmp_path / "t.jsonl", rows), tmp_path, InspectLogs())
    assert len(set(written)) == 2
    assert tmp_path / "inspect" / "a_b--e.eval" in written
    for path in written:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            ids = json.loads(archive.read("header.json"))["eval"]["dataset"]["sample_ids"]
        assert ids == ["0", "1", "2"]
        assert len(names) == len(set(names))
    back = offdiag.load(tmp_path / "inspect")
    assert set(back.cells["arm"]) == {"a/b", "a_b"}
    assert set(back.records["example"]) == {"2", "a", "x/y"}
    assert back.cells["n_correct"].tolist() == [1, 1]


def test_a_property_of_the_name_of_a_verdict_replaces_none(tmp_path):
    rows = [{"arm": "a", "eval": "e", "example": i, "correct": i % 2, "label": 1 - i % 2, "acc": "x", "note": i}
            for i in range(4)]  # fmt: skip
    (written,) = exported(lines(tmp_path / "t.jsonl", rows), tmp_path, TrainerLines())
    found = read_jsonl(written)
    assert [line["label"] for line in found] == [False, True, False, True]
    assert [line["metadata_label"] for line in found] == [1, 0, 1, 0]
    assert [line["note"] for line in found] == [0, 1, 2, 3]
    assert offdiag.load(written).cells["n_correct"].tolist() == [2]


def test_a_column_of_several_types_is_written_as_texts(tmp_path):
    rows = [{"arm": "a", "eval": "e", "example": i, "correct": 1, "note": note}
            for i, note in enumerate((3, "x", None, 2.5))]  # fmt: skip
    for path in exported(lines(tmp_path / "t.jsonl", rows), tmp_path, ColumnTables(), ArrowTables()):
        frame = pd.read_feather(path) if path.suffix == ".arrow" else pd.read_parquet(path)
        if path.stem == "records":
            assert frame["note"].fillna("none").tolist() == ["3", "x", "none", "2.5"]
