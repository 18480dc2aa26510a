from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.steps import Pretrained, Weights
from offdiag.steps.step import FinishedStep
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.studies.world_map.task import WorldMapDomain
from offdiag.tasks import StreamPart, get_task
from offdiag.training import Decoder, PretrainingRecipe

CPU = Runtime(device="cpu", threads=1)
SPEC = ModelSpec(source="hub:org/small")
BASE = Pretrained(stream=Episodes(), recipe=PretrainingRecipe(updates=8, snapshots=(0, 4)), seed=1)
START = Weights(spec=SPEC, trained=BASE)


def test_names_say_what_was_learnt_before_and_what_after():
    assert BASE.name == f"scratch.llama-w64d3.{BASE.stream.label}.s1"
    on = Pretrained(stream=Episodes(rho=0.1), start=START, seed=2)
    assert on.name == f"{BASE.name}+{on.stream.label}.s2"
    assert on.inputs == (BASE,)


def test_without_a_start_the_identity_is_what_it_was():
    assert "start" not in BASE.canonical()
    assert fingerprint(Pretrained(stream=Episodes(), start=START)) != fingerprint(Pretrained(stream=Episodes()))


def test_it_goes_on_from_a_snapshot():
    on = Pretrained(stream=Episodes(), start=START.at(4))
    assert on.start.trained.inputs == (BASE,)
    with pytest.raises(UserError, match="keeps snapshots at 0, 4"):
        START.at(5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"decoder": Decoder(width=32)}, r"decoder differs \(width: 64 → 32\)"),
        ({"decoder": Decoder(initial_std=0.1)}, r"initial_std: 0.08 → 0.1"),
    ],
)
@pytest.mark.parametrize("start", [START, START.at(4)])
def test_a_start_of_another_decoder_is_refused_when_it_is_planned(start, fields, message):
    with pytest.raises(UserError, match=message):
        Pretrained(stream=Episodes(), start=start, **fields)


class OtherTokens(Episodes):
    @property
    def tokens(self):
        return ("<pad>", "<unk>", "<bos>", "<eos>", *"0123456789abcdefghijklmnopqrstuvwxyz"[: self.vocabulary - 4])


def test_a_start_with_other_tokens_is_refused_when_it_is_planned():
    with pytest.raises(UserError, match="its tokens are others"):
        Pretrained(stream=OtherTokens(), start=START)


@dataclass
class InFolder:
    """Work in a folder a step."""

    root: Path
    step: Pretrained
    runtime: Runtime = CPU

    @property
    def folder(self) -> Path:
        return self.output(self.step)

    def output(self, step: Pretrained) -> Path:
        return self.root / step.folder_name

    def progress(self, done: int, total: int) -> None:
        pass

    def finished(self, kind: str, fits: object) -> Iterator[FinishedStep]:
        return iter(())


def test_a_map_is_learnt_and_then_its_new_cities(tmp_path):
    world = {"count": 12, "new_count": 3, "per_degree": 1, "id_digits": 2}
    streams = [
        get_task("world_map").stream(
            [StreamPart(domain=WorldMapDomain(geometry="distance", cities=cities, **world))], loss="answer", data_seed=0
        )
        for cities in ("real", "atlantis")
    ]
    recipe = PretrainingRecipe(updates=3, batch_size=4, snapshots=(2,))
    shared = {"decoder": Decoder(architecture="qwen2", width=16, depth=1, heads=2), "recipe": recipe}
    base = Pretrained(stream=streams[0], **shared)
    after = Pretrained(stream=streams[1], start=Weights(spec=SPEC, trained=base), **shared)
    for step in (base, after):
        summary = step.run(InFolder(tmp_path, step))
        assert summary["updates"] == 3
        assert 3 * 4 * 15 < summary["total_tokens"] < 3 * 4 * 25
        for kept in ("weights", "snapshots/update-000002"):
            tokenizer = AutoTokenizer.from_pretrained(InFolder(tmp_path, step).folder / kept)
            assert tokenizer("dist(").input_ids == [2, *(step.stream.tokens.index(c) for c in "dist(")]
