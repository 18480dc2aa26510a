import pytest

from offdiag.cost import Size
from offdiag.cost.memory import answering, training, weight_bytes
from offdiag.cost.shape import Shape
from offdiag.cost.sizes import KNOWN
from offdiag.models import ModelSpec
from offdiag.training import Recipe

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
    assert memory.total == 4660 + 2 * 16 * 278 + 28


def test_a_cpu_keeps_a_copy_of_the_linear_layers() -> None:
    for held, copied in (("none", 2 * 1680), ("nf4", 0)):
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
    assert memory.activations == 10 * (2 * 34 * 10 + 12 * 30)


def test_adapters_train_alone() -> None:
    targets = ("q_proj", "v_proj")
    adapter = 2 * 3 * ((10 + 8) + (10 + 4))
    memory = training(SPEC, SIZE, Recipe(rank=3, targets=targets, optimizer="adamw_8bit"), batch_tokens=10)
    assert (memory.weights, memory.adapter, memory.optimizer) == (2 * 2330, 4 * adapter, (4 + 2) * adapter)
    four_bits = training(SPEC, SIZE, Recipe(adapter="qlora", rank=3, targets=targets), batch_tokens=10)
    assert four_bits.weights == pytest.approx(1680 * 4.127 / 8 + 650 * 4)
    assert four_bits.activations == 10 * (34 * 10 + 2 * 10 * 2 + 12 * 30)


def test_what_is_not_known_stays_unknown() -> None:
    memory = training(SPEC, Size(parameters=1000), Recipe(), batch_tokens=10)
    assert (memory.weights, memory.adapter, memory.activations, memory.total) == (2000, None, None, None)


def test_phi_4_in_four_bits_takes_as_much_as_is_known_of_it() -> None:
    phi = KNOWN["phi-4"]
    weights = weight_bytes(Size(phi.parameters, phi), 2, "nf4")
    assert weights is not None
    assert 8.3 < weights / 2**30 < 8.7
