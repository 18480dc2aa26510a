import errno
import json
import os
from pathlib import Path

import pytest

from offdiag.errors import StoreError, UserError
from offdiag.steps import load_rows
from offdiag.steps.jsonl import CHUNK, append_jsonl, each_of_jsonl, in_chunks, read_jsonl, recover_jsonl, write_jsonl

ODD = ["\u2028 \u2029 \x85 \x1c \x0b", "\0\0", "lone \ud83d surrogate", "\r\n\r", "模型 🙂", '"\\', "\x7f\x1b[31m"]
RECORDS = [{"index": i, "completion": text} for i, text in enumerate(ODD)]
N = 2 * CHUNK + 5


def test_odd_completions_survive(tmp_path):
    write_jsonl(tmp_path / "all.jsonl", RECORDS)
    append_jsonl(tmp_path / "some.jsonl", RECORDS[:3])
    append_jsonl(tmp_path / "some.jsonl", RECORDS[3:])
    assert read_jsonl(tmp_path / "all.jsonl") == RECORDS
    assert recover_jsonl(tmp_path / "some.jsonl") == RECORDS
    assert (tmp_path / "some.jsonl").read_bytes().count(b"\n") == len(RECORDS)


def test_a_torn_file_keeps_its_whole_records_wherever_it_was_torn(tmp_path):
    path = tmp_path / "torn.jsonl"
    write_jsonl(path, RECORDS)
    data = path.read_bytes()
    ends = [i + 1 for i in range(len(data)) if data[i : i + 1] == b"\n"]
    for cut in {*ends, *(end - 1 for end in ends), *range(0, len(data), 7)}:
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        assert recover_jsonl(path, repair=False) == RECORDS[:whole]
        assert path.stat().st_size == cut
        assert recover_jsonl(path) == RECORDS[:whole]
        assert path.stat().st_size == max([0, *(end for end in ends if end <= cut)])


def test_what_is_appended_after_a_repair_is_read(tmp_path):
    path = tmp_path / "torn.jsonl"
    append_jsonl(path, RECORDS[:2])
    with path.open("ab") as file:
        file.write(b'{"index": 2, "compl')
    assert recover_jsonl(path) == RECORDS[:2]
    append_jsonl(path, RECORDS[2:])
    assert recover_jsonl(path) == RECORDS


def test_bytes_that_never_reached_the_disk_end_the_file(tmp_path):
    path = tmp_path / "zeros.jsonl"
    append_jsonl(path, RECORDS[:2])
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0" * 40 + b"\n" + json.dumps(RECORDS[2]).encode() + b"\n")
    assert recover_jsonl(path) == RECORDS[:2]
    assert path.stat().st_size == size


def test_a_line_whose_content_was_changed_ends_the_file(tmp_path):
    path = tmp_path / "changed.jsonl"
    records = [{"index": i, "completion": f"the answer is {i}7"} for i in range(4)]
    append_jsonl(path, records)
    lines = path.read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        for place in range(len(lines[at]) - 1):  # every bit that leaves a line a line
            flipped = bytearray(lines[at])
            flipped[place] ^= 1
            if at > 0 and flipped[place] != ord("\n"):
                path.write_bytes(b"".join([*lines[:at], bytes(flipped), *lines[at + 1 :]]))
                assert recover_jsonl(path, repair=False) == records[:at], (at, place)
    path.write_bytes(lines[0].replace(b"is 07", b"is 97") + b"".join(lines[1:]))
    assert recover_jsonl(path) == []
    assert path.stat().st_size == 0


def test_a_file_of_an_earlier_version_goes_on_with_checksums(tmp_path):
    path = tmp_path / "older.jsonl"
    write_jsonl(path, RECORDS[:2])
    append_jsonl(path, [{}, *RECORDS[2:]])
    assert recover_jsonl(path) == [*RECORDS[:2], {}, *RECORDS[2:]]


def test_nothing_is_recovered_from_nothing(tmp_path):
    assert recover_jsonl(tmp_path / "no.jsonl") == []


def test_a_finished_file_that_is_damaged_names_the_line_and_the_remedy(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": 1}\n{"a":\n')
    with pytest.raises(StoreError, match=r"bad\.jsonl:2 .*delete its folder and run again"):
        read_jsonl(path)
    with pytest.raises(StoreError, match=r"missing\.jsonl.*run again"):
        read_jsonl(tmp_path / "missing.jsonl")


def test_a_file_is_replaced_only_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "all.jsonl"
    write_jsonl(path, RECORDS)

    def failing():
        yield {"index": 0}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_jsonl(path, failing())
    assert read_jsonl(path) == RECORDS


def made(calls, dies_after=10**9):
    def make(chunk):
        if len(calls) == dies_after:
            raise KeyboardInterrupt
        calls.append(chunk)
        return [{"i": i} for i in chunk]

    return make


def test_records_are_in_order_and_progress_is_told(tmp_path):
    calls, told = [], []
    records = in_chunks(tmp_path / "partial", N, made(calls), lambda *done: told.append(done))
    assert records == [{"i": i} for i in range(N)]
    assert [len(chunk) for chunk in calls] == [CHUNK, CHUNK, 5]
    assert told == [(0, N), (CHUNK, N), (2 * CHUNK, N)]


@pytest.mark.parametrize("torn", ["", '{"i": 6', '{"i": 64}\n{"i": 65}\n'])
def test_a_killed_run_goes_on_behind_the_last_whole_chunk(tmp_path, torn):
    partial = tmp_path / "partial"
    with pytest.raises(KeyboardInterrupt):
        in_chunks(partial, N, made([], dies_after=1), lambda *_: None)
    with partial.open("a") as file:
        file.write(torn)
    calls = []
    assert in_chunks(partial, N, made(calls), lambda *_: None) == [{"i": i} for i in range(N)]
    assert [chunk.start for chunk in calls] == [CHUNK, 2 * CHUNK]
    assert recover_jsonl(partial) == [{"i": i} for i in range(N)]


@pytest.mark.parametrize("line", ["[1, 2]", "3", '"text"', "null", "[" * 100_000])
def test_a_line_that_is_no_object_is_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n')
    with pytest.raises(StoreError, match=r"records.jsonl:2 is (no JSON object|not JSON)") as told:
        read_jsonl(path)
    assert "delete its folder and run again" in str(told.value)
    assert recover_jsonl(path) == [{"a": 1}]
    assert path.read_text() == '{"a": 1}\n'


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "records.jsonl")
    with pytest.raises(StoreError, match="it is no file"):
        read_jsonl(tmp_path / "records.jsonl")
    assert recover_jsonl(tmp_path / "records.jsonl") == []


def test_what_may_not_be_read_is_not_to_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text("")

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(UserError, match="Permission denied.*chmod") as told:
        read_jsonl(path)
    assert "delete" not in str(told.value)


def test_rows_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    with pytest.raises(StoreError, match="has no rows: delete its folder and run again"):
        load_rows(tmp_path)


def test_records_are_read_one_by_one_and_the_first_before_a_later_line_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}\n{"a": \n')
    rows = each_of_jsonl(path)
    assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(StoreError, match=r"rows.jsonl:3 is not JSON .*: delete its folder and run again"):
        next(rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]\n", "is no JSON object"),
        (b'{"a": "\xff"}\n', "cannot read"),
        (b"\n", "is not JSON"),
        (None, "cannot read"),
    ],
)
def test_what_is_no_record_is_told_by_its_place(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=f"rows.jsonl.*{said}|{said}.*rows.jsonl"):
        list(each_of_jsonl(path))
