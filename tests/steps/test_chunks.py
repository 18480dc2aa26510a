import pytest

from offdiag.steps.chunks import CHUNK, in_chunks
from offdiag.steps.jsonl import recover_jsonl

N = 2 * CHUNK + 5


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
