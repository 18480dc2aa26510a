from pathlib import Path

import pytest
import torch

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.chat import chat_of
from offdiag.models.inference.paths import InferencePath
from offdiag.models.inference.proof import Said
from offdiag.models.inference.verdicts import KeptVerdicts
from offdiag.models.lm import LM
from offdiag.runtime import Runtime
from support.architectures import tiny_of
from support.by_itself import PROMPTS, differences
from support.tiny import make_tiny_tokenizer

# One type for each kind; the sweep over all types is in tests/sweep.
KINDS = {
    "llama": InferencePath.SHARED,
    "mixtral": InferencePath.SHARED,
    "nemotron": InferencePath.PADDED,  # its attention drops the keyword that carries the prefix
    "diffllama": InferencePath.PADDED,  # its attention runs twice, on halves of the values
    "mistral": InferencePath.PADDED,  # a sliding window
    "hy_v4": InferencePath.PADDED,  # several residual streams
    "mamba": InferencePath.LEVEL,
    "bart": InferencePath.LEVEL,  # positions by columns, padded or not
    "rwkv": InferencePath.ALONE,
}


@pytest.mark.parametrize(("kind", "path"), KINDS.items(), ids=KINDS)
def test_each_kind_answers_by_its_path_as_by_itself(kind: str, path: InferencePath) -> None:
    lm = LM(tiny_of(kind), make_tiny_tokenizer())
    assert lm.verdict.path is path, lm.plain_because
    assert (lm.plain_because is None) == (path is InferencePath.SHARED)
    assert differences(lm, tiny_of(kind)) == []


def test_what_differs_on_a_path_is_said() -> None:
    lm = LM(tiny_of("nemotron"), make_tiny_tokenizer())
    assert "on the shared path it differs from the model alone: next tokens by" in str(lm.plain_because)
    assert lm.model.config._attn_implementation == "sdpa"


def test_an_encoder_is_refused_by_name_in_one_line() -> None:
    with pytest.raises(UserError, match=r"BertLMHeadModel is refused: .* later ones") as refused:
        LM(tiny_of("bert"), make_tiny_tokenizer())
    assert "\n" not in str(refused.value)
    assert (
        differences(LM(tiny_of("bert", is_decoder=True), make_tiny_tokenizer()), tiny_of("bert", is_decoder=True)) == []
    )


@pytest.mark.parametrize("limit", [60, 83, 20])
def test_angles_that_depend_on_the_length_are_those_of_each_text(limit: int) -> None:
    """Texts on both sides of the limit, in one call, and texts that cross it while they are answered."""
    rope = {
        "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [7.0, 5.0, 9.0, 3.0],
        "original_max_position_embeddings": limit,
    }  # fmt: skip
    settings = {"rope_parameters": rope, "original_max_position_embeddings": limit}
    lm = LM(tiny_of("phi3", **settings), make_tiny_tokenizer())
    lengths = [len(chat_of(lm.tokenizer).asked(prompt)) for prompt in PROMPTS]
    assert min(lengths) < limit < max(lengths) + 5
    assert differences(lm, tiny_of("phi3", **settings)) == []


def test_a_verdict_is_kept_by_what_it_depends_on(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(identity: str) -> LM:
        spec, runtime = ModelSpec(source=f"dir:{tiny}"), Runtime(device="cpu", threads=1)
        return LM.load(spec, tiny, runtime, proofs=tmp_path, identity=identity)

    first = load("one")
    assert len(list(tmp_path.iterdir())) == 1
    assert KeptVerdicts(tmp_path).get("one", first.model) == first.verdict
    assert KeptVerdicts(tmp_path).get("two", first.model) is None
    assert KeptVerdicts(tmp_path).get("one", first.model.bfloat16()) is None
    monkeypatch.setattr("offdiag.models.lm.prove", lambda *_: pytest.fail("it was tried again"))
    again = load("one")
    assert again.verdict == first.verdict
    assert again.model.config._attn_implementation == first.model.config._attn_implementation
    monkeypatch.undo()
    next(tmp_path.iterdir()).write_text("{")
    assert load("one").verdict == first.verdict


def test_numbers_that_are_none_are_no_difference_of_paths(tiny: Path) -> None:
    """They are an error of the item that has them, whichever path it takes."""
    model = tiny_of("llama")
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    assert LM(model, make_tiny_tokenizer()).verdict.path is InferencePath.SHARED


@pytest.mark.parametrize("broken", [0, 1])
def test_a_nan_in_any_row_is_a_difference(broken: int) -> None:
    """Python's ``max`` passes over a NaN that is not the first."""
    right = Said({(i, 0): torch.zeros(5) for i in range(2)}, {(i, 0): -1.0 for i in range(2)})
    wrong = Said(
        {**right.next_tokens, (broken, 0): torch.full((5,), torch.nan)}, {**right.choices, (broken, 0): torch.nan}
    )
    assert right.gaps(right).unequal(torch.float32) is None
    assert wrong.gaps(right).unequal(torch.float32) == "next tokens by nan nats, choices by nan nats a token"
