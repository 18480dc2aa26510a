"""Rows are held packed, runs of a file one at a time, and answers to an example until its last one."""

import random
import weakref

import pyarrow as pa
import pytest

import offdiag
from offdiag.interop import packed
from offdiag.interop.foreign import ForeignRun
from offdiag.interop.frames import results_of
from offdiag.interop.items import items_of
from offdiag.interop.packed import Packed


def answer(example, score, **more):
    return {"example": example, "problem": f"q{example}", "target": "t", "parsed": "t", "score": score, **more}


@pytest.mark.parametrize("n", [0, 1, packed.TOGETHER - 1, packed.TOGETHER, 2 * packed.TOGETHER + 3])
def test_what_is_packed_is_read_as_often_as_one_wants(n):
    rows = [{"i": i, "text": "\ud800 of any kind\0", "of": ("a", None, 0.5)} for i in range(n)]
    held = Packed(rows)
    assert len(held) == n
    assert list(held) == list(held) == rows
    assert n == 0 or held.first == rows[0]


def test_texts_take_a_fraction_of_what_they_take_as_objects():
    rows = [{"prompt": f"The same words around {i}. " * 20, "completion": str(i)} for i in range(4096)]
    assert sum(map(len, Packed(rows)._blocks)) < sum(len(row["prompt"]) for row in rows) / 10


class Records(list):
    """A list that a weak reference can follow."""


def test_the_records_of_a_run_are_let_go_before_the_next_is_read(tmp_path):
    alive = []

    def runs():
        for name in "abc":
            assert [found() for found in alive] == [None] * len(alive)
            records = Records(answer(str(i), i % 2) for i in range(4))
            alive.append(weakref.ref(records))
            yield ForeignRun(source=name, model=name, task="t", records=records)
            del records

    results = results_of(runs(), [tmp_path / "x"])
    assert results.cells["accuracy"].tolist() == [0.5] * 3
    assert [record["example"] for record in results.read_records("b--t")] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("order", ["by example", "by sample", "any"])
def test_answers_come_together_in_the_order_of_first_ones_however_they_are_written(order):
    rows = [answer(str(e), (e + s) % 2, sample=s, completion=f"{e}.{s}") for e in range(300) for s in range(3)]
    if order == "by sample":
        rows.sort(key=lambda row: row["sample"])
    elif order == "any":
        random.Random(0).shuffle(rows)
    found = items_of(ForeignRun(source="x", model="m", task="t", records=Packed(rows)))
    assert (found.draws, found.scored, len(found)) == (3, True, 300)
    assert [item["example"] for item in found.records] == list(dict.fromkeys(row["example"] for row in rows))
    for item in found.records:
        own = [row["completion"] for row in rows if row["example"] == item["example"]]
        assert [draw["completion"] for draw in item["samples"]] == own


def test_an_arrow_file_is_read_with_an_index_or_as_a_stream_in_small_batches(tmp_path):
    n = 2500
    table = pa.table(
        {"model": ["m"] * n, "task": ["t"] * n, "id": list(range(n)), "acc": [i % 4 == 0 for i in range(n)]}
    )
    for name, opened in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        with opened(str(tmp_path / f"{name}.arrow"), table.schema) as out:
            out.write_table(table)
        results = offdiag.load(tmp_path / f"{name}.arrow")
        assert results.cells["accuracy"].tolist() == [0.25]
        assert list(results.records["example"])[-1] == "2499"
