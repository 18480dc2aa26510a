"""The command ``export``: files that a study leaves for others."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cli_types import Said
from support.small_items import small_items

Offdiag = Callable[..., Said]


@pytest.fixture(autouse=True)
def few_items(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OFFDIAG_DATA", "")
    with small_items(per_steps=20, held_out=102):
        yield


def test_what_is_finished_is_written_and_what_is_not_is_said(
    offdiag: Offdiag, tiny_model: Path, tmp_path: Path
) -> None:
    words = ("hidden-states", "--set", f"models=dir:{tiny_model}", "--store", tmp_path / "store")
    early = offdiag("export", *words, "--to", tmp_path / "out")
    assert early.code == 1
    told, following = early.out.splitlines()
    assert told == f"not written: synthetic-{tiny_model.name}: not encoded yet"
    assert following.startswith("Next: offdiag run hidden-states")
    assert not (tmp_path / "out").exists()
    assert offdiag(*shlex.split(following.removeprefix("Next: offdiag ")), "--device", "cpu").code == 0
    late = offdiag("export", *words, "--to", tmp_path / "out")
    path = tmp_path / "out" / f"synthetic-{tiny_model.name}.safetensors"
    assert (late.code, late.out) == (0, f"{path}: 18 x 4 x 2 x 32 (items, choices, layers, d), float16\n")
    assert path.exists()


def test_measured_hardness_is_put_beside_the_data_and_described(
    offdiag: Offdiag, tiny_model: Path, tmp_path: Path
) -> None:
    words = ("item-hardness", "--set", f"models=dir:{tiny_model}", "--set", "measures=answer_nll")
    assert offdiag("run", *words, "--store", tmp_path / "store", "--device", "cpu").code == 0
    said = offdiag("export", *words, "--store", tmp_path / "store", "--to", tmp_path)
    path = tmp_path / "hardness" / "synthetic" / "answer_nll.csv"
    assert (said.code, said.out) == (0, f"{path}: 18 items of synthetic by {tiny_model.name}\n")
    about = offdiag(
        "data", "easy_to_hard", "pool=main,n_train=0", "--n", 1, "--set", f"data_dir={tmp_path}", "--describe"
    )
    assert f"answer_nll@{tiny_model.name}" in about.out


def test_a_study_that_leaves_nothing_says_so(mistake: Callable[..., str], tmp_path: Path) -> None:
    told = mistake("export", "trigger-2d", "--to", tmp_path)
    assert told == "study trigger-2d names no files of its own: give a format, such as --as parquet"
