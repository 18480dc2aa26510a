"""Files of strangers that are broken or meant to harm: one line, exit 2, and nothing outside the report."""

import gzip
import json
import pickle
import struct
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import offdiag
from offdiag.cli.app import run
from offdiag.errors import UserError
from offdiag.interop.frames import read_results
from support.documented import ROOT

BASE = ROOT / "tests" / "interop" / "peers" / "inspect" / "base.eval"
HEADER = {"status": "success", "eval": {"task": "t", "model": "m"}}
SAMPLE = {"id": 1, "epoch": 1, "input": "q", "target": "a", "output": {"completion": "a"},
          "scores": {"s": {"value": "C", "answer": "a"}}}  # fmt: skip


def log(path: Path, samples: dict[str, object], header: object = HEADER) -> Path:
    """A log of these parts; texts are written as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in {"header.json": header, **samples}.items():
            archive.writestr(name, value if isinstance(value, str | bytes) else json.dumps(value))
    return path


def one(**changed: object) -> dict[str, object]:
    return {"samples/1_epoch_1.json": {**SAMPLE, **changed}}


def refused(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command line says of a file: one line that a terminal shows as it is."""
    with pytest.raises(SystemExit) as ended:
        run(["report", str(path), "--to", str(path.parent / "page"), *words])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.out == ""
    assert said.err.startswith("offdiag: ")
    assert said.err.count("\n") == 1
    assert said.err.strip().isprintable()
    assert not (path.parent / "page").exists()
    return said.err


@pytest.mark.parametrize(
    "column",
    [
        pa.array([10**12], pa.timestamp("s")),
        pa.array([10**7], pa.date32()),
        pa.array([1], pa.timestamp("s", tz="Nowhere/X")),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
    ],
    ids=["late", "late day", "zone", "twice"],
)
def test_a_column_that_python_cannot_hold_is_told(
    column: pa.Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.arrow"
    table = pa.table({"arm": ["a"], "eval": ["e"], "example": [1], "correct": [1], "more": column})
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)
    assert "is no arrow file that can be read" in refused(path, capsys)


def test_a_number_that_is_none_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arm,eval,example,correct,k\na,e,1,1,nan\nb,e,1,1,0\n")
    assert read_results([path]).cells["method"].isna().tolist() == [True, False]


LOGS = {
    "no samples": ({}, HEADER, "has no samples"),
    "no score": (one(scores={}), HEADER, "no sample has a score"),
    "no verdict": (one(scores={"s": {"value": [1]}}), HEADER, "no scorer gives verdicts from 0 to 1"),
    "beyond 1": (one(scores={"s": {"value": 7}}), HEADER, "no scorer gives verdicts from 0 to 1"),
    "only NaN": (one(scores={"s": {"value": float("nan")}}), HEADER, "no scorer gives verdicts from 0 to 1"),
    "error": (one(error={"message": "x"}), HEADER, "no verdict on any"),
    "list": ({"samples/1.json": [1]}, HEADER, "expected an object of an Inspect log"),
    "list of scores": (one(scores=[1]), HEADER, "expected an object of an Inspect log"),
    "header": (one(), [1], "expected an object of an Inspect log"),
    "eval": (one(), {"eval": "x"}, "expected an object of an Inspect log"),
    "not JSON": ({"samples/1.json": "{"}, HEADER, "not JSON"),
    "deep": ({"samples/1.json": "[" * 100_000}, HEADER, "nested"),
    "huge": ({"samples/1.json": '{"id":' + "9" * 5000 + "}"}, HEADER, "too many digits"),
    "latin": ({"samples/1.json": b'{"id": "\xff"}'}, HEADER, "UTF-8"),
    "twice": ({"samples/1.json": SAMPLE, "samples/2.json": SAMPLE}, HEADER, "comes twice"),
    "escapes": (one(id="\x1b]0;x\x07", scores={"\x1b[2Js": {"value": "?"}}), HEADER, "no scorer gives"),
    "item": (one(metadata={"offdiag": {"item": {"score": 7}}}), HEADER, "the verdict on an item"),
}


@pytest.mark.parametrize("case", LOGS)
def test_a_wrong_log_is_one_line(case, tmp_path, capsys):
    samples, header, expected = LOGS[case]
    assert expected in refused(log(tmp_path / "x.eval", samples, header), capsys)


@pytest.mark.parametrize("kept", [0, 10, 2000, -30])
def test_a_log_that_is_cut_off_is_one_line(kept, tmp_path, capsys):
    (tmp_path / "x.eval").write_bytes(BASE.read_bytes()[:kept])
    assert "no whole .eval log" in refused(tmp_path / "x.eval", capsys)


def test_a_log_that_was_changed_is_one_line(tmp_path, capsys):
    data = bytearray(BASE.read_bytes())
    with zipfile.ZipFile(BASE) as archive:
        begin = archive.getinfo("samples/0_epoch_1.json").header_offset
    data[begin + 100] ^= 0xFF
    (tmp_path / "x.eval").write_bytes(data)
    assert "copy it anew" in refused(tmp_path / "x.eval", capsys)


@pytest.mark.parametrize("size", [2**29, 2**31])
def test_a_log_that_says_it_is_huge_is_not_unpacked(size, tmp_path, capsys):
    data = bytearray(log(tmp_path / "x.eval", one()).read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", size)
    (tmp_path / "x.eval").write_bytes(data)
    assert "more than the 268,435,456 that are taken" in refused(tmp_path / "x.eval", capsys)


def test_a_log_that_unpacks_to_more_than_it_says_is_refused(tmp_path, capsys):
    data = bytearray(log(tmp_path / "x.eval", {"samples/1.json": json.dumps(SAMPLE) + " " * 10**7}).read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 200)
    (tmp_path / "x.eval").write_bytes(data)
    assert "no whole .eval log" in refused(tmp_path / "x.eval", capsys)


def test_parts_that_lead_out_of_the_archive_are_never_written(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    names = {"../../out.json": SAMPLE, "/out.json": SAMPLE, "samples/../../out.json": {**SAMPLE, "id": 2}}
    found = read_results([log(tmp_path / "here" / "x.eval", {**one(), **names})])
    assert len(found.records) == 2  # both are below samples/ in the archive, which nothing is written from
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "x.eval"]


TABLES = {
    "no column": ("a.csv", "arm,eval,example\na,e,1\n", "no column correct or acc"),
    "verdict": ("a.csv", "arm,eval,example,correct\na,e,1,maybe\n", "expected a verdict from 0"),
    "NaN": ("a.csv", "arm,eval,example,correct\na,e,1,nan\n", "no verdict on any"),
    "infinite": ("a.csv", "arm,eval,example,correct\na,e,1,1e999\n", "expected a verdict from 0"),
    "no id": ("a.csv", "arm,eval,example,correct\na,e,,1\n", "example is empty"),
    "twice": ("a.csv", "arm,eval,example,correct\na,e,1,1\na,e,1,0\n", "comes twice"),
    "no object": ("a.jsonl", "[1]\n", "expected an object"),
    "JSON NaN": ("a.jsonl", '{"arm":"a","eval":"e","example":1,"correct":NaN}\n', "NaN is no JSON number"),
    "parquet": ("a.parquet", "PAR1", "no parquet file"),
    "arrow": ("a.arrow", "ARROW1", "no arrow file"),
    "samples": ("samples_t_2026-01-01T00-00-00.0.jsonl", '{"doc_id": 1}\n', "lacks target, filtered_resps"),
    "metric": ("samples_t_2026-01-01T00-00-00.0.jsonl",
               '{"doc_id":1,"target":"a","filtered_resps":["a"],"metrics":["ppl"],"ppl":7.5}\n', "it has ppl"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_wrong_table_is_one_line(case, tmp_path, capsys):
    name, text, expected = TABLES[case]
    (tmp_path / name).write_text(text)
    assert expected in refused(tmp_path / name, capsys)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "samples_t_2026-01-01T00-00-00.0.jsonl"])
def test_a_line_of_a_gigabyte_is_never_read_whole(name, tmp_path, capsys):
    with (tmp_path / name).open("wb") as out:
        out.write(b"arm,eval,example,correct\n" if name.endswith(".csv") else b"\n")
        out.truncate(2**30)
    assert "line 2 is longer than the 268,435,456 bytes that are taken" in refused(tmp_path / name, capsys)


def test_a_packed_line_that_never_ends_is_never_read_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("offdiag.files.json_values.LONGEST", 2**20)
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b"\n" + b" " * 2**22, 1))
    assert "line 2 is longer than the 1,048,576 bytes" in refused(tmp_path / "a.jsonl", capsys)


def test_objects_of_python_in_tables_are_texts_and_never_loaded(tmp_path):
    marked = tmp_path / "executed"

    class Harm:
        def __reduce__(self):
            return (marked.touch, ())

    frame = pd.DataFrame(
        {"arm": ["a"], "eval": ["e"], "example": ["1"], "correct": [1], "extra": [pickle.dumps(Harm())]}
    )
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_feather(tmp_path / "a.arrow")
    for name in ("a.parquet", "a.arrow"):
        assert offdiag.load(tmp_path / name).cells["n"].tolist() == [1]
    assert not marked.exists()


MISSING = {
    "no.eval": "no file no.eval: give the path",
    "bse.eval": "did you mean base.eval? ",
    "runs/last": "there is no folder runs",
    "records.txt": "no results there: expected .eval logs of Inspect, samples_*.jsonl",
}


@pytest.mark.parametrize("name", MISSING)
def test_results_that_are_not_there_are_told_with_the_nearest_name(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.eval").write_bytes(b"")
    (tmp_path / "records.txt").write_text("x")
    assert MISSING[name] in refused(Path(name), capsys)
    with pytest.raises(UserError) as refusal:
        offdiag.load(name)
    assert MISSING[name] in str(refusal.value)


def test_names_that_a_terminal_would_obey_are_shown_and_not_obeyed(tmp_path, capsys):
    hostile = {"eval": {"task": "t\x1b[2J<script>alert(1)</script>", "model": "m\x1b]0;x\x07"}}
    with pytest.raises(SystemExit) as ended:
        run(["report", str(log(tmp_path / "x.eval", one(), hostile)), "--to", str(tmp_path / "page")])
    assert not ended.value.code
    assert "\x1b[2J" not in capsys.readouterr().out
    assert "<script>alert" not in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_a_baseline_that_is_none_is_one_line(capsys, tmp_path):
    (tmp_path / "x.eval").write_bytes(BASE.read_bytes())
    assert "the arms are mockllm/base" in refused(tmp_path / "x.eval", capsys, "--baseline", "tuned")


@pytest.mark.parametrize(
    ("status", "epochs", "samples", "planned", "notice"),
    [
        ("cancelled", 1, 10, 10, "the run has the status 'cancelled'; 5 of 10 planned answers are in the log"),
        ("success", 1, 10, 10, "log.eval: 5 of 10 planned answers"),
        ("success", 2, 5, 5, "log.eval: 5 of 10 planned answers"),
        ("error", 1, 5, 5, "the run has the status 'error'; 5 of 5"),
        ("success", 1, 5, 5, ""),
        ("success", "x", -3, 5, ""),
    ],
)
def test_a_run_that_was_cut_short_says_so(tmp_path, status, epochs, samples, planned, notice):
    about = {"task": "t", "model": "m", "dataset": {"samples": samples}, "config": {"epochs": epochs}}
    parts = {f"samples/{i}_epoch_1.json": {**SAMPLE, "id": i} for i in range(5)}
    results = read_results([log(tmp_path / "log.eval", parts, {"status": status, "eval": about})])
    assert results.cells[["n", "n_planned"]].iloc[0].tolist() == [5, planned]
    said = [line for line in results.notices if "planned answers" in line]
    assert len(said) == bool(notice)
    assert notice in "".join(said)
