from pathlib import Path

import pytest
import torch
from torch import nn

from offdiag.models import ModelSpec
from offdiag.models.inference.packed_linear import PackedLinear, pack_linears, packed_dtypes
from offdiag.models.loading import load_model
from offdiag.runtime import Runtime
from support.lms import tiny_lm


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_layer_multiplies_alike(bias: bool, dtype: torch.dtype) -> None:
    if dtype not in packed_dtypes():
        pytest.skip(f"oneDNN lays out no weights in {dtype} on this processor")
    linear = nn.Linear(24, 40, bias=bias, dtype=dtype)
    packed = PackedLinear(linear)
    for shape in [(1, 24), (7, 24), (2, 3, 24)]:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        with torch.inference_mode():
            torch.testing.assert_close(packed(x), linear(x))


def test_packing_shares_the_parameters_and_keeps_their_names(tiny: Path) -> None:
    model = load_model(ModelSpec(source=f"dir:{tiny}"), tiny, Runtime(device="cpu"))
    before = dict(model.named_parameters())
    assert pack_linears(model) == 15  # seven in each of two layers, and the head
    after = dict(model.named_parameters())
    assert list(before) == list(after)
    assert all(before[name] is after[name] for name in before)


def test_a_processor_without_a_layout_for_a_format_multiplies_as_it_is(tiny: Path, monkeypatch) -> None:
    monkeypatch.setattr("offdiag.models.inference.packed_linear.packed_dtypes", lambda: (torch.float32,))
    spec = ModelSpec(source=f"dir:{tiny}", dtype="bfloat16")
    model = load_model(spec, tiny, Runtime(device="cpu"))
    assert pack_linears(model) == 0
    assert not any(isinstance(module, PackedLinear) for module in model.modules())


def test_the_plain_path_is_left_as_it_was_loaded(tiny: Path) -> None:
    for shared_prefix in (True, False):
        modules = tiny_lm(tiny, shared_prefix=shared_prefix).model.modules()
        assert any(isinstance(module, PackedLinear) for module in modules) is shared_prefix
