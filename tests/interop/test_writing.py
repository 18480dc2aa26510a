"""Results written for Inspect, as Parquet, Arrow and lines for trainers, and read back whole."""

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import offdiag
from offdiag.engine import run_plan
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


def test_inspect_itself_reads_the_logs(answered):
    logs = pytest.importorskip("inspect_ai.log", reason="Inspect is not installed: its pins of fsspec clash with ours")
    ours, folder = answered
    for path in (folder / "inspect").glob("*.eval"):
        log = logs.read_eval_log(str(path))
        assert log.status == "success"
        assert len(log.samples) == 12
        row = ours.cells.set_index("cell").loc[log.eval.task]
        assert sum(sample.scores["grade"].value == "C" for sample in log.samples) == row["n_correct"]


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
