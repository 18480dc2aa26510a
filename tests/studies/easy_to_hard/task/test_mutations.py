"""Files of data sets that were damaged at random: the items are right, or one line says what is wrong and where."""

import gzip
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task.items import Item
from offdiag.studies.easy_to_hard.task.sources import arc, gsm8k, mmlu, strategyqa

Mutation = Callable[[bytes, random.Random], bytes]
LOADERS = {
    "gsm8k": ("gsm8k/train.jsonl", gsm8k.load),
    "strategyqa": ("strategyqa/train.json", strategyqa.load),
    "arc": ("arc/arc_easy_dev.jsonl", arc.load),
    "mmlu": ("mmlu/college_physics_val.csv", mmlu.load),
}
# What leaves the meaning of a file as it is.
SAME: dict[str, Mutation] = {
    "a byte order mark": lambda data, _: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data, _: data.replace(b"\n", b"\r\n"),
    "CR": lambda data, _: data.replace(b"\n", b"\r"),
    "blank lines": lambda data, _: b"\n \n" + data + b"\n\n \t\n",
    "gzip": lambda data, _: gzip.compress(data),
    "no last line end": lambda data, _: data.rstrip(b"\n"),
}
# Others: where a file still can be read after them, rows that they did not touch are what they were.
BYTES = [b'"', b"\n", b"\r", b"\0", b"\xff", b",", b";", b"\t", b"{", b"}", b"\\", b"\\ud83d", b"\xe2\x80\xa8", b"NaN",
         b"\xc2", b'""', b"'", b":", b"1e999", b"\xef\xbb\xbf"]  # fmt: skip


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def inserted(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(BYTES) + data[place:]


def replaced(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(BYTES) + data[place + 1 :]


def left_out(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.randrange(1, 9) :]


def doubled(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + data[max(0, place - rng.randrange(40)) :]


def in_another_encoding(data: bytes, rng: random.Random) -> bytes:
    return data.decode().encode(rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]))


def gzip_cut(data: bytes, rng: random.Random) -> bytes:
    return cut(gzip.compress(data), rng)


OTHER: list[Mutation] = [cut, inserted, replaced, left_out, doubled, in_another_encoding, gzip_cut]


def loaded(name: str, folder: Path) -> dict[str, Item]:
    return {item.id: item for item in LOADERS[name][1](folder / name).items}


def read_or_told(name: str, folder: Path) -> tuple[dict[str, Item], str]:
    try:
        return loaded(name, folder), ""
    except UserError as error:
        return {}, str(error)


@pytest.mark.parametrize("mutation", SAME)
@pytest.mark.parametrize("name", LOADERS)
def test_the_same_file_written_otherwise_is_the_same(raw: Path, name: str, mutation: str) -> None:
    before, path = loaded(name, raw), raw / LOADERS[name][0]
    path.write_bytes(SAME[mutation](path.read_bytes(), random.Random(0)))
    assert loaded(name, raw) == before


@pytest.mark.parametrize("name", LOADERS)
def test_a_damaged_file_is_read_right_or_told_in_one_line(raw: Path, name: str) -> None:
    before, path = loaded(name, raw), raw / LOADERS[name][0]
    data, rng, refused = path.read_bytes(), random.Random(f"mutations of {name}"), 0
    for _ in range(250):
        mutation = rng.choice(OTHER)
        damaged = mutation(data, rng)
        path.write_bytes(damaged)
        after, said = read_or_told(name, raw)
        if said:
            assert "\n" not in said, (mutation.__name__, damaged)
            assert path.name in said, (mutation.__name__, damaged, said)
            refused += 1
        else:
            touched = [item for item in after if item in before and after[item] != before[item]]
            assert len(touched) <= 1, (mutation.__name__, damaged)
            assert mutation is cut or len(before) - len(after) <= 2, (mutation.__name__, damaged)
    assert refused > 100


@pytest.mark.parametrize("name", LOADERS)
def test_real_files_are_the_same_written_otherwise(real: Path, tmp_path: Path, name: str) -> None:
    there = "mmlu_stem5" if name == "mmlu" else name
    shutil.copytree(real / there, tmp_path / name)
    before, path = loaded(name, tmp_path), tmp_path / LOADERS[name][0]
    data = path.read_bytes().replace(b"\r\n", b"\n")
    path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") + b"\r\n \r\n")
    assert loaded(name, tmp_path) == before
