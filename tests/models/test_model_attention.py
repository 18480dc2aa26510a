import pytest
import torch
from torch import Tensor, nn

from offdiag.models.inference.attention import attend, attend_in_chunks, shared_prefix_attention
from offdiag.models.inference.prefix_cache import Prefix
from offdiag.models.inference.suffix_cache import causal_mask


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("at_once", [1, 100, 1 << 20])
@pytest.mark.parametrize("queries", [1, 5])
def test_the_portable_kernel_equals_the_fused_one(at_once: int, queries: int) -> None:
    query, key, value = _random(3, 4, queries, 8), _random(3, 4, 7, 8), _random(3, 4, 7, 8) + 1
    mask = causal_mask(torch.tensor([0, 2, 1]), 7 - queries, 7, torch.float32)
    for masked in (mask, None):
        fused = attend(query, key, value, masked, 0.3)
        for a, b in zip(fused, attend_in_chunks(query, key, value, masked, 0.3, at_once), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("queries", [1, 5])
def test_two_parts_equal_attention_over_the_whole(queries: int) -> None:
    layer = nn.Module()
    layer.layer_idx = 0
    prefix_key, prefix_value = _random(1, 2, 11, 8), _random(1, 2, 11, 8) + 1
    query, key, value = _random(3, 4, queries, 8), _random(3, 2, 7, 8), _random(3, 2, 7, 8)
    mask = causal_mask(torch.tensor([0, 2, 1]), 7 - queries, 7, torch.float32)
    prefix = Prefix([(prefix_key, prefix_value)], 11)
    found, _ = shared_prefix_attention(layer, query, key, value, mask, 0.3, shared_prefix=prefix)

    keys = torch.cat([prefix_key.expand(3, -1, -1, -1), key], 2).repeat_interleave(2, 1)
    values = torch.cat([prefix_value.expand(3, -1, -1, -1), value], 2).repeat_interleave(2, 1)
    whole_mask = torch.cat([torch.zeros(3, 1, queries, 11), mask], 3)
    weights = torch.softmax(query @ keys.transpose(2, 3) * 0.3 + whole_mask, -1)
    torch.testing.assert_close(found, (weights @ values).transpose(1, 2))


def test_masks_are_causal_and_hide_the_padding() -> None:
    seen = causal_mask(torch.tensor([0, 2]), 1, 4, torch.float32) == 0
    assert seen[0, 0].int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    assert seen[1, 0].int().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]
