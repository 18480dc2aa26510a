"""Training that goes on from a model."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from offdiag.errors import UserError
from offdiag.training.characters import SPECIAL
from support.tiny_pretraining import DECODER, RECIPE, KilledError, history, killed_at, same, train, weights

pytestmark = pytest.mark.usefixtures("one_thread")
LETTERS = (*SPECIAL, *"abcdef")
ROWS = {"vocabulary": len(LETTERS), "columns": 3, "tokens": LETTERS}


def letters(index):
    """A letter thrice; the last two are to be learnt."""
    ids = np.random.default_rng(index).integers(4, len(LETTERS), (8, 1)).repeat(3, axis=1)
    return ids, np.where([True, False, False], -100, ids)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "first"
    train(folder, draw=letters, **ROWS)
    return folder / "weights"


def test_a_model_of_text_has_its_tokenizer_and_special_tokens_beside_it(first):
    tokenizer, model = AutoTokenizer.from_pretrained(first), AutoModelForCausalLM.from_pretrained(first)
    assert tokenizer("abc").input_ids == [2, 4, 5, 6]
    for settings in (model.config, model.generation_config):
        assert (settings.pad_token_id, settings.bos_token_id, settings.eos_token_id) == (0, 2, 3)
    assert {path.suffix for path in first.iterdir()} == {".json", ".jinja", ".safetensors"}


def test_the_weights_go_on_and_the_optimiser_begins_anew(first, tmp_path):
    still = RECIPE.model_copy(update={"updates": 1, "learning_rate": 1e-12, "weight_decay": 0.0, "snapshots": (0,)})
    train(tmp_path / "still", draw=letters, start=first, recipe=still, **ROWS)
    before = weights(first, ".")
    assert same(before, weights(tmp_path / "still", "snapshots/update-000000"))
    assert all(torch.allclose(before[n], w, atol=1e-9) for n, w in weights(tmp_path / "still").items())
    one = RECIPE.model_copy(update={"updates": 1, "schedule": "constant", "learning_rate": 1e-3, "weight_decay": 0.0})
    train(tmp_path / "one", draw=letters, start=first, recipe=one, **ROWS)
    moved = {n: (w - before[n]).abs() for n, w in weights(tmp_path / "one").items()}
    # Adam's very first update moves every weight that has a gradient by the learning rate.
    assert moved["lm_head.weight"].max() == pytest.approx(1e-3, rel=1e-2)
    assert (moved["lm_head.weight"] > 0.9e-3).float().mean() > 0.9


def test_killed_it_goes_on_from_its_checkpoint_and_not_from_the_start(first, tmp_path):
    train(tmp_path / "whole", start=first, draw=letters, **ROWS)
    with pytest.raises(KilledError):
        train(tmp_path / "killed", start=first, draw=lambda i: killed_at(6)(i) and letters(i), **ROWS)
    train(tmp_path / "killed", start=first, draw=letters, **ROWS)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert history(tmp_path / "whole") == history(tmp_path / "killed")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"decoder": DECODER.model_copy(update={"width": 32})}, "hidden_size 16 instead of 32"),
        ({"decoder": DECODER.model_copy(update={"depth": 2})}, "num_hidden_layers 1 instead of 2"),
        ({"decoder": DECODER.model_copy(update={"architecture": "qwen2"})}, "model_type llama instead of qwen2"),
        ({"vocabulary": 11, "tokens": (*LETTERS, "g")}, "vocab_size 10 instead of 11"),
        ({"tokens": (*LETTERS[:-1], "z")}, "its tokenizer has other tokens"),
        ({"columns": 4}, "shorter than the 4 tokens"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_anything_is_trained(first, tmp_path, changed, message):
    with pytest.raises(UserError, match=message) as error:
        train(tmp_path, **{**ROWS, "start": first, "draw": killed_at(0), **changed})
    assert "\n" not in str(error.value)


def test_a_start_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        train(tmp_path / "a", start=tmp_path / "nowhere", draw=letters, **ROWS)


def test_a_start_without_a_tokenizer(tmp_path):
    train(tmp_path / "first", draw=letters, **{**ROWS, "tokens": None})
    with pytest.raises(UserError, match="cannot be loaded"):
        train(tmp_path / "second", draw=letters, start=tmp_path / "first" / "weights", **ROWS)
