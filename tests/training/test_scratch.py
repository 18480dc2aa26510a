import pytest
import torch
from pydantic import ValidationError
from transformers import get_linear_schedule_with_warmup

from offdiag.errors import UserError
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.decoders import new_model


def torch_rates(updates, scheduler_of):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-3)
    scheduler = scheduler_of(optimizer)
    for _ in range(updates):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        if scheduler.last_epoch + 1 < updates:
            scheduler.step()


@pytest.mark.parametrize("updates", [7, 100, 1200])
def test_one_cycle_is_that_of_torch(updates):
    recipe = PretrainingRecipe(updates=updates, learning_rate=3e-3)
    theirs = torch_rates(
        updates, lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=updates)
    )
    assert [recipe.rate(update) for update in range(updates)] == pytest.approx(list(theirs), rel=1e-9)


@pytest.mark.parametrize(("updates", "warm_up"), [(7, 0), (7, 6), (100, 50)])
def test_linear_is_that_of_transformers(updates, warm_up):
    recipe = PretrainingRecipe(updates=updates, learning_rate=3e-3, schedule="linear", warmup_updates=warm_up)
    theirs = torch_rates(updates, lambda optimizer: get_linear_schedule_with_warmup(optimizer, warm_up, updates))
    assert [recipe.rate(update) for update in range(updates)] == pytest.approx(list(theirs), rel=1e-9)


@pytest.mark.parametrize("updates", [1, 2, 3])
def test_a_cycle_of_few_updates_has_rates(updates):
    recipe = PretrainingRecipe(updates=updates)
    assert all(0 < recipe.rate(update) <= recipe.learning_rate for update in range(updates))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"warmup_updates": 5}, "one-cycle: expected linear"),
        ({"warmup_updates": 10, "schedule": "linear"}, "leaves nothing of 10 updates"),
        ({"snapshots": (3, 1)}, "expected numbers of updates that increase"),
        ({"snapshots": (0, 11)}, "none above 10"),
    ],
)
def test_a_recipe_that_cannot_be_followed(fields, message):
    with pytest.raises(UserError, match=message):
        PretrainingRecipe(updates=10, **fields)


def test_a_snapshot_before_the_first_update_is_none():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PretrainingRecipe(snapshots=(-1,))


def test_heads_must_divide_the_width():
    with pytest.raises(UserError, match="multiple of 8"):
        Decoder(width=20, heads=4)


def paper(width):
    return Decoder(architecture="qwen2", width=width, depth=6, heads=width // 32, expansion=4, initial_std=0.1)


@pytest.mark.parametrize(
    ("width", "parameters"), [(64, 407_744), (128, 1_601_920), (256, 6_349_568), (512, 25_282_048)]
)
def test_the_decoders_of_the_world_map_have_the_published_sizes(width, parameters):
    assert paper(width).parameters(98, 256) == parameters
    if width <= 128:
        model = new_model(paper(width), 98, 256, 0)
        assert model.num_parameters() == parameters
        assert model.config.num_key_value_heads == model.config.num_attention_heads == width // 32
        assert model.get_output_embeddings().weight is not model.get_input_embeddings().weight
        layer = model.base_model.layers[0]
        assert [n for n, _ in layer.named_parameters() if n.endswith("bias")] == [
            f"self_attn.{name}_proj.bias" for name in "qkv"
        ]


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_the_matrices_are_what_is_neither_embedding_nor_vector(architecture):
    decoder = Decoder(architecture=architecture, width=32, depth=2, heads=2, expansion=3)
    layers = [
        w for n, w in new_model(decoder, 7, 5, 0).named_parameters() if w.ndim > 1 and (".layers." in n or ".h." in n)
    ]
    assert decoder.matrices == sum(weight.numel() for weight in layers)


def test_as_costly_means_updates_times_matrices():
    """24, 6, 1.5 and 0.375 epochs of the same rows."""
    epoch = 54_688
    found = [paper(width).updates_as_costly_as(paper(128), 6 * epoch) for width in (64, 128, 256, 512)]
    assert found == [24 * epoch, 6 * epoch, 3 * epoch // 2, 3 * epoch // 8]
    assert paper(512).updates_as_costly_as(paper(64), 3) == 1


def test_later_fields_of_a_recipe_leave_earlier_identities_as_they_were():
    known = {"@", "updates", "batch_size", "learning_rate", "schedule", "beta2", "weight_decay", "max_grad_norm"}
    assert PretrainingRecipe().canonical().keys() == known
    used = PretrainingRecipe(schedule="linear", warmup_updates=1, base_width=64, snapshots=(0,))
    assert used.canonical().keys() == known | {"warmup_updates", "base_width", "snapshots"}
