from pathlib import Path

import pytest
import torch

from offdiag.cost import Size, size_of
from offdiag.cost.memory import answering, training, weight_bytes
from offdiag.cost.shape import Shape
from offdiag.cost.sizes import KNOWN
from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training import Recipe
from offdiag.training.trainable import load_trainable

# 2 blocks; linear weights a block: q 10x8, k and v 10x4, o 8x10, three of the MLP 10x20 = 840
SHAPE = Shape(layers=2, hidden=10, mlp=20, heads=2, kv_heads=1, head_dim=4, vocab=30, tied=False)
SIZE = Size(SHAPE.parameters, SHAPE)
SPEC = ModelSpec(source="hub:a/tiny", dtype="bfloat16")


def test_the_parts_of_a_shape() -> None:
    assert SHAPE.linear_parameters == 2 * 840
    assert SHAPE.embedding_parameters == 2 * 300
    assert SHAPE.parameters == 1680 + 600 + 5 * 10
    assert SHAPE.cached_values == 2 * 2 * 4


def test_weights() -> None:
    assert weight_bytes(SIZE, 2, "none") == 2 * 2330
    assert weight_bytes(SIZE, 2, "nf4") == pytest.approx(1680 * 4.127 / 8 + 650 * 2)
    assert weight_bytes(SIZE, 2, "nf4", rest=4) == pytest.approx(1680 * 4.127 / 8 + 650 * 4)
    assert weight_bytes(Size(parameters=1000), 2, "nf4") == pytest.approx(1000 * 4.127 / 8)
    assert weight_bytes(Size(), 2, "none") is None


def test_answering() -> None:
    memory = answering(SPEC, SIZE, batch_tokens=100, longest_shared=50, kept_tokens=128, adapter=7)
    assert memory.cache == 2 * 16 * (100 + 50 + 128)
    assert memory.adapter == 28
    assert memory.activations == 2 * 100 * (3 * 20 + 2 * 10)
    assert memory.total == 4660 + 2 * 16 * 278 + 28 + 16_000
    read = answering(SPEC, SIZE, batch_tokens=100, longest_shared=50, kept_tokens=128, adapter=7, states=True)
    assert (read.total or 0) - memory.total == 2 * 100 * 3 * 10  # of the embeddings and two blocks


def test_a_cpu_keeps_copies_of_the_linear_layers_and_the_head() -> None:
    head = 4 * 300
    for held, copied in (("none", 2 * 1680 + head), ("nf4", head)):
        spec = ModelSpec(source="hub:a/b", dtype="bfloat16", quantization=held)
        there, elsewhere = (
            answering(spec, SIZE, batch_tokens=1, longest_shared=0, kept_tokens=0, adapter=0, on_cpu=on_cpu).weights
            for on_cpu in (True, False)
        )
        assert there is not None
        assert there - (elsewhere or 0) == copied


def test_kept_blocks_have_a_limit() -> None:
    memory = answering(SPEC, SIZE, batch_tokens=0, longest_shared=0, kept_tokens=10**9, adapter=0)
    assert memory.cache == 2 << 30


def test_full_training_is_in_float32() -> None:
    memory = training(SPEC, SIZE, Recipe(adapter="full"), batch_tokens=10)
    assert (memory.weights, memory.adapter) == (4 * 2330, 0)
    assert memory.optimizer == (4 + 8) * 2330
    kept = 2 * (4 * 8 + 3 * 20) + 4 * 4 * 10 + 2 * (5 * 10 + 20)  # of a token in a block
    assert memory.activations == 10 * (2 * kept + 10 * 10 + 12 * 30) + 2 * (1680 + 300)
    on_cpu = training(SPEC, SIZE, Recipe(adapter="full"), batch_tokens=10, on_cpu=True)
    assert on_cpu.activations == 1.5 * memory.activations


def test_adapters_train_alone() -> None:
    targets = ("q_proj", "v_proj")
    adapter = 2 * 3 * ((10 + 8) + (10 + 4))
    memory = training(SPEC, SIZE, Recipe(rank=3, targets=targets, optimizer="adamw_8bit"), batch_tokens=10)
    assert (memory.weights, memory.adapter, memory.optimizer) == (2 * 2330, 4 * adapter, (4 + 2) * adapter)
    four_bits = training(SPEC, SIZE, Recipe(adapter="qlora", rank=3, targets=targets), batch_tokens=10)
    assert four_bits.weights == pytest.approx(1680 * 4.127 / 8 + 650 * 4)
    kept = 4 * (4 * 8 + 3 * 20) + 4 * 2 * 10 + 4 * (10 + 2 * 3)  # q_proj and v_proj have their input in common
    assert four_bits.activations == 10 * (kept + 2 * 10 * 4 + 10 * 4 + 12 * 30)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", [Recipe(adapter="full"), Recipe(), Recipe(rank=4, targets=("q_proj", "o_proj"))])
def test_what_a_training_keeps_is_what_torch_keeps(tiny_model: Path, recipe: Recipe, dtype: str) -> None:
    spec = ModelSpec(source=f"dir:{tiny_model}", dtype=dtype, **({} if dtype == "float32" else {"token_budget": 64}))
    model = load_trainable(spec, tiny_model, recipe, seed=0, runtime=Runtime(device="cpu")).train()
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and not (tensor.ndim == 4 and tensor.shape[1] == 1):  # a mask
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.ones(8, 16, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, 8:] = 0
    rounding = torch.autocast("cpu", torch.bfloat16, enabled=recipe.adapter == "full" and dtype == "bfloat16")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), rounding:
        model(input_ids=ids, attention_mask=mask, use_cache=False)
    size = size_of(spec)
    assert size.shape is not None
    expected = training(spec, size, recipe, batch_tokens=ids.numel()).activations
    assert expected is not None
    assert sum(kept.values()) == pytest.approx(expected - 12 * size.shape.vocab * ids.numel(), rel=0.05)


def test_what_is_not_known_stays_unknown() -> None:
    memory = training(SPEC, Size(parameters=1000), Recipe(), batch_tokens=10)
    assert (memory.weights, memory.adapter, memory.activations, memory.total) == (2000, None, None, None)


def test_phi_4_in_four_bits_takes_as_much_as_is_known_of_it() -> None:
    phi = KNOWN["phi-4"]
    weights = weight_bytes(Size(phi.parameters, phi), 2, "nf4")
    assert weights is not None
    assert 8.3 < weights / 2**30 < 8.7
