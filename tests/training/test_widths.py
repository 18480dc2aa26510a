"""The coordinate check: how far an update moves activations must not depend on the width."""

import numpy as np
import pytest
import torch

from offdiag.seeds import stream
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.decoders import new_model
from offdiag.training.pretraining import new_optimizer, train_step
from offdiag.training.shards import Shards

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTHS = (32, 64, 128, 256)
TOKENS, COLUMNS = 16, 8


def decoder(width, architecture="qwen2"):
    return Decoder(architecture=architecture, width=width, depth=2, heads=width // 16, expansion=2, initial_std=0.1)


def batch(index):
    ids = stream(0, "coordinates", index).integers(0, TOKENS, (16, COLUMNS))
    return ids, np.where(np.arange(COLUMNS) < 4, -100, np.roll(ids, -1, axis=1))


def moved(width, base_width, architecture):
    """How far four updates move the residual stream after the first layer, and the logits: root mean squares."""
    recipe = PretrainingRecipe(learning_rate=1e-2, schedule="constant", base_width=base_width)
    ratio = recipe.ratio(width)
    model = new_model(decoder(width, architecture), TOKENS, COLUMNS, 0, ratio=ratio)
    optimizer = new_optimizer(model, recipe, ratio)
    ids = torch.as_tensor(batch(99)[0])

    @torch.no_grad()
    def seen():
        output = model(ids, output_hidden_states=True)
        return output.hidden_states[1], output.logits

    before = seen()
    with Shards(model) as shards:
        for update in range(4):
            train_step(shards, optimizer, batch(update), recipe, update)
    return [(b - a).square().mean().sqrt().item() for a, b in zip(before, seen(), strict=True)]


def growth(base_width, architecture="qwen2"):
    """Exponents: by which power of the width the two grow."""
    sizes = np.log([moved(width, base_width, architecture) for width in WIDTHS])
    return np.polyfit(np.log(WIDTHS), sizes, 1)[0]


@pytest.mark.parametrize("architecture", ["qwen2", "gpt2"])
def test_with_a_base_width_updates_move_every_width_as_far(architecture):
    hidden, logits = growth(32, architecture)
    assert abs(hidden) < 0.25
    assert abs(logits) < 0.25


@pytest.mark.parametrize("architecture", ["qwen2", "gpt2"])
def test_without_one_they_move_wide_models_farther(architecture):
    hidden, logits = growth(None, architecture)
    assert hidden > 0.5
    assert logits > 0.5


def test_at_the_base_width_nothing_is_scaled():
    assert moved(64, 64, "qwen2") == moved(64, None, "qwen2")


def test_every_weight_is_scaled_by_its_role():
    one, half = (new_model(decoder(32), TOKENS, COLUMNS, 0, ratio=ratio) for ratio in (1.0, 0.25))
    scale = {name: 0.25**0.5 for name, weight in one.named_parameters() if weight.ndim > 1}
    scale |= {"model.embed_tokens.weight": 1.0, "lm_head.weight": 0.25}
    for (name, weight), scaled in zip(one.named_parameters(), half.parameters(), strict=True):
        assert torch.allclose(weight * scale.get(name, 1.0), scaled), name

    recipe = PretrainingRecipe(weight_decay=0.1)
    groups = new_optimizer(half, recipe, 0.25).param_groups
    found = {id(w): (group["scale"], group["weight_decay"]) for group in groups for w in group["params"]}
    for name, weight in half.named_parameters():
        expected = (1.0, 0.0) if weight.ndim == 1 else (1.0, 0.1) if "embed" in name else (0.25, 0.4)
        assert found[id(weight)] == pytest.approx(expected), name
